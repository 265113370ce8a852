/** PSKs at rest: in none of the store's files, whatever their form; and what other keys make of them. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { base64, toHex, utf8 } from '../../src/base/bytes.ts';
import { type LogLine, makeLog } from '../../src/base/log.ts';
import { SecretBox } from '../../src/base/secret-box.ts';
import { Devices } from '../../src/fleet/devices.ts';
import { parseEid } from '../../src/messages/ids.ts';
import { LevelStore } from '../../src/store/level.ts';
import { MemoryStore } from '../../src/store/memory.ts';
import { put, type Store, table } from '../../src/store/store.ts';
import { testBox, testKey } from '../support/box.ts';
import { newFolder } from '../support/folders.ts';
import { HandClock } from '../support/hand-clock.ts';
import { seededRandom } from '../support/seeded.ts';

const eid = parseEid('89882119900000000000000000000005');
const random = seededRandom(11);
const key = random(32);

/** A row as it was before PSKs were sealed. */
interface ClearRow {
  readonly identity: string;
  readonly key: Uint8Array;
  readonly eids: readonly string[];
  readonly added: number;
}
const clearRows = table<ClearRow>('device');

function open(store: Store, box = testBox(), lines: LogLine[] = []): Promise<Devices> {
  const log = makeLog('fleet', (line) => lines.push(line));
  return Devices.open({ store, clock: new HandClock(), log, box });
}

/** Where in the files of a folder these octets stand, in any form that a store or a log would write them in. */
function found(folder: string, octets: Uint8Array): string[] {
  const forms: readonly Buffer[] = [
    Buffer.from(octets),
    Buffer.from(toHex(octets)),
    Buffer.from(toHex(octets).toLowerCase()),
    Buffer.from(base64(octets).replace(/=+$/, '')),
    // A part suffices: blocks of LevelDB may be compressed, which cuts what repeats and nothing else.
    Buffer.from(base64(octets).slice(4, 20)),
  ];
  return readdirSync(folder).filter((name) => {
    const content = readFileSync(join(folder, name));
    return forms.some((form) => content.includes(form));
  });
}

describe('PSKs in the store', () => {
  it('are in none of its files', async () => {
    const folder = newFolder();
    const store = await LevelStore.open(folder);
    const devices = await open(store);
    const rotated = random(32);
    await devices.add({ identity: 'meter-1', key, eids: [eid] });
    await devices.rotate('meter-1', rotated);
    assert.deepEqual(devices.pskOf(utf8('meter-1')), [rotated, key]);
    for (const secret of [key, rotated, testKey]) assert.deepEqual(found(folder, secret), []);
    await store.scrub();
    for (const secret of [key, rotated, testKey]) assert.deepEqual(found(folder, secret), []);
    await store.close();
  });

  it('that lay there in clear are sealed on the next start, and leave no trace', async () => {
    const folder = newFolder();
    const before = await LevelStore.open(folder);
    const row = { identity: 'meter-1', key, eids: [eid], added: 5 };
    await before.commit([put(clearRows, 'meter-1', row)]);
    assert.notDeepEqual(found(folder, key), [], 'the search finds what is there');
    await before.close();

    const lines: LogLine[] = [];
    const store = await LevelStore.open(folder);
    const devices = await open(store, testBox(), lines);
    assert.deepEqual(devices.pskOf(utf8('meter-1')), [key]);
    assert.equal(devices.get('meter-1')?.added, 5);
    assert.deepEqual(
      lines.map(({ event, fields }) => [event, fields]),
      [['fleet: PSKs sealed anew', { devices: 1 }]],
    );
    assert.deepEqual(found(folder, key), []);
    await store.close();
    assert.deepEqual(found(folder, key), []);

    const again: LogLine[] = [];
    const third = await LevelStore.open(folder);
    assert.deepEqual((await open(third, testBox(), again)).pskOf(utf8('meter-1')), [key]);
    assert.deepEqual(again, []);
    await third.close();
  });

  it('are cleaned up after a start that was cut off between sealing and cleaning', async () => {
    const folder = newFolder();
    const store = await LevelStore.open(folder);
    const row = { identity: 'meter-1', key, eids: [eid], added: 5 };
    await store.commit([put(clearRows, 'meter-1', row)]);
    const cut = Object.assign(Object.create(store), {
      get: store.get.bind(store),
      list: store.list.bind(store),
      commit: store.commit.bind(store),
      scrub: () => Promise.reject(new Error('the power went')),
    }) as Store;
    await assert.rejects(open(cut), /the power went/);
    assert.notDeepEqual(found(folder, key), []);
    await open(store);
    assert.deepEqual(found(folder, key), []);
    await store.close();
  });

  it('are sealed anew with a new key, and then need the former one no more', async () => {
    const store = new MemoryStore();
    await (await open(store)).add({ identity: 'meter-1', key, eids: [eid] });
    const newKey = new Uint8Array(32).fill(1);
    const both = new SecretBox({ key: newKey, former: [testKey], random });
    await open(store, both);
    const devices = await open(store, new SecretBox({ key: newKey, random }));
    assert.deepEqual(devices.pskOf(utf8('meter-1')), [key]);
  });

  it('let nobody in with a wrong key: the start is refused where one must be sealed anew', async () => {
    const store = new MemoryStore();
    await (await open(store)).add({ identity: 'meter-1', key, eids: [eid] });
    const wrong = new SecretBox({ key: new Uint8Array(32).fill(2), random });
    await assert.rejects(open(store, wrong), { name: 'SecretError', reason: 'key' });
  });

  it('open for their own device alone', async () => {
    const store = new MemoryStore();
    const devices = await open(store);
    await devices.add({ identity: 'mine', key, eids: [] });
    await devices.add({ identity: 'victim', key: random(16), eids: [eid] });
    const mine = await store.get(clearRows, 'mine');
    assert.ok(mine);
    await store.commit([put(clearRows, 'victim', { ...mine, identity: 'victim', eids: [eid] })]);
    const lines: LogLine[] = [];
    const after = await open(store, testBox(), lines);
    assert.deepEqual(after.pskOf(utf8('victim')), []);
    assert.equal(lines.at(-1)?.event, 'fleet: PSK cannot be opened');
    assert.deepEqual(after.pskOf(utf8('mine')), [key]);
  });
});

describe('the log of the fleet', () => {
  it('holds no PSK, whatever is done with a device', async () => {
    const lines: LogLine[] = [];
    const devices = await open(new MemoryStore(), testBox(), lines);
    const next = random(32);
    await devices.add({ identity: 'meter-1', key, eids: [eid] });
    await devices.rotate('meter-1', next);
    await devices.pskUsed('meter-1', next);
    await devices.revoke('meter-1');
    await devices.remove('meter-1');
    assert.equal(lines.length, 5);
    const text = JSON.stringify([lines, devices.list()]).toUpperCase();
    for (const secret of [key, next]) {
      assert.ok(!text.includes(toHex(secret)) && !text.includes(base64(secret).toUpperCase()));
    }
  });
});

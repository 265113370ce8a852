import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { utf8 } from '../../src/base/bytes.ts';
import { type LogLine, makeLog, silentLog } from '../../src/base/log.ts';
import { DeviceError, type NewDevice, type PeerIdentity } from '../../src/fleet/device.ts';
import { Devices } from '../../src/fleet/devices.ts';
import { parseEid } from '../../src/messages/ids.ts';
import { LevelStore } from '../../src/store/level.ts';
import { MemoryStore } from '../../src/store/memory.ts';
import { type Store, StoreError } from '../../src/store/store.ts';
import { testBox } from '../support/box.ts';
import { newFolder } from '../support/folders.ts';
import { HandClock } from '../support/hand-clock.ts';

const eid = parseEid('89882119900000000000000000000005');
/** SGP.26's test eUICC. */
const otherEid = parseEid('89049032123451234512345678901235');

const meter = {
  identity: 'meter-1',
  key: Uint8Array.from({ length: 16 }, (_, i) => i),
  eids: [eid],
} satisfies NewDevice;

function open(store: Store = new MemoryStore(), log = silentLog()): Promise<Devices> {
  return Devices.open({ store, clock: new HandClock(), log, box: testBox() });
}

const psk = (name: string): PeerIdentity => ({ kind: 'psk', name });

/** The one PSK of an identity. */
function keyOf(devices: Devices, identity: string): Uint8Array | undefined {
  const keys = devices.pskOf(utf8(identity));
  assert.ok(keys.length < 2);
  return keys[0];
}

describe('devices', () => {
  it('are let in also where the clock was set back behind their addition', async () => {
    const store = new MemoryStore();
    const ahead = new HandClock(Date.UTC(2026, 0, 2));
    const box = testBox();
    const log = silentLog();
    await (await Devices.open({ store, clock: ahead, log, box })).add(meter);
    const clock = new HandClock();
    const devices = await Devices.open({ store, clock, log, box });
    assert.equal(devices.stands(psk('meter-1')), true);
    assert.equal(devices.stands(psk('meter-1'), clock.now()), false, 'a connection of before it');
    await devices.revoke('meter-1');
    assert.equal(devices.stands(psk('meter-1')), false);
  });

  it('are found by their identity, with their key for the handshake', async () => {
    const devices = await open();
    const added = await devices.add({ ...meter, note: 'basement' });
    const due = {
      identity: 'meter-1',
      eids: [eid],
      added: new HandClock().now(),
      note: 'basement',
      keys: 1,
      certificates: [],
      publicKeys: [],
      chain: false,
    };
    assert.deepEqual(added, due);
    assert.deepEqual(devices.get('meter-1'), due);
    assert.deepEqual(keyOf(devices, 'meter-1'), meter.key);
    assert.equal(devices.get('meter-2'), undefined);
    assert.equal(keyOf(devices, 'meter-2'), undefined);
  });

  it('never show their keys', async () => {
    const lines: LogLine[] = [];
    const devices = await open(
      new MemoryStore(),
      makeLog('fleet', (line) => lines.push(line)),
    );
    const added = await devices.add({ ...meter, key: utf8('a very secret key') });
    const shown = JSON.stringify([added, devices.list(), devices.get('meter-1'), lines]);
    assert.ok(!shown.includes('"0":') && !shown.includes('secret') && lines.length > 0);
  });

  it('hand out copies of their keys', async () => {
    const devices = await open();
    const key = meter.key.slice();
    await devices.add({ ...meter, key });
    key.fill(0);
    keyOf(devices, 'meter-1')?.fill(0);
    assert.deepEqual(keyOf(devices, 'meter-1'), meter.key);
  });

  it('cover the EIDs that they are bound to', async () => {
    const devices = await open();
    await devices.add(meter);
    await devices.add({ ...meter, identity: 'free', eids: [] });
    assert.ok(devices.covers(psk('meter-1'), eid));
    assert.ok(!devices.covers(psk('meter-1'), otherEid));
    assert.ok(!devices.covers(psk('free'), eid));
    assert.ok(!devices.covers(psk('nobody'), eid));
    assert.ok(devices.anyCovers(eid));
    assert.ok(!devices.anyCovers(otherEid));
  });

  it('are gone when removed', async () => {
    const devices = await open();
    await devices.add({ ...meter, eids: [eid, eid] });
    await devices.add({ ...meter, identity: 'meter-1b' });
    assert.equal(await devices.remove('meter-1'), true);
    assert.equal(keyOf(devices, 'meter-1'), undefined);
    assert.ok(devices.anyCovers(eid));
    assert.equal(await devices.remove('meter-1b'), true);
    assert.ok(!devices.anyCovers(eid));
    assert.equal(await devices.remove('meter-1'), false);
    assert.deepEqual(devices.list(), []);
  });

  it('are added once, and replaced only on demand', async () => {
    const devices = await open();
    await devices.add(meter);
    const key = new Uint8Array(32).fill(7);
    await assert.rejects(devices.add({ ...meter, key }), { name: 'DeviceError', field: 'exists' });
    assert.deepEqual(keyOf(devices, 'meter-1'), meter.key);
    await devices.add({ identity: 'meter-1', key, eids: [otherEid] }, { replace: true });
    assert.deepEqual(keyOf(devices, 'meter-1'), key);
    assert.ok(!devices.anyCovers(eid) && devices.anyCovers(otherEid));
    assert.equal(devices.list().length, 1);
  });

  it('added twice at the same time are added once', async () => {
    const devices = await open();
    const ends = await Promise.allSettled([devices.add(meter), devices.add(meter)]);
    assert.deepEqual(ends.map(({ status }) => status).sort(), ['fulfilled', 'rejected']);
  });

  it('are listed by identity', async () => {
    const devices = await open();
    for (const identity of ['c', 'a', 'b']) await devices.add({ ...meter, identity });
    assert.deepEqual(
      devices.list().map(({ identity }) => identity),
      ['a', 'b', 'c'],
    );
  });

  it('outlive a restart', async () => {
    const folder = newFolder();
    const store = await LevelStore.open(folder);
    const first = await open(store);
    await first.add({ ...meter, identity: 'zähler/☃' });
    await first.add({ ...meter, identity: 'gone' });
    await first.remove('gone');
    await store.close();
    const again = await LevelStore.open(folder);
    const devices = await open(again);
    assert.deepEqual(devices.list(), first.list());
    assert.deepEqual(keyOf(devices, 'zähler/☃'), meter.key);
    assert.ok(devices.anyCovers(eid));
    await again.close();
  });

  it('that the disk refuses are not there', async () => {
    class FullStore extends MemoryStore {
      override async commit(): Promise<void> {
        throw new StoreError('the disk is full');
      }
    }
    const devices = await open(new FullStore());
    await assert.rejects(devices.add(meter), StoreError);
    assert.equal(keyOf(devices, 'meter-1'), undefined);
    assert.ok(!devices.anyCovers(eid));
  });

  for (const [what, field, wrong] of [
    ['an empty identity', 'identity', { identity: '' }],
    ['an identity of 129 octets', 'identity', { identity: 'x'.repeat(129) }],
    ['an identity of 65 letters in 130 octets', 'identity', { identity: 'ü'.repeat(65) }],
    ['an identity with a line feed', 'identity', { identity: 'a\nb' }],
    ['an identity with an escape', 'identity', { identity: '\u001b[2J' }],
    ['an identity of half a character', 'identity', { identity: '\ud800' }],
    ['an identity that no URL can name', 'identity', { identity: '..' }],
    ['a key of 15 octets', 'key', { key: new Uint8Array(15) }],
    ['a key of 65 octets', 'key', { key: new Uint8Array(65) }],
    ['65 EIDs', 'eids', { eids: Array.from({ length: 65 }, () => eid) }],
    ['a note of 257 characters', 'note', { note: 'x'.repeat(257) }],
    ['a note of two lines', 'note', { note: 'a\nb' }],
  ] as const) {
    it(`cannot have ${what}`, async () => {
      const devices = await open();
      await assert.rejects(devices.add({ ...meter, ...wrong }), (error: unknown) => {
        assert.ok(error instanceof DeviceError);
        assert.equal(error.field, field);
        return true;
      });
      assert.deepEqual(devices.list(), []);
    });
  }

  it('may have an identity of 128 octets and keys of 16 and 64', async () => {
    const devices = await open();
    const identity = 'x'.repeat(128);
    await devices.add({ ...meter, identity });
    await devices.add({ ...meter, identity: 'long', key: new Uint8Array(64).fill(1) });
    assert.deepEqual(keyOf(devices, identity), meter.key);
  });

  it('are not found by identities that are too long or not UTF-8', async () => {
    const devices = await open();
    await devices.add(meter);
    assert.deepEqual(devices.pskOf(new Uint8Array(70_000)), []);
    assert.deepEqual(devices.pskOf(Uint8Array.of(0xff, 0xfe)), []);
    assert.deepEqual(devices.pskOf(new Uint8Array()), []);
  });
});

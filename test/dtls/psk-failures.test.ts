/** What the owner hears of devices that cannot connect with their PSK, which hear nothing themselves. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { utf8 } from '../../src/base/bytes.ts';
import { Bench } from './support/bench.ts';
import { Device } from './support/device.ts';
import { RawClient, type RawClientOptions } from './support/raw-client.ts';

let seed = 900;
let port = 1;

function tries(bench: Bench, options: RawClientOptions): void {
  const from = { address: '192.0.2.7', port: port++ };
  const client = new RawClient(bench, { seed: seed++, from, ...options });
  client.begin();
  client.finish();
  client.finish();
}

const told = (bench: Bench) =>
  bench.lines.filter(({ level, event }) => level === 'info' && /PSK/.test(event));

const wrong = utf8('a wrong key of 26 octets!!');

describe('a device that cannot connect with its PSK', () => {
  it('is named at once, with what to do about it, and its key is not', () => {
    const bench = new Bench();
    tries(bench, { key: wrong });
    const [line, ...more] = told(bench);
    assert.ok(line);
    assert.deepEqual(more, []);
    assert.equal(line.event, 'dtls: a device does not have the PSK of its identity');
    assert.equal(line.fields.identity, 'dev1');
    assert.match(String(line.fields.address), /^192\.0\.2\.7:\d+$/);
    assert.match(String(line.fields.advice), /eim device rotate/);
    const all = JSON.stringify(bench.lines);
    assert.ok(!all.includes('a wrong key') && !all.includes('secretPSK'));
    assert.deepEqual(bench.opened, []);
  });

  it('is told apart from one whose identity nobody knows', () => {
    const bench = new Bench();
    tries(bench, { identity: utf8('meter-17'), key: wrong });
    const [line] = told(bench);
    assert.equal(line?.event, 'dtls: nobody has the PSK identity that a device names');
    assert.equal(line?.fields.identity, 'meter-17');
    assert.match(String(line?.fields.advice), /eim device add/);
  });

  it('is not told of where it connects', () => {
    const bench = new Bench();
    tries(bench, {});
    assert.equal(bench.opened.length, 1);
    assert.deepEqual(told(bench), []);
  });

  it('is told of where it has connection IDs, and no forged record tells of one that connected', async () => {
    const bench = new Bench({ connectionIds: { length: 8 } });
    const connectionId = { own: new Uint8Array() };
    const device = await new Device(bench, { connectionId }).connect();
    const forged = device.held('data');
    forged[forged.length - 1] = (forged.at(-1) ?? 0) ^ 1;
    bench.say(forged);
    assert.equal(bench.dropped('record not authentic'), 1);
    assert.deepEqual(told(bench), []);
    const credential = { type: 'psk', identity: 'dev1', key: wrong } as const;
    const at = { address: '192.0.2.7', port: port++ };
    await new Device(bench, { seed: 22, connectionId, credential, at }).connect();
    assert.equal(told(bench).length, 1);
  });

  it('is told of once in ten minutes, however often it tries', async () => {
    const bench = new Bench();
    for (let n = 0; n < 5; n++) tries(bench, { key: wrong });
    await bench.clock.turn(9 * 60_000);
    tries(bench, { key: wrong });
    assert.equal(told(bench).length, 1);
    await bench.clock.turn(2 * 60_000);
    tries(bench, { key: wrong });
    assert.equal(told(bench).length, 2);
  });

  it('does not fill the log, however many identities it makes up', async () => {
    const bench = new Bench();
    for (let n = 0; n < 100; n++) tries(bench, { identity: utf8(`guess-${n}`), key: wrong });
    assert.equal(told(bench).length, 20);
    await bench.clock.turn(400_000);
    const infos = () => bench.lines.filter(({ level }) => level === 'info').length;
    const before = infos();
    assert.ok(before < 7 * 20, `${before} lines`);
    tries(bench, { identity: utf8('another'), key: wrong });
    assert.ok(Number(told(bench).at(-1)?.fields.leftOut) >= 80);
  });

  it('cannot write what it likes into the log', () => {
    const bench = new Bench();
    const identities = {
      'new\nline': '0x6E65770A6C696E65',
      '\u001b[31mred': '0x1B5B33316D726564',
      'ünïcode 1': 'ünïcode 1',
      '': '0x',
    };
    for (const [identity, shown] of Object.entries(identities)) {
      tries(bench, { identity: utf8(identity), key: wrong });
      assert.equal(told(bench).at(-1)?.fields.identity, shown);
    }
    tries(bench, { identity: Uint8Array.of(0xff, 0xfe), key: wrong });
    assert.equal(told(bench).at(-1)?.fields.identity, '0xFFFE');
    tries(bench, { identity: utf8('long'.repeat(100)), key: wrong });
    assert.equal(told(bench).at(-1)?.fields.identity, `${'long'.repeat(16)}…`);
  });
});

/** Connections asleep, and connections that outlive the server's process (S02, S03, D70). */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Address } from '../../src/base/address.ts';
import { concat, fromUtf8, hex, toHex, utf8 } from '../../src/base/bytes.ts';
import type { DtlsClientOptions } from '../../src/dtls/client.ts';
import { type DtlsRecord, readRecords } from '../../src/dtls/record.ts';
import type { DtlsServerOptions } from '../../src/dtls/server.ts';
import { settled } from '../support/hand-clock.ts';
import { seededRandom } from '../support/seeded.ts';
import { Bench, home } from './support/bench.ts';
import { Device } from './support/device.ts';
import { Disk } from './support/disk.ts';

const key = Uint8Array.from({ length: 32 }, (_, i) => 255 - i);
const cidLength = 8;
const elsewhere: Address = { address: '198.51.100.7', port: 40001 };
const minute = 60_000;

let lives = 100;

/** A life of a server over a disk. */
function serve(disk: Disk, options: Partial<DtlsServerOptions> = {}): Bench {
  return new Bench({
    connectionIds: { length: cidLength },
    kept: { store: disk, key },
    random: seededRandom(lives++),
    ...options,
  });
}

const withCid: Partial<DtlsClientOptions> = { connectionId: { own: hex('beef') } };

function texts(bench: Bench): readonly string[] {
  return bench.delivered.map(([, data]) => fromUtf8(data));
}

/** The records that a device has heard under keys. */
function protectedRecords(device: Device): readonly DtlsRecord[] {
  return device.heard.flatMap((datagram) =>
    [...readRecords(datagram, () => {}, 2)].filter(({ epoch }) => epoch === 1),
  );
}

/** A device whose server can be replaced under it. */
class Town {
  bench: Bench;
  readonly device: Device;

  constructor(bench: Bench, options: Partial<DtlsClientOptions> & { at?: Address } = withCid) {
    this.bench = bench;
    this.device = new Device(() => this.bench, options);
  }

  /** Sends, lets the store work, and has the server answer what it got with the same. */
  async says(text: string): Promise<void> {
    this.device.send(text);
    await settled();
    for (const [peer, data] of this.bench.delivered.splice(0)) peer.send(data);
    await settled();
    this.device.hear();
  }
}

async function town(disk: Disk, options: Partial<DtlsClientOptions> = withCid): Promise<Town> {
  const made = new Town(serve(disk), options);
  await made.device.connect();
  await settled();
  return made;
}

describe('a connection asleep', () => {
  it('wakes with its next record, and is the same', async () => {
    const bench = new Bench({ connectionIds: { length: cidLength } });
    const device = await new Device(bench, withCid).connect();
    const { peer } = bench;
    device.send('before');
    await bench.clock.turn(2 * minute);
    assert.deepEqual([bench.server.holds.awake, bench.server.holds.asleep], [0, 1]);
    assert.equal(bench.server.connection(peer.id)?.state, 'asleep');
    const replayed = device.sent.at(-1) ?? assert.fail();
    device.address = elsewhere;
    device.send('after');
    assert.deepEqual(texts(bench), ['before', 'after']);
    const [, [again] = []] = bench.delivered;
    assert.equal(again?.id, peer.id);
    assert.deepEqual(again?.address, elsewhere);
    peer.send(utf8('to the peer of before'));
    device.hear();
    assert.deepEqual(device.texts, ['to the peer of before']);
    bench.say(replayed);
    assert.equal(texts(bench).length, 2, 'what came before it slept comes no second time');
    const facts = bench.server.connection(peer.id);
    assert.deepEqual([facts?.state, facts?.moves], ['awake', 1]);
    assert.deepEqual(facts?.credential, { type: 'psk', identity: 'dev1' });
    assert.equal(facts?.drops['record received before'], 1);
    assert.equal(facts?.suite, 'TLS_PSK_WITH_AES_128_CCM_8');
  });

  it('is woken by its server, too', async () => {
    const bench = new Bench({ connectionIds: { length: cidLength } });
    const device = await new Device(bench, withCid).connect();
    const { peer } = bench;
    await bench.clock.turn(5 * minute);
    assert.equal(bench.server.holds.asleep, 1);
    assert.ok(peer.maxPayload > 1000);
    peer.send(utf8('wake up'));
    device.hear();
    assert.deepEqual(device.texts, ['wake up']);
  });

  it('sleeps on where the record is forged', async () => {
    const bench = new Bench({ connectionIds: { length: cidLength } });
    const device = await new Device(bench, withCid).connect();
    await bench.clock.turn(5 * minute);
    const forged = device.held('forged');
    forged[forged.length - 1] = (forged.at(-1) ?? 0) ^ 1;
    bench.say(forged, elsewhere);
    assert.deepEqual([bench.server.holds.awake, bench.server.holds.asleep], [0, 1]);
    device.send('real');
    assert.deepEqual(texts(bench), ['real']);
  });

  it('is found by its address where it has no connection ID', async () => {
    const bench = new Bench();
    const device = await new Device(bench).connect();
    await bench.clock.turn(5 * minute);
    assert.equal(bench.server.holds.asleep, 1);
    device.send('still here');
    assert.deepEqual(texts(bench), ['still here']);
    await bench.clock.turn(5 * minute);
    device.address = elsewhere;
    device.send('lost');
    assert.deepEqual(texts(bench), ['still here']);
  });

  it('keeps its last flight until nobody can miss it', async () => {
    const bench = new Bench();
    const device = new Device(bench);
    await device.connect();
    await bench.clock.turn(100_000);
    assert.equal(bench.server.holds.awake, 1);
    await bench.clock.turn(minute + 130_000);
    assert.equal(bench.server.holds.awake, 0);
  });

  it('goes to sleep early where many are awake', async () => {
    const bench = new Bench({ connectionIds: { length: cidLength }, limits: { awake: 3 } });
    const devices: Device[] = [];
    for (let n = 0; n < 8; n++) {
      const at = { ...home, port: 1000 + n };
      devices.push(await new Device(bench, { ...withCid, seed: n, at }).connect());
    }
    devices[0]?.send('I was first');
    assert.equal(bench.server.size.established, 8);
    assert.ok(bench.server.holds.awake <= 4);
    for (const device of devices) device.send('hello');
    assert.equal(texts(bench).length, 9);
  });

  it('is closed for its operator, and by time', async () => {
    const bench = new Bench({ connectionIds: { length: cidLength }, times: { idle: 60 * minute } });
    const device = await new Device(bench, withCid).connect();
    const { peer } = bench;
    await bench.clock.turn(5 * minute);
    assert.equal(
      bench.server.end(({ id }) => id === 'another'),
      0,
    );
    assert.equal(
      bench.server.end(({ id }) => id === peer.id),
      1,
    );
    assert.deepEqual(
      bench.closed.map(([{ id }, reason]) => [id, reason]),
      [[peer.id, 'closed by us']],
    );
    device.send('hello?');
    assert.deepEqual(texts(bench), []);
    const second = await new Device(bench, { ...withCid, seed: 3 }).connect();
    await bench.clock.turn(61 * minute);
    second.send('hello?');
    assert.equal(bench.closed.at(-1)?.[1], 'idle for too long');
    assert.deepEqual(bench.server.size, { handshakes: 0, established: 0 });
  });
});

describe('S02: a server killed and started again', () => {
  it('answers the next record as if nothing had happened', async () => {
    const disk = new Disk();
    const t = await town(disk);
    const { id } = t.bench.peer;
    await t.says('before');
    t.bench = serve(disk);
    await t.says('after');
    assert.deepEqual(t.device.texts, ['before', 'after']);
    assert.equal(t.bench.server.connection(id)?.id, id, 'the peer is the same');
    assert.deepEqual(t.bench.opened, [], 'without a handshake');
  });

  it('D70: never uses a number twice, and takes no record twice', async () => {
    const disk = new Disk();
    const t = await town(disk);
    const { id } = t.bench.peer;
    const numbers = new Set<number>();
    const replayed: Uint8Array[] = [];
    for (let life = 0; life < 6; life++) {
      for (let n = 0; n < 3; n++) {
        await t.says(`life ${life}, ${n}`);
        replayed.push(t.device.sent.at(-1) ?? assert.fail());
      }
      assert.equal(t.device.texts.length, 3 * (life + 1), `life ${life}`);
      t.bench = serve(disk); // kill -9: the old one is heard of no more
      for (const datagram of replayed) t.bench.say(datagram, elsewhere);
      await settled();
      assert.deepEqual(texts(t.bench), [], 'nothing of before comes again');
    }
    for (const { sequence } of protectedRecords(t.device)) {
      assert.ok(!numbers.has(sequence), `number ${sequence} came twice`);
      numbers.add(sequence);
    }
    assert.equal(numbers.size, 6 * 3 + 1, 'and Finished');
    await t.says('and on');
    assert.equal(t.bench.server.connection(id)?.id, id, 'the peer is the same');
    assert.deepEqual(t.bench.opened, []);
  });

  it('keeps the last number that the store knows of, however many it used since', async () => {
    const disk = new Disk();
    const t = await town(disk);
    await t.says('begin');
    const { peer } = t.bench;
    const release = disk.hold();
    for (let n = 0; n < 2000; n++) peer.send(utf8(`${n}`));
    const atOnce = protectedNumbers(t.bench);
    assert.ok(atOnce.length < 1100, 'it stops where the store knows no further');
    const highest = Math.max(...atOnce);
    // The crash comes before the store has written more.
    t.bench = serve(disk.copy());
    await t.says('after');
    const next = protectedRecords(t.device).at(-1)?.sequence ?? 0;
    assert.ok(next > highest, `${next} after ${highest}`);
    release();
  });

  it('hands data up only when the store knows of its record', async () => {
    const disk = new Disk();
    const t = await town(disk);
    const release = disk.hold();
    t.device.send('request');
    await settled();
    assert.deepEqual(texts(t.bench), []);
    release();
    await settled();
    assert.deepEqual(texts(t.bench), ['request']);
  });

  it('does neither while the store cannot be written, and goes on when it can', async () => {
    const disk = new Disk();
    const t = await town(disk);
    disk.broken = true;
    t.device.send('request');
    await settled();
    assert.deepEqual(texts(t.bench), []);
    assert.ok(
      t.bench.errors().some(({ event }) => event.endsWith('connections cannot be written')),
    );
    disk.broken = false;
    await t.bench.clock.turn(1500);
    assert.deepEqual(texts(t.bench), ['request']);
  });

  it('has a first row that a power cut leaves, though it could not be written at first', async () => {
    const disk = new Disk();
    disk.broken = true;
    const t = await town(disk);
    disk.broken = false;
    await t.bench.clock.turn(1500);
    disk.cutPower();
    t.bench = serve(disk);
    await t.says('after');
    assert.deepEqual(t.device.texts, ['after']);
  });

  it('says ever more seldom that the store cannot be written, and once that it can', async () => {
    const disk = new Disk();
    const t = await town(disk);
    disk.broken = true;
    t.device.send('request');
    await settled();
    const said = () =>
      t.bench.lines.filter(({ event }) => /connections (cannot be|are) written/.test(event)).length;
    assert.equal(said(), 1);
    for (let second = 0; second < 60; second++) await t.bench.clock.turn(1000);
    // After 1, 3, 7, 15 and 31 seconds, about.
    assert.ok(said() >= 4 && said() <= 7, `${said()} lines`);
    const before = said();
    disk.broken = false;
    await t.bench.clock.turn(1500);
    assert.equal(said(), before + 1);
    assert.deepEqual(texts(t.bench), ['request']);
  });

  it('finds a connection without an ID by its address', async () => {
    const disk = new Disk();
    const t = await town(disk, {});
    await t.says('before');
    t.bench = serve(disk);
    await t.says('after');
    assert.deepEqual(t.device.texts, ['before', 'after']);
  });

  it('follows a device that has moved meanwhile', async () => {
    const disk = new Disk();
    const t = await town(disk);
    await t.says('before');
    t.bench = serve(disk);
    t.device.address = elsewhere;
    await t.says('after');
    assert.deepEqual(t.device.texts, ['before', 'after']);
  });

  it('does not go on with what has been revoked, or with a device forgotten', async () => {
    const disk = new Disk();
    const t = await town(disk);
    await t.says('before');
    t.bench = serve(disk, { credentials: { psk: () => [] } });
    await t.says('after');
    assert.deepEqual(t.device.texts, ['before']);
    await settled();
    assert.equal(disk.entries.size, 0);
  });

  it('does not go on with what was closed', async () => {
    const disk = new Disk();
    const t = await town(disk);
    t.device.client.close();
    await settled();
    assert.equal(disk.entries.size, 0);
  });

  it('reads only what it wrote, where it wrote it, with its key', async () => {
    const disk = new Disk();
    const t = await town(disk);
    await t.says('before');
    const [entry] = disk.entries.values();
    assert.ok(entry);
    const bad: Record<string, { octets?: Uint8Array; options?: Partial<DtlsServerOptions> }> = {
      'an octet of the head': { octets: entry.octets.with(7, (entry.octets[7] ?? 0) ^ 1) },
      'an octet of the rest': { octets: entry.octets.with(40, (entry.octets[40] ?? 0) ^ 1) },
      'the hour': { octets: entry.octets.with(2, (entry.octets[2] ?? 0) ^ 1) },
      'an end': { octets: entry.octets.subarray(0, 20) },
      'another key': { options: { kept: { store: disk, key: new Uint8Array(32) } } },
    };
    for (const [what, { octets, options }] of Object.entries(bad)) {
      if (octets !== undefined) disk.entries.set(toHex(entry.key), { key: entry.key, octets });
      t.bench = serve(disk, options);
      await t.says('after');
      assert.deepEqual(t.device.texts, ['before'], what);
      assert.deepEqual(t.bench.errors(), [], what);
    }
    disk.entries.set(toHex(entry.key), entry);
    const kept = { store: disk, key: new Uint8Array(32), formerKeys: [key] };
    t.bench = serve(disk, { kept });
    await t.says('after');
    assert.deepEqual(t.device.texts, ['before', 'after'], 'with the former key');
  });

  it('writes no keys in the clear', async () => {
    const disk = new Disk();
    const t = await town(disk);
    await t.says('before');
    const identity = toHex(utf8('dev1'));
    for (const { octets } of disk.entries.values()) assert.ok(!toHex(octets).includes(identity));
  });

  it('is not asked for connection IDs that are made up', async () => {
    const disk = new Disk();
    const t = await town(disk);
    t.bench = serve(disk);
    const real = t.device.held('real');
    for (let n = 0; n < 100; n++) {
      const forged = real.slice();
      forged.set(seededRandom(n)(cidLength), 11);
      t.bench.say(forged, elsewhere);
    }
    await settled();
    assert.equal(disk.loads, 0);
    assert.equal(t.bench.dropped('connection ID that is none of ours'), 100);
  });

  it('looks up a few at a time', async () => {
    const disk = new Disk();
    const t = await town(disk, {});
    await t.says('before');
    t.bench = serve(disk, { limits: { lookups: 5 } });
    const real = t.device.held('real');
    for (let port = 1; port <= 20; port++) t.bench.say(real, { address: '192.0.2.9', port });
    await settled();
    assert.equal(disk.loads, 3, 'half of them by addresses, which anybody can make up');
    assert.equal(t.bench.dropped('too many look into the store'), 17);
    await t.says('after');
    assert.deepEqual(t.device.texts, ['before', 'after']);
  });

  it('finds those with a connection ID in a flood of records from made-up addresses', async () => {
    const disk = new Disk();
    const t = await town(disk);
    t.bench = serve(disk, { limits: { lookups: 4 } });
    const record = t.device.held('without');
    const flood = concat(
      Uint8Array.of(23),
      record.subarray(1, 11),
      record.subarray(11 + cidLength),
    );
    for (let port = 1; port <= 20; port++) t.bench.say(flood, { address: '192.0.2.9', port });
    assert.ok(t.bench.dropped('too many look into the store') > 0);
    await t.says('here');
    assert.deepEqual(t.device.texts, ['here']);
  });

  it('writes what it knows when it is stopped', async () => {
    const disk = new Disk();
    const t = await town(disk);
    t.device.send('the last words');
    await t.bench.server.close();
    t.bench = serve(disk);
    await t.says('again');
    assert.deepEqual(t.device.texts, ['again']);
  });

  it('forgets in time what nobody asks for', async () => {
    const disk = new Disk();
    const t = await town(disk);
    await t.says('before');
    const bench = serve(disk, { times: { idle: 60 * minute } });
    assert.equal(await bench.server.sweepStore(), 1);
    await bench.clock.turn(3 * 60 * minute);
    assert.equal(await bench.server.sweepStore(), 0);
    assert.equal(disk.entries.size, 0);
  });
});

describe('S03: too many connections', () => {
  const crowd = async (bench: Bench, count: number, from: number) => {
    const devices: Device[] = [];
    for (let n = from; n < from + count; n++) {
      const at = { address: `192.0.2.${n}`, port: 1 };
      const device = new Device(bench, { ...withCid, seed: n, at });
      await device.connect().catch(() => undefined);
      devices.push(device);
    }
    return devices;
  };

  it('are refused while all are in use', async () => {
    const bench = new Bench({ connectionIds: { length: cidLength }, limits: { connections: 3 } });
    await crowd(bench, 5, 1);
    assert.equal(bench.opened.length, 3);
    assert.ok(bench.dropped('too many connections') > 0);
    await bench.clock.turn(31 * minute);
    await crowd(bench, 1, 9);
    assert.equal(bench.opened.length, 4);
    assert.deepEqual(
      bench.closed.map(([{ address }]) => address.address),
      ['192.0.2.1'],
    );
  });

  it('leave memory, not the store, where there is one', async () => {
    const disk = new Disk();
    const bench = serve(disk, { limits: { connections: 3, awake: 2 } });
    const devices = await crowd(bench, 9, 1);
    await settled();
    assert.ok(bench.server.size.established <= 5);
    assert.deepEqual(bench.closed, []);
    for (const [n, device] of devices.entries()) {
      device.send(`device ${n}`);
      await settled();
    }
    assert.equal(texts(bench).length, 9, 'each is found again');
  });
});

/** The numbers of the records in what the bench has sent, which nobody hears. */
function protectedNumbers(bench: Bench): readonly number[] {
  return bench
    .heard()
    .flatMap((datagram) => [...readRecords(datagram, () => {}, 2)])
    .filter(({ epoch }) => epoch === 1)
    .map(({ sequence }) => sequence);
}

/** What is noted of many connections in one row, and what a restart makes of it (S02, D23, D70). */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fromUtf8, toHex, utf8 } from '../../src/base/bytes.ts';
import { readRecords } from '../../src/dtls/record.ts';
import type { DtlsServerOptions } from '../../src/dtls/server.ts';
import { settled } from '../support/hand-clock.ts';
import { seededRandom } from '../support/seeded.ts';
import { Bench } from './support/bench.ts';
import { Device } from './support/device.ts';
import { Disk } from './support/disk.ts';

const key = new Uint8Array(32).fill(9);
/** Fewer at once get a row each. */
const crowd = 5;
/** Batches after which a row of the journal is written over. */
const ring = 256;

let lives = 500;

class Village {
  disk: Disk;
  bench: Bench;
  readonly devices: Device[] = [];

  private constructor(disk: Disk) {
    this.disk = disk;
    this.bench = this.#serve();
  }

  static async of(count: number): Promise<Village> {
    const village = new Village(new Disk());
    for (let n = 0; n < count; n++) {
      const at = { address: `192.0.2.${n}`, port: 1 };
      // One has no connection ID and is found by its address.
      const wishes = n === 0 ? {} : { connectionId: { own: Uint8Array.of(0xb0, n) } };
      const device = new Device(() => village.bench, { seed: 900 + n, at, ...wishes });
      await device.connect();
      village.devices.push(device);
    }
    await settled();
    return village;
  }

  /** All of these say something at once, and are answered. */
  async say(text: string, devices: readonly Device[] = this.devices): Promise<void> {
    for (const device of devices) device.send(text);
    await settled();
    for (const [peer, data] of this.bench.delivered.splice(0)) {
      peer.send(utf8(`re ${fromUtf8(data)}`));
    }
    await settled();
    for (const device of devices) device.hear();
  }

  /** Another life, over the disk as it is. */
  restart(options: Partial<DtlsServerOptions> = {}): void {
    this.disk = this.disk.copy();
    this.bench = this.#serve(options);
  }

  get journal(): readonly string[] {
    return [...this.disk.entries.keys()].filter((name) => name.startsWith('6A'));
  }

  #serve(options: Partial<DtlsServerOptions> = {}): Bench {
    return new Bench({
      connectionIds: { length: 8 },
      kept: { store: this.disk, key },
      random: seededRandom(lives++),
      ...options,
    });
  }
}

/** Numbers of the records that a device has got, of the connection. */
function numbers(device: Device): readonly number[] {
  return device.heard.flatMap((datagram) =>
    [...readRecords(datagram, () => {}, 2)]
      .filter(({ epoch }) => epoch === 1)
      .map(({ sequence }) => sequence),
  );
}

describe('the journal of connections', () => {
  it('has one row for all that took a record at once', async () => {
    const village = await Village.of(crowd);
    const rows = new Map(village.disk.entries);
    await village.say('hello');
    assert.equal(village.journal.length, 1);
    for (const [name, { octets }] of rows) {
      assert.equal(village.disk.entries.get(name)?.octets, octets, 'and their own rows stay');
    }
  });

  it('is not used for one or two', async () => {
    const village = await Village.of(2);
    await village.say('hello');
    assert.equal(village.journal.length, 0);
  });

  it('makes a restart refuse what came, and use no number again', async () => {
    const village = await Village.of(crowd);
    for (let n = 0; n < 3; n++) await village.say(`text ${n}`);
    const replays = village.devices.map((device) => device.sent.at(-1) ?? assert.fail());
    village.restart();
    village.devices.forEach((device, at) => {
      village.bench.say(replays[at] ?? assert.fail(), device.address);
    });
    await settled();
    assert.deepEqual(village.bench.delivered, []);
    assert.equal(village.bench.dropped('record received before'), crowd);
    await village.say('after');
    for (const device of village.devices) {
      assert.equal(device.texts.at(-1), 're after');
      assert.equal(new Set(numbers(device)).size, numbers(device).length);
    }
  });

  it('may be lost with the power: no number of ours comes twice all the same', async () => {
    const village = await Village.of(crowd);
    const numbered = 600; // more than are taken at a time, so that some are taken while the others are in use
    for (let n = 0; n < numbered; n++) await village.say(`text ${n}`);
    assert.ok(village.disk.cutPower() > 0, 'nothing was lost');
    village.restart();
    for (let n = 0; n < 3; n++) await village.say(`after ${n}`);
    for (const device of village.devices) {
      assert.equal(device.texts.at(-1), 're after 2');
      assert.equal(new Set(numbers(device)).size, numbers(device).length);
    }
  });

  it('is what that rests on: without it the rows alone would take a record again', async () => {
    const village = await Village.of(crowd);
    await village.say('text');
    const replays = village.devices.map((device) => device.sent.at(-1) ?? assert.fail());
    for (const name of village.journal) village.disk.entries.delete(name);
    village.restart();
    village.devices.forEach((device, at) => {
      village.bench.say(replays[at] ?? assert.fail(), device.address);
    });
    await settled();
    assert.equal(village.bench.delivered.length, crowd);
  });

  it('writes a connection whole before its last note is written over', async () => {
    const village = await Village.of(crowd + 1);
    const [early, ...others] = village.devices;
    assert.ok(early);
    await village.say('once');
    const replay = early.sent.at(-1) ?? assert.fail();
    for (let n = 0; n < ring + 2; n++) {
      for (const device of others) device.send(`text ${n}`);
      await settled();
      village.bench.delivered.splice(0);
    }
    assert.equal(village.journal.length, ring);
    village.restart();
    village.bench.say(replay, early.address);
    await settled();
    assert.equal(village.bench.dropped('record received before'), 1);
    await village.say('after');
    for (const device of village.devices) assert.equal(device.texts.at(-1), 're after');
  });

  it('is worked into the rows after a restart, and gone', async () => {
    const village = await Village.of(crowd);
    await village.say('before');
    const replays = village.devices.map((device) => device.sent.at(-1) ?? assert.fail());
    village.restart();
    await village.bench.server.ready();
    await settled();
    await settled();
    assert.deepEqual(village.journal, []);
    village.restart();
    village.devices.forEach((device, at) => {
      village.bench.say(replays[at] ?? assert.fail(), device.address);
    });
    await settled();
    assert.equal(village.bench.dropped('record received before'), crowd);
    await village.say('after');
    for (const device of village.devices) assert.equal(device.texts.at(-1), 're after');
  });

  it('outlives restarts that do not get so far', async () => {
    const village = await Village.of(crowd);
    await village.say('before');
    const replay = village.devices[1]?.sent.at(-1) ?? assert.fail();
    village.restart();
    // Others come back and are noted, and again the server is killed.
    await village.say(
      'between',
      [village.devices[2], village.devices[3], village.devices[4]].flatMap((one) => one ?? []),
    );
    village.restart();
    village.bench.say(replay, village.devices[1]?.address);
    await settled();
    assert.deepEqual(village.bench.delivered, []);
    await village.say('after');
    for (const device of village.devices) assert.equal(device.texts.at(-1), 're after');
  });

  it('does not bring back what has ended', async () => {
    const village = await Village.of(crowd);
    await village.say('before');
    village.restart();
    const ready = village.bench.server.ready();
    await village.say('here', village.devices.slice(1, 2));
    village.devices[1]?.client.close();
    await ready;
    await settled();
    await settled();
    assert.deepEqual(village.journal, []);
    const connections = [...village.disk.entries.keys()].filter((name) => !name.startsWith('74'));
    assert.equal(connections.length, crowd - 1);
  });

  it('leaves no connection standing when it cannot be read', async () => {
    const village = await Village.of(crowd);
    await village.say('before');
    const [name] = village.journal;
    const row = village.disk.entries.get(name ?? '') ?? assert.fail();
    const octets = row.octets.with(-1, (row.octets.at(-1) ?? 0) ^ 1);
    village.disk.entries.set(toHex(row.key), { key: row.key, octets });
    village.restart();
    await village.bench.server.ready();
    await village.say('after');
    for (const device of village.devices) assert.equal(device.texts.at(-1), 're before');
    assert.ok(
      village.bench.lines.some(({ event }) => event.includes('connections of before are lost')),
    );
    assert.deepEqual([...village.disk.entries.keys()], [], 'none is taken for whole later on');
  });

  it('is gone when the server is stopped', async () => {
    const village = await Village.of(crowd);
    await village.say('before');
    await village.bench.server.close();
    assert.deepEqual(village.journal, []);
    village.restart();
    await village.say('after');
    for (const device of village.devices) assert.equal(device.texts.at(-1), 're after');
  });

  it('lets a connection sleep once it is in its own row', async () => {
    const village = await Village.of(crowd);
    await village.say('before');
    await village.bench.clock.turn(5 * 60_000);
    assert.equal(village.bench.server.holds.asleep, crowd);
    for (const name of village.journal) village.disk.entries.delete(name);
    const replay = village.devices[1]?.sent.at(-1) ?? assert.fail();
    village.restart();
    village.bench.say(replay, village.devices[1]?.address);
    await settled();
    assert.equal(village.bench.dropped('record received before'), 1);
  });

  it('does not count among the connections', async () => {
    const village = await Village.of(crowd);
    const before = await village.bench.server.sweepStore();
    await village.say('hello');
    assert.equal(village.journal.length, 1);
    assert.equal(await village.bench.server.sweepStore(), before);
  });
});

/**
 * What arrives and is none of a peer's: dropped, counted by reason, told in one debug line. No state comes of it, and
 * no answer is larger than the question.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Address } from '../../src/base/address.ts';
import { concat, hex } from '../../src/base/bytes.ts';
import { seededNumbers } from '../support/seeded.ts';
import { done } from './expected.ts';
import { World } from './world.ts';

const stranger: Address = { address: '198.51.100.7', port: 4711 };

/** A world whose device has done its job and is still connected; what it has sent; and one more record that got lost. */
async function afterTheJob() {
  const world = await World.begin();
  const sent: Uint8Array[] = [];
  world.network.tap = (datagram, up) => {
    if (up) sent.push(datagram);
    return true;
  };
  await world.work();
  const lost: Uint8Array[] = [];
  world.network.tap = (datagram, up) => {
    if (up) lost.push(datagram);
    return false;
  };
  void world.device.work().catch(() => {}); // one more poll, which nobody hears
  await world.clock.turn(100);
  const [record] = lost;
  assert.ok(record);
  return { world, sent, record, from: world.device.address };
}

/** What a world is, but for what it has logged. */
async function stateOf(world: World) {
  const { held, requests } = world.process;
  return { held, requests, orders: await world.orders() };
}

/** Octets that the eIM answers a datagram with. */
async function say(world: World, datagram: Uint8Array, from: Address): Promise<number> {
  let octets = 0;
  world.network.tap = (answer, up) => {
    if (!up) octets += answer.length;
    return false;
  };
  world.process.receive(datagram, from);
  await world.clock.turn(10);
  return octets;
}

function flipped(bytes: Uint8Array, at: number): Uint8Array {
  const twin = bytes.slice();
  const place = at < 0 ? twin.length + at : at;
  twin[place] = (twin[place] ?? 0) ^ 0x01;
  return twin;
}

/** A ClientHello's record of epoch 0, its body left to the reader's imagination. */
const helloHeader = '16 FEFD 0000 000000000000';

type Noise = (record: Uint8Array, sent: readonly Uint8Array[]) => Uint8Array;

/** By reason: the datagram, and whether it comes from the device's address. */
const noise: readonly (readonly [
  name: string,
  reason: string,
  from: 'device' | 'stranger',
  Noise,
])[] = [
  ['nothing', 'empty datagram', 'stranger', () => new Uint8Array()],
  ['CoAP in the clear', 'record cut short', 'stranger', () => hex('40011234 B567736D61')],
  ['a TLS record', 'no DTLS version', 'stranger', () => hex('16 0303 0000 000000000000 0001 00')],
  ['a QUIC packet', 'record cut short', 'stranger', () => hex('C0000000010800112233445566770000')],
  [
    'a record of another type',
    'unknown content type',
    'device',
    (record) => replaced(record, 0, 99),
  ],
  ['a record of an epoch to come', 'unknown epoch', 'device', (record) => replaced(record, 4, 2)],
  ['a record cut short', 'record cut short', 'device', (record) => record.subarray(0, -1)],
  [
    'a record of a connection elsewhere',
    'record of an unknown connection',
    'stranger',
    (record) => record,
  ],
  ['a bad MAC', 'record not authentic', 'device', (record) => flipped(record, -1)],
  ['a bad ciphertext', 'record not authentic', 'device', (record) => flipped(record, 21)],
  ['a bad sequence number', 'record not authentic', 'device', (record) => replaced(record, 9, 1)],
  ['a replay', 'record received before', 'device', (_, sent) => sent.at(-1) ?? hex('')],
  [
    'a hello in fragments',
    'fragmented ClientHello',
    'stranger',
    () => hex(`${helloHeader} 000D 01 000064 0000 000000 000001 FE`),
  ],
  [
    'a hello that is none',
    'malformed ClientHello',
    'stranger',
    () => hex(`${helloHeader} 000E 01 000002 0000 000000 000002 FEFD`),
  ],
];

function replaced(bytes: Uint8Array, at: number, value: number): Uint8Array {
  const twin = bytes.slice();
  twin[at] = value;
  return twin;
}

describe('noise', () => {
  for (const [name, reason, whose, make] of noise) {
    it(`${name} is dropped: ${reason}`, async () => {
      const { world, sent, record, from } = await afterTheJob();
      const before = await stateOf(world);
      const lines = world.process.lines.length;
      const counted = world.process.drops.of(`dtls: ${reason}`);
      const octets = await say(world, make(record, sent), whose === 'device' ? from : stranger);
      assert.equal(octets, 0);
      assert.equal(world.process.drops.of(`dtls: ${reason}`), counted + 1);
      assert.deepEqual(
        world.process.lines.slice(lines).map(({ level, event }) => [level, event]),
        [['debug', `dtls: dropped: ${reason}`]],
      );
      assert.deepEqual(await stateOf(world), before);
      // The record as the device sent it is still good.
      assert.ok((await say(world, record, from)) > 0);
      assert.equal(world.process.requests, before.requests + 1);
    });
  }

  it('a hello without a cookie is answered with no more than it brought, and forgotten', async () => {
    const { world, sent } = await afterTheJob();
    const before = await stateOf(world);
    const [hello] = sent;
    assert.ok(hello);
    const octets = await say(world, hello, stranger);
    assert.ok(octets > 0 && octets <= hello.length);
    assert.deepEqual(await stateOf(world), before);
  });

  it('a whole session that is sent again does nothing', async () => {
    const { world, sent, from } = await afterTheJob();
    const before = await stateOf(world);
    for (const datagram of sent) {
      assert.ok((await say(world, datagram, from)) <= datagram.length);
    }
    assert.deepEqual(await stateOf(world), before);
  });

  it('a session of before a restart does nothing after it', async () => {
    const { world, sent, from } = await afterTheJob();
    await world.process.start();
    const before = await stateOf(world);
    for (const datagram of sent) {
      assert.ok((await say(world, datagram, from)) <= datagram.length);
    }
    assert.deepEqual(await stateOf(world), before);
    assert.equal(world.process.held.established, 0);
  });

  for (const seed of [1, 2, 3]) {
    it(`of one who reads along, changes and repeats does not disturb the job, seed ${seed}`, async () => {
      const world = await World.begin();
      const chance = seededNumbers(seed);
      const heard: Uint8Array[] = [];
      const any = (list: readonly Uint8Array[]) => list[Math.floor(chance() * list.length)];
      world.network.tap = (datagram, up) => {
        if (datagram[4] !== 1) return true; // a handshake is in the clear, and may be disturbed
        heard.push(datagram);
        const changed = flipped(datagram, 13 + Math.floor(chance() * (datagram.length - 13)));
        const again = any(heard) ?? changed;
        for (const one of [changed, again, concat(changed, again)]) {
          if (up) world.process.receive(one, world.device.address);
          else world.device.receive(one, world.device.address);
          world.process.receive(one, stranger);
        }
        return true;
      };
      await world.work();
      assert.deepEqual(await world.outcome(), done);
      assert.deepEqual(world.process.errors, []);
      assert.equal(world.process.requests, world.device.answered.length);
      assert.equal(world.device.connections, 1);
      assert.ok(world.process.drops.of('dtls: record not authentic') > 0);
    });
  }
});

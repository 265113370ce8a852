/** The lab's link: what each number of a profile does, on a clock turned by hand, and the relay on loopback. */
import assert from 'node:assert/strict';
import { createSocket, type RemoteInfo } from 'node:dgram';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { hex, toHex } from '../../src/base/bytes.ts';
import { systemClock } from '../../src/base/clock.ts';
import { Channel, type Fate } from '../../tools/lab/link/channel.ts';
import { pcapHeader, pcapRecord, startCapture } from '../../tools/lab/link/pcap.ts';
import { type LinkProfile, linkProfiles } from '../../tools/lab/link/profiles.ts';
import { startRelay } from '../../tools/lab/link/relay.ts';
import { newFolder } from '../support/folders.ts';
import { HandClock } from '../support/hand-clock.ts';
import { seededNumbers } from '../support/seeded.ts';

/** A channel over a hand-turned clock that writes down when each datagram arrives. */
function channel(profile: Partial<LinkProfile>, seed = 1) {
  const clock = new HandClock(0);
  const arrived: [time: number, first: number][] = [];
  const fates: Fate[] = [];
  const one = new Channel({
    profile: { ...linkProfiles.lan, ...profile },
    direction: 'down',
    clock,
    chance: seededNumbers(seed),
    deliver: (datagram) => arrived.push([clock.now(), datagram[0] ?? -1]),
    fate: (fate) => fates.push(fate),
  });
  return { clock, one, arrived, fates };
}

const datagram = (first: number, length = 100) => new Uint8Array(length).fill(first);

describe('a channel', () => {
  it('takes half a round trip, and the time that the octets need with their headers', async () => {
    const { clock, one, arrived } = channel({ roundTrip: 1000, bandwidthDown: 8000 });
    one.send(datagram(1, 972)); // 1,000 octets with headers: one second
    one.send(datagram(2, 472));
    await clock.turn(1499);
    assert.deepEqual(arrived, []);
    await clock.turn(5000);
    assert.deepEqual(arrived, [
      [1500, 1],
      [2000, 2],
    ]);
  });

  it('loses about its share, in bursts of about their length', async () => {
    for (const [share, burst] of [
      [0.2, 1],
      [0.1, 4],
    ] as const) {
      const { clock, one, fates, arrived } = channel({ loss: { share, burst } }, 7);
      const seen: boolean[] = [];
      for (let i = 0; i < 20_000; i++) {
        const before = fates.length;
        one.send(datagram(1));
        seen.push(fates.length > before);
      }
      await clock.turn(1);
      const lost = fates.length;
      assert.equal(arrived.length, 20_000 - lost);
      assert.ok(Math.abs(lost / 20_000 - share) < 0.02, `lost ${lost}`);
      const bursts = seen.filter((one, i) => one && !seen[i - 1]).length;
      const mean = lost / bursts;
      const due = burst === 1 ? 1 / (1 - share) : burst;
      // For bursts of one, losses are independent: the mean run is 1 / (1 - share).
      assert.ok(Math.abs(mean - due) < due * 0.35, `bursts of ${mean}`);
    }
  });

  it('repeats and reorders what it is told to, and loses nothing of that', async () => {
    const repeated = channel({ repeat: 1 });
    repeated.one.send(datagram(1));
    await repeated.clock.turn(1000);
    assert.deepEqual(
      repeated.arrived.map(([, first]) => first),
      [1, 1],
    );

    const reordered = channel({ reorder: 1 });
    reordered.one.send(datagram(1));
    reordered.one.send(datagram(2));
    await reordered.clock.turn(1000);
    assert.deepEqual(
      reordered.arrived.map(([, first]) => first),
      [2, 1],
    );
  });

  it('holds the last datagram back no longer than its patience', async () => {
    const { clock, one, arrived } = channel({ reorder: 1 });
    one.send(datagram(1));
    await clock.turn(199);
    assert.equal(arrived.length, 0);
    await clock.turn(10);
    assert.equal(arrived.length, 1);
  });

  it('loses what is larger than its MTU', async () => {
    const { clock, one, arrived, fates } = channel({ mtu: 100 });
    one.send(datagram(1, 101));
    one.send(datagram(2, 100));
    await clock.turn(1);
    assert.deepEqual(
      arrived.map(([, first]) => first),
      [2],
    );
    assert.deepEqual(fates, ['too large']);
  });

  it('does the same again with the same seed', async () => {
    const run = async (seed: number) => {
      const { clock, one, arrived } = channel(linkProfiles['nbiot-deep'], seed);
      for (let i = 0; i < 50; i++) one.send(datagram(i));
      await clock.turn(600_000);
      return arrived;
    };
    assert.deepEqual(await run(3), await run(3));
    assert.notDeepEqual(await run(3), await run(4));
  });
});

describe('a capture', () => {
  it('is pcap 2.4 with raw IPv4, checksums included', () => {
    assert.equal(toHex(pcapHeader()), 'A1B2C3D4000200040000000000000000' + '0000FFFF00000065');
    const record = pcapRecord(
      1500.25,
      { address: '127.0.0.1', port: 40000 },
      { address: '127.0.0.1', port: 5684 },
      hex('C0FFEE'),
    );
    // 1 s and 500,250 µs; 31 octets; the IPv4 checksum of this header is 7CCC.
    const head = '00000001' + '0007A21A' + '0000001F' + '0000001F';
    const ip = '4500001F' + '00000000' + '40117CCC' + '7F000001' + '7F000001';
    assert.equal(toHex(record), `${head}${ip}9C401634000B0000C0FFEE`);
  });
});

describe('the relay', () => {
  /** A server that answers each datagram with the port that it came from. */
  async function server() {
    const socket = createSocket('udp4');
    socket.on('message', (_datagram, from) =>
      socket.send(Uint8Array.of(from.port >> 8, from.port & 0xff), from.port, from.address),
    );
    socket.bind(0, '127.0.0.1');
    await once(socket, 'listening');
    return { socket, address: { address: '127.0.0.1', port: socket.address().port } };
  }

  /** A relay on a clock turned by hand, a server that the test speaks for, and a client. */
  async function turned(profile: Partial<LinkProfile>, chance = () => 0.5) {
    const clock = new HandClock();
    const far = createSocket('udp4');
    const near = createSocket('udp4');
    for (const socket of [far, near]) {
      socket.bind(0, '127.0.0.1');
      await once(socket, 'listening');
    }
    const relay = await startRelay({
      server: { address: '127.0.0.1', port: far.address().port },
      profile: { ...linkProfiles.lan, ...profile },
      clock,
      chance,
    });
    const heard = { far: [] as RemoteInfo[], near: 0 };
    far.on('message', (_datagram, from) => heard.far.push(from));
    near.on('message', () => heard.near++);
    /** Turns the clock a little at a time until something has come about. */
    const until = async (done: () => boolean): Promise<void> => {
      const end = Date.now() + 5_000;
      while (!done()) {
        assert.ok(Date.now() < end, 'it did not come about');
        await clock.turn(1);
      }
    };
    const says = async (): Promise<RemoteInfo> => {
      const before = heard.far.length;
      near.send(Uint8Array.of(1), relay.address.port, relay.address.address);
      await until(() => heard.far.length > before);
      return heard.far.at(-1) ?? assert.fail();
    };
    const answers = ({ port, address }: RemoteInfo) => far.send(Uint8Array.of(2), port, address);
    const close = async () => {
      await relay.close();
      near.close();
      far.close();
    };
    return { clock, relay, heard, until, says, answers, close };
  }

  it('gives a client another port once it was silent for the NAT’s time-out, and not before', async () => {
    const { clock, relay, says, close } = await turned({ natTimeout: 60_000 });
    const first = await says();
    for (let i = 0; i < 3; i++) {
      await clock.turn(59_000);
      assert.equal((await says()).port, first.port);
    }
    await clock.turn(60_000);
    assert.notEqual((await says()).port, first.port);
    assert.equal(relay.counts.rebindings, 1);
    await close();
  });

  it('has a client hear nothing while its radio sleeps, and wakes it when it sends', async () => {
    const { clock, relay, heard, until, says, answers, close } = await turned({ awake: 20_000 });
    const from = await says();
    await clock.turn(15_000);
    answers(from);
    await until(() => heard.near === 1);
    // What it hears keeps it awake, as what it sends does.
    await clock.turn(15_000);
    answers(from);
    await until(() => heard.near === 2);
    await clock.turn(20_001);
    answers(from);
    await until(() => relay.counts.unheard === 1);
    await says();
    answers(from);
    await until(() => heard.near === 3);
    assert.equal(relay.counts.datagramsDown, 3);
    await close();
  });

  it('counts what the link loses, repeats, holds back and has no room for', async () => {
    for (const fate of ['lost', 'tooLarge', 'repeated', 'reordered'] as const) {
      const profile: Partial<LinkProfile> = {
        lost: { loss: { share: 0.9, burst: 10 } },
        tooLarge: { mtu: 0 },
        repeated: { repeat: 1 },
        reordered: { reorder: 1 },
      }[fate];
      const { relay, until, close } = await turned(profile, () => 0);
      const client = createSocket('udp4');
      client.send(Uint8Array.of(1), relay.address.port, relay.address.address);
      await until(() => relay.counts[fate] === 1);
      client.close();
      await close();
    }
  });

  it('counts, keeps a port for a client, gives another after a rebinding, and writes what passed', async () => {
    const { socket, address } = await server();
    const path = join(newFolder(), 'link.pcap');
    const capture = startCapture(path);
    const relay = await startRelay({
      server: address,
      profile: linkProfiles.lan,
      clock: systemClock,
      chance: () => 0.5,
      capture,
    });
    const client = createSocket('udp4');
    const ask = async (): Promise<number> => {
      client.send(Uint8Array.of(1, 2, 3), relay.address.port, relay.address.address);
      const [answer] = (await once(client, 'message')) as [Buffer];
      return answer.readUInt16BE();
    };
    const first = await ask();
    assert.equal(await ask(), first);
    relay.rebind();
    assert.notEqual(await ask(), first);
    const { datagramsUp, bytesUp, datagramsDown, bytesDown, roundTrips, rebindings } = relay.counts;
    assert.deepEqual(
      { datagramsUp, bytesUp, datagramsDown, bytesDown, roundTrips, rebindings },
      { datagramsUp: 3, bytesUp: 9, datagramsDown: 3, bytesDown: 6, roundTrips: 3, rebindings: 1 },
    );
    await relay.close();
    await capture.close();
    client.close();
    socket.close();
    // Header, then six packets of 16 + 28 octets and their payloads.
    assert.equal(readFileSync(path).length, 24 + 6 * 44 + 9 + 6);
  });
});

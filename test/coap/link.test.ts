/** What the server learns of a peer's link: its round trip, and how large a datagram it carries. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { szxWithin } from '../../src/coap/block.ts';
import { Link } from '../../src/coap/link.ts';
import { defaultParameters } from '../../src/coap/parameters.ts';
import type { CoapResponse } from '../../src/coap/request.ts';
import { RoundTrip } from '../../src/coap/round-trip.ts';
import { bodyOf, conversation, type Line, promised, type TestPeer } from './conversation.ts';

const POST = { type: 'CON', code: '0.02', path: 'x', token: '01' } as const;

describe('round trip (RFC 6298 section 2)', () => {
  const bounds = { initial: 10_000, least: 2_000, most: 30_000 };

  it('begins with what is configured, and follows its samples', () => {
    const trip = new RoundTrip(bounds);
    assert.equal(trip.timeout, 10_000);
    trip.learn(4_000); // SRTT = R, RTTVAR = R/2, RTO = SRTT + 4 RTTVAR
    assert.equal(trip.timeout, 12_000);
    trip.learn(4_000);
    assert.equal(trip.timeout, 4_000 + 4 * 1_500);
    for (let i = 0; i < 50; i++) trip.learn(4_000);
    assert.ok(trip.timeout < 4_100, `${trip.timeout}`);
  });

  it('stays within its bounds, and takes a sleep for none of its samples', () => {
    const trip = new RoundTrip(bounds);
    for (let i = 0; i < 50; i++) trip.learn(10);
    assert.equal(trip.timeout, 2_000);
    trip.learn(3_600_000);
    assert.equal(trip.timeout, 2_000);
    for (let i = 0; i < 50; i++) trip.learn(29_000);
    assert.ok(trip.timeout <= 30_000);
    const before = trip.timeout;
    trip.learn(-3_600_000); // the clock was set back
    assert.equal(trip.timeout, before);
    const impatient = new RoundTrip({ ...bounds, initial: 300 });
    impatient.learn(10);
    assert.equal(impatient.timeout, 300);
  });
});

describe('ACK_TIMEOUT of a peer', () => {
  const parameters = { ackTimeout: 10_000, ackRandomFactor: 1, blockSize: 64 };

  /** Ms after which a separate response leaves again. */
  async function patience(
    talk: ReturnType<typeof conversation>,
    peer: TestPeer,
    mid: number,
    acks: boolean,
  ): Promise<number> {
    const { clock } = talk;
    peer.says({ ...POST, path: 'slow', mid });
    await clock.turn(1_500);
    await peer.hears({ type: 'ACK', code: '0.00', mid });
    await clock.turn(500);
    const { mid: ours = 0 } = await peer.hears({ type: 'CON', code: '2.04' });
    if (acks) {
      await clock.turn(4_000);
      peer.says({ type: 'ACK', mid: ours });
      return 0;
    }
    let waited = 0;
    for (; peer.sent.length === 0; waited += 50) await clock.turn(50);
    peer.sent.length = 0;
    peer.says({ type: 'ACK', mid: ours });
    return waited;
  }

  const made = () => {
    const talk = conversation({
      parameters,
      handle: ({ path }) => {
        if (path[0] !== 'slow') return { code: '2.05', body: bodyOf(300) };
        const { promise, resolve } = promised<CoapResponse>();
        talk.clock.after(2_000, () => resolve({ code: '2.04' }));
        return promise;
      },
    });
    return talk;
  };

  it('is the configured one at first, and learned from its ACKs', async () => {
    const talk = made();
    assert.equal(await patience(talk, talk.peer, 1, false), 10_000);
    for (let mid = 2; mid < 20; mid++) await patience(talk, talk.peer, mid, true);
    const learned = await patience(talk, talk.peer, 30, false);
    assert.ok(learned > 4_000 && learned < 6_000, `${learned}`);
  });

  it('is learned from the pace of its blocks, repeated ones left out', async () => {
    const talk = made();
    const { peer, clock } = talk;
    let mid = 100;
    for (let round = 0; round < 6; round++) {
      peer.says({ ...POST, mid: ++mid });
      for (let i = 1; i < 5; i++) {
        await peer.hears({ type: 'ACK', block2: [i - 1, 1, 64] });
        await clock.turn(3_000);
        peer.says({ ...POST, mid: ++mid, block2: [i, 0, 64] });
        if (i !== 2) continue;
        await peer.hearsBytes();
        await clock.turn(25_000);
        peer.says({ ...POST, mid, block2: [i, 0, 64] }); // a duplicate: what follows it is no sample
      }
      await peer.hearsBytes();
    }
    const learned = await patience(talk, peer, 300, false);
    assert.ok(learned >= 3_000 && learned < 5_000, `${learned}`);
  });

  it('is kept for an identity, and forgotten with a connection that has none', async () => {
    for (const identity of ['psk a', undefined]) {
      const talk = made();
      const one = talk.newPeer('1', undefined, identity);
      for (let mid = 2; mid < 20; mid++) await patience(talk, one, mid, true);
      talk.server.forget(one);
      const two = talk.newPeer('2', undefined, identity);
      const found = await patience(talk, two, 1, false);
      if (identity === undefined) assert.equal(found, 10_000);
      else assert.ok(found < 6_000, `${found}`);
    }
  });
});

describe('block size by link', () => {
  const answer = bodyOf(5_000);
  const made = () => conversation({ handle: () => ({ code: '2.05', body: answer }) });

  it('halves when large datagrams do not arrive, and says so in the next answer', async () => {
    const { newPeer } = made();
    const peer = newPeer('1', undefined, 'psk a');
    let size = 1024;
    for (let mid = 1; size >= 128; mid++) {
      const request: Line = { ...POST, mid };
      peer.says(request);
      await peer.hears({ type: 'ACK', block2: [0, 1, size] });
      // The client repeats it four times, and gives up: each answer was lost.
      for (let i = 0; i < 4; i++) {
        peer.says(request);
        await peer.hears({ type: 'ACK', block2: [0, 1, size] });
      }
      if (size === 128) break; // as small as it gets, and too small to blame
      size = size <= 256 ? 128 : size / 2;
      if (size === 128) break;
    }
    const again = newPeer('2', undefined, 'psk a');
    again.says({ ...POST, mid: 1 });
    const { block2 } = await again.hears({ type: 'ACK', block2: [0, 1, 256] });
    assert.deepEqual(block2, [0, 1, 256]);
  });

  it('halves in the middle of an answer whose block is asked for again and again', async () => {
    const { peer } = made();
    peer.says({ ...POST, mid: 1 });
    await peer.hears({ type: 'ACK', block2: [0, 1, 1024] });
    for (let mid = 2; mid < 7; mid++) {
      peer.says({ ...POST, mid, block2: [1, 0, 1024] });
      await peer.hears({ type: 'ACK', block2: mid < 6 ? [1, 1, 1024] : [2, 1, 512] });
    }
  });

  it('stays where blocks arrive after a repetition or two', async () => {
    const { peer } = made();
    for (let i = 0; i < 4; i++) {
      for (let copy = 0; copy < 3; copy++) {
        peer.says({ ...POST, mid: 1 + i, ...(i === 0 ? {} : { block2: [i, 0, 1024] }) });
        await peer.hears({ type: 'ACK', block2: [i, 1, 1024] });
      }
    }
    peer.says({ ...POST, mid: 9, block2: [4, 0, 1024] });
    await peer.hears({ type: 'ACK', block2: [4, 0, 1024] });
  });

  it('counts large datagrams alone: a small one that arrives is no sign that large ones do', () => {
    for (const [arrived, halves] of [
      [100, true],
      [1_100, false],
    ] as const) {
      const link = new Link(defaultParameters);
      for (let i = 0; i < 3; i++) link.lost(1_100);
      link.passed(arrived);
      link.lost(1_100);
      assert.equal(link.szx, halves ? szxWithin(512) : szxWithin(1_024));
    }
  });

  it('stays where it is small datagrams that are repeated', async () => {
    const { peer } = conversation({ handle: () => ({ code: '2.04' }) });
    for (let copy = 0; copy < 20; copy++) {
      peer.says({ ...POST, mid: 1 });
      await peer.hears({ type: 'ACK', code: '2.04' });
    }
  });

  it('grows again a day after the peer was last met', async () => {
    const { peer, clock } = made();
    for (let copy = 0; copy < 5; copy++) {
      peer.says({ ...POST, mid: 1 });
      await peer.hears({ type: 'ACK', block2: [0, 1, 1024] });
    }
    peer.says({ ...POST, mid: 2 });
    await peer.hears({ type: 'ACK', block2: [0, 1, 512] });
    await clock.turn(24 * 3600_000 + 1_000_000);
    peer.says({ ...POST, mid: 3 });
    await peer.hears({ type: 'ACK', block2: [0, 1, 1024] });
  });
});

/** Echo (RFC 9175 section 2): a server that asks for proof of freshness, and a client that gives it. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { hex } from '../../src/base/bytes.ts';
import { silentLog } from '../../src/base/log.ts';
import { CoapClient } from '../../src/coap/client.ts';
import { EchoValues } from '../../src/coap/echo.ts';
import { decode, encode } from '../../src/coap/message.ts';
import { OptionNumber, optionOf } from '../../src/coap/options.ts';
import { HandClock, settled } from '../support/hand-clock.ts';
import { seededRandom } from '../support/seeded.ts';
import { bodyOf, type ConversationOptions, conversation, type TestPeer } from './conversation.ts';

const POST = { type: 'CON', code: '0.02', path: 'x', token: '01' } as const;

/** A server that asks each peer once. */
function talk(options: ConversationOptions = {}) {
  const proven = new Set<string>();
  const freshness = {
    due: (peer: TestPeer) => !proven.has(peer.id),
    proven: (peer: TestPeer) => proven.add(peer.id),
  };
  return { ...conversation({ ...options, freshness }), proven };
}

async function challenged(peer: TestPeer, mid = 1): Promise<string> {
  peer.says({ ...POST, mid });
  const { echo } = await peer.hears({ type: 'ACK', mid, code: '4.01' });
  assert.ok(echo !== undefined && echo.length >= 2 && echo.length <= 80);
  return echo;
}

describe('Echo, a value', () => {
  it('C17 counts for 120 s from its time on, and not before it', () => {
    const key = () => new Uint8Array(32).fill(7);
    const peer = { id: 'device', send: () => {} };
    const at = (seconds: number) => new EchoValues(new HandClock(seconds * 1_000), key);
    const value = at(1_000).of(peer);
    for (const [seconds, fresh] of [
      [999, false], // the clock was set back, or the value is made up
      [1_000, true],
      [1_120, true],
      [1_121, false],
    ] as const) {
      assert.equal(at(seconds).isFresh(peer, value), fresh, `at ${seconds} s`);
    }
    const other = new EchoValues(new HandClock(1_000_000), () => new Uint8Array(32).fill(8));
    assert.equal(other.isFresh(peer, value), false, 'under the key of another process');
  });
});

describe('Echo, the server', () => {
  it('C17 answers 4.01 with a value, takes the request that brings it back, and asks no more', async () => {
    const { peer, requests } = talk();
    const echo = await challenged(peer);
    assert.equal(requests.length, 0);
    peer.says({ ...POST, mid: 2, echo });
    await peer.hears({ type: 'ACK', mid: 2, code: '2.04' });
    peer.says({ ...POST, mid: 3 });
    await peer.hears({ type: 'ACK', mid: 3, code: '2.04' });
    assert.equal(requests.length, 2);
  });

  it('C17 is asked at the first block only', async () => {
    const { peer } = talk();
    const echo = await challenged(peer);
    peer.says({ ...POST, mid: 2, echo, block1: [0, 1, 16], payload: bodyOf(16) });
    await peer.hears({ type: 'ACK', code: '2.31', block1: [0, 1, 16] });
    peer.says({ ...POST, mid: 3, block1: [1, 0, 16], payload: bodyOf(3) });
    await peer.hears({ type: 'ACK', code: '2.04', block1: [1, 0, 16] });
  });

  for (const [why, change] of [
    [
      'a bit changed',
      (echo: string) =>
        `${echo.slice(0, -2)}${(Number.parseInt(echo.slice(-2), 16) ^ 1).toString(16).padStart(2, '0')}`,
    ],
    ['cut off', (echo: string) => echo.slice(2)],
    ['made up', () => '00'],
  ] as const) {
    it(`C17 does not take a value that is ${why}`, async () => {
      const { peer, requests } = talk();
      const echo = change(await challenged(peer));
      peer.says({ ...POST, mid: 2, echo });
      await peer.hears({ type: 'ACK', mid: 2, code: '4.01' });
      assert.equal(requests.length, 0);
    });
  }

  it('C17 does not take the value of another peer, nor one of two minutes ago', async () => {
    const { peer, newPeer, clock, requests } = talk();
    const echo = await challenged(peer);
    const other = newPeer('other');
    other.says({ ...POST, mid: 2, echo });
    await other.hears({ type: 'ACK', mid: 2, code: '4.01' });
    await clock.turn(121_000);
    peer.says({ ...POST, mid: 2, echo });
    await peer.hears({ type: 'ACK', mid: 2, code: '4.01' });
    assert.equal(requests.length, 0);
  });

  it('C17 is said to one who wants no errors, too', async () => {
    const { peer } = talk();
    peer.says({ ...POST, mid: 1, options: [{ number: 258, value: hex('1a') }] });
    await peer.hears({ type: 'ACK', mid: 1, code: '4.01' });
  });
});

describe('Echo, the client', () => {
  it('C17 repeats its request once with the value, and under a new token', async () => {
    const clock = new HandClock();
    const sent: Uint8Array[] = [];
    const coap = new CoapClient({
      send: (message) => sent.push(message),
      clock,
      random: seededRandom(1),
      log: silentLog(),
    });
    const response = coap.request({ method: 'POST', path: ['x'], body: bodyOf(20) });
    const seen = new Set<string>();
    for (const value of ['0102', '0304']) {
      await settled();
      const request = decode(sent.shift() ?? assert.fail('silence'));
      const { messageId, token } = request;
      assert.deepEqual(request.payload, bodyOf(20));
      const echo = optionOf(request.options, OptionNumber.echo);
      assert.deepEqual(echo, value === '0102' ? undefined : hex('0102'));
      seen.add(Buffer.from(token).toString('hex')).add(`${messageId}`);
      const options = [{ number: OptionNumber.echo, value: hex(value) }];
      const payload = new Uint8Array();
      coap.receive(encode({ type: 'ACK', code: '4.01', messageId, token, options, payload }));
    }
    assert.equal((await response).code, '4.01'); // asked twice: that is the answer
    assert.equal(seen.size, 4);
    assert.equal(sent.length, 0);
    assert.equal(clock.pending, 0);
  });

  for (const quick of [false, true]) {
    it(`C17 gets through to our server, Q-Block: ${quick}`, async () => {
      const { server, requests, clock, newPeer } = talk();
      const coap = new CoapClient({
        send: (message) => clock.after(10, () => server.receive(peer, message)),
        clock,
        random: seededRandom(1),
        log: silentLog(),
        quick,
      });
      const peer = newPeer('1');
      peer.send = (message) => void clock.after(10, () => coap.receive(message));
      const response = coap.request({ method: 'POST', path: ['x'], body: bodyOf(9_000) });
      await settled();
      await clock.turn(20_000);
      assert.equal((await response).code, '2.04');
      assert.deepEqual(requests[0]?.body, bodyOf(9_000));
    });
  }
});

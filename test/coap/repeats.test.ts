/** Requests that come again as new messages (repeats.ts). */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { utf8 } from '../../src/base/bytes.ts';
import { CoapError } from '../../src/coap/codes.ts';
import type { CoapResponse } from '../../src/coap/request.ts';
import {
  bodyOf,
  type ConversationOptions,
  conversation,
  type Line,
  promised,
} from './conversation.ts';

const POST = { type: 'CON', code: '0.02', path: 'esipa', token: '01' } as const;
const body = utf8('AuthenticateClient');
const request: Line = { ...POST, payload: body };
const minute = 60_000;

function talk(options: ConversationOptions = {}) {
  return conversation({ repeats: { joins: () => true, keeps: () => minute }, ...options });
}

describe('a request that comes again', () => {
  it('joins the first while it is worked on, from another connection of the identity', async () => {
    const answer = promised<CoapResponse>();
    const { newPeer, clock, requests } = talk({ handle: () => answer.promise });
    const one = newPeer('1', undefined, 'psk a');
    const two = newPeer('2', undefined, 'psk a');
    one.says({ ...request, mid: 1 });
    await clock.turn(1_500);
    await one.hears({ type: 'ACK', code: '0.00' });
    // The device resets, and asks again in a new connection, in blocks this time.
    two.says({ ...POST, mid: 7, block1: [0, 1, 16], payload: body.slice(0, 16) });
    await two.hears({ type: 'ACK', code: '2.31', block1: [0, 1, 16] });
    two.says({ ...POST, mid: 8, block1: [1, 0, 16], payload: body.slice(16) });
    await two.hearsNothing();
    answer.resolve({ code: '2.05', body: utf8('once') });
    const { payload } = await two.hears({ type: 'ACK', mid: 8, code: '2.05', block1: [1, 0, 16] });
    assert.deepEqual(payload, utf8('once'));
    await one.hears({ type: 'CON', code: '2.05', payload: utf8('once') });
    assert.equal(requests.length, 1);
  });

  it('gets the answer of the first for as long as the rules say, and then its own', async () => {
    let count = 0;
    const { peer, clock } = talk({ handle: () => ({ code: '2.05', body: utf8(`${++count}`) }) });
    const asked: string[] = [];
    for (const [mid, wait] of [0, 59_000, 999, 1, 0].entries()) {
      await clock.turn(wait);
      peer.says({ ...request, mid });
      const { payload = body } = await peer.hears({ type: 'ACK', mid, code: '2.05' });
      asked.push(Buffer.from(payload).toString());
    }
    assert.deepEqual(asked, ['1', '1', '1', '2', '2']);
  });

  it('gets a large answer in the same representation, to go on where it stopped', async () => {
    const answer = bodyOf(3_000);
    const { newPeer, requests } = talk({ handle: () => ({ code: '2.05', body: answer }) });
    const one = newPeer('1', undefined, 'psk a');
    one.says({ ...request, mid: 1, requestTag: '01' });
    const { etag } = await one.hears({ type: 'ACK', block2: [0, 1, 1024] });
    const two = newPeer('2', undefined, 'psk a');
    two.says({ ...request, mid: 1, requestTag: '02' });
    assert.equal((await two.hears({ type: 'ACK', block2: [0, 1, 1024] })).etag, etag);
    two.says({ ...POST, mid: 2, requestTag: '02', block2: [2, 0, 1024] });
    await two.hears({ type: 'ACK', block2: [2, 0, 1024] });
    assert.equal(requests.length, 1);
  });

  for (const [what, line] of [
    ['another body', { payload: utf8('AuthenticateClienT') }],
    ['another path', { path: 'other' }],
    ['another method', { code: '0.03' }],
    ['another Content-Format', { contentFormat: 42 }],
  ] as const) {
    it(`is no other request: ${what}`, async () => {
      const { peer, requests } = talk();
      peer.says({ ...request, mid: 1 });
      await peer.hears({ type: 'ACK', code: '2.04' });
      peer.says({ ...request, mid: 2, ...line });
      await peer.hears({ type: 'ACK', code: '2.04' });
      assert.equal(requests.length, 2);
    });
  }

  it('is another peer’s own request, where the peer is another or has no identity', async () => {
    const { newPeer, requests } = talk();
    for (const [id, identity] of [
      ['1', 'psk a'],
      ['2', 'psk b'],
      ['3', undefined],
      ['4', undefined],
    ] as const) {
      const peer = newPeer(id, undefined, identity);
      peer.says({ ...request, mid: 1 });
      await peer.hears({ type: 'ACK', code: '2.04' });
    }
    assert.equal(requests.length, 4);
  });

  it('is worked on anew after an error, and errors of the first reach those who joined', async () => {
    let fails = true;
    const { peer, requests } = talk({
      handle: async () => {
        await new Promise((resolve) => setImmediate(resolve));
        if (fails) throw new CoapError('5.03', 'later');
        return { code: '2.04' };
      },
    });
    peer.says({ ...request, mid: 1 });
    peer.says({ ...request, mid: 2 });
    await peer.hears({ type: 'ACK', mid: 1, code: '5.03' });
    await peer.hears({ type: 'ACK', mid: 2, code: '5.03' });
    assert.equal(requests.length, 1);
    fails = false;
    peer.says({ ...request, mid: 3 });
    await peer.hears({ type: 'ACK', mid: 3, code: '2.04' });
    assert.equal(requests.length, 2);
  });

  it('is worked on anew where the rules do not join it, keep nothing, or are not there', async () => {
    for (const repeats of [
      { joins: () => false, keeps: () => minute },
      { joins: () => true, keeps: () => 0 },
      undefined,
    ]) {
      const { peer, requests } = conversation(repeats === undefined ? {} : { repeats });
      for (let mid = 1; mid < 4; mid++) {
        peer.says({ ...request, mid });
        await peer.hears({ type: 'ACK', code: '2.04' });
      }
      assert.equal(requests.length, 3);
    }
  });

  it('B18 is remembered so often for a peer, and in so many octets', async () => {
    const { peer, server, requests } = talk({
      handle: () => ({ code: '2.05', body: bodyOf(500) }),
      limits: { repeatsPerPeer: 2, repeatOctets: 800 },
    });
    for (let mid = 1; mid < 10; mid++) {
      peer.says({ ...request, mid, payload: utf8(`${mid}`) });
      await peer.hears({ type: 'ACK', code: '2.05' });
      assert.ok(server.held.repeats <= 2 && server.held.octets <= 800);
    }
    assert.equal(requests.length, 9);
  });
});

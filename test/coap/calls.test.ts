/** Requests of the server's own, on a connection whose client is the peer: both roles on one (RFC 7252 section 2). */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { concat, utf8 } from '../../src/base/bytes.ts';
import { CoapClientError, type CoapClientErrorKind } from '../../src/coap/client-exchange.ts';
import type { CoapResponse } from '../../src/coap/request.ts';
import { settled } from '../support/hand-clock.ts';
import { bodyOf, conversation, type Line, promised } from './conversation.ts';

const patience = { silence: 30_000, answer: 180_000 };
const request = { method: 'POST', path: ['esipa'], contentFormat: 42, body: utf8('push') } as const;
const call: Line = { type: 'CON', code: '0.02', payload: utf8('push'), contentFormat: 42 };
const poll: Line = { type: 'CON', code: '0.02', path: 'esipa', payload: utf8('poll') };

async function failsWith(work: Promise<unknown>, kind: CoapClientErrorKind): Promise<void> {
  await assert.rejects(work, (error) => error instanceof CoapClientError && error.kind === kind);
}

describe('a request of ours to a peer', () => {
  it('is answered in the ACK', async () => {
    const { server, peer, drops } = conversation();
    const asked = server.request(peer, request, patience);
    const { mid = 0, token = '' } = await peer.hears(call);
    peer.says({ type: 'ACK', mid, token, code: '2.05', payload: utf8('done') });
    assert.deepEqual(await asked, { code: '2.05', body: utf8('done') });
    assert.deepEqual(drops.all(), {});
  });

  it('is answered by a separate response, which is acknowledged, again where it comes again', async () => {
    const { server, peer, clock } = conversation();
    const asked = server.request(peer, request, patience);
    const { mid = 0, token = '' } = await peer.hears(call);
    peer.says({ type: 'ACK', mid });
    await clock.turn(100_000);
    const answer: Line = { type: 'CON', mid: 900, token, code: '2.04' };
    peer.says(answer);
    await peer.hears({ type: 'ACK', mid: 900, code: '0.00' });
    assert.equal((await asked).code, '2.04');
    peer.says(answer); // our ACK was lost
    await peer.hears({ type: 'ACK', mid: 900, code: '0.00' });
    await peer.hearsNothing();
  });

  it('waits beside a request of the peer with the same token and message ID', async () => {
    const polled = promised<CoapResponse>();
    const { server, peer, clock, requests } = conversation({ handle: () => polled.promise });
    const asked = server.request(peer, request, patience);
    const { mid = 0, token = '' } = await peer.hears(call);
    peer.says({ ...poll, mid, token });
    await clock.turn(1_500);
    await peer.hears({ type: 'ACK', mid, code: '0.00' }); // of its request; our own is not answered by that
    peer.says({ type: 'ACK', mid, token, code: '2.05', payload: utf8('done') });
    assert.deepEqual((await asked).body, utf8('done'));
    polled.resolve({ code: '2.05', body: utf8('nothing for you') });
    const separate = await peer.hears({ type: 'CON', token, code: '2.05' });
    assert.deepEqual(separate.payload, utf8('nothing for you'));
    assert.notEqual(separate.mid, mid, 'a message ID for two CONs of ours');
    assert.equal(requests.length, 1);
  });

  it('is the one CON under way: a separate response waits for its ACK (NSTART 1)', async () => {
    const { server, peer, clock } = conversation({
      handle: async () => {
        await new Promise<void>((resolve) => clock.after(5_000, resolve));
        return { code: '2.05' };
      },
    });
    peer.says({ ...poll, mid: 1 });
    await clock.turn(1_500);
    await peer.hears({ type: 'ACK', mid: 1, code: '0.00' });
    const asked = server.request(peer, request, { ...patience, silence: 60_000 });
    const { mid = 0, token = '' } = await peer.hears(call);
    await clock.turn(1_900);
    await peer.hearsNothing();
    await clock.turn(1_700);
    await peer.hears({ ...call, mid }); // sent once more, with the answer to the poll behind it
    await peer.hearsNothing();
    peer.says({ type: 'ACK', mid, token, code: '2.04' });
    await peer.hears({ type: 'CON', code: '2.05' });
    assert.equal((await asked).code, '2.04');
  });

  it('goes in blocks where it is large, and so does its answer', async () => {
    const body = bodyOf(100);
    const { server, newPeer } = conversation({ parameters: { blockSize: 64 } });
    const peer = newPeer('device');
    const asked = server.request(peer, { ...request, body }, patience);
    const first = await peer.hears({ type: 'CON', code: '0.02', block1: [0, 1, 64], size1: 100 });
    const { mid = 0, token = '' } = first;
    peer.says({ type: 'ACK', mid, token, code: '2.31', block1: [0, 1, 64] });
    const last = await peer.hears({ type: 'CON', code: '0.02', block1: [1, 0, 64] });
    assert.deepEqual(concat(first.payload ?? body, last.payload ?? body), body);
    const part = { type: 'ACK', code: '2.05', payload: bodyOf(64) } as const;
    peer.says({
      ...part,
      mid: last.mid ?? 0,
      token: last.token ?? '',
      block1: [1, 0, 64],
      block2: [0, 1, 64],
    });
    const next = await peer.hears({ type: 'CON', code: '0.02', block2: [1, 0, 64] });
    peer.says({ ...part, mid: next.mid ?? 0, token: next.token ?? '', block2: [1, 0, 64] });
    assert.equal((await asked).body?.length, 128);
  });

  it('goes in blocks that fit the datagrams of the peer', async () => {
    const { server, newPeer } = conversation();
    const peer = newPeer('device', 200);
    void server.request(peer, { ...request, body: bodyOf(300) }, patience).catch(() => {});
    await peer.hears({ type: 'CON', block1: [0, 1, 128] });
    server.close();
  });

  it('fails soon where the peer gives no sign of life, and what comes later is rejected', async () => {
    const { server, peer, clock } = conversation();
    const asked = server.request(peer, request, { ...patience, silence: 5_000 });
    const ended = failsWith(asked, 'unacknowledged');
    const { mid = 0, token = '' } = await peer.hears(call);
    await clock.turn(3_500);
    await peer.hears({ ...call, mid });
    await clock.turn(1_500);
    await ended;
    await clock.turn(100_000);
    await peer.hearsNothing(); // no more retransmissions
    peer.says({ type: 'CON', mid: 7, token, code: '2.05' });
    await peer.hears({ type: 'RST', mid: 7 });
  });

  it('goes on for a peer that speaks, but not for ever', async () => {
    const { server, peer, clock } = conversation({ parameters: { maxRetransmit: 8 } });
    const asked = server.request(peer, request, { silence: 5_000, answer: 20_000 });
    const ended = failsWith(asked, 'no response');
    await peer.hears(call);
    peer.says({ ...poll, mid: 1 });
    await clock.turn(5_000);
    assert.ok(peer.sent.length > 0);
    await clock.turn(15_000);
    await ended;
  });

  it('fails where the peer rejects it, or its connection is closed', async () => {
    const { server, peer } = conversation();
    const rejected = failsWith(server.request(peer, request, patience), 'reset');
    const { mid = 0 } = await peer.hears(call);
    peer.says({ type: 'RST', mid });
    await rejected;
    const closed = failsWith(server.request(peer, request, patience), 'closed');
    await peer.hears(call);
    server.forget(peer);
    await closed;
  });

  it('does not take an answer of another peer, nor one with another token', async () => {
    const { server, peer, newPeer, clock } = conversation();
    const stranger = newPeer('stranger');
    const asked = server.request(peer, request, { silence: 1_000, answer: 1_000 });
    const ended = failsWith(asked, 'no response'); // silent it was not
    const { mid = 0, token = '' } = await peer.hears(call);
    stranger.says({ type: 'ACK', mid, token, code: '2.05' });
    peer.says({ type: 'ACK', mid, token: 'ffffff', code: '2.05' });
    await clock.turn(1_000);
    await ended;
  });

  it('waits for the one before it, which counts for nothing against it', async () => {
    const { server, peer, clock } = conversation({ parameters: { maxRetransmit: 0 } });
    const [first, second] = [1, 2].map(() =>
      server.request(peer, request, { silence: 2_000, answer: 2_000 }),
    );
    assert.ok(first && second);
    const ended = failsWith(first, 'unacknowledged');
    await peer.hears(call);
    await peer.hearsNothing();
    await clock.turn(2_000);
    await ended;
    const { mid = 0, token = '' } = await peer.hears(call);
    peer.says({ type: 'ACK', mid, token, code: '2.04' });
    assert.equal((await second).code, '2.04');
    await settled();
  });
});

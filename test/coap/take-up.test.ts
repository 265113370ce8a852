/** Transfers taken up again: by identity in another connection, after a sleep, after a restart, by another client. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { silentLog } from '../../src/base/log.ts';
import type { AnswerSnapshot, BodyStore } from '../../src/coap/body-store.ts';
import { CoapClient } from '../../src/coap/client.ts';
import { CoapClientError } from '../../src/coap/client-exchange.ts';
import { decode } from '../../src/coap/message.ts';
import { OptionNumber, optionOf } from '../../src/coap/options.ts';
import type { CoapPeer } from '../../src/coap/request.ts';
import { CoapServer } from '../../src/coap/server.ts';
import { Transfer } from '../../src/coap/transfer.ts';
import { HandClock, settled } from '../support/hand-clock.ts';
import { seededRandom } from '../support/seeded.ts';
import {
  bodyOf,
  type ConversationOptions,
  conversation,
  type Line,
  nothing,
} from './conversation.ts';

const POST = { type: 'CON', code: '0.02', path: 'esipa', token: '01' } as const;
const body = bodyOf(300);
const answer = bodyOf(300).reverse();
const gives = () => ({ code: '2.05', body: answer }) as const;
const part = (i: number): Partial<Line> => ({
  block1: [i, i < 4 ? 1 : 0, 64],
  payload: body.slice(64 * i, 64 * (i + 1)),
});

/** A store that forgets nothing, and counts. */
class MemoryBodyStore implements BodyStore {
  readonly rows = new Map<string, AnswerSnapshot>();
  reads = 0;

  async of(owner: string): Promise<readonly AnswerSnapshot[]> {
    this.reads++;
    return [...this.rows].filter(([key]) => key.startsWith(`${owner} `)).map(([, row]) => row);
  }

  async put(owner: string, row: AnswerSnapshot): Promise<void> {
    this.rows.set(`${owner} ${row.key}`, structuredClone(row));
  }

  async delete(owner: string, key: string): Promise<void> {
    this.rows.delete(`${owner} ${key}`);
  }
}

function talk(options: ConversationOptions = {}) {
  return conversation({
    handle: gives,
    ...options,
    parameters: { blockSize: 64, ...options.parameters },
  });
}

describe('another connection of the same identity', () => {
  for (const closed of [false, true]) {
    it(`goes on with a body; the first connection ${closed ? 'is closed' : 'lingers'}`, async () => {
      const { newPeer, server, requests } = talk();
      const [one, two] = [newPeer('1', undefined, 'psk a'), newPeer('2', undefined, 'psk a')];
      for (const i of [0, 1]) {
        one.says({ ...POST, mid: i, ...part(i) });
        await one.hears({ type: 'ACK', code: '2.31', block1: [i, 1, 64] });
      }
      if (closed) server.forget(one);
      for (const i of [2, 3]) {
        two.says({ ...POST, mid: i, ...part(i) });
        await two.hears({ type: 'ACK', code: '2.31', block1: [i, 1, 64] });
      }
      two.says({ ...POST, mid: 4, ...part(4) });
      await two.hears({ type: 'ACK', block1: [4, 0, 64], block2: [0, 1, 64] });
      assert.deepEqual(
        requests.map((request) => [request.peer.id, request.body]),
        [['2', body]],
      );
    });

    it(`goes on with an answer; the first connection ${closed ? 'is closed' : 'lingers'}`, async () => {
      const { newPeer, server, requests } = talk();
      const [one, two] = [newPeer('1', undefined, 'psk a'), newPeer('2', undefined, 'psk a')];
      one.says({ ...POST, mid: 1 });
      const { etag } = await one.hears({ type: 'ACK', block2: [0, 1, 64] });
      if (closed) server.forget(one);
      two.says({ ...POST, mid: 1, block2: [3, 0, 64] });
      const { payload, ...found } = await two.hears({ type: 'ACK', block2: [3, 1, 64] });
      assert.deepEqual(payload, answer.slice(192, 256));
      assert.equal(found.etag, etag);
      assert.equal(requests.length, 1);
    });
  }

  it('gets the outcome of a last block that is sent again there', async () => {
    const { newPeer, requests } = talk();
    const [one, two] = [newPeer('1', undefined, 'psk a'), newPeer('2', undefined, 'psk a')];
    for (const i of [0, 1, 2, 3, 4]) one.says({ ...POST, mid: i, ...part(i) });
    await settled();
    two.says({ ...POST, mid: 9, ...part(4) });
    await two.hears({ type: 'ACK', mid: 9, block1: [4, 0, 64], block2: [0, 1, 64] });
    assert.equal(requests.length, 1);
  });

  it('does not mistake another connection’s body for its own', async () => {
    // Two devices that share an identity: each has its own while it has one.
    const { newPeer, requests } = talk();
    const [one, two] = [newPeer('1', undefined, 'psk a'), newPeer('2', undefined, 'psk a')];
    for (const i of [0, 1, 2, 3, 4]) {
      one.says({ ...POST, mid: i, ...part(i) });
      two.says({ ...POST, mid: i, ...part(i) });
      await settled();
    }
    assert.deepEqual(
      requests.map((request) => [request.peer.id, request.body]),
      [
        ['1', body],
        ['2', body],
      ],
    );
  });

  it('is not one of another identity, nor of none, nor one that is named like a connection', async () => {
    const { newPeer, server } = talk();
    const one = newPeer('1', undefined, 'psk a');
    one.says({ ...POST, mid: 1 });
    await one.hears({ type: 'ACK', block2: [0, 1, 64] });
    const nobody = newPeer('psk a');
    nobody.says({ ...POST, mid: 1, block2: [1, 0, 64] });
    await nobody.hears({ type: 'ACK', code: '4.08' });
    const other = newPeer('2', undefined, 'psk b');
    other.says({ ...POST, mid: 1, block2: [1, 0, 64] });
    await other.hears({ type: 'ACK', code: '4.08' });
    assert.equal(server.held.answers, 1);
  });

  it('finds no more than its identity may keep once its connections are closed', async () => {
    const { newPeer, server } = talk({ limits: { answersPerIdentity: 2 } });
    for (let i = 0; i < 50; i++) {
      const peer = newPeer(`${i}`, undefined, 'psk a');
      peer.says({ ...POST, mid: 1 });
      await peer.hears({ type: 'ACK', block2: [0, 1, 64] });
      server.forget(peer);
      assert.ok(server.held.answers <= 2);
    }
  });
});

describe('after a sleep', () => {
  it('an answer is there as long as it is used, and 10 min', async () => {
    const { peer, clock } = talk();
    peer.says({ ...POST, mid: 1 });
    await peer.hears({ type: 'ACK', block2: [0, 1, 64] });
    for (const i of [1, 2, 3]) {
      await clock.turn(590_000);
      peer.says({ ...POST, mid: 1 + i, block2: [i, 0, 64] });
      await peer.hears({ type: 'ACK', block2: [i, 1, 64] });
    }
  });

  it('it is there for a day in the store', async () => {
    const store = new MemoryBodyStore();
    const { newPeer, clock, requests } = talk({ store });
    const peer = newPeer('1', undefined, 'psk a');
    peer.says({ ...POST, mid: 1 });
    await peer.hears({ type: 'ACK', block2: [0, 1, 64] });
    await clock.turn(23 * 3600_000);
    peer.says({ ...POST, mid: 2, block2: [1, 0, 64] });
    const { payload } = await peer.hears({ type: 'ACK', block2: [1, 1, 64] });
    assert.deepEqual(payload, answer.slice(64, 128));
    await clock.turn(2 * 3600_000);
    peer.says({ ...POST, mid: 3, block2: [2, 0, 64] });
    await peer.hears({ type: 'ACK', code: '4.08' });
    assert.equal(requests.length, 1);
  });
});

describe('after a restart of the server', () => {
  it('an answer goes on from the store, for a new connection of the identity', async () => {
    const store = new MemoryBodyStore();
    const clock = new HandClock();
    const before = talk({ store, clock });
    const one = before.newPeer('1', undefined, 'psk a');
    one.says({ ...POST, mid: 1, requestTag: '07' });
    const { etag } = await one.hears({ type: 'ACK', block2: [0, 1, 64] });
    before.server.close();

    const after = talk({ store, clock });
    const two = after.newPeer('2', undefined, 'psk a');
    for (const i of [1, 2]) {
      two.says({ ...POST, mid: i, requestTag: '07', block2: [i, 0, 64] });
      const { payload, ...found } = await two.hears({ type: 'ACK', block2: [i, 1, 64] });
      assert.deepEqual(payload, answer.slice(64 * i, 64 * (i + 1)));
      assert.equal(found.etag, etag);
    }
    assert.equal(store.reads, 1);
    assert.equal(after.requests.length, 0);
    // By Q-Block2, too, and without the tag.
    two.says({ ...POST, mid: 9, qBlock2: [[3, 0, 64]] });
    await two.hears({ type: 'ACK', qBlock2: [[3, 1, 64]] });
    const other = after.newPeer('3', undefined, 'psk b');
    other.says({ ...POST, mid: 1, requestTag: '07', block2: [1, 0, 64] });
    await other.hears({ type: 'ACK', code: '4.08' });
  });

  it('is stored before its first block leaves, and no more once another request has replaced it', async () => {
    const store = new MemoryBodyStore();
    let large = true;
    const { newPeer } = talk({
      store,
      handle: () => (large ? gives() : { code: '2.04' }),
    });
    const peer = newPeer('1', undefined, 'psk a');
    peer.says({ ...POST, mid: 1 });
    await peer.hears({ type: 'ACK', block2: [0, 1, 64] });
    assert.equal(store.rows.size, 1);
    large = false;
    peer.says({ ...POST, mid: 2 });
    await peer.hears({ type: 'ACK', code: '2.04' });
    assert.equal(store.rows.size, 0);
    const nobody = newPeer('2');
    large = true;
    nobody.says({ ...POST, mid: 1 });
    await nobody.hears({ type: 'ACK', block2: [0, 1, 64] });
    assert.equal(store.rows.size, 0);
  });

  it('does without a store that fails', async () => {
    const fails = () => Promise.reject(new Error('disk full'));
    const { newPeer, requests } = talk({ store: { of: fails, put: fails, delete: fails } });
    const peer = newPeer('1', undefined, 'psk a');
    peer.says({ ...POST, mid: 1 });
    await peer.hears({ type: 'ACK', block2: [0, 1, 64] });
    peer.says({ ...POST, mid: 2, block2: [1, 0, 64] });
    await peer.hears({ type: 'ACK', block2: [1, 1, 64] });
    const other = newPeer('2', undefined, 'psk b');
    other.says({ ...POST, mid: 2, block2: [1, 0, 64] });
    await other.hears({ type: 'ACK', code: '4.08' });
    assert.equal(requests.length, 1);
  });
});

describe('blocks without Uri-Path (libcoap #811)', () => {
  const { path: _, ...nameless } = POST;

  it('belong to the only body that they could; the handler sees the path of the first', async () => {
    const { peer, requests } = talk();
    peer.says({ ...POST, mid: 0, ...part(0) });
    await peer.hears({ type: 'ACK', code: '2.31', block1: [0, 1, 64] });
    for (const i of [1, 2, 3]) {
      peer.says({ ...nameless, mid: i, ...part(i) });
      await peer.hears({ type: 'ACK', code: '2.31', block1: [i, 1, 64] });
    }
    peer.says({ ...nameless, mid: 4, ...part(4) });
    await peer.hears({ type: 'ACK', block1: [4, 0, 64], block2: [0, 1, 64] });
    assert.deepEqual(
      requests.map(({ path, body: found }) => [path, found]),
      [[['esipa'], body]],
    );
    peer.says({ ...nameless, mid: 5, block2: [1, 0, 64] });
    await peer.hears({ type: 'ACK', block2: [1, 1, 64] });
  });

  it('belong to the one of two bodies that they are the next block of', async () => {
    const { peer, requests } = talk();
    for (const [path, blocks] of [
      ['a', [0]],
      ['b', [0, 1]],
    ] as const) {
      for (const i of blocks) {
        peer.says({ ...POST, mid: 10 * path.charCodeAt(0) + i, path, ...part(i) });
        await peer.hears({ type: 'ACK', code: '2.31', block1: [i, 1, 64] });
      }
    }
    for (const i of [2, 3]) {
      peer.says({ ...nameless, mid: i, ...part(i) });
      await peer.hears({ type: 'ACK', code: '2.31', block1: [i, 1, 64] });
    }
    peer.says({ ...nameless, mid: 4, ...part(4) });
    await peer.hears({ type: 'ACK', block1: [4, 0, 64], block2: [0, 1, 64] });
    assert.deepEqual(requests[0]?.path, ['b']);
  });

  it('belong to none where two could be meant, or the tag differs', async () => {
    const { peer } = talk();
    for (const [i, path] of ['a', 'b'].entries()) {
      peer.says({ ...POST, mid: i, path, ...part(0) });
      await peer.hears({ type: 'ACK', code: '2.31', block1: [0, 1, 64] });
    }
    peer.says({ ...nameless, mid: 5, ...part(1) });
    await peer.hears({ type: 'ACK', code: '4.08' });
    peer.says({ ...nameless, mid: 6, requestTag: '05', ...part(1) });
    await peer.hears({ type: 'ACK', code: '4.08' });
  });
});

describe('a client that takes its request up again', () => {
  /** A server with an identity for its only device, and clients in connections of their own. */
  function device(options: { readonly quick: boolean; readonly store?: BodyStore }) {
    const clock = new HandClock();
    const requests: Uint8Array[] = [];
    const sent: string[] = [];
    const large = bodyOf(40_000).reverse();
    const common = { clock, log: silentLog() };
    let server = start();
    function start() {
      return new CoapServer<CoapPeer>({
        ...common,
        random: seededRandom(1),
        ...(options.store === undefined ? {} : { store: options.store }),
        handle: (request) => {
          requests.push(request.body);
          return { code: '2.05', body: large };
        },
      });
    }
    /** A client; `down` and `up` say whether the n-th message passes. */
    const client = (
      id: string,
      passes: { up?: (n: number) => boolean; down?: (n: number) => boolean },
    ) => {
      let up = 0;
      let down = 0;
      const coap = new CoapClient({
        ...common,
        random: seededRandom(Number(id)),
        quick: options.quick,
        parameters: { blockSize: 512, maxRetransmit: 2, nonMaxRetransmit: 2 },
        send: (message) => {
          const { options: found, payload } = decode(message);
          for (const number of [OptionNumber.block1, OptionNumber.qBlock1]) {
            const value = optionOf(found, number);
            if (value !== undefined && payload.length > 0)
              sent.push(Buffer.from(value).toString('hex'));
          }
          if (passes.up?.(up++) !== false) clock.after(50, () => server.receive(peer, message));
        },
      });
      const peer: CoapPeer = {
        id,
        identity: 'device',
        send: (message) => {
          if (passes.down?.(down++) !== false) clock.after(50, () => coap.receive(message));
        },
      };
      return { coap, peer };
    };
    const restart = () => {
      server.close();
      server = start();
    };
    return { clock, client, requests, large, restart, sent };
  }

  async function ended<T>(clock: HandClock, promise: Promise<T>): Promise<T> {
    let done = false;
    const watched = promise.finally(() => {
      done = true;
    });
    watched.catch(() => {});
    while (!done) await clock.turn(1_000);
    return watched;
  }

  for (const quick of [false, true]) {
    for (const store of [undefined, new MemoryBodyStore()]) {
      const how = `${quick ? 'Q-Block' : 'Block'}${store ? ', server restarted' : ''}`;
      it(`${how}: the answer goes on where it stopped`, async () => {
        const { clock, client, requests, large, restart } = device({
          quick,
          ...(store ? { store } : {}),
        });
        const transfer = new Transfer();
        const request = { method: 'POST', path: ['x'], body: bodyOf(10), transfer } as const;
        // Its link dies in the middle of the answer.
        const first = client('1', { up: (n) => n < 6, down: (n) => n < 25 });
        await assert.rejects(ended(clock, first.coap.request(request)), CoapClientError);
        if (store) restart();
        const before = transfer.download?.received ?? 0;
        const second = client('2', {});
        const { body: found } = await ended(clock, second.coap.request(request));
        assert.deepEqual(found, large);
        assert.equal(requests.length, 1);
        if (!quick) assert.ok(before > 1_000, `${before} octets`);
        const blocks = 40_000 / 512;
        assert.ok(second.coap.statistics.messagesReceived < blocks, 'blocks came again');
        // Empty once it has its response.
        assert.equal(transfer.download ?? transfer.quickDownload, undefined);
      });
    }

    it(`${quick ? 'Q-Block' : 'Block'}: the body goes on where it stopped`, async () => {
      const { clock, client, requests, sent } = device({ quick });
      const transfer = new Transfer();
      const body = bodyOf(20_000);
      const request = { method: 'POST', path: ['x'], body, transfer } as const;
      const first = client('1', { up: (n) => n < 23 });
      await assert.rejects(ended(clock, first.coap.request(request)), CoapClientError);
      assert.equal(requests.length, 0);
      sent.length = 0;
      const second = client('2', {});
      const { code } = await ended(clock, second.coap.request(request));
      assert.equal(code, '2.05');
      assert.deepEqual(requests, [body]);
      assert.ok(sent.length < 28, `${sent.length} of 40 blocks left again`);
    });
  }

  it('begins the body anew, once, where the server restarts in the middle of it', async () => {
    const { clock, client, requests, restart, sent } = device({ quick: false });
    const body = bodyOf(5_000);
    const restartAt = (due: (n: number) => boolean) => ({
      up: (n: number): boolean => {
        if (due(n)) restart();
        return true;
      },
    });
    const request = client(
      '1',
      restartAt((n) => n === 4),
    ).coap.request({ method: 'POST', path: ['x'], body });
    assert.equal((await ended(clock, request)).code, '2.05');
    assert.deepEqual(requests, [body]);
    assert.equal(sent.length, 5 + 10, 'the last of the five found nothing before it');
    const hopeless = client(
      '2',
      restartAt(() => true),
    );
    const { code } = await ended(
      clock,
      hopeless.coap.request({ method: 'POST', path: ['x'], body }),
    );
    assert.equal(code, '4.08', 'not for ever');
  });

  it('begins the body anew where the server has forgotten it', async () => {
    const { clock, client, requests, restart } = device({ quick: false });
    const transfer = new Transfer();
    const body = bodyOf(5_000);
    const request = { method: 'POST', path: ['x'], body, transfer } as const;
    const first = client('1', { up: (n) => n < 4 });
    await assert.rejects(ended(clock, first.coap.request(request)), CoapClientError);
    restart();
    assert.ok(transfer.uploaded > 0);
    const { code } = await ended(clock, client('2', {}).coap.request(request));
    assert.equal(code, '2.05');
    assert.deepEqual(requests, [body]);
  });
});

it('B18 ten thousand devices that leave everything half done stay within the limits', async () => {
  const limits = {
    peers: 2_000,
    bodyOctets: 300_000,
    answerOctets: 500_000,
    repeatOctets: 100_000,
    answeredOctets: 400_000,
  };
  const answers = bodyOf(3_000);
  const { server, clock, newPeer } = conversation({
    handle: () => ({ code: '2.05', body: answers }),
    limits,
    repeats: { joins: () => true, keeps: () => 60_000 },
  });
  const tail = bodyOf(1_024);
  for (let i = 0; i < 10_000; i++) {
    const peer = newPeer(`${i}`, undefined, i % 2 === 0 ? `psk ${i}` : undefined);
    peer.says({ ...POST, mid: 1, block1: [0, 1, 1024], payload: tail }); // a body half sent
    peer.says({
      ...POST,
      type: 'NON',
      mid: 2,
      requestTag: '01',
      size1: 9_000,
      qBlock1: [0, 1, 1024],
      payload: tail,
    });
    peer.says({ ...POST, mid: 3, requestTag: '02' }); // an answer never fetched
    peer.says({ ...POST, type: 'NON', mid: 4, requestTag: '03', qBlock2: [[0, 1, 1024]] });
    if (i % 3 === 0) server.forget(peer);
    if (i % 100 !== 99) continue;
    await clock.turn(200);
    const { peers, links, octets } = server.held;
    assert.ok(peers <= limits.peers && links <= limits.peers, `${peers} peers, ${links} links`);
    const most = 2 * limits.bodyOctets + limits.answerOctets + limits.repeatOctets;
    assert.ok(octets <= most, `${octets} octets`);
    assert.equal(clock.pending, 1); // one timer, whatever waits
  }
  await clock.turn(3 * 3600_000);
  assert.deepEqual({ ...server.held, links: 0 }, nothing);
  assert.equal(clock.pending, 0);
});

/**
 * What clients do in the field, replayed: how libcoap, Californium, Zephyr, go-coap and aiocoap send and ask for blocks
 * (reference sheet, 4.5), and the faults of other stacks that taught the field something, each with its issue.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { hex, toHex, utf8 } from '../../src/base/bytes.ts';
import { silentLog } from '../../src/base/log.ts';
import { blockOption, sizeOf, szxWithin } from '../../src/coap/block.ts';
import { CoapClient } from '../../src/coap/client.ts';
import { decode, encode } from '../../src/coap/message.ts';
import { OptionNumber } from '../../src/coap/options.ts';
import { HandClock, settled } from '../support/hand-clock.ts';
import { seededRandom } from '../support/seeded.ts';
import { bodyOf, conversation, type Line, type TestPeer } from './conversation.ts';

const POST = { type: 'CON', code: '0.02', path: 'gsma/rsp2/asn1', contentFormat: 42 } as const;
const answer = bodyOf(3_000).reverse();
const gives = () => ({ code: '2.05', body: answer, contentFormat: 42 }) as const;

/** How a client marks its messages. */
interface Style {
  readonly size: number;
  /** Of the n-th request of the transfer (from 0) in phase 1 (the body) or 2 (the answer). */
  readonly token: (n: number, phase: 1 | 2) => string;
  readonly requestTag?: string;
  /** Octets of Size1, in which blocks. */
  readonly size1: 'all' | 'first' | 'none';
  /** What requests for later blocks of the answer carry. */
  readonly later: (line: Line, body: Uint8Array) => Line;
}

const bare = (line: Line): Line => {
  const { block1: _1, size1: _2, payload: _3, ...rest } = line;
  return rest;
};

const styles: Readonly<Record<string, Style>> = {
  'libcoap 4.3.1': {
    size: 1024,
    token: (n) => `0${n + 1}000000000003`, // the tokens of phase 1 again in phase 2
    requestTag: '01c602c0',
    size1: 'all',
    later: (line) => {
      const { block1: _1, payload: _2, ...rest } = line;
      return rest;
    },
  },
  'libcoap 4.3.5': {
    size: 1024,
    token: (n, phase) => (n + phase === 1 ? '' : `0${n}00000000000${phase}`),
    requestTag: 'a1b2c3d4',
    size1: 'all',
    later: (line) => ({
      ...bare(line),
      ...(line.requestTag ? { requestTag: line.requestTag } : {}),
    }),
  },
  Californium: {
    size: 512,
    token: (n, phase) => `c4f0${phase}${n.toString(16)}112233445`.slice(0, 16).padEnd(16, '0'),
    size1: 'first',
    later: bare,
  },
  Zephyr: {
    size: 256,
    token: (n, phase) => `5e${phase}${n.toString(16).padStart(3, '0')}`.padEnd(16, 'a'),
    requestTag: '0102030405060708',
    size1: 'first',
    later: (line, body) => {
      // A small request is repeated whole; a large one without its blocks.
      const { block1: _1, size1: _2, requestTag: _3, ...rest } = line;
      return body.length <= 256 ? { ...rest, payload: body } : bare(rest);
    },
  },
  'go-coap, golioth': { size: 1024, token: () => 'beef', size1: 'none', later: bare },
  aiocoap: {
    size: 1024,
    token: (n, phase) => toHex(Uint8Array.of(phase, n)),
    size1: 'none',
    later: (line) => {
      const { contentFormat: _, ...rest } = bare(line);
      return rest;
    },
  },
};

/** A whole exchange in a client's style; the answer's body. */
async function exchange(
  peer: TestPeer,
  style: Style,
  body: Uint8Array,
  firstMid: number,
): Promise<Uint8Array> {
  const { size } = style;
  const line: Line = {
    ...POST,
    ...(style.requestTag === undefined || body.length <= size
      ? {}
      : { requestTag: style.requestTag }),
  };
  let mid = firstMid;
  let last: Line = line;
  const blocks = Math.ceil(body.length / size);
  for (let i = 0; i < blocks; i++) {
    const sized = style.size1 === 'all' || (style.size1 === 'first' && i === 0);
    last = {
      ...line,
      mid: mid++,
      token: style.token(i, 1),
      payload: body.slice(size * i, size * (i + 1)),
      ...(blocks > 1 ? { block1: [i, i < blocks - 1 ? 1 : 0, size] as const } : {}),
      ...(blocks > 1 && sized ? { size1: body.length } : {}),
    };
    peer.says(last);
    if (i === blocks - 1) break;
    await peer.hears({ type: 'ACK', code: '2.31', token: style.token(i, 1), block1: [i, 1, size] });
  }
  const found: Uint8Array[] = [];
  for (let i = 0, more = true; more; i++) {
    if (i > 0) {
      const token = style.token(i, 2);
      peer.says({ ...style.later(last, body), mid: mid++, token, block2: [i, 0, size] });
    }
    const block2 = [i, size * (i + 1) < answer.length ? 1 : 0, size] as const;
    const heard = await peer.hears({
      type: 'ACK',
      code: '2.05',
      mid: mid - 1,
      contentFormat: 42,
      block2,
      block1: i === 0 && blocks > 1 ? [blocks - 1, 0, size] : undefined,
    } as Line);
    found.push(heard.payload ?? new Uint8Array());
    more = block2[1] === 1;
  }
  return new Uint8Array(Buffer.concat(found));
}

describe('clients of the field', () => {
  for (const [name, style] of Object.entries(styles)) {
    for (const octets of [100, 2_900]) {
      it(`${name}: ${octets} octets up, 3,000 down, and again, handled once each`, async () => {
        const { peer, requests } = conversation({
          handle: gives,
          parameters: { blockSize: style.size },
        });
        for (const round of [0, 1]) {
          const body = bodyOf(octets + round);
          assert.deepEqual(await exchange(peer, style, body, 1_000 * round), answer);
          assert.deepEqual(requests[round]?.body, body);
        }
        assert.equal(requests.length, 2);
      });
    }
  }

  it('Zephyr: an answer to an upload that fits one block needs no Block2', async () => {
    // Its coap_client does not go on after the first response to an upload.
    const { peer } = conversation({ handle: () => ({ code: '2.04' }) });
    peer.says({ ...POST, mid: 1, block1: [0, 1, 256], payload: bodyOf(256) });
    await peer.hears({ type: 'ACK', code: '2.31', block1: [0, 1, 256] });
    peer.says({ ...POST, mid: 2, block1: [1, 0, 256], payload: bodyOf(10) });
    await peer.hears({ type: 'ACK', code: '2.04', block1: [1, 0, 256] });
  });
});

describe('faults of others', () => {
  const body = bodyOf(5 * 64);
  const part = (i: number): Line => ({
    ...POST,
    mid: 100 + i,
    block1: [i, i < 4 ? 1 : 0, 64],
    payload: body.slice(64 * i, 64 * (i + 1)),
  });

  it('libcoap #770: another request in the middle of a transfer does not end it', async () => {
    const { peer, requests } = conversation({ handle: gives });
    for (const i of [0, 1, 2, 3]) {
      peer.says(part(i));
      await peer.hears({ type: 'ACK', code: '2.31', block1: [i, 1, 64] });
      peer.says({ type: 'CON', code: '0.01', mid: 200 + i, path: 'time' });
      await peer.hears({ type: 'ACK', mid: 200 + i, block2: [0, 1, 1024] });
      peer.says({ type: 'CON', code: '0.00', mid: 300 + i });
      await peer.hears({ type: 'RST', mid: 300 + i });
    }
    peer.says(part(4));
    await peer.hears({ type: 'ACK', block1: [4, 0, 64], block2: [0, 1, 64] });
    peer.says({ type: 'CON', code: '0.01', mid: 400, path: 'time', block2: [1, 0, 1024] });
    await peer.hears({ type: 'ACK', block2: [1, 1, 1024] });
    peer.says({ ...POST, mid: 401, block2: [1, 0, 64] });
    await peer.hears({ type: 'ACK', block2: [1, 1, 64] });
    assert.deepEqual(requests.at(-1)?.body, body);
  });

  it('libcoap #1465 #1524: a transfer outlives 93 s and a wrap of tokens and message IDs', async () => {
    const { peer, clock, requests } = conversation({ handle: gives });
    for (const i of [0, 1, 2, 3]) {
      peer.says({ ...part(i), mid: (65_534 + i) % 65_536, token: i < 2 ? `ffffff0${i}` : `0${i}` });
      await peer.hears({ type: 'ACK', code: '2.31', block1: [i, 1, 64] });
      await clock.turn(500_000);
    }
    peer.says({ ...part(4), mid: 2, token: '' });
    await peer.hears({ type: 'ACK', mid: 2, block1: [4, 0, 64], block2: [0, 1, 64] });
    assert.deepEqual(requests[0]?.body, body);
  });

  it('libcoap #1787 #1778 #1806: many holes in many sets are filled, without a stall', async () => {
    const { peer, clock, requests } = conversation({ handle: () => ({ code: '2.04' }) });
    const large = bodyOf(60 * 64);
    let mid = 0;
    const says = (i: number) =>
      peer.says({
        ...POST,
        type: 'NON',
        mid: ++mid,
        token: toHex(Uint8Array.of(mid)),
        requestTag: '07',
        size1: large.length,
        qBlock1: [i, i < 59 ? 1 : 0, 64],
        payload: large.slice(64 * i, 64 * (i + 1)),
      });
    // Two of three blocks are lost, and half of those that are sent again.
    for (let i = 0; i < 60; i++) if (i % 3 === 0 || i === 59) says(i);
    const began = clock.now();
    for (let round = 0; requests.length === 0; round++) {
      assert.ok(round < 200, 'stalled');
      await clock.turn(1_000);
      for (const bytes of peer.sent.splice(0)) {
        const { code, payload } = decode(bytes);
        if (code !== '4.08') continue;
        // Numbers below 24 are an octet each, from there on 0x18 stands before them.
        const missing = [...payload].filter((octet) => octet !== 24);
        assert.ok(missing.length <= 10);
        for (const [n, i] of missing.entries()) if (n % 2 === round % 2) says(i);
      }
    }
    await settled();
    assert.deepEqual(requests[0]?.body, large);
    assert.ok(clock.now() - began < 120_000, `${clock.now() - began} ms`);
  });

  it('libcoap #949: each block of an upload is repeated until it is acknowledged, not the first alone', async () => {
    const clock = new HandClock();
    const sent: Uint8Array[] = [];
    const client = new CoapClient({
      send: (message) => sent.push(message),
      clock,
      random: seededRandom(1),
      log: silentLog(),
    });
    const response = client.request({ method: 'POST', path: ['x'], body: bodyOf(1_488) });
    const outcome = assert.rejects(response, { kind: 'unacknowledged' });
    await settled();
    const { messageId, token } = decode(sent.shift() ?? assert.fail('silence'));
    const options = [blockOption(OptionNumber.block1, { number: 0, more: true, szx: 6 })];
    const none = new Uint8Array();
    client.receive(encode({ type: 'ACK', code: '2.31', messageId, token, options, payload: none }));
    await settled();
    await clock.turn(5 * 60_000); // its ACK never comes
    await outcome;
    assert.equal(sent.length, 5);
    assert.equal(new Set(sent.map(toHex)).size, 1);
    assert.equal(decode(sent[0] ?? none).payload.length, 1_488 - 1_024);
  });

  it('libcoap #1359: blocks 10, 0, 10, 10 make no body', async () => {
    const { peer, requests } = conversation();
    for (const [mid, i] of [10, 0, 10, 10].entries()) {
      const line: Line = { ...POST, mid, token: '01', size1: 111, requestTag: 'a9fa532b' };
      peer.says({ ...line, block1: [i, 1, 32], payload: bodyOf(32) });
      await peer.hears(
        i === 0
          ? { type: 'ACK', mid, code: '2.31', block1: [0, 1, 32] }
          : { type: 'ACK', mid, code: '4.08' },
      );
    }
    assert.equal(requests.length, 0);
  });

  it('libcoap #2111: a block that comes again under a new message ID is answered, not acknowledged alone', async () => {
    const { peer, clock } = conversation();
    for (const mid of [1, 2, 3]) {
      peer.says({ ...part(0), mid });
      await peer.hears({ type: 'ACK', mid, code: '2.31', block1: [0, 1, 64] });
    }
    await clock.turn(100_000);
    await peer.hearsNothing();
  });

  it('libcoap #2110: no block that is here is asked for, however many holes there are between them', async () => {
    const { peer, clock, requests } = conversation();
    const large = bodyOf(40 * 64);
    let mid = 0;
    const says = (i: number) =>
      peer.says({
        ...POST,
        ...{ type: 'NON', mid: ++mid, token: '01', requestTag: '07', size1: large.length },
        qBlock1: [i, i < 39 ? 1 : 0, 64],
        payload: large.slice(64 * i, 64 * (i + 1)),
      });
    const here = new Set<number>();
    const take = (i: number) => {
      assert.ok(!here.has(i), `block ${i} is here`);
      here.add(i);
      says(i);
    };
    for (let i = 0; i < 40; i += 2) take(i); // twenty holes
    for (let round = 0; requests.length === 0; round++) {
      assert.ok(round < 100, 'stalled');
      await clock.turn(1_000);
      const asked = new Set<number>();
      for (const bytes of peer.sent.splice(0)) {
        const { code, payload } = decode(bytes);
        if (code === '4.08') for (const octet of payload) if (octet !== 24) asked.add(octet);
      }
      for (const i of asked) take(i);
      await settled();
    }
    assert.deepEqual(requests[0]?.body, large);
  });

  it('go-coap #40: 2.31 is the acknowledgement of its block, no CON of its own', async () => {
    // The request of the report, and what it should have been answered.
    const { peer } = conversation();
    peer.saysBytes(hex(`4802b34435cbd3f85fa46476d10e0bd214012cff${'61'.repeat(128)}`));
    assert.deepEqual(await peer.hearsBytes(), hex('685fb34435cbd3f85fa46476d10e0b'));
  });

  it('golioth #57: a token for each block gets each block once, not the same one for ever', async () => {
    const { peer, requests } = conversation({ handle: gives });
    const GET = { type: 'CON', code: '0.01', path: '.u/c/main@1.2.99' } as const;
    const found: Uint8Array[] = [];
    for (let i = 0; i < 3; i++) {
      peer.says({ ...GET, mid: i, token: `c0ffee0${i}`, block2: [i, 0, 1024] });
      const heard = await peer.hears({
        type: 'ACK',
        token: `c0ffee0${i}`,
        block2: [i, i < 2 ? 1 : 0, 1024],
      });
      found.push(heard.payload ?? new Uint8Array());
    }
    assert.deepEqual(new Uint8Array(Buffer.concat(found)), answer);
    assert.equal(requests.length, 1);
  });

  it('sdk-zephyr #4345: a device whose ACKs never arrive is answered all the same', async () => {
    const { peer, clock, server } = conversation({
      handle: async ({ path }) => {
        if (path[0] === 'slow') await new Promise<void>((done) => clock.after(3_000, done));
        return { code: '2.04' };
      },
    });
    peer.says({ type: 'CON', code: '0.02', path: 'slow', mid: 1, token: '01' });
    await clock.turn(3_000);
    await peer.hears({ type: 'ACK', code: '0.00', mid: 1 });
    await peer.hears({ type: 'CON', code: '2.04', token: '01' });
    for (const mid of [2, 3]) {
      peer.says({ ...POST, mid, token: '02' });
      await peer.hears({ type: 'ACK', code: '2.04', mid, token: '02' });
    }
    await clock.turn(100_000);
    for (let i = 0; i < 4; i++) await peer.hears({ type: 'CON', code: '2.04', token: '01' });
    await peer.hearsNothing();
    await clock.turn(3_600_000);
    assert.deepEqual([server.held.peers, clock.pending], [0, 0]);
  });

  it('node-coap #391: an acknowledgement that comes twice makes no block twice', async () => {
    const clock = new HandClock();
    const sent: Uint8Array[] = [];
    const client = new CoapClient({
      send: (message) => sent.push(message),
      clock,
      random: seededRandom(1),
      log: silentLog(),
    });
    const response = client.request({ method: 'GET', path: ['x'] });
    const whole = bodyOf(3 * 16 + 5);
    const said: Uint8Array[] = [];
    for (let i = 0; i < 4; i++) {
      await settled();
      const { messageId, token } = decode(sent.shift() ?? assert.fail('silence'));
      const szx = szxWithin(16);
      const options = [blockOption(OptionNumber.block2, { number: i, more: i < 3, szx })];
      const payload = whole.slice(i * sizeOf(szx), (i + 1) * sizeOf(szx));
      said.push(encode({ type: 'ACK', code: '2.05', messageId, token, options, payload }));
      for (const bytes of [...said, ...said.slice(0, 1)]) client.receive(bytes);
    }
    assert.deepEqual((await response).body, whole);
    assert.equal(sent.length, 0);
  });

  it('go-coap #231 #367: an old block sent again changes nothing; 2.31 only where more is to come', async () => {
    const { peer, requests } = conversation({ handle: () => ({ code: '2.04' }) });
    let mid = 500;
    for (const i of [0, 1, 2, 1, 3, 2]) {
      peer.says({ ...part(i), mid: mid++ });
      await peer.hears({ type: 'ACK', code: '2.31', block1: [i, 1, 64] });
    }
    peer.says(part(4));
    await peer.hears({ type: 'ACK', code: '2.04', block1: [4, 0, 64] });
    assert.deepEqual(
      requests.map((request) => request.body),
      [body],
    );
  });

  it('does not take another old block for one that is here', async () => {
    const { peer } = conversation();
    for (const i of [0, 1, 2]) {
      peer.says(part(i));
      await peer.hears({ type: 'ACK', code: '2.31', block1: [i, 1, 64] });
    }
    peer.says({ ...part(1), mid: 500, payload: bodyOf(64).reverse() });
    await peer.hears({ type: 'ACK', code: '4.08' });
  });

  it('go-coap #311: nothing is left of peers that have gone', async () => {
    const { server, newPeer } = conversation({ handle: gives });
    for (let i = 0; i < 100; i++) {
      const peer = newPeer(`${i}`);
      peer.says(part(0));
      peer.says({ ...POST, mid: 1 });
      await settled();
      server.forget(peer);
    }
    const { peers, messages, bodies, answers, links } = server.held;
    assert.deepEqual([peers, messages, bodies, answers, links], [0, 0, 0, 0, 0]);
  });

  it('Zephyr #66607: block 7 is answered with block 7', async () => {
    const { peer } = conversation({ handle: gives, parameters: { blockSize: 64 } });
    peer.says({ ...POST, mid: 1 });
    await peer.hears({ type: 'ACK', block2: [0, 1, 64] });
    for (const i of [7, 3, 45, 7]) {
      peer.says({ ...POST, mid: 1_000 + i, token: `${10 + i}`, block2: [i, 0, 64] });
      const { payload } = await peer.hears({ type: 'ACK', block2: [i, 1, 64] });
      assert.deepEqual(payload, answer.slice(64 * i, 64 * (i + 1)));
      peer.sent.length = 0;
    }
  });

  it('Zephyr #119792: two clients of one resource never see each other’s blocks', async () => {
    const { newPeer, requests } = conversation({
      handle: ({ peer, body: found }) => ({
        code: '2.05',
        body: Buffer.concat([utf8(peer.id), found]),
      }),
      parameters: { blockSize: 64 },
    });
    const peers = ['a', 'b'].map((id) => newPeer(id));
    for (const i of [0, 1, 2, 3, 4]) {
      for (const peer of peers) {
        peer.says(part(i));
        await settled();
      }
    }
    for (const peer of peers) {
      peer.sent.splice(0, 4);
      const first = await peer.hears({ type: 'ACK', block1: [4, 0, 64], block2: [0, 1, 64] });
      assert.deepEqual(first.payload?.slice(0, 1), utf8(peer.id));
    }
    for (const peer of peers) {
      peer.says({ ...POST, mid: 900, block2: [1, 0, 64] });
      const { payload } = await peer.hears({ type: 'ACK', block2: [1, 1, 64] });
      assert.deepEqual(payload, body.slice(63, 127));
    }
    assert.equal(requests.length, 2);
  });

  it('Californium #351, Leshan #145: a thousand devices behind one address share no message IDs', async () => {
    const { newPeer, requests } = conversation({ handle: () => ({ code: '2.04' }) });
    for (let i = 0; i < 1_000; i++) {
      const peer = newPeer(`connection ${i}`);
      peer.says({ ...POST, mid: 7, token: '01' });
    }
    await settled();
    assert.equal(requests.length, 1_000);
  });
});

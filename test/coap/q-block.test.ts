/**
 * RFC 9177, the server's side, as conversations: the figures of its section 10 and appendix A (Observe left out, which
 * the server ignores), and its rules. `X` in a chart is a message that the test does not deliver.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { concat, hex, toHex, utf8 } from '../../src/base/bytes.ts';
import { CoapError } from '../../src/coap/codes.ts';
import type { CoapResponse } from '../../src/coap/request.ts';
import { settled } from '../support/hand-clock.ts';
import {
  bodyOf,
  type ConversationOptions,
  conversation,
  type Line,
  nothing,
  promised,
  type TestPeer,
} from './conversation.ts';

/** Octets of a block in the figures. */
const size = 1024;
const PUT = { type: 'NON', code: '0.03', path: 'path' } as const;
const GET = { type: 'NON', code: '0.01', path: 'path' } as const;
const FETCH = { type: 'NON', code: '0.05', path: 'path' } as const;

/** RFC timing: what is overtaken is waited for as long as what is lost. */
const asInTheFigures = { nonReorderTimeout: 4_000 };

function talk(options: ConversationOptions = {}) {
  return conversation({ ...options, parameters: { ...asInTheFigures, ...options.parameters } });
}

/** Block `i` of a body, as a line. */
function part(body: Uint8Array, i: number, of = size): Partial<Line> {
  const last = Math.ceil(body.length / of) - 1;
  return {
    qBlock1: [i, i < last ? 1 : 0, of],
    size1: body.length,
    payload: body.slice(of * i, of * (i + 1)),
  };
}

function missing(...numbers: readonly number[]): Partial<Line> {
  return { code: '4.08', contentFormat: 272, payload: Uint8Array.from(numbers) };
}

/** Hears blocks of an answer, each once, in this order; the payloads. */
async function hearsBlocks(
  peer: TestPeer,
  body: Uint8Array,
  token: string,
  numbers: readonly number[],
  line: Partial<Line> = {},
): Promise<void> {
  const last = Math.ceil(body.length / size) - 1;
  const etags = new Set<string | undefined>();
  for (const i of numbers) {
    const { etag } = await peer.hears({
      type: 'NON',
      code: '2.05',
      token,
      qBlock2: [[i, i < last ? 1 : 0, size]],
      size2: body.length,
      payload: body.slice(size * i, size * (i + 1)),
      ...line,
    });
    etags.add(etag);
  }
  assert.equal(etags.size, 1);
  assert.ok(!etags.has(undefined));
}

const upTo = (end: number, from = 0) => Array.from({ length: end - from }, (_, i) => from + i);

/** Octets of a body of so many blocks, the last one not full. */
const octets = (blocks: number) => size * (blocks - 1) + 100;

const gives = (body: Uint8Array) => () => ({ code: '2.05', body }) as const;

describe('RFC 9177 section 10.1: Q-Block1', () => {
  it('10.1.1: a simple example', async () => {
    // NON PUT RT=9 QB1:0/1 1/1 2/1 3/0 ──▶      ◀── NON 2.04 T:c3
    const { peer, requests, clock } = talk();
    const body = bodyOf(octets(4));
    for (const [i, token] of ['c0', 'c1', 'c2', 'c3'].entries()) {
      peer.says({ ...PUT, mid: 0x81 + i, token, requestTag: '09', ...part(body, i) });
    }
    await peer.hears({ type: 'NON', code: '2.04', token: 'c3' });
    assert.deepEqual(
      requests.map((request) => [request.method, request.body]),
      [['PUT', body]],
    );
    await clock.turn(120_000);
    await peer.hearsNothing();
  });

  it('B17 10.1.2: handling MAX_PAYLOADS limits', async () => {
    // QB1:0/1 … 9/1 ──▶   ◀── NON 2.31 T:fa   QB1:10/0 ──▶   ◀── NON 2.04 T:fb
    const { peer, requests } = talk();
    const body = bodyOf(octets(11));
    for (const i of upTo(10)) {
      const token = (0xf1 + i).toString(16);
      peer.says({ ...PUT, mid: i + 1, token, requestTag: '0a', ...part(body, i) });
    }
    await peer.hears({ type: 'NON', code: '2.31', token: 'fa', qBlock1: [9, 1, size] });
    peer.says({ ...PUT, mid: 0x0b, token: 'fb', requestTag: '0a', ...part(body, 10) });
    await peer.hears({ type: 'NON', code: '2.04', token: 'fb' });
    assert.deepEqual(requests[0]?.body, body);
  });

  it('B17 10.1.3: handling MAX_PAYLOADS with recovery', async () => {
    // QB1:0 X1 2 … 8 X9, NON_TIMEOUT, X10 11 ──▶   ◀── 4.08 T:ec [1,9]
    // QB1:1 9 12 ──▶   NON_RECEIVE_TIMEOUT   ◀── 4.08 T:ef [10]   QB1:10 ──▶   ◀── 2.04 T:f0
    const { peer, clock, requests } = talk();
    const body = bodyOf(octets(13));
    const says = (i: number, token: number) =>
      peer.says({
        ...PUT,
        mid: token,
        token: token.toString(16),
        requestTag: '0b',
        ...part(body, i),
      });
    for (const i of upTo(9)) if (i !== 1) says(i, 0xe1 + i);
    await clock.turn(2_500);
    await peer.hearsNothing();
    says(11, 0xec);
    await peer.hears({ type: 'NON', token: 'ec', ...missing(1, 9) });
    says(1, 0xed);
    says(9, 0xee);
    // Not in the figure, but in section 7.2: the first set is there now.
    await peer.hears({ type: 'NON', code: '2.31', token: 'ee', qBlock1: [9, 1, size] });
    says(12, 0xef);
    await clock.turn(3_900);
    await peer.hearsNothing();
    await clock.turn(100);
    await peer.hears({ type: 'NON', token: 'ef', ...missing(10) });
    says(10, 0xf0);
    await peer.hears({ type: 'NON', code: '2.04', token: 'f0' });
    assert.deepEqual(requests[0]?.body, body);
  });

  it('10.1.4: handling recovery with failure', async () => {
    // QB1:0 X1 2/0 ──▶  after 4 s, 8, 16, 32 more: ◀── 4.08 T:d2 [1]; after 64 more the body is dropped
    const { peer, clock, server, requests } = talk();
    const body = bodyOf(octets(3));
    for (const i of [0, 2]) {
      const token = (0xd0 + i).toString(16);
      peer.says({ ...PUT, mid: 0x91 + i, token, requestTag: '0c', ...part(body, i) });
    }
    for (const wait of [4_000, 8_000, 16_000, 32_000]) {
      await clock.turn(wait - 50);
      await peer.hearsNothing();
      await clock.turn(50);
      await peer.hears({ type: 'NON', token: 'd2', ...missing(1) });
    }
    assert.equal(server.held.bodies, 1);
    await clock.turn(64_000);
    await peer.hearsNothing();
    assert.equal(server.held.bodies, 0);
    assert.equal(requests.length, 0);
  });
});

describe('RFC 9177 section 10.2: Q-Block2', () => {
  it('10.2.1: a simple example', async () => {
    // NON GET T:c0 QB2:0/1 ──▶   ◀── NON 2.05 T:c0 ET QB2:0/1 1/1 2/1 3/0
    const body = bodyOf(octets(4));
    const { peer, clock, requests } = talk({ handle: gives(body) });
    peer.says({ ...GET, mid: 1, token: 'c0', qBlock2: [[0, 1, size]] });
    await hearsBlocks(peer, body, 'c0', upTo(4));
    await clock.turn(120_000);
    await peer.hearsNothing();
    assert.equal(requests.length, 1);
  });

  it('B17 10.2.2: handling MAX_PAYLOADS limits', async () => {
    // QB2:0/1 ──▶ ◀── T:f0 0 … 9   NON GET T:f1 QB2:10/1 ──▶ ◀── T:f0 10/0
    const body = bodyOf(octets(11));
    const { peer, clock, requests } = talk({ handle: gives(body) });
    peer.says({ ...GET, mid: 1, token: 'f0', qBlock2: [[0, 1, size]] });
    await hearsBlocks(peer, body, 'f0', upTo(10));
    await peer.hearsNothing();
    peer.says({ ...GET, mid: 2, token: 'f1', qBlock2: [[10, 1, size]] });
    await hearsBlocks(peer, body, 'f0', [10]);
    await clock.turn(120_000);
    await peer.hearsNothing();
    assert.equal(requests.length, 1);
  });

  it('B17 10.2.3: handling MAX_PAYLOADS with recovery', async () => {
    // ◀── 0 X1 … X9, NON_TIMEOUT, ◀── 10/0   T:f3 QB2:1/0 9/0 ──▶ ◀── T:f3 X1 9   T:f4 QB2:1/0 ──▶ ◀── T:f4 1
    const body = bodyOf(octets(11));
    const { peer, clock } = talk({ handle: gives(body) });
    peer.says({ ...GET, mid: 1, token: 'f0', qBlock2: [[0, 1, size]] });
    await hearsBlocks(peer, body, 'f0', upTo(10));
    await clock.turn(4_000);
    await hearsBlocks(peer, body, 'f0', [10]);
    const lost = [
      [1, 0, size],
      [9, 0, size],
    ] as const;
    peer.says({ ...GET, mid: 4, token: 'f3', qBlock2: lost });
    await hearsBlocks(peer, body, 'f3', [1, 9]);
    peer.says({ ...GET, mid: 5, token: 'f4', qBlock2: [[1, 0, size]] });
    await hearsBlocks(peer, body, 'f4', [1]);
    await peer.hearsNothing();
  });

  it('10.2.4: handling recovery using the M bit', async () => {
    // ◀── 0 1 X2 … X9 X10   T:f5 QB2:2/1 ──▶ ◀── T:f5 2 … 9   T:f6 QB2:10/1 ──▶
    const body = bodyOf(octets(11));
    const { peer, clock } = talk({ handle: gives(body) });
    peer.says({ ...GET, mid: 1, token: 'f0', qBlock2: [[0, 1, size]] });
    await hearsBlocks(peer, body, 'f0', upTo(10));
    await clock.turn(4_000);
    await hearsBlocks(peer, body, 'f0', [10]);
    peer.says({ ...GET, mid: 6, token: 'f5', qBlock2: [[2, 1, size]] });
    await hearsBlocks(peer, body, 'f5', upTo(10, 2));
    // Unlike in the figure block 10, which has left once, is not sent again for the first word to continue.
    peer.says({ ...GET, mid: 7, token: 'f6', qBlock2: [[10, 1, size]] });
    await peer.hearsNothing();
    peer.says({ ...GET, mid: 8, token: 'f7', qBlock2: [[10, 1, size]] });
    await hearsBlocks(peer, body, 'f0', [10]);
  });
});

describe('RFC 9177 section 10.3: Q-Block1 and Q-Block2', () => {
  it('10.3.1: a simple example', async () => {
    const answer = bodyOf(octets(4)).reverse();
    const { peer, requests } = talk({ handle: gives(answer) });
    const body = bodyOf(octets(3));
    for (const [i, token] of ['90', '91', '93'].entries()) {
      peer.says({ ...FETCH, mid: 0x10 + i, token, requestTag: '1e', ...part(body, i) });
    }
    await hearsBlocks(peer, answer, '93', upTo(4));
    assert.deepEqual(
      requests.map((request) => request.body),
      [body],
    );
  });

  it('10.3.2: handling MAX_PAYLOADS limits', async () => {
    const answer = bodyOf(octets(11)).reverse();
    const { peer, requests } = talk({ handle: gives(answer) });
    const body = bodyOf(octets(11));
    const requestTag = '0a';
    for (const i of upTo(10)) {
      const token = (0xa0 + i).toString(16);
      peer.says({ ...FETCH, mid: 0x30 + i, token, requestTag, ...part(body, i) });
    }
    await peer.hears({ type: 'NON', code: '2.31', token: 'a9', qBlock1: [9, 1, size] });
    peer.says({ ...FETCH, mid: 0x3a, token: 'aa', requestTag, ...part(body, 10) });
    await hearsBlocks(peer, answer, 'aa', upTo(10));
    peer.says({ ...FETCH, mid: 0x3b, token: 'ab', requestTag, qBlock2: [[10, 1, size]] });
    await hearsBlocks(peer, answer, 'aa', [10]);
    assert.equal(requests.length, 1);
  });

  it('10.3.3: handling recovery', async () => {
    const answer = bodyOf(octets(4)).reverse();
    const { peer, clock, requests } = talk({ handle: gives(answer) });
    const body = bodyOf(octets(4));
    const requestTag = '1f';
    const says = (i: number, token: string) =>
      peer.says({
        ...FETCH,
        mid: Number.parseInt(token, 16),
        token,
        requestTag,
        ...part(body, i),
      });
    says(0, 'c0');
    says(3, 'c3');
    await clock.turn(4_000);
    await peer.hears({ type: 'NON', token: 'c3', ...missing(1, 2) });
    says(1, 'c4');
    says(2, 'c5');
    await hearsBlocks(peer, answer, 'c5', upTo(4));
    const lost = [
      [1, 0, size],
      [3, 0, size],
    ] as const;
    peer.says({ ...FETCH, mid: 0x56, token: 'c6', requestTag, qBlock2: lost });
    await hearsBlocks(peer, answer, 'c6', [1, 3]);
    peer.says({ ...FETCH, mid: 0x57, token: 'c7', requestTag, qBlock2: [[1, 0, size]] });
    await hearsBlocks(peer, answer, 'c7', [1]);
    assert.equal(requests.length, 1);
  });
});

describe('RFC 9177 appendix A: confirmable messages', () => {
  const CON = { ...PUT, type: 'CON' } as const;

  it('A.1: Q-Block1, each block acknowledged', async () => {
    const { peer, requests } = talk();
    const body = bodyOf(octets(4));
    for (const i of upTo(4)) {
      const token = (0xf0 + i).toString(16);
      peer.says({ ...CON, mid: i + 1, token, requestTag: '0a', ...part(body, i) });
    }
    for (const mid of [1, 2, 3]) await peer.hears({ type: 'ACK', code: '0.00', mid });
    await peer.hears({ type: 'ACK', code: '2.04', mid: 4, token: 'f3' });
    assert.deepEqual(requests[0]?.body, body);
  });

  it('A.1: Q-Block1, blocks repeated by their sender, never asked for', async () => {
    const { peer, clock, requests } = talk();
    const body = bodyOf(octets(5));
    const says = (i: number) =>
      peer.says({ ...CON, mid: 5 + i, token: `f${4 + i}`, requestTag: '0b', ...part(body, i) });
    for (const i of [0, 3]) {
      says(i);
      await peer.hears({ type: 'ACK', code: '0.00', mid: 5 + i });
    }
    await clock.turn(200_000);
    await peer.hearsNothing();
    for (const i of [1, 2]) {
      says(i);
      await peer.hears({ type: 'ACK', code: '0.00', mid: 5 + i });
    }
    says(4);
    await peer.hears({ type: 'ACK', code: '2.04', mid: 9 });
    assert.deepEqual(requests[0]?.body, body);
  });

  it('Q-Block1 with its first and last block as CONs: the one between is asked for', async () => {
    const { peer, clock, requests } = conversation();
    const body = bodyOf(octets(3));
    for (const i of [0, 2]) {
      peer.says({ ...CON, mid: i, token: `0${i}`, requestTag: '0b', ...part(body, i) });
      await peer.hears({ type: 'ACK', code: '0.00', mid: i });
    }
    await clock.turn(1_000);
    await peer.hears({ type: 'NON', token: '02', ...missing(1) });
    peer.says({ ...CON, mid: 3, token: '03', requestTag: '0b', ...part(body, 1) });
    await peer.hears({ type: 'ACK', code: '2.04', mid: 3 });
    assert.deepEqual(requests[0]?.body, body);
  });

  it('A.2: Q-Block2; the first block acknowledges, the others are NON where the figure has CON', async () => {
    const body = bodyOf(octets(4));
    const { peer } = talk({ handle: gives(body) });
    peer.says({ ...GET, type: 'CON', mid: 1, token: 'f0', qBlock2: [[0, 1, size]] });
    await peer.hears({ type: 'ACK', code: '2.05', mid: 1, token: 'f0', qBlock2: [[0, 1, size]] });
    await hearsBlocks(peer, body, 'f0', [1, 2, 3]);
  });

  it('A.2: a late answer is confirmed before its other blocks follow', async () => {
    const answer = promised<CoapResponse>();
    const { peer, clock } = talk({ handle: () => answer.promise });
    peer.says({ ...GET, type: 'CON', mid: 1, token: 'f0', qBlock2: [[0, 1, size]] });
    await clock.turn(1_500);
    await peer.hears({ type: 'ACK', code: '0.00', mid: 1 });
    const body = bodyOf(octets(3));
    answer.resolve({ code: '2.05', body });
    const { mid = 0 } = await peer.hears({
      type: 'CON',
      code: '2.05',
      token: 'f0',
      qBlock2: [[0, 1, size]],
    });
    await peer.hearsNothing();
    peer.says({ type: 'ACK', code: '0.00', mid });
    await hearsBlocks(peer, body, 'f0', [1, 2]);
  });
});

describe('Q-Block1: what is refused', () => {
  const body = bodyOf(octets(3));
  const whole = { ...PUT, type: 'CON', mid: 1, token: '01', requestTag: '01' } as const;

  for (const [why, line, code] of [
    ['no Request-Tag', { requestTag: undefined }, '4.00'],
    ['no Size1', { size1: undefined }, '4.00'],
    ['a block beyond the body', { qBlock1: [3, 0, size] }, '4.00'],
    ['M in the last block', { qBlock1: [2, 1, size], payload: body.slice(2 * size) }, '4.00'],
    ['no M before the last block', { qBlock1: [1, 0, size] }, '4.00'],
    ['a block that is too short', { payload: body.slice(0, size - 1) }, '4.00'],
    ['a body over the limit', { size1: 65_537, qBlock1: [0, 1, size] }, '4.13'],
    ['Q-Block1 beside Block1', { block1: [0, 1, size] }, '4.02'],
    ['Q-Block1 beside Block2', { block2: [0, 0, size] }, '4.02'],
  ] as const) {
    it(`B17 answers ${code} to ${why}`, async () => {
      const { peer, server, requests } = talk();
      const { requestTag, size1, ...rest } = { ...whole, ...part(body, 0), ...line };
      peer.says({
        ...rest,
        ...(requestTag === undefined ? {} : { requestTag }),
        ...(size1 === undefined ? {} : { size1 }),
      } as Line);
      await peer.hears({
        type: 'ACK',
        mid: 1,
        code,
        ...(code === '4.13' ? { size1: 65_536 } : {}),
      });
      assert.equal(server.held.bodies, 0);
      assert.equal(requests.length, 0);
    });
  }

  for (const [what, line] of [
    ['Size1', { size1: octets(3) - 1 }],
    ['block size', { qBlock1: [1, 1, 512], payload: body.slice(512, 1024) }],
    ['block size, and its octets do not', { qBlock1: [1, 1, 512] }],
  ] as const) {
    it(`answers 4.00 where the ${what} changes midway`, async () => {
      const { peer } = talk();
      peer.says({ ...PUT, mid: 1, token: '01', requestTag: '01', ...part(body, 0) });
      peer.says({ ...whole, mid: 2, ...part(body, 1), ...line } as Line);
      await peer.hears({ type: 'ACK', mid: 2, code: '4.00' });
    });
  }

  it('B17 drops the body when the list of missing blocks is reset', async () => {
    const { peer, clock, server } = talk();
    for (const i of [0, 2]) {
      peer.says({ ...PUT, mid: i, token: `0${i}`, requestTag: '01', ...part(body, i) });
    }
    await clock.turn(4_000);
    const { mid = 0 } = await peer.hears({ type: 'NON', token: '02', ...missing(1) });
    assert.equal(server.held.bodies, 1);
    peer.says({ type: 'RST', code: '0.00', mid });
    assert.equal(server.held.bodies, 0);
    await clock.turn(200_000);
    await peer.hearsNothing();
  });

  it('keeps bodies of different Request-Tags apart', async () => {
    const { peer, requests } = talk();
    const other = bodyOf(octets(3)).reverse();
    for (const i of upTo(3)) {
      peer.says({ ...PUT, mid: 10 + i, token: `0${i}`, requestTag: '01', ...part(body, i) });
      peer.says({ ...PUT, mid: 20 + i, token: `1${i}`, requestTag: '02', ...part(other, i) });
    }
    await settled();
    assert.deepEqual(
      requests.map((request) => request.body),
      [body, other],
    );
  });
});

describe('Q-Block1: blocks that come again', () => {
  const body = bodyOf(octets(11));
  const line = (mid: number, i: number): Line => ({
    ...PUT,
    mid,
    token: toHex(Uint8Array.of(mid)),
    requestTag: '01',
    ...part(body, i),
  });

  it('are answered as they were the first time (section 4.3)', async () => {
    const { peer, requests } = talk();
    for (const i of upTo(10)) peer.says(line(i, i));
    await peer.hears({ type: 'NON', code: '2.31', token: '09', qBlock1: [9, 1, size] });
    peer.says(line(20, 9));
    await peer.hears({ type: 'NON', code: '2.31', token: '14', qBlock1: [9, 1, size] });
    peer.says(line(21, 3));
    await peer.hearsNothing();
    peer.says(line(22, 10));
    await peer.hears({ type: 'NON', code: '2.04', token: '16' });
    peer.says(line(23, 10));
    await peer.hears({ type: 'NON', code: '2.04', token: '17' });
    assert.equal(requests.length, 1);
  });

  it('B17 lists what is missing as libcoap 4.3.5 does (reference sheet, 4.6)', async () => {
    // Its server's bytes, message ID and token aside: 58 88 …… …………… c2 0110 ff 02 06 0d
    const { peer, clock } = talk();
    const long = bodyOf(octets(14));
    const says = (i: number) =>
      peer.says({ ...line(i, 0), ...part(long, i), token: '0d00000000000003' });
    for (const i of upTo(10)) if (i !== 2 && i !== 6) says(i);
    await peer.hearsNothing();
    await clock.turn(2_500);
    says(10);
    await peer.hearsNothing();
    says(11); // the second of the next set: what is missing of this one, at once
    assert.equal(toHex((await peer.hearsBytes()).slice(12)), 'C20110FF0206');
    says(12);
    await clock.turn(4_000);
    assert.equal(toHex((await peer.hearsBytes()).slice(12)), 'C20110FF02060D');
  });

  it('asks soon for what was overtaken, once the end of the set is there', async () => {
    const { peer, clock } = conversation();
    for (const i of upTo(10)) if (i !== 4) peer.says(line(i, i));
    await clock.turn(950);
    await peer.hearsNothing();
    await clock.turn(50);
    await peer.hears({ type: 'NON', token: '09', ...missing(4) });
  });

  it('lists the next set where the word to go on was lost (section 7.2)', async () => {
    const { peer, clock } = talk();
    for (const i of upTo(10)) peer.says(line(i, i));
    await peer.hears({ type: 'NON', code: '2.31', qBlock1: [9, 1, size] });
    await clock.turn(4_000);
    await peer.hears({ type: 'NON', ...missing(10) });
  });
});

describe('Q-Block2: requests for more', () => {
  const body = bodyOf(octets(25));
  const ask = (mid: number, ...qBlock2: readonly (readonly [number, 0 | 1])[]): Line => ({
    ...GET,
    type: 'CON',
    mid,
    token: '77',
    qBlock2: qBlock2.map(([number, more]) => [number, more, size] as const),
  });

  async function begun(options: ConversationOptions = {}) {
    const made = talk({ handle: gives(body), ...options });
    made.peer.says(ask(1, [0, 0]));
    const { payload } = await made.peer.hears({
      type: 'ACK',
      code: '2.05',
      qBlock2: [[0, 1, size]],
      size2: body.length,
    });
    assert.deepEqual(payload, body.slice(0, size));
    return made;
  }

  it('block 0 without M is that block alone', async () => {
    const { peer, clock, requests } = await begun();
    await clock.turn(60_000);
    await peer.hearsNothing();
    peer.says(ask(2, [0, 0])); // lost, and asked for again
    await peer.hears({ type: 'ACK', qBlock2: [[0, 1, size]] });
    assert.equal(requests.length, 1);
  });

  it('gives a block that is asked for twice in one request once, and a set at most', async () => {
    const { peer } = await begun();
    peer.says(ask(2, [3, 1], [5, 0], [12, 1]));
    await peer.hears({ type: 'ACK', token: '77', qBlock2: [[3, 1, size]] });
    await hearsBlocks(peer, body, '77', [4, 5, 6, 7, 8, 9, 12, 13, 14]);
    await peer.hearsNothing();
  });

  it('answers 4.00 to options that do not ascend, or lie beyond the end', async () => {
    const { peer } = await begun();
    for (const [mid, wrong] of [[5, 3], [5, 5], [25]].entries()) {
      peer.says(ask(10 + mid, ...wrong.map((number) => [number, 0] as const)));
      await peer.hears({ type: 'ACK', mid: 10 + mid, code: '4.00' });
    }
  });

  it('answers 4.08 to a POST for blocks of an answer that is not there, and 4.02 beside Block2', async () => {
    const { peer, requests } = talk();
    peer.says({ ...ask(1, [3, 0]), code: '0.02' });
    await peer.hears({ type: 'ACK', code: '4.08' });
    peer.says({ ...ask(2, [0, 1]), block2: [0, 0, size] });
    await peer.hears({ type: 'ACK', code: '4.02' });
    assert.equal(requests.length, 0);
  });

  it('renders a GET again where its answer is gone', async () => {
    const { peer, clock, requests } = await begun();
    await clock.turn(700_000);
    peer.says(ask(2, [3, 0], [7, 0]));
    await peer.hears({ type: 'ACK', qBlock2: [[3, 1, size]] });
    await hearsBlocks(peer, body, '77', [7]);
    assert.equal(requests.length, 2);
  });

  it('serves smaller blocks to whom asks for smaller ones', async () => {
    const { peer } = await begun();
    peer.says({ ...ask(2), qBlock2: [[3, 0, 256]] });
    const { payload } = await peer.hears({ type: 'ACK', qBlock2: [[3, 1, 256]] });
    assert.deepEqual(payload, body.slice(768, 1024));
  });

  it('says Q-Block2 0/0 in a small answer, and nothing to who did not ask', async () => {
    const { peer } = talk({ handle: gives(bodyOf(10)) });
    peer.says(ask(1, [0, 1]));
    await peer.hears({ type: 'ACK', qBlock2: [[0, 0, size]], size2: 10 });
    peer.says({ ...GET, mid: 2, token: '01' });
    await peer.hears({ type: 'NON', code: '2.05' });
  });

  it('is said in an error, too: libcoap finds out with /.well-known/core whether it is known', async () => {
    const { peer } = talk({
      handle: ({ path }) => {
        throw new CoapError('4.04', path[0] === 'path' ? 'a' : 'no such resource', { maxAge: 60 });
      },
    });
    const probe = { ...GET, type: 'CON', path: '.well-known/core', qBlock2: [[0, 0, 16]] } as const;
    peer.says({ ...probe, mid: 1 });
    const said = { type: 'ACK', code: '4.04', maxAge: 60, qBlock2: [[0, 0, 16]] } as const;
    await peer.hears({ ...said, size2: 16, payload: utf8('no such resource') });
    peer.says({ ...probe, mid: 2, path: 'path' });
    const { etag = '' } = await peer.hears({ ...said, size2: 1, payload: utf8('a') });
    assert.equal(etag.length, 8);
    peer.says({ ...probe, mid: 3, qBlock2: [[0, 0, 32]] });
    await peer.hears({ ...said, qBlock2: [[0, 0, 32]], size2: 16 });
    // A text that does not fit one block is left out; who did not ask hears the error alone.
    const { peer: other } = talk({
      handle: () => {
        throw new CoapError('4.04', 'no such resource, none');
      },
    });
    other.says({ ...probe, mid: 1 });
    await other.hears({
      type: 'ACK',
      code: '4.04',
      qBlock2: [[0, 0, 16]],
      size2: 0,
      payload: hex(''),
    });
    other.says({ ...GET, type: 'CON', mid: 2 });
    const { size2, etag: none } = await other.hears({ type: 'ACK', code: '4.04' });
    assert.deepEqual([size2, none], [undefined, undefined]);
  });

  it('is never used for who did not ask for it', async () => {
    const { peer } = talk({ handle: gives(body) });
    peer.says({ ...GET, type: 'CON', mid: 1, token: '01' });
    await peer.hears({ type: 'ACK', block2: [0, 1, size] });
    await peer.hearsNothing();
  });

  it('stops when the peer resets a block, is forgotten, or moves on', async () => {
    for (const end of ['reset', 'forgotten', 'another request', 'closed'] as const) {
      const { peer, clock, server } = talk({ handle: gives(body) });
      peer.says({ ...GET, mid: 1, token: 'f0', qBlock2: [[0, 1, size]] });
      await hearsBlocks(peer, body, 'f0', upTo(9));
      const { mid = 0 } = await peer.hears({ type: 'NON', qBlock2: [[9, 1, size]] });
      if (end === 'reset') peer.says({ type: 'RST', code: '0.00', mid });
      if (end === 'forgotten') server.forget(peer);
      if (end === 'closed') server.close();
      if (end === 'another request') {
        peer.says({ ...GET, type: 'CON', mid: 2, token: '02' });
        await peer.hears({ type: 'ACK', block2: [0, 1, size] });
      }
      await clock.turn(100_000);
      await peer.hearsNothing();
    }
  });
});

describe('Q-Block2: pace', () => {
  const body = bodyOf(octets(60));

  /** Ms after the request at which each set begins to leave. */
  async function starts(options: {
    rate?: number;
    says?: (peer: TestPeer, set: number) => void;
    sets: number;
  }): Promise<readonly number[]> {
    const parameters = options.rate === undefined ? {} : { linkRate: options.rate };
    const { peer, clock } = talk({ handle: gives(body), parameters });
    const began = clock.now();
    const found: number[] = [];
    peer.says({ ...GET, mid: 1, token: 'f0', qBlock2: [[0, 1, size]] });
    await settled();
    for (let ms = 0; ms < 400_000 && found.length < options.sets; ms += 50) {
      if (peer.sent.length > 0) {
        assert.ok(peer.sent.length <= 10, 'more than a set in one go');
        peer.sent.length = 0;
        found.push(clock.now() - began);
        options.says?.(peer, found.length);
      }
      await clock.turn(50);
    }
    return found;
  }

  it('does not flood a link of 26 kbit/s that nobody answers from', async () => {
    // A set of 10 takes 3.4 s there; once nothing is heard of two the wait is eight times as long.
    const [first = 0, second = 0, third = 0] = await starts({ sets: 3 });
    assert.equal(first, 0);
    assert.ok(second >= 3_400 && second < 3_600, `${second}`);
    assert.ok(third - second >= 8 * 3_400 && third - second < 8 * 3_600, `${third - second}`);
  });

  it('waits NON_TIMEOUT_RANDOM where the link is faster', async () => {
    const [, second = 0] = await starts({ sets: 2, rate: 1_000_000 });
    assert.ok(second >= 2_000 && second <= 3_050, `${second}`);
  });

  it('goes on at once when it is told to', async () => {
    const found = await starts({
      sets: 6,
      says: (peer, set) =>
        peer.says({ ...GET, mid: 100 + set, token: 'f1', qBlock2: [[10 * set, 1, size]] }),
    });
    assert.deepEqual(found, [0, 50, 100, 150, 200, 250]);
  });

  it('keeps 26 kbit/s busy over a round trip of 2 s, with two sets under way at most', async () => {
    const { peer, clock } = talk({ handle: gives(body) });
    peer.says({ ...GET, mid: 1, token: 'f0', qBlock2: [[0, 1, size]] });
    await settled();
    const octetsPerMs = 3.25;
    let free = clock.now(); // when the link is
    let arrived = 0;
    let mid = 100;
    const began = clock.now();
    let most = 0;
    while (arrived < 60) {
      assert.ok(clock.now() - began < 60_000, 'too slow');
      for (const bytes of peer.sent.splice(0)) {
        free = Math.max(free, clock.now()) + (bytes.length + 60) / octetsPerMs;
        most = Math.max(most, free - clock.now());
        clock.after(free - clock.now() + 1_000, () => {
          arrived++;
          if (arrived % 10 !== 0 || arrived === 60) return;
          const next = arrived;
          clock.after(1_000, () =>
            peer.says({ ...GET, mid: mid++, token: 'f1', qBlock2: [[next, 1, size]] }),
          );
        });
      }
      await clock.turn(50);
    }
    const limit = (60 * 1024) / octetsPerMs + 2_000;
    assert.ok(clock.now() - began < 1.2 * limit, `${clock.now() - began} ms, limit ${limit}`);
    assert.ok(most < 8_000, `${most} ms wait in the link`);
  });

  it('B18 leaves nothing behind', async () => {
    const { peer, clock, server } = talk({ handle: gives(body) });
    peer.says({ ...GET, mid: 1, token: 'f0', qBlock2: [[0, 1, size]] });
    for (const i of [0, 2]) {
      peer.says({
        ...PUT,
        mid: 10 + i,
        token: '01',
        requestTag: '01',
        ...part(bodyOf(octets(3)), i),
      });
    }
    await clock.turn(24 * 3600_000);
    assert.deepEqual({ ...server.held, links: 0 }, nothing);
    assert.equal(clock.pending, 0);
  });
});

it('B16 without Q-Block a CON gets 4.02, a NON nothing', async () => {
  const { peer, requests } = talk({ parameters: { qBlock: false } });
  const lines: readonly Partial<Line>[] = [
    { qBlock2: [[0, 1, size]] },
    { ...part(bodyOf(octets(2)), 0), requestTag: '01' },
  ];
  for (const [i, line] of lines.entries()) {
    peer.says({ ...GET, type: 'CON', mid: 2 * i, token: '01', ...line });
    await peer.hears({ type: 'ACK', mid: 2 * i, code: '4.02' });
    peer.says({ ...GET, mid: 2 * i + 1, token: '01', ...line });
    await peer.hearsNothing();
  }
  assert.equal(requests.length, 0);
});

it('the missing list of a long gap fits one message, ten blocks at a time', async () => {
  const { peer, clock } = talk();
  const body = bodyOf(octets(40));
  peer.says({ ...PUT, mid: 1, token: '01', requestTag: '01', ...part(body, 35) });
  await peer.hears({ type: 'NON', ...missing(...upTo(10)) });
  await clock.turn(4_000);
  const { payload = hex('') } = await peer.hears({ type: 'NON', code: '4.08' });
  assert.deepEqual(payload, concat(Uint8Array.from(upTo(10))));
});

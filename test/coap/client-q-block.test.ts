/** RFC 9177, the client's side, against a server of charts; the figures of section 10 where a client decides. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { silentLog } from '../../src/base/log.ts';
import { blockOf, blockOption, sizeOf, szxWithin } from '../../src/coap/block.ts';
import { type ClientRequest, CoapClient, type CoapClientOptions } from '../../src/coap/client.ts';
import { decode, encode, type Message } from '../../src/coap/message.ts';
import {
  type Option,
  OptionNumber,
  optionOf,
  optionsOf,
  uintOf,
  uintOption,
} from '../../src/coap/options.ts';
import { HandClock, settled } from '../support/hand-clock.ts';
import { seededRandom } from '../support/seeded.ts';
import { bodyOf } from './conversation.ts';

const size = 1024;
const none = new Uint8Array();
const octets = (blocks: number) => size * (blocks - 1) + 100;
const upTo = (end: number, from = 0) => Array.from({ length: end - from }, (_, i) => from + i);

function talk(options: Partial<CoapClientOptions> = {}) {
  const clock = new HandClock();
  const sent: Uint8Array[] = [];
  const client = new CoapClient({
    send: (message) => sent.push(message),
    clock,
    random: seededRandom(3),
    log: silentLog(),
    quick: true,
    ...options,
    parameters: { nonReorderTimeout: 4_000, ...options.parameters },
  });
  const says = (message: Partial<Message>) =>
    client.receive(
      encode({
        type: 'NON',
        code: '2.04',
        messageId: 7,
        token: none,
        options: [],
        payload: none,
        ...message,
      }),
    );
  /** The messages that the client has sent, as `CON Q1:0/1` or `NON Q2:3/0 Q2:4/0`. */
  const hears = async (...due: readonly string[]): Promise<readonly Message[]> => {
    await settled();
    const messages = sent.splice(0).map(decode);
    assert.deepEqual(messages.map(line), due);
    return messages;
  };
  const request = (rest: Partial<ClientRequest> = {}) => {
    const response = client.request({ method: 'PUT', path: ['path'], ...rest });
    response.catch(() => {});
    return response;
  };
  return { client, clock, sent, says, hears, request };
}

function line({ type, code, options }: Message): string {
  if (code === '0.00') return type;
  const first = blockOf(options, OptionNumber.qBlock1);
  const asked = optionsOf(options, OptionNumber.qBlock2).map((value) =>
    blockOf([{ number: 0, value }], 0),
  );
  const old = blockOf(options, OptionNumber.block1);
  return [
    type,
    ...(old ? [`B1:${old.number}/${old.more ? 1 : 0}`] : []),
    ...(first ? [`Q1:${first.number}/${first.more ? 1 : 0}`] : []),
    ...asked.map((block) => `Q2:${block?.number}/${block?.more ? 1 : 0}`),
  ].join(' ');
}

const option1 = (number: number): Option =>
  blockOption(OptionNumber.qBlock1, { number, more: true, szx: szxWithin(size) });

/** Block `number` of an answer. */
function block(body: Uint8Array, number: number, etag = 1): Partial<Message> {
  const more = (number + 1) * size < body.length;
  return {
    code: '2.05',
    options: [
      { number: OptionNumber.etag, value: Uint8Array.of(etag) },
      blockOption(OptionNumber.qBlock2, { number, more, szx: szxWithin(size) }),
      uintOption(OptionNumber.size2, body.length),
    ],
    payload: body.slice(number * size, (number + 1) * size),
  };
}

const missing = (...numbers: readonly number[]): Partial<Message> => ({
  code: '4.08',
  options: [uintOption(OptionNumber.contentFormat, 272)],
  payload: Uint8Array.from(numbers),
});

/** A client whose server has shown that it knows Q-Block. */
async function known(options: Partial<CoapClientOptions> = {}) {
  const made = talk(options);
  const response = made.request({ body: bodyOf(octets(2)) });
  const [first] = await made.hears('CON Q1:0/1');
  made.says({ type: 'ACK', code: '0.00', messageId: first?.messageId ?? 0 });
  const [last] = await made.hears('CON Q1:1/0');
  made.says({ type: 'ACK', messageId: last?.messageId ?? 0, token: last?.token ?? none });
  await response;
  return made;
}

describe('Q-Block1, the client', () => {
  it('finds out with a CON whether the server knows it, then sends NONs and a last CON', async () => {
    const { request, hears, says } = talk();
    const body = bodyOf(octets(4));
    const response = request({ body });
    const [probe] = await hears('CON Q1:0/1');
    says({ type: 'ACK', code: '0.00', messageId: probe?.messageId ?? 0 });
    const rest = await hears('NON Q1:1/1', 'NON Q1:2/1', 'CON Q1:3/0');
    const all = [...(probe ? [probe] : []), ...rest];
    for (const [i, { options, payload }] of all.entries()) {
      assert.deepEqual(payload, body.slice(i * size, (i + 1) * size));
      assert.equal(uintOf(options, OptionNumber.size1), body.length);
    }
    const tags = all.map(({ options }) => optionOf(options, OptionNumber.requestTag)?.join());
    assert.equal(new Set(tags).size, 1);
    assert.equal(new Set(all.map(({ token }) => token.join())).size, 4);
    const last = rest.at(-1);
    says({ type: 'ACK', messageId: last?.messageId ?? 0, token: last?.token ?? none });
    assert.equal((await response).code, '2.04');
  });

  it('B16 goes on by Block1 after a 4.02, and for good', async () => {
    const { request, hears, says } = talk();
    const body = bodyOf(octets(2));
    for (const probe of [true, false]) {
      const response = request({ body });
      if (probe) {
        const [first] = await hears('CON Q1:0/1');
        says({
          type: 'ACK',
          code: '4.02',
          messageId: first?.messageId ?? 0,
          token: first?.token ?? none,
        });
      }
      for (const number of [0, 1]) {
        const [sent] = await hears(`CON B1:${number}/${1 - number}`);
        const options = [
          blockOption(OptionNumber.block1, { number, more: number === 0, szx: szxWithin(size) }),
        ];
        says({
          type: 'ACK',
          code: number === 0 ? '2.31' : '2.04',
          messageId: sent?.messageId ?? 0,
          token: sent?.token ?? none,
          options,
        });
      }
      assert.equal((await response).code, '2.04');
    }
  });

  it('10.1.2: goes on at once after a 2.31', async () => {
    const { request, hears, says } = await known();
    void request({ body: bodyOf(octets(12)) });
    const set = await hears(...upTo(10).map((i) => `NON Q1:${i}/1`));
    says({ code: '2.31', token: set.at(-1)?.token ?? none, options: [option1(9)] });
    await hears('NON Q1:10/1', 'CON Q1:11/0');
  });

  it('10.1.3: goes on without a word after NON_TIMEOUT or more; sends again what is missing', async () => {
    const { request, hears, says, clock } = await known();
    const response = request({ body: bodyOf(octets(13)) });
    await hears(...upTo(10).map((i) => `NON Q1:${i}/1`));
    await clock.turn(1_900);
    await hears();
    await clock.turn(2_000);
    const set = await hears('NON Q1:10/1', 'NON Q1:11/1', 'CON Q1:12/0');
    const token = set.at(-1)?.token ?? none;
    says({ ...missing(1, 9), token });
    // The last CON is not acknowledged yet: no second one before (NSTART).
    const again = await hears('NON Q1:1/1', 'NON Q1:9/1');
    says({ type: 'ACK', code: '0.00', messageId: set.at(-1)?.messageId ?? 0 });
    says({ ...missing(10), token: again.at(-1)?.token ?? none });
    const [ten] = await hears('CON Q1:10/1');
    says({ type: 'ACK', messageId: ten?.messageId ?? 0, token: ten?.token ?? none });
    assert.equal((await response).code, '2.04');
    await clock.turn(600_000);
    await hears();
    assert.equal(clock.pending, 0);
  });

  it('drops a list that does not ascend, or is none (section 5)', async () => {
    const { request, hears, says } = await known();
    void request({ body: bodyOf(octets(3)) });
    const [first] = await hears('NON Q1:0/1', 'NON Q1:1/1', 'CON Q1:2/0');
    const token = first?.token ?? none;
    for (const payload of [[1, 0], [1, 1], [0x61], [0x18], []]) {
      says({ ...missing(...payload), token });
      await hears();
    }
    says({ ...missing(1, 200), token }); // 200 (18 c8 is its form; c8 alone is none)
    await hears();
    says({ ...missing(1, 24, 99), token }); // block 99 is none of the body
    await hears('NON Q1:1/1');
  });

  it('asks after a long silence with the last block, and gives up after a longer one', async () => {
    const { request, hears, says, clock } = await known();
    const response = assert.rejects(request({ body: bodyOf(octets(2)) }), { kind: 'no response' });
    const [, last] = await hears('NON Q1:0/1', 'CON Q1:1/0');
    says({ type: 'ACK', code: '0.00', messageId: last?.messageId ?? 0 });
    for (let i = 0; i < 2; i++) {
      await clock.turn(60_000);
      const [probe] = await hears('CON Q1:1/0');
      says({ type: 'ACK', code: '0.00', messageId: probe?.messageId ?? 0 });
    }
    await clock.turn(120_000);
    await response;
    assert.equal(clock.pending, 0);
  });

  it('ends with the error that the first block gets, and sends no other', async () => {
    const { request, hears, says } = talk();
    const response = request({ body: bodyOf(octets(5)) });
    const [first] = await hears('CON Q1:0/1');
    says({
      type: 'ACK',
      code: '4.13',
      messageId: first?.messageId ?? 0,
      token: first?.token ?? none,
    });
    assert.equal((await response).code, '4.13');
    await hears();
  });
});

describe('Q-Block2, the client', () => {
  async function begun(blocks: number, options: Partial<CoapClientOptions> = {}) {
    const made = talk(options);
    const body = bodyOf(octets(blocks));
    const response = made.request({ method: 'GET' });
    const [sent] = await made.hears('CON Q2:0/1');
    const token = sent?.token ?? none;
    const messageId = sent?.messageId ?? 0;
    made.says({ type: 'ACK', messageId, token, ...block(body, 0) });
    const gives = (number: number, under = token) =>
      made.says({ messageId: number, token: under, ...block(body, number) });
    return { ...made, body, response, token, gives };
  }

  it('10.2.1: puts the blocks together, in any order, each once', async () => {
    const { body, response, gives, hears, clock } = await begun(4);
    for (const number of [2, 1, 1, 3]) gives(number);
    const { body: found } = await response;
    assert.deepEqual(found, body);
    await clock.turn(600_000);
    await hears();
    assert.equal(clock.pending, 0);
  });

  it('10.2.2: says to go on when a set is there, and takes the next one under either token', async () => {
    const { body, response, gives, hears } = await begun(12);
    for (const number of upTo(10, 1)) gives(number);
    const [next] = await hears('NON Q2:10/1');
    gives(10);
    gives(11, next?.token);
    assert.deepEqual((await response).body, body);
  });

  it('10.2.3: asks for what is missing of a set after NON_RECEIVE_TIMEOUT, then again after twice that', async () => {
    const { body, response, gives, hears, clock } = await begun(11);
    for (const number of upTo(9, 2)) gives(number);
    gives(10);
    await clock.turn(3_900);
    await hears();
    await clock.turn(100);
    const [ask] = await hears('NON Q2:1/0 Q2:9/0');
    gives(9, ask?.token);
    await clock.turn(8_000);
    const [again] = await hears('NON Q2:1/0');
    gives(1, again?.token);
    assert.deepEqual((await response).body, body);
  });

  it('asks at once when two blocks of a later set have come', async () => {
    const { gives, hears } = await begun(20);
    for (const number of [...upTo(9, 2), 10]) gives(number);
    await hears();
    gives(11);
    await hears('NON Q2:1/0 Q2:9/0');
  });

  it('waits for no more than it takes the rest of a set to come, once it knows its pace', async () => {
    const { gives, hears, clock } = await begun(20, { parameters: { nonReorderTimeout: 1_000 } });
    for (const number of upTo(7, 1)) {
      await clock.turn(300);
      gives(number);
    }
    await clock.turn(1_700);
    await hears();
    await clock.turn(300); // 1 s, and three blocks of 0.3 s
    await hears('NON Q2:7/0 Q2:8/0 Q2:9/0');
  });

  it('asks four times in vain, then gives up', async () => {
    const { response, hears, clock } = await begun(4);
    const ended = assert.rejects(response, { kind: 'no response' });
    for (const wait of [4_000, 8_000, 16_000, 32_000]) {
      await clock.turn(wait);
      await hears('NON Q2:1/0 Q2:2/0 Q2:3/0');
    }
    await clock.turn(64_000);
    await ended;
    assert.equal(clock.pending, 0);
  });

  it('takes the burst for the answer where the acknowledgement is lost', async () => {
    const made = talk();
    const body = bodyOf(octets(3));
    const response = made.request({ method: 'GET' });
    const [sent] = await made.hears('CON Q2:0/1');
    const token = sent?.token ?? none;
    for (const number of [1, 2]) made.says({ messageId: number, token, ...block(body, number) });
    await made.clock.turn(4_000);
    const [ask] = await made.hears('NON Q2:0/0');
    made.says({ messageId: 9, token: ask?.token ?? none, ...block(body, 0) });
    assert.deepEqual((await response).body, body);
  });

  it('goes on by Block2 where the server answers so', async () => {
    const made = talk();
    const response = made.request({ method: 'GET' });
    const [sent] = await made.hears('CON Q2:0/1');
    const body = bodyOf(100);
    const options = (number: number) => [
      blockOption(OptionNumber.block2, { number, more: number === 0, szx: szxWithin(64) }),
    ];
    const reply = { type: 'ACK', code: '2.05' } as const;
    made.says({
      ...reply,
      messageId: sent?.messageId ?? 0,
      token: sent?.token ?? none,
      options: options(0),
      payload: body.slice(0, 64),
    });
    const [next] = await made.hears('CON');
    made.says({
      ...reply,
      messageId: next?.messageId ?? 0,
      token: next?.token ?? none,
      options: options(1),
      payload: body.slice(64),
    });
    assert.deepEqual((await response).body, body);
  });

  for (const [why, kind, wrong] of [
    ['another ETag', 'changed', (body: Uint8Array) => block(body, 1, 2)],
    ['another Size2', 'malformed', (body: Uint8Array) => block(body.slice(0, -1), 1)],
    [
      'a short block',
      'malformed',
      (body: Uint8Array) => ({ ...block(body, 1), payload: body.slice(0, 9) }),
    ],
    ['a block beyond the end', 'malformed', () => block(bodyOf(octets(9)), 8)],
    [
      'a last block before the last',
      'malformed',
      (body: Uint8Array) => ({
        ...block(body, 1),
        options: [
          ...(block(body, 1).options ?? []).filter(({ number }) => number !== 31),
          blockOption(31, { number: 1, more: false, szx: 6 }),
        ],
      }),
    ],
    [
      'Block2 beside Q-Block2',
      'malformed',
      (body: Uint8Array) => ({
        ...block(body, 1),
        options: [
          ...(block(body, 1).options ?? []),
          blockOption(23, { number: 0, more: false, szx: 6 }),
        ],
      }),
    ],
  ] as const) {
    it(`does not believe ${why}`, async () => {
      const { body, response, says, token, clock } = await begun(4);
      const ended = assert.rejects(response, { kind });
      says({ token, ...wrong(body) });
      await ended;
      assert.equal(clock.pending, 0);
    });
  }

  it('does not take a response that is larger than it wants, nor one without Size2', async () => {
    for (const [kind, responseBody, leaves] of [
      ['too large', 2_000, undefined],
      ['malformed', 20_000, OptionNumber.size2],
    ] as const) {
      const { request, hears, says } = talk({ responseBody });
      const ended = assert.rejects(request({ method: 'GET' }), { kind });
      const [sent] = await hears('CON Q2:0/1');
      const first = block(bodyOf(octets(4)), 0);
      const options = first.options?.filter(({ number }) => number !== leaves) ?? [];
      says({
        type: 'ACK',
        messageId: sent?.messageId ?? 0,
        token: sent?.token ?? none,
        ...first,
        options,
      });
      await ended;
    }
  });

  it('is ended by a reset, and by its close', async () => {
    const one = await begun(20);
    for (const number of upTo(10, 1)) one.gives(number);
    const [next] = await one.hears('NON Q2:10/1');
    const reset = assert.rejects(one.response, { kind: 'reset' });
    one.says({ type: 'RST', code: '0.00', messageId: next?.messageId ?? 0 });
    await reset;
    const two = await begun(20);
    const closed = assert.rejects(two.response, { kind: 'closed' });
    two.client.close();
    await closed;
    assert.equal(one.clock.pending + two.clock.pending, 0);
  });

  it('blocks have the size that the client names', async () => {
    const { request, hears } = talk();
    void request({ method: 'GET', blockSize: 256 });
    const [sent] = await hears('CON Q2:0/1');
    assert.equal(sizeOf(blockOf(sent?.options ?? [], OptionNumber.qBlock2)?.szx ?? 0), 256);
  });
});

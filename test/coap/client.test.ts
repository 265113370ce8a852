/** The client, against a server of charts: it is said what the client sends, and says what the test wants. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { hex, utf8 } from '../../src/base/bytes.ts';
import { silentLog } from '../../src/base/log.ts';
import { blockOption, szxWithin } from '../../src/coap/block.ts';
import { CoapClient, type CoapClientOptions } from '../../src/coap/client.ts';
import { decode, encode, type Message } from '../../src/coap/message.ts';
import { type Option, OptionNumber, optionOf } from '../../src/coap/options.ts';
import { HandClock, settled } from '../support/hand-clock.ts';
import { seededRandom } from '../support/seeded.ts';
import { bodyOf } from './conversation.ts';

const none = new Uint8Array();
const GET = { method: 'GET', path: ['x'] } as const;

function client(options: Partial<CoapClientOptions> = {}) {
  const clock = new HandClock();
  const sent: Uint8Array[] = [];
  const made = new CoapClient({
    send: (message) => sent.push(message),
    clock,
    random: seededRandom(3),
    log: silentLog(),
    ...options,
  });
  /** The next message that the client sent. */
  const hears = async (): Promise<Message> => {
    await settled();
    return decode(sent.shift() ?? assert.fail('silence, where a message is due'));
  };
  const says = (message: Partial<Message>) =>
    made.receive(
      encode({
        type: 'ACK',
        code: '2.05',
        messageId: 0,
        token: none,
        options: [],
        payload: none,
        ...message,
      }),
    );
  return { client: made, clock, sent, hears, says };
}

const block = (option: number, number: number, more: boolean, size: number): Option =>
  blockOption(option, { number, more, szx: szxWithin(size) });

function value(message: Message, option: number): string | undefined {
  const found = optionOf(message.options, option);
  return found && Buffer.from(found).toString('hex');
}

describe('CoAP client: exchanges', () => {
  it('sends a CON and takes the piggybacked response', async () => {
    const { client: coap, hears, says, clock } = client();
    const response = coap.request({ ...GET, query: ['a=1'], accept: 60 });
    const { type, code, messageId, token, options } = await hears();
    assert.deepEqual([type, code, token.length], ['CON', '0.01', 2]);
    assert.deepEqual(options, [
      { number: 11, value: utf8('x') },
      { number: 15, value: utf8('a=1') },
      { number: 17, value: Uint8Array.of(60) },
    ]);
    const contentFormat = { number: 12, value: none };
    says({ messageId, token, options: [contentFormat], payload: utf8('hello') });
    assert.deepEqual(await response, { code: '2.05', contentFormat: 0, body: utf8('hello') });
    assert.equal(clock.pending, 0);
    assert.deepEqual(coap.statistics, {
      messagesSent: 1,
      messagesReceived: 1,
      octetsSent: 14,
      octetsReceived: 13,
      retransmissions: 0,
      roundTrips: 1,
    });
  });

  it('repeats the CON, and gives up after 4 times', async () => {
    const { client: coap, hears, sent, clock } = client();
    const response = assert.rejects(coap.request(GET), {
      name: 'CoapClientError',
      kind: 'unacknowledged',
    });
    await hears();
    await clock.turn(93_000);
    await response;
    assert.equal(sent.length, 4);
    assert.equal(new Set(sent.map((message) => message.toString())).size, 1);
    assert.equal(coap.statistics.retransmissions, 4);
    assert.equal(clock.pending, 0);
  });

  it('takes a separate response, acknowledges it each time it comes', async () => {
    const { client: coap, hears, says, clock, sent } = client();
    const response = coap.request(GET);
    const { messageId, token } = await hears();
    says({ code: '0.00', messageId });
    await clock.turn(60_000);
    assert.equal(sent.length, 0);
    for (let i = 0; i < 2; i++) {
      says({ type: 'CON', messageId: 99, token, payload: utf8('late') });
      assert.deepEqual(sent.shift(), hex('60000063'));
    }
    assert.deepEqual(await response, { code: '2.05', body: utf8('late') });
    assert.equal(clock.pending, 0);
  });

  it('takes a separate response whose ACK was lost, CON or NON', async () => {
    for (const type of ['CON', 'NON'] as const) {
      const { client: coap, hears, says, clock } = client();
      const response = coap.request(GET);
      const { token } = await hears();
      says({ type, messageId: 99, token });
      assert.equal((await response).code, '2.05');
      assert.equal(clock.pending, 0);
    }
  });

  it('gives up where no response follows the empty ACK', async () => {
    const { client: coap, hears, says, clock } = client();
    const response = assert.rejects(coap.request(GET), { kind: 'no response' });
    const { messageId } = await hears();
    says({ code: '0.00', messageId });
    await clock.turn(180_000);
    await response;
  });

  it('ends at a RST', async () => {
    const { client: coap, hears, says } = client();
    const response = assert.rejects(coap.request(GET), { kind: 'reset' });
    const { messageId } = await hears();
    says({ type: 'RST', code: '0.00', messageId });
    await response;
  });

  it('resets a ping and responses nobody asked for, and does not believe them', async () => {
    const { client: coap, hears, says, sent } = client();
    const response = coap.request(GET);
    const { messageId, token } = await hears();
    const wrong = Uint8Array.of(9, 9);
    says({ type: 'CON', code: '0.00', messageId: 7 });
    says({ type: 'CON', messageId: 8, token: wrong });
    says({ type: 'CON', code: '0.01', messageId: 9, token });
    assert.deepEqual(sent.splice(0), [hex('70000007'), hex('70000008'), hex('70000009')]);
    says({ messageId, token: wrong, payload: utf8('forged') });
    says({ messageId: (messageId + 1) % 65536, token, payload: utf8('forged') });
    says({ type: 'NON', messageId: 5, token: wrong, payload: utf8('forged') });
    says({ messageId, token, payload: utf8('true') });
    assert.deepEqual((await response).body, utf8('true'));
    assert.equal(sent.length, 0);
  });

  it('rejects a response with an unknown critical option', async () => {
    const { client: coap, hears, says, sent } = client();
    const response = assert.rejects(coap.request(GET), { kind: 'malformed' });
    const { token } = await hears();
    says({ type: 'CON', messageId: 5, token, options: [{ number: 9, value: none }] });
    await response;
    assert.deepEqual(sent, [hex('70000005')]);
  });

  it('sends one request at a time, each under a token of its own', async () => {
    const { client: coap, hears, says, sent } = client();
    const responses = [coap.request(GET), coap.request(GET)];
    const first = await hears();
    await settled();
    assert.equal(sent.length, 0);
    says({ messageId: first.messageId, token: first.token });
    const second = await hears();
    assert.notDeepEqual(second.token, first.token);
    says({ messageId: second.messageId, token: second.token, code: '4.04' });
    const codes = (await Promise.all(responses)).map(({ code }) => code);
    assert.deepEqual(codes, ['2.05', '4.04']);
  });

  it('rejects what is under way and what waits when it is closed', async () => {
    const { client: coap, clock } = client();
    const responses = [coap.request(GET), coap.request(GET)].map((response) =>
      assert.rejects(response, { kind: 'closed' }),
    );
    await settled();
    coap.close();
    await Promise.all(responses);
    assert.equal(clock.pending, 0);
  });

  it('throws nothing for malformed bytes', () => {
    const { client: coap, sent } = client();
    for (const bytes of ['', '40', '40010001ff', '60000001', '70000001', '65000000']) {
      coap.receive(hex(bytes));
    }
    assert.deepEqual(sent, [hex('70000001')]);
  });
});

describe('CoAP client: block-wise', () => {
  const POST = { method: 'POST', path: ['x'], contentFormat: 42 } as const;

  it('sends a body in blocks, with one Request-Tag, in the size that the server asks for', async () => {
    const body = bodyOf(100);
    const { client: coap, hears, says } = client({ parameters: { blockSize: 64 } });
    const response = coap.request({ ...POST, body });
    const first = await hears();
    assert.deepEqual([value(first, 27), value(first, 60)], ['0a', '64']);
    assert.deepEqual(first.payload, body.slice(0, 64));
    const options = [block(OptionNumber.block1, 0, true, 16)];
    says({ code: '2.31', messageId: first.messageId, token: first.token, options });
    for (const [number, more] of [
      [4, true],
      [5, true],
      [6, false],
    ] as const) {
      const next = await hears();
      const due = block(OptionNumber.block1, number, more, 16);
      assert.deepEqual(optionOf(next.options, 27), due.value);
      assert.deepEqual(next.payload, body.slice(16 * number, 16 * (number + 1)));
      assert.equal(value(next, 292), value(first, 292));
      assert.equal(value(next, 12), '2a');
      const { messageId, token } = next;
      says({ code: more ? '2.31' : '2.04', messageId, token, options: [due] });
    }
    assert.equal((await response).code, '2.04');
  });

  it('gives each body another Request-Tag', async () => {
    const { client: coap, hears, says } = client({ parameters: { blockSize: 16 } });
    const tags = new Set<string | undefined>();
    for (let i = 0; i < 3; i++) {
      const response = coap.request({ ...POST, body: bodyOf(20) });
      const { messageId, token, ...first } = await hears();
      tags.add(value({ messageId, token, ...first }, 292));
      says({ code: '4.13', messageId, token });
      assert.equal((await response).code, '4.13');
    }
    assert.equal(tags.size, 3);
  });

  it('B06 begins again in smaller blocks after a 4.13 that names a size', async () => {
    const { client: coap, hears, says } = client({ parameters: { blockSize: 64 } });
    const response = coap.request({ ...POST, body: bodyOf(100) });
    const { messageId, token } = await hears();
    const options = [block(OptionNumber.block1, 0, true, 32)];
    says({ code: '4.13', messageId, token, options });
    const again = await hears();
    assert.deepEqual([value(again, 27), again.payload.length], ['09', 32]);
    says({ code: '4.03', messageId: again.messageId, token: again.token });
    assert.equal((await response).code, '4.03');
  });

  it('asks for the rest of an answer in the size that the server chose', async () => {
    const body = bodyOf(40);
    const { client: coap, hears, says } = client();
    const response = coap.request({ ...POST, body: utf8('poll'), blockSize: 32 });
    const etag = { number: OptionNumber.etag, value: utf8('e') };
    for (let i = 0; i < 3; i++) {
      const { messageId, token, options, payload } = await hears();
      assert.deepEqual(payload, i === 0 ? utf8('poll') : none);
      const due = block(OptionNumber.block2, i, false, i === 0 ? 32 : 16);
      assert.deepEqual(optionOf(options, 23), due.value);
      says({
        messageId,
        token,
        options: [etag, block(OptionNumber.block2, i, i < 2, 16)],
        payload: body.slice(16 * i, 16 * (i + 1)),
      });
    }
    assert.deepEqual(await response, { code: '2.05', body });
  });

  for (const [kind, why, second] of [
    ['changed', 'another ETag', { options: [block(23, 1, false, 16)] }],
    ['malformed', 'no Block2', { options: [{ number: 4, value: utf8('e') }] }],
    [
      'malformed',
      'another block than asked for',
      { options: [{ number: 4, value: utf8('e') }, block(23, 2, false, 16)] },
    ],
    [
      'malformed',
      'a short block before the last',
      { options: [{ number: 4, value: utf8('e') }, block(23, 1, true, 16)], payload: utf8('x') },
    ],
    [
      'malformed',
      'SZX 7',
      {
        options: [
          { number: 4, value: utf8('e') },
          { number: 23, value: hex('17') },
        ],
      },
    ],
    [
      'too large',
      'more than is taken',
      { options: [{ number: 4, value: utf8('e') }, block(23, 1, true, 16)], payload: bodyOf(16) },
    ],
  ] as const) {
    it(`does not believe an answer with ${why}`, async () => {
      const { client: coap, hears, says } = client({ responseBody: 31 });
      const response = assert.rejects(coap.request(GET), { name: 'CoapClientError', kind });
      const { messageId, token } = await hears();
      const options = [{ number: 4, value: utf8('e') }, block(23, 0, true, 16)];
      says({ messageId, token, options, payload: bodyOf(16) });
      const next = await hears();
      says({ messageId: next.messageId, token: next.token, ...second });
      await response;
    });
  }

  it('gives the error that a later block is answered with', async () => {
    const { client: coap, hears, says } = client();
    const response = coap.request(GET);
    const { messageId, token } = await hears();
    says({ messageId, token, options: [block(23, 0, true, 16)], payload: bodyOf(16) });
    const next = await hears();
    says({ messageId: next.messageId, token: next.token, code: '4.08', payload: utf8('gone') });
    assert.deepEqual(await response, { code: '4.08', body: utf8('gone') });
  });
});

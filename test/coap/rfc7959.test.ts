/**
 * The figures of RFC 7959 section 3, the client's side; and those that mix in Observe, which the server ignores. The
 * server's side of figures 2 to 11 is in block-wise.test.ts. `X` in a chart is a message that gets lost.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { silentLog } from '../../src/base/log.ts';
import { blockOf, blockOption, sizeOf, szxWithin } from '../../src/coap/block.ts';
import { type ClientRequest, CoapClient } from '../../src/coap/client.ts';
import { decode, encode } from '../../src/coap/message.ts';
import { type Option, OptionNumber } from '../../src/coap/options.ts';
import type { CoapResponse } from '../../src/coap/request.ts';
import { HandClock, settled } from '../support/hand-clock.ts';
import { seededRandom } from '../support/seeded.ts';
import { type BlockLine, bodyOf, conversation } from './conversation.ts';

/** What the client is to say, block options as the RFC writes them: `1:0/1/128 2:0/0/64`. */
interface Due {
  readonly blocks: string;
  readonly payload?: Uint8Array;
  /** Lost on its way: the client says it again, octet for octet. */
  readonly lost?: true;
}

/** What it is answered; `lost`: as above. */
interface Answer {
  readonly code: string;
  readonly block1?: BlockLine;
  readonly block2?: BlockLine;
  readonly payload?: Uint8Array;
  readonly lost?: true;
}

/** Lets a client make a request of a server that follows the chart; the response. */
async function follow(
  request: Omit<ClientRequest, 'path'>,
  chart: readonly (readonly [Due, Answer])[],
): Promise<CoapResponse> {
  const clock = new HandClock();
  const sent: Uint8Array[] = [];
  const client = new CoapClient({
    send: (message) => sent.push(message),
    clock,
    random: seededRandom(1),
    log: silentLog(),
    parameters: { blockSize: 128 },
  });
  const response = client.request({ path: ['x'], ...request });
  response.catch(() => {});
  const ids = new Set<number>();
  for (const [due, answer] of chart) {
    await settled();
    let bytes = sent.shift() ?? assert.fail(`silence, where ${due.blocks} is due`);
    if (due.lost === true || answer.lost === true) {
      await clock.turn(3_000); // ACK_TIMEOUT times ACK_RANDOM_FACTOR
      const again = sent.shift() ?? assert.fail('it is not said again');
      assert.deepEqual(again, bytes);
      bytes = again;
    }
    const { type, messageId, token, options, payload } = decode(bytes);
    const blocks = [OptionNumber.block1, OptionNumber.block2].flatMap((number, i) => {
      const found = blockOf(options, number);
      return found ? [`${i + 1}:${found.number}/${found.more ? 1 : 0}/${sizeOf(found.szx)}`] : [];
    });
    assert.deepEqual([type, blocks.join(' ')], ['CON', due.blocks]);
    assert.deepEqual(new Uint8Array(payload), due.payload ?? new Uint8Array());
    assert.ok(!ids.has(messageId), 'each block is a message of its own');
    ids.add(messageId);
    const said: Option[] = [];
    if (answer.block1) said.push(option(OptionNumber.block1, answer.block1));
    if (answer.block2) said.push(option(OptionNumber.block2, answer.block2));
    const ack = encode({
      type: 'ACK',
      code: answer.code,
      messageId,
      token,
      options: said,
      payload: answer.payload ?? new Uint8Array(),
    });
    client.receive(ack);
  }
  await settled();
  assert.equal(sent.length, 0);
  assert.equal(clock.pending, 0);
  return response;
}

function option(number: number, [block, more, size]: BlockLine): Option {
  return blockOption(number, { number: block, more: more === 1, szx: szxWithin(size) });
}

const whole = bodyOf(128 * 2 + 40);
const cut = (i: number, size: number, of = whole) => of.slice(size * i, size * (i + 1));

describe('RFC 7959 section 3.1: Block2, the client', () => {
  const GET = { method: 'GET' } as const;
  const content = (i: number, size: 64 | 128): Answer => ({
    code: '2.05',
    block2: [i, (i + 1) * size < whole.length ? 1 : 0, size],
    payload: cut(i, size),
  });

  // CON GET →  ← 2:0/1/128   CON GET 2:1/0/128 →  ← 2:1/1/128   CON GET 2:2/0/128 →  ← 2:2/0/128
  it('figure 2: simple block-wise GET', async () => {
    const { body } = await follow(GET, [
      [{ blocks: '' }, content(0, 128)],
      [{ blocks: '2:1/0/128' }, content(1, 128)],
      [{ blocks: '2:2/0/128' }, content(2, 128)],
    ]);
    assert.deepEqual(body, whole);
  });

  // CON GET 2:0/0/64 →  ← 2:0/1/64   CON GET 2:1/0/64 →  ← 2:1/1/64   …   ← 2:4/0/64
  it('figure 3: block-wise GET with early negotiation', async () => {
    const { body } = await follow({ ...GET, blockSize: 64 }, [
      ...[0, 1, 2, 3, 4].map(
        (i) => [{ blocks: `2:${i}/0/64` }, content(i, 64)] as const satisfies [Due, Answer],
      ),
    ]);
    assert.deepEqual(body, whole);
  });

  // The size comes from the server: CON GET →  ← 2:0/1/64 where the client would take 128; it goes on in 64.
  it('figure 4: late negotiation: goes on in the size that the server has', async () => {
    const { body } = await follow(GET, [
      [{ blocks: '' }, content(0, 64)],
      ...[1, 2, 3, 4].map((i) => [{ blocks: `2:${i}/0/64` }, content(i, 64)] as const),
    ]);
    assert.deepEqual(body, whole);
  });

  // CON GET 2:1/0/128 X   (time-out)   CON GET 2:1/0/128 →  ← 2:1/1/128
  it('figure 5: a lost CON is said again', async () => {
    const { body } = await follow(GET, [
      [{ blocks: '' }, content(0, 128)],
      [{ blocks: '2:1/0/128', lost: true }, content(1, 128)],
      [{ blocks: '2:2/0/128' }, content(2, 128)],
    ]);
    assert.deepEqual(body, whole);
  });

  // CON GET 2:1/0/128 →   X 2:1/1/128   (time-out)   CON GET 2:1/0/128 →  ← 2:1/1/128
  it('figure 6: a lost ACK has the CON said again', async () => {
    const { body } = await follow(GET, [
      [{ blocks: '' }, content(0, 128)],
      [{ blocks: '2:1/0/128' }, { ...content(1, 128), lost: true }],
      [{ blocks: '2:2/0/128' }, content(2, 128)],
    ]);
    assert.deepEqual(body, whole);
  });
});

describe('RFC 7959 section 3.2: Block1, the client', () => {
  const PUT = { method: 'PUT', body: whole } as const;

  // CON PUT 1:0/1/128 →  ← 2.31 1:0/1/128   1:1/1/128 →  ← 2.31 1:1/1/128   1:2/0/128 →  ← 2.04 1:2/0/128
  it('figure 7: simple atomic block-wise PUT', async () => {
    const { code } = await follow(PUT, [
      [
        { blocks: '1:0/1/128', payload: cut(0, 128) },
        { code: '2.31', block1: [0, 1, 128] },
      ],
      [
        { blocks: '1:1/1/128', payload: cut(1, 128) },
        { code: '2.31', block1: [1, 1, 128] },
      ],
      [
        { blocks: '1:2/0/128', payload: cut(2, 128) },
        { code: '2.04', block1: [2, 0, 128] },
      ],
    ]);
    assert.equal(code, '2.04');
  });

  // CON PUT 1:0/1/128 →  ← 2.04 1:0/0/128   1:1/1/128 →  ← 2.04 1:1/0/128   1:2/0/128 →  ← 2.04 1:2/0/128
  it('figure 8: simple stateless block-wise PUT: a code for each block does not end it', async () => {
    const { code } = await follow(PUT, [
      [
        { blocks: '1:0/1/128', payload: cut(0, 128) },
        { code: '2.01', block1: [0, 0, 128] },
      ],
      [
        { blocks: '1:1/1/128', payload: cut(1, 128) },
        { code: '2.04', block1: [1, 0, 128] },
      ],
      [
        { blocks: '1:2/0/128', payload: cut(2, 128) },
        { code: '2.04', block1: [2, 0, 128] },
      ],
    ]);
    assert.equal(code, '2.04');
  });

  it('figure 8: an error, or a code about no block, does end it', async () => {
    for (const [code, block1] of [
      ['4.01', [0, 0, 128]],
      ['2.04', undefined],
    ] as const) {
      const found = await follow(PUT, [
        [
          { blocks: '1:0/1/128', payload: cut(0, 128) },
          { code, ...(block1 ? { block1 } : {}) },
        ],
      ]);
      assert.equal(found.code, code);
    }
  });

  it('a 2.31 about another block than was sent is not believed', async () => {
    const chart = [
      [
        { blocks: '1:0/1/128', payload: cut(0, 128) },
        { code: '2.31', block1: [1, 1, 128] },
      ],
    ] as const;
    await assert.rejects(follow(PUT, chart), { name: 'CoapClientError', kind: 'malformed' });
  });

  // CON PUT 1:0/1/128 →  ← 2.31 1:0/1/32   1:4/1/32 →  ← 2.31 1:4/1/32   …   1:9/0/32 →  ← 2.04 1:9/0/32
  it('B03 figure 9: simple atomic block-wise PUT with negotiation', async () => {
    await follow(PUT, [
      [
        { blocks: '1:0/1/128', payload: cut(0, 128) },
        { code: '2.31', block1: [0, 1, 32] },
      ],
      ...[4, 5, 6, 7, 8].map(
        (i) =>
          [
            { blocks: `1:${i}/1/32`, payload: cut(i, 32) },
            { code: '2.31', block1: [i, 1, 32] },
          ] as const satisfies [Due, Answer],
      ),
      [
        { blocks: '1:9/0/32', payload: cut(9, 32) },
        { code: '2.04', block1: [9, 0, 32] },
      ],
    ]);
  });
});

describe('RFC 7959 section 3.3: Block1 and Block2 combined, the client', () => {
  const answer = bodyOf(128 * 3 + 20).reverse();

  /*
   * CON POST 1:0/1/128 →            ← 2.31 1:0/1/128
   * CON POST 1:1/1/128 →            ← 2.31 1:1/1/128
   * CON POST 1:2/0/128 →            ← 2.04 1:2/0/128, 2:0/1/128     (figure 11: with 2:0/0/64, ← 2:0/1/64)
   * CON POST 2:1/0/128 →            ← 2.04 2:1/1/128   …
   */
  for (const [figure, size] of [
    [10, 128],
    [11, 64],
  ] as const) {
    it(`B09 figure ${figure}: block-wise POST with block-wise response in blocks of ${size}`, async () => {
      const early = size === 64;
      const unit = early ? 64 : 128;
      const request = { method: 'POST', body: whole, ...(early ? { blockSize: 64 } : {}) } as const;
      const up = Math.ceil(whole.length / unit);
      const down = Math.ceil(answer.length / size);
      const chart = Array.from({ length: up + down - 1 }, (_, i): readonly [Due, Answer] => {
        if (i < up - 1) {
          const block1: BlockLine = [i, 1, unit];
          return [
            { blocks: `1:${i}/1/${unit}`, payload: cut(i, unit) },
            { code: '2.31', block1 },
          ];
        }
        const n = i - up + 1;
        const block2: BlockLine = [n, n < down - 1 ? 1 : 0, size];
        const said = { code: '2.04', block2, payload: cut(n, size, answer) };
        if (n > 0) return [{ blocks: `2:${n}/0/${size}` }, said];
        const last = `1:${i}/0/${unit}${early ? ' 2:0/0/64' : ''}`;
        return [
          { blocks: last, payload: cut(i, unit) },
          { ...said, block1: [i, 0, unit] },
        ];
      });
      const { body } = await follow(request, chart);
      assert.deepEqual(body, answer);
    });
  }
});

describe('RFC 7959 section 3.4: Observe and Block2', () => {
  const GET = { type: 'CON', code: '0.01', path: 'status' } as const;
  const observe: Option = { number: 6, value: new Uint8Array() };

  /*
   * CON [1] GET Observe →             ← ACK [1] 2.05 2:0/1/128       no Observe: there will be no notification
   * CON [2] GET 2:1/0/128 →           ← ACK [2] 2.05 2:1/1/128   …   (figure 13: the same with 2:0/0/64 in the first)
   */
  for (const [figure, size] of [
    [12, 128],
    [13, 64],
  ] as const) {
    it(`C13 figure ${figure}: Observe is ignored, and the answer comes in blocks of ${size}`, async () => {
      const { peer, clock, requests } = conversation({
        handle: () => ({ code: '2.05', body: whole }),
        parameters: { blockSize: 128 },
      });
      const early = size === 64 ? { block2: [0, 0, 64] as BlockLine } : {};
      peer.says({ ...GET, ...early, mid: 1, token: 'fb', options: [observe] });
      for (let i = 0, more = true; more; i++) {
        if (i > 0) peer.says({ ...GET, mid: 1 + i, token: `0${i}`, block2: [i, 0, size] });
        more = (i + 1) * size < whole.length;
        const block2: BlockLine = [i, more ? 1 : 0, size];
        const { options = [] } = await peer.hears({
          type: 'ACK',
          mid: 1 + i,
          block2,
          payload: cut(i, size),
        });
        assert.ok(options.every(({ number }) => number !== 6));
      }
      await clock.turn(24 * 3600_000);
      await peer.hearsNothing();
      assert.equal(requests.length, 1);
    });
  }
});

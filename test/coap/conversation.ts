/** A CoapServer, a hand clock, and peers that say and hear messages one at a time. */
import assert from 'node:assert/strict';
import { toHex, utf8 } from '../../src/base/bytes.ts';
import { Drops, silentLog } from '../../src/base/log.ts';
import { blockOf, blockOption, sizeOf, szxWithin } from '../../src/coap/block.ts';
import type { BodyStore } from '../../src/coap/body-store.ts';
import type { Freshness } from '../../src/coap/echo.ts';
import { decode, encode, type MessageType } from '../../src/coap/message.ts';
import { type Option, OptionNumber, optionOf, uintOf, uintOption } from '../../src/coap/options.ts';
import type { CoapLimits, CoapParameters } from '../../src/coap/parameters.ts';
import type { RepeatRules } from '../../src/coap/repeats.ts';
import type { CoapPeer, CoapRequest, CoapResponse } from '../../src/coap/request.ts';
import { CoapServer } from '../../src/coap/server.ts';
import { HandClock, settled } from '../support/hand-clock.ts';
import { seededRandom } from '../support/seeded.ts';

/** NUM, M, size, as RFC 7959 writes `2:0/1/64`. */
export type BlockLine = readonly [number: number, more: 0 | 1, size: number];

/** A message in a chart. What a `hears` leaves out is not looked at, but for blocks: none given means none there. */
export interface Line {
  readonly type: MessageType;
  readonly mid?: number;
  readonly code?: string;
  /** Hex. */
  readonly token?: string;
  readonly path?: string;
  readonly contentFormat?: number;
  readonly maxAge?: number;
  readonly block1?: BlockLine;
  readonly block2?: BlockLine;
  readonly qBlock1?: BlockLine;
  /** Once in a response, several times in a request. */
  readonly qBlock2?: readonly BlockLine[];
  readonly size1?: number;
  readonly size2?: number;
  /** Hex. */
  readonly etag?: string;
  /** Hex. */
  readonly requestTag?: string;
  /** Hex. */
  readonly echo?: string;
  readonly options?: readonly Option[];
  readonly payload?: Uint8Array;
}

export interface ConversationOptions {
  readonly handle?: (request: CoapRequest) => CoapResponse | Promise<CoapResponse>;
  readonly limits?: Partial<CoapLimits>;
  readonly parameters?: Partial<CoapParameters>;
  readonly repeats?: RepeatRules<TestPeer>;
  readonly store?: BodyStore;
  readonly freshness?: Freshness<TestPeer>;
  readonly clock?: HandClock;
}

const noBlocks = {
  block1: undefined,
  block2: undefined,
  qBlock1: undefined,
  qBlock2: undefined,
};

/** Someone who talks to the server. */
export class TestPeer implements CoapPeer {
  readonly id: string;
  readonly maxPayload?: number;
  readonly identity?: string;
  readonly sent: Uint8Array[] = [];
  /** Octets that it may be sent now. */
  allowance = Number.POSITIVE_INFINITY;
  readonly #receive: (peer: TestPeer, bytes: Uint8Array) => void;

  constructor(
    id: string,
    receive: (peer: TestPeer, bytes: Uint8Array) => void,
    {
      maxPayload,
      identity,
    }: { maxPayload?: number | undefined; identity?: string | undefined } = {},
  ) {
    this.id = id;
    this.#receive = receive;
    if (maxPayload !== undefined) this.maxPayload = maxPayload;
    if (identity !== undefined) this.identity = identity;
  }

  send(message: Uint8Array): void {
    this.sent.push(message);
  }

  /** Sends bytes to the server. */
  saysBytes(bytes: Uint8Array): void {
    this.#receive(this, bytes);
  }

  /** Sends a message to the server; its bytes. */
  says(line: Line): Uint8Array {
    const bytes = write(line);
    this.saysBytes(bytes);
    return bytes;
  }

  /** The next message that came, whole. */
  async hearsBytes(): Promise<Uint8Array> {
    await settled();
    const bytes = this.sent.shift();
    assert.ok(bytes, 'silence, where a message is due');
    return bytes;
  }

  /** The next message that came is as in the chart; the message as it is. */
  async hears(line: Line): Promise<Line> {
    const found = read(await this.hearsBytes());
    const due = { ...noBlocks, ...line };
    const same = Object.fromEntries(
      Object.keys(due).map((key) => [key, (found as unknown as Record<string, unknown>)[key]]),
    );
    assert.deepEqual(same, due);
    return found;
  }

  async hearsNothing(): Promise<void> {
    await settled();
    assert.deepEqual(this.sent.map(toHex), []);
  }
}

/** A server, and `peer` to talk to it. */
export function conversation(options: ConversationOptions = {}) {
  const { clock = new HandClock(), ...others } = options;
  const drops = new Drops();
  const requests: CoapRequest[] = [];
  const { handle = () => ({ code: '2.04' }) } = options;
  const server = new CoapServer<TestPeer>({
    ...others,
    handle: (request) => {
      requests.push(request);
      return handle(request);
    },
    clock,
    random: seededRandom(1),
    log: silentLog(drops, 'coap'),
  });
  const newPeer = (id: string, maxPayload?: number, identity?: string) =>
    new TestPeer(id, (peer, bytes) => server.receive(peer, bytes), { maxPayload, identity });
  return { server, clock, drops, requests, newPeer, peer: newPeer('device') };
}

/** A promise, and the hand that ends it. */
export function promised<T>(): {
  readonly promise: Promise<T>;
  readonly resolve: (value: T) => void;
} {
  let resolve: (value: T) => void = () => {};
  const promise = new Promise<T>((done) => {
    resolve = done;
  });
  return { promise, resolve };
}

/** What a server holds that holds nothing. */
export const nothing = {
  peers: 0,
  messages: 0,
  links: 0,
  bodies: 0,
  answers: 0,
  repeats: 0,
  octets: 0,
};

/** Octets that differ from block to block. */
export function bodyOf(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => (i * 7 + (i >> 8)) & 0xff);
}

function write(line: Line): Uint8Array {
  const options: Option[] = [];
  const add = (number: number, value: Uint8Array) => options.push({ number, value });
  for (const segment of line.path?.split('/') ?? []) add(OptionNumber.uriPath, utf8(segment));
  if (line.contentFormat !== undefined) {
    options.push(uintOption(OptionNumber.contentFormat, line.contentFormat));
  }
  if (line.block1) options.push(blockOption(OptionNumber.block1, block(line.block1)));
  if (line.block2) options.push(blockOption(OptionNumber.block2, block(line.block2)));
  if (line.qBlock1) options.push(blockOption(OptionNumber.qBlock1, block(line.qBlock1)));
  for (const asked of line.qBlock2 ?? []) {
    options.push(blockOption(OptionNumber.qBlock2, block(asked)));
  }
  if (line.echo !== undefined) add(OptionNumber.echo, bytesOf(line.echo));
  if (line.size1 !== undefined) options.push(uintOption(OptionNumber.size1, line.size1));
  if (line.size2 !== undefined) options.push(uintOption(OptionNumber.size2, line.size2));
  if (line.requestTag !== undefined) add(OptionNumber.requestTag, bytesOf(line.requestTag));
  return encode({
    type: line.type,
    code: line.code ?? '0.00',
    messageId: line.mid ?? 0,
    token: bytesOf(line.token ?? ''),
    options: [...options, ...(line.options ?? [])],
    payload: line.payload ?? new Uint8Array(),
  });
}

function read(bytes: Uint8Array): Line {
  const { type, code, messageId, token, options, payload } = decode(bytes);
  const etag = optionOf(options, OptionNumber.etag);
  const echo = optionOf(options, OptionNumber.echo);
  const quick = lineOf(options, OptionNumber.qBlock2);
  const line: Record<keyof Line, unknown> = {
    type,
    mid: messageId,
    code,
    token: toHex(token).toLowerCase(),
    path: undefined,
    contentFormat: uintOf(options, OptionNumber.contentFormat),
    maxAge: uintOf(options, OptionNumber.maxAge),
    block1: lineOf(options, OptionNumber.block1),
    block2: lineOf(options, OptionNumber.block2),
    qBlock1: lineOf(options, OptionNumber.qBlock1),
    qBlock2: quick && [quick],
    size1: uintOf(options, OptionNumber.size1),
    size2: uintOf(options, OptionNumber.size2),
    etag: etag && toHex(etag).toLowerCase(),
    requestTag: undefined,
    echo: echo && toHex(echo).toLowerCase(),
    options,
    payload: new Uint8Array(payload),
  };
  return line as Line;
}

function block([number, more, size]: BlockLine) {
  return { number, more: more === 1, szx: szxWithin(size) };
}

function lineOf(options: readonly Option[], number: number): BlockLine | undefined {
  const found = blockOf(options, number);
  return found && [found.number, found.more ? 1 : 0, sizeOf(found.szx)];
}

function bytesOf(hexText: string): Uint8Array {
  return new Uint8Array(Buffer.from(hexText.replace(/\s/g, ''), 'hex'));
}

/**
 * Devices that poll: each with a socket and, but for the echo, a DTLS connection of its own. What they will send is
 * sealed before a turn and what they got is opened after it, so that in between they do no more than send and hear.
 */
import assert from 'node:assert/strict';
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { equal } from '../../src/base/bytes.ts';
import { systemClock } from '../../src/base/clock.ts';
import { silentLog } from '../../src/base/log.ts';
import { systemRandom } from '../../src/base/random.ts';
import type { Message } from '../../src/coap/message.ts';
import type { DtlsClient } from '../../src/dtls/client.ts';
import { built } from './built.ts';

const { DtlsClient: BuiltClient } =
  await built<typeof import('../../src/dtls/client.ts')>('dtls/client.js');
const { encode, decode } =
  await built<typeof import('../../src/coap/message.ts')>('coap/message.js');

/** What a device asks, and what it must be told. */
export interface Question {
  readonly request: Pick<Message, 'code' | 'options' | 'payload'>;
  /** Code and payload of the response, in the ACK. */
  readonly response: Pick<Message, 'code' | 'payload'>;
}

export interface PollingDevice {
  /** For PSK. */
  readonly identity: string;
  readonly key: Uint8Array;
  readonly question: Question;
}

export interface Turn {
  readonly answers: number;
  /** From the first datagram to the last. */
  readonly seconds: number;
  /** Microseconds of this process's CPU in that time. */
  readonly cpu: number;
  /** Octets of a datagram of the last device, with its request and with its answer. */
  readonly octets: { readonly request: number; readonly response: number };
}

/** Handshakes at a time. */
const handshakes = 16;
/** Milliseconds of silence after which a turn has failed: loopback loses nothing that fits into the buffers. */
const patience = 2000;
/** Octets of a token, as clients under DTLS use them. */
const tokenLength = 2;

/** One device with its socket. */
class Endpoint {
  readonly socket: Socket;
  #client: DtlsClient | undefined;
  readonly #question: Question;
  #messageId = 0;
  #sealed: Uint8Array | undefined;
  #opened: Uint8Array | undefined;
  #outgoing: Uint8Array[] = [];
  #next = 0;
  readonly #answers: Uint8Array[] = [];
  /** Called for each datagram. */
  heard: (() => void) | undefined;
  readonly connected: Promise<void>;

  constructor(socket: Socket, { identity, key, question }: PollingDevice, plain: boolean) {
    this.socket = socket;
    this.#question = question;
    this.connected = plain ? Promise.resolve() : this.#connect(identity, key);
  }

  listen(): void {
    this.socket.on('message', (datagram) => {
      this.#answers.push(datagram);
      this.heard?.();
    });
  }

  /** Whether the server gave it a connection ID. */
  get hasCid(): boolean {
    return this.#client?.mayMove === true;
  }

  prepare(count: number): void {
    this.#next = 0;
    this.#outgoing = Array.from({ length: count }, () => this.#request());
  }

  send(): void {
    const datagram = this.#outgoing[this.#next++];
    if (datagram !== undefined) this.socket.send(datagram);
  }

  /** Asks once, what is not to be counted. */
  async ask(request: Question['request']): Promise<Message> {
    this.socket.send(this.#request(request));
    await once(this.socket, 'message');
    const [answer] = this.#answers.splice(0);
    assert.ok(answer);
    return this.#open(answer);
  }

  /** Looks at all that came since the last time; throws where anything is missing or is another answer. */
  check(): { readonly request: number; readonly response: number } | undefined {
    assert.equal(this.#answers.length, this.#next, 'answers are missing');
    const [request] = this.#outgoing;
    const [response] = this.#answers;
    const { code, payload } = this.#question.response;
    for (const answer of this.#answers.splice(0)) {
      if (this.#client === undefined) continue;
      const message = this.#open(answer);
      const ok = message.type === 'ACK' && message.code === code && equal(message.payload, payload);
      assert.ok(ok, `another answer: ${message.type} ${message.code}`);
    }
    if (request === undefined || response === undefined) return undefined;
    return { request: request.length, response: response.length };
  }

  close(): void {
    this.socket.close();
  }

  #connect(identity: string, key: Uint8Array): Promise<void> {
    const { socket } = this;
    let shaking = true;
    const client = new BuiltClient({
      credential: { type: 'psk', identity, key },
      suites: ['TLS_PSK_WITH_AES_128_CCM_8'],
      connectionId: { own: new Uint8Array() },
      clock: systemClock,
      random: systemRandom,
      log: silentLog(),
      send: (datagram) => {
        if (shaking) socket.send(datagram);
        else this.#sealed = datagram;
      },
      deliver: (data) => {
        this.#opened = data;
      },
    });
    this.#client = client;
    const listener = (datagram: Uint8Array) => client.receive(datagram);
    socket.on('message', listener);
    return client.connect().finally(() => {
      shaking = false;
      socket.off('message', listener);
    });
  }

  #open(datagram: Uint8Array): Message {
    this.#opened = undefined;
    this.#client?.receive(datagram);
    assert.ok(this.#opened, 'an answer does not open');
    return decode(this.#opened);
  }

  #request(request = this.#question.request): Uint8Array {
    this.#messageId = (this.#messageId + 1) % 2 ** 16;
    const messageId = this.#messageId;
    const token = Uint8Array.of(messageId >> 8, messageId & 0xff).subarray(0, tokenLength);
    const message = encode({ type: 'CON', messageId, token, ...request });
    if (this.#client === undefined) return message;
    this.#client.send(message);
    assert.ok(this.#sealed);
    return this.#sealed;
  }
}

/** Many devices of one server. */
export class PollingDevices {
  readonly #endpoints: readonly Endpoint[];
  /** Whose turn it is to send. */
  #next = 0;

  private constructor(endpoints: readonly Endpoint[]) {
    this.#endpoints = endpoints;
  }

  /** Connects them all; `plain`: there is no DTLS. */
  static async open(
    devices: readonly PollingDevice[],
    port: number,
    { plain = false, cids = false } = {},
  ): Promise<PollingDevices> {
    const endpoints: Endpoint[] = [];
    const waiting = [...devices];
    const connect = async () => {
      for (let device = waiting.shift(); device !== undefined; device = waiting.shift()) {
        const socket = createSocket('udp4');
        socket.connect(port, '127.0.0.1');
        await once(socket, 'connect');
        socket.on('error', () => {}); // a server that is not there is met as silence
        const endpoint = new Endpoint(socket, device, plain);
        await endpoint.connected;
        if (cids) assert.ok(endpoint.hasCid, 'a connection without an ID');
        endpoint.listen();
        endpoints.push(endpoint);
      }
    };
    await Promise.all(Array.from({ length: handshakes }, connect));
    return new PollingDevices(endpoints);
  }

  /** Has one of them ask something else. */
  async ask(request: Question['request']): Promise<Message> {
    const [first] = this.#endpoints;
    assert.ok(first);
    return first.ask(request);
  }

  /** So many polls in all, `window` of them under way at a time, each device after the others. */
  async work(polls: number, window: number): Promise<Turn> {
    const each = Math.ceil(polls / this.#endpoints.length);
    for (const endpoint of this.#endpoints) endpoint.prepare(each);
    const total = each * this.#endpoints.length;
    const before = process.cpuUsage();
    const seconds = await this.#run(total, Math.min(window, this.#endpoints.length));
    const { user, system } = process.cpuUsage(before);
    let octets = { request: 0, response: 0 };
    for (const endpoint of this.#endpoints) octets = endpoint.check() ?? octets;
    return { answers: total, seconds, cpu: user + system, octets };
  }

  close(): void {
    for (const endpoint of this.#endpoints) endpoint.close();
  }

  #run(total: number, window: number): Promise<number> {
    return new Promise((resolve, reject) => {
      const started = process.hrtime.bigint();
      let sent = 0;
      let heard = 0;
      let before = -1;
      const send = () => {
        if (sent++ >= total) return;
        this.#endpoints[this.#next]?.send();
        this.#next = (this.#next + 1) % this.#endpoints.length;
      };
      const watch = setInterval(() => {
        if (heard === before) {
          clearInterval(watch);
          reject(new Error(`silence after ${heard} of ${total} answers`));
        }
        before = heard;
      }, patience);
      const hear = () => {
        if (++heard < total) {
          send();
          return;
        }
        clearInterval(watch);
        resolve(Number(process.hrtime.bigint() - started) / 1e9);
      };
      for (const endpoint of this.#endpoints) endpoint.heard = hear;
      for (let i = 0; i < window; i++) send();
    });
  }
}

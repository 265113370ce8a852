/**
 * An eIM's DTLS and CoAP over a UDP socket of this machine, and devices that are counted at their own sockets. Time can
 * be put forward, the server killed and started again, and a device can come from another address.
 */
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { type Address, addressText } from '../../src/base/address.ts';
import { type Clock, systemClock } from '../../src/base/clock.ts';
import { Drops, type LogLine, makeLog, silentLog } from '../../src/base/log.ts';
import { systemRandom } from '../../src/base/random.ts';
import { SecretBox } from '../../src/base/secret-box.ts';
import { CoapClient } from '../../src/coap/client.ts';
import { CoapServer } from '../../src/coap/server.ts';
import { DtlsClient, type DtlsClientOptions } from '../../src/dtls/client.ts';
import type { DtlsCredentials } from '../../src/dtls/credentials.ts';
import { type DtlsPeer, DtlsServer, type DtlsServerOptions } from '../../src/dtls/server.ts';
import { openConnectionStore } from '../../src/dtls-store.ts';
import { EimPackageError } from '../../src/messages/eim-package.ts';
import { EsipaMessageFromEimToIpa, EsipaMessageFromIpaToEim } from '../../src/messages/esipa.ts';
import { parseEid } from '../../src/messages/ids.ts';
import { MemoryStore } from '../../src/store/memory.ts';
import { esipaPath, octetStream } from '../lab/ipa/stack.ts';

/** Octets are those of UDP payload, as the device sees them. */
export interface Wire {
  datagramsUp: number;
  datagramsDown: number;
  octetsUp: number;
  octetsDown: number;
  /** How often the device, having sent, waited for something to come back. */
  roundTrips: number;
}

/** A line of a table. */
export interface Row extends Readonly<Wire> {
  readonly name: string;
}

export type WireServerOptions = Pick<DtlsServerOptions, 'connectionIds' | 'resumption'> & {
  readonly credentials: DtlsCredentials;
};

const eid = parseEid('89049032123451234512345678901235');

/** A poll, as the lab's IPA does it. */
const poll = EsipaMessageFromIpaToEim.encode({
  type: 'getEimPackageRequest',
  value: { eidValue: new Uint8Array(Buffer.from(eid, 'hex')) },
});

/** Nothing to do. */
const nothing = EsipaMessageFromEimToIpa.encode({
  type: 'getEimPackageResponse',
  value: { type: 'eimPackageError', value: EimPackageError.noEimPackageAvailable },
});

/** Longer than any answer takes on a busy machine: nothing is sent twice. */
const patience = 120_000;
const times = { retransmission: { initial: patience, ceiling: patience, attempts: 1 } };

export class WireServer {
  readonly #options: WireServerOptions;
  readonly #socket: Socket;
  readonly #kept: NonNullable<DtlsServerOptions['kept']>;
  readonly #drops = new Drops();
  /** Where devices seem to be, by the ports where they are. */
  readonly #places = new Map<number, Address>();
  #ahead = 0;
  #dtls: DtlsServer;
  #coap: CoapServer<DtlsPeer>;

  private constructor(
    options: WireServerOptions,
    socket: Socket,
    kept: NonNullable<DtlsServerOptions['kept']>,
  ) {
    this.#options = options;
    this.#socket = socket;
    this.#kept = kept;
    [this.#dtls, this.#coap] = this.#begin();
    socket.on('message', (datagram, from) =>
      this.#dtls.receive(datagram, this.#places.get(from.port) ?? from),
    );
  }

  static async start(options: WireServerOptions): Promise<WireServer> {
    const box = new SecretBox({ key: systemRandom(32), random: systemRandom });
    const kept = await openConnectionStore(new MemoryStore(), box, systemRandom);
    return new WireServer(options, await boundSocket(), kept);
  }

  get port(): number {
    return this.#socket.address().port;
  }

  /** What it has dropped. */
  get drops(): Readonly<Record<string, number>> {
    return this.#drops.all();
  }

  /** Milliseconds go by for the server. */
  pass(milliseconds: number): void {
    this.#ahead += milliseconds;
  }

  /** Another process takes up the store, and the one before is heard of no more. */
  async restart(): Promise<void> {
    [this.#dtls, this.#coap] = this.#begin();
    await this.#dtls.ready();
  }

  /** What comes from the port seems to come from there. */
  place(port: number, at: Address): void {
    this.#places.set(port, at);
  }

  async close(): Promise<void> {
    this.#coap.close();
    await this.#dtls.close();
    this.#socket.close();
    await once(this.#socket, 'close');
  }

  #begin(): [DtlsServer, CoapServer<DtlsPeer>] {
    const log = makeLog('wire', complain, this.#drops);
    // Its alarms never go off: what it sends is what was asked of it.
    const clock: Clock = {
      now: () => systemClock.now() + this.#ahead,
      after: () => () => {},
    };
    const common = { clock, random: systemRandom, log };
    const coap = new CoapServer<DtlsPeer>({
      ...common,
      handle: () => ({ code: '2.05', contentFormat: octetStream, body: nothing }),
    });
    const dtls = new DtlsServer({
      ...common,
      ...this.#options,
      kept: this.#kept,
      deliver: (peer, data) => coap.receive(peer, data),
      send: (datagram, to) => this.#socket.send(datagram, this.#portOf(to), '127.0.0.1'),
    });
    return [dtls, coap];
  }

  #portOf(to: Address): number {
    const text = addressText(to);
    for (const [port, place] of this.#places) if (addressText(place) === text) return port;
    return to.port;
  }
}

/** A device somewhere, with a socket of its own. */
export class WireDevice {
  readonly wire: Wire = {
    datagramsUp: 0,
    datagramsDown: 0,
    octetsUp: 0,
    octetsDown: 0,
    roundTrips: 0,
  };
  readonly dtls: DtlsClient;
  readonly #socket: Socket;
  readonly #coap: CoapClient;
  #waits = false;

  private constructor(
    server: WireServer,
    socket: Socket,
    wishes: Partial<DtlsClientOptions> & Pick<DtlsClientOptions, 'credential'>,
    slept?: Uint8Array,
  ) {
    this.#socket = socket;
    const common = { clock: systemClock, random: systemRandom, log: silentLog() };
    const { port } = server;
    this.dtls = new DtlsClient(
      {
        ...common,
        ...wishes,
        times,
        send: (datagram) => {
          this.wire.datagramsUp++;
          this.wire.octetsUp += datagram.length;
          this.#waits = true;
          socket.send(datagram, port, '127.0.0.1');
        },
        deliver: (data) => this.#coap.receive(data),
      },
      slept,
    );
    this.#coap = new CoapClient({
      ...common,
      send: (message) => this.dtls.send(message),
      parameters: { ackTimeout: patience },
    });
    socket.on('message', (datagram) => {
      this.wire.datagramsDown++;
      this.wire.octetsDown += datagram.length;
      if (this.#waits) this.wire.roundTrips++;
      this.#waits = false;
      this.dtls.receive(datagram);
    });
  }

  /** With `slept`, it goes on with a connection. */
  static async at(
    place: Address,
    server: WireServer,
    wishes: Partial<DtlsClientOptions> & Pick<DtlsClientOptions, 'credential'>,
    slept?: Uint8Array,
  ): Promise<WireDevice> {
    const socket = await boundSocket();
    server.place(socket.address().port, place);
    return new WireDevice(server, socket, wishes, slept);
  }

  /** GetEimPackage, answered that there is nothing to do. */
  async poll(): Promise<void> {
    const { code, body } = await this.#coap.request({
      method: 'POST',
      path: esipaPath,
      contentFormat: octetStream,
      body: poll,
    });
    if (code !== '2.05' || body?.length !== nothing.length) throw new Error(`answered ${code}`);
  }

  /** Its socket closes without a word to the server. */
  async leave(): Promise<void> {
    this.#coap.close();
    this.#socket.close();
    await once(this.#socket, 'close');
  }
}

function complain({ level, event, fields }: LogLine): void {
  if (level === 'error') process.stderr.write(`${event} ${JSON.stringify(fields)}\n`);
}

export async function boundSocket(): Promise<Socket> {
  const socket = createSocket('udp4');
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  return socket;
}

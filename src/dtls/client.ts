/**
 * A DTLS 1.2 client: one connection to one server. It connects to devices that are servers, stands in for devices in
 * the lab and in tests, and shares records, flights and connection with the server.
 */
import type { Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import type { Random } from '../base/random.ts';
import { Stock } from '../base/stock.ts';
import type { CipherSuiteName } from './cipher-suites.ts';
import { clientHandshake } from './client-handshake.ts';
import type { ClientWishes } from './client-hellos.ts';
import type { ClientSession } from './client-resumption.ts';
import { Connection, type ConnectionOwner, type ConnectionSettings } from './connection.ts';
import type { ClientCredential } from './credentials.ts';
import { FlightPacker } from './flight.ts';
import { packState, unpackState } from './kept-connection.ts';
import { defaultGroups } from './named-groups.ts';
import { readRecords } from './record.ts';
import { type ConnectionTimes, defaultClientTimes, defaultLimits, defaultMtu } from './settings.ts';
import { defaultSuites } from './suite-profiles.ts';

export interface DtlsClientOptions extends Partial<ClientWishes> {
  readonly credential: ClientCredential;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** In the order of preference; those that do not go with the credential are left out. */
  readonly suites?: readonly CipherSuiteName[];
  /** Octets of a datagram at most. */
  readonly mtu?: number;
  readonly times?: Partial<ConnectionTimes>;
  send(datagram: Uint8Array): void;
  deliver(data: Uint8Array): void;
  /** An established connection has ended. */
  closed?(reason: string): void;
}

export interface DtlsStatistics {
  readonly datagramsSent: number;
  readonly datagramsReceived: number;
  readonly bytesSent: number;
  readonly bytesReceived: number;
  /** Of the handshake, both directions, each counted once. */
  readonly flights: number;
  /** How often a flight of ours was sent again. */
  readonly repeatedFlights: number;
}

export class DtlsClient {
  readonly #options: DtlsClientOptions;
  readonly #connection: Connection<ClientCredential>;
  #settle: { resolve(): void; reject(error: Error): void } | undefined;
  #wasEstablished = false;
  /** The last flight of the handshake was ours: a session was resumed. */
  #spokeLast = false;
  #session: ClientSession | undefined;
  #datagramsSent = 0;
  #datagramsReceived = 0;
  #bytesSent = 0;
  #bytesReceived = 0;

  /** With `slept`, what `sleep` gave, it is connected from the start. Throws BytesError where that is none. */
  constructor(options: DtlsClientOptions, slept?: Uint8Array) {
    const { clock, log, mtu, times, resume } = options;
    this.#options = options;
    this.#session = resume;
    const settings: ConnectionSettings = {
      side: 'client',
      clock,
      log,
      mtu: mtu ?? defaultMtu,
      packer: new FlightPacker(new Stock(0), 0),
      limits: defaultLimits,
      times: { ...defaultClientTimes, ...times },
      explain: false,
    };
    const owner: ConnectionOwner<ClientCredential> = {
      transmit: (datagram) => this.#send(datagram),
      established: () => {
        this.#wasEstablished = true;
        this.#spokeLast = this.#connection.lingers;
        this.#settle?.resolve();
      },
      deliver: (data) => options.deliver(data),
      ended: (reason, error) => this.#ended(reason, error),
    };
    const from = slept === undefined ? { due: 0, firstRecord: 0 } : { kept: unpackState(slept) };
    this.#wasEstablished = slept !== undefined;
    this.#connection = new Connection(settings, owner, from);
  }

  /** What the next connection may resume: of this one once connected, of the one before until then. */
  get session(): ClientSession | undefined {
    return this.#session;
  }

  /** Whether this connection resumed a session. */
  get resumed(): boolean {
    return this.#spokeLast;
  }

  /**
   * Whether the server finds this connection by an ID in each record: it may then send from any address, and the
   * answers follow. Otherwise a change of address ends it without a word.
   */
  get mayMove(): boolean {
    return this.#connection.cids.peers !== undefined;
  }

  /** Sleeps: gives all that the connection lives on, for a client to go on with, and is of no more use itself. */
  sleep(): Uint8Array {
    const { state } = this.#connection;
    if (state === undefined) throw new Error('a DtlsClient that is not connected cannot sleep');
    this.#connection.leave();
    return packState(state);
  }

  get statistics(): DtlsStatistics {
    const { sent, repeated } = this.#connection.flights;
    return {
      datagramsSent: this.#datagramsSent,
      datagramsReceived: this.#datagramsReceived,
      bytesSent: this.#bytesSent,
      bytesReceived: this.#bytesReceived,
      // Each flight of ours but the last is answered before the next.
      flights: this.#wasEstablished && !this.#spokeLast ? 2 * sent : Math.max(0, 2 * sent - 1),
      repeatedFlights: repeated,
    };
  }

  /** Octets of data that fit one datagram, once connected. */
  get maxPayload(): number {
    return this.#connection.maxPayload;
  }

  /** Shakes hands. Rejects with HandshakeError where the server breaks the rules, with Error where it is silent. */
  connect(): Promise<void> {
    if (this.#settle !== undefined) throw new Error('a DtlsClient connects once');
    const { suites, groups, encryptThenMac } = this.#options;
    return new Promise((resolve, reject) => {
      this.#settle = { resolve, reject };
      this.#connection.start(
        clientHandshake({
          ...this.#options,
          suites: suites ?? defaultSuites,
          groups: groups ?? defaultGroups,
          encryptThenMac: encryptThenMac ?? true,
          keep: (session) => {
            this.#session = session;
          },
        }),
      );
    });
  }

  receive(datagram: Uint8Array): void {
    const { log, connectionId } = this.#options;
    this.#datagramsReceived++;
    this.#bytesReceived += datagram.length;
    const drop = (reason: string) => log.drop(reason);
    const cidLength = this.#connection.cids.own?.octets.length ?? connectionId?.own.length;
    for (const record of readRecords(datagram, drop, cidLength)) {
      const reason = this.#connection.receive(record);
      if (reason !== undefined) log.drop(reason);
    }
  }

  send(data: Uint8Array): void {
    this.#connection.send(data);
  }

  close(): void {
    this.#connection.close('closed by us');
  }

  /** Ends the connection with a fatal alert: it failed here, and its session must not be resumed. */
  abort(): void {
    this.#connection.abort('given up by us');
  }

  #send(datagram: Uint8Array): void {
    this.#datagramsSent++;
    this.#bytesSent += datagram.length;
    this.#options.send(datagram);
  }

  #ended(reason: string, error: Error | undefined): void {
    if (this.#wasEstablished) this.#options.closed?.(reason);
    else this.#settle?.reject(error ?? new Error(reason));
  }
}

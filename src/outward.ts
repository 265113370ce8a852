/**
 * DTLS connections of ours to devices that are DTLS servers, for what is pushed to them: each on a socket of its own,
 * kept for a while, since what was pushed may have the device ask on it.
 */
import type { Address } from './base/address.ts';
import { addressText } from './base/address.ts';
import { BoundedMap } from './base/bounded-map.ts';
import { toHex } from './base/bytes.ts';
import type { Cancel, Clock } from './base/clock.ts';
import type { Log } from './base/log.ts';
import type { Random } from './base/random.ts';
import { Serial } from './base/serial.ts';
import type { CipherSuiteName } from './dtls/cipher-suites.ts';
import { DtlsClient } from './dtls/client.ts';
import type { ClientCredential } from './dtls/credentials.ts';
import { listenUdp } from './udp.ts';

/** The end of such a connection. */
export interface OutwardPeer {
  readonly id: string;
  readonly address: Address;
  readonly maxPayload: number;
  send(data: Uint8Array): void;
}

/** Whom to connect to, and by what. */
export interface OutwardTarget {
  /** The name of the device. */
  readonly name: string;
  readonly address: Address;
  readonly credential: ClientCredential;
}

export interface OutwardOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly suites: readonly CipherSuiteName[];
  /** Octets of a datagram at most. */
  readonly mtu: number;
  /** Milliseconds that a handshake may take. */
  readonly handshake: number;
  /** Connections kept at a time; beyond, the one unused for longest ends. */
  readonly most: number;
  deliver(target: OutwardTarget, peer: OutwardPeer, data: Uint8Array): void;
  closed(target: OutwardTarget, peer: OutwardPeer): void;
}

/** Milliseconds that a connection is kept after it was last used. */
const lifetime = 120_000;
/** Why there is no handshake once this side closes. */
const stopped = 'the eIM stops';

interface Line {
  readonly target: OutwardTarget;
  readonly peer: OutwardPeer;
  /** Ends it, and tells. */
  end(): void;
}

export class Outward {
  readonly #options: OutwardOptions;
  /** By the device's name and credential. */
  readonly #lines: BoundedMap<string, Line>;
  readonly #serial = new Serial();
  /** Ends each handshake under way. */
  readonly #opening = new Set<() => void>();
  #closed = false;
  #alarm: Cancel | undefined;

  constructor(options: OutwardOptions) {
    this.#options = options;
    this.#lines = new BoundedMap({
      clock: options.clock,
      ceiling: options.most,
      lifetime,
      gone: (_key, line) => line.end(),
    });
  }

  /** A connection to the device, one of before where it stands. Rejects where there is no handshake in time. */
  async open(target: OutwardTarget): Promise<OutwardPeer> {
    const key = keyOf(target);
    return this.#serial.run(key, async () => {
      const known = this.#lines.get(key);
      if (known !== undefined) return known.peer;
      const line = await this.#connect(target);
      this.#lines.set(key, line);
      this.#arm();
      return line.peer;
    });
  }

  /** Ends the connections to this device. */
  end(name: string): void {
    for (const line of [...this.#lines.values()]) if (line.target.name === name) line.end();
  }

  /** Ends all connections, and handshakes under way; no more is opened. */
  close(): void {
    this.#closed = true;
    this.#alarm?.();
    for (const end of this.#opening) end();
    for (const line of [...this.#lines.values()]) line.end();
  }

  async #connect(target: OutwardTarget): Promise<Line> {
    const { clock, random, log, suites, mtu, handshake } = this.#options;
    const { address, credential } = target;
    const socket = await listenUdp({
      host: address.address.includes(':') ? '::' : '0.0.0.0',
      port: 0,
      log,
      receive: (datagram, from) => {
        if (addressText(from) === addressText(address)) dtls.receive(datagram);
        else log.drop('datagram from another address than that of the device');
      },
    });
    if (this.#closed) {
      await socket.close();
      throw new Error(stopped);
    }
    const dtls: DtlsClient = new DtlsClient({
      credential,
      clock,
      random,
      log,
      suites,
      mtu,
      send: (datagram) => socket.send(datagram, address),
      deliver: (data) => {
        this.#lines.get(keyOf(target)); // it is in use
        this.#options.deliver(target, peer, data);
      },
      closed: () => end(),
    });
    const peer: OutwardPeer = {
      id: `out ${toHex(random(8))}`,
      address,
      get maxPayload() {
        return dtls.maxPayload;
      },
      send: (data) => dtls.send(data),
    };
    let ended = false;
    const end = (): void => {
      if (ended) return;
      ended = true;
      if (this.#lines.get(keyOf(target))?.peer === peer) this.#lines.delete(keyOf(target));
      this.#options.closed(target, peer);
      dtls.close();
      void socket.close();
    };
    let why: string | undefined;
    const giveUp = (reason: string) => (): void => {
      why = reason;
      dtls.abort();
    };
    const stop = giveUp(stopped);
    this.#opening.add(stop);
    const cancel = clock.after(handshake, giveUp(`none within ${handshake / 1000} s`));
    try {
      await dtls.connect();
    } catch (error) {
      await socket.close();
      throw why === undefined ? error : new Error(why, { cause: error });
    } finally {
      cancel();
      this.#opening.delete(stop);
    }
    return { target, peer, end };
  }

  /** Ends what is unused, while there is anything. */
  #arm(): void {
    this.#alarm ??= this.#options.clock.after(lifetime / 2, () => {
      this.#alarm = undefined;
      if (this.#lines.size > 0) this.#arm();
    });
  }
}

function keyOf({ name, address, credential }: OutwardTarget): string {
  return `${credential.type} ${addressText(address)} ${name}`;
}

/**
 * A UDP relay between any client and any server: counts what passes, and loses, repeats and reorders datagrams as a
 * seed decides. Each client address gets a socket of its own towards the server, as a NAT would give it.
 */
import { createSocket, type Socket } from 'node:dgram';
import { type Address, addressText } from '../../../src/base/address.ts';
import type { Cancel, Clock } from '../../../src/base/clock.ts';

export interface RelayOptions {
  /** Where the server listens. */
  readonly server: Address;
  readonly clock: Clock;
  /** Numbers in [0, 1) that a seed decides. */
  readonly chance: () => number;
  /** Shares of datagrams in [0, 1], for each direction alike. */
  readonly loss: number;
  readonly repeat: number;
  readonly reorder: number;
  /** A reordered datagram waits for the next one of its direction, at most this many milliseconds. Default 200. */
  readonly patience?: number;
  /** 0 asks the system for a free port. */
  readonly port?: number;
}

/** As the client sees it: what it sent, and what reached it. UDP payload octets. */
export interface RelayCounts {
  datagramsUp: number;
  datagramsDown: number;
  bytesUp: number;
  bytesDown: number;
  /** How often the client, having sent, waited for something to come back. */
  roundTrips: number;
  lost: number;
  repeated: number;
  reordered: number;
}

export interface Relay {
  readonly address: Address;
  readonly counts: Readonly<RelayCounts>;
  close(): Promise<void>;
}

export async function startRelay(options: RelayOptions): Promise<Relay> {
  const counts: RelayCounts = {
    datagramsUp: 0,
    datagramsDown: 0,
    bytesUp: 0,
    bytesDown: 0,
    roundTrips: 0,
    lost: 0,
    repeated: 0,
    reordered: 0,
  };
  const front = createSocket('udp4');
  const backs = new Map<string, Back>();
  await bind(front, options.port ?? 0);

  front.on('message', (datagram, from) => {
    const client: Address = { address: from.address, port: from.port };
    const key = addressText(client);
    const back = backs.get(key) ?? openBack(client);
    backs.set(key, back);
    counts.datagramsUp++;
    counts.bytesUp += datagram.length;
    back.waiting = true;
    back.up.take(datagram);
  });
  front.on('error', ignore);

  function openBack(client: Address): Back {
    const socket = createSocket('udp4');
    const up = new Lane(options, counts, (datagram) =>
      socket.send(datagram, options.server.port, options.server.address, ignore),
    );
    const down = new Lane(options, counts, (datagram) => {
      counts.datagramsDown++;
      counts.bytesDown += datagram.length;
      if (back.waiting) counts.roundTrips++;
      back.waiting = false;
      front.send(datagram, client.port, client.address, ignore);
    });
    const back: Back = { socket, up, down, waiting: false };
    socket.on('message', (datagram) => down.take(datagram));
    socket.on('error', ignore);
    return back;
  }

  return {
    address: { address: '127.0.0.1', port: front.address().port },
    counts,
    async close() {
      for (const { socket, up, down } of backs.values()) {
        up.close();
        down.close();
        socket.close();
      }
      await new Promise<void>((resolve) => front.close(() => resolve()));
    },
  };
}

/** The relay's side towards the server, for one client. */
interface Back {
  readonly socket: Socket;
  readonly up: Lane;
  readonly down: Lane;
  /** The client has sent, and nothing has come back since. */
  waiting: boolean;
}

/** One direction of one client's traffic. */
class Lane {
  readonly #options: RelayOptions;
  readonly #counts: RelayCounts;
  readonly #forward: (datagram: Uint8Array) => void;
  #waiting: { datagram: Uint8Array; cancel: Cancel } | undefined;
  #open = true;

  constructor(options: RelayOptions, counts: RelayCounts, forward: (datagram: Uint8Array) => void) {
    this.#options = options;
    this.#counts = counts;
    this.#forward = forward;
  }

  take(datagram: Uint8Array): void {
    const { chance, loss, repeat, reorder, clock, patience = 200 } = this.#options;
    if (!this.#open) return;
    if (chance() < loss) {
      this.#counts.lost++;
      return;
    }
    if (this.#waiting === undefined && chance() < reorder) {
      this.#counts.reordered++;
      const cancel = clock.after(patience, () => this.#release());
      this.#waiting = { datagram, cancel };
      return;
    }
    this.#send(datagram);
    if (chance() < repeat) {
      this.#counts.repeated++;
      this.#send(datagram);
    }
    this.#release();
  }

  close(): void {
    this.#open = false;
    this.#waiting?.cancel();
    this.#waiting = undefined;
  }

  #release(): void {
    const waiting = this.#waiting;
    if (waiting === undefined) return;
    this.#waiting = undefined;
    waiting.cancel();
    this.#send(waiting.datagram);
  }

  #send(datagram: Uint8Array): void {
    this.#forward(datagram);
  }
}

function bind(socket: Socket, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.once('error', reject);
    socket.bind(port, '127.0.0.1', () => {
      socket.off('error', reject);
      resolve();
    });
  });
}

/** A datagram that the network refuses is one that is lost. */
function ignore(): void {}

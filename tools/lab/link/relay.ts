/**
 * A UDP relay between any client and any server that is like a radio link behind a NAT: counts what passes, delays,
 * loses, repeats and reorders it as a profile and a seed say, forgets clients that are silent, and lets radios sleep.
 * Each client address gets a socket of its own towards the server, as a NAT would give it.
 */
import { createSocket, type Socket } from 'node:dgram';
import { type Address, addressText } from '../../../src/base/address.ts';
import type { Cancel, Clock } from '../../../src/base/clock.ts';
import { Channel, type Fate } from './channel.ts';
import type { Capture } from './pcap.ts';
import type { LinkProfile } from './profiles.ts';

export interface RelayOptions {
  /** Where the server listens. */
  readonly server: Address;
  readonly profile: LinkProfile;
  readonly clock: Clock;
  /** Numbers in [0, 1) that a seed decides. */
  readonly chance: () => number;
  /** IPv4 address to listen on, for clients of other machines (default 127.0.0.1: this machine's alone). */
  readonly host?: string;
  /** 0 asks the system for a free port. */
  readonly port?: number;
  /** Where all that the client sends and hears is written. */
  readonly capture?: Capture;
  /** Told of each datagram that does not simply arrive. */
  readonly fate?: (fate: Fate | 'unheard') => void;
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
  tooLarge: number;
  repeated: number;
  reordered: number;
  /** Datagrams for a client whose radio slept, or that the NAT had forgotten. */
  unheard: number;
  /** How often a client came from another port. */
  rebindings: number;
}

export interface Relay {
  readonly address: Address;
  readonly counts: Readonly<RelayCounts>;
  /** Has the NAT forget every client now: what they send next comes from another port. */
  rebind(): void;
  close(): Promise<void>;
}

export async function startRelay(options: RelayOptions): Promise<Relay> {
  const front = createSocket('udp4');
  await bind(front, options.port ?? 0, options.host ?? '127.0.0.1');
  const relay = new RunningRelay(options, front);
  front.on('message', (datagram, from) =>
    relay.fromClient(datagram, { address: from.address, port: from.port }),
  );
  front.on('error', ignore);
  return relay;
}

/** What the NAT knows of a client: the socket that stands for it, until it is silent for too long. */
interface Binding {
  readonly socket: Socket;
  readonly forget: Cancel;
}

interface Client {
  readonly address: Address;
  readonly up: Channel;
  readonly down: Channel;
  binding: Binding | undefined;
  /** It has sent, and nothing has come back since. */
  waiting: boolean;
  /** When it last sent. */
  active: number;
  bindings: number;
}

class RunningRelay implements Relay {
  readonly address: Address;
  readonly counts: RelayCounts = {
    datagramsUp: 0,
    datagramsDown: 0,
    bytesUp: 0,
    bytesDown: 0,
    roundTrips: 0,
    lost: 0,
    tooLarge: 0,
    repeated: 0,
    reordered: 0,
    unheard: 0,
    rebindings: 0,
  };
  readonly #options: RelayOptions;
  readonly #front: Socket;
  readonly #clients = new Map<string, Client>();

  constructor(options: RelayOptions, front: Socket) {
    this.#options = options;
    this.#front = front;
    const { address, port } = front.address();
    this.address = { address, port };
  }

  fromClient(datagram: Uint8Array, from: Address): void {
    const key = addressText(from);
    const client = this.#clients.get(key) ?? this.#newClient(from);
    this.#clients.set(key, client);
    const { clock, capture, server } = this.#options;
    this.counts.datagramsUp++;
    this.counts.bytesUp += datagram.length;
    capture?.add(clock.now(), from, server, datagram);
    client.waiting = true;
    client.active = clock.now();
    client.up.send(datagram);
  }

  rebind(): void {
    for (const client of this.#clients.values()) this.#forget(client);
  }

  async close(): Promise<void> {
    for (const client of this.#clients.values()) {
      client.up.close();
      client.down.close();
      this.#forget(client);
    }
    this.#clients.clear();
    await new Promise<void>((resolve) => this.#front.close(() => resolve()));
  }

  #newClient(address: Address): Client {
    const { profile, clock, chance } = this.#options;
    const channel = (direction: 'up' | 'down', deliver: (datagram: Uint8Array) => void) =>
      new Channel({
        profile,
        direction,
        clock,
        chance,
        deliver,
        fate: (fate) => this.#count(fate),
      });
    const client: Client = {
      address,
      up: channel('up', (datagram) => this.#toServer(client, datagram)),
      down: channel('down', (datagram) => this.#toClient(client, datagram)),
      binding: undefined,
      waiting: false,
      active: 0,
      bindings: 0,
    };
    return client;
  }

  #toServer(client: Client, datagram: Uint8Array): void {
    const { server } = this.#options;
    this.#bound(client).send(datagram, server.port, server.address, ignore);
  }

  #toClient(client: Client, datagram: Uint8Array): void {
    const { profile, clock, capture, server } = this.#options;
    if (profile.awake !== undefined && clock.now() - client.active > profile.awake) {
      this.counts.unheard++;
      this.#options.fate?.('unheard');
      return;
    }
    client.active = clock.now();
    this.counts.datagramsDown++;
    this.counts.bytesDown += datagram.length;
    if (client.waiting) this.counts.roundTrips++;
    client.waiting = false;
    capture?.add(clock.now(), server, client.address, datagram);
    this.#front.send(datagram, client.address.port, client.address.address, ignore);
  }

  /** The socket that stands for the client, and its NAT timer wound up anew. */
  #bound(client: Client): Socket {
    const { profile, clock } = this.#options;
    client.binding?.forget();
    const socket = client.binding?.socket ?? this.#newSocket(client);
    const forget =
      profile.natTimeout === undefined
        ? () => {}
        : clock.after(profile.natTimeout, () => this.#forget(client));
    client.binding = { socket, forget };
    return socket;
  }

  #newSocket(client: Client): Socket {
    if (client.bindings++ > 0) this.counts.rebindings++;
    const socket = createSocket('udp4');
    socket.on('message', (datagram) => client.down.send(datagram));
    socket.on('error', ignore);
    return socket;
  }

  #forget(client: Client): void {
    client.binding?.forget();
    client.binding?.socket.close();
    client.binding = undefined;
  }

  #count(fate: Fate): void {
    this.counts[fate === 'too large' ? 'tooLarge' : fate]++;
    this.#options.fate?.(fate);
  }
}

function bind(socket: Socket, port: number, host: string): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.once('error', reject);
    socket.bind(port, host, () => {
      socket.off('error', reject);
      resolve();
    });
  });
}

/** A datagram that the network refuses is one that is lost. */
function ignore(): void {}

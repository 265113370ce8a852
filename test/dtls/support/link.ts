/** A network between clients and a server on one hand clock, as bad as a seed makes it. */
import type { Address } from '../../../src/base/address.ts';
import { silentLog } from '../../../src/base/log.ts';
import { DtlsClient, type DtlsClientOptions } from '../../../src/dtls/client.ts';
import type { ClientCredential } from '../../../src/dtls/credentials.ts';
import type { HandClock } from '../../support/hand-clock.ts';
import { seededNumbers, seededRandom } from '../../support/seeded.ts';
import { Bench } from './bench.ts';

export interface LinkOptions {
  /** Milliseconds one way. */
  readonly delay?: number;
  /** How many of all datagrams are lost, come twice, or come up to five delays late. */
  readonly loss?: number;
  readonly repeat?: number;
  readonly reorder?: number;
  readonly seed?: number;
  readonly server?: ConstructorParameters<typeof Bench>[0];
}

export interface LinkedClient {
  readonly client: DtlsClient;
  readonly received: Uint8Array[];
  readonly ended: string[];
  /** `connect` under way: how it ended, once it has. */
  readonly outcome: { error?: unknown; connected: boolean };
}

export class Link {
  readonly bench: Bench;
  readonly clock: HandClock;
  /** Every datagram on its way, before its fate; a test may have one lost by returning false. */
  tap: (datagram: Uint8Array, up: boolean) => boolean = () => true;
  readonly #options: LinkOptions;
  readonly #chance: () => number;
  readonly #clients = new Map<number, DtlsClient>();

  constructor(options: LinkOptions = {}) {
    this.#options = options;
    this.#chance = seededNumbers(options.seed ?? 1);
    this.bench = new Bench({
      send: (datagram, to) =>
        this.#carry(datagram, false, (data) => this.#clients.get(to.port)?.receive(data)),
      ...options.server,
    });
    this.clock = this.bench.clock;
  }

  /** A client that begins to connect. */
  connect(credential: ClientCredential, options: Partial<DtlsClientOptions> = {}): LinkedClient {
    const port = 1 + this.#clients.size;
    const from: Address = { address: '192.0.2.1', port };
    const received: Uint8Array[] = [];
    const ended: string[] = [];
    const client = new DtlsClient({
      credential,
      clock: this.clock,
      random: seededRandom((this.#options.seed ?? 1) * 1000 + port),
      log: silentLog(),
      send: (datagram) =>
        this.#carry(datagram, true, (data) => this.bench.server.receive(data, from)),
      deliver: (data) => received.push(data),
      closed: (reason) => ended.push(reason),
      ...options,
    });
    this.#clients.set(port, client);
    const outcome: LinkedClient['outcome'] = { connected: false };
    client.connect().then(
      () => {
        outcome.connected = true;
      },
      (error: unknown) => {
        outcome.error = error;
      },
    );
    return { client, received, ended, outcome };
  }

  #carry(datagram: Uint8Array, up: boolean, arrive: (datagram: Uint8Array) => void): void {
    const { delay = 10, loss = 0, repeat = 0, reorder = 0 } = this.#options;
    if (!this.tap(datagram, up) || this.#chance() < loss) return;
    const copies = this.#chance() < repeat ? 2 : 1;
    for (let copy = 0; copy < copies; copy++) {
      const late = this.#chance() < reorder ? delay * 5 * this.#chance() : 0;
      this.clock.after(delay + late, () => arrive(datagram.slice()));
    }
  }
}

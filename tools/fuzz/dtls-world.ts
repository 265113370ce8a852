/** A server with live connections on one hand clock, for the fuzzer to throw things at. */
import type { Address } from '../../src/base/address.ts';
import { equal, utf8 } from '../../src/base/bytes.ts';
import { silentLog } from '../../src/base/log.ts';
import { DtlsClient, type DtlsClientOptions } from '../../src/dtls/client.ts';
import type { ClientCredential, DtlsCredentials } from '../../src/dtls/credentials.ts';
import { Bench, psk } from '../../test/dtls/support/bench.ts';
import { RawClient, type RawClientOptions } from '../../test/dtls/support/raw-client.ts';
import { settled } from '../../test/support/hand-clock.ts';
import { seededRandom } from '../../test/support/seeded.ts';
import { loadLabPki } from '../lab/pki/lab-pki.ts';

const { certificate, key } = loadLabPki().eimTls;

const credentials: DtlsCredentials = {
  psk: (identity) => (equal(identity, utf8(psk.identity)) ? [psk.key] : []),
  certificates: [{ chain: [certificate], key }],
};

/** A datagram that went either way, and the client's address. */
export interface Seen {
  readonly octets: Uint8Array;
  readonly at: Address;
}

/** A connection that has to outlive whatever strangers do. */
export interface Live {
  readonly address: Address;
  /** Sends, and says what was heard since. */
  readonly client: DtlsClient;
  readonly heard: Uint8Array[];
  readonly ended: string[];
}

const mostSeen = 300;
/** Octets of the server's connection IDs. */
export const cidLength = 8;

export class World extends Bench {
  readonly live: Live[] = [];
  readonly raw: RawClient[] = [];
  /** The last datagrams, to be thrown again. */
  readonly seen: Seen[] = [];
  readonly #out: (readonly [datagram: Uint8Array, to: Address])[];
  readonly #clients = new Map<string, DtlsClient>();
  readonly #up: (readonly [datagram: Uint8Array, from: Address])[] = [];

  constructor() {
    const out: (readonly [Uint8Array, Address])[] = [];
    super({
      credentials,
      connectionIds: { length: cidLength, drafts: true },
      resumption: { lifetime: 86_400_000, tickets: true, ceiling: 100, skipCookie: true },
      send: (datagram, to) => out.push([datagram, to]),
    });
    this.#out = out;
  }

  /** Gives the server a datagram and carries all that follows; gives what came back to where it was from. */
  override say(datagram: Uint8Array, from: Address): readonly Uint8Array[] {
    const back: Uint8Array[] = [];
    this.#up.push([datagram, from]);
    for (let next = this.#up.shift(); next !== undefined; next = this.#up.shift()) {
      this.server.receive(...next);
      for (const [answer, to] of this.#out.splice(0)) {
        this.#see(answer, to);
        this.#clients.get(keyOf(to))?.receive(answer);
        if (keyOf(to) === keyOf(from)) back.push(answer);
      }
    }
    return back;
  }

  /** Carries what the server has sent of itself. */
  pump(): void {
    for (const [answer, to] of this.#out.splice(0)) this.#clients.get(keyOf(to))?.receive(answer);
    for (let next = this.#up.shift(); next !== undefined; next = this.#up.shift()) {
      this.say(...next);
    }
  }

  /** A client of ours that connects and stays. */
  async join(
    credential: ClientCredential,
    seed: number,
    wishes: Pick<DtlsClientOptions, 'connectionId' | 'resume' | 'tickets'> = {},
  ): Promise<Live> {
    const address = { address: '192.0.2.1', port: 1000 + this.live.length };
    const heard: Uint8Array[] = [];
    const ended: string[] = [];
    const client = new DtlsClient({
      credential,
      ...wishes,
      clock: this.clock,
      random: seededRandom(seed),
      log: silentLog(),
      send: (datagram) => {
        this.#see(datagram, address);
        this.#up.push([datagram, address]);
      },
      deliver: (data) => heard.push(data),
      closed: (reason) => ended.push(reason),
    });
    this.#clients.set(keyOf(address), client);
    const connected = client.connect();
    this.pump();
    await connected;
    const live = { address, client, heard, ended };
    this.live.push(live);
    return live;
  }

  /** A client whose keys the fuzzer has. */
  rawClient(options: RawClientOptions): RawClient {
    const client = new RawClient(this, options);
    this.raw.push(client);
    return client;
  }

  async turn(milliseconds: number): Promise<void> {
    await this.clock.turn(milliseconds);
    this.pump();
    await settled();
  }

  #see(octets: Uint8Array, at: Address): void {
    if (this.seen.push({ octets, at }) > mostSeen) this.seen.shift();
  }
}

function keyOf({ address, port }: Address): string {
  return `${address}|${port}`;
}

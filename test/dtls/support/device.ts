/** A device with our own client, wherever the test puts it; every datagram passes through the test's hands. */
import type { Address } from '../../../src/base/address.ts';
import { fromUtf8, utf8 } from '../../../src/base/bytes.ts';
import { silentLog } from '../../../src/base/log.ts';
import { DtlsClient, type DtlsClientOptions } from '../../../src/dtls/client.ts';
import { settled } from '../../support/hand-clock.ts';
import { seededRandom } from '../../support/seeded.ts';
import { type Bench, home, psk } from './bench.ts';

export class Device {
  /** Where it is. */
  address: Address;
  /** What it has sent, oldest first. */
  readonly sent: Uint8Array[] = [];
  /** What it has heard. */
  readonly heard: Uint8Array[] = [];
  /** Datagrams up that are lost on their way. */
  deaf = false;
  readonly texts: string[] = [];
  readonly client: DtlsClient;
  readonly #bench: () => Bench;

  constructor(
    bench: Bench | (() => Bench),
    options: Partial<DtlsClientOptions> & { readonly seed?: number; readonly at?: Address } = {},
    slept?: Uint8Array,
  ) {
    this.#bench = typeof bench === 'function' ? bench : () => bench;
    const { seed = 21, at = home, ...wishes } = options;
    this.address = at;
    this.client = new DtlsClient(
      {
        credential: { type: 'psk', ...psk },
        suites: ['TLS_PSK_WITH_AES_128_CCM_8'],
        clock: this.#bench().clock,
        random: seededRandom(seed),
        log: silentLog(),
        send: (datagram) => this.#say(datagram),
        deliver: (data) => this.texts.push(fromUtf8(data)),
        ...wishes,
      },
      slept,
    );
  }

  /** The whole handshake; the store gets its turn. */
  async connect(): Promise<this> {
    let failure: unknown;
    this.client.connect().catch((error: unknown) => {
      failure = error;
    });
    for (let turns = 0; turns < 10; turns++) {
      await settled();
      this.hear();
    }
    if (failure !== undefined) throw failure;
    return this;
  }

  send(text: string): void {
    this.client.send(utf8(text));
  }

  /** The datagram that data would go in, which does not leave. */
  held(text: string): Uint8Array {
    this.deaf = true;
    this.send(text);
    this.deaf = false;
    const datagram = this.sent.at(-1);
    if (datagram === undefined) throw new Error('nothing was sent');
    return datagram;
  }

  /** Takes in what the server has sent to its address. */
  hear(): void {
    for (const datagram of this.#bench().mail(this.address)) {
      this.heard.push(datagram);
      this.client.receive(datagram);
    }
  }

  #say(datagram: Uint8Array): void {
    this.sent.push(datagram.slice());
    if (!this.deaf) this.#bench().server.receive(datagram, this.address);
  }
}

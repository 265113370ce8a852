/**
 * A device and an eIM's CoAP server, each with its own DTLS (AES_128_CCM_8, connection ID of 8 octets), and a link of
 * tools/lab between them; on a clock that leaps and with chance from a seed, so that a run is quick and comes again.
 */
import { silentLog } from '../../src/base/log.ts';
import { systemRandom } from '../../src/base/random.ts';
import { SecretBox } from '../../src/base/secret-box.ts';
import { CoapClient } from '../../src/coap/client.ts';
import { CoapClientError } from '../../src/coap/client-exchange.ts';
import type { CoapPeer, CoapResponse } from '../../src/coap/request.ts';
import { CoapServer } from '../../src/coap/server.ts';
import { Transfer } from '../../src/coap/transfer.ts';
import { coapStore } from '../../src/coap-store.ts';
import { DtlsClient } from '../../src/dtls/client.ts';
import { DtlsServer } from '../../src/dtls/server.ts';
import { MemoryStore } from '../../src/store/memory.ts';
import { Channel } from '../lab/link/channel.ts';
import type { LinkProfile } from '../lab/link/profiles.ts';
import { seededNumbers } from '../lab/link/seeded.ts';
import { LeapingClock } from './blockwise-clock.ts';
import { psk } from './handshake-kinds.ts';

/** How a body travels: Block2 in blocks of so many octets, or Q-Block2 in blocks of 1,024. */
export type Way = 1024 | 512 | 256 | 'quick';

/** What passed over the link, lost or not, both ways. */
export interface Wire {
  readonly datagrams: number;
  /** Of UDP payload. */
  readonly octets: number;
}

export interface Exchanged extends Wire {
  /** Milliseconds from the request to the last octet of the response. */
  readonly time: number;
}

const address = { address: '192.0.2.1', port: 40_000 };
/** As the eIM's settings have them. */
const parameters = { ackTimeout: 10_000, exchangeLifetime: 435_000 };

/** How often a device takes one transfer up. */
const mostTries = 5;

export class VirtualDevice {
  readonly #clock = new LeapingClock();
  readonly #way: Way;
  readonly #dtls: DtlsClient;
  readonly #coap: CoapClient;
  readonly #wire = { datagrams: 0, octets: 0 };
  #response: Uint8Array = new Uint8Array();

  private constructor(profile: LinkProfile, way: Way, seed: number) {
    this.#way = way;
    const clock = this.#clock;
    const chance = seededNumbers(seed);
    const random = (length: number) => Uint8Array.from({ length }, () => chance() * 256);
    const common = { clock, random, log: silentLog() };
    const link = { profile, clock, chance };
    let active = 0;
    const up = new Channel({
      ...link,
      direction: 'up',
      deliver: (datagram) => server.receive(datagram, address),
    });
    const down = new Channel({
      ...link,
      direction: 'down',
      deliver: (datagram) => {
        // As the relay has it: the radio sleeps some time after the device last sent or heard something.
        if (clock.now() - active <= (profile.awake ?? Number.POSITIVE_INFINITY)) {
          active = clock.now();
          this.#dtls.receive(datagram);
        }
      },
    });
    const coap = new CoapServer<CoapPeer>({
      ...common,
      parameters,
      // As the eIM has one: devices sleep longer than memory keeps.
      store: coapStore(
        new MemoryStore(),
        new SecretBox({ key: new Uint8Array(32), random: systemRandom }),
        4,
      ),
      handle: () => ({ code: '2.05', contentFormat: 42, body: this.#response }),
    });
    const server: DtlsServer = new DtlsServer({
      ...common,
      credentials: { psk: () => [psk.key] },
      suites: ['TLS_PSK_WITH_AES_128_CCM_8'],
      connectionIds: { length: 8 },
      deliver: (peer, data) => {
        const { id, maxPayload } = peer;
        const send = (message: Uint8Array) => peer.send(message);
        coap.receive({ id, maxPayload, identity: psk.identity, send }, data);
      },
      send: (datagram) => {
        this.#count(datagram);
        down.send(datagram);
      },
    });
    this.#dtls = new DtlsClient({
      ...common,
      credential: { type: 'psk', ...psk },
      suites: ['TLS_PSK_WITH_AES_128_CCM_8'],
      connectionId: { own: new Uint8Array() },
      times: { retransmission: { initial: 15_000, ceiling: 60_000, attempts: 20 }, handshake: 1e6 },
      send: (datagram) => {
        active = clock.now();
        this.#count(datagram);
        up.send(datagram);
      },
      deliver: (data) => this.#coap.receive(data),
    });
    this.#coap = new CoapClient({
      ...common,
      parameters: { ackTimeout: ackTimeoutOver(profile) },
      quick: way === 'quick',
      send: (message) => this.#dtls.send(message),
    });
  }

  /** One that is connected: the handshake is over. */
  static async connected(profile: LinkProfile, way: Way, seed: number): Promise<VirtualDevice> {
    const device = new VirtualDevice(profile, way, seed);
    await device.#clock.until(device.#dtls.connect());
    return device;
  }

  /** One request and its response, of so many octets each. */
  async exchange(request: number, response: number): Promise<Exchanged> {
    this.#response = octets(response);
    const before = { ...this.#wire };
    const began = this.#clock.now();
    const { code, body } = await this.#clock.until(this.#request(octets(request)));
    if (body?.length !== response) {
      throw new Error(`${code}, ${body?.length} octets of ${response}`);
    }
    return {
      time: this.#clock.now() - began,
      datagrams: this.#wire.datagrams - before.datagrams,
      octets: this.#wire.octets - before.octets,
    };
  }

  /** As a device does: where the server seems gone, it takes the transfer up again. */
  async #request(body: Uint8Array): Promise<CoapResponse> {
    const way = this.#way;
    const transfer = new Transfer();
    for (let tries = 1; ; tries++) {
      try {
        return await this.#coap.request({
          method: 'POST',
          path: ['esipa'],
          contentFormat: 42,
          body,
          transfer,
          ...(way === 'quick' || way === 1024 ? {} : { blockSize: way }),
        });
      } catch (error) {
        if (!(error instanceof CoapClientError) || tries === mostTries) throw error;
      }
    }
  }

  #count(datagram: Uint8Array): void {
    this.#wire.datagrams++;
    this.#wire.octets += datagram.length;
  }
}

/** As the lab's devices have it: RFC 7252's, or more than the longest round trip. */
function ackTimeoutOver({ roundTrip, jitter }: LinkProfile): number {
  return roundTrip < 1000 ? 2000 : Math.max(10_000, 1.5 * (roundTrip + 2 * jitter));
}

function octets(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => i % 251);
}

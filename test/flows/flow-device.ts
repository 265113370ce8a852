/**
 * A device in the field: the virtual eUICC and IPA behind our DTLS and CoAP clients. When the connection does not carry
 * any more it shakes hands anew, and goes on as its habit is.
 */
import type { Address } from '../../src/base/address.ts';
import type { Clock } from '../../src/base/clock.ts';
import { silentLog } from '../../src/base/log.ts';
import type { Random } from '../../src/base/random.ts';
import { CoapClient } from '../../src/coap/client.ts';
import { CoapClientError } from '../../src/coap/client-exchange.ts';
import type { CoapResponse } from '../../src/coap/request.ts';
import { DtlsClient } from '../../src/dtls/client.ts';
import type { ClientCredential } from '../../src/dtls/credentials.ts';
import type { Fault } from '../../tools/lab/faults.ts';
import { type BothRoles, bothRoles } from '../../tools/lab/ipa/both-roles.ts';
import type { Card } from '../../tools/lab/ipa/card.ts';
import type { CancelReason } from '../../tools/lab/ipa/habits.ts';
import { Ipa } from '../../tools/lab/ipa/ipa.ts';
import { esipaPath, octetStream } from '../../tools/lab/ipa/stack.ts';

export type Habit =
  /** Delivers what its eUICC still has to say, and polls again. */
  | 'begins anew'
  /** The same, but for the results of eUICC Packages, which it takes for delivered. */
  | 'forgets results'
  /** Sends the request again that was not answered. */
  | 'repeats';

export interface FlowDeviceOptions {
  readonly card: Card;
  readonly credential: ClientCredential;
  readonly clock: Clock;
  readonly random: Random;
  readonly habit: Habit;
  /** It is a CoAP server, too, and takes what the eIM pushes. Default false. */
  readonly serves?: boolean;
  /** From this device's present address to the eIM. */
  send(datagram: Uint8Array, from: Address): void;
}

/** The connection is gone; what was under way on it is to begin anew. */
class ConnectionLost extends Error {
  override readonly name = 'ConnectionLost';
}

/** Connections tried before a device gives up for the day. */
const mostConnections = 8;

export class FlowDevice {
  /** As the eIM sees it, behind a NAT. */
  address: Address = { address: '192.0.2.1', port: 40_000 };
  /** The functions that were answered, in order. */
  readonly answered: string[] = [];
  connections = 0;
  /** Nothing gets through with a profile that was just enabled: the IPA goes back to the one of before, if it may. */
  lostAfterSwitch = false;
  /** What its IPA does wrong. */
  readonly faults = new Set<Fault>();
  /** What makes it give downloads up. */
  readonly habits: { cancels?: CancelReason } = {};
  readonly #options: FlowDeviceOptions;
  readonly #ipa: Ipa;
  #dtls: DtlsClient | undefined;
  #coap: BothRoles | CoapClient | undefined;
  /** What it does by itself because of something that was pushed. */
  pushed: Promise<void> = Promise.resolve();
  /** The connection was lost while it did that. */
  #lost = false;
  /** What was pushed, DER. */
  readonly heard: Uint8Array[] = [];

  constructor(options: FlowDeviceOptions) {
    this.#options = options;
    this.#ipa = new Ipa({
      card: options.card,
      esipa: { exchange: (name, request) => this.#exchange(name, request) },
      unreachable: () => this.lostAfterSwitch,
      faults: this.faults,
      habits: this.habits,
    });
  }

  /** The NAT forgets, and the next datagram leaves from elsewhere. */
  move(): void {
    this.address = { ...this.address, port: this.address.port + 1 };
  }

  /** A datagram from the eIM, which reaches the device at its present address alone. */
  receive(datagram: Uint8Array, to: Address): void {
    if (to.port === this.address.port) this.#dtls?.receive(datagram);
  }

  /** Polls until the eIM has nothing more, over as many connections as it takes. */
  async work(): Promise<void> {
    let resumed = this.#lost;
    for (;;) {
      try {
        this.#coap ??= await this.#connect();
        if (resumed) await this.#resume();
        await this.#ipa.poll();
        return;
      } catch (error) {
        if (!(error instanceof ConnectionLost)) throw error;
        this.close();
        resumed = true;
      }
    }
  }

  close(): void {
    this.#coap?.close();
    this.#dtls?.close();
    this.#coap = undefined;
    this.#dtls = undefined;
  }

  async #resume(): Promise<void> {
    await this.#ipa.deliverNotifications();
    if (this.#options.habit !== 'forgets results') await this.#ipa.deliverPackageResults();
  }

  async #connect(): Promise<BothRoles | CoapClient> {
    if (this.connections++ >= mostConnections) throw new Error('gave up');
    const { clock, random, credential, send, serves } = this.#options;
    const common = { clock, random, log: silentLog() };
    const dtls = new DtlsClient({
      ...common,
      credential,
      send: (datagram) => send(datagram, this.address),
      deliver: (data) => coap.receive(data),
    });
    const asks = { ...common, send: (message: Uint8Array) => dtls.send(message) };
    const coap: BothRoles | CoapClient = serves
      ? bothRoles({ ...asks, handle: (request) => this.#take(request) })
      : new CoapClient(asks);
    this.#dtls = dtls;
    try {
      await dtls.connect();
    } catch (cause) {
      throw new ConnectionLost('no handshake', { cause });
    }
    return coap;
  }

  #take(request: Uint8Array): Uint8Array {
    this.heard.push(request);
    return this.#ipa.transfer(request, (work) => {
      this.#options.clock.after(0, () => {
        this.pushed = work().catch((error: unknown) => {
          if (!(error instanceof ConnectionLost)) throw error;
          this.close();
          this.#lost = true;
        });
      });
    });
  }

  async #exchange(name: string, request: Uint8Array): Promise<Uint8Array> {
    const answer = await this.#askUntilAnswered(request);
    if (!answer.code.startsWith('2.')) throw new Error(`${name} is answered ${answer.code}`);
    this.answered.push(name);
    return answer.body ?? new Uint8Array();
  }

  async #askUntilAnswered(request: Uint8Array): Promise<CoapResponse> {
    for (;;) {
      try {
        return await this.ask(request);
      } catch (error) {
        if (!(error instanceof ConnectionLost) || this.#options.habit !== 'repeats') throw error;
        this.close();
      }
    }
  }

  /** Posts any octets as an ESipa message would be. */
  async ask(body: Uint8Array): Promise<CoapResponse> {
    this.#coap ??= await this.#connect();
    try {
      return await this.#coap.request({
        method: 'POST',
        path: esipaPath,
        contentFormat: octetStream,
        body,
      });
    } catch (cause) {
      if (!(cause instanceof CoapClientError)) throw cause;
      throw new ConnectionLost(cause.message, { cause });
    }
  }
}

/** A device: eUICC, IPA, and a way to the eIM whose traffic is counted. */
import type { Address } from '../../../src/base/address.ts';
import type { Clock } from '../../../src/base/clock.ts';
import type { Log } from '../../../src/base/log.ts';
import type { Random } from '../../../src/base/random.ts';
import type { ClientCredential } from '../../../src/dtls/credentials.ts';
import { EimPackageError } from '../../../src/messages/eim-package.ts';
import { nameOf } from '../../../src/messages/primitives.ts';
import { readOnly } from '../../../src/messages/tlv.ts';
import type { Fault } from '../faults.ts';
import type { Capture } from '../link/pcap.ts';
import { type LinkProfile, linkProfiles } from '../link/profiles.ts';
import { type Relay, type RelayCounts, startRelay } from '../link/relay.ts';
import type { BlockWatch } from './blocks.ts';
import type { Card } from './card.ts';
import type { DownloadHabits } from './habits.ts';
import { type Binding, type HttpsBinding, type HttpsStack, openHttpsStack } from './https-stack.ts';
import { Ipa } from './ipa.ts';
import { openNodeCoapStack } from './node-coap-stack.ts';
import { openOwnStack } from './own-stack.ts';
import type { Pace, Stack } from './stack.ts';
import type { OnStep, WireCount } from './steps.ts';

export type StackName = 'own' | 'node-coap';

export interface DeviceOptions {
  readonly card: Card;
  readonly eim: Address;
  readonly credential: ClientCredential;
  readonly stack: StackName;
  /** How its messages travel; `eim` is where that binding is listened for. Default coaps. */
  readonly binding?: Binding;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly onStep: OnStep;
  /** What the way to the eIM is like; loopback as it is where absent. */
  readonly link?: Link;
  /** Told of every CoAP message and of what the link did to it; by the own stack alone. */
  readonly watch?: BlockWatch;
  /** What its IPA does wrong. Default: nothing. */
  readonly faults?: ReadonlySet<Fault>;
  /** How its IPA downloads. Default: through the eIM. */
  readonly habits?: DownloadHabits;
  /** Whether its IPA tells the eIM as little as it needs (minimizeEsipaBytes). Default: no. */
  readonly minimizes?: boolean;
  /** Whether it takes what the eIM pushes; on its own stack alone. Default: no. */
  readonly takesPushes?: boolean;
}

export interface Link {
  readonly profile: LinkProfile;
  /** Numbers in [0, 1) that a seed decides. */
  readonly chance: () => number;
  readonly capture?: Capture;
}

const loopback: Link = { profile: linkProfiles.lan, chance: () => 0.5 };

export class Device {
  readonly #options: DeviceOptions;
  #relay: Relay | undefined;
  #stack: Stack | undefined;
  #https: HttpsStack | undefined;
  readonly #ipa: Ipa;
  /** What it does by itself because of what was pushed last. */
  #pushed: Promise<void> = Promise.resolve();

  constructor(options: DeviceOptions) {
    this.#options = options;
    this.#ipa = new Ipa({
      card: options.card,
      onStep: options.onStep,
      ...(options.faults === undefined ? {} : { faults: options.faults }),
      ...(options.habits === undefined ? {} : { habits: options.habits }),
      minimizes: options.minimizes ?? false,
      esipa: {
        exchange: (name, request) => this.#counted(name, undefined, () => this.#exchange(request)),
      },
    });
  }

  /** Counts of the link so far: what it lost, repeated, reordered. */
  get link(): Readonly<RelayCounts> | undefined {
    return this.#relay?.counts;
  }

  /** Shakes hands with the eIM. */
  async connect(): Promise<void> {
    const { eim, clock, link = loopback, stack, credential, watch, takesPushes } = this.#options;
    const { binding = 'coaps' } = this.#options;
    if (binding !== 'coaps') return this.#connectHttps(binding);
    this.#relay = await startRelay({
      server: eim,
      clock,
      ...link,
      fate: (fate) => {
        if (fate !== 'repeated' && fate !== 'reordered') watch?.happened('lost');
      },
    });
    const open = stack === 'own' ? openOwnStack : openNodeCoapStack;
    await this.#counted(
      'handshake',
      credential.type === 'psk' ? 'PSK' : 'certificate',
      async () => {
        this.#stack = await open({
          ...this.#options,
          eim: this.#relay?.address ?? eim,
          pace: paceOf(link.profile),
          roams: link.profile.natTimeout !== undefined,
          ...(takesPushes ? { handle: (request) => this.#take(request) } : {}),
        });
        return new Uint8Array();
      },
    );
  }

  async #connectHttps(binding: HttpsBinding): Promise<void> {
    const { eim, credential } = this.#options;
    if (credential.type !== 'certificate')
      throw new Error('over HTTPS there are certificates alone');
    const { trust } = credential;
    await this.#counted('handshake', 'TLS', async () => {
      this.#https = await openHttpsStack({ eim, binding, trust });
      this.#stack = this.#https;
      return new Uint8Array();
    });
  }

  /** Polls until there is nothing more to do; returns how many eIM packages it handled. */
  async poll(): Promise<number> {
    return this.#ipa.poll();
  }

  /** What was pushed has been done, as far as it is here. Rejects where that failed. */
  pushed(): Promise<void> {
    return this.#pushed;
  }

  /** The NAT forgets the device: its next datagram comes from another port. */
  rebind(): void {
    this.#relay?.rebind();
    this.#options.watch?.happened('NAT rebound');
  }

  /** The device loses power in the middle of what it does. Throws where its stack cannot. */
  reset(): void {
    if (this.#stack?.reset === undefined) throw new Error('this stack cannot be reset');
    this.#stack.reset();
    this.#options.watch?.happened('device reset');
  }

  /** Once more is no mistake. */
  async close(): Promise<void> {
    const [stack, relay] = [this.#stack, this.#relay];
    this.#stack = undefined;
    this.#relay = undefined;
    await stack?.close();
    await relay?.close();
  }

  #take(request: Uint8Array): Uint8Array {
    const { tag } = readOnly(readOnly(request).value);
    const result = eimPackages[tag] ?? 'acknowledgements';
    this.#options.onStep({ from: 'eIM', to: 'IPA', what: 'TransferEimPackage', result });
    return this.#ipa.transfer(request, (work) => {
      this.#options.clock.after(0, () => {
        this.#pushed = work();
        this.#pushed.catch(() => {}); // heard where `pushed` is asked for
      });
    });
  }

  #exchange(request: Uint8Array): Promise<Uint8Array> {
    if (this.#stack === undefined) throw new Error('not connected');
    return this.#stack.exchange(request);
  }

  /** Does `work`, tells of it with what it cost on the wire. */
  async #counted(
    what: string,
    result: string | undefined,
    work: () => Promise<Uint8Array>,
  ): Promise<Uint8Array> {
    this.#options.watch?.begin(what);
    const before = copy(this.#https?.counts ?? this.#relay?.counts);
    const answer = await work();
    // A last acknowledgement of ours may still be on its way to the relay.
    for (let i = 0; i < 4; i++) await new Promise((resolve) => setImmediate(resolve));
    const wire = difference(before, copy(this.#https?.counts ?? this.#relay?.counts));
    this.#options.onStep({
      from: 'IPA',
      to: 'eIM',
      what,
      result: result ?? describe(what, answer),
      wire,
    });
    return answer;
  }
}

/**
 * How patient the device is: on a link that loses much and takes milliseconds it sends again soon and often; on a slow
 * one it waits for at least the longest round trip (RFC 7252 4.8: ACK_TIMEOUT; RFC 7925 11 for DTLS).
 */
function paceOf({ roundTrip, jitter, loss }: LinkProfile): Pace {
  if (roundTrip < 1000) {
    return loss.share > 0.1
      ? { ackTimeout: 300, maxRetransmit: 8, firstFlight: 300 }
      : { ackTimeout: 2000, maxRetransmit: 4, firstFlight: 1000 };
  }
  const longest = roundTrip + 2 * jitter;
  return {
    ackTimeout: Math.max(10_000, 1.5 * longest),
    maxRetransmit: 4,
    firstFlight: Math.max(9000, 1.5 * longest),
  };
}

function copy(counts: WireCount | undefined): WireCount {
  const {
    datagramsUp = 0,
    datagramsDown = 0,
    bytesUp = 0,
    bytesDown = 0,
    roundTrips = 0,
  } = counts ?? {};
  return { datagramsUp, datagramsDown, bytesUp, bytesDown, roundTrips };
}

function difference(before: WireCount, after: WireCount): WireCount {
  return {
    datagramsUp: after.datagramsUp - before.datagramsUp,
    datagramsDown: after.datagramsDown - before.datagramsDown,
    bytesUp: after.bytesUp - before.bytesUp,
    bytesDown: after.bytesDown - before.bytesDown,
    roundTrips: after.roundTrips - before.roundTrips,
  };
}

const eimPackages: Readonly<Record<number, string>> = {
  2: 'nothing to do',
  48977: 'eUICC Package',
  48978: 'eUICC data request',
  48980: 'profile download trigger',
};

/** What an answer says, in a few words. */
function describe(what: string, answer: Uint8Array): string {
  if (answer.length === 0) return 'ok';
  const { tag, value } = readOnly(readOnly(answer).value);
  if (what === 'GetEimPackage') {
    const code = value[0];
    if (tag === 0x02 && code !== 1) return `eimPackageError ${nameOf(EimPackageError, code ?? 0)}`;
    return eimPackages[tag] ?? 'an unknown package';
  }
  if (what === 'ProvideEimPackageResult') return tag === 0xbf53 ? 'acknowledged' : 'taken';
  return tag === 0xa0 ? 'ok' : `error ${value[0]}`;
}

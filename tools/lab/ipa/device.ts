/** A device: eUICC, IPA, and a way to the eIM whose traffic is counted. */
import type { Address } from '../../../src/base/address.ts';
import type { Clock } from '../../../src/base/clock.ts';
import type { Log } from '../../../src/base/log.ts';
import type { Random } from '../../../src/base/random.ts';
import type { ClientCredential } from '../../../src/dtls/credentials.ts';
import { readOnly } from '../../../src/messages/tlv.ts';
import { type Relay, type RelayCounts, startRelay } from '../link/relay.ts';
import type { Card } from './card.ts';
import { Ipa } from './ipa.ts';
import { openNodeCoapStack } from './node-coap-stack.ts';
import { openOwnStack, type Stack } from './stack.ts';
import type { OnStep, WireCount } from './steps.ts';

export type StackName = 'own' | 'node-coap';

export interface DeviceOptions {
  readonly card: Card;
  readonly eim: Address;
  readonly credential: ClientCredential;
  readonly stack: StackName;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly onStep: OnStep;
  /** Shares of datagrams in [0, 1] that the way loses, repeats, reorders; nothing where absent. */
  readonly link?: LinkQuality;
}

export interface LinkQuality {
  readonly loss: number;
  readonly repeat: number;
  readonly reorder: number;
  /** Numbers in [0, 1) that a seed decides. */
  readonly chance: () => number;
}

const faultless: LinkQuality = { loss: 0, repeat: 0, reorder: 0, chance: () => 0.5 };

export class Device {
  readonly #options: DeviceOptions;
  #relay: Relay | undefined;
  #stack: Stack | undefined;

  constructor(options: DeviceOptions) {
    this.#options = options;
  }

  /** Counts of the link so far: what it lost, repeated, reordered. */
  get link(): Readonly<RelayCounts> | undefined {
    return this.#relay?.counts;
  }

  /** Shakes hands with the eIM. */
  async connect(): Promise<void> {
    const { eim, clock, link = faultless, stack, credential } = this.#options;
    this.#relay = await startRelay({ server: eim, clock, ...link });
    const open = stack === 'own' ? openOwnStack : openNodeCoapStack;
    await this.#counted(
      'handshake',
      credential.type === 'psk' ? 'PSK' : 'certificate',
      async () => {
        this.#stack = await open({
          ...this.#options,
          eim: this.#relay?.address ?? eim,
          impatient: link.loss > 0,
        });
        return new Uint8Array();
      },
    );
  }

  /** Polls until there is nothing more to do; returns how many eIM packages it handled. */
  async poll(): Promise<number> {
    const { card, onStep } = this.#options;
    const ipa = new Ipa({
      card,
      onStep,
      esipa: {
        exchange: (name, request) => this.#counted(name, undefined, () => this.#exchange(request)),
      },
    });
    return ipa.poll();
  }

  async close(): Promise<void> {
    await this.#stack?.close();
    await this.#relay?.close();
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
    const before = copy(this.#relay?.counts);
    const answer = await work();
    // A last acknowledgement of ours may still be on its way to the relay.
    for (let i = 0; i < 4; i++) await new Promise((resolve) => setImmediate(resolve));
    const wire = difference(before, copy(this.#relay?.counts));
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

function copy(counts: Readonly<RelayCounts> | undefined): WireCount {
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
    if (tag === 0x02 && code !== 1) return `eimPackageError ${code}`;
    return eimPackages[tag] ?? 'an unknown package';
  }
  if (what === 'ProvideEimPackageResult') return tag === 0xbf53 ? 'acknowledged' : 'taken';
  return tag === 0xa0 ? 'ok' : `error ${value[0]}`;
}

/**
 * A virtual IPA (SGP.32 IPAd): polls its eIM over ESipa, drives its eUICC over ES10, and relays between them what was
 * signed, byte for byte. It knows no transport: `esipa` carries one message there and its answer back.
 */
import { EimPackageError } from '../../../src/messages/eim-package.ts';
import { nameOf } from '../../../src/messages/primitives.ts';
import { readAll, readOnly, type Tlv, tlv } from '../../../src/messages/tlv.ts';
import type { Fault } from '../faults.ts';
import {
  type Card,
  child,
  eidOfCard,
  findChild,
  IpaError,
  pendingNotifications,
  pendingPackageResults,
  removeFromList,
  seqNumberOfResult,
  smallInteger,
} from './card.ts';
import { answerDataRequest, type IpaFeatures } from './data-request.ts';
import type { DownloadHabits } from './habits.ts';
import { minimizing } from './minimize.ts';
import { Notifier } from './notify.ts';
import {
  isOldPackage,
  newDataRequest,
  oldDataResponse,
  oldResult,
  oldRplmn,
  oldTagListRefused,
} from './old-shapes.ts';
import type { OnStep } from './steps.ts';
import { carryOutTrigger } from './trigger.ts';

/** ESipa as the IPA uses it: a request's DER there, the answer's DER back (empty where the function has none). */
export interface Esipa {
  exchange(functionName: string, request: Uint8Array): Promise<Uint8Array>;
}

export interface IpaOptions {
  readonly card: Card;
  readonly esipa: Esipa;
  readonly onStep?: OnStep;
  /** Whether the eIM is out of reach with the profile that is enabled now: the IPA then rolls back, where it may. */
  readonly unreachable?: () => boolean;
  /** Whether it tells the eIM as little as it needs (minimizeEsipaBytes). Default: no. */
  readonly minimizes?: boolean;
  /** How it downloads. Default: through its eIM, and as its eIM says. */
  readonly habits?: DownloadHabits;
  /** What it does wrong; looked at whenever it could. Default: nothing. */
  readonly faults?: ReadonlySet<Fault>;
}

/** stateChangeCause (SGP.32 6.3.2.6): what the IPA tells of by itself. */
const immediateEnableProfile = 5;

/** eIM packages handled in one go before the IPA pauses: an eIM that never says "nothing more" does not hold it. */
const mostPackages = 16;

/** eimPackageError of a TransferEimPackageResponse, and eimPackageResultErrorCode (SGP.32 6.3). */
const invalidPackageFormat = 1;
const unknownPackage = 2;
const eimPackageReceived = Uint8Array.of(0x05, 0x00);

export class Ipa {
  readonly #card: Card;
  readonly #esipa: Esipa;
  readonly #onStep: OnStep;
  readonly #unreachable: () => boolean;
  readonly #faults: ReadonlySet<Fault>;
  readonly #eid: Uint8Array;
  readonly #features: IpaFeatures;
  readonly #habits: DownloadHabits;
  readonly #notifier: Notifier;
  /** The cause to be told with the next poll. */
  #stateChangeCause: number | undefined;

  constructor(options: IpaOptions) {
    const { card, esipa, onStep = () => {}, unreachable = () => false } = options;
    this.#faults = options.faults ?? new Set();
    this.#card = card;
    this.#onStep = onStep;
    this.#unreachable = unreachable;
    this.#eid = eidOfCard(card);
    const { habits = {}, minimizes = false } = options;
    this.#habits = habits;
    this.#features = featuresOf(habits, minimizes);
    this.#esipa = minimizes ? minimizing(esipa, this.#eid) : esipa;
    this.#notifier = new Notifier({ card, esipa: this.#esipa, onStep, habits });
  }

  /** The next poll says that the eUICC's state has changed, and why (notifyStateChange). */
  notifyStateChange(cause: number): void {
    this.#stateChangeCause = cause;
  }

  /** Polls until the eIM has nothing more, carrying out each eIM package. Returns how many there were. */
  async poll(): Promise<number> {
    for (let handled = 0; handled < mostPackages; handled++) {
      const answer = await this.#esipa.exchange('GetEimPackage', this.#getEimPackage());
      const eimPackage = readOnly(readOnly(answer, 'GetEimPackageResponse').value);
      switch (eimPackage.tag) {
        case 0x02: {
          const code = smallInteger(eimPackage.value);
          if (code === EimPackageError.noEimPackageAvailable) {
            if (this.#notifier.isDirect) await this.#notifier.deliverAll();
            return handled;
          }
          throw new IpaError(
            `the eIM answers GetEimPackage with eimPackageError ${refusalText(code)}`,
          );
        }
        case 0xbf51:
        case 0xbf52:
        case 0xbf54:
          if (!this.#ignores(eimPackage.raw)) await this.#handle(eimPackage);
          break;
        default:
          throw new IpaError(`an eIM package of tag ${eimPackage.tag.toString(16)}`);
      }
    }
    return mostPackages;
  }

  #ignores(eimPackage: Uint8Array): boolean {
    if (this.#faults.has('silent')) return true;
    return this.#faults.has('old-shapes') && !isOldPackage(eimPackage);
  }

  async #handle({ tag, raw }: Tlv): Promise<void> {
    switch (tag) {
      case 0xbf51:
        return this.#carryOut(raw);
      case 0xbf52:
        return this.#provide(this.#data(raw));
      default:
        return this.#download(raw);
    }
  }

  /** Carries an eUICC Package out and reports what came of it, as far as the faults let it. */
  async #carryOut(request: Uint8Array): Promise<void> {
    const faults = this.#faults;
    if (faults.has('refuse')) {
      return this.#provide(refusal(request, faults.has('old-shapes')));
    }
    let result = this.#execute(request);
    if (faults.has('replay')) result = this.#execute(request);
    const own = packageResultOf(result);
    if (findChild(own, 0xa0) !== undefined) {
      if (faults.has('forget-result')) removeFromList(this.#card, seqNumberOfResult(own));
      if (faults.has('lose-result') || faults.has('forget-result')) return;
    }
    if (faults.has('reset-after-enable') && enables(request)) {
      await this.deliverNotifications();
      return this.deliverPackageResults();
    }
    if (faults.has('bad-signature')) result = withBadSignature(result);
    await this.#provide(result);
    if (faults.has('repeat-result')) await this.#provide(result);
  }

  /** The answer to a data request. */
  #data(request: Uint8Array): Uint8Array {
    if (!this.#faults.has('old-shapes')) {
      return answerDataRequest(this.#card, request, this.#features);
    }
    const asked = newDataRequest(request);
    if (asked === undefined) return oldTagListRefused;
    return oldDataResponse(answerDataRequest(this.#card, asked));
  }

  /**
   * The answer to a TransferEimPackageRequest (SGP.32 3.1.1.2): `BF4E…` both. `later` is given what is to be done once
   * the answer has left.
   */
  transfer(request: Uint8Array, later: (work: () => Promise<void>) => void): Uint8Array {
    const eimPackage = readOnly(readOnly(request, 'TransferEimPackageRequest').value);
    switch (eimPackage.tag) {
      case 0xbf51:
        return tlv(0xbf4e, this.#execute(eimPackage.raw));
      case 0xbf52:
        return tlv(0xbf4e, answerDataRequest(this.#card, eimPackage.raw));
      case 0xbf53:
        this.#forget(eimPackage.raw);
        return tlv(0xbf4e, eimPackageReceived);
      case 0xbf54:
        later(() => this.#download(eimPackage.raw));
        return tlv(0xbf4e, eimPackageReceived);
      default:
        return tlv(0xbf4e, tlv(0x02, Uint8Array.of(unknownPackage)));
    }
  }

  /** Delivers what the card still holds: notifications whose delivery was cut short (SGP.32 3.7). */
  deliverNotifications(): Promise<void> {
    return this.#notifier.deliverAll();
  }

  /** Sends the results that the card still holds: those whose acknowledgement never came. */
  async deliverPackageResults(): Promise<void> {
    for (const result of pendingPackageResults(this.#card)) await this.#provide(result);
  }

  #getEimPackage(): Uint8Array {
    const cause = this.#stateChangeCause;
    this.#stateChangeCause = undefined;
    const old = this.#faults.has('old-shapes');
    const told = old ? oldRplmn : tlv(0x81, Uint8Array.of(cause ?? 0));
    const change = cause === undefined ? (old ? [told] : []) : [tlv(0x80), told];
    return tlv(0xbf4f, tlv(0x5a, this.#eid), ...change);
  }

  /** The result of an eUICC Package, with the notifications that came of it. */
  #execute(request: Uint8Array): Uint8Array {
    const executed = this.#card.transmit(request);
    const result = (this.#unreachable() && this.#rollback()) || executed;
    const signed = child(request, 0x30, 'EuiccPackageRequest').raw;
    const hasPsmos = findChild(signed, 0xa0) !== undefined;
    this.#onStep({
      from: 'IPA',
      to: 'eUICC',
      what: 'ES10b.LoadEuiccPackage',
      result: describe(result),
    });
    const notifications = hasPsmos ? pendingNotifications(this.#card) : [];
    return notifications.length === 0 ? result : tlv(0x30, result, tlv(0xa0, ...notifications));
  }

  /** ES10b.ProfileRollback: the result that takes the place of the first; undefined where the eUICC has none to give. */
  #rollback(): Uint8Array | undefined {
    const answer = this.#card.transmit(tlv(0xbf58, refresh));
    const result = findChild(answer, 0xbf51)?.raw;
    this.#onStep({
      from: 'IPA',
      to: 'eUICC',
      what: 'ES10b.ProfileRollback',
      result: result === undefined ? 'not allowed' : 'back to the profile of before',
    });
    return result;
  }

  /** Sends a result, and lets the card forget what the eIM acknowledges. */
  async #provide(result: Uint8Array): Promise<void> {
    const old = this.#faults.has('old-shapes');
    const eid = old || this.#faults.has('no-eid') ? [] : [tlv(0x5a, this.#eid)];
    const answer = await this.#esipa.exchange(
      'ProvideEimPackageResult',
      tlv(0xbf50, ...eid, old ? oldResult(result) : result),
    );
    const acknowledgements = findChild(answer, 0xbf53);
    if (acknowledgements !== undefined) this.#forget(acknowledgements.raw);
  }

  /** The card forgets what EimAcknowledgements name. */
  #forget(acknowledgements: Uint8Array): void {
    for (const { value } of readAll(readOnly(acknowledgements).value)) {
      removeFromList(this.#card, value);
    }
  }

  async #download(trigger: Uint8Array): Promise<void> {
    const done = await carryOutTrigger({
      card: this.#card,
      esipa: this.#esipa,
      onStep: this.#onStep,
      habits: this.#habits,
      trigger,
    });
    if (done.type === 'result') await this.#notifier.deliver(done.result);
    this.#immediateEnable();
    // Of an indirect download that went to its end the eIM knows already.
    const isNews = done.type === 'error' || this.#habits.direct !== undefined;
    if (done.type === 'told' || !isNews) return;
    const eimTransactionId = findChild(trigger, 0x82);
    await this.#provide(
      tlv(
        0xbf54,
        ...(eimTransactionId === undefined ? [] : [eimTransactionId.raw]),
        done.type === 'error' ? done.error : done.result,
      ),
    );
  }

  /** ES10b.ImmediateEnable of what was just installed, where the eUICC is configured to. */
  #immediateEnable(): void {
    const result = findChild(this.#card.transmit(tlv(0xbf5a, refresh)), 0x80);
    if (result?.value[0] !== 0) return;
    this.#onStep({ from: 'IPA', to: 'eUICC', what: 'ES10b.ImmediateEnable', result: 'ok' });
    this.#stateChangeCause = immediateEnableProfile;
  }
}

/** What the IPA can do, as it tells it (ipaFeatures). */
function featuresOf(habits: DownloadHabits, minimizes: boolean): IpaFeatures {
  return {
    directRspServerCommunication: habits.direct !== undefined,
    indirectRspServerCommunication: habits.direct === undefined,
    eimDownloadDataHandling: habits.leavesDownloadData ?? false,
    eimCtxParams1Generation: habits.leavesCtxParams1 ?? false,
    eimProfileMetadataVerification: habits.leavesMetadata ?? false,
    minimizeEsipaBytes: minimizes,
  };
}

/** EimPackageResultResponseError to a package; v1.0 has the code alone. */
function refusal(request: Uint8Array, old: boolean): Uint8Array {
  const code = tlv(0x02, Uint8Array.of(invalidPackageFormat));
  if (old) return code;
  const eimTransactionId = findChild(child(request, 0x30, 'EuiccPackageRequest').raw, 0x82);
  const named = eimTransactionId === undefined ? [] : [tlv(0x80, eimTransactionId.value)];
  return tlv(0xa0, ...named, code);
}

/** The result of the package, without the notifications that it may come with. */
function packageResultOf(result: Uint8Array): Uint8Array {
  return readOnly(result).tag === 0x30 ? child(result, 0xbf51, 'ePRAndNotifications').raw : result;
}

/** Whether a package has an enable among its PSMOs. */
function enables(request: Uint8Array): boolean {
  const psmos = findChild(child(request, 0x30, 'EuiccPackageRequest').raw, 0xa0);
  return psmos !== undefined && readAll(psmos.value).some(({ tag }) => tag === 0xa3);
}

/** The result with the last octet of its signature another; what is not signed stays as it is. */
function withBadSignature(result: Uint8Array): Uint8Array {
  const bytes = result.slice();
  const whole = readOnly(bytes);
  const [first] = whole.tag === 0x30 ? readAll(whole.value) : [whole];
  if (first === undefined || findChild(first.raw, 0xa2) !== undefined) return bytes;
  // It ends where the result of the package ends.
  const end = bytes.length - (whole.tag === 0x30 ? whole.value.length - first.raw.length : 0);
  bytes[end - 1] = (bytes[end - 1] ?? 0) ^ 0x01;
  return bytes;
}

/** refreshFlag [0], TRUE. */
const refresh = tlv(0x80, Uint8Array.of(0xff));

function describe(result: Uint8Array): string {
  const [arm] = readAll(readOnly(result).value);
  if (arm?.tag === 0xa0) return 'executed, result signed';
  if (arm?.tag === 0xa1) return 'refused, error signed';
  return 'refused: the eUICC does not trust this package';
}

function refusalText(code: number): string {
  const name = nameOf(EimPackageError, code);
  if (code !== EimPackageError.eidNotFound) return name;
  return `${name}: an order or eim device add makes an EID known, and one that a device is bound to is answered to that device alone`;
}

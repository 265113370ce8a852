/**
 * Package injection (SGP.32 3.1.1.2, ESipa.TransferEimPackage): the eIM brings the device what it would otherwise poll
 * for. The package is handed out as to a poll, durably and before it leaves; where nobody answers, the same bytes wait
 * for the poll.
 *
 * ```
 *   eIM                                       IPA
 *    │ TransferEimPackageRequest   BF4E{BF51…} │
 *    │ ──────────────────────────────────────▶ │
 *    │ TransferEimPackageResponse  BF4E{BF51…} │  the result; or `05 00`: it comes later, as after a poll
 *    │ ◀────────────────────────────────────── │
 *    │ TransferEimPackageRequest   BF4E{BF53…} │  what the eUICC may forget
 *    │ ──────────────────────────────────────▶ │
 * ```
 */
import {
  EimAcknowledgements,
  type EimPackageResult,
  EimPackageResultErrorCode,
  ProvideEimPackageResultResponse,
  TransferEimPackageRequest,
  TransferEimPackageResponse,
} from '../messages/eim-package.ts';
import { type Eid, eidOctets } from '../messages/ids.ts';
import { DerError, readAll, readOnly, tlv } from '../messages/tlv.ts';
import type { Order } from '../orders/order.ts';
import { type Deviation, deviates, speaks, tolerates } from './dialect.ts';
import { type Caller, type Eim, maySpeakFor } from './eim.ts';
import { noteOrder } from './end-order.ts';
import { nextEimPackage } from './get-eim-package.ts';
import { isAsked } from './ipa-euicc-data.ts';
import { provideEimPackageResult } from './provide-eim-package-result.ts';

/** A message did not get to the device, or nothing came back that answers it; the message says why. */
export class NotTransferredError extends Error {
  override readonly name = 'NotTransferredError';
}

/** A connection to a device, on which the eIM may ask. */
export interface Way {
  /** Who is at its end. */
  readonly caller: Caller;
  /** Gives the answer to a TransferEimPackageRequest, both DER. Throws NotTransferredError. */
  transfer(request: Uint8Array): Promise<Uint8Array>;
}

/** What may lead to a device. */
export interface Route {
  /** For people: `its connection`, `192.0.2.7:5684`. */
  readonly text: string;
  /** Throws NotTransferredError. */
  open(): Promise<Way>;
}

/** eIM packages pushed for one order: the question for the eUICC's certificates, and its own. */
const mostPackages = 4;

/**
 * Brings a new order to its device, over the first of these routes on which anybody answers. What became of it is in the
 * order's history; it rejects for nothing that the device does.
 * @param stop of this process: what fails by that is no word about the device, and the push stays due
 */
export async function pushOrder(
  eim: Eim,
  order: Order,
  routes: readonly Route[],
  stop?: AbortSignal,
): Promise<void> {
  if (await isAsked(eim, order)) {
    await noteOrder(eim, order.id, 'not pushed', 'the device is being asked for certificates');
    return;
  }
  await new Push(eim, order, routes, stop).run();
}

class Push {
  readonly #eim: Eim;
  readonly #order: Order;
  readonly #routes: Route[];
  readonly #stop: AbortSignal | undefined;
  readonly #failures: string[] = [];
  #way: (Way & { readonly text: string }) | undefined;

  constructor(eim: Eim, order: Order, routes: readonly Route[], stop: AbortSignal | undefined) {
    this.#eim = eim;
    this.#order = order;
    this.#routes = [...routes];
    this.#stop = stop;
  }

  async run(): Promise<void> {
    const { eid } = this.#order;
    for (let packages = 0; packages < mostPackages; packages++) {
      // Nothing is handed out before there is somebody to hand it to.
      if (this.#way === undefined && !(await this.#openWay())) {
        return this.#noteEnd('not pushed');
      }
      if (this.#stop?.aborted === true) return;
      const due = await this.#eim.serial.run(eid, () =>
        nextEimPackage(this.#eim, eid, (order) => this.#isOurs(order)),
      );
      if (due === undefined) return;
      if (!(await this.#push(due.eimPackage))) return;
    }
  }

  /** The order, while no device has it: what a poll has fetched is on its way already. */
  #isOurs({ id, state }: Order): boolean {
    return id === this.#order.id && state.at === 'new';
  }

  /** Whether something may be due after this package. */
  async #push(eimPackage: Uint8Array): Promise<boolean> {
    const request = tlv(0xbf4e, eimPackage);
    for (;;) {
      const way = this.#way;
      if (way === undefined) {
        await this.#noteEnd('push failed');
        return false;
      }
      try {
        await this.#note('pushed', `over ${way.text}`);
        const answer = await readAnswer(this.#eim, this.#order.eid, await way.transfer(request));
        return await this.#take(way, eimPackage, answer);
      } catch (error) {
        this.#failed(way.text, error);
        await this.#openWay();
      }
    }
  }

  async #take(
    way: Way,
    eimPackage: Uint8Array,
    answer: TransferEimPackageResponse,
  ): Promise<boolean> {
    if (answer.type === 'eimPackageReceived') {
      await this.#note('push taken', 'the device has it, and reports the result later');
      return false;
    }
    const { eid } = this.#order;
    const answered = await provideEimPackageResult(this.#eim, way.caller, {
      eidValue: eidOctets(eid),
      eimPackageResult: resultOf(answer, eimPackage),
    });
    const reply = ProvideEimPackageResultResponse.decode(answered);
    if (reply.type === 'provideEimPackageResultError') {
      await this.#note('push failed', 'the answer is about another eUICC');
      return false;
    }
    if (reply.type === 'eimAcknowledgements') {
      await this.#acknowledge(way, EimAcknowledgements.encode(reply.value));
    }
    return true;
  }

  /** What is not acknowledged comes again. */
  async #acknowledge(way: Way, acknowledgements: Uint8Array): Promise<void> {
    try {
      await way.transfer(tlv(0xbf4e, acknowledgements));
    } catch (error) {
      if (!(error instanceof NotTransferredError)) throw error;
      this.#eim.log.info('acknowledgements did not get to the device', {
        eid: this.#order.eid,
        why: error.message,
      });
    }
  }

  /** Opens the next route that leads to somebody who may speak for the eUICC; false where none does. */
  async #openWay(): Promise<boolean> {
    this.#way = undefined;
    for (let route = this.#routes.shift(); route !== undefined; route = this.#routes.shift()) {
      try {
        const way = await route.open();
        if (!maySpeakFor(this.#eim, way.caller, this.#order.eid)) {
          throw new NotTransferredError('who is there may not speak for this eUICC');
        }
        this.#way = {
          caller: way.caller,
          text: route.text,
          transfer: (request) => way.transfer(request),
        };
        return true;
      } catch (error) {
        this.#failed(route.text, error);
      }
    }
    return false;
  }

  #failed(route: string, error: unknown): void {
    if (!(error instanceof NotTransferredError)) throw error;
    this.#failures.push(`${route}: ${error.message}`);
  }

  #whyNot(): string {
    const why = this.#failures.length === 0 ? noRoute : this.#failures.join('; ');
    return `${why}; it waits for the device's poll`;
  }

  async #noteEnd(event: 'not pushed' | 'push failed'): Promise<void> {
    if (this.#stop?.aborted !== true) await this.#note(event, this.#whyNot());
  }

  #note(event: string, detail: string): Promise<void> {
    return noteOrder(this.#eim, this.#order.id, event, detail);
  }
}

const noRoute = 'the device has no connection, and no address to be reached at';

/** Reads a TransferEimPackageResponse. Throws NotTransferredError. */
async function readAnswer(
  eim: Eim,
  eid: Eid,
  bytes: Uint8Array,
): Promise<TransferEimPackageResponse> {
  if (bytes.length === 0) {
    if (await tolerates(eim, eid, 'transfer-response-empty', 'transferEimPackageResponse')) {
      return { type: 'eimPackageReceived', value: true };
    }
    throw new NotTransferredError('it answers nothing');
  }
  const deviations: Deviation[] = [];
  try {
    const newer = answerOfV13(bytes);
    if (newer !== undefined) await speaks(eim, eid, 'v1.3', 'BF60 or BF61');
    const answer =
      newer ??
      TransferEimPackageResponse.decode(bytes, {
        strict: eim.settings.strict,
        tolerated: (quirk, where) => deviations.push({ quirk, where }),
      });
    for (const { quirk, where } of deviations) await deviates(eim, eid, quirk, where);
    return answer;
  } catch (cause) {
    if (!(cause instanceof DerError)) throw cause;
    throw new NotTransferredError(`the answer is no TransferEimPackageResponse: ${cause.message}`, {
      cause,
    });
  }
}

/**
 * eimPackageReceived and eimPackageError of v1.3, BF60 and BF61, name the package or the eUICC, which says no more than
 * we know; undefined for any other answer. Throws DerError.
 */
function answerOfV13(bytes: Uint8Array): TransferEimPackageResponse | undefined {
  const { tag, value } = readOnly(readOnly(bytes).value);
  if (tag === 0xbf60) return { type: 'eimPackageReceived', value: true };
  if (tag !== 0xbf61) return undefined;
  const code = readAll(value).find((field) => field.tag === 0x02)?.value;
  return { type: 'eimPackageError', value: code?.[0] ?? EimPackageResultErrorCode.undefinedError };
}

/** The answer as the result of a package that was polled for. */
function resultOf(
  answer: Exclude<TransferEimPackageResponse, { type: 'eimPackageReceived' }>,
  eimPackage: Uint8Array,
): EimPackageResult {
  switch (answer.type) {
    case 'euiccPackageResult':
    case 'ePRAndNotifications':
    case 'ipaEuiccDataResponse':
      return answer;
    case 'eimPackageError': {
      const eimTransactionId = transactionOf(eimPackage);
      return {
        type: 'eimPackageResultResponseError',
        value: {
          ...(eimTransactionId === undefined ? {} : { eimTransactionId }),
          eimPackageResultErrorCode: answer.value,
        },
      };
    }
  }
}

/** The eimTransactionId of a package of ours. */
function transactionOf(eimPackage: Uint8Array): Uint8Array | undefined {
  const message = TransferEimPackageRequest.decode(tlv(0xbf4e, eimPackage));
  switch (message.type) {
    case 'euiccPackageRequest':
      return message.value.euiccPackageSigned.value.eimTransactionId;
    case 'ipaEuiccDataRequest':
    case 'profileDownloadTriggerRequest':
      return message.value.eimTransactionId;
    case 'eimAcknowledgements':
      return undefined;
  }
}

/**
 * The orders of all eUICCs: accepted, handed out one at a time for each EID in order of arrival, finished, cancelled,
 * and ended by deadlines. What a method resolves with is durable.
 *
 * Nothing is held in memory but the number of the last order, so a restart keeps every order where it was. The rows
 * are drawn in rows.ts; finding.ts finds orders in them, deadlines.ts those that are late.
 */
import type { Cancel, Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import { type Random, systemRandom } from '../base/random.ts';
import type { SecretBox } from '../base/secret-box.ts';
import { Serial } from '../base/serial.ts';
import type { Eid } from '../messages/ids.ts';
import type { Change, Store } from '../store/store.ts';
import { hashCcOf, takeCodes } from './confirmation-codes.ts';
import { type Swept, sweepOrders } from './deadlines.ts';
import { OrderEvents } from './events.ts';
import {
  findOrder,
  headOf,
  listOrders,
  type OrderFilter,
  orderOfPackage,
  seenAs,
} from './finding.ts';
import {
  apply,
  type Dispatch,
  type Facility,
  type Order,
  type OrderEvent,
  type OrderRequest,
  type Outcome,
  TransitionError,
} from './order.ts';
import { eidsWithPushDue } from './push-due.ts';
import {
  additions,
  changes,
  euiccKey,
  numbers,
  numberText,
  orders,
  queue,
  removals,
} from './rows.ts';
import { type OrderSettings, orderSettings } from './settings.ts';
import { uuidV4 } from './uuid.ts';
import { applyToStage, currentStage, firstStages, isWhole, splitId } from './whole.ts';

/**
 * An order that cannot be had: `unknown` (never was, or deleted meanwhile) or `full` (too many open for this EID).
 * Whoever read an order before must expect `unknown`, and TransitionError where it was cancelled or finished
 * meanwhile: then nothing was stored, and `next` says what is due now.
 */
export class OrderError extends Error {
  override readonly name = 'OrderError';
  readonly code: 'unknown' | 'full';

  constructor(code: OrderError['code'], complaint: string) {
    super(complaint);
    this.code = code;
  }
}

export interface NewOrder {
  readonly eid: Eid;
  readonly facility: Facility;
  readonly request: OrderRequest;
  /** See Order. */
  readonly push?: boolean;
  readonly byEim?: string;
  /** What is committed with it. */
  readonly also?: (order: Order) => readonly Change[];
}

export interface Finish {
  readonly success: boolean;
  /** It rests on what no signature proves, and is believed all the same (a consumer eUICC). */
  readonly unproven?: boolean;
  readonly outcome: readonly Outcome[];
  /** For people. */
  readonly reason: string;
}

/** Told of each order that changed (or was submitted) and, with `deleted`, of each that is gone. */
export type OrderListener = (order: Order, what: 'changed' | 'deleted') => void;

export interface OrdersOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Log;
  readonly random?: Random;
  /** Seals confirmation codes. */
  readonly box: SecretBox;
  readonly settings?: Partial<OrderSettings>;
}

/** EIDs that are known to have nothing to do; beyond, all are looked up again. */
const mostIdle = 100_000;

export class Orders {
  readonly settings: OrderSettings;
  /** What happened to orders, numbered. */
  readonly events: OrderEvents;
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #random: Random;
  readonly #box: SecretBox;
  /** Read-modify-write, one at a time for each EID. */
  readonly #serial = new Serial();
  readonly #listeners = new Set<OrderListener>();
  #lastNumber: number | undefined;
  /** EIDs whose queue is empty, as was seen: nearly every poll finds that. */
  readonly #idle = new Set<Eid>();
  /** Orders accepted so far: what was read before one more is no longer known. */
  #accepted = 0;

  constructor(options: OrdersOptions) {
    this.#store = options.store;
    this.#clock = options.clock;
    this.#log = options.log;
    this.#random = options.random ?? systemRandom;
    this.#box = options.box;
    this.settings = { ...orderSettings, ...options.settings };
    this.events = new OrderEvents(options.store);
  }

  /** Accepts an order. Throws OrderError `full` where this EID has too many. */
  async submit({ eid, facility, request, push, byEim, also }: NewOrder): Promise<Order> {
    return this.#serial.run(eid, async () => {
      const open = await this.#store.list(queue, {
        prefix: euiccKey(eid, ''),
        limit: this.settings.mostOpen,
      });
      if (open.length >= this.settings.mostOpen) {
        throw new OrderError(
          'full',
          `eUICC ${eid} has ${open.length} open orders: wait for them, or cancel some`,
        );
      }
      await this.events.ready();
      const newest = await this.#newestNumber();
      // From here to the commit without waiting: orders reach the store in the order of their numbers.
      const number = Math.max(this.#lastNumber ?? 0, newest) + 1;
      this.#lastNumber = number;
      const now = this.#clock.now();
      const id = uuidV4(this.#random);
      const kept = takeCodes(this.#box, id, request);
      const stages = firstStages(kept.request, now);
      const order: Order = {
        id,
        eid,
        facility,
        request: kept.request,
        ...(push === true ? { push } : {}),
        ...(byEim === undefined ? {} : { byEim }),
        state: { at: 'new' },
        ...(stages === undefined ? {} : { stages }),
        submitted: now,
        changed: now,
        history: [
          {
            at: now,
            event: 'submitted',
            ...(byEim === undefined ? {} : { detail: `by the eIM: ${byEim}` }),
          },
        ],
      };
      await this.#store.commit([
        ...additions(numberText(number), order),
        ...kept.changes,
        ...this.events.additions(order, 'changed', now),
        ...(also?.(order) ?? []),
      ]);
      this.#accepted++;
      this.#idle.delete(eid);
      this.#log.info('order submitted', { id: order.id, eid, facility });
      this.#tell(order, 'changed');
      return order;
    });
  }

  /** The order; of the id of a stage, the stage as an order of its own. */
  async get(id: string): Promise<Order | undefined> {
    const found = await findOrder(this.#store, id);
    return found && seenAs(found.order, found.stage);
  }

  /** The order as it was placed: a stage is none. */
  async placed(id: string): Promise<Order | undefined> {
    const found = await findOrder(this.#store, id);
    return found?.stage === undefined ? found?.order : undefined;
  }

  /** Orders in order of arrival. */
  async list(filter: OrderFilter = {}): Promise<readonly Order[]> {
    const { after } = filter;
    const number = after === undefined ? undefined : await this.#store.get(numbers, after);
    if (after !== undefined && number === undefined) throw unknown(after);
    return listOrders(this.#store, filter, number);
  }

  /** Whether it is known, without a look, that this EID has nothing to do. */
  isIdle(eid: Eid): boolean {
    return this.#idle.has(eid);
  }

  /**
   * The order of this EID that is in work, else the oldest new one; never of facility euicc. Of a whole order, the stage
   * whose turn it is.
   */
  async next(eid: Eid): Promise<Order | undefined> {
    if (this.#idle.has(eid)) return undefined;
    for (let tries = 0; tries < 8; tries++) {
      const accepted = this.#accepted;
      const number = await headOf(this.#store, eid);
      if (number === undefined) {
        if (accepted === this.#accepted) this.#rest(eid);
        return undefined;
      }
      const order = await this.#store.get(orders, number);
      // Where it ended between the two reads, another is next.
      if (order !== undefined && order.state.at !== 'done') {
        return isWhole(order) ? seenAs(order, currentStage(order)) : order;
      }
    }
    throw new Error(`the queue of eUICC ${eid} does not fit its orders`);
  }

  /**
   * The order is in work: its package leaves once this has resolved. `also` is committed with it, so that a counter
   * is durable before the package that carries it leaves.
   */
  async fetched(id: string, dispatch: Dispatch, also: readonly Change[] = []): Promise<Order> {
    return this.#change(id, { type: 'fetched', dispatch }, also, async (number, { eid }) => {
      if ((await headOf(this.#store, eid)) !== number) {
        throw new Error(`order ${id} was fetched, but another order of its EID is first`);
      }
    });
  }

  /** The same package leaves once more. */
  async deliveredAgain(id: string): Promise<Order> {
    return this.#change(id, { type: 'delivered again' });
  }

  /** Another package leaves for it in place of the last; `also` is committed with it. */
  async rebuilt(
    id: string,
    dispatch: Dispatch,
    reason: string,
    also: readonly Change[],
  ): Promise<Order> {
    return this.#change(id, { type: 'rebuilt', dispatch, reason }, also);
  }

  /**
   * What the device says of an order that has ended goes into its history, and nothing else of the order changes;
   * `also` is committed with it.
   */
  async toldLate(id: string, reason: string, also: readonly Change[]): Promise<Order> {
    return this.#change(id, { type: 'told late', reason }, also);
  }

  /**
   * The order, or the stage of one, for which an eIM package left, also when it is done; undefined where nobody knows
   * the package, or it was for another EID. Without `eid` (an IPA may leave it out) the eimTransactionId alone decides.
   */
  async byTransaction(
    eid: Eid | undefined,
    eimTransactionId: Uint8Array,
  ): Promise<Order | undefined> {
    return orderOfPackage(this.#store, eid, eimTransactionId);
  }

  /** See hashCcOf. */
  hashCc(id: string, stage: number, transactionId: Uint8Array): Promise<Uint8Array | undefined> {
    const { orderId, stage: own = stage } = splitId(id);
    return hashCcOf(this.#store, this.#box, orderId, own, transactionId);
  }

  /**
   * Adds a line to the history; `detail` is for people and holds no secret. An order that is done stays as it is:
   * then the line goes to the log alone.
   */
  async note(id: string, event: string, detail?: string): Promise<Order> {
    const noted = { type: 'noted', event, ...(detail === undefined ? {} : { detail }) } as const;
    try {
      return await this.#change(id, noted);
    } catch (error) {
      const order = error instanceof TransitionError ? await this.get(id) : undefined;
      if (order === undefined) throw error;
      this.#log.info('after the order was done', { id, eid: order.eid, event, detail });
      return order;
    }
  }

  /** Ends the order; `also` is committed with it. */
  async finish(id: string, finish: Finish, also: readonly Change[] = []): Promise<Order> {
    const { success, unproven = false, outcome, reason } = finish;
    return this.#change(id, { type: 'finished', success, unproven, outcome, reason }, also);
  }

  /** Ends the order on the operator's word, a whole one in all its stages. A device that has it may still execute it. */
  async cancel(id: string, reason = 'cancelled by the operator'): Promise<Order> {
    if (splitId(id).stage !== undefined) throw unknown(id);
    return this.#change(id, { type: 'cancelled', reason });
  }

  /** Removes an order and every trace of it but its events, in whatever state; false where there is none. */
  async delete(id: string): Promise<boolean> {
    const found = await findOrder(this.#store, id);
    if (found === undefined || found.stage !== undefined) return false;
    return this.#serial.run(found.order.eid, async () => {
      const order = await this.#store.get(orders, found.number);
      if (order === undefined) return false;
      await this.events.ready();
      const gone = this.events.additions(order, 'deleted', this.#clock.now());
      await this.#store.commit([...removals(found.number, order), ...gone]);
      this.#log.info('order deleted', { id, eid: order.eid, state: order.state.at });
      this.#tell(order, 'deleted');
      return true;
    });
  }

  /** Ends what is late, deletes what was done long ago (see OrderSettings). */
  async sweep(): Promise<Swept> {
    await this.events.sweep(this.#clock.now() - this.settings.eventsKept);
    return sweepOrders(this.#store, this.#clock.now(), this.settings, {
      overdue: (id, deadline, reason) =>
        wasInTime(this.#change(id, { type: 'overdue', deadline, reason })),
      delete: (id) => wasInTime(this.delete(id)),
    });
  }

  /** Sweeps now and every `sweepEvery` milliseconds, until cancelled; failures go to the log. */
  keepSwept(): Cancel {
    let stop: Cancel = () => {};
    let stopped = false;
    const turn = async (): Promise<void> => {
      try {
        await this.sweep();
      } catch (error) {
        // One that is cut off by a stop is made up for by the next start's.
        if (!stopped) this.#log.error('sweep failed', { error: String(error) });
      }
      if (!stopped) stop = this.#clock.after(this.settings.sweepEvery, () => void turn());
    };
    void turn();
    return () => {
      stopped = true;
      stop();
    };
  }

  /** The eUICCs that have an order whose push is due, each once; read bit by bit, as it is asked for. */
  eidsWithPushDue(): AsyncGenerator<Eid, void> {
    return eidsWithPushDue(this.#store);
  }

  /** Calls the listener after each change is durable, until the returned function is called. */
  onChange(listener: OrderListener): () => void {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  }

  /** One step of one order, with its indexes and the caller's changes in one commit; `check` may still refuse. */
  async #change(
    id: string,
    event: OrderEvent,
    also: readonly Change[] = [],
    check: (number: string, order: Order) => Promise<void> = async () => {},
  ): Promise<Order> {
    const found = await findOrder(this.#store, id);
    if (found === undefined) throw unknown(id);
    const { number, stage } = found;
    return this.#serial.run(found.order.eid, async () => {
      const before = await this.#store.get(orders, number);
      if (before === undefined) throw unknown(id);
      const now = this.#clock.now();
      const after = isWhole(before)
        ? applyToStage(before, stage, event, now)
        : apply(before, event, now);
      await check(number, before);
      await this.events.ready();
      await this.#store.commit([
        ...changes(number, before, after),
        ...this.events.additions(after, 'changed', now),
        ...also,
      ]);
      const { eid, state } = after;
      if (state.at === 'done')
        this.#log.info('order finished', { id, eid, success: state.success });
      else this.#log.debug(`order ${event.type}`, { id, eid, state: state.at });
      this.#tell(after, 'changed');
      return seenAs(after, stage) ?? after;
    });
  }

  /** Its queue is empty. */
  #rest(eid: Eid): void {
    if (this.#idle.size >= mostIdle) this.#idle.clear();
    this.#idle.add(eid);
  }

  async #newestNumber(): Promise<number> {
    if (this.#lastNumber !== undefined) return this.#lastNumber;
    const [newest] = await this.#store.list(orders, { reverse: true, limit: 1 });
    return newest === undefined ? 0 : Number(newest[0]);
  }

  #tell(order: Order, what: 'changed' | 'deleted'): void {
    for (const listener of this.#listeners) {
      try {
        listener(order, what);
      } catch (error) {
        this.#log.error('a listener failed', { id: order.id, error: String(error) });
      }
    }
  }
}

function unknown(id: string): OrderError {
  return new OrderError('unknown', `there is no order ${id}`);
}

/** False where the order ended or went while it was about to be changed. */
async function wasInTime(change: Promise<unknown>): Promise<boolean> {
  try {
    await change;
    return true;
  } catch (error) {
    const isGone = error instanceof OrderError && error.code === 'unknown';
    if (!(isGone || error instanceof TransitionError)) throw error;
    return false;
  }
}

/** The events of orders as a stream: what is kept since a cursor, then what happens. */
import type { Cancel, Clock } from '../base/clock.ts';
import type { Eid } from '../messages/ids.ts';
import type { NumberedChange } from '../orders/events.ts';
import type { EventView, GapView } from './api/events.ts';
import type { Desk } from './desk.ts';
import type { Places } from './places.ts';
import type { Caller } from './route.ts';

/** Media type of server-sent events (WHATWG HTML, 9.2). */
export const streamType = 'text/event-stream';

/** Events read at a time. */
const page = 256;
/** Milliseconds of silence before a comment: less than proxies wait. */
const heartbeat = 15_000;
/** Milliseconds for which changes are gathered before streams of all orders are told: bulk orders come by the hundred. */
const gathered = 25;
/** Milliseconds after which a client that lost the stream comes back. */
const retry = 2000;

export interface StreamWish {
  /** The number of the last event that is known. */
  readonly after: number;
  readonly eid?: Eid | undefined;
  /** Of this order alone; the stream ends when it is done. */
  readonly order?: string | undefined;
  readonly caller: Caller;
  /** Whether who asked may still: false ends the stream. */
  stands(): boolean;
  readonly signal: AbortSignal;
}

export class EventStreams {
  readonly #orders: Desk['orders'];
  readonly #clock: Clock;
  readonly #places: Places;
  /** Streams that wait, and for which order; undefined: for any. */
  readonly #wakers = new Map<() => void, string | undefined>();
  /** What streams of all orders read last: those that are level with each other share it. */
  #newest: { readonly after: number; readonly found: Promise<Found> } | undefined;
  #gathering: Cancel | undefined;
  readonly #stop: () => void;

  /** `places`: of streams that are open. */
  constructor(orders: Desk['orders'], clock: Clock, places: Places) {
    this.#orders = orders;
    this.#clock = clock;
    this.#places = places;
    this.#stop = orders.onChange(({ id }) => this.#changed(id));
  }

  /** The text of a stream. Throws ApiError 429 or 503 where too many are open. */
  open(wish: StreamWish): AsyncIterable<string> {
    const end = this.#places.take(wish.caller);
    // Of a client that is gone already nobody reads the text, so that it never ends.
    if (wish.signal.aborted) end();
    else wish.signal.addEventListener('abort', end, { once: true });
    return this.#text(wish, end);
  }

  /** Lets go of the orders. */
  close(): void {
    this.#stop();
    this.#gathering?.();
    this.#wake(() => true);
  }

  async *#text(wish: StreamWish, end: () => void): AsyncGenerator<string> {
    const { after, eid, order, signal } = wish;
    const { events } = this.#orders;
    let cursor = after;
    try {
      yield `retry: ${retry}\n\n`;
      const newest = await events.newest();
      const oldest = (await events.oldest()) ?? newest + 1;
      if (cursor > newest) {
        // Of a store that is no more: what this one has is all new to the reader.
        cursor = 0;
        yield gapText(oldest);
      } else if (order === undefined && cursor > 0 && oldest > cursor + 1) yield gapText(oldest);
      while (!signal.aborted && wish.stands()) {
        const turn = this.#turn(order, signal);
        const { found, text } = await this.#read(cursor, order);
        cursor = found.at(-1)?.number ?? cursor;
        if (!wish.stands()) {
          turn.over();
          return;
        }
        const told = eid === undefined ? text() : textOf(found, eid);
        if (told !== '') yield told;
        const more = found.length === page;
        const ended = !more && order !== undefined && endsOrder(found.at(-1));
        if (more || ended) turn.over();
        if (ended) return;
        if ((await turn.promise) === 'silence') yield ': \n\n';
      }
    } finally {
      end();
    }
  }

  #read(after: number, order: string | undefined): Promise<Found> {
    const { events } = this.#orders;
    if (order !== undefined) return events.list({ after, limit: page, order }).then(foundOf);
    if (this.#newest?.after === after) return this.#newest.found;
    const found = events.list({ after, limit: page }).then(foundOf);
    this.#newest = { after, found };
    found.catch(() => {
      if (this.#newest?.found === found) this.#newest = undefined;
    });
    return found;
  }

  #changed(id: string): void {
    this.#newest = undefined;
    this.#wake((order) => order === id);
    this.#gathering ??= this.#clock.after(gathered, () => {
      this.#gathering = undefined;
      this.#wake((order) => order === undefined);
    });
  }

  #wake(isMeant: (order: string | undefined) => boolean): void {
    for (const [waker, order] of [...this.#wakers]) if (isMeant(order)) waker();
  }

  /** The next change of the order, or of any, or silence for a while, or the end; begun before the read, so that none is missed. */
  #turn(
    order: string | undefined,
    signal: AbortSignal,
  ): {
    readonly promise: Promise<'change' | 'silence'>;
    readonly over: () => void;
  } {
    let settle: (what: 'change' | 'silence') => void = () => {};
    const promise = new Promise<'change' | 'silence'>((resolve) => {
      settle = resolve;
    });
    const over = (): void => {
      cancel();
      this.#wakers.delete(over);
      signal.removeEventListener('abort', over);
      settle('change');
    };
    const cancel = this.#clock.after(heartbeat, () => {
      this.#wakers.delete(over);
      signal.removeEventListener('abort', over);
      settle('silence');
    });
    this.#wakers.set(over, order);
    if (signal.aborted) over();
    else signal.addEventListener('abort', over, { once: true });
    return { promise, over };
  }
}

/** Some events, and their text, which is made once for all that tell it. */
interface Found {
  readonly found: readonly NumberedChange[];
  text(): string;
}

function foundOf(found: readonly NumberedChange[]): Found {
  let made: string | undefined;
  return {
    found,
    text() {
      made ??= textOf(found);
      return made;
    },
  };
}

/** Of one eUICC where it is named. */
function textOf(found: readonly NumberedChange[], eid?: Eid): string {
  return found
    .filter((change) => eid === undefined || change.eid === eid)
    .map(eventText)
    .join('');
}

function gapText(oldest: number): string {
  const gap: GapView = { oldest };
  return `event: gap\ndata: ${JSON.stringify(gap)}\n\n`;
}

function endsOrder(last: NumberedChange | undefined): boolean {
  return last?.state === 'done' || last?.event === 'deleted';
}

function eventText(change: NumberedChange): string {
  return `id: ${change.number}\nevent: order\ndata: ${JSON.stringify(eventView(change))}\n\n`;
}

export function eventView({ number, at, ...change }: NumberedChange): EventView {
  return { id: number, at: new Date(at).toISOString(), ...change };
}

/** Events of orders as they happen: the stream of /v1, taken up again where it broke off. */
import type { EventView } from '../rest/api/events.ts';
import type { Client, EventStart } from './client.ts';
import { CliError, ExitCode } from './exit.ts';

export interface Following {
  readonly client: Client;
  readonly start: EventStart;
  /** Ends it: `events` returns, and throws nothing. */
  readonly signal: AbortSignal;
  /** For people: the connection is lost, or there again. */
  note(text: string): void;
}

/** Milliseconds until a lost connection is tried again; the last one is kept to. */
const pauses = [500, 1000, 2000, 5000, 10_000, 30_000] as const;

/** What comes of a stream: an event, or word that events after the cursor are not kept any more. */
export type Followed =
  | { readonly type: 'event'; readonly event: EventView }
  | { readonly type: 'gap' };

/**
 * Events without end, each once. A stream that breaks off is taken up after the last event that came; one that cannot
 * be had at all, or is refused, throws CliError.
 */
export async function* orderEvents(following: Following): AsyncGenerator<Followed> {
  const { client, start, signal, note } = following;
  let { after } = start;
  let tries = 0;
  let [hasBegun, isLost] = [false, false];
  while (!signal.aborted) {
    try {
      for await (const { type, id, data } of client.events({ ...start, after }, signal)) {
        if (type === 'end') return;
        if (isLost) note('connected again');
        [hasBegun, isLost, tries] = [true, false, 0];
        if (id !== '') after = id;
        if (type === 'gap') yield { type: 'gap' };
        else if (type === 'order') yield { type: 'event', event: JSON.parse(data) as EventView };
      }
      // The eIM ended it, or goes down.
      hasBegun = true;
    } catch (error) {
      if (signal.aborted) return;
      const isAway = !(error instanceof CliError) || error.exitCode === ExitCode.unreachable;
      if (!isAway || !hasBegun) throw error;
      if (!isLost) note('the connection is lost; trying again');
      isLost = true;
    }
    await pause(pauses[Math.min(tries, pauses.length - 1)] ?? 0, signal);
    tries++;
  }
}

function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, milliseconds);
    signal.addEventListener('abort', done);
  });
}

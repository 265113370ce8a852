/**
 * What happened, one event a line. Secrets (keys, PSKs, tokens, activation and confirmation codes) are never given
 * to a log; whoever logs an error logs its message, not the bytes it was about.
 */

/** Facts beside an event; values as text, numbers or flags. */
export type Fields = Readonly<Record<string, string | number | boolean | undefined>>;

export interface Log {
  /** Fields that take work to make are better given as a function: as a rule nobody reads such lines. */
  debug(event: string, fields?: Fields | (() => Fields)): void;
  info(event: string, fields?: Fields): void;
  warn(event: string, fields?: Fields): void;
  error(event: string, fields?: Fields): void;
  /** Noise from the wire, discarded: counted by reason, one debug line, no exception. */
  drop(reason: string, fields?: Fields): void;
}

/** A line of a log on its way out. */
export interface LogLine {
  readonly level: 'debug' | 'info' | 'warn' | 'error';
  readonly event: string;
  readonly fields: Fields;
}

/** How often each reason to drop was met. */
export class Drops {
  readonly #counts = new Map<string, number>();

  count(reason: string): void {
    this.#counts.set(reason, (this.#counts.get(reason) ?? 0) + 1);
  }

  of(reason: string): number {
    return this.#counts.get(reason) ?? 0;
  }

  all(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.#counts);
  }
}

/**
 * A Log that hands its lines to `write`, each with the room's name, and counts what is dropped. Lines for debugging are
 * made where there is somebody who `debugs`.
 */
export function makeLog(
  room: string,
  write: (line: LogLine) => void,
  drops = new Drops(),
  debugs = () => true,
): Log {
  const at = (level: LogLine['level']) => (event: string, fields?: Fields) =>
    write({ level, event: `${room}: ${event}`, fields: fields ?? {} });
  const debug = at('debug');
  return {
    debug(event, fields) {
      if (debugs()) debug(event, typeof fields === 'function' ? fields() : fields);
    },
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    drop(reason, fields) {
      drops.count(`${room}: ${reason}`);
      if (debugs()) debug(`dropped: ${reason}`, fields);
    },
  };
}

/** A Log that writes nothing and counts into `drops`. */
export function silentLog(drops = new Drops(), room = 'test'): Log {
  return makeLog(
    room,
    () => {},
    drops,
    () => false,
  );
}

/**
 * Where logs go: one line of JSON an event, on standard error (pino). Standard output belongs to commands. What must
 * not stand there is taken out on the way (redaction.ts).
 */
import { destination, pino } from 'pino';
import { Drops, type Log, makeLog } from './base/log.ts';
import { redaction } from './redaction.ts';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'silent';

export interface LogSettings {
  readonly level: LogLevel;
  /** Whether EIDs and ICCIDs are masked. */
  readonly mask: boolean;
}

export interface Logging {
  /** The log of a room; each line begins with its name. */
  room(name: string): Log;
  /** What all rooms dropped. */
  readonly drops: Drops;
  /** From here on; absent where they are fixed. */
  set?(settings: LogSettings): void;
}

/** `secrets`: texts that must never be written. */
export function startLogging(settings: LogSettings, secrets: readonly string[] = []): Logging {
  const drops = new Drops();
  const logger = pino({ level: settings.level, base: null }, destination({ fd: 2, sync: true }));
  let clean = redaction({ mask: settings.mask, secrets });
  return {
    drops,
    room: (name) =>
      makeLog(
        name,
        ({ level, event, fields }) => {
          if (logger.isLevelEnabled(level)) logger[level](clean.fields(fields), clean.text(event));
        },
        drops,
        () => logger.isLevelEnabled('debug'),
      ),
    set({ level, mask }) {
      logger.level = level;
      clean = redaction({ mask, secrets });
    },
  };
}

/** Where logs go: one line of JSON an event, on standard error (pino). Standard output belongs to commands. */
import { destination, pino } from 'pino';
import { Drops, type Log, makeLog } from './base/log.ts';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'silent';

export interface Logging {
  /** The log of a room; each line begins with its name. */
  room(name: string): Log;
  /** What all rooms dropped. */
  readonly drops: Drops;
}

export function startLogging(level: LogLevel): Logging {
  const drops = new Drops();
  const logger = pino({ level, base: null }, destination({ fd: 2, sync: true }));
  return {
    drops,
    room: (name) =>
      makeLog(name, (line) => logger[line.level]({ ...line.fields }, line.event), drops),
  };
}

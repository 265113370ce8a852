/**
 * When each eUICC polled last. Polls come by the thousand and nothing hangs on this but what operators are shown, so it
 * is kept here and written now and then, all in one commit; a kill costs the last seconds of it.
 */
import type { Cancel, Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import type { Eid } from '../messages/ids.ts';
import { afterPoll, type PollTimes } from './poll-times.ts';

export interface LastContact {
  /** Milliseconds since 1970. */
  readonly lastContact: number;
  /** Who polled, for people. */
  readonly lastPeer: string;
  /** By which the transport finds the connection again. */
  readonly lastConnection?: string;
  /** How often it polls. */
  readonly polls?: PollTimes;
}

export interface ContactsOptions {
  readonly clock: Clock;
  readonly log: Log;
  /** Makes them durable. */
  write(contacts: ReadonlyMap<Eid, LastContact>): Promise<void>;
}

/** Milliseconds until what is new is written. */
const writeAfter = 10_000;
/** eUICCs that are remembered once they are written; beyond, the one longest unheard goes. */
const ceiling = 100_000;

export class Contacts {
  readonly #options: ContactsOptions;
  /** Of the eUICCs whose record is there, the one longest unheard first. */
  readonly #known = new Map<Eid, LastContact>();
  #unwritten = new Map<Eid, LastContact>();
  #alarm: Cancel | undefined;

  constructor(options: ContactsOptions) {
    this.#options = options;
  }

  get(eid: Eid): LastContact | undefined {
    return this.#known.get(eid);
  }

  /** The store has this contact, and the record of its eUICC. */
  written(eid: Eid, contact: LastContact): void {
    this.#unwritten.delete(eid);
    this.#remember(eid, contact);
  }

  /** A contact that is to be written; false where the eUICC is not remembered: its record may not be there. */
  heard(eid: Eid, contact: LastContact): boolean {
    const known = this.#known.get(eid);
    if (known === undefined) return false;
    const polls = afterPoll(known.polls, known.lastContact, contact.lastContact);
    this.#write(eid, { ...contact, polls });
    return true;
  }

  /** The device has heard that there is nothing more. */
  rests(eid: Eid): void {
    const known = this.#known.get(eid);
    if (known?.polls === undefined || known.polls.rests) return;
    this.#write(eid, { ...known, polls: { ...known.polls, rests: true } });
  }

  /** Writes what is not written yet; a failure is logged, and tried again. */
  async flush(): Promise<void> {
    this.#alarm?.();
    this.#alarm = undefined;
    const unwritten = this.#unwritten;
    if (unwritten.size === 0) return;
    this.#unwritten = new Map();
    try {
      await this.#options.write(unwritten);
    } catch (error) {
      this.#options.log.error('last contacts are not written', { why: String(error) });
      for (const [eid, contact] of unwritten) {
        if (!this.#unwritten.has(eid)) this.#unwritten.set(eid, contact);
      }
      this.#alarm ??= this.#options.clock.after(writeAfter, () => void this.flush());
    }
  }

  #write(eid: Eid, contact: LastContact): void {
    this.#remember(eid, contact);
    this.#unwritten.set(eid, contact);
    this.#alarm ??= this.#options.clock.after(writeAfter, () => void this.flush());
  }

  #remember(eid: Eid, contact: LastContact): void {
    this.#known.delete(eid);
    this.#known.set(eid, contact);
    if (this.#known.size <= ceiling) return;
    for (const [oldest] of this.#known) {
      if (this.#unwritten.has(oldest)) continue;
      this.#known.delete(oldest);
      return;
    }
  }
}

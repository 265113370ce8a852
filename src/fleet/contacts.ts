/**
 * When each eUICC polled last. Polls come by the thousand and nothing hangs on this but what operators are shown, so it
 * is kept here and written now and then, all in one commit; a kill costs the last seconds of it.
 */
import type { Cancel, Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import { type InOrder, UseOrder } from '../base/use-order.ts';
import type { Eid } from '../messages/ids.ts';
import { type PeerIdentity, peerText } from './device.ts';
import { Calls, type PollTimes } from './poll-times.ts';

export interface LastContact {
  /** Milliseconds since 1970. */
  readonly lastContact: number;
  /** Who polled, for people. */
  readonly lastPeer: string;
  /** By which the transport finds the connection again. */
  readonly lastConnection?: string;
  /** How often it polls. */
  readonly polls: PollTimes;
}

/** Who polls, as the transport knows it. */
export interface Poller {
  /** Absent where it proved nothing. */
  readonly identity?: PeerIdentity;
  /** By which the transport finds its connection again, the same as long as that stands and another for every other. */
  readonly connection?: string;
}

export interface Unwritten {
  readonly contact: LastContact;
  readonly stored: LastContact | undefined;
}

export interface ContactsOptions {
  readonly clock: Clock;
  readonly log: Log;
  /** Makes them durable; `stored` is what the store has of each, where that is known. */
  write(contacts: ReadonlyMap<Eid, Unwritten>): Promise<void>;
}

/** Milliseconds until what is new is written. */
const writeAfter = 10_000;
/** eUICCs that are remembered once they are written; beyond, the one longest unheard goes. */
const ceiling = 100_000;

/** One for each eUICC that is changed in place: a poll makes as little as it can. */
class Known implements InOrder<Known> {
  readonly eid: Eid;
  #lastContact: number;
  #lastPeer: string;
  #lastConnection: string | undefined;
  #calls: Calls;
  /** What the store has is older. */
  isNew = false;
  /** What the store has; undefined where that is not known, as while something is being written. */
  stored: LastContact | undefined;
  /** What is being written, the latest. */
  writing: Unwritten | undefined;
  older: Known | undefined;
  newer: Known | undefined;

  constructor(eid: Eid, { lastContact, lastPeer, lastConnection, polls }: LastContact) {
    this.eid = eid;
    this.#lastContact = lastContact;
    this.#lastPeer = lastPeer;
    this.#lastConnection = lastConnection;
    this.#calls = new Calls(polls);
  }

  /** As it is now. */
  get contact(): LastContact {
    const [lastContact, lastPeer] = [this.#lastContact, this.#lastPeer];
    const [lastConnection, polls] = [this.#lastConnection, this.#calls.times];
    if (lastConnection === undefined) return { lastContact, lastPeer, polls };
    return { lastContact, lastPeer, lastConnection, polls };
  }

  set contact({ lastContact, lastPeer, lastConnection, polls }: LastContact) {
    this.#lastContact = lastContact;
    this.#lastPeer = lastPeer;
    this.#lastConnection = lastConnection;
    this.#calls = new Calls(polls);
  }

  polled({ identity, connection }: Poller, now: number): void {
    this.#calls.polled(this.#lastContact, now);
    this.#lastContact = now;
    // Over one connection it is always the same peer.
    if (connection !== undefined && connection === this.#lastConnection) return;
    this.#lastConnection = connection;
    this.#lastPeer = peerText(identity);
  }

  /** The device has heard that there is nothing more; says whether that is new. */
  rest(): boolean {
    if (this.#calls.rests) return false;
    this.#calls.rest();
    return true;
  }
}

export class Contacts {
  readonly #options: ContactsOptions;
  /** Of the eUICCs whose record is there. */
  readonly #known = new Map<Eid, Known>();
  /** The same, the one longest unheard first. */
  readonly #order = new UseOrder<Known>();
  /** Those that are new. */
  #unwritten: Known[] = [];
  #alarm: Cancel | undefined;

  constructor(options: ContactsOptions) {
    this.#options = options;
  }

  get(eid: Eid): LastContact | undefined {
    return this.#known.get(eid)?.contact;
  }

  /** The store has this contact, and the record of its eUICC. */
  written(eid: Eid, contact: LastContact): void {
    const known = this.#known.get(eid) ?? this.#add(new Known(eid, contact));
    known.contact = contact;
    known.isNew = false; // and so left out when its turn comes
    // Nobody knows which of two writes at a time is the later one.
    known.stored = known.writing === undefined ? contact : undefined;
    known.writing = undefined;
    this.#order.use(known);
  }

  /**
   * A contact now that is to be written; `rests`: by it the device hears that there is nothing more. False where the eUICC
   * is not remembered: its record may not be there.
   */
  heard(eid: Eid, by: Poller, rests = false): boolean {
    const known = this.#known.get(eid);
    if (known === undefined) return false;
    known.polled(by, this.#options.clock.now());
    if (rests) known.rest();
    this.#order.use(known);
    this.#isNew(known);
    return true;
  }

  /** The device has heard that there is nothing more. */
  rests(eid: Eid): void {
    const known = this.#known.get(eid);
    if (known?.rest() === true) this.#isNew(known);
  }

  /** Writes what is not written yet; a failure is logged, and tried again. */
  async flush(): Promise<void> {
    this.#alarm?.();
    this.#alarm = undefined;
    const due = new Map<Eid, Unwritten>();
    const writing: Known[] = [];
    for (const known of this.#unwritten) {
      if (!known.isNew) continue;
      known.isNew = false;
      known.writing = { contact: known.contact, stored: known.stored };
      known.stored = undefined;
      due.set(known.eid, known.writing);
      writing.push(known);
    }
    this.#unwritten = [];
    if (writing.length === 0) return;
    try {
      await this.#options.write(due);
      for (const known of writing) this.#wrote(known, due.get(known.eid));
    } catch (error) {
      this.#options.log.error('last contacts are not written', { why: String(error) });
      for (const known of writing) {
        known.writing = undefined;
        this.#isNew(this.#known.get(known.eid) ?? this.#add(known));
      }
    }
  }

  /** Unless something else was written meanwhile. */
  #wrote(known: Known, what: Unwritten | undefined): void {
    if (what === undefined || known.writing !== what) return;
    known.writing = undefined;
    known.stored = what.contact;
  }

  #isNew(known: Known): void {
    if (known.isNew) return;
    known.isNew = true;
    this.#unwritten.push(known);
    this.#alarm ??= this.#options.clock.after(writeAfter, () => void this.flush());
  }

  #add(known: Known): Known {
    this.#known.set(known.eid, known);
    this.#order.use(known);
    if (this.#known.size > ceiling) this.#forgetOne();
    return known;
  }

  #forgetOne(): void {
    for (const oldest of this.#order) {
      if (oldest.isNew) continue;
      this.#order.delete(oldest);
      this.#known.delete(oldest.eid);
      return;
    }
  }
}

/** Event records (SGP.22 3.6): which SM-DP+ waits for which eUICC. */
import type { Eid } from '../../../src/messages/ids.ts';
import { Refusal } from '../server/refusal.ts';

export interface EventRecord {
  readonly eid: Eid;
  /** The matchingId at the SM-DP+. */
  readonly eventId: string;
  /** Of the SM-DP+, or of another SM-DS. */
  readonly rspServerAddress: string;
  /** OID of who registered it: nobody else may delete it. */
  readonly registrant: string;
}

/** Most events of one EID: an answer must fit the eIM's limits. */
const perEid = 100;

export class EventBook {
  #all: EventRecord[] = [];

  get all(): readonly EventRecord[] {
    return this.#all;
  }

  /** In the order of their registration. */
  of(eid: Eid): readonly EventRecord[] {
    return this.#all.filter((event) => event.eid === eid);
  }

  /** Throws Refusal (eventInUse). */
  add(event: EventRecord): void {
    const same = this.of(event.eid);
    if (same.some(({ eventId }) => eventId === event.eventId)) throw new Refusal('eventInUse');
    if (same.length >= perEid) throw new Refusal('eventInUse', `${perEid} events of this EID`);
    this.#all.push(event);
  }

  /** Throws Refusal (eventUnknown), also for the event of another registrant. */
  remove(event: Pick<EventRecord, 'eid' | 'eventId' | 'registrant'>): void {
    const left = this.#all.filter(
      ({ eid, eventId, registrant }) =>
        eid !== event.eid || eventId !== event.eventId || registrant !== event.registrant,
    );
    if (left.length === this.#all.length) throw new Refusal('eventUnknown');
    this.#all = left;
  }
}

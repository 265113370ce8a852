/**
 * What the eIM knows of each eUICC, by EID. Each fact is a row of its own, so that facts learned at the same time by
 * different procedures never undo each other, and each can join another room's commit:
 *
 * ```
 *   euicc!<eid>/<fact>         one row a fact, named as in EuiccFacts; `added` is there once the eUICC is known
 *   euicc!<eid>/of:<fact>      where the fact comes from
 *   euicc!<eid>/doubt:<topic>  what speaks against what is known
 * ```
 */
import type { Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import { Serial } from '../base/serial.ts';
import { StateChangeCause } from '../messages/eim-package.ts';
import type { Eid, Iccid } from '../messages/ids.ts';
import { nameOf } from '../messages/primitives.ts';
import type { RulesAuthorisationTable } from '../messages/psmo.ts';
import { type Change, put, remove, type Store, table } from '../store/store.ts';
import { Contacts, type LastContact, type Poller } from './contacts.ts';
import { peerText } from './device.ts';
import type { Doubt, Origin, Outstanding, Topic } from './knowledge.ts';
import { afterPoll, type PollTimes } from './poll-times.ts';
import { eidsOver, movedTo } from './polled-over.ts';
import type { LevelSeen, ProtocolLevel } from './protocol-level.ts';

/** The largest counterValue an eUICC takes; above it answers counterValueOutOfRange (SGP.32 2.11.1.1). */
export const largestCounter = 2 ** 23 - 1;

/**
 * The last values are kept for eCOs: with one of them an updateEim gives the eUICC a new key and counterValue, without
 * which the eIM could tell it nothing more.
 */
export const counterReserve = 64;

/** From so many left on, operators are warned: at a package an hour, eleven years. */
export const counterWarning = 100_000;

/** No counterValue is left for this eUICC, or the one given is out of range; the message says what to do. */
export class CounterError extends Error {
  override readonly name = 'CounterError';
}

/** The curve of eIM and eUICC signatures, in OpenSSL's words as in the REST API. */
export type SignAlgo = 'prime256v1' | 'brainpoolP256r1';

/** The words of the REST API for stateChangeCause (SGP.32 6.3.2.6) are the standard's. */
export type StateChangeCauseName = keyof typeof StateChangeCause;

/** A profile as the eUICC last told; members that the eUICC left out are absent. */
export interface ProfileRecord {
  readonly iccid: Iccid;
  readonly isdpAid?: Uint8Array;
  readonly state?: 'disabled' | 'enabled';
  readonly class?: 'test' | 'provisioning' | 'operational';
  /** profileName. */
  readonly name?: string;
  readonly serviceProviderName?: string;
  readonly nickname?: string;
  readonly fallback?: boolean;
  readonly fallbackAllowed?: boolean;
}

/** The profiles of an eUICC, and when it told them; milliseconds since 1970. */
export interface ProfileList {
  readonly since: number;
  readonly list: readonly ProfileRecord[];
  /** It was never listed whole: there may be others. */
  readonly partial?: boolean;
  /** The eUICC's seqNumber of the last result or notification that it follows. */
  readonly seqNumber?: number;
}

/** The eIMs of an eUICC as listEim told, and when; milliseconds since 1970. */
export interface EimList {
  readonly since: number;
  readonly list: readonly { readonly eimId: string; readonly eimIdType?: number }[];
  /** The eUICC's seqNumber of the last result that it follows. */
  readonly seqNumber?: number;
}

export interface EuiccFacts {
  /** The eIM's token on this eUICC (SGP.32 2.11.1.1); the first on a fresh eUICC is 1. */
  readonly associationToken: number;
  /** counterValue last used; the next package takes a higher one. */
  readonly counterValue: number;
  readonly signAlgo: SignAlgo;
  /** The key that it knows this eIM by (SubjectPublicKeyInfo, DER), where an eCO gave it one; else eim.signing.key. */
  readonly signingKey?: Uint8Array;
  /** A consumer eUICC behind an IPA that emulates SGP.32: its results carry no signature that can be checked. */
  readonly consumerEuicc: boolean;
  /** The eUICC's public key: 04 and both coordinates, 65 octets. */
  readonly publicKey?: Uint8Array;
  /** DER, checked up to a CI root. */
  readonly euiccCertificate?: Uint8Array;
  readonly eumCertificate?: Uint8Array;
  /** DER as the eUICC gave it: `BF20…`, `BF22…`. */
  readonly euiccInfo1?: Uint8Array;
  readonly euiccInfo2?: Uint8Array;
  /** DER, `30…` each. */
  readonly ipaCapabilities?: Uint8Array;
  readonly deviceInfo?: Uint8Array;
  readonly defaultSmdpAddress?: string;
  readonly rootSmdsAddress?: string;
  /** Which operators may set which Profile Policy Rules (SGP.22 2.4.12), as getRAT told. */
  readonly rulesAuthorisationTable?: RulesAuthorisationTable;
  /** The eIMs associated with it. */
  readonly eims?: EimList;
  readonly profiles?: ProfileList;
  /** Causes told since they were last cleared, each once, in order. */
  readonly stateChangeCauseList: readonly StateChangeCauseName[];
  /** When it first and last polled; milliseconds since 1970. */
  readonly firstContact?: number;
  readonly lastContact?: number;
  /** Who polled last, for people. */
  readonly lastPeer?: string;
  /** By which the transport finds the connection of the last poll again. */
  readonly lastConnection?: string;
  /** How often it polls. */
  readonly polls?: PollTimes;
  /** The version of SGP.32 that its device speaks, as the operator set it, and as it shows (protocol-level.ts). */
  readonly levelSet?: ProtocolLevel | 'learned';
  readonly levelSeen?: LevelSeen;
  /** The last notifyStateChange. */
  readonly lastStateChange?: StateChange;
  /** The last package that left and whose result has not come. */
  readonly outstanding?: Outstanding;
  /** When the eIM last asked something of itself; milliseconds since 1970, the oldest first. */
  readonly ownQuestions?: readonly number[];
}

export interface StateChange {
  readonly cause: StateChangeCauseName;
  /** When the device told; milliseconds since 1970. */
  readonly at: number;
}

export interface EuiccRecord extends EuiccFacts {
  readonly eid: Eid;
  /** Where its facts come from, as far as that was noted. */
  readonly origins: { readonly [Name in keyof EuiccFacts]?: Origin };
  readonly doubts: { readonly [About in Topic]?: Doubt };
  /** When it became known; milliseconds since 1970. */
  readonly added: number;
}

/** Facts to set; those not named stay as they are. */
export type EuiccPatch = Partial<EuiccFacts>;

/** What an eUICC has of which nothing was learned yet. */
export interface EuiccDefaults {
  /** Default 1: what AddInitialEim gives on a fresh eUICC (SGP.32 2.11.1.1). */
  readonly associationToken: number;
  /** counterValue of the EimConfigurationData that went onto the card; the first package takes one more. Default 1. */
  readonly counterValue: number;
  /** Default prime256v1. */
  readonly signAlgo: SignAlgo;
  /** Default false: results must be signed. True only where consumer eUICCs are served. */
  readonly consumerEuicc: boolean;
}

export const euiccDefaults: EuiccDefaults = {
  associationToken: 1,
  counterValue: 1,
  signAlgo: 'prime256v1',
  consumerEuicc: false,
};

/** A poll, as the transport saw it. */
export interface Contact extends Poller {
  /** stateChangeCause, where the poll tells of a change. */
  readonly stateChangeCause?: number;
}

/** A counterValue that nobody else gets, and what must be committed before the package that carries it leaves. */
export interface CounterTaken {
  readonly counterValue: number;
  readonly change: Change;
  /** The token that the package's signature covers. */
  readonly associationToken: number;
}

export interface EuiccsOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Log;
  readonly defaults?: Partial<EuiccDefaults>;
}

type Fact = keyof EuiccFacts | 'added';
type Row = EuiccRecord[Fact] | Origin | Doubt;

const euiccs = table<Row>('euicc');
const eidLength = 32;
/** eUICCs known to have nothing to ask; beyond, all are looked up again. */
const mostRemembered = 100_000;
const originMark = 'of:';
const doubtMark = 'doubt:';

export class Euiccs {
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #defaults: EuiccDefaults;
  readonly #serial = new Serial();
  /**
   * The last counterValue taken or set since the start, which may be ahead of the disk. One number for each eUICC
   * that got a package, so it is no longer than the fleet.
   */
  readonly #counters = new Map<Eid, number>();
  readonly #contacts: Contacts;
  /** Those that were seen to have neither doubts to ask about nor a result outstanding: nearly all. */
  readonly #nothingToAsk = new Set<Eid>();

  constructor(options: EuiccsOptions) {
    this.#store = options.store;
    this.#clock = options.clock;
    this.#log = options.log;
    this.#defaults = { ...euiccDefaults, ...options.defaults };
    this.#contacts = new Contacts({
      ...options,
      write: (contacts) =>
        this.#store.commit(
          [...contacts].flatMap(([eid, { contact, stored }]) => [
            ...this.#contactChange(eid, contact, stored),
            ...movedTo(eid, contact.lastConnection, stored?.lastConnection),
          ]),
        ),
    });
  }

  async get(eid: Eid): Promise<EuiccRecord | undefined> {
    const rows = await this.#store.list(euiccs, { prefix: `${eid}/` });
    return rows.length === 0 ? undefined : this.#record(eid, rows);
  }

  /** Records in the order of their EIDs: those after `after`, at most `limit`. */
  async list(
    options: { readonly after?: Eid; readonly limit?: number } = {},
  ): Promise<readonly EuiccRecord[]> {
    const limit = options.limit ?? Number.POSITIVE_INFINITY;
    const records: EuiccRecord[] = [];
    // `0` is the character after `/`: past every fact of this EID.
    let after = options.after === undefined ? undefined : `${options.after}0`;
    while (records.length < limit) {
      const [first] = await this.#store.list(euiccs, {
        limit: 1,
        ...(after === undefined ? {} : { after }),
      });
      if (first === undefined) break;
      const eid = first[0].slice(0, eidLength) as Eid;
      const record = await this.get(eid);
      if (record !== undefined) records.push(record);
      after = `${eid}0`;
    }
    return records;
  }

  /** The record of this EID, made with the defaults where there is none. */
  async ensure(eid: Eid): Promise<EuiccRecord> {
    return this.#serial.run(eid, async () => {
      const known = await this.get(eid);
      if (known !== undefined) return known;
      const added = this.#clock.now();
      await this.#store.commit([fact(eid, 'added', added)]);
      this.#log.info('eUICC added', { eid });
      return this.#record(eid, [[`${eid}/added`, added]]);
    });
  }

  /** Sets facts, durably, and makes the record where there is none. */
  async update(eid: Eid, patch: EuiccPatch, origin?: Origin): Promise<EuiccRecord> {
    const known = await this.ensure(eid);
    await this.#store.commit(this.change(eid, patch, origin));
    return (await this.get(eid)) ?? known;
  }

  /**
   * The changes that set these facts, to be committed together with others. A counterValue counts as set at once.
   * Throws CounterError where it is out of range.
   */
  change(eid: Eid, patch: EuiccPatch, origin?: Origin): readonly Change[] {
    const changes: Change[] = [];
    if (patch.outstanding !== undefined) this.#nothingToAsk.delete(eid);
    for (const [name, value] of Object.entries(patch)) {
      if (value === undefined) continue;
      if (origin !== undefined) changes.push(put(euiccs, `${eid}/${originMark}${name}`, origin));
      if (name === 'counterValue' && typeof value === 'number') {
        if (!Number.isInteger(value) || value < 0 || value > largestCounter) {
          throw new CounterError(`a counterValue is a whole number from 0 to ${largestCounter}`);
        }
        this.#counters.set(eid, value);
        changes.push(this.#counterChange(eid));
      } else {
        changes.push({ type: 'put', table: euiccs.name, key: `${eid}/${name}`, row: value });
      }
    }
    return changes;
  }

  /** Forgets facts that the operator had set, durably: what is learned takes their place again. */
  async takeBack(eid: Eid, ...names: readonly (keyof EuiccFacts)[]): Promise<void> {
    const origins = names.map((name) => remove(euiccs, `${eid}/${originMark}${name}`));
    await this.#store.commit([...this.forget(eid, ...names), ...origins]);
  }

  /** It was seen that there is nothing to ask this eUICC of ourselves; so it is until a doubt arises or a package leaves. */
  nothingToAsk(eid: Eid): void {
    if (this.#nothingToAsk.size >= mostRemembered) this.#nothingToAsk.clear();
    this.#nothingToAsk.add(eid);
  }

  hasNothingToAsk(eid: Eid): boolean {
    return this.#nothingToAsk.has(eid);
  }

  /** The changes that forget these facts. */
  forget(eid: Eid, ...names: readonly (keyof EuiccFacts)[]): readonly Change[] {
    return names.map((name) => remove(euiccs, `${eid}/${name}`));
  }

  /** The changes that put something in doubt; it will be asked for anew, however often it was before. */
  doubt(eid: Eid, about: readonly Topic[], why: string): readonly Change[] {
    const doubt = { since: this.#clock.now(), why, asked: 0 };
    this.#nothingToAsk.delete(eid);
    return about.map((topic) => put(euiccs, `${eid}/${doubtMark}${topic}`, doubt));
  }

  /** The changes that count a question: about the topic, and among all that the eIM asks of itself. */
  asked(
    { eid, ownQuestions = [] }: EuiccRecord,
    topic: Topic,
    doubt: Doubt,
    mostKept: number,
  ): readonly Change[] {
    const now = this.#clock.now();
    const times = [...ownQuestions, now].slice(-mostKept);
    // Of a clock that was set back since: what answers the question comes after the doubt all the same.
    const since = Math.min(doubt.since, now);
    const counted = { ...doubt, since, asked: doubt.asked + 1, last: now };
    return [
      put(euiccs, `${eid}/${doubtMark}${topic}`, counted),
      ...this.change(eid, { ownQuestions: times }),
    ];
  }

  /** The changes that end a doubt. */
  settled(eid: Eid, topic: Topic): readonly Change[] {
    return [remove(euiccs, `${eid}/${doubtMark}${topic}`)];
  }

  /**
   * Takes the next counterValue. It is this caller's alone, also among callers at the same time; whoever never
   * commits the change leaves a gap, which is harmless (SGP.32 2.11.1.1). Throws CounterError when none is left.
   * @param withReserve whether it may be one of those kept for eCOs
   */
  async nextCounter(eid: Eid, withReserve = false): Promise<CounterTaken> {
    const record = await this.get(eid);
    // From here on without waiting, so that no two callers see the same last one.
    const last = this.#counters.get(eid) ?? record?.counterValue ?? this.#defaults.counterValue;
    if (last >= largestCounter - (withReserve ? 0 : counterReserve)) {
      throw new CounterError(
        `the counter of eUICC ${eid} is used up: have updateEim give it a new key of this eIM and a new counterValue`,
      );
    }
    const counterValue = last + 1;
    this.#warnOf(eid, largestCounter - counterValue);
    this.#counters.set(eid, counterValue);
    return {
      counterValue,
      change: this.#counterChange(eid),
      associationToken: record?.associationToken ?? this.#defaults.associationToken,
    };
  }

  /** At the first, every thousandth and each of the last hundred. */
  #warnOf(eid: Eid, left: number): void {
    if (left >= counterWarning) return;
    if (left !== counterWarning - 1 && left % 1000 !== 0 && left >= 100) return;
    this.#log.warn(
      'the counter of an eUICC is nearly used up: give it a new key and counterValue',
      {
        eid,
        left,
      },
    );
  }

  /**
   * Notes a poll, and makes the record where there is none. Durable when it resolves, but for the time of a poll that
   * tells nothing else (contacts.ts).
   */
  async contact(eid: Eid, contact: Contact): Promise<void> {
    const { stateChangeCause } = contact;
    if (stateChangeCause === undefined && this.heard(eid, contact)) return;
    const by = byOf(contact);
    await this.#serial.run(eid, async () => {
      const now = this.#clock.now();
      const known = await this.get(eid);
      const polls = afterPoll(known?.polls, known?.lastContact, now);
      const fresh = { lastContact: now, ...by, polls };
      // Not of `known`, whose connection may not be written yet.
      const former = await this.#store.get(euiccs, `${eid}/lastConnection`);
      const before = typeof former === 'string' ? former : undefined;
      const changes = [
        ...this.#contactChange(eid, fresh),
        ...movedTo(eid, fresh.lastConnection, before),
      ];
      if (known === undefined) changes.push(fact(eid, 'added', now));
      if (known?.firstContact === undefined) changes.push(fact(eid, 'firstContact', now));
      if (stateChangeCause !== undefined) {
        const cause = causeName(stateChangeCause);
        const causes = known?.stateChangeCauseList ?? [];
        if (!causes.includes(cause)) {
          changes.push(fact(eid, 'stateChangeCauseList', [...causes, cause]));
        }
        changes.push(fact(eid, 'lastStateChange', { cause, at: now }));
      }
      await this.#store.commit(changes);
      this.#contacts.written(eid, fresh);
    });
  }

  /**
   * A poll over what leads nowhere leaves no connection behind: the one of before is not where the device is. What is
   * `stored` already is not written again: as a rule a device polls over one connection for long.
   */
  #contactChange(eid: Eid, contact: LastContact, stored?: LastContact): readonly Change[] {
    const { lastContact, lastPeer, lastConnection, polls } = contact;
    const isKnown = stored !== undefined && stored.lastConnection === lastConnection;
    const gone = lastConnection === undefined && !isKnown ? this.forget(eid, 'lastConnection') : [];
    const patch = {
      lastContact,
      polls,
      ...(stored?.lastPeer !== lastPeer && { lastPeer }),
      ...(lastConnection !== undefined && !isKnown && { lastConnection }),
    };
    return [...this.change(eid, patch), ...gone];
  }

  /**
   * Notes a poll that tells nothing else of an eUICC that is remembered; false, and nothing noted, for any other. `rests`:
   * the device hears that there is nothing more.
   */
  heard(eid: Eid, by: Poller, rests = false): boolean {
    return this.#contacts.heard(eid, by, rests);
  }

  /** The eUICCs whose last poll came over this connection, as far as that was written: a kill costs the last seconds of it. */
  async polledOver(connection: string): Promise<readonly Eid[]> {
    const eids = await eidsOver(this.#store, connection);
    const still = await Promise.all(
      eids.map(async (eid) => (await this.get(eid))?.lastConnection === connection),
    );
    return eids.filter((_, i) => still[i]);
  }

  /** The device has heard that there is nothing more: it will be silent until its next call. */
  rests(eid: Eid): void {
    this.#contacts.rests(eid);
  }

  /** Writes what is not durable yet. */
  close(): Promise<void> {
    return this.#contacts.flush();
  }

  /**
   * The row is read when the change is committed, not when it is made: of two changes the one committed last writes
   * the newest value, whichever was made first, so the disk is never behind a package that left.
   */
  #counterChange(eid: Eid): Change {
    const counters = this.#counters;
    return {
      type: 'put',
      table: euiccs.name,
      key: `${eid}/counterValue`,
      get row() {
        return counters.get(eid);
      },
    };
  }

  #record(eid: Eid, rows: readonly (readonly [key: string, row: Row])[]): EuiccRecord {
    const named = rows.map(([key, row]) => [key.slice(eidLength + 1), row] as const);
    const marked = (mark: string) =>
      Object.fromEntries(
        named.flatMap(([name, row]) =>
          name.startsWith(mark) ? [[name.slice(mark.length), row]] : [],
        ),
      );
    const facts: Partial<EuiccRecord> = Object.fromEntries(
      named.filter(([name]) => !name.includes(':')),
    );
    const counterValue = this.#counters.get(eid);
    const { lastConnection, ...others } = facts;
    const contact = this.#contacts.get(eid) ?? (lastConnection && { lastConnection });
    return {
      ...this.#defaults,
      added: 0,
      stateChangeCauseList: [],
      ...others,
      ...contact,
      origins: marked(originMark),
      doubts: marked(doubtMark),
      ...(counterValue === undefined ? {} : { counterValue }),
      eid,
    };
  }
}

function fact<F extends Fact>(eid: Eid, name: F, value: NonNullable<EuiccRecord[F]>): Change {
  return put(euiccs, `${eid}/${name}`, value);
}

function byOf({ identity, connection }: Poller): Pick<LastContact, 'lastPeer' | 'lastConnection'> {
  const lastPeer = peerText(identity);
  return connection === undefined ? { lastPeer } : { lastPeer, lastConnection: connection };
}

/** The name of a stateChangeCause; `undefined` (127) for numbers of later versions. */
function causeName(cause: number): StateChangeCauseName {
  const name = nameOf(StateChangeCause, cause);
  return isCause(name) ? name : 'undefined';
}

function isCause(name: string): name is StateChangeCauseName {
  return Object.hasOwn(StateChangeCause, name);
}

/**
 * The lab's SM-DS (SGP.22 v2): ES11 for devices and eIMs, ES12 for SM-DP+s, over HTTPS with the JSON binding and real
 * cryptography. Retrieving an event does not delete it: its SM-DP+ does.
 *
 *   ../server/door.ts   HTTPS in and out   es11.ts   the eUICC proves itself, its events   es12.ts   SM-DP+s
 *
 * It is the root SM-DS and the only one: there is no ES15.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { BoundedMap } from '../../../src/base/bounded-map.ts';
import type { Clock } from '../../../src/base/clock.ts';
import type { Log } from '../../../src/base/log.ts';
import type { Random } from '../../../src/base/random.ts';
import type { Eid } from '../../../src/messages/ids.ts';
import { Roots } from '../../../src/trust/roots.ts';
import { issueDsTls, type LabPki } from '../pki/lab-pki.ts';
import { commonOid, identityOf, serialNumberOf } from '../server/authentication.ts';
import { type DoorOptions, makeDoor, type Route, type Step } from '../server/door.ts';
import { type FaultKind, type FaultOptions, Faults } from '../server/faults.ts';
import { type Listening, listen, serverAddress, tlsCredential } from '../server/listen.ts';
import { readState, writeState } from '../server/state-file.ts';
import { eid, readAs } from '../server/state-shapes.ts';
import { type Ds, es11Routes } from './es11.ts';
import { es12Routes } from './es12.ts';
import { EventBook, type EventRecord } from './events.ts';

export interface SmdsLimits {
  /** Milliseconds that a session lives after its last request. Default half an hour. */
  readonly sessionLifetime: number;
  /** Sessions at a time; the oldest gives way. Default 1000. */
  readonly sessions: number;
  /** Octets of a request's body. Default 64 KiB. */
  readonly body: number;
}

const defaultLimits: SmdsLimits = {
  sessionLifetime: 30 * 60 * 1000,
  sessions: 1000,
  body: 64 * 1024,
};

export interface SmdsOptions {
  readonly pki: Pick<LabPki, 'ci' | 'dsAuth' | 'dsTls'>;
  /** Further CIs that it is certified by, for eUICCs and SM-DP+s that know these. TLS stays with `pki`. */
  readonly further?: readonly Pick<LabPki, 'ci' | 'dsAuth'>[];
  /** Default 127.0.0.1. */
  readonly host?: string;
  /** Default 0: a free one. */
  readonly port?: number;
  /** serverAddress: what eUICCs see. Default `host:port`. */
  readonly name?: string;
  /** Where events are kept; default: nowhere. Sessions end with the process. */
  readonly stateFolder?: string;
  /** DER of certificates that the CI revoked. */
  readonly revoked?: readonly Uint8Array[];
  readonly limits?: Partial<SmdsLimits>;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** Told of each request once it is answered. */
  readonly onStep?: (step: Step) => void;
}

export interface Smds {
  /** Where it is reached and what it calls itself; `host:port` unless it was given a name. */
  readonly address: string;
  readonly listening: Listening;
  /** Dotted. */
  readonly oid: string;
  /** All event records, oldest first. */
  readonly events: readonly EventRecord[];
  /** Those of one eUICC. */
  eventsOf(eid: Eid): readonly EventRecord[];
  /** Registers an event as its SM-DP+ would. Throws Refusal where there is one already. */
  addEvent(event: Omit<EventRecord, 'registrant'>): void;
  /** Sessions that are open. */
  readonly sessions: number;
  /** Makes a fault due; undefined takes all faults away. */
  fault(kind: FaultKind | undefined, options?: FaultOptions): void;
  close(): Promise<void>;
}

const state = z.object({
  version: z.literal(1),
  events: z.array(
    z.object({
      eid,
      eventId: z.string(),
      rspServerAddress: z.string(),
      registrant: z.string(),
    }),
  ),
});

/** Starts an SM-DS; it listens once the promise is kept. Throws StateFileError. */
export async function startSmds(options: SmdsOptions): Promise<Smds> {
  const { pki, further = [], host = '127.0.0.1', clock, random, log } = options;
  const { stateFolder, onStep = () => {} } = options;
  const limits = { ...defaultLimits, ...options.limits };
  const tls = tlsCredential(pki.dsTls, options.name, host, (names) => issueDsTls(pki, names));
  const all = [pki, ...further];
  const oid = commonOid(all.map(({ dsAuth }) => dsAuth.certificate));
  const events = new EventBook();
  const file = stateFolder === undefined ? undefined : join(stateFolder, 'state.json');
  if (stateFolder !== undefined) mkdirSync(stateFolder, { recursive: true, mode: 0o700 });
  if (file !== undefined) restore(events, file);
  const save = () => {
    if (file !== undefined) writeState(file, { version: 1, events: events.all });
  };

  // The address may hold the port, which is known once the server listens; no request is served before.
  const made: { ds?: Ds } = {};
  const dsOf = (): Ds => {
    if (made.ds === undefined) throw new Error('not listening yet');
    return made.ds;
  };
  const routes = new Map<string, Route>([...es11Routes(dsOf), ...es12Routes(events)]);
  const faults = new Faults();
  const doorOptions: DoorOptions = {
    ...{ routes, faults, bodyLimit: limits.body, clock, log, save, onStep },
  };
  const cis = all.map(({ ci }) => ci.certificate);
  const door = makeDoor(tls, cis, () => doorOptions);
  const listening = await listen(door, host, options.port ?? 0);
  const ds: Ds = {
    address: serverAddress(options.name, host, listening.port),
    identities: all.map(({ ci, dsAuth }) => identityOf({ ci, auth: dsAuth, wrongRole: pki.dsTls })),
    roots: Roots.of(cis),
    revoked: new Set((options.revoked ?? []).map(serialNumberOf)),
    events,
    sessions: new BoundedMap({ clock, ceiling: limits.sessions, lifetime: limits.sessionLifetime }),
    ...{ faults, clock, random },
  };
  made.ds = ds;
  return {
    address: ds.address,
    listening,
    oid,
    get events() {
      return events.all;
    },
    eventsOf: (one) => events.of(one),
    addEvent(event) {
      events.add({ ...event, registrant: oid });
      save();
    },
    get sessions() {
      return ds.sessions.size;
    },
    fault(kind, faultOptions) {
      if (kind === undefined) faults.clear();
      else faults.add(kind, faultOptions);
    },
    close: () => door.close(),
  };
}

function restore(events: EventBook, file: string): void {
  const kept = readState(file);
  if (kept === undefined) return;
  for (const event of readAs(state, kept, file).events) events.add(event);
}

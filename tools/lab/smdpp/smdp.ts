/** What the functions of the SM-DP+ work on. */
import { BoundedMap } from '../../../src/base/bounded-map.ts';
import { toHex } from '../../../src/base/bytes.ts';
import type { Clock } from '../../../src/base/clock.ts';
import type { Log } from '../../../src/base/log.ts';
import type { Random } from '../../../src/base/random.ts';
import { Roots } from '../../../src/trust/roots.ts';
import type { LabPki } from '../pki/lab-pki.ts';
import { type AuthenticatingServer, commonOid, identityOf } from '../server/authentication.ts';
import { Faults } from '../server/faults.ts';
import { JsonClient } from '../server/json-client.ts';
import { Refusal } from '../server/refusal.ts';
import { Errands } from './errands.ts';
import { NotificationLog } from './notification-log.ts';
import { OrderBook } from './order.ts';
import type { Download, Session, SmdpIdentity } from './session.ts';

export interface SmdpLimits {
  /** Milliseconds that a session lives after its last request. Default half an hour. */
  readonly sessionLifetime: number;
  /** Sessions at a time; the oldest gives way. Default 1000. */
  readonly sessions: number;
  /** Milliseconds that the result of a package is waited for: an eIM may bring it late. Default 30 days. */
  readonly downloadLifetime: number;
  /** Packages of an order that are handed out (getBoundProfilePackage). Default 10. */
  readonly attempts: number;
  /** Wrong confirmation codes, the last of which ends the order. Default 3. */
  readonly confirmationCodes: number;
  /** Milliseconds from its release to the end of an order of ES2+. Default: it has none. */
  readonly orderLifetime?: number;
  /** Octets of a request's body. Default 64 KiB. */
  readonly body: number;
}

const defaultLimits: SmdpLimits = {
  sessionLifetime: 30 * 60 * 1000,
  sessions: 1000,
  downloadLifetime: 30 * 24 * 60 * 60 * 1000,
  attempts: 10,
  confirmationCodes: 3,
  body: 64 * 1024,
};

/** Downloads whose result is out, at most. */
const maxDownloads = 10_000;

/** What an SM-DP+ needs of a PKI. */
export type SmdpPki = Pick<LabPki, 'ci' | 'dpAuth' | 'dpPb'>;

/** One SM-DP+: its identity, and everything it remembers. */
export interface Smdp extends AuthenticatingServer<SmdpIdentity> {
  /** Dotted; the registeredID of its certificates. */
  readonly oid: string;
  readonly orders: OrderBook;
  /** By transactionId in hex. */
  readonly sessions: BoundedMap<string, Session>;
  /** By transactionId in hex: beyond the session, for results that come late. */
  readonly downloads: BoundedMap<string, Download>;
  readonly notifications: NotificationLog;
  readonly faults: Faults;
  readonly client: JsonClient;
  readonly errands: Errands;
  /** Whom to tell of progress: host:port. */
  readonly operator?: string;
  readonly limits: SmdpLimits;
  readonly log: Log;
}

export interface SmdpInput {
  readonly address: string;
  readonly pki: SmdpPki & Partial<Pick<LabPki, 'dpTls'>>;
  /** Further CIs that it is certified by: brainpool, a private root. */
  readonly further?: readonly SmdpPki[];
  readonly operator?: string;
  readonly revoked?: ReadonlySet<string>;
  readonly limits?: Partial<SmdpLimits>;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** Called when what it remembers has changed outside of a request. */
  readonly save?: () => void;
}

/** Throws where the certificates do not belong together. */
export function makeSmdp({ address, pki, clock, random, log, ...input }: SmdpInput): Smdp {
  const limits = { ...defaultLimits, ...input.limits };
  const { save = () => {}, operator } = input;
  const all: readonly SmdpPki[] = [pki, ...(input.further ?? [])];
  const cis = all.map(({ ci }) => ci.certificate);
  const client = new JsonClient({ credential: pki.dpTls ?? pki.dpAuth, cis, clock });
  return {
    address,
    oid: commonOid(all.flatMap(({ dpAuth, dpPb }) => [dpAuth.certificate, dpPb.certificate])),
    identities: all.map(({ ci, dpAuth, dpPb }) => ({
      ...identityOf({ ci, auth: dpAuth, wrongRole: dpPb }),
      dpPb,
    })),
    roots: Roots.of(cis),
    revoked: input.revoked ?? new Set(),
    orders: new OrderBook(),
    sessions: new BoundedMap({ clock, ceiling: limits.sessions, lifetime: limits.sessionLifetime }),
    downloads: new BoundedMap({ clock, ceiling: maxDownloads, lifetime: limits.downloadLifetime }),
    notifications: new NotificationLog(),
    faults: new Faults(),
    client,
    errands: new Errands({ client, clock, log, save }),
    ...(operator !== undefined && { operator }),
    limits,
    clock,
    random,
    log,
  };
}

/** The session that a request belongs to. Throws Refusal (transactionUnknown). */
export function findSession(smdp: Smdp, transactionId: Uint8Array): Session {
  const session = smdp.sessions.get(toHex(transactionId));
  if (session === undefined) throw new Refusal('transactionUnknown');
  return session;
}

/** Runs a step of a session; whatever is refused ends it, so that another try starts at the beginning. */
export function within<T>(smdp: Smdp, session: Session, run: () => T): T {
  try {
    return run();
  } catch (error) {
    endSession(smdp, session);
    throw error;
  }
}

export function endSession(smdp: Smdp, session: Session): void {
  smdp.sessions.delete(toHex(session.transactionId));
}

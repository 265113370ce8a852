/** What the five functions of the SM-DP+ work on. */
import { BoundedMap } from '../../../src/base/bounded-map.ts';
import { equal, toHex } from '../../../src/base/bytes.ts';
import type { Clock } from '../../../src/base/clock.ts';
import type { Log } from '../../../src/base/log.ts';
import type { Random } from '../../../src/base/random.ts';
import type { Eid } from '../../../src/messages/ids.ts';
import { readCertificate, registeredIdOf } from '../../../src/trust/certificate.ts';
import { Roots } from '../../../src/trust/roots.ts';
import type { LabCredential, LabPki } from '../pki/lab-pki.ts';
import { Faults } from './faults.ts';
import { NotificationLog } from './notification-log.ts';
import { OrderBook } from './order.ts';
import { Refusal } from './refusal.ts';
import type { Download, Session } from './session.ts';

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

/** One SM-DP+: its identity, and everything it remembers. */
export interface Smdp {
  /** serverAddress, as eUICCs see it. */
  readonly address: string;
  /** Dotted; the registeredID of its certificates. */
  readonly oid: string;
  /** subjectKeyIdentifier of the CI that its certificates chain to and that it accepts. */
  readonly ciKeyId: Uint8Array;
  readonly roots: Roots;
  readonly dpAuth: LabCredential;
  readonly dpPb: LabCredential;
  readonly orders: OrderBook;
  /** By transactionId in hex. */
  readonly sessions: BoundedMap<string, Session>;
  /** By transactionId in hex: beyond the session, for results that come late. */
  readonly downloads: BoundedMap<string, Download>;
  readonly notifications: NotificationLog;
  readonly faults: Faults;
  readonly limits: SmdpLimits;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

/** One request on its way through. */
export interface Call {
  /** Whom it is about, once that is known. */
  eid?: Eid;
}

export interface SmdpInput {
  readonly address: string;
  readonly pki: Pick<LabPki, 'ci' | 'dpAuth' | 'dpPb'>;
  readonly limits?: Partial<SmdpLimits>;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

/** Throws where the certificates do not belong together. */
export function makeSmdp({ address, pki, clock, random, log, ...input }: SmdpInput): Smdp {
  const limits = { ...defaultLimits, ...input.limits };
  const oid = registeredIdOf(pki.dpAuth.certificate);
  if (oid === undefined || oid !== registeredIdOf(pki.dpPb.certificate)) {
    throw new Error('CERT.DPauth and CERT.DPpb must have one and the same OID');
  }
  const ciKeyId = readCertificate(pki.ci.certificate).subjectKeyIdentifier;
  if (ciKeyId === undefined) throw new Error('the CI certificate has no subjectKeyIdentifier');
  return {
    address,
    oid,
    ciKeyId,
    roots: Roots.of([pki.ci.certificate]),
    dpAuth: pki.dpAuth,
    dpPb: pki.dpPb,
    orders: new OrderBook(),
    sessions: new BoundedMap({ clock, ceiling: limits.sessions, lifetime: limits.sessionLifetime }),
    downloads: new BoundedMap({ clock, ceiling: maxDownloads, lifetime: limits.downloadLifetime }),
    notifications: new NotificationLog(),
    faults: new Faults(),
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

/** The transactionId within what the eUICC signed must be that of the session. Throws Refusal. */
export function checkTransaction(session: Session, signed: Uint8Array): void {
  if (!equal(session.transactionId, signed)) {
    throw new Refusal('transactionUnknown', 'another one is signed');
  }
}

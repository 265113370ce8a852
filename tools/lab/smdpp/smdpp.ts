/**
 * The lab's SM-DP+ (SGP.22 v2): ES9+ over HTTPS with the JSON binding, real cryptography and every check.
 *
 *   door.ts       HTTPS in and out            binding.ts   JSON to functions
 *   initiate-authentication.ts → authenticate-client.ts → get-bound-profile-package.ts → handle-notification.ts,
 *   cancel-session.ts                         order.ts     states of an order
 *
 * State is in memory. Orders are placed with addProfile; ES2+ and the ASN.1 binding are not here yet.
 */
import { X509Certificate } from 'node:crypto';
import { type AddressInfo, isIP } from 'node:net';
import { addressText } from '../../../src/base/address.ts';
import type { Clock } from '../../../src/base/clock.ts';
import type { Log } from '../../../src/base/log.ts';
import type { Random } from '../../../src/base/random.ts';
import type { Eid, Iccid } from '../../../src/messages/ids.ts';
import { issueTls, type LabCredential, type LabPki, loopbackHosts } from '../pki/lab-pki.ts';
import { makeDoor, type Step } from './door.ts';
import type { FaultKind, FaultOptions } from './faults.ts';
import type { ReceivedNotification } from './notification-log.ts';
import { hashOfConfirmationCode, type OrderState, type ProfileOrder } from './order.ts';
import { type ProfileMetadata, storeMetadataRequest } from './profile-metadata.ts';
import { makeSmdp, type Smdp, type SmdpLimits } from './smdp.ts';

export interface SmdppOptions {
  readonly pki: Pick<LabPki, 'ci' | 'dpAuth' | 'dpPb' | 'dpTls'>;
  /** Default 127.0.0.1. */
  readonly host?: string;
  /** Default 0: a free one. */
  readonly port?: number;
  /** serverAddress: what eUICCs see and activation codes carry. Default `host:port`. */
  readonly name?: string;
  readonly limits?: Partial<SmdpLimits>;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** Told of each request once it is answered. */
  readonly onStep?: (step: Step) => void;
}

export interface NewProfile {
  /** Default: a random one. Empty: the order is found by its EID, which must then be given. */
  readonly matchingId?: string;
  /** Unprotected profile package: SAIP profile elements, one after the other. */
  readonly upp: Uint8Array;
  readonly metadata: ProfileMetadata;
  /** The only EID that may download it; default: the first that does. */
  readonly eid?: Eid;
  readonly confirmationCode?: string;
  /** Milliseconds since 1970, from when on it is too late. */
  readonly expires?: number;
  /** What protects the profile elements: random keys (default) or the session's. */
  readonly protection?: 'ppk' | 'session';
  /** May be downloaded over and over, to any eUICC. */
  readonly reusable?: boolean;
}

/** A profile and how far its order got. */
export interface ProfileStatus {
  readonly matchingId: string;
  readonly iccid: Iccid;
  readonly state: OrderState;
  readonly eid?: Eid;
  /** Packages handed out. */
  readonly attempts: number;
  readonly wrongConfirmationCodes: number;
}

export interface Smdpp {
  /** Where it is reached and what it calls itself; `host:port` unless it was given a name. */
  readonly address: string;
  /** Where it listens. */
  readonly listening: { readonly address: string; readonly port: number };
  /** Dotted; for activation codes that carry it. */
  readonly oid: string;
  /** Takes a profile in, released for download, and returns its activation code. Throws on a bad order. */
  addProfile(profile: NewProfile): string;
  /** `1$address$matchingId`, with `$$1` behind it where a confirmation code is due. */
  activationCode(matchingId: string): string;
  profile(matchingId: string): ProfileStatus | undefined;
  /** What eUICCs reported, oldest first. */
  readonly notifications: readonly ReceivedNotification[];
  /** Sessions that are open. */
  readonly sessions: number;
  /** Makes a fault due; undefined takes all faults away. */
  fault(kind: FaultKind | undefined, options?: FaultOptions): void;
  close(): Promise<void>;
}

/** Starts an SM-DP+; it listens once the promise is kept. */
export async function startSmdpp(options: SmdppOptions): Promise<Smdpp> {
  const host = options.host ?? '127.0.0.1';
  const onStep = options.onStep ?? (() => {});
  const tls = tlsCredential(options.pki, options.name === undefined ? host : hostOf(options.name));
  // The address may hold the port, which is known once the server listens; no request is served before.
  const made: { smdp?: Smdp } = {};
  const smdpOf = (): Smdp => {
    if (made.smdp === undefined) throw new Error('not listening yet');
    return made.smdp;
  };
  const door = makeDoor(smdpOf, tls, onStep);
  await new Promise<void>((resolve, reject) => {
    door.server.once('error', reject);
    door.server.listen(options.port ?? 0, host, resolve);
  });
  const { address, port } = door.server.address() as AddressInfo;
  made.smdp = makeSmdp({
    ...options,
    address: options.name ?? addressText({ address: host, port }),
  });
  return new RunningSmdpp(made.smdp, { address, port }, () => door.close());
}

class RunningSmdpp implements Smdpp {
  readonly listening: { readonly address: string; readonly port: number };
  readonly close: () => Promise<void>;
  readonly #smdp: Smdp;

  constructor(smdp: Smdp, listening: Smdpp['listening'], close: () => Promise<void>) {
    this.#smdp = smdp;
    this.listening = listening;
    this.close = close;
  }

  get address(): string {
    return this.#smdp.address;
  }

  get oid(): string {
    return this.#smdp.oid;
  }

  get notifications(): readonly ReceivedNotification[] {
    return this.#smdp.notifications.all;
  }

  get sessions(): number {
    return this.#smdp.sessions.size;
  }

  addProfile(profile: NewProfile): string {
    const order = this.#orderOf(profile);
    this.#smdp.orders.add(order);
    return this.#activationCode(order);
  }

  activationCode(matchingId: string): string {
    const order = this.#smdp.orders.named(matchingId);
    if (order === undefined) throw new Error(`no order for matchingId "${matchingId}"`);
    return this.#activationCode(order);
  }

  profile(matchingId: string): ProfileStatus | undefined {
    const order = this.#smdp.orders.named(matchingId);
    if (order === undefined) return undefined;
    const { iccid, state, eid, attempts, wrongConfirmationCodes } = order;
    return { matchingId, iccid, state, ...(eid && { eid }), attempts, wrongConfirmationCodes };
  }

  fault(kind: FaultKind | undefined, options?: FaultOptions): void {
    if (kind === undefined) this.#smdp.faults.clear();
    else this.#smdp.faults.add(kind, options);
  }

  #activationCode({ matchingId, confirmationCodeHash }: ProfileOrder): string {
    const code = `1$${this.address}$${matchingId}`;
    return confirmationCodeHash === undefined ? code : `${code}$$1`;
  }

  #orderOf(profile: NewProfile): ProfileOrder {
    const matchingId = profile.matchingId ?? randomMatchingId(this.#smdp.random);
    if (!/^[A-Z0-9-]*$/.test(matchingId)) {
      throw new Error('a matchingId has capital letters, digits and hyphens');
    }
    if (matchingId === '' && profile.eid === undefined) {
      throw new Error('without a matchingId, an order needs its EID');
    }
    const { eid, expires, confirmationCode, metadata, upp } = profile;
    return {
      matchingId,
      iccid: metadata.iccid,
      upp,
      storeMetadata: storeMetadataRequest(metadata, this.address),
      protection: profile.protection ?? 'ppk',
      reusable: profile.reusable ?? false,
      ...(confirmationCode !== undefined && {
        confirmationCodeHash: hashOfConfirmationCode(confirmationCode),
      }),
      ...(expires !== undefined && { expires }),
      ...(eid && { eid }),
      state: { at: 'released' },
      attempts: 0,
      wrongConfirmationCodes: 0,
    };
  }
}

/** Four groups of four, from letters and digits that are not mistaken for each other. */
function randomMatchingId(random: Random): string {
  const alphabet = 'ABCDEFGHJKLMNPQRSTUVWXYZ23456789';
  const characters = Array.from(random(16), (octet) => alphabet[octet % alphabet.length]).join('');
  return characters.replace(/(.{4})(?=.)/g, '$1-');
}

/** `name` without its port. */
function hostOf(name: string): string {
  return /^\[(.*)\](:[0-9]+)?$/.exec(name)?.[1] ?? name.replace(/:[0-9]+$/, '');
}

/** The PKI's TLS certificate where it covers the host, else one issued for it. */
function tlsCredential(pki: SmdppOptions['pki'], host: string): LabCredential {
  const certificate = new X509Certificate(pki.dpTls.certificate);
  const covered = isIP(host) === 0 ? certificate.checkHost(host) : certificate.checkIP(host);
  return covered === undefined ? issueTls(pki, [host, ...loopbackHosts]) : pki.dpTls;
}

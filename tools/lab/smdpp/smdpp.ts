/**
 * The lab's SM-DP+ (SGP.22 v2): ES9+ and ES2+ over HTTPS with the JSON binding, real cryptography and every check.
 *
 *   ../server/door.ts   HTTPS in and out       binding.ts   JSON to the functions of ES9+
 *   ../server/authentication.ts → authenticate-client.ts → get-bound-profile-package.ts → handle-notification.ts,
 *   cancel-session.ts   es2plus.ts, progress.ts   the operator   order.ts, settle.ts   states   state.ts   what lasts
 *
 * The ASN.1 binding is not here.
 */
import type { Clock } from '../../../src/base/clock.ts';
import type { Log } from '../../../src/base/log.ts';
import type { Random } from '../../../src/base/random.ts';
import { type Eid, type Iccid, iccidDigits } from '../../../src/messages/ids.ts';
import { issueCrl } from '../pki/crl.ts';
import { issueTls, type LabPki } from '../pki/lab-pki.ts';
import { LabOid } from '../pki/profiles.ts';
import { serialNumberOf } from '../server/authentication.ts';
import { type DoorOptions, makeDoor, type Route, type Step } from '../server/door.ts';
import type { FaultKind, FaultOptions } from '../server/faults.ts';
import { type Listening, listen, serverAddress, tlsCredential } from '../server/listen.ts';
import { es9Routes } from './binding.ts';
import { es2Routes, isMatchingId, randomMatchingId, registerEvent } from './es2plus.ts';
import { ExpiryWatch } from './expiry-watch.ts';
import type { ReceivedNotification } from './notification-log.ts';
import { hashOfConfirmationCode, type OrderState, type ProfileOrder } from './order.ts';
import { type ProfileMetadata, storeMetadataRequest } from './profile-metadata.ts';
import { makeSmdp, type Smdp, type SmdpLimits, type SmdpPki } from './smdp.ts';
import { StateFolder } from './state.ts';

export interface SmdppOptions {
  readonly pki: Pick<LabPki, 'ci' | 'dpAuth' | 'dpPb' | 'dpTls'>;
  /** Further CIs, for eUICCs that know these and not that of `pki`: brainpool, a private root. TLS stays with `pki`. */
  readonly further?: readonly SmdpPki[];
  /** Default 127.0.0.1. */
  readonly host?: string;
  /** Default 0: a free one. */
  readonly port?: number;
  /** serverAddress: what eUICCs see and activation codes carry. Default `host:port`. */
  readonly name?: string;
  /** Where everything it remembers is kept; default: nowhere. */
  readonly stateFolder?: string;
  /** Whom to tell of progress (ES2+.HandleDownloadProgressInfo): host:port. Default: nobody. */
  readonly operator?: string;
  /** OIDs of clients that may use ES2+; default: the lab's operator. */
  readonly operators?: readonly string[];
  /** DER of the certificates on the CI's revocation list, which it serves and heeds. */
  readonly revoked?: readonly Uint8Array[];
  readonly limits?: Partial<SmdpLimits>;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** Told of each request once it is answered. */
  readonly onStep?: (step: Step) => void;
}

/** A profile for the inventory, which nobody ordered yet. */
export interface StockedProfile {
  /** Unprotected profile package: SAIP profile elements, one after the other. */
  readonly upp: Uint8Array;
  readonly metadata: ProfileMetadata;
  /** What operators order by. Default `lab`. */
  readonly profileType?: string;
  /** What protects the profile elements: random keys (default) or the session's. */
  readonly protection?: 'ppk' | 'session';
}

export interface NewProfile extends StockedProfile {
  /** Default: a random one. Empty: the order is found by its EID, which must then be given. */
  readonly matchingId?: string;
  /** The only EID that may download it; default: the first that does. */
  readonly eid?: Eid;
  readonly confirmationCode?: string;
  /** Milliseconds since 1970, from when on it is too late. */
  readonly expires?: number;
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
  readonly listening: Listening;
  /** Dotted; for activation codes that carry it. */
  readonly oid: string;
  /** Takes a profile in, released for download, and returns its activation code. Throws on a bad order. */
  addProfile(profile: NewProfile): string;
  /**
   * Registers the event of an order at an SM-DS (ES12); the order must have its EID and a matchingId. Throws Refusal
   * where the SM-DS is not there or refuses.
   */
  announce(matchingId: string, smdsAddress: string): Promise<void>;
  /** Takes a profile in that operators may order (ES2+). Throws where it has its ICCID already. */
  stock(profile: StockedProfile): void;
  /** `1$address$matchingId`, with `$$1` behind it where a confirmation code is due. */
  activationCode(matchingId: string): string;
  profile(matchingId: string): ProfileStatus | undefined;
  /** Of the profile with this ICCID, ordered or not. */
  stateOf(iccid: Iccid): OrderState | undefined;
  /** What eUICCs reported, oldest first. */
  readonly notifications: readonly ReceivedNotification[];
  /** Sessions that are open. */
  readonly sessions: number;
  /** Makes a fault due; undefined takes all faults away. */
  fault(kind: FaultKind | undefined, options?: FaultOptions): void;
  /** Kept once SM-DS and operator were told, or found not to answer. */
  told(): Promise<void>;
  close(): Promise<void>;
}

/** Starts an SM-DP+; it listens once the promise is kept. Throws StateFileError. */
export async function startSmdpp(options: SmdppOptions): Promise<Smdpp> {
  const { pki, further = [], host = '127.0.0.1', clock, log, onStep = () => {} } = options;
  const tls = tlsCredential(pki.dpTls, options.name, host, (names) => issueTls(pki, names));
  // The address may hold the port, which is known once the server listens; no request is served before.
  const made: { smdp?: Smdp; watch?: ExpiryWatch } = {};
  const smdpOf = (): Smdp => {
    if (made.smdp === undefined) throw new Error('not listening yet');
    return made.smdp;
  };
  const folder =
    options.stateFolder === undefined ? undefined : new StateFolder(options.stateFolder);
  const keep = () => folder?.save(smdpOf());
  const save = () => {
    keep();
    made.watch?.look();
  };
  const routes = new Map<string, Route>([
    ...es9Routes(smdpOf),
    ...es2Routes(smdpOf, options.operators ?? [LabOid.operator]),
  ]);
  const documents = revocationLists(options);
  const doorOptions = (): DoorOptions => {
    const { faults, limits } = smdpOf();
    return { routes, documents, faults, bodyLimit: limits.body, clock, log, save, onStep };
  };
  const clientCis = [pki, ...further].map(({ ci }) => ci.certificate);
  const door = makeDoor(tls, clientCis, doorOptions);
  const listening = await listen(door, host, options.port ?? 0);
  const { revoked = [], ...rest } = options;
  made.smdp = makeSmdp({
    ...rest,
    address: serverAddress(options.name, host, listening.port),
    revoked: new Set(revoked.map(serialNumberOf)),
    save: keep,
  });
  try {
    folder?.restore(made.smdp);
  } catch (error) {
    await door.close();
    throw error;
  }
  const watch = new ExpiryWatch(made.smdp, keep);
  made.watch = watch;
  watch.look();
  return new RunningSmdpp(made.smdp, listening, save, () => {
    watch.stop();
    return door.close();
  });
}

/** The paths that SGP.26's certificates point to; one list under both. */
const crlPaths = ['/CRL-A.crl', '/CRL-B.crl'] as const;
const day = 24 * 60 * 60 * 1000;

function revocationLists({ pki, revoked = [], clock }: SmdppOptions) {
  const make = () =>
    issueCrl(pki.ci, {
      revoked,
      thisUpdate: new Date(clock.now()),
      nextUpdate: new Date(clock.now() + day),
    });
  return new Map(crlPaths.map((path) => [path, make]));
}

class RunningSmdpp implements Smdpp {
  readonly listening: Listening;
  readonly #smdp: Smdp;
  readonly #save: () => void;
  readonly #closeDoor: () => Promise<void>;

  constructor(smdp: Smdp, listening: Listening, save: () => void, close: () => Promise<void>) {
    this.#smdp = smdp;
    this.listening = listening;
    this.#save = save;
    this.#closeDoor = close;
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
    this.#save();
    return this.#activationCode(order);
  }

  async announce(matchingId: string, smdsAddress: string): Promise<void> {
    const order = this.#smdp.orders.named(matchingId);
    if (order?.eid === undefined || matchingId === '') {
      throw new Error('an event needs an order with a matchingId and an EID');
    }
    await registerEvent(this.#smdp, smdsAddress, order.eid, matchingId);
    order.smdsAddress = smdsAddress;
    this.#save();
  }

  stock(profile: StockedProfile): void {
    const { iccid } = profile.metadata;
    if (this.#smdp.orders.withIccid(iccid) !== undefined) {
      throw new Error(`there is a profile with ICCID ${iccidDigits(iccid)} already`);
    }
    this.#smdp.orders.add({ ...this.#profileOf(profile), state: { at: 'available' } });
    this.#save();
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

  stateOf(iccid: Iccid): OrderState | undefined {
    return this.#smdp.orders.withIccid(iccid)?.state;
  }

  fault(kind: FaultKind | undefined, options?: FaultOptions): void {
    if (kind === undefined) this.#smdp.faults.clear();
    else this.#smdp.faults.add(kind, options);
  }

  told(): Promise<void> {
    return this.#smdp.errands.idle();
  }

  async close(): Promise<void> {
    await this.#closeDoor();
    await this.#smdp.errands.close();
  }

  #activationCode({ matchingId = '', confirmationCodeHash }: ProfileOrder): string {
    const code = `1$${this.address}$${matchingId}`;
    return confirmationCodeHash === undefined ? code : `${code}$$1`;
  }

  #orderOf(profile: NewProfile): ProfileOrder {
    const matchingId = profile.matchingId ?? randomMatchingId(this.#smdp);
    if (!isMatchingId(matchingId)) {
      throw new Error('a matchingId has capital letters, digits and hyphens');
    }
    if (matchingId === '' && profile.eid === undefined) {
      throw new Error('without a matchingId, an order needs its EID');
    }
    const { eid, expires, confirmationCode } = profile;
    return {
      ...this.#profileOf(profile),
      reusable: profile.reusable ?? false,
      matchingId,
      ...(confirmationCode !== undefined && {
        confirmationCodeHash: hashOfConfirmationCode(confirmationCode),
      }),
      ...(expires !== undefined && { expires }),
      ...(eid && { eid }),
      state: { at: 'released' },
    };
  }

  #profileOf({ upp, metadata, profileType, protection }: StockedProfile) {
    return {
      iccid: metadata.iccid,
      profileType: profileType ?? 'lab',
      upp,
      storeMetadata: storeMetadataRequest(metadata, this.address),
      protection: protection ?? 'ppk',
      reusable: false,
      attempts: 0,
      wrongConfirmationCodes: 0,
    };
  }
}

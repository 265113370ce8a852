/**
 * What an SM-DP+ remembers, in a folder: `state.json`, replaced whole before each answer that changed it, and
 * `profiles/`, the unprotected packages, each written once. One-time keys are in it: it is for its owner's eyes alone.
 */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { equal, toHex } from '../../../src/base/bytes.ts';
import { readState, StateFileError, writeState } from '../server/state-file.ts';
import { eid, iccid, octets, publicKey, publicKeyState, readAs } from '../server/state-shapes.ts';
import type { ProfileOrder } from './order.ts';
import type { Session } from './session.ts';
import type { Smdp } from './smdp.ts';

const curve = z.enum(['prime256v1', 'brainpoolP256r1']);

const failure = z.union([
  z.object({ cause: z.enum(['expired', 'attempts', 'confirmationCode']) }),
  z.object({ cause: z.literal('cancelled'), reason: z.number() }),
  z.object({ cause: z.literal('installation'), bppCommandId: z.number(), errorReason: z.number() }),
]);

const orderState = z.discriminatedUnion('at', [
  z.object({
    at: z.enum([
      'available',
      'allocated',
      'linked',
      'confirmed',
      'released',
      'downloaded',
      'installed',
      'unavailable',
    ]),
  }),
  z.object({ at: z.literal('error'), failure }),
]);

const binding = z.object({
  eid,
  euiccOtpk: octets,
  smdpOtKey: z.object({ privateKey: octets, publicKey: octets, curve }),
  hostId: octets,
  ppk: z.exactOptional(z.object({ initialMacChainingValue: octets, sEnc: octets, sMac: octets })),
});

const order = z.object({
  iccid,
  profileType: z.string(),
  /** Name of the file in `profiles`. */
  package: z.string().regex(/^[0-9a-f]{64}$/),
  storeMetadata: octets,
  protection: z.enum(['ppk', 'session']),
  reusable: z.boolean(),
  matchingId: z.exactOptional(z.string()),
  confirmationCodeHash: z.exactOptional(octets),
  expires: z.exactOptional(z.number()),
  eid: z.exactOptional(eid),
  smdsAddress: z.exactOptional(z.string()),
  state: orderState,
  attempts: z.number(),
  wrongConfirmationCodes: z.number(),
  binding: z.exactOptional(binding),
});

const session = z.object({
  ciKeyId: octets,
  transactionId: octets,
  serverChallenge: octets,
  bound: z.boolean(),
  authenticated: z.exactOptional(
    z.object({
      request: octets,
      answer: z.object({
        transactionId: octets,
        profileMetadata: octets,
        smdpSigned2: octets,
        smdpSignature2: octets,
        smdpCertificate: octets,
      }),
      eid,
      euiccKey: publicKey,
      /** Index of the order. */
      order: z.number(),
    }),
  ),
});

const notification = z.object({
  kind: z.enum(['installation', 'install', 'enable', 'disable', 'delete', 'unreadable']),
  received: z.number(),
  times: z.number(),
  raw: octets,
  verified: z.boolean(),
  complaint: z.exactOptional(z.string()),
  eid: z.exactOptional(eid),
  seqNumber: z.exactOptional(z.number()),
  iccid: z.exactOptional(iccid),
  notificationAddress: z.exactOptional(z.string()),
  outcome: z.exactOptional(
    z.union([
      z.object({ type: z.literal('installed'), aid: octets }),
      z.object({
        type: z.literal('failed'),
        bppCommandId: z.number(),
        errorReason: z.number(),
        simaResponse: z.exactOptional(octets),
      }),
    ]),
  ),
});

const errand = z.object({
  address: z.string(),
  path: z.string(),
  body: z.record(z.string(), z.unknown()),
  role: z.exactOptional(z.string()),
});

const smdpState = z.object({
  version: z.literal(1),
  orders: z.array(order),
  sessions: z.array(session),
  downloads: z.array(
    z.object({ transactionId: octets, eid, euiccKey: publicKey, order: z.number() }),
  ),
  notifications: z.array(notification),
  errands: z.array(errand),
});

export class StateFolder {
  readonly #folder: string;
  readonly #file: string;

  constructor(folder: string) {
    this.#folder = folder;
    this.#file = join(folder, 'state.json');
    mkdirSync(join(folder, 'profiles'), { recursive: true, mode: 0o700 });
  }

  /** Gives a fresh SM-DP+ what the folder holds. Throws StateFileError. */
  restore(smdp: Smdp): void {
    const kept = readState(this.#file);
    if (kept === undefined) return;
    const state = readAs(smdpState, kept, this.#file);
    const orders = state.orders.map(
      ({ package: name, ...rest }): ProfileOrder => ({ ...rest, upp: this.#readPackage(name) }),
    );
    for (const one of orders) smdp.orders.restore(one);
    const orderAt = (index: number): ProfileOrder => {
      const found = orders[index];
      if (found === undefined) throw new StateFileError(`${this.#file} names an order it lacks`);
      return found;
    };
    for (const { ciKeyId, authenticated, ...rest } of state.sessions) {
      const identity = smdp.identities.find((one) => equal(one.ciKeyId, ciKeyId));
      // A session under a CI that this SM-DP+ has no longer is over.
      if (identity === undefined) continue;
      const restored: Session = {
        ...rest,
        identity,
        ...(authenticated && {
          authenticated: { ...authenticated, order: orderAt(authenticated.order) },
        }),
      };
      smdp.sessions.set(toHex(rest.transactionId), restored);
    }
    for (const one of state.downloads) {
      smdp.downloads.set(toHex(one.transactionId), { ...one, order: orderAt(one.order) });
    }
    for (const one of state.notifications) smdp.notifications.restore(one);
    smdp.errands.add(...state.errands);
  }

  /** Writes what the SM-DP+ remembers now. */
  save(smdp: Smdp): void {
    const { all } = smdp.orders;
    writeState(this.#file, {
      version: 1,
      orders: all.map(({ upp, ...rest }) => ({ ...rest, package: this.#writePackage(upp) })),
      sessions: [...smdp.sessions.values()].map(({ identity, authenticated, ...rest }) => ({
        ...rest,
        ciKeyId: identity.ciKeyId,
        ...(authenticated && {
          authenticated: {
            ...authenticated,
            euiccKey: publicKeyState(authenticated.euiccKey),
            order: all.indexOf(authenticated.order),
          },
        }),
      })),
      downloads: [...smdp.downloads.values()].map((one) => ({
        ...one,
        euiccKey: publicKeyState(one.euiccKey),
        order: all.indexOf(one.order),
      })),
      notifications: smdp.notifications.all,
      errands: smdp.errands.due,
    });
  }

  #readPackage(name: string): Uint8Array {
    try {
      return new Uint8Array(readFileSync(this.#packagePath(name)));
    } catch (cause) {
      throw new StateFileError(`${this.#packagePath(name)} is missing`, { cause });
    }
  }

  /** The name is the content's hash: equal packages are one file. */
  #writePackage(upp: Uint8Array): string {
    const name = createHash('sha256').update(upp).digest('hex');
    const path = this.#packagePath(name);
    if (!existsSync(path)) writeFileSync(path, upp, { mode: 0o600 });
    return name;
  }

  #packagePath(name: string): string {
    return join(this.#folder, 'profiles', `${name}.der`);
  }
}

/** ES9+.GetBoundProfilePackage (SGP.22 5.6.2): the profile, bound to the eUICC's one-time key. */
import { createPublicKey } from 'node:crypto';
import { concat, equal, toHex } from '../../../src/base/bytes.ts';
import { eidOctets, type Iccid, iccidOctets } from '../../../src/messages/ids.ts';
import {
  DpProprietaryData,
  type PrepareDownloadResponse,
  StoreMetadataRequest,
} from '../../../src/messages/rsp.ts';
import { context } from '../../../src/messages/schema.ts';
import { tlv } from '../../../src/messages/tlv.ts';
import { pointOf } from '../../../src/trust/ec-key.ts';
import { signEcdsa, verifyEcdsa } from '../../../src/trust/ecdsa.ts';
import {
  type BoundProfilePackageInput,
  makeBoundProfilePackage,
  makePpk,
  readBoundProfilePackage,
} from '../bsp/bound-profile-package.ts';
import { KeyAgreementError, makeOneTimeKey } from '../bsp/session-keys.ts';
import { checkTransaction } from '../server/authentication.ts';
import type { Call } from '../server/door.ts';
import { flipped } from '../server/faults.ts';
import { Refusal } from '../server/refusal.ts';
import { checkDownloadable } from './authenticate-client.ts';
import { type Binding, confirmationFits, type ProfileOrder } from './order.ts';
import { reporting } from './progress.ts';
import type { Authenticated, Session } from './session.ts';
import { settle, settleExpiry } from './settle.ts';
import { findSession, type Smdp, within } from './smdp.ts';

const at = 'getBoundProfilePackage';

export interface GetBoundProfilePackage {
  readonly transactionId: Uint8Array;
  readonly prepareDownloadResponse: PrepareDownloadResponse;
}

export interface GetBoundProfilePackageAnswer {
  readonly transactionId: Uint8Array;
  /** `BF36…` */
  readonly boundProfilePackage: Uint8Array;
}

/** Throws Refusal; the session is then over. */
export function getBoundProfilePackage(
  smdp: Smdp,
  { transactionId, prepareDownloadResponse: response }: GetBoundProfilePackage,
  call: Call,
): GetBoundProfilePackageAnswer {
  const session = findSession(smdp, transactionId);
  if (session.authenticated !== undefined) call.eid = session.authenticated.eid;
  return within(smdp, session, () => {
    const { authenticated } = session;
    if (authenticated === undefined) throw new Refusal('transactionUnknown', 'not authenticated');
    if (response.type === 'compactDownloadResponseOk') {
      throw new Refusal('malformed', 'a compact response is for the eIM');
    }
    if (response.type === 'downloadResponseError') {
      checkTransaction(transactionId, response.value.transactionId);
      throw new Refusal('euiccFailed', `code ${response.value.downloadErrorCode}`);
    }
    const { euiccSigned2, euiccSignature2 } = response.value;
    checkTransaction(transactionId, euiccSigned2.value.transactionId);
    const signed = concat(euiccSigned2.raw, tlv(0x5f37, authenticated.answer.smdpSignature2));
    if (!verifyEcdsa(authenticated.euiccKey, signed, euiccSignature2)) {
      throw new Refusal('euiccSignatureInvalid');
    }
    const { order, eid, euiccKey } = authenticated;
    reporting(smdp, order, 'confirmation', eid, () =>
      checkConfirmation(smdp, order, euiccSigned2.value.hashCc, transactionId),
    );
    const { binding, boundProfilePackage } = reporting(smdp, order, 'download', eid, () => {
      checkOrder(smdp, order, authenticated);
      const binding = bindingFor(smdp, session, authenticated, euiccSigned2.value.euiccOtpk);
      return { binding, boundProfilePackage: bind(smdp, session, order, binding) };
    });
    order.binding = binding;
    if (!order.reusable) order.eid = eid;
    if (!session.bound) order.attempts++;
    session.bound = true;
    settle(smdp, order, { type: 'bound' });
    smdp.downloads.set(toHex(transactionId), {
      transactionId: session.transactionId,
      eid,
      euiccKey,
      order,
    });
    return { transactionId, boundProfilePackage };
  });
}

/** Throws Refusal. */
function checkConfirmation(
  smdp: Smdp,
  order: ProfileOrder,
  hashCc: Uint8Array | undefined,
  transactionId: Uint8Array,
): void {
  const codeHash = order.confirmationCodeHash;
  if (codeHash === undefined) return;
  if (order.state.at === 'error' && order.state.failure.cause === 'confirmationCode') {
    throw new Refusal('confirmationCodeUsedUp');
  }
  if (hashCc === undefined) throw new Refusal('confirmationCodeMissing');
  if (confirmationFits(codeHash, transactionId, hashCc)) return;
  if (++order.wrongConfirmationCodes < smdp.limits.confirmationCodes) {
    throw new Refusal('confirmationCodeRefused');
  }
  settle(smdp, order, { type: 'failed', failure: { cause: 'confirmationCode' } });
  throw new Refusal('confirmationCodeUsedUp');
}

/** What may have changed since authenticateClient. Throws Refusal. */
function checkOrder(smdp: Smdp, order: ProfileOrder, { eid }: Authenticated): void {
  if (smdp.faults.take(at, 'expire')) order.expires = smdp.clock.now();
  settleExpiry(smdp, order);
  checkDownloadable(order);
  // Another eUICC may have been quicker.
  if (order.eid !== undefined && order.eid !== eid) throw new Refusal('eidMismatch');
}

/** The same one-time keys for the same otPK.EUICC (SGP.22 3.1.3.3), fresh ones for another. */
function bindingFor(
  smdp: Smdp,
  { identity }: Session,
  { order, eid }: Authenticated,
  euiccOtpk: Uint8Array,
): Binding {
  const earlier = order.binding;
  if (earlier?.eid === eid && equal(earlier.euiccOtpk, euiccOtpk)) return earlier;
  if (earlier !== undefined && smdp.faults.take(at, 'no-rebinding')) {
    throw new Refusal('boundAlready');
  }
  return {
    eid,
    euiccOtpk: euiccOtpk.slice(),
    smdpOtKey: makeOneTimeKey(smdp.random, pointOf(createPublicKey(identity.dpPb.key)).curve),
    hostId: smdp.random(16),
    ...(order.protection === 'ppk' && { ppk: makePpk(smdp.random) }),
  };
}

function bind(
  smdp: Smdp,
  { identity, transactionId }: Session,
  order: ProfileOrder,
  binding: Binding,
): Uint8Array {
  const { faults } = smdp;
  const input: BoundProfilePackageInput = {
    transactionId: faults.take(at, 'wrong-transaction') ? smdp.random(16) : transactionId,
    hostId: binding.hostId,
    eid: eidOctets(binding.eid),
    smdpOtKey: binding.smdpOtKey,
    euiccOtpk: binding.euiccOtpk,
    sign(data) {
      const signer = faults.take(at, 'wrong-certificate') ? identity.auth : identity.dpPb;
      const signature = signEcdsa(signer.key, data);
      return faults.take(at, 'wrong-signature') ? flipped(signature) : signature;
    },
    configureIsdp: tlv(0xbf24, context(24, DpProprietaryData).encode({ dpOid: smdp.oid })),
    storeMetadata: faults.take(at, 'wrong-iccid')
      ? withOtherIccid(order.storeMetadata, order.iccid)
      : order.storeMetadata,
    upp: order.upp,
    ...(binding.ppk && { ppk: binding.ppk }),
    ...(faults.take(at, 'long-segments') && { segmentLength: 1024 }),
  };
  try {
    return spoilt(smdp, makeBoundProfilePackage(input));
  } catch (error) {
    if (!(error instanceof KeyAgreementError)) throw error;
    throw new Refusal('malformed', error.message, { cause: error });
  }
}

function withOtherIccid(storeMetadata: Uint8Array, iccid: Iccid): Uint8Array {
  const other = flipped(iccidOctets(iccid), 9);
  return StoreMetadataRequest.encode({
    ...StoreMetadataRequest.decode(storeMetadata),
    iccid: other,
  });
}

/** The package, spoilt on command. */
function spoilt(smdp: Smdp, boundProfilePackage: Uint8Array): Uint8Array {
  const corrupt = smdp.faults.take(at, 'corrupt-bpp');
  const truncate = smdp.faults.take(at, 'truncated-bpp') !== undefined;
  if (corrupt === undefined && !truncate) return boundProfilePackage;
  const parts = readBoundProfilePackage(boundProfilePackage);
  const lists = {
    87: parts.firstSequenceOf87,
    88: parts.sequenceOf88,
    86: parts.sequenceOf86,
  };
  // The last octet of a segment belongs to its MAC.
  const spoil = (tag: 87 | 88 | 86) =>
    lists[tag].map((one, i) =>
      corrupt && (corrupt.segment ?? 86) === tag && !i ? flipped(one) : one,
    );
  const elements = spoil(86);
  return tlv(
    0xbf36,
    parts.initialiseSecureChannel,
    tlv(0xa0, ...spoil(87)),
    tlv(0xa1, ...spoil(88)),
    ...(parts.secondSequenceOf87.length > 0 ? [tlv(0xa2, ...parts.secondSequenceOf87)] : []),
    tlv(0xa3, ...(truncate ? elements.slice(0, -1) : elements)),
  );
}

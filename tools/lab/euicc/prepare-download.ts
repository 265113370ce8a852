/** ES10b.PrepareDownload and ES10b.CancelSession (SGP.22 5.7.5, 5.7.14). */
import { concat, equal } from '../../../src/base/bytes.ts';
import {
  CancelSessionReason,
  CancelSessionRequest,
  CancelSessionResponse,
  CancelSessionResponseError,
  DownloadErrorCode,
  EuiccCancelSessionSigned,
  EuiccSigned2,
  PrepareDownloadRequest,
  PrepareDownloadResponse,
} from '../../../src/messages/rsp.ts';
import { signedOf } from '../../../src/messages/schema.ts';
import { role } from '../../../src/trust/certificate.ts';
import { ChainError } from '../../../src/trust/chain-error.ts';
import { pointOf } from '../../../src/trust/ec-key.ts';
import { verifyEcdsa } from '../../../src/trust/ecdsa.ts';
import { makeOneTimeKey } from '../bsp/session-keys.ts';
import { type Chip, signatureTlv } from './chip.ts';
import { readServerCertificate, type Server, supportsCurve } from './server-certificate.ts';
import type { Authenticated } from './session.ts';
import { keepKey, keptKey } from './unused-key.ts';

/** After these the profile may still be had, and the package that was bound to the key. */
const comesAgain: readonly number[] = [CancelSessionReason.postponed, CancelSessionReason.timeout];

/** Agrees to the download and hands out the one-time key. A refusal ends the session. */
export function prepareDownload(chip: Chip, command: Uint8Array): Uint8Array {
  const request = PrepareDownloadRequest.decode(command);
  const before = chip.endSession();
  const session = before?.at === 'authenticated' ? before : undefined;
  const server = agree(chip, request, session);
  if (typeof server === 'number' || session === undefined) {
    const downloadErrorCode = typeof server === 'number' ? server : 127;
    const { transactionId } = session ?? request.smdpSigned2.value;
    return PrepareDownloadResponse.encode({
      type: 'downloadResponseError',
      value: { transactionId, downloadErrorCode },
    });
  }
  const { curve } = pointOf(server.publicKey);
  const { bppEuiccOtpk } = request.smdpSigned2.value;
  const otKey =
    keptKey(chip, { smdpOid: session.smdpOid, bppEuiccOtpk, curve }) ??
    makeOneTimeKey(chip.options.random, curve);
  keepKey(chip, session.smdpOid, otKey);
  const euiccSigned2 = signedOf(EuiccSigned2, {
    transactionId: session.transactionId,
    euiccOtpk: otKey.publicKey,
    hashCc: request.hashCc,
  });
  const euiccSignature2 = chip.sign(concat(euiccSigned2.raw, signatureTlv(request.smdpSignature2)));
  chip.session = { ...session, at: 'prepared', otKey, profileBindingKey: server.publicKey };
  return PrepareDownloadResponse.encode({
    type: 'downloadResponseOk',
    value: { euiccSigned2, euiccSignature2 },
  });
}

/** The checks in order; a number is the DownloadErrorCode of the first that fails. */
function agree(
  chip: Chip,
  request: PrepareDownloadRequest,
  session: Authenticated | undefined,
): Server | number {
  if (chip.faults.prepareDownload !== undefined) return chip.faults.prepareDownload;
  if (session === undefined) return DownloadErrorCode.noSessionContext;
  let server: Server;
  try {
    server = readServerCertificate(chip, request.smdpCertificate);
  } catch (error) {
    if (!(error instanceof ChainError)) throw error;
    if (error.code === 'algorithm') return DownloadErrorCode.unsupportedCurve;
    return DownloadErrorCode.invalidCertificate;
  }
  const sameOwner = server.oid === session.smdpOid && equal(server.ciKeyId, session.ciKeyId);
  if (!server.roles.includes(role.dpPb) || !sameOwner) return DownloadErrorCode.invalidCertificate;
  const { smdpSigned2, smdpSignature2 } = request;
  const signed = concat(smdpSigned2.raw, signatureTlv(session.euiccSignature1));
  if (!verifyEcdsa(server.publicKey, signed, smdpSignature2)) {
    return DownloadErrorCode.invalidSignature;
  }
  if (!supportsCurve(server)) return DownloadErrorCode.unsupportedCurve;
  if (!equal(smdpSigned2.value.transactionId, session.transactionId)) {
    return DownloadErrorCode.invalidTransactionId;
  }
  if (smdpSigned2.value.ccRequiredFlag && request.hashCc === undefined) {
    return DownloadErrorCode.undefinedError;
  }
  return server;
}

/** Signs that the session was given up, and forgets it. */
export function cancelSession(chip: Chip, command: Uint8Array): Uint8Array {
  const request = CancelSessionRequest.decode(command);
  const session = chip.session;
  const error = (value: number) =>
    CancelSessionResponse.encode({ type: 'cancelSessionResponseError', value });
  if (chip.faults.cancelSession !== undefined) return error(chip.faults.cancelSession);
  if (
    session === undefined ||
    session.at === 'challenged' ||
    !equal(session.transactionId, request.transactionId)
  ) {
    return error(CancelSessionResponseError.invalidTransactionId);
  }
  chip.endSession();
  if (!comesAgain.includes(request.reason)) delete chip.state.unusedKey;
  const euiccCancelSessionSigned = signedOf(EuiccCancelSessionSigned, {
    transactionId: session.transactionId,
    smdpOid: session.smdpOid,
    reason: request.reason,
  });
  const euiccCancelSessionSignature = chip.sign(euiccCancelSessionSigned.raw);
  return CancelSessionResponse.encode({
    type: 'cancelSessionResponseOk',
    value: { euiccCancelSessionSigned, euiccCancelSessionSignature },
  });
}

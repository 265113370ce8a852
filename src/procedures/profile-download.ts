/**
 * Indirect profile download (SGP.32 3.2.2): four ESipa functions relayed to the SM-DP+ over ES9+. Everything signed
 * passes byte for byte. A session is found by its transactionId; the first message of it by the eimTransactionId of the
 * trigger that the device was given.
 *
 * ```
 *   IPA                            eIM                             SM-DP+
 *    │ InitiateAuthentication ────▶ │ initiateAuthentication ───────▶ │
 *    │ AuthenticateClient ────────▶ │ authenticateClient ───────────▶ │   the eUICC's chain: its key is learned
 *    │ GetBoundProfilePackage ────▶ │ getBoundProfilePackage ───────▶ │
 *    │ HandleNotification ────────▶ │ handleNotification ───────────▶ │   notifications.ts; ends the order
 * ```
 */
import { toHex } from '../base/bytes.ts';
import { Es9Error, Es9TransportError } from '../es9/errors.ts';
import { parseActivationCode } from '../messages/activation-code.ts';
import {
  AuthenticateClientErrorEsipa,
  type AuthenticateClientRequestEsipa,
  AuthenticateClientResponseEsipa,
  CancelSessionErrorEsipa,
  type CancelSessionRequestEsipa,
  CancelSessionResponseEsipa,
  GetBoundProfilePackageErrorEsipa,
  type GetBoundProfilePackageRequestEsipa,
  GetBoundProfilePackageResponseEsipa,
  InitiateAuthenticationErrorEsipa,
  type InitiateAuthenticationRequestEsipa,
  InitiateAuthenticationResponseEsipa,
} from '../messages/profile-download.ts';
import {
  AuthenticateServerResponse,
  CancelSessionResponse,
  PrepareDownloadResponse,
  ServerSigned1,
  SmdpSigned2,
  StoreMetadataRequest,
} from '../messages/rsp.ts';
import { signedFrom } from '../messages/schema.ts';
import { DerError } from '../messages/tlv.ts';
import type { Order } from '../orders/order.ts';
import { type ProcedureError, procedureError } from '../orders/outcome.ts';
import type { Change } from '../store/store.ts';
import { registeredIdOf } from '../trust/certificate.ts';
import { ChainError } from '../trust/chain-error.ts';
import { type Caller, callerText, type Eim, maySpeakFor } from './eim.ts';
import { endOrder } from './end-order.ts';
import { type Es9Function, es9Reason, esipaCode } from './es9-errors.ts';
import { learnt } from './learn-euicc.ts';
import { keepTransaction, type Transaction, transactionOf } from './transactions.ts';

/** Returns the InitiateAuthenticationResponseEsipa, `BF39…` (SGP.32 6.3.2.1). */
export async function initiateAuthentication(
  eim: Eim,
  caller: Caller,
  request: InitiateAuthenticationRequestEsipa,
): Promise<Uint8Array> {
  const refuse = (code: number) =>
    InitiateAuthenticationResponseEsipa.encode({
      type: 'initiateAuthenticationErrorEsipa',
      value: code,
    });
  const order = await downloadOf(eim, caller, request.eimTransactionId);
  if (order === undefined) {
    eim.log.warn('download that no trigger began', { by: callerText(caller) });
    return refuse(InitiateAuthenticationErrorEsipa.invalidEimTransactionId);
  }
  const { eid } = order;
  const code = parseActivationCode(order.request.download.activationCode);
  const address = code.smdpAddress;
  // The eIM asks no other server than the operator's activation code names.
  if (request.smdpAddress !== undefined && !sameAddress(request.smdpAddress, address)) {
    await eim.orders.note(order.id, 'other SM-DP+ asked for', request.smdpAddress.slice(0, 255));
    return refuse(InitiateAuthenticationErrorEsipa.invalidDpAddress);
  }
  const euiccInfo1 = request.euiccInfo1 ?? (await eim.euiccs.get(eid))?.euiccInfo1;
  if (euiccInfo1 === undefined) {
    await eim.orders.note(order.id, 'euiccInfo1 missing', 'neither sent by the IPA nor known here');
    return refuse(InitiateAuthenticationErrorEsipa.undefinedError);
  }
  try {
    const answer = await eim.es9.initiateAuthentication(address, {
      euiccChallenge: request.euiccChallenge,
      euiccInfo1,
    });
    const serverSigned1 = signedFrom(ServerSigned1, answer.serverSigned1);
    if (request.smdpAddress === undefined) {
      // An IPA that leaves the address out leaves these two checks to the eIM (SGP.32 5.14.1).
      if (!sameAddress(serverSigned1.value.serverAddress, address)) {
        await fail(
          eim,
          order.id,
          'initiateAuthentication',
          `SM-DP+ ${address} signs as ${serverSigned1.value.serverAddress}`,
        );
        return refuse(InitiateAuthenticationErrorEsipa.smdpAddressMismatch);
      }
      if (code.smdpOid !== undefined && registeredIdOf(answer.serverCertificate) !== code.smdpOid) {
        await fail(
          eim,
          order.id,
          'initiateAuthentication',
          `SM-DP+ ${address} has another OID than the activation code says`,
        );
        return refuse(InitiateAuthenticationErrorEsipa.smdpOidMismatch);
      }
    }
    const response = InitiateAuthenticationResponseEsipa.encode({
      type: 'initiateAuthenticationOkEsipa',
      value: {
        transactionId: answer.transactionId,
        serverSigned1,
        serverSignature1: answer.serverSignature1,
        euiccCiPKIdentifierToBeUsed: answer.euiccCiPKIdToBeUsed,
        serverCertificate: answer.serverCertificate,
        ...(code.matchingId === '' ? {} : { matchingId: code.matchingId }),
      },
    });
    const { transactionId } = answer;
    const started = eim.clock.now();
    await eim.store.commit([
      ...keepTransaction({ transactionId, orderId: order.id, eid, smdpAddress: address, started }),
      ...(request.euiccInfo1 === undefined ? [] : eim.euiccs.change(eid, { euiccInfo1 })),
    ]);
    await eim.orders.note(order.id, 'authentication begun', `with SM-DP+ ${address}`);
    return response;
  } catch (error) {
    return refuse(await failed(eim, order.id, 'initiateAuthentication', address, error));
  }
}

/** Returns the AuthenticateClientResponseEsipa, `BF3B…` (SGP.32 6.3.2.2). */
export async function authenticateClient(
  eim: Eim,
  caller: Caller,
  request: AuthenticateClientRequestEsipa,
): Promise<Uint8Array> {
  const refuse = (code: number) =>
    AuthenticateClientResponseEsipa.encode({ type: 'authenticateClientErrorEsipa', value: code });
  const { transactionId, authenticateServerResponse } = request;
  const transaction = await sessionOf(eim, caller, transactionId);
  if (transaction === undefined) return refuse(AuthenticateClientErrorEsipa.invalidTransactionId);
  const { orderId, eid, smdpAddress } = transaction;
  let learned: readonly Change[] = [];
  switch (authenticateServerResponse.type) {
    case 'compactAuthenticateResponseOk':
      await fail(
        eim,
        orderId,
        'authenticateClient',
        'the IPA sends compact answers, which are not built yet',
      );
      return refuse(AuthenticateClientErrorEsipa.undefinedError);
    case 'authenticateResponseError':
      await eim.orders.note(
        orderId,
        'the eUICC refused the SM-DP+',
        `authenticateErrorCode ${authenticateServerResponse.value.authenticateErrorCode}`,
      );
      break;
    case 'authenticateResponseOk':
      try {
        learned = learnt(eim, eid, authenticateServerResponse.value);
      } catch (error) {
        if (!(error instanceof ChainError)) throw error;
        await fail(
          eim,
          orderId,
          'authenticateClient',
          `the eUICC's certificates: ${error.message}`,
        );
        return refuse(chainCode(error));
      }
      break;
  }
  try {
    const answer = await eim.es9.authenticateClient(smdpAddress, {
      transactionId,
      authenticateServerResponse: AuthenticateServerResponse.encode(authenticateServerResponse),
    });
    const { profileMetadata } = answer;
    const response = AuthenticateClientResponseEsipa.encode({
      type: 'authenticateClientOkDPEsipa',
      value: {
        transactionId,
        ...(profileMetadata === undefined ? {} : { profileMetaData: profileMetadata }),
        smdpSigned2: signedFrom(SmdpSigned2, answer.smdpSigned2),
        smdpSignature2: answer.smdpSignature2,
        smdpCertificate: answer.smdpCertificate,
      },
    });
    const iccid =
      profileMetadata === undefined
        ? undefined
        : toHex(StoreMetadataRequest.decode(profileMetadata).iccid);
    await eim.store.commit([
      ...learned,
      ...keepTransaction({ ...transaction, ...(iccid === undefined ? {} : { iccid }) }),
    ]);
    await eim.orders.note(
      orderId,
      'authenticated',
      `SM-DP+ ${smdpAddress} offers ICCID ${iccid ?? 'unknown'}`,
    );
    return response;
  } catch (error) {
    return refuse(await failed(eim, orderId, 'authenticateClient', smdpAddress, error));
  }
}

/** Returns the GetBoundProfilePackageResponseEsipa, `BF3A…` (SGP.32 6.3.2.3). */
export async function getBoundProfilePackage(
  eim: Eim,
  caller: Caller,
  request: GetBoundProfilePackageRequestEsipa,
): Promise<Uint8Array> {
  const refuse = (code: number) =>
    GetBoundProfilePackageResponseEsipa.encode({
      type: 'getBoundProfilePackageErrorEsipa',
      value: code,
    });
  const { transactionId, prepareDownloadResponse } = request;
  const transaction = await sessionOf(eim, caller, transactionId);
  if (transaction === undefined)
    return refuse(GetBoundProfilePackageErrorEsipa.invalidTransactionId);
  const { orderId, smdpAddress } = transaction;
  if (prepareDownloadResponse.type === 'compactDownloadResponseOk') {
    await fail(
      eim,
      orderId,
      'getBoundProfilePackage',
      'the IPA sends compact answers, which are not built yet',
    );
    return refuse(GetBoundProfilePackageErrorEsipa.undefinedError);
  }
  try {
    const { boundProfilePackage } = await eim.es9.getBoundProfilePackage(smdpAddress, {
      transactionId,
      prepareDownloadResponse: PrepareDownloadResponse.encode(prepareDownloadResponse),
    });
    const response = GetBoundProfilePackageResponseEsipa.encode({
      type: 'getBoundProfilePackageOkEsipa',
      value: { transactionId, boundProfilePackage },
    });
    await eim.orders.note(orderId, 'bound profile package', `${boundProfilePackage.length} octets`);
    return response;
  } catch (error) {
    return refuse(await failed(eim, orderId, 'getBoundProfilePackage', smdpAddress, error));
  }
}

/** Returns the CancelSessionResponseEsipa, `BF41…` (SGP.32 6.3.2.5). The download's order ends with it. */
export async function cancelSession(
  eim: Eim,
  caller: Caller,
  request: CancelSessionRequestEsipa,
): Promise<Uint8Array> {
  const refuse = (code: number) =>
    CancelSessionResponseEsipa.encode({ type: 'cancelSessionError', value: code });
  const { transactionId, cancelSessionResponse } = request;
  const transaction = await sessionOf(eim, caller, transactionId);
  if (transaction === undefined) return refuse(CancelSessionErrorEsipa.invalidTransactionId);
  const { orderId, smdpAddress } = transaction;
  if (cancelSessionResponse.type === 'compactCancelSessionResponseOk') {
    await fail(
      eim,
      orderId,
      'cancelSession',
      'the IPA sends compact answers, which are not built yet',
    );
    return refuse(CancelSessionErrorEsipa.undefinedError);
  }
  try {
    await eim.es9.cancelSession(smdpAddress, {
      transactionId,
      cancelSessionResponse: CancelSessionResponse.encode(cancelSessionResponse),
    });
  } catch (error) {
    return refuse(await failed(eim, orderId, 'cancelSession', smdpAddress, error));
  }
  const signed = cancelSessionResponse.type === 'cancelSessionResponseOk';
  await endOrder(eim, orderId, {
    success: false,
    outcome: [{ cancelSessionResult: signed ? 'ok' : 'undefinedError' }],
    reason: signed
      ? `the device cancelled the download, reason ${cancelSessionResponse.value.euiccCancelSessionSigned.value.reason}`
      : 'the device cancelled the download, and its eUICC did not sign that',
  });
  return CancelSessionResponseEsipa.encode({ type: 'cancelSessionOk', value: {} });
}

type Download = Order & { readonly request: { readonly download: { activationCode: string } } };

/**
 * The download in work that this message begins: by eimTransactionId; where the IPA leaves that out (v1.0), the one of
 * the EID that this peer last polled for.
 */
async function downloadOf(
  eim: Eim,
  caller: Caller,
  eimTransactionId: Uint8Array | undefined,
): Promise<Download | undefined> {
  let order: Order | undefined;
  if (eimTransactionId !== undefined) {
    order = await eim.orders.byTransaction(undefined, eimTransactionId);
  } else {
    const eid = eim.polls.get(caller.peerId);
    order = eid === undefined ? undefined : await eim.orders.next(eid);
  }
  if (order?.state.at !== 'work' || !isDownload(order)) return undefined;
  return maySpeakFor(eim, caller, order.eid) ? order : undefined;
}

function isDownload(order: Order): order is Download {
  return 'download' in order.request;
}

/** The session, where there is one and the caller may speak for its EID. */
async function sessionOf(
  eim: Eim,
  caller: Caller,
  transactionId: Uint8Array,
): Promise<Transaction | undefined> {
  const transaction = await transactionOf(eim, transactionId);
  if (transaction !== undefined && maySpeakFor(eim, caller, transaction.eid)) return transaction;
  eim.log.warn('a session that is not known', {
    transactionId: toHex(transactionId),
    by: callerText(caller),
  });
  return undefined;
}

/** What an order's outcome calls a failure in each function. */
const procedureErrors = {
  initiateAuthentication: 'initiateAuthenticationError',
  authenticateClient: 'authenticateClientError',
  getBoundProfilePackage: 'getBoundProfilePackageError',
  cancelSession: 'cancelSessionResponseError',
} as const satisfies Record<Es9Function, ProcedureError>;

/** The eIM's own no: ends the order with the function's procedureError. */
async function fail(eim: Eim, orderId: string, called: Es9Function, reason: string): Promise<void> {
  const outcome = [procedureError(procedureErrors[called])];
  await endOrder(eim, orderId, { success: false, outcome, reason });
}

/** The SM-DP+ refused, is not there, or speaks nonsense: ends the order; returns the code for the device. */
async function failed(
  eim: Eim,
  orderId: string,
  called: Es9Function,
  address: string,
  error: unknown,
): Promise<number> {
  if (
    !(error instanceof Es9Error || error instanceof Es9TransportError || error instanceof DerError)
  )
    throw error;
  await fail(eim, orderId, called, es9Reason(called, address, error));
  return esipaCode(called, error);
}

/** What a chain that is not believed is in AuthenticateClient's error codes. */
function chainCode({ code, member }: ChainError): number {
  if (code === 'unknownCi') return AuthenticateClientErrorEsipa.ciPKUnknown;
  if (code === 'eid') return AuthenticateClientErrorEsipa.eidMismatch;
  const expired = code === 'expired' || code === 'notYetValid';
  if (member === 'euicc') {
    return expired
      ? AuthenticateClientErrorEsipa.euiccCertificateExpired
      : AuthenticateClientErrorEsipa.euiccCertificateInvalid;
  }
  return expired
    ? AuthenticateClientErrorEsipa.eumCertificateExpired
    : AuthenticateClientErrorEsipa.eumCertificateInvalid;
}

/** Host names do not tell upper from lower case. */
function sameAddress(one: string, other: string): boolean {
  return one.toLowerCase() === other.toLowerCase();
}

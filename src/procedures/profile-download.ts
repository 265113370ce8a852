/**
 * Indirect profile download (SGP.32 3.2.2): ESipa functions relayed to the SM-DP+ over ES9+. Everything signed passes
 * byte for byte. A session is found by its transactionId; the first message of it by the eimTransactionId of the
 * trigger that the device was given.
 *
 * ```
 *   IPA                            eIM                             SM-DP+
 *    │ InitiateAuthentication ────▶ │ initiateAuthentication ───────▶ │
 *    │ AuthenticateClient ────────▶ │ authenticateClient ───────────▶ │   the eUICC's chain: its key is learned
 *    │ GetBoundProfilePackage ────▶ │ getBoundProfilePackage ───────▶ │
 *    │ HandleNotification ────────▶ │ handleNotification ───────────▶ │   notifications.ts; ends the order
 *    │ CancelSession ─────────────▶ │ cancelSession ────────────────▶ │   cancel-session.ts; ends the order
 * ```
 */
import { toHex } from '../base/bytes.ts';
import type { EuiccRecord } from '../fleet/euiccs.ts';
import { hasFeature } from '../fleet/ipa-capabilities.ts';
import {
  InitiateAuthenticationErrorEsipa,
  InitiateAuthenticationRequestEsipa,
  InitiateAuthenticationResponseEsipa,
} from '../messages/profile-download.ts';
import { CtxParams1, DeviceInfo, ServerSigned1 } from '../messages/rsp.ts';
import { signedFrom } from '../messages/schema.ts';
import { DerError } from '../messages/tlv.ts';
import { registeredIdOf } from '../trust/certificate.ts';
import { downloadOf, secretOf, targetOf, type UnderWay, underWay } from './download-order.ts';
import { type Caller, callerText, type Eim } from './eim.ts';
import { noteOrder } from './end-order.ts';
import { type Failing, fail, failed } from './profile-download-errors.ts';
import { isSmdsCertificate } from './smds.ts';
import {
  beginningOf,
  beginTransaction,
  inSession,
  keepAnswer,
  mostOfOrder,
  type Transaction,
  transactionOf,
} from './transactions.ts';

/** Returns the InitiateAuthenticationResponseEsipa, `BF39…` (SGP.32 6.3.2.1). */
export async function initiateAuthentication(
  eim: Eim,
  caller: Caller,
  request: InitiateAuthenticationRequestEsipa,
): Promise<Uint8Array> {
  const found = await downloadOf(eim, caller, request.eimTransactionId);
  if (found === undefined) {
    eim.log.warn('download that no trigger began', { by: callerText(caller) });
    return initiationRefused(InitiateAuthenticationErrorEsipa.invalidEimTransactionId);
  }
  const asked = InitiateAuthenticationRequestEsipa.encode(request);
  const { order } = found;
  // The same message once more waits for the first, and gets its answer.
  return eim.serial.run(`initiation ${order.id} ${toHex(request.euiccChallenge)}`, async () => {
    const before = await beginningOf(eim, order.id, asked);
    if (before !== undefined) return before;
    // Those before it may have ended the order.
    const now = underWay(await eim.orders.get(order.id));
    if (now === undefined) {
      return initiationRefused(InitiateAuthenticationErrorEsipa.invalidEimTransactionId);
    }
    return begin(eim, now, request, asked);
  });
}

/** Begins a session with the SM-DP+ of the order. */
async function begin(
  eim: Eim,
  download: UnderWay,
  request: InitiateAuthenticationRequestEsipa,
  asked: Uint8Array,
): Promise<Uint8Array> {
  const { id: orderId, eid } = download.order;
  const target = await targetOf(eim, download, request.smdpAddress);
  if (target === undefined) {
    const detail = 'the eIM does not know the address of this eUICC: order its data';
    await noteOrder(eim, orderId, 'default SM-DP+ unknown', detail);
    return initiationRefused(InitiateAuthenticationErrorEsipa.invalidDpAddress);
  }
  const { address, matchingId } = target;
  const failing: Failing = {
    eim,
    orderId,
    called: 'initiateAuthentication',
    address,
    ...(target.isSmds === true ? { server: 'SM-DS' } : {}),
    secret: secretOf(download.download) || matchingId,
  };
  // The eIM asks no other server than the operator's order names.
  if (request.smdpAddress !== undefined && !sameAddress(request.smdpAddress, address)) {
    await noteOrder(eim, orderId, 'other SM-DP+ asked for', request.smdpAddress.slice(0, 255));
    return initiationRefused(InitiateAuthenticationErrorEsipa.invalidDpAddress);
  }
  const record = await eim.euiccs.ensure(eid);
  const euiccInfo1 = request.euiccInfo1 ?? record.euiccInfo1;
  if (euiccInfo1 === undefined) {
    await noteOrder(eim, orderId, 'euiccInfo1 missing', 'neither sent by the IPA nor known here');
    return initiationRefused(InitiateAuthenticationErrorEsipa.undefinedError);
  }
  const makes = hasFeature(record, 'eimCtxParams1Generation');
  const ctxParams1 = makes ? ctxParams1Of(record, matchingId) : undefined;
  if (makes && ctxParams1 === undefined) {
    const detail = 'the IPA leaves ctxParams1 to the eIM, which does not know its deviceInfo';
    await noteOrder(eim, orderId, 'deviceInfo missing', detail);
    return initiationRefused(InitiateAuthenticationErrorEsipa.undefinedError);
  }
  try {
    const asks = 'smds' in download.download ? eim.es11 : eim.es9;
    const answer = await asks.initiateAuthentication(address, {
      euiccChallenge: request.euiccChallenge,
      euiccInfo1,
    });
    const serverSigned1 = signedFrom(ServerSigned1, answer.serverSigned1);
    if (request.smdpAddress === undefined || hasFeature(record, 'eimDownloadDataHandling')) {
      // These two checks are the eIM's (SGP.32 5.14.1): of an IPA that says so, or that leaves the address out.
      if (!signsAs(serverSigned1.value.serverAddress, address)) {
        await fail(failing, `SM-DP+ ${address} signs as ${serverSigned1.value.serverAddress}`);
        return initiationRefused(InitiateAuthenticationErrorEsipa.smdpAddressMismatch);
      }
      const expected = target.smdpOid;
      if (expected !== undefined && registeredIdOf(answer.serverCertificate) !== expected) {
        await fail(failing, `SM-DP+ ${address} has another OID than the activation code says`);
        return initiationRefused(InitiateAuthenticationErrorEsipa.smdpOidMismatch);
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
        ...(matchingId === '' || makes ? {} : { matchingId }),
        ...(ctxParams1 === undefined ? {} : { ctxParams1 }),
      },
    });
    const { transactionId } = answer;
    const smdpOid = registeredIdOf(answer.serverCertificate);
    const transaction = {
      transactionId,
      orderId,
      eid,
      smdpAddress: address,
      ...(target.isSmds === true || isSmdsCertificate(answer.serverCertificate)
        ? { isSmds: true as const }
        : {}),
      started: eim.clock.now(),
      said: {
        serverSigned1: answer.serverSigned1,
        serverAddress: serverSigned1.value.serverAddress,
        ...(smdpOid === undefined ? {} : { smdpOid }),
        ...(ctxParams1 === undefined ? {} : { ctxParams1: CtxParams1.encode(ctxParams1) }),
      },
    };
    const complaint = await eim.serial.run(`order ${orderId}`, () =>
      inSession(eim, transactionId, async () => {
        if (await isTaken(eim, transaction)) {
          return `SM-DP+ ${address} gave the transactionId of another download under way`;
        }
        const begun = await beginTransaction(eim, transaction);
        if (begun === undefined) return `the device began this download ${mostOfOrder} times`;
        const facts = request.euiccInfo1 === undefined ? {} : { euiccInfo1 };
        await eim.store.commit([
          ...begun,
          keepAnswer(transaction, 'initiateAuthentication', asked, response),
          ...eim.euiccs.change(eid, facts),
        ]);
        return undefined;
      }),
    );
    if (complaint !== undefined) {
      await fail(failing, complaint);
      return initiationRefused(InitiateAuthenticationErrorEsipa.undefinedError);
    }
    await noteOrder(eim, orderId, 'authentication begun', `with SM-DP+ ${address}`);
    return response;
  } catch (error) {
    return failed(failing, error, initiationRefused);
  }
}

/** ctxParams1 for an IPA that leaves it to the eIM; undefined where the device is not known. */
function ctxParams1Of({ deviceInfo }: EuiccRecord, matchingId: string): CtxParams1 | undefined {
  if (deviceInfo === undefined) return undefined;
  try {
    const value = {
      ...(matchingId === '' ? {} : { matchingId }),
      deviceInfo: DeviceInfo.decode(deviceInfo),
    };
    return { type: 'ctxParamsForCommonAuthentication', value };
  } catch (error) {
    if (!(error instanceof DerError)) throw error;
    return undefined;
  }
}

function initiationRefused(code: number): Uint8Array {
  return InitiateAuthenticationResponseEsipa.encode({
    type: 'initiateAuthenticationErrorEsipa',
    value: code,
  });
}

/** Whether the SM-DP+ gave this session the transactionId of another order's that is still under way. */
async function isTaken(eim: Eim, { transactionId, orderId }: Transaction): Promise<boolean> {
  const other = await transactionOf(eim, transactionId);
  if (other === undefined || other.orderId === orderId) return false;
  return (await eim.orders.get(other.orderId))?.state.at === 'work';
}

/** Host names do not tell upper from lower case. */
function sameAddress(one: string, other: string): boolean {
  return one.toLowerCase() === other.toLowerCase();
}

/** Whether an SM-DP+ found under `address` may sign as `serverAddress`: some leave their port out. */
function signsAs(serverAddress: string, address: string): boolean {
  return (
    sameAddress(serverAddress, address) ||
    sameAddress(serverAddress, address.replace(/:[0-9]{1,5}$/, ''))
  );
}

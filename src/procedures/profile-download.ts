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
import { parseActivationCode } from '../messages/activation-code.ts';
import { IdError, iccidDigits, parseIccid } from '../messages/ids.ts';
import {
  AuthenticateClientErrorEsipa,
  type AuthenticateClientRequestEsipa,
  AuthenticateClientResponseEsipa,
  GetBoundProfilePackageErrorEsipa,
  type GetBoundProfilePackageRequestEsipa,
  GetBoundProfilePackageResponseEsipa,
  InitiateAuthenticationErrorEsipa,
  InitiateAuthenticationRequestEsipa,
  InitiateAuthenticationResponseEsipa,
} from '../messages/profile-download.ts';
import {
  AuthenticateServerResponse,
  PrepareDownloadResponse,
  ServerSigned1,
  SmdpSigned2,
  StoreMetadataRequest,
} from '../messages/rsp.ts';
import { signedFrom } from '../messages/schema.ts';
import { DerError } from '../messages/tlv.ts';
import type { Order } from '../orders/order.ts';
import type { Change } from '../store/store.ts';
import { registeredIdOf } from '../trust/certificate.ts';
import { ChainError } from '../trust/chain-error.ts';
import { type Caller, callerText, type Eim, maySpeakFor } from './eim.ts';
import { noteOrder } from './end-order.ts';
import {
  CompactFormError,
  fullAuthenticateServerResponse,
  fullPrepareDownloadResponse,
} from './full-forms.ts';
import { keyOf, learnt } from './learn-euicc.ts';
import { chainCode, type Failing, fail, failCompact, failed } from './profile-download-errors.ts';
import { downloadLeaving } from './settle.ts';
import {
  answerOf,
  beginningOf,
  beginTransaction,
  dropAnswer,
  inSession,
  keepAnswer,
  keepTransaction,
  mostOfOrder,
  sessionOf,
  type Transaction,
  transactionOf,
} from './transactions.ts';

/** Returns the InitiateAuthenticationResponseEsipa, `BF39…` (SGP.32 6.3.2.1). */
export async function initiateAuthentication(
  eim: Eim,
  caller: Caller,
  request: InitiateAuthenticationRequestEsipa,
): Promise<Uint8Array> {
  const order = await downloadOf(eim, caller, request.eimTransactionId);
  if (order === undefined) {
    eim.log.warn('download that no trigger began', { by: callerText(caller) });
    return initiationRefused(InitiateAuthenticationErrorEsipa.invalidEimTransactionId);
  }
  const asked = InitiateAuthenticationRequestEsipa.encode(request);
  // The same message once more waits for the first, and gets its answer.
  return eim.serial.run(`initiation ${order.id} ${toHex(request.euiccChallenge)}`, async () => {
    const before = await beginningOf(eim, order.id, asked);
    if (before !== undefined) return before;
    // Those before it may have ended the order.
    const now = await eim.orders.get(order.id);
    if (now === undefined || !isUnderWay(now)) {
      return initiationRefused(InitiateAuthenticationErrorEsipa.invalidEimTransactionId);
    }
    return begin(eim, now, request, asked);
  });
}

/** Begins a session with the SM-DP+ of the order. */
async function begin(
  eim: Eim,
  order: Download,
  request: InitiateAuthenticationRequestEsipa,
  asked: Uint8Array,
): Promise<Uint8Array> {
  const { id: orderId, eid } = order;
  const code = parseActivationCode(order.request.download.activationCode);
  const address = code.smdpAddress;
  const failing: Failing = {
    eim,
    orderId,
    called: 'initiateAuthentication',
    address,
    secret: code.matchingId,
  };
  // The eIM asks no other server than the operator's activation code names.
  if (request.smdpAddress !== undefined && !sameAddress(request.smdpAddress, address)) {
    await noteOrder(eim, orderId, 'other SM-DP+ asked for', request.smdpAddress.slice(0, 255));
    return initiationRefused(InitiateAuthenticationErrorEsipa.invalidDpAddress);
  }
  const euiccInfo1 = request.euiccInfo1 ?? (await eim.euiccs.get(eid))?.euiccInfo1;
  if (euiccInfo1 === undefined) {
    await noteOrder(eim, orderId, 'euiccInfo1 missing', 'neither sent by the IPA nor known here');
    return initiationRefused(InitiateAuthenticationErrorEsipa.undefinedError);
  }
  try {
    const answer = await eim.es9.initiateAuthentication(address, {
      euiccChallenge: request.euiccChallenge,
      euiccInfo1,
    });
    const serverSigned1 = signedFrom(ServerSigned1, answer.serverSigned1);
    if (request.smdpAddress === undefined) {
      // An IPA that leaves the address out leaves these two checks to the eIM (SGP.32 5.14.1).
      if (!signsAs(serverSigned1.value.serverAddress, address)) {
        await fail(failing, `SM-DP+ ${address} signs as ${serverSigned1.value.serverAddress}`);
        return initiationRefused(InitiateAuthenticationErrorEsipa.smdpAddressMismatch);
      }
      if (code.smdpOid !== undefined && registeredIdOf(answer.serverCertificate) !== code.smdpOid) {
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
        ...(code.matchingId === '' ? {} : { matchingId: code.matchingId }),
      },
    });
    const { transactionId } = answer;
    const smdpOid = registeredIdOf(answer.serverCertificate);
    const transaction = {
      transactionId,
      orderId,
      eid,
      smdpAddress: address,
      started: eim.clock.now(),
      said: {
        serverSigned1: answer.serverSigned1,
        serverAddress: serverSigned1.value.serverAddress,
        ...(smdpOid === undefined ? {} : { smdpOid }),
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

function initiationRefused(code: number): Uint8Array {
  return InitiateAuthenticationResponseEsipa.encode({
    type: 'initiateAuthenticationErrorEsipa',
    value: code,
  });
}

/** Returns the AuthenticateClientResponseEsipa, `BF3B…` (SGP.32 6.3.2.2). */
export function authenticateClient(
  eim: Eim,
  caller: Caller,
  request: AuthenticateClientRequestEsipa,
): Promise<Uint8Array> {
  return relay(eim, caller, request.transactionId, {
    called: 'authenticateClient',
    asked: AuthenticateServerResponse.encode(request.authenticateServerResponse),
    unknown: AuthenticateClientErrorEsipa.invalidTransactionId,
    undefined: AuthenticateClientErrorEsipa.undefinedError,
    async full({ eid, said }, asked) {
      if (request.authenticateServerResponse.type !== 'compactAuthenticateResponseOk') return asked;
      return fullAuthenticateServerResponse(asked, { ...(await eim.euiccs.get(eid)), ...said });
    },
    refuse: (code) =>
      AuthenticateClientResponseEsipa.encode({ type: 'authenticateClientErrorEsipa', value: code }),
    async ask(step) {
      const { transaction, full, keep, refuse } = step;
      const { transactionId, orderId, eid, smdpAddress } = transaction;
      let failing = step.failing;
      let learned: readonly Change[] = [];
      const authenticateServerResponse =
        request.authenticateServerResponse.type === 'compactAuthenticateResponseOk'
          ? AuthenticateServerResponse.decode(full)
          : request.authenticateServerResponse;
      if (authenticateServerResponse.type === 'authenticateResponseError') {
        const { authenticateErrorCode } = authenticateServerResponse.value;
        failing = { ...failing, outcome: 'authenticateResponseError' };
        await noteOrder(
          eim,
          orderId,
          'the eUICC refused the SM-DP+',
          `authenticateErrorCode ${authenticateErrorCode}`,
        );
      } else if (authenticateServerResponse.type === 'authenticateResponseOk') {
        try {
          learned = learnt(eim, await eim.euiccs.ensure(eid), authenticateServerResponse.value);
        } catch (error) {
          if (!(error instanceof ChainError)) throw error;
          const answer = refuse(chainCode(error));
          await fail(failing, `the eUICC's certificates: ${error.message}`, keep(answer));
          return answer;
        }
      }
      try {
        const { profileMetadata, smdpSigned2, smdpSignature2, smdpCertificate } =
          await eim.es9.authenticateClient(smdpAddress, {
            transactionId,
            authenticateServerResponse: full,
          });
        const answer = AuthenticateClientResponseEsipa.encode({
          type: 'authenticateClientOkDPEsipa',
          value: {
            transactionId,
            ...(profileMetadata === undefined ? {} : { profileMetaData: profileMetadata }),
            smdpSigned2: signedFrom(SmdpSigned2, smdpSigned2),
            smdpSignature2,
            smdpCertificate,
          },
        });
        const iccid = profileMetadata && iccidIn(profileMetadata);
        const bindingOid = registeredIdOf(smdpCertificate);
        const announced = {
          ...(bindingOid === undefined ? {} : { bindingOid }),
          notificationAddresses: installAddresses(profileMetadata),
        };
        await eim.store.commit([
          ...learned,
          ...keepTransaction({
            ...transaction,
            ...(iccid === undefined ? {} : { iccid }),
            ...(transaction.said === undefined
              ? {}
              : { said: { ...transaction.said, smdpSigned2, smdpSignature2, ...announced } }),
          }),
          // From here on a device that authenticates again is to have a session of its own.
          dropAnswer(transaction, 'initiateAuthentication'),
          ...keep(answer),
        ]);
        await noteOrder(
          eim,
          orderId,
          'authenticated',
          `SM-DP+ ${smdpAddress} offers ICCID ${printed(iccid)}`,
        );
        return answer;
      } catch (error) {
        return failed(failing, error, refuse, keep);
      }
    },
  });
}

/** Returns the GetBoundProfilePackageResponseEsipa, `BF3A…` (SGP.32 6.3.2.3). */
export function getBoundProfilePackage(
  eim: Eim,
  caller: Caller,
  request: GetBoundProfilePackageRequestEsipa,
): Promise<Uint8Array> {
  const { prepareDownloadResponse } = request;
  return relay(eim, caller, request.transactionId, {
    called: 'getBoundProfilePackage',
    asked: PrepareDownloadResponse.encode(prepareDownloadResponse),
    unknown: GetBoundProfilePackageErrorEsipa.invalidTransactionId,
    undefined: GetBoundProfilePackageErrorEsipa.undefinedError,
    async full({ eid, said, transactionId }, asked) {
      if (prepareDownloadResponse.type !== 'compactDownloadResponseOk') return asked;
      const known = keyOf(eim, await eim.euiccs.ensure(eid));
      if ('doubt' in known) throw new CompactFormError(known.doubt);
      return fullPrepareDownloadResponse(asked, transactionId, said ?? {}, known.key);
    },
    refuse: (code) =>
      GetBoundProfilePackageResponseEsipa.encode({
        type: 'getBoundProfilePackageErrorEsipa',
        value: code,
      }),
    async ask(step) {
      const { transaction, full, keep, refuse } = step;
      const { transactionId, orderId, smdpAddress } = transaction;
      let failing = step.failing;
      if (prepareDownloadResponse.type === 'downloadResponseError') {
        const { downloadErrorCode } = prepareDownloadResponse.value;
        failing = { ...failing, outcome: 'downloadResponseError' };
        await noteOrder(
          eim,
          orderId,
          'the eUICC refused the profile',
          `downloadErrorCode ${downloadErrorCode}`,
        );
      }
      try {
        const { boundProfilePackage } = await eim.es9.getBoundProfilePackage(smdpAddress, {
          transactionId,
          prepareDownloadResponse: full,
        });
        const answer = GetBoundProfilePackageResponseEsipa.encode({
          type: 'getBoundProfilePackageOkEsipa',
          value: { transactionId, boundProfilePackage },
        });
        const left = downloadLeaving(eim, transaction.eid, orderId);
        await eim.store.commit([...keep(answer), ...left]);
        const octets = `${boundProfilePackage.length} octets`;
        await noteOrder(eim, orderId, 'bound profile package', octets);
        return answer;
      } catch (error) {
        return failed(failing, error, refuse, keep);
      }
    },
  });
}

/** A step of a session that is under way. */
interface Step {
  readonly transaction: Transaction;
  /** What the SM-DP+ is to be asked: never a compact form. */
  readonly full: Uint8Array;
  readonly failing: Failing;
  /** The changes that keep the step's answer. */
  keep(answer: Uint8Array): readonly Change[];
  /** The answer of an error code. */
  refuse(code: number): Uint8Array;
}

interface Relayed {
  readonly called: 'authenticateClient' | 'getBoundProfilePackage';
  readonly asked: Uint8Array;
  /** The codes for a session that nobody knows, and for what has no code. */
  readonly unknown: number;
  readonly undefined: number;
  /** What the IPA sent, in its full form. Throws CompactFormError. */
  full(transaction: Transaction, asked: Uint8Array): Promise<Uint8Array>;
  refuse(code: number): Uint8Array;
  ask(step: Step): Promise<Uint8Array>;
}

/**
 * Takes a step of a session: alone, once, and only while its order is in work. Asked the same again, it answers the
 * same.
 */
async function relay(
  eim: Eim,
  caller: Caller,
  transactionId: Uint8Array,
  relayed: Relayed,
): Promise<Uint8Array> {
  const { called, asked, refuse } = relayed;
  if ((await sessionOf(eim, caller, transactionId)) === undefined) return refuse(relayed.unknown);
  return inSession(eim, transactionId, async () => {
    const transaction = await transactionOf(eim, transactionId);
    if (transaction === undefined) return refuse(relayed.unknown);
    const before = await answerOf(eim, transaction, called, asked);
    if (before !== undefined) return before;
    const { orderId, smdpAddress: address } = transaction;
    const order = await eim.orders.get(orderId);
    if (order === undefined || !isUnderWay(order)) {
      // Cancelled, or ended: the device is to cancel the session.
      eim.log.info('a download goes on whose order has ended', { order: orderId, called });
      return refuse(relayed.undefined);
    }
    const { matchingId: secret } = parseActivationCode(order.request.download.activationCode);
    const failing: Failing = { eim, orderId, called, address, secret };
    const keep = (answer: Uint8Array) => [keepAnswer(transaction, called, asked, answer)];
    let full: Uint8Array;
    try {
      full = await relayed.full(transaction, asked);
    } catch (error) {
      if (!(error instanceof CompactFormError)) throw error;
      const answer = refuse(relayed.undefined);
      await failCompact(failing, transaction.eid, error, keep(answer));
      return answer;
    }
    return relayed.ask({ transaction, full, failing, keep, refuse });
  });
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
  if (order === undefined || !isUnderWay(order)) return undefined;
  return maySpeakFor(eim, caller, order.eid) ? order : undefined;
}

function isUnderWay(order: Order): order is Download {
  const { state, request } = order;
  return state.at === 'work' && 'download' in request && 'activationCode' in request.download;
}

/** Whether the SM-DP+ gave this session the transactionId of another order's that is still under way. */
async function isTaken(eim: Eim, { transactionId, orderId }: Transaction): Promise<boolean> {
  const other = await transactionOf(eim, transactionId);
  if (other === undefined || other.orderId === orderId) return false;
  return (await eim.orders.get(other.orderId))?.state.at === 'work';
}

/** ICCID of Profile Metadata, as in EF.ICCID; metadata that cannot be read is for the eUICC to judge. */
function iccidIn(profileMetadata: Uint8Array): string | undefined {
  try {
    return toHex(StoreMetadataRequest.decode(profileMetadata).iccid);
  } catch (error) {
    if (!(error instanceof DerError)) throw error;
    return undefined;
  }
}

/** Whom Profile Metadata has told of the installation; none where it cannot be read. */
function installAddresses(profileMetadata: Uint8Array | undefined): readonly string[] {
  if (profileMetadata === undefined) return [];
  try {
    const { notificationConfigurationInfo = [] } = StoreMetadataRequest.decode(profileMetadata);
    return notificationConfigurationInfo
      .filter((one) => one.profileManagementOperation.includes('notificationInstall'))
      .map((one) => one.notificationAddress);
  } catch (error) {
    if (!(error instanceof DerError)) throw error;
    return [];
  }
}

/** An ICCID as on the card; as it came where it holds no digits. */
function printed(iccid: string | undefined): string {
  if (iccid === undefined) return 'unknown';
  try {
    return iccidDigits(parseIccid(iccid));
  } catch (error) {
    if (!(error instanceof IdError)) throw error;
    return iccid;
  }
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

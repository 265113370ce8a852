/**
 * AuthenticateClient of an indirect download (SGP.32 3.2.2, 6.3.2.2): the eUICC's chain is learned, the announced profile
 * verified where the IPA leaves that to the eIM, and the hash of the order's confirmation code handed on.
 */
import { SecretError } from '../base/secret-box.ts';
import type { EuiccRecord } from '../fleet/euiccs.ts';
import { hasFeature } from '../fleet/ipa-capabilities.ts';
import {
  AuthenticateClientErrorEsipa,
  type AuthenticateClientOkDPEsipa,
  type AuthenticateClientRequestEsipa,
  AuthenticateClientResponseEsipa,
} from '../messages/profile-download.ts';
import { AuthenticateServerResponse, SmdpSigned2 } from '../messages/rsp.ts';
import { signedFrom } from '../messages/schema.ts';
import type { Change } from '../store/store.ts';
import { registeredIdOf } from '../trust/certificate.ts';
import { ChainError } from '../trust/chain-error.ts';
import type { UnderWay } from './download-order.ts';
import type { Caller, Eim } from './eim.ts';
import { noteOrder } from './end-order.ts';
import { fullAuthenticateServerResponse } from './full-forms.ts';
import { learnt } from './learn-euicc.ts';
import { chainCode, type Failing, fail, failed } from './profile-download-errors.ts';
import {
  iccidIn,
  installAddresses,
  metadataFault,
  metadataHash,
  printedIccid,
} from './profile-metadata.ts';
import { relay, type Step } from './relayed-step.ts';
import { retrieveEvents } from './smds.ts';
import { dropAnswer, keepTransaction, type Transaction } from './transactions.ts';

/** Returns the AuthenticateClientResponseEsipa, `BF3B…`. */
export function authenticateClient(
  eim: Eim,
  caller: Caller,
  request: AuthenticateClientRequestEsipa,
): Promise<Uint8Array> {
  const response = request.authenticateServerResponse;
  return relay(eim, caller, request.transactionId, {
    called: 'authenticateClient',
    asked: AuthenticateServerResponse.encode(response),
    unknown: AuthenticateClientErrorEsipa.invalidTransactionId,
    undefined: AuthenticateClientErrorEsipa.undefinedError,
    async full({ eid, said }, asked) {
      if (response.type !== 'compactAuthenticateResponseOk') return asked;
      return fullAuthenticateServerResponse(asked, { ...(await eim.euiccs.get(eid)), ...said });
    },
    refuse,
    async ask(step) {
      const { full, keep } = step;
      let { failing } = step;
      let learned: readonly Change[] = [];
      const whole =
        response.type === 'compactAuthenticateResponseOk'
          ? AuthenticateServerResponse.decode(full)
          : response;
      const record = await eim.euiccs.ensure(step.transaction.eid);
      if (whole.type === 'authenticateResponseError') {
        const { authenticateErrorCode } = whole.value;
        failing = { ...failing, outcome: 'authenticateResponseError' };
        const detail = `authenticateErrorCode ${authenticateErrorCode}`;
        await noteOrder(eim, failing.orderId, 'the eUICC refused the SM-DP+', detail);
      } else if (whole.type === 'authenticateResponseOk') {
        try {
          learned = learnt(eim, record, whole.value);
        } catch (error) {
          if (!(error instanceof ChainError)) throw error;
          const answer = refuse(chainCode(error));
          await fail(failing, `the eUICC's certificates: ${error.message}`, keep(answer));
          return answer;
        }
      }
      try {
        if (step.transaction.isSmds === true) {
          return await retrieveEvents(eim, { ...step, failing }, learned);
        }
        return await authenticated(eim, { ...step, failing }, record, whole, learned);
      } catch (error) {
        return failed(failing, error, refuse, keep);
      }
    },
    async again({ transactionId }, kept, underWay) {
      const { type, value } = AuthenticateClientResponseEsipa.decode(kept);
      if (type !== 'authenticateClientOkDPEsipa') return kept;
      return withHashCc(value, await hashCcOf(eim, underWay, transactionId));
    },
  });
}

/** The SM-DP+ is asked; what it offers goes to the device, or is refused. */
async function authenticated(
  eim: Eim,
  { transaction, underWay, full, failing, keep }: Step,
  record: EuiccRecord,
  response: AuthenticateServerResponse,
  learned: readonly Change[],
): Promise<Uint8Array> {
  const { transactionId, orderId, smdpAddress } = transaction;
  const { profileMetadata, smdpSigned2, smdpSignature2, smdpCertificate } =
    await eim.es9.authenticateClient(smdpAddress, {
      transactionId,
      authenticateServerResponse: full,
    });
  const signed2 = signedFrom(SmdpSigned2, smdpSigned2);
  const bindingOid = registeredIdOf(smdpCertificate);
  const iccid = profileMetadata && iccidIn(profileMetadata);
  const verifies = hasFeature(record, 'eimProfileMetadataVerification');
  const fault = verifies
    ? metadataFault(record, profileMetadata, euiccInfo2In(response) ?? record.euiccInfo2)
    : undefined;
  const announced = {
    smdpSigned2,
    smdpSignature2,
    ...(bindingOid === undefined ? {} : { bindingOid }),
    notificationAddresses: installAddresses(profileMetadata),
    ...(verifies && fault === undefined && profileMetadata !== undefined
      ? { metadataHash: metadataHash(profileMetadata) }
      : {}),
  };
  const changes = [
    ...learned,
    ...keepTransaction({
      ...transaction,
      ...(iccid === undefined ? {} : { iccid }),
      ...(transaction.said === undefined ? {} : { said: { ...transaction.said, ...announced } }),
    }),
    // From here on a device that authenticates again is to have a session of its own.
    dropAnswer(transaction, 'initiateAuthentication'),
  ];
  const offer = `SM-DP+ ${smdpAddress} offers ICCID ${printedIccid(iccid)}`;
  if (fault !== undefined) {
    const answer = refuse(
      fault.about === 'ppr'
        ? AuthenticateClientErrorEsipa.pprNotAllowed
        : AuthenticateClientErrorEsipa.undefinedError,
    );
    const reason = `${offer}, and the eIM refused that for the device: ${fault.complaint}`;
    await fail(failing, reason, [...changes, ...keep(answer)]);
    return answer;
  }
  const isSpared = verifies && hasFeature(record, 'minimizeEsipaBytes');
  const ok: AuthenticateClientOkDPEsipa = {
    transactionId,
    ...(profileMetadata === undefined || isSpared ? {} : { profileMetaData: profileMetadata }),
    smdpSigned2: signed2,
    smdpSignature2,
    smdpCertificate,
  };
  const { ccRequiredFlag } = signed2.value;
  const hashCc = ccRequiredFlag
    ? await confirmation(eim, underWay, transaction, failing)
    : undefined;
  if (hashCc === 'unreadable') return refuse(AuthenticateClientErrorEsipa.undefinedError);
  // The code could be guessed from its hash: what is kept of the answer has none.
  await eim.store.commit([...changes, ...keep(withHashCc(ok, undefined))]);
  await noteOrder(eim, orderId, 'authenticated', offer);
  await noteConfirmation(eim, underWay, ccRequiredFlag, hashCc !== undefined);
  return withHashCc(ok, hashCc);
}

/** hashCc for the device; `unreadable` where the code cannot be unsealed, which has ended the order. */
async function confirmation(
  eim: Eim,
  underWay: UnderWay,
  { transactionId }: Transaction,
  failing: Failing,
): Promise<Uint8Array | 'unreadable' | undefined> {
  try {
    return await hashCcOf(eim, underWay, transactionId);
  } catch (error) {
    if (!(error instanceof SecretError)) throw error;
    await fail(failing, `the confirmation code cannot be had: ${error.message}`);
    return 'unreadable';
  }
}

function hashCcOf(
  eim: Eim,
  { order, stage }: UnderWay,
  transactionId: Uint8Array,
): Promise<Uint8Array | undefined> {
  return eim.orders.hashCc(order.id, stage, transactionId);
}

async function noteConfirmation(
  eim: Eim,
  { order, download }: UnderWay,
  isRequired: boolean,
  isGiven: boolean,
): Promise<void> {
  if (isRequired) {
    const detail = isGiven
      ? "its hash goes to the device, which proves it to the SM-DP+ with the eUICC's signature"
      : 'the SM-DP+ asks for one, and the order has none: the device may know it';
    await noteOrder(eim, order.id, 'confirmation code', detail);
  } else if (download.confirmationCode !== undefined) {
    const detail = 'the SM-DP+ asks for none: the one that was given is not used';
    await noteOrder(eim, order.id, 'confirmation code', detail);
  }
}

function withHashCc(ok: AuthenticateClientOkDPEsipa, hashCc: Uint8Array | undefined): Uint8Array {
  const value = hashCc === undefined ? ok : { ...ok, hashCc };
  return AuthenticateClientResponseEsipa.encode({ type: 'authenticateClientOkDPEsipa', value });
}

function refuse(code: number): Uint8Array {
  return AuthenticateClientResponseEsipa.encode({
    type: 'authenticateClientErrorEsipa',
    value: code,
  });
}

function euiccInfo2In(response: AuthenticateServerResponse): Uint8Array | undefined {
  if (response.type !== 'authenticateResponseOk') return undefined;
  return response.value.euiccSigned1.value.euiccInfo2;
}

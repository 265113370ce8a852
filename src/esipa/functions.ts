/** ESipa (SGP.32 6.3): each message of an IPA and the procedure that answers it. */
import {
  EimPackageError,
  GetEimPackageResponse,
  ProvideEimPackageResultError,
  ProvideEimPackageResultResponse,
} from '../messages/eim-package.ts';
import { EsipaMessageFromIpaToEim } from '../messages/esipa.ts';
import { DerError } from '../messages/tlv.ts';
import { authenticateClient } from '../procedures/authenticate-client.ts';
import { cancelSession } from '../procedures/cancel-session.ts';
import { type Deviation, heard } from '../procedures/dialect.ts';
import type { Caller, Eim, Timed } from '../procedures/eim.ts';
import { getBoundProfilePackage } from '../procedures/get-bound-profile-package.ts';
import { getEimPackage, nothingToDo, nothingToDoForBare } from '../procedures/get-eim-package.ts';
import { handleNotification } from '../procedures/handle-notification.ts';
import { initiateAuthentication } from '../procedures/profile-download.ts';
import { provideEimPackageResult } from '../procedures/provide-eim-package-result.ts';
import { recallPoll } from '../procedures/spoken-for.ts';

/** Not one message of the module, or one that no function of an eIM takes; the message says why. */
export class NoFunctionError extends Error {
  override readonly name = 'NoFunctionError';
}

/**
 * Answers one ESipa message, both in DER; no octets where the function has no answer. At once where nothing has to be
 * waited for: most polls find nothing to do. Throws NoFunctionError, or rejects with it, before anything is done; rejects
 * with NotKeptError of handleNotification.
 */
export function callFunction(
  eim: Eim,
  caller: Caller,
  request: Uint8Array,
): Uint8Array | Promise<Uint8Array> {
  const { timed } = eim;
  const began = timed?.now() ?? 0;
  const nothing = nothingToDoForBare(eim, caller, request);
  if (nothing !== undefined) {
    timed?.took('getEimPackageRequest', 'answered', began);
    return nothing;
  }
  const read = readMessage(eim, request);
  if ('refusal' in read) return read.refusal;
  const { message, deviations } = read;
  const answer = answerTo(eim, caller, message, deviations);
  if (!(answer instanceof Promise)) timed?.took(message.type, 'answered', began);
  else if (timed !== undefined) return watched(answer, timed, message.type, began);
  return answer;
}

function answerTo(
  eim: Eim,
  caller: Caller,
  message: EsipaMessageFromIpaToEim,
  deviations: readonly Deviation[],
): Uint8Array | Promise<Uint8Array> {
  if (message.type === 'getEimPackageRequest' && deviations.length === 0) {
    const nothing = nothingToDo(eim, caller, message.value);
    if (nothing !== undefined) return nothing;
  }
  return callWith(eim, caller, message, deviations);
}

async function watched(
  answer: Promise<Uint8Array>,
  timed: Timed,
  name: string,
  began: number,
): Promise<Uint8Array> {
  try {
    const octets = await answer;
    timed.took(name, 'answered', began);
    return octets;
  } catch (error) {
    timed.took(name, 'refused', began);
    throw error;
  }
}

async function callWith(
  eim: Eim,
  caller: Caller,
  message: EsipaMessageFromIpaToEim,
  deviations: readonly Deviation[],
): Promise<Uint8Array> {
  if (message.type !== 'getEimPackageRequest') await recallPoll(eim, caller);
  await heard(eim, caller, message, deviations);
  switch (message.type) {
    case 'initiateAuthenticationRequestEsipa': // 6.3.2.1
      return initiateAuthentication(eim, caller, message.value);
    case 'authenticateClientRequestEsipa': // 6.3.2.2
      return authenticateClient(eim, caller, message.value);
    case 'getBoundProfilePackageRequestEsipa': // 6.3.2.3
      return getBoundProfilePackage(eim, caller, message.value);
    case 'handleNotificationEsipa': // 6.3.2.4
      return handleNotification(eim, caller, message.value);
    case 'cancelSessionRequestEsipa': // 6.3.2.5
      return cancelSession(eim, caller, message.value);
    case 'getEimPackageRequest': // 6.3.2.6
      return getEimPackage(eim, caller, message.value);
    case 'provideEimPackageResult': // 6.3.2.7
      return provideEimPackageResult(eim, caller, message.value);
    case 'transferEimPackageResponse': // the answer to an injected package: where the eIM asks
      throw new NoFunctionError('TransferEimPackage is not a function that an IPA calls');
  }
}

/** The message; or, where nothing but its EID is wrong, the error that the function has for that. */
function readMessage(
  eim: Eim,
  request: Uint8Array,
):
  | { readonly message: EsipaMessageFromIpaToEim; readonly deviations: readonly Deviation[] }
  | { readonly refusal: Uint8Array } {
  const deviations: Deviation[] = [];
  try {
    const message = EsipaMessageFromIpaToEim.decode(request, {
      strict: eim.settings.strict,
      tolerated: (quirk, where) => deviations.push({ quirk, where }),
    });
    return { message, deviations };
  } catch (cause) {
    if (!(cause instanceof DerError)) throw cause;
    const refusal = eidRefusal(cause);
    if (refusal === undefined) throw new NoFunctionError(cause.message, { cause });
    eim.log.drop('malformed EID', { why: cause.message });
    return { refusal };
  }
}

function eidRefusal({ path, complaint }: DerError): Uint8Array | undefined {
  const missing = complaint === 'missing';
  switch (path) {
    case 'getEimPackageRequest.eidValue':
      return GetEimPackageResponse.encode({
        type: 'eimPackageError',
        value: missing ? EimPackageError.missingEid : EimPackageError.invalidEid,
      });
    case 'provideEimPackageResult.eidValue':
      return ProvideEimPackageResultResponse.encode({
        type: 'provideEimPackageResultError',
        value: ProvideEimPackageResultError.invalidEid,
      });
    default:
      return undefined;
  }
}

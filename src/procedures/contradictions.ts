/**
 * Where the results of a package do not fit what the eIM believed: an enable that the eUICC had done already, a profile
 * that is not there. The eUICC is right; what else the eIM does not know of, only the eUICC can tell.
 */
import type { EimList, ProfileList, ProfileRecord } from '../fleet/euiccs.ts';
import { AddEimResultCode, DeleteEimResult, UpdateEimResult } from '../messages/eco.ts';
import { type EuiccResultData, ProcessingTerminated } from '../messages/euicc-package.ts';
import {
  DeleteProfileResult,
  DisableProfileResult,
  EnableProfileResult,
  SetFallbackAttributeResult,
  UnsetFallbackAttributeResult,
} from '../messages/psmo.ts';
import type { EcoRequest, PsmoRequest } from '../orders/order.ts';
import { eimsAfterOne, nameOfEim } from './eims.ts';
import { profilesAfter, tellsAll } from './profiles.ts';

/** What a package's results do to the doubts about a topic. */
export interface Verdict {
  /** The eUICC told all: what was in doubt before is not any more. */
  readonly settled: boolean;
  /** What speaks against the picture after them. */
  readonly doubt?: string;
}

/** How the results fit what was known of the profiles. */
export function profilesVerdict(
  known: ProfileList | undefined,
  operations: readonly PsmoRequest[],
  results: readonly EuiccResultData[],
): Verdict {
  let verdict: Verdict = { settled: false };
  let picture = known;
  for (const [i, result] of results.entries()) {
    const operation = operations[i];
    if (isWholeList(operation, result)) verdict = { settled: true };
    else if (picture !== undefined) {
      const doubt = unfinished(operation, result) ?? profileDoubt(picture, operation, result);
      if (doubt !== undefined) verdict = { ...verdict, doubt };
    }
    if (operation !== undefined) {
      picture = profilesAfter(picture, [operation], [result], 0) ?? picture;
    }
  }
  return verdict;
}

function isWholeList(operation: PsmoRequest | undefined, result: EuiccResultData): boolean {
  return (
    result.type === 'listProfileInfoResult' &&
    result.value.type === 'profileInfoListOk' &&
    operation !== undefined &&
    tellsAll(operation)
  );
}

/** An operation that may have been done or not; of one that only tells, it is all the same. */
function unfinished(
  operation: PsmoRequest | EcoRequest | undefined,
  { type, value }: EuiccResultData,
): string | undefined {
  const tells = ['listProfileInfo', 'getRAT', 'listEim'];
  if (operation !== undefined && tells.some((name) => name in operation)) return undefined;
  if (type === 'rollbackResult' && value !== 0) return 'a rollback failed';
  const isCut =
    type === 'processingTerminated' && value !== ProcessingTerminated.unknownOrDamagedCommand;
  return isCut ? 'an operation was cut short' : undefined;
}

function profileDoubt(
  { list, partial }: ProfileList,
  operation: PsmoRequest | undefined,
  { type, value }: EuiccResultData,
): string | undefined {
  if (operation === undefined) return undefined;
  const profile = (iccid: string) => list.find((one) => one.iccid === iccid.toUpperCase());
  /** Whether it is known not to be in this state: a picture that never was whole does not tell of those it lacks. */
  const isNot = (known: ProfileRecord | undefined, state: ProfileRecord['state']) =>
    known === undefined ? partial !== true : known.state !== undefined && known.state !== state;
  const says = (iccid: string, what: string) => `the eUICC says that profile ${iccid} ${what}`;
  /** Of an operation that a profile must be in one state for: done, the profile not there, not in that state. */
  const stateDoubt = (
    iccid: string,
    due: 'enabled' | 'disabled',
    codes: { readonly isMissing: number; readonly isOther: number },
  ): string | undefined => {
    const known = profile(iccid);
    if (value === 0 && isNot(known, due)) return says(iccid, `was ${due}`);
    if (value === codes.isMissing && known) return says(iccid, 'is not there');
    const other = due === 'enabled' ? 'disabled' : 'enabled';
    return value === codes.isOther && isNot(known, other)
      ? says(iccid, `is not ${due}`)
      : undefined;
  };
  if ('enable' in operation && type === 'enableResult') {
    const { iccidOrAidNotFound: isMissing, profileNotInDisabledState: isOther } =
      EnableProfileResult;
    return stateDoubt(operation.enable.iccid, 'disabled', { isMissing, isOther });
  }
  if ('disable' in operation && type === 'disableResult') {
    const { iccidOrAidNotFound: isMissing, profileNotInEnabledState: isOther } =
      DisableProfileResult;
    return stateDoubt(operation.disable.iccid, 'enabled', { isMissing, isOther });
  }
  if ('delete' in operation && type === 'deleteResult') {
    const { iccidOrAidNotFound: isMissing, profileNotInDisabledState: isOther } =
      DeleteProfileResult;
    return stateDoubt(operation.delete.iccid, 'disabled', { isMissing, isOther });
  }
  if ('setFallbackAttribute' in operation && type === 'setFallbackAttributeResult') {
    const { iccid } = operation.setFallbackAttribute;
    const known = profile(iccid);
    if (value === 0 && known === undefined && !partial) return says(iccid, 'is there');
    const isMissing = value === SetFallbackAttributeResult.iccidOrAidNotFound;
    if (isMissing && known) return says(iccid, 'is not there');
  }
  if ('unsetFallbackAttribute' in operation && type === 'unsetFallbackAttributeResult') {
    const isNone = value === UnsetFallbackAttributeResult.noFallbackAttribute;
    if (isNone && list.some(({ fallback }) => fallback === true)) {
      return 'the eUICC says that no profile is the fallback profile';
    }
  }
  return undefined;
}

/** How the results fit what was known of the eIMs. */
export function eimsVerdict(
  known: EimList | undefined,
  operations: readonly EcoRequest[],
  results: readonly EuiccResultData[],
): Verdict {
  let verdict: Verdict = { settled: false };
  let picture = known;
  for (const [i, result] of results.entries()) {
    const operation = operations[i];
    if (result.type === 'listEimResult' && result.value.type === 'eimIdList') {
      verdict = { settled: true };
    } else if (picture !== undefined) {
      const doubt = unfinished(operation, result) ?? eimDoubt(picture, operation, result);
      if (doubt !== undefined) verdict = { ...verdict, doubt };
    }
    if (operation !== undefined) picture = eimsAfterOne(picture, operation, result, 0) ?? picture;
  }
  return verdict;
}

function eimDoubt(
  { list }: EimList,
  operation: EcoRequest | undefined,
  { type, value }: EuiccResultData,
): string | undefined {
  const eimId = operation === undefined ? undefined : nameOfEim(operation);
  if (eimId === undefined) return undefined;
  const isListed = list.some((one) => one.eimId === eimId);
  const says = (is: boolean) =>
    is === isListed
      ? undefined
      : `the eUICC says that eIM ${JSON.stringify(eimId)} is${is ? '' : ' not'} there`;
  switch (type) {
    case 'addEimResult':
      if (value.type === 'associationToken' || value.value === AddEimResultCode.ok)
        return says(false);
      return value.value === AddEimResultCode.associatedEimAlreadyExists ? says(true) : undefined;
    case 'deleteEimResult':
      if (value === DeleteEimResult.ok) return says(true);
      return value === DeleteEimResult.eimNotFound ? says(false) : undefined;
    case 'updateEimResult':
      if (value === UpdateEimResult.ok) return says(true);
      return value === UpdateEimResult.eimNotFound ? says(false) : undefined;
    default:
      return undefined;
  }
}

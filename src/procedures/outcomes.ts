/** The results of an eUICC Package's operations as an order's outcome, in the members and words of the REST API. */
import { toHex } from '../base/bytes.ts';
import { AddEimResultCode, EimIdInfo, ListEimError } from '../messages/eco.ts';
import { type EuiccResultData, ProcessingTerminated } from '../messages/euicc-package.ts';
import { type Names, nameOf } from '../messages/primitives.ts';
import { ProfileInfoListError, type ProfilePolicyAuthorisationRule } from '../messages/psmo.ts';
import { readable } from '../messages/readable.ts';
import { ProfileInfo } from '../messages/rsp.ts';
import type { Infer } from '../messages/schema.ts';
import type { PackageRequest } from '../orders/operations.ts';
import type { Outcome } from '../orders/order.ts';
import { psmoOutcome, type ResultName } from '../orders/outcome.ts';

/** The results that a bare INTEGER may be, by their operations. */
const integerResults = {
  enable: 'enableResult',
  disable: 'disableResult',
  delete: 'deleteResult',
  configureImmediateEnable: 'configureImmediateEnableResult',
  configureAutoEnable: 'configureImmediateEnableResult',
  setFallbackAttribute: 'setFallbackAttributeResult',
  unsetFallbackAttribute: 'unsetFallbackAttributeResult',
  deleteEim: 'deleteEimResult',
  updateEim: 'updateEimResult',
} as const;

/**
 * The results as the operations asked for have them. Some eUICCs answer a package of one operation with a bare
 * INTEGER, which reads as processingTerminated: where it is no number of that, it is the operation's.
 * See docs/interpretation-log.md#single-result-universal.
 */
export function asAsked(
  request: PackageRequest,
  results: readonly EuiccResultData[],
): readonly EuiccResultData[] {
  const [result] = results;
  const [operation, ...more] = 'psmo' in request ? request.psmo : request.eco;
  if (result?.type !== 'processingTerminated' || results.length !== 1 || more.length > 0) {
    return results;
  }
  const { value } = result;
  if (Object.values(ProcessingTerminated).some((known) => known === value)) return results;
  for (const [name, type] of Object.entries(integerResults)) {
    if (Object.hasOwn(operation ?? {}, name)) return [{ type, value }];
  }
  return results;
}

/** The results of the other operations. */
const otherResults = {
  listProfileInfo: 'listProfileInfoResult',
  getRAT: 'getRATResult',
  setDefaultDpAddress: 'setDefaultDpAddressResult',
  addEim: 'addEimResult',
  listEim: 'listEimResult',
} as const;

/** Whether each operation has its result, in order: one of another operation says nothing of it. */
export function isEachAnswered(
  request: PackageRequest,
  results: readonly EuiccResultData[],
): boolean {
  const operations: readonly object[] = 'psmo' in request ? request.psmo : request.eco;
  const types = Object.entries({ ...integerResults, ...otherResults });
  return operations.every((operation, i) =>
    types.some(([name, type]) => Object.hasOwn(operation, name) && results[i]?.type === type),
  );
}

/** One entry for each result, in order; a result of a later version is shown as its bytes. */
export function outcomesOf(
  request: PackageRequest,
  results: readonly EuiccResultData[],
): readonly Outcome[] {
  const operations = 'psmo' in request ? request.psmo : [];
  return results.map((result, i) =>
    outcomeOf(result, 'configureAutoEnable' in (operations[i] ?? {})),
  );
}

/** @param old whether the operation was asked for in the words of SGP.32 v1.0 */
function outcomeOf(result: EuiccResultData, old: boolean): Outcome {
  switch (result.type) {
    case 'listProfileInfoResult':
      return { listProfileInfoResult: listProfileInfoResult(result.value) };
    case 'setDefaultDpAddressResult':
      return psmoOutcome(result.type, result.value.setDefaultDpAddressResult);
    case 'getRATResult':
      return { getRATResult: result.value.map(rule) };
    case 'addEimResult':
      return { addEimResult: addEimResult(result.value) };
    case 'listEimResult':
      return { listEimResult: listEimResult(result.value) };
    case 'unknown':
      return { unknownResult: toHex(result.value) };
    case 'configureImmediateEnableResult':
      return psmoOutcome(old ? 'configureAutoEnableResult' : result.type, result.value);
    default:
      return psmoOutcome(result.type satisfies ResultName, result.value);
  }
}

type ValueOf<Type extends EuiccResultData['type']> = Extract<
  EuiccResultData,
  { readonly type: Type }
>['value'];

/** Members that are not of the drop-in API are left out there: rest/drop-in-outcome.ts. */
function listProfileInfoResult(result: ValueOf<'listProfileInfoResult'>): unknown {
  if (result.type === 'profileInfoListError') {
    const profileInfoListError = named(ProfileInfoListError, result.value);
    return { finalResult: 'errorResult', profileInfoListError };
  }
  const profileInfoList = result.value.map((profile) => readable(ProfileInfo, profile));
  return { finalResult: 'successResult', profileInfoList };
}

function rule({
  pprIds,
  allowedOperators,
  pprFlags,
}: Infer<typeof ProfilePolicyAuthorisationRule>): unknown {
  return {
    pprUpdateControl: pprIds.includes('pprUpdateControl'),
    ppr1: pprIds.includes('ppr1'),
    ppr2: pprIds.includes('ppr2'),
    allowedOperators: allowedOperators.map(({ mccMnc, gid1, gid2 }) => ({
      mccMnc: toHex(mccMnc),
      ...(gid1 === undefined ? {} : { gid1: toHex(gid1) }),
      ...(gid2 === undefined ? {} : { gid2: toHex(gid2) }),
    })),
    consentRequired: pprFlags.includes('consentRequired'),
  };
}

function addEimResult(result: ValueOf<'addEimResult'>): unknown {
  if (result.type === 'addEimResultCode') {
    return { addEimResultCode: named(AddEimResultCode, result.value) };
  }
  return { addEimResultCode: 'ok', associationToken: result.value };
}

function listEimResult(result: ValueOf<'listEimResult'>): unknown {
  if (result.type === 'listEimError') {
    return { finalResult: 'errorResult', listEimError: named(ListEimError, result.value) };
  }
  const eimIdList = result.value.map((eim) => readable(EimIdInfo, eim));
  return { finalResult: 'successResult', eimIdList };
}

function named(names: Names, value: number): string | number {
  const name = nameOf(names, value);
  return Object.hasOwn(names, name) ? name : value;
}

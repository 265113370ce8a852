/** The results of an eUICC Package's operations as an order's outcome, in the members and words of the REST API. */
import { toHex } from '../base/bytes.ts';
import { type EuiccResultData, ProcessingTerminated } from '../messages/euicc-package.ts';
import { nameOf } from '../messages/primitives.ts';
import { IconType, ProfileClass, type ProfileInfo, ProfileState } from '../messages/rsp.ts';
import type { OrderRequest, Outcome } from '../orders/order.ts';
import { psmoOutcome } from '../orders/outcome.ts';

/**
 * The results as the operations asked for have them. Some eUICCs answer a package of one operation with a bare
 * INTEGER, which reads as processingTerminated: where it is no number of that, it is the operation's.
 * See docs/interpretation-log.md#single-result-universal.
 */
export function asAsked(
  request: OrderRequest,
  results: readonly EuiccResultData[],
): readonly EuiccResultData[] {
  const [result] = results;
  if (!('psmo' in request) || request.psmo.length !== 1 || results.length !== 1) return results;
  if (result?.type !== 'processingTerminated') return results;
  const { value } = result;
  if (Object.values(ProcessingTerminated).some((known) => known === value)) return results;
  const [operation = {}] = request.psmo;
  if ('enable' in operation) return [{ type: 'enableResult', value }];
  if ('disable' in operation) return [{ type: 'disableResult', value }];
  if ('delete' in operation) return [{ type: 'deleteResult', value }];
  return results;
}

/** One entry for each result, in order; a result of a later version is shown as its bytes. */
export function outcomesOf(results: readonly EuiccResultData[]): readonly Outcome[] {
  return results.map(outcomeOf);
}

function outcomeOf(result: EuiccResultData): Outcome {
  switch (result.type) {
    case 'listProfileInfoResult':
      return result.value.type === 'profileInfoListOk'
        ? {
            listProfileInfoResult: {
              finalResult: 'successResult',
              profileInfoList: result.value.value.map(profile),
            },
          }
        : { listProfileInfoResult: { finalResult: 'errorResult' } };
    case 'setDefaultDpAddressResult':
      return psmoOutcome(result.type, result.value.setDefaultDpAddressResult);
    case 'getRATResult':
    case 'addEimResult':
    case 'listEimResult':
      // This eIM orders none of these yet.
      return { [result.type]: 'not built yet' };
    case 'unknown':
      return { unknownResult: toHex(result.value) };
    default:
      return psmoOutcome(result.type, result.value);
  }
}

function profile(info: ProfileInfo): Readonly<Record<string, unknown>> {
  const members: readonly (readonly [string, unknown])[] = [
    ['iccid', info.iccid && toHex(info.iccid)],
    ['isdpAid', info.isdpAid && toHex(info.isdpAid)],
    ['profileState', named(ProfileState, info.profileState)],
    ['profileNickname', info.profileNickname],
    ['serviceProviderName', info.serviceProviderName],
    ['profileName', info.profileName],
    ['iconType', named(IconType, info.iconType)],
    ['icon', info.icon && toHex(info.icon)],
    ['profileClass', named(ProfileClass, info.profileClass)],
  ];
  return Object.fromEntries(members.filter(([, value]) => value !== undefined));
}

function named(
  names: Readonly<Record<string, number>>,
  value: number | undefined,
): string | undefined {
  return value === undefined ? undefined : nameOf(names, value);
}

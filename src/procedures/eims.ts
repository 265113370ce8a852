/** The eIM's picture of the eIMs that an eUICC is associated with, brought up to date by what the eUICC proved. */
import { hex } from '../base/bytes.ts';
import type { EimList } from '../fleet/euiccs.ts';
import { DeleteEimResult, EimConfigurationData } from '../messages/eco.ts';
import type { EuiccResultData } from '../messages/euicc-package.ts';
import type { EcoRequest } from '../orders/order.ts';

/** The eIMs after these results, `now` in milliseconds since 1970; undefined where nothing is known anew. */
export function eimsAfter(
  known: EimList | undefined,
  operations: readonly EcoRequest[],
  results: readonly EuiccResultData[],
  now: number,
): EimList | undefined {
  let after = known;
  for (const [i, result] of results.entries()) {
    const operation = operations[i];
    if (operation === undefined) break;
    after = eimsAfterOne(after, operation, result, now) ?? after;
  }
  return after === known ? undefined : after;
}

export function eimsAfterOne(
  known: EimList | undefined,
  operation: EcoRequest,
  result: EuiccResultData,
  now: number,
): EimList | undefined {
  if (result.type === 'listEimResult') {
    if (result.value.type !== 'eimIdList') return undefined;
    const list = result.value.value.map(({ eimId, eimIdType }) => one(eimId, eimIdType));
    return { since: now, list };
  }
  if (result.type === 'deleteEimResult' && 'deleteEim' in operation) {
    if (result.value === DeleteEimResult.lastEimDeleted) return { since: now, list: [] };
    if (result.value !== DeleteEimResult.ok || known === undefined) return undefined;
    const { eimId } = operation.deleteEim;
    return { ...known, list: known.list.filter((each) => each.eimId !== eimId) };
  }
  if (result.type === 'addEimResult' && 'addEim' in operation && known !== undefined) {
    const { type, value } = result.value;
    if (type === 'addEimResultCode' && value !== 0) return undefined;
    const { eimId, eimIdType } = configurationOf(operation.addEim);
    const others = known.list.filter((each) => each.eimId !== eimId);
    return { ...known, list: [...others, one(eimId, eimIdType)] };
  }
  return undefined;
}

function one(eimId: string, eimIdType: number | undefined): EimList['list'][number] {
  return { eimId, ...(eimIdType === undefined ? {} : { eimIdType }) };
}

/** The eIM that an eCO is about; undefined where it is about all. */
export function nameOfEim(operation: EcoRequest): string | undefined {
  if ('addEim' in operation) return configurationOf(operation.addEim).eimId;
  if ('updateEim' in operation) return configurationOf(operation.updateEim).eimId;
  return 'deleteEim' in operation ? operation.deleteEim.eimId : undefined;
}

export function configurationOf(operation: {
  readonly eimConfigurationData: string;
}): EimConfigurationData {
  return EimConfigurationData.decode(hex(operation.eimConfigurationData));
}

/** Whether the eIM can sign what is ordered, and will be able to afterwards: said when it is ordered. */
import { equal, hex } from '../base/bytes.ts';
import { counterReserve, type EuiccRecord, largestCounter } from '../fleet/euiccs.ts';
import { EimConfigurationData } from '../messages/eco.ts';
import { eimKeyOf } from '../orders/eim-key.ts';
import { isPackageRequest } from '../orders/operations.ts';
import type { OrderRequest } from '../orders/order.ts';
import { ApiError, badInput } from './api/errors.ts';
import type { Desk } from './desk.ts';

/**
 * Throws ApiError 409 where the eUICC's counterValues are used up for this order, and 400 where it would give the card a
 * key for this eIM that this eIM does not have; `field` names it in the request.
 */
export function refuseUnsignable(
  desk: Desk,
  { counterValue }: EuiccRecord,
  request: OrderRequest,
  field: string,
): void {
  if (!isPackageRequest(request)) return;
  const reserve = 'eco' in request ? 0 : counterReserve;
  if (counterValue >= largestCounter - reserve) {
    throw new ApiError(409, 'conflict', usedUp(counterValue), field);
  }
  if (!('eco' in request)) return;
  const { eimId } = desk.info();
  for (const operation of request.eco) {
    const given =
      'updateEim' in operation
        ? operation.updateEim
        : 'addEim' in operation
          ? operation.addEim
          : undefined;
    const configuration = given && EimConfigurationData.decode(hex(given.eimConfigurationData));
    if (configuration?.eimId !== eimId || configuration.eimPublicKeyData === undefined) continue;
    const key = eimKeyOf(configuration);
    if (key !== undefined && desk.signingKeys.some((own) => equal(own, key))) continue;
    throw badInput(
      field,
      'would give the eUICC a key of this eIM that this eIM does not have: name it in eim.signing.otherKeys first',
    );
  }
}

function usedUp(counterValue: number): string {
  return (
    `the counter of this eUICC is used up (${counterValue} of ${largestCounter}): ` +
    "have updateEim give it a new key of this eIM and a new counterValue (docs/operations.md, 'Counters')"
  );
}

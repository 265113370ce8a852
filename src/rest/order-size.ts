/** How large an eUICC Package may become: said when it is ordered, not by the eUICC days later (sizeOverflow). */
import { isPackageRequest, packageOctets } from '../orders/operations.ts';
import type { OrderRequest } from '../orders/order.ts';
import { badInput } from './api/errors.ts';
import type { Desk } from './desk.ts';

/** Throws ApiError where the package of these operations would be longer than eUICCs are taken to hold. */
export function refuseOverlong(desk: Desk, request: OrderRequest, field: string): void {
  if (!isPackageRequest(request)) return;
  const octets = packageOctets(desk.info().eimId, request);
  if (octets <= desk.packageLimit) return;
  throw badInput(
    field,
    `make an eUICC Package of ${octets} octets, more than the ${desk.packageLimit} of orders.packageLimit: ` +
      'place them in several orders',
  );
}

/** What a device can take, by the version of SGP.32 that it speaks and by what its IPA told, where an order is placed. */
import type { EuiccRecord } from '../fleet/euiccs.ts';
import { levelOf } from '../fleet/protocol-level.ts';
import { beyondMode } from '../orders/download-mode.ts';
import { beyondLevel } from '../orders/levels.ts';
import type { OrderRequest } from '../orders/order.ts';
import { ApiError } from './api/errors.ts';

/** Throws ApiError 409 where the eUICC's device cannot take the order; `field` names it in the request. */
export function refuseBeyond(euicc: EuiccRecord, request: OrderRequest, field: string): void {
  const beyond = beyondLevel(levelOf(euicc), request) ?? beyondMode(euicc, request);
  if (beyond !== undefined) throw new ApiError(409, 'conflict', beyond, field);
}

/** The steps of a submission as one order: one eUICC Package, one data request, or one download. */
import type { EcoRequest, Facility, OrderRequest, PsmoRequest } from '../orders/order.ts';
import { ApiError, badInput } from './api/errors.ts';
import { refuseUnbuiltDownload, type Step } from './api/orders.ts';

interface Wanted {
  readonly facility: Facility;
  readonly request: OrderRequest;
}

/** Throws ApiError where the steps cannot travel together. */
export function requestOf(steps: readonly Step[]): Wanted {
  const psmo: PsmoRequest[] = [];
  const eco: EcoRequest[] = [];
  for (const step of steps) {
    if ('download' in step) return download(step, steps.length);
    if ('edr' in step) {
      if (steps.length === 1) return { facility: 'edr', request: step };
      throw badInput('steps', 'a data request stands alone: order it, then the rest');
    }
    if (isEco(step)) eco.push(step);
    else psmo.push(step);
  }
  if (eco.length === 0) return { facility: 'psmo', request: { psmo } };
  if (psmo.length === 0) return { facility: 'eco', request: { eco } };
  throw badInput(
    'steps',
    'an eUICC Package has operations on profiles or on eIMs, never both: place two orders',
  );
}

function download(step: Extract<Step, { download: unknown }>, steps: number): Wanted {
  if (steps > 1) {
    throw new ApiError(
      501,
      'notBuilt',
      'a download beside other steps is not built yet: order it alone, then the rest',
      'steps',
    );
  }
  refuseUnbuiltDownload(step.download.activationCode, 'steps[0].download.activationCode');
  return { facility: 'download', request: step };
}

function isEco(step: Step): step is Extract<Step, EcoRequest> {
  return 'addEim' in step || 'updateEim' in step || 'deleteEim' in step || 'listEim' in step;
}

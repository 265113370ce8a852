/**
 * The steps of a submission as one order. Operations on profiles travel together in one eUICC Package, as do those on
 * eIMs; what cannot travel together becomes a whole order, a stage behind the other.
 */
import type { EcoRequest, Facility, OrderRequest, StageRequest } from '../orders/order.ts';
import { badInput } from './api/errors.ts';
import type { Step } from './api/steps.ts';
import { checkConfirmation } from './confirmation.ts';

interface Wanted {
  readonly facility: Facility;
  readonly request: OrderRequest;
}

/** Throws ApiError where the steps make no order. */
export function requestOf(steps: readonly Step[]): Wanted {
  const stages = stagesOf(steps);
  const [stage, ...more] = stages;
  if (stage === undefined || more.length > 0) {
    return { facility: 'whole', request: { whole: stages } };
  }
  if ('download' in stage) return { facility: 'download', request: stage };
  if ('psmo' in stage) return { facility: 'psmo', request: stage };
  if ('eco' in stage) return { facility: 'eco', request: stage };
  if ('edr' in stage) return { facility: 'edr', request: stage };
  throw badInput('steps', 'hold nothing that is to be confirmed');
}

/** One step after the other, each in the package of the one before where it fits there. */
function stagesOf(steps: readonly Step[]): readonly StageRequest[] {
  const isWhole = steps.some((step) => 'download' in step || 'edr' in step || 'confirm' in step);
  const stages: StageRequest[] = [];
  /** Whether a package goes on: what stands behind an enable waits for the device to have reported it. */
  let open = false;
  for (const [i, step] of steps.entries()) {
    const stage = stageOf(step, steps, i);
    const last = stages.at(-1);
    if (open && last !== undefined && 'psmo' in last && 'psmo' in stage) {
      stages[stages.length - 1] = { psmo: [...last.psmo, ...stage.psmo] };
    } else if (open && last !== undefined && 'eco' in last && 'eco' in stage) {
      stages[stages.length - 1] = { eco: [...last.eco, ...stage.eco] };
    } else {
      stages.push(stage);
    }
    open = !(isWhole && 'enable' in step);
  }
  return stages;
}

function stageOf(step: Step, steps: readonly Step[], at: number): StageRequest {
  const field = `steps[${at}]`;
  if ('download' in step) {
    checkConfirmation(step.download, `${field}.download`);
    return step;
  }
  if ('edr' in step) return step;
  if ('confirm' in step) {
    if (at > 0) return step;
    throw badInput(`${field}.confirm`, 'must stand behind what it confirms');
  }
  if ('enable' in step) return enable(step.enable, steps[at - 1], `${field}.enable.iccid`);
  return isEco(step) ? { eco: [step] } : { psmo: [step] };
}

function enable(
  { iccid, ...rest }: Extract<Step, { enable: unknown }>['enable'],
  before: Step | undefined,
  field: string,
): StageRequest {
  if (iccid !== undefined) return { psmo: [{ enable: { iccid, ...rest } }] };
  if (before !== undefined && 'download' in before) return { enableInstalled: rest };
  throw badInput(field, 'may be left out right behind a download alone');
}

type Operation = Exclude<
  Step,
  { download: unknown } | { edr: unknown } | { confirm: unknown } | { enable: unknown }
>;

function isEco(step: Operation): step is Extract<Operation, EcoRequest> {
  return 'addEim' in step || 'updateEim' in step || 'deleteEim' in step || 'listEim' in step;
}

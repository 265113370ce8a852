/**
 * Orders of facility `euicc`: they change or tell what the eIM knows of a eUICC, never reach the device, and are done
 * at once. Old form: a list of parameters to set; new form: `set` or `get`.
 */
import { z } from 'zod';
import { hex, toHex } from '../base/bytes.ts';
import type { EuiccPatch, EuiccRecord } from '../fleet/euiccs.ts';
import type { Eid } from '../messages/ids.ts';
import type { Outcome } from '../orders/order.ts';
import { ApiError, check } from './api/errors.ts';
import { EuiccChange } from './api/euiccs.ts';
import type { Desk } from './desk.ts';
import { curveOf } from './euicc-key.ts';
import { ownSigningKey, signingPoint } from './own-signing-key.ts';

const scalar = z.union([z.string(), z.number(), z.boolean(), z.null()]);

/** Of any name, and of any value that a parameter could have: orders are kept as they were posted. */
const parameters = z
  .array(z.record(z.string(), z.union([scalar, z.array(scalar)])))
  .min(1)
  .max(32);

/** What facility `euicc` takes. */
export const EuiccOrder = z.strictObject({
  euicc: z
    .union([
      parameters,
      z.strictObject({ set: parameters.describe('as PATCH /v1/euiccs/:eid names them') }),
      z.strictObject({
        get: z.array(z.string()).min(1).max(32).describe('names of what is asked for'),
      }),
    ])
    .describe('what to set, or to tell, of what the eIM knows of the eUICC'),
});
type EuiccOrder = z.infer<typeof EuiccOrder>;

/** Runs the order and keeps it as done; gives its id. Throws ApiError where its form is none of the three. */
export async function runEuiccOrder(desk: Desk, eid: Eid, posted: unknown): Promise<string> {
  const order = check(EuiccOrder, posted, 'order');
  const known = await desk.euiccs.ensure(eid);
  const { id } = await desk.orders.submit({ eid, facility: 'euicc', request: order });
  const outcome = await run(desk, known, order.euicc);
  const word = outcome.euiccUpdateResult ?? 'ok';
  await desk.orders.finish(id, {
    success: word === 'ok',
    outcome: [outcome],
    reason: word === 'ok' ? '' : 'a parameter is unknown or its value is not in its format',
  });
  return id;
}

async function run(desk: Desk, known: EuiccRecord, order: EuiccOrder['euicc']): Promise<Outcome> {
  if ('get' in order) {
    const unknown = order.get.filter((name) => !isParameter(name));
    if (unknown.length > 0) return { euiccUpdateResult: 'badParam' };
    return { euiccStateResult: order.get.map((name) => ({ [name]: told(known, name) })) };
  }
  const list = 'set' in order ? order.set : order;
  const change = changeOf(list);
  if (typeof change === 'string') return { euiccUpdateResult: change };
  try {
    await setFacts(desk, known.eid, change);
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    return { euiccUpdateResult: 'badParamFormat' };
  }
  return 'set' in order ? { euiccStateResult: list } : { euiccUpdateResult: 'ok' };
}

/** What to set, or what is wrong with it. */
function changeOf(list: z.infer<typeof parameters>): EuiccChange | 'badParam' | 'badParamFormat' {
  const names = list.flatMap((parameter) => Object.keys(parameter));
  if (!names.every(isParameter)) return 'badParam';
  const { success, data } = EuiccChange.safeParse(Object.assign({}, ...list));
  return success ? data : 'badParamFormat';
}

/** Sets what the operator says, and gives the record. Throws ApiError where a key is to be this eIM's, and is not. */
export async function setFacts(desk: Desk, eid: Eid, change: EuiccChange): Promise<EuiccRecord> {
  const { signPubKey, signingKey, level, ...facts } = change;
  const own = typeof signingKey === 'string' ? ownSigningKey(desk, signingKey) : undefined;
  if (signingKey === null) await desk.euiccs.takeBack(eid, 'signingKey');
  if (signPubKey === null) await desk.euiccs.takeBack(eid, 'publicKey');
  const signAlgo = typeof signPubKey === 'string' ? curveOf(signPubKey) : undefined;
  const patch: EuiccPatch = {
    ...(signAlgo === undefined ? {} : { signAlgo }),
    ...facts,
    ...(level === undefined ? {} : { levelSet: level }),
    ...(typeof signPubKey === 'string' ? { publicKey: hex(signPubKey) } : {}),
    ...(own === undefined ? {} : { signingKey: own }),
  };
  const at = desk.clock.now();
  return desk.euiccs.update(eid, patch, { at, source: 'the operator', sure: 'set' });
}

function isParameter(name: string): boolean {
  return Object.hasOwn(EuiccChange.shape, name);
}

function told(euicc: EuiccRecord, name: string): unknown {
  if (name === 'signPubKey') return euicc.publicKey === undefined ? '' : toHex(euicc.publicKey);
  if (name === 'signingKey') return signingPoint(euicc) ?? '';
  if (name === 'level') return euicc.levelSet ?? 'learned';
  return Reflect.get(euicc, name);
}

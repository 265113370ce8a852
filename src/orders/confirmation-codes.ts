/**
 * Confirmation codes of downloads (SGP.22 3.1.1.3): what an order was given is kept apart from it, hashed and sealed, and
 * goes when the order ends, or the stage of a whole order that it was given for. The order itself says `given`.
 *
 * ```
 *   order-confirmation!<order id>/<stage>   SHA-256 of the code, sealed for this very row
 * ```
 */
import { createHash } from 'node:crypto';
import { concat, utf8 } from '../base/bytes.ts';
import type { SecretBox } from '../base/secret-box.ts';
import { type Change, put, remove, type Store, table } from '../store/store.ts';
import type { Order, OrderRequest, StageRequest } from './order.ts';

const codes = table<Uint8Array>('order-confirmation');

/** What an order holds in a code's place. */
export const given = 'given';

/** The changes that keep the codes of a request, and the request without them. */
export function takeCodes(
  box: SecretBox,
  orderId: string,
  request: OrderRequest,
): { readonly request: OrderRequest; readonly changes: readonly Change[] } {
  const changes = stagesWithCode(request).map(([stage, code]) => {
    const key = keyOf(orderId, stage);
    return put(codes, key, box.seal(sha256(utf8(code)), placeOf(key)));
  });
  return changes.length === 0 ? { request, changes } : { request: withoutCodes(request), changes };
}

/** The changes that forget the codes of an order. */
export function dropCodes({ id, request }: Pick<Order, 'id' | 'request'>): readonly Change[] {
  return stagesWithCode(request).map(([stage]) => remove(codes, keyOf(id, stage)));
}

/** The changes that forget the codes of those stages of an order that have ended with this step. */
export function dropCodesOfStages(before: Order, after: Order): readonly Change[] {
  const isDone = ({ stages }: Order, at: number) => stages?.[at]?.state.at === 'done';
  return stagesWithCode(after.request)
    .filter(([stage]) => isDone(after, stage) && !isDone(before, stage))
    .map(([stage]) => remove(codes, keyOf(after.id, stage)));
}

/**
 * hashCc of a session (SGP.22 5.7.5): SHA-256 of the code's SHA-256 and the transactionId. Undefined where this stage of
 * the order was given no code, or has ended. Throws SecretError.
 */
export async function hashCcOf(
  store: Store,
  box: SecretBox,
  orderId: string,
  stage: number,
  transactionId: Uint8Array,
): Promise<Uint8Array | undefined> {
  const key = keyOf(orderId, stage);
  const sealed = await store.get(codes, key);
  if (sealed === undefined) return undefined;
  return sha256(concat(box.open(sealed, placeOf(key)), transactionId));
}

/** Seals with the key of now what a key of before sealed. Throws SecretError. */
export async function resealCodes(store: Store, box: SecretBox): Promise<void> {
  const stale = (await store.list(codes)).filter(([, sealed]) => !box.isCurrent(sealed));
  if (stale.length === 0) return;
  await store.commit(
    stale.map(([key, sealed]) => {
      const place = placeOf(key);
      return put(codes, key, box.seal(box.open(sealed, place), place));
    }),
  );
}

function stagesOf(request: OrderRequest): readonly (OrderRequest | StageRequest)[] {
  return 'whole' in request ? request.whole : [request];
}

function stagesWithCode(request: OrderRequest): readonly (readonly [number, string])[] {
  return stagesOf(request).flatMap((stage, i) => {
    const code = 'download' in stage ? stage.download.confirmationCode : undefined;
    return code === undefined ? [] : [[i, code] as const];
  });
}

function withoutCodes(request: OrderRequest): OrderRequest {
  if ('whole' in request) return { whole: request.whole.map(withoutCode) };
  return 'download' in request ? withoutCode(request) : request;
}

function withoutCode<T extends StageRequest>(stage: T): T {
  if (!('download' in stage) || stage.download.confirmationCode === undefined) return stage;
  return { ...stage, download: { ...stage.download, confirmationCode: given } };
}

function keyOf(orderId: string, stage: number): string {
  return `${orderId}/${stage}`;
}

function placeOf(key: string): string {
  return `order-confirmation!${key}`;
}

function sha256(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(createHash('sha256').update(bytes).digest());
}

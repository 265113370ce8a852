/** Orders from a file of rows (checked-rows.ts). */
import { createHash } from 'node:crypto';
import { utf8 } from '../base/bytes.ts';
import { ApiError, check } from '../rest/api/errors.ts';
import { OrderSubmission } from '../rest/api/orders.ts';
import { type CheckedRows, checkedRows } from './checked-rows.ts';
import type { PostedOrder } from './client.ts';
import { confirmOf } from './confirm.ts';
import { CliError } from './exit.ts';
import type { RowShape } from './row-file.ts';

/** An order, and the line where it begins. */
export interface OrderLine {
  readonly line: number;
  readonly order: PostedOrder;
  /** The same for the same order: under it the eIM places it once. */
  readonly key: string;
}

const shape: RowShape = {
  plural: 'orders',
  names: {
    eid: 'eid',
    operation: 'operation',
    activationcode: 'activationCode',
    ac: 'activationCode',
    smds: 'smds',
    confirmationcode: 'confirmationCode',
    mode: 'mode',
    iccid: 'iccid',
    enable: 'enable',
    rollback: 'rollback',
    confirm: 'confirm',
    push: 'push',
    steps: 'steps',
  },
  memberOf: (name, text) => {
    const isFlag = ['enable', 'rollback', 'push'].includes(name);
    return isFlag ? ({ yes: true, true: true, no: false, false: false }[text] ?? text) : text;
  },
};

/** `again` sets the keys of this import apart from those of an earlier one. Throws CliError where the file cannot be read. */
export function readOrderFile(text: string, again = ''): CheckedRows<Omit<OrderLine, 'line'>> {
  return checkedRows(text, {
    ...shape,
    thing(members) {
      const order = orderOf(members);
      return { order, key: keyOf(again, checked(order)) };
    },
    same: ({ key }) => key,
    twice: (line) => ({ field: '', message: `is the same order as line ${line}` }),
  });
}

/** Throws ApiError that names the column. */
function checked(order: PostedOrder): OrderSubmission {
  try {
    return check(OrderSubmission, order);
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    throw new ApiError(error.status, error.code, error.message, columnOf(error.field));
  }
}

/** Operations that a column names, by their members of a step; all others stand in `steps`. */
const operations: Readonly<Record<string, string>> = {
  enable: 'enable',
  disable: 'disable',
  delete: 'delete',
  profiles: 'listProfileInfo',
  rat: 'getRAT',
};

/** Throws ApiError that names the column. */
function orderOf(row: Readonly<Record<string, unknown>>): PostedOrder {
  const { eid, steps, push, ...step } = row;
  return {
    eid: typeof eid === 'string' ? eid : '',
    steps: Array.isArray(steps) ? steps : stepsOf(step),
    ...(push === undefined || push === false ? {} : { push: push as boolean }),
  };
}

function stepsOf(row: Readonly<Record<string, unknown>>): readonly object[] {
  const { operation = 'download', enable, rollback, confirm, iccid, smds, ...download } = row;
  if (operation !== 'download') {
    const name = typeof operation === 'string' ? operations[operation] : undefined;
    if (name === undefined) {
      const due = ['download', ...Object.keys(operations)].join(', ');
      throw new ApiError(
        400,
        'badInput',
        `must be one of ${due}; others go into steps`,
        'operation',
      );
    }
    return [
      {
        [name]: {
          ...(iccid === undefined ? {} : { iccid }),
          ...(rollback === undefined ? {} : { rollback }),
          ...download,
        },
      },
    ];
  }
  return [
    { download: { ...download, ...sourceOf(smds) } },
    ...(enable === true ? [{ enable: rollback === true ? { rollback } : {} }] : []),
    ...(confirm === undefined ? [] : [{ confirm: confirmIn(confirm) }]),
  ];
}

function confirmIn(cell: unknown): object {
  try {
    return confirmOf(String(cell));
  } catch (error) {
    if (!(error instanceof CliError)) throw error;
    throw new ApiError(400, 'badInput', error.message, 'confirm');
  }
}

/** `root`: the root SM-DS that the eUICC knows; `default`: its default SM-DP+; else the address of an SM-DS. */
function sourceOf(smds: unknown): object {
  if (smds === undefined) return {};
  if (smds === 'default') return { defaultSmdp: true };
  return { smds: smds === 'root' ? {} : { address: smds } };
}

/** The column of a field of an order: `steps[0].download.activationCode` → `activationCode`. */
export function columnOf(field = ''): string {
  const name = /[A-Za-z]+(?=(\[[0-9]+\])?$)/.exec(field)?.[0];
  return name === 'steps' || name === undefined ? field : name;
}

/**
 * As it is checked, so that spaces and spellings make no difference. A confirmation code has no part in it: the eIM keeps
 * keys, and a hash of it would be as good as the code.
 */
function keyOf(again: string, { eid, steps, push = false }: OrderSubmission): string {
  const text = JSON.stringify([again, eid, steps, push], (name, value: unknown) =>
    name === 'confirmationCode' ? '' : value,
  );
  return createHash('sha256').update(utf8(text)).digest('hex').slice(0, 40);
}

/** The errors of the REST API, and the check of what comes in. */
import type { z } from 'zod';
import { inWords } from '../../base/complaints.ts';

/** The codes of errors: what scripts may rely on, where wording may change. */
export type ApiErrorCode =
  | 'badInput'
  | 'unauthorized'
  | 'forbidden'
  | 'notFound'
  | 'methodNotAllowed'
  | 'conflict'
  | 'tooLarge'
  | 'unsupportedMediaType'
  | 'notBuilt'
  | 'busy'
  | 'internal';

/** A request that is not granted; server.ts turns it into `{ error: { code, message, field? } }` with its status. */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  readonly status: number;
  readonly code: ApiErrorCode;
  /** The member of the request that is wrong, such as `steps[0].enable.iccid`. */
  readonly field: string | undefined;

  constructor(status: number, code: ApiErrorCode, complaint: string, field?: string) {
    super(complaint);
    this.status = status;
    this.code = code;
    this.field = field;
  }
}

/** The body of every error answer. */
export interface ErrorBody {
  readonly error: {
    readonly code: ApiErrorCode;
    readonly message: string;
    readonly field?: string;
  };
}

/** The value that `schema` makes of `input`. Throws ApiError 400 that names the field, below `at`. */
export function check<Value>(schema: z.ZodType<Value>, input: unknown, at = ''): Value {
  const result = schema.safeParse(input, { error: inWords });
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  const path = [...(at === '' ? [] : [at]), ...(issue?.path ?? [])];
  if (issue?.code === 'unrecognized_keys') {
    const [key = ''] = issue.keys;
    throw badInput(fieldName([...path, key]), 'there is no such member');
  }
  throw badInput(fieldName(path), issue?.message ?? 'is not understood');
}

/** ApiError 400 for a field; '' for the whole body. */
export function badInput(field: string, complaint: string): ApiError {
  return new ApiError(400, 'badInput', complaint, field === '' ? undefined : field);
}

function fieldName(path: readonly PropertyKey[]): string {
  let name = '';
  for (const part of path) {
    if (typeof part === 'number') name += `[${part}]`;
    else name += name === '' ? String(part) : `.${String(part)}`;
  }
  return name;
}

/** The errors of the REST API, and the check of what comes in. */
import { z } from 'zod';
import { inWords } from '../../base/complaints.ts';

/** The codes of errors: what scripts may rely on, where wording may change. */
const codes = [
  'badInput',
  'unauthorized',
  'forbidden',
  'notFound',
  'methodNotAllowed',
  'conflict',
  'keyReused',
  'tooLarge',
  'unsupportedMediaType',
  'tooManyRequests',
  'busy',
  'internal',
] as const;
export type ApiErrorCode = (typeof codes)[number];

/** A request that is not granted; server.ts turns it into `{ error: { code, message, field? } }` with its status. */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  readonly status: number;
  readonly code: ApiErrorCode;
  /** The member of the request that is wrong, such as `steps[0].enable.iccid`. */
  readonly field: string | undefined;
  /** Seconds after which it may be tried again. */
  readonly retryAfter: number | undefined;

  constructor(
    status: number,
    code: ApiErrorCode,
    complaint: string,
    field?: string,
    retryAfter?: number,
  ) {
    super(complaint);
    this.retryAfter = retryAfter;
    this.status = status;
    this.code = code;
    this.field = field;
  }
}

/** The body of every error answer. */
export const ErrorBody = z.strictObject({
  error: z
    .strictObject({
      code: z.enum(codes).describe('For programs: it may be relied on'),
      message: z.string().describe('For people: what is wrong, and what to do'),
      field: z
        .string()
        .exactOptional()
        .describe('The member of the request that is wrong, such as `steps[0].enable.iccid`'),
    })
    .describe('Why the request is not granted'),
});
export type ErrorBody = z.infer<typeof ErrorBody>;

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

/** Methods and response codes (RFC 7252 section 12.1), written as the RFCs print them: `2.05`. */

/** Response codes by name (RFC 7252 section 5.9, RFC 7959 section 2.9, RFC 8132, RFC 8516). */
export const Code = {
  created: '2.01',
  deleted: '2.02',
  valid: '2.03',
  changed: '2.04',
  content: '2.05',
  continue: '2.31',
  badRequest: '4.00',
  unauthorized: '4.01',
  badOption: '4.02',
  forbidden: '4.03',
  notFound: '4.04',
  methodNotAllowed: '4.05',
  notAcceptable: '4.06',
  requestEntityIncomplete: '4.08',
  conflict: '4.09',
  preconditionFailed: '4.12',
  requestEntityTooLarge: '4.13',
  unsupportedContentFormat: '4.15',
  unprocessableEntity: '4.22',
  tooManyRequests: '4.29',
  internalServerError: '5.00',
  notImplemented: '5.01',
  badGateway: '5.02',
  serviceUnavailable: '5.03',
  gatewayTimeout: '5.04',
  proxyingNotSupported: '5.05',
} as const;
/** A response code as text: class, full stop, two digits. */
export type Code = `${2 | 4 | 5}.${number}`;

/** Method codes (RFC 7252 section 12.1.1, RFC 8132 section 6). */
export const MethodCode = {
  GET: '0.01',
  POST: '0.02',
  PUT: '0.03',
  DELETE: '0.04',
  FETCH: '0.05',
  PATCH: '0.06',
  iPATCH: '0.07',
} as const;
export type Method = keyof typeof MethodCode;

const methods: ReadonlyMap<string, Method> = new Map(
  Object.entries(MethodCode).map(([name, code]) => [code, name as Method]),
);

/** The code of the Empty message: ping, empty ACK, RST (RFC 7252 section 4.1). */
export const empty = '0.00';

/** Each code as it is written, by its octet: class(3) detail(5). */
const texts: readonly string[] = Array.from(
  { length: 256 },
  (_, octet) => `${octet >> 5}.${`${octet & 31}`.padStart(2, '0')}`,
);

/** A message's code, of its octet. */
export function codeOf(octet: number): string {
  return texts[octet] ?? empty;
}

/** A code's octet. */
export function octetOf(code: string): number {
  return (digitAt(code, 0) << 5) | (digitAt(code, 2) * 10 + digitAt(code, 3));
}

function digitAt(code: string, at: number): number {
  return code.charCodeAt(at) - 0x30;
}

/** The method of a request code; undefined for methods nobody has defined (0.08 to 0.31). */
export function methodOf(code: string): Method | undefined {
  return methods.get(code);
}

/** Whether a code is a request's (0.01 to 0.31). */
export function isRequest(code: string): boolean {
  return digitAt(code, 0) === 0 && code !== empty;
}

/** Whether a code is a response's: class 2, 4 or 5; class 3 is nobody's, and never one of ours to understand. */
export function isResponse(code: string): code is Code {
  const ofClass = digitAt(code, 0);
  return ofClass === 2 || ofClass === 4 || ofClass === 5;
}

/** What a CoapError's answer may carry besides its code and text. */
export interface CoapErrorOptions extends ErrorOptions {
  /** Seconds after which asking again makes sense (Max-Age with 5.03 and 4.29; RFC 7252 section 5.9.3.4). */
  readonly maxAge?: number;
  /** Octets of body that would be taken (Size1 with 4.13; RFC 7959 section 2.9.3). */
  readonly size1?: number;
}

/**
 * A request that gets an error for its answer: thrown by a handler or by the block-wise layer, made the answer `code`
 * at the room's door. The complaint travels as the diagnostic payload (RFC 7252 section 5.5.2): keep it short, and
 * free of what the peer should not know.
 */
export class CoapError extends Error {
  override readonly name = 'CoapError';
  readonly code: Code;
  readonly maxAge: number | undefined;
  readonly size1: number | undefined;

  constructor(code: Code, complaint: string, options?: CoapErrorOptions) {
    super(complaint, options);
    this.code = code;
    this.maxAge = options?.maxAge;
    this.size1 = options?.size1;
  }
}

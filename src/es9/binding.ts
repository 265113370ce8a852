/**
 * A function of ES9+ as HTTP (SGP.22 5.6, 6.4, 6.5): its path, headers and JSON. Members carry DER in base64; what
 * servers are known to write otherwise is taken too, and each such shape is named here.
 */
import { z } from 'zod';
import { BytesError, fromBase64, fromUtf8, hex, utf8 } from '../base/bytes.ts';
import { DerError, readOnly } from '../messages/tlv.ts';
import { Es9Error, Es9TransportError } from './errors.ts';
import type { HttpsAnswer, HttpsRequest } from './https.ts';

export type Es9Function =
  | 'initiateAuthentication'
  | 'authenticateClient'
  | 'getBoundProfilePackage'
  | 'cancelSession'
  | 'handleNotification';

/** The interface in a function's path: SM-DSs are met that have theirs under ES9+'s. */
export type RspInterface = 'es9plus' | 'es11';

/** Who calls, and under what name: SGP.22 has it in ES2+ alone, but servers exist that insist. */
export interface Es9Call {
  readonly functionRequesterIdentifier: string;
  readonly functionCallIdentifier: string;
}

const headers = {
  'Content-Type': 'application/json;charset=UTF-8',
  Accept: 'application/json',
  'User-Agent': 'gsma-rsp-lpad',
  'X-Admin-Protocol': 'gsma/rsp/v2.1.0',
} as const;

/** The request that calls `name`. */
export function es9Request(
  name: Es9Function,
  header: Es9Call,
  members: Readonly<Record<string, string>>,
  face: RspInterface = 'es9plus',
): HttpsRequest {
  const body = utf8(JSON.stringify({ header, ...members }));
  return { path: `/gsma/rsp2/${face}/${name}`, headers, body };
}

const executionStatus = z.object({
  header: z.object({
    functionExecutionStatus: z.object({
      status: z.string(),
      statusCodeData: z
        .object({
          subjectCode: z.string().max(64).optional().catch(undefined),
          reasonCode: z.string().max(64).optional().catch(undefined),
          subjectIdentifier: z.string().optional().catch(undefined),
          message: z.string().optional().catch(undefined),
        })
        .optional()
        .catch(undefined),
    }),
  }),
});

/**
 * The members of a successful answer. Throws Es9Error where the SM-DP+ refused, whatever the HTTP status says;
 * Es9TransportError (status, malformed) where there is no answer of ES9+.
 */
export function es9Members(answer: HttpsAnswer): Members {
  const json = answer.body.length === 0 || !isJson(answer) ? undefined : parseJson(answer.body);
  const parsed = executionStatus.safeParse(json);
  if (parsed.success) refuseUnlessExecuted(parsed.data.header.functionExecutionStatus);
  refuseStatus(answer);
  if (answer.body.length > 0 && !isJson(answer)) {
    const type = printable(answer.contentType ?? '');
    throw new Es9TransportError('malformed', `the answer is '${type}', not application/json`);
  }
  if (!parsed.success) {
    const what = json === undefined ? 'no JSON' : 'JSON without functionExecutionStatus';
    throw new Es9TransportError('malformed', `the answer is ${what}`);
  }
  return new Members(json);
}

/** As es9Members for a function without output: an empty answer is a success. */
export function es9Done(answer: HttpsAnswer): void {
  if (answer.body.length > 0) es9Members(answer);
  else refuseStatus(answer);
}

/** Whether an answer says that it is JSON (SGP.22 6.5.1.1), or says nothing. Parameters do not matter. */
function isJson({ contentType = 'application/json' }: HttpsAnswer): boolean {
  return /^ *application\/([a-z0-9.+-]+\+)?json *(;|$)/i.test(contentType);
}

function refuseStatus({ status, location, retryAfter }: HttpsAnswer): void {
  if (status >= 200 && status < 300) return;
  const to =
    location === undefined ? '' : `, a redirect to ${printable(location)}: none is followed`;
  const later = retryAfter === undefined ? '' : `, to be asked again in ${retryAfter / 1000} s`;
  throw new Es9TransportError('status', `HTTP status ${status}${to}${later}`, {
    status,
    ...(retryAfter !== undefined && { retryAfter }),
  });
}

function refuseUnlessExecuted(
  execution: z.infer<typeof executionStatus>['header']['functionExecutionStatus'],
): void {
  const { status, statusCodeData } = execution;
  if (/^Executed-(Success|WithWarning)$/i.test(status)) return;
  if (!/^(Failed|Expired)$/i.test(status)) {
    throw new Es9TransportError('malformed', `an execution status of '${printable(status)}'`);
  }
  const { subjectCode, reasonCode, subjectIdentifier, message } = statusCodeData ?? {};
  throw new Es9Error({
    subjectCode: codeText(subjectCode),
    reasonCode: codeText(reasonCode),
    ...(subjectIdentifier !== undefined && { subjectIdentifier: printable(subjectIdentifier) }),
    message: message ? printable(message) : `${status}, without a message`,
  });
}

/** JSON, or undefined where it is none: what that means the HTTP status decides. */
function parseJson(body: Uint8Array): unknown {
  try {
    return JSON.parse(fromUtf8(body).replace(/^\uFEFF/, ''));
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof BytesError) return undefined;
    throw error;
  }
}

function codeText(code: string | undefined): string {
  return code !== undefined && /^[0-9]+(\.[0-9]+)*$/.test(code.trim()) ? code.trim() : '-';
}

/** A peer's words as one short line, fit for a log and a terminal. */
function printable(text: string): string {
  const line = text.replace(/[\p{C}\p{Z}]+/gu, ' ').trim();
  return line.length > 300 ? `${line.slice(0, 300)}…` : line;
}

/** The members of an answer, each read with a limit in octets. Throws Es9TransportError (malformed, too large). */
export class Members {
  readonly #members: Readonly<Record<string, unknown>>;

  constructor(json: unknown) {
    this.#members = z.record(z.string(), z.unknown()).parse(json);
  }

  has(name: string): boolean {
    return this.#text(name) !== undefined;
  }

  /** A member as JSON has it; undefined where there is none, or null. */
  value(name: string): unknown {
    const value = Object.hasOwn(this.#members, name) ? this.#members[name] : undefined;
    return value ?? undefined;
  }

  /** Octets in base64; white space in it is ignored (line breaks are met), padding optional. */
  octets(name: string, limit: number): Uint8Array {
    const text = this.#text(name);
    if (text === undefined) throw new Es9TransportError('malformed', `the answer has no ${name}`);
    // Three octets in four characters, and as much white space again.
    if (text.length > limit * 2 + 16) throw tooLarge(name, limit);
    const bytes = inBase64(name, text);
    if (bytes.length > limit) throw tooLarge(name, limit);
    return bytes;
  }

  /** One TLV of the given tag, whole. */
  object(name: string, tag: number, limit: number): Uint8Array {
    const bytes = this.octets(name, limit);
    const { tag: found } = oneTlv(name, bytes);
    if (found !== tag) {
      throw new Es9TransportError(
        'malformed',
        `${name} has tag ${found.toString(16).toUpperCase()}, not ${tag.toString(16).toUpperCase()}`,
      );
    }
    return bytes;
  }

  /**
   * The contents of a member that servers write as a TLV or bare. What has just the length of the bare contents is
   * bare, also where it happens to look like a TLV.
   */
  contents(name: string, tag: number, bareLength: number, limit: number): Uint8Array {
    const bytes = this.octets(name, limit);
    if (bytes.length === 0) throw new Es9TransportError('malformed', `${name} is empty`);
    if (bytes.length === bareLength) return bytes;
    try {
      const one = readOnly(bytes);
      return one.tag === tag ? one.value : bytes;
    } catch (error) {
      if (error instanceof DerError) return bytes;
      throw error;
    }
  }

  /** A transactionId: 1 to 16 octets in hex of either case; undefined where there is none. */
  transactionId(): Uint8Array | undefined {
    const text = this.#text('transactionId');
    if (text === undefined) return undefined;
    if (!/^([0-9A-Fa-f]{2}){1,16}$/.test(text)) {
      throw new Es9TransportError('malformed', 'transactionId is not 1 to 16 octets in hex');
    }
    return hex(text);
  }

  #text(name: string): string | undefined {
    const value = this.value(name);
    if (value === undefined) return undefined;
    if (typeof value !== 'string') {
      throw new Es9TransportError('malformed', `${name} is not a text`);
    }
    return value;
  }
}

function tooLarge(name: string, limit: number): Es9TransportError {
  return new Es9TransportError('too large', `${name} has more than ${limit} octets`);
}

function inBase64(name: string, text: string): Uint8Array {
  try {
    return fromBase64(text);
  } catch (cause) {
    if (!(cause instanceof BytesError)) throw cause;
    throw new Es9TransportError('malformed', `${name} is not base64`, { cause });
  }
}

function oneTlv(name: string, bytes: Uint8Array) {
  try {
    return readOnly(bytes, name);
  } catch (cause) {
    if (!(cause instanceof DerError)) throw cause;
    throw new Es9TransportError('malformed', cause.message, { cause });
  }
}

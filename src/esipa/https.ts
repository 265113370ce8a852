/**
 * ESipa over HTTPS (SGP.32 6.1.1, 6.4.1), the second binding of the same functions: POST, one message in, one out.
 *
 * ```
 *   /gsma/rsp2/asn1               application/x-gsma-rsp-asn1   DER there and back
 *   /gsma/rsp2/esipa/<function>   application/json              json.ts makes DER of it, and JSON of the answer
 * ```
 *
 * Function errors stay inside the message, with 200; what is no message at all gets 400 and a short reason. It knows no
 * socket: https-server.ts does. See docs/interpretation-log.md#esipa-over-https.
 */
import { utf8 } from '../base/bytes.ts';
import type { Caller, Eim } from '../procedures/eim.ts';
import { NotKeptError } from '../procedures/notification-delivery.ts';
import { callFunction, NoFunctionError } from './functions.ts';
import { isJsonFunction, JsonRequestError, jsonOfAnswer, messageOfJson } from './json.ts';
import { type ExecutionStatus, parameterFault, serverFault, success } from './json-status.ts';
import { RepeatedMessages } from './repeated-messages.ts';

/** A request without its body. */
export interface HttpHead {
  readonly method: string;
  /** Without the query. */
  readonly path: string;
  readonly contentType: string | undefined;
  /** X-Admin-Protocol. */
  readonly adminProtocol: string | undefined;
}

export interface HttpAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** No octets where there is none. */
  readonly body: Uint8Array;
}

/** Who sends a request. */
export interface HttpCaller {
  readonly caller: Caller;
  /** The same in every connection of theirs, as far as that can be told: for requests that come again. */
  readonly owner: string;
}

/** Whose clothes a message wears. */
type Binding = { readonly type: 'asn1' } | { readonly type: 'json'; readonly function: string };

export interface EsipaHttpsOptions {
  readonly eim: Eim;
  /** Milliseconds for which a report that was taken is acknowledged again. */
  readonly reportKept: number;
}

const asn1Path = '/gsma/rsp2/asn1';
const jsonPath = '/gsma/rsp2/esipa/';
const asn1Type = 'application/x-gsma-rsp-asn1';
const jsonType = 'application/json;charset=UTF-8';
/** What is answered to a request that says no version, or none that can be. */
const ownProtocol = 'gsma/rsp/v2.1.0';
/** Seconds after which a device may try again what could not be taken. */
const retryAfter = '3600';

export class EsipaHttps {
  readonly #eim: Eim;
  readonly #repeats: RepeatedMessages;

  constructor({ eim, reportKept }: EsipaHttpsOptions) {
    this.#eim = eim;
    this.#repeats = new RepeatedMessages({ clock: eim.clock, log: eim.log, kept: reportKept });
  }

  /** What a request is answered without a look at its body; undefined where it is to be read. */
  refusal(head: HttpHead): HttpAnswer | undefined {
    const binding = bindingOf(head.path);
    if (binding === undefined) return plain(head, 404, 'no such resource');
    if (head.method !== 'POST') {
      return withHeaders(refused(head, binding, 405, 'POST only'), { Allow: 'POST' });
    }
    if (!isProtocol(head.adminProtocol)) {
      const complaint =
        head.adminProtocol === undefined
          ? 'X-Admin-Protocol is missing'
          : 'X-Admin-Protocol is not gsma/rsp/v… with a version';
      return refused(head, binding, 400, complaint);
    }
    const due = binding.type === 'asn1' ? asn1Type : 'application/json';
    if (mediaType(head.contentType) !== due) {
      return refused(head, binding, 415, `the content type is ${due}`);
    }
    return undefined;
  }

  /** Answers a request that `refusal` lets pass; never rejects. */
  async answer(head: HttpHead, body: Uint8Array, from: HttpCaller): Promise<HttpAnswer> {
    const binding = bindingOf(head.path);
    if (binding === undefined) return plain(head, 404, 'no such resource');
    try {
      const message = binding.type === 'asn1' ? body : messageOfJson(binding.function, body);
      const answer = await this.#repeats.answer(from.owner, message, () =>
        callFunction(this.#eim, callerOf(head, from), message),
      );
      return this.#answered(head, binding, answer);
    } catch (error) {
      return this.#failed(head, binding, error);
    }
  }

  #answered(head: HttpHead, binding: Binding, answer: Uint8Array): HttpAnswer {
    if (answer.length === 0) return { status: 204, headers: protocolOf(head), body: answer };
    if (binding.type === 'asn1') return answerOf(head, 200, asn1Type, answer);
    const json = jsonOfAnswer(binding.function, answer);
    return jsonAnswer(head, 200, json?.status ?? success, json?.members);
  }

  #failed(head: HttpHead, binding: Binding, error: unknown): HttpAnswer {
    const { log } = this.#eim;
    if (error instanceof JsonRequestError) {
      log.drop('no ESipa message', { why: error.message });
      return jsonAnswer(head, 400, parameterFault(error.reason, error.message));
    }
    if (error instanceof NoFunctionError) {
      log.drop('no ESipa message', { why: error.message });
      return refused(head, binding, 400, error.message);
    }
    if (error instanceof NotKeptError) {
      const later = { 'Retry-After': retryAfter };
      return withHeaders(refused(head, binding, 503, error.message), later);
    }
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    log.error('request failed', { path: head.path, error: text });
    return refused(head, binding, 500, 'the eIM failed here');
  }
}

function bindingOf(path: string): Binding | undefined {
  if (path === asn1Path) return { type: 'asn1' };
  const name = path.startsWith(jsonPath) ? path.slice(jsonPath.length) : '';
  return isJsonFunction(name) ? { type: 'json', function: name } : undefined;
}

/** A version of SGP.22, as SGP.32 v1.2 has it, or of SGP.32. */
function isProtocol(text: string | undefined): boolean {
  return text !== undefined && /^gsma\/rsp\/v[0-9]{1,3}(\.[0-9]{1,3}){1,2}$/.test(text);
}

/** From SGP.32 v1.3 on the version said is that of SGP.32; before, it is that of SGP.22. */
function callerOf({ adminProtocol = '' }: HttpHead, { caller }: HttpCaller): Caller {
  const [, minor] = /^gsma\/rsp\/v1\.([0-9]+)/.exec(adminProtocol) ?? [];
  return Number(minor) >= 3 ? { ...caller, level: 'v1.3' } : caller;
}

function mediaType(contentType = ''): string {
  const [type = ''] = contentType.split(';');
  return type.trim().toLowerCase();
}

/** The version that the request says, as it stands. */
function protocolOf({ adminProtocol }: HttpHead): Readonly<Record<string, string>> {
  const said = isProtocol(adminProtocol) ? adminProtocol : undefined;
  return { 'X-Admin-Protocol': said ?? ownProtocol };
}

function answerOf(head: HttpHead, status: number, type: string, body: Uint8Array): HttpAnswer {
  return { status, headers: { ...protocolOf(head), 'Content-Type': type }, body };
}

function plain(head: HttpHead, status: number, reason: string): HttpAnswer {
  return answerOf(head, status, 'text/plain;charset=UTF-8', utf8(`${reason}\n`));
}

function jsonAnswer(
  head: HttpHead,
  status: number,
  functionExecutionStatus: ExecutionStatus,
  members: object = {},
): HttpAnswer {
  const text = JSON.stringify({ header: { functionExecutionStatus }, ...members });
  return answerOf(head, status, jsonType, utf8(text));
}

function refused(head: HttpHead, binding: Binding, status: number, reason: string): HttpAnswer {
  if (binding.type === 'asn1') return plain(head, status, reason);
  const fault = status < 500 ? parameterFault('2.1', reason) : serverFault(reason);
  return jsonAnswer(head, status, fault);
}

function withHeaders(answer: HttpAnswer, headers: Readonly<Record<string, string>>): HttpAnswer {
  return { ...answer, headers: { ...answer.headers, ...headers } };
}

/** What a door of HTTP answers by itself: 403, 413. */
export function httpRefusal(head: HttpHead, status: number, reason: string): HttpAnswer {
  const binding = bindingOf(head.path);
  return binding === undefined
    ? plain(head, status, reason)
    : refused(head, binding, status, reason);
}

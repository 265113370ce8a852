/**
 * ESipa over CoAP (SGP.32 6.1): one resource, POST, one DER message in, one out. Function errors stay inside the
 * message, with 2.05; what is no message at all gets 4.00 and a short reason.
 * See docs/interpretation-log.md#esipa-over-coap for path, content format and codes.
 */
import { CoapError, Code } from '../coap/codes.ts';
import type { CoapPeer, CoapRequest, CoapResponse, Soon } from '../coap/request.ts';
import type { Caller, Eim } from '../procedures/eim.ts';
import { NotKeptError } from '../procedures/notification-delivery.ts';
import { callFunction, NoFunctionError } from './functions.ts';

export interface EsipaCoapSettings {
  /** Paths that are the resource, without a leading slash. Default `gsma/rsp2/asn1` and `esipa`. */
  readonly paths: readonly string[];
  /** Content formats taken besides none; others get 4.15. Default 42 (application/octet-stream). */
  readonly contentFormats: readonly number[];
}

/** Handles one request of the caller; throws CoapError, or rejects with it. */
export function handleEsipa<P extends CoapPeer>(
  eim: Eim,
  settings: EsipaCoapSettings,
  caller: Caller,
  request: CoapRequest<P>,
): Soon<CoapResponse> {
  if (!settings.paths.includes(pathOf(request)))
    throw new CoapError(Code.notFound, 'no such resource');
  if (request.method !== 'POST') throw new CoapError(Code.methodNotAllowed, 'POST only');
  const { contentFormat, accept } = request;
  if (contentFormat !== undefined && !settings.contentFormats.includes(contentFormat)) {
    throw new CoapError(Code.unsupportedContentFormat, `content format ${contentFormat}`);
  }
  if (accept !== undefined && !settings.contentFormats.includes(accept)) {
    const formats = settings.contentFormats.join(', ');
    throw new CoapError(Code.notAcceptable, `answers have content format ${formats}`);
  }
  const answered = accept ?? contentFormat ?? settings.contentFormats[0];
  try {
    const body = callFunction(eim, caller, request.body);
    if (!(body instanceof Promise)) return responseOf(body, answered);
    return body.then(
      (later) => responseOf(later, answered),
      (error: unknown) => refuse(eim, error),
    );
  } catch (error) {
    return refuse(eim, error);
  }
}

function pathOf({ path }: Pick<CoapRequest, 'path'>): string {
  const [first] = path;
  return first !== undefined && path.length === 1 ? first : path.join('/');
}

function responseOf(body: Uint8Array, contentFormat: number | undefined): CoapResponse {
  if (body.length === 0) return { code: Code.changed };
  if (contentFormat === undefined) return { code: Code.content, body };
  return { code: Code.content, body, contentFormat };
}

/** Throws the error that a function ended with, as CoAP says it. */
function refuse(eim: Eim, error: unknown): never {
  if (error instanceof NoFunctionError) {
    eim.log.drop('no ESipa message', { why: error.message });
    throw new CoapError(Code.badRequest, error.message);
  }
  if (error instanceof NotKeptError) {
    throw new CoapError(Code.serviceUnavailable, error.message, { maxAge: busyMaxAge });
  }
  throw error;
}

/** Seconds after which a device may try again what could not be taken. */
const busyMaxAge = 3600;

/** A handler's response as messages carry it: whole, or a block at a time. */
import { createHash } from 'node:crypto';
import type { Answer } from './answer.ts';
import { type Block, blockOption, offsetOf, sizeOf } from './block.ts';
import { CoapError, Code } from './codes.ts';
import { type Option, OptionNumber, uintOption } from './options.ts';
import type { CoapResponse } from './request.ts';

/** A whole response, with the options that each of its blocks carries. */
export interface StoredResponse {
  readonly code: Code;
  /** ETag, Content-Format, Max-Age. */
  readonly options: readonly Option[];
  readonly body: Uint8Array;
}

/** Octets of an ETag: enough to tell one answer from the next, few enough to travel in each block. */
const etagOctets = 4;

/**
 * A handler's response as it is kept. The ETag is of the body and its format, so that a response made again after it
 * was forgotten goes on where the peer stopped.
 */
export function stored(response: CoapResponse): StoredResponse {
  const body = response.body ?? new Uint8Array();
  return {
    code: response.code,
    options: [etagOf(response.contentFormat, body), ...optionsOfResponse(response)],
    body,
  };
}

function etagOf(contentFormat: number | undefined, body: Uint8Array): Option {
  const hash = createHash('sha256').update(`${contentFormat} `).update(body).digest();
  return { number: OptionNumber.etag, value: new Uint8Array(hash.subarray(0, etagOctets)) };
}

/** A response that needs no blocks. */
export function unblocked(response: CoapResponse): Answer {
  return {
    code: response.code,
    options: optionsOfResponse(response),
    payload: response.body ?? new Uint8Array(),
  };
}

function optionsOfResponse({ contentFormat, maxAge }: CoapResponse): readonly Option[] {
  const format =
    contentFormat === undefined ? [] : [uintOption(OptionNumber.contentFormat, contentFormat)];
  return maxAge === undefined ? format : [...format, uintOption(OptionNumber.maxAge, maxAge)];
}

/**
 * The block of a response that `asked` names, in blocks of `asked`'s size or of `szx` where that is smaller. Throws
 * CoapError 4.00 beyond the end.
 */
export function blockOfResponse(
  response: StoredResponse,
  asked: Block,
  szx: number,
  tellSize: boolean,
): Answer {
  const offset = offsetOf(asked);
  const { body } = response;
  if (offset > 0 && offset >= body.length) {
    throw new CoapError(Code.badRequest, `block at ${offset} of ${body.length} octets`);
  }
  const given = Math.min(asked.szx, szx);
  const answer = slice(response, OptionNumber.block2, offset / sizeOf(given), given);
  const size = uintOption(OptionNumber.size2, body.length);
  return tellSize || offset === 0 ? { ...answer, options: [...answer.options, size] } : answer;
}

/** A block as Q-Block2 has it: with Size2 in each (RFC 9177 section 4.6). */
export function quickBlockOf(response: StoredResponse, number: number, szx: number): Answer {
  const { goesOn: _, ...answer } = slice(response, OptionNumber.qBlock2, number, szx);
  const size = uintOption(OptionNumber.size2, response.body.length);
  return { ...answer, options: [...answer.options, size] };
}

/**
 * An error as the only block of Q-Block2, without its text where that does not fit: whoever asks by Q-Block2 for what is
 * not there learns that we know it all the same. libcoap asks for /.well-known/core to find out.
 */
export function quickError({ code, options, payload }: Answer, szx: number): Answer {
  const body = payload.length <= sizeOf(szx) ? payload : new Uint8Array();
  const response = { code, options: [etagOf(undefined, body), ...options], body };
  return quickBlockOf(response, 0, szx);
}

function slice(response: StoredResponse, option: number, number: number, szx: number): Answer {
  const { code, body } = response;
  const offset = number * sizeOf(szx);
  const end = Math.min(offset + sizeOf(szx), body.length);
  const more = end < body.length;
  return {
    code,
    options: [...response.options, blockOption(option, { number, more, szx })],
    payload: body.slice(offset, end), // whoever remembers a block does not hold the body
    ...(more ? { goesOn: true } : {}),
  };
}

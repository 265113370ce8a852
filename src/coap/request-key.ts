/**
 * Which messages are about the same body: told by method, resource and Request-Tag (RFC 7959 section 2.5, RFC 7252
 * section 5.4.2, RFC 9175 section 3), never by token or message ID, which clients change, keep and reuse as they like.
 */
import { createHash } from 'node:crypto';
import type { Method } from './codes.ts';
import { type Option, OptionNumber, optionOf } from './options.ts';

export interface RequestKeys {
  /** Of a request body. Content-Format counts here alone: clients leave it out when they ask for later blocks. */
  readonly body: string;
  /** Of an answer, with and without the Request-Tags. */
  readonly tagged: string;
  readonly bare: string;
  /**
   * Of both, without the resource: for later blocks that leave out their Uri-Path, as libcoap's once did. `nameless`:
   * this message is one of those, or about the root.
   */
  readonly loose: string;
  readonly nameless: boolean;
}

const nameOptions: readonly number[] = [
  OptionNumber.uriHost,
  OptionNumber.uriPort,
  OptionNumber.uriPath,
  OptionNumber.uriQuery,
];

export function keysOf(method: Method, options: readonly Option[]): RequestKeys {
  const bare = `${method}${part(options, [...nameOptions, OptionNumber.accept])}`;
  const tags = part(options, [OptionNumber.requestTag]);
  const tagged = `${bare}${tags}`;
  return {
    body: `${tagged}${part(options, [OptionNumber.contentFormat])}`,
    tagged,
    bare,
    loose: `${method}${tags}`,
    nameless: optionOf(options, OptionNumber.uriPath) === undefined,
  };
}

/** Octets of a body that stands in its fingerprint as it is: a poll has 21. */
const hashedOver = 64;

/** Of a whole request: the same method, resource, formats and octets make the same request. */
export function fingerprint(method: Method, options: readonly Option[], body: Uint8Array): string {
  const asked = part(options, [...nameOptions, OptionNumber.accept, OptionNumber.contentFormat]);
  const octets =
    body.length <= hashedOver
      ? `=${latin1(body)}`
      : `#${createHash('sha256').update(body).digest('base64')}`;
  return `${method}${asked} ${octets}`;
}

/** Each octet a character. */
function latin1({ buffer, byteOffset, length }: Uint8Array): string {
  return Buffer.from(buffer, byteOffset, length).toString('latin1');
}

function part(options: readonly Option[], numbers: readonly number[]): string {
  let key = '';
  for (const { number, value } of options) {
    if (!numbers.includes(number)) continue;
    key += ` ${number}:${value.length}:${latin1(value)}`;
  }
  return key;
}

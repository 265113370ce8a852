/** The tag and length at the start of bytes that are still coming in. */
import { elementAt } from '../../../src/messages/tlv.ts';

export interface TlvHeader {
  readonly tag: number;
  /** Octets of tag and length. */
  readonly headerLength: number;
  /** Octets of the value, which need not be there yet. */
  readonly length: number;
}

/** The header that `bytes` begin with; undefined where more of it is due. Throws DerError where it is none. */
export function readHeader(bytes: Uint8Array, path: string): TlvHeader | undefined {
  if (!isWhole(bytes)) return undefined;
  const { tag, content, end } = elementAt(bytes, 0, Number.POSITIVE_INFINITY, path);
  return { tag, headerLength: content, length: end - content };
}

/** Whether tag and length are there, or so much of them that they are wrong: neither is longer than five octets. */
function isWhole(bytes: Uint8Array): boolean {
  let at = 1;
  if (((bytes[0] ?? 0) & 0x1f) === 0x1f) {
    while (at < 5 && ((bytes[at] ?? 0) & 0x80) !== 0) at++;
    at++;
  }
  const first = bytes[at];
  if (first === undefined) return bytes.length > 5;
  return bytes.length > at + (first > 0x84 ? 0 : Math.max(0, first - 0x80));
}

/** DER INTEGERs that count something: never negative, small enough for a number. */
import { DerError, tlv } from '../../../src/messages/tlv.ts';

/** A TLV with `value` (0 to 2^31-1) as its shortest INTEGER content. */
export function integer(tag: number, value: number): Uint8Array {
  const octets: number[] = [];
  let rest = value;
  do {
    octets.unshift(rest % 256);
    rest = Math.floor(rest / 256);
  } while (rest > 0);
  if ((octets[0] ?? 0) >= 0x80) octets.unshift(0);
  return tlv(tag, Uint8Array.from(octets));
}

/** The value of INTEGER content; throws DerError where it is negative, padded or above 2^31-1. */
export function readInteger(content: Uint8Array, path: string): number {
  const first = content[0];
  if (first === undefined) throw new DerError(path, 'INTEGER without content');
  if (first >= 0x80) throw new DerError(path, 'negative INTEGER');
  if (first === 0 && content.length > 1 && (content[1] ?? 0) < 0x80) {
    throw new DerError(path, 'INTEGER not in its shortest form');
  }
  let value = 0;
  for (const octet of content) value = value * 256 + octet;
  if (content.length > 5 || value > 2 ** 31 - 1) throw new DerError(path, 'INTEGER above 2^31-1');
  return value;
}

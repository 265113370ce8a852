/** DER INTEGERs that count something, under any tag: never negative. */
import { integer as integerType } from '../../../src/messages/primitives.ts';
import { DerError, readOnly, tlv } from '../../../src/messages/tlv.ts';

const untagged = integerType();

/** A TLV with `value` as its INTEGER content. */
export function integer(tag: number, value: number): Uint8Array {
  return tlv(tag, readOnly(untagged.encode(value)).value);
}

/** The value of INTEGER content. Throws DerError where it is none, or negative. */
export function readInteger(content: Uint8Array, path: string): number {
  let value: number;
  try {
    value = untagged.decode(tlv(0x02, content));
  } catch (error) {
    if (!(error instanceof DerError)) throw error;
    throw new DerError(path, error.complaint, { cause: error });
  }
  if (value < 0) throw new DerError(path, 'negative INTEGER');
  return value;
}

/**
 * The value of Block1, Block2 (RFC 7959 section 2.2), Q-Block1 and Q-Block2 (RFC 9177 section 4.2): which block,
 * whether more follow, how large.
 */
import { CoapError, Code } from './codes.ts';
import { type Option, uintOf, uintOption } from './options.ts';

export interface Block {
  /** NUM: the block's number, counted in blocks of this very size. */
  readonly number: number;
  /** M: more blocks follow. */
  readonly more: boolean;
  /** SZX: a block has 2^(szx+4) octets; 0 to 6. */
  readonly szx: number;
}

const largestNumber = 2 ** 20 - 1;
/** SZX of blocks of 1,024 octets, the largest over UDP. */
const largestSzx = 6;

/** Octets of a block. */
export function sizeOf(szx: number): number {
  return 2 ** (szx + 4);
}

/** Octets of the body before this block. */
export function offsetOf(block: Block): number {
  return block.number * sizeOf(block.szx);
}

/** SZX of the largest block size that is no larger than `octets`; never below 16 octets. */
export function szxWithin(octets: number): number {
  let szx = largestSzx;
  while (szx > 0 && sizeOf(szx) > octets) szx--;
  return szx;
}

/** The block option of that number, where there is one; throws as parseBlock does. */
export function blockOf(options: readonly Option[], number: number): Block | undefined {
  const value = uintOf(options, number);
  return value === undefined ? undefined : parseBlock(value);
}

/**
 * The value of a block option. Throws CoapError 4.00 for the reserved SZX 7, which only reliable transports use
 * (RFC 7959 section 2.2, RFC 8323 section 6).
 */
export function parseBlock(value: number): Block {
  const szx = value & 7;
  if (szx > largestSzx) throw new CoapError(Code.badRequest, 'block size exponent 7');
  return { number: value >> 4, more: (value & 8) !== 0, szx };
}

/** A block option; throws RangeError for a block number above 2^20-1. */
export function blockOption(number: number, block: Block): Option {
  if (block.number > largestNumber) throw new RangeError(`block number ${block.number}`);
  return uintOption(number, block.number * 16 + (block.more ? 8 : 0) + block.szx);
}

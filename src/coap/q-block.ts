/** The words of RFC 9177: which blocks a request asks for, and the list of those that are missing. */
import { BytesError, Reader } from '../base/bytes.ts';
import { type Block, blockOf, parseBlock, sizeOf } from './block.ts';
import { CoapError, Code } from './codes.ts';
import { type Option, OptionNumber, optionsOf, uintIn } from './options.ts';

/** application/missing-blocks+cbor-seq (RFC 9177 section 12.3). */
export const missingBlocksFormat = 272;

/** The block options of a message. Q-Block2 may stand several times in a request for missing blocks. */
export interface BlockOptions {
  readonly block1: Block | undefined;
  readonly block2: Block | undefined;
  readonly qBlock1: Block | undefined;
  readonly qBlock2: readonly Block[];
}

/** Of a message that has none. */
const noBlocks: BlockOptions = {
  block1: undefined,
  block2: undefined,
  qBlock1: undefined,
  qBlock2: [],
};

/**
 * Throws CoapError: 4.00 for SZX 7 and for Q-Block2 options that do not ascend (section 4.4), 4.02 where options of
 * RFC 7959 and RFC 9177 are mixed (section 4.1).
 */
export function blocksOf(options: readonly Option[]): BlockOptions {
  return options.some(isBlock) ? someBlocksOf(options) : noBlocks;
}

function isBlock({ number }: Option): boolean {
  return (
    number === OptionNumber.block1 ||
    number === OptionNumber.block2 ||
    number === OptionNumber.qBlock1 ||
    number === OptionNumber.qBlock2
  );
}

function someBlocksOf(options: readonly Option[]): BlockOptions {
  const blocks: BlockOptions = {
    block1: blockOf(options, OptionNumber.block1),
    block2: blockOf(options, OptionNumber.block2),
    qBlock1: blockOf(options, OptionNumber.qBlock1),
    qBlock2: optionsOf(options, OptionNumber.qBlock2).map((value) => parseBlock(uintIn(value))),
  };
  const quick = blocks.qBlock1 !== undefined || blocks.qBlock2.length > 0;
  if (quick && (blocks.block1 !== undefined || blocks.block2 !== undefined)) {
    throw new CoapError(Code.badOption, 'Block and Q-Block in one message');
  }
  const [first, ...later] = blocks.qBlock2;
  let before = first;
  for (const block of later) {
    if (before !== undefined && (block.number <= before.number || block.szx !== before.szx)) {
      throw new CoapError(Code.badRequest, 'Q-Block2 options do not ascend');
    }
    before = block;
  }
  return blocks;
}

/** Blocks of that size in a body; an empty body has one. */
export function countOf(octets: number, szx: number): number {
  return Math.max(1, Math.ceil(octets / sizeOf(szx)));
}

/**
 * The numbers that Q-Block2 options ask for, each once, at most a set of them (RFC 9177 section 4.4): with M the rest
 * of the set too, without M just the one.
 */
export function askedNumbers(
  asked: readonly Block[],
  count: number,
  maxPayloads: number,
): readonly number[] {
  const numbers = new Set<number>();
  for (const { number, more } of asked) {
    const end = more ? endOfSet(number, count, maxPayloads) : Math.min(number + 1, count);
    for (let i = number; i < end; i++) numbers.add(i);
  }
  return [...numbers].slice(0, maxPayloads);
}

/** The number after the last block of the set that a block is in. */
export function endOfSet(number: number, count: number, maxPayloads: number): number {
  return Math.min(count, (Math.floor(number / maxPayloads) + 1) * maxPayloads);
}

/** The payload of a 4.08: a CBOR sequence of unsigned integers (section 5), as many as fit. */
export function encodeMissing(numbers: readonly number[], room: number): Uint8Array {
  const octets: number[] = [];
  for (const number of numbers) {
    const item = cborUint(number);
    if (octets.length + item.length > room) break;
    octets.push(...item);
  }
  return Uint8Array.from(octets);
}

/** The numbers in a 4.08; undefined where they do not ascend, or are no such list: it is then ignored (section 5). */
export function decodeMissing(payload: Uint8Array): readonly number[] | undefined {
  const reader = new Reader(payload);
  const numbers: number[] = [];
  try {
    while (reader.left > 0) {
      const number = readCborUint(reader);
      if (number === undefined || number <= (numbers.at(-1) ?? -1)) return undefined;
      numbers.push(number);
    }
  } catch (error) {
    if (!(error instanceof BytesError)) throw error;
    return undefined;
  }
  return numbers.length > 0 ? numbers : undefined;
}

/** RFC 8949 section 3, major type 0; block numbers have 20 bits. */
function cborUint(number: number): readonly number[] {
  if (number < 24) return [number];
  if (number < 2 ** 8) return [24, number];
  if (number < 2 ** 16) return [25, number >> 8, number & 0xff];
  return [26, number >> 24, (number >> 16) & 0xff, (number >> 8) & 0xff, number & 0xff];
}

function readCborUint(reader: Reader): number | undefined {
  const first = reader.uint8();
  if (first < 24) return first;
  if (first === 24) return reader.uint8();
  if (first === 25) return reader.uint16();
  if (first === 26) return reader.uint16() * 2 ** 16 + reader.uint16();
  return undefined;
}

/**
 * AES as a WebAssembly module: the machine code of aes.ts, put together from the instructions below when it is loaded.
 *
 * No instruction's time and no address depends on key or data. The S-box is not indexed: each of its sixteen rows is asked
 * for all sixteen octets of a block at once, and has an answer only for those of its own (`i8x16.swizzle` gives 0 for
 * what is not 0 to 15).
 *
 *   encrypt(at, blocks)   encrypts each block where it stands
 *   chain(at, blocks)     encrypts each block xor the one before, and leaves the last where the first stood
 *   expand(words)         makes the round keys of a key of 4 or 8 words that stands at `layout.keys`
 *   clear(from, end)      zeros, sixteen octets at a time
 */
import {
  body,
  type Code,
  clearing,
  code,
  get,
  load,
  loadAt,
  moduleOf,
  named,
  number,
  op,
  repeat,
  section,
  set,
  signature,
  splat,
  tee,
  type,
  unsigned,
} from './wasm-assembler.ts';

/** Octets from the start of the memory: S-box, round keys, and what is for callers. Pages of 64 KiB. */
export const layout = { sbox: 0, keys: 256, free: 512, pages: 2 } as const;

/** The octets of a local, in another order. */
const shuffled = (local: number, lanes: Code): Code =>
  code(get(local), get(local), op.shuffle, lanes);
/** Of each column of four octets, those from `by` further on. */
const rotated = (local: number, by: number): Code =>
  shuffled(
    local,
    Array.from({ length: 16 }, (_, at) => (at & ~3) | ((at + by) & 3)),
  );
/** ShiftRows: row r, the octets r, r + 4, r + 8, r + 12, by r columns. */
const shiftedRows = (local: number): Code =>
  shuffled(
    local,
    Array.from({ length: 16 }, (_, at) => (at + 4 * (at & 3)) & 15),
  );

/**
 * SubBytes of the local `from` into the local `to`; both rows of a pair go their own way, which is faster than one
 * behind the other. `odd`, `sum` and `from` are lost; `pair` has 32 in each octet.
 */
function substitute(from: number, to: number, { odd, sum, pair }: Substitution): Code {
  const row = (n: number, local: number) =>
    code(loadAt(layout.sbox + 16 * n), get(local), op.swizzle);
  return code(
    code(get(from), splat(16), op.sub8, set(odd)),
    code(row(0, from), set(to), row(1, odd), set(sum)),
    repeat(7, (n) =>
      code(
        code(get(from), get(pair), op.sub8, set(from)),
        code(get(odd), get(pair), op.sub8, set(odd)),
        code(get(to), row(2 * n + 2, from), op.or128, set(to)),
        code(get(sum), row(2 * n + 3, odd), op.or128, set(sum)),
      ),
    ),
    code(get(to), get(sum), op.or128, set(to)),
  );
}

/** Locals that it uses. */
interface Substitution {
  readonly odd: number;
  readonly sum: number;
  readonly pair: number;
}

/** MixColumns of the local `from`; `twice` is lost. Leaves the columns on the stack. */
function mixed(from: number, twice: number): Code {
  return code(
    // Times 2 in GF(2^8): doubled, and 0x1b where the top bit was set.
    code(get(from), get(from), op.add8),
    code(get(from), splat(0), op.less8, splat(0x1b), op.and128, op.xor128, set(twice)),
    // 2a + 3b + c + d, where b, c and d are those behind a.
    code(get(twice), rotated(twice, 1), op.xor128, rotated(from, 1), op.xor128),
    code(rotated(from, 2), op.xor128, rotated(from, 3), op.xor128),
  );
}

/** block(state: v128, last: i32): v128; `last` is the address of the last round key. */
function blockFunction(): Code {
  const [state, last, substituted, odd, sum, pair, key] = [0, 1, 2, 3, 4, 5, 6];
  return code(
    code(splat(32), set(pair)),
    code(get(state), loadAt(layout.keys), op.xor128, set(state)),
    code(number(layout.keys + 16), set(key)),
    op.block,
    op.loop,
    substitute(state, substituted, { odd, sum, pair }),
    code(shiftedRows(substituted), set(substituted)),
    code(get(key), get(last), op.eq, op.brIf, [1]),
    code(mixed(substituted, state), get(key), load(0), op.xor128, set(state)),
    code(get(key), number(16), op.add, set(key)),
    code(number(1), op.brIf, [0]),
    op.end,
    op.end,
    code(get(substituted), get(key), load(0), op.xor128),
  );
}

/** encrypt(at: i32, blocks: i32) and chain(at: i32, blocks: i32); `last` is kept behind the round keys. */
function blocksFunction(chained: boolean): Code {
  const [at, blocks, last, first, state] = [0, 1, 2, 3, 4];
  const before = chained ? code(get(state), op.xor128) : [];
  const after = chained ? [] : code(get(at), get(state), op.store, [0]);
  return code(
    code(number(0), op.load32, unsigned(lastKey), set(last)),
    code(get(at), set(first)),
    op.loop,
    code(get(at), load(0), before, get(last), op.call, [functions.block], set(state)),
    after,
    code(get(at), number(16), op.add, set(at)),
    code(get(blocks), number(1), op.sub, tee(blocks), op.brIf, [0]),
    op.end,
    chained ? code(get(first), get(state), op.store, [0]) : [],
  );
}

/** word(word: i32): i32, SubWord. */
function wordFunction(): Code {
  const [word, state, substituted, odd, sum, pair] = [0, 1, 2, 3, 4, 5];
  return code(
    code(splat(32), set(pair)),
    code(get(word), op.splat32, set(state)),
    substitute(state, substituted, { odd, sum, pair }),
    code(get(substituted), op.lane0),
  );
}

/** expand(words: i32): the key's words are there; 4 × (words + 7) words are to be. FIPS 197 section 5.2. */
function expandFunction(): Code {
  const [words, n, word, rcon, at] = [0, 1, 2, 3, 4];
  const newest = code(get(at), op.load32, unsigned(layout.keys - 4));
  return code(
    code(get(words), set(n), number(1), set(rcon)),
    code(get(words), number(4), op.mul, set(at)),
    op.loop,
    code(newest, set(word)),
    code(get(n), get(words), op.remainder, op.eqz, op.if),
    // RotWord is a rotation to the right: the first octet is the lowest.
    code(get(word), number(8), op.rotateRight, op.call, [functions.word]),
    code(get(rcon), op.xor, set(word)),
    code(get(rcon), number(1), op.shl, get(rcon), number(7), op.shr, number(0x11b), op.mul),
    code(op.xor, set(rcon)),
    op.else,
    code(get(words), number(8), op.eq, get(n), number(7), op.and, number(4), op.eq, op.and, op.if),
    code(get(word), op.call, [functions.word], set(word)),
    op.end,
    op.end,
    code(get(at), get(at), get(words), number(4), op.mul, op.sub),
    code(op.load32, unsigned(layout.keys), get(word), op.xor, op.store32, unsigned(layout.keys)),
    code(get(at), number(4), op.add, set(at)),
    code(get(n), number(1), op.add, tee(n)),
    code(get(words), number(7), op.add, number(4), op.mul, op.less, op.brIf, [0]),
    op.end,
    code(number(0), get(words), number(6), op.add, number(16), op.mul),
    code(number(layout.keys), op.add, op.store32, unsigned(lastKey)),
  );
}

/** Where the address of the last round key is kept. */
const lastKey = layout.keys + 15 * 16;
const functions = { encrypt: 0, chain: 1, expand: 2, block: 3, word: 4, clear: 5 } as const;

/** The octets of the module. */
export function aesModule(): Uint8Array<ArrayBuffer> {
  const { i32, v128 } = type;
  return moduleOf(
    section(1, [
      signature([i32, i32], []),
      signature([i32], []),
      signature([v128, i32], [v128]),
      signature([i32], [i32]),
    ]),
    section(3, [[0], [0], [1], [2], [3], [0]]),
    section(5, [[0x00, layout.pages]]),
    section(7, [
      named('memory', 2, 0),
      named('encrypt', 0, functions.encrypt),
      named('chain', 0, functions.chain),
      named('expand', 0, functions.expand),
      named('clear', 0, functions.clear),
    ]),
    section(10, [
      body(
        [
          [2, i32],
          [1, v128],
        ],
        blocksFunction(false),
      ),
      body(
        [
          [2, i32],
          [1, v128],
        ],
        blocksFunction(true),
      ),
      body([[4, i32]], expandFunction()),
      body(
        [
          [4, v128],
          [1, i32],
        ],
        blockFunction(),
      ),
      body([[5, v128]], wordFunction()),
      body([], clearing),
    ]),
  );
}

/**
 * AES as a WebAssembly module: the machine code of aes.ts, put together from the instructions below when it is loaded.
 *
 * No instruction's time and no address depends on key or data. The S-box is computed: an octet is seen as two elements of
 * GF(2^4), whose sixteen values are looked up for all sixteen octets of a block at once, in tables that are read whole
 * (`i8x16.swizzle`, which gives 0 for what is not 0 to 15).
 *
 * An octet x is i ζ + k there, with ζ² = a ζ + a, and its inverse is made of inverses and sums alone (M. Hamburg,
 * "Accelerating AES with Vector Permute Instructions", 2009):
 *
 *   Δ = a i² + a i k + k²,  the norm of x        x⁻¹ = (i ζ + k + a i) / Δ
 *   1/(1/i + a/k) + i + k     = Δ / (k + a i)
 *   1/(1/(i+k) + a/k) + i     = Δ / (k + a k + a i)
 *
 * The inverses of these two tell i/Δ and k/Δ, so that two more tables give all that is linear in them. 1/0 is 0x80 there,
 * whose inverse is 0.
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
  section,
  set,
  signature,
  splat,
  tee,
  type,
  unsigned,
} from './wasm-assembler.ts';

/**
 * Octets from the start of the memory: tables of sixteen octets, round keys, and what is for callers. Pages of 64 KiB.
 *
 * `enter` takes an octet to i and k, by its low and its high half; `inverse` gives 1/n, and `inverseA` a/n. Each of the others
 * is a pair, for the one and for the other of the two sums: SubBytes without its constant; the same and twice it, both as i and k.
 */
export const layout = {
  enter: 0,
  inverse: 32,
  inverseA: 48,
  substituted: 64,
  once: 96,
  twice: 128,
  keys: 256,
  free: 512,
  pages: 2,
} as const;

/** What SubBytes adds to all (FIPS 197 section 5.1.1). */
export const affineConstant = 0x63;

/** The octets of a local, in another order. */
const shuffled = (local: number, lanes: Code): Code =>
  code(get(local), get(local), op.shuffle, lanes);
/** ShiftRows, row r, the octets r, r + 4, r + 8, r + 12, by r columns; and of each column the octets from `by` further on. */
const shiftedRows = (local: number, by = 0): Code =>
  shuffled(
    local,
    Array.from({ length: 16 }, (_, at) => {
      const from = (at & ~3) | ((at + by) & 3);
      return (from + 4 * (from & 3)) & 15;
    }),
  );
const lookedUp = (table: number, index: Code): Code => code(loadAt(table), index, op.swizzle);

/** Locals that the steps below use; `low` has 15 in each octet. */
interface Locals {
  readonly i: number;
  readonly k: number;
  readonly j: number;
  readonly part: number;
  readonly low: number;
}

/** The halves of a local's octets, to `i` and `k`. */
function halved(local: number, { i, k, low }: Locals): Code {
  return code(
    code(get(local), get(low), op.and128, set(k)),
    code(get(local), number(4), op.shr8, get(low), op.and128, set(i)),
  );
}

/** A local's octets as `i` and `k`, to the same. */
function entered(local: number, locals: Locals): Code {
  const { i, k } = locals;
  return code(
    halved(local, locals),
    code(lookedUp(layout.enter, get(k)), lookedUp(layout.enter + 16, get(i)), op.xor128),
    set(local),
  );
}

/** The two sums for a local's octets, which are such, to `i` and `j`. */
function inverted(local: number, locals: Locals): Code {
  const { i, k, j, part } = locals;
  const inverseOf = (index: Code) => lookedUp(layout.inverse, index);
  return code(
    halved(local, locals),
    code(get(i), get(k), op.xor128, set(j)),
    code(lookedUp(layout.inverseA, get(k)), set(part)),
    code(inverseOf(code(inverseOf(get(i)), get(part), op.xor128)), get(j), op.xor128, set(k)),
    code(inverseOf(code(inverseOf(get(j)), get(part), op.xor128)), get(i), op.xor128, set(j)),
    code(get(k), set(i)),
  );
}

/** What a pair of tables makes of both sums. */
const madeBy = (tables: number, { i, j }: Locals): Code =>
  code(lookedUp(tables, get(i)), lookedUp(tables + 16, get(j)), op.xor128);

/** block(state: v128, last: i32): v128; `last` is the address of the last round key. */
function blockFunction(): Code {
  const [state, last, once, twice, key] = [0, 1, 7, 8, 9];
  const locals = { i: 2, k: 3, j: 4, part: 5, low: 6 };
  return code(
    code(splat(15), set(locals.low)),
    code(get(state), loadAt(layout.keys), op.xor128, set(state)),
    entered(state, locals),
    code(number(layout.keys + 16), set(key)),
    op.block,
    op.loop,
    inverted(state, locals),
    code(get(key), get(last), op.eq, op.brIf, [1]),
    code(madeBy(layout.once, locals), set(once), madeBy(layout.twice, locals), set(twice)),
    // MixColumns: 2a + 3b + c + d, where b, c and d are those behind a.
    code(shiftedRows(twice), get(once), get(twice), op.xor128, set(twice)),
    code(shiftedRows(twice, 1), op.xor128, shiftedRows(once, 2), op.xor128),
    code(shiftedRows(once, 3), op.xor128, get(key), load(0), op.xor128, set(state)),
    code(get(key), number(16), op.add, set(key)),
    code(number(1), op.brIf, [0]),
    op.end,
    op.end,
    code(madeBy(layout.substituted, locals), set(once)),
    code(shiftedRows(once), get(key), load(0), op.xor128),
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
  const [word, state] = [0, 1];
  const locals = { i: 2, k: 3, j: 4, part: 5, low: 6 };
  return code(
    code(splat(15), set(locals.low)),
    code(get(word), op.splat32, set(state)),
    entered(state, locals),
    inverted(state, locals),
    code(madeBy(layout.substituted, locals), splat(affineConstant), op.xor128, op.lane0),
  );
}

/**
 * keys(last: i32): the round keys as `block` takes them. What SubBytes adds stays the same through ShiftRows and MixColumns, so
 * it is added here; all but the first and the last meet octets that are i and k.
 */
function keysFunction(): Code {
  const [last, key, state] = [0, 1, 2];
  const locals = { i: 3, k: 4, j: 5, part: 6, low: 7 };
  const withConstant = code(get(key), load(0), splat(affineConstant), op.xor128);
  return code(
    code(splat(15), set(locals.low), number(layout.keys + 16), set(key)),
    op.loop,
    code(withConstant, set(state), entered(state, locals)),
    code(get(key), get(state), op.store, [0]),
    code(get(key), number(16), op.add, tee(key), get(last), op.less, op.brIf, [0]),
    op.end,
    code(get(last), withConstant, op.store, [0]),
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
    code(get(words), number(6), op.add, number(16), op.mul, number(layout.keys), op.add, set(at)),
    code(number(0), get(at), op.store32, unsigned(lastKey)),
    code(get(at), op.call, [functions.keys]),
  );
}

/** Where the address of the last round key is kept. */
const lastKey = layout.keys + 15 * 16;
const functions = {
  encrypt: 0,
  chain: 1,
  expand: 2,
  block: 3,
  word: 4,
  clear: 5,
  keys: 6,
} as const;

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
    section(3, [[0], [0], [1], [2], [3], [0], [1]]),
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
          [7, v128],
          [1, i32],
        ],
        blockFunction(),
      ),
      body([[6, v128]], wordFunction()),
      body([], clearing),
      body(
        [
          [1, i32],
          [6, v128],
        ],
        keysFunction(),
      ),
    ]),
  );
}

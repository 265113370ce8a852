/**
 * SHA-256 (FIPS 180-4) and HMAC on it (RFC 2104) as a WebAssembly module: the machine code of sha256.ts. No branch and
 * no address depends on key or message.
 *
 *   key()                  the midstates of both pads, of the 64 octets that stand at `layout.key`
 *   mac(at, blocks, to)    the MAC under those midstates of a padded message, to `to`
 *   again(at)              the MAC of the 32 octets that stand there, in their place
 *   hash(at, blocks, to)   the digest of a padded message, to `to`
 *   clear(from, end)       zeros, sixteen octets at a time
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

/**
 * Octets from the start of the memory: the constants of the rounds, the first state, and what stands behind a digest
 * that is hashed behind a pad; from `schedule` on, what is wiped: schedule and state, both midstates, the key, and what is
 * for callers. Pages of 64 KiB.
 */
export const layout = {
  constants: 0,
  initial: 256,
  padding: 288,
  schedule: 320,
  state: 576,
  inner: 608,
  outer: 640,
  key: 672,
  free: 736,
  pages: 1,
} as const;

const { constants, initial, padding, schedule, state, inner, outer } = layout;
const functions = {
  rounds: 0,
  blocks: 1,
  key: 2,
  mac: 3,
  again: 4,
  finish: 5,
  clear: 6,
  hash: 7,
} as const;

const load32 = (offset: number): Code => [...op.load32, ...unsigned(offset)];
const store32 = (offset: number): Code => [...op.store32, ...unsigned(offset)];
const call = (index: number): Code => [...op.call, index];
const rotated = (local: number, by: number): Code => code(get(local), number(by), op.rotateRight);
/** What all parts come to, bit by bit: of words, or of vectors. */
const sum = (xor: Code, first: Code, ...others: readonly Code[]): Code =>
  code(first, ...others.map((part) => code(part, xor)));

/** Sixteen octets to an address that is known. */
const storeAt = (offset: number, value: Code): Code =>
  code(number(0), value, op.store, unsigned(offset));
/** Eight words from one place to another. */
const copied = (from: number, to: number): Code =>
  code(storeAt(to, loadAt(from)), storeAt(to + 16, loadAt(from + 16)));
/** Four words whose first octet is the highest, as SHA-256 has them, to words of this machine, or back. */
const swapped = (value: Code): Code =>
  code(value, value, op.shuffle, [3, 2, 1, 0, 7, 6, 5, 4, 11, 10, 9, 8, 15, 14, 13, 12]);

/** Of two vectors these words: 0 to 3 are of the first, 4 to 7 of the second. */
const words = (...chosen: readonly number[]): Code =>
  code(
    op.shuffle,
    chosen.flatMap((word) => [0, 1, 2, 3].map((octet) => 4 * word + octet)),
  );
const shifted = (local: number, by: number, shift: Code): Code =>
  code(get(local), number(by), shift);

/** Locals of the rounds, behind the eight variables: of `w`, four words each, the last sixteen of the schedule. */
const local = { at: 8, t1: 9, w: [10, 11, 12, 13], part: 14, made: 15, none: 16 } as const;

/** Lays words with their constants where the rounds find them: `w[n]`, for sixteen rounds `later`. */
function laid(n: number, later: number): Code {
  const constant = code(get(local.at), load(constants + 4 * later + 16 * n));
  return storeAt(schedule + 16 * n, code(get(local.w[n] ?? 0), constant, op.add4));
}

/**
 * The next four words of the schedule (section 6.2.2, step 1), in place of the oldest, which are `w[n]`. The last two take the
 * first two, so they come after them. A word that stands twice beside itself is rotated by a shift of both.
 */
function scheduled(n: number): Code {
  const { part, made, none } = local;
  const w = (i: number) => local.w[(n + i) & 3] ?? 0;
  const early = sum(
    op.xor128,
    code(shifted(part, 7, op.shr4), shifted(part, 25, op.shl4), op.xor128),
    code(shifted(part, 18, op.shr4), shifted(part, 14, op.shl4), op.xor128),
    shifted(part, 3, op.shr4),
  );
  const late = sum(
    op.xor128,
    shifted(part, 17, op.shr2),
    shifted(part, 19, op.shr2),
    shifted(part, 10, op.shr4),
  );
  return code(
    code(get(w(0)), get(w(1)), words(1, 2, 3, 4), set(part)),
    code(get(w(0)), early, op.add4, get(w(2)), get(w(3)), words(1, 2, 3, 4), op.add4, set(made)),
    code(get(w(3)), get(w(3)), words(2, 2, 3, 3), set(part)),
    code(late, get(none), words(0, 2, 4, 4), get(made), op.add4, tee(made)),
    code(get(made), words(0, 0, 1, 1), set(part)),
    code(get(none), late, words(0, 0, 4, 6), get(made), op.add4, set(w(0))),
  );
}

/**
 * Round `n` of sixteen (section 6.2.2, step 3). The variables do not move on: each round calls them by other names, and
 * after eight, all have their own again.
 */
function round(n: number): Code {
  const { t1 } = local;
  const variable = (i: number) => (i - n) & 7;
  const [a, b, c, d] = [variable(0), variable(1), variable(2), variable(3)];
  const [e, f, g, h] = [variable(4), variable(5), variable(6), variable(7)];
  return code(
    code(get(h), number(0), load32(schedule + 4 * n), op.add),
    code(get(g), get(f), get(g), op.xor, get(e), op.and, op.xor, op.add), // Ch
    sum(op.xor, rotated(e, 6), rotated(e, 11), rotated(e, 25)),
    code(op.add, tee(t1), get(d), op.add, set(d)),
    sum(op.xor, rotated(a, 2), rotated(a, 13), rotated(a, 22)),
    code(get(a), get(b), op.and, get(a), get(b), op.or, get(c), op.and, op.or, op.add), // Maj
    code(get(t1), op.add, set(h)),
  );
}

/**
 * rounds(): the state goes on by the block whose words are the first 16 of the schedule. While four rounds go on, the words of
 * those that come twelve later are made beside them.
 */
function roundsFunction(): Code {
  const { at, w, none } = local;
  return code(
    code(splat(0), set(none)),
    repeat(4, (n) => code(loadAt(schedule + 16 * n), set(w[n] ?? 0))),
    repeat(4, (n) => laid(n, 0)),
    repeat(8, (n) => code(number(0), load32(state + 4 * n), set(n))),
    op.loop,
    repeat(16, (n) => code(round(n), n % 4 === 3 ? code(scheduled(n >> 2), laid(n >> 2, 16)) : [])),
    code(get(at), number(64), op.add, tee(at), number(192), op.less, op.brIf, [0], op.end),
    repeat(16, round),
    repeat(8, (n) =>
      code(number(0), number(0), load32(state + 4 * n), get(n), op.add, store32(state + 4 * n)),
    ),
  );
}

/** blocks(at: i32, blocks: i32): the state goes on by so many blocks. */
function blocksFunction(): Code {
  const [at, blocks] = [0, 1];
  return code(
    op.loop,
    repeat(4, (n) => storeAt(schedule + 16 * n, swapped(code(get(at), load(16 * n))))),
    call(functions.rounds),
    code(get(at), number(64), op.add, set(at)),
    code(get(blocks), number(1), op.sub, tee(blocks), op.brIf, [0]),
    op.end,
  );
}

function keyFunction(): Code {
  const midstate = (pad: number, to: number) =>
    code(
      copied(initial, state),
      repeat(4, (n) =>
        storeAt(
          schedule + 16 * n,
          code(swapped(loadAt(layout.key + 16 * n)), splat(pad), op.xor128),
        ),
      ),
      call(functions.rounds),
      copied(state, to),
    );
  return code(midstate(0x36, inner), midstate(0x5c, outer));
}

/** mac(at: i32, blocks: i32, to: i32) */
function macFunction(): Code {
  const [at, blocks, to] = [0, 1, 2];
  return code(
    copied(inner, state),
    code(get(at), get(blocks), call(functions.blocks)),
    code(get(to), call(functions.finish)),
  );
}

/** again(at: i32) */
function againFunction(): Code {
  const at = 0;
  return code(
    copied(inner, state),
    repeat(2, (n) => storeAt(schedule + 16 * n, swapped(code(get(at), load(16 * n))))),
    copied(padding, schedule + 32),
    call(functions.rounds),
    code(get(at), call(functions.finish)),
  );
}

/** finish(to: i32): the state is the inner digest; its digest behind the outer pad is the MAC. */
function finishFunction(): Code {
  const to = 0;
  return code(
    copied(state, schedule),
    copied(padding, schedule + 32),
    copied(outer, state),
    call(functions.rounds),
    give(to),
  );
}

/** The state as the octets of a digest. */
function give(to: number): Code {
  return repeat(2, (n) => code(get(to), swapped(loadAt(state + 16 * n)), op.store, [16 * n]));
}

/** hash(at: i32, blocks: i32, to: i32) */
function hashFunction(): Code {
  const [at, blocks, to] = [0, 1, 2];
  return code(copied(initial, state), code(get(at), get(blocks), call(functions.blocks)), give(to));
}

/** The octets of the module. */
export function sha256Module(): Uint8Array<ArrayBuffer> {
  const { i32, v128 } = type;
  const none: Code = [];
  return moduleOf(
    section(1, [
      signature(none, none),
      signature([i32], none),
      signature([i32, i32], none),
      signature([i32, i32, i32], none),
    ]),
    section(3, [[0], [2], [0], [3], [1], [1], [2], [3]]),
    section(5, [[0x00, layout.pages]]),
    section(7, [
      named('memory', 2, 0),
      named('key', 0, functions.key),
      named('mac', 0, functions.mac),
      named('again', 0, functions.again),
      named('clear', 0, functions.clear),
      named('hash', 0, functions.hash),
    ]),
    section(10, [
      body(
        [
          [10, i32],
          [7, v128],
        ],
        roundsFunction(),
      ),
      body([], blocksFunction()),
      body([], keyFunction()),
      body([], macFunction()),
      body([], againFunction()),
      body([], finishFunction()),
      body([], clearing),
      body([], hashFunction()),
    ]),
  );
}

/**
 * SHA-256 (FIPS 180-4) and HMAC on it (RFC 2104) as a WebAssembly module: the machine code of sha256.ts. No branch and
 * no address depends on key or message.
 *
 *   key()                  the midstates of both pads, of the 64 octets that stand at `layout.key`
 *   mac(at, blocks, to)    the MAC under those midstates of a padded message, to `to`
 *   again(at)              the MAC of the 32 octets that stand there, in their place
 *   clear(from, end)       zeros, sixteen octets at a time
 */
import {
  body,
  type Code,
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
const functions = { rounds: 0, blocks: 1, key: 2, mac: 3, again: 4, finish: 5, clear: 6 } as const;

const load32 = (offset: number): Code => [...op.load32, ...unsigned(offset)];
const store32 = (offset: number): Code => [...op.store32, ...unsigned(offset)];
const call = (index: number): Code => [...op.call, index];
const rotated = (local: number, by: number): Code => code(get(local), number(by), op.rotateRight);
const shifted = (local: number, by: number): Code => code(get(local), number(by), op.shr);
/** What three parts come to, bit by bit. */
const sum = (a: Code, b: Code, c: Code): Code => code(a, b, op.xor, c, op.xor);

/** Sixteen octets to an address that is known. */
const storeAt = (offset: number, value: Code): Code =>
  code(number(0), value, op.store, unsigned(offset));
/** Eight words from one place to another. */
const copied = (from: number, to: number): Code =>
  code(storeAt(to, loadAt(from)), storeAt(to + 16, loadAt(from + 16)));
/** Four words whose first octet is the highest, as SHA-256 has them, to words of this machine, or back. */
const swapped = (value: Code): Code =>
  code(value, value, op.shuffle, [3, 2, 1, 0, 7, 6, 5, 4, 11, 10, 9, 8, 15, 14, 13, 12]);

/** Words 16 to 63 of the schedule (section 6.2.2, step 1), eight by eight. */
function scheduleLoop(at: number, early: number, late: number): Code {
  const word = (n: number) => code(get(at), load32(schedule + 4 * n));
  return code(
    code(number(0), set(at), op.loop),
    repeat(8, (n) =>
      code(
        code(get(at), word(n + 1), set(early), word(n + 14), set(late)),
        sum(rotated(early, 7), rotated(early, 18), shifted(early, 3)),
        sum(rotated(late, 17), rotated(late, 19), shifted(late, 10)),
        code(op.add, word(n), op.add, word(n + 9), op.add, store32(schedule + 4 * (n + 16))),
      ),
    ),
    code(get(at), number(32), op.add, tee(at), number(48 * 4), op.less, op.brIf, [0], op.end),
  );
}

/**
 * Round `n` of eight (section 6.2.2, step 3). The variables do not move on: each round calls them by other names, and
 * after eight, all have their own again.
 */
function round(n: number, at: number, t1: number): Code {
  const variable = (i: number) => (i - n + 8) & 7;
  const [a, b, c, d] = [variable(0), variable(1), variable(2), variable(3)];
  const [e, f, g, h] = [variable(4), variable(5), variable(6), variable(7)];
  return code(
    code(get(h), get(at), load32(schedule + 4 * n), op.add),
    code(get(at), load32(constants + 4 * n), op.add),
    code(get(g), get(f), get(g), op.xor, get(e), op.and, op.xor, op.add), // Ch
    code(sum(rotated(e, 6), rotated(e, 11), rotated(e, 25)), op.add, set(t1)),
    code(get(d), get(t1), op.add, set(d)),
    sum(rotated(a, 2), rotated(a, 13), rotated(a, 22)),
    code(get(a), get(b), op.and, get(a), get(b), op.or, get(c), op.and, op.or, op.add), // Maj
    code(get(t1), op.add, set(h)),
  );
}

/** rounds(): the state goes on by the block whose words are the first 16 of the schedule. */
function roundsFunction(): Code {
  const [at, early, late, t1] = [8, 9, 10, 11];
  return code(
    scheduleLoop(at, early, late),
    repeat(8, (n) => code(number(0), load32(state + 4 * n), set(n))),
    code(number(0), set(at), op.loop),
    repeat(8, (n) => round(n, at, t1)),
    code(get(at), number(32), op.add, tee(at), number(64 * 4), op.less, op.brIf, [0], op.end),
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
    repeat(2, (n) => code(get(to), swapped(loadAt(state + 16 * n)), op.store, [16 * n])),
  );
}

/** clear(from: i32, end: i32) */
function clearFunction(): Code {
  const [from, end] = [0, 1];
  return code(
    op.loop,
    code(get(from), splat(0), op.store, [0]),
    code(get(from), number(16), op.add, tee(from), get(end), op.less, op.brIf, [0]),
    op.end,
  );
}

/** The octets of the module. */
export function sha256Module(): Uint8Array<ArrayBuffer> {
  const { i32 } = type;
  const none: Code = [];
  return moduleOf(
    section(1, [
      signature(none, none),
      signature([i32], none),
      signature([i32, i32], none),
      signature([i32, i32, i32], none),
    ]),
    section(3, [[0], [2], [0], [3], [1], [1], [2]]),
    section(5, [[0x00, layout.pages]]),
    section(7, [
      named('memory', 2, 0),
      named('key', 0, functions.key),
      named('mac', 0, functions.mac),
      named('again', 0, functions.again),
      named('clear', 0, functions.clear),
    ]),
    section(10, [
      body([[12, i32]], roundsFunction()),
      body([], blocksFunction()),
      body([], keyFunction()),
      body([], macFunction()),
      body([], againFunction()),
      body([], finishFunction()),
      body([], clearFunction()),
    ]),
  );
}

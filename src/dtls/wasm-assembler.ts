/**
 * What the WebAssembly modules of this room are written with: instructions by name, and the sections around them.
 *
 * WebAssembly core specification 2.0: sections 5.4 (instructions) and 5.5 (modules).
 */

export const type = { i32: 0x7f, v128: 0x7b } as const;

/** Instructions, without what stands behind them. */
export const op = {
  block: [0x02, 0x40],
  loop: [0x03, 0x40],
  if: [0x04, 0x40],
  else: [0x05],
  end: [0x0b],
  brIf: [0x0d],
  call: [0x10],
  get: [0x20],
  set: [0x21],
  tee: [0x22],
  load32: [0x28, 2],
  store32: [0x36, 2],
  const32: [0x41],
  eqz: [0x45],
  eq: [0x46],
  less: [0x48],
  add: [0x6a],
  sub: [0x6b],
  mul: [0x6c],
  remainder: [0x70],
  and: [0x71],
  or: [0x72],
  xor: [0x73],
  shl: [0x74],
  shr: [0x76],
  rotateRight: [0x78],
  // Sixteen octets at once.
  load: [0xfd, 0x00, 0],
  store: [0xfd, 0x0b, 0],
  shuffle: [0xfd, 0x0d],
  swizzle: [0xfd, 0x0e],
  splat8: [0xfd, 0x0f],
  splat32: [0xfd, 0x11],
  lane0: [0xfd, 0x1b, 0],
  less8: [0xfd, 0x25],
  and128: [0xfd, 0x4e],
  or128: [0xfd, 0x50],
  xor128: [0xfd, 0x51],
  add8: [0xfd, 0x6e],
  /** Of two octets: those behind lose to those before. */
  shr8: [0xfd, 0x8d, 0x01],
  sub8: [0xfd, 0x71],
  // Four words at once, or two of twice their length.
  shl4: [0xfd, 0xab, 0x01],
  shr4: [0xfd, 0xad, 0x01],
  add4: [0xfd, 0xae, 0x01],
  shr2: [0xfd, 0xcd, 0x01],
} as const;

export type Code = readonly number[];

/** Some code after other, flat. */
export function code(...parts: readonly Code[]): Code {
  return parts.flat();
}

/** LEB128 of a number that is not negative. */
export function unsigned(value: number): Code {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...unsigned(value >>> 7)];
}

/** LEB128 of a number whose last octet must not look negative. */
function signed(value: number): Code {
  return value < 0x40 ? [value] : [(value & 0x7f) | 0x80, ...signed(value >>> 7)];
}

export const get = (local: number): Code => [...op.get, local];
export const set = (local: number): Code => [...op.set, local];
export const tee = (local: number): Code => [...op.tee, local];
export const number = (value: number): Code => [...op.const32, ...signed(value)];
export const splat = (octet: number): Code => code(number(octet), op.splat8);
/** From an address that is known, or behind one that was pushed. */
export const load = (offset: number): Code => [...op.load, ...unsigned(offset)];
export const loadAt = (offset: number): Code => code(number(0), load(offset));
export const repeat = (times: number, part: (n: number) => Code): Code =>
  Array.from({ length: times }, (_, n) => part(n)).flat();

/** The code of `clear(from: i32, end: i32)`: zeros, sixteen octets at a time, at least once. */
export const clearing: Code = code(
  op.loop,
  code(get(0), splat(0), op.store, [0]),
  code(get(0), number(16), op.add, tee(0), get(1), op.less, op.brIf, [0]),
  op.end,
);

function vector(items: readonly Code[]): Code {
  return code(unsigned(items.length), ...items);
}

export function section(id: number, items: readonly Code[]): Code {
  const content = vector(items);
  return code([id], unsigned(content.length), content);
}

export function named(name: string, kind: number, index: number): Code {
  return code(vector([...new TextEncoder().encode(name)].map((octet) => [octet])), [kind, index]);
}

/** A function's locals, so many of each type, and its code. */
export function body(
  locals: readonly (readonly [count: number, of: number])[],
  instructions: Code,
): Code {
  const content = code(vector(locals.map(([count, of]) => [count, of])), instructions, op.end);
  return code(unsigned(content.length), content);
}

export function signature(takes: Code, gives: Code): Code {
  return code([0x60], unsigned(takes.length), takes, unsigned(gives.length), gives);
}

/** The octets of a module of these sections. */
export function moduleOf(...sections: readonly Code[]): Uint8Array<ArrayBuffer> {
  const magicAndVersion = [0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00];
  return Uint8Array.from(code(magicAndVersion, ...sections));
}

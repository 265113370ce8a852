/**
 * Messages declared once, as data that looks like their ASN.1 (X.680): from a declaration come the TypeScript type
 * (`Infer`), `decode`, `encode` and refusals with the path of the field. Tags follow the modules of SGP.22 and SGP.32:
 * AUTOMATIC TAGS (a SEQUENCE or CHOICE none of whose components carries a written tag is numbered [0], [1], …), and
 * EXTENSIBILITY IMPLIED (unknown elements of a SEQUENCE are skipped and kept). A tag replaces that of the type
 * (IMPLICIT), save before a CHOICE, which it wraps (EXPLICIT). Decoded octets are views of the bytes given.
 */
import { Asn1, type Component, hexTag, Plain, type Shape } from './asn1-type.ts';
import { Choice, ListContents, numbered, SequenceContents } from './constructed.ts';
import type { DecodeOptions, Reading } from './reading.ts';
import { DerError, type Element, rawOf, readOnly } from './tlv.ts';

export interface Schema<T> {
  readonly name: string;
  /** Reads the one value that `bytes` are. Throws DerError. */
  decode(bytes: Uint8Array, options?: DecodeOptions): T;
  /** Throws DerError where the value does not fit the declaration. */
  encode(value: T): Uint8Array;
}

/** The TypeScript type of a declaration's values. */
export type Infer<S> = S extends Asn1<infer T> ? T : never;

/** Gives a type the name that the module gives it. */
export function define<T>(name: string, type: Asn1<T>): Asn1<T> {
  return type.named(name);
}

/** `[number] type` */
export function context<T>(number: number, type: Asn1<T>): Asn1<T> {
  return type.tagged(0x80, number, true);
}

/** `[APPLICATION number] type` */
export function application<T>(number: number, type: Asn1<T>): Asn1<T> {
  return type.tagged(0x40, number, true);
}

/** `[PRIVATE number] type` */
export function privately<T>(number: number, type: Asn1<T>): Asn1<T> {
  return type.tagged(0xc0, number, true);
}

/** `type OPTIONAL` */
export function optional<T>(type: Asn1<T>): Component<T, true> {
  return { type, optional: true };
}

/** `type DEFAULT value`: always present once decoded, never on the wire when it has that value. */
export function withDefault<T>(type: Asn1<T>, byDefault: T): Component<T, false> {
  return { type, optional: false, byDefault };
}

type Declared = Asn1<unknown> | Component;
type ValueOf<D> = D extends Asn1<infer T> ? T : D extends Component<infer T> ? T : never;
type OptionalKeys<C> = {
  [K in keyof C]: C[K] extends Component<unknown, true> ? K : never;
}[keyof C];
type Flat<T> = { [K in keyof T]: T[K] };

export type SequenceValue<C> = Flat<
  { readonly [K in Exclude<keyof C, OptionalKeys<C>>]: ValueOf<C[K]> } & {
    readonly [K in OptionalKeys<C>]?: ValueOf<C[K]> | undefined;
  } & {
    /** Elements that this version does not know, as they stood. */
    readonly unknown?: readonly Uint8Array[] | undefined;
  }
>;

/** `SEQUENCE { … }` */
export function sequence<const C extends Readonly<Record<string, Declared>>>(
  declared: C,
): Asn1<SequenceValue<C>> {
  const components = numbered(
    Object.entries(declared).map(([name, one]): readonly [string, Component] => [
      name,
      one instanceof Asn1 ? { type: one, optional: false } : one,
    ]),
  );
  const contents = new SequenceContents<SequenceValue<C>>(components);
  return new Plain({ kind: 'SEQUENCE', components: new Map(components) }, 0x30, contents);
}

/** `SEQUENCE OF type`, of at most `maxElements` elements (constructed.ts). */
export function sequenceOf<T>(type: Asn1<T>): Asn1<readonly T[]> {
  return new Plain({ kind: 'SEQUENCE OF', of: type }, 0x30, new ListContents(type));
}

type Arms = Readonly<Record<string, Asn1<unknown>>>;
export type ChoiceValue<A> = {
  [K in keyof A]: { readonly type: K; readonly value: ValueOf<A[K]> };
}[keyof A];
/** An arm that this version does not know: the whole element. */
export type UnknownArm = { readonly type: 'unknown'; readonly value: Uint8Array };

/** `CHOICE { … }` */
export function choice<const A extends Arms>(arms: A): Asn1<ChoiceValue<A>> {
  return new Choice<ChoiceValue<A>>(armsOf(arms), false);
}

/** A CHOICE that, within a SEQUENCE OF, keeps arms it does not know as `{ type: 'unknown', value }`. */
export function openChoice<const A extends Arms>(arms: A): Asn1<ChoiceValue<A> | UnknownArm> {
  return new Choice<ChoiceValue<A> | UnknownArm>(armsOf(arms), true);
}

function armsOf(arms: Arms): ReadonlyMap<string, Asn1<unknown>> {
  const components = Object.entries(arms).map(
    ([name, type]) => [name, { type, optional: false }] as const,
  );
  return new Map(numbered(components).map(([name, { type }]) => [name, type]));
}

/** A value with the exact bytes that a signature covers: tag, length and contents, as received. */
export interface Signed<T> {
  readonly value: T;
  readonly raw: Uint8Array;
}

/** A type whose encoding is signed: decoded as `Signed`; encoding writes `raw`, never the value. */
export function signed<T>(type: Asn1<T>): Asn1<Signed<T>> {
  return new SignedType(type);
}

class SignedType<T> extends Asn1<Signed<T>> {
  readonly name: string;
  readonly shape: Shape;
  readonly tags: readonly number[];
  override readonly written: boolean;
  readonly #type: Asn1<T>;

  constructor(type: Asn1<T>) {
    super();
    this.#type = type;
    this.name = type.name;
    this.shape = { kind: 'signed', of: type };
    this.tags = type.tags;
    this.written = type.written;
  }

  read(element: Element, reading: Reading): Signed<T> {
    return { value: this.#type.read(element, reading), raw: rawOf(element) };
  }

  write({ raw }: Signed<T>): Uint8Array {
    const { tag } = readOnly(raw);
    if (!this.tags.includes(tag)) throw new DerError('', `raw begins with ${hexTag(tag)}`);
    return raw;
  }

  tagged(classBits: number, number: number, written: boolean): SignedType<T> {
    return new SignedType(this.#type.tagged(classBits, number, written));
  }

  named(name: string): SignedType<T> {
    return new SignedType(this.#type.named(name));
  }
}

/** Makes a signed part of a value that we made ourselves: its encoding is what is to be signed. */
export function signedOf<T>(type: Schema<T>, value: T): Signed<T> {
  return { value, raw: type.encode(value) };
}

/** A signed part of bytes that another made. Throws DerError. */
export function signedFrom<T>(type: Schema<T>, raw: Uint8Array): Signed<T> {
  return { value: type.decode(raw), raw };
}

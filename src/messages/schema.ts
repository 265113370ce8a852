/**
 * Messages declared once, as data that looks like their ASN.1 (X.680): from a declaration come the TypeScript type
 * (`Infer`), `decode`, `encode` and refusals with the path of the field. Tags follow the modules of SGP.22 and SGP.32:
 * AUTOMATIC TAGS (a SEQUENCE or CHOICE none of whose components carries a written tag is numbered [0], [1], …), and
 * EXTENSIBILITY IMPLIED (unknown elements of a SEQUENCE are skipped and kept). A tag replaces that of the type
 * (IMPLICIT), save before a CHOICE, which it wraps (EXPLICIT). Decoded octets are views of the bytes given.
 */
import { concat } from '../base/bytes.ts';
import { type DecodeOptions, Reading } from './reading.ts';
import { DerError, type Element, elementAt, rawOf, readOnly, tlv } from './tlv.ts';

export interface Schema<T> {
  readonly name: string;
  /** Reads the one value that `bytes` are. Throws DerError. */
  decode(bytes: Uint8Array, options?: DecodeOptions): T;
  /** Throws DerError where the value does not fit the declaration. */
  encode(value: T): Uint8Array;
}

/** The TypeScript type of a declaration's values. */
export type Infer<S> = S extends Asn1<infer T> ? T : never;

/** More elements than this in a SEQUENCE OF, or unknown ones in a SEQUENCE, are refused. */
export const maxElements = 1024;
export const maxUnknown = 64;

/** What a declaration is made of, for those who compare it with a module or make values of it. */
export type Shape =
  | Primitive
  /** Passed on whole, under this tag. */
  | { readonly kind: 'opaque'; readonly type: string; readonly tag: number }
  | { readonly kind: 'SEQUENCE'; readonly components: ReadonlyMap<string, Component> }
  | { readonly kind: 'SEQUENCE OF'; readonly of: Asn1<unknown> }
  | { readonly kind: 'CHOICE'; readonly arms: ReadonlyMap<string, Asn1<unknown>> }
  | { readonly kind: 'signed'; readonly of: Asn1<unknown> };

export interface Primitive {
  readonly kind: 'primitive';
  readonly type: string;
  /** SIZE, in octets or characters. */
  readonly size?: readonly [min: number, max: number] | undefined;
  /** Named numbers of an INTEGER. */
  readonly numbers?: Readonly<Record<string, number>> | undefined;
  /** Named bits of a BIT STRING. */
  readonly bits?: readonly string[] | undefined;
}

/** A type of ASN.1: how its values are read from an element and written as one. */
export abstract class Asn1<T> implements Schema<T> {
  /** As the module spells it; the empty string where it has no name of its own. */
  abstract readonly name: string;
  abstract readonly shape: Shape;
  /** The tags its encoding may begin with. */
  abstract readonly tags: readonly number[];
  /** Those of them that are the standard's. */
  get standardTags(): readonly number[] {
    return this.tags;
  }

  /** Whether the declaration itself carries a tag, rather than the type it refers to (X.680 25.3). */
  readonly written: boolean = false;
  /** Whether, within a SEQUENCE OF, it takes an element with another tag than `tags` all the same. */
  readonly open: boolean = false;

  /** Reads an element whose tag is one of `tags`. */
  abstract read(element: Element, reading: Reading): T;
  abstract write(value: T): Uint8Array;
  /** The same type under another tag; `number` and `classBits` as in the tag's first octet. */
  abstract tagged(classBits: number, number: number, written: boolean): Asn1<T>;
  abstract named(name: string): Asn1<T>;

  decode(bytes: Uint8Array, options?: DecodeOptions): T {
    const reading = new Reading(options);
    const plain = plainBytes(bytes);
    const element = elementAt(plain, 0, plain.length, reading);
    if (element.end < plain.length) {
      reading.fail(`${plain.length - element.end} octets after the end`);
    }
    if (!this.tags.includes(element.tag)) reading.fail(`${hexTag(element.tag)} is no ${this.name}`);
    return this.read(element, reading);
  }

  encode(value: T): Uint8Array {
    return this.write(value);
  }
}

/** The same memory as a Uint8Array proper, so that what is cut from it is one, even where a Buffer was given. */
function plainBytes(bytes: Uint8Array): Uint8Array {
  if (bytes.constructor === Uint8Array) return bytes;
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** How the contents of a tagged type are read and written, whatever the tag is. */
export interface Contents<T> {
  readonly constructed: boolean;
  read(element: Element, reading: Reading): T;
  write(value: T): Uint8Array;
}

/** Any type that has one tag. */
export class Plain<T> extends Asn1<T> {
  readonly name: string;
  readonly shape: Shape;
  readonly tags: readonly [number];
  override readonly written: boolean;
  readonly #contents: Contents<T>;

  constructor(
    shape: Shape,
    tag: number,
    contents: Contents<T>,
    labels: { name?: string; written?: boolean } = {},
  ) {
    super();
    this.name = labels.name ?? '';
    this.written = labels.written ?? false;
    this.shape = shape;
    this.tags = [tag];
    this.#contents = contents;
  }

  read(element: Element, reading: Reading): T {
    return this.#contents.read(element, reading);
  }

  write(value: T): Uint8Array {
    return tlv(this.tags[0], this.#contents.write(value));
  }

  tagged(classBits: number, number: number, written: boolean): Plain<T> {
    const tag = tagOf(classBits, this.#contents.constructed, number);
    return new Plain(this.shape, tag, this.#contents, { name: this.name, written });
  }

  named(name: string): Plain<T> {
    return new Plain(this.shape, this.tags[0], this.#contents, { name });
  }
}

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

function tagOf(classBits: number, constructed: boolean, number: number): number {
  const first = classBits | (constructed ? 0x20 : 0);
  if (number < 0x1f) return first | number;
  if (number < 0x80) return (first | 0x1f) * 256 + number;
  throw new Error(`tag number ${number} is beyond what the modules use`);
}

/** A field of a SEQUENCE that may be left out, or that is left out when it has its default. */
export interface Component<T = unknown, O extends boolean = boolean> {
  readonly type: Asn1<T>;
  readonly optional: O;
  readonly byDefault?: T;
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

/** AUTOMATIC TAGS: components are numbered unless one of them carries a written tag (X.680 25.3). */
function numbered(
  components: readonly (readonly [string, Component])[],
): readonly (readonly [string, Component])[] {
  if (components.some(([, { type }]) => type.written)) return components;
  return components.map(([name, component], i) => [
    name,
    { ...component, type: component.type.tagged(0x80, i, false) },
  ]);
}

class SequenceContents<T> implements Contents<T> {
  readonly constructed = true;
  readonly #components: readonly (readonly [string, Component])[];

  constructor(components: readonly (readonly [string, Component])[]) {
    this.#components = components;
  }

  read({ bytes, content, end }: Element, reading: Reading): T {
    const value: Record<string, unknown> = {};
    const unknown: Uint8Array[] = [];
    let due = 0;
    for (let at = content; at < end; ) {
      const element = elementAt(bytes, at, end, reading);
      at = element.end;
      const found = this.#find(element.tag, due, reading);
      if (found === undefined) {
        if (unknown.push(rawOf(element)) > maxUnknown) {
          reading.fail(`more than ${maxUnknown} unknown elements`);
        }
        continue;
      }
      this.#leaveOut(due, found, value, reading);
      const [name, component] = this.#components[found] as readonly [string, Component];
      reading.enter(name);
      value[name] = component.type.read(element, reading);
      if (component.byDefault !== undefined && value[name] === component.byDefault) {
        reading.tolerate('default-present');
      }
      reading.leave();
      due = found + 1;
    }
    this.#leaveOut(due, this.#components.length, value, reading);
    if (unknown.length > 0) value.unknown = unknown;
    return value as T;
  }

  /** The component, not before `due`, that an element with this tag is; undefined for none that we know. */
  #find(tag: number, due: number, reading: Reading): number | undefined {
    for (let i = due; i < this.#components.length; i++) {
      if (this.#components[i]?.[1].type.tags.includes(tag)) return i;
    }
    for (let i = 0; i < due; i++) {
      const one = this.#components[i];
      if (one?.[1].type.tags.includes(tag)) reading.fail(`${one[0]} twice or out of order`);
    }
    return undefined;
  }

  /** Passes over the components from `due` to `found`, which did not come. */
  #leaveOut(due: number, found: number, value: Record<string, unknown>, reading: Reading): void {
    for (let i = due; i < found; i++) {
      const [name, { optional, byDefault }] = this.#components[i] as readonly [string, Component];
      if (byDefault !== undefined) value[name] = byDefault;
      else if (!optional) {
        reading.enter(name);
        reading.fail('missing');
      }
    }
  }

  write(value: T): Uint8Array {
    const parts: Uint8Array[] = [];
    const fields = value as Readonly<Record<string, unknown>>;
    for (const [name, { type, optional, byDefault }] of this.#components) {
      const field = fields[name];
      if (field === undefined) {
        if (!optional && byDefault === undefined) throw new DerError(name, 'missing');
      } else if (field !== byDefault) {
        parts.push(within(name, () => type.write(field)));
      }
    }
    const unknown = fields.unknown as readonly Uint8Array[] | undefined;
    return concat(...parts, ...(unknown ?? []));
  }
}

/** Runs `write`, and puts the field's name before the path of what it complains about. */
function within<R>(field: string, write: () => R): R {
  try {
    return write();
  } catch (error) {
    if (!(error instanceof DerError)) throw error;
    const rest = error.path === '' || error.path.startsWith('[') ? error.path : `.${error.path}`;
    throw new DerError(`${field}${rest}`, error.complaint, { cause: error });
  }
}

/** `SEQUENCE OF type`, of at most `maxElements` elements. */
export function sequenceOf<T>(type: Asn1<T>): Asn1<readonly T[]> {
  return new Plain<readonly T[]>({ kind: 'SEQUENCE OF', of: type }, 0x30, {
    constructed: true,
    read({ bytes, content, end }, reading) {
      const values: T[] = [];
      for (let at = content; at < end; ) {
        reading.enter(`[${values.length}]`);
        const element = elementAt(bytes, at, end, reading);
        if (values.length >= maxElements) reading.fail(`more than ${maxElements} elements`);
        if (!type.tags.includes(element.tag) && !type.open) {
          reading.fail(`${hexTag(element.tag)} is no ${type.name || 'element of this list'}`);
        }
        values.push(type.read(element, reading));
        reading.leave();
        at = element.end;
      }
      return values;
    },
    write(values) {
      if (values.length > maxElements) throw new DerError('', `more than ${maxElements} elements`);
      return concat(...values.map((value, i) => within(`[${i}]`, () => type.write(value))));
    },
  });
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

class Choice<T extends { readonly type: PropertyKey; readonly value: unknown }> extends Asn1<T> {
  readonly name: string;
  readonly shape: Shape;
  readonly tags: readonly number[];
  override readonly open: boolean;
  readonly #arms: ReadonlyMap<string, Asn1<unknown>>;
  readonly #byTag = new Map<number, readonly [string, Asn1<unknown>]>();

  constructor(arms: ReadonlyMap<string, Asn1<unknown>>, open: boolean, name = '') {
    super();
    this.name = name;
    this.open = open;
    this.#arms = arms;
    this.shape = { kind: 'CHOICE', arms };
    for (const arm of arms) {
      for (const tag of arm[1].tags) {
        if (this.#byTag.has(tag)) throw new Error(`${arm[0]} has the tag of another arm`);
        this.#byTag.set(tag, arm);
      }
    }
    this.tags = [...this.#byTag.keys()];
  }

  read(element: Element, reading: Reading): T {
    const arm = this.#byTag.get(element.tag);
    if (arm === undefined) {
      if (this.open) return { type: 'unknown', value: rawOf(element) } as unknown as T;
      return reading.fail(`${hexTag(element.tag)} is none of its arms`);
    }
    reading.enter(arm[0]);
    const value = arm[1].read(element, reading);
    reading.leave();
    return { type: arm[0], value } as unknown as T;
  }

  write({ type, value }: T): Uint8Array {
    const name = String(type);
    const arm = this.#arms.get(name);
    if (arm !== undefined) return within(name, () => arm.write(value));
    if (this.open && name === 'unknown' && value instanceof Uint8Array) return readOnly(value).raw;
    throw new DerError(name, 'no arm of this CHOICE');
  }

  tagged(classBits: number, number: number, written: boolean): Asn1<T> {
    return new Plain<T>(
      this.shape,
      tagOf(classBits, true, number),
      {
        constructed: true,
        read: ({ bytes, content, end }, reading) => {
          const element = elementAt(bytes, content, end, reading);
          if (element.end < end) reading.fail(`${end - element.end} octets after its one element`);
          return this.read(element, reading);
        },
        write: (value) => this.write(value),
      },
      { name: this.name, written },
    );
  }

  named(name: string): Choice<T> {
    return new Choice<T>(this.#arms, this.open, name);
  }
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

/** A shape that is not the standard's but is met in the field, and how it reads as the standard's. */
export interface FieldShape {
  readonly name: string;
  /** Tags that the deviating element may have besides those of the type. */
  readonly tags?: readonly number[];
  /** The standard's element for this one; undefined where it is not of this shape. */
  standard(element: Element, reading: Reading): Uint8Array | undefined;
}

/** `type`, read also from the shapes given (each is reported), and always written as the standard has it. */
export function tolerating<T>(type: Asn1<T>, ...shapes: readonly FieldShape[]): Asn1<T> {
  return new ToleratingType(type, shapes);
}

class ToleratingType<T> extends Asn1<T> {
  readonly name: string;
  readonly shape: Shape;
  readonly tags: readonly number[];
  override readonly written: boolean;
  override readonly open: boolean;
  readonly #type: Asn1<T>;
  readonly #shapes: readonly FieldShape[];

  constructor(type: Asn1<T>, shapes: readonly FieldShape[]) {
    super();
    this.name = type.name;
    this.shape = type.shape;
    this.tags = [...new Set([...type.tags, ...shapes.flatMap(({ tags }) => tags ?? [])])];
    this.written = type.written;
    this.open = type.open;
    this.#type = type;
    this.#shapes = shapes;
  }

  override get standardTags(): readonly number[] {
    return this.#type.standardTags;
  }

  read(element: Element, reading: Reading): T {
    let standard = element;
    for (const shape of this.#shapes) {
      const bytes = shape.standard(standard, reading);
      if (bytes === undefined) continue;
      reading.tolerate(shape.name);
      standard = elementAt(bytes, 0, bytes.length, reading);
    }
    if (!this.#type.tags.includes(standard.tag) && !this.open) {
      reading.fail(`${hexTag(standard.tag)} is no ${this.name || 'such element'}`);
    }
    return this.#type.read(standard, reading);
  }

  write(value: T): Uint8Array {
    return this.#type.write(value);
  }

  tagged(classBits: number, number: number, written: boolean): ToleratingType<T> {
    return new ToleratingType(this.#type.tagged(classBits, number, written), this.#shapes);
  }

  named(name: string): ToleratingType<T> {
    return new ToleratingType(this.#type.named(name), this.#shapes);
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

export function hexTag(tag: number): string {
  return `tag ${tag.toString(16).toUpperCase().padStart(2, '0')}`;
}

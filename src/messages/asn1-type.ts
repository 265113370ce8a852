/** What every declared type is: tags, a name, and how its values are read from an element and written as one. */
import { type DecodeOptions, Reading } from './reading.ts';
import { type Element, elementAt, tlv } from './tlv.ts';

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

/** A field of a SEQUENCE that may be left out, or that is left out when it has its default. */
export interface Component<T = unknown, O extends boolean = boolean> {
  readonly type: Asn1<T>;
  readonly optional: O;
  readonly byDefault?: T;
}

/** A type of ASN.1: how its values are read from an element and written as one. */
export abstract class Asn1<T> {
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

/** A tag as its octets make one number: 0x5f37, 0xbf51. */
export function tagOf(classBits: number, constructed: boolean, number: number): number {
  const first = classBits | (constructed ? 0x20 : 0);
  if (number < 0x1f) return first | number;
  if (number < 0x80) return (first | 0x1f) * 256 + number;
  throw new Error(`tag number ${number} is beyond what the modules use`);
}

export function hexTag(tag: number): string {
  return `tag ${tag.toString(16).toUpperCase().padStart(2, '0')}`;
}

/** Types that are read from more shapes than the standard's (field-shapes.ts) and written in the standard's only. */
import { Asn1, hexTag, type Shape } from './asn1-type.ts';
import type { QuirkName } from './quirks.ts';
import type { Reading } from './reading.ts';
import { type Element, elementAt } from './tlv.ts';

/** A shape that is not the standard's but is met in the field, and how it reads as the standard's. */
export interface FieldShape {
  readonly name: QuirkName;
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

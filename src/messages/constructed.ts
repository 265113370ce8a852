/** Reading and writing SEQUENCE, SEQUENCE OF and CHOICE. */
import { concat } from '../base/bytes.ts';
import {
  Asn1,
  type Component,
  type Contents,
  hexTag,
  Plain,
  type Shape,
  tagOf,
} from './asn1-type.ts';
import type { Reading } from './reading.ts';
import { DerError, type Element, elementAt, rawOf, readOnly } from './tlv.ts';

/** More elements than this in a SEQUENCE OF, or unknown ones in a SEQUENCE, are refused. */
export const maxElements = 1024;
export const maxUnknown = 64;

/** AUTOMATIC TAGS: components are numbered unless one of them carries a written tag (X.680 25.3). */
export function numbered(
  components: readonly (readonly [string, Component])[],
): readonly (readonly [string, Component])[] {
  if (components.some(([, { type }]) => type.written)) return components;
  return components.map(([name, component], i) => [
    name,
    { ...component, type: component.type.tagged(0x80, i, false) },
  ]);
}

export class SequenceContents<T> implements Contents<T> {
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

/** The elements of a SEQUENCE OF `type`. */
export class ListContents<T> implements Contents<readonly T[]> {
  readonly constructed = true;
  readonly #type: Asn1<T>;

  constructor(type: Asn1<T>) {
    this.#type = type;
  }

  read({ bytes, content, end }: Element, reading: Reading): readonly T[] {
    const type = this.#type;
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
  }

  write(values: readonly T[]): Uint8Array {
    if (values.length > maxElements) throw new DerError('', `more than ${maxElements} elements`);
    return concat(...values.map((value, i) => within(`[${i}]`, () => this.#type.write(value))));
  }
}

export class Choice<
  T extends { readonly type: PropertyKey; readonly value: unknown },
> extends Asn1<T> {
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

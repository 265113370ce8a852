/** The TLS presentation language (RFC 5246 §4): numbers, opaque octets, vectors and structs, declared as data. */
import { BytesError, Reader, Writer } from '../base/bytes.ts';
import { reading } from './alert.ts';

/** How one value stands on the wire. `read` throws BytesError where the octets do not fit. */
export interface Struct<T> {
  read(reader: Reader): T;
  write(writer: Writer, value: T): void;
}

/** The type of a struct's value. */
export type Infer<S> = S extends Struct<infer T> ? T : never;

type Width = 1 | 2 | 3;

export const uint8: Struct<number> = {
  read: (reader) => reader.uint8(),
  write: (writer, value) => void writer.uint8(value),
};

export const uint16: Struct<number> = {
  read: (reader) => reader.uint16(),
  write: (writer, value) => void writer.uint16(value),
};

export const uint32: Struct<number> = {
  read: (reader) => reader.uint32(),
  write: (writer, value) => void writer.uint32(value),
};

/** `opaque name[length]` */
export function opaque(length: number): Struct<Uint8Array> {
  return {
    read: (reader) => reader.bytes(length),
    write(writer, value) {
      if (value.length !== length) throw new BytesError(`${value.length} octets, not ${length}`);
      writer.bytes(value);
    },
  };
}

/** `opaque name<least..most>`: as many length octets as `most` needs. */
export function vector(least: number, most: number): Struct<Uint8Array> {
  const width = widthOf(most);
  return {
    read(reader) {
      const value = reader.bytes(reader.uint(width));
      checkSize(value.length, least, most);
      return value;
    },
    write(writer, value) {
      checkSize(value.length, least, most);
      writer.uint(value.length, width).bytes(value);
    },
  };
}

/** `T name<least..most>`; the bounds count octets, as in the standard. */
export function list<T>(item: Struct<T>, least: number, most: number): Struct<readonly T[]> {
  const width = widthOf(most);
  return {
    read(reader) {
      const length = reader.uint(width);
      const behind = reader.left - length;
      if (behind < 0) throw new BytesError(`a list of ${length} octets, ${reader.left} left`);
      checkSize(length, least, most);
      const values: T[] = [];
      while (reader.left > behind) values.push(item.read(reader));
      if (reader.left < behind) throw new BytesError('an item that goes past the end of its list');
      return values;
    },
    write(writer, values) {
      writer.counted(width, () => {
        const before = writer.length;
        for (const value of values) item.write(writer, value);
        checkSize(writer.length - before, least, most);
      });
    },
  };
}

/** A list that ends a message and is left out whole when it is empty: the extensions of a hello. */
export function absentWhenEmpty<T>(of: Struct<readonly T[]>): Struct<readonly T[]> {
  return {
    read: (reader) => (reader.left === 0 ? [] : of.read(reader)),
    write(writer, values) {
      if (values.length > 0) of.write(writer, values);
    },
  };
}

type Fields = Readonly<Record<string, Struct<unknown>>>;
type FieldsOf<T> = { readonly [K in keyof T]: Struct<T[K]> };

/**
 * `struct { … }`: the fields in the order of their declaration. `spelled`: the same said field by field, for what each
 * handshake has, because to go through the declaration takes several times as long.
 */
export function struct<T extends object>(
  fields: FieldsOf<T>,
  spelled: Partial<Struct<Readonly<T>>> = {},
): Struct<Readonly<T>> {
  const entries = Object.entries(fields as Fields);
  // A copy of an object that has all members takes a third of the time that it takes to give them to one by one.
  const blank = Object.fromEntries(entries.map(([name]) => [name, undefined]));
  return {
    read(reader) {
      const value: Record<string, unknown> = { ...blank };
      for (const [name, field] of entries) value[name] = field.read(reader);
      return value as T;
    },
    write(writer, value) {
      const values = value as Readonly<Record<string, unknown>>;
      for (const [name, field] of entries) field.write(writer, values[name]);
    },
    ...spelled,
  };
}

/** The value of a peer's bytes, all of them. Throws HandshakeError(decodeError). */
export function decode<T>(what: string, of: Struct<T>, bytes: Uint8Array): T {
  return reading(what, () => {
    const reader = new Reader(bytes);
    const value = of.read(reader);
    if (reader.left > 0) throw new BytesError(`${reader.left} octets after the end`);
    return value;
  });
}

/** `roomy`: octets that it may take, where those are many; more are possible. */
export function encode<T>(of: Struct<T>, value: T, roomy?: number): Uint8Array {
  const writer = new Writer(roomy);
  of.write(writer, value);
  return writer.done();
}

function widthOf(most: number): Width {
  if (most < 2 ** 8) return 1;
  return most < 2 ** 16 ? 2 : 3;
}

function checkSize(length: number, least: number, most: number): void {
  if (length < least || length > most) {
    throw new BytesError(`a vector of ${length} octets where ${least} to ${most} are due`);
  }
}

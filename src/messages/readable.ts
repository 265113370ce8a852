/** A decoded message as JSON that people read: the standard's names for its numbers and bits, hex for its octets. */
import { toHex } from '../base/bytes.ts';
import { members } from '../base/members.ts';
import type { Asn1, Shape } from './asn1-type.ts';
import { nameOf } from './primitives.ts';
import type { Infer } from './schema.ts';

export type Json = string | number | boolean | readonly Json[] | { readonly [name: string]: Json };

/**
 * `value`, as `type` declares it: a SEQUENCE is an object, a CHOICE an object of one member, a VersionType `2.5.0`, a
 * number without a name itself. Elements that this version does not know are listed as `unknown`.
 */
export function readable<T>(type: Asn1<T>, value: Infer<Asn1<T>>): Json {
  return ofShape(type.shape, type.name, value);
}

function ofType(type: Asn1<unknown>, value: unknown): Json {
  return ofShape(type.shape, type.name, value);
}

function ofShape(shape: Shape, name: string, value: unknown): Json {
  switch (shape.kind) {
    case 'primitive':
      if (value instanceof Uint8Array) {
        return name === 'VersionType' ? value.join('.') : toHex(value);
      }
      if (typeof value === 'number' && shape.numbers !== undefined) {
        const known = nameOf(shape.numbers, value);
        return Object.hasOwn(shape.numbers, known) ? known : value;
      }
      return plain(value);
    case 'opaque':
      return value instanceof Uint8Array ? toHex(value) : plain(value);
    case 'SEQUENCE': {
      const read = Object.entries(value ?? {}).flatMap(([member, one]): [string, Json][] => {
        const component = shape.components.get(member);
        if (one === undefined) return [];
        return [[member, component === undefined ? plain(one) : ofType(component.type, one)]];
      });
      return Object.fromEntries(read);
    }
    case 'SEQUENCE OF':
      return Array.isArray(value) ? value.map((one) => ofType(shape.of, one)) : plain(value);
    case 'CHOICE': {
      const { type, value: arm } = armOf(value);
      const declared = shape.arms.get(type);
      return { [type]: declared === undefined ? plain(arm) : ofType(declared, arm) };
    }
    case 'signed':
      return ofType(shape.of, signedValue(value));
  }
}

function armOf(value: unknown): { readonly type: string; readonly value: unknown } {
  const { type, value: arm } = members(value);
  return { type: String(type), value: arm };
}

function signedValue(value: unknown): unknown {
  return members(value).value;
}

/** What no declaration says more of. */
function plain(value: unknown): Json {
  if (value instanceof Uint8Array) return toHex(value);
  if (Array.isArray(value)) return value.map(plain);
  return typeof value === 'number' || typeof value === 'boolean' ? value : String(value);
}

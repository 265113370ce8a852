/** Any value of a declared type, made of what the declaration says. */
import fc from 'fast-check';
import type { Asn1, Primitive } from '../../src/messages/asn1-type.ts';
import { tlv } from '../../src/messages/tlv.ts';

/** `depth` counts down to short lists and no optional fields, so that values stay small. */
export function arbitrary(type: Asn1<unknown>, depth = 6): fc.Arbitrary<unknown> {
  const { shape } = type;
  switch (shape.kind) {
    case 'primitive':
      return primitive(shape);
    case 'opaque':
      // Three elements, as a certificate has: two would do, but one alone would be the nested form.
      return fc
        .uint8Array({ maxLength: 40 })
        .map((some) => tlv(shape.tag, tlv(0x30, some), tlv(0x30), tlv(0x03, Uint8Array.of(0))));
    case 'signed':
      return arbitrary(shape.of, depth).map((value) => ({ value, raw: shape.of.encode(value) }));
    case 'SEQUENCE OF':
      return fc.array(arbitrary(shape.of, depth - 1), { maxLength: depth > 3 ? 3 : 1 });
    case 'CHOICE':
      return fc.oneof(
        ...[...shape.arms].map(([name, arm]) =>
          arbitrary(arm, depth - 1).map((value) => ({ type: name, value })),
        ),
      );
    case 'SEQUENCE': {
      const fields = [...shape.components].map(
        ([name, { type: field, optional }]): readonly [string, fc.Arbitrary<unknown>, boolean] => [
          name,
          arbitrary(field, depth - 1),
          optional,
        ],
      );
      return fc.record(Object.fromEntries(fields.map(([name, value]) => [name, value])), {
        requiredKeys: fields.filter(([, , optional]) => !optional).map(([name]) => name),
        noNullPrototype: true,
      });
    }
  }
}

function primitive({ type, size, numbers, bits }: Primitive): fc.Arbitrary<unknown> {
  const [minLength, max] = size ?? [0, 20];
  const maxLength = Math.min(max, Math.max(minLength, 20));
  switch (type) {
    case 'INTEGER':
      if (numbers !== undefined) return fc.constantFrom(...Object.values(numbers));
      return fc.maxSafeInteger();
    case 'OCTET STRING':
      return fc.uint8Array({ minLength, maxLength });
    case 'UTF8String':
      return fc.string({ minLength, maxLength, unit: 'binary' }).filter((text) => {
        const count = [...text].length;
        return count >= minLength && count <= max && !/\p{Surrogate}/u.test(text);
      });
    case 'BIT STRING':
      return fc.subarray(bits?.length ? [...bits] : ['bit0', 'bit3', 'bit9']);
    case 'BOOLEAN':
      return fc.boolean();
    case 'NULL':
      return fc.constant(true);
    case 'OBJECT IDENTIFIER':
      return fc
        .array(fc.nat(), { minLength: 1, maxLength: 5 })
        .map((arcs) => ['2', ...arcs].join('.'));
    default:
      throw new Error(`no values for ${type}`);
  }
}

/** src/messages and the modules in asn1/ say the same, each type and each field of it. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import type { Asn1, Component, Primitive } from '../../src/messages/asn1-type.ts';
import { Asn1Modules, tagsText } from './asn1-module.ts';
import { declared, namedNumbers } from './declared.ts';

const read = (file: string) => readFileSync(new URL(`../../asn1/${file}`, import.meta.url), 'utf8');

/** Passed on whole: our declarations do not look into these. */
const opaque = [
  'Certificate',
  'SubjectPublicKeyInfo',
  'BoundProfilePackage',
  'VendorSpecificExtension',
];
/** Of X.509, imported by the modules. */
const imported = ['Certificate', 'SubjectPublicKeyInfo', 'SubjectKeyIdentifier'];
const subjectKeyIdentifier = 'X DEFINITIONS ::= BEGIN SubjectKeyIdentifier ::= OCTET STRING END';

const modules = new Asn1Modules([read('rsp.asn'), read('sgp32.asn'), subjectKeyIdentifier], opaque);

function describeType(type: Asn1<unknown>): string {
  return `${tagsText(type.standardTags)} ${bodyText(type, true)}`;
}

function bodyText(type: Asn1<unknown>, top = false): string {
  const { shape } = type;
  if (shape.kind === 'opaque') return top ? 'opaque' : shape.type;
  if (shape.kind === 'signed') return bodyText(shape.of, top);
  if (!top && type.name !== '') return type.name;
  if (shape.kind === 'primitive') return primitiveText(shape);
  if (shape.kind === 'SEQUENCE OF') return `SEQUENCE OF ${memberText(shape.of)}`;
  const members =
    shape.kind === 'CHOICE'
      ? [...shape.arms].map(([name, arm]) => `${name} ${memberText(arm)}`)
      : [...shape.components].map(([name, one]) => `${name} ${memberText(one.type)}${suffix(one)}`);
  return `${shape.kind} { ${members.join(', ')} }`;
}

const memberText = (type: Asn1<unknown>) => `${tagsText(type.standardTags)} ${bodyText(type)}`;

function suffix({ type, optional, byDefault }: Component): string {
  if (byDefault === undefined) return optional ? ' OPTIONAL' : '';
  if (typeof byDefault === 'boolean') return ` DEFAULT ${byDefault ? 'TRUE' : 'FALSE'}`;
  const numbers = type.shape.kind === 'primitive' ? type.shape.numbers : undefined;
  return ` DEFAULT ${Object.entries(numbers ?? {}).find(([, n]) => n === byDefault)?.[0]}`;
}

function primitiveText({ type, size, numbers, bits }: Primitive): string {
  if (numbers !== undefined) return type + numbersText(Object.entries(numbers));
  if (bits !== undefined && bits.length > 0)
    return type + numbersText(bits.map((bit, i) => [bit, i]));
  const [min, max] = size ?? [0, Number.POSITIVE_INFINITY];
  if (max === Number.POSITIVE_INFINITY) return type;
  return min === max ? `${type}(SIZE(${min}))` : `${type}(SIZE(${min}..${max}))`;
}

const numbersText = (entries: readonly (readonly [string, number])[]) =>
  `{${entries.map(([name, n]) => `${name}(${n})`).join(',')}}`;

describe('asn1/*.asn', () => {
  for (const name of modules.names()) {
    if (imported.includes(name)) continue;
    if (modules.isInteger(name)) {
      it(`${name} has the numbers of src/messages`, () => {
        const numbers = namedNumbers.get(name);
        assert.ok(numbers, `no message file exports ${name}`);
        assert.equal(modules.describe(name), `02 INTEGER${numbersText(Object.entries(numbers))}`);
      });
    } else {
      it(`${name} is declared alike in src/messages`, () => {
        const type = declared.get(name);
        assert.ok(type, `no message file exports ${name}`);
        assert.equal(describeType(type), modules.describe(name));
      });
    }
  }

  it('have every type that src/messages declares', () => {
    const known = new Set([...modules.names(), ...imported]);
    assert.deepEqual(
      [...declared.keys()].filter((name) => !known.has(name)),
      [],
    );
  });

  it('differ where a tag differs', () => {
    const wrong = new Asn1Modules(
      [
        read('rsp.asn'),
        read('sgp32.asn').replace('rPLMN             [2]', 'rPLMN             [3]'),
        subjectKeyIdentifier,
      ],
      opaque,
    );
    assert.notEqual(
      wrong.describe('GetEimPackageRequest'),
      modules.describe('GetEimPackageRequest'),
    );
  });
});

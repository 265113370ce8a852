/** The parts of an encoding, each with its place, its tag, and what the modules call it. */
import { X509Certificate } from 'node:crypto';
import { fromUtf8, toHex } from '../base/bytes.ts';
import type { Asn1, Shape } from '../messages/asn1-type.ts';
import { iccidDigits, parseIccid } from '../messages/ids.ts';
import { type Json, readable } from '../messages/readable.ts';
import { contentOf, DerError, type Element, elementAt, rawOf } from '../messages/tlv.ts';
import type { Catalogue } from './catalogue.ts';

/** One element and what it holds. */
export interface Part {
  /** Octets before it in the whole input. */
  readonly offset: number;
  readonly tag: number;
  /** Octets of tag and length. */
  readonly header: number;
  /** Octets of its contents. */
  readonly length: number;
  /** The names of the field and of the arms that lead to it, outermost first; empty where no declaration knows it. */
  readonly fields: readonly string[];
  /** The type, as the module spells it. */
  readonly type?: string;
  /** Of what holds no other element. */
  readonly value?: Json;
  /** What is odd about it. */
  readonly complaint?: string;
  readonly parts: readonly Part[];
  /** The element as it stands. */
  readonly raw: Uint8Array;
}

/** Deeper than any message of the modules. */
const deepest = 40;

export class Anatomy {
  readonly #catalogue: Catalogue;

  constructor(catalogue: Catalogue) {
    this.#catalogue = catalogue;
  }

  /** The parts of the element that `bytes` are. Throws DerError where they are none, or more than one. */
  of(bytes: Uint8Array, type: Asn1<unknown> | undefined, fields: readonly string[] = []): Part {
    const element = elementAt(bytes, 0, bytes.length);
    if (element.end < bytes.length) {
      throw new DerError('', `${bytes.length - element.end} octets after the end`);
    }
    return this.#part(element, type, fields, 0);
  }

  #part(
    element: Element,
    type: Asn1<unknown> | undefined,
    fields: readonly string[],
    depth: number,
  ): Part {
    const shape = type?.shape;
    if (type !== undefined && shape?.kind === 'signed') {
      return this.#part(element, shape.of, fields, depth);
    }
    if (type !== undefined && shape?.kind === 'CHOICE' && !wraps(type, shape)) {
      for (const [name, arm] of shape.arms) {
        if (arm.tags.includes(element.tag)) {
          return this.#part(element, arm, [...fields, name], depth);
        }
      }
      return this.#part(element, undefined, fields, depth);
    }
    const { start, content, end, tag } = element;
    const place = { offset: start, tag, header: content - start, length: end - content, fields };
    const named = type === undefined || type.name === '' ? {} : { type: type.name };
    return { ...place, ...named, ...this.#inside(element, type, depth), raw: rawOf(element) };
  }

  #inside(
    element: Element,
    type: Asn1<unknown> | undefined,
    depth: number,
  ): Pick<Part, 'value' | 'parts' | 'complaint' | 'type'> {
    const shape = type?.shape;
    if (type === undefined || shape === undefined) return this.#undeclared(element, depth);
    if (shape.kind === 'primitive') return { ...primitiveValue(element, type), parts: [] };
    if (shape.kind === 'opaque') return this.#opaque(element, shape.type, depth);
    const children = elementsIn(element);
    if (children === undefined || depth >= deepest) {
      return { value: toHex(contentOf(element)), parts: [], complaint: 'holds no elements' };
    }
    return { parts: children.map(this.#childOf(shape, depth)) };
  }

  /** How the elements within one of this shape are declared, to be asked one after the other. */
  #childOf(shape: Shape, depth: number): (child: Element, index: number) => Part {
    if (shape.kind === 'SEQUENCE OF') {
      return (child, index) => this.#part(child, shape.of, [`[${index}]`], depth + 1);
    }
    if (shape.kind === 'CHOICE') {
      return (child) => {
        const arm = [...shape.arms].find(([, { tags }]) => tags.includes(child.tag));
        return this.#part(child, arm?.[1], arm === undefined ? [] : [arm[0]], depth + 1);
      };
    }
    const components = shape.kind === 'SEQUENCE' ? [...shape.components] : [];
    let due = 0;
    return (child) => {
      const at = components.findIndex(
        ([, { type }], index) => index >= due && type.tags.includes(child.tag),
      );
      const found = components[at];
      if (found === undefined) return this.#part(child, undefined, [], depth + 1);
      due = at + 1;
      return this.#part(child, found[1].type, [found[0]], depth + 1);
    };
  }

  /** What messages pass on whole: their own declaration, where there is one. */
  #opaque(
    element: Element,
    name: string,
    depth: number,
  ): Pick<Part, 'value' | 'parts' | 'complaint' | 'type'> {
    if (name === 'Certificate') return { type: name, ...certificate(element), parts: [] };
    const declared = this.#catalogue.named(name);
    const known = declared !== undefined && declared.shape.kind !== 'opaque';
    const inside = known
      ? this.#inside(element, declared, depth)
      : this.#undeclared(element, depth, name === 'BoundProfilePackage' ? packageParts : undefined);
    return { type: name, ...inside };
  }

  #undeclared(
    element: Element,
    depth: number,
    names?: Readonly<Record<number, string>>,
  ): Pick<Part, 'value' | 'parts'> {
    const constructed = ((element.bytes[element.start] ?? 0) & 0x20) !== 0;
    const children = constructed && depth < deepest ? elementsIn(element) : undefined;
    if (children === undefined) return { value: plainValue(element), parts: [] };
    return {
      parts: children.map((child) => {
        const name = names?.[child.tag];
        return this.#part(child, undefined, name === undefined ? [] : [name], depth + 1);
      }),
    };
  }
}

/** SGP.22 2.5.3: what a bound profile package is made of. */
const packageParts: Readonly<Record<number, string>> = {
  48931: 'initialiseSecureChannelRequest',
  160: 'firstSequenceOf87',
  161: 'sequenceOf88',
  162: 'secondSequenceOf87',
  163: 'sequenceOf86',
};

/** Whether a CHOICE has a tag of its own around its arms: then it begins with that one alone. */
function wraps(type: Asn1<unknown>, shape: Shape & { readonly kind: 'CHOICE' }): boolean {
  const ofArms = [...shape.arms.values()].flatMap(({ standardTags }) => standardTags);
  return !ofArms.every((tag) => type.standardTags.includes(tag));
}

/** The elements that its contents are; undefined where they are none. */
function elementsIn({ bytes, content, end }: Element): readonly Element[] | undefined {
  const elements: Element[] = [];
  try {
    for (let at = content; at < end; ) {
      const element = elementAt(bytes, at, end);
      elements.push(element);
      at = element.end;
    }
  } catch (error) {
    if (error instanceof DerError) return undefined;
    throw error;
  }
  return elements;
}

function primitiveValue(
  element: Element,
  type: Asn1<unknown>,
): Pick<Part, 'value'> & Pick<Part, 'complaint'> {
  const octets = toHex(contentOf(element));
  try {
    const value = readable(type, type.decode(rawOf(element)));
    return type.name === 'Iccid' ? iccid(octets) : { value };
  } catch (error) {
    if (!(error instanceof DerError)) throw error;
    return { value: octets, complaint: error.message };
  }
}

/** The octets of EF.ICCID, and the digits that are printed on a card. */
function iccid(octets: string): Pick<Part, 'value'> {
  try {
    return { value: `${octets} (${iccidDigits(parseIccid(octets))})` };
  } catch {
    return { value: octets };
  }
}

function certificate(element: Element): Pick<Part, 'value'> & Pick<Part, 'complaint'> {
  const der = rawOf(element).slice();
  der[0] = 0x30; // a message may have it under a tag of its own
  try {
    const { subject, issuer, serialNumber, validFrom, validTo } = new X509Certificate(der);
    const line = (name: string) => name.split('\n').join(', ');
    return {
      value: {
        subject: line(subject),
        issuer: line(issuer),
        serialNumber,
        validity: `${validFrom} to ${validTo}`,
      },
    };
  } catch {
    return { value: toHex(contentOf(element)), complaint: 'is no certificate' };
  }
}

const Universal = { boolean: 0x01, integer: 0x02, oid: 0x06, utf8: 0x0c } as const;

/** What no declaration knows: by its universal tag, or its octets. */
function plainValue(element: Element): Json {
  const octets = contentOf(element);
  switch (element.tag) {
    case Universal.boolean:
      return octets[0] !== 0;
    case Universal.integer:
      return octets.length <= 6 ? Number.parseInt(toHex(octets) || '0', 16) : toHex(octets);
    case Universal.oid:
      return oidText(octets);
    case Universal.utf8:
      try {
        return fromUtf8(octets);
      } catch {
        return toHex(octets);
      }
    default:
      return toHex(octets);
  }
}

function oidText(octets: Uint8Array): string {
  const numbers: number[] = [];
  let number = 0;
  for (const octet of octets) {
    number = number * 128 + (octet & 0x7f);
    if (octet >= 0x80) continue;
    numbers.push(number);
    number = 0;
  }
  // The first number holds two arcs (X.690 8.19.4).
  const [first = 0, ...rest] = numbers;
  const top = Math.min(2, Math.floor(first / 40));
  return [top, first - 40 * top, ...rest].join('.');
}

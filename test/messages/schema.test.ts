/** What a declaration gives: values, refusals with the path of the field, raw slices, AUTOMATIC TAGS, extensibility. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { hex } from '../../src/base/bytes.ts';
import type { Asn1 } from '../../src/messages/asn1-type.ts';
import { maxElements, maxUnknown } from '../../src/messages/constructed.ts';
import {
  boolean,
  integer,
  nothing,
  octetString,
  utf8String,
} from '../../src/messages/primitives.ts';
import {
  application,
  choice,
  context,
  define,
  type Infer,
  openChoice,
  optional,
  privately,
  sequence,
  sequenceOf,
  signed,
  signedFrom,
  signedOf,
  withDefault,
} from '../../src/messages/schema.ts';
import { tlv } from '../../src/messages/tlv.ts';
import { tolerating } from '../../src/messages/tolerating.ts';

const refuses = (type: Asn1<unknown>, text: string, path: string, complaint: RegExp) =>
  assert.throws(() => type.decode(hex(text)), { name: 'DerError', path, complaint });

const Point = define(
  'Point',
  sequence({ x: integer(), y: optional(integer()), label: utf8String() }),
);
type Point = Infer<typeof Point>;

describe('tags', () => {
  it('are automatic where no component has a written one', () => {
    const point: Point = { x: 1, y: 2, label: 'a' };
    assert.deepEqual(Point.encode(point), hex('3009 800101 810102 820161'));
    assert.deepEqual(Point.decode(hex('3009 800101 810102 820161')), point);
  });

  it('stay universal as soon as one component has a written one', () => {
    const type = sequence({ a: context(4, integer()), b: integer(), c: nothing() });
    assert.deepEqual(type.encode({ a: 1, b: 2, c: true }), hex('3008 840101 020102 0500'));
  });

  it('of a type referred to do not count as written', () => {
    const Tagged = define('Tagged', application(26, octetString(1)));
    const type = sequence({ a: Tagged, b: integer() });
    assert.deepEqual(type.encode({ a: hex('AA'), b: 2 }), hex('3006 8001AA 810102'));
  });

  it('replace the tag of the type, save before a CHOICE, which they wrap', () => {
    const Arms = define('Arms', choice({ a: integer(), b: boolean() }));
    const type = context(81, Arms);
    assert.deepEqual(type.encode({ type: 'b', value: true }), hex('BF51 03 8101FF'));
    assert.deepEqual(context(1, type).encode({ type: 'b', value: true }), hex('A1 03 8101FF'));
    assert.deepEqual(context(2, Point).encode({ x: 1, label: '' }), hex('A205 800101 8200'));
    assert.deepEqual(privately(3, Point).tags, [0xe3]);
    assert.deepEqual(context(112, integer()).tags, [0x9f70]);
  });

  it('of two arms of a CHOICE differ', () => {
    assert.throws(() => choice({ a: context(1, integer()), b: context(1, boolean()) }));
  });

  it('beyond 127 are not to be had', () => assert.throws(() => context(128, integer())));
});

describe('SEQUENCE', () => {
  it('leaves absent what is OPTIONAL', () => {
    assert.deepEqual(Point.decode(hex('3006 800101 820161')), { x: 1, label: 'a' });
    assert.deepEqual(Point.encode({ x: 1, y: undefined, label: 'a' }), hex('3006 800101 820161'));
  });

  it('refuses a missing field, wherever it is missing', () => {
    refuses(Point, '3003 820161', 'x', /missing/);
    refuses(Point, '3006 800101 810101', 'label', /missing/);
    refuses(Point, '3000', 'x', /missing/);
    const half = { x: 1 } as unknown as Point;
    assert.throws(() => Point.encode(half), { name: 'DerError', path: 'label' });
  });

  it('refuses fields twice or out of order', () => {
    refuses(Point, '3009 810101 800101 820161', 'x', /missing/);
    refuses(Point, '3009 800101 820161 810101', '', /y twice or out of order/);
    refuses(Point, '3009 800101 800101 820161', '', /x twice or out of order/);
  });

  it('skips elements that it does not know, keeps them, and writes them again', () => {
    const value = Point.decode(hex('300D 800101 8F0101 820161 BF7F0105'));
    assert.deepEqual(value, { x: 1, label: 'a', unknown: [hex('8F0101'), hex('BF7F0105')] });
    assert.deepEqual(Point.encode(value), hex('300D 800101 820161 8F0101 BF7F0105'));
    const many = hex('8F00'.repeat(maxUnknown + 1));
    assert.throws(() => Point.decode(tlv(0x30, hex('800101820161'), many)), {
      name: 'DerError',
      complaint: /unknown elements/,
    });
  });

  it('refuses unknown elements that are not DER', () => {
    refuses(Point, '3008 800101 8F05 820161', '', /octets left/);
  });

  it('has a default where a field is absent, and does not write it', () => {
    const type = sequence({ on: withDefault(boolean(), true) });
    assert.deepEqual(type.decode(hex('3000')), { on: true });
    assert.deepEqual(type.encode({ on: true }), hex('3000'));
    assert.deepEqual(type.encode({ on: false }), hex('3003 800100'));
    const reported: string[] = [];
    type.decode(hex('3003 8001FF'), { tolerated: (shape, path) => reported.push(shape, path) });
    assert.deepEqual(reported, ['default-present', 'on']);
  });
});

describe('SEQUENCE OF', () => {
  const Points = sequenceOf(Point);

  it('names the element that is wrong', () => {
    refuses(Points, '300A 3006800101820161 3000', '[1].x', /missing/);
    refuses(Points, '3003 020101', '[0]', /tag 02 is no Point/);
  });

  it('has a ceiling, both ways', () => {
    const type = sequenceOf(integer());
    const most = Array.from({ length: maxElements }, () => 0);
    assert.deepEqual(type.decode(type.encode(most)), most);
    assert.throws(() => type.decode(tlv(0x30, hex('020100'.repeat(maxElements + 1)))), {
      name: 'DerError',
      complaint: /more than 1024/,
    });
    assert.throws(() => type.encode([...most, 0]), { name: 'DerError' });
  });
});

describe('CHOICE', () => {
  const Arms = define('Arms', choice({ number: integer(), point: Point }));

  it('decodes to its arm, and names it in paths', () => {
    assert.deepEqual(Arms.decode(hex('800105')), { type: 'number', value: 5 });
    refuses(Arms, 'A103 820161', 'point.x', /missing/);
  });

  it('refuses an arm that it does not know', () => {
    refuses(Arms, '820105', '', /tag 82 is no Arms/);
    refuses(context(9, Arms), 'A903 820105', '', /tag 82 is none of its arms/);
    assert.throws(() => Arms.encode({ type: 'other', value: 1 } as unknown as Infer<typeof Arms>), {
      name: 'DerError',
      path: 'other',
    });
  });

  it('refuses more than one element under its tag, and none', () => {
    refuses(context(9, Arms), 'A906 800105 800106', '', /3 octets after its one element/);
    refuses(context(9, Arms), 'A900', '', /ends within its tag/);
  });

  it('keeps an arm that it does not know where it is open', () => {
    const list = sequenceOf(openChoice({ number: integer() }));
    const value = list.decode(hex('3007 800105 8F02AABB'));
    assert.deepEqual(value, [
      { type: 'number', value: 5 },
      { type: 'unknown', value: hex('8F02AABB') },
    ]);
    assert.deepEqual(list.encode(value), hex('3007 800105 8F02AABB'));
  });
});

describe('signed parts', () => {
  const Message = define(
    'Message',
    sequence({ part: signed(Point), signature: application(55, octetString()) }),
  );
  const bytes = hex('300F 3009 800101 8F0101 820161 5F370101');

  it('keep the exact bytes, unknown elements included, and write them again', () => {
    const value = Message.decode(bytes);
    assert.deepEqual(value.part.raw, hex('3009 800101 8F0101 820161'));
    assert.deepEqual(value.part.value.x, 1);
    assert.deepEqual(Message.encode(value), bytes);
    const other = { ...value, part: { value: { x: 9, label: 'z' }, raw: value.part.raw } };
    assert.deepEqual(Message.encode(other), bytes, 'raw is what is written');
  });

  it('are made of values and of bytes', () => {
    const made = signedOf(Point, { x: 1, label: 'a' });
    assert.deepEqual(made.raw, hex('3006 800101 820161'));
    assert.deepEqual(signedFrom(Point, made.raw), { value: { x: 1, label: 'a' }, raw: made.raw });
    assert.throws(() => signedFrom(Point, hex('3000')), { name: 'DerError' });
  });

  it('refuse to write bytes that are not of their type', () => {
    const value = Message.decode(bytes);
    for (const raw of ['310100', '3001', '300000']) {
      assert.throws(() => Message.encode({ ...value, part: { ...value.part, raw: hex(raw) } }), {
        name: 'DerError',
        path: /^part|^$/,
      });
    }
  });
});

describe('tolerated shapes', () => {
  const type = tolerating(context(0, sequence({ a: integer() })), {
    name: 'x509-nested',
    tags: [0x31],
    standard: (element) =>
      element.tag === 0x31
        ? tlv(0xa0, element.bytes.subarray(element.content, element.end))
        : undefined,
  });
  const Outer = define('Outer', sequence({ inner: optional(type), b: integer() }));

  it('are read, reported with their path, and not written', () => {
    const reported: string[] = [];
    const value = Outer.decode(hex('3008 3103800105 020102'), {
      tolerated: (shape, path) => reported.push(shape, path),
    });
    assert.deepEqual(value, { inner: { a: 5 }, b: 2 });
    assert.deepEqual(reported, ['x509-nested', 'inner']);
    assert.deepEqual(Outer.encode(value), hex('3008 A003800105 020102'));
  });

  it('are refused where nothing is tolerated, and the standard form is not', () => {
    assert.throws(() => Outer.decode(hex('3008 3103800105 020102'), { strict: true }), {
      name: 'DerError',
      path: 'inner',
    });
    const value = Outer.decode(hex('3008 A003800105 020102'), { strict: true });
    assert.deepEqual(value, { inner: { a: 5 }, b: 2 });
  });
});

describe('decode', () => {
  it('takes a Buffer, and gives Uint8Arrays that are views of it', () => {
    const buffer = Buffer.from('04020102', 'hex');
    const value = octetString().decode(buffer);
    assert.equal(value.constructor, Uint8Array);
    buffer[2] = 9;
    assert.deepEqual(value, hex('0902'));
  });

  it('refuses octets after the end', () =>
    refuses(Point, '3006 800101 820161 00', '', /1 octets after/));
});

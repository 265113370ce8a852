/** One tag-length-value: what is cut, and what is refused. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { concat, hex } from '../../src/base/bytes.ts';
import { readAll, readOnly, readTlv, tlv } from '../../src/messages/tlv.ts';

describe('readTlv', () => {
  it('cuts tag, header, value and the whole', () => {
    const bytes = hex('BF4F 02 0500 FF');
    assert.deepEqual(readTlv(bytes), {
      tag: 0xbf4f,
      header: hex('BF4F02'),
      value: hex('0500'),
      raw: hex('BF4F020500'),
    });
  });

  const refused: readonly (readonly [why: string, hex: string, complaint: RegExp])[] = [
    ['nothing', '', /ends within its tag/],
    ['half a tag', 'BF', /ends within its tag/],
    ['a tag number with a leading zero', 'BF804F00', /leading zero/],
    ['a long tag for a short number', 'BF1E00', /below 31/],
    ['a tag of five octets', 'BF8181818100', /more than four octets/],
    ['no length', '30', /ends within its length/],
    ['half a length', '308201', /ends within its length/],
    ['the indefinite form', '30800000', /indefinite/],
    ['a long length for a short one', '30817F', /shortest form/],
    ['a length with a leading zero', '30820080', /shortest form/],
    ['a length of five octets', '30850000000001', /length of 5 octets/],
    ['the reserved length FF', '30FF', /length of 127 octets/],
    ['contents cut short', '300205', /length 2, but 1 octets left/],
    ['a length of 4 GB', '3084FFFFFFFF00', /octets left/],
  ];
  for (const [why, text, complaint] of refused) {
    it(`refuses ${why}`, () =>
      assert.throws(() => readTlv(hex(text), 'field'), {
        name: 'DerError',
        path: 'field',
        complaint,
      }));
  }
});

describe('readOnly and readAll', () => {
  it('refuse what comes after, or is cut short', () => {
    assert.throws(() => readOnly(hex('050000')), { name: 'DerError', complaint: /1 octets after/ });
    assert.throws(() => readAll(hex('05000501')), { name: 'DerError' });
    assert.deepEqual(
      readAll(hex('0500020101')).map((one) => one.tag),
      [0x05, 0x02],
    );
    assert.deepEqual(readAll(hex('')), []);
  });
});

describe('tlv', () => {
  it('has the shortest length at each edge', () => {
    for (const [size, header] of [
      [0, '8700'],
      [0x7f, '877F'],
      [0x80, '878180'],
      [0xff, '8781FF'],
      [0x100, '87820100'],
      [0xffff, '8782FFFF'],
      [0x10000, '8783010000'],
    ] as const) {
      const whole = tlv(0x87, new Uint8Array(size));
      assert.deepEqual(whole.subarray(0, whole.length - size), hex(header));
      assert.equal(readOnly(whole).value.length, size);
    }
  });

  it('writes tags of one, two and three octets, and joins contents', () => {
    assert.deepEqual(tlv(0x5f37, hex('01'), hex('0203')), hex('5F3703010203'));
    assert.deepEqual(tlv(0xbf8101), hex('BF810100'));
  });

  it('is read back, whatever the contents', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(0x02, 0x30, 0x5a, 0x5f37, 0xbf51),
        fc.uint8Array({ maxLength: 700 }),
        fc.uint8Array({ maxLength: 4 }),
        (tag, value, after) => {
          const whole = tlv(tag, value);
          const read = readTlv(concat(whole, after));
          assert.equal(read.tag, tag);
          assert.deepEqual(read.value, value);
          assert.deepEqual(read.raw, whole);
        },
      ),
    );
  });
});

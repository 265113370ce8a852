/** What DER refuses in the types that hold no other, and the edges of what it allows. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { hex, toHex } from '../../src/base/bytes.ts';
import type { Asn1 } from '../../src/messages/asn1-type.ts';
import {
  bitString,
  boolean,
  integer,
  nameOf,
  nothing,
  objectIdentifier,
  octetString,
  opaque,
  utf8String,
  x509Object,
} from '../../src/messages/primitives.ts';
import { context } from '../../src/messages/schema.ts';

const refuses = (type: Asn1<unknown>, text: string, complaint: RegExp) =>
  assert.throws(() => type.decode(hex(text)), { name: 'DerError', complaint });

function tolerances(type: Asn1<unknown>, text: string): string[] {
  const found: string[] = [];
  type.decode(hex(text), { tolerated: (shape) => found.push(shape) });
  return found;
}

describe('INTEGER', () => {
  const edges: readonly (readonly [value: number, hex: string])[] = [
    [0, '020100'],
    [1, '020101'],
    [0x7f, '02017F'],
    [0x80, '02020080'],
    [0xc8, '020200C8'],
    [0xff, '020200FF'],
    [0x100, '02020100'],
    [0x7fff, '02027FFF'],
    [0x8000, '0203008000'],
    [0x7fffff, '02037FFFFF'],
    [2 ** 31, '02050080000000'],
    [2 ** 53 - 1, '02071FFFFFFFFFFFFF'],
    [-1, '0201FF'],
    [-128, '020180'],
    [-129, '0202FF7F'],
    [-(2 ** 53 - 1), '0207E0000000000001'],
  ];
  for (const [value, text] of edges) {
    it(`${value} is ${text}`, () => {
      assert.equal(integer().decode(hex(text)), value);
      assert.deepEqual(integer().encode(value), hex(text));
    });
  }

  it('refuses 2^53 and what is longer', () => {
    refuses(integer(), '020720000000000000', /beyond/);
    refuses(integer(), '0207E0000000000000', /beyond/);
    refuses(integer(), '02087FFFFFFFFFFFFFFF', /beyond/);
    refuses(integer(), '0209010000000000000000', /9 octets, beyond/);
    for (const value of [2 ** 53, 0.5, Number.NaN]) {
      assert.throws(() => integer().encode(value), { name: 'DerError' });
    }
  });

  it('refuses what is not in its shortest form, and no contents', () => {
    refuses(integer(), '02020001', /shortest/);
    refuses(integer(), '0202FF80', /shortest/);
    refuses(integer(), '0200', /without contents/);
  });

  it('writes what it reads, whatever the number', () => {
    fc.assert(
      fc.property(fc.maxSafeInteger(), (value) => {
        assert.equal(integer().decode(integer().encode(value)), value);
      }),
    );
  });

  it('has names for its numbers', () => {
    assert.equal(nameOf({ ok: 0, catBusy: 5 }, 5), 'catBusy');
    assert.equal(nameOf({ ok: 0, catBusy: 5 }, 6), '6');
  });
});

describe('BOOLEAN', () => {
  it('is 00 or FF; other octets are TRUE, and reported', () => {
    assert.equal(boolean().decode(hex('010100')), false);
    assert.equal(boolean().decode(hex('0101FF')), true);
    assert.equal(boolean().decode(hex('010101')), true);
    assert.deepEqual(tolerances(boolean(), '010101'), ['boolean-not-ff']);
    assert.deepEqual(tolerances(boolean(), '0101FF'), []);
    assert.deepEqual(boolean().encode(true), hex('0101FF'));
    assert.deepEqual(boolean().encode(false), hex('010100'));
  });

  it('refuses other than one octet', () => {
    refuses(boolean(), '0100', /one octet/);
    refuses(boolean(), '0102FFFF', /one octet/);
  });
});

describe('NULL', () => {
  it('is there or not', () => {
    assert.equal(nothing().decode(hex('0500')), true);
    assert.deepEqual(nothing().encode(true), hex('0500'));
  });

  it('refuses contents', () => refuses(nothing(), '050100', /with contents/));
});

describe('BIT STRING', () => {
  const bits = bitString(['notificationInstall', 'notificationEnable', 'notificationDisable']);
  const forms: readonly (readonly [
    readonly Parameters<typeof bits.encode>[0][number][],
    string,
  ])[] = [
    [[], '030100'],
    [['notificationInstall'], '03020780'],
    [['notificationEnable'], '03020640'],
    [['notificationInstall', 'notificationEnable'], '030206C0'],
    [['notificationInstall', 'notificationEnable', 'notificationDisable'], '030205E0'],
    [['bit7'], '03020001'],
    [['notificationInstall', 'bit8'], '0303078080'],
  ];
  for (const [set, text] of forms) {
    it(`${text} is ${set.join(', ') || 'no bit'}`, () => {
      assert.deepEqual(bits.decode(hex(text)), set);
      assert.deepEqual(bits.encode(set), hex(text));
      assert.deepEqual(tolerances(bits, text), []);
    });
  }

  it('reads trailing zero bits, and reports them', () => {
    for (const text of ['03020080', '03020480', '030207 00', '0303008000']) {
      assert.deepEqual(tolerances(bits, text), ['bit-string-untrimmed'], text);
    }
    assert.deepEqual(bits.decode(hex('0303008000')), ['notificationInstall']);
  });

  it('refuses padding that is not zero, and what cannot be', () => {
    refuses(bits, '03020781', /unused bits are not zero/);
    refuses(bits, '03020880', /8 unused bits/);
    refuses(bits, '030101', /1 unused bits/);
    refuses(bits, '0300', /without contents/);
    refuses(bits, `0323 00 ${'FF'.repeat(34)}`, /more than 256 bits/);
  });

  it('refuses to write a bit that it has no place for', () => {
    for (const name of ['bit256', 'bit1000', 'bit-1'] as const) {
      assert.throws(() => bits.encode([name as 'bit0']), { name: 'DerError' });
    }
  });
});

describe('OBJECT IDENTIFIER', () => {
  const oids: readonly (readonly [text: string, hex: string])[] = [
    ['2.999.10', '060388370A'],
    ['1.2.840.10045.2.1', '06072A8648CE3D0201'],
    ['0.39', '060127'],
    ['1.0', '060128'],
    ['2.23.146.1.2.1.0', '060767811201020100'],
    [
      '2.25.340282366920938463463374607431768211455',
      '06146983FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF7F',
    ],
  ];
  for (const [text, bytes] of oids) {
    it(`${text} is ${bytes}`, () => {
      assert.equal(toHex(objectIdentifier().encode(text)).toUpperCase(), bytes);
      assert.equal(objectIdentifier().decode(hex(bytes)), text);
    });
  }

  it('refuses arcs not in their shortest form or cut short', () => {
    refuses(objectIdentifier(), '060488378001', /shortest/);
    refuses(objectIdentifier(), '06028001', /shortest/);
    refuses(objectIdentifier(), '06022A86', /ends within an arc/);
    refuses(objectIdentifier(), '0600', /without contents/);
    refuses(objectIdentifier(), `0641 ${'2A'.repeat(65)}`, /more than 64/);
  });

  it('refuses to write other text', () => {
    for (const text of ['', '1', '3.1', '1.40', '1.02', '1.2.', 'eim', `1.2.${'9'.repeat(200)}`]) {
      assert.throws(() => objectIdentifier().encode(text), { name: 'DerError' }, text);
    }
  });
});

describe('OCTET STRING and UTF8String', () => {
  it('hold to their sizes', () => {
    refuses(octetString(16), `040F${'00'.repeat(15)}`, /15 octets, due 16/);
    refuses(octetString(1, 16), '0400', /0 octets, due 1 to 16/);
    refuses(octetString(1, 16), `0411${'00'.repeat(17)}`, /17 octets, due 1 to 16/);
    assert.throws(() => octetString(3).encode(hex('0011')), { name: 'DerError' });
    refuses(utf8String(1, 4), '0C00', /0 characters, due 1 to 4/);
    refuses(utf8String(1, 4), '0C056162636465', /5 characters/);
    assert.throws(() => utf8String(1, 4).encode(''), { name: 'DerError' });
  });

  it('count characters, not octets', () => {
    assert.equal(utf8String(0, 2).decode(hex('0C06E282ACE282AC')), '€€');
    assert.equal(utf8String(0, 1).decode(hex('0C04F09F9880')), '😀');
  });

  it('refuse what is not UTF-8', () => {
    for (const text of ['0C01FF', '0C02C080', '0C03EDA080', '0C02E282']) {
      refuses(utf8String(), text, /not UTF-8/);
    }
    assert.throws(() => utf8String().encode('\ud800'), { name: 'DerError' });
  });
});

describe('what is passed on whole', () => {
  const bpp = opaque('BoundProfilePackage', 0xbf36);
  const certificate = x509Object('Certificate');
  // Three parts in a certificate's places.
  const der = '3009300101300102030100';

  it('is the whole element', () => {
    assert.deepEqual(bpp.decode(hex('BF3602AABB')), hex('BF3602AABB'));
    assert.deepEqual(bpp.encode(hex('BF3602AABB')), hex('BF3602AABB'));
  });

  it('is refused under another tag', () => {
    refuses(bpp, 'BF3702AABB', /no BoundProfilePackage/);
    assert.throws(() => bpp.encode(hex('BF3702AABB')), { name: 'DerError' });
    assert.throws(() => bpp.encode(hex('BF3602AA')), { name: 'DerError' });
  });

  it('is 30 as a value, and has the context tag in its place on the wire', () => {
    const tagged = context(5, certificate);
    const wire = hex(der.replace('3009', 'A509'));
    assert.deepEqual(tagged.decode(wire), hex(der));
    assert.deepEqual(tagged.encode(hex(der)), wire);
    assert.deepEqual(tolerances(tagged, toHex(wire)), []);
  });

  it('is read nested as well, reported, and never written so', () => {
    const tagged = context(5, certificate);
    const nested = `A50B${der}`;
    assert.deepEqual(tagged.decode(hex(nested)), hex(der));
    assert.deepEqual(tolerances(tagged, nested), ['x509-nested']);
  });
});

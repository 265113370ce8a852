/** Bytes: hex, base64, UTF-8, and reading and writing within bounds. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import {
  BytesError,
  base64,
  concat,
  equal,
  fromBase64,
  fromUtf8,
  hex,
  Reader,
  toHex,
  utf8,
  Writer,
} from '../../src/base/bytes.ts';

const octets = fc.uint8Array({ maxLength: 80 });
const lengths = [1, 2, 3, 4, 6] as const;

describe('hex', () => {
  it('reads either case, and white space between digits', () => {
    assert.deepEqual(hex(' 0aFF\n 10 '), Uint8Array.of(0x0a, 0xff, 0x10));
    assert.deepEqual(hex(''), new Uint8Array());
  });

  it('writes upper case', () => {
    assert.equal(toHex(Uint8Array.of(0x0a, 0xff)), '0AFF');
  });

  it('refuses what is none', () => {
    for (const text of ['A', '0G', '0x10', '1 2 3', '٠٠']) {
      assert.throws(() => hex(text), BytesError, text);
    }
  });

  it('gives back what was written', () => {
    fc.assert(fc.property(octets, (bytes) => assert.deepEqual(hex(toHex(bytes)), bytes)));
  });
});

describe('base64', () => {
  it('reads it with and without padding, and over several lines', () => {
    // RFC 4648 10
    const rows = { '': '', 'Zg==': 'f', Zg: 'f', 'Zm8=': 'fo', 'Zm9v\r\nYmFy': 'foobar' };
    for (const [text, is] of Object.entries(rows)) assert.deepEqual(fromBase64(text), utf8(is));
    assert.equal(base64(utf8('foobar')), 'Zm9vYmFy');
  });

  it('refuses what is none', () => {
    for (const text of ['Z', 'Zm9vY', 'Zg=A', 'Zm-v', 'Zm_v', 'Zm9v!', 'é']) {
      assert.throws(() => fromBase64(text), BytesError, text);
    }
  });

  it('gives back what was written', () => {
    fc.assert(fc.property(octets, (bytes) => assert.deepEqual(fromBase64(base64(bytes)), bytes)));
  });
});

describe('UTF-8', () => {
  it('gives back what was written', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (text) =>
        assert.equal(fromUtf8(utf8(text)), text),
      ),
    );
  });

  it('keeps a byte order mark, which is a character like any', () => {
    assert.equal(fromUtf8(hex('EFBBBF41')), '\uFEFFA');
  });

  it('refuses what is none', () => {
    for (const bytes of ['FF', 'C080', 'E28282F0', 'EDA080', '80']) {
      assert.throws(() => fromUtf8(hex(bytes)), BytesError, bytes);
    }
  });
});

describe('concat and equal', () => {
  it('joins in order, as memory of its own', () => {
    const first = Uint8Array.of(1, 2);
    const whole = concat(first, new Uint8Array(), Uint8Array.of(3));
    first[0] = 9;
    assert.deepEqual(whole, Uint8Array.of(1, 2, 3));
  });

  it('tells byte strings apart', () => {
    assert.ok(equal(hex('0102'), hex('0102')));
    assert.ok(equal(new Uint8Array(), new Uint8Array()));
    for (const other of ['0103', '01', '010200', '']) assert.ok(!equal(hex('0102'), hex(other)));
  });

  it('looks at a view’s own octets alone', () => {
    const whole = hex('AA0102BB');
    assert.ok(equal(whole.subarray(1, 3), hex('0102')));
    assert.equal(toHex(whole.subarray(1, 3)), '0102');
    assert.equal(base64(whole.subarray(1, 3)), base64(hex('0102')));
  });
});

describe('Reader', () => {
  it('reads one value after the other, in network order', () => {
    const reader = new Reader(hex('01 0203 040506 0708090A 0B0C0D0E0F10 AABB CC'));
    assert.equal(reader.uint8(), 0x01);
    assert.equal(reader.uint16(), 0x0203);
    assert.equal(reader.uint24(), 0x040506);
    assert.equal(reader.uint32(), 0x0708090a);
    assert.equal(reader.uint48(), 0x0b0c0d0e0f10);
    assert.equal(reader.offset, 16);
    assert.equal(reader.left, 3);
    assert.deepEqual(reader.bytes(2), hex('AABB'));
    assert.deepEqual(reader.rest(), hex('CC'));
    assert.equal(reader.left, 0);
  });

  it('reads numbers above 2^31 as what they are', () => {
    assert.equal(new Reader(hex('FFFFFFFF')).uint32(), 2 ** 32 - 1);
    assert.equal(new Reader(hex('FFFFFFFFFFFF')).uint48(), 2 ** 48 - 1);
  });

  it('refuses to read past the end, and stays where it was', () => {
    const reader = new Reader(hex('0102'));
    assert.throws(() => reader.uint24(), {
      name: 'BytesError',
      message: '3 octets due, 2 left',
    });
    assert.equal(reader.uint16(), 0x0102);
    assert.throws(() => reader.uint8(), BytesError);
    assert.deepEqual(reader.rest(), new Uint8Array());
  });
});

describe('Writer', () => {
  it('writes what Reader reads, whatever it has room for at first', () => {
    const value = fc.oneof(
      octets,
      ...lengths.map((length) =>
        fc.record({
          length: fc.constant(length),
          value: fc.integer({ min: 0, max: Math.min(256 ** length - 1, Number.MAX_SAFE_INTEGER) }),
        }),
      ),
    );
    fc.assert(
      fc.property(fc.array(value), fc.nat(10), (values, capacity) => {
        const writer = new Writer(capacity);
        for (const one of values) {
          if (one instanceof Uint8Array) writer.bytes(one);
          else writer.uint(one.value, one.length);
        }
        const reader = new Reader(writer.done());
        for (const one of values) {
          if (one instanceof Uint8Array) assert.deepEqual(reader.bytes(one.length), one);
          else assert.equal(reader.uint(one.length), one.value);
        }
        assert.equal(reader.left, 0);
      }),
    );
  });

  it('writes each length', () => {
    const writer = new Writer().uint8(1).uint16(2).uint24(3).uint32(4).uint48(5);
    assert.equal(
      toHex(writer.bytes(hex('FF')).done()),
      '01 0002 000003 00000004 000000000005 FF'.replaceAll(' ', ''),
    );
  });

  it('writes a length before what it is of, and refuses what is too long for it', () => {
    const writer = new Writer(2).uint8(7);
    writer.counted(2, () => writer.bytes(hex('AABBCC')).counted(1, () => writer.uint8(1)));
    assert.equal(toHex(writer.written), '07 0005 AABBCC 01 01'.replaceAll(' ', ''));
    assert.equal(writer.length, 8);
    const most = new Uint8Array(255);
    assert.equal(new Writer().counted(1, () => {}).length, 1);
    const long = new Writer();
    assert.throws(() => long.counted(1, () => long.bytes(most).uint8(0)), BytesError);
  });

  it('refuses numbers that do not fit', () => {
    for (const length of lengths) {
      assert.throws(() => new Writer().uint(256 ** length, length), BytesError);
      assert.throws(() => new Writer().uint(-1, length), BytesError);
      assert.throws(() => new Writer().uint(0.5, length), BytesError);
      assert.throws(() => new Writer().uint(Number.NaN, length), BytesError);
    }
  });

  it('gives memory of its own', () => {
    const writer = new Writer().uint8(1);
    const before = writer.done();
    writer.uint8(2);
    before[0] = 9;
    assert.deepEqual(writer.done(), Uint8Array.of(1, 2));
  });

  it('gives memory of its own where it is full, too', () => {
    const writer = new Writer(1).uint8(1);
    const before = writer.done();
    assert.deepEqual(writer.uint8(2).done(), Uint8Array.of(1, 2));
    assert.deepEqual(before, Uint8Array.of(1));
  });
});

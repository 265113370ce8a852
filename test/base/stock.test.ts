/** Memory for arrays that live for a moment. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { Stock } from '../../src/base/stock.ts';

describe('a stock', () => {
  it('gives each piece its own octets, all zero, of any length', () => {
    const lengths = fc.array(fc.oneof(fc.nat(200), fc.nat(20_000)), { maxLength: 300 });
    fc.assert(
      fc.property(lengths, (asked) => {
        const stock = new Stock();
        const pieces = asked.map((length, n) => {
          const piece = stock.take(length);
          assert.equal(piece.length, length);
          assert.ok(piece.every((octet) => octet === 0));
          return piece.fill((n % 255) | 1);
        });
        pieces.forEach((piece, n) => {
          assert.ok(piece.every((octet) => octet === ((n % 255) | 1)));
        });
      }),
    );
  });

  it('has short pieces share memory, which is what it is for, and long ones not', () => {
    const stock = new Stock();
    const [one, other, long] = [stock.take(100), stock.take(100), stock.take(10_000)];
    assert.equal(one.buffer, other.buffer);
    assert.notEqual(long.buffer, one.buffer);
  });
});

/** Secrets compared. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { sameSecret } from '../../src/dtls/same-secret.ts';

describe('sameSecret', () => {
  it('holds of the same octets, short or long', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), (octets) => {
        assert.equal(sameSecret(octets, octets.slice()), true);
      }),
    );
  });

  it('does not hold where one bit is another', () => {
    const octets = fc.uint8Array({ minLength: 1, maxLength: 80 });
    fc.assert(
      fc.property(octets, fc.nat(), fc.nat({ max: 7 }), (one, at, bit) => {
        const other = one.slice();
        const place = at % one.length;
        other[place] = (other[place] ?? 0) ^ (1 << bit);
        assert.equal(sameSecret(one, other), false);
      }),
    );
  });

  it('does not hold where one is the beginning of the other', () => {
    for (const length of [1, 12, 32, 33, 64]) {
      const octets = new Uint8Array(length);
      assert.equal(sameSecret(octets, octets.subarray(1)), false);
      assert.equal(sameSecret(octets.subarray(1), octets), false);
    }
  });
});

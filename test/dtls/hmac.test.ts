/** HMAC and digests, whatever they are made by, beside node:crypto's own objects. */
import assert from 'node:assert/strict';
import { createHash, createHmac } from 'node:crypto';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { concat, hex, toHex, utf8 } from '../../src/base/bytes.ts';
import { digestOf, Hmac } from '../../src/dtls/hmac.ts';

const hashes = ['sha256', 'sha384'] as const;

describe('HMAC', () => {
  it('gives the published octets (RFC 4231 4.3, 4.7)', () => {
    const short = new Hmac('sha256', utf8('Jefe')).of(
      utf8('what do ya want '),
      utf8('for nothing?'),
    );
    const due = '5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843';
    assert.equal(toHex(short), due.toUpperCase());
    const long = new Hmac('sha256', new Uint8Array(131).fill(0xaa));
    const text = 'Test Using Larger Than Block-Size Key - Hash Key First';
    const dueOfLong = '60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54';
    assert.deepEqual(long.of(utf8(text)), hex(dueOfLong));
  });

  it('is that of node:crypto for any key and message, one after the other', () => {
    const key = fc.uint8Array({ maxLength: 300 });
    const parts = fc.array(fc.uint8Array({ maxLength: 400 }), { maxLength: 4 });
    fc.assert(
      fc.property(fc.constantFrom(...hashes), key, parts, parts, (hash, octets, one, other) => {
        const hmac = new Hmac(hash, octets);
        for (const message of [one, other]) {
          const due = createHmac(hash, octets)
            .update(concat(...message))
            .digest();
          assert.equal(toHex(hmac.of(...message)), toHex(due));
          assert.equal(toHex(hmac.cut(16, ...message)), toHex(due.subarray(0, 16)));
        }
      }),
    );
  });
});

describe('HMAC of long messages', () => {
  // Up to 4,096 octets, HMAC-SHA-256 is our own (sha256.ts), and node:crypto's beyond.
  it('is that of node:crypto, too', () => {
    for (const length of [4095, 4096, 4097, 10_000]) {
      for (const hash of hashes) {
        const key = utf8('key');
        const message = Uint8Array.from({ length }, (_, at) => at * 7);
        const mac = (octets: Uint8Array) => createHmac(hash, key).update(octets).digest();
        const hmac = new Hmac(hash, key);
        assert.equal(toHex(hmac.of(message)), toHex(mac(message)));
        const expanded = mac(concat(mac(message), message));
        assert.equal(toHex(hmac.expand(20, message)), toHex(expanded.subarray(0, 20)));
      }
    }
  });
});

describe('P_hash', () => {
  it('is RFC 5246 §5 by the objects of node:crypto, for any key, seed and length', () => {
    const key = fc.uint8Array({ maxLength: 200 });
    const label = fc.uint8Array({ maxLength: 30 });
    const seed = fc.uint8Array({ maxLength: 600 });
    const length = fc.nat({ max: 200 });
    fc.assert(
      fc.property(fc.constantFrom(...hashes), key, label, seed, length, (...given) => {
        const [hash, octets, before, behind, due] = given;
        const mac = (message: Uint8Array) => createHmac(hash, octets).update(message).digest();
        const whole = concat(before, behind);
        let expected: Uint8Array = new Uint8Array();
        for (let a = mac(whole); expected.length < due; a = mac(a)) {
          expected = concat(expected, mac(concat(a, whole)));
        }
        const expanded = new Hmac(hash, octets).expand(due, before, behind);
        assert.equal(toHex(expanded), toHex(expected.subarray(0, due)));
      }),
    );
  });
});

describe('a digest', () => {
  it('is that of node:crypto', () => {
    fc.assert(
      fc.property(fc.constantFrom(...hashes), fc.uint8Array({ maxLength: 400 }), (hash, octets) => {
        assert.equal(
          toHex(digestOf(hash, octets)),
          toHex(createHash(hash).update(octets).digest()),
        );
      }),
    );
  });
});

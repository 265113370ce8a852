/** CCM on ciphers that live on, beside NIST's example and beside node:crypto's own CCM. */
import assert from 'node:assert/strict';
import { createCipheriv } from 'node:crypto';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { concat, hex, toHex } from '../../src/base/bytes.ts';
import { Ccm, CcmBench } from '../../src/dtls/ccm.ts';
import { CipherPool } from '../../src/dtls/cipher-pool.ts';
import { cipherSuites } from '../../src/dtls/cipher-suites.ts';
import { KeyBlock, keyBlockLength } from '../../src/dtls/key-block.ts';
import { protect } from '../../src/dtls/protect.ts';
import { ContentType } from '../../src/dtls/record.ts';

interface Message {
  readonly nonce: Uint8Array;
  readonly data: Uint8Array;
  readonly message: Uint8Array;
}

function sealedBy(ccm: Ccm, { nonce, data, message }: Message, tagLength: number): Uint8Array {
  const sealed = new Uint8Array(message.length + tagLength);
  ccm.seal(nonce, data, message, sealed, 0);
  return sealed;
}

/** node:crypto wants what it encrypts in one piece, and an empty piece not at all. */
function sealedByNode(key: Uint8Array, { nonce, data, message }: Message, authTagLength: number) {
  const cipher = createCipheriv(key.length === 16 ? 'aes-128-ccm' : 'aes-256-ccm', key, nonce, {
    authTagLength,
  });
  cipher.setAAD(data, { plaintextLength: message.length });
  const ciphertext = cipher.update(message);
  cipher.final();
  return concat(ciphertext, cipher.getAuthTag());
}

describe('CCM on ciphers that live on', () => {
  it('seals and opens example 3 of NIST SP 800-38C', () => {
    const example = {
      nonce: hex('10111213 14151617 18191a1b'),
      data: hex('00010203 04050607 08090a0b 0c0d0e0f 10111213'),
      message: hex('20212223 24252627 28292a2b 2c2d2e2f 30313233 34353637'),
    };
    const due = hex('e3b201a9 f5b71a7a 9b1ceaec cd97e70b 6176aad9 a4428aa5 484392fb c1b09951');
    const ccm = new Ccm(hex('40414243 44454647 48494a4b 4c4d4e4f'), 8, new CcmBench());
    // What a cipher did before shows in nothing that it does later.
    for (let time = 0; time < 3; time++) {
      assert.equal(toHex(sealedBy(ccm, example, 8)), toHex(due));
      assert.deepEqual(ccm.open(example.nonce, example.data, due), example.message);
      for (let at = 0; at < due.length; at++) {
        const touched = due.slice();
        touched[at] = (touched[at] ?? 0) ^ 1;
        assert.equal(ccm.open(example.nonce, example.data, touched), undefined, `octet ${at}`);
      }
      const otherData = example.data.slice(1);
      assert.equal(ccm.open(example.nonce, otherData, due), undefined, 'additional data');
      const otherNonce = example.nonce.slice().reverse();
      assert.equal(ccm.open(otherNonce, example.data, due), undefined, 'nonce');
    }
  });

  it('does what node:crypto does, whatever it did before', () => {
    const octets = (least: number, most: number) =>
      fc.uint8Array({ minLength: least, maxLength: most });
    const message = fc.record({
      nonce: octets(12, 12),
      data: octets(0, 300),
      message: fc.oneof(octets(1, 200), octets(1, 5000)),
    });
    const bench = new CcmBench(); // of all of them
    const property = fc.property(
      fc.oneof(octets(16, 16), octets(32, 32)),
      fc.constantFrom(8, 16),
      fc.array(fc.tuple(message, fc.nat()), { minLength: 1, maxLength: 8 }),
      (key, tagLength, messages) => {
        const ccm = new Ccm(key, tagLength, bench);
        for (const [one, chance] of messages) {
          const sealed = sealedBy(ccm, one, tagLength);
          assert.deepEqual(sealed, new Uint8Array(sealedByNode(key, one, tagLength)));
          const touched = sealed.slice();
          const at = chance % touched.length;
          touched[at] = (touched[at] ?? 0) ^ (1 << (chance % 8));
          assert.equal(ccm.open(one.nonce, one.data, touched), undefined);
          assert.deepEqual(ccm.open(one.nonce, one.data, sealed), one.message);
          assert.equal(ccm.open(one.nonce, one.data, sealed.subarray(0, tagLength - 1)), undefined);
        }
      },
    );
    fc.assert(property, { numRuns: 200 });
  });
});

describe('connections with ciphers of their own', () => {
  const suite = cipherSuites.TLS_PSK_WITH_AES_128_CCM_8;
  const keys = (n: number) => new KeyBlock(suite, new Uint8Array(keyBlockLength(suite)).fill(n));
  const record = (sequence: number) => ({
    ...{ type: ContentType.applicationData, version: 0xfefd, epoch: 1 },
    sequence,
  });
  const data = hex('0102030405');

  it('protect records as all others do, in and out of the pool', () => {
    const pool = new CipherPool(2);
    const peers = [1, 2, 3, 4].map((n) => ({
      own: protect(keys(n), 'server', pool),
      plain: protect(keys(n), 'server'),
    }));
    for (let n = 0; n < 40; n++) {
      for (const { own, plain } of peers.slice(0, 1 + (n % 4))) {
        const sealed = own.seal(record(n), data);
        assert.deepEqual(sealed, plain.seal(record(n), data));
        assert.deepEqual(own.open({ ...record(n), fragment: sealed }), data);
        assert.equal(own.open({ ...record(n + 1), fragment: sealed }), undefined);
      }
      if (n === 20) for (const { own } of peers) own.release?.();
    }
  });

  const holder = () => {
    const state = { used: false, cooled: 0 };
    const wasUsed = () => {
      const { used } = state;
      state.used = false;
      return used;
    };
    return { state, wasUsed, cool: () => state.cooled++ };
  };

  it('are no more than there is room for: the one that is silent makes way', () => {
    const pool = new CipherPool(2);
    const [silent, busy, late, later] = [holder(), holder(), holder(), holder()];
    assert.ok(pool.admit(busy));
    assert.ok(pool.admit(silent));
    busy.state.used = true;
    assert.equal(pool.admit(late), false, 'the first that is asked is busy');
    assert.ok(pool.admit(late));
    assert.deepEqual(
      [busy, silent, late].map(({ state }) => state.cooled),
      [0, 1, 0],
    );
    assert.ok(pool.admit(later), 'busy was not used since');
    assert.equal(busy.state.cooled, 1);
  });

  it('lose them, keys and all, when they end', () => {
    const pool = new CipherPool(1);
    const [first, second] = [holder(), holder()];
    assert.ok(pool.admit(first));
    first.state.used = true;
    pool.release(first);
    assert.equal(first.state.cooled, 1);
    assert.ok(pool.admit(second));
    pool.release(first);
    assert.equal(first.state.cooled, 1, 'it held none');
  });
});

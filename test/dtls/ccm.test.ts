/** Our AES beside FIPS 197 and node:crypto's, our CCM beside NIST's example and node:crypto's. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createCipheriv } from 'node:crypto';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { concat, hex, toHex } from '../../src/base/bytes.ts';
import { Aes } from '../../src/dtls/aes.ts';
import { Ccm } from '../../src/dtls/ccm.ts';
import { cipherSuites } from '../../src/dtls/cipher-suites.ts';
import { KeyBlock, keyBlockLength } from '../../src/dtls/key-block.ts';
import { protect } from '../../src/dtls/protect.ts';
import { ContentType, type RecordHeader } from '../../src/dtls/record.ts';

const octets = (least: number, most: number) =>
  fc.uint8Array({ minLength: least, maxLength: most });
const keys = fc.oneof(octets(16, 16), octets(32, 32));

describe('AES', () => {
  const made = () => Aes.make() ?? assert.fail('no WebAssembly');
  const aes = made();

  function encrypted(key: Uint8Array, blocks: Uint8Array, by = aes): Uint8Array {
    by.use(key, 0, key.length);
    by.memory.set(blocks, by.free);
    by.encrypt(by.free, blocks.length / 16);
    return by.memory.slice(by.free, by.free + blocks.length);
  }

  it('encrypts the examples of FIPS 197 appendix C', () => {
    const block = hex('00112233445566778899aabbccddeeff');
    const key = hex('000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f');
    const due = {
      16: '69C4E0D86A7B0430D8CDB78070B4C55A',
      32: '8EA2B7CA516745BFEAFC49904B496089',
    };
    for (const [length, ciphertext] of Object.entries(due)) {
      assert.equal(toHex(encrypted(key.subarray(0, Number(length)), block)), ciphertext);
    }
  });

  it('encrypts blocks, alone and chained, as node:crypto does', () => {
    const property = fc.property(
      keys,
      fc.array(octets(16, 16), { minLength: 1, maxLength: 9 }),
      (key, list) => {
        const blocks = concat(...list);
        const of = (mode: 'ecb' | 'cbc', iv: Uint8Array | null) => {
          const cipher = createCipheriv(`aes-${key.length * 8}-${mode}`, key, iv);
          return new Uint8Array(cipher.update(blocks));
        };
        assert.deepEqual(encrypted(key, blocks), of('ecb', null));
        aes.memory.set(blocks, aes.free);
        aes.chain(aes.free, list.length);
        const chained = aes.memory.slice(aes.free, aes.free + 16);
        assert.deepEqual(chained, of('cbc', new Uint8Array(16)).slice(-16));
      },
    );
    fc.assert(property, { numRuns: 200 });
  });

  it('leaves nothing of key and blocks once it is cleared', () => {
    const fresh = made();
    encrypted(new Uint8Array(32).fill(7), new Uint8Array(64).fill(9), fresh);
    assert.ok(fresh.memory.subarray(256).some((octet) => octet !== 0));
    fresh.clear(fresh.free + 64);
    const rest = fresh.memory.subarray(256);
    assert.deepEqual(rest, new Uint8Array(rest.length));
  });
});

describe('a machine without WebAssembly', () => {
  it('has no CCM of ours, and so that of node:crypto', () => {
    const ccm = new URL('../../src/dtls/ccm.ts', import.meta.url);
    const program = `import { Ccm } from '${ccm.href}'; console.log(Ccm.make() === undefined);`;
    const args = ['--import', 'tsx', '--input-type=module', '--eval', program];
    const said = (flags: readonly string[]) =>
      execFileSync(process.execPath, [...flags, ...args], { stdio: ['ignore', 'pipe', 'ignore'] });
    assert.equal(`${said([])}`.trim(), 'false');
    assert.equal(`${said(['--jitless'])}`.trim(), 'true');
  });
});

interface Message {
  readonly nonce: Uint8Array;
  readonly data: Uint8Array;
  readonly message: Uint8Array;
}

describe('CCM', () => {
  const ccm = Ccm.make() ?? assert.fail('no WebAssembly');

  /** A key that stands somewhere in something. */
  function keyOf(key: Uint8Array, tagLength: number) {
    const around = concat(new Uint8Array(3).fill(0xff), key, new Uint8Array(5).fill(0xee));
    return { octets: around, keyAt: 3, keyLength: key.length, tagLength };
  }

  function begin(key: Uint8Array, tagLength: number, { nonce, data }: Message, length: number) {
    ccm.nonce.set(nonce);
    const at = ccm.begin(keyOf(key, tagLength), length, data.length);
    ccm.memory.set(data, at);
  }

  function sealed(key: Uint8Array, tagLength: number, one: Message): Uint8Array {
    begin(key, tagLength, one, one.message.length);
    const into = new Uint8Array(2 + one.message.length + tagLength).fill(0xdd);
    ccm.seal(one.message, into, 2);
    assert.deepEqual(into.subarray(0, 2), hex('dddd'), 'what stands before');
    return into.slice(2);
  }

  function opened(key: Uint8Array, tagLength: number, one: Message, text: Uint8Array) {
    begin(key, tagLength, one, text.length - tagLength);
    return ccm.open(concat(hex('dddddd'), text), 3);
  }

  /** node:crypto wants what it encrypts in one piece, and an empty piece not at all. */
  function sealedByNode(key: Uint8Array, tagLength: number, { nonce, data, message }: Message) {
    const cipher = createCipheriv(key.length === 16 ? 'aes-128-ccm' : 'aes-256-ccm', key, nonce, {
      authTagLength: tagLength,
    });
    cipher.setAAD(data, { plaintextLength: message.length });
    const ciphertext = cipher.update(message);
    cipher.final();
    return new Uint8Array(concat(ciphertext, cipher.getAuthTag()));
  }

  it('seals and opens example 3 of NIST SP 800-38C', () => {
    const example = {
      nonce: hex('10111213 14151617 18191a1b'),
      data: hex('00010203 04050607 08090a0b 0c0d0e0f 10111213'),
      message: hex('20212223 24252627 28292a2b 2c2d2e2f 30313233 34353637'),
    };
    const due = hex('e3b201a9 f5b71a7a 9b1ceaec cd97e70b 6176aad9 a4428aa5 484392fb c1b09951');
    const key = hex('40414243 44454647 48494a4b 4c4d4e4f');
    // What was done before shows in nothing that is done later.
    for (let time = 0; time < 3; time++) {
      assert.equal(toHex(sealed(key, 8, example)), toHex(due));
      assert.deepEqual(opened(key, 8, example, due), example.message);
      for (let at = 0; at < due.length; at++) {
        const touched = due.slice();
        touched[at] = (touched[at] ?? 0) ^ 1;
        assert.equal(opened(key, 8, example, touched), undefined, `octet ${at}`);
      }
      const otherData = { ...example, data: example.data.slice(1) };
      assert.equal(opened(key, 8, otherData, due), undefined, 'additional data');
      const otherNonce = { ...example, nonce: example.nonce.slice().reverse() };
      assert.equal(opened(key, 8, otherNonce, due), undefined, 'nonce');
    }
  });

  it('does what node:crypto does, whatever it did before', () => {
    const message = fc.record({
      nonce: octets(12, 12),
      data: octets(0, 300),
      message: fc.oneof(octets(1, 200), octets(1, 18_000)),
    });
    const property = fc.property(
      keys,
      fc.constantFrom(8, 16),
      fc.array(fc.tuple(message, fc.nat()), { minLength: 1, maxLength: 8 }),
      (key, tagLength, messages) => {
        for (const [one, chance] of messages) {
          const due = sealedByNode(key, tagLength, one);
          assert.deepEqual(sealed(key, tagLength, one), due);
          const touched = due.slice();
          const at = chance % touched.length;
          touched[at] = (touched[at] ?? 0) ^ (1 << (chance % 8));
          assert.equal(opened(key, tagLength, one, touched), undefined);
          assert.deepEqual(opened(key, tagLength, one, due), one.message);
        }
      },
    );
    fc.assert(property, { numRuns: 200 });
  });

  it('takes nothing that its memory has no room for', () => {
    const key = keyOf(new Uint8Array(16), 8);
    assert.throws(() => ccm.begin(key, 20_001, 13), RangeError);
    assert.throws(() => ccm.begin(key, 10, 513), RangeError);
  });
});

describe('records under CCM', () => {
  const suites = Object.values(cipherSuites).filter(({ cipher }) =>
    cipher.algorithm.endsWith('ccm'),
  );
  const cids = fc.option(octets(1, 255), { nil: undefined });

  it('are the same by our CCM and by that of node:crypto, whatever the suite', () => {
    const ccm = Ccm.make() ?? assert.fail('no WebAssembly');
    const ciphers = new Set(suites.map(({ cipher }) => cipher));
    assert.ok(ciphers.size >= 4, 'both keys, both tags');
    const property = fc.property(
      fc.constantFrom(...suites),
      fc.constantFrom<'client' | 'server'>('client', 'server'),
      octets(1, 600),
      fc.nat(2 ** 40),
      cids,
      fc.boolean(),
      (suite, side, data, sequence, cid, draftMac) => {
        const block = new Uint8Array(keyBlockLength(suite)).map((_, at) => at * 7 + sequence);
        const [own, plain] = [ccm, undefined].map((by) =>
          protect(new KeyBlock(suite, block), side, by),
        );
        assert.ok(own && plain);
        const type = cid === undefined ? ContentType.applicationData : ContentType.tls12Cid;
        const header: RecordHeader = {
          ...{ type, version: 0xfefd, epoch: 1, sequence },
          ...(cid && { cid, draftMac }),
        };
        assert.equal(own.overhead, plain.overhead);
        const sealed = own.seal(header, data);
        assert.deepEqual(sealed, plain.seal(header, data));
        assert.deepEqual(own.open({ ...header, fragment: sealed }), data);
        assert.equal(own.open({ ...header, sequence: sequence + 1, fragment: sealed }), undefined);
        const short = sealed.subarray(0, own.overhead - 1);
        assert.equal(own.open({ ...header, fragment: short }), undefined);
      },
    );
    fc.assert(property, { numRuns: 300 });
  });
});

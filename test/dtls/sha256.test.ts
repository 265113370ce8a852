/** SHA-256 and HMAC of our own in WebAssembly, beside published examples and node:crypto. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash, createHmac } from 'node:crypto';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { concat, hex, toHex, utf8 } from '../../src/base/bytes.ts';
import { Sha256 } from '../../src/dtls/sha256.ts';
import { layout } from '../../src/dtls/sha256-module.ts';

const made = () => Sha256.make() ?? assert.fail('no WebAssembly');

function macOf(sha256: Sha256, key: Uint8Array, ...parts: readonly Uint8Array[]): Uint8Array {
  return sha256.mac(sha256.midstates(key), 32, parts);
}

const octets = (maxLength: number, minLength = 0) => fc.uint8Array({ minLength, maxLength });

describe('SHA-256', () => {
  it("has the standard's constants (FIPS 180-4 4.2.2, 5.3.3: the first and the last)", () => {
    const { buffer } = made().memory;
    const word = (at: number) => (new Uint32Array(buffer)[at / 4] ?? 0).toString(16);
    assert.equal(word(layout.constants), '428a2f98');
    assert.equal(word(layout.constants + 63 * 4), 'c67178f2');
    assert.equal(word(layout.initial), '6a09e667');
    assert.equal(word(layout.initial + 7 * 4), '5be0cd19');
  });

  it('gives the published digests (FIPS 180-4 examples), and that of node:crypto for every length', () => {
    const sha256 = made();
    const published = [
      ['abc', 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad'],
      [
        'abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq',
        '248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1',
      ],
    ] as const;
    for (const [text, digest] of published) {
      assert.deepEqual(sha256.digest(utf8(text)), hex(digest));
    }
    const message = Uint8Array.from({ length: 4096 }, (_, at) => at * 31 + (at >> 8));
    for (const length of [...Array.from({ length: 600 }, (_, n) => n), 4095, 4096]) {
      const octets = message.subarray(0, length);
      const due = createHash('sha256').update(octets).digest();
      assert.equal(toHex(sha256.digest(octets)), toHex(due), `${length} octets`);
    }
    assert.throws(() => sha256.digest(new Uint8Array(4097)), RangeError);
  });
});

describe('HMAC-SHA-256', () => {
  // RFC 4231 sections 4.2 to 4.5; those with longer keys are for hmac.test.ts, which shortens them.
  const examples = [
    {
      key: new Uint8Array(20).fill(0x0b),
      data: utf8('Hi There'),
      mac: 'b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7',
    },
    {
      key: utf8('Jefe'),
      data: utf8('what do ya want for nothing?'),
      mac: '5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843',
    },
    {
      key: new Uint8Array(20).fill(0xaa),
      data: new Uint8Array(50).fill(0xdd),
      mac: '773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe',
    },
    {
      key: hex('0102030405060708090a0b0c0d0e0f10111213141516171819'),
      data: new Uint8Array(50).fill(0xcd),
      mac: '82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b',
    },
  ];

  it('gives the published octets (RFC 4231 4.2-4.5), and others for another message', () => {
    const sha256 = made();
    for (const { key, data, mac } of examples) {
      assert.deepEqual(macOf(sha256, key, data), hex(mac));
      assert.notDeepEqual(macOf(sha256, key, data, Uint8Array.of(0)), hex(mac));
    }
  });

  it('is that of node:crypto for any key of a block and every length of message', () => {
    const sha256 = made();
    for (let length = 0; length <= 300; length++) {
      const message = Uint8Array.from({ length }, (_, at) => at * 31 + length);
      const key = message.subarray(0, length % 65);
      const due = createHmac('sha256', key).update(message).digest();
      assert.equal(toHex(macOf(sha256, key, message)), toHex(due));
    }
    const parts = fc.array(octets(1000), { maxLength: 4 });
    const property = fc.property(octets(64), parts, (key, message) => {
      const due = createHmac('sha256', key)
        .update(concat(...message))
        .digest();
      assert.equal(toHex(macOf(sha256, key, ...message)), toHex(due));
    });
    fc.assert(property);
  });

  it('keeps keys apart that are used in turn', () => {
    const sha256 = made();
    const [one, other] = [utf8('one'), utf8('other')];
    const keys = [one, other].map((key) => sha256.midstates(key));
    for (const at of [0, 1, 0]) {
      const due = createHmac('sha256', at === 0 ? one : other)
        .update('message')
        .digest();
      const mac = sha256.mac(keys[at] ?? assert.fail(), 32, [utf8('message')]);
      assert.equal(toHex(mac), toHex(due));
    }
  });

  it('leaves nothing of key, message and MAC in its memory', () => {
    const sha256 = made();
    const rest = () => sha256.memory.subarray(layout.schedule);
    const isClean = () => rest().every((octet) => octet === 0);
    const property = fc.property(octets(64), octets(300), fc.nat(200), (key, message, length) => {
      const midstates = sha256.midstates(key);
      assert.ok(isClean());
      sha256.mac(midstates, 32, [message]);
      assert.ok(isClean());
      sha256.expand(midstates, length, [message]);
      assert.ok(isClean());
      sha256.digest(message);
      assert.ok(isClean());
    });
    fc.assert(property, { numRuns: 40 });
    const constants = sha256.memory.slice(0, layout.schedule);
    assert.deepEqual(constants, made().memory.slice(0, layout.schedule));
  });

  it('refuses a key longer than a block and a message longer than its room', () => {
    const sha256 = made();
    const key = sha256.midstates(new Uint8Array(64));
    assert.throws(() => sha256.midstates(new Uint8Array(65)), RangeError);
    const [most, over] = [4096, 4097].map((length) => new Uint8Array(length).fill(1));
    assert.ok(most && over);
    assert.ok(sha256.takes([most]) && !sha256.takes([over]));
    assert.throws(() => sha256.mac(key, 32, [over]), RangeError);
    assert.throws(() => sha256.expand(key, 32, [most, Uint8Array.of(1)]), RangeError);
    const due = createHmac('sha256', new Uint8Array(64)).update(most).digest();
    assert.equal(toHex(sha256.mac(key, 32, [most])), toHex(due));
  });
});

describe('a machine without WebAssembly', () => {
  it('has no SHA-256 of ours, and the same HMAC by node:crypto', () => {
    const [sha256, hmac] = ['sha256', 'hmac'].map(
      (name) => new URL(`../../src/dtls/${name}.ts`, import.meta.url).href,
    );
    const program = `import { Sha256 } from '${sha256}'; import { Hmac } from '${hmac}';
      const key = new Hmac('sha256', Buffer.from('Jefe')), message = Buffer.from('message');
      const macs = [key.of(message), key.cut(9, message), key.expand(77, message)];
      console.log(Sha256.make() === undefined, ...macs.map((mac) => Buffer.from(mac).toString('hex')));`;
    const args = ['--import', 'tsx', '--input-type=module', '--eval', program];
    const said = (flags: readonly string[]) =>
      `${execFileSync(process.execPath, [...flags, ...args], { stdio: ['ignore', 'pipe', 'ignore'] })}`.trim();
    const [without = '', ...macs] = said(['--jitless']).split(' ');
    assert.equal(without, 'true');
    assert.equal(macs.length, 3);
    assert.equal(said([]), ['false', ...macs].join(' '));
  });
});

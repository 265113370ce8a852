/** Records under each cipher, against bytes from elsewhere: test/vectors/dtls-suites.ts says from where. */
import assert from 'node:assert/strict';
import { createCipheriv, createHmac } from 'node:crypto';
import { describe, it } from 'node:test';
import { concat, hex, Reader, toHex } from '../../src/base/bytes.ts';
import { AeadProtection } from '../../src/dtls/aead.ts';
import { CbcProtection } from '../../src/dtls/cbc.ts';
import { type AeadCipher, cipherSuites } from '../../src/dtls/cipher-suites.ts';
import type { DirectionKeys } from '../../src/dtls/key-schedule.ts';
import { ContentType, encodeRecord } from '../../src/dtls/record.ts';
import { additionalData, type RecordProtection } from '../../src/dtls/record-protection.ts';
import { macThenEncrypt, records } from '../vectors/dtls-suites.ts';
import { only } from './support/bench.ts';
import { recordsOf } from './support/raw-client.ts';

const header = { type: ContentType.applicationData, version: 0xfefd, epoch: 1, sequence: 5 };

/** Every record that differs from this one by one octet, by its type or number, or by its end, is refused. */
function opensOnly(protection: RecordProtection, bytes: Uint8Array): void {
  const whole = only(recordsOf(bytes));
  assert.ok(protection.open(whole));
  for (let at = 0; at < whole.fragment.length; at++) {
    const fragment = whole.fragment.slice();
    fragment.set([(fragment[at] ?? 0) ^ 0x10], at);
    assert.equal(protection.open({ ...whole, fragment }), undefined, `octet ${at}`);
  }
  const type = ContentType.alert;
  assert.equal(protection.open({ ...whole, type }), undefined, 'type');
  const sequence = whole.sequence + 1;
  assert.equal(protection.open({ ...whole, sequence }), undefined, 'sequence');
  for (let length = 0; length < whole.fragment.length; length++) {
    const fragment = whole.fragment.subarray(0, length);
    assert.equal(protection.open({ ...whole, fragment }), undefined, `${length} octets`);
  }
}

describe('AEAD', () => {
  const suites = cipherSuites;
  const keys = { key: hex(records.key), iv: hex(records.iv), mac: new Uint8Array() };
  const chacha20 = { ...keys, key: hex(records.chacha20.key), iv: hex(records.chacha20.iv) };
  const ciphers: Readonly<Record<string, readonly [AeadCipher, DirectionKeys, string]>> = {
    CCM_8: [suites.TLS_PSK_WITH_AES_128_CCM_8.cipher, keys, records.ccm8],
    CCM: [suites.TLS_PSK_WITH_AES_128_CCM.cipher, keys, records.ccm],
    GCM: [suites.TLS_PSK_WITH_AES_128_GCM_SHA256.cipher, keys, records.gcm],
    ChaCha20: [
      suites.TLS_PSK_WITH_CHACHA20_POLY1305_SHA256.cipher,
      chacha20,
      records.chacha20.record,
    ],
  };
  for (const [name, [cipher, own, record]] of Object.entries(ciphers)) {
    const protection = new AeadProtection(cipher, own);

    it(`D36: seals and opens with ${name}`, () => {
      const sealed = encodeRecord(header, protection.seal(header, hex(records.plaintext)));
      assert.equal(toHex(sealed), record.toUpperCase());
      const opened = protection.open(only(recordsOf(hex(record))));
      assert.deepEqual(opened, hex(records.plaintext));
      assert.equal(sealed.length, 13 + hex(records.plaintext).length + protection.overhead);
    });

    it(`D36: opens nothing with ${name} that was touched`, () => {
      opensOnly(protection, hex(record));
    });

    it(`seals and opens nothing at all with ${name}`, () => {
      const fragment = protection.seal(header, new Uint8Array());
      assert.equal(protection.open({ ...header, fragment })?.length, 0);
    });
  }
});

describe('what is authenticated besides the data', () => {
  const cid = hex('c0ffee000001');
  const withCid = { ...header, type: ContentType.tls12Cid, cid };
  const finished = { ...header, type: ContentType.handshake, sequence: 0 };
  const cases = {
    'without a connection ID': [header, 7, '000100000000000517fefd0007'],
    'of a Finished': [finished, 24, '000100000000000016fefd0018'],
    'with one': [withCid, 8, 'ffffffffffffffff190619fefd0001000000000005c0ffee0000010008'],
    'with one, and padding': [
      withCid,
      16,
      'ffffffffffffffff190619fefd0001000000000005c0ffee0000010010',
    ],
    'with one of two octets': [
      { ...withCid, sequence: 0, cid: hex('beef') },
      25,
      'ffffffffffffffff190219fefd0001000000000000beef0019',
    ],
    'with one, as the drafts have it': [
      { ...withCid, draftMac: true },
      8,
      '000100000000000519fefdc0ffee000001060008',
    ],
    'with one, of a Finished of mbedTLS 2.28': [
      { ...withCid, sequence: 0, draftMac: true },
      32,
      '000100000000000019fefdc0ffee000001060020',
    ],
  } as const;
  for (const [name, [of, length, octets]] of Object.entries(cases)) {
    it(`D36, D61: is as in the sheet ${name}`, () => {
      assert.equal(toHex(additionalData(of, length)), octets.toUpperCase());
    });
  }
});

describe('CBC', () => {
  const { cipher } = cipherSuites.TLS_PSK_WITH_AES_128_CBC_SHA256;
  const block = new Reader(hex(macThenEncrypt.keyBlock));
  const [mac] = [block.bytes(32), block.bytes(32)];
  const keys: DirectionKeys = { mac, key: block.bytes(16), iv: new Uint8Array() };
  const macLast = new CbcProtection(cipher, keys, false);
  const macFirst = new CbcProtection(cipher, keys, true);
  const orders = { 'MAC then encrypt': macLast, 'encrypt then MAC': macFirst };

  it('D36: opens what node-dtls-client sent', () => {
    const opened = macLast.open(only(recordsOf(hex(macThenEncrypt.record))));
    assert.deepEqual(opened, hex(macThenEncrypt.plaintext));
    assert.equal(macFirst.open(only(recordsOf(hex(macThenEncrypt.record)))), undefined);
    opensOnly(macLast, hex(macThenEncrypt.record));
  });

  for (const [name, protection] of Object.entries(orders)) {
    it(`D36: opens what it sealed, of any length: ${name}`, () => {
      for (const length of [0, 1, 15, 16, 17, 31, 32, 100, 300, 1200]) {
        const data = new Uint8Array(length).fill(length);
        const fragment = protection.seal(header, data);
        assert.ok(fragment.length <= length + protection.overhead);
        assert.deepEqual(protection.open({ ...header, fragment }), data, `${length} octets`);
      }
    });

    it(`D36: opens nothing that was touched: ${name}`, () => {
      opensOnly(protection, encodeRecord(header, protection.seal(header, hex('40010001b178'))));
    });
  }

  it('has another IV in each record', () => {
    const ivs = [5, 6, 7].map((sequence) =>
      toHex(macLast.seal({ ...header, sequence }, hex('00')).subarray(0, 16)),
    );
    assert.equal(new Set(ivs).size, 3);
  });

  /** Octets whose MAC is right, with whatever behind it. */
  function sealedWith(data: Uint8Array, padding: Uint8Array): Uint8Array {
    const iv = new Uint8Array(16).fill(9);
    const code = createHmac('sha256', keys.mac)
      .update(additionalData(header, data.length))
      .update(data)
      .digest();
    const encrypting = createCipheriv('aes-128-cbc', keys.key, iv).setAutoPadding(false);
    const blocks = concat(data, code, padding);
    return concat(iv, encrypting.update(blocks), encrypting.final());
  }

  it('takes paddings of every length, and none that is wrong in one octet', () => {
    for (const length of [16, 32, 240, 256]) {
      const data = new Uint8Array(16).fill(1);
      const padding = new Uint8Array(length).fill(length - 1);
      assert.deepEqual(macLast.open({ ...header, fragment: sealedWith(data, padding) }), data);
      for (const at of [0, length >> 1, length - 2]) {
        const wrong = padding.slice();
        wrong.set([(wrong[at] ?? 0) ^ 1], at);
        const fragment = sealedWith(data, wrong);
        assert.equal(macLast.open({ ...header, fragment }), undefined, `octet ${at} of ${length}`);
      }
    }
  });

  it('takes no padding that is longer than the record', () => {
    const fragment = sealedWith(new Uint8Array(16), new Uint8Array(16).fill(255));
    assert.equal(macLast.open({ ...header, fragment }), undefined);
  });

  it('takes a block of padding for one where there is no data', () => {
    const padding = new Uint8Array(16).fill(15);
    const opened = macLast.open({ ...header, fragment: sealedWith(new Uint8Array(), padding) });
    assert.deepEqual(opened, new Uint8Array());
  });
});

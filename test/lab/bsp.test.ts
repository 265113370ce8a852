/**
 * BSP and the Bound Profile Package, against bytes from elsewhere: RFC 4493 section 4 (AES-CMAC), a run of an
 * independent third-party implementation (its shared secret and first segment), and a worked example computed for this project
 * with another implementation and deterministic signatures (RFC 6979).
 */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, it } from 'node:test';
import { p256 } from '@noble/curves/nist.js';
import { concat, hex, toHex, utf8 } from '../../src/base/bytes.ts';
import { eidOctets, parseEid } from '../../src/messages/ids.ts';
import { tlv } from '../../src/messages/tlv.ts';
import { aesCmac } from '../../tools/lab/bsp/aes-cmac.ts';
import {
  type BoundProfilePackageInput,
  crtSupported,
  makeBoundProfilePackage,
  makePpk,
  openBoundProfilePackage,
  readBoundProfilePackage,
  readReplaceSessionKeys,
  readSecureChannel,
  replaceSessionKeys,
  secureChannelSignedInput,
} from '../../tools/lab/bsp/bound-profile-package.ts';
import { Bsp, MAX_ENCRYPTED, MAX_MACED, MAX_SEGMENT } from '../../tools/lab/bsp/bsp.ts';
import { piecesOf } from '../../tools/lab/bsp/pieces.ts';
import {
  agree,
  deriveSessionKeys,
  makeOneTimeKey,
  type OneTimeKey,
  oneTimeKeyOf,
} from '../../tools/lab/bsp/session-keys.ts';
import { seededRandom } from '../support/seeded.ts';

const eid = eidOctets(parseEid('89049032123451234512345678901235'));

function scalar(octet: number): Uint8Array {
  return new Uint8Array(32).fill(octet);
}

function keyOf(octet: number): OneTimeKey {
  const key = oneTimeKeyOf(scalar(octet));
  assert.ok(key);
  return key;
}

/** Octets `first`, `first` + 1, … sixteen of them. */
function count16(first: number): Uint8Array {
  return Uint8Array.from({ length: 16 }, (_, i) => first + i);
}

const sha256 = (bytes: Uint8Array) => toHex(createHash('sha256').update(bytes).digest());

/** The worked example's inputs. */
const dp = keyOf(0x11);
const euicc = keyOf(0x22);
const metadata98 = hex(
  'BF255F5A0A9888000000000000007191034C616292074C6162204F6E65950100B640300E800207808108736D64702E6C6162300E800206408108736D64702E6C6162300E800205208108736D64702E6C6162300E800204108108736D64702E6C6162',
);
const toyUpp = hex('A016800102810103830A89880000000000000017A500A600 AA07A0058000810101');
const example: BoundProfilePackageInput = {
  transactionId: hex('00112233445566778899AABBCCDDEEFF'),
  hostId: utf8('lab-smdp'),
  eid,
  smdpOtKey: dp,
  euiccOtpk: euicc.publicKey,
  sign: (data) => p256.sign(data, scalar(0x33), { lowS: false }),
  configureIsdp: hex('BF2407B805800388370A'),
  storeMetadata: metadata98,
  upp: toyUpp,
};
const ppk = { initialMacChainingValue: count16(0xc0), sEnc: count16(0xa0), sMac: count16(0xb0) };
const ours = { eid, otPrivateKey: euicc.privateKey };

describe('AES-CMAC (RFC 4493 section 4)', () => {
  const key = hex('2b7e151628aed2a6abf7158809cf4f3c');
  const message = hex(
    '6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e5130c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710',
  );
  for (const [length, mac] of [
    [0, 'BB1D6929E95937287FA37D129B756746'],
    [16, '070A16B46B4D4144F79BDD9DD04A287C'],
    [40, 'DFA66747DE9AE63030CA32611497C827'],
    [64, '51F0BEBF7E3B9D92FC49741779363CFE'],
  ] as const) {
    it(`of ${length} octets`, () =>
      assert.equal(toHex(aesCmac(key, message.subarray(0, length))), mac));
  }
});

describe('session keys (SGP.22 annex G)', () => {
  it('come from the third-party secret', () => {
    const z = hex('c9a993dd4879a8f7161f2085410edd4f9652f1df37be097ba96ba2ca6be528fe');
    const keys = deriveSessionKeys(z, new Uint8Array(8).fill(0x80), eid);
    assert.deepEqual(keys, {
      initialMacChainingValue: hex('406d507b448a699e7a36a38494debbde'),
      sEnc: hex('472f5bfadd97f21d34f3ce9b51b92751'),
      sMac: hex('9ec07f5b36a13e12a991d66e294e6242'),
    });
    const segment = new Bsp(keys).encrypt(0x87, hex('bf2400'));
    assert.deepEqual(segment, hex('8718f6fe031e4b9cfe87c8e1e62f3fde85c49412d7722a6a2d89'));
  });

  it('come from the one-time keys of the worked example, on either side', () => {
    const secret = hex('CCFC261F58193C98CA4AD4A53BBAC6F0EE29BC4D48438090446908622CA79AF6');
    assert.deepEqual(agree(dp.privateKey, euicc.publicKey), secret);
    assert.deepEqual(agree(euicc.privateKey, dp.publicKey), secret);
    assert.deepEqual(deriveSessionKeys(secret, example.hostId, eid), {
      initialMacChainingValue: hex('5A9109C1BAD0973016A857154D2E46A9'),
      sEnc: hex('83C08EF9225EEB3E92CCF9C0F890A43B'),
      sMac: hex('9AED19A49E955D4991BDEDC3BA595FEB'),
    });
  });

  it('refuse a point that is not on the curve, and one in another form', () => {
    const off = euicc.publicKey.slice();
    off[64] = (off[64] ?? 0) ^ 1;
    assert.throws(() => agree(dp.privateKey, off), { name: 'KeyAgreementError' });
    const compressed = concat(Uint8Array.of(2), euicc.publicKey.subarray(1, 33));
    assert.throws(() => agree(dp.privateKey, compressed), { name: 'KeyAgreementError' });
  });

  it('refuse an EID given as digits, and an empty host id', () => {
    const z = scalar(1);
    assert.throws(() => deriveSessionKeys(z, utf8('x'), utf8(toHex(eid))), /16 octets/);
    assert.throws(() => deriveSessionKeys(z, new Uint8Array(), eid), /host id/);
  });

  it('a one-time key is never the zero scalar nor beyond the order', () => {
    assert.equal(oneTimeKeyOf(new Uint8Array(32)), undefined);
    assert.equal(oneTimeKeyOf(new Uint8Array(32).fill(0xff)), undefined);
    const draws = [new Uint8Array(32), scalar(0x11)];
    const key = makeOneTimeKey(() => draws.shift() ?? assert.fail('drew a third time'));
    assert.deepEqual(key, dp);
  });
});

describe('BSP segments (SGP.22 2.6.4)', () => {
  const keys = () => deriveSessionKeys(agree(dp.privateKey, euicc.publicKey), example.hostId, eid);

  it('are those of the worked example, one counter and one chaining value through all', () => {
    const bsp = new Bsp(keys());
    assert.deepEqual(
      bsp.encrypt(0x87, example.configureIsdp),
      hex('8718 F1D3B63FFB541138A6329C73E19E7E56 9707B03502548CBF'),
    );
    assert.deepEqual(bsp.macChainingValue, hex('9707B03502548CBFA9DEF942F25E861A'));
    assert.deepEqual(
      bsp.mac(0x88, metadata98),
      concat(hex('886A'), metadata98, hex('2DE5F410DE8AB849')),
    );
    assert.deepEqual(bsp.macChainingValue, hex('2DE5F410DE8AB849893EFF28B1C2FFC8'));
    assert.deepEqual(
      bsp.encrypt(0x86, toyUpp),
      hex(
        '8638 BCC7CC5CEFD994A1CAA33EB01DBB5746A0169C49C8A13BCE3D007C1890D40EAF58DF54C0592F999DF4D24B0A966ACBCC 78ACFD46E4A3CB89',
      ),
    );
  });

  it('after ReplaceSessionKeys start over with the new keys', () => {
    const bsp = new Bsp(keys());
    bsp.encrypt(0x87, example.configureIsdp);
    bsp.mac(0x88, metadata98);
    assert.deepEqual(
      bsp.encrypt(0x87, replaceSessionKeys(ppk)),
      hex(
        '8748 ADFFFD0D933915083BFA3F3BB70EB4567178F7DE949EB1F7840CAB003A0FA92413D1D5F0E137B330D61AB099C060081E95D877FDEFCB12B9AD317FA27C405AF7 BEA2A58058B66AAF',
      ),
    );
    bsp.replaceKeys(ppk);
    assert.deepEqual(
      bsp.encrypt(0x86, toyUpp),
      hex(
        '8638 51806DC749F0EE9823B5854D8A44AE2FFD2ACBC6C304FCD0FDCEC65F4529668D6DE17A9516B695F9C7B220D6EF701155 308E60EDFA2C0321',
      ),
    );
  });

  it('come back as they were, whatever their length', () => {
    const sender = new Bsp(keys());
    const receiver = new Bsp(keys());
    const random = seededRandom(7);
    for (const length of [0, 1, 15, 16, 17, 1007]) {
      const plaintext = random(length);
      assert.deepEqual(receiver.decrypt(0x86, sender.encrypt(0x86, plaintext)), plaintext);
      assert.deepEqual(receiver.verify(0x88, sender.mac(0x88, plaintext)), plaintext);
    }
  });

  it('of the largest plaintext are 1020 octets', () => {
    const bsp = new Bsp(keys());
    assert.equal(bsp.encrypt(0x86, new Uint8Array(MAX_ENCRYPTED)).length, MAX_SEGMENT);
    assert.equal(bsp.mac(0x88, new Uint8Array(MAX_MACED)).length, MAX_SEGMENT);
    assert.ok(bsp.encrypt(0x86, new Uint8Array(MAX_ENCRYPTED + 1)).length > MAX_SEGMENT);
  });

  const segment = () => new Bsp(keys()).encrypt(0x86, toyUpp);
  it('are refused with any octet changed, and the channel stays where it was', () => {
    const receiver = new Bsp(keys());
    for (const at of [2, 20, segment().length - 1]) {
      const tampered = segment();
      tampered[at] = (tampered[at] ?? 0) ^ 0x01;
      assert.throws(() => receiver.decrypt(0x86, tampered), { name: 'BspError', kind: 'security' });
    }
    assert.deepEqual(receiver.decrypt(0x86, segment()), toyUpp);
  });

  it('are refused out of order, twice, or with the keys of another EID', () => {
    const sender = new Bsp(keys());
    const [first, second] = [sender.encrypt(0x86, toyUpp), sender.encrypt(0x86, toyUpp)];
    const receiver = new Bsp(keys());
    assert.throws(() => receiver.decrypt(0x86, second), { kind: 'security' });
    receiver.decrypt(0x86, first);
    assert.throws(() => receiver.decrypt(0x86, first), { kind: 'security' });
    const other = eid.slice();
    other[15] = 0x01;
    const secret = agree(dp.privateKey, euicc.publicKey);
    const stranger = new Bsp(deriveSessionKeys(secret, example.hostId, other));
    assert.throws(() => stranger.decrypt(0x86, first), { kind: 'security' });
  });

  it('are refused with another tag, cut short, and without room for a MAC', () => {
    const receiver = new Bsp(keys());
    assert.throws(() => receiver.decrypt(0x87, segment()), { kind: 'structure' });
    assert.throws(() => receiver.decrypt(0x86, segment().subarray(0, 30)), { kind: 'structure' });
    assert.throws(() => receiver.decrypt(0x86, hex('86 03 010203')), { kind: 'structure' });
    const unblocked = new Bsp(keys()).mac(0x86, new Uint8Array(15));
    assert.throws(() => receiver.decrypt(0x86, unblocked), { kind: 'structure' });
  });

  it('are refused where the MAC fits but the padding does not', () => {
    const forged = new Bsp(keys()).mac(0x86, new Uint8Array(16));
    assert.throws(() => new Bsp(keys()).decrypt(0x86, forged), /padding/);
  });
});

describe('BoundProfilePackage (SGP.22 2.5.4)', () => {
  it('signs the inner fields and the one-time key of the eUICC', () => {
    const input = secureChannelSignedInput({ ...example, smdpOtpk: dp.publicKey }, euicc.publicKey);
    assert.equal(input.length, 175);
    assert.equal(sha256(input), '05B955AC2C1183450D1CC450A90C15AC2BA4D0FAAB36FB6360D39EDACDCF52D3');
  });

  it('with session keys is the worked example', () => {
    const bpp = makeBoundProfilePackage(example);
    assert.equal(bpp.length, 381);
    assert.equal(sha256(bpp), 'FA35E98B61CCC29174DE9AF88104798602A94926CF4D178C448E4D02837B9526');
  });

  it('with replaced keys is the worked example', () => {
    const bpp = makeBoundProfilePackage({ ...example, ppk });
    assert.equal(bpp.length, 457);
    assert.equal(sha256(bpp), 'E05C6AA1CA8A0672139EB97740A7F341FD15E26F4A38A53AB6C82D7EF849AE61');
  });

  // Lengths computed with another implementation, with the metadata of the worked example.
  for (const [upp, segments, bpp] of [
    [1000, 1, 1345],
    [10240, 11, 10712],
    [12163, 13, 12655],
    [30720, 31, 31449],
    [61440, 62, 62571],
  ] as const) {
    it(`of ${upp} octets has ${segments} segments and ${bpp} octets`, () => {
      const made = makeBoundProfilePackage({ ...example, upp: seededRandom(upp)(upp) });
      const { sequenceOf86 } = readBoundProfilePackage(made);
      assert.equal(sequenceOf86.length, segments);
      assert.ok(sequenceOf86.every((segment) => segment.length <= MAX_SEGMENT));
      assert.equal(made.length, bpp);
    });
  }

  for (const keys of [undefined, makePpk(seededRandom(3))]) {
    it(`opens again, ${keys ? 'with random keys' : 'with session keys'}`, () => {
      const storeMetadata = tlv(0xbf25, metadata98.subarray(3), tlv(0x94, seededRandom(4)(1024)));
      const upp = seededRandom(5)(5000);
      const made = makeBoundProfilePackage({
        ...example,
        storeMetadata,
        upp,
        ...(keys && { ppk: keys }),
      });
      assert.equal(readBoundProfilePackage(made).sequenceOf88.length, 2);
      const opened = openBoundProfilePackage(made, ours);
      assert.deepEqual(opened.upp, upp);
      assert.deepEqual(opened.storeMetadata, storeMetadata);
      assert.deepEqual(opened.configureIsdp, example.configureIsdp);
      assert.deepEqual(opened.channel.transactionId, example.transactionId);
      assert.deepEqual(opened.channel.hostId, example.hostId);
      assert.equal(opened.channel.remoteOperation, 1);
      assert.ok(crtSupported(opened.channel));
      const input = secureChannelSignedInput(opened.channel, euicc.publicKey);
      const key = p256.getPublicKey(scalar(0x33));
      assert.ok(p256.verify(opened.channel.smdpSign, input, key, { lowS: false }));
      const foreign = secureChannelSignedInput(opened.channel, dp.publicKey);
      assert.equal(p256.verify(opened.channel.smdpSign, foreign, key, { lowS: false }), false);
    });
  }

  it('stays shut for another eUICC, and with a bit changed in any of its parts', () => {
    const made = makeBoundProfilePackage({ ...example, ppk });
    const stranger = { eid, otPrivateKey: scalar(0x44) };
    assert.throws(() => openBoundProfilePackage(made, stranger), { name: 'BspError' });
    const parts = readBoundProfilePackage(made);
    for (const segment of [
      parts.firstSequenceOf87,
      parts.sequenceOf88,
      parts.secondSequenceOf87,
      parts.sequenceOf86,
    ].flat()) {
      const tampered = made.slice();
      const at = segment.byteOffset - made.byteOffset + 5;
      tampered[at] = (tampered[at] ?? 0) ^ 0x10;
      assert.throws(() => openBoundProfilePackage(tampered, ours), { kind: 'security' });
    }
  });

  it('is refused with a part missing, a part unknown, or octets after its end', () => {
    const made = makeBoundProfilePackage(example);
    const refused = { name: 'DerError' };
    assert.throws(() => readBoundProfilePackage(concat(made, Uint8Array.of(0))), refused);
    assert.throws(() => readBoundProfilePackage(tlv(0xbf37)), refused);
    const channel = readBoundProfilePackage(made).initialiseSecureChannel;
    assert.throws(() => readBoundProfilePackage(tlv(0xbf36, channel)), refused);
    assert.throws(() => readSecureChannel(tlv(0xbf23, hex('820101'))), refused);
    assert.throws(() => readReplaceSessionKeys(tlv(0xbf26, hex('8001 00'))), refused);
  });
});

describe('the pieces of a package (SGP.22 2.5.5)', () => {
  it('are cut at headers and segments, and are the package again', () => {
    const made = makeBoundProfilePackage({ ...example, ppk, upp: seededRandom(9)(3000) });
    const pieces = piecesOf(made);
    const starts = pieces.map((piece) => toHex(piece.subarray(0, 1)));
    assert.deepEqual(starts, ['BF', 'A0', 'A1', '88', 'A2', 'A3', '86', '86', '86']);
    assert.ok(pieces.every((piece) => piece.length <= MAX_SEGMENT));
    assert.deepEqual(concat(...pieces), made);
  });

  it('are refused of anything else', () => {
    assert.throws(() => piecesOf(hex('BF3700')), { name: 'DerError' });
    assert.throws(() => piecesOf(hex('BF3602 A000')), { name: 'DerError' });
    assert.throws(() => piecesOf(hex('BF3605 BF2300 A500')), { name: 'DerError' });
  });
});

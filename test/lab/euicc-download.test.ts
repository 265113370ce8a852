/** A download into the virtual eUICC, and a twin of it for everything that the eUICC must refuse (SGP.22 5.7). */
import assert from 'node:assert/strict';
import { createHash, createPublicKey, verify, X509Certificate } from 'node:crypto';
import { describe, it } from 'node:test';
import { concat, equal, hex, toHex } from '../../src/base/bytes.ts';
import { eidOctets, iccidOctets, iccidOfDigits } from '../../src/messages/ids.ts';
import {
  ErrorReason,
  OtherSignedNotification,
  ProfileInstallationResult,
} from '../../src/messages/notifications.ts';
import {
  AuthenticateErrorCode,
  CancelSessionResponse,
  DownloadErrorCode,
  EUICCInfo2,
  StoreMetadataRequest,
} from '../../src/messages/rsp.ts';
import { readAll, readOnly, tlv } from '../../src/messages/tlv.ts';
import { checkEuiccChain } from '../../src/trust/euicc-chain.ts';
import { Roots } from '../../src/trust/roots.ts';
import { piecesOf } from '../../tools/lab/bsp/pieces.ts';
import { makeOneTimeKey } from '../../tools/lab/bsp/session-keys.ts';
import type { EuiccOptions } from '../../tools/lab/euicc/chip.ts';
import { Euicc } from '../../tools/lab/euicc/euicc.ts';
import { issueCertificate } from '../../tools/lab/pki/issue.ts';
import { labEid, loadLabPki, makeLabPki } from '../../tools/lab/pki/lab-pki.ts';
import { dpPbProfile, profileDefaults } from '../../tools/lab/pki/profiles.ts';
import { makeProfile } from '../../tools/lab/profile/make.ts';
import { HandClock } from '../support/hand-clock.ts';
import { seededRandom } from '../support/seeded.ts';
import { load, metadata, profileIccid, smdpAddress, TinySmdp, type Wrong } from './tiny-smdp.ts';

const pki = loadLabPki();
const stranger = makeLabPki();

function makeEuicc(options: Partial<EuiccOptions> = {}): Euicc {
  return new Euicc({
    eid: labEid,
    credential: pki.euicc,
    eumCertificate: pki.eum.certificate,
    ciCertificates: [pki.ci.certificate],
    clock: new HandClock(),
    random: seededRandom(1),
    ...options,
  });
}

function smdp(wrong: Wrong = {}, seed = 2): TinySmdp {
  return new TinySmdp(pki, eidOctets(labEid), seededRandom(seed), wrong);
}

const euiccKey = new X509Certificate(pki.euicc.certificate).publicKey;

function signedByEuicc(data: Uint8Array, signature: Uint8Array): boolean {
  return verify('sha256', data, { key: euiccKey, dsaEncoding: 'ieee-p1363' }, signature);
}

/** The reason of an installation result, with the command that failed. */
function failureOf(bytes: Uint8Array): { bppCommandId: number; errorReason: number } {
  const result = ProfileInstallationResult.decode(bytes);
  const { raw, value } = result.profileInstallationResultData;
  assert.ok(signedByEuicc(raw, result.euiccSignPIR));
  assert.equal(value.finalResult.type, 'errorResult');
  if (value.finalResult.type !== 'errorResult') throw new Error('a success');
  const { bppCommandId, errorReason } = value.finalResult.value;
  return { bppCommandId, errorReason };
}

/** What comes of a download whose package (or a part of the server) is wrong; nothing may be installed. */
function refused(wrong: Wrong, change: (pieces: Uint8Array[]) => Uint8Array[] = (p) => p) {
  const euicc = makeEuicc();
  const server = smdp(wrong);
  const failure = failureOf(load(euicc, change(piecesOf(server.bound(euicc)))));
  assert.deepEqual(euicc.snapshot().profiles, []);
  return failure;
}

describe('a download', () => {
  const euicc = makeEuicc();
  const server = smdp();
  const upp = makeProfile({ size: 61_440 });
  const answer = smdp({ bound: { upp } }).download(euicc);
  const result = ProfileInstallationResult.decode(answer);

  it('ends with a signed installation result', () => {
    const { raw, value } = result.profileInstallationResultData;
    assert.ok(signedByEuicc(raw, result.euiccSignPIR));
    assert.deepEqual(value.transactionId, server.transactionId);
    assert.equal(value.smdpOid, '2.999.10');
    assert.deepEqual(value.notificationMetadata, {
      seqNumber: 1,
      profileManagementOperation: ['notificationInstall'],
      notificationAddress: smdpAddress,
      iccid: iccidOctets(profileIccid),
    });
    assert.deepEqual(value.finalResult, {
      type: 'successResult',
      value: {
        aid: hex('A0000005591010FFFFFFFF8900001000'), // rsp-lab.md 3.7
        simaResponse: hex('3007A0053003800100'), // rsp-lab.md 4.1
      },
    });
  });

  it('installs the very package that the server had', () => {
    const [profile, ...others] = euicc.snapshot().profiles;
    assert.equal(others.length, 0);
    assert.equal(profile?.sha256, createHash('sha256').update(upp).digest('hex').toUpperCase());
    assert.equal(profile?.size, 61_440);
    assert.equal(profile?.imsi, '001010000000001');
    assert.equal(profile?.enabled, false);
  });

  it('takes memory, which EUICCInfo2 shows', () => {
    const { extCardResource } = EUICCInfo2.decode(euicc.transmit(tlv(0xbf22)));
    const [, free] = readAll(extCardResource);
    assert.deepEqual(free?.value, hex((2 ** 20 - 61_440).toString(16).padStart(8, '0')));
  });

  it('keeps the result until it is removed, and then no more', () => {
    assert.deepEqual(euicc.transmit(hex('BF2B00')), tlv(0xbf2b, tlv(0xa0, answer)));
    assert.deepEqual(euicc.transmit(hex('BF2B05A003800101')), tlv(0xbf2b, tlv(0xa0, answer)));
    assert.deepEqual(euicc.transmit(hex('BF2B05A003800102')), hex('BF2B02A000'));
    assert.deepEqual(euicc.transmit(hex('BF3003800101')), hex('BF3003800100'));
    assert.deepEqual(euicc.transmit(hex('BF3003800101')), hex('BF3003800101'));
    assert.deepEqual(euicc.transmit(hex('BF2B00')), hex('BF2B02A000'));
  });

  it('gives the next profile the next AID and the next seqNumber', () => {
    const iccid = iccidOfDigits('8949449999999990007');
    const storeMetadata = StoreMetadataRequest.encode({ ...metadata, iccid: iccidOctets(iccid) });
    const bytes = smdp({ bound: { upp: makeProfile({ iccid }), storeMetadata } }, 3).download(
      euicc,
    );
    const { value } = ProfileInstallationResult.decode(bytes).profileInstallationResultData;
    assert.equal(value.notificationMetadata.seqNumber, 2);
    assert.deepEqual(
      euicc.snapshot().profiles.map((profile) => profile.aid),
      ['A0000005591010FFFFFFFF8900001000', 'A0000005591010FFFFFFFF8900001100'],
    );
  });

  it('works with session keys alone, and with a package cut anywhere', () => {
    for (const length of [1, 7, 255, 100_000]) {
      const other = makeEuicc();
      const whole = smdp({ ppk: false }).bound(other);
      const pieces: Uint8Array[] = [];
      for (let at = 0; at < whole.length; at += length)
        pieces.push(whole.subarray(at, at + length));
      assert.ok(load(other, pieces).length > 0);
      assert.equal(other.snapshot().profiles.length, 1, `pieces of ${length}`);
    }
  });

  it('answers nothing before the end, and other commands between two segments', () => {
    const other = makeEuicc();
    const pieces = piecesOf(smdp().bound(other));
    for (const piece of pieces.slice(0, -1)) {
      assert.deepEqual(other.transmit(piece), new Uint8Array());
      assert.equal(other.transmit(hex('BF3E035C015A')).length, 21);
    }
    assert.equal(toHex(other.transmit(pieces.at(-1) ?? new Uint8Array())).slice(0, 4), 'BF37');
  });

  it('notifies other addresses of the installation too', () => {
    const other = makeEuicc();
    const storeMetadata = StoreMetadataRequest.encode({
      ...metadata,
      notificationConfigurationInfo: [
        { profileManagementOperation: ['notificationInstall'], notificationAddress: smdpAddress },
        {
          profileManagementOperation: ['notificationInstall', 'notificationDelete'],
          notificationAddress: 'other.lab',
        },
      ],
    });
    smdp({ bound: { storeMetadata } }).download(other);
    const [, second, ...more] = other.snapshot().notifications;
    assert.equal(more.length, 0);
    const notification = OtherSignedNotification.decode(hex(second?.bytes ?? ''));
    const { raw, value } = notification.tbsOtherNotification;
    assert.equal(value.notificationAddress, 'other.lab');
    assert.deepEqual(value.profileManagementOperation, ['notificationInstall']);
    assert.ok(signedByEuicc(raw, notification.euiccNotificationSignature));
  });
});

describe('AuthenticateServer', () => {
  it('proves the eUICC: signature 1 over euiccSigned1, and its chain', () => {
    const euicc = makeEuicc();
    const answer = smdp().authenticate(euicc);
    assert.equal(answer.type, 'authenticateResponseOk');
    if (answer.type !== 'authenticateResponseOk') return;
    const { euiccSigned1, euiccSignature1, euiccCertificate, eumCertificate } = answer.value;
    assert.ok(signedByEuicc(euiccSigned1.raw, euiccSignature1));
    assert.equal(euiccSigned1.value.serverAddress, smdpAddress);
    assert.deepEqual(euiccSigned1.value.serverChallenge, smdp().serverChallenge);
    assert.equal(euiccSigned1.value.ctxParams1.value.matchingId, 'TOKEN');
    const roots = Roots.of([pki.ci.certificate]);
    const now = new HandClock().now();
    assert.equal(checkEuiccChain({ euiccCertificate, eumCertificate, roots, now }).eid, labEid);
  });

  function refusal(wrong: Wrong, euicc = makeEuicc()): number {
    const server = smdp(wrong);
    const answer = server.authenticate(euicc);
    if (answer.type !== 'authenticateResponseError') throw new Error(answer.type);
    const { transactionId, authenticateErrorCode } = answer.value;
    assert.deepEqual(transactionId, wrong.serverSigned1?.transactionId ?? server.transactionId);
    const after = server.prepare(euicc, new Uint8Array(64));
    assert.equal(after.type, 'downloadResponseError', 'the session is gone');
    return authenticateErrorCode;
  }

  it('refuses a server of another CI, a CA, and bytes that are no certificate', () => {
    const { invalidCertificate } = AuthenticateErrorCode;
    assert.equal(refusal({ dpAuth: stranger.dpAuth }), invalidCertificate);
    assert.equal(refusal({ dpAuth: pki.ci }), invalidCertificate);
    assert.equal(
      refusal({ authenticate: { serverCertificate: hex('3003020101') } }),
      invalidCertificate,
    );
    const tampered = pki.dpAuth.certificate.slice();
    tampered[tampered.length - 1] = (tampered.at(-1) ?? 0) ^ 1;
    assert.equal(refusal({ authenticate: { serverCertificate: tampered } }), invalidCertificate);
  });

  it('refuses a signature of another key, or over other bytes', () => {
    const { invalidSignature } = AuthenticateErrorCode;
    assert.equal(refusal({ signer: pki.dpPb }), invalidSignature);
    assert.equal(
      refusal({ authenticate: { serverSignature1: new Uint8Array(64) } }),
      invalidSignature,
    );
    assert.equal(refusal({ authenticate: { serverSignature1: hex('') } }), invalidSignature);
  });

  it('refuses a certificate with another role', () => {
    assert.equal(refusal({ dpAuth: pki.dpPb }), AuthenticateErrorCode.invalidOid);
    assert.equal(refusal({ dpAuth: pki.dpTls }), AuthenticateErrorCode.invalidOid);
  });

  it('refuses a challenge that it did not make', () => {
    const wrong = { serverSigned1: { euiccChallenge: new Uint8Array(16) } };
    assert.equal(refusal(wrong), AuthenticateErrorCode.euiccChallengeMismatch);
  });

  it('refuses a CI that did not vouch for it, and takes an identifier that is cut short', () => {
    const wrong = (euiccCiPKIdToBeUsed: Uint8Array) => ({ authenticate: { euiccCiPKIdToBeUsed } });
    assert.equal(refusal(wrong(new Uint8Array(20))), AuthenticateErrorCode.ciPKUnknown);
    assert.equal(refusal(wrong(hex(''))), AuthenticateErrorCode.ciPKUnknown);
    const info1 = readAll(readOnly(makeEuicc().transmit(hex('BF2000'))).value);
    const [id] = readAll(info1[2]?.value ?? hex(''));
    const short = smdp(wrong(id?.value.subarray(0, 4) ?? hex('')));
    assert.equal(short.authenticate(makeEuicc()).type, 'authenticateResponseOk');
  });

  it('refuses a server before there is a challenge, and a challenge used before', () => {
    const euicc = makeEuicc();
    const server = smdp();
    const code = (bytes: Uint8Array) => toHex(bytes).slice(-6);
    const early = euicc.transmit(server.authenticateCommand(new Uint8Array(16)));
    assert.equal(code(early), '020104');
    const challenge = readOnly(readOnly(euicc.transmit(hex('BF2E00'))).value).value;
    const command = server.authenticateCommand(challenge);
    assert.notEqual(code(euicc.transmit(command)), '020104');
    assert.equal(code(euicc.transmit(command)), '020104');
  });

  it('writes its error as the standard has it', () => {
    // rsp-lab.md 2.3: BF38 09 A1 07 80 02 1122 02 01 07
    const euicc = makeEuicc();
    euicc.faults.authenticateServer = 7;
    const command = smdp({ serverSigned1: { transactionId: hex('1122') } }).authenticateCommand(
      new Uint8Array(16),
    );
    assert.deepEqual(euicc.transmit(command), hex('BF3809A1078002112202 0107'));
  });
});

describe('PrepareDownload', () => {
  it('answers with a one-time key under signature 2', () => {
    const euicc = makeEuicc();
    const server = smdp({ prepare: { hashCc: new Uint8Array(32).fill(7) } });
    const authenticated = server.authenticate(euicc);
    assert.ok(authenticated.type === 'authenticateResponseOk');
    const command = server.prepareCommand(authenticated.value.euiccSignature1);
    const answer = readOnly(euicc.transmit(command));
    const [signed, signature] = readAll(readOnly(answer.value).value);
    const smdpSignature2 = readAll(readOnly(command).value)[1];
    assert.ok(signed !== undefined && signature !== undefined && smdpSignature2 !== undefined);
    assert.ok(signedByEuicc(concat(signed.raw, smdpSignature2.raw), signature.value));
    const [transactionId, otpk, hashCc] = readAll(signed.value);
    assert.deepEqual(transactionId?.value, server.transactionId);
    assert.equal(otpk?.tag, 0x5f49);
    assert.equal(otpk?.value.length, 65);
    assert.deepEqual(hashCc?.raw, tlv(0x04, new Uint8Array(32).fill(7)));
  });

  describe('asked again by the SM-DP+ that bound a package to its key', () => {
    function keyFrom(euicc: Euicc, bppEuiccOtpk?: Uint8Array): Uint8Array {
      const server = smdp(bppEuiccOtpk === undefined ? {} : { smdpSigned2: { bppEuiccOtpk } }, 9);
      const authenticated = server.authenticate(euicc);
      assert.ok(authenticated.type === 'authenticateResponseOk');
      const prepared = server.prepare(euicc, authenticated.value.euiccSignature1);
      assert.ok(prepared.type === 'downloadResponseOk');
      return prepared.value.euiccSigned2.value.euiccOtpk;
    }
    const cancel = (euicc: Euicc, reason: number) =>
      euicc.transmit(
        tlv(0xbf41, tlv(0x80, smdp({}, 9).transactionId), Uint8Array.of(0x81, 1, reason)),
      );

    it('answers with that key, over a reset too, and with the private half still there', () => {
      const euicc = makeEuicc();
      const first = keyFrom(euicc);
      euicc.reset();
      euicc.restore(euicc.snapshot());
      assert.deepEqual(keyFrom(euicc, first), first);
      smdp({ smdpSigned2: { bppEuiccOtpk: first } }).download(euicc);
      assert.equal(euicc.snapshot().profiles.length, 1, 'what was bound to it can be opened');
    });

    it('answers with a fresh one where it is asked for none, for another, or for one that served', () => {
      const euicc = makeEuicc();
      const first = keyFrom(euicc);
      const second = keyFrom(euicc);
      assert.notDeepEqual(second, first);
      assert.notDeepEqual(keyFrom(euicc, first), first, 'it keeps the last alone');
      smdp().download(euicc);
      assert.equal(euicc.snapshot().unusedKey, undefined);
    });

    it('has it yet where it was put off (1, 2), and no more where it was given up for good', () => {
      for (const [reason, kept] of [
        [0, false],
        [1, true],
        [2, true],
        [4, false],
      ] as const) {
        const euicc = makeEuicc();
        const first = keyFrom(euicc);
        cancel(euicc, reason);
        assert.equal(toHex(keyFrom(euicc, first)) === toHex(first), kept, `reason ${reason}`);
      }
    });

    it('has it yet where the installation was interrupted, and no more where the package was bad', () => {
      for (const [kept, load] of [
        [
          true,
          (euicc: Euicc) => {
            euicc.faults.powerCutAtSegment = 1;
            smdp().download(euicc);
          },
        ],
        [
          false,
          (euicc: Euicc) => {
            smdp({ bound: { transactionId: hex('1122') } }).download(euicc);
          },
        ],
      ] as const) {
        const euicc = makeEuicc();
        load(euicc);
        assert.equal(euicc.snapshot().unusedKey !== undefined, kept);
      }
    });
  });

  function refusal(wrong: Wrong, euicc = makeEuicc()): number {
    const right = smdp();
    const authenticated = right.authenticate(euicc);
    assert.ok(authenticated.type === 'authenticateResponseOk');
    const answer = smdp(wrong).prepare(euicc, authenticated.value.euiccSignature1);
    if (answer.type !== 'downloadResponseError') throw new Error(answer.type);
    assert.deepEqual(answer.value.transactionId, right.transactionId);
    assert.deepEqual(right.prepare(euicc, authenticated.value.euiccSignature1), {
      type: 'downloadResponseError',
      value: {
        transactionId: right.transactionId,
        downloadErrorCode: DownloadErrorCode.noSessionContext,
      },
    });
    return answer.value.downloadErrorCode;
  }

  it('refuses a certificate with another role, another owner or another CI', () => {
    const { invalidCertificate } = DownloadErrorCode;
    assert.equal(refusal({ dpPb: pki.dpAuth }), invalidCertificate);
    assert.equal(refusal({ dpPb: stranger.dpPb }), invalidCertificate);
    const profile = { ...profileDefaults, smdpOid: '2.999.12' };
    const otherOwner = issueCertificate(dpPbProfile(profile), pki.ci);
    assert.equal(refusal({ dpPb: otherOwner }), invalidCertificate);
    // The eUICC trusts both CIs, and the owner's name is the same.
    const ciCertificates = [pki.ci.certificate, stranger.ci.certificate];
    assert.equal(
      refusal({ dpPb: stranger.dpPb }, makeEuicc({ ciCertificates })),
      invalidCertificate,
    );
  });

  it('refuses a signature of another key, and one over the bare signature 1', () => {
    assert.equal(refusal({ signer: pki.dpAuth }), DownloadErrorCode.invalidSignature);
    assert.equal(refusal({ bareSignature1: true }), DownloadErrorCode.invalidSignature);
  });

  it('refuses another transaction', () => {
    const wrong = { smdpSigned2: { transactionId: hex('1122') } };
    assert.equal(refusal(wrong), DownloadErrorCode.invalidTransactionId);
  });

  it('refuses a download that needs a confirmation code without its hash', () => {
    assert.equal(
      refusal({ smdpSigned2: { ccRequiredFlag: true } }),
      DownloadErrorCode.undefinedError,
    );
  });

  it('refuses without a session', () => {
    const answer = smdp().prepare(makeEuicc(), new Uint8Array(64));
    assert.ok(answer.type === 'downloadResponseError');
    assert.equal(answer.value.downloadErrorCode, DownloadErrorCode.noSessionContext);
  });
});

describe('LoadBoundProfilePackage refuses', () => {
  const replaced = (from: string, to: string) => (pieces: Uint8Array[]) => {
    const [first = hex(''), ...rest] = pieces;
    const changed = toHex(first).replace(from, to);
    assert.notEqual(changed, toHex(first));
    return [hex(changed), ...rest];
  };
  const flipped = (index: number) => (pieces: Uint8Array[]) => {
    const at = index < 0 ? pieces.length + index : index;
    return pieces.map((piece, i) => {
      if (i !== at) return piece;
      const copy = piece.slice();
      copy[20] = (copy[20] ?? 0) ^ 0x01;
      return copy;
    });
  };

  it('another remote operation (5), transaction (3) or control reference template (4)', () => {
    assert.deepEqual(refused({}, replaced('820101', '820102')), {
      bppCommandId: 0,
      errorReason: 5,
    });
    const transactionId = new Uint8Array(16);
    assert.deepEqual(refused({ bound: { transactionId } }), { bppCommandId: 0, errorReason: 3 });
    assert.deepEqual(refused({}, replaced('800188', '800189')), {
      bppCommandId: 0,
      errorReason: 4,
    });
  });

  it('a signature of another key, or of another one-time key (2)', () => {
    const sign = () => new Uint8Array(64);
    assert.deepEqual(refused({ bound: { sign } }), { bppCommandId: 0, errorReason: 2 });
  });

  it('a flipped bit in any segment (8)', () => {
    // pieces: 0 channel, 1 ConfigureISDP, 2 header of A1, 3 metadata, 4 ReplaceSessionKeys, 5 header of A3, 6… elements
    const { scp03tSecurityError: errorReason } = ErrorReason;
    assert.deepEqual(refused({}, flipped(1)), { bppCommandId: 1, errorReason });
    assert.deepEqual(refused({}, flipped(3)), { bppCommandId: 2, errorReason });
    assert.deepEqual(refused({}, flipped(4)), { bppCommandId: 4, errorReason });
    assert.deepEqual(refused({}, flipped(6)), { bppCommandId: 5, errorReason });
    assert.deepEqual(refused({}, flipped(-1)), { bppCommandId: 5, errorReason });
  });

  it('segments in another order (8), and a package for another eUICC (8)', () => {
    const swapped = (pieces: Uint8Array[]) => {
      const [a = hex(''), b = hex('')] = [pieces[6], pieces[7]];
      return pieces.with(6, b).with(7, a);
    };
    assert.equal(refused({}, swapped).errorReason, 8);
    assert.deepEqual(refused({ bound: { eid: new Uint8Array(16) } }), {
      bppCommandId: 1,
      errorReason: 8,
    });
  });

  it('parts that are missing, too long or not as their lengths say (7)', () => {
    const structure = ErrorReason.scp03tStructureError;
    const without = (index: number) => (pieces: Uint8Array[]) => pieces.toSpliced(index, 1);
    assert.deepEqual(refused({}, without(1)), { bppCommandId: 1, errorReason: structure });
    assert.equal(refused({}, without(5)).errorReason, structure);
    const longer = (pieces: Uint8Array[]) =>
      pieces.with(-1, concat(pieces.at(-1) ?? hex(''), hex('00')));
    assert.equal(refused({}, longer).errorReason, structure);
  });

  it('metadata and commands that say nothing (1)', () => {
    const configureIsdp = hex('BF2503020101');
    assert.deepEqual(refused({ bound: { configureIsdp } }), { bppCommandId: 1, errorReason: 1 });
    const storeMetadata = hex('BF2503020101');
    assert.deepEqual(refused({ bound: { storeMetadata } }), { bppCommandId: 2, errorReason: 1 });
    const proprietary = tlv(0xbf24, tlv(0xb8, tlv(0x80, new Uint8Array(125))));
    assert.equal(refused({ bound: { configureIsdp: proprietary } }).errorReason, 1);
  });

  it('a one-time key that is no point (1), and a class that nobody knows (6)', () => {
    const smdpOtKey = makeOneTimeKey(seededRandom(9));
    const noPoint = { ...smdpOtKey, publicKey: smdpOtKey.publicKey.with(64, 0) };
    const failure = refused({ bound: { smdpOtKey: noPoint } });
    assert.deepEqual(failure, { bppCommandId: 0, errorReason: 1 });
    const storeMetadata = StoreMetadataRequest.encode({ ...metadata, profileClass: 3 });
    assert.deepEqual(refused({ bound: { storeMetadata } }), { bppCommandId: 2, errorReason: 6 });
  });

  it('segments above 1020 octets, unless it is told to take them', () => {
    const wrong = { bound: { segmentLength: 1008 } };
    assert.equal(refused(wrong).errorReason, ErrorReason.scp03tStructureError);
    const euicc = makeEuicc({ maxSegment: 1036 });
    smdp(wrong).download(euicc);
    assert.equal(euicc.snapshot().profiles.length, 1);
  });

  it('an ICCID that it has already (9)', () => {
    const euicc = makeEuicc();
    smdp().download(euicc);
    assert.deepEqual(failureOf(smdp({}, 3).download(euicc)), { bppCommandId: 2, errorReason: 9 });
    assert.equal(euicc.snapshot().profiles.length, 1);
  });

  it('more than its memory holds (10)', () => {
    const euicc = makeEuicc({ freeMemory: 2_000 });
    assert.deepEqual(failureOf(smdp().download(euicc)), { bppCommandId: 5, errorReason: 10 });
    assert.equal(euicc.snapshot().freeMemory, 2_000);
  });

  it('a power cut (11), of which the waiting notification tells', () => {
    const euicc = makeEuicc();
    const pieces = piecesOf(smdp().bound(euicc));
    load(euicc, pieces.slice(0, 7));
    euicc.reset();
    const [record] = euicc.snapshot().notifications;
    assert.deepEqual(failureOf(hex(record?.bytes ?? '')), { bppCommandId: 5, errorReason: 11 });
    const cut = makeEuicc();
    cut.faults.powerCutAtSegment = 2;
    assert.deepEqual(failureOf(smdp().download(cut)), { bppCommandId: 5, errorReason: 11 });
  });

  it('profile elements that are wrong (12), with the status of the element', () => {
    const upp = makeProfile({ size: 3_000 });
    const wrong = hex(
      toHex(upp).replace(
        'A435A0058000810106A12CA12A800101810101',
        'A435A0058000810106A12CA12A800104810101',
      ),
    );
    const euicc = makeEuicc();
    const bytes = smdp({ bound: { upp: wrong } }).download(euicc);
    assert.deepEqual(failureOf(bytes), { bppCommandId: 5, errorReason: 12 });
    const { finalResult } =
      ProfileInstallationResult.decode(bytes).profileInstallationResultData.value;
    assert.ok(finalResult.type === 'errorResult');
    // PEStatus 10 feature-not-supported, element 6
    assert.ok(toHex(finalResult.value.simaResponse ?? hex('')).includes('300680010A810106'));
    assert.equal(refused({ bound: { upp: upp.subarray(0, 2_900) } }).errorReason, 12);
  });

  it('an ICCID that is another in the metadata than in the profile (13)', () => {
    const upp = makeProfile({ iccid: iccidOfDigits('8949449999999990007') });
    assert.deepEqual(refused({ bound: { upp } }), { bppCommandId: 5, errorReason: 13 });
    const efIccid = hex(
      toHex(makeProfile()).replace('830A98880000000000000071', '830A98880000000000000081'),
    );
    assert.deepEqual(refused({ bound: { upp: efIccid } }), { bppCommandId: 5, errorReason: 13 });
  });

  it('policy rules that are not allowed (15), and takes those that are', () => {
    const storeMetadata = StoreMetadataRequest.encode({
      ...metadata,
      profilePolicyRules: ['ppr1'],
    });
    const euicc = makeEuicc({ allowedRules: ['ppr2'] });
    assert.deepEqual(failureOf(smdp({ bound: { storeMetadata } }).download(euicc)), {
      bppCommandId: 2,
      errorReason: 15,
    });
    const other = makeEuicc();
    smdp({ bound: { storeMetadata } }).download(other);
    assert.equal(other.snapshot().profiles.length, 1);
  });

  it('a package without a session, and a second one in the same session', () => {
    const euicc = makeEuicc();
    const bound = smdp().bound(euicc);
    euicc.reset();
    assert.deepEqual(euicc.transmit(bound), hex('BF360381017F'));
    const again = makeEuicc();
    const server = smdp();
    const package1 = server.bound(again);
    load(again, [package1]);
    assert.deepEqual(again.transmit(package1), hex('BF360381017F'));
  });

  it('leaves no trace of a failure but its result: the next download works', () => {
    const euicc = makeEuicc();
    const pieces = piecesOf(smdp().bound(euicc));
    failureOf(load(euicc, flipped(-1)(pieces)));
    assert.equal(toHex(smdp({}, 3).download(euicc)).slice(0, 4), 'BF37');
    assert.equal(euicc.snapshot().profiles.length, 1);
    assert.equal(euicc.snapshot().notifications.length, 2);
  });
});

describe('CancelSession', () => {
  it('signs that the session ended, and ends it', () => {
    const euicc = makeEuicc();
    const server = smdp();
    const authenticated = server.authenticate(euicc);
    assert.ok(authenticated.type === 'authenticateResponseOk');
    const bytes = euicc.transmit(tlv(0xbf41, tlv(0x80, server.transactionId), hex('810104')));
    const answer = CancelSessionResponse.decode(bytes);
    assert.ok(answer.type === 'cancelSessionResponseOk');
    const { euiccCancelSessionSigned, euiccCancelSessionSignature } = answer.value;
    assert.deepEqual(
      euiccCancelSessionSigned.raw,
      tlv(0x30, tlv(0x80, server.transactionId), hex('810388370A 820104')), // rsp-lab.md 2.7
    );
    assert.ok(signedByEuicc(euiccCancelSessionSigned.raw, euiccCancelSessionSignature));
    const after = server.prepare(euicc, authenticated.value.euiccSignature1);
    assert.equal(after.type, 'downloadResponseError');
  });

  it('refuses another transaction, and keeps the session', () => {
    const euicc = makeEuicc();
    const server = smdp();
    const authenticated = server.authenticate(euicc);
    assert.ok(authenticated.type === 'authenticateResponseOk');
    // rsp-lab.md 2.7: invalidTransactionId
    assert.deepEqual(euicc.transmit(hex('BF4107 80021122 810104')), hex('BF4103810105'));
    const after = server.prepare(euicc, authenticated.value.euiccSignature1);
    assert.equal(after.type, 'downloadResponseOk');
  });
});

it('the certificates of the tests are those of the lab', () => {
  assert.ok(createPublicKey(pki.euicc.key).equals(euiccKey));
  assert.ok(!equal(pki.ci.certificate, stranger.ci.certificate));
});

/**
 * Compact forms, made by the lab's IPA of what an eUICC signed, and rebuilt. The sessions are random; keys and
 * certificates are the lab's.
 */
import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { describe, it } from 'node:test';
import { concat, hex, utf8 } from '../../src/base/bytes.ts';
import { objectIdentifier } from '../../src/messages/primitives.ts';
import { readAll, readOnly, tlv } from '../../src/messages/tlv.ts';
import {
  CompactFormError,
  fullAuthenticateServerResponse,
  fullCancelSessionResponse,
  fullInstallationResult,
  fullOtherNotification,
  fullPrepareDownloadResponse,
} from '../../src/procedures/full-forms.ts';
import { signEcdsa } from '../../src/trust/ecdsa.ts';
import {
  compactAuthenticateServerResponse,
  compactCancelSessionResponse,
  compactNotification,
  compactPrepareDownloadResponse,
} from '../../tools/lab/ipa/minimize.ts';
import { loadLabPki } from '../../tools/lab/pki/lab-pki.ts';
import { seededNumbers, seededRandom } from '../support/seeded.ts';

const pki = loadLabPki();
const key = new X509Certificate(pki.euicc.certificate).publicKey;
const certificates = {
  euiccCertificate: pki.euicc.certificate,
  eumCertificate: pki.eum.certificate,
};
const eid = hex('89049032123451234512345678901235');

/** A session as an SM-DP+ and an eUICC might have it, with all that they signed. */
class RandomSession {
  readonly #random: ReturnType<typeof seededRandom>;
  readonly #number: () => number;
  readonly transactionId: Uint8Array;
  readonly serverSigned1: Uint8Array;
  readonly #addressPart: Uint8Array;
  readonly #challengePart: Uint8Array;
  readonly smdpSigned2: Uint8Array;
  readonly smdpSignature2: Uint8Array;
  readonly smdpOid: string;
  readonly address: string;
  readonly iccid: Uint8Array;
  readonly #otpk: Uint8Array;
  readonly #infoBefore: Uint8Array;
  readonly #infoAfter: Uint8Array;

  constructor(seed: number) {
    this.#random = seededRandom(seed);
    this.#number = seededNumbers(seed + 1_000_000);
    this.transactionId = this.#random(1 + this.#upTo(15));
    this.address = `smdp${this.#upTo(999)}.example.com`;
    this.smdpOid = `1.3.6.1.4.1.${this.#upTo(100_000)}.${this.#upTo(9)}`;
    this.iccid = this.#random(10);
    this.#otpk = concat(Uint8Array.of(4), this.#random(64));
    this.#addressPart = tlv(0x83, utf8(this.address));
    this.#challengePart = tlv(0x84, this.#random(16));
    this.serverSigned1 = tlv(
      0x30,
      tlv(0x80, this.transactionId),
      tlv(0x81, this.#random(16)),
      this.#addressPart,
      this.#challengePart,
    );
    const bound = this.#coin() ? [tlv(0x5f49, this.#otpk)] : [];
    this.smdpSigned2 = tlv(
      0x30,
      tlv(0x80, this.transactionId),
      tlv(0x01, Uint8Array.of(0)),
      ...bound,
    );
    this.smdpSignature2 = this.#random(64);
    this.#infoBefore = tlv(0x81, this.#random(3));
    this.#infoAfter = concat(tlv(0x85, this.#random(2)), tlv(0xa9, tlv(0x04, this.#random(20))));
  }

  #upTo(most: number): number {
    return Math.floor(this.#number() * (most + 1));
  }

  #coin(): boolean {
    return this.#number() < 0.5;
  }

  /** `BF22…` with free memory that differs each time. */
  freshEuiccInfo2(): Uint8Array {
    const extCardResource = tlv(0x84, this.#random(10 + this.#upTo(20)));
    return tlv(0xbf22, this.#infoBefore, extCardResource, this.#infoAfter);
  }

  authenticateServerResponse(): Uint8Array {
    const matchingId = this.#coin() ? [tlv(0x80, utf8('MATCHING-ID'))] : [];
    const imei = this.#coin() ? [tlv(0x82, this.#random(8))] : [];
    const deviceInfo = tlv(0xa1, tlv(0x80, this.#random(4)), tlv(0xa1), ...imei);
    const signed1 = tlv(
      0x30,
      tlv(0x80, this.transactionId),
      this.#addressPart,
      this.#challengePart,
      this.freshEuiccInfo2(),
      tlv(0xa0, ...matchingId, deviceInfo),
    );
    const { euiccCertificate, eumCertificate } = certificates;
    return tlv(
      0xbf38,
      tlv(0xa0, signed1, this.#signature(signed1), euiccCertificate, eumCertificate),
    );
  }

  prepareDownloadResponse(): Uint8Array {
    const hashCc = this.#coin() ? [tlv(0x04, this.#random(32))] : [];
    const signed2 = tlv(0x30, tlv(0x80, this.transactionId), tlv(0x5f49, this.#otpk), ...hashCc);
    const signature = this.#signature(concat(signed2, tlv(0x5f37, this.smdpSignature2)));
    return tlv(0xbf21, tlv(0xa0, signed2, signature));
  }

  /** The compact form without the one-time key, where the eUICC took that of smdpSigned2. */
  withoutOtpk(compact: Uint8Array): Uint8Array {
    if (readAll(readOnly(this.smdpSigned2).value).every(({ tag }) => tag !== 0x5f49))
      return compact;
    const [signed2, signature] = readAll(readOnly(readOnly(compact).value).value);
    assert.ok(signed2 && signature);
    const kept = readAll(signed2.value).filter(({ tag }) => tag !== 0x5f49);
    return tlv(0xbf21, tlv(0xa2, tlv(0x30, ...kept.map(({ raw }) => raw)), signature.raw));
  }

  cancelSessionResponse(): Uint8Array {
    const signed = tlv(
      0x30,
      tlv(0x80, this.transactionId),
      tlv(0x81, this.#oid()),
      tlv(0x82, Uint8Array.of(this.#upTo(5))),
    );
    return tlv(0xbf41, tlv(0xa0, signed, this.#signature(signed)));
  }

  installationResult(): Uint8Array {
    const plain = hex('3007A0053003800100');
    const response = this.#coin() ? plain : this.#random(1 + this.#upTo(40));
    const aid = concat(hex('A0000005591010FFFFFFFF8900'), this.#random(2), Uint8Array.of(0));
    const final = this.#coin()
      ? tlv(0xa0, tlv(0x4f, aid), tlv(0x04, response))
      : tlv(0xa1, tlv(0x80, Uint8Array.of(this.#upTo(5))), tlv(0x81, Uint8Array.of(127)));
    const iccid = this.#coin() ? [tlv(0x5a, this.iccid)] : [];
    const data = tlv(
      0xbf27,
      tlv(0x80, this.transactionId),
      tlv(
        0xbf2f,
        tlv(0x80, Uint8Array.of(this.#upTo(127))),
        hex('81020780'),
        tlv(0x0c, utf8(this.address)),
        ...iccid,
      ),
      tlv(0x06, this.#oid()),
      tlv(0xa2, final),
    );
    return tlv(0xbf37, data, this.#signature(data));
  }

  otherNotification(): Uint8Array {
    const metadata = tlv(
      0xbf2f,
      tlv(0x80, Uint8Array.of(this.#upTo(127))),
      hex('81020640'),
      tlv(0x0c, utf8(this.address)),
      tlv(0x5a, this.iccid),
    );
    const { euiccCertificate, eumCertificate } = certificates;
    return tlv(0x30, metadata, this.#signature(metadata), euiccCertificate, eumCertificate);
  }

  #oid(): Uint8Array {
    return readOnly(objectIdentifier().encode(this.smdpOid)).value;
  }

  #signature(data: Uint8Array): Uint8Array {
    return tlv(0x5f37, signEcdsa(pki.euicc.key, data));
  }
}

/** Where the installation result may come from: the right names among wrong ones. */
function installationFacts({ transactionId, address, smdpOid, iccid }: RandomSession) {
  return {
    transactionId,
    addresses: ['other.example.com', address],
    smdpOids: ['1.2.3', smdpOid],
    iccid,
  };
}

describe('compact forms', () => {
  it('are rebuilt byte for byte, in a thousand random sessions', () => {
    for (let seed = 0; seed < 1000; seed++) {
      const session = new RandomSession(seed);
      const { transactionId, smdpOid } = session;
      const known = { ...session, ...certificates, euiccInfo2: session.freshEuiccInfo2() };
      const authenticated = session.authenticateServerResponse();
      const prepared = session.prepareDownloadResponse();
      const cancelled = session.cancelSessionResponse();
      const installed = session.installationResult();
      const other = session.otherNotification();
      const rebuilt = [
        fullAuthenticateServerResponse(compactAuthenticateServerResponse(authenticated), known),
        fullPrepareDownloadResponse(
          session.withoutOtpk(compactPrepareDownloadResponse(prepared)),
          transactionId,
          known,
          key,
        ),
        fullCancelSessionResponse(
          compactCancelSessionResponse(readOnly(cancelled)),
          transactionId,
          smdpOid,
          key,
        ),
        fullInstallationResult(
          compactNotification(installed, eid),
          installationFacts(session),
          key,
        ),
        fullOtherNotification(compactNotification(other, eid), certificates),
      ];
      assert.deepEqual(
        rebuilt,
        [authenticated, prepared, cancelled, installed, other],
        `session ${seed}`,
      );
    }
  });

  it('have the reason of a cancellation that the signature fits, where none is told', () => {
    for (let seed = 0; seed < 20; seed++) {
      const session = new RandomSession(seed);
      const full = session.cancelSessionResponse();
      const [, signature] = readAll(readOnly(readOnly(full).value).value);
      assert.ok(signature);
      const compact = tlv(0xbf41, tlv(0xa2, tlv(0x30), signature.raw));
      const { transactionId, smdpOid } = session;
      assert.deepEqual(fullCancelSessionResponse(compact, transactionId, smdpOid, key), full);
    }
  });

  it('are not rebuilt of what is stale, missing or another session’s', () => {
    const session = new RandomSession(1);
    const other = new RandomSession(2);
    const known = { ...session, ...certificates, euiccInfo2: session.freshEuiccInfo2() };
    const authenticated = compactAuthenticateServerResponse(session.authenticateServerResponse());
    const prepared = compactPrepareDownloadResponse(session.prepareDownloadResponse());
    const cancelled = compactCancelSessionResponse(readOnly(session.cancelSessionResponse()));
    const installed = compactNotification(session.installationResult(), eid);
    const notified = compactNotification(session.otherNotification(), eid);
    const strangerKey = new X509Certificate(pki.eimSign.certificate).publicKey;
    const { transactionId } = session;
    const refused: readonly (readonly [RegExp, () => unknown])[] = [
      [
        /EUICCInfo2, certificates\) its signature does not fit/,
        () =>
          fullAuthenticateServerResponse(authenticated, {
            ...known,
            euiccInfo2: other.freshEuiccInfo2(),
          }),
      ],
      [
        /EUICCInfo2 of this eUICC is not known/,
        () => fullAuthenticateServerResponse(authenticated, { ...known, euiccInfo2: undefined }),
      ],
      [
        /certificates of this eUICC are not known/,
        () => fullAuthenticateServerResponse(authenticated, { ...session }),
      ],
      [
        /its signature does not fit/,
        () =>
          fullAuthenticateServerResponse(authenticated, {
            ...known,
            serverSigned1: other.serverSigned1,
          }),
      ],
      [
        /signature does not fit/,
        () => fullPrepareDownloadResponse(prepared, other.transactionId, session, key),
      ],
      [
        /signature does not fit/,
        () => fullPrepareDownloadResponse(prepared, transactionId, session, strangerKey),
      ],
      [
        /smdpSigned2 is not known/,
        () => fullPrepareDownloadResponse(prepared, transactionId, {}, key),
      ],
      [
        /fits no cancellation/,
        () => fullCancelSessionResponse(cancelled, transactionId, other.smdpOid, key),
      ],
      [
        /fits no installation result/,
        () => fullInstallationResult(installed, installationFacts(other), key),
      ],
      [
        /does not fit its certificate/,
        () =>
          fullOtherNotification(notified, {
            ...certificates,
            euiccCertificate: pki.eimSign.certificate,
          }),
      ],
      [
        /no compact form|ends within|tag|missing/,
        () => fullPrepareDownloadResponse(hex('BF2100'), transactionId, session, key),
      ],
    ];
    for (const [complaint, rebuild] of refused) {
      assert.throws(rebuild, (error) => {
        assert.ok(error instanceof CompactFormError, String(error));
        assert.match(error.message, complaint);
        return true;
      });
    }
  });
});

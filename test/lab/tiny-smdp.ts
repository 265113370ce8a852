/** An SM-DP+ of a few lines, without transport: what a virtual eUICC is tested against, right and wrong. */
import { concat } from '../../src/base/bytes.ts';
import type { Random } from '../../src/base/random.ts';
import { iccidOctets, iccidOfDigits } from '../../src/messages/ids.ts';
import {
  AuthenticateServerRequest,
  AuthenticateServerResponse,
  type EuiccSigned1,
  PrepareDownloadRequest,
  PrepareDownloadResponse,
  ServerSigned1,
  SmdpSigned2,
  StoreMetadataRequest,
} from '../../src/messages/rsp.ts';
import { signedOf } from '../../src/messages/schema.ts';
import { readOnly, tlv } from '../../src/messages/tlv.ts';
import { readCertificate } from '../../src/trust/certificate.ts';
import { signEcdsa } from '../../src/trust/ecdsa.ts';
import {
  type BoundProfilePackageInput,
  makeBoundProfilePackage,
  makePpk,
} from '../../tools/lab/bsp/bound-profile-package.ts';
import { piecesOf } from '../../tools/lab/bsp/pieces.ts';
import { makeOneTimeKey } from '../../tools/lab/bsp/session-keys.ts';
import type { Euicc } from '../../tools/lab/euicc/euicc.ts';
import type { LabCredential, LabPki } from '../../tools/lab/pki/lab-pki.ts';
import { makeProfile } from '../../tools/lab/profile/make.ts';

export const smdpAddress = 'smdp.lab';
export const profileIccid = iccidOfDigits('89880000000000000017');

export const metadata: StoreMetadataRequest = {
  iccid: iccidOctets(profileIccid),
  serviceProviderName: 'Lab',
  profileName: 'Lab One',
  profileClass: 2,
  profileOwner: { mccMnc: Uint8Array.of(0x00, 0xf1, 0x10) },
  notificationConfigurationInfo: [
    { profileManagementOperation: ['notificationInstall'], notificationAddress: smdpAddress },
    { profileManagementOperation: ['notificationEnable'], notificationAddress: smdpAddress },
    { profileManagementOperation: ['notificationDisable'], notificationAddress: smdpAddress },
    { profileManagementOperation: ['notificationDelete'], notificationAddress: smdpAddress },
  ],
};

/** What the server says wrongly; the rest is right. */
export interface Wrong {
  readonly authenticate?: Partial<AuthenticateServerRequest>;
  readonly serverSigned1?: Partial<ServerSigned1>;
  readonly dpAuth?: LabCredential;
  /** Signs in the place of the certificate's key. */
  readonly signer?: LabCredential;
  readonly prepare?: Partial<PrepareDownloadRequest>;
  readonly smdpSigned2?: Partial<SmdpSigned2>;
  readonly dpPb?: LabCredential;
  /** Signature 2 over the bare signature 1, without its header. */
  readonly bareSignature1?: true;
  readonly bound?: Partial<BoundProfilePackageInput>;
  readonly ppk?: false;
}

export class TinySmdp {
  readonly pki: LabPki;
  readonly wrong: Wrong;
  readonly transactionId: Uint8Array;
  readonly serverChallenge: Uint8Array;
  readonly #random: Random;
  readonly #eid: Uint8Array;
  euiccSigned1: EuiccSigned1 | undefined;

  constructor(pki: LabPki, eid: Uint8Array, random: Random, wrong: Wrong = {}) {
    this.pki = pki;
    this.wrong = wrong;
    this.#random = random;
    this.#eid = eid;
    this.transactionId = random(16);
    this.serverChallenge = random(16);
  }

  /** AuthenticateServer with a fresh challenge of the eUICC. */
  authenticate(euicc: Euicc): AuthenticateServerResponse {
    const euiccChallenge = readOnly(readOnly(euicc.transmit(tlv(0xbf2e))).value).value;
    return AuthenticateServerResponse.decode(
      euicc.transmit(this.authenticateCommand(euiccChallenge)),
    );
  }

  authenticateCommand(euiccChallenge: Uint8Array): Uint8Array {
    const { dpAuth = this.pki.dpAuth } = this.wrong;
    const serverSigned1 = signedOf(ServerSigned1, {
      transactionId: this.transactionId,
      euiccChallenge,
      serverAddress: smdpAddress,
      serverChallenge: this.serverChallenge,
      ...this.wrong.serverSigned1,
    });
    return AuthenticateServerRequest.encode({
      serverSigned1,
      serverSignature1: signEcdsa((this.wrong.signer ?? dpAuth).key, serverSigned1.raw),
      euiccCiPKIdToBeUsed: keyIdOf(this.pki.ci),
      serverCertificate: dpAuth.certificate,
      ctxParams1: {
        type: 'ctxParamsForCommonAuthentication',
        value: {
          matchingId: 'TOKEN',
          deviceInfo: { tac: Uint8Array.of(0x35, 0x29, 0x06, 0x11), deviceCapabilities: {} },
        },
      },
      ...this.wrong.authenticate,
    });
  }

  /** PrepareDownload, after authenticate. */
  prepare(euicc: Euicc, euiccSignature1: Uint8Array): PrepareDownloadResponse {
    return PrepareDownloadResponse.decode(euicc.transmit(this.prepareCommand(euiccSignature1)));
  }

  prepareCommand(euiccSignature1: Uint8Array): Uint8Array {
    const { dpPb = this.pki.dpPb } = this.wrong;
    const smdpSigned2 = signedOf(SmdpSigned2, {
      transactionId: this.transactionId,
      ccRequiredFlag: false,
      ...this.wrong.smdpSigned2,
    });
    const signature1 = this.wrong.bareSignature1 ? euiccSignature1 : tlv(0x5f37, euiccSignature1);
    const signer = this.wrong.signer ?? dpPb;
    return PrepareDownloadRequest.encode({
      smdpSigned2,
      smdpSignature2: signEcdsa(signer.key, concat(smdpSigned2.raw, signature1)),
      smdpCertificate: dpPb.certificate,
      ...this.wrong.prepare,
    });
  }

  /** The package for the one-time key that the eUICC answered. */
  bind(euiccOtpk: Uint8Array): Uint8Array {
    const ppk = this.wrong.ppk === false ? {} : { ppk: makePpk(this.#random) };
    return makeBoundProfilePackage({
      transactionId: this.transactionId,
      hostId: this.#random(8),
      eid: this.#eid,
      smdpOtKey: makeOneTimeKey(this.#random),
      euiccOtpk,
      sign: (data) => signEcdsa(this.pki.dpPb.key, data),
      configureIsdp: tlv(0xbf24),
      storeMetadata: StoreMetadataRequest.encode(metadata),
      upp: makeProfile({ size: 3_000 }),
      ...ppk,
      ...this.wrong.bound,
    });
  }

  /** Everything up to the bound profile package; throws where the eUICC refuses. */
  bound(euicc: Euicc): Uint8Array {
    const authenticated = this.authenticate(euicc);
    if (authenticated.type !== 'authenticateResponseOk') throw new Error(authenticated.type);
    this.euiccSigned1 = authenticated.value.euiccSigned1.value;
    const prepared = this.prepare(euicc, authenticated.value.euiccSignature1);
    if (prepared.type !== 'downloadResponseOk') throw new Error(prepared.type);
    return this.bind(prepared.value.euiccSigned2.value.euiccOtpk);
  }

  /** The whole download: the eUICC's last answer, `BF37…`. */
  download(euicc: Euicc): Uint8Array {
    return load(euicc, piecesOf(this.bound(euicc)));
  }
}

/** Hands pieces over until the eUICC answers; empty where it never does. */
export function load(euicc: Euicc, pieces: readonly Uint8Array[]): Uint8Array {
  for (const piece of pieces) {
    const answer = euicc.transmit(piece);
    if (answer.length > 0) return answer;
  }
  return new Uint8Array();
}

function keyIdOf(credential: LabCredential): Uint8Array {
  const identifier = readCertificate(credential.certificate).subjectKeyIdentifier;
  if (identifier === undefined) throw new Error('a CI without subjectKeyIdentifier');
  return identifier;
}

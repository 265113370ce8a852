/** A eUICC of a few lines, with the key and the certificates of the lab: what it signs, right or wrong as a test asks. */
import assert from 'node:assert/strict';
import { createPublicKey, type KeyObject } from 'node:crypto';
import { concat, hex } from '../../src/base/bytes.ts';
import {
  EuiccPackageErrorDataSigned,
  type EuiccPackageRequest,
  type EuiccPackageResult,
  EuiccPackageResultDataSigned,
  type EuiccResultData,
} from '../../src/messages/euicc-package.ts';
import type { Eid } from '../../src/messages/ids.ts';
import {
  NotificationMetadata,
  type OtherSignedNotification,
  type PendingNotification,
  type ProfileInstallationResult,
  ProfileInstallationResultData,
} from '../../src/messages/notifications.ts';
import type {
  AuthenticateServerResponse,
  CancelSessionResponse,
  PrepareDownloadResponse,
} from '../../src/messages/rsp.ts';
import { EuiccCancelSessionSigned, EuiccSigned1, EuiccSigned2 } from '../../src/messages/rsp.ts';
import { type Infer, signedOf } from '../../src/messages/schema.ts';
import { tlv } from '../../src/messages/tlv.ts';
import { signEcdsa, verifyEcdsa } from '../../src/trust/ecdsa.ts';
import { tokenTlv } from '../../src/trust/eim-signer.ts';
import {
  type LabCredential,
  type LabPki,
  labEid,
  loadLabPki,
} from '../../tools/lab/pki/lab-pki.ts';

export const pki: LabPki = loadLabPki();
/** The EID in the lab's eUICC certificate. */
export const eid = labEid;

export const iccid = '989444999999990920F3';
export const aid = hex('A0000005591010FFFFFFFF8900001100');

/** What a result says of its package; members that are not given are the package's own. */
export interface Said {
  readonly eimId?: string;
  readonly counterValue?: number;
  readonly eimTransactionId?: Uint8Array | undefined;
  readonly seqNumber?: number;
  /** What signs, and under which association token. */
  readonly key?: KeyObject;
  readonly token?: number;
}

export type FinalResult =
  ProfileInstallationResult['profileInstallationResultData']['value']['finalResult'];

export const installedOk: FinalResult = {
  type: 'successResult',
  value: { aid, simaResponse: hex('3007A0053003800100') },
};

type SignedPackage = Infer<typeof EuiccPackageRequest>['euiccPackageSigned']['value'];

export class TestEuicc {
  readonly eid: Eid = eid;
  readonly credential: LabCredential = pki.euicc;
  /** seqNumber of the last result. */
  seqNumber = 41;

  /** The package in a GetEimPackageResponse; its signature must be the eIM's, under this association token. */
  read(request: Infer<typeof EuiccPackageRequest>, token = 1): SignedPackage {
    const { euiccPackageSigned, eimSignature } = request;
    const input = concat(euiccPackageSigned.raw, tokenTlv(token));
    assert.ok(verifyEcdsa(createPublicKey(pki.eimSign.key), input, eimSignature), 'eimSignature');
    return euiccPackageSigned.value;
  }

  result(
    of: SignedPackage,
    euiccResult: readonly EuiccResultData[],
    said: Said = {},
  ): EuiccPackageResult {
    const data = signedOf(EuiccPackageResultDataSigned, {
      ...correlation(of, said),
      seqNumber: said.seqNumber ?? ++this.seqNumber,
      euiccResult,
    });
    return {
      type: 'euiccPackageResultSigned',
      value: { euiccPackageResultDataSigned: data, euiccSignEPR: this.#sign(data.raw, said) },
    };
  }

  error(of: SignedPackage, euiccPackageErrorCode: number, said: Said = {}): EuiccPackageResult {
    const data = signedOf(EuiccPackageErrorDataSigned, {
      ...correlation(of, said),
      euiccPackageErrorCode,
    });
    return {
      type: 'euiccPackageErrorSigned',
      value: { euiccPackageErrorDataSigned: data, euiccSignEPE: this.#sign(data.raw, said) },
    };
  }

  #sign(data: Uint8Array, { key = this.credential.key, token = 1 }: Said): Uint8Array {
    return signEcdsa(key, concat(data, tokenTlv(token)));
  }

  /** The answer to a server that it believes. */
  authenticateServer(
    transactionId: Uint8Array,
    by: { readonly euicc?: LabCredential; readonly eum?: LabCredential } = {},
  ): AuthenticateServerResponse {
    const { euicc = this.credential, eum = pki.eum } = by;
    const euiccSigned1 = signedOf(EuiccSigned1, {
      transactionId,
      serverAddress: 'smdp.example.com',
      serverChallenge: new Uint8Array(16).fill(3),
      // Not what EUICCInfo2 has to be: nobody between eUICC and SM-DP+ reads it.
      euiccInfo2: tlv(0xbf22, hex('8103020301')),
      ctxParams1: {
        type: 'ctxParamsForCommonAuthentication',
        value: {
          matchingId: 'MATCHING-ID',
          deviceInfo: { tac: hex('35290611'), deviceCapabilities: {} },
        },
      },
    });
    return {
      type: 'authenticateResponseOk',
      value: {
        euiccSigned1,
        euiccSignature1: signEcdsa(euicc.key, euiccSigned1.raw),
        euiccCertificate: euicc.certificate,
        eumCertificate: eum.certificate,
      },
    };
  }

  prepareDownload(transactionId: Uint8Array): PrepareDownloadResponse {
    const euiccSigned2 = signedOf(EuiccSigned2, {
      transactionId,
      euiccOtpk: concat(Uint8Array.of(4), new Uint8Array(64).fill(7)),
    });
    const euiccSignature2 = signEcdsa(this.credential.key, euiccSigned2.raw);
    return { type: 'downloadResponseOk', value: { euiccSigned2, euiccSignature2 } };
  }

  cancelSession(
    transactionId: Uint8Array,
    reason: number,
    key = this.credential.key,
  ): CancelSessionResponse {
    const euiccCancelSessionSigned = signedOf(EuiccCancelSessionSigned, {
      transactionId,
      smdpOid: '2.999.10',
      reason,
    });
    const euiccCancelSessionSignature = signEcdsa(key, euiccCancelSessionSigned.raw);
    return {
      type: 'cancelSessionResponseOk',
      value: { euiccCancelSessionSigned, euiccCancelSessionSignature },
    };
  }

  installation(
    transactionId: Uint8Array,
    finalResult: FinalResult = installedOk,
    options: { readonly seqNumber?: number; readonly key?: KeyObject } = {},
  ): PendingNotification & { readonly type: 'profileInstallationResult' } {
    const profileInstallationResultData = signedOf(ProfileInstallationResultData, {
      transactionId,
      notificationMetadata: {
        seqNumber: options.seqNumber ?? ++this.seqNumber,
        profileManagementOperation: ['notificationInstall'],
        notificationAddress: 'notify.example.com',
        iccid: hex(iccid),
      },
      smdpOid: '2.999.10',
      finalResult,
    });
    const { key = this.credential.key } = options;
    return {
      type: 'profileInstallationResult',
      value: {
        profileInstallationResultData,
        euiccSignPIR: signEcdsa(key, profileInstallationResultData.raw),
      },
    };
  }

  notification(
    event: NonNullable<NotificationMetadata['profileManagementOperation'][number]>,
    options: {
      readonly seqNumber?: number;
      readonly address?: string;
      readonly key?: KeyObject;
      readonly euicc?: LabCredential;
    } = {},
  ): { readonly type: 'otherSignedNotification'; readonly value: OtherSignedNotification } {
    const euicc = options.euicc ?? this.credential;
    const tbsOtherNotification = signedOf(NotificationMetadata, {
      seqNumber: options.seqNumber ?? ++this.seqNumber,
      profileManagementOperation: [event],
      notificationAddress: options.address ?? 'notify.example.com',
      iccid: hex(iccid),
    });
    return {
      type: 'otherSignedNotification',
      value: {
        tbsOtherNotification,
        euiccNotificationSignature: signEcdsa(options.key ?? euicc.key, tbsOtherNotification.raw),
        euiccCertificate: euicc.certificate,
        eumCertificate: pki.eum.certificate,
      },
    };
  }
}

function correlation(of: SignedPackage, said: Said) {
  const eimTransactionId = 'eimTransactionId' in said ? said.eimTransactionId : of.eimTransactionId;
  return {
    eimId: said.eimId ?? of.eimId,
    counterValue: said.counterValue ?? of.counterValue,
    ...(eimTransactionId === undefined ? {} : { eimTransactionId }),
  };
}

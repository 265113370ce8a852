/** A few lines that act as the eUICC and LPA of an SM-DP+'s tests: keys of the lab PKI, requests over real HTTPS. */
import assert from 'node:assert/strict';
import { createHash, type KeyObject, X509Certificate } from 'node:crypto';
import { Agent, request } from 'node:https';
import { base64, concat, fromBase64, hex, utf8 } from '../../src/base/bytes.ts';
import {
  NotificationMetadata,
  OtherSignedNotification,
  type ProfileInstallationResult,
  ProfileInstallationResultData,
  ProfileInstallationResult as Result,
} from '../../src/messages/notifications.ts';
import {
  AuthenticateServerResponse,
  CancelSessionResponse,
  EUICCInfo1,
  type EUICCInfo2,
  EuiccCancelSessionSigned,
  EuiccSigned1,
  EuiccSigned2,
  EUICCInfo2 as Info2,
  PrepareDownloadResponse,
} from '../../src/messages/rsp.ts';
import { signedOf } from '../../src/messages/schema.ts';
import { readOnly, tlv } from '../../src/messages/tlv.ts';
import { readCertificate } from '../../src/trust/certificate.ts';
import { signEcdsa } from '../../src/trust/ecdsa.ts';
import { makeOneTimeKey } from '../../tools/lab/bsp/session-keys.ts';
import type { LabCredential, LabPki } from '../../tools/lab/pki/lab-pki.ts';
import { seededRandom } from '../support/seeded.ts';

export interface Reply {
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly body: string;
  /** Of a JSON body. */
  readonly fields: Readonly<Record<string, string>>;
  /** `subject/reason`, or `ok`. */
  readonly code: string;
}

/** Posts to a server whose certificate must chain to the lab's CI; `credential` is the client's own. */
export class Es9 {
  readonly #agent: Agent;
  readonly #port: number;
  readonly #folder: string;

  constructor(
    pki: Pick<LabPki, 'ci'>,
    port: number,
    { folder = 'es9plus', credential }: { folder?: string; credential?: LabCredential } = {},
  ) {
    this.#agent = new Agent({
      ca: new X509Certificate(pki.ci.certificate).toString(),
      ...(credential && {
        cert: new X509Certificate(credential.certificate).toString(),
        key: credential.key.export({ format: 'pem', type: 'pkcs8' }),
      }),
    });
    this.#port = port;
    this.#folder = folder;
  }

  post(
    name: string,
    body: object | string,
    headers: Record<string, string> = { 'Content-Type': 'application/json' },
    method = 'POST',
  ): Promise<Reply> {
    return new Promise((resolve, reject) => {
      const path = `/gsma/rsp2/${this.#folder}/${name}`;
      const options = { host: '127.0.0.1', port: this.#port, method, path, headers };
      const out = request({ ...options, agent: this.#agent }, (response) => {
        const parts: Buffer[] = [];
        response.on('data', (part: Buffer) => parts.push(part));
        response.on('error', reject);
        response.on('end', () => {
          const text = Buffer.concat(parts).toString();
          try {
            resolve(reply(response.statusCode ?? 0, response.headers, text));
          } catch (error) {
            reject(error);
          }
        });
      });
      out.on('error', reject);
      out.end(typeof body === 'string' ? body : JSON.stringify(body));
    });
  }
}

function reply(status: number, headers: Record<string, unknown>, body: string): Reply {
  const isJson = String(headers['content-type']).startsWith('application/json');
  const fields = isJson ? JSON.parse(body) : {};
  const execution = fields.header?.functionExecutionStatus;
  const data = execution?.statusCodeData;
  const code = data ? `${data.subjectCode}/${data.reasonCode}` : 'ok';
  return { status, headers, body, fields, code };
}

export const challenge = Uint8Array.from({ length: 16 }, (_, i) => i);

const euiccInfo2: EUICCInfo2 = {
  profileVersion: hex('020301'),
  svn: hex('020500'),
  euiccFirmwareVer: hex('010000'),
  extCardResource: hex('810102 82040007A120 830400010000'),
  uiccCapability: ['usimSupport', 'akaMilenage', 'getIdentity'],
  rspCapability: ['additionalProfile', 'testProfileSupport'],
  euiccCiPKIdListForVerification: [],
  euiccCiPKIdListForSigning: [],
  ppVersion: hex('010000'),
  sasAcreditationNumber: 'LAB',
};

/** What a test may change about what the eUICC says. */
export interface Changes {
  readonly matchingId?: string;
  readonly info2?: Partial<EUICCInfo2>;
  /** Instead of a whole EUICCInfo2. */
  readonly rawInfo2?: Uint8Array;
  readonly key?: KeyObject;
  readonly euicc?: LabCredential;
  readonly eum?: LabCredential;
  readonly serverChallenge?: Uint8Array;
  readonly signedTransactionId?: Uint8Array;
}

export interface Prepared {
  readonly confirmationCode?: string;
  readonly hashCc?: Uint8Array;
  readonly key?: KeyObject;
  readonly signedTransactionId?: Uint8Array;
  readonly otpk?: Uint8Array;
}

export class TestEuicc {
  readonly credential: LabCredential;
  readonly ciKeyId: Uint8Array;
  otKey = makeOneTimeKey(seededRandom(42));
  readonly #es9: Es9;
  readonly #pki: LabPki;
  readonly #smdpAddress: string;

  constructor(es9: Es9, smdpAddress: string, pki: LabPki, credential = pki.euicc) {
    this.#es9 = es9;
    this.#pki = pki;
    this.#smdpAddress = smdpAddress;
    this.credential = credential;
    this.ciKeyId = readCertificate(pki.ci.certificate).subjectKeyIdentifier ?? new Uint8Array();
  }

  info1(changes: Partial<EUICCInfo1> = {}): Uint8Array {
    return EUICCInfo1.encode({
      svn: hex('020500'),
      euiccCiPKIdListForVerification: [this.ciKeyId],
      euiccCiPKIdListForSigning: [this.ciKeyId],
      ...changes,
    });
  }

  initiate(info1 = this.info1(), smdpAddress = this.#smdpAddress): Promise<Reply> {
    return this.#es9.post('initiateAuthentication', {
      euiccChallenge: base64(challenge),
      euiccInfo1: base64(info1),
      smdpAddress,
    });
  }

  /** AuthenticateServerResponse to the answer of `initiate`. */
  authenticateServerResponse(initiated: Reply, changes: Changes = {}): Uint8Array {
    const transactionId = hex(initiated.fields.transactionId ?? '');
    const signed1 = value(initiated, 'serverSigned1');
    const challenges = readOnly(signed1).value.slice(-16);
    const euiccSigned1 = signedOf(EuiccSigned1, {
      transactionId: changes.signedTransactionId ?? transactionId,
      serverAddress: this.#smdpAddress,
      serverChallenge: changes.serverChallenge ?? challenges,
      euiccInfo2: changes.rawInfo2 ?? Info2.encode({ ...euiccInfo2, ...changes.info2 }),
      ctxParams1: {
        type: 'ctxParamsForCommonAuthentication',
        value: {
          ...(changes.matchingId !== undefined && { matchingId: changes.matchingId }),
          deviceInfo: { tac: hex('35290611'), deviceCapabilities: {} },
        },
      },
    });
    const credential = changes.euicc ?? this.credential;
    return AuthenticateServerResponse.encode({
      type: 'authenticateResponseOk',
      value: {
        euiccSigned1,
        euiccSignature1: signEcdsa(changes.key ?? credential.key, euiccSigned1.raw),
        euiccCertificate: credential.certificate,
        eumCertificate: (changes.eum ?? this.#pki.eum).certificate,
      },
    });
  }

  authenticate(initiated: Reply, changes: Changes = {}): Promise<Reply> {
    return this.#es9.post('authenticateClient', {
      transactionId: initiated.fields.transactionId,
      authenticateServerResponse: base64(this.authenticateServerResponse(initiated, changes)),
    });
  }

  /** initiateAuthentication and authenticateClient; the first must succeed. */
  async open(changes: Changes = {}): Promise<Reply> {
    const initiated = await this.initiate();
    assert.equal(initiated.code, 'ok');
    return this.authenticate(initiated, changes);
  }

  prepareDownload(authenticated: Reply, changes: Prepared = {}): Promise<Reply> {
    const transactionId = hex(authenticated.fields.transactionId ?? '');
    const hashCc =
      changes.hashCc ??
      (changes.confirmationCode === undefined
        ? undefined
        : sha256(concat(sha256(utf8(changes.confirmationCode)), transactionId)));
    const euiccSigned2 = signedOf(EuiccSigned2, {
      transactionId: changes.signedTransactionId ?? transactionId,
      euiccOtpk: changes.otpk ?? this.otKey.publicKey,
      ...(hashCc && { hashCc }),
    });
    // smdpSignature2 arrives with its header 5F3740, which is signed with it.
    const signed = concat(euiccSigned2.raw, value(authenticated, 'smdpSignature2'));
    const response = PrepareDownloadResponse.encode({
      type: 'downloadResponseOk',
      value: {
        euiccSigned2,
        euiccSignature2: signEcdsa(changes.key ?? this.credential.key, signed),
      },
    });
    return this.#es9.post('getBoundProfilePackage', {
      transactionId: authenticated.fields.transactionId,
      prepareDownloadResponse: base64(response),
    });
  }

  cancel(
    transactionId: string | undefined,
    reason: number,
    changes: { smdpOid?: string; key?: KeyObject } = {},
  ): Promise<Reply> {
    const cancelled = signedOf(EuiccCancelSessionSigned, {
      transactionId: hex(transactionId ?? ''),
      smdpOid: changes.smdpOid ?? '2.999.10',
      reason,
    });
    const response = CancelSessionResponse.encode({
      type: 'cancelSessionResponseOk',
      value: {
        euiccCancelSessionSigned: cancelled,
        euiccCancelSessionSignature: signEcdsa(changes.key ?? this.credential.key, cancelled.raw),
      },
    });
    const cancelSessionResponse = base64(response);
    return this.#es9.post('cancelSession', { transactionId, cancelSessionResponse });
  }

  /** A ProfileInstallationResult, signed. */
  installationResult(
    transactionId: string | undefined,
    iccid: Uint8Array,
    finalResult: ProfileInstallationResult['profileInstallationResultData']['value']['finalResult'],
    changes: { seqNumber?: number; smdpOid?: string; key?: KeyObject } = {},
  ): Uint8Array {
    const data = signedOf(ProfileInstallationResultData, {
      transactionId: hex(transactionId ?? ''),
      notificationMetadata: {
        seqNumber: changes.seqNumber ?? 1,
        profileManagementOperation: ['notificationInstall'],
        notificationAddress: this.#smdpAddress,
        iccid,
      },
      smdpOid: changes.smdpOid ?? '2.999.10',
      finalResult,
    });
    return Result.encode({
      profileInstallationResultData: data,
      euiccSignPIR: signEcdsa(changes.key ?? this.credential.key, data.raw),
    });
  }

  /** An OtherSignedNotification. */
  notification(
    seqNumber: number,
    event: NotificationMetadata['profileManagementOperation'][number],
    iccid: Uint8Array,
    key = this.credential.key,
  ): Uint8Array {
    const metadata = signedOf(NotificationMetadata, {
      seqNumber,
      profileManagementOperation: [event],
      notificationAddress: this.#smdpAddress,
      iccid,
    });
    return OtherSignedNotification.encode({
      tbsOtherNotification: metadata,
      euiccNotificationSignature: signEcdsa(key, metadata.raw),
      euiccCertificate: this.credential.certificate,
      eumCertificate: this.#pki.eum.certificate,
    });
  }

  notify(pendingNotification: Uint8Array): Promise<Reply> {
    return this.#es9.post('handleNotification', {
      pendingNotification: base64(pendingNotification),
    });
  }
}

/** simaResponse of a package whose elements were all processed. */
export const allElementsOk = hex('3007 A005 3003 800100');

/** The octets of a base64 field of an answer. */
export function value(answer: Reply, name: string): Uint8Array {
  return fromBase64(answer.fields[name] ?? assert.fail(`no ${name}`));
}

/** Error arm A1 of AuthenticateServer (BF38) and PrepareDownload (BF21). */
export function errorArm(tag: number, transactionId: string | undefined, code: number): string {
  const inner = tlv(0xa1, tlv(0x80, hex(transactionId ?? '')), tlv(0x02, Uint8Array.of(code)));
  return base64(tlv(tag, inner));
}

function sha256(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(createHash('sha256').update(bytes).digest());
}

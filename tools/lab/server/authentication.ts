/**
 * Common mutual authentication (SGP.22 3.0.1) as SM-DP+ and SM-DS do it: InitiateAuthentication whole, and the eUICC's
 * proof within AuthenticateClient.
 */
import { X509Certificate } from 'node:crypto';
import { equal } from '../../../src/base/bytes.ts';
import type { Clock } from '../../../src/base/clock.ts';
import type { Random } from '../../../src/base/random.ts';
import {
  type AuthenticateServerResponse,
  type EUICCInfo1,
  ServerSigned1,
} from '../../../src/messages/rsp.ts';
import { readCertificate, registeredIdOf } from '../../../src/trust/certificate.ts';
import { ChainError } from '../../../src/trust/chain-error.ts';
import { signEcdsa, verifyEcdsa } from '../../../src/trust/ecdsa.ts';
import { checkEuiccChain } from '../../../src/trust/euicc-chain.ts';
import type { Roots } from '../../../src/trust/roots.ts';
import { type CertificateProfile, issueCertificate } from '../pki/issue.ts';
import type { LabCredential } from '../pki/lab-pki.ts';
import { type Faults, flipped } from './faults.ts';
import { Refusal, type RefusalReason } from './refusal.ts';

/** What a server is under one CI, and so on one curve. */
export interface Identity {
  readonly ci: LabCredential;
  /** subjectKeyIdentifier of the CI. */
  readonly ciKeyId: Uint8Array;
  /** CERT.DPauth or CERT.DSauth. */
  readonly auth: LabCredential;
  /** One of another role under the same CI, for the fault of that name. */
  readonly wrongRole: LabCredential;
}

/** Throws where the CI certificate has no subjectKeyIdentifier. */
export function identityOf(parts: Omit<Identity, 'ciKeyId'>): Identity {
  const ciKeyId = readCertificate(parts.ci.certificate).subjectKeyIdentifier;
  if (ciKeyId === undefined) throw new Error('the CI certificate has no subjectKeyIdentifier');
  return { ...parts, ciKeyId };
}

export interface AuthenticatingServer<I extends Identity> {
  /** serverAddress, as eUICCs see it. */
  readonly address: string;
  /** One for each CI, in the server's order. */
  readonly identities: readonly I[];
  readonly roots: Roots;
  /** Serial numbers of certificates that a CI revoked, in hex. */
  readonly revoked: ReadonlySet<string>;
  readonly faults: Faults;
  readonly clock: Clock;
  readonly random: Random;
}

/** A session once it is open. */
export interface Opened<I extends Identity> {
  readonly identity: I;
  readonly transactionId: Uint8Array;
  readonly serverChallenge: Uint8Array;
}

export interface InitiateAuthentication {
  /** 16 octets. */
  readonly euiccChallenge: Uint8Array;
  readonly euiccInfo1: EUICCInfo1;
  /** The SM-DS's where that is asked. */
  readonly smdpAddress: string;
}

export interface InitiateAuthenticationAnswer {
  readonly transactionId: Uint8Array;
  /** `30…` */
  readonly serverSigned1: Uint8Array;
  /** r‖s, 64 octets. */
  readonly serverSignature1: Uint8Array;
  readonly euiccCiPKIdToBeUsed: Uint8Array;
  /** CERT.DPauth or CERT.DSauth. */
  readonly serverCertificate: Uint8Array;
}

/** What each check of InitiateAuthentication is refused as: SM-DP+ and SM-DS have subjects of their own. */
export interface InitiateRefusals {
  readonly address: RefusalReason;
  readonly svn: RefusalReason;
  readonly ci: RefusalReason;
  readonly certificate: RefusalReason;
}

const at = 'initiateAuthentication';

/** Checks the request and proves the server. Throws Refusal. */
export function initiateAuthentication<I extends Identity>(
  server: AuthenticatingServer<I>,
  request: InitiateAuthentication,
  refusals: InitiateRefusals,
): { readonly session: Opened<I>; readonly answer: InitiateAuthenticationAnswer } {
  const { faults, random } = server;
  const { euiccChallenge, euiccInfo1, smdpAddress } = request;
  if (smdpAddress.toLowerCase() !== server.address.toLowerCase()) {
    throw new Refusal(refusals.address);
  }
  if (euiccInfo1.svn[0] !== 2) throw new Refusal(refusals.svn);
  const { identity, euiccCiPKIdToBeUsed } = chooseIdentity(server, euiccInfo1, refusals);
  const session = { identity, transactionId: random(16), serverChallenge: random(16) };

  const wrong = (kind: 'wrong-transaction' | 'wrong-challenge' | 'wrong-address') =>
    faults.take(at, kind) !== undefined;
  const serverSigned1 = ServerSigned1.encode({
    transactionId: wrong('wrong-transaction') ? random(16) : session.transactionId,
    euiccChallenge: wrong('wrong-challenge') ? random(16) : euiccChallenge,
    serverAddress: wrong('wrong-address') ? 'smdp.invalid' : server.address,
    serverChallenge: session.serverChallenge,
  });
  const signer = signerOf(server, identity);
  const signature = signEcdsa(signer.key, serverSigned1);
  return {
    session,
    answer: {
      transactionId: session.transactionId,
      serverSigned1,
      serverSignature1: faults.take(at, 'wrong-signature') ? flipped(signature) : signature,
      euiccCiPKIdToBeUsed,
      serverCertificate: signer.certificate,
    },
  };
}

/**
 * The first CI that the eUICC verifies with and this server is certified by, and the first that the eUICC signs with
 * and this server accepts: on one curve they are the same, and they need not be.
 */
function chooseIdentity<I extends Identity>(
  { identities, roots }: AuthenticatingServer<I>,
  euiccInfo1: EUICCInfo1,
  refusals: InitiateRefusals,
): { readonly identity: I; readonly euiccCiPKIdToBeUsed: Uint8Array } {
  // Signing first: ids that are unknown in both lists get the code of this check.
  const euiccCiPKIdToBeUsed = euiccInfo1.euiccCiPKIdListForSigning.find(
    (keyId) => roots.find(keyId).length > 0,
  );
  if (euiccCiPKIdToBeUsed === undefined) throw new Refusal(refusals.ci);
  for (const keyId of euiccInfo1.euiccCiPKIdListForVerification) {
    const identity = identities.find((one) => equal(one.ciKeyId, keyId));
    if (identity !== undefined) return { identity, euiccCiPKIdToBeUsed };
  }
  throw new Refusal(refusals.certificate);
}

function signerOf<I extends Identity>(
  { faults }: AuthenticatingServer<I>,
  identity: I,
): LabCredential {
  if (faults.take(at, 'wrong-certificate')) return identity.wrongRole;
  if (faults.take(at, 'wrong-oid')) return withOtherOid(identity, identity.auth);
  return identity.auth;
}

/** OID of nobody's: the one but last of SGP.26's test SM-DP+s. */
const otherOid = '2.999.18';

/** A certificate of the same role under the same CI with the OID of another server. */
export function withOtherOid({ ci }: Identity, credential: LabCredential): LabCredential {
  const { policies, notBefore, notAfter } = readCertificate(credential.certificate);
  const profile: CertificateProfile = {
    subject: [
      ['O', 'ACME'],
      ['CN', 'ANOTHER SERVER'],
    ],
    notBefore: new Date(notBefore),
    notAfter: new Date(notAfter),
    keyUsage: 'digitalSignature',
    policy: { oid: policies[0] ?? '', critical: true },
    names: [{ registeredId: otherOid }],
    ski: true,
  };
  return issueCertificate(profile, ci, credential.key);
}

export type AuthenticateResponseOk = Extract<
  AuthenticateServerResponse,
  { type: 'authenticateResponseOk' }
>['value'];

/** The response that holds a proof. Throws Refusal for the other two. */
export function okResponse(
  { transactionId }: Pick<Opened<Identity>, 'transactionId'>,
  response: AuthenticateServerResponse,
): AuthenticateResponseOk {
  if (response.type === 'compactAuthenticateResponseOk') {
    throw new Refusal('malformed', 'a compact response is for the eIM');
  }
  if (response.type === 'authenticateResponseError') {
    checkTransaction(transactionId, response.value.transactionId);
    throw new Refusal('euiccFailed', `code ${response.value.authenticateErrorCode}`);
  }
  checkTransaction(transactionId, response.value.euiccSigned1.value.transactionId);
  return response.value;
}

/** Whom the chain names. Throws Refusal. */
export function checkChain<I extends Identity>(
  { roots, clock, revoked }: AuthenticatingServer<I>,
  { euiccCertificate, eumCertificate }: AuthenticateResponseOk,
) {
  try {
    const chain = { euiccCertificate, eumCertificate, roots, now: clock.now() };
    const proven = checkEuiccChain(chain);
    if (revoked.has(serialNumberOf(eumCertificate))) {
      throw new Refusal('eumInvalid', 'it was revoked');
    }
    return proven;
  } catch (error) {
    if (!(error instanceof ChainError)) throw error;
    throw new Refusal(chainRefusal(error), error.message, { cause: error });
  }
}

/** In hex, as a revocation list names a certificate. */
export function serialNumberOf(certificate: Uint8Array): string {
  return new X509Certificate(certificate).serialNumber;
}

function chainRefusal({ code, member }: ChainError): RefusalReason {
  if (code === 'unknownCi') return 'ciUnknown';
  if (member === 'euicc') return code === 'expired' ? 'euiccExpired' : 'euiccInvalid';
  return code === 'expired' ? 'eumExpired' : 'eumInvalid';
}

/** Signature 1 and the challenge within. Throws Refusal. */
export function checkProof(
  { serverChallenge }: Pick<Opened<Identity>, 'serverChallenge'>,
  { euiccSigned1, euiccSignature1 }: AuthenticateResponseOk,
  { publicKey }: ReturnType<typeof checkEuiccChain>,
): void {
  if (!verifyEcdsa(publicKey, euiccSigned1.raw, euiccSignature1)) {
    throw new Refusal('euiccSignatureInvalid');
  }
  if (!equal(euiccSigned1.value.serverChallenge, serverChallenge)) {
    throw new Refusal('euiccSignatureInvalid', 'another serverChallenge');
  }
}

/** The transactionId within what the eUICC signed must be that of the session. Throws Refusal. */
export function checkTransaction(transactionId: Uint8Array, signed: Uint8Array): void {
  if (!equal(transactionId, signed)) {
    throw new Refusal('transactionUnknown', 'another one is signed');
  }
}

/** The one OID of a server's certificates. Throws where they differ. */
export function commonOid(certificates: readonly Uint8Array[]): string {
  const [oid, ...others] = new Set(certificates.map(registeredIdOf));
  if (oid === undefined || others.length > 0) {
    throw new Error('the certificates of one server must have one and the same OID');
  }
  return oid;
}

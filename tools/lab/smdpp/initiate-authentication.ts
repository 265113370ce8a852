/** ES9+.InitiateAuthentication (SGP.22 5.6.1): the SM-DP+ proves itself to the eUICC. */
import { equal, toHex } from '../../../src/base/bytes.ts';
import { type EUICCInfo1, ServerSigned1 } from '../../../src/messages/rsp.ts';
import { signEcdsa } from '../../../src/trust/ecdsa.ts';
import { flipped } from './faults.ts';
import { Refusal } from './refusal.ts';
import type { Smdp } from './smdp.ts';

export interface InitiateAuthentication {
  /** 16 octets. */
  readonly euiccChallenge: Uint8Array;
  readonly euiccInfo1: EUICCInfo1;
  readonly smdpAddress: string;
}

export interface InitiateAuthenticationAnswer {
  readonly transactionId: Uint8Array;
  /** `30…` */
  readonly serverSigned1: Uint8Array;
  /** r‖s, 64 octets. */
  readonly serverSignature1: Uint8Array;
  readonly euiccCiPKIdToBeUsed: Uint8Array;
  /** CERT.DPauth. */
  readonly serverCertificate: Uint8Array;
}

/** Opens a session. Throws Refusal. */
export function initiateAuthentication(
  smdp: Smdp,
  { euiccChallenge, euiccInfo1, smdpAddress }: InitiateAuthentication,
): InitiateAuthenticationAnswer {
  if (smdpAddress.toLowerCase() !== smdp.address.toLowerCase()) {
    throw new Refusal('addressRefused');
  }
  if (euiccInfo1.svn[0] !== 2) throw new Refusal('svnUnsupported');
  const isOurs = (keyId: Uint8Array) => equal(keyId, smdp.ciKeyId);
  // Signing first: ids that are unknown in both lists get the code of this check.
  const euiccCiPKIdToBeUsed = euiccInfo1.euiccCiPKIdListForSigning.find(isOurs);
  if (euiccCiPKIdToBeUsed === undefined) throw new Refusal('ciUnsupported');
  if (!euiccInfo1.euiccCiPKIdListForVerification.some(isOurs)) {
    throw new Refusal('certificateUnavailable');
  }
  const session = {
    transactionId: smdp.random(16),
    serverChallenge: smdp.random(16),
    bound: false,
  };
  smdp.sessions.set(toHex(session.transactionId), session);

  const at = 'initiateAuthentication';
  const wrong = (kind: 'wrong-transaction' | 'wrong-challenge' | 'wrong-address') =>
    smdp.faults.take(at, kind) !== undefined;
  const serverSigned1 = ServerSigned1.encode({
    transactionId: wrong('wrong-transaction') ? smdp.random(16) : session.transactionId,
    euiccChallenge: wrong('wrong-challenge') ? smdp.random(16) : euiccChallenge,
    serverAddress: wrong('wrong-address') ? 'smdp.invalid' : smdp.address,
    serverChallenge: session.serverChallenge,
  });
  const signer = smdp.faults.take(at, 'wrong-certificate') ? smdp.dpPb : smdp.dpAuth;
  const signature = signEcdsa(signer.key, serverSigned1);
  return {
    transactionId: session.transactionId,
    serverSigned1,
    serverSignature1: smdp.faults.take(at, 'wrong-signature') ? flipped(signature) : signature,
    euiccCiPKIdToBeUsed,
    serverCertificate: signer.certificate,
  };
}

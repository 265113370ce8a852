/** Whether the signatures within a message hold, as far as what is at hand tells. */
import { type KeyObject, X509Certificate } from 'node:crypto';
import { concat } from '../base/bytes.ts';
import { readOnly } from '../messages/tlv.ts';
import { verifyEcdsa } from '../trust/ecdsa.ts';
import { tokenTlv } from '../trust/eim-signer.ts';
import type { Part } from './anatomy.ts';

export interface SignatureCheck {
  /** The field that holds it. */
  readonly signature: string;
  /** The fields that it covers. */
  readonly covers: string;
  readonly verdict: 'holds' | 'does not hold' | 'not checked';
  /** Whose key it was checked with, or what is missing. */
  readonly why: string;
}

interface Rule {
  readonly signature: string;
  readonly covers: string;
  /** The certificate beside it. */
  readonly certificate?: string;
  /** The association token follows what is covered (SGP.32 2.11.1.1, 2.11.2). */
  readonly token?: true;
  /** What else is covered and stands in another message. */
  readonly elsewhere?: string;
  /** Whose it is, in words. */
  readonly signer: string;
}

const rules: readonly Rule[] = [
  {
    signature: 'serverSignature1',
    covers: 'serverSigned1',
    certificate: 'serverCertificate',
    signer: 'SM-DP+ or SM-DS',
  },
  {
    signature: 'euiccSignature1',
    covers: 'euiccSigned1',
    certificate: 'euiccCertificate',
    signer: 'eUICC',
  },
  {
    signature: 'smdpSignature2',
    covers: 'smdpSigned2',
    elsewhere: 'euiccSignature1 of AuthenticateServerResponse',
    signer: 'SM-DP+',
  },
  {
    signature: 'euiccSignature2',
    covers: 'euiccSigned2',
    elsewhere: 'smdpSignature2 of the answer to AuthenticateClient',
    signer: 'eUICC',
  },
  { signature: 'eimSignature', covers: 'euiccPackageSigned', token: true, signer: 'eIM' },
  {
    signature: 'euiccSignEPR',
    covers: 'euiccPackageResultDataSigned',
    token: true,
    signer: 'eUICC',
  },
  {
    signature: 'euiccSignEPE',
    covers: 'euiccPackageErrorDataSigned',
    token: true,
    signer: 'eUICC',
  },
  { signature: 'euiccSignPIR', covers: 'profileInstallationResultData', signer: 'eUICC' },
  {
    signature: 'euiccNotificationSignature',
    covers: 'tbsOtherNotification',
    certificate: 'euiccCertificate',
    signer: 'eUICC',
  },
  {
    signature: 'euiccCancelSessionSignature',
    covers: 'euiccCancelSessionSigned',
    signer: 'eUICC',
  },
];

export interface Keys {
  /** Public keys that signers may have. */
  readonly keys: readonly KeyObject[];
  readonly associationToken?: number | undefined;
}

/** A check for each signature among these parts and below them. */
export function signaturesIn(parts: readonly Part[], given: Keys): readonly SignatureCheck[] {
  const here = rules.flatMap((rule) => {
    const signature = fieldOf(parts, rule.signature);
    return signature === undefined ? [] : [checked(rule, signature, parts, given)];
  });
  return [...here, ...parts.flatMap((part) => signaturesIn(part.parts, given))];
}

function checked(
  rule: Rule,
  signature: Part,
  beside: readonly Part[],
  { keys, associationToken }: Keys,
): SignatureCheck {
  const { covers, signer, elsewhere } = rule;
  const outcome = (verdict: SignatureCheck['verdict'], why: string): SignatureCheck => ({
    signature: rule.signature,
    covers: rule.token ? `${covers} and the association token` : covers,
    verdict,
    why,
  });
  const covered = fieldOf(beside, covers);
  if (covered === undefined) {
    return outcome(
      'not checked',
      `${covers} is not here: the signature covers the full form of it`,
    );
  }
  if (elsewhere !== undefined) return outcome('not checked', `it also covers ${elsewhere}`);
  const certificate = rule.certificate && fieldOf(beside, rule.certificate);
  const own = certificate && keyOf(certificate);
  const candidates = own ? [own] : keys;
  if (candidates.length === 0) {
    return outcome('not checked', `the key of the ${signer} is needed: --key FILE`);
  }
  const data = rule.token ? concat(covered.raw, tokenTlv(associationToken)) : covered.raw;
  const octets = readOnly(signature.raw).value;
  const holds = candidates.some((key) => verifyEcdsa(key, data, octets));
  const by = own ? `${rule.certificate} beside it` : 'the key given';
  const token = rule.token ? `, association token ${associationToken ?? 'none'}` : '';
  return outcome(holds ? 'holds' : 'does not hold', `${by}${token}`);
}

function fieldOf(parts: readonly Part[], name: string): Part | undefined {
  return parts.find(({ fields }) => fields.at(-1) === name);
}

function keyOf({ raw }: Part): KeyObject | undefined {
  const der = raw.slice();
  der[0] = 0x30;
  try {
    return new X509Certificate(der).publicKey;
  } catch {
    return undefined; // said beside the certificate
  }
}

/**
 * The full forms of what an IPA sends compact (SGP.32, minimizeEsipaBytes): rebuilt byte for byte from what the eIM
 * knows of the session and of the eUICC, whose signature covers the full form. Where something may have been one thing
 * or another, the signature tells which; where it fits none, there is no full form.
 * See docs/interpretation-log.md#compact-forms
 */
import type { KeyObject } from 'node:crypto';
import { concat, hex, utf8 } from '../base/bytes.ts';
import { objectIdentifier } from '../messages/primitives.ts';
import { CancelSessionReason } from '../messages/rsp.ts';
import { DerError, readAll, readOnly, type Tlv, tlv } from '../messages/tlv.ts';
import { readCertificate } from '../trust/certificate.ts';
import { ChainError } from '../trust/chain-error.ts';
import { verifyEcdsa } from '../trust/ecdsa.ts';

/** A compact form that the eIM cannot rebuild; the message says what is missing or does not fit. */
export class CompactFormError extends Error {
  override readonly name = 'CompactFormError';
  /** Whether it could be rebuilt if the eUICC were known better. */
  readonly isForLater: boolean;

  constructor(complaint: string, options: ErrorOptions & { readonly isForLater?: true } = {}) {
    super(complaint, options);
    this.isForLater = options.isForLater ?? false;
  }
}

/** What the eIM knows that the compact forms leave out. All DER, as it was received. */
export interface KnownFacts {
  /** Of the SM-DP+: `30…` (SGP.22 5.6.1). */
  readonly serverSigned1?: Uint8Array | undefined;
  /** Given by the eIM, `A0…` (SGP.22 5.7.13). */
  readonly ctxParams1?: Uint8Array | undefined;
  /** Of the eUICC: `BF22…`, `30…`, `30…`. */
  readonly euiccInfo2?: Uint8Array | undefined;
  readonly euiccCertificate?: Uint8Array | undefined;
  readonly eumCertificate?: Uint8Array | undefined;
  /** Of the SM-DP+, `30…`, and its signature's 64 octets (SGP.22 5.6.3). */
  readonly smdpSigned2?: Uint8Array | undefined;
  readonly smdpSignature2?: Uint8Array | undefined;
  /** Given by the eIM, 32 octets (SGP.22 5.7.5). */
  readonly hashCc?: Uint8Array | undefined;
}

const Tag = {
  sequence: 0x30,
  signature: 0x5f37,
  otpk: 0x5f49,
  full: 0xa0,
  compact: 0xa2,
  euiccInfo2: 0xbf22,
  extCardResource: 0x84,
} as const;

/** `BF38{A0…}` of `BF38{A2…}` (SGP.22 5.7.13). Throws CompactFormError. */
export function fullAuthenticateServerResponse(compact: Uint8Array, known: KnownFacts): Uint8Array {
  return rebuilding(() => {
    const [signedData, ...rest] = membersOf(compact);
    const signature = member(rest, Tag.signature, 'euiccSignature1');
    const euiccCertificate = certificateIn(rest, 0xa1) ?? known.euiccCertificate;
    const eumCertificate = certificateIn(rest, 0xa2) ?? known.eumCertificate;
    if (
      signedData === undefined ||
      euiccCertificate === undefined ||
      eumCertificate === undefined
    ) {
      throw new CompactFormError('the certificates of this eUICC are not known', {
        isForLater: true,
      });
    }
    const signed1 =
      signedData.tag === Tag.sequence ? signedData.raw : euiccSigned1(signedData, known);
    if (!verifyEcdsa(keyIn(euiccCertificate), signed1, signature.value)) {
      throw new CompactFormError(
        'with what is known of this eUICC (EUICCInfo2, certificates) its signature does not fit',
      );
    }
    const response = [signed1, signature.raw, euiccCertificate, eumCertificate];
    return tlv(0xbf38, tlv(Tag.full, ...response));
  });
}

function euiccSigned1(compact: Tlv, known: KnownFacts): Uint8Array {
  const { serverSigned1, euiccInfo2 } = known;
  const parts = readAll(compact.value);
  const ctxParams1 = parts.find(({ tag }) => tag === 0xa2)?.value ?? known.ctxParams1;
  if (ctxParams1 === undefined)
    throw new CompactFormError('ctxParams1 is missing, and none was sent');
  if (serverSigned1 === undefined)
    throw new CompactFormError('serverSigned1 is not known any more');
  if (euiccInfo2 === undefined) throw new CompactFormError('EUICCInfo2 of this eUICC is not known');
  const extCardResource = member(parts, Tag.extCardResource, 'extCardResource');
  const server = readAll(readOnly(serverSigned1).value);
  const info = readAll(readOnly(euiccInfo2).value).map(({ tag, raw }) =>
    tag === Tag.extCardResource ? extCardResource.raw : raw,
  );
  return tlv(
    Tag.sequence,
    member(server, 0x80, 'transactionId').raw,
    member(server, 0x83, 'serverAddress').raw,
    member(server, 0x84, 'serverChallenge').raw,
    tlv(Tag.euiccInfo2, ...info),
    ctxParams1,
  );
}

/** `BF21{A0…}` of `BF21{A2…}` (SGP.22 5.7.5), signed with this key. Throws CompactFormError. */
export function fullPrepareDownloadResponse(
  compact: Uint8Array,
  transactionId: Uint8Array,
  { smdpSigned2, smdpSignature2, hashCc: ours }: KnownFacts,
  key: KeyObject,
): Uint8Array {
  return rebuilding(() => {
    if (smdpSigned2 === undefined || smdpSignature2 === undefined) {
      throw new CompactFormError('smdpSigned2 is not known any more');
    }
    const [compactSigned2, ...rest] = membersOf(compact);
    const signature = member(rest, Tag.signature, 'euiccSignature2');
    const parts = compactSigned2 === undefined ? [] : readAll(compactSigned2.value);
    const bound = readAll(readOnly(smdpSigned2).value);
    const euiccOtpk = [...parts, ...bound].find(({ tag }) => tag === Tag.otpk);
    if (euiccOtpk === undefined) throw new CompactFormError('euiccOtpk is missing');
    const theirs = parts.find(({ tag }) => tag === 0x04)?.raw;
    // The one that the eIM gave may have been left out, or not been used.
    const ofOurs = ours === undefined ? [] : [tlv(0x04, ours)];
    for (const hashCc of theirs === undefined ? [...ofOurs, undefined] : [theirs]) {
      const rest = hashCc === undefined ? [] : [hashCc];
      const signed2 = tlv(Tag.sequence, tlv(0x80, transactionId), euiccOtpk.raw, ...rest);
      const input = concat(signed2, tlv(Tag.signature, smdpSignature2));
      if (verifyEcdsa(key, input, signature.value)) {
        return tlv(0xbf21, tlv(Tag.full, signed2, signature.raw));
      }
    }
    throw new CompactFormError("the eUICC's signature does not fit what is known of the session");
  });
}

/**
 * `BF41{A0…}` of `BF41{A2…}` (SGP.22 5.7.14), signed with this key. A reason that was left out is the one that the
 * signature fits. Throws CompactFormError.
 */
export function fullCancelSessionResponse(
  compact: Uint8Array,
  transactionId: Uint8Array,
  smdpOid: string | undefined,
  key: KeyObject,
): Uint8Array {
  return rebuilding(() => {
    if (smdpOid === undefined) throw new CompactFormError('the OID of the SM-DP+ is not known');
    const [compactSigned, ...rest] = membersOf(compact);
    const signature = member(rest, Tag.signature, 'euiccCancelSessionSignature');
    const told = compactSigned && readAll(compactSigned.value).find(({ tag }) => tag === 0x80);
    const reasons = told?.value ?? Uint8Array.from(Object.values(CancelSessionReason));
    for (const reason of reasons) {
      const signed = tlv(
        Tag.sequence,
        tlv(0x80, transactionId),
        tlv(0x81, oidContents(smdpOid)),
        tlv(0x82, Uint8Array.of(reason)),
      );
      if (verifyEcdsa(key, signed, signature.value)) {
        return tlv(0xbf41, tlv(Tag.full, signed, signature.raw));
      }
    }
    throw new CompactFormError("the eUICC's signature fits no cancellation of this session");
  });
}

/** What may stand in the metadata of an installation result. */
export interface InstallationFacts {
  readonly transactionId: Uint8Array;
  /** Addresses that the SM-DP+ may have there, the likeliest first. */
  readonly addresses: readonly string[];
  /** OIDs that the SM-DP+ may have, in dotted form. */
  readonly smdpOids: readonly string[];
  /** As in EF.ICCID, of the announced profile. */
  readonly iccid?: Uint8Array | undefined;
}

/** Of the ISD-P (SGP.02 annex H): octets 14 and 15 are the compact form's. */
const isdpAid = hex('A0000005591010FFFFFFFF8900');
/** PEStatus of success (SIMalliance interoperable profile package), which the compact form leaves out. */
const plainSuccess = hex('3007 A005 3003 8001 00');
const installEvent = hex('81 02 0780');

/** ProfileInstallationResult `BF37…` of the compact form `A0{A0…, 5F37}` (SGP.22 2.5.6). Throws CompactFormError. */
export function fullInstallationResult(
  compact: Uint8Array,
  facts: InstallationFacts,
  key: KeyObject,
): Uint8Array {
  return rebuilding(() => {
    const [data, ...rest] = readAll(readOnly(compact).value);
    const signature = member(rest, Tag.signature, 'euiccSignPIR');
    const parts = data === undefined ? [] : readAll(data.value);
    const seqNumber = tlv(0x80, member(parts, 0x02, 'seqNumber').value);
    const final = finalResult(member(parts, 0xa2, 'compactFinalResult'));
    for (const iccid of iccidOf(parts, facts)) {
      for (const address of facts.addresses) {
        const metadata = tlv(0xbf2f, seqNumber, installEvent, tlv(0x0c, utf8(address)), ...iccid);
        for (const oid of facts.smdpOids) {
          const smdpOid = tlv(0x06, oidContents(oid));
          const whole = tlv(0xbf27, tlv(0x80, facts.transactionId), metadata, smdpOid, final);
          if (verifyEcdsa(key, whole, signature.value)) {
            return tlv(0xbf37, whole, signature.raw);
          }
        }
      }
    }
    throw new CompactFormError("the eUICC's signature fits no installation result of this session");
  });
}

function iccidOf(
  parts: readonly Tlv[],
  { iccid }: InstallationFacts,
): readonly (readonly Uint8Array[])[] {
  const isPresent = parts.find(({ tag }) => tag === 0x01)?.value[0] !== 0;
  if (!isPresent) return [[]];
  if (iccid === undefined) throw new CompactFormError('the ICCID of the profile is not known');
  return [[tlv(0x5a, iccid)]];
}

function finalResult(compact: Tlv): Uint8Array {
  const [arm] = readAll(compact.value);
  if (arm?.tag !== 0xa0) return compact.raw;
  const parts = readAll(arm.value);
  const aid = concat(isdpAid, member(parts, 0x4f, 'compactAid').value, Uint8Array.of(0));
  const response = parts.find(({ tag }) => tag === 0x04)?.raw ?? tlv(0x04, plainSuccess);
  return tlv(0xa2, tlv(0xa0, tlv(0x4f, aid), response));
}

/** OtherSignedNotification `30…` of the compact form `A1{5A?, BF2F, 5F37}`. Throws CompactFormError. */
export function fullOtherNotification(
  compact: Uint8Array,
  { euiccCertificate, eumCertificate }: KnownFacts,
): Uint8Array {
  return rebuilding(() => {
    if (euiccCertificate === undefined || eumCertificate === undefined) {
      throw new CompactFormError('the certificates of this eUICC are not known', {
        isForLater: true,
      });
    }
    const parts = readAll(readOnly(compact).value);
    const metadata = member(parts, 0xbf2f, 'tbsOtherNotification');
    const signature = member(parts, Tag.signature, 'euiccNotificationSignature');
    if (!verifyEcdsa(keyIn(euiccCertificate), metadata.raw, signature.value)) {
      throw new CompactFormError("the eUICC's signature does not fit its certificate");
    }
    const whole = [metadata.raw, signature.raw, euiccCertificate, eumCertificate];
    return tlv(Tag.sequence, ...whole);
  });
}

/** What a peer sent, or what was kept, may be no such structure. */
function rebuilding(work: () => Uint8Array): Uint8Array {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof DerError || error instanceof ChainError)) throw error;
    throw new CompactFormError(error.message, { cause: error });
  }
}

/** The members of the compact arm of a response of the eUICC. */
function membersOf(response: Uint8Array): readonly Tlv[] {
  const arm = readOnly(readOnly(response).value);
  if (arm.tag !== Tag.compact) throw new CompactFormError('it is in no compact form');
  return readAll(arm.value);
}

function member(parts: readonly Tlv[], tag: number, name: string): Tlv {
  const found = parts.find((one) => one.tag === tag);
  if (found === undefined) throw new CompactFormError(`${name} is missing`);
  return found;
}

/** The tag of a message stands in the place of the certificate's own. */
function certificateIn(parts: readonly Tlv[], tag: number): Uint8Array | undefined {
  const found = parts.find((one) => one.tag === tag);
  return found && tlv(Tag.sequence, found.value);
}

function keyIn(certificate: Uint8Array): KeyObject {
  return readCertificate(certificate, 'euicc').publicKey;
}

function oidContents(oid: string): Uint8Array {
  return readOnly(objectIdentifier().encode(oid)).value;
}

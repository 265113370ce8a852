/** A certificate revocation list (RFC 5280 5) as SGP.22 4.5.2 has it: whole, or in numbered parts; never a delta. */
import { type KeyObject, verify } from 'node:crypto';
import { AsnConvert } from '@peculiar/asn1-schema';
import {
  AuthorityKeyIdentifier,
  CertificateList,
  type Extension,
  id_ce_authorityKeyIdentifier,
  id_ce_cRLNumber,
  id_ce_issuingDistributionPoint,
} from '@peculiar/asn1-x509';
import { equal, hex, toHex } from '../base/bytes.ts';
import { readAll, readOnly } from '../messages/tlv.ts';
import { ChainError } from './chain-error.ts';

/** Largest list that is read: some 25,000 certificates. */
export const maxCrlOctets = 2 ** 20;

export interface Crl {
  /** DER. */
  readonly raw: Uint8Array;
  /** subjectKeyIdentifier of its issuer. */
  readonly authorityKeyIdentifier: Uint8Array;
  /** Milliseconds since 1970. */
  readonly thisUpdate: number;
  readonly nextUpdate: number;
  /** Serial numbers, as in Certificate. */
  readonly revoked: ReadonlySet<string>;
  /** Which certificates of the issuer it speaks of. */
  readonly scope: 'all' | 'authorities' | 'others';
  /** Which part of the whole it is. */
  readonly part?: { readonly number: number; readonly of: number };
  signedBy(key: KeyObject): boolean;
}

/** id-rspExt of SGP.22: totalPartialCrlNumber and partialCrlNumber. */
const rspExtension = { total: '2.23.146.1.2.0.2', partial: '2.23.146.1.2.0.3' } as const;

const understood: readonly string[] = [
  id_ce_authorityKeyIdentifier,
  id_ce_cRLNumber,
  id_ce_issuingDistributionPoint,
  rspExtension.total,
  rspExtension.partial,
];

/** AlgorithmIdentifier of ecdsa-with-SHA256 (RFC 5758 3.2). */
const ecdsaIdentifier = hex('300A06082A8648CE3D040302');

/** The lists in a file or an answer: DER of one, or PEM of one or several. Throws ChainError. */
export function readCrls(bytes: Uint8Array): readonly Crl[] {
  if (bytes.length > 2 * maxCrlOctets) {
    throw new ChainError('malformed', 'crl', `${bytes.length} octets are too many`);
  }
  if (bytes[0] === 0x30) return [readCrl(bytes)];
  const text = Buffer.from(bytes).toString('latin1');
  const blocks = [...text.matchAll(/-----BEGIN X509 CRL-----([^-]*)-----END X509 CRL-----/g)];
  if (blocks.length === 0) throw new ChainError('malformed', 'crl', 'neither DER nor PEM of a CRL');
  return blocks.map(([, base64 = '']) => readCrl(new Uint8Array(Buffer.from(base64, 'base64'))));
}

function readCrl(bytes: Uint8Array): Crl {
  if (bytes.length > maxCrlOctets) {
    throw new ChainError('malformed', 'crl', `${bytes.length} octets are too many`);
  }
  try {
    return read(bytes);
  } catch (error) {
    if (error instanceof ChainError) throw error;
    // asn1js has many ways to say so.
    throw new ChainError('malformed', 'crl', 'not a CRL that can be read', { cause: error });
  }
}

function read(bytes: Uint8Array): Crl {
  const { tbs, signature } = readSigned(bytes);
  const { tbsCertList } = AsnConvert.parse(bytes, CertificateList);
  const { nextUpdate, revokedCertificates = [] } = tbsCertList;
  if (nextUpdate === undefined) {
    throw new ChainError('malformed', 'crl', 'it does not say when the next one comes');
  }
  const extension = extensions(tbsCertList.crlExtensions ?? []);
  const named = extension.get(id_ce_authorityKeyIdentifier);
  const issuer =
    named && AsnConvert.parse(named.extnValue.buffer, AuthorityKeyIdentifier).keyIdentifier;
  if (issuer === undefined) {
    throw new ChainError('issuer', 'crl', 'it has no authorityKeyIdentifier');
  }
  const isStrange = revokedCertificates.some(({ crlEntryExtensions = [] }) =>
    crlEntryExtensions.some(({ critical }) => critical),
  );
  if (isStrange) {
    throw new ChainError('extension', 'crl', 'critical extension of an entry is not understood');
  }
  const part = partOf(extension);
  return {
    raw: bytes,
    authorityKeyIdentifier: new Uint8Array(issuer.buffer),
    thisUpdate: time(tbsCertList.thisUpdate.getTime()),
    nextUpdate: time(nextUpdate.getTime()),
    revoked: new Set(
      revokedCertificates.map(({ userCertificate }) => toHex(new Uint8Array(userCertificate))),
    ),
    scope: scopeOf(extension.get(id_ce_issuingDistributionPoint)),
    ...(part === undefined ? {} : { part }),
    signedBy: (key) => verify('sha256', tbs, key, signature),
  };
}

/**
 * What is signed, and the signature, as plain octets (RFC 5280 5.1.1). asn1js passes over some of what stands around
 * them: here there is one way to write it.
 */
function readSigned(bytes: Uint8Array): { tbs: Uint8Array; signature: Uint8Array } {
  const list = readOnly(bytes);
  const [tbs, algorithm, signature, ...more] = readAll(list.value);
  if (list.tag !== 0x30 || tbs?.tag !== 0x30 || algorithm?.tag !== 0x30 || more.length > 0) {
    throw new ChainError(
      'malformed',
      'crl',
      'it is not what is signed, an algorithm and a signature',
    );
  }
  if (!equal(algorithm.raw, ecdsaIdentifier)) {
    throw new ChainError(
      'algorithm',
      'crl',
      `signed with ${toHex(algorithm.value)}, not ECDSA and SHA-256`,
    );
  }
  if (signature?.tag !== 0x03 || signature.value[0] !== 0) {
    throw new ChainError('malformed', 'crl', 'its signature is no BIT STRING of whole octets');
  }
  return { tbs: tbs.raw, signature: signature.value.subarray(1) };
}

function extensions(list: readonly Extension[]): ReadonlyMap<string, Extension> {
  const byId = new Map<string, Extension>();
  for (const extension of list) {
    const { extnID, critical } = extension;
    if (byId.has(extnID)) throw new ChainError('extension', 'crl', `${extnID} given twice`);
    if (critical && !understood.includes(extnID)) {
      throw new ChainError('extension', 'crl', `critical extension ${extnID} is not understood`);
    }
    byId.set(extnID, extension);
  }
  // A delta says what changed since another list, and is marked critical unless someone made a mistake.
  if (byId.has('2.5.29.27')) throw new ChainError('extension', 'crl', 'it is a delta');
  return byId;
}

/** issuingDistributionPoint: what limits the list to reasons, or to certificates of other issuers, is not understood. */
function scopeOf(extension: Extension | undefined): Crl['scope'] {
  if (extension === undefined) return 'all';
  const members = readAll(readOnly(new Uint8Array(extension.extnValue.buffer)).value);
  let scope: Crl['scope'] = 'all';
  for (const { tag } of members) {
    if (tag === 0x81) scope = 'others';
    else if (tag === 0x82) scope = 'authorities';
    else if (tag !== 0xa0) {
      throw new ChainError('extension', 'crl', 'it is limited in a way that is not understood');
    }
  }
  return scope;
}

function partOf(extension: ReadonlyMap<string, Extension>): Crl['part'] {
  const number = smallNumber(extension.get(rspExtension.partial));
  const of = smallNumber(extension.get(rspExtension.total));
  if (number === undefined && of === undefined) return undefined;
  if (number === undefined || of === undefined || number < 1 || number > of) {
    throw new ChainError('extension', 'crl', 'it does not say which part of how many it is');
  }
  return { number, of };
}

/** An INTEGER from 0 to 65535. */
function smallNumber(extension: Extension | undefined): number | undefined {
  if (extension === undefined) return undefined;
  const { tag, value } = readOnly(new Uint8Array(extension.extnValue.buffer));
  if (tag !== 2 || value.length > 3) throw new ChainError('malformed', 'crl', 'not a number');
  return value.reduce((sum, octet) => sum * 256 + octet, 0);
}

function time(date: Date): number {
  const at = date.getTime();
  if (Number.isNaN(at)) throw new TypeError('not a time');
  return at;
}

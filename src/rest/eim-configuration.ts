/**
 * EimConfigurationData (SGP.32 2.11.1.1.1) as orders take it: the hex of its DER, or the members it is built of. What
 * comes out is the DER, so that what is signed later is what was checked now.
 */
import { createPublicKey, type KeyObject, X509Certificate } from 'node:crypto';
import { z } from 'zod';
import { hex, toHex } from '../base/bytes.ts';
import { EimConfigurationData, EimIdType, generateAssociationToken } from '../messages/eco.ts';
import { maxCounterValue } from '../messages/euicc-package.ts';
import { delegate, hexText, inputSchema, parsed } from './checks.ts';

export const eimId = z.string().min(1).max(128).describe('eimId: what eUICCs know the eIM by');

/** Longest PEM, and longest hex of a DER. */
const longest = 16_384;

/** Curves of eIM signatures (SGP.32 2.6.2). */
const signingCurves = ['prime256v1', 'brainpoolP256r1'];

/** DER of PEM, or of hex of DER; `what` for the complaint. */
function object(what: string, read: (input: Buffer | string) => Uint8Array): z.ZodType<Uint8Array> {
  return z
    .string()
    .max(longest)
    .transform((text, context) => {
      const digits = text.replace(/[\s:]/g, '');
      try {
        // A private key is a secret, which has no place here, though a public one could be made of it.
        if (!text.includes('PRIVATE KEY')) {
          return read(/^([0-9a-f]{2})+$/i.test(digits) ? Buffer.from(digits, 'hex') : text);
        }
      } catch {
        // Whatever OpenSSL says of it.
      }
      context.addIssue({
        code: 'custom',
        message: `must be ${what}, in PEM or the hex of its DER`,
      });
      return z.NEVER;
    });
}

const publicKey = object('a public key', (input) => spkiOf(keyOf(input)));
const signingKey = object('a public key of P-256 or brainpoolP256r1', (input) => {
  const key = keyOf(input);
  if (!isSigningKey(key)) throw new TypeError('another curve');
  return spkiOf(key);
});
const certificate = object('a certificate', (input) => new X509Certificate(input).raw);
const signingCertificate = object('a certificate of P-256 or brainpoolP256r1', (input) => {
  const read = new X509Certificate(input);
  if (!isSigningKey(read.publicKey)) throw new TypeError('another curve');
  return read.raw;
});

function keyOf(input: Buffer | string): KeyObject {
  return typeof input === 'string'
    ? createPublicKey(input)
    : createPublicKey({ key: input, format: 'der', type: 'spki' });
}

function spkiOf(key: KeyObject): Uint8Array {
  return key.export({ format: 'der', type: 'spki' });
}

function isSigningKey({ asymmetricKeyDetails }: KeyObject): boolean {
  return signingCurves.includes(asymmetricKeyDetails?.namedCurve ?? '');
}

const idTypes = ['eimIdTypeOid', 'eimIdTypeFqdn', 'eimIdTypeProprietary'] as const;
const protocols = [
  'eimRetrieveHttps',
  'eimRetrieveCoaps',
  'eimInjectHttps',
  'eimInjectCoaps',
  'eimProprietary',
] as const;

/** The members of an EimConfigurationData; keys and certificates each in a member of its own name. */
const Members = z
  .strictObject({
    eimId,
    eimFqdn: z
      .string()
      .max(255)
      .regex(/^[^\s/]+$/, 'must be a host, or host:port')
      .exactOptional()
      .describe('where devices find it: a host, or host:port'),
    eimIdType: z.enum(idTypes).exactOptional().describe('what the eimId is'),
    counterValue: z
      .int()
      .min(0)
      .max(maxCounterValue)
      .exactOptional()
      .describe('the eUICC takes packages with higher ones'),
    associationToken: z
      .union([z.literal('generate'), z.int().min(0)], { error: 'must be "generate" or a number' })
      .exactOptional()
      .describe('`generate`: the eUICC is to make one'),
    eimPublicKey: signingKey
      .exactOptional()
      .describe('what its packages are verified with: a public key, in PEM or the hex of its DER'),
    eimCertificate: signingCertificate
      .exactOptional()
      .describe('the same as a certificate; not beside eimPublicKey'),
    trustedEimPkTls: publicKey
      .exactOptional()
      .describe('what IPAs trust of its TLS server: a public key, in PEM or the hex of its DER'),
    trustedCertificateTls: certificate
      .exactOptional()
      .describe('the same as a certificate; not beside trustedEimPkTls'),
    eimSupportedProtocol: z
      .array(z.enum(protocols))
      .max(5)
      .exactOptional()
      .describe('how it can be reached, and reaches'),
    euiccCiPKId: hexText(20, 20)
      .exactOptional()
      .describe('key identifier of the CI that results are to lead to, hex'),
    indirectProfileDownload: z.boolean().exactOptional().describe('it relays profile downloads'),
  })
  .superRefine(
    ({ eimPublicKey, eimCertificate, trustedEimPkTls, trustedCertificateTls }, context) => {
      const twice = (path: string, other: string) =>
        context.addIssue({ code: 'custom', path: [path], message: `cannot stand beside ${other}` });
      if (eimPublicKey !== undefined && eimCertificate !== undefined) {
        twice('eimCertificate', 'eimPublicKey');
      }
      if (trustedEimPkTls !== undefined && trustedCertificateTls !== undefined) {
        twice('trustedCertificateTls', 'trustedEimPkTls');
      }
    },
  );
type Members = z.infer<typeof Members>;

/** addEim: what an eUICC needs of another eIM (SGP.32 2.11.1.1.1). */
const Addition = Members.superRefine((members, context) => {
  const missing = (path: string, message: string) =>
    context.addIssue({ code: 'custom', path: [path], message });
  const { eimPublicKey, eimCertificate, counterValue, eimFqdn, eimIdType } = members;
  if (counterValue === undefined) missing('counterValue', 'is missing');
  if (eimPublicKey === undefined && eimCertificate === undefined) {
    missing('eimPublicKey', 'is missing, and so is eimCertificate: the eUICC could verify nothing');
  }
  if (eimFqdn === undefined && eimIdType !== 'eimIdTypeFqdn') {
    missing('eimFqdn', 'is missing, and the eimId is none (eimIdType): no IPA would find this eIM');
  }
});

/** updateEim: what is absent stays as it is on the eUICC. */
const Update = Members.superRefine((members, context) => {
  if (Object.keys(members).length > 1) return;
  context.addIssue({ code: 'custom', message: 'has nothing to change beside the eimId' });
});

function encoded({
  eimIdType,
  associationToken,
  eimPublicKey,
  eimCertificate,
  trustedEimPkTls,
  trustedCertificateTls,
  euiccCiPKId,
  indirectProfileDownload,
  ...members
}: Members): Uint8Array {
  const own =
    eimPublicKey !== undefined
      ? ({ type: 'eimPublicKey', value: eimPublicKey } as const)
      : eimCertificate && ({ type: 'eimCertificate', value: eimCertificate } as const);
  const tls =
    trustedEimPkTls !== undefined
      ? ({ type: 'trustedEimPkTls', value: trustedEimPkTls } as const)
      : trustedCertificateTls &&
        ({ type: 'trustedCertificateTls', value: trustedCertificateTls } as const);
  return EimConfigurationData.encode({
    ...members,
    eimIdType: eimIdType && EimIdType[eimIdType],
    associationToken: associationToken === 'generate' ? generateAssociationToken : associationToken,
    eimPublicKeyData: own,
    trustedPublicKeyDataTls: tls,
    euiccCiPKId: euiccCiPKId === undefined ? undefined : hex(euiccCiPKId),
    indirectProfileDownload: indirectProfileDownload === true ? true : undefined,
  });
}

const Der = z.strictObject({
  eimConfigurationData: parsed((text) => {
    EimConfigurationData.decode(hex(text));
    return text;
  }, 'EimConfigurationData (SGP.32 2.11.1.1.1), DER in hex'),
});

/** Either form in, DER in hex out. */
function configuration(members: z.ZodType<Members>): z.ZodType<z.infer<typeof Der>> {
  const schema = z.record(z.string(), z.unknown()).transform((input, context) => {
    if (Object.hasOwn(input, 'eimConfigurationData')) return delegate(Der, input, context);
    const given = delegate(members.transform(encoded), input, context);
    return { eimConfigurationData: given instanceof Uint8Array ? toHex(given) : '' };
  });
  // For who reads the API.
  return schema.meta({ oneOf: [inputSchema(members), inputSchema(Der)] });
}

export const addedConfiguration = configuration(Addition);
export const changedConfiguration = configuration(Update);

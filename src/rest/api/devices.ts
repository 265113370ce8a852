/** Devices: what /v1 takes and what it answers. */
import { createHash, createPublicKey, X509Certificate } from 'node:crypto';
import { z } from 'zod';
import { addressText, parseAddress } from '../../base/address.ts';
import { toHex } from '../../base/bytes.ts';
import { hexText } from '../checks.ts';
import { ErrorBody } from './errors.ts';
import { eidText } from './ids.ts';
import { cursor, queryFlag, queryNumber } from './query.ts';

/** The pin of a certificate: its SHA-256, in upper-case hex, of a PEM or as it is. */
export const certificatePin: z.ZodType<string> = pin(
  'a certificate',
  (pem) => new X509Certificate(pem).raw,
);

/** The pin of a public key: the SHA-256 of its SubjectPublicKeyInfo. */
export const publicKeyPin: z.ZodType<string> = pin('a public key', (pem) =>
  createPublicKey(pem).export({ format: 'der', type: 'spki' }),
);

function pin(what: string, read: (pem: string) => Uint8Array): z.ZodType<string> {
  return z
    .string()
    .max(16_384)
    .transform((text, context) => {
      const digits = text.replace(/[\s:]/g, '');
      if (/^[0-9a-f]{64}$/i.test(digits)) return digits.toUpperCase();
      try {
        // A private key is a secret, which has no place here, though a public one could be made of it.
        if (!text.includes('PRIVATE KEY')) {
          return toHex(createHash('sha256').update(read(text)).digest());
        }
      } catch {
        // Whatever OpenSSL says of it.
      }
      context.addIssue({
        code: 'custom',
        message: `must be ${what} in PEM, or its SHA-256 in hex (64 digits)`,
      });
      return z.NEVER;
    });
}

/** RFC 7252 12.7. */
export const coapsPort = 5684;

/** Where a device listens: an IP address, with the port unless it is that of coaps. */
const deviceAddress: z.ZodType<string> = z.string().transform((text, context) => {
  const address = parseAddress(text, coapsPort);
  if (address !== undefined) return addressText(address);
  context.addIssue({
    code: 'custom',
    message: 'must be an IP address, with or without a port: 192.0.2.7:5684, [2001:db8::7]:5684',
  });
  return z.NEVER;
});

const psk = hexText(16, 64);
const deviceName = z.string().min(1).max(128);

/**
 * POST /v1/devices; the PSK in hex, pins as PEM or as the hex of their SHA-256. Without an identity the first EID
 * becomes it; without any credential a PSK is made.
 */
export const DeviceAddition = z.strictObject({
  identity: deviceName
    .exactOptional()
    .describe('the PSK identity, or any name; absent: the first EID'),
  key: psk
    .exactOptional()
    .describe(
      'PSK: 16 to 64 octets, hex; absent: one is made where nothing else proves the device',
    ),
  certificates: z
    .array(certificatePin)
    .max(8)
    .exactOptional()
    .describe('pins: each a PEM, or its SHA-256 in hex'),
  publicKeys: z
    .array(publicKeyPin)
    .max(8)
    .exactOptional()
    .describe('pins of raw public keys: each a PEM, or its SHA-256 in hex'),
  chain: z
    .boolean()
    .exactOptional()
    .describe('Certificates below a configured anchor that name this device'),
  eids: z
    .array(eidText)
    .max(64)
    .exactOptional()
    .describe('the eUICCs that it may speak for; none: any'),
  note: z.string().max(256).exactOptional().describe('for people'),
  address: deviceAddress.exactOptional().describe('Where it may be pushed to'),
});
export type DeviceAddition = z.infer<typeof DeviceAddition>;

/** Most devices of one batch. */
export const mostInBatch = 500;

/** POST /v1/devices/batch: each is checked for itself, and what is refused keeps none of the others out. */
export const DeviceBatch = z.strictObject({
  devices: z
    .array(z.unknown())
    .min(1)
    .max(mostInBatch)
    .describe('each as POST /v1/devices takes it'),
  replace: z
    .boolean()
    .exactOptional()
    .describe('A device that is there already is replaced, and its connections end'),
  dryRun: z.boolean().exactOptional().describe('Nothing is added, only told'),
});

/** PATCH /v1/devices/:identity: null takes the address away. */
export const DeviceChange = z.strictObject({
  address: deviceAddress.nullable().describe('192.0.2.7:5684; null takes it away'),
});
export type DeviceChange = z.infer<typeof DeviceChange>;

/** POST /v1/devices/:identity/rotate: without a key one is made. */
export const DeviceRotation = z
  .strictObject({
    key: psk.exactOptional().describe('The new PSK: 16 to 64 octets, hex; absent: one is made'),
    dropOld: z
      .boolean()
      .exactOptional()
      .describe('The PSK of now is of no use any more, and connections end'),
  })
  .optional();

/** GET /v1/devices: those after a name, in the order of names. */
export const DeviceQuery = z.strictObject({
  eid: eidText.exactOptional().describe('Those that may speak for it'),
  revoked: queryFlag.exactOptional().describe('those that are, or that are not'),
  after: cursor(z.string().max(128)),
  limit: queryNumber(1, 1000)
    .exactOptional()
    .describe('how many at the most; 1000 unless it is said'),
});

/** GET /v1/devices/:identity: without keys. */
export const DeviceView = z.strictObject({
  identity: z.string().describe('PSK identity, or any name'),
  eids: z.array(z.string()).readonly().describe('The eUICCs that it may speak for; none: any'),
  added: z.iso.datetime().describe('When it was added'),
  note: z.string().exactOptional().describe('For people'),
  address: z.string().exactOptional().describe('`192.0.2.7:5684`: where it may be pushed to'),
  psk: z
    .enum(['none', 'one', 'rotating'])
    .describe('`rotating`: it has a new one and has not used it yet'),
  certificates: z
    .array(z.string())
    .readonly()
    .exactOptional()
    .describe('SHA-256 of pinned certificates, in hex'),
  publicKeys: z
    .array(z.string())
    .readonly()
    .exactOptional()
    .describe('SHA-256 of pinned keys (SubjectPublicKeyInfo), in hex'),
  chain: z
    .boolean()
    .exactOptional()
    .describe(
      'Certificates below a configured anchor that name it are taken; absent: they are not',
    ),
  revoked: z.iso.datetime().exactOptional().describe('Since then none of its credentials is taken'),
});
export type DeviceView = z.infer<typeof DeviceView>;

/** POST /v1/devices, and …/rotate: the only answers that hold the key, in hex; absent where the device has none. */
export const NewDeviceView = DeviceView.extend({
  key: z
    .string()
    .exactOptional()
    .describe('Its PSK, hex: told this once; absent where it has none'),
});
export type NewDeviceView = z.infer<typeof NewDeviceView>;

export const DeviceList = z.strictObject({
  devices: z.array(DeviceView).readonly().describe('In the order of their names'),
  next: z.string().exactOptional().describe('As in OrderList'),
});
export type DeviceList = z.infer<typeof DeviceList>;

/** `unchanged`: it was there already, the same in every member. */
export const DeviceResult = z.union([
  z.strictObject({
    status: z.enum(['added', 'replaced', 'unchanged']).describe('What became of it'),
    identity: z.string().describe('Name of the device'),
    key: z.string().exactOptional().describe('Only where it was made here'),
  }),
  ErrorBody.shape.error.extend({
    status: z.literal('refused').describe('Nothing of it was stored'),
  }),
]);
export type DeviceResult = z.infer<typeof DeviceResult>;

/** POST /v1/devices/batch: one entry for each device, in order. */
export const DeviceBatchView = z.strictObject({
  results: z.array(DeviceResult).readonly().describe('One entry for each device, in order'),
});
export type DeviceBatchView = z.infer<typeof DeviceBatchView>;

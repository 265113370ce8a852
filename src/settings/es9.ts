/** How SM-DP+s and SM-DSs are reached, and whom to believe there. */
import { z } from 'zod';
import { duration, flag, isRecord, onePath, paths, setting, text } from './setting.ts';

/** A host of es9.hosts with its paths made absolute. */
function withPaths(
  host: Readonly<Record<string, unknown>>,
  absolute: (path: string) => string,
): Readonly<Record<string, unknown>> {
  const { ca, crls, ...rest } = host;
  return {
    ...rest,
    ...(ca === undefined ? {} : { ca: onePath(ca, absolute) }),
    ...(Array.isArray(crls) ? { crls: crls.map((one) => onePath(one, absolute)) } : {}),
  };
}

/** SHA-256 of a public key (SubjectPublicKeyInfo), in hex. */
const keyPin: z.ZodType<string> = z
  .string()
  .transform((pin) => pin.replaceAll(':', '').toUpperCase())
  .refine((pin) => /^[0-9A-F]{64}$/.test(pin), {
    error: 'must be the SHA-256 of a public key, in hex (64 digits)',
  });

/** Where the name in the address of an SM-DP+ or SM-DS leads, in place of DNS and port 443, and whom to believe there. */
const es9Host = z
  .strictObject({
    address: text.optional(),
    port: z.int().min(1).max(65535).optional(),
    /** PEM file of a root to trust for this host alone. */
    ca: text.optional(),
    /** Files of CRLs, for what leads to `ca` or to the public roots. */
    crls: z.array(text).optional(),
    /** The public roots of Node.js are trusted for this host, in place of es9.roots. */
    publicRoots: z.boolean().optional(),
    /** Keys that the server may have: one of them. */
    pins: z.array(keyPin).min(1).optional(),
  })
  .refine(({ ca, publicRoots }) => ca === undefined || publicRoots !== true, {
    path: ['publicRoots'],
    error: 'must not be true where there is a ca',
  })
  .refine(({ ca, publicRoots, crls }) => crls === undefined || ca !== undefined || publicRoots, {
    path: ['crls'],
    error: 'are for a ca or for publicRoots; those of es9.roots are es9.crls',
  });

export const es9 = {
  roots: paths(
    'PEM files of the roots that TLS certificates of SM-DP+s and SM-DSs must lead to: the GSMA CI, not the web PKI',
    '(SGP.22 2.6).',
  ),
  crls: paths(
    'Files (DER or PEM) of the CRLs of those roots. With any, each issuer of a chain must have one that is',
    'in force; what is revoked, or cannot be looked up, is not believed.',
  ),
  crlRefresh: setting(
    duration,
    '1h',
    'How often es9.crls, and the crls of es9.hosts, are read again. A file that is bad then leaves what was read before.',
  ),
  hosts: {
    ...setting(
      z.record(z.string().toLowerCase(), es9Host),
      {},
      'Where the name in the address of an SM-DP+ or SM-DS leads, in place of DNS, and whom to believe there in place of',
      'es9.roots and es9.crls: name → {address, port, ca, crls, publicRoots, pins}.',
      'For labs: {"smdp.example.com": {address: 127.0.0.1, port: 8443, ca: ./ci.pem}}.',
    ),
    paths: (value: unknown, absolute: (path: string) => string): unknown =>
      isRecord(value)
        ? Object.fromEntries(
            Object.entries(value).map(([name, host]) => [
              name,
              isRecord(host) ? withPaths(host, absolute) : host,
            ]),
          )
        : value,
  },
  insecure: setting(
    flag,
    false,
    'true: TLS certificates of SM-DP+s and SM-DSs are not checked, pins neither. Only for a lab; each start and `eim info`',
    'warn.',
  ),
  connectTimeout: setting(
    duration,
    '10s',
    'Longest wait for a TCP and TLS connection to an SM-DP+.',
  ),
  answerTimeout: setting(duration, '30s', 'Longest wait for the answer to a request.'),
  bodyLimit: setting(
    z.int().min(65_536),
    4_194_304,
    'Largest answer of an SM-DP+, in octets; a bound profile package is a third larger in base64.',
  ),
  notificationRetry: setting(
    duration,
    '60s',
    'Wait after a first try in vain to deliver a notification to its SM-DP+ (SGP.32 3.7); twice as long after each',
    'further one. Also how often it is looked whether one is due.',
  ),
  notificationRetryLimit: setting(
    duration,
    '6h',
    'Longest of these waits. An SM-DP+ that asks for more with Retry-After gets it, up to a day.',
  ),
  notificationLifetime: setting(
    duration,
    '90d',
    'How long an SM-DP+ is tried with a notification before it is given up. Also how long one that it refuses is kept.',
  ),
} as const;

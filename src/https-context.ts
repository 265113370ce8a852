/** What the HTTPS server shows in TLS, and which suites it takes. */
import { constants, X509Certificate } from 'node:crypto';
import type { SecureContextOptions } from 'node:tls';
import type { ServerIdentity } from './identity.ts';

/**
 * TLS 1.3 as it is; of TLS 1.2 what SGP.32 and SGP.22 2.6.6 ask for, in this order: AES-128-GCM first, CBC for those that
 * have nothing else.
 */
const suites = [
  'TLS_AES_128_GCM_SHA256',
  'TLS_AES_256_GCM_SHA384',
  'TLS_CHACHA20_POLY1305_SHA256',
  'ECDHE-ECDSA-AES128-GCM-SHA256',
  'ECDHE-ECDSA-AES256-GCM-SHA384',
  'ECDHE-ECDSA-AES128-SHA256',
].join(':');

/** With brainpool, which TLS 1.2 alone has: a certificate of that curve is taken by who offers it. */
const groups = 'X25519:prime256v1:secp384r1:brainpoolP256r1';

/** @param asksClients whether devices are asked for certificates: a resumed session would not show theirs whole */
export function contextOf(identity: ServerIdentity, asksClients: boolean): SecureContextOptions {
  return {
    key: identity.key.export({ format: 'pem', type: 'pkcs8' }),
    cert: identity.chain.map((der) => new X509Certificate(der).toString()).join(''),
    // Nobody: chains of devices are followed elsewhere.
    ca: [],
    minVersion: 'TLSv1.2',
    ciphers: suites,
    honorCipherOrder: true,
    ecdhCurve: groups,
    ...(asksClients ? { secureOptions: constants.SSL_OP_NO_TICKET } : {}),
  };
}

/** Whether a certificate's DNS name, which may begin with `*.`, is that of a server (RFC 6125 6.4). */
export function serverNameMatches(pattern: string, name: string): boolean {
  const lower = name.toLowerCase();
  if (!pattern.startsWith('*.')) return pattern.toLowerCase() === lower;
  const [, ...rest] = lower.split('.');
  return rest.length > 0 && rest.join('.') === pattern.slice(2).toLowerCase();
}

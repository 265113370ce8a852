/** Which suites a server offers, in its order of preference: ready-made lists. */
import type { CipherSuiteName } from './cipher-suites.ts';

/**
 * What RFC 7925 §4 has constrained devices do, and its neighbours with AES-128 as AEAD. PSK comes first: it tells
 * which device speaks, and its handshake is less than half as long as one with certificates. CCM_8 comes before the
 * others: eight octets less in each record.
 */
const constrained: readonly CipherSuiteName[] = [
  'TLS_PSK_WITH_AES_128_CCM_8',
  'TLS_PSK_WITH_AES_128_CCM',
  'TLS_PSK_WITH_AES_128_GCM_SHA256',
  'TLS_ECDHE_PSK_WITH_AES_128_CCM_8_SHA256',
  'TLS_ECDHE_PSK_WITH_AES_128_CCM_SHA256',
  'TLS_ECDHE_PSK_WITH_AES_128_GCM_SHA256',
  'TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8',
  'TLS_ECDHE_ECDSA_WITH_AES_128_CCM',
  'TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256',
];

/**
 * Everything we can do. Each key exchange has its AEAD suites first; those with CBC stand at the very end, for
 * clients that have nothing else (nRF91 modems, ECDHE_PSK with openssl, gnutls and mbedTLS).
 */
const all: readonly CipherSuiteName[] = [
  ...constrained.filter((name) => name.startsWith('TLS_PSK')),
  'TLS_PSK_WITH_AES_256_CCM_8',
  'TLS_PSK_WITH_AES_256_CCM',
  'TLS_PSK_WITH_AES_256_GCM_SHA384',
  'TLS_PSK_WITH_CHACHA20_POLY1305_SHA256',
  ...constrained.filter((name) => name.startsWith('TLS_ECDHE_PSK')),
  'TLS_ECDHE_PSK_WITH_AES_256_GCM_SHA384',
  'TLS_ECDHE_PSK_WITH_CHACHA20_POLY1305_SHA256',
  ...constrained.filter((name) => name.startsWith('TLS_ECDHE_ECDSA')),
  'TLS_ECDHE_ECDSA_WITH_AES_256_CCM_8',
  'TLS_ECDHE_ECDSA_WITH_AES_256_CCM',
  'TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384',
  'TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256',
  'TLS_ECDHE_PSK_WITH_AES_128_CBC_SHA256',
  'TLS_PSK_WITH_AES_128_CBC_SHA256',
  'TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256',
];

/** What GSMA asks of an eIM: see docs/interpretation-log.md#suites-that-gsma-asks-for. */
const strict: readonly CipherSuiteName[] = [
  'TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256',
  'TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384',
];

export const suiteProfiles = { all, constrained, strict } as const;

/** What holds where an owner does not choose. */
export const defaultSuites = suiteProfiles.all;

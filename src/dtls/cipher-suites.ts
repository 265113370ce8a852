/** The cipher suites we can do, as a table. */

/** How the premaster secret comes about, and with it which messages the handshake has. */
export type KeyExchange = 'psk' | 'ecdheEcdsa';

/** AEAD with a nonce of fixed IV and explicit part (RFC 5288 §3, RFC 6655 §3). Lengths in octets. */
export interface AeadCipher {
  readonly algorithm: 'aes-128-ccm' | 'aes-128-gcm';
  readonly keyLength: number;
  readonly fixedIvLength: number;
  readonly tagLength: number;
}

export interface CipherSuite {
  /** The number of the IANA registry. */
  readonly id: number;
  readonly keyExchange: KeyExchange;
  readonly cipher: AeadCipher;
  /** Of the PRF, the transcript and the extended master secret (RFC 5246 §5). */
  readonly hash: 'sha256' | 'sha384';
}

const ccm8: AeadCipher = {
  algorithm: 'aes-128-ccm',
  keyLength: 16,
  fixedIvLength: 4,
  tagLength: 8,
};
const gcm: AeadCipher = {
  algorithm: 'aes-128-gcm',
  keyLength: 16,
  fixedIvLength: 4,
  tagLength: 16,
};

export const cipherSuites = {
  /** RFC 6655 §4 */
  TLS_PSK_WITH_AES_128_CCM_8: { id: 0xc0a8, keyExchange: 'psk', cipher: ccm8, hash: 'sha256' },
  /** RFC 5487 §2 */
  TLS_PSK_WITH_AES_128_GCM_SHA256: { id: 0x00a8, keyExchange: 'psk', cipher: gcm, hash: 'sha256' },
  /** RFC 7251 §2 */
  TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8: {
    id: 0xc0ae,
    keyExchange: 'ecdheEcdsa',
    cipher: ccm8,
    hash: 'sha256',
  },
  /** RFC 5289 §3.2 */
  TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256: {
    id: 0xc02b,
    keyExchange: 'ecdheEcdsa',
    cipher: gcm,
    hash: 'sha256',
  },
} as const satisfies Readonly<Record<string, CipherSuite>>;

export type CipherSuiteName = keyof typeof cipherSuites;

/**
 * In the server's order of preference. PSK comes first: it tells which device speaks, and its handshake is less than
 * half as long as one with certificates. CCM_8 before GCM: eight octets less in each record.
 */
export const defaultSuites: readonly CipherSuiteName[] = [
  'TLS_PSK_WITH_AES_128_CCM_8',
  'TLS_PSK_WITH_AES_128_GCM_SHA256',
  'TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8',
  'TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256',
];

/** TLS_EMPTY_RENEGOTIATION_INFO_SCSV: an empty renegotiation_info in the shape of a suite (RFC 5746 §3.3). */
export const renegotiationScsv = 0x00ff;

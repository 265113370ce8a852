/** The cipher suites we can do, as a table. */

/** How the premaster secret comes about, and with it which messages the handshake has. */
export type KeyExchange = 'psk' | 'ecdhePsk' | 'ecdheEcdsa';

/** RFC 5288 §3, RFC 6655 §3, RFC 7905 §2. Lengths in octets. */
export interface AeadCipher {
  readonly algorithm:
    | 'aes-128-ccm'
    | 'aes-256-ccm'
    | 'aes-128-gcm'
    | 'aes-256-gcm'
    | 'chacha20-poly1305';
  readonly keyLength: number;
  /** What is left of the nonce's twelve octets is sent along in each record. */
  readonly fixedIvLength: 4 | 12;
  readonly tagLength: 8 | 16;
  readonly macKeyLength: 0;
}

/** A block cipher with HMAC-SHA-256, in either order (RFC 5246 §6.2.3.2, RFC 7366). Lengths in octets. */
export interface CbcCipher {
  readonly algorithm: 'aes-128-cbc';
  readonly keyLength: number;
  /** None: the IV is sent along whole in each record. */
  readonly fixedIvLength: 0;
  readonly macKeyLength: 32;
}

export type Cipher = AeadCipher | CbcCipher;

export interface CipherSuite {
  /** The number of the IANA registry. */
  readonly id: number;
  readonly keyExchange: KeyExchange;
  readonly cipher: Cipher;
  /** Of the PRF, the transcript and the extended master secret (RFC 5246 §5). */
  readonly hash: 'sha256' | 'sha384';
}

const aead = (
  algorithm: AeadCipher['algorithm'],
  keyLength: number,
  tagLength: AeadCipher['tagLength'],
  fixedIvLength: AeadCipher['fixedIvLength'] = 4,
): AeadCipher => ({ algorithm, keyLength, fixedIvLength, tagLength, macKeyLength: 0 });

const ccm8 = aead('aes-128-ccm', 16, 8);
const ccm = aead('aes-128-ccm', 16, 16);
const ccm8Of256 = aead('aes-256-ccm', 32, 8);
const ccmOf256 = aead('aes-256-ccm', 32, 16);
const gcm = aead('aes-128-gcm', 16, 16);
const gcmOf256 = aead('aes-256-gcm', 32, 16);
const chacha20 = aead('chacha20-poly1305', 32, 16, 12);
const cbc: CbcCipher = {
  algorithm: 'aes-128-cbc',
  keyLength: 16,
  fixedIvLength: 0,
  macKeyLength: 32,
};

/** id, key exchange, cipher, hash */
const suite = <I extends number, K extends KeyExchange, C extends Cipher>(
  id: I,
  keyExchange: K,
  cipher: C,
  hash: CipherSuite['hash'] = 'sha256',
) => ({ id, keyExchange, cipher, hash }) as const;

export const cipherSuites = {
  // RFC 6655 §3, §4
  TLS_PSK_WITH_AES_128_CCM_8: suite(0xc0a8, 'psk', ccm8),
  TLS_PSK_WITH_AES_128_CCM: suite(0xc0a4, 'psk', ccm),
  TLS_PSK_WITH_AES_256_CCM_8: suite(0xc0a9, 'psk', ccm8Of256),
  TLS_PSK_WITH_AES_256_CCM: suite(0xc0a5, 'psk', ccmOf256),
  // RFC 5487 §2, §3.1
  TLS_PSK_WITH_AES_128_GCM_SHA256: suite(0x00a8, 'psk', gcm),
  TLS_PSK_WITH_AES_256_GCM_SHA384: suite(0x00a9, 'psk', gcmOf256, 'sha384'),
  TLS_PSK_WITH_AES_128_CBC_SHA256: suite(0x00ae, 'psk', cbc),
  // RFC 7905 §2
  TLS_PSK_WITH_CHACHA20_POLY1305_SHA256: suite(0xccab, 'psk', chacha20),
  TLS_ECDHE_PSK_WITH_CHACHA20_POLY1305_SHA256: suite(0xccac, 'ecdhePsk', chacha20),
  TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256: suite(0xcca9, 'ecdheEcdsa', chacha20),
  // RFC 8442 §2
  TLS_ECDHE_PSK_WITH_AES_128_CCM_8_SHA256: suite(0xd003, 'ecdhePsk', ccm8),
  TLS_ECDHE_PSK_WITH_AES_128_CCM_SHA256: suite(0xd005, 'ecdhePsk', ccm),
  TLS_ECDHE_PSK_WITH_AES_128_GCM_SHA256: suite(0xd001, 'ecdhePsk', gcm),
  TLS_ECDHE_PSK_WITH_AES_256_GCM_SHA384: suite(0xd002, 'ecdhePsk', gcmOf256, 'sha384'),
  // RFC 5489 §3.1
  TLS_ECDHE_PSK_WITH_AES_128_CBC_SHA256: suite(0xc037, 'ecdhePsk', cbc),
  // RFC 7251 §2
  TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8: suite(0xc0ae, 'ecdheEcdsa', ccm8),
  TLS_ECDHE_ECDSA_WITH_AES_128_CCM: suite(0xc0ac, 'ecdheEcdsa', ccm),
  TLS_ECDHE_ECDSA_WITH_AES_256_CCM_8: suite(0xc0af, 'ecdheEcdsa', ccm8Of256),
  TLS_ECDHE_ECDSA_WITH_AES_256_CCM: suite(0xc0ad, 'ecdheEcdsa', ccmOf256),
  // RFC 5289 §3.1, §3.2
  TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256: suite(0xc02b, 'ecdheEcdsa', gcm),
  TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384: suite(0xc02c, 'ecdheEcdsa', gcmOf256, 'sha384'),
  TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256: suite(0xc023, 'ecdheEcdsa', cbc),
} as const satisfies Readonly<Record<string, CipherSuite>>;

export type CipherSuiteName = keyof typeof cipherSuites;

/** Whether the text is the name of a suite that we can do. */
export function isCipherSuiteName(text: string): text is CipherSuiteName {
  return Object.hasOwn(cipherSuites, text);
}

/** TLS_EMPTY_RENEGOTIATION_INFO_SCSV: an empty renegotiation_info in the shape of a suite (RFC 5746 §3.3). */
export const renegotiationScsv = 0x00ff;

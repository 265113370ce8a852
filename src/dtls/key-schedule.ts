/** From a premaster secret to keys (RFC 5246 §5, §6.3, §7.4.9, §8.1; RFC 7627 §4; RFC 4279 §2). */
import { utf8 } from '../base/bytes.ts';
import type { CipherSuite } from './cipher-suites.ts';
import { Hmac } from './hmac.ts';
import { KeyBlock, keyBlockLength } from './key-block.ts';
import { setUint16 } from './record.ts';

/** What protects the records that one side sends. */
export interface DirectionKeys {
  readonly key: Uint8Array;
  /** The fixed part of the nonce; empty with CBC. */
  readonly iv: Uint8Array;
  /** The key of the MAC; empty with AEAD. */
  readonly mac: Uint8Array;
}

/** The keys of an epoch, both directions. */
export interface EpochKeys {
  readonly suite: CipherSuite;
  /** Of a suite with CBC: the order of the two (RFC 7366). */
  readonly encryptThenMac: boolean;
  /** The key block, which the others are parts of (RFC 5246 §6.3). */
  readonly octets: Uint8Array;
  readonly client: DirectionKeys;
  readonly server: DirectionKeys;
}

/** What both sides put into the secrets, besides the premaster secret. */
export interface Randoms {
  readonly client: Uint8Array;
  readonly server: Uint8Array;
}

const masterLength = 48;
const verifyDataLength = 12;

/** Labels of the PRF, as the octets that they are. */
const labels = {
  masterSecret: utf8('master secret'),
  extendedMasterSecret: utf8('extended master secret'),
  keyExpansion: utf8('key expansion'),
  clientFinished: utf8('client finished'),
  serverFinished: utf8('server finished'),
} as const;

/** A secret, or the HMAC under it with the hash that is meant: that is made once for all uses. */
type Secret = Uint8Array | Hmac;

/** Its `expand` is the PRF (RFC 5246 §5), of a label and a seed. */
function keyed(hash: CipherSuite['hash'], secret: Secret): Hmac {
  return secret instanceof Hmac ? secret : new Hmac(hash, secret);
}

/**
 * uint16(N) | other secret | uint16(N) | key: the other secret is as many zero octets as the key has (RFC 4279 §2),
 * or that of the key exchange beside it (RFC 5489 §2).
 */
export function pskPremaster(
  key: Uint8Array,
  other: Uint8Array = new Uint8Array(key.length),
): Uint8Array {
  const from = 2 + other.length;
  const premaster = new Uint8Array(from + 2 + key.length);
  setUint16(premaster, 0, other.length);
  for (let i = 0; i < other.length; i++) premaster[2 + i] = other[i] ?? 0;
  setUint16(premaster, from, key.length);
  for (let i = 0; i < key.length; i++) premaster[from + 2 + i] = key[i] ?? 0;
  return premaster;
}

/**
 * The master secret; with `sessionHash`, the digest of the handshake up to and with ClientKeyExchange, the extended
 * one of RFC 7627.
 */
export function masterSecret(
  hash: CipherSuite['hash'],
  premaster: Uint8Array,
  randoms: Randoms,
  sessionHash: Uint8Array | undefined,
): Uint8Array {
  const secret = new Hmac(hash, premaster);
  return sessionHash === undefined
    ? secret.expand(masterLength, labels.masterSecret, randoms.client, randoms.server)
    : secret.expand(masterLength, labels.extendedMasterSecret, sessionHash);
}

/** RFC 5246 §6.3 */
export function epochKeys(
  suite: CipherSuite,
  master: Secret,
  randoms: Randoms,
  encryptThenMac = false,
): EpochKeys {
  const { client, server } = randoms;
  const secret = keyed(suite.hash, master);
  const block = secret.expand(keyBlockLength(suite), labels.keyExpansion, server, client);
  return new KeyBlock(suite, block, encryptThenMac);
}

/** The body of `side`'s Finished (RFC 5246 §7.4.9). `digest` is that of the transcript before it. */
export function verifyData(
  hash: CipherSuite['hash'],
  master: Secret,
  side: 'client' | 'server',
  digest: Uint8Array,
): Uint8Array {
  const label = side === 'client' ? labels.clientFinished : labels.serverFinished;
  return keyed(hash, master).expand(verifyDataLength, label, digest);
}

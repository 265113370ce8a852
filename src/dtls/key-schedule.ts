/** From a premaster secret to keys (RFC 5246 §5, §6.3, §7.4.9, §8.1; RFC 7627 §4; RFC 4279 §2). */
import { createHmac } from 'node:crypto';
import { concat, Reader, utf8, Writer } from '../base/bytes.ts';
import type { CipherSuite } from './cipher-suites.ts';

/** What protects the records that one side sends. */
export interface DirectionKeys {
  readonly key: Uint8Array;
  /** The fixed part of the nonce. */
  readonly iv: Uint8Array;
}

/** The keys of an epoch, both directions. */
export interface EpochKeys {
  readonly suite: CipherSuite;
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

/** P_hash(secret, label + seed), cut to `length` octets (RFC 5246 §5). */
export function prf(
  hash: CipherSuite['hash'],
  secret: Uint8Array,
  label: string,
  seed: Uint8Array,
  length: number,
): Uint8Array {
  const hmac = (...parts: readonly Uint8Array[]) => {
    const mac = createHmac(hash, secret);
    for (const part of parts) mac.update(part);
    return mac.digest();
  };
  const labelled = concat(utf8(label), seed);
  const output = new Writer(length + 48);
  let a: Uint8Array = hmac(labelled);
  for (let made = 0; made < length; made += a.length) {
    output.bytes(hmac(a, labelled));
    a = hmac(a);
  }
  return output.done().slice(0, length);
}

/** uint16(N) | N zero octets | uint16(N) | key (RFC 4279 §2) */
export function pskPremaster(key: Uint8Array): Uint8Array {
  return new Writer(4 + 2 * key.length)
    .uint16(key.length)
    .bytes(new Uint8Array(key.length))
    .uint16(key.length)
    .bytes(key)
    .done();
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
  return sessionHash === undefined
    ? prf(hash, premaster, 'master secret', concat(randoms.client, randoms.server), masterLength)
    : prf(hash, premaster, 'extended master secret', sessionHash, masterLength);
}

/** The key block, cut up: client key, server key, client IV, server IV (RFC 5246 §6.3). */
export function epochKeys(suite: CipherSuite, master: Uint8Array, randoms: Randoms): EpochKeys {
  const { keyLength, fixedIvLength } = suite.cipher;
  const seed = concat(randoms.server, randoms.client);
  const block = new Reader(
    prf(suite.hash, master, 'key expansion', seed, 2 * (keyLength + fixedIvLength)),
  );
  const [clientKey, serverKey] = [block.bytes(keyLength), block.bytes(keyLength)];
  const [clientIv, serverIv] = [block.bytes(fixedIvLength), block.bytes(fixedIvLength)];
  return {
    suite,
    client: { key: clientKey, iv: clientIv },
    server: { key: serverKey, iv: serverIv },
  };
}

/** The body of `side`'s Finished (RFC 5246 §7.4.9). `digest` is that of the transcript before it. */
export function verifyData(
  hash: CipherSuite['hash'],
  master: Uint8Array,
  side: 'client' | 'server',
  digest: Uint8Array,
): Uint8Array {
  return prf(hash, master, `${side} finished`, digest, verifyDataLength);
}

/**
 * Secrets at rest: each is sealed for one place, with a key that does not lie in the store (AES-256-GCM).
 *
 * ```
 *   octet  0        version, 1
 *          1 … 4    which key: the first octets of a hash of it
 *          5 … 16   nonce, random
 *         17 …      ciphertext, then a tag of 16 octets
 * ```
 *
 * The header and the place (`context`) are authenticated: a row that was changed, or put in another's place, does not
 * open. Nonces are random: 2^32 seals with one key are safe (NIST SP 800-38D 8.3), then take a new key.
 *
 * A key is changed by giving the new one first and the old one as a former one: what the old one sealed still opens,
 * and whoever loads a row that `isCurrent` denies seals it anew.
 */
import { createCipheriv, createDecipheriv, createHash, hkdfSync } from 'node:crypto';
import { concat, equal, toHex, utf8 } from './bytes.ts';
import type { Random } from './random.ts';

const version = 1;
const idLength = 4;
const nonceLength = 12;
const tagLength = 16;
const headLength = 1 + idLength;
/** Octets that sealing adds. */
export const sealedOverhead = headLength + nonceLength + tagLength;

/** Octets of a key. */
export const secretKeyLength = 32;

/** Something sealed that does not open; the message says what to do and holds no secret. */
export class SecretError extends Error {
  override readonly name = 'SecretError';
  /** `key`: sealed with a key that is not here; `damaged`: changed, or taken from another place. */
  readonly reason: 'key' | 'damaged';

  constructor(reason: SecretError['reason'], complaint: string, options?: ErrorOptions) {
    super(complaint, options);
    this.reason = reason;
  }
}

interface Key {
  readonly octets: Uint8Array;
  readonly id: Uint8Array;
}

export interface SecretBoxOptions {
  /** 32 octets that nobody can foresee; sealed with from now on. */
  readonly key: Uint8Array;
  /** Keys of before, that only open. */
  readonly former?: readonly Uint8Array[];
  readonly random: Random;
}

export class SecretBox {
  readonly #key: Key;
  readonly #former: readonly Key[];
  readonly #random: Random;

  /** Throws TypeError where a key has not 32 octets. */
  constructor({ key, former = [], random }: SecretBoxOptions) {
    this.#key = keyOf(key);
    this.#former = former.map(keyOf);
    this.#random = random;
  }

  /** The name of the key, hex: says which key it is and nothing of what it is. */
  get keyId(): string {
    return toHex(this.#key.id);
  }

  /** @param context the place that the secret is for, such as `device!meter-7` */
  seal(secret: Uint8Array, context: string): Uint8Array {
    const head = concat(Uint8Array.of(version), this.#key.id);
    const nonce = this.#random(nonceLength);
    const cipher = createCipheriv('aes-256-gcm', this.#key.octets, nonce, {
      authTagLength: tagLength,
    });
    cipher.setAAD(concat(head, utf8(context)));
    const sealed = concat(cipher.update(secret), cipher.final());
    return concat(head, nonce, sealed, cipher.getAuthTag());
  }

  /** What was sealed for this place. Throws SecretError. */
  open(sealed: Uint8Array, context: string): Uint8Array {
    if (sealed.length < sealedOverhead || sealed[0] !== version) {
      throw new SecretError('damaged', `the secret of ${context} is damaged: restore a backup`);
    }
    const head = sealed.subarray(0, headLength);
    const key = this.#find(head.subarray(1));
    if (key === undefined) {
      throw new SecretError(
        'key',
        `the secret of ${context} was sealed with another key (${toHex(head.subarray(1))}) than the one given ` +
          `(${this.keyId}): set EIM_SECRET_KEY or secret.keyFile to that key, or name its file in secret.formerKeyFiles`,
      );
    }
    const nonce = sealed.subarray(headLength, headLength + nonceLength);
    const decipher = createDecipheriv('aes-256-gcm', key.octets, nonce, {
      authTagLength: tagLength,
    });
    decipher.setAAD(concat(head, utf8(context)));
    decipher.setAuthTag(sealed.subarray(sealed.length - tagLength));
    try {
      const body = sealed.subarray(headLength + nonceLength, sealed.length - tagLength);
      return concat(decipher.update(body), decipher.final());
    } catch (cause) {
      throw new SecretError(
        'damaged',
        `the secret of ${context} is damaged, or is that of another place: restore a backup`,
        { cause },
      );
    }
  }

  /** Whether it was sealed with the key of now; otherwise it is to be sealed anew. */
  isCurrent(sealed: Uint8Array): boolean {
    return sealed[0] === version && equal(sealed.subarray(1, headLength), this.#key.id);
  }

  /** Keys for one use alone, of the key of now and of those before: for who seals by a scheme of its own. */
  keysFor(use: string): { readonly key: Uint8Array; readonly former: readonly Uint8Array[] } {
    const derive = ({ octets }: Key) =>
      new Uint8Array(
        hkdfSync('sha256', octets, new Uint8Array(), utf8(`coap-eim ${use}`), secretKeyLength),
      );
    return { key: derive(this.#key), former: this.#former.map(derive) };
  }

  #find(id: Uint8Array): Key | undefined {
    return [this.#key, ...this.#former].find((key) => equal(key.id, id));
  }
}

function keyOf(octets: Uint8Array): Key {
  if (octets.length !== secretKeyLength) {
    throw new TypeError(`a key for secrets has ${secretKeyLength} octets, not ${octets.length}`);
  }
  const digest = createHash('sha256').update('coap-eim key id').update(octets).digest();
  return { octets: octets.slice(), id: new Uint8Array(digest.subarray(0, idLength)) };
}

/** The stateless cookie: a client shows that it is where it says it is (RFC 6347 §4.2.1). */
import { createHmac, timingSafeEqual } from 'node:crypto';
import type { Address } from '../base/address.ts';
import { concat, utf8, Writer } from '../base/bytes.ts';
import type { Clock } from '../base/clock.ts';
import type { Random } from '../base/random.ts';
import { addressOctets } from './ip.ts';
import { ClientHello } from './messages/client-hello.ts';
import { encode } from './struct.ts';

/** Makes cookies and knows them again. Several servers behind one address share one. */
export interface Cookies {
  /** The cookie for this hello from this address. */
  make(address: Address, hello: ClientHello): Uint8Array;
  /** Whether the hello bears a cookie that was made for it and for this address. */
  check(address: Address, hello: ClientHello): boolean;
}

export interface CookieOptions {
  readonly clock: Clock;
  readonly random: Random;
  /** Milliseconds after which there is a new key. The key before it still counts. */
  readonly keyLife: number;
}

const keyLength = 32;

/** Some clients take no longer ones than 32; 16 suffice, since each is good for one address and a minute or two. */
const cookieLength = 16;

/**
 * HMAC-SHA-256(key, address | port | the hello without cookie and extensions), cut to 16 octets. Extensions do not
 * count because some clients leave one out in their second hello (wolfSSL).
 */
export class HmacCookies implements Cookies {
  readonly #options: CookieOptions;
  #current: Uint8Array;
  #previous: Uint8Array;
  #since: number;

  constructor(options: CookieOptions) {
    this.#options = options;
    this.#current = options.random(keyLength);
    this.#previous = this.#current;
    this.#since = options.clock.now();
  }

  make(address: Address, hello: ClientHello): Uint8Array {
    this.#rotate();
    return cookieOf(this.#current, coveredOctets(address, hello));
  }

  check(address: Address, hello: ClientHello): boolean {
    if (hello.cookie.length !== cookieLength) return false;
    this.#rotate();
    const covered = coveredOctets(address, hello);
    return (
      timingSafeEqual(hello.cookie, cookieOf(this.#current, covered)) ||
      timingSafeEqual(hello.cookie, cookieOf(this.#previous, covered))
    );
  }

  #rotate(): void {
    const { clock, random, keyLife } = this.#options;
    const age = clock.now() - this.#since;
    if (age >= 0 && age < keyLife) return;
    const next = random(keyLength);
    this.#previous = age >= 0 && age < 2 * keyLife ? this.#current : next;
    this.#current = next;
    this.#since = clock.now();
  }
}

function cookieOf(key: Uint8Array, covered: Uint8Array): Uint8Array {
  return createHmac('sha256', key).update(covered).digest().subarray(0, cookieLength);
}

/** No IPv4 address starts with 0, so that what is not one is told apart by a 0 in front. */
function coveredOctets({ address, port }: Address, hello: ClientHello): Uint8Array {
  const octets = addressOctets(address) ?? utf8(address);
  const where = octets.length === 4 ? octets : concat(Uint8Array.of(0, octets.length), octets);
  const covered = encode(ClientHello, { ...hello, cookie: new Uint8Array(), extensions: [] });
  const cookieAt = 2 + 32 + 1 + hello.sessionId.length;
  return new Writer(256)
    .bytes(where)
    .uint16(port)
    .bytes(covered.subarray(0, cookieAt))
    .bytes(covered.subarray(cookieAt + 1))
    .done();
}

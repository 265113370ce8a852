/** The stateless cookie: a client shows that it is where it says it is (RFC 6347 §4.2.1). */
import type { Address } from '../base/address.ts';
import { utf8 } from '../base/bytes.ts';
import type { Clock } from '../base/clock.ts';
import type { Random } from '../base/random.ts';
import { Hmac } from './hmac.ts';
import { addressOctets, ipv4Number } from './ip.ts';
import type { ReceivedHello } from './received-hello.ts';
import { setUint16 } from './record.ts';
import { sameSecret } from './same-secret.ts';

/** Makes cookies and knows them again. Several servers behind one address share one. */
export interface Cookies {
  /** The cookie for this hello from this address, of 255 octets at the most. */
  make(address: Address, hello: ReceivedHello): Uint8Array;
  /** Whether the hello bears a cookie that was made for it and for this address. */
  check(address: Address, hello: ReceivedHello): boolean;
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
  #current: Hmac;
  #previous: Hmac;
  #since: number;
  /** Where what a cookie covers is put together; and its first octets, as many as were covered last. */
  #room = new Uint8Array(mostWhere + 256);
  #covered = this.#room;

  constructor(options: CookieOptions) {
    this.#options = options;
    this.#current = newKey(options.random);
    this.#previous = this.#current;
    this.#since = options.clock.now();
  }

  make(address: Address, hello: ReceivedHello): Uint8Array {
    this.#rotate();
    return cookieOf(this.#current, this.#coveredOctets(address, hello));
  }

  check(address: Address, hello: ReceivedHello): boolean {
    const { cookie } = hello;
    if (cookie.length !== cookieLength) return false;
    this.#rotate();
    const covered = this.#coveredOctets(address, hello);
    return (
      sameSecret(cookie, cookieOf(this.#current, covered)) ||
      sameSecret(cookie, cookieOf(this.#previous, covered))
    );
  }

  #rotate(): void {
    const { clock, random, keyLife } = this.#options;
    const age = clock.now() - this.#since;
    if (age >= 0 && age < keyLife) return;
    const next = newKey(random);
    this.#previous = age >= 0 && age < 2 * keyLife ? this.#current : next;
    this.#current = next;
    this.#since = clock.now();
  }

  #coveredOctets(address: Address, hello: ReceivedHello): Uint8Array {
    const length = mostWhere + hello.parametersLength;
    if (length > this.#room.length) {
      this.#room = new Uint8Array(length);
      this.#covered = this.#room;
    }
    const end = hello.putParameters(this.#room, putWhere(this.#room, address));
    if (this.#covered.length !== end) this.#covered = this.#room.subarray(0, end);
    return this.#covered;
  }
}

/** Octets that `putWhere` takes at the most. */
const mostWhere = 260;
const mostOther = 255;

/** Writes there, at the start, what tells an address and its port from all others; gives where that ends. */
function putWhere(octets: Uint8Array, { address, port }: Address): number {
  const ipv4 = ipv4Number(address);
  let at = 4;
  if (ipv4 === undefined) at = putOther(octets, address);
  else {
    setUint16(octets, 0, ipv4 >>> 16);
    setUint16(octets, 2, ipv4);
  }
  setUint16(octets, at, port);
  return at + 2;
}

/** No IPv4 address starts with 0, so that what is not one is told apart by a 0 in front. */
function putOther(octets: Uint8Array, address: string): number {
  const where = addressOctets(address) ?? utf8(address).subarray(0, mostOther);
  if (where.length === 4) {
    octets.set(where);
    return 4;
  }
  octets[0] = 0;
  octets[1] = where.length;
  octets.set(where, 2);
  return 2 + where.length;
}

function newKey(random: Random): Hmac {
  return new Hmac('sha256', random(keyLength));
}

function cookieOf(key: Hmac, covered: Uint8Array): Uint8Array {
  return key.cut(cookieLength, covered);
}

/** The stateless cookie: a client shows that it is where it says it is (RFC 6347 §4.2.1). */
import type { Address } from '../base/address.ts';
import { utf8, Writer } from '../base/bytes.ts';
import type { Clock } from '../base/clock.ts';
import type { Random } from '../base/random.ts';
import { Hmac } from './hmac.ts';
import { addressOctets, ipv4Number } from './ip.ts';
import type { ClientHello } from './messages/client-hello.ts';
import { sameSecret } from './same-secret.ts';

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
  #current: Hmac;
  #previous: Hmac;
  #since: number;
  /** Where what a cookie covers is put together. */
  readonly #covered = new Writer(256);

  constructor(options: CookieOptions) {
    this.#options = options;
    this.#current = newKey(options.random);
    this.#previous = this.#current;
    this.#since = options.clock.now();
  }

  make(address: Address, hello: ClientHello): Uint8Array {
    this.#rotate();
    return cookieOf(this.#current, this.#coveredOctets(address, hello));
  }

  check(address: Address, hello: ClientHello): boolean {
    if (hello.cookie.length !== cookieLength) return false;
    this.#rotate();
    const covered = this.#coveredOctets(address, hello);
    return (
      sameSecret(hello.cookie, cookieOf(this.#current, covered)) ||
      sameSecret(hello.cookie, cookieOf(this.#previous, covered))
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

  #coveredOctets({ address, port }: Address, hello: ClientHello): Uint8Array {
    const { clientVersion, random, sessionId, cipherSuites, compressionMethods } = hello;
    const writer = this.#covered.restart();
    const ipv4 = ipv4Number(address);
    if (ipv4 === undefined) writeOther(writer, address);
    else writer.uint32(ipv4);
    writer.uint16(port).uint16(clientVersion).bytes(random);
    writer
      .uint8(sessionId.length)
      .bytes(sessionId)
      .uint16(2 * cipherSuites.length);
    for (const suite of cipherSuites) writer.uint16(suite);
    writer.uint8(compressionMethods.length);
    for (const method of compressionMethods) writer.uint8(method);
    return writer.written;
  }
}

/** No IPv4 address starts with 0, so that what is not one is told apart by a 0 in front. */
function writeOther(writer: Writer, address: string): void {
  const octets = addressOctets(address) ?? utf8(address);
  if (octets.length !== 4) writer.uint8(0).uint8(octets.length);
  writer.bytes(octets);
}

function newKey(random: Random): Hmac {
  return new Hmac('sha256', random(keyLength));
}

function cookieOf(key: Hmac, covered: Uint8Array): Uint8Array {
  return key.cut(cookieLength, covered);
}

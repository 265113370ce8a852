/**
 * A client's ClientHello, where it stands. Each handshake has two, and of the first a server reads no more than its cookie
 * covers: so the places of the fields are found at once, and the fields read when they are asked for.
 */
import { partOf } from '../base/bytes.ts';
import type { Extension } from './extensions.ts';
import type { ClientHello } from './messages/client-hello.ts';
import { uint16 } from './record.ts';

/** Octets of client_version and random. */
const headLength = 34;
const longestSessionId = 32;
/** Octets of an extension's type and length. */
const extensionHeadLength = 4;

export class ReceivedHello implements ClientHello {
  readonly #octets: Uint8Array;
  /** Where a field begins, the octets that count its octets included. */
  readonly #cookie: number;
  readonly #cipherSuites: number;
  readonly #compressionMethods: number;
  readonly #extensions: number;
  #random: Uint8Array | undefined;
  #suites: readonly number[] | undefined;

  private constructor(octets: Uint8Array) {
    this.#octets = octets;
    this.#cookie = headLength + 1 + (octets[headLength] ?? 0);
    this.#cipherSuites = this.#cookie + 1 + (octets[this.#cookie] ?? 0);
    this.#compressionMethods = this.#cipherSuites + 2 + uint16(octets, this.#cipherSuites);
    this.#extensions = this.#compressionMethods + 1 + (octets[this.#compressionMethods] ?? 0);
  }

  /** Of a message's body, which must not change; undefined where it is malformed. */
  static read(body: Uint8Array): ReceivedHello | undefined {
    const hello = new ReceivedHello(body);
    return hello.#isWellFormed ? hello : undefined;
  }

  /** The same in memory of its own. */
  copy(): ReceivedHello {
    return new ReceivedHello(new Uint8Array(this.#octets));
  }

  get #isWellFormed(): boolean {
    const octets = this.#octets;
    const suites = this.#compressionMethods - this.#cipherSuites - 2;
    return (
      (octets[headLength] ?? 0) <= longestSessionId &&
      suites >= 2 &&
      suites % 2 === 0 &&
      this.#extensions - this.#compressionMethods > 1 &&
      areExtensions(octets, this.#extensions)
    );
  }

  #readSuites(): readonly number[] {
    const from = this.#cipherSuites + 2;
    const suites = new Array<number>((this.#compressionMethods - from) / 2);
    for (let i = 0; i < suites.length; i++) suites[i] = uint16(this.#octets, from + 2 * i);
    return suites;
  }

  get clientVersion(): number {
    return uint16(this.#octets, 0);
  }

  /** In memory of its own. */
  get random(): Uint8Array {
    this.#random ??= new Uint8Array(this.#octets.subarray(2, headLength));
    return this.#random;
  }

  get sessionId(): Uint8Array {
    return partOf(this.#octets, headLength + 1, this.#cookie);
  }

  get cookie(): Uint8Array {
    return partOf(this.#octets, this.#cookie + 1, this.#cipherSuites);
  }

  get cipherSuites(): readonly number[] {
    this.#suites ??= this.#readSuites();
    return this.#suites;
  }

  get compressionMethods(): readonly number[] {
    const from = this.#compressionMethods + 1;
    const methods = new Array<number>(this.#extensions - from);
    for (let i = 0; i < methods.length; i++) methods[i] = this.#octets[from + i] ?? 0;
    return methods;
  }

  get extensions(): readonly Extension[] {
    const octets = this.#octets;
    const extensions: Extension[] = [];
    for (let at = this.#extensions + 2; at < octets.length; ) {
      const data = at + extensionHeadLength;
      const end = data + uint16(octets, at + 2);
      extensions.push({ type: uint16(octets, at), data: partOf(octets, data, end) });
      at = end;
    }
    return extensions;
  }

  /** Octets of all but cookie and extensions. */
  get parametersLength(): number {
    return this.#cookie + this.#extensions - this.#cipherSuites;
  }

  /** Writes those there, as they stand in the hello; gives where they end. */
  putParameters(to: Uint8Array, at: number): number {
    const octets = this.#octets;
    let end = at;
    for (let i = 0; i < this.#cookie; i++) to[end++] = octets[i] ?? 0;
    for (let i = this.#cipherSuites; i < this.#extensions; i++) to[end++] = octets[i] ?? 0;
    return end;
  }
}

/** Whether extensions stand there up to the end, or nothing. */
function areExtensions(octets: Uint8Array, from: number): boolean {
  const end = octets.length;
  if (from === end) return true;
  if (from + 2 + uint16(octets, from) !== end) return false;
  let at = from + 2;
  while (at < end) at += extensionHeadLength + uint16(octets, at + 2);
  return at === end;
}

/**
 * What the keys of connections, and addresses, are called in maps. Of IPv4 that is a number, which is sooner made and
 * found than a text, and takes less room: the address in 32 bits, then the port in 16.
 */
import type { Address } from '../base/address.ts';
import { hex, toHex } from '../base/bytes.ts';
import { cidPrefix, keyOfAddress, kinds } from './asleep.ts';
import { addressGroup, addressOctets } from './ip.ts';

/** Of a key of IPv4 the number, of others hex; of an address that is no IPv4 any text. */
export type KeyName = number | string;

/** kind(1) address(4) port(2) */
const ipv4KeyLength = 7;
const ports = 2 ** 16;

export function nameOfKey(key: Uint8Array): KeyName {
  const isIpv4 = key.length === ipv4KeyLength && key[0] === kinds.address;
  if (!isIpv4) return toHex(key);
  return numberAt(key, 1) * ports + (key[5] ?? 0) * 256 + (key[6] ?? 0);
}

export function keyOfName(name: KeyName): Uint8Array {
  if (typeof name === 'string') return hex(name);
  const [address, port] = [Math.floor(name / ports), name % ports];
  const [a, b, c, d] = [address >>> 24, address >>> 16, address >>> 8, address];
  return Uint8Array.of(kinds.address, a, b, c, d, port >> 8, port);
}

/** The key in hex. */
export function textOfName(name: KeyName): string {
  return typeof name === 'string' ? name : toHex(keyOfName(name));
}

/** Whether it is that of a connection ID. */
export function isNameOfCid(name: KeyName): name is string {
  return typeof name === 'string' && name.startsWith(cidPrefix);
}

/** Names that addresses are known by, made once for all that is asked of the same address in a row. */
export class AddressNames {
  #address = '';
  #ipv4: number | undefined;
  #group: KeyName = '';
  #port = -1;
  #text = '';

  /** Of the address and its port. */
  of({ address, port }: Address): KeyName {
    if (address !== this.#address) this.#read(address);
    if (this.#ipv4 !== undefined) return this.#ipv4 * ports + port;
    if (port !== this.#port) {
      this.#port = port;
      // Joined, it is in memory of its own: a text put together by a template keeps what it was made of.
      this.#text = [address, port].join('|');
    }
    return this.#text;
  }

  /** Of the key that is made of it. */
  ofKey(address: Address): KeyName {
    const name = this.of(address);
    return typeof name === 'number' ? name : nameOfKey(keyOfAddress(address));
  }

  /** Of what counts as one place. */
  groupOf({ address }: Address): KeyName {
    if (address !== this.#address) this.#read(address);
    return this.#group;
  }

  #read(address: string): void {
    const octets = addressOctets(address);
    this.#address = address;
    this.#ipv4 = octets?.length === 4 ? numberAt(octets, 0) : undefined;
    this.#group = this.#ipv4 ?? addressGroup(address);
    this.#port = -1;
  }
}

/** The number of 32 bits that stands there. */
function numberAt(octets: Uint8Array, at: number): number {
  let number = 0;
  for (let i = 0; i < 4; i++) number = number * 256 + (octets[at + i] ?? 0);
  return number;
}

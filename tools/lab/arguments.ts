/** What the options of `npm run lab` may hold. Each reader throws InvalidArgumentError, which is exit code 2. */
import { InvalidArgumentError } from 'commander';
import type { Address } from '../../src/base/address.ts';
import { hex } from '../../src/base/bytes.ts';
import { type Fault, faultNames } from './faults.ts';

/** Octets: `60k`, `61440`. */
export function size(text: string): number {
  const [, digits, kilo] = /^([0-9]{1,7})(k?)$/i.exec(text) ?? [];
  if (digits === undefined) {
    throw new InvalidArgumentError('a number of octets, such as 12000 or 60k');
  }
  return Number(digits) * (kilo === '' ? 1 : 1024);
}

export function port(text: string): number {
  if (/^[0-9]{1,5}$/.test(text) && Number(text) < 65536) return Number(text);
  throw new InvalidArgumentError('a port from 0 to 65535');
}

export function natural(text: string): number {
  if (/^[0-9]{1,9}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('a whole number');
}

export function speed(text: string): number {
  const value = Number(text);
  if (value >= 1 && value <= 100) return value;
  throw new InvalidArgumentError('a number from 1 to 100');
}

/** A block of an answer that is asked for: not the first, which comes by itself. */
export function laterBlock(text: string): number {
  const value = natural(text);
  if (value > 0) return value;
  throw new InvalidArgumentError('the number of a block, 1 or more');
}

/** At most a day. */
export function seconds(text: string): number {
  const value = Number(text);
  if (value > 0 && value <= 24 * 3600) return value;
  throw new InvalidArgumentError('seconds: more than 0, at most 86400');
}

/** `[::1]:5684`, `127.0.0.1:5684` */
export function address(text: string): Address {
  const [, bracketed, bare, digits = ''] =
    /^(?:\[([^\]]+)\]|([^:]+)):([0-9]{1,5})$/.exec(text) ?? [];
  const host = bracketed ?? bare;
  if (host === undefined) throw new InvalidArgumentError('host:port, such as 127.0.0.1:5684');
  return { address: host, port: port(digits) };
}

/** Octets of a PSK given in hex. */
export function psk(text: string): Uint8Array {
  if (!/^([0-9a-f]{2}){16,64}$/i.test(text)) {
    throw new InvalidArgumentError('16 to 64 octets of hex');
  }
  return hex(text);
}

export function matchingId(text: string): string {
  if (/^[A-Z0-9-]{1,64}$/.test(text)) return text;
  throw new InvalidArgumentError('capital letters, digits and hyphens');
}

export function fault(text: string): Fault {
  const found = faultNames.find((name) => name === text);
  if (found !== undefined) return found;
  throw new InvalidArgumentError(`one of ${faultNames.join(', ')}`);
}

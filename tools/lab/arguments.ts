/** What the options of `npm run lab` may hold. Each reader throws InvalidArgumentError, which is exit code 2. */
import { InvalidArgumentError } from 'commander';
import type { Address } from '../../src/base/address.ts';
import { hex } from '../../src/base/bytes.ts';
import { DurationError, parseDuration } from '../../src/base/duration.ts';
import { IdError, parseEid } from '../../src/messages/ids.ts';
import { type Fault, faultKinds, rspFunctions } from './server/faults.ts';

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

/** The names given so far and one more: `smdp.example.com=127.0.0.1:8443`. */
export function resolve(
  text: string,
  earlier: Readonly<Record<string, Address>>,
): Readonly<Record<string, Address>> {
  const [, name, to = ''] = /^([^=]+)=(.+)$/.exec(text) ?? [];
  if (name === undefined) {
    throw new InvalidArgumentError('name=host:port, such as smdp.example.com=127.0.0.1:8443');
  }
  return { ...earlier, [name.toLowerCase()]: address(to) };
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

/** Milliseconds: `5s`, `2h`. */
export const duration = readBy(parseDuration, DurationError);
export const eid = readBy(parseEid, IdError);

/** A reader whose complaints of that kind are those of an option. */
function readBy<Value>(
  read: (text: string) => Value,
  Complaint: new (...args: never[]) => Error,
): (text: string) => Value {
  return (text) => {
    try {
      return read(text);
    } catch (error) {
      if (!(error instanceof Complaint)) throw error;
      throw new InvalidArgumentError(error.message);
    }
  };
}

/** The faults given so far and one more: `kind[:argument][@function][*times]`. */
export function fault(text: string, earlier: readonly Fault[]): readonly Fault[] {
  const [, name, argument, at, times] =
    /^([a-z-]+)(?::([^@*]+))?(?:@([A-Za-z]+))?(?:\*([1-9][0-9]{0,5}))?$/.exec(text) ?? [];
  const kind = kinds.find((one) => one === name);
  if (kind === undefined) {
    throw new InvalidArgumentError(
      `kind[:argument][@function][*times]; kinds: ${kinds.join(', ')}`,
    );
  }
  const hit = rspFunctions.find((one) => one === at);
  if (at !== undefined && hit === undefined) {
    throw new InvalidArgumentError(`functions: ${rspFunctions.join(', ')}`);
  }
  return [
    ...earlier,
    {
      kind,
      ...(hit && { at: hit }),
      ...(times !== undefined && { times: Number(times) }),
      ...(argument !== undefined && faultArgument(kind, argument)),
    },
  ];
}

const kinds = Object.keys(faultKinds) as (keyof typeof faultKinds)[];

function faultArgument(kind: Fault['kind'], text: string): Partial<Fault> {
  if (kind === 'slow') return { milliseconds: duration(text) };
  if (kind === 'refuse') {
    const [, subjectCode, reasonCode] =
      /^([0-9]+(?:\.[0-9]+)*)\/([0-9]+\.[0-9]+)$/.exec(text) ?? [];
    if (subjectCode !== undefined && reasonCode !== undefined) return { subjectCode, reasonCode };
    throw new InvalidArgumentError('refuse takes a subject and a reason code: refuse:8.2.6/3.8');
  }
  if (kind === 'corrupt-bpp') {
    const segment = ([87, 88, 86] as const).find((one) => String(one) === text);
    if (segment !== undefined) return { segment };
    throw new InvalidArgumentError('corrupt-bpp takes a segment: 87, 88 or 86');
  }
  throw new InvalidArgumentError(`${kind} takes no argument`);
}

/** What stands below the help of the servers. */
export const faultHelp = `
Faults: kind[:argument][@function][*times], such as refuse:8.2.6/3.8@authenticateClient*1 or slow:5s
${Object.entries(faultKinds)
  .map(([kind, words]) => `  ${kind.padEnd(18)}${words}`)
  .join('\n')}`;

/** What people have of a message: octets, hex, base64, PEM, or the JSON of ES9+ and of ESipa over HTTPS. */
import { BytesError, fromBase64, fromUtf8, hex } from '../base/bytes.ts';

/** Input that is none of these; the message says what it was taken for. */
export class InputError extends Error {
  override readonly name = 'InputError';
}

/** More than any message: a bound profile package has some 100 kB. */
export const longestInput = 4 * 1024 * 1024;

/** One message to look into; `member` is its name in the JSON that it came in. */
export interface Input {
  readonly member?: string;
  readonly octets: Uint8Array;
}

/** The messages in a file or on a command line. Throws InputError. */
export function inputsOf(given: Uint8Array): readonly Input[] {
  if (given.length === 0) throw new InputError('there is nothing in it');
  if (given.length > longestInput) {
    throw new InputError(`it has ${given.length} octets, more than ${longestInput}`);
  }
  const text = textOf(given);
  if (text === undefined) return [{ octets: given }];
  if (text.startsWith('{')) return fromJson(text);
  return [{ octets: fromText(text) }];
}

/** Text, where it is nothing else: DER of any length has octets that no text has. */
function textOf(given: Uint8Array): string | undefined {
  if (given.some((octet) => octet < 0x09 || (octet > 0x0d && octet < 0x20) || octet > 0x7e)) {
    return undefined;
  }
  return fromUtf8(given).trim();
}

function fromText(text: string): Uint8Array {
  const pem = /-----BEGIN [A-Z0-9 ]+-----([^-]+)-----END [A-Z0-9 ]+-----/.exec(text);
  if (pem !== null) return octetsOfBase64(pem[1] ?? '', 'PEM');
  const digits = text.replace(/^0x/i, '').replace(/[\s:,]/g, '');
  if (/^[0-9a-f]*$/i.test(digits)) {
    if (digits.length % 2 !== 0) {
      throw new InputError(`hex of ${digits.length} digits: two make an octet, so one is missing`);
    }
    return hex(digits);
  }
  return octetsOfBase64(text, 'neither hex nor base64');
}

function octetsOfBase64(text: string, what: string): Uint8Array {
  try {
    return fromBase64(text.replace(/\s/g, ''));
  } catch (error) {
    if (!(error instanceof BytesError)) throw error;
    throw new InputError(`${what}: ${error.message}`);
  }
}

/** The members that hold octets, in their order; what is text there (addresses, header) is not ASN.1. */
function fromJson(text: string): readonly Input[] {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw new InputError(`no JSON: ${error instanceof Error ? error.message : String(error)}`);
  }
  const inputs = Object.entries(Object(json)).flatMap(([member, value]): readonly Input[] => {
    if (typeof value !== 'string' || !isDer(value)) return [];
    return [{ member, octets: fromBase64(value) }];
  });
  if (inputs.length === 0) throw new InputError('JSON without a member that holds ASN.1 in base64');
  return inputs;
}

function isDer(value: string): boolean {
  try {
    const octets = fromBase64(value);
    const first = octets[0] ?? 0;
    // Constructed, or one of the two-octet tags of RSP (5F37, 5F49).
    return octets.length >= 3 && ((first & 0x20) !== 0 || first === 0x5f || first === 0x04);
  } catch (error) {
    if (error instanceof BytesError) return false;
    throw error;
  }
}

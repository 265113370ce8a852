/** The identifiers that operators type and cards carry: made only by checking, printed as operators write them. */
import { toHex } from '../base/bytes.ts';

/** An identifier that is not one; the message says what is wrong with it. */
export class IdError extends Error {
  override readonly name = 'IdError';
}

/** EID: 32 decimal digits, the last two check digits (SGP.02 2.2.2, SGP.29). */
export type Eid = string & { readonly [eid]: true };
declare const eid: unique symbol;

/** ICCID as on the wire and in REST bodies: 20 hex digits, nibble-swapped as in EF.ICCID, upper case. */
export type Iccid = string & { readonly [iccid]: true };
declare const iccid: unique symbol;

/** Checks a typed EID: 32 digits, ISO 7064 mod 97-10 check digits. Throws IdError. */
export function parseEid(text: string): Eid {
  if (!/^[0-9]*$/.test(text)) throw new IdError('an EID has decimal digits only');
  if (text.length !== 32) throw new IdError(`an EID has 32 digits, this has ${text.length}`);
  if (!eidCheckDigitsFit(text)) {
    throw new IdError(
      'the check digits of this EID (the last two) do not fit: one digit is mistyped',
    );
  }
  return text as Eid;
}

/** Whether the whole number is 1 modulo 97 (ISO 7064 mod 97-10). */
export function eidCheckDigitsFit(digits: string): boolean {
  let rest = 0;
  for (const digit of digits) rest = (rest * 10 + Number(digit)) % 97;
  return rest === 1;
}

/** Octets of an EID on the wire. */
export const eidLength = 16;

/** The EID of 16 octets from the wire, by shape alone (check digits are the maker's affair). Throws IdError. */
export function eidOf(octets: Uint8Array): Eid {
  const text = toHex(octets);
  if (!/^[0-9]{32}$/.test(text)) throw new IdError('an EID is 16 octets of decimal digits');
  return text as Eid;
}

/** Whether `octets` have this EID from `at` on. */
export function isEidAt(eid: Eid, octets: Uint8Array, at: number): boolean {
  for (let i = 0; i < eidLength; i++) {
    const octet = octets[at + i] ?? 0xff;
    if (eid.charCodeAt(2 * i) !== zero + (octet >> 4)) return false;
    if (eid.charCodeAt(2 * i + 1) !== zero + (octet & 15)) return false;
  }
  return true;
}

/** The code of the digit 0. */
const zero = 0x30;

/** The 16 octets of an EID: its digits as BCD, in order (tag `5A 10`). */
export function eidOctets(value: Eid): Uint8Array {
  return new Uint8Array(Buffer.from(value, 'hex'));
}

/** Checks a typed ICCID in its REST form: the 20 hex digits of EF.ICCID, nibble-swapped. Throws IdError. */
export function parseIccid(text: string): Iccid {
  const upper = text.toUpperCase();
  if (!/^[0-9A-F]{20}$/.test(upper)) {
    throw new IdError('an ICCID here is 20 hex digits (nibble-swapped, as in EF.ICCID)');
  }
  iccidDigits(upper as Iccid);
  return upper as Iccid;
}

/** The ICCID of its printed digits (18 to 20); a 19-digit one is filled up with F. Throws IdError. */
export function iccidOfDigits(digits: string): Iccid {
  if (!/^[0-9]{18,20}F?$/i.test(digits) || digits.length > 20) {
    throw new IdError('an ICCID has 18 to 20 decimal digits');
  }
  return swapNibbles(digits.toUpperCase().padEnd(20, 'F')) as Iccid;
}

/** The digits printed on the card. Throws IdError where the ICCID holds other than digits and a filler. */
export function iccidDigits(value: Iccid): string {
  const digits = swapNibbles(value).replace(/F+$/, '');
  if (!/^[0-9]{18,20}$/.test(digits)) throw new IdError('not the digits of an ICCID');
  return digits;
}

/** The ICCID of 10 octets from the wire (tag `5A 0A`). */
export function iccidOf(octets: Uint8Array): Iccid {
  if (octets.length !== 10) throw new IdError(`an ICCID is 10 octets, not ${octets.length}`);
  return toHex(octets) as Iccid;
}

export function iccidOctets(value: Iccid): Uint8Array {
  return new Uint8Array(Buffer.from(value, 'hex'));
}

function swapNibbles(text: string): string {
  return text.replace(/(.)(.)/g, '$2$1');
}

/** EIDs and ICCIDs. ICCIDs are taken as printed digits or as the hex of EF.ICCID, and answered as both. */
import type { z } from 'zod';
import {
  type Eid,
  type Iccid,
  IdError,
  iccidDigits,
  iccidOfDigits,
  parseEid,
  parseIccid,
} from '../../messages/ids.ts';
import { parsed } from '../checks.ts';

/** An EID of 32 digits with its check digits. */
export const eidText: z.ZodType<Eid> = parsed(
  parseEid,
  'EID: 32 digits, the last two of them check digits: 89044045118427484800000000011628',
);

/** An ICCID in the form of EF.ICCID: 20 hex digits, nibble-swapped. */
export const efIccid: z.ZodType<Iccid> = parsed(
  parseIccid,
  'ICCID as in EF.ICCID: 20 hex digits, nibble-swapped: 989444999999990920F3',
);

/** An ICCID in either form. */
export const anyIccid: z.ZodType<Iccid> = parsed(
  parseAnyIccid,
  'ICCID: its printed digits, or the 20 hex digits of EF.ICCID: 8949449999999990023',
);

/**
 * The ICCID of printed digits, or of the hex of EF.ICCID. Printed ICCIDs begin with 89 (ITU-T E.118), which EF.ICCID
 * holds as 98: twenty digits that begin so are taken as hex. Throws IdError.
 */
export function parseAnyIccid(input: string): Iccid {
  const text = input.replace(/[\s-]/g, '');
  if (/^[0-9]{18,20}F?$/i.test(text) && !(text.length === 20 && text.startsWith('98'))) {
    return iccidOfDigits(text);
  }
  if (/^[0-9A-F]{20}$/i.test(text)) return parseIccid(text);
  throw new IdError(
    'an ICCID is its 18 to 20 printed digits, or the 20 hex digits of EF.ICCID (nibble-swapped)',
  );
}

/** An ICCID as /v1 answers it. */
export interface BothIccids {
  /** Printed digits; the hex where it holds none. */
  readonly iccid: string;
  readonly efIccid: string;
}

/** A copy of what the eIM keeps, with each `iccid` in hex joined by its other form. */
export function withBothIccids(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withBothIccids);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).flatMap(([name, member]) =>
      name === 'iccid' && typeof member === 'string'
        ? Object.entries(bothIccids(member))
        : [[name, withBothIccids(member)]],
    ),
  );
}

/** Both forms of the hex of EF.ICCID. */
export function bothIccids(hex: string): BothIccids {
  try {
    const iccid = parseIccid(hex);
    return { iccid: iccidDigits(iccid), efIccid: iccid };
  } catch (error) {
    if (error instanceof IdError) return { iccid: hex, efIccid: hex };
    throw error;
  }
}

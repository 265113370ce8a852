/** Activation codes (SGP.22 4.1): what an operator pastes to order a download. */
import { utf8 } from '../base/bytes.ts';
import { parseSmdpAddress, SmdpAddressError } from './smdp-address.ts';

/** A text that is no activation code; the message says which part is wrong, how and where. It never repeats the code. */
export class ActivationCodeError extends Error {
  override readonly name = 'ActivationCodeError';
}

export interface ActivationCode {
  /** The whole code without `LPA:`: what a device is given. */
  readonly text: string;
  /** Host, or host:port, as written. */
  readonly smdpAddress: string;
  /** May be empty: the SM-DP+ then looks for a profile kept for the EID. */
  readonly matchingId: string;
  /** The SM-DP+'s object identifier, dotted, to be found in its certificate. */
  readonly smdpOid?: string;
  readonly confirmationCodeRequired: boolean;
  /** The first digits of the key identifier of the CI to use (SGP.22 v3). */
  readonly ciPublicKeyIndicator?: string;
  /** The code carries the notification that its profile was deleted on another device (SGP.22 v3): for the device alone. */
  readonly deleteNotification: boolean;
}

/** Most octets of an activation code (SGP.32 5.14.1 and SGP.22 4.1 carry it in a UTF8String of 0..255). */
const longest = 255;

/**
 * Takes an activation code apart, with or without `LPA:` before it, as QR codes have it:
 *
 * ```
 *   1 $ <SM-DP+ address> $ <matchingId> [$ <OID> [$ <1: confirmation code> [$ <CI key> [$ <delete notification>]]]]
 * ```
 *
 * What is optional may be empty. Fields beyond these are let through in `text`. Throws ActivationCodeError.
 */
export function parseActivationCode(input: string): ActivationCode {
  const given = input.trim();
  const text = given.replace(/^LPA:/i, '');
  if (text === '') refuse('is empty');
  const prefix = given.length - text.length;
  const odd = text.search(/[^\x21-\x7e]/);
  if (odd >= 0) refuse('holds white space or a character outside ASCII', prefix + odd);
  const length = utf8(text).length;
  if (length > longest) refuse(`has ${length} octets, of ${longest} at most`);
  const fields = text.split('$');
  const [format, address, matchingId, oid = '', flag = '', ciKey = '', deletion = ''] = fields;
  /** Where a character of a field stands in what was given. */
  const place = (field: number, at = 0) =>
    prefix + fields.slice(0, field).reduce((sum, one) => sum + one.length + 1, 0) + at;
  if (format !== '1') {
    refuse("must begin with '1$' (format 1; 'LPA:' may stand before it)", place(0));
  }
  if (address === undefined || matchingId === undefined) {
    refuse("has too few parts: 1$<SM-DP+ address>$<matchingId>, separated by '$'");
  }
  checkAddress(address, (at) => place(1, at));
  const wrong = matchingId.search(/[^A-Za-z0-9._~-]/);
  if (wrong >= 0) {
    refuse(
      "has a matchingId (part 3) with other characters than letters, digits, '-', '.', '_' and '~'",
      place(2, wrong),
    );
  }
  if (oid !== '' && !isOid(oid)) {
    refuse(
      'has an SM-DP+ OID (part 4) that is no dotted object identifier, such as 1.3.6.1.4.1',
      place(3),
    );
  }
  if (flag !== '' && flag !== '1') {
    refuse("has a confirmation code flag (part 5) that is neither empty nor '1'", place(4));
  }
  if (!/^[0-9A-Za-z-]*$/.test(ciKey)) {
    refuse('has a CI public key indicator (part 6) that is not of digits', place(5));
  }
  if (!/^[0-9A-Za-z+/_=-]*$/.test(deletion)) {
    refuse('has a delete notification (part 7) that is neither a flag nor base64', place(6));
  }
  return {
    text,
    smdpAddress: address,
    matchingId,
    ...(oid === '' ? {} : { smdpOid: oid }),
    confirmationCodeRequired: flag === '1',
    ...(ciKey === '' ? {} : { ciPublicKeyIndicator: ciKey }),
    deleteNotification: deletion !== '',
  };
}

function checkAddress(address: string, place: (at: number) => number): void {
  try {
    parseSmdpAddress(address);
  } catch (error) {
    if (!(error instanceof SmdpAddressError)) throw error;
    refuse(`has a wrong SM-DP+ address (part 2): it ${error.message}`, place(error.at));
  }
}

/** Arcs in decimal; the second is below 40 under the first two roots (X.660 7.6). */
function isOid(text: string): boolean {
  if (!/^[0-2](\.(0|[1-9][0-9]*))+$/.test(text)) return false;
  const [root, second] = text.split('.');
  return root === '2' || Number(second) < 40;
}

/** @param at where in what was given, from 0 */
function refuse(complaint: string, at?: number): never {
  const where = at === undefined ? '' : `, at character ${at + 1}`;
  throw new ActivationCodeError(`the activation code ${complaint}${where}`);
}

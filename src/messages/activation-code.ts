/** Activation codes (SGP.22 4.1): what an operator pastes to order a download. */
import { utf8 } from '../base/bytes.ts';

/** A text that is no activation code; the message says which part is wrong and how. It never repeats the code. */
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
}

/** Most octets of an activation code (SGP.32 5.14.1 and SGP.22 4.1 carry it in a UTF8String of 0..255). */
const longest = 255;

/**
 * Takes an activation code apart: `1$<SM-DP+ address>$<matchingId>[$<OID>[$1]]`, with or without `LPA:` before it.
 * Further fields, which SGP.22 v3 adds, are let through in `text`. Throws ActivationCodeError.
 */
export function parseActivationCode(input: string): ActivationCode {
  const text = input.trim().replace(/^LPA:/i, '');
  if (text === '') refuse('is empty');
  const length = utf8(text).length;
  if (length > longest) refuse(`has ${length} octets, of ${longest} at most`);
  if (!/^[\x21-\x7e]*$/.test(text)) refuse('holds white space or characters outside ASCII');
  const [format, smdpAddress, matchingId, oid = '', flag = ''] = text.split('$');
  if (format !== '1') refuse("must begin with '1$' (format 1; 'LPA:' may stand before it)");
  if (smdpAddress === undefined || matchingId === undefined) {
    refuse("has too few parts: 1$<SM-DP+ address>$<matchingId>, separated by '$'");
  }
  const wrong = addressComplaint(smdpAddress);
  if (wrong !== undefined) refuse(`has a wrong SM-DP+ address: ${wrong}`);
  if (!/^[A-Za-z0-9._~-]*$/.test(matchingId)) {
    refuse("has a matchingId with other characters than letters, digits, '-', '.', '_' and '~'");
  }
  if (oid !== '' && !/^[0-2](\.(0|[1-9][0-9]*))+$/.test(oid)) {
    refuse('has an SM-DP+ OID that is no dotted object identifier, such as 1.3.6.1.4.1');
  }
  if (flag !== '' && flag !== '1') {
    refuse("has a confirmation code flag that is neither empty nor '1'");
  }
  return {
    text,
    smdpAddress,
    matchingId,
    ...(oid === '' ? {} : { smdpOid: oid }),
    confirmationCodeRequired: flag === '1',
  };
}

/** What is wrong with `host` or `host:port`; undefined where nothing is. */
function addressComplaint(address: string): string | undefined {
  if (address === '') return 'it is empty';
  const match = /^(\[[0-9A-Fa-f:.]+\]|[^:[\]]+)(?::(.*))?$/.exec(address);
  const [, host, port] = match ?? [];
  if (host === undefined)
    return 'write a host name or an IP address, with :port behind it if need be';
  if (!host.startsWith('[')) {
    if (host.length > 253) return `a host name of ${host.length} characters`;
    const label = /^[A-Za-z0-9]([A-Za-z0-9_-]{0,61}[A-Za-z0-9])?$/;
    if (
      !host
        .replace(/\.$/, '')
        .split('.')
        .every((part) => label.test(part))
    ) {
      return 'a host name has letters, digits and hyphens between its dots, and no https:// or path';
    }
  }
  if (
    port !== undefined &&
    (!/^[0-9]{1,5}$/.test(port) || Number(port) < 1 || Number(port) > 65535)
  ) {
    return 'the port is a number from 1 to 65535';
  }
  return undefined;
}

function refuse(complaint: string): never {
  throw new ActivationCodeError(`the activation code ${complaint}`);
}

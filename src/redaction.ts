/**
 * What must not stand in a log. Rooms give no secrets to theirs (base/log.ts); this is the net below: activation codes
 * keep their SM-DP+ and lose their token, bearer tokens and configured secrets go, and so does what a field is named a
 * secret. With `mask`, EIDs and ICCIDs lose their middle.
 */
import type { Fields } from './base/log.ts';

export interface RedactionOptions {
  /** Whether EIDs and ICCIDs are masked. */
  readonly mask: boolean;
  /** Texts that must not be written: a configured token, say. */
  readonly secrets: readonly string[];
}

export interface Redaction {
  text(text: string): string;
  fields(fields: Fields): Fields;
}

export const redacted = '[redacted]';

/** Names of fields whose values are secret, whatever they look like. */
const secretNames =
  /^(psk|pskKey|secret|token|password|authorization|privateKey|activationCode|confirmationCode|confirmationCodeHash|matchingId|master)$/i;

/** SGP.22 4.1: `1$host$token`, and what may follow; LPA: may stand before it. */
const activationCode = /(?<![\w.])(1\$[^$\s"']*\$)[^\s"',;)]+/g;
/** LPA:1$… in a URL, as a web page of an operator has it. */
const encodedCode = /(1%24[^%\s"']*%24)[^\s"',;)&]+/gi;
/** A token that this eIM made (src/rest/tokens.ts), wherever it stands; its id stays. */
const madeToken = /\b(eim_[0-9a-f]{12}_)[\w-]{20,}/g;
/** What a terminal obeys and JSON leaves as it is: names of devices and words of SM-DP+s stand in a log too. */
const obeyed = /[\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g;
const bearer = /\b(Bearer +)\S+/gi;
const privateKey = /-----BEGIN [A-Z ]*PRIVATE KEY-----[^-]*(?:-----END [A-Z ]*PRIVATE KEY-----)?/g;

/** 32 digits; ICCIDs of 19 and 20 digits, also as EF.ICCID has them (nibbles swapped, F at the end). */
const eid = /(?<![0-9A-Fa-f])(89[0-9]{6})[0-9]{20}([0-9]{4})(?![0-9A-Fa-f])/g;
const iccid = /(?<![0-9A-Fa-f])((?:89|98)[0-9]{4})[0-9]{9,10}([0-9]{3}[0-9Ff])(?![0-9A-Fa-f])/g;

export function redaction({ mask, secrets }: RedactionOptions): Redaction {
  const known = secrets.filter((secret) => secret.length >= 8);
  const text = (whole: string): string => {
    let clean = whole;
    for (const secret of known) clean = clean.replaceAll(secret, redacted);
    if (clean.includes('$')) clean = clean.replace(activationCode, `$1${redacted}`);
    if (clean.includes('%24')) clean = clean.replace(encodedCode, `$1${redacted}`);
    if (clean.includes('eim_')) clean = clean.replace(madeToken, `$1${redacted}`);
    clean = clean.replace(bearer, `$1${redacted}`).replace(privateKey, redacted);
    clean = clean.replace(obeyed, '�');
    return mask ? clean.replace(eid, '$1…$2').replace(iccid, '$1…$2') : clean;
  };
  return {
    text,
    fields: (fields) =>
      Object.fromEntries(
        Object.entries(fields).map(([name, value]) => [
          name,
          typeof value === 'string' ? (secretNames.test(name) ? redacted : text(value)) : value,
        ]),
      ),
  };
}

/**
 * What an IPA was answered by a server or its eUICC, as it reports it with a download that failed (errorResponse,
 * SGP.32 2.11.2.3). The standard does not say what it is: JSON of ES9+, text and DER are met.
 */
import { BytesError, fromUtf8, toHex, utf8 } from '../base/bytes.ts';
import { es9Members } from '../es9/binding.ts';
import { Es9Error, Es9TransportError } from '../es9/errors.ts';
import { refusalText } from './es9-errors.ts';
import { withoutSecret } from './profile-download-errors.ts';

/** Octets, and characters, of what an IPA reports that a reason shows. */
const longest = { octets: 64, text: 300 } as const;

/** For people: `; it was answered …`, empty where it was nothing. What `secret` says is left out. */
export function errorResponseText(errorResponse: Uint8Array | undefined, secret: string): string {
  if (errorResponse === undefined || errorResponse.length === 0) return '';
  const text = refusalIn(errorResponse) ?? textIn(errorResponse);
  if (text !== undefined) return `; it was answered ${cut(withoutSecret(text, secret))}`;
  const octets = withoutSecret(toHex(errorResponse), toHex(utf8(secret)));
  const shown = octets.slice(0, 2 * longest.octets);
  const rest = octets.length > shown.length ? '…' : '';
  return `; it was answered ${shown}${rest} (eim decode tells what that is)`;
}

/** The codes and words of an ES9+ or ES11 refusal, and what to do. */
function refusalIn(body: Uint8Array): string | undefined {
  try {
    es9Members({ status: 200, body });
    return undefined;
  } catch (error) {
    if (error instanceof Es9Error) return refusalText(error);
    if (!(error instanceof Es9TransportError)) throw error;
    return undefined;
  }
}

/** As one line, where it is text that can be shown: nothing that terminals obey, and more than half of it ASCII. */
function textIn(octets: Uint8Array): string | undefined {
  try {
    const text = fromUtf8(octets);
    const isShown = !/[^\P{C}\n\r\t]/u.test(text);
    const isReadable = text.replace(/[^ -~]/g, '').length * 2 > text.length;
    if (!isShown || !isReadable) return undefined;
    return text.replace(/\p{Z}+|\s+/gu, ' ').trim();
  } catch (error) {
    if (!(error instanceof BytesError)) throw error;
    return undefined;
  }
}

function cut(text: string): string {
  return text.length > longest.text ? `${text.slice(0, longest.text)}…` : text;
}

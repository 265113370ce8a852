/** One message's worth of a response: no type, message ID or token yet. */
import { utf8 } from '../base/bytes.ts';
import type { Log } from '../base/log.ts';
import { CoapError, Code } from './codes.ts';
import { type Option, OptionNumber, uintOption } from './options.ts';

export interface Answer {
  readonly code: Code;
  readonly options: readonly Option[];
  readonly payload: Uint8Array;
  /** The peer is to react to it with the next request of a transfer. */
  readonly goesOn?: boolean;
  /** Called when it has left, or, where it had to be confirmed, when it has arrived. */
  readonly sent?: () => void;
}

/** Characters of a diagnostic payload (RFC 7252 section 5.5.2): short enough for any link. */
const longestDiagnostic = 100;

/** What a failure says to the peer: a CoapError its code and text, anything else 5.00, with the whole of it logged. */
export function errorAnswer(error: unknown, log: Log): Answer {
  if (!(error instanceof CoapError)) {
    log.error('handler failed', { error: error instanceof Error ? error.stack : String(error) });
    return { code: Code.internalServerError, options: [], payload: new Uint8Array() };
  }
  const options: Option[] = [];
  if (error.maxAge !== undefined) options.push(uintOption(OptionNumber.maxAge, error.maxAge));
  if (error.size1 !== undefined) options.push(uintOption(OptionNumber.size1, error.size1));
  return {
    code: error.code,
    options,
    payload: utf8([...error.message].slice(0, longestDiagnostic).join('')),
  };
}

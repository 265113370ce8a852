/** How a call to an SM-DP+ fails: it refused, or no answer that can be read came of it. */

/** The SM-DP+ refused: its status code data (SGP.22 5.2.6), as it sent them. */
export class Es9Error extends Error {
  override readonly name = 'Es9Error';
  /** `8.2.6`; `-` where the SM-DP+ gave none. A text, because 3.10 is not 3.1. */
  readonly subjectCode: string;
  /** `3.8`; `-` where the SM-DP+ gave none. */
  readonly reasonCode: string;
  readonly subjectIdentifier?: string;

  /** `message` is the SM-DP+'s own, or says that it gave none. */
  constructor(refusal: {
    readonly subjectCode: string;
    readonly reasonCode: string;
    readonly subjectIdentifier?: string;
    readonly message: string;
  }) {
    super(refusal.message);
    this.subjectCode = refusal.subjectCode;
    this.reasonCode = refusal.reasonCode;
    if (refusal.subjectIdentifier !== undefined) this.subjectIdentifier = refusal.subjectIdentifier;
  }
}

/**
 * What kept an answer from coming:
 * - `unreachable`: no connection (no such host, refused, or lost before the answer was whole)
 * - `timeout`: no connection or no whole answer in time
 * - `tls`: no handshake, or a certificate that is not believed
 * - `status`: an HTTP status that is none of success, redirects included
 * - `malformed`: an answer that is not what ES9+ has
 * - `too large`: an answer, or a part of it, beyond its limit
 */
export type Es9Failure = 'unreachable' | 'timeout' | 'tls' | 'status' | 'malformed' | 'too large';

/** The SM-DP+ could not be asked, or its answer not be read. */
export class Es9TransportError extends Error {
  override readonly name = 'Es9TransportError';
  readonly kind: Es9Failure;
  /** The HTTP status, for the kind of that name. */
  readonly status: number | undefined;
  /** How long the server asks to be left alone, in milliseconds. */
  readonly retryAfter: number | undefined;

  constructor(
    kind: Es9Failure,
    complaint: string,
    options: ErrorOptions & { readonly status?: number; readonly retryAfter?: number } = {},
  ) {
    super(complaint, options);
    this.kind = kind;
    this.status = options.status;
    this.retryAfter = options.retryAfter;
  }
}

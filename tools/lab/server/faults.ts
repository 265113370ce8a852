/** Faults on command: what an SM-DP+ may do to its peers, for tests of those. */

export type Es9Function =
  | 'initiateAuthentication'
  | 'authenticateClient'
  | 'getBoundProfilePackage'
  | 'handleNotification'
  | 'cancelSession';

export type FaultKind =
  // the connection is cut as soon as a request came
  | 'down'
  // the answer comes after `milliseconds`
  | 'slow'
  // headers and half a body, and then nothing more
  | 'stall'
  // headers and half a body, and then the end of the connection
  | 'cut'
  // 200 with a body that is no JSON
  | 'nonsense'
  // HTTP 500
  | 'status'
  // base64 with line breaks in it, which is odd but to be accepted
  | 'line-broken'
  // `subjectCode` and `reasonCode`; not of handleNotification, which refuses nothing
  | 'refuse'
  // serverSignature1, smdpSignature2 or smdpSign, by the function
  | 'wrong-signature'
  // the certificate of the other role, and a signature that fits it
  | 'wrong-certificate'
  // a transactionId within what is signed that is not the outer one
  | 'wrong-transaction'
  // another euiccChallenge in serverSigned1
  | 'wrong-challenge'
  // another serverAddress in serverSigned1
  | 'wrong-address'
  // one bit of the first segment `segment` (87, 88 or 86) of the package
  | 'corrupt-bpp'
  // the last segment of the package is missing
  | 'truncated-bpp'
  // segments of profile elements above 1020 octets
  | 'long-segments'
  // StoreMetadata with another ICCID than the profile's header
  | 'wrong-iccid';

export interface FaultOptions {
  /** The function that is hit; default: the first that the fault can hit. */
  readonly at?: Es9Function;
  /** How often; default: until it is taken away. */
  readonly times?: number;
  /** Of `slow`; default one minute. */
  readonly milliseconds?: number;
  /** Of `refuse`; default 8.8/4.2. */
  readonly subjectCode?: string;
  readonly reasonCode?: string;
  /** Of `corrupt-bpp`; default 86. */
  readonly segment?: 87 | 88 | 86;
}

export interface Fault extends FaultOptions {
  readonly kind: FaultKind;
}

/** The faults that are due. */
export class Faults {
  #due: { readonly fault: Fault; left: number }[] = [];

  add(kind: FaultKind, options: FaultOptions = {}): void {
    this.#due.push({ fault: { kind, ...options }, left: options.times ?? Infinity });
  }

  clear(): void {
    this.#due = [];
  }

  /** The first fault of these kinds that hits `at`, which then counts as done once. */
  take(at: Es9Function, ...kinds: readonly FaultKind[]): Fault | undefined {
    const found = this.#due.find(
      ({ fault }) => kinds.includes(fault.kind) && (fault.at ?? at) === at,
    );
    if (found === undefined) return undefined;
    if (--found.left <= 0) this.#due = this.#due.filter((one) => one !== found);
    return found.fault;
  }
}

/** The same octets with one bit changed. */
export function flipped(bytes: Uint8Array, at = bytes.length - 1): Uint8Array {
  return bytes.map((octet, i) => (i === at ? octet ^ 1 : octet));
}

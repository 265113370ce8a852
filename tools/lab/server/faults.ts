/** Faults on command: what a server of the lab may do to its peers, for tests of those. */

/** ES9+ (SGP.22 5.6); ES11 has the first two. */
export type Es9Function =
  | 'initiateAuthentication'
  | 'authenticateClient'
  | 'getBoundProfilePackage'
  | 'handleNotification'
  | 'cancelSession';

/** ES2+ (SGP.22 5.3), and getProfileStatus, which vendors add. */
export type Es2Function =
  | 'downloadOrder'
  | 'confirmOrder'
  | 'cancelOrder'
  | 'releaseProfile'
  | 'getProfileStatus';

/** ES12 (SGP.22 5.10). */
export type Es12Function = 'registerEvent' | 'deleteEvent';

export type RspFunction = Es9Function | Es2Function | Es12Function;

export const rspFunctions: readonly RspFunction[] = [
  'initiateAuthentication',
  'authenticateClient',
  'getBoundProfilePackage',
  'handleNotification',
  'cancelSession',
  'downloadOrder',
  'confirmOrder',
  'cancelOrder',
  'releaseProfile',
  'getProfileStatus',
  'registerEvent',
  'deleteEvent',
];

/** Each kind of fault, in words. */
export const faultKinds = {
  down: 'the connection is cut as soon as a request came',
  slow: 'the answer comes late: slow:5s; a minute where no time is given',
  stall: 'headers and half a body, and then nothing more',
  cut: 'headers and half a body, and then the end of the connection',
  nonsense: '200 with a body that is no JSON',
  status: 'HTTP 500',
  'line-broken': 'base64 with line breaks in it, which is odd but to be accepted',
  refuse: 'a status code: refuse:8.2.6/3.8; 8.8/4.2 where none is given',
  'wrong-signature': 'serverSignature1, smdpSignature2 or smdpSign, by the function',
  'wrong-certificate': 'the certificate of another role, and a signature that fits it',
  'wrong-oid': 'a certificate of the right role with the OID of another server',
  'wrong-transaction': 'a transactionId within what is signed that is not the outer one',
  'wrong-challenge': 'another euiccChallenge in serverSigned1',
  'wrong-address': 'another serverAddress in serverSigned1',
  expire: 'the order expires as it is asked for (SM-DP+)',
  'corrupt-bpp': 'one bit of the first segment of the package: corrupt-bpp:87, 88 or 86',
  'truncated-bpp': 'the last segment of the package is missing',
  'long-segments': 'segments of profile elements above 1020 octets',
  'no-rebinding': 'a package that was bound once is bound to no other key: 8.2/3.7 (SM-DP+)',
  'wrong-iccid': "StoreMetadata with another ICCID than the profile's header",
} as const;

export type FaultKind = keyof typeof faultKinds;

export interface FaultOptions {
  /** The function that is hit; default: the first that the fault can hit. */
  readonly at?: RspFunction;
  /** How often; default: until it is taken away. */
  readonly times?: number;
  /** Of `slow`; default one minute. */
  readonly milliseconds?: number;
  /** Of `refuse`; default 8.8/4.2. HandleNotification refuses nothing. */
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
  take(at: RspFunction, ...kinds: readonly FaultKind[]): Fault | undefined {
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

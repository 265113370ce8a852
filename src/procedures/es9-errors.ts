/**
 * What an SM-DP+'s refusal means in ESipa: status codes (SGP.22 5.2.6) to the INTEGERs of SGP.32's error arms. What
 * has no INTEGER of its own, and every failure to reach the SM-DP+, is undefinedError (127).
 */
import { Es9Error } from '../es9/errors.ts';
import type { ProtocolLevel } from '../fleet/protocol-level.ts';

export const undefinedError = 127;

type Codes = Readonly<Record<string, number>>;

/** InitiateAuthenticationResponseEsipa.initiateAuthenticationErrorEsipa. */
const initiateAuthentication: Codes = {
  '8.8.1/3.8': 1,
  '8.9.1/3.8': 1,
  '8.8.3/3.1': 2,
  '8.9.3/3.1': 2,
  '8.8.2/3.1': 3,
  '8.8.4/3.7': 3,
  '8.9.2/3.1': 3,
  '8.9.4/3.7': 3,
};

/** AuthenticateClientResponseEsipa.authenticateClientErrorEsipa. */
const authenticateClient: Codes = {
  '8.1.2/6.1': 1,
  '8.1.2/6.3': 2,
  '8.1.3/6.1': 3,
  '8.1.3/6.3': 4,
  '8.1/6.1': 5,
  '8.2.6/3.8': 6,
  '8.1.1/3.8': 7,
  '8.2.5/4.3': 8,
  '8.11.1/3.9': 9,
  '8.10.1/3.9': 10,
  '8.1/4.8': 11,
  '8.9.5/3.9': 56,
};

/** GetBoundProfilePackageResponseEsipa.getBoundProfilePackageErrorEsipa. */
const getBoundProfilePackage: Codes = {
  '8.1/6.1': 1,
  '8.2.7/2.2': 2,
  '8.2.7/3.8': 3,
  '8.2.7/6.4': 4,
  '8.2/3.7': 5,
  '8.8.5/4.10': 6,
  '8.10.1/3.9': 95,
};

/** CancelSessionResponseEsipa.cancelSessionError. */
const cancelSession: Codes = { '8.10.1/3.9': 1, '8.1/6.1': 2 };

const functions = {
  initiateAuthentication,
  authenticateClient,
  getBoundProfilePackage,
  cancelSession,
} as const;

export type Es9Function = keyof typeof functions;

/** AuthenticateClient's downloadOrderExpired, which v1.3 brought there. */
const sinceV13: { readonly [Called in Es9Function]?: Codes } = {
  authenticateClient: { '8.8.5/4.10': 18 },
};

/** The ESipa error code for what an ES9+ call threw, of those that a device of this level knows. */
export function esipaCode(called: Es9Function, error: unknown, level: ProtocolLevel): number {
  if (!(error instanceof Es9Error)) return undefinedError;
  const status = `${error.subjectCode}/${error.reasonCode}`;
  const newer = level === 'v1.3' ? sinceV13[called]?.[status] : undefined;
  return newer ?? functions[called][status] ?? undefinedError;
}

/** What an operator can do about a refusal. */
const adviceOn: Readonly<Record<string, string>> = {
  '8.1/4.8': 'the eUICC has no room for the profile: delete one first',
  '8.1.1/3.8': 'the profile is kept for another EID: have its order at the SM-DP+ changed',
  '8.2/1.2': 'the profile is not released: have its order at the SM-DP+ released',
  '8.2/3.7':
    'the profile is bound to a key that the eUICC has no more: have its order at the SM-DP+ renewed',
  '8.2.5/4.3': 'no profile of this order fits the eUICC',
  '8.2.6/3.8': 'the matchingId is unknown, or its profile has been downloaded: check the order',
  '8.2.7/2.2': 'order the download again, with its confirmation code',
  '8.2.7/3.8':
    'the confirmation code is wrong: order the download again with the right one, before the SM-DP+ has counted too many',
  '8.2.7/6.4': 'too many wrong confirmation codes: have the order at the SM-DP+ renewed',
  '8.8.1/3.8': 'the SM-DP+ does not know itself by this address: check the activation code',
  '8.8.2/3.1': 'the SM-DP+ and the eUICC believe in no common CI',
  '8.8.4/3.7': 'the SM-DP+ and the eUICC believe in no common CI',
  '8.8.5/4.10': 'the order at the SM-DP+ has expired: have it renewed',
  '8.8.5/6.4': 'the profile was tried too often: have its order at the SM-DP+ renewed',
  '8.9.1/3.8': 'the SM-DS does not know itself by this address: check it',
  '8.9.2/3.1': 'the SM-DS and the eUICC believe in no common CI',
  '8.9.4/3.7': 'the SM-DS and the eUICC believe in no common CI',
  '8.9.5/3.9':
    'the SM-DS does not know the event: it is over, or its SM-DP+ has not registered it yet',
  '8.11.1/3.9': 'the server does not believe in the CI of this eUICC',
};

/** What an ES9+ call threw, for the order's history: the SM-DP+'s own codes and words where it sent any. */
export function es9Reason(
  called: Es9Function,
  address: string,
  error: unknown,
  server: 'SM-DP+' | 'SM-DS' = 'SM-DP+',
): string {
  if (error instanceof Es9Error)
    return `${server} ${address} refused ${called}: ${refusalText(error)}`;
  return `${server} ${address}, ${called}: ${error instanceof Error ? error.message : String(error)}`;
}

/** The codes and words of a refusal, and what an operator can do about it. */
export function refusalText({ subjectCode, reasonCode, message }: Es9Error): string {
  const status = `${subjectCode}/${reasonCode}`;
  const advice = adviceOn[status];
  return `${status} ${message}${advice === undefined ? '' : `; ${advice}`}`;
}

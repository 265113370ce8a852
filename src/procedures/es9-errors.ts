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

/** What an ES9+ call threw, for the order's history: the SM-DP+'s own codes and words where it sent any. */
export function es9Reason(called: Es9Function, address: string, error: unknown): string {
  const what = error instanceof Error ? error.message : String(error);
  if (error instanceof Es9Error) {
    return `SM-DP+ ${address} refused ${called}: ${error.subjectCode}/${error.reasonCode} ${what}`;
  }
  return `SM-DP+ ${address}, ${called}: ${what}`;
}

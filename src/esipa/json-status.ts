/**
 * functionExecutionStatus of the JSON binding (SGP.32 6.4.1; SGP.22 6.5.1.4): the error INTEGERs of ESipa as subject and
 * reason codes. See docs/interpretation-log.md#esipa-over-https.
 */
import { EimPackageError, ProvideEimPackageResultError } from '../messages/eim-package.ts';
import { nameOf } from '../messages/primitives.ts';
import {
  AuthenticateClientErrorEsipa,
  CancelSessionErrorEsipa,
  GetBoundProfilePackageErrorEsipa,
  InitiateAuthenticationErrorEsipa,
} from '../messages/profile-download.ts';

export interface StatusCodeData {
  readonly subjectCode: string;
  readonly reasonCode: string;
  readonly message: string;
}

export type ExecutionStatus =
  | { readonly status: 'Executed-Success' }
  | { readonly status: 'Failed'; readonly statusCodeData: StatusCodeData };

export const success: ExecutionStatus = { status: 'Executed-Success' };

/** A function parameter that is wrong (2.1) or missing (2.2). */
export function parameterFault(reasonCode: '2.1' | '2.2', message: string): ExecutionStatus {
  return { status: 'Failed', statusCodeData: { subjectCode: '1.3.1', reasonCode, message } };
}

/** What has no codes of its own, and what went wrong with us: the function provider's execution failed. */
const otherFailure = '1.2/4.2';

export function serverFault(message: string): ExecutionStatus {
  return failed(otherFailure, message);
}

interface Codes {
  readonly names: Readonly<Record<string, number>>;
  readonly codes: Readonly<Record<number, string>>;
}

const ofErrors = {
  initiateAuthentication: {
    names: InitiateAuthenticationErrorEsipa,
    codes: {
      1: '8.8.1/3.8',
      2: '8.8.3/3.1',
      3: '8.8.2/3.1',
      50: '8.8.1/3.10',
      51: '8.8/3.10',
      52: '8.31.2/3.10',
    },
  },
  authenticateClient: {
    names: AuthenticateClientErrorEsipa,
    codes: {
      1: '8.1.2/6.1',
      2: '8.1.2/6.3',
      3: '8.1.3/6.1',
      4: '8.1.3/6.3',
      5: '8.1/6.1',
      6: '8.2.6/3.8',
      7: '8.1.1/3.8',
      8: '8.2.5/4.3',
      9: '8.11.1/3.9',
      10: '8.10.1/3.9',
      11: '8.1/4.8',
      18: '8.8.5/4.10',
      50: '8.2.8/1.2',
      56: '8.9.5/3.9',
    },
  },
  getBoundProfilePackage: {
    names: GetBoundProfilePackageErrorEsipa,
    codes: {
      1: '8.1/6.1',
      2: '8.2.7/2.2',
      3: '8.2.7/3.8',
      4: '8.2.7/6.4',
      5: '8.2/3.7',
      6: '8.8.5/4.10',
      50: '8.2.9/3.11',
      95: '8.10.1/3.9',
    },
  },
  cancelSession: {
    names: CancelSessionErrorEsipa,
    codes: { 1: '8.10.1/3.9', 2: '8.1/6.1' },
  },
  getEimPackage: {
    names: EimPackageError,
    codes: { 1: '8.1.1/3.7', 2: '8.1.1/3.9', 3: '8.1.1/2.1', 4: '8.1.1/2.2' },
  },
  provideEimPackageResult: {
    names: ProvideEimPackageResultError,
    codes: { 2: '8.1.1/3.9', 3: '8.1.1/2.1', 4: '8.1.1/2.2' },
  },
} as const satisfies Readonly<Record<string, Codes>>;

/** The functions whose answers may be an error. */
export type AnsweredFunction = keyof typeof ofErrors;

/** The status of a function that was answered with this error INTEGER. */
export function statusOfError(name: AnsweredFunction, code: number): ExecutionStatus {
  const { names, codes }: Codes = ofErrors[name];
  return failed(codes[code] ?? otherFailure, nameOf(names, code));
}

function failed(codes: string, message: string): ExecutionStatus {
  const [subjectCode = '', reasonCode = ''] = codes.split('/');
  return { status: 'Failed', statusCodeData: { subjectCode, reasonCode, message } };
}

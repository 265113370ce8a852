/**
 * What came of an order, in the words of the REST API: one entry for each operation, named as in the standard
 * (SGP.32 2.11.2.1). Numbers that the standard does not name stay numbers.
 */
import { DeleteEimResult, UpdateEimResult } from '../messages/eco.ts';
import { EimPackageResultErrorCode } from '../messages/eim-package.ts';
import { EuiccPackageErrorCode, ProcessingTerminated } from '../messages/euicc-package.ts';
import { type Names, nameOf } from '../messages/primitives.ts';
import {
  ConfigureImmediateEnableResult,
  DeleteProfileResult,
  DisableProfileResult,
  EnableProfileResult,
  RollbackProfileResult,
  SetDefaultDpAddressResult,
  SetFallbackAttributeResult,
  UnsetFallbackAttributeResult,
} from '../messages/psmo.ts';
import type { Outcome } from './order.ts';

/** The results that are one number, by their names in EuiccResultData. */
export const numberedResults = {
  enableResult: EnableProfileResult,
  disableResult: DisableProfileResult,
  deleteResult: DeleteProfileResult,
  configureImmediateEnableResult: ConfigureImmediateEnableResult,
  /** As SGP.32 v1.0 calls it: of an order that calls its operation configureAutoEnable. */
  configureAutoEnableResult: ConfigureImmediateEnableResult,
  setFallbackAttributeResult: SetFallbackAttributeResult,
  unsetFallbackAttributeResult: UnsetFallbackAttributeResult,
  setDefaultDpAddressResult: SetDefaultDpAddressResult,
  deleteEimResult: DeleteEimResult,
  updateEimResult: UpdateEimResult,
  rollbackResult: RollbackProfileResult,
  processingTerminated: ProcessingTerminated,
} as const;

export type ResultName = keyof typeof numberedResults;

/** `psmoOutcome('enableResult', 3)` is `{ enableResult: 'disallowedByPolicy' }`. */
export function psmoOutcome(name: ResultName, code: number): Outcome {
  return { [name]: named(numberedResults[name], code) };
}

/** The eUICC refused the whole package, signed. */
export function euiccPackageError(code: number): Outcome {
  return { euiccPackageErrorCode: named(EuiccPackageErrorCode, code) };
}

/** The IPA refused the eIM package (eimPackageResultErrorCode). */
export function eimPackageError(code: number): Outcome {
  return { eimPackageError: named(EimPackageResultErrorCode, code) };
}

/** Why a procedure ended without a result of the eUICC. */
export const procedureErrors = [
  'initiateAuthenticationError',
  'authenticateResponseError',
  'authenticateClientError',
  'downloadResponseError',
  'getBoundProfilePackageError',
  'cancelSessionResponseError',
  'undefinedError',
  'badPsmo',
  'badEco',
  'badEdr',
  'badOrder',
  'abortedOrder',
  'stuckOrder',
  'noshowOrder',
] as const;
export type ProcedureError = (typeof procedureErrors)[number];

export function procedureError(error: ProcedureError): Outcome {
  return { procedureError: error };
}

/** Entries that are a success when their word is one of these. */
const good: Readonly<Record<string, readonly string[]>> = {
  enableResult: ['ok'],
  disableResult: ['ok'],
  deleteResult: ['ok'],
  configureImmediateEnableResult: ['ok'],
  configureAutoEnableResult: ['ok'],
  setFallbackAttributeResult: ['ok'],
  unsetFallbackAttributeResult: ['ok'],
  setDefaultDpAddressResult: ['ok'],
  // The eUICC has no eIM left, as asked.
  deleteEimResult: ['ok', 'lastEimDeleted'],
  updateEimResult: ['ok'],
  euiccUpdateResult: ['ok'],
  confirmResult: ['ok'],
};

/** Entries that are an object, and the member whose word says that it is a success. */
const goodMember: Readonly<Record<string, readonly [member: string, word: string]>> = {
  listProfileInfoResult: ['finalResult', 'successResult'],
  listEimResult: ['finalResult', 'successResult'],
  profileInstallationResult: ['finalResult', 'successResult'],
  addEimResult: ['addEimResultCode', 'ok'],
  euiccDataResult: ['edrResult', 'ok'],
};

/** Entries that are a list, and are there only when all went well. */
const goodList = ['getRATResult', 'euiccStateResult'];

/**
 * Whether an entry says that its operation did what was asked. A rollback is none, however well it went: the profile
 * is not enabled.
 */
export function isSuccess(outcome: Outcome): boolean {
  const entries = Object.entries(outcome);
  return entries.length > 0 && entries.every(([name, value]) => isGood(name, value));
}

function isGood(name: string, value: unknown): boolean {
  if (typeof value === 'string') return own(good, name)?.includes(value) ?? false;
  if (Array.isArray(value)) return goodList.includes(name);
  const rule = own(goodMember, name);
  if (rule === undefined || typeof value !== 'object' || value === null) return false;
  const [member, word] = rule;
  return Object.entries(value).some(([key, found]) => key === member && found === word);
}

function own<T>(table: Readonly<Record<string, T>>, name: string): T | undefined {
  return Object.hasOwn(table, name) ? table[name] : undefined;
}

function named(names: Names, code: number): string | number {
  const name = nameOf(names, code);
  return Object.hasOwn(names, name) ? name : code;
}

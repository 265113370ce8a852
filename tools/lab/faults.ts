/**
 * What a device of the lab can be told to do wrong, by name: its eUICC, its IPA, or the way between. For tests, and for
 * operators who want to see what an eIM makes of it.
 */
import type { Faults } from './euicc/chip.ts';

/** Each fault in words, as `npm run lab -- --help` lists them. */
export const faults = {
  'lose-result':
    'the result of an eUICC Package is lost after it was carried out; the eUICC keeps it',
  'forget-result': 'the same, and the eUICC does not keep it',
  'repeat-result': 'each result is reported twice',
  'reset-after-enable': 'power is lost after an enable; the result comes after the restart',
  replay: 'each package goes to the eUICC twice, and the second answer is reported',
  silent: 'packages are fetched, and nothing comes of them',
  refuse: 'the IPA refuses every eUICC Package (invalidPackageFormat)',
  'power-cut': 'the eUICC loses power within the first operation (interruption)',
  'cat-busy': 'the eUICC is busy: it switches no profile',
  'bad-signature': 'the signatures of results are wrong on their way',
  'no-token': 'results are signed as if there were no association token',
  'other-token': 'the eUICC verifies packages under another association token',
  'der-signature': 'signatures are DER in place of r‖s',
  'no-transaction-id': 'results do not name the eimTransactionId',
  'other-transaction-id': 'results name another eimTransactionId',
  'no-eid': 'results do not name the EID',
  'old-shapes': 'the IPA speaks SGP.32 v1.0, and is silent about what v1.0 does not have',
} as const;
export type Fault = keyof typeof faults;

export const faultNames = Object.keys(faults) as Fault[];

/** The faults that are the eUICC's own, and how it is told of them; all others are the IPA's. */
export function faultsOfCard(names: ReadonlySet<Fault>): Faults {
  return {
    ...(names.has('power-cut') ? { powerCutAtOperation: 1 } : {}),
    ...(names.has('cat-busy') ? { catBusy: true } : {}),
    ...(names.has('no-token') ? { noToken: true } : {}),
    ...(names.has('other-token') ? { otherToken: true } : {}),
    ...(names.has('der-signature') ? { derSignature: true } : {}),
    ...(names.has('no-transaction-id') ? { eimTransactionId: 'none' } : {}),
    ...(names.has('other-transaction-id') ? { eimTransactionId: 'another' } : {}),
  };
}

/** Every way to a profile (SGP.32 3.2), one after the other: what is ordered, and how the device goes about it. */
import { CancelSessionReason } from '../../../src/messages/rsp.ts';
import type { CancelReason } from '../ipa/habits.ts';

/** Where the order says that the profile is. */
export type Source = 'activationCode' | 'defaultSmdp' | 'smds';

export interface Procedure {
  /** In words, as --help lists it. */
  readonly about: string;
  /** The device goes to the servers itself. */
  readonly direct: boolean;
  readonly source: Source;
  /** Why the device gives the download up. */
  readonly cancels?: CancelReason;
  /** The IPA leaves download data, ctxParams1 and the rules of the profile to the eIM. */
  readonly leaves?: true;
  /** One order: download, enable with rollback, and the device's coming back. */
  readonly whole?: true;
}

export const procedures = {
  'indirect-ac': {
    about: 'through the eIM, with an activation code',
    direct: false,
    source: 'activationCode',
  },
  'indirect-lean': {
    about: 'the same, of an IPA that leaves all it may to the eIM',
    direct: false,
    source: 'activationCode',
    leaves: true,
  },
  'indirect-smds': {
    about: 'through the eIM, from the SM-DP+ that an event of the SM-DS names',
    direct: false,
    source: 'smds',
  },
  'direct-ac': {
    about: 'by the device itself, with an activation code',
    direct: true,
    source: 'activationCode',
  },
  'direct-default': {
    about: 'by the device itself, from the default SM-DP+ of its eUICC',
    direct: true,
    source: 'defaultSmdp',
  },
  'direct-smds': {
    about: 'by the device itself, from the SM-DP+ that an event of the SM-DS names',
    direct: true,
    source: 'smds',
  },
  whole: {
    about: 'one order: download, enable with rollback, and the device comes back',
    direct: false,
    source: 'activationCode',
    whole: true,
  },
} as const satisfies Readonly<Record<string, Procedure>>;

/** A download that is given up, once for each reason (SGP.22 5.7.14). */
const cancellations: readonly (readonly [name: string, Procedure])[] = Object.keys(
  CancelSessionReason,
).map((name) => [
  `cancel ${name}`,
  {
    about: `through the eIM, and given up: ${name}`,
    direct: false,
    source: 'activationCode',
    cancels: name as CancelReason,
  },
]);

export const procedureNames = [...Object.keys(procedures), 'cancel', 'all'] as const;

/** What a name of --procedure stands for; undefined for a name of none. */
export function proceduresNamed(
  name: string,
): readonly (readonly [name: string, Procedure])[] | undefined {
  if (name === 'cancel') return cancellations;
  const all: readonly (readonly [string, Procedure])[] = Object.entries(procedures);
  if (name === 'all') return [...all, ...cancellations];
  const found = all.filter(([one]) => one === name);
  return found.length === 0 ? undefined : found;
}

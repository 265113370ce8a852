/**
 * An outcome with exactly the members that clients of the drop-in API know: some fail on one more. /v1 has them all.
 */
import { members } from '../base/members.ts';
import type { Outcome } from '../orders/order.ts';
import { procedureError } from '../orders/outcome.ts';

const profileMembers = [
  'iccid',
  'isdpAid',
  'profileState',
  'profileNickname',
  'serviceProviderName',
  'profileName',
  'iconType',
  'icon',
  'profileClass',
];
const eimMembers = ['eimId', 'eimIdType'];
const dataMembers = [
  'defaultSmdpAddress',
  'euiccInfo1',
  'euiccInfo2',
  'rootSmdsAddress',
  'associationToken',
  'eumCertificate',
  'euiccCertificate',
  'ipaCapabilities',
  'deviceInfo',
  'notificationsList',
];

/** Members that /v1 alone has. */
const additions: readonly string[] = ['cancelSessionReason'];

/** What is left of the entries that are objects. */
const shapes: Readonly<Record<string, (value: object) => unknown>> = {
  listProfileInfoResult: (value) => list(value, 'profileInfoList', profileMembers),
  listEimResult: (value) => list(value, 'eimIdList', eimMembers),
  euiccDataResult: (value) => {
    const { edrResult, euiccData } = members(value);
    if (typeof euiccData !== 'object' || euiccData === null) return { edrResult };
    return { edrResult, euiccData: only(euiccData, dataMembers) };
  },
};

export function dropInOutcome(outcome: Outcome): Outcome {
  // A result that this eIM does not know: neither do they.
  if (Object.hasOwn(outcome, 'unknownResult')) return procedureError('undefinedError');
  const entries = Object.entries(outcome).filter(([name]) => !additions.includes(name));
  return Object.fromEntries(
    entries.map(([name, value]) => {
      const shape = Object.hasOwn(shapes, name) ? shapes[name] : undefined;
      const isObject = typeof value === 'object' && value !== null;
      return [name, shape === undefined || !isObject ? value : shape(value)];
    }),
  );
}

function list(value: object, name: string, names: readonly string[]): unknown {
  const { finalResult, [name]: entries } = members(value);
  if (!Array.isArray(entries)) return { finalResult };
  return { finalResult, [name]: entries.map((entry) => only(members(entry), names)) };
}

function only(value: object, names: readonly string[]): object {
  return Object.fromEntries(Object.entries(value).filter(([name]) => names.includes(name)));
}

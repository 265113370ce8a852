/** What the virtual eUICC keeps over a reset: plain data, so that a lab device can live in a file. Bytes are hex. */
import { z } from 'zod';
import { parseEid } from '../../../src/messages/ids.ts';

const hexBytes = z.string().regex(/^([0-9A-F]{2})*$/, 'upper-case hex');
const iccid = z.string().regex(/^[0-9A-F]{20}$/, 'an ICCID of 20 hex digits');
const count = z.int().min(0);

const profileRecord = z.strictObject({
  /** AID of the ISD-P. */
  aid: hexBytes,
  iccid,
  enabled: z.boolean(),
  /** StoreMetadataRequest `BF25…` as it came. */
  metadata: hexBytes,
  /** What was installed: octets, SHA-256 and number of elements of the package, and the IMSI that it has. */
  size: count,
  sha256: hexBytes,
  elements: count,
  imsi: z.string().exactOptional(),
  /** It is the fallback profile; one at most is. */
  fallbackAttribute: z.literal(true).exactOptional(),
});
export type ProfileRecord = z.infer<typeof profileRecord>;

const eimRecord = z.strictObject({
  eimId: z.string(),
  /** EimConfigurationData `30…`, without counter and token. */
  configuration: hexBytes,
  /** Highest counterValue accepted. */
  counterValue: count,
  associationToken: count.exactOptional(),
});
export type EimRecord = z.infer<typeof eimRecord>;

/** A pending notification (`BF37…` or `30…`) with its metadata `BF2F…`, or a package result (`BF51…`). */
const notificationRecord = z.strictObject({
  seqNumber: count,
  metadata: hexBytes,
  bytes: hexBytes,
});
export type NotificationRecord = z.infer<typeof notificationRecord>;
const resultRecord = z.strictObject({ seqNumber: count, bytes: hexBytes });

/** What ProfileRollback needs, after an enable with rollbackFlag and until its result is removed (SGP.32 5.9.3). */
const rollbackRecord = z.strictObject({
  /** The profile to go back to. */
  previous: iccid,
  /** The result not delivered yet: it is replaced. */
  seqNumber: count,
  eimId: z.string(),
  counterValue: count,
  eimTransactionId: hexBytes.exactOptional(),
  associationToken: count.exactOptional(),
  /** EuiccResultData of the package, one after the other. */
  results: hexBytes,
  /** Of the switch: never delivered once it is rolled back. */
  notifications: z.array(count),
});

/** A profile enabled for a while; `previous` is the one to go back to, absent where none was enabled. */
const switchRecord = z.strictObject({ previous: iccid.exactOptional() });

const euiccState = z.strictObject({
  eid: z.string().refine(isEid, 'an EID'),
  /** The last number given; notifications, installation results and package results share it, and it never goes back. */
  lastSeqNumber: count,
  /** The last association token made; never goes back either. */
  lastAssociationToken: count,
  /** Octets of non-volatile memory that profiles may still take. */
  freeMemory: count,
  profiles: z.array(profileRecord),
  eims: z.array(eimRecord),
  notifications: z.array(notificationRecord),
  packageResults: z.array(resultRecord),
  defaultDpAddress: z.string().exactOptional(),
  rootDsAddress: z.string(),
  /** Immediate enabling is configured, of profiles of this SM-DP+ alone where one is named. */
  immediateEnable: z
    .strictObject({ smdpOid: z.string().exactOptional(), smdpAddress: z.string().exactOptional() })
    .exactOptional(),
  rollback: rollbackRecord.exactOptional(),
  /** The fallback profile is enabled. */
  fallback: switchRecord.exactOptional(),
  /** The emergency profile is enabled. */
  emergency: switchRecord.exactOptional(),
  /** otSK.EUICC.ECKA of a download whose package was not installed, and the SM-DP+ that has its public half. */
  unusedKey: z.strictObject({ smdpOid: z.string(), privateKey: hexBytes }).exactOptional(),
  /** An enable or disable that takes effect for the device at the next reset (REFRESH). */
  refreshPending: z.boolean(),
});
export type EuiccState = z.infer<typeof euiccState>;

/** A state that is none: a file of another version, or damaged. */
export class EuiccStateError extends Error {
  override readonly name = 'EuiccStateError';
}

/** Checks a state that was kept outside. Throws EuiccStateError. */
export function parseState(value: unknown): EuiccState {
  const parsed = euiccState.safeParse(value);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw new EuiccStateError(`${issue?.path.join('.') || 'state'}: ${issue?.message}`);
}

/** A eUICC as it leaves the factory. */
export function freshState(eid: string, freeMemory: number): EuiccState {
  return {
    eid,
    lastSeqNumber: 0,
    lastAssociationToken: 0,
    freeMemory,
    profiles: [],
    eims: [],
    notifications: [],
    packageResults: [],
    rootDsAddress: 'testrootsmds.example.com',
    refreshPending: false,
  };
}

function isEid(text: string): boolean {
  try {
    parseEid(text);
    return true;
  } catch {
    return false;
  }
}

/**
 * Profile Metadata as the SM-DP+ announces it (SGP.22 5.6.3) and as the bound profile package stores it: what the eIM
 * reads in it, and what it checks for an IPA that leaves that to the eIM (eimProfileMetadataVerification, SGP.32
 * 2.11.2.2). See docs/interpretation-log.md#profile-metadata-verification
 */
import { createHash } from 'node:crypto';
import { concat, equal, toHex } from '../base/bytes.ts';
import type { EuiccRecord } from '../fleet/euiccs.ts';
import { IdError, iccidDigits, parseIccid } from '../messages/ids.ts';
import type { RulesAuthorisationTable } from '../messages/psmo.ts';
import { EUICCInfo2, type OperatorId, StoreMetadataRequest } from '../messages/rsp.ts';
import { DerError, readAll, readOnly } from '../messages/tlv.ts';

/** Why a profile is not to be downloaded; `ppr`: for its Profile Policy Rules. */
export interface MetadataFault {
  readonly about: 'ppr' | 'other';
  /** For people. */
  readonly complaint: string;
}

/**
 * What speaks against the announced profile, as far as the eIM knows the eUICC: its profiles where they are not in doubt,
 * the rules that it forbids, its Rules Authorisation Table where that was asked for. What is not known is the eUICC's to
 * judge.
 * @param euiccInfo2 `BF22…` of this session
 */
export function metadataFault(
  record: Pick<EuiccRecord, 'profiles' | 'doubts' | 'rulesAuthorisationTable'>,
  profileMetadata: Uint8Array | undefined,
  euiccInfo2: Uint8Array | undefined,
): MetadataFault | undefined {
  if (profileMetadata === undefined) {
    return { about: 'other', complaint: 'the SM-DP+ sent no metadata that could be verified' };
  }
  let metadata: StoreMetadataRequest;
  try {
    metadata = StoreMetadataRequest.decode(profileMetadata);
  } catch (error) {
    if (!(error instanceof DerError)) throw error;
    return { about: 'other', complaint: `its metadata cannot be read: ${error.message}` };
  }
  const iccid = toHex(metadata.iccid);
  const { profiles, doubts, rulesAuthorisationTable } = record;
  if (doubts.profiles === undefined && profiles?.list.some((one) => one.iccid === iccid)) {
    const complaint = `the eUICC has a profile of ICCID ${printedIccid(iccid)} already: delete it first, or order another`;
    return { about: 'other', complaint };
  }
  for (const rule of policyRules(metadata.profilePolicyRules)) {
    const complaint = refusalOf(rule, metadata.profileOwner, euiccInfo2, rulesAuthorisationTable);
    if (complaint !== undefined) return { about: 'ppr', complaint };
  }
  return undefined;
}

type PolicyRule = 'ppr1' | 'ppr2';
type PprIds = StoreMetadataRequest['profilePolicyRules'];

/** pprUpdateControl is a setting, and no rule that needs permission. */
function policyRules(ids: PprIds = []): readonly PolicyRule[] {
  return ids.filter((id): id is PolicyRule => id === 'ppr1' || id === 'ppr2');
}

function refusalOf(
  rule: PolicyRule,
  owner: OperatorId | undefined,
  euiccInfo2: Uint8Array | undefined,
  table: RulesAuthorisationTable | undefined,
): string | undefined {
  const name = rule.toUpperCase();
  if (forbiddenRules(euiccInfo2).includes(rule)) {
    return `its Profile Policy Rules have ${name}, which this eUICC forbids (forbiddenProfilePolicyRules)`;
  }
  if (table === undefined) return undefined;
  if (owner === undefined) {
    return `its Profile Policy Rules have ${name}, and it names no owner that might be allowed it`;
  }
  const isAllowed = table.some(
    ({ pprIds, allowedOperators }) =>
      pprIds.includes(rule) && allowedOperators.some((allowed) => fitsOperator(allowed, owner)),
  );
  if (isAllowed) return undefined;
  return `its Profile Policy Rules have ${name}, which the eUICC's Rules Authorisation Table allows no profile of operator ${toHex(owner.mccMnc)}`;
}

function forbiddenRules(euiccInfo2: Uint8Array | undefined): readonly PolicyRule[] {
  if (euiccInfo2 === undefined) return [];
  try {
    return policyRules(EUICCInfo2.decode(euiccInfo2).forbiddenProfilePolicyRules);
  } catch (error) {
    // Nobody between eUICC and SM-DP+ has to be able to read it.
    if (!(error instanceof DerError)) throw error;
    return [];
  }
}

/** mccMnc by its digits, of which an E stands for any; a gid that the table leaves out, or leaves empty, is any. */
function fitsOperator(allowed: OperatorId, owner: OperatorId): boolean {
  const digits = toHex(owner.mccMnc);
  const pattern = [...toHex(allowed.mccMnc)];
  return (
    pattern.every((digit, i) => digit === 'E' || digit === digits[i]) &&
    fitsGroup(allowed.gid1, owner.gid1) &&
    fitsGroup(allowed.gid2, owner.gid2)
  );
}

function fitsGroup(allowed: Uint8Array | undefined, owned: Uint8Array | undefined): boolean {
  if (allowed === undefined || allowed.length === 0) return true;
  return owned !== undefined && equal(allowed, owned);
}

/**
 * SHA-256 of the metadata, written as the standard has it: the same for encodings that say the same. Throws DerError
 * where it is none.
 * @param metadata `BF25…`
 */
export function metadataHash(metadata: Uint8Array): Uint8Array {
  const canonical = StoreMetadataRequest.encode(StoreMetadataRequest.decode(metadata));
  return new Uint8Array(createHash('sha256').update(canonical).digest());
}

/** Octets of MAC behind each segment of the bound profile package (SGP.22 2.5.3). */
const macLength = 8;

/**
 * The StoreMetadata within a bound profile package (SGP.22 2.5.4): its segments carry a MAC and are not encrypted. Throws
 * DerError where there is none, or more than one: which of them a eUICC takes, nobody says.
 * @param boundProfilePackage `BF36…`
 */
export function boundMetadata(boundProfilePackage: Uint8Array): Uint8Array {
  const parts = readAll(readOnly(boundProfilePackage, 'boundProfilePackage').value);
  const [segments, ...more] = parts.filter(({ tag }) => tag === 0xa1);
  if (segments === undefined) throw new DerError('boundProfilePackage', 'has no StoreMetadata');
  if (more.length > 0) throw new DerError('boundProfilePackage', 'has more than one StoreMetadata');
  return concat(
    ...readAll(segments.value, 'sequenceOf88').map(({ tag, value }) => {
      if (tag === 0x88 && value.length > macLength) return value.subarray(0, -macLength);
      throw new DerError('sequenceOf88', 'has a segment that is none');
    }),
  );
}

/** ICCID as in EF.ICCID; undefined where the metadata cannot be read, which is for the eUICC to judge. */
export function iccidIn(profileMetadata: Uint8Array): string | undefined {
  try {
    return toHex(StoreMetadataRequest.decode(profileMetadata).iccid);
  } catch (error) {
    if (!(error instanceof DerError)) throw error;
    return undefined;
  }
}

/** Whom Profile Metadata has told of the installation; none where it cannot be read. */
export function installAddresses(profileMetadata: Uint8Array | undefined): readonly string[] {
  if (profileMetadata === undefined) return [];
  try {
    const { notificationConfigurationInfo = [] } = StoreMetadataRequest.decode(profileMetadata);
    return notificationConfigurationInfo
      .filter((one) => one.profileManagementOperation.includes('notificationInstall'))
      .map((one) => one.notificationAddress);
  } catch (error) {
    if (!(error instanceof DerError)) throw error;
    return [];
  }
}

/** An ICCID as on the card; as it came where it holds no digits. */
export function printedIccid(iccid: string | undefined): string {
  if (iccid === undefined) return 'unknown';
  try {
    return iccidDigits(parseIccid(iccid));
  } catch (error) {
    if (!(error instanceof IdError)) throw error;
    return iccid;
  }
}

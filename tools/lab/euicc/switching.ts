/**
 * Profiles that the IPA switches by itself: rollback, immediate enabling, fallback, emergency (SGP.32 5.9.3 to 5.9.10),
 * and what the eUICC is configured to for it.
 */
import { concat, hex, toHex } from '../../../src/base/bytes.ts';
import {
  ConfigImmediateEnableResult,
  ConfigureImmediateProfileEnablingRequest,
  ConfigureImmediateProfileEnablingResponse,
  DisableEmergencyProfileRequest,
  DisableEmergencyProfileResponse,
  DisableEmergencyProfileResult,
  EnableEmergencyProfileRequest,
  EnableEmergencyProfileResponse,
  EnableEmergencyProfileResult,
  ExecuteFallbackMechanismRequest,
  ExecuteFallbackMechanismResponse,
  ExecuteFallbackMechanismResult,
  GetRatResponse,
  ImmediateEnableRequest,
  ImmediateEnableResponse,
  ImmediateEnableResult,
  ProfileRollbackRequest,
  ProfileRollbackResponse,
  ProfileRollbackResult,
  ReturnFromFallbackRequest,
  ReturnFromFallbackResponse,
  ReturnFromFallbackResult,
} from '../../../src/messages/es10.ts';
import { EuiccResultData } from '../../../src/messages/euicc-package.ts';
import type { RulesAuthorisationTable } from '../../../src/messages/psmo.ts';
import type { Infer } from '../../../src/messages/schema.ts';
import { readAll } from '../../../src/messages/tlv.ts';
import type { Chip } from './chip.ts';
import { signedResult } from './package-result.ts';
import { enabledProfile, metadataOf, profileOf, switchTo } from './profiles.ts';

/**
 * ES10b.ProfileRollback, `BF58`: once, while the result of the enable is not delivered. The profile of before is enabled
 * again, and a new result takes the place of the old; notifications of the switch are never delivered.
 */
export function profileRollback(chip: Chip, command: Uint8Array): Uint8Array {
  ProfileRollbackRequest.decode(command);
  const { rollback } = chip.state;
  const refused = (cmdResult: number) => ProfileRollbackResponse.encode({ cmdResult });
  if (rollback === undefined) return refused(ProfileRollbackResult.rollbackNotAllowed);
  if (chip.faults.catBusy === true) return refused(ProfileRollbackResult.catBusy);
  const { state } = chip;
  delete state.rollback;
  const enabled = enabledProfile(chip);
  if (enabled !== undefined) enabled.enabled = false;
  const previous = profileOf(chip, rollback.previous);
  if (previous !== undefined) previous.enabled = true;
  state.refreshPending = true;
  state.notifications = state.notifications.filter(
    ({ seqNumber }) => !rollback.notifications.includes(seqNumber),
  );
  state.packageResults = state.packageResults.filter(
    ({ seqNumber }) => seqNumber !== rollback.seqNumber,
  );
  const { eimId, counterValue, eimTransactionId, associationToken } = rollback;
  const { result } = signedResult(
    chip,
    {
      eimId,
      counterValue,
      associationToken,
      eimTransactionId: eimTransactionId === undefined ? undefined : hex(eimTransactionId),
    },
    [
      ...readAll(hex(rollback.results)).map(({ raw }) => EuiccResultData.decode(raw)),
      { type: 'rollbackResult', value: chip.faults.rollback ?? 0 },
    ],
  );
  return ProfileRollbackResponse.encode({
    cmdResult: ProfileRollbackResult.ok,
    eUICCPackageResult: result,
  });
}

interface ImmediateEnable {
  readonly immediateEnableFlag?: true | undefined;
  readonly defaultSmdpOid?: string | undefined;
  readonly defaultSmdpAddress?: string | undefined;
}

export function configureImmediateEnable(
  chip: Chip,
  { immediateEnableFlag, defaultSmdpOid, defaultSmdpAddress }: ImmediateEnable,
): void {
  delete chip.state.immediateEnable;
  if (immediateEnableFlag === undefined) return;
  chip.state.immediateEnable = {
    ...(defaultSmdpOid === undefined ? {} : { smdpOid: defaultSmdpOid }),
    ...(defaultSmdpAddress === undefined ? {} : { smdpAddress: defaultSmdpAddress }),
  };
}

/** ES10b.ConfigureImmediateProfileEnabling, `BF59`: the device may while no eIM is associated. */
export function configureImmediateProfileEnabling(chip: Chip, command: Uint8Array): Uint8Array {
  const request = ConfigureImmediateProfileEnablingRequest.decode(command);
  const isFree = chip.state.eims.length === 0;
  if (isFree) configureImmediateEnable(chip, request);
  return ConfigureImmediateProfileEnablingResponse.encode({
    configImmediateEnableResult: isFree
      ? ConfigImmediateEnableResult.ok
      : ConfigImmediateEnableResult.associatedEimAlreadyExists,
  });
}

/** ES10b.ImmediateEnable, `BF5A`: of the profile that was installed in this session. */
export function immediateEnable(chip: Chip, command: Uint8Array): Uint8Array {
  ImmediateEnableRequest.decode(command);
  return ImmediateEnableResponse.encode({ immediateEnableResult: enableInstalled(chip) });
}

function enableInstalled(chip: Chip): number {
  const { installed } = chip;
  const { immediateEnable: configured } = chip.state;
  if (installed === undefined) return ImmediateEnableResult.noSessionContext;
  const { smdpOid = installed.smdpOid, smdpAddress = installed.serverAddress } = configured ?? {};
  const isOfIts = smdpOid === installed.smdpOid && smdpAddress === installed.serverAddress;
  const record = profileOf(chip, installed.iccid);
  if (configured === undefined || !isOfIts || record === undefined || isLocked(chip)) {
    return ImmediateEnableResult.immediateEnableNotAvailable;
  }
  if (chip.faults.catBusy === true) return ImmediateEnableResult.catBusy;
  chip.installed = undefined;
  switchTo(chip, record);
  return ImmediateEnableResult.ok;
}

/** Whether the enabled profile may not be disabled (PPR1). */
function isLocked(chip: Chip): boolean {
  const enabled = enabledProfile(chip);
  return (
    enabled !== undefined && (metadataOf(enabled).profilePolicyRules?.includes('ppr1') ?? false)
  );
}

/** ES10b.ExecuteFallbackMechanism, `BF5D`. */
export function executeFallback(chip: Chip, command: Uint8Array): Uint8Array {
  ExecuteFallbackMechanismRequest.decode(command);
  const executeFallbackMechanismResult = toFallback(chip);
  return ExecuteFallbackMechanismResponse.encode({ executeFallbackMechanismResult });
}

function toFallback(chip: Chip): number {
  const { state } = chip;
  const record = state.profiles.find((profile) => profile.fallbackAttribute);
  if (state.emergency !== undefined) return ExecuteFallbackMechanismResult.ecallActive;
  if (record === undefined) return ExecuteFallbackMechanismResult.fallbackNotAvailable;
  if (record.enabled) return ExecuteFallbackMechanismResult.profileNotInDisabledState;
  if (chip.faults.catBusy === true) return ExecuteFallbackMechanismResult.catBusy;
  state.fallback = leaving(chip);
  delete state.rollback;
  switchTo(chip, record);
  return ExecuteFallbackMechanismResult.ok;
}

/** ES10b.ReturnFromFallback, `BF5E`. */
export function returnFromFallback(chip: Chip, command: Uint8Array): Uint8Array {
  ReturnFromFallbackRequest.decode(command);
  const { state } = chip;
  let result: number = ReturnFromFallbackResult.ok;
  if (state.fallback === undefined) result = ReturnFromFallbackResult.fallbackNotAvailable;
  else if (chip.faults.catBusy === true) result = ReturnFromFallbackResult.catBusy;
  else {
    switchTo(chip, profileOf(chip, state.fallback.previous));
    delete state.fallback;
  }
  return ReturnFromFallbackResponse.encode({ returnFromFallbackResult: result });
}

/** ES10b.EnableEmergencyProfile, `BF5B`. Nobody is notified. */
export function enableEmergencyProfile(chip: Chip, command: Uint8Array): Uint8Array {
  EnableEmergencyProfileRequest.decode(command);
  const { state } = chip;
  const record = state.profiles.find((profile) => metadataOf(profile).ecallIndication === true);
  let result: number = EnableEmergencyProfileResult.ok;
  if (record === undefined) result = EnableEmergencyProfileResult.ecallNotAvailable;
  else if (record.enabled) result = EnableEmergencyProfileResult.profileNotInDisabledState;
  else if (chip.faults.catBusy === true) result = EnableEmergencyProfileResult.catBusy;
  else {
    state.emergency = leaving(chip);
    silently(chip, record.iccid);
  }
  return EnableEmergencyProfileResponse.encode({ enableEmergencyProfileResult: result });
}

/** ES10b.DisableEmergencyProfile, `BF5C`. */
export function disableEmergencyProfile(chip: Chip, command: Uint8Array): Uint8Array {
  DisableEmergencyProfileRequest.decode(command);
  const { state } = chip;
  let result: number = DisableEmergencyProfileResult.ok;
  if (state.emergency === undefined)
    result = DisableEmergencyProfileResult.profileNotInEnabledState;
  else if (chip.faults.catBusy === true) result = DisableEmergencyProfileResult.catBusy;
  else {
    silently(chip, state.emergency.previous);
    delete state.emergency;
  }
  return DisableEmergencyProfileResponse.encode({ disableEmergencyProfileResult: result });
}

/** The profile to come back to. */
function leaving(chip: Chip): { previous?: string } {
  const previous = enabledProfile(chip)?.iccid;
  return previous === undefined ? {} : { previous };
}

function silently(chip: Chip, iccid: string | undefined): void {
  for (const profile of chip.state.profiles) profile.enabled = profile.iccid === iccid;
  chip.state.refreshPending = true;
}

/** MCC and MNC of any operator (SGP.22 2.4a.1.2). */
const anyOperator = hex('EEEEEE');

/** One rule for what this eUICC lets profiles of any operator have; none where it lets them have nothing. */
export function rulesAuthorisationTable(chip: Chip): Infer<typeof RulesAuthorisationTable> {
  const pprIds = chip.options.allowedRules ?? ['ppr1', 'ppr2'];
  if (pprIds.length === 0) return [];
  return [{ pprIds, allowedOperators: [{ mccMnc: anyOperator }], pprFlags: [] }];
}

/** ES10b.GetRAT, `BF43`. */
export function getRat(chip: Chip): Uint8Array {
  return GetRatResponse.encode({ rat: rulesAuthorisationTable(chip) });
}

/** The results one after the other, as they are kept for a rollback. */
export function resultsInHex(results: readonly EuiccResultData[]): string {
  return toHex(concat(...results.map((result) => EuiccResultData.encode(result))));
}

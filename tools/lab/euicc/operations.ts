/** The operations of an eUICC Package on the virtual eUICC, one after the other (SGP.32 2.11.1, 3.3, 5.9.1). */
import { utf8 } from '../../../src/base/bytes.ts';
import { Eco } from '../../../src/messages/eco.ts';
import { EuiccResultData, ProcessingTerminated } from '../../../src/messages/euicc-package.ts';
import {
  ConfigureImmediateEnableResult,
  ProfileInfoListError,
  Psmo,
  SetDefaultDpAddressResult,
} from '../../../src/messages/psmo.ts';
import type { Infer } from '../../../src/messages/schema.ts';
import { DerError, readTlv } from '../../../src/messages/tlv.ts';
import type { Begun, Chip } from './chip.ts';
import { addAnotherEim, deleteEim, listEim, updateEim } from './eims.ts';
import {
  deleteProfile,
  disableProfile,
  enabledProfile,
  enableProfile,
  listProfileInfo,
  setFallbackAttribute,
  unsetFallbackAttribute,
} from './profiles.ts';
import { configureImmediateEnable, rulesAuthorisationTable } from './switching.ts';

/** Most octets of the results of one package where the options do not say. */
const defaultMostOctets = 16 * 1024;
/** Most octets of an address that the card has room for. */
const longestAddress = 255;

/** What the operations of one package have to know of each other. */
interface Progress {
  enables: number;
  disables: number;
  /** An operation of this package changed the state of a profile. */
  changed: boolean;
  /** The profile that a rollback goes back to. */
  previous?: string;
}

export interface Executed {
  readonly results: readonly EuiccResultData[];
  /** ICCID of the profile that ProfileRollback may go back to. */
  readonly previous?: string;
}

/**
 * Carries the operations out in order, up to the first that fails; its result is the last.
 * @param list contents of psmoList or ecoList
 * @param begins told of each operation before it is carried out
 */
export function execute(
  chip: Chip,
  kind: 'psmoList' | 'ecoList',
  list: Uint8Array,
  begins: (operation: Begun['operation']) => void,
): Executed {
  const progress: Progress = { enables: 0, disables: 0, changed: false };
  const results: EuiccResultData[] = [];
  let octets = 0;
  for (let rest = list, number = 1; rest.length > 0; number++) {
    let result: EuiccResultData;
    if (number === chip.faults.powerCutAtOperation) {
      result = terminated(ProcessingTerminated.interruption);
    } else if (chip.faults.processingTerminated !== undefined) {
      result = terminated(chip.faults.processingTerminated);
    } else {
      try {
        const { raw } = readTlv(rest);
        rest = rest.subarray(raw.length);
        if (kind === 'psmoList') {
          const psmo = Psmo.decode(raw);
          begins(psmo.type);
          result = runPsmo(chip, psmo, progress);
        } else {
          const eco = Eco.decode(raw);
          begins(eco.type);
          result = runEco(chip, eco);
        }
      } catch (error) {
        if (!(error instanceof DerError)) throw error;
        result = damaged;
      }
    }
    octets += EuiccResultData.encode(result).length;
    if (octets > (chip.options.mostResultOctets ?? defaultMostOctets)) {
      result = terminated(ProcessingTerminated.resultSizeOverflow);
    }
    results.push(result);
    if (isFailure(result)) break;
  }
  const { previous } = progress;
  return { results, ...(previous === undefined ? {} : { previous }) };
}

function terminated(value: number): EuiccResultData {
  return { type: 'processingTerminated', value };
}

/** What is not understood: a command that this eUICC does not have, or one that cannot be read. */
const damaged = terminated(ProcessingTerminated.unknownOrDamagedCommand);

function runPsmo(chip: Chip, psmo: Psmo, progress: Progress): EuiccResultData {
  if (psmo.type === 'unknown') return damaged;
  const fault = chip.faults.operations?.[psmo.type];
  switch (psmo.type) {
    case 'enable': {
      progress.enables += 1;
      if (progress.enables > 1) return damaged;
      const { iccid, rollbackFlag } = psmo.value;
      const previous = enabledProfile(chip)?.iccid;
      const value = fault ?? enableProfile(chip, iccid, rollbackFlag === true);
      progress.changed ||= value === 0;
      if (value === 0 && rollbackFlag === true && previous !== undefined) {
        progress.previous = previous;
      }
      return { type: 'enableResult', value };
    }
    case 'disable': {
      progress.disables += 1;
      if (progress.disables > 1) return damaged;
      const value = fault ?? disableProfile(chip, psmo.value.iccid);
      progress.changed ||= value === 0;
      return { type: 'disableResult', value };
    }
    case 'delete': {
      const value = fault ?? deleteProfile(chip, psmo.value.iccid, progress.previous);
      progress.changed ||= value === 0;
      return { type: 'deleteResult', value };
    }
    case 'listProfileInfo': {
      const error = fault ?? (progress.changed ? ProfileInfoListError.profileChangeOngoing : 0);
      if (error !== 0) {
        const value = { type: 'profileInfoListError', value: error } as const;
        return { type: 'listProfileInfoResult', value };
      }
      const value = listProfileInfo(chip, psmo.value);
      return { type: 'listProfileInfoResult', value: { type: 'profileInfoListOk', value } };
    }
    case 'getRAT':
      return { type: 'getRATResult', value: rulesAuthorisationTable(chip) };
    case 'configureImmediateEnable': {
      const value = fault ?? immediateEnable(chip, psmo.value);
      return { type: 'configureImmediateEnableResult', value };
    }
    case 'setFallbackAttribute': {
      const value = fault ?? setFallbackAttribute(chip, psmo.value.iccid);
      return { type: 'setFallbackAttributeResult', value };
    }
    case 'unsetFallbackAttribute':
      return { type: 'unsetFallbackAttributeResult', value: fault ?? unsetFallbackAttribute(chip) };
    case 'setDefaultDpAddress': {
      const setDefaultDpAddressResult =
        fault ?? setDefaultDpAddress(chip, psmo.value.defaultDpAddress);
      return { type: 'setDefaultDpAddressResult', value: { setDefaultDpAddressResult } };
    }
  }
}

/** The flag alone says that it is on; an SM-DP+ without it is a mistake (docs/interpretation-log.md). */
function immediateEnable(
  chip: Chip,
  request: Extract<Infer<typeof Psmo>, { type: 'configureImmediateEnable' }>['value'],
): number {
  const { immediateEnableFlag, defaultSmdpOid, defaultSmdpAddress = '' } = request;
  if (immediateEnableFlag === undefined && (defaultSmdpOid ?? defaultSmdpAddress) !== '') {
    return ConfigureImmediateEnableResult.commandError;
  }
  if (utf8(defaultSmdpAddress).length > longestAddress) {
    return ConfigureImmediateEnableResult.insufficientMemory;
  }
  configureImmediateEnable(chip, request);
  return ConfigureImmediateEnableResult.ok;
}

/** An empty address: there is none any more. */
export function setDefaultDpAddress(chip: Chip, address: string): number {
  if (utf8(address).length > longestAddress) return SetDefaultDpAddressResult.undefinedError;
  if (address === '') delete chip.state.defaultDpAddress;
  else chip.state.defaultDpAddress = address;
  return SetDefaultDpAddressResult.ok;
}

function runEco(chip: Chip, eco: Eco): EuiccResultData {
  if (eco.type === 'unknown') return damaged;
  const fault = chip.faults.operations?.[eco.type];
  switch (eco.type) {
    case 'addEim': {
      const value =
        fault === undefined
          ? addAnotherEim(chip, eco.value)
          : ({ type: 'addEimResultCode', value: fault } as const);
      return { type: 'addEimResult', value };
    }
    case 'deleteEim':
      return { type: 'deleteEimResult', value: fault ?? deleteEim(chip, eco.value.eimId) };
    case 'updateEim':
      return { type: 'updateEimResult', value: fault ?? updateEim(chip, eco.value) };
    case 'listEim': {
      const value =
        fault === undefined
          ? ({ type: 'eimIdList', value: listEim(chip) } as const)
          : ({ type: 'listEimError', value: fault } as const);
      return { type: 'listEimResult', value };
    }
  }
}

function isFailure({ type, value }: EuiccResultData): boolean {
  switch (type) {
    case 'listProfileInfoResult':
      return value.type === 'profileInfoListError';
    case 'listEimResult':
      return value.type === 'listEimError';
    case 'addEimResult':
      return value.type === 'addEimResultCode' && value.value !== 0;
    case 'setDefaultDpAddressResult':
      return value.setDefaultDpAddressResult !== 0;
    // The eIM is gone, as asked.
    case 'deleteEimResult':
      return value !== 0 && value !== 2;
    default:
      return typeof value === 'number' && value !== 0;
  }
}

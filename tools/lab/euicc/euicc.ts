/**
 * The virtual eUICC: SGP.22 and SGP.32 functions with real keys, one ES10 command in, one response out. It verifies what
 * it is told, decrypts and reads what it installs, and refuses what is wrong with the standard's error. Commands come
 * whole; only a bound profile package comes in pieces, cut anywhere, and is answered with nothing until its end.
 *
 *   command ─▶ functions[tag] ─▶ response        state: state.ts, kept over a reset
 *   BF36…   ─▶ load-bound-profile-package.ts ─▶ BF37…         session: session.ts, gone with it
 */
import { IdError } from '../../../src/messages/ids.ts';
import {
  SetDefaultDpAddressRequest,
  SetDefaultDpAddressResponse,
} from '../../../src/messages/psmo.ts';
import { DerError, readOnly, readTlv, tlv } from '../../../src/messages/tlv.ts';
import { authenticateServer, getEuiccChallenge } from './authenticate-server.ts';
import { type Begun, Chip, type EuiccOptions, type Faults } from './chip.ts';
import { addInitialEim, getCerts, getEimConfigurationData } from './eims.ts';
import { euiccInfo1, euiccInfo2, getConfiguredAddresses, getEid } from './info.ts';
import { Loading } from './load-bound-profile-package.ts';
import { loadEuiccPackage } from './load-euicc-package.ts';
import { listNotifications, removeNotification, retrieveNotifications } from './notifications.ts';
import { setDefaultDpAddress } from './operations.ts';
import { cancelSession, prepareDownload } from './prepare-download.ts';
import { getProfilesInfo } from './profiles.ts';
import { type EuiccState, EuiccStateError, freshState, parseState } from './state.ts';
import {
  configureImmediateProfileEnabling,
  disableEmergencyProfile,
  enableEmergencyProfile,
  executeFallback,
  getRat,
  immediateEnable,
  profileRollback,
  returnFromFallback,
} from './switching.ts';

/** Answers one command; throws DerError where the command is not what its function takes. */
type EuiccFunction = (chip: Chip, command: Uint8Array) => Uint8Array;

/** The functions by their tag (SGP.22 5.7, SGP.32 5.9). */
const functions: ReadonlyMap<number, EuiccFunction> = new Map<number, EuiccFunction>([
  [0xbf20, euiccInfo1],
  [0xbf21, prepareDownload],
  [0xbf22, euiccInfo2],
  [0xbf28, listNotifications],
  [0xbf2b, retrieveNotifications],
  [0xbf2d, getProfilesInfo],
  [0xbf2e, getEuiccChallenge],
  [0xbf30, removeNotification],
  [0xbf38, authenticateServer],
  [0xbf3c, getConfiguredAddresses],
  [0xbf3e, getEid],
  [0xbf41, cancelSession],
  [0xbf43, getRat],
  [0xbf51, loadEuiccPackage],
  [0xbf55, getEimConfigurationData],
  [0xbf56, getCerts],
  [0xbf57, addInitialEim],
  [0xbf58, profileRollback],
  [0xbf59, configureImmediateProfileEnabling],
  [0xbf5a, immediateEnable],
  [0xbf5b, enableEmergencyProfile],
  [0xbf5c, disableEmergencyProfile],
  [0xbf5d, executeFallback],
  [0xbf5e, returnFromFallback],
  [0xbf65, defaultDpAddress],
]);

/** undefinedError(127), as the error arm of most functions has it. */
const undefinedError = tlv(0x81, Uint8Array.of(127));

const defaultFreeMemory = 2 ** 20;

/** ES10b.SetDefaultDpAddress, `BF65`. */
function defaultDpAddress(chip: Chip, command: Uint8Array): Uint8Array {
  const { defaultDpAddress: address } = SetDefaultDpAddressRequest.decode(command);
  const setDefaultDpAddressResult = setDefaultDpAddress(chip, address);
  return SetDefaultDpAddressResponse.encode({ setDefaultDpAddressResult });
}

export class Euicc {
  readonly #chip: Chip;

  /** A eUICC fresh from the factory; `restore` gives it a life lived before. Throws ChainError for bad certificates. */
  constructor(options: EuiccOptions) {
    const state = freshState(options.eid, options.freeMemory ?? defaultFreeMemory);
    if (options.rootDsAddress !== undefined) state.rootDsAddress = options.rootDsAddress;
    if (options.defaultDpAddress !== undefined) state.defaultDpAddress = options.defaultDpAddress;
    this.#chip = new Chip(options, state);
  }

  /** Errors to be answered on demand. */
  get faults(): Faults {
    return this.#chip.faults;
  }

  /** The operations of eUICC Packages that it began to carry out since it was made, in order. */
  get begun(): readonly Begun[] {
    return this.#chip.begun;
  }

  /** Whether an enable or disable waits for a reset to take effect for the device. */
  get refreshPending(): boolean {
    return this.#chip.state.refreshPending;
  }

  /**
   * One ES10 command in, its response out. Never throws for what it is given: a command that cannot be read is answered
   * with undefinedError(127) under its tag, as is a function that this eUICC does not have.
   */
  transmit(command: Uint8Array): Uint8Array {
    const { session } = this.#chip;
    if (session?.at === 'loading' && !(session.loading.betweenTlvs && isCommand(command))) {
      return session.loading.push(command);
    }
    if (session?.at === 'prepared' && beginsPackage(command)) {
      const loading = new Loading(this.#chip, session);
      this.#chip.session = { ...session, at: 'loading', loading };
      return loading.push(command);
    }
    try {
      const { tag } = readOnly(command);
      return functions.get(tag)?.(this.#chip, command) ?? tlv(tag, undefinedError);
    } catch (error) {
      if (error instanceof DerError || error instanceof IdError) return malformed(command);
      throw error;
    }
  }

  /** Power off and on: a session is gone, a load under way has failed, a pending refresh has taken effect. */
  reset(): void {
    this.#chip.endSession();
    this.#chip.state.refreshPending = false;
  }

  /** All that outlives a reset, as plain data: its certificates and their keys are not in it. */
  snapshot(): EuiccState {
    return structuredClone(this.#chip.state);
  }

  /** Takes a snapshot's place, with the session gone. Throws EuiccStateError for one of another eUICC or damaged. */
  restore(snapshot: unknown): void {
    const state = parseState(structuredClone(snapshot));
    if (state.eid !== this.#chip.options.eid) {
      throw new EuiccStateError(`the state is that of eUICC ${state.eid}`);
    }
    this.#chip.session = undefined;
    this.#chip.state = state;
  }
}

/** Whether these octets are one whole command of a function that there is. */
function isCommand(bytes: Uint8Array): boolean {
  try {
    return functions.has(readOnly(bytes).tag);
  } catch (error) {
    if (error instanceof DerError) return false;
    throw error;
  }
}

/** Whether these octets can be the beginning of a bound profile package, BF36. */
function beginsPackage(bytes: Uint8Array): boolean {
  return bytes[0] === 0xbf && (bytes.length === 1 || bytes[1] === 0x36);
}

/** undefinedError under the command's tag; on its own where not even that can be read. */
function malformed(command: Uint8Array): Uint8Array {
  try {
    return tlv(readTlv(command).tag, undefinedError);
  } catch (error) {
    if (error instanceof DerError) return undefinedError.slice();
    throw error;
  }
}

/**
 * ES10b.LoadEuiccPackage (SGP.32 5.9.1, 2.11): a package of the eIM, checked, carried out, and its signed result kept
 * until it is removed.
 */
import { concat, equal, fromUtf8, toHex } from '../../../src/base/bytes.ts';
import { signature as eimSignature, Octet16, TransactionId } from '../../../src/messages/basic.ts';
import {
  EuiccPackageErrorCode,
  EuiccPackageErrorDataSigned,
  EuiccPackageResult,
  EuiccPackageResultDataSigned,
  type EuiccResultData,
  maxCounterValue,
  ProcessingTerminated,
} from '../../../src/messages/euicc-package.ts';
import { integer, opaque, utf8String } from '../../../src/messages/primitives.ts';
import { ProfileInfoListError, Psmo } from '../../../src/messages/psmo.ts';
import {
  application,
  choice,
  context,
  type Infer,
  optional,
  sequence,
  signed,
  signedOf,
} from '../../../src/messages/schema.ts';
import { DerError, readAll, readOnly, readTlv, tlv } from '../../../src/messages/tlv.ts';
import { verifyEcdsa } from '../../../src/trust/ecdsa.ts';
import { tokenTlv } from '../../../src/trust/eim-signer.ts';
import type { Chip } from './chip.ts';
import { eimKey, eimOf } from './eims.ts';
import { deleteProfile, disableProfile, enableProfile, listProfileInfo } from './profiles.ts';
import type { EimRecord } from './state.ts';

/**
 * EuiccPackageRequest with its operations unread: the signature is judged first, and an operation that cannot be read is
 * a damaged command of a package that is otherwise good.
 */
const Envelope = sequence({
  eimId: context(0, utf8String(1, 128)),
  eidValue: application(26, Octet16),
  counterValue: context(1, integer()),
  eimTransactionId: optional(context(2, TransactionId)),
  euiccPackage: choice({ psmoList: opaque('psmoList', 0x30), ecoList: opaque('ecoList', 0x30) }),
});
type Envelope = Infer<typeof Envelope>;
const Request = context(81, sequence({ euiccPackageSigned: signed(Envelope), eimSignature }));

/** Most octets of a package (BF51 with tag and length) that the eUICC takes. */
const mostOctets = 16 * 1024;

/** Carries a package out: `BF51…` in, `BF51…` out. */
export function loadEuiccPackage(chip: Chip, command: Uint8Array): Uint8Array {
  let request: Infer<typeof Request>;
  try {
    request = Request.decode(command);
  } catch (error) {
    if (!(error instanceof DerError)) throw error;
    return unreadable(command);
  }
  const { value: envelope, raw } = request.euiccPackageSigned;
  const eim = eimOf(chip, envelope.eimId);
  const key = eim === undefined ? undefined : eimKey(eim);
  const input = concat(raw, tokenTlv(eim?.associationToken));
  if (eim === undefined || key === undefined || !verifyEcdsa(key, input, request.eimSignature)) {
    return EuiccPackageResult.encode({
      type: 'euiccPackageErrorUnsigned',
      value: {
        eimId: envelope.eimId,
        eimTransactionId: envelope.eimTransactionId,
        associationToken: eim?.associationToken,
      },
    });
  }
  const error = refusal(chip, eim, envelope, command.length);
  if (error !== undefined) return signedError(chip, eim, envelope, error);
  // The counter comes first: power lost from here on does not let the package in again.
  eim.counterValue = envelope.counterValue;
  return signedResult(chip, eim, envelope, execute(chip, envelope));
}

/** The checks behind the signature, in order: the EuiccPackageErrorCode of the first that fails. */
function refusal(
  chip: Chip,
  eim: EimRecord,
  envelope: Envelope,
  octets: number,
): number | undefined {
  if (chip.faults.loadEuiccPackage !== undefined) return chip.faults.loadEuiccPackage;
  if (octets > mostOctets) return EuiccPackageErrorCode.sizeOverflow;
  if (!equal(envelope.eidValue, chip.eid)) return EuiccPackageErrorCode.invalidEid;
  if (envelope.counterValue <= eim.counterValue) return EuiccPackageErrorCode.replayError;
  if (envelope.counterValue > maxCounterValue) return EuiccPackageErrorCode.counterValueOutOfRange;
  return undefined;
}

/** What the operations of one package have to know of each other. */
interface Progress {
  enables: number;
  disables: number;
  /** An operation of this package changed the state of a profile. */
  changed: boolean;
}

/** Carries the operations out in order, up to the first that fails; its result is the last. */
function execute(chip: Chip, { euiccPackage }: Envelope): EuiccResultData[] {
  const progress: Progress = { enables: 0, disables: 0, changed: false };
  const results: EuiccResultData[] = [];
  let rest = readOnly(euiccPackage.value).value;
  while (rest.length > 0) {
    let result: EuiccResultData;
    try {
      const { raw } = readTlv(rest);
      rest = rest.subarray(raw.length);
      result =
        euiccPackage.type === 'psmoList' ? runPsmo(chip, Psmo.decode(raw), progress) : damaged;
    } catch (error) {
      if (!(error instanceof DerError)) throw error;
      result = damaged;
    }
    results.push(result);
    if (isFailure(result)) break;
  }
  return results;
}

/** What is not understood: a command that this eUICC does not have, or one that cannot be read. */
const damaged: EuiccResultData = {
  type: 'processingTerminated',
  value: ProcessingTerminated.unknownOrDamagedCommand,
};

/** One operation. What this eUICC does not have yet is a command that it does not know. */
function runPsmo(chip: Chip, psmo: Psmo, progress: Progress): EuiccResultData {
  switch (psmo.type) {
    case 'enable': {
      progress.enables += 1;
      if (progress.enables > 1) return damaged;
      const value = enableProfile(chip, psmo.value.iccid);
      progress.changed ||= value === 0;
      return { type: 'enableResult', value };
    }
    case 'disable': {
      progress.disables += 1;
      if (progress.disables > 1) return damaged;
      const value = disableProfile(chip, psmo.value.iccid);
      progress.changed ||= value === 0;
      return { type: 'disableResult', value };
    }
    case 'delete': {
      const value = deleteProfile(chip, psmo.value.iccid);
      progress.changed ||= value === 0;
      return { type: 'deleteResult', value };
    }
    case 'listProfileInfo': {
      if (progress.changed) {
        const value = ProfileInfoListError.profileChangeOngoing;
        return { type: 'listProfileInfoResult', value: { type: 'profileInfoListError', value } };
      }
      const value = listProfileInfo(chip, psmo.value);
      return { type: 'listProfileInfoResult', value: { type: 'profileInfoListOk', value } };
    }
    default:
      return damaged;
  }
}

function isFailure(result: EuiccResultData): boolean {
  if (result.type === 'listProfileInfoResult') return result.value.type === 'profileInfoListError';
  return typeof result.value === 'number' && result.value !== 0;
}

function signedResult(
  chip: Chip,
  eim: EimRecord,
  { eimId, counterValue, eimTransactionId }: Envelope,
  euiccResult: EuiccResultData[],
): Uint8Array {
  const seqNumber = chip.nextSeqNumber();
  const euiccPackageResultDataSigned = signedOf(EuiccPackageResultDataSigned, {
    eimId,
    counterValue,
    eimTransactionId,
    seqNumber,
    euiccResult,
  });
  const bytes = EuiccPackageResult.encode({
    type: 'euiccPackageResultSigned',
    value: {
      euiccPackageResultDataSigned,
      euiccSignEPR: signWithToken(chip, eim, euiccPackageResultDataSigned.raw),
    },
  });
  chip.state.packageResults.push({ seqNumber, bytes: toHex(bytes) });
  return bytes;
}

/** Neither numbered nor kept. */
function signedError(
  chip: Chip,
  eim: EimRecord,
  { eimId, counterValue, eimTransactionId }: Envelope,
  euiccPackageErrorCode: number,
): Uint8Array {
  const euiccPackageErrorDataSigned = signedOf(EuiccPackageErrorDataSigned, {
    eimId,
    counterValue,
    eimTransactionId,
    euiccPackageErrorCode,
  });
  return EuiccPackageResult.encode({
    type: 'euiccPackageErrorSigned',
    value: {
      euiccPackageErrorDataSigned,
      euiccSignEPE: signWithToken(chip, eim, euiccPackageErrorDataSigned.raw),
    },
  });
}

function signWithToken(chip: Chip, eim: EimRecord, data: Uint8Array): Uint8Array {
  return chip.sign(concat(data, tokenTlv(eim.associationToken)));
}

/** The unsigned error of a package that cannot be read, with as much of its eimId as can be. */
function unreadable(command: Uint8Array): Uint8Array {
  return tlv(0xbf51, tlv(0xa2, tlv(0x80, eimIdOf(command))));
}

function eimIdOf(command: Uint8Array): Uint8Array {
  try {
    const [signed] = readAll(readOnly(command).value);
    const [eimId] = readAll(signed?.value ?? new Uint8Array());
    if (signed?.tag !== 0x30 || eimId?.tag !== 0x80 || eimId.value.length > 128) {
      return new Uint8Array();
    }
    fromUtf8(eimId.value);
    return eimId.value;
  } catch {
    // Whatever is wrong with it, what it leaves us is no eimId.
    return new Uint8Array();
  }
}

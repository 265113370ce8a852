/**
 * ES10b.LoadEuiccPackage (SGP.32 5.9.1, 2.11): a package of the eIM, checked, carried out, and its signed result kept
 * until it is removed.
 */
import { concat, equal, fromUtf8, toHex } from '../../../src/base/bytes.ts';
import { signature as eimSignature, Octet16, TransactionId } from '../../../src/messages/basic.ts';
import {
  EuiccPackageErrorCode,
  EuiccPackageResult,
  maxCounterValue,
} from '../../../src/messages/euicc-package.ts';
import { integer, opaque, utf8String } from '../../../src/messages/primitives.ts';
import {
  application,
  choice,
  context,
  type Infer,
  optional,
  sequence,
  signed,
} from '../../../src/messages/schema.ts';
import { DerError, readOnly, readTlv, tlv } from '../../../src/messages/tlv.ts';
import { verifyEcdsa } from '../../../src/trust/ecdsa.ts';
import { tokenTlv } from '../../../src/trust/eim-signer.ts';
import type { Chip } from './chip.ts';
import { eimKey, eimOf } from './eims.ts';
import { eventOf } from './notifications.ts';
import { execute } from './operations.ts';
import { signedError, signedResult } from './package-result.ts';
import type { EimRecord } from './state.ts';
import { resultsInHex } from './switching.ts';

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

/**
 * Carries a package out: `BF51…` in, `BF51…` out. Each check has its place, and the first that fails decides: form, size,
 * eimId and key, signature, eCall, EID, replay, range of the counter; then the counter is kept, and only then anything
 * done.
 */
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
  const { eimId, counterValue, eimTransactionId } = envelope;
  // An eIM may delete itself: the token is that of the association under which the package came.
  const of = { eimId, counterValue, eimTransactionId, associationToken: eim?.associationToken };
  if (command.length > mostOctets) return signedError(chip, of, EuiccPackageErrorCode.sizeOverflow);
  const key = eim === undefined ? undefined : eimKey(eim);
  const input = concat(raw, tokenTlv(verifiedWith(chip, eim)));
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
  const { associationToken } = of;
  const error = refusal(chip, eim, envelope);
  if (error !== undefined) return signedError(chip, of, error);
  // The counter comes first: power lost from here on does not let the package in again.
  eim.counterValue = counterValue;
  // The next package ends what the one before allowed.
  delete chip.state.rollback;
  const before = chip.state.lastSeqNumber;
  const { type, value } = envelope.euiccPackage;
  const { results, previous } = execute(chip, type, readOnly(value).value, (operation) =>
    chip.begun.push({ eimId, counterValue, operation }),
  );
  // Of the switch alone: what was deleted stays deleted.
  const notifications = chip.state.notifications
    .filter((one) => one.seqNumber > before && eventOf(one) !== 'notificationDelete')
    .map((one) => one.seqNumber);
  const { seqNumber, bytes } = signedResult(chip, of, results);
  if (previous !== undefined) {
    chip.state.rollback = {
      previous,
      seqNumber,
      eimId,
      counterValue,
      ...(eimTransactionId === undefined ? {} : { eimTransactionId: toHex(eimTransactionId) }),
      ...(associationToken === undefined ? {} : { associationToken }),
      results: resultsInHex(results),
      notifications,
    };
  }
  return bytes;
}

function verifiedWith(chip: Chip, eim: EimRecord | undefined): number | undefined {
  const token = eim?.associationToken;
  return chip.faults.otherToken === true ? (token ?? 0) + 1 : token;
}

/** The checks behind the signature, in order: the EuiccPackageErrorCode of the first that fails. */
function refusal(chip: Chip, eim: EimRecord, envelope: Envelope): number | undefined {
  if (chip.faults.loadEuiccPackage !== undefined) return chip.faults.loadEuiccPackage;
  if (chip.state.emergency !== undefined) return EuiccPackageErrorCode.ecallActive;
  if (!equal(envelope.eidValue, chip.eid)) return EuiccPackageErrorCode.invalidEid;
  if (envelope.counterValue <= eim.counterValue) return EuiccPackageErrorCode.replayError;
  if (envelope.counterValue > maxCounterValue) return EuiccPackageErrorCode.counterValueOutOfRange;
  return undefined;
}

/** The unsigned error of a package that cannot be read, with as much of its eimId as can be. */
function unreadable(command: Uint8Array): Uint8Array {
  return tlv(0xbf51, tlv(0xa2, tlv(0x80, eimIdOf(command))));
}

function eimIdOf(command: Uint8Array): Uint8Array {
  try {
    const signed = readTlv(readOnly(command).value);
    const eimId = readTlv(signed.value);
    if (signed.tag !== 0x30 || eimId.tag !== 0x80 || eimId.value.length > 128) {
      return new Uint8Array();
    }
    fromUtf8(eimId.value);
    return eimId.value;
  } catch {
    // Whatever is wrong with it, what it leaves us is no eimId.
    return new Uint8Array();
  }
}

/** Results of eUICC Packages: numbered, signed with the association token, kept until they are removed (SGP.32 2.11.2). */
import { concat, toHex } from '../../../src/base/bytes.ts';
import {
  EuiccPackageErrorDataSigned,
  EuiccPackageResult,
  EuiccPackageResultDataSigned,
  type EuiccResultData,
} from '../../../src/messages/euicc-package.ts';
import { signedOf } from '../../../src/messages/schema.ts';
import { tokenTlv } from '../../../src/trust/eim-signer.ts';
import type { Chip } from './chip.ts';

/** The package, and the token of the eIM that sent it. */
export interface PackageOf {
  readonly eimId: string;
  readonly counterValue: number;
  readonly eimTransactionId?: Uint8Array | undefined;
  readonly associationToken?: number | undefined;
}

export interface SignedResult {
  readonly result: EuiccPackageResult;
  readonly seqNumber: number;
  readonly bytes: Uint8Array;
}

export function signedResult(
  chip: Chip,
  { eimId, counterValue, eimTransactionId, associationToken }: PackageOf,
  euiccResult: readonly EuiccResultData[],
): SignedResult {
  const seqNumber = chip.nextSeqNumber();
  const euiccPackageResultDataSigned = signedOf(EuiccPackageResultDataSigned, {
    eimId,
    counterValue,
    ...named(chip, eimTransactionId),
    seqNumber,
    euiccResult,
  });
  const euiccSignEPR = signWithToken(chip, euiccPackageResultDataSigned.raw, associationToken);
  const result = {
    type: 'euiccPackageResultSigned',
    value: { euiccPackageResultDataSigned, euiccSignEPR },
  } as const;
  const bytes = EuiccPackageResult.encode(result);
  chip.state.packageResults.push({ seqNumber, bytes: toHex(bytes) });
  return { result, seqNumber, bytes };
}

/** Neither numbered nor kept. */
export function signedError(
  chip: Chip,
  { eimId, counterValue, eimTransactionId, associationToken }: PackageOf,
  euiccPackageErrorCode: number,
): Uint8Array {
  const euiccPackageErrorDataSigned = signedOf(EuiccPackageErrorDataSigned, {
    eimId,
    counterValue,
    ...named(chip, eimTransactionId),
    euiccPackageErrorCode,
  });
  const euiccSignEPE = signWithToken(chip, euiccPackageErrorDataSigned.raw, associationToken);
  return EuiccPackageResult.encode({
    type: 'euiccPackageErrorSigned',
    value: { euiccPackageErrorDataSigned, euiccSignEPE },
  });
}

function signWithToken(chip: Chip, data: Uint8Array, token: number | undefined): Uint8Array {
  return chip.sign(concat(data, tokenTlv(chip.faults.noToken === true ? undefined : token)));
}

function named(
  { faults }: Chip,
  eimTransactionId: Uint8Array | undefined,
): { readonly eimTransactionId?: Uint8Array } {
  if (eimTransactionId === undefined || faults.eimTransactionId === 'none') return {};
  const isAnother = faults.eimTransactionId === 'another';
  return { eimTransactionId: isAnother ? eimTransactionId.toReversed() : eimTransactionId };
}

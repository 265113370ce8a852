/**
 * eUICC Packages (SGP.32 3.3, 2.11.1): numbered, signed, sent. What comes back: euicc-package-result.ts.
 *
 * The counter is taken and the signed bytes are stored in the one commit that makes the order `work`. noble's RFC 6979
 * signatures are deterministic: the same package is the same bytes.
 */
import { EuiccPackageRequest, EuiccPackageSigned } from '../messages/euicc-package.ts';
import { type Eid, eidOctets } from '../messages/ids.ts';
import { signedOf } from '../messages/schema.ts';
import { euiccPackageOf, type PackageRequest } from '../orders/operations.ts';
import type { BuiltPackage, Eim } from './eim.ts';

/**
 * Builds `BF51…` for these operations, with the next counterValue of this eUICC. Throws CounterError where none is
 * left; BytesError or DerError where the operations are none.
 */
export async function buildEuiccPackage(
  eim: Eim,
  eid: Eid,
  request: PackageRequest,
  eimTransactionId: Uint8Array,
): Promise<BuiltPackage> {
  const euiccPackage = euiccPackageOf(request);
  const { counterValue, change, associationToken } = await eim.euiccs.nextCounter(eid);
  const euiccPackageSigned = signedOf(EuiccPackageSigned, {
    eimId: eim.id,
    eidValue: eidOctets(eid),
    counterValue,
    eimTransactionId,
    euiccPackage,
  });
  const eimPackage = EuiccPackageRequest.encode({
    euiccPackageSigned,
    eimSignature: eim.signer.sign(euiccPackageSigned.raw, associationToken),
  });
  return { eimPackage, counterValue, also: [change] };
}

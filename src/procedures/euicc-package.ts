/**
 * eUICC Packages (SGP.32 3.3, 2.11.1): numbered, signed, sent. What comes back: euicc-package-result.ts.
 *
 * The counter is taken and the signed bytes are stored in the one commit that makes the order `work`. noble's RFC 6979
 * signatures are deterministic: the same package is the same bytes.
 */
import { equal } from '../base/bytes.ts';
import type { EuiccRecord } from '../fleet/euiccs.ts';
import { EuiccPackageRequest, EuiccPackageSigned } from '../messages/euicc-package.ts';
import { type Eid, eidOctets } from '../messages/ids.ts';
import { signedOf } from '../messages/schema.ts';
import { BadOrderError, euiccPackageOf, type PackageRequest } from '../orders/operations.ts';
import type { EimSigner } from '../trust/eim-signer.ts';
import type { BuiltPackage, Eim } from './eim.ts';

/** The signer with the key that the eUICC knows this eIM by. Throws BadOrderError where it is gone. */
function signerFor(eim: Eim, { signingKey }: EuiccRecord): EimSigner {
  if (signingKey === undefined) return eim.signer;
  const signers = [eim.signer, ...eim.otherSigners];
  const found = signers.find(({ publicKeyInfo }) => equal(publicKeyInfo, signingKey));
  if (found !== undefined) return found;
  throw new BadOrderError(
    'the eUICC knows this eIM by a key that is not configured any more: name it in eim.signing.otherKeys',
  );
}

/**
 * Builds `BF51…` for these operations, with the next counterValue of this eUICC. Throws CounterError where none is
 * left, BadOrderError where the key is gone; BytesError or DerError where the operations are none.
 */
export async function buildEuiccPackage(
  eim: Eim,
  eid: Eid,
  request: PackageRequest,
  eimTransactionId: Uint8Array,
): Promise<BuiltPackage> {
  const euiccPackage = euiccPackageOf(request);
  const signer = signerFor(eim, await eim.euiccs.ensure(eid));
  const { counterValue, change, associationToken } = await eim.euiccs.nextCounter(
    eid,
    'eco' in request,
  );
  const euiccPackageSigned = signedOf(EuiccPackageSigned, {
    eimId: eim.id,
    eidValue: eidOctets(eid),
    counterValue,
    eimTransactionId,
    euiccPackage,
  });
  const eimPackage = EuiccPackageRequest.encode({
    euiccPackageSigned,
    eimSignature: signer.sign(euiccPackageSigned.raw, associationToken),
  });
  return { eimPackage, counterValue, also: [change] };
}

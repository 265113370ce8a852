/** Which of its keys an eUICC knows this eIM by, as the operator says it: SGP.32 2.11.1.1.1, eimPublicKeyData. */
import { equal, hex, toHex } from '../base/bytes.ts';
import type { EuiccRecord } from '../fleet/euiccs.ts';
import { badInput } from './api/errors.ts';
import type { Desk } from './desk.ts';

/** Octets of an uncompressed point, with which a SubjectPublicKeyInfo ends. */
const pointLength = 65;

/**
 * The key of this eIM at this point, as SubjectPublicKeyInfo, DER. Throws ApiError where the eIM has none such: it could
 * sign nothing that the eUICC takes.
 * @param point hex, `04…`
 */
export function ownSigningKey(
  { signingKeys }: Pick<Desk, 'signingKeys'>,
  point: string,
): Uint8Array {
  const wanted = hex(point);
  const found = signingKeys.find((key) => equal(key.subarray(-pointLength), wanted));
  if (found !== undefined) return found;
  throw badInput(
    'signingKey',
    'is no key that this eIM signs with: name its private key in eim.signing.otherKeys first',
  );
}

/** That which the eUICC was given, as its point in hex, `04…`; undefined: eim.signing.key. */
export function signingPoint({ signingKey }: EuiccRecord): string | undefined {
  return signingKey && toHex(signingKey.subarray(-pointLength));
}

/**
 * eUICC Packages (SGP.32 3.3, 2.11.1): numbered, signed, sent. What comes back: euicc-package-result.ts.
 *
 * The counter is taken and the signed bytes are stored in the one commit that makes the order `work`. noble's RFC 6979
 * signatures are deterministic: the same package is the same bytes.
 */
import { hex } from '../base/bytes.ts';
import { EuiccPackageRequest, EuiccPackageSigned } from '../messages/euicc-package.ts';
import { type Eid, eidOctets } from '../messages/ids.ts';
import type { Psmo } from '../messages/psmo.ts';
import { signedOf } from '../messages/schema.ts';
import type { PsmoRequest } from '../orders/order.ts';
import { BadOrderError, type BuiltPackage, type Eim } from './eim.ts';

/**
 * What a listProfileInfo without a tagList asks for: ICCID, AID, state, nickname, service provider, name, class,
 * fallback attribute (SGP.32 5.9.14; said explicitly, see docs/interpretation-log.md#listprofileinfo-taglist).
 */
const defaultTagList = hex('5A 4F 9F70 90 91 92 95 9F26');

/**
 * Builds `BF51…` for these PSMOs, with the next counterValue of this eUICC. Throws CounterError where none is left;
 * BadOrderError, BytesError or DerError where the operations are none.
 */
export async function buildEuiccPackage(
  eim: Eim,
  eid: Eid,
  psmos: readonly PsmoRequest[],
  eimTransactionId: Uint8Array,
): Promise<BuiltPackage> {
  const { counterValue, change, associationToken } = await eim.euiccs.nextCounter(eid);
  const euiccPackageSigned = signedOf(EuiccPackageSigned, {
    eimId: eim.id,
    eidValue: eidOctets(eid),
    counterValue,
    eimTransactionId,
    euiccPackage: { type: 'psmoList', value: psmos.map(psmo) },
  });
  const eimPackage = EuiccPackageRequest.encode({
    euiccPackageSigned,
    eimSignature: eim.signer.sign(euiccPackageSigned.raw, associationToken),
  });
  return { eimPackage, counterValue, also: [change] };
}

function psmo(request: PsmoRequest): Psmo {
  if ('enable' in request) {
    const { iccid, rollback } = request.enable;
    return {
      type: 'enable',
      value: { iccid: hex(iccid), ...(rollback === true ? { rollbackFlag: true as const } : {}) },
    };
  }
  if ('disable' in request)
    return { type: 'disable', value: { iccid: hex(request.disable.iccid) } };
  if ('delete' in request) return { type: 'delete', value: { iccid: hex(request.delete.iccid) } };
  if (!('listProfileInfo' in request)) {
    throw new BadOrderError('this eIM does not have an operation of this order');
  }
  const { searchCriteria, tagList } = request.listProfileInfo;
  return {
    type: 'listProfileInfo',
    value: {
      ...(searchCriteria === undefined ? {} : { searchCriteria: criteria(searchCriteria) }),
      tagList: tagList === undefined ? defaultTagList : hex(tagList),
    },
  };
}

type Criteria = NonNullable<Extract<Psmo, { type: 'listProfileInfo' }>['value']['searchCriteria']>;

function criteria(
  asked: NonNullable<
    Extract<PsmoRequest, { listProfileInfo: unknown }>['listProfileInfo']['searchCriteria']
  >,
): Criteria {
  if ('iccid' in asked) return { type: 'iccid', value: hex(asked.iccid) };
  if ('isdpAid' in asked) return { type: 'isdpAid', value: hex(asked.isdpAid) };
  return { type: 'profileClass', value: asked.profileClass };
}

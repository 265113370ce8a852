/**
 * An order's operations as the messages that carry them (SGP.32 2.11.1). Each throws BadOrderError, BytesError or
 * DerError where the request is none, which the checks of rest/api/ leave no room for.
 */
import { hex } from '../base/bytes.ts';
import { largestCounter } from '../fleet/euiccs.ts';
import { type Eco, EimConfigurationData } from '../messages/eco.ts';
import {
  type EuiccPackage,
  EuiccPackageRequest,
  EuiccPackageSigned,
} from '../messages/euicc-package.ts';
import type { IpaEuiccDataRequest } from '../messages/ipa-euicc-data.ts';
import { defaultProfileTags, type ProfileInfoListRequest, type Psmo } from '../messages/psmo.ts';
import { signedOf } from '../messages/schema.ts';
import type { EcoRequest, EdrRequest, OrderRequest, PsmoRequest } from './order.ts';

/** An order of a shape that this eIM cannot carry out. */
export class BadOrderError extends Error {
  override readonly name = 'BadOrderError';
}

/** An order that becomes an eUICC Package. */
export type PackageRequest = Extract<
  OrderRequest,
  { readonly psmo: unknown } | { readonly eco: unknown }
>;

export function isPackageRequest(request: OrderRequest): request is PackageRequest {
  return 'psmo' in request || 'eco' in request;
}

/** psmoList or ecoList, in the order of the request. */
export function euiccPackageOf(request: PackageRequest): EuiccPackage {
  return 'psmo' in request
    ? { type: 'psmoList', value: request.psmo.map(psmoOf) }
    : { type: 'ecoList', value: request.eco.map(ecoOf) };
}

function psmoOf(request: PsmoRequest): Psmo {
  if ('enable' in request) {
    const { iccid, rollback } = request.enable;
    return {
      type: 'enable',
      value: { iccid: hex(iccid), ...(rollback === true ? { rollbackFlag: true } : {}) },
    };
  }
  if ('disable' in request) return { type: 'disable', value: oneProfile(request.disable) };
  if ('delete' in request) return { type: 'delete', value: oneProfile(request.delete) };
  if ('listProfileInfo' in request) {
    return { type: 'listProfileInfo', value: profileInfoListRequest(request.listProfileInfo) };
  }
  if ('getRAT' in request) return { type: 'getRAT', value: {} };
  if ('configureImmediateEnable' in request) {
    return immediateEnable(request.configureImmediateEnable);
  }
  if ('configureAutoEnable' in request) {
    const { autoEnableFlag, smdpOid, smdpAddress } = request.configureAutoEnable;
    return immediateEnable({
      ...(autoEnableFlag === undefined ? {} : { immediateEnableFlag: autoEnableFlag }),
      ...(smdpOid === undefined ? {} : { defaultSmdpOid: smdpOid }),
      ...(smdpAddress === undefined ? {} : { defaultSmdpAddress: smdpAddress }),
    });
  }
  if ('setFallbackAttribute' in request) {
    return { type: 'setFallbackAttribute', value: oneProfile(request.setFallbackAttribute) };
  }
  if ('unsetFallbackAttribute' in request) return { type: 'unsetFallbackAttribute', value: {} };
  if (!('setDefaultDpAddress' in request)) throw unknownOperation(request);
  const { defaultDpAddress } = request.setDefaultDpAddress;
  return { type: 'setDefaultDpAddress', value: { defaultDpAddress } };
}

function oneProfile({ iccid }: { readonly iccid: string }): { readonly iccid: Uint8Array } {
  return { iccid: hex(iccid) };
}

/** The flag is a NULL: false is its absence, as is a request without it. */
function immediateEnable({
  immediateEnableFlag,
  ...smdp
}: Extract<PsmoRequest, { configureImmediateEnable: unknown }>['configureImmediateEnable']): Psmo {
  return {
    type: 'configureImmediateEnable',
    value: { ...(immediateEnableFlag === true ? { immediateEnableFlag } : {}), ...smdp },
  };
}

type ListRequest = Extract<PsmoRequest, { listProfileInfo: unknown }>['listProfileInfo'];

/** See docs/interpretation-log.md#listprofileinfo-taglist. */
function profileInfoListRequest({ searchCriteria, tagList }: ListRequest): ProfileInfoListRequest {
  return {
    ...(searchCriteria === undefined ? {} : { searchCriteria: criteria(searchCriteria) }),
    tagList: tagList === undefined ? defaultProfileTags : hex(tagList),
  };
}

function criteria(
  asked: NonNullable<ListRequest['searchCriteria']>,
): NonNullable<ProfileInfoListRequest['searchCriteria']> {
  if ('iccid' in asked) return { type: 'iccid', value: hex(asked.iccid) };
  if ('isdpAid' in asked) return { type: 'isdpAid', value: hex(asked.isdpAid) };
  return { type: 'profileClass', value: asked.profileClass };
}

function ecoOf(request: EcoRequest): Eco {
  if ('addEim' in request) return { type: 'addEim', value: configuration(request.addEim) };
  if ('updateEim' in request) return { type: 'updateEim', value: configuration(request.updateEim) };
  if ('deleteEim' in request) return { type: 'deleteEim', value: request.deleteEim };
  if ('listEim' in request) return { type: 'listEim', value: {} };
  throw unknownOperation(request);
}

/** Of an order that another version of this eIM has kept. */
function unknownOperation(request: object): BadOrderError {
  return new BadOrderError(`this eIM does not have the operation ${Object.keys(request).join()}`);
}

function configuration({
  eimConfigurationData,
}: {
  readonly eimConfigurationData: string;
}): EimConfigurationData {
  return EimConfigurationData.decode(hex(eimConfigurationData));
}

/** The data request, to be encoded with IpaEuiccDataRequest. */
export function dataRequestOf(
  {
    tagList,
    euiccCiPKId,
    searchCriteriaNotification,
    searchCriteriaEuiccPackageResult,
  }: EdrRequest,
  eimTransactionId: Uint8Array,
): IpaEuiccDataRequest {
  return {
    tagList: hex(tagList),
    ...(euiccCiPKId === undefined ? {} : { euiccCiPKIdentifierToBeUsed: hex(euiccCiPKId) }),
    ...(searchCriteriaNotification === undefined
      ? {}
      : { searchCriteriaNotification: notificationCriteria(searchCriteriaNotification) }),
    ...(searchCriteriaEuiccPackageResult === undefined
      ? {}
      : {
          searchCriteriaEuiccPackageResult: {
            type: 'seqNumber',
            value: searchCriteriaEuiccPackageResult.seqNumber,
          },
        }),
    eimTransactionId,
  };
}

function notificationCriteria(
  asked: NonNullable<EdrRequest['searchCriteriaNotification']>,
): NonNullable<IpaEuiccDataRequest['searchCriteriaNotification']> {
  if ('seqNumber' in asked) return { type: 'seqNumber', value: asked.seqNumber };
  return { type: 'profileManagementOperation', value: asked.profileManagementOperation };
}

/** Octets of the eUICC Package (`BF51…`) that this eIM would make of these operations, at the most. */
export function packageOctets(eimId: string, request: PackageRequest): number {
  return EuiccPackageRequest.encode({
    euiccPackageSigned: signedOf(EuiccPackageSigned, {
      eimId,
      eidValue: new Uint8Array(16),
      counterValue: largestCounter,
      eimTransactionId: new Uint8Array(16),
      euiccPackage: euiccPackageOf(request),
    }),
    eimSignature: new Uint8Array(64),
  }).length;
}

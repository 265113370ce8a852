/**
 * What an IPA told of its eUICC (IpaEuiccData, SGP.32 2.11.2.2): what of it is kept in the eIM's picture, and how the
 * outcome of an order shows it.
 */
import { toHex } from '../base/bytes.ts';
import type { EuiccPatch, EuiccRecord } from '../fleet/euiccs.ts';
import { EuiccPackageResultList } from '../messages/euicc-package.ts';
import { IpaCapabilities, type IpaEuiccData } from '../messages/ipa-euicc-data.ts';
import { PendingNotificationList } from '../messages/notifications.ts';
import { DeviceInfo } from '../messages/rsp.ts';
import type { Outcome } from '../orders/order.ts';
import type { Change } from '../store/store.ts';
import { ChainError } from '../trust/chain-error.ts';
import type { Eim } from './eim.ts';
import { learnt } from './learn-euicc.ts';

export interface KeptData {
  readonly changes: readonly Change[];
  /** Why the certificates prove nothing; `absent` where one of the two did not come. */
  readonly unproven?: string;
}

/**
 * The changes that keep what came. The certificates count only where they prove the EID; the rest the device says of
 * itself, unsigned: a wrong token makes the eUICC refuse packages, a wrong capability an IPA, and no more.
 */
export function keptData(eim: Eim, record: EuiccRecord, data: IpaEuiccData): KeptData {
  const { eid } = record;
  const origin = {
    at: eim.clock.now(),
    source: 'the IPA (data request)',
    sure: 'reported',
  } as const;
  const told = eim.euiccs.change(eid, factsOf(data), origin);
  const { euiccCertificate, eumCertificate } = data;
  if (euiccCertificate === undefined || eumCertificate === undefined) {
    return { changes: told, unproven: 'absent' };
  }
  try {
    return { changes: [...learnt(eim, record, { euiccCertificate, eumCertificate }), ...told] };
  } catch (error) {
    if (!(error instanceof ChainError)) throw error;
    return { changes: told, unproven: error.message };
  }
}

function factsOf(data: IpaEuiccData): EuiccPatch {
  const { associationToken, euiccInfo1, euiccInfo2, ipaCapabilities, deviceInfo } = data;
  const { defaultSmdpAddress, rootSmdsAddress } = data;
  return {
    // An association token is never negative (SGP.32 2.11.1.1).
    ...(associationToken === undefined || associationToken < 0 ? {} : { associationToken }),
    ...(euiccInfo1 === undefined ? {} : { euiccInfo1 }),
    ...(euiccInfo2 === undefined ? {} : { euiccInfo2 }),
    ...(ipaCapabilities === undefined
      ? {}
      : { ipaCapabilities: IpaCapabilities.encode(ipaCapabilities) }),
    ...(deviceInfo === undefined ? {} : { deviceInfo: DeviceInfo.encode(deviceInfo) }),
    ...(defaultSmdpAddress === undefined ? {} : { defaultSmdpAddress }),
    ...(rootSmdsAddress === undefined ? {} : { rootSmdsAddress }),
  };
}

/** `euiccDataResult` of the REST API: each object as the hex of its DER, under the tag of its own type. */
export function euiccDataOutcome(data: IpaEuiccData): Outcome {
  const { notificationsList, euiccPackageResultList, ipaCapabilities, deviceInfo } = data;
  const octets = {
    euiccInfo1: data.euiccInfo1,
    euiccInfo2: data.euiccInfo2,
    eumCertificate: data.eumCertificate,
    euiccCertificate: data.euiccCertificate,
    ipaCapabilities: ipaCapabilities && IpaCapabilities.encode(ipaCapabilities),
    deviceInfo: deviceInfo && DeviceInfo.encode(deviceInfo),
    notificationsList: notificationsList && PendingNotificationList.encode(notificationsList),
    euiccPackageResultList:
      euiccPackageResultList && EuiccPackageResultList.encode(euiccPackageResultList),
  };
  const { defaultSmdpAddress, rootSmdsAddress, associationToken } = data;
  const members: readonly (readonly [string, string | number | undefined])[] = [
    ...Object.entries({ defaultSmdpAddress, rootSmdsAddress, associationToken }),
    ...Object.entries(octets).map(([name, der]) => [name, der && toHex(der)] as const),
  ];
  const euiccData = Object.fromEntries(members.filter(([, value]) => value !== undefined));
  return { euiccDataResult: { edrResult: 'ok', euiccData } };
}

/** Whether the IPA goes to SM-DP+ and SM-DS by itself (direct), or through its eIM (SGP.32 3.2). */

import type { EuiccRecord } from '../fleet/euiccs.ts';
import { type IpaFeature, toldFeatures } from '../fleet/ipa-capabilities.ts';
import type { DownloadRequest, OrderRequest } from './order.ts';

/** The feature that each way asks for, and what an IPA without it cannot do. */
const ways: Readonly<
  Record<NonNullable<DownloadRequest['mode']>, readonly [feature: IpaFeature, text: string]>
> = {
  direct: ['directRspServerCommunication', 'cannot go to SM-DP+s itself'],
  indirect: ['indirectRspServerCommunication', 'cannot download through its eIM'],
};

/** Why the IPA cannot take an order the way that it asks for; undefined where it can, or has not told. */
export function beyondMode(
  euicc: Pick<EuiccRecord, 'ipaCapabilities'>,
  request: OrderRequest,
): string | undefined {
  const mode = 'download' in request ? request.download.mode : undefined;
  const features = toldFeatures(euicc);
  if (mode === undefined || features === undefined) return undefined;
  const [feature, text] = ways[mode];
  if (features.includes(feature)) return undefined;
  return `the IPA has told that it ${text} (${feature} is not among its features): order the download without a mode`;
}

/**
 * Whether the trigger is to hold no data: an IPA that leaves them to the eIM can then go nowhere but through it. Where it
 * can go both ways, that is how it is told which.
 */
export function leavesDataToEim(
  euicc: Pick<EuiccRecord, 'ipaCapabilities'>,
  { mode }: DownloadRequest,
): boolean {
  return mode === 'indirect' && toldFeatures(euicc)?.includes('eimDownloadDataHandling') === true;
}

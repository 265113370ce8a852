/** The trigger of a profile download (SGP.32 3.2.1, 2.11.1.3) with what the order asks for. */

import type { EuiccRecord } from '../fleet/euiccs.ts';
import { parseActivationCode } from '../messages/activation-code.ts';
import {
  type ProfileDownloadData,
  ProfileDownloadTriggerRequest,
} from '../messages/profile-download.ts';
import { beyondMode, leavesDataToEim } from '../orders/download-mode.ts';
import { BadOrderError } from '../orders/operations.ts';
import type { DownloadRequest } from '../orders/order.ts';
import type { BuiltPackage } from './eim.ts';

/**
 * ProfileDownloadTriggerRequest (`BF54`): the IPA reads SM-DP+ and matchingId from the activation code, or the addresses
 * of its servers from the eUICC. Throws ActivationCodeError, BadOrderError.
 */
export function buildDownloadTrigger(
  euicc: EuiccRecord,
  request: { readonly download: DownloadRequest },
  eimTransactionId: Uint8Array,
): BuiltPackage {
  const beyond = beyondMode(euicc, request);
  if (beyond !== undefined) throw new BadOrderError(beyond);
  const { download } = request;
  const eimPackage = ProfileDownloadTriggerRequest.encode({
    ...(leavesDataToEim(euicc, download) ? {} : { profileDownloadData: downloadData(download) }),
    eimTransactionId,
  });
  return { eimPackage, also: [] };
}

function downloadData(download: DownloadRequest): ProfileDownloadData {
  if ('activationCode' in download) {
    return { type: 'activationCode', value: parseActivationCode(download.activationCode).text };
  }
  if ('defaultSmdp' in download) return { type: 'contactDefaultSmdp', value: true };
  // The EventID has no place here: it is the matchingId of the answer to InitiateAuthentication.
  const { address } = download.smds;
  return { type: 'contactSmds', value: address === undefined ? {} : { smdsAddress: address } };
}

/** The trigger of a profile download (SGP.32 3.2.1, 2.11.1.3) with what the order asks for. */
import { parseActivationCode } from '../messages/activation-code.ts';
import { ProfileDownloadTriggerRequest } from '../messages/profile-download.ts';
import type { DownloadRequest } from '../orders/order.ts';
import type { BuiltPackage } from './eim.ts';

/**
 * ProfileDownloadTriggerRequest (`BF54`) with the activation code: the IPA reads SM-DP+ and matchingId from it.
 * Throws ActivationCodeError.
 */
export function buildDownloadTrigger(
  download: DownloadRequest,
  eimTransactionId: Uint8Array,
): BuiltPackage {
  const eimPackage = ProfileDownloadTriggerRequest.encode({
    profileDownloadData: {
      type: 'activationCode',
      value: parseActivationCode(download.activationCode).text,
    },
    eimTransactionId,
  });
  return { eimPackage, also: [] };
}

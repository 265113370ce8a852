/** Whether a download has the confirmation code that it needs, and can use the one that it was given. */
import { parseActivationCode } from '../messages/activation-code.ts';
import type { DownloadRequest } from '../orders/order.ts';
import { badInput } from './api/errors.ts';

/**
 * Throws ApiError where a code is missing that the activation code asks for, or could not be handed on.
 * @param field where the download stands in what was posted: `steps[0].download`
 */
export function checkConfirmation(wanted: DownloadRequest, field: string): void {
  const { confirmationCode, mode } = wanted;
  if (mode === 'direct') {
    if (confirmationCode === undefined) return;
    throw badInput(
      `${field}.confirmationCode`,
      'cannot be given to a device that goes to the SM-DP+ itself: SGP.32 has no message for it; leave mode out',
    );
  }
  if (confirmationCode !== undefined || !('activationCode' in wanted)) return;
  if (!parseActivationCode(wanted.activationCode).confirmationCodeRequired) return;
  throw badInput(
    `${field}.confirmationCode`,
    'is missing: the activation code asks for one, which the operator of the SM-DP+ has told apart from it',
  );
}

/**
 * HandleNotification (SGP.32 6.3.2.4): a pending notification, or a result that came late. It has no answer: success
 * lets the device forget what it sent, so it is said only once that is kept.
 */
import type { HandleNotificationEsipa } from '../messages/esipa.ts';
import type { Caller, Eim } from './eim.ts';
import { takeNotification } from './notifications.ts';
import { provideEimPackageResult } from './provide-eim-package-result.ts';

/** Returns no octets. */
export async function handleNotification(
  eim: Eim,
  caller: Caller,
  message: HandleNotificationEsipa,
): Promise<Uint8Array> {
  if (message.type === 'provideEimPackageResult') {
    await provideEimPackageResult(eim, caller, message.value);
  } else {
    await takeNotification(eim, caller, message.value);
  }
  return new Uint8Array();
}

/**
 * HandleNotification (SGP.32 6.3.2.4): a pending notification, or a result that came late. It has no answer: success
 * lets the device forget what it sent, so it is said once that is kept. It is said also of what is not believed, which
 * would only come again; not of what cannot be taken now.
 */
import type { HandleNotificationEsipa } from '../messages/esipa.ts';
import type { Caller, Eim } from './eim.ts';
import { takeNotification } from './notifications.ts';
import { provideEimPackageResult } from './provide-eim-package-result.ts';

/** Returns no octets. Throws NotKeptError: the device is to keep its notification. */
export async function handleNotification(
  eim: Eim,
  caller: Caller,
  message: HandleNotificationEsipa,
): Promise<Uint8Array> {
  if (message.type === 'provideEimPackageResult') {
    await provideEimPackageResult(eim, caller, message.value);
    return new Uint8Array();
  }
  await takeNotification(eim, caller, message.value);
  return new Uint8Array();
}

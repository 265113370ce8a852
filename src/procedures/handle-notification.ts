/**
 * HandleNotification (SGP.32 6.3.2.4): a pending notification, or a result that came late. It has no answer: success
 * lets the device forget what it sent, so it is said once that is kept. It is said also of what is not believed, which
 * would only come again; not of what cannot be taken now, or not by this version.
 */
import type { HandleNotificationEsipa } from '../messages/esipa.ts';
import type { Caller, Eim } from './eim.ts';
import { NotBuiltError, takeNotification } from './notifications.ts';
import { provideEimPackageResult } from './provide-eim-package-result.ts';

/** Returns no octets. Throws NotBuiltError and NotKeptError: the device is to keep its notification. */
export async function handleNotification(
  eim: Eim,
  caller: Caller,
  message: HandleNotificationEsipa,
): Promise<Uint8Array> {
  if (message.type === 'provideEimPackageResult') {
    await provideEimPackageResult(eim, caller, message.value);
    return new Uint8Array();
  }
  const { type } = message.value;
  if (type !== 'profileInstallationResult' && type !== 'otherSignedNotification') {
    throw new NotBuiltError(`${type} is not built yet`);
  }
  await takeNotification(eim, caller, message.value);
  return new Uint8Array();
}

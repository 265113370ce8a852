/** What the IPA of an eUICC has told of itself (IpaCapabilities, SGP.32 2.11.2.2), as far as the eIM goes by it. */
import { IpaCapabilities } from '../messages/ipa-euicc-data.ts';
import { DerError } from '../messages/tlv.ts';
import type { EuiccRecord } from './euiccs.ts';

/**
 * Whether packages may be injected over CoAP (ipaInjectCoaps, SGP.32 3.1.1.2); undefined where the IPA has not said
 * which protocols it supports.
 */
export function takesInjection({
  ipaCapabilities,
}: Pick<EuiccRecord, 'ipaCapabilities'>): boolean | undefined {
  if (ipaCapabilities === undefined) return undefined;
  try {
    const { ipaSupportedProtocols } = IpaCapabilities.decode(ipaCapabilities);
    return ipaSupportedProtocols?.includes('ipaInjectCoaps');
  } catch (error) {
    if (!(error instanceof DerError)) throw error;
    return undefined;
  }
}

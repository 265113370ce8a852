/** What the IPA of an eUICC has told of itself (IpaCapabilities, SGP.32 2.11.2.2), as far as the eIM goes by it. */
import { IpaCapabilities } from '../messages/ipa-euicc-data.ts';
import { DerError } from '../messages/tlv.ts';
import type { EuiccRecord } from './euiccs.ts';

export type IpaFeature = IpaCapabilities['ipaFeatures'][number];

/**
 * Whether packages may be injected over CoAP (ipaInjectCoaps, SGP.32 3.1.1.2); undefined where the IPA has not said
 * which protocols it supports.
 */
export function takesInjection({ ipaCapabilities }: Told): boolean | undefined {
  return decoded(ipaCapabilities)?.ipaSupportedProtocols?.includes('ipaInjectCoaps');
}

/** Whether the IPA has said that it has this feature. */
export function hasFeature({ ipaCapabilities }: Told, feature: IpaFeature): boolean {
  return decoded(ipaCapabilities)?.ipaFeatures.includes(feature) ?? false;
}

/** The features that the IPA has told of; undefined where it has not said. */
export function toldFeatures({ ipaCapabilities }: Told): readonly IpaFeature[] | undefined {
  return decoded(ipaCapabilities)?.ipaFeatures;
}

type Told = Pick<EuiccRecord, 'ipaCapabilities'>;

function decoded(ipaCapabilities: Uint8Array | undefined): IpaCapabilities | undefined {
  if (ipaCapabilities === undefined) return undefined;
  try {
    return IpaCapabilities.decode(ipaCapabilities);
  } catch (error) {
    if (!(error instanceof DerError)) throw error;
    return undefined;
  }
}

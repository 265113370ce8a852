/** What an IPA looks at before it lets a profile in: its rules (SGP.22 3.1.3), and whether it is what was announced. */
import { concat, equal, hex } from '../../../src/base/bytes.ts';
import { GetRatResponse } from '../../../src/messages/es10.ts';
import { StoreMetadataRequest } from '../../../src/messages/rsp.ts';
import { readAll, tlv } from '../../../src/messages/tlv.ts';
import { type Card, child } from './card.ts';

const anyOperator = hex('EEEEEE');

/** Whether the card's Rules Authorisation Table lets the profile's owner have the rules that its metadata names. */
export function rulesAllowed(card: Card, profileMetadata: Uint8Array): boolean {
  const { profilePolicyRules = [], profileOwner } = StoreMetadataRequest.decode(profileMetadata);
  const rules = profilePolicyRules.filter((rule) => rule !== 'pprUpdateControl');
  if (rules.length === 0) return true;
  const { rat } = GetRatResponse.decode(card.transmit(tlv(0xbf43)));
  return rules.every((rule) =>
    rat.some(
      ({ pprIds, allowedOperators }) =>
        pprIds.includes(rule) &&
        allowedOperators.some(
          ({ mccMnc }) =>
            equal(mccMnc, anyOperator) ||
            (profileOwner !== undefined && equal(mccMnc, profileOwner.mccMnc)),
        ),
    ),
  );
}

/** Whether StoreMetadata in the package (segments 88, each with 8 octets of MAC) is what was announced. */
export function metadataFits(announced: Uint8Array, boundProfilePackage: Uint8Array): boolean {
  const segments = readAll(child(boundProfilePackage, 0xa1, 'boundProfilePackage').value);
  const stored = concat(...segments.map(({ value }) => value.subarray(0, value.length - 8)));
  return equal(stored, announced);
}

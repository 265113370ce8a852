/** What a eUICC holds, asked of it itself. */
import { toHex } from '../../src/base/bytes.ts';
import { iccidDigits, iccidOf } from '../../src/messages/ids.ts';
import { ProfileInfoListResponse } from '../../src/messages/psmo.ts';
import { tlv } from '../../src/messages/tlv.ts';
import { LabError } from './eim-process.ts';
import type { Card } from './ipa/card.ts';
import type { ProfileRow } from './report.ts';

/** What the card itself lists (ES10c.GetProfilesInfo). */
export function profilesOf(card: Card): readonly ProfileRow[] {
  const answer = ProfileInfoListResponse.decode(card.transmit(tlv(0xbf2d)));
  if (answer.type !== 'profileInfoListOk') throw new LabError(`GetProfilesInfo: ${answer.value}`);
  return answer.value.map(({ iccid, isdpAid, profileState, profileName }) => ({
    iccid: iccid === undefined ? '' : iccidDigits(iccidOf(iccid)),
    state: profileState === 1 ? 'enabled' : 'disabled',
    name: profileName ?? '',
    aid: isdpAid === undefined ? '' : toHex(isdpAid),
  }));
}

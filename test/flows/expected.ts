/** What the main job comes to, whatever came between. */

import { toHex } from '../../src/base/bytes.ts';
import { iccidOctets } from '../../src/messages/ids.ts';
import { iccid } from './smdp.ts';

const efIccid = toHex(iccidOctets(iccid));

/** As World.outcome gives it. */
export const done = {
  orders: [
    [
      'done',
      true,
      [{ profileInstallationResult: { finalResult: 'successResult', iccid: efIccid } }],
    ],
    ['done', true, [{ enableResult: 'ok' }]],
    [
      'done',
      true,
      [
        {
          listProfileInfoResult: {
            finalResult: 'successResult',
            profileInfoList: [
              {
                iccid: efIccid,
                isdpAid: 'A0000005591010FFFFFFFF8900001000',
                profileState: 'enabled',
                serviceProviderName: 'Lab',
                profileName: 'Flow',
                profileClass: 'operational',
                fallbackAttribute: false,
              },
            ],
          },
        },
      ],
    ],
  ],
  /** Two eUICC Packages were built, after the counter's 1. */
  counterValue: 3,
  /** On the eUICC: ICCID, whether enabled. */
  profiles: [[efIccid, true]],
  /** Notifications and results that the eUICC still has to deliver. */
  pending: 0,
  /** The order at the SM-DP+. */
  smdp: 'installed',
  /** What the SM-DP+ was told of, each once: installed, enabled. */
  notifications: 2,
};

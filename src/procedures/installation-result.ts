/** The result of a profile's installation (SGP.22 2.5.6): whether it is believed, and what it means. */
import { toHex } from '../base/bytes.ts';
import type { EuiccRecord } from '../fleet/euiccs.ts';
import type { Origin } from '../fleet/knowledge.ts';
import type { Eid } from '../messages/ids.ts';
import {
  BppCommandId,
  ErrorReason,
  type ProfileInstallationResult,
} from '../messages/notifications.ts';
import { nameOf } from '../messages/primitives.ts';
import type { Finish } from '../orders/orders.ts';
import type { Change } from '../store/store.ts';
import { verifyEcdsa } from '../trust/ecdsa.ts';
import type { Eim } from './eim.ts';
import { noteOrder } from './end-order.ts';
import { keyOf } from './learn-euicc.ts';
import { withInstalled } from './profiles.ts';

/** Why this installation result is not to be believed; undefined where nothing speaks against it. */
export function doubtIn(
  eim: Eim,
  record: EuiccRecord,
  { profileInstallationResultData, euiccSignPIR }: ProfileInstallationResult,
): string | undefined {
  if (record.consumerEuicc) return undefined;
  const known = keyOf(eim, record);
  if ('doubt' in known) return known.doubt;
  const fits = verifyEcdsa(known.key, profileInstallationResultData.raw, euiccSignPIR);
  return fits ? undefined : "its signature does not fit the eUICC's key";
}

export async function disbelieve(
  eim: Eim,
  eid: Eid,
  orderId: string,
  because: string,
): Promise<void> {
  eim.log.drop('installation result not believed');
  eim.log.warn('installation result not believed', { eid, order: orderId, because });
  await noteOrder(eim, orderId, 'installation result not believed', because);
}

/** What a believed result changes in the picture of the eUICC's profiles. */
export function installed(
  eim: Eim,
  record: EuiccRecord,
  orderId: string,
  { profileInstallationResultData: { value } }: ProfileInstallationResult,
  sure: Origin['sure'] = proof(record),
): readonly Change[] {
  const { eid, outstanding, profiles } = record;
  const reported = outstanding?.orderId === orderId ? eim.euiccs.forget(eid, 'outstanding') : [];
  const { iccid, seqNumber } = value.notificationMetadata;
  if (value.finalResult.type !== 'successResult' || iccid === undefined) return reported;
  const { aid } = value.finalResult.value;
  const now = eim.clock.now();
  const after = withInstalled(profiles, { iccid, aid, seqNumber }, now);
  const source = `installation result of order ${orderId}`;
  return [...reported, ...eim.euiccs.change(eid, { profiles: after }, { at: now, source, sure })];
}

function proof({ consumerEuicc }: EuiccRecord): Origin['sure'] {
  return consumerEuicc ? 'reported' : 'proven';
}

/**
 * How an order ends with this result. `iccid`: what the SM-DP+ announced, as in EF.ICCID; `unproven`: why no signature
 * proves it, where that is not because it is a consumer eUICC.
 */
export function finishOf(
  { profileInstallationResultData: { value } }: ProfileInstallationResult,
  { consumerEuicc }: EuiccRecord,
  known: { readonly iccid?: string | undefined; readonly unproven?: string } = {},
): Finish {
  const unproven = consumerEuicc || known.unproven !== undefined;
  const said = consumerEuicc
    ? 'the installation result of a consumer eUICC, unproven'
    : unproven
      ? `the installation result that the IPA reports, unproven (${known.unproven})`
      : "the eUICC's signed installation result";
  const { finalResult: final, notificationMetadata } = value;
  if (final.type === 'successResult') {
    const { iccid } = notificationMetadata;
    const shown = iccid === undefined ? known.iccid : toHex(iccid);
    return {
      success: true,
      unproven,
      outcome: [
        {
          profileInstallationResult: {
            finalResult: 'successResult',
            ...(shown === undefined ? {} : { iccid: shown }),
          },
        },
      ],
      reason: `${said}: installed, disabled`,
    };
  }
  const { bppCommandId, errorReason } = final.value;
  const where = nameOf(BppCommandId, bppCommandId);
  const why = nameOf(ErrorReason, errorReason);
  return {
    success: false,
    unproven,
    outcome: [{ profileInstallationResult: { finalResult: 'errorResult' } }],
    reason: `${said}: ${why} at ${where}`,
  };
}

/** ES2+.HandleDownloadProgressInfo (SGP.22 5.3.5): the operator is told how a download goes. */
import { base64 } from '../../../src/base/bytes.ts';
import { type Eid, iccidDigits } from '../../../src/messages/ids.ts';
import { ForcedRefusal, Refusal } from '../server/refusal.ts';
import type { ProfileOrder } from './order.ts';
import { requestHeader } from './settle.ts';
import type { Smdp } from './smdp.ts';

/** notificationPointId; those from 5 on are of operators' documents (unverified). */
const points = {
  eligibility: 1,
  confirmation: 2,
  download: 3,
  installation: 4,
  delete: 5,
  enable: 101,
  disable: 102,
} as const;

export type ProgressPoint = keyof typeof points;

/** Subject and reason code of what failed, as text. */
export interface StatusCode {
  readonly subjectCode: string;
  readonly reasonCode: string;
}

/** What a cancelled session is reported as. */
const cancellations: Readonly<Record<number, StatusCode>> = {
  0: { subjectCode: '8.8.5', reasonCode: '3.8' },
  3: { subjectCode: '8.2.8', reasonCode: '1.2' },
  4: { subjectCode: '8.2.9', reasonCode: '3.11' },
  5: { subjectCode: '8.2.10', reasonCode: '4.2' },
};

export function cancellationCode(reason: number): StatusCode {
  return cancellations[reason] ?? { subjectCode: '8', reasonCode: '4.2' };
}

/** Has the operator told, if there is one. */
export function tellOperator(
  smdp: Smdp,
  order: ProfileOrder,
  point: ProgressPoint,
  facts: {
    readonly eid?: Eid;
    readonly failure?: StatusCode;
    /** ProfileInstallationResult or notification. */
    readonly result?: Uint8Array;
  } = {},
): void {
  if (smdp.operator === undefined) return;
  const { eid = order.eid, failure, result } = facts;
  smdp.errands.add({
    address: smdp.operator,
    path: '/gsma/rsp2/es2plus/handleDownloadProgressInfo',
    body: {
      ...requestHeader(smdp),
      ...(eid !== undefined && { eid }),
      iccid: iccidDigits(order.iccid),
      profileType: order.profileType,
      timestamp: `${new Date(smdp.clock.now()).toISOString().slice(0, 19)}Z`,
      notificationPointId: points[point],
      notificationPointStatus:
        failure === undefined
          ? { status: 'Executed-Success' }
          : { status: 'Failed', statusCodeData: failure },
      ...(result && { resultData: base64(result) }),
    },
  });
}

/** Runs a step of a download, and tells the operator how it went. */
export function reporting<T>(
  smdp: Smdp,
  order: ProfileOrder,
  point: ProgressPoint,
  eid: Eid,
  run: () => T,
): T {
  try {
    const done = run();
    if (point !== 'confirmation') tellOperator(smdp, order, point, { eid });
    return done;
  } catch (error) {
    if (error instanceof Refusal || error instanceof ForcedRefusal) {
      const { subjectCode, reasonCode } = error;
      tellOperator(smdp, order, point, { eid, failure: { subjectCode, reasonCode } });
    }
    throw error;
  }
}

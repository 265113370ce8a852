/** The order behind a relayed message: which download it is of, and where that goes. */
import { parseActivationCode } from '../messages/activation-code.ts';
import type { DownloadRequest, Order } from '../orders/order.ts';
import { type Caller, type Eim, maySpeakFor } from './eim.ts';
import { smdsTarget } from './smds.ts';

/** A download that the device has the trigger of. */
export interface UnderWay {
  readonly order: Order;
  readonly download: DownloadRequest;
  /** Which stage of the order it is; 0 where the order is nothing else. */
  readonly stage: number;
}

/** Undefined where the order is none, or its download is not the device's turn. */
export function underWay(order: Order | undefined): UnderWay | undefined {
  if (order?.state.at !== 'work' || !('download' in order.request)) return undefined;
  return { order, download: order.request.download, stage: 0 };
}

/**
 * The download in work that a first message is of: by eimTransactionId; where the IPA leaves that out (v1.0), the one of
 * the EID that this peer last polled for.
 */
export async function downloadOf(
  eim: Eim,
  caller: Caller,
  eimTransactionId: Uint8Array | undefined,
): Promise<UnderWay | undefined> {
  let order: Order | undefined;
  if (eimTransactionId !== undefined) {
    order = await eim.orders.byTransaction(undefined, eimTransactionId);
  } else {
    const eid = eim.polls.get(caller.peerId);
    order = eid === undefined ? undefined : await eim.orders.next(eid);
  }
  const found = underWay(order);
  return found !== undefined && maySpeakFor(eim, caller, found.order.eid) ? found : undefined;
}

/** Where a download goes. */
export interface Target {
  /** Host, or host:port. */
  readonly address: string;
  /** Empty: the SM-DP+ looks for a profile kept for the EID. */
  readonly matchingId: string;
  readonly smdpOid?: string;
  /** It is an SM-DS. */
  readonly isSmds?: true;
}

/**
 * Undefined where nobody has said which server it is.
 * @param asked the address that the device names, where it names one
 */
export async function targetOf(
  eim: Eim,
  { order, download }: UnderWay,
  asked: string | undefined,
): Promise<Target | undefined> {
  if ('activationCode' in download) {
    const { smdpAddress, matchingId, smdpOid } = parseActivationCode(download.activationCode);
    return { address: smdpAddress, matchingId, ...(smdpOid === undefined ? {} : { smdpOid }) };
  }
  if ('smds' in download) return smdsTarget(eim, order, download.smds, asked);
  const address = (await eim.euiccs.get(order.eid))?.defaultSmdpAddress;
  return address === undefined || address === '' ? undefined : { address, matchingId: '' };
}

/** What of a download must not stand in logs and histories: its matchingId. */
export function secretOf(download: DownloadRequest): string {
  if ('activationCode' in download) return parseActivationCode(download.activationCode).matchingId;
  return 'smds' in download ? (download.smds.eventId ?? '') : '';
}

/**
 * Indirect download by way of an SM-DS (SGP.32 3.2.2, ES11'): the device's first session is relayed to the SM-DS, and is
 * answered with a trigger made of the first event that it told of; the device then begins at the SM-DP+ of that event, or
 * at another SM-DS. Further events become orders of their own. Events are deleted by their SM-DP+.
 *
 * ```
 *   IPA                            eIM                               SM-DS
 *    │ InitiateAuthentication ────▶ │ ES11.InitiateAuthentication ────▶ │
 *    │ AuthenticateClient ────────▶ │ ES11.AuthenticateClient ────────▶ │   events
 *    │ ◀─── a trigger of the first  │                                  SM-DP+
 *    │ InitiateAuthentication ────▶ │ ES9+.InitiateAuthentication ─────▶ │   on as profile-download.ts draws it
 * ```
 */
import type { EventEntry } from '../es11/client.ts';
import { ActivationCodeError, parseActivationCode } from '../messages/activation-code.ts';
import {
  AuthenticateClientResponseEsipa,
  type ProfileDownloadTriggerRequest,
} from '../messages/profile-download.ts';
import type { DownloadSource, Order } from '../orders/order.ts';
import { OrderError } from '../orders/orders.ts';
import type { Change } from '../store/store.ts';
import { hasPolicy, role } from '../trust/certificate.ts';
import { ChainError } from '../trust/chain-error.ts';
import type { Target } from './download-order.ts';
import type { Eim } from './eim.ts';
import { endOrder, noteOrder } from './end-order.ts';
import type { Step } from './relayed-step.ts';
import { dropAnswer, eventOf, keepEvent } from './transactions.ts';

/** How often one SM-DS may send the device on to the next: root, alternative, and room for what labs build. */
const mostHops = 4;
/** Further events that become orders: a eUICC has a few. */
const mostQueued = 16;

type Smds = Extract<DownloadSource, { readonly smds: unknown }>['smds'];

/**
 * The server that a device is to be led to: where an SM-DS has sent it, else the SM-DS. Undefined where the order names
 * none, and the eIM does not know the eUICC's root SM-DS.
 */
export async function smdsTarget(
  eim: Eim,
  { id, eid }: Order,
  { address, eventId = '' }: Smds,
  asked: string | undefined,
): Promise<Target | undefined> {
  const first = address ?? (await eim.euiccs.get(eid))?.rootSmdsAddress;
  const event = await eventOf(eim, id);
  // A device that begins anew asks the SM-DS again, unless it leaves the address to the eIM.
  const beginsAnew = asked !== undefined && asked.toLowerCase() === first?.toLowerCase();
  if (event !== undefined && !(beginsAnew && event.address.toLowerCase() !== asked.toLowerCase())) {
    return { address: event.address, matchingId: event.eventId };
  }
  if (first === undefined || first === '') return undefined;
  return { address: first, matchingId: eventId, isSmds: true };
}

/** Whether a server's certificate is CERT.DSauth (SGP.26 id-rspRole-ds-auth). */
export function isSmdsCertificate(der: Uint8Array): boolean {
  try {
    return hasPolicy(der, role.dsAuth);
  } catch (error) {
    if (!(error instanceof ChainError)) throw error;
    return false;
  }
}

/**
 * Asks the SM-DS for the eUICC's events, with what the eUICC signed; the answer for the device. Throws what Es11Client
 * throws.
 */
export async function retrieveEvents(
  eim: Eim,
  { transaction, underWay, full, keep }: Step,
  learned: readonly Change[],
): Promise<Uint8Array> {
  const { transactionId, orderId, smdpAddress: smds } = transaction;
  const { order } = underWay;
  const entries = await eim.es11.authenticateClient(smds, {
    transactionId,
    authenticateServerResponse: full,
  });
  const changes = [...learned, dropAnswer(transaction, 'initiateAuthentication')];
  const usable = entries.filter(isUsable);
  if (usable.length < entries.length) {
    const detail = `${entries.length - usable.length} of SM-DS ${smds}: no activation code can name them`;
    await noteOrder(eim, orderId, 'events left out', detail);
  }
  const [first, ...further] = usable;
  if (first === undefined) {
    const answer = okDs(transactionId);
    const finish = {
      success: order.byEim !== undefined,
      outcome: [{ smdsResult: 'noEvent' }],
      reason:
        `SM-DS ${smds} has no event for this eUICC: there is nothing to download. ` +
        'An event is there once an SM-DP+ has registered it, for this very EID',
    };
    await endOrder(eim, orderId, finish, [...changes, ...keep(answer)]);
    return answer;
  }
  const hops = ((await eventOf(eim, orderId))?.hops ?? 0) + 1;
  const { eventId, rspServerAddress: address } = first;
  if (hops > mostHops) {
    const answer = okDs(transactionId);
    const finish = {
      success: false,
      outcome: [{ smdsResult: 'tooManyServers' }],
      reason: `${mostHops} SM-DSs sent the device on, one to the next, and the last one to ${address}`,
    };
    await endOrder(eim, orderId, finish, [...changes, ...keep(answer)]);
    return answer;
  }
  await queue(eim, order, smds, further.slice(0, mostQueued));
  const answer = okDs(transactionId, {
    profileDownloadData: { type: 'activationCode', value: codeOf(first) },
    ...(order.state.at === 'work'
      ? { eimTransactionId: order.state.dispatch.eimTransactionId }
      : {}),
  });
  await eim.serial.run(`order ${orderId}`, async () => {
    const event = await keepEvent(eim, orderId, { address, eventId, hops });
    await eim.store.commit([...changes, event, ...keep(answer)]);
  });
  const count = entries.length === 1 ? 'one event' : `${entries.length} events`;
  await noteOrder(
    eim,
    orderId,
    'event found',
    `SM-DS ${smds} has ${count}; the first is at ${address}`,
  );
  return answer;
}

/** Orders what the eUICC has besides, but not what is ordered already. */
async function queue(
  eim: Eim,
  { eid, id }: Order,
  smds: string,
  events: readonly EventEntry[],
): Promise<void> {
  if (events.length === 0) return;
  const known = await eim.orders.list({ eid, facility: 'download' });
  const codes = known.flatMap(({ state, request }) =>
    state.at !== 'done' && 'download' in request && 'activationCode' in request.download
      ? [request.download.activationCode]
      : [],
  );
  for (const event of events) {
    const activationCode = codeOf(event);
    if (codes.includes(activationCode)) continue;
    const byEim = `an event of SM-DS ${smds}, found by order ${id}`;
    const request = { download: { activationCode } };
    try {
      await eim.orders.submit({ eid, facility: 'download', request, byEim });
    } catch (error) {
      if (!(error instanceof OrderError)) throw error;
      await noteOrder(eim, id, 'event left out', error.message);
    }
  }
}

/** The activation code of an event (SGP.22 4.1): its EventID is the matchingId. */
function codeOf({ eventId, rspServerAddress }: EventEntry): string {
  return `1$${rspServerAddress}$${eventId}`;
}

function isUsable(event: EventEntry): boolean {
  try {
    const { smdpAddress, matchingId } = parseActivationCode(codeOf(event));
    return smdpAddress === event.rspServerAddress && matchingId === event.eventId;
  } catch (error) {
    if (!(error instanceof ActivationCodeError)) throw error;
    return false;
  }
}

function okDs(transactionId: Uint8Array, trigger?: ProfileDownloadTriggerRequest): Uint8Array {
  return AuthenticateClientResponseEsipa.encode({
    type: 'authenticateClientOkDSEsipa',
    value: {
      transactionId,
      ...(trigger === undefined ? {} : { profileDownloadTrigger: trigger }),
    },
  });
}

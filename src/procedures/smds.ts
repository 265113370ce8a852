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

import { isInnerHost } from '../base/inner-host.ts';
import type { EventEntry } from '../es11/client.ts';
import { ActivationCodeError, parseActivationCode } from '../messages/activation-code.ts';
import {
  AuthenticateClientResponseEsipa,
  type ProfileDownloadTriggerRequest,
} from '../messages/profile-download.ts';
import { parseSmdpAddress } from '../messages/smdp-address.ts';
import type { DownloadSource, Order } from '../orders/order.ts';
import { OrderError } from '../orders/orders.ts';
import { knownRequests, splitId } from '../orders/whole.ts';
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
/** Events of one eUICC that wait as orders: it has a few, and operators are to have room beside them. */
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
  const usable = entries.filter((event) => isUsable(event, smds));
  if (usable.length < entries.length) {
    const detail = `${entries.length - usable.length} of SM-DS ${smds}: no activation code can name them, or they lead into the network of the eIM`;
    await noteOrder(eim, orderId, 'events left out', detail);
  }
  const waiting = await eventsOrdered(eim, order);
  // What waits as an order of its own is that order's.
  const first = usable.find((event) => !waiting.has(nameOf(event))) ?? usable[0];
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
  const before = await eventOf(eim, orderId);
  const hops = (before?.hops ?? 0) + 1;
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
  // Asked for one event, an SM-DS has no business with others.
  const { download } = underWay;
  const asksForAll = 'smds' in download && (download.smds.eventId ?? '') === '';
  if (before === undefined && asksForAll) await queue(eim, order, smds, first, usable, waiting);
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

/** Orders what the eUICC has besides the event that this order takes, but not what is ordered already. */
async function queue(
  eim: Eim,
  { eid, id }: Order,
  smds: string,
  taken: EventEntry,
  events: readonly EventEntry[],
  waiting: ReadonlySet<string>,
): Promise<void> {
  const ordered = new Set([...waiting, nameOf(taken)]);
  const further = events.filter((event) => {
    const isNew = !ordered.has(nameOf(event));
    ordered.add(nameOf(event));
    return isNew;
  });
  const room = Math.max(0, mostQueued - waiting.size);
  for (const event of further.slice(0, room)) {
    const byEim = `an event of SM-DS ${smds}, found by order ${id}`;
    const request = { download: { activationCode: codeOf(event) } };
    try {
      await eim.orders.submit({ eid, facility: 'download', request, byEim });
    } catch (error) {
      if (!(error instanceof OrderError)) throw error;
      await noteOrder(eim, id, 'event left out', error.message);
    }
  }
  if (further.length > room) {
    const detail = `${further.length - room} of SM-DS ${smds}: ${mostQueued} wait already, and a later lookup finds them`;
    await noteOrder(eim, id, 'events left for later', detail);
  }
}

/** The names of what other orders of this eUICC are to download. */
async function eventsOrdered(eim: Eim, { eid, id }: Order): Promise<ReadonlySet<string>> {
  const open = (await eim.orders.list({ eid })).filter(
    (order) => order.state.at !== 'done' && order.id !== splitId(id).orderId,
  );
  const codes = open
    .flatMap(({ request }) => knownRequests(request))
    .flatMap((request) => ('download' in request ? [request.download] : []))
    .flatMap((download) => ('activationCode' in download ? [download.activationCode] : []));
  return new Set(codes.flatMap(nameIn));
}

/** None where it is no activation code: such an order fails by itself. */
function nameIn(activationCode: string): readonly string[] {
  try {
    const { smdpAddress, matchingId } = parseActivationCode(activationCode);
    return [nameOf({ eventId: matchingId, rspServerAddress: smdpAddress })];
  } catch (error) {
    if (!(error instanceof ActivationCodeError)) throw error;
    return [];
  }
}

/** An event as it is told from others: host names do not tell upper from lower case. */
function nameOf({ eventId, rspServerAddress }: EventEntry): string {
  return `${rspServerAddress.toLowerCase()} ${eventId}`;
}

/** The activation code of an event (SGP.22 4.1): its EventID is the matchingId. */
function codeOf({ eventId, rspServerAddress }: EventEntry): string {
  return `1$${rspServerAddress}$${eventId}`;
}

/**
 * An SM-DS says where the eIM connects to: not to addresses of the eIM's own network, where others trust what comes from
 * within, unless the SM-DS is there itself (a lab). Names are for DNS and for the certificate that the server must have.
 */
function isUsable(event: EventEntry, smds: string): boolean {
  try {
    const { smdpAddress, matchingId } = parseActivationCode(codeOf(event));
    if (smdpAddress !== event.rspServerAddress || matchingId !== event.eventId) return false;
  } catch (error) {
    if (!(error instanceof ActivationCodeError)) throw error;
    return false;
  }
  return !isInner(event.rspServerAddress) || isInner(smds);
}

function isInner(address: string): boolean {
  return isInnerHost(parseSmdpAddress(address).host);
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

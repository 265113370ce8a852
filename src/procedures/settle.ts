/**
 * What the eIM asks of itself, so that its picture of an eUICC is true. A doubt arises where something speaks against the
 * picture: a device tells of a change (notifyStateChange), a result or a notification does not fit, a package left and
 * its result never came. It stays until the eUICC has told all there is about its topic, which the eIM has it asked for
 * once nothing else is due: an order like any other, marked as the eIM's own.
 *
 * Bounded: about one doubt the eIM asks twice, in two calls of the device, and one eUICC no more than
 * `settings.ownQuestions` times in 24 hours. What is never told stays in doubt, and operators see it.
 */
import { toHex } from '../base/bytes.ts';
import type { EuiccRecord, StateChangeCauseName } from '../fleet/euiccs.ts';
import { type Topic, topics } from '../fleet/knowledge.ts';
import type { Eid } from '../messages/ids.ts';
import { dataTags, tagListOf, tagsOf } from '../messages/tag-list.ts';
import type { Order, OrderRequest, OrderState, PsmoRequest } from '../orders/order.ts';
import { type NewOrder, OrderError } from '../orders/orders.ts';
import type { Change } from '../store/store.ts';
import type { Eim } from './eim.ts';

const day = 24 * 3600 * 1000;
/** How often the eIM asks because of one doubt. */
const mostAsked = 2;

/** What each cause of notifyStateChange (SGP.32 6.3.2.6) may have changed. */
const topicsOfCause: Readonly<Record<StateChangeCauseName, readonly Topic[]>> = {
  otherEim: topics,
  fallback: ['profiles'],
  emergencyProfile: ['profiles'],
  local: ['data', 'profiles'],
  reset: topics,
  immediateEnableProfile: ['profiles'],
  deviceChange: ['data'],
  undefined: topics,
};

/** Facts that a data request tells. */
const dataNames = [
  'defaultSmdpAddress',
  'rootSmdsAddress',
  'euiccInfo1',
  'euiccInfo2',
  'ipaCapabilities',
  'deviceInfo',
] as const satisfies readonly (keyof EuiccRecord)[];

/** Tags of what may change: certificates do not, lists have to be acknowledged. */
function changingData(): readonly number[] {
  const constant = [
    'notificationsList',
    'euiccPackageResultList',
    'eumCertificate',
    'euiccCertificate',
  ];
  return [...dataTags()].filter(([name]) => !constant.includes(name)).map(([, tag]) => tag);
}

/** Whether a data request with this tagList asks for all that may be in doubt. */
export function asksForAll(tagList: Uint8Array): boolean {
  const asked = tagsOf(tagList);
  return changingData().every((tag) => asked.includes(tag));
}

/** The changes that put topics in doubt, as far as anything is known of them. The next poll looks for what to ask. */
export function doubtsAbout(
  eim: Eim,
  record: EuiccRecord,
  about: readonly Topic[],
  why: string,
): readonly Change[] {
  const known = about.filter((topic) => isKnown(record, topic));
  if (known.length === 0) return [];
  eim.log.info('the picture of an eUICC is in doubt', {
    eid: record.eid,
    about: known.join(),
    why,
  });
  return eim.euiccs.doubt(record.eid, known, why);
}

/**
 * The changes that end a doubt once a package has told all: unless the doubt arose after the package first left, which
 * the eUICC may have executed before.
 */
export function settledBy(
  eim: Eim,
  { eid, doubts }: EuiccRecord,
  topic: Topic,
  state: OrderState,
): readonly Change[] {
  const left = state.at === 'new' ? undefined : state.dispatch?.first;
  const doubt = doubts[topic];
  if (doubt === undefined || left === undefined || doubt.since > left) return [];
  return eim.euiccs.settled(eid, topic);
}

function isKnown(record: EuiccRecord, topic: Topic): boolean {
  if (topic !== 'data') return record[topic] !== undefined;
  return dataNames.some((name) => record[name] !== undefined);
}

/** The doubts that notifyStateChange gives rise to. */
export async function stateChanged(eim: Eim, eid: Eid): Promise<void> {
  const record = await eim.euiccs.get(eid);
  const cause = record?.lastStateChange?.cause;
  if (record === undefined || cause === undefined) return;
  const why = `the device told of a change: ${cause}`;
  await eim.store.commit([...doubtsAbout(eim, record, topicsOfCause[cause], why)]);
}

/**
 * The changes to commit with a package that leaves for the first time: if its result never comes, what it may have
 * changed is in doubt.
 */
export async function leaving(
  eim: Eim,
  { id: orderId, eid, request }: Order,
  counterValue: number | undefined,
): Promise<readonly Change[]> {
  const record = await eim.euiccs.get(eid);
  const before = record === undefined ? [] : unreported(eim, record);
  const about = changedBy(request);
  if (about.length === 0) return before;
  const outstanding = {
    orderId,
    about,
    ...(counterValue === undefined ? {} : { counterValue }),
  };
  return [...before, ...eim.euiccs.change(eid, { outstanding })];
}

/** What these operations may change of what is known. */
function changedBy(request: OrderRequest): readonly Topic[] {
  if ('eco' in request) return request.eco.some((eco) => !('listEim' in eco)) ? ['eims'] : [];
  // The operations of a download are the IPA's; it has a session of its own (downloadLeaving).
  if (!('psmo' in request)) return [];
  const about: Topic[] = [];
  if (request.psmo.some(changesProfiles)) about.push('profiles');
  if (request.psmo.some((psmo) => 'setDefaultDpAddress' in psmo)) about.push('data');
  return about;
}

function changesProfiles(psmo: PsmoRequest): boolean {
  return (
    'enable' in psmo ||
    'disable' in psmo ||
    'delete' in psmo ||
    'setFallbackAttribute' in psmo ||
    'unsetFallbackAttribute' in psmo
  );
}

/** The changes to commit with a bound profile package that leaves: it may be installed, whatever we hear. */
export function downloadLeaving(eim: Eim, eid: Eid, orderId: string): readonly Change[] {
  return eim.euiccs.change(eid, { outstanding: { orderId, about: ['profiles'] } });
}

/** The doubts about a package whose order has ended without its result. */
function unreported(eim: Eim, record: EuiccRecord): readonly Change[] {
  const { eid, outstanding } = record;
  if (outstanding === undefined) return [];
  const why = `order ${outstanding.orderId} left for the device and ended without a result`;
  return [
    ...eim.euiccs.forget(eid, 'outstanding'),
    ...doubtsAbout(eim, record, outstanding.about, why),
  ];
}

/**
 * Places the next question about something in doubt, and says whether there is one. For an eUICC that nothing else is
 * due for; runs within the EID's turn.
 */
export async function settle(eim: Eim, eid: Eid): Promise<boolean> {
  if (eim.euiccs.hasNothingToAsk(eid)) return false;
  let record = await eim.euiccs.get(eid);
  if (record?.outstanding !== undefined) {
    await eim.store.commit([...unreported(eim, record)]);
    record = await eim.euiccs.get(eid);
  }
  if (record === undefined) return false;
  for (const topic of topics) {
    const doubt = record.doubts[topic];
    if (doubt === undefined || doubt.asked >= mostAsked) continue;
    if (!isOurs(eim, record)) break;
    // The next poll looks again.
    if (!mayAsk(eim, record, doubt.last)) return false;
    // Counted first: what goes wrong from here on is not tried without end.
    await eim.store.commit([...eim.euiccs.asked(record, topic, doubt, eim.settings.ownQuestions)]);
    return place(eim, { eid, byEim: doubt.why, ...questions[topic]() });
  }
  eim.euiccs.nothingToAsk(eid);
  return false;
}

/** An eIM that the eUICC does not know any more is told nothing. */
function isOurs(eim: Eim, { eims, doubts }: EuiccRecord): boolean {
  if (eims === undefined || doubts.eims !== undefined) return true;
  return eims.list.some(({ eimId }) => eimId === eim.id);
}

/** Not twice in one call of the device, nor too often in a day. */
function mayAsk(eim: Eim, record: EuiccRecord, last: number | undefined): boolean {
  const { ownQuestions = [], polls } = record;
  const now = eim.clock.now();
  // What was asked in a time to come was asked before somebody set the clock back.
  const isThisCall =
    last !== undefined && polls !== undefined && last >= polls.began && last <= now;
  if (isThisCall) return false;
  const today = ownQuestions.filter((at) => Math.abs(now - at) < day);
  return today.length < eim.settings.ownQuestions;
}

const questions: Readonly<
  Record<Topic, () => { readonly facility: NewOrder['facility']; readonly request: OrderRequest }>
> = {
  data: () => ({
    facility: 'edr',
    request: { edr: { tagList: toHex(tagListOf(changingData())) } },
  }),
  eims: () => ({ facility: 'eco', request: { eco: [{ listEim: {} }] } }),
  profiles: () => ({ facility: 'psmo', request: { psmo: [{ listProfileInfo: {} }] } }),
};

/** Has the eUICC asked for all that there is to know of it but its lists, certificates included. */
export async function askToKnow(eim: Eim, eid: Eid, why: string): Promise<void> {
  const tags = ['associationToken', 'eumCertificate', 'euiccCertificate'] as const;
  const known = dataTags();
  const wanted = tags.flatMap((name) => known.get(name) ?? []);
  const tagList = toHex(tagListOf([...new Set([...changingData(), ...wanted])]));
  await place(eim, { eid, byEim: why, facility: 'edr', request: { edr: { tagList } } });
}

async function place(eim: Eim, order: NewOrder): Promise<boolean> {
  try {
    await eim.orders.submit(order);
    return true;
  } catch (error) {
    if (!(error instanceof OrderError)) throw error;
    return false;
  }
}

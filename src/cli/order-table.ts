/** Orders for people. */
import { members } from '../base/members.ts';
import type { OrderView } from '../rest/api/orders.ts';
import type { ProfileView } from '../rest/api/profiles.ts';
import { dataFacts, textOf } from './data-facts.ts';
import { type Cell, type Output, prose } from './output.ts';
import { showProfiles } from './profile-table.ts';
import { outcomeText, stepFacts, stepNames } from './step-text.ts';

/** One order: as a document with --json, otherwise its facts, its profiles if it lists some, and its history. */
export function showOrder(
  output: Output,
  order: OrderView,
  options: { readonly history?: boolean } = {},
): void {
  if (output.json) output.document(order);
  else showFacts(output, order, options.history ?? false);
}

function showFacts(output: Output, order: OrderView, history: boolean): void {
  output.facts([
    ['order', order.id],
    ['EID', order.eid],
    ...stepFacts(order),
    ['asked by', order.byEim === undefined ? undefined : `the eIM: ${order.byEim}`],
    ['push', order.push ? 'to the device, where it can be reached' : undefined],
    ['state', stateCell(order)],
    ['reason', order.reason || undefined],
    ...order.outcome.map((one) => ['outcome', outcomeText(one)] as const),
    ['submitted', order.submitted],
    ['changed', order.changed],
    ['deliveries', order.deliveries === undefined ? undefined : String(order.deliveries)],
  ]);
  if (output.csv) return;
  const profiles = profilesOf(order);
  if (profiles !== undefined) {
    output.line('');
    showProfiles(output, profiles);
  }
  showResults(output, order);
  if (history) {
    output.line('');
    output.table(
      ['at', 'event', prose('detail')],
      order.history.map(({ at, event, detail }) => [at, event, detail ?? '']),
    );
  }
}

export function showOrders(output: Output, orders: readonly OrderView[]): void {
  output.table(
    ['order', 'eid', prose('what'), 'state', 'submitted'],
    orders.map((order) => [order.id, order.eid, whatOf(order), shortState(order), order.submitted]),
    'no such orders',
  );
}

function whatOf({ byEim, ...order }: OrderView): string {
  const runs: { name: string; times: number }[] = [];
  for (const name of stepNames(order)) {
    const last = runs.at(-1);
    if (last?.name === name) last.times += 1;
    else runs.push({ name, times: 1 });
  }
  const what = runs.map(({ name, times }) => (times > 1 ? `${times} × ${name}` : name)).join(' ');
  return byEim === undefined ? what : `${what} (by the eIM)`;
}

function stateCell({ state, success, unproven, history }: OrderView): Cell {
  if (state === 'new') {
    // Before a eUICC's first package the eIM asks for its certificates (SGP.32 2.11.1.2).
    const isAsked = history.some(({ event }) => event === 'asked for certificates');
    const waits = isAsked
      ? "the device was asked for the eUICC's certificates first"
      : 'no device has fetched it yet';
    return { text: `new: ${waits}` };
  }
  if (state === 'work') {
    const pushFailed = history.at(-1)?.event === 'push failed';
    const who = pushFailed ? 'pushed, and not answered: it waits for the poll' : 'a device has it';
    return { text: `work: ${who}`, colour: 'yellow' };
  }
  const proof = unproven === true ? ' (unproven: a consumer eUICC)' : '';
  return success === true
    ? { text: `done: succeeded${proof}`, colour: 'green' }
    : { text: `done: failed${proof}`, colour: 'red' };
}

function shortState(order: OrderView): Cell {
  const { text, ...colour } = stateCell(order);
  return { text: order.state === 'done' ? text : order.state, ...colour };
}

/** Lists and data in an outcome, each below the order's facts. */
function showResults(output: Output, { outcome }: OrderView): void {
  for (const one of outcome) {
    const { eimIdList } = members(one.listEimResult);
    if (Array.isArray(eimIdList)) {
      output.line('');
      output.table(
        ['eim id', 'type'],
        eimIdList.map((eim) => [textOf(members(eim).eimId), textOf(members(eim).eimIdType)]),
      );
    }
    const { euiccData } = members(one.euiccDataResult);
    if (euiccData !== undefined) {
      output.line('');
      output.facts(dataFacts(members(euiccData)));
    }
  }
}

function profilesOf({ outcome }: OrderView): readonly ProfileView[] | undefined {
  for (const one of outcome) {
    const { profileInfoList } = members(one.listProfileInfoResult);
    if (Array.isArray(profileInfoList)) return profileInfoList.map(profileOf);
  }
  return undefined;
}

/** A profile as the outcome words it (SGP.22's names) in the words of ProfileView. */
function profileOf(entry: unknown): ProfileView {
  const text = (name: string) => {
    const value = members(entry)[name];
    return typeof value === 'string' ? { [shortNames[name] ?? name]: value } : {};
  };
  return {
    iccid: '',
    efIccid: '',
    ...text('iccid'),
    ...text('efIccid'),
    ...text('isdpAid'),
    ...text('profileState'),
    ...text('profileClass'),
    ...text('profileName'),
    ...text('profileNickname'),
    ...text('serviceProviderName'),
    ...(members(entry).fallbackAttribute === true ? { fallback: true } : {}),
  };
}

const shortNames: Readonly<Record<string, string>> = {
  profileState: 'state',
  profileClass: 'class',
  profileName: 'name',
  profileNickname: 'nickname',
};

/** One procedure in a world: ordered, carried out by a device of its own, and looked at from every side afterwards. */
import { type Eid, type Iccid, iccidDigits } from '../../../src/messages/ids.ts';
import { profilesOf } from '../card-profiles.ts';
import { LabError } from '../eim-process.ts';
import type { Faults } from '../euicc/chip.ts';
import type { OnStep } from '../ipa/steps.ts';
import { type ProfileRow, type WireRow, WireTally } from '../report.ts';
import type { Procedure } from './procedures.ts';
import { textOf, type World, type WorldDevice } from './world.ts';

export interface RunOptions {
  readonly name: string;
  readonly procedure: Procedure;
  readonly onStep: OnStep;
  /** The code that the SM-DP+ asks for. Default: none. */
  readonly confirmationCode?: string;
  /** The one that the operator, or a direct device's user, types. Default: the same. */
  readonly typedCode?: string;
  /** What the eUICC answers or suffers. */
  readonly cardFaults?: Faults;
  /** The SM-DS is told of no profile. */
  readonly withoutEvent?: boolean;
  /** Milliseconds that a direct device waits for an answer. Default 10 s. */
  readonly patience?: number;
  /** Octets of the profile. */
  readonly size?: number;
}

/** What came of it; the shape of `npm run lab -- --procedure … --json`. */
export interface ProcedureResult {
  readonly procedure: string;
  /** Whether it ended as such a procedure does. */
  readonly ok: boolean;
  readonly order: {
    readonly id: string;
    readonly state: string;
    readonly success: boolean;
    readonly outcome: readonly unknown[];
    readonly reason: string;
  };
  /** How far the SM-DP+ takes the profile to be. */
  readonly smdp: string;
  /** What the eUICC itself lists. */
  readonly euicc: readonly ProfileRow[];
  readonly wire: readonly WireRow[];
}

/** Polls until an order is done that the device knows of: each brings the next of its steps. */
const mostPolls = 6;

export async function runProcedure(world: World, options: RunOptions): Promise<ProcedureResult> {
  const { name, procedure, confirmationCode, size, patience } = options;
  const { direct, source, cancels, leaves } = procedure;
  const tally = new WireTally();
  let loaded = false;
  const onStep: OnStep = (step) => {
    tally.add(step);
    loaded ||= step.what === 'ES10b.LoadBoundProfilePackage';
    options.onStep(step);
  };
  world.listen(onStep, direct);
  const typed = options.typedCode ?? confirmationCode;
  const one = await world.device({
    onStep,
    habits: {
      ...(direct && { direct: world.httpsOfDevice(patience) }),
      ...(cancels && { cancels }),
      ...(leaves && { leavesDownloadData: true, leavesCtxParams1: true, leavesMetadata: true }),
      ...(direct && typed !== undefined && { confirmationCode: typed }),
    },
    ...(source === 'defaultSmdp' && { card: { defaultDpAddress: world.smdpp.address } }),
  });
  const { eid, card, device } = one;
  Object.assign(card.faults, options.cardFaults);
  const { iccid, activationCode } = world.release({
    ...(size !== undefined && { size }),
    ...(confirmationCode !== undefined && { confirmationCode }),
    ...(source === 'defaultSmdp' && { eid, matchingId: '' }),
    ...(source === 'smds' && { eid, matchingId: eventOf(eid) }),
  });
  if (source === 'smds' && !options.withoutEvent) {
    await world.smdpp.announce(eventOf(eid), world.smds.address);
  }
  await device.connect();
  const place = async (what: string, steps: readonly object[]) => {
    const order = await world.eim.ask('POST', '/v1/orders', { eid, steps });
    onStep({ from: 'operator', to: 'eIM', what: `order ${what}`, result: 'accepted' });
    return carriedOut(world, one, textOf(order, 'id'), onStep);
  };
  // What an IPA leaves to the eIM, it has to be told.
  if (leaves) await place('data', [{ edr: {} }]);
  if (procedure.whole) {
    // What the device is sold with: without it there would be nothing to roll back to.
    const first = world.release(size === undefined ? {} : { size });
    const download = { activationCode: first.activationCode };
    await place('download, enable', [{ download }, { enable: {} }]);
  }
  const done = await place(
    procedure.whole ? 'download, enable, confirm' : `download ${source}`,
    stepsOf(world, procedure, activationCode, direct ? undefined : typed),
  );
  if (loaded) await heardOf(world, iccid);
  await world.smdpp.told();
  card.reset();
  await device.close();
  const euicc = profilesOf(card);
  const smdp = world.smdpp.stateOf(iccid)?.at ?? 'unknown';
  const { success } = done;
  const held = euicc.find((profile) => profile.iccid === iccidDigits(iccid));
  const due = procedure.whole ? 'enabled' : 'disabled';
  const ok =
    cancels === undefined
      ? success && held?.state === due && smdp === 'installed'
      : done.state === 'done' && !success && euicc.length === 0;
  return { procedure: name, ok, order: done, smdp, euicc, wire: tally.rows };
}

/** The eIM tells the SM-DP+ of an installation in its own time: soon, or not at all where it cannot. */
async function heardOf({ smdpp }: World, iccid: Iccid): Promise<void> {
  for (let tries = 0; tries < 40; tries++) {
    if (smdpp.stateOf(iccid)?.at !== 'downloaded') return;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}

function eventOf(eid: Eid): string {
  return `EVENT-${eid.slice(-8)}`;
}

function stepsOf(
  world: World,
  { source, direct, whole }: Procedure,
  activationCode: string,
  confirmationCode: string | undefined,
): readonly object[] {
  const from =
    source === 'activationCode'
      ? { activationCode }
      : source === 'smds'
        ? { smds: { address: world.smds.address } }
        : { defaultSmdp: true };
  const download = {
    ...from,
    mode: direct ? 'direct' : 'indirect',
    ...(confirmationCode !== undefined && { confirmationCode }),
  };
  if (!whole) return [{ download }];
  return [{ download }, { enable: { rollback: true } }, { confirm: { polls: 3, within: '1h' } }];
}

/** The device polls until the order is done, or nothing comes of it any more; the order as it then is. */
async function carriedOut(
  { eim }: World,
  { device, card }: WorldDevice,
  id: string,
  onStep: OnStep,
): Promise<ProcedureResult['order']> {
  for (let polls = 1; ; polls++) {
    try {
      await device.poll();
    } catch (error) {
      const result = error instanceof Error ? error.message : String(error);
      onStep({ from: 'IPA', to: 'IPA', what: 'poll', result });
    }
    card.reset();
    const order = await eim.ask('GET', `/v1/orders/${id}`);
    const state = textOf(order, 'state');
    if (state !== 'done' && polls < mostPolls) continue;
    const outcome: unknown = Reflect.get(Object(order), 'outcome');
    if (!Array.isArray(outcome)) throw new LabError('an order without outcome');
    const success = Reflect.get(Object(order), 'success') === true;
    const reason = textOf(order, 'reason');
    const words = success ? 'with success' : `without: ${reason}`;
    onStep({ from: 'operator', to: 'eIM', what: 'order show', result: `${state}, ${words}` });
    return { id, state, success, outcome, reason };
  }
}

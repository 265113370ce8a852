/**
 * A whole order (download, enable with rollback, confirm) on a real device, whose eIM is killed with SIGKILL after any of
 * the steps that it takes: what the order says in the end is what the eUICC itself holds, and no step is done twice.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { iccidDigits } from '../../src/messages/ids.ts';
import { profilesOf } from '../../tools/lab/card-profiles.ts';
import type { OnStep } from '../../tools/lab/ipa/steps.ts';
import { textOf, World, type WorldDevice } from '../../tools/lab/procedures/world.ts';

let world: World;
before(async () => {
  world = await World.open();
});
after(() => world.close());

async function place(eid: string, steps: readonly object[]): Promise<string> {
  return textOf(await world.eim.ask('POST', '/v1/orders', { eid, steps }), 'id');
}

/** Polls until the order is done; the order. */
async function done({ device, card }: WorldDevice, id: string, restarted: () => Promise<void>) {
  for (let polls = 0; polls < 12; polls++) {
    // What fails with the connection, the device tries again with its next poll.
    await device.poll().catch(() => {});
    await restarted();
    card.reset();
    const order = await world.eim.ask('GET', `/v1/orders/${id}`);
    if (textOf(order, 'state') === 'done') return order;
  }
  return world.eim.ask('GET', `/v1/orders/${id}`);
}

/** Runs a whole order; the eIM is killed after this step, as often as it was done before, and one time more. */
async function run(killedAfter: string, times: number) {
  const steps: string[] = [];
  let restart: Promise<void> = Promise.resolve();
  let counts = false;
  let kills = 0;
  const onStep: OnStep = ({ what }) => {
    if (!counts) return;
    steps.push(what);
    if (what !== killedAfter || counted(steps, what) !== times) return;
    kills++;
    restart = world.restart();
  };
  world.listen(onStep, false);
  const one = await world.device({ onStep });
  await one.device.connect();
  const first = world.release();
  const idle = () => Promise.resolve();
  const { activationCode: former } = first;
  await done(
    one,
    await place(one.eid, [{ download: { activationCode: former } }, { enable: {} }]),
    idle,
  );
  const { iccid, activationCode } = world.release();
  const id = await place(one.eid, [
    { download: { activationCode } },
    { enable: { rollback: true } },
    { confirm: { polls: 3, within: '1h' } },
  ]);
  counts = true;
  const order = await done(one, id, () => restart);
  counts = false;
  await one.device.close();
  const held = profilesOf(one.card).find((profile) => profile.iccid === iccidDigits(iccid));
  assert.equal(kills, 1);
  return { order, held: held?.state, steps };
}

function counted(steps: readonly string[], name: string): number {
  return steps.filter((what) => what === name).length;
}

describe('a whole order whose eIM is killed', { timeout: 600_000 }, () => {
  for (const [what, times] of [
    ['initiateAuthentication', 1],
    ['AuthenticateClient', 1],
    ['authenticateClient', 1],
    ['getBoundProfilePackage', 1],
    ['ES10b.LoadBoundProfilePackage', 1],
    ['handleNotification', 1],
    ['ES10b.LoadEuiccPackage', 1],
    ['ProvideEimPackageResult', 1],
    ['ES10b.LoadEuiccPackage', 2],
  ] as const) {
    it(`after ${what}${times > 1 ? `, time ${times}` : ''}: goes on, and its eUICC does nothing twice`, async () => {
      const { order, held, steps } = await run(what, times);
      assert.equal(Reflect.get(Object(order), 'success'), true, JSON.stringify(order));
      assert.equal(held, 'enabled');
      assert.equal(counted(steps, 'ES10b.LoadBoundProfilePackage'), 1);
      assert.equal(counted(steps, 'ES10b.LoadEuiccPackage'), 2);
    });
  }
});

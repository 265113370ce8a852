/** A profile that its confirmation code protects, from the order to the card: the eIM gives the device its hash. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Order } from '../../src/orders/order.ts';
import { iccid } from './smdp.ts';
import { World } from './world.ts';

const confirmationCode = 'Tr0ub4dor';

function reasonOf({ state }: Order): string {
  return state.at === 'done' ? `${state.success}: ${state.reason}` : state.at;
}

function profilesOf(world: World) {
  return world.card.snapshot().profiles.map((profile) => profile.iccid);
}

describe('a profile with a confirmation code', () => {
  it('is installed with the right one', async () => {
    const world = await World.begin({ ordered: false, confirmationCode });
    const order = await world.download(confirmationCode);
    assert.match(reasonOf(order), /^true/);
    assert.deepEqual(profilesOf(world), [iccid]);
    assert.equal(world.smdp.state, 'installed');
  });

  it('is not with a wrong one, and still can be with the right one', async () => {
    const world = await World.begin({ ordered: false, confirmationCode });
    const wrong = await world.download('Tr0ub4dour');
    assert.match(reasonOf(wrong), /^false.*the confirmation code is wrong: order .* again/);
    assert.deepEqual(profilesOf(world), []);
    assert.match(reasonOf(await world.download(confirmationCode)), /^true/);
    assert.deepEqual(profilesOf(world), [iccid]);
  });

  it('is lost after too many wrong ones', async () => {
    const world = await World.begin({ ordered: false, confirmationCode });
    for (const code of ['1', '2']) assert.match(reasonOf(await world.download(code)), /is wrong/);
    assert.match(reasonOf(await world.download('3')), /^false.*too many wrong confirmation codes/);
    assert.match(reasonOf(await world.download(confirmationCode)), /^false/);
    assert.deepEqual(profilesOf(world), []);
  });

  it('is not without one', async () => {
    const world = await World.begin({ ordered: false, confirmationCode });
    const order = await world.download();
    assert.doesNotMatch(reasonOf(order), /^true/);
    assert.deepEqual(profilesOf(world), []);
  });
});

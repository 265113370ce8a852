/**
 * A direct download (SGP.32 3.2.1) of a device that proves nothing of itself, and whose connection outlives the eIM's
 * process: the eUICC's notification is the first thing that it says after the start, and names no EID.
 */
import assert from 'node:assert/strict';
import { createPublicKey } from 'node:crypto';
import { describe, it } from 'node:test';
import { GetEimPackageResponse } from '../../src/messages/eim-package.ts';
import { EsipaMessageFromIpaToEim } from '../../src/messages/esipa.ts';
import { eidOctets } from '../../src/messages/ids.ts';
import { pointOf } from '../../src/trust/ec-key.ts';
import { newKey } from '../../tools/lab/pki/issue.ts';
import { TestEuicc } from '../procedures/euicc.ts';
import { transactionId } from '../procedures/smdp.ts';
import { eid, World } from './world.ts';

/** The device has its trigger, the profile is installed, and the eIM was killed meanwhile. */
async function installed() {
  const world = await World.begin({ auth: 'certificate', ordered: false, keepsConnections: true });
  const { eim } = world.process;
  const card = new TestEuicc();
  await eim.euiccs.update(eid, { publicKey: pointOf(createPublicKey(card.credential.key)).point });
  const request = { download: { activationCode: world.smdp.activationCode } };
  await eim.orders.submit({ eid, facility: 'download', request });
  const poll = { type: 'getEimPackageRequest', value: { eidValue: eidOctets(eid) } } as const;
  const { body } = await say(world, poll);
  const answer = GetEimPackageResponse.decode(body ?? assert.fail('no answer'));
  assert.equal(answer.type, 'profileDownloadTriggerRequest');
  world.process.killForHalfASecond();
  await world.clock.turn(1000);
  assert.ok(world.process.runs);
  return { world, card };
}

function say(world: World, message: EsipaMessageFromIpaToEim) {
  return world.turn(world.device.ask(EsipaMessageFromIpaToEim.encode(message)));
}

async function told(world: World, value: ReturnType<TestEuicc['installation']>) {
  const pending = { type: 'pendingNotification', value } as const;
  await say(world, { type: 'handleNotificationEsipa', value: pending });
  const [order] = await world.orders();
  return order?.state;
}

describe('a direct download, and the eIM is killed meanwhile', () => {
  it('ends with the notification, before the next poll', async () => {
    const { world, card } = await installed();
    const state = await told(world, card.installation(transactionId));
    assert.ok(state?.at === 'done' && state.success);
    assert.equal(world.device.connections, 1);
    assert.equal((await world.process.eim.euiccs.get(eid))?.profiles?.list.length, 1);
    assert.deepEqual(world.process.errors, []);
  });

  it('does not end with a notification that another has signed', async () => {
    const { world, card } = await installed();
    const state = await told(world, card.installation(transactionId, undefined, { key: newKey() }));
    assert.equal(state?.at, 'work');
    assert.equal(world.device.connections, 1);
  });

  it('does not end with a notification over another connection, which says nothing of whose it is', async () => {
    const { world, card } = await installed();
    world.device.close();
    const state = await told(world, card.installation(transactionId));
    assert.equal(state?.at, 'work');
    assert.equal(world.device.connections, 2);
  });
});

/**
 * An updateEim of this eIM itself whose result is lost: the eUICC knows it by another key from then on, and the operator
 * says so (SGP.32 2.11.1.1.1).
 */
import assert from 'node:assert/strict';
import { createPublicKey } from 'node:crypto';
import { describe, it, type TestContext } from 'node:test';
import { toHex } from '../../src/base/bytes.ts';
import { silentLog } from '../../src/base/log.ts';
import { EimConfigurationData } from '../../src/messages/eco.ts';
import { GetEimPackageResponse } from '../../src/messages/eim-package.ts';
import { EsipaMessageFromIpaToEim } from '../../src/messages/esipa.ts';
import { EuiccPackageRequest } from '../../src/messages/euicc-package.ts';
import { eidOctets } from '../../src/messages/ids.ts';
import type { OrderRequest } from '../../src/orders/order.ts';
import { EimSigner } from '../../src/trust/eim-signer.ts';
import { newKey } from '../../tools/lab/pki/issue.ts';
import { send } from '../rest/http.ts';
import { deskOf, serveRest } from '../rest/running.ts';
import { seededRandom } from '../support/seeded.ts';
import { eid, World } from './world.ts';

const second = newKey();

/** The eUICC has executed the update, and nobody will ever hear of it; the operator has cancelled the order. */
async function updated(test: TestContext) {
  const world = await World.begin({ ordered: false, otherKeys: [second] });
  const { eim } = world.process;
  const { orders, euiccs, quirks, devices, store } = eim;
  assert.equal((await listed(world)).success, true);
  const eimConfigurationData = toHex(
    EimConfigurationData.encode({
      eimId: eim.id,
      counterValue: 0,
      eimPublicKeyData: { type: 'eimPublicKey', value: EimSigner.of(second).publicKeyInfo },
    }),
  );
  const request = { eco: [{ updateEim: { eimConfigurationData } }] };
  const { id } = await orders.submit({ eid, facility: 'eco', request });
  const poll = { type: 'getEimPackageRequest', value: { eidValue: eidOctets(eid) } } as const;
  const { body } = await world.turn(world.device.ask(EsipaMessageFromIpaToEim.encode(poll)));
  const answer = GetEimPackageResponse.decode(body ?? assert.fail('no answer'));
  if (answer.type !== 'euiccPackageRequest') assert.fail(answer.type);
  const before = world.card.snapshot();
  world.card.transmit(EuiccPackageRequest.encode(answer.value));
  const after = world.card.snapshot();
  assert.notDeepEqual(after.eims, before.eims);
  world.card.restore({ ...after, packageResults: [] });
  await orders.cancel(id);

  const signingKeys = [eim.signer, ...eim.otherSigners].map((one) => one.publicKeyInfo);
  const rooms = { orders, euiccs, quirks, devices, store, signingKeys, clock: world.clock };
  const rest = await serveRest(deskOf({ ...rooms, random: seededRandom(9), log: silentLog() }));
  test.after(() => rest.close());
  const change = (facts: object) => send('PATCH', `${rest.url}/v1/euiccs/${eid}`, facts);
  return { world, change };
}

/** How an order ends that any eUICC can carry out. */
async function listed(world: World) {
  const request: OrderRequest = { psmo: [{ listProfileInfo: {} }] };
  const { orders } = world.process.eim;
  const { id } = await orders.submit({ eid, facility: 'psmo', request });
  await world.work();
  const state = (await orders.get(id))?.state;
  return state?.at === 'done' ? state : assert.fail(`the order is ${state?.at}`);
}

describe('an updateEim whose result was lost', () => {
  it('leaves the eUICC deaf to this eIM, until the operator says which key it was given', async (test) => {
    const { world, change } = await updated(test);
    const deaf = await listed(world);
    assert.equal(deaf.success, false);
    assert.match(deaf.reason, /does not take the package for this eIM's/);
    const signingKey = createPublicKey(second).export({ format: 'pem', type: 'spki' });
    assert.equal((await change({ signingKey, counterValue: 0 })).status, 200);
    assert.equal((await listed(world)).success, true);
    assert.deepEqual(world.process.errors, []);
  });

  it('is not mended by a key that this eIM has not', async (test) => {
    const { world, change } = await updated(test);
    const signingKey = createPublicKey(newKey()).export({ format: 'pem', type: 'spki' });
    assert.equal((await change({ signingKey, counterValue: 0 })).status, 400);
    assert.equal((await listed(world)).success, false);
  });
});

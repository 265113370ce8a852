/** The counter of an eUICC near its end, and the way on: a new key and counterValue by updateEim (SGP.32 2.11.1.1.1). */
import assert from 'node:assert/strict';
import { createPublicKey, type KeyObject } from 'node:crypto';
import { describe, it } from 'node:test';
import { concat, toHex } from '../../src/base/bytes.ts';
import { counterReserve, largestCounter } from '../../src/fleet/euiccs.ts';
import { EimConfigurationData } from '../../src/messages/eco.ts';
import type { EuiccResultData } from '../../src/messages/euicc-package.ts';
import type { EcoRequest } from '../../src/orders/order.ts';
import { verifyEcdsa } from '../../src/trust/ecdsa.ts';
import { EimSigner, tokenTlv } from '../../src/trust/eim-signer.ts';
import { newKey } from '../../tools/lab/pki/issue.ts';
import { eid, pki } from './euicc.ts';
import { Rig } from './rig.ts';

const end = largestCounter - counterReserve;
const second = newKey();

function configuration(eimId: string, key?: KeyObject, counterValue?: number): string {
  const value = key && EimSigner.of(key).publicKeyInfo;
  return toHex(
    EimConfigurationData.encode({
      eimId,
      ...(counterValue === undefined ? {} : { counterValue }),
      ...(value === undefined ? {} : { eimPublicKeyData: { type: 'eimPublicKey', value } }),
    }),
  );
}

async function eco(rig: Rig, ...operations: readonly EcoRequest[]) {
  const request = { eco: operations };
  return rig.eim.orders.submit({ eid, facility: 'eco', request });
}

/** The package that the device fetches, and by which of these keys it is signed. */
async function fetched(rig: Rig, keys: Readonly<Record<string, KeyObject>>, token = 1) {
  const answer = await rig.poll();
  if (answer.type !== 'euiccPackageRequest') assert.fail(answer.type);
  const { euiccPackageSigned, eimSignature } = answer.value;
  const input = concat(euiccPackageSigned.raw, tokenTlv(token));
  const by = Object.entries(keys).find(([, key]) =>
    verifyEcdsa(createPublicKey(key), input, eimSignature),
  );
  return { signed: euiccPackageSigned.value, by: by?.[0] };
}

async function done(rig: Rig, result: EuiccResultData, token = 1) {
  const keys = { first: pki.eimSign.key, second };
  const { signed, by } = await fetched(rig, keys, token);
  const value = rig.euicc.result(signed, [result], { token });
  await rig.provide({ type: 'euiccPackageResult', value });
  return { counterValue: signed.counterValue, by };
}

describe('a counter that is used up', () => {
  it('ends orders with what to do, and lets updateEim through', async () => {
    const rig = await Rig.with({ otherKeys: [second] });
    await rig.eim.euiccs.update(eid, { counterValue: end });
    const stuck = await rig.enable();
    assert.deepEqual(await rig.poll(), { type: 'eimPackageError', value: 1 });
    assert.match((await rig.end(stuck)).reason, /used up: have updateEim/);
    const eimConfigurationData = configuration('eIM', second, 5);
    const order = await eco(rig, { updateEim: { eimConfigurationData } });
    const updated = await done(rig, { type: 'updateEimResult', value: 0 });
    assert.deepEqual(updated, { counterValue: end + 1, by: 'first' });
    assert.equal((await rig.end(order)).success, true);
    await rig.enable();
    const next = await done(rig, { type: 'enableResult', value: 0 });
    assert.deepEqual(next, { counterValue: 6, by: 'second' });
    await rig.restart();
    await rig.enable();
    assert.equal((await done(rig, { type: 'enableResult', value: 0 })).by, 'second');
  });

  it('stays as it is where the eUICC refuses the update', async () => {
    const rig = await Rig.with({ otherKeys: [second] });
    const eimConfigurationData = configuration('eIM', second, 5);
    await eco(rig, { updateEim: { eimConfigurationData } });
    await done(rig, { type: 'updateEimResult', value: 6 });
    await rig.enable();
    const next = await done(rig, { type: 'enableResult', value: 0 });
    assert.deepEqual(next, { counterValue: 3, by: 'first' });
  });

  it('stays as it is where another eIM is updated', async () => {
    const rig = await Rig.with({ otherKeys: [second] });
    await eco(rig, { updateEim: { eimConfigurationData: configuration('another', second, 5) } });
    await done(rig, { type: 'updateEimResult', value: 0 });
    await rig.enable();
    assert.equal((await done(rig, { type: 'enableResult', value: 0 })).by, 'first');
  });

  it('has no way on once the key is configured no more: the order says so', async () => {
    const rig = await Rig.with();
    const signingKey = EimSigner.of(second).publicKeyInfo;
    await rig.eim.euiccs.update(eid, { signingKey });
    const order = await rig.enable();
    await rig.poll();
    assert.match((await rig.end(order)).reason, /eim\.signing\.otherKeys/);
  });
});

describe('the association token of this eIM', () => {
  it('is learned where the eUICC makes one for it anew (addEim), and no other’s is', async () => {
    const rig = await Rig.with();
    const made: EuiccResultData = {
      type: 'addEimResult',
      value: { type: 'associationToken', value: 9 },
    };
    for (const [eimId, token] of [
      ['another', 1],
      ['eIM', 9],
    ] as const) {
      await eco(rig, { addEim: { eimConfigurationData: configuration(eimId, undefined, 20) } });
      await done(rig, made);
      const { associationToken } = await rig.eim.euiccs.ensure(eid);
      assert.equal(associationToken, token);
    }
    await rig.enable();
    const { signed, by } = await fetched(rig, { first: pki.eimSign.key }, 9);
    assert.deepEqual({ by, counterValue: signed.counterValue }, { by: 'first', counterValue: 21 });
  });
});

/** A rollback whose result comes after that of the enable was taken (SGP.32 3.3.1): what the eIM believes then. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseIccid } from '../../src/messages/ids.ts';
import { eid, iccid } from './euicc.ts';
import { Rig } from './rig.ts';

const before = parseIccid('98880000000000000071');
const enabled = { type: 'enableResult', value: 0 } as const;
const rolledBack = { type: 'rollbackResult', value: 0 } as const;

/** An order to enable a profile in place of another, with rollback; the device has its package. */
async function fetched() {
  const rig = await Rig.with();
  const list = [
    { iccid: before, state: 'enabled' },
    { iccid: parseIccid(iccid), state: 'disabled' },
  ] as const;
  await rig.eim.euiccs.update(eid, { profiles: { since: 0, list } });
  const order = await rig.psmo({ enable: { iccid, rollback: true } });
  const signed = await rig.fetchPackage();
  const states = async () =>
    (await rig.eim.euiccs.get(eid))?.profiles?.list.map(({ state }) => state);
  return { rig, order, signed, states };
}

describe('a rollback', () => {
  it('in the first result leaves the states as they were', async () => {
    const { rig, order, signed, states } = await fetched();
    const value = rig.euicc.result(signed, [enabled, rolledBack]);
    await rig.provide({ type: 'euiccPackageResult', value });
    assert.equal((await rig.end(order)).success, false);
    assert.deepEqual(await states(), ['enabled', 'disabled']);
    // The same once more is nothing new.
    await rig.provide({ type: 'euiccPackageResult', value });
    assert.deepEqual(await states(), ['enabled', 'disabled']);
  });

  it('after the result was taken makes the states unknown, and is acknowledged', async () => {
    const { rig, order, signed, states } = await fetched();
    const first = rig.euicc.result(signed, [enabled]);
    await rig.provide({ type: 'euiccPackageResult', value: first });
    assert.deepEqual(await states(), ['disabled', 'enabled']);
    const second = rig.euicc.result(signed, [enabled, rolledBack], { seqNumber: 60 });
    assert.deepEqual(await rig.provide({ type: 'euiccPackageResult', value: second }), {
      type: 'eimAcknowledgements',
      value: [60],
    });
    assert.deepEqual(await states(), [undefined, undefined]);
    assert.equal((await rig.end(order)).success, true, 'what is done never changes');
    assert.ok(rig.lines.some(({ event }) => /went back to the profile of before/.test(event)));
  });

  it('that is not signed by the eUICC changes nothing', async () => {
    const { rig, signed, states } = await fetched();
    const first = rig.euicc.result(signed, [enabled]);
    await rig.provide({ type: 'euiccPackageResult', value: first });
    const second = rig.euicc.result(signed, [enabled, rolledBack], { token: 2 });
    await rig.provide({ type: 'euiccPackageResult', value: second });
    assert.deepEqual(await states(), ['disabled', 'enabled']);
  });
});

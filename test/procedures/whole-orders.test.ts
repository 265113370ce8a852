/** Whole orders: download, enable, confirm, and whatever else stands behind each other, stage by stage. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { hex } from '../../src/base/bytes.ts';
import type { EuiccResultData } from '../../src/messages/euicc-package.ts';
import type { Order, StageRequest } from '../../src/orders/order.ts';
import { due, numbers, ofEuicc, orders, packages, queue, since } from '../../src/orders/rows.ts';
import { MemoryStore } from '../../src/store/memory.ts';
import { CrashingStore } from './crashing-store.ts';
import { eid, iccid, installedOk } from './euicc.ts';
import { activationCode, caller, Rig } from './rig.ts';

const other = '988812010000400310F1';
const hour = 3_600_000;
const download: StageRequest = { download: { activationCode } };
const enable: StageRequest = { enableInstalled: { rollback: true } };
const confirm: StageRequest = { confirm: { polls: 3, within: 2 * hour } };

const ok: EuiccResultData = { type: 'enableResult', value: 0 };

function place(rig: Rig, ...whole: readonly StageRequest[]): Promise<Order> {
  return rig.eim.orders.submit({ eid, facility: 'whole', request: { whole } });
}

/** Fetches the trigger and reports that the device installed the profile by itself. */
async function downloaded(rig: Rig, result = installedOk, seqNumber = 5): Promise<void> {
  const trigger = await rig.poll();
  if (trigger.type !== 'profileDownloadTriggerRequest') assert.fail(trigger.type);
  const { eimTransactionId } = trigger.value;
  assert.ok(eimTransactionId);
  await rig.provide({
    type: 'profileDownloadTriggerResult',
    value: {
      eimTransactionId,
      profileDownloadTriggerResultData: rig.euicc.installation(
        new Uint8Array(16).fill(seqNumber),
        result,
        { seqNumber },
      ),
    },
  });
}

/** Fetches a package and answers it; gives the operations that it holds. */
async function executed(rig: Rig, ...results: readonly EuiccResultData[]) {
  const signed = await rig.fetchPackage();
  const value = rig.euicc.result(signed, results);
  await rig.provide({ type: 'euiccPackageResult', value });
  return signed.euiccPackage;
}

/** The eUICC's list of one profile: state 1 is enabled. */
function listed(profileState: number, of = iccid): EuiccResultData {
  return {
    type: 'listProfileInfoResult',
    value: {
      type: 'profileInfoListOk',
      value: [{ iccid: hex(of), profileState, fallbackAttribute: false }],
    },
  };
}

async function stages(rig: Rig, order: Order): Promise<string> {
  const { stages: list = [] } = await rig.order(order);
  return list
    .map(({ state }) => (state.at === 'done' ? (state.success ? 'ok' : 'failed') : state.at))
    .join(' ');
}

describe('a whole order', () => {
  it('downloads, enables what it installed, and confirms it, one stage after the other', async () => {
    const rig = await Rig.with();
    const order = await place(rig, download, enable, confirm);
    await downloaded(rig);
    assert.equal(await stages(rig, order), 'ok new new');
    assert.equal(await rig.at(order), 'work');
    const enabling = await executed(rig, ok);
    assert.deepEqual(enabling, {
      type: 'psmoList',
      value: [{ type: 'enable', value: { iccid: hex(iccid), rollbackFlag: true } }],
    });
    assert.equal(await stages(rig, order), 'ok ok new');
    const asking = await executed(rig, listed(1));
    assert.equal(asking.value[0]?.type, 'listProfileInfo');
    const { success, outcome, reason } = await rig.end(order);
    assert.equal(success, true);
    assert.deepEqual(outcome, [
      { profileInstallationResult: { finalResult: 'successResult', iccid } },
      { enableResult: 'ok' },
      { confirmResult: 'ok' },
    ]);
    assert.match(reason, /installed.*signed result.*is enabled/);
    assert.deepEqual(await rig.poll(), { type: 'eimPackageError', value: 1 });
  });

  it('ends at the first stage that fails, and begins none behind it', async () => {
    const rig = await Rig.with();
    const order = await place(rig, download, enable, confirm);
    await downloaded(rig, {
      type: 'errorResult',
      value: { bppCommandId: 5, errorReason: 10 },
    });
    assert.equal(await stages(rig, order), 'failed new new');
    const { success, reason } = await rig.end(order);
    assert.equal(success, false);
    assert.match(reason, /^step 1 \(download\).*not begun: step 2 \(enable\), step 3 \(confirm\)/);
    assert.deepEqual(await rig.poll(), { type: 'eimPackageError', value: 1 });
  });

  it('deletes the former profile only once the device has reported the new one enabled', async () => {
    const rig = await Rig.with();
    const order = await place(rig, download, enable, { psmo: [{ delete: { iccid: other } }] });
    await downloaded(rig);
    await executed(rig, { type: 'enableResult', value: 3 });
    assert.equal(await stages(rig, order), 'ok failed new');
    assert.deepEqual(await rig.poll(), { type: 'eimPackageError', value: 1 });
    assert.match((await rig.end(order)).reason, /not begun: step 3 \(delete\)/);
  });

  it('says what to do where the profile is not enabled any more', async () => {
    const rig = await Rig.with();
    const order = await place(rig, { psmo: [{ enable: { iccid, rollback: true } }] }, confirm);
    await executed(rig, ok);
    await executed(rig, listed(0));
    const { success, outcome, reason } = await rig.end(order);
    assert.equal(success, false);
    assert.deepEqual(outcome.at(-1), { confirmResult: 'notEnabled' });
    assert.match(reason, /came back, but .* is disabled.*rollback.*order its enable again/);
  });

  it('confirms no profile that it has disabled or deleted since: the device is to come back', async () => {
    for (const undo of [{ disable: { iccid } }, { delete: { iccid } }] as const) {
      const rig = await Rig.with();
      const enabled = { psmo: [{ enable: { iccid } }] };
      const order = await place(rig, enabled, { psmo: [undo] }, confirm);
      await executed(rig, ok);
      const name = 'disable' in undo ? 'disableResult' : 'deleteResult';
      await executed(rig, { type: name, value: 0 });
      const { value } = await executed(rig, listed(1, other));
      const [asked] = value;
      assert.ok(asked?.type === 'listProfileInfo' && asked.value.searchCriteria === undefined);
      assert.equal(await stages(rig, order), 'ok ok ok');
      assert.match((await rig.end(order)).reason, /the device came back$/);
    }
  });

  it('is unconfirmed where the device stays away', async () => {
    const rig = await Rig.with();
    const order = await place(rig, { psmo: [{ enable: { iccid } }] }, confirm);
    await executed(rig, ok);
    await rig.clock.turn(2 * hour - 1);
    await rig.eim.orders.sweep();
    assert.equal(await rig.at(order), 'work');
    await rig.clock.turn(1);
    await rig.eim.orders.sweep();
    const { success, outcome, reason } = await rig.end(order);
    assert.equal(success, false);
    assert.deepEqual(outcome, [{ enableResult: 'ok' }, { confirmResult: 'noAnswer' }]);
    assert.match(reason, /did not come back within 2 hours\. Profile .* was enabled.*What to do/);
    assert.deepEqual(await rig.poll(), { type: 'eimPackageError', value: 1 });
  });

  it('is unconfirmed where the device polls so often without an answer', async () => {
    const rig = await Rig.with();
    const order = await place(rig, { psmo: [{ enable: { iccid } }] }, confirm);
    await executed(rig, ok);
    const first = await rig.pollBytes();
    assert.deepEqual(await rig.pollBytes(), first);
    await rig.poll();
    assert.equal(await rig.at(order), 'work');
    assert.deepEqual(await rig.poll(), { type: 'eimPackageError', value: 1 });
    const { outcome, reason } = await rig.end(order);
    assert.deepEqual(outcome[1], { confirmResult: 'noAnswer' });
    assert.match(reason, /fetched the question 3 times/);
  });

  it('takes a result that comes twice for the stage that it is of', async () => {
    const rig = await Rig.with();
    const order = await place(
      rig,
      { psmo: [{ enable: { iccid } }] },
      { psmo: [{ delete: { iccid: other } }] },
    );
    const signed = await rig.fetchPackage();
    const result = rig.euicc.result(signed, [ok]);
    await rig.provide({ type: 'euiccPackageResult', value: result });
    const second = await rig.fetchPackage();
    await rig.provide({ type: 'euiccPackageResult', value: result });
    assert.equal(await stages(rig, order), 'ok work');
    const value = rig.euicc.result(second, [{ type: 'deleteResult', value: 0 }]);
    await rig.provide({ type: 'euiccPackageResult', value });
    assert.equal((await rig.end(order)).success, true);
  });

  it('is cancelled in the stage that it is at', async () => {
    const rig = await Rig.with();
    const order = await place(rig, download, enable);
    await downloaded(rig);
    await rig.eim.orders.cancel(order.id);
    assert.equal(await stages(rig, order), 'ok failed');
    assert.match((await rig.end(order)).reason, /step 2 \(enable\): cancelled by the operator/);
    await assert.rejects(rig.eim.orders.cancel(order.id), { name: 'TransitionError' });
  });

  it('leaves no row behind once it is deleted', async () => {
    const store = new MemoryStore();
    const rig = await Rig.with({ store });
    const order = await place(rig, { psmo: [{ enable: { iccid } }] }, confirm);
    await executed(rig, ok);
    await rig.fetchPackage();
    assert.equal(await rig.eim.orders.delete(order.id), true);
    const left = await Promise.all(
      [orders, numbers, ofEuicc, queue, packages, since, due].map(async (each) =>
        (await store.list<unknown>(each)).map(([key]) => `${each.name}!${key}`),
      ),
    );
    assert.deepEqual(left.flat(), []);
  });

  it('waits behind nobody longer than its stage may: each stage has its own time', async () => {
    const rig = await Rig.with();
    const { noShow } = rig.eim.orders.settings;
    const order = await place(rig, download, enable);
    await rig.clock.turn(noShow - 1);
    await downloaded(rig);
    await rig.clock.turn(noShow - 1);
    await rig.eim.orders.sweep();
    assert.equal(await stages(rig, order), 'ok new');
    await rig.clock.turn(1);
    await rig.eim.orders.sweep();
    assert.deepEqual((await rig.end(order)).outcome.at(-1), { procedureError: 'noshowOrder' });
  });
});

describe('a whole order and a process that dies at any commit', () => {
  for (let commits = 0; commits < 12; commits++) {
    it(`goes on after commit ${commits}, and does nothing twice`, async () => {
      const store = new CrashingStore();
      const rig = await Rig.with({ store });
      const order = await place(rig, { psmo: [{ enable: { iccid } }] }, confirm);
      store.left = commits;
      try {
        await executed(rig, ok);
        await executed(rig, listed(1));
      } catch {
        // It died.
      }
      store.left = Number.POSITIVE_INFINITY;
      await rig.restart();
      // The device sends what it has, and polls on.
      for (let polls = 0; polls < 4 && (await rig.at(order)) !== 'done'; polls++) {
        const answer = await rig.poll(caller);
        if (answer.type !== 'euiccPackageRequest') continue;
        const signed = rig.euicc.read(answer.value);
        const [operation] = signed.euiccPackage.value;
        const results = operation?.type === 'enable' ? [ok] : [listed(1)];
        await rig.provide({
          type: 'euiccPackageResult',
          value: rig.euicc.result(signed, results),
        });
      }
      assert.equal(await stages(rig, order), 'ok ok');
      assert.equal((await rig.end(order)).success, true);
    });
  }
});

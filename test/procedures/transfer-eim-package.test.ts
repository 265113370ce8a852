/** Package injection (SGP.32 3.1.1.2): handed out as to a poll, before it leaves; and back to the poll where it fails. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { hex, toHex } from '../../src/base/bytes.ts';
import { GetEimPackageResponse } from '../../src/messages/eim-package.ts';
import type { EuiccResultData } from '../../src/messages/euicc-package.ts';
import { readOnly } from '../../src/messages/tlv.ts';
import { pushOrder, type Route } from '../../src/procedures/transfer-eim-package.ts';
import { newKey } from '../../tools/lab/pki/issue.ts';
import { CrashingStore } from './crashing-store.ts';
import { eid, pki } from './euicc.ts';
import { closedRoute, PushedDevice, packageIn, received } from './push.ts';
import { Rig, type RigOptions, stranger } from './rig.ts';

const ok: EuiccResultData = { type: 'enableResult', value: 0 };
const inVain = "; it waits for the device's poll";
const silence = 'its connection: no sign of life within 30 s';

async function ordered(options: RigOptions = {}) {
  const rig = await Rig.with(options);
  const order = await rig.enable();
  const push = async (...routes: readonly Route[]) =>
    pushOrder(rig.eim, await rig.order(order), routes);
  /** A device that executes what it gets, and says so at once. */
  const device = new PushedDevice((request) =>
    request.type === 'euiccPackageRequest'
      ? {
          type: 'euiccPackageResult',
          value: rig.euicc.result(rig.euicc.read(request.value), [ok], { seqNumber: 7 }),
        }
      : received,
  );
  return { rig, order, push, device };
}

describe('a pushed order', () => {
  it('is done with the answer, and the eUICC may forget the result', async () => {
    const { rig, order, push, device } = await ordered();
    await push(device.route());
    const { success, outcome } = await rig.end(order);
    assert.deepEqual({ success, outcome }, { success: true, outcome: [{ enableResult: 'ok' }] });
    assert.deepEqual(device.types, ['euiccPackageRequest', 'eimAcknowledgements']);
    // The example of reference sheet 1.10, with the eUICC's number.
    assert.equal(toHex(device.heard[1] ?? hex('')), 'BF4E06BF5303800107');
    assert.deepEqual((await rig.history(order)).slice(0, 3), [
      'submitted',
      'fetched: counterValue 2',
      'pushed: over its connection',
    ]);
    assert.deepEqual(await rig.poll(), { type: 'eimPackageError', value: 1 });
  });

  it('is durable before it leaves', async () => {
    const { rig, order, push } = await ordered();
    let kept: string | undefined;
    const device = new PushedDevice(async () => {
      await rig.restart();
      const { state } = await rig.order(order);
      if (state.at === 'work') kept = toHex(state.dispatch.eimPackage);
      return undefined;
    });
    await push(device.route());
    assert.equal(kept, toHex(readOnly(device.heard[0] ?? hex('')).value));
  });

  it('does not leave where the disk is gone', async () => {
    const store = new CrashingStore();
    const { push, device } = await ordered({ store });
    store.left = 0;
    await assert.rejects(push(device.route()), /the disk is gone/);
    assert.deepEqual(device.heard, []);
  });

  it('that the device takes is reported later, as one that was polled for', async () => {
    const { rig, order, push } = await ordered();
    const device = new PushedDevice(() => received);
    await push(device.route());
    assert.equal(await rig.at(order), 'work');
    assert.equal(
      (await rig.history(order)).at(-1),
      'push taken: the device has it, and reports the result later',
    );
    const signed = rig.euicc.read(packageIn(device.requests[0]));
    const value = rig.euicc.result(signed, [ok]);
    await rig.provide({ type: 'euiccPackageResult', value });
    assert.equal((await rig.end(order)).success, true);
  });

  const takings = { 'an empty body': '', 'BF60 of v1.3': 'BF4E 09 BF60 06 80 04 01020304' };
  for (const [name, answer] of Object.entries(takings)) {
    it(`counts as taken where the answer is ${name}`, async () => {
      const { rig, order, push } = await ordered();
      await push(new PushedDevice(() => hex(answer)).route());
      assert.match((await rig.history(order)).at(-1) ?? '', /^push taken/);
    });
  }

  it('waits for the poll where nobody answers, which gets the same bytes', async () => {
    const { rig, order, push } = await ordered();
    const device = new PushedDevice(() => undefined);
    await push(device.route());
    assert.equal((await rig.history(order)).at(-1), `push failed: ${silence}${inVain}`);
    const polled = await rig.pollBytes();
    const [pushed = hex('')] = device.heard;
    assert.deepEqual(readOnly(polled).value, readOnly(pushed).value);
    const answer = GetEimPackageResponse.decode(polled);
    assert.ok(answer.type === 'euiccPackageRequest');
    const value = rig.euicc.result(rig.euicc.read(answer.value), [ok]);
    await rig.provide({ type: 'euiccPackageResult', value });
    assert.equal((await rig.end(order)).success, true);
    assert.equal((await rig.eim.euiccs.get(eid))?.counterValue, 2);
  });

  it('stays as it was where no route leads to the device', async () => {
    for (const [routes, why] of [
      [[], 'the device has no connection, and no address to be reached at'],
      [[closedRoute], 'its connection: it has ended'],
    ] as const) {
      const { rig, order, push } = await ordered();
      await push(...routes);
      assert.equal(await rig.at(order), 'new');
      assert.deepEqual(await rig.history(order), ['submitted', `not pushed: ${why}${inVain}`]);
      assert.equal((await rig.eim.euiccs.get(eid))?.counterValue, 1);
    }
  });

  it('takes the next route where one leads nowhere, with the same bytes', async () => {
    const { rig, order, push, device } = await ordered();
    const silent = new PushedDevice(() => undefined);
    const other = new PushedDevice(() => hex('0500'), { text: '192.0.2.7:5684' });
    await push(closedRoute, silent.route(), other.route(), device.route());
    assert.equal((await rig.end(order)).success, true);
    assert.deepEqual(silent.heard, device.heard.slice(0, 1));
    assert.deepEqual(silent.heard, other.heard);
  });

  it('is not given to one who may not speak for the eUICC', async () => {
    const { rig, order, push } = await ordered();
    const key = new Uint8Array(16);
    await rig.eim.devices.add({ identity: 'dev1', key, eids: [eid] });
    const device = new PushedDevice(() => received, { by: stranger });
    await push(device.route());
    assert.deepEqual(device.heard, []);
    const why = 'its connection: who is there may not speak for this eUICC';
    assert.equal((await rig.history(order)).at(-1), `not pushed: ${why}${inVain}`);
  });

  it('is not pushed while a device has fetched it, or is asked for certificates', async () => {
    const { rig, order, push, device } = await ordered();
    await rig.poll();
    await push(device.route());
    assert.deepEqual(device.heard, []);
    const unknown = await ordered({ keyKnown: false });
    await unknown.rig.poll();
    await unknown.push(device.route());
    assert.deepEqual(device.heard, []);
    assert.equal(
      (await unknown.rig.history(unknown.order)).at(-1),
      'not pushed: the device is being asked for certificates',
    );
    assert.equal(await rig.at(order), 'work');
  });

  it('comes after the question for the certificates, on the same way', async () => {
    const { rig, order, push } = await ordered({ keyKnown: false });
    const device = new PushedDevice((request) => {
      if (request.type === 'eimAcknowledgements') return received;
      if (request.type === 'ipaEuiccDataRequest') {
        const { eimTransactionId = hex('') } = request.value;
        const data = {
          eimTransactionId,
          euiccCertificate: pki.euicc.certificate,
          eumCertificate: pki.eum.certificate,
        };
        return { type: 'ipaEuiccDataResponse', value: { type: 'ipaEuiccData', value: data } };
      }
      const signed = rig.euicc.read(packageIn(request));
      return {
        type: 'ePRAndNotifications',
        value: { euiccPackageResult: rig.euicc.result(signed, [ok]), notificationList: [] },
      };
    });
    await push(device.route());
    assert.equal((await rig.end(order)).success, true);
    assert.deepEqual(device.types, [
      'ipaEuiccDataRequest',
      'euiccPackageRequest',
      'eimAcknowledgements',
    ]);
  });

  const refusals = {
    eimPackageError: 'BF4E 03 020102',
    'BF61 of v1.3': 'BF4E 0C BF61 09 80 04 01020304 020102',
  };
  for (const [name, answer] of Object.entries(refusals)) {
    it(`ends where the IPA cannot handle the package: ${name}`, async () => {
      const { rig, order, push } = await ordered();
      await push(new PushedDevice(() => hex(answer)).route());
      const { success, reason } = await rig.end(order);
      assert.equal(success, false);
      assert.match(reason, /unknownPackage/);
    });
  }

  it('is not ended by a result that the eUICC did not sign', async () => {
    const { rig, order, push } = await ordered();
    const { key } = { key: newKey() };
    const device = new PushedDevice((request) => ({
      type: 'euiccPackageResult',
      value: rig.euicc.result(rig.euicc.read(packageIn(request)), [ok], { key }),
    }));
    await push(device.route());
    assert.equal(await rig.at(order), 'work');
    assert.deepEqual(device.types, ['euiccPackageRequest'], 'no acknowledgement');
  });

  it('waits for the poll where the answer is none', async () => {
    for (const answer of ['BF4E', 'FF', 'BF5002 3000', 'BF4E 02 0101']) {
      const { rig, order, push } = await ordered();
      await push(new PushedDevice(() => hex(answer)).route());
      assert.match((await rig.history(order)).at(-1) ?? '', /^push failed: .*no Transfer/);
      assert.equal(await rig.at(order), 'work');
    }
  });

  it('is done though the acknowledgement gets lost', async () => {
    const { rig, order, push } = await ordered();
    const device = new PushedDevice((request) => {
      if (request.type === 'eimAcknowledgements') return undefined;
      const signed = rig.euicc.read(packageIn(request));
      return { type: 'euiccPackageResult', value: rig.euicc.result(signed, [ok]) };
    });
    await push(device.route());
    assert.equal((await rig.end(order)).success, true);
  });

  it('of a download is a trigger, and the device goes on by itself', async () => {
    const rig = await Rig.with();
    const order = await rig.download();
    const device = new PushedDevice(() => received);
    await pushOrder(rig.eim, order, [device.route()]);
    assert.deepEqual(device.types, ['profileDownloadTriggerRequest']);
    assert.equal(await rig.at(order), 'work');
  });
});

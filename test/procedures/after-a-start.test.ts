/** What comes before the first poll after a start and names no EID: whose it is, and what that must not rest on. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { utf8 } from '../../src/base/bytes.ts';
import type { Eid } from '../../src/messages/ids.ts';
import type { PendingNotification } from '../../src/messages/notifications.ts';
import type { Caller } from '../../src/procedures/eim.ts';
import { newKey } from '../../tools/lab/pki/issue.ts';
import { eidOfNumber } from '../orders/support.ts';
import { eid, pki } from './euicc.ts';
import { activationCode, Rig, type RigOptions } from './rig.ts';
import { transactionId } from './smdp.ts';

/** A connection that outlives the process; nobody has said whose it is. */
const kept: Caller = { peerId: 'A1', connection: 'C1.A1' };
const gateway = { kind: 'psk', name: 'gateway' } as const;
const psk = utf8('0123456789abcdef');

/** A direct download whose trigger this caller has, and then a start. */
async function triggered(by: Caller, bound?: readonly Eid[], options: RigOptions = {}) {
  const rig = await Rig.with(options);
  if (bound !== undefined) {
    await rig.eim.devices.add({ identity: gateway.name, key: psk, eids: bound });
  }
  const request = { download: { activationCode } };
  const order = await rig.eim.orders.submit({ eid, facility: 'download', request });
  assert.equal((await rig.poll(by)).type, 'profileDownloadTriggerRequest');
  await rig.restart();
  return { rig, order };
}

describe('the notification of a direct download after a start', () => {
  it('is that of the eUICC that polled over this connection', async () => {
    const { rig, order } = await triggered(kept);
    await rig.notify(rig.euicc.installation(transactionId), kept);
    assert.equal((await rig.end(order)).success, true);
    assert.equal((await rig.eim.euiccs.get(eid))?.profiles?.list.length, 1);
  });

  it("is nobody's over another connection", async () => {
    const { rig, order } = await triggered(kept);
    await rig.notify(rig.euicc.installation(transactionId), { peerId: 'A2', connection: 'C2.A2' });
    assert.equal(await rig.at(order), 'work');
  });

  it("is nobody's where another key signed it", async () => {
    const { rig, order } = await triggered(kept);
    await rig.notify(rig.euicc.installation(transactionId, undefined, { key: newKey() }), kept);
    assert.equal(await rig.at(order), 'work');
  });

  it("is nobody's of whom devices speak by now, to which the caller does not belong", async () => {
    const { rig, order } = await triggered(kept);
    await rig.eim.devices.add({ identity: gateway.name, key: psk, eids: [eid] });
    await rig.notify(rig.euicc.installation(transactionId), kept);
    assert.equal(await rig.at(order), 'work');
  });

  it('is that of the one that signed it, where several polled over this connection', async () => {
    const { rig, order } = await triggered(kept);
    const other = eidOfNumber(3);
    await rig.eim.euiccs.contact(other, { connection: 'C1.A1' });
    await rig.notify(rig.euicc.installation(transactionId), kept);
    assert.equal((await rig.end(order)).success, true);
    assert.equal((await rig.eim.euiccs.get(other))?.profiles, undefined);
  });

  it('is that of the one that signed it, of a device that is bound to several', async () => {
    const by: Caller = { peerId: 'B1', identity: gateway };
    const { rig, order } = await triggered(by, [eidOfNumber(3), eid]);
    await rig.notify(rig.euicc.installation(transactionId), { ...by, peerId: 'B2' });
    assert.equal((await rig.end(order)).success, true);
  });

  it('is that of the one that signed it, also after a poll for another', async () => {
    const by: Caller = { peerId: 'B1', identity: gateway };
    const other = eidOfNumber(3);
    const { rig, order } = await triggered(by, [other, eid]);
    await rig.poll(by, other);
    await rig.notify(rig.euicc.installation(transactionId), by);
    assert.equal((await rig.end(order)).success, true);
  });
});

describe('a result without an EID after a start', () => {
  it('is that of the eUICC that polled over this connection', async () => {
    const { rig, order } = await triggered(kept);
    const profileDownloadTriggerResultData = rig.euicc.installation(transactionId);
    const result = {
      type: 'profileDownloadTriggerResult',
      value: { profileDownloadTriggerResultData },
    } as const;
    const elsewhere = await rig.provide(result, { by: { peerId: 'A2' }, of: null });
    assert.deepEqual(elsewhere, { type: 'provideEimPackageResultError', value: 4 });
    assert.equal(await rig.at(order), 'work');
    await rig.provide(result, { by: kept, of: null });
    assert.equal((await rig.end(order)).success, true);
  });
});

describe('a compact notification without an EID', () => {
  const by: Caller = { peerId: 'B1', identity: gateway };

  /** As the eUICC of the rig signs it. */
  function compact(rig: Rig): PendingNotification {
    const full = rig.euicc.notification('notificationEnable');
    assert.ok(full.type === 'otherSignedNotification');
    const { tbsOtherNotification, euiccNotificationSignature } = full.value;
    return {
      type: 'compactOtherSignedNotification',
      value: { tbsOtherNotification, euiccNotificationSignature },
    };
  }

  async function known(rig: Rig, of: Eid): Promise<void> {
    await rig.eim.euiccs.update(of, {
      euiccCertificate: pki.euicc.certificate,
      eumCertificate: pki.eum.certificate,
    });
  }

  it('is kept as that of the one that signed it', async () => {
    const { rig } = await triggered(by, [eidOfNumber(3), eid]);
    await known(rig, eid);
    await rig.notify(compact(rig), { ...by, peerId: 'B2' });
    assert.equal(rig.smdp.calls.at(-1)?.name, 'handleNotification');
  });

  it('is left to the device where none is known that can have signed it', async () => {
    const { rig } = await triggered(by, [eidOfNumber(3), eid]);
    await assert.rejects(rig.notify(compact(rig), by), { name: 'NotKeptError' });
  });
});

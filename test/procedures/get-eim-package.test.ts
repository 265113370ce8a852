/** What an IPA that polls is given, and what is durable before it leaves (SGP.32 3.1.1.1, 6.3.2.6). */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { hex, toHex } from '../../src/base/bytes.ts';
import { callFunction } from '../../src/esipa/functions.ts';
import { Devices } from '../../src/fleet/devices.ts';
import { largestCounter } from '../../src/fleet/euiccs.ts';
import type { GetEimPackageRequest } from '../../src/messages/eim-package.ts';
import { type Eid, eidOctets, parseEid } from '../../src/messages/ids.ts';
import { tlv } from '../../src/messages/tlv.ts';
import type { OrderRequest } from '../../src/orders/order.ts';
import { type Caller, maySpeakFor } from '../../src/procedures/eim.ts';
import { testBox } from '../support/box.ts';
import { HandClock } from '../support/hand-clock.ts';
import { CrashingStore } from './crashing-store.ts';
import { eid, iccid } from './euicc.ts';
import { activationCode, caller, Rig, stranger } from './rig.ts';

/** Made up; nobody here knows it. */
const otherEid = parseEid('89033023427000000000000000000123');
const nothing = { type: 'eimPackageError', value: 1 };
const notFound = { type: 'eimPackageError', value: 2 };
const device = { identity: 'dev1', key: new Uint8Array(16).fill(1), eids: [eid] };
const dev1 = { peerId: 'connection 3', identity: { kind: 'psk' as const, name: 'dev1' } };

describe('getEimPackage', () => {
  it('says noEimPackageAvailable where nothing is to be done', async () => {
    const rig = await Rig.with();
    // SGP.32 facts sheet 1.2, "answer, nothing pending".
    assert.equal(toHex(await rig.pollBytes()), 'BF4F03020101');
  });

  it('hands out a download with its activation code and an eimTransactionId', async () => {
    const rig = await Rig.with();
    const order = await rig.download();
    const answer = await rig.poll();
    assert.ok(answer.type === 'profileDownloadTriggerRequest');
    const { profileDownloadData, eimTransactionId } = answer.value;
    assert.deepEqual(profileDownloadData, { type: 'activationCode', value: activationCode });
    assert.equal(eimTransactionId?.length, 16);
    assert.equal(await rig.at(order), 'work');
  });

  it('hands out an activation code without LPA:', async () => {
    const rig = await Rig.with();
    await rig.download(`LPA:${activationCode}`);
    const answer = await rig.poll();
    assert.ok(answer.type === 'profileDownloadTriggerRequest');
    assert.equal(answer.value.profileDownloadData?.value, activationCode);
  });

  it('hands out each operation in its order, signed under the association token', async () => {
    const rig = await Rig.with();
    await rig.eim.euiccs.update(eid, { associationToken: 200, counterValue: 6 });
    await rig.psmo(
      { listProfileInfo: {} },
      { disable: { iccid } },
      { enable: { iccid, rollback: true } },
      { delete: { iccid } },
      { listProfileInfo: { searchCriteria: { iccid }, tagList: '5A9F70' } },
    );
    const answer = await rig.poll();
    assert.ok(answer.type === 'euiccPackageRequest');
    const signed = rig.euicc.read(answer.value, 200);
    assert.equal(signed.eimId, 'eIM');
    assert.deepEqual(signed.eidValue, eidOctets(eid));
    assert.equal(signed.counterValue, 7);
    assert.equal(signed.eimTransactionId?.length, 16);
    assert.deepEqual(signed.euiccPackage, {
      type: 'psmoList',
      value: [
        { type: 'listProfileInfo', value: { tagList: hex('5A4F9F70909192959F7B9F269F67') } },
        { type: 'disable', value: { iccid: hex(iccid) } },
        { type: 'enable', value: { iccid: hex(iccid), rollbackFlag: true } },
        { type: 'delete', value: { iccid: hex(iccid) } },
        {
          type: 'listProfileInfo',
          value: {
            searchCriteria: { type: 'iccid', value: hex(iccid) },
            tagList: hex('5A9F70'),
          },
        },
      ],
    });
  });

  it('hands out the same bytes until the device reports', async () => {
    const rig = await Rig.with();
    const order = await rig.enable();
    const first = await rig.pollBytes();
    assert.deepEqual(await rig.pollBytes(), first);
    await rig.restart();
    assert.deepEqual(await rig.pollBytes(stranger), first);
    const { state } = await rig.order(order);
    assert.ok(state.at === 'work');
    assert.equal(state.dispatch.deliveries, 3);
    assert.equal((await rig.eim.euiccs.get(eid))?.counterValue, 2);
  });

  it('hands out one order after the other', async () => {
    const rig = await Rig.with();
    const [first, second] = [await rig.enable(), await rig.download()];
    const bytes = await rig.pollBytes();
    assert.equal(await rig.at(second), 'new');
    await rig.eim.orders.cancel(first.id);
    assert.equal((await rig.poll()).type, 'profileDownloadTriggerRequest');
    assert.notDeepEqual(await rig.pollBytes(), bytes);
  });

  it('gives up a package that was handed out too often', async () => {
    const rig = await Rig.with({ settings: { maxDeliveries: 3 } });
    const order = await rig.enable();
    for (let i = 0; i < 3; i++) assert.equal((await rig.poll()).type, 'euiccPackageRequest');
    assert.equal(await rig.at(order), 'work');
    assert.deepEqual(await rig.poll(), nothing);
    const { success, outcome, reason } = await rig.end(order);
    assert.deepEqual(
      { success, outcome },
      { success: false, outcome: [{ procedureError: 'stuckOrder' }] },
    );
    assert.match(reason, /3 times/);
  });

  it('hands out nothing of an order that was cancelled or deleted', async () => {
    const rig = await Rig.with();
    const [fresh, deleted] = [await rig.enable(), await rig.enable()];
    await rig.eim.orders.cancel(fresh.id);
    await rig.eim.orders.delete(deleted.id);
    assert.deepEqual(await rig.poll(), nothing);
    assert.deepEqual((await rig.end(fresh)).outcome, [{ procedureError: 'abortedOrder' }]);
  });

  it('answers two polls at once with the same bytes, and takes one counter', async () => {
    const rig = await Rig.with();
    await rig.enable();
    const [one, other] = await Promise.all([rig.pollBytes(), rig.pollBytes(stranger)]);
    assert.deepEqual(one, other);
    assert.equal((await rig.eim.euiccs.get(eid))?.counterValue, 2);
  });

  it('goes on to the next order where one is cancelled while it is handed out', async () => {
    // Whenever the cancellation comes in between, either the package left before it, or nothing leaves.
    for (let steps = 0; steps < 24; steps++) {
      const rig = await Rig.with();
      const order = await rig.enable();
      const polled = rig.poll();
      for (let i = 0; i < steps; i++) await Promise.resolve();
      await rig.eim.orders.cancel(order.id);
      const answer = await polled;
      const { state } = await rig.order(order);
      assert.ok(state.at === 'done');
      const left = state.dispatch !== undefined;
      assert.equal(answer.type, left ? 'euiccPackageRequest' : 'eimPackageError', `step ${steps}`);
    }
  });
});

describe('getEimPackage, who may ask', () => {
  it('a device that was added by a clock that has been set back since', async () => {
    const rig = await Rig.with();
    const tomorrow = new HandClock(rig.eim.clock.now() + 24 * 3600 * 1000);
    const { store, log } = rig.eim;
    const devices = await Devices.open({ store, clock: tomorrow, log, box: testBox() });
    await devices.add({ identity: 'meter-1', eids: [eid], key: new Uint8Array(16) });
    const eim = { ...rig.eim, devices };
    const by: Caller = { peerId: 'connection 1', identity: { kind: 'psk', name: 'meter-1' } };
    assert.equal(maySpeakFor(eim, by, eid), true);
    await devices.revoke('meter-1');
    assert.equal(maySpeakFor(eim, by, eid), false);
  });

  it('says eidNotFound for an EID that nobody knows, and remembers nothing of it', async () => {
    const rig = await Rig.with();
    assert.deepEqual(await rig.poll(caller, otherEid), { type: 'eimPackageError', value: 2 });
    assert.equal(await rig.eim.euiccs.get(otherEid), undefined);
    assert.equal(rig.eim.polls.size, 0);
  });

  it('says noEimPackageAvailable for it where that is set', async () => {
    const rig = await Rig.with({ settings: { unknownEid: 'noEimPackageAvailable' } });
    assert.deepEqual(await rig.poll(caller, otherEid), nothing);
  });

  it('says invalidEid for octets that are no decimal digits', async () => {
    const rig = await Rig.with();
    const value = { eidValue: hex('8988211990000000000000000000000A') };
    const answer = await rig.say({ type: 'getEimPackageRequest', value });
    assert.equal(toHex(answer), 'BF4F03020103');
  });

  it('serves an EID that a PSK covers to that PSK alone', async () => {
    const rig = await Rig.with();
    await rig.eim.devices.add(device);
    assert.deepEqual(await rig.poll(dev1), nothing);
    assert.deepEqual(await rig.poll(caller), { type: 'eimPackageError', value: 2 });
    const other = { ...device, identity: 'dev2', eids: [otherEid] };
    await rig.eim.devices.add(other);
    const dev2 = { peerId: 'connection 4', identity: { kind: 'psk' as const, name: 'dev2' } };
    assert.deepEqual(await rig.poll(dev2), { type: 'eimPackageError', value: 2 });
    assert.deepEqual(await rig.poll(dev2, otherEid), nothing);
  });

  for (const kind of ['certificate', 'rawPublicKey'] as const) {
    it(`serves an EID that a ${kind} covers to it alone, until it is revoked`, async () => {
      const rig = await Rig.with();
      const pins = { certificates: ['AB'.repeat(32)], publicKeys: ['CD'.repeat(32)] };
      await rig.eim.devices.add({ identity: 'pinned', eids: [eid], ...pins });
      const pinned = { peerId: 'connection 5', identity: { kind, name: 'pinned' } };
      const stranger = { peerId: 'connection 6', identity: { kind, name: 'nobody' } };
      const refused = { type: 'eimPackageError', value: 2 } as const;
      assert.deepEqual(await rig.poll(pinned), nothing);
      assert.deepEqual(await rig.poll(pinned, otherEid), refused);
      for (const other of [caller, stranger]) assert.deepEqual(await rig.poll(other), refused);
      await rig.eim.devices.revoke('pinned');
      for (const all of [pinned, caller]) assert.deepEqual(await rig.poll(all), refused);
    });
  }

  it('serves it to others too where that is set', async () => {
    const rig = await Rig.with({ settings: { boundEidsOpen: true } });
    await rig.eim.devices.add(device);
    assert.deepEqual(await rig.poll(caller), nothing);
  });

  it('lets a PSK that is bound to EIDs speak for no other', async () => {
    const rig = await Rig.with({ settings: { boundEidsOpen: true } });
    await rig.eim.devices.add({ ...device, eids: [otherEid] });
    assert.deepEqual(await rig.poll(dev1), { type: 'eimPackageError', value: 2 });
  });

  it('notes who polled, when, and why the state changed', async () => {
    const rig = await Rig.with();
    const eidValue = eidOctets(eid);
    const ask = (value: GetEimPackageRequest) => rig.say({ type: 'getEimPackageRequest', value });
    await ask({ eidValue, notifyStateChange: true });
    await ask({ eidValue, notifyStateChange: true, stateChangeCause: 6, rPLMN: hex('62F210') });
    await ask({ eidValue, stateChangeCause: 6 });
    const record = await rig.eim.euiccs.get(eid);
    assert.deepEqual(record?.stateChangeCauseList, ['undefined', 'deviceChange']);
    assert.equal(record?.lastContact, rig.clock.now());
    assert.equal(record?.lastPeer, 'anonymous peer');
  });
});

describe('getEimPackage, of an order that cannot be carried out', () => {
  const bad: Readonly<Record<string, readonly [request: OrderRequest, word: string]>> = {
    'an activation code that is none': [{ download: { activationCode: '2$x' } }, 'badOrder'],
    'an ICCID of other than ten octets': [{ psmo: [{ enable: { iccid: '9894' } }] }, 'badPsmo'],
    'an ICCID that is not hex': [{ psmo: [{ delete: { iccid: 'ABC' } }] }, 'badPsmo'],
    'an operation of a later version': [{ psmo: [{ explode: {} } as never] }, 'badPsmo'],
    'an eCO of a later version': [{ eco: [{ explode: {} } as never] }, 'badEco'],
    'an EimConfigurationData that is none': [
      { eco: [{ addEim: { eimConfigurationData: '3003800141FF' } }] },
      'badEco',
    ],
    'a tagList that is no hex': [{ edr: { tagList: 'BF2' } }, 'badEdr'],
    'a kind of a later version': [{ later: {} } as never, 'badOrder'],
  };
  for (const [name, [request, word]] of Object.entries(bad)) {
    it(`ends it: ${name}`, async () => {
      const rig = await Rig.with();
      const facility = 'download' in request ? 'download' : 'psmo';
      const order = await rig.eim.orders.submit({ eid, facility, request });
      const next = await rig.download();
      assert.equal((await rig.poll()).type, 'profileDownloadTriggerRequest');
      assert.deepEqual((await rig.end(order)).outcome, [{ procedureError: word }]);
      assert.equal(await rig.at(next), 'work');
    });
  }

  it('ends it where the counter is used up, and says what to do', async () => {
    const rig = await Rig.with();
    await rig.eim.euiccs.update(eid, { counterValue: largestCounter });
    const order = await rig.enable();
    assert.deepEqual(await rig.poll(), nothing);
    assert.match(
      (await rig.end(order)).reason,
      /counter .* used up: have updateEim give it a new key/,
    );
  });

  it('does not blame the order where the store fails', async () => {
    const store = new CrashingStore();
    const rig = await Rig.with({ store });
    const order = await rig.enable();
    store.left = 0;
    await assert.rejects(rig.poll(), { name: 'StoreError' });
    assert.equal(await rig.at(order), 'new');
  });
});

describe('getEimPackage, when the power goes', () => {
  it('lets no package leave that is not durable with its counter', async () => {
    for (let left = 0; left < 8; left++) {
      const store = new CrashingStore();
      const rig = await Rig.with({ store });
      const order = await rig.enable();
      store.left = left;
      const before = await rig.poll().catch(() => undefined);
      store.left = Number.POSITIVE_INFINITY;
      await rig.restart();
      const { state } = await rig.order(order);
      const counter = (await rig.eim.euiccs.get(eid))?.counterValue;
      if (before === undefined) {
        assert.equal(state.at, 'new', `${left} commits`);
        assert.equal(counter, 1);
      } else {
        assert.ok(state.at === 'work', `${left} commits`);
        assert.equal(state.dispatch.counterValue, counter);
        assert.deepEqual(await rig.poll(), before);
      }
    }
  });

  it('takes another counter where the first package never left', async () => {
    const store = new CrashingStore();
    const rig = await Rig.with({ store });
    await rig.enable();
    store.left = 1; // the poll itself is noted, the package is not
    await assert.rejects(rig.poll(), { name: 'StoreError' });
    store.left = Number.POSITIVE_INFINITY;
    assert.equal((await rig.fetchPackage()).counterValue, 3);
  });
});

describe('a poll that memory alone answers', () => {
  const gateway = { identity: 'gateway', key: new Uint8Array(16).fill(2), eids: [eid, otherEid] };
  const by: Caller = {
    peerId: 'connection 4',
    connection: 'c4',
    identity: { kind: 'psk', name: 'gateway' },
  };
  const bare = (of: Eid) => tlv(0xbf4f, tlv(0x5a, eidOctets(of)));

  /** A gateway that has polled for both of its eUICCs. */
  async function polled(): Promise<Rig> {
    const rig = await Rig.with();
    await rig.eim.devices.add(gateway);
    for (const of of [eid, otherEid]) assert.deepEqual(await rig.poll(by, of), nothing);
    return rig;
  }

  it('is answered at once, with or without rPLMN, and noted for the EID that it names', async () => {
    const rig = await polled();
    const withPlmn = (of: Eid) =>
      tlv(0xbf4f, tlv(0x5a, eidOctets(of)), tlv(0x82, Uint8Array.of(0x62, 0xf2, 0x10)));
    for (const message of [bare, withPlmn]) {
      for (const of of [eid, otherEid, otherEid, eid]) {
        await rig.clock.turn(1000);
        const answer = callFunction(rig.eim, by, message(of));
        assert.ok(answer instanceof Uint8Array);
        assert.equal(toHex(answer), 'BF4F03020101');
        assert.equal((await rig.eim.euiccs.get(of))?.lastContact, rig.clock.now());
        assert.equal(rig.eim.polls.get(by.peerId), of);
      }
    }
  });

  it('is looked up again for the one EID that has an order now', async () => {
    const rig = await polled();
    await rig.enable();
    assert.ok(callFunction(rig.eim, by, bare(otherEid)) instanceof Uint8Array);
    assert.equal((await rig.poll(by)).type, 'euiccPackageRequest');
  });

  it('is refused a device that was revoked, and an EID that is not its own', async () => {
    const rig = await polled();
    const foreign = parseEid('89882119900000000000000000000102');
    for (const _ of [1, 2]) assert.deepEqual(await rig.poll(by, foreign), notFound);
    assert.deepEqual(await rig.poll({ ...by, identity: { kind: 'psk', name: 'x' } }), notFound);
    await rig.eim.devices.revoke('gateway');
    assert.deepEqual(await rig.poll(by), notFound);
  });

  it('is watched as any other', async () => {
    const rig = await polled();
    const told: unknown[] = [];
    const timed = { now: () => 7, took: (...what: readonly unknown[]) => void told.push(what) };
    const eim = { ...rig.eim, timed };
    await callFunction(eim, by, bare(eid));
    await rig.enable();
    await callFunction(eim, by, bare(eid));
    await assert.rejects(async () => callFunction(eim, by, hex('BF4E020500')));
    assert.deepEqual(told, [
      ['getEimPackageRequest', 'answered', 7],
      ['getEimPackageRequest', 'answered', 7],
      ['transferEimPackageResponse', 'refused', 7],
    ]);
  });
});

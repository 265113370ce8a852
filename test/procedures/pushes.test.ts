/** When orders are pushed: at once, or when their turn comes; one at a time for a eUICC, so many in all. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { EuiccResultData } from '../../src/messages/euicc-package.ts';
import { parseEid } from '../../src/messages/ids.ts';
import { IpaCapabilities } from '../../src/messages/ipa-euicc-data.ts';
import { Pushes, type PushesOptions } from '../../src/procedures/pushes.ts';
import { NotTransferredError } from '../../src/procedures/transfer-eim-package.ts';
import { promised } from '../coap/conversation.ts';
import { eidOfNumber } from '../orders/support.ts';
import { settled } from '../support/hand-clock.ts';
import { eid, iccid } from './euicc.ts';
import { closedRoute, PushedDevice, packageIn, received } from './push.ts';
import { Rig } from './rig.ts';

const ok: EuiccResultData = { type: 'enableResult', value: 0 };
const request = { psmo: [{ enable: { iccid } }] };
const whole = { eid, facility: 'whole', request: { whole: [request, request] } } as const;

/** A rig that pushes to a device that executes what it gets, or to another. */
async function pushing(
  options: Partial<PushesOptions> & { device?: PushedDevice; rig?: Rig } = {},
) {
  const rig = options.rig ?? (await Rig.with());
  const obedient = new PushedDevice((asked) =>
    asked.type === 'eimAcknowledgements'
      ? received
      : {
          type: 'euiccPackageResult',
          value: rig.euicc.result(rig.euicc.read(packageIn(asked)), [ok]),
        },
  );
  const { device = obedient, rig: _, ...others } = options;
  const pushes = new Pushes({
    eim: rig.eim,
    routes: () => [device.route()],
    atOnce: 10,
    waiting: 10,
    ...others,
  });
  const stop = pushes.start();
  const submit = (push: boolean, of = eid) =>
    rig.eim.orders.submit({ eid: of, facility: 'psmo', request, push });
  return { rig, device, submit, stop };
}

/** The device reports what it fetched by a poll. */
async function executed(rig: Rig): Promise<void> {
  const value = rig.euicc.result(await rig.fetchPackage(), [ok]);
  await rig.provide({ type: 'euiccPackageResult', value });
}

describe('orders that are to be pushed', () => {
  it('are pushed at once, one after the other', async () => {
    const { rig, device, submit } = await pushing();
    const orders = [await submit(true), await submit(true), await submit(true)];
    await settled();
    await settled();
    for (const order of orders) assert.equal((await rig.end(order)).success, true);
    const packages = device.types.filter((type) => type === 'euiccPackageRequest');
    assert.equal(packages.length, 3);
    assert.equal((await rig.eim.euiccs.get(eid))?.counterValue, 4);
  });

  it('are pushed stage by stage where they have several', async () => {
    const { rig, device } = await pushing();
    const order = await rig.eim.orders.submit({ ...whole, push: true });
    await settled();
    await settled();
    assert.equal((await rig.end(order)).success, true);
    const packages = device.types.filter((type) => type === 'euiccPackageRequest');
    assert.equal(packages.length, 2);
    assert.ok(!(await rig.history(order)).some((line) => line.startsWith('push waits')));
  });

  it('are tried once in each stage, where nobody is reached', async () => {
    const { rig } = await pushing({ routes: () => [closedRoute] });
    const order = await rig.eim.orders.submit({ ...whole, push: true });
    await settled();
    await executed(rig);
    await rig.clock.turn(60_000);
    const tries = (await rig.history(order)).filter((line) => line.startsWith('not pushed'));
    assert.deepEqual(
      tries.map((line) => line.slice(0, 'not pushed: step 1'.length)),
      ['not pushed: step 1', 'not pushed: step 2'],
    );
  });

  it('are not pushed where nobody asked for it', async () => {
    const { rig, device, submit } = await pushing();
    const order = await submit(false);
    await rig.clock.turn(60_000);
    assert.deepEqual(device.heard, []);
    assert.deepEqual(await rig.history(order), ['submitted']);
  });

  it('wait for the orders before them, and for a poll that may fetch them', async () => {
    const { rig, device, submit } = await pushing();
    const first = await submit(false);
    const second = await submit(true);
    await rig.clock.turn(60_000);
    assert.deepEqual(await rig.history(second), [
      'submitted',
      'push waits: another order of this eUICC is before it',
    ]);
    await executed(rig);
    assert.equal((await rig.end(first)).success, true);
    await rig.clock.turn(4_999);
    assert.deepEqual(device.heard, []);
    await rig.clock.turn(1);
    assert.equal((await rig.end(second)).success, true);
  });

  it('are not pushed where the device has fetched them meanwhile', async () => {
    const { rig, device, submit } = await pushing();
    await submit(false);
    const second = await submit(true);
    await executed(rig);
    await executed(rig);
    assert.equal((await rig.end(second)).success, true);
    await rig.clock.turn(60_000);
    assert.deepEqual(device.heard, []);
  });

  it('behind one that is not answered wait for the poll with it', async () => {
    const device = new PushedDevice(() => undefined);
    const { rig, submit } = await pushing({ device });
    const first = await submit(true);
    const second = await submit(true);
    await rig.clock.turn(60_000);
    assert.deepEqual([await rig.at(first), await rig.at(second)], ['work', 'new']);
    assert.equal(device.heard.length, 1);
    await executed(rig);
    await rig.clock.turn(5_000);
    assert.equal(device.heard.length, 2, 'the second has its turn');
    assert.equal(await rig.at(second), 'work');
  });

  it('are so many at once in all; the others follow', async () => {
    const answer = promised<void>();
    const device = new PushedDevice(async () => {
      await answer.promise;
      return received;
    });
    const { rig, submit } = await pushing({ device, atOnce: 2 });
    const eids = ['89049032000000000000000000000163', '89033023427000000000000000000123'];
    for (const of of [eid, ...eids.map(parseEid)]) {
      await rig.eim.euiccs.update(of, { consumerEuicc: true });
      await submit(true, of);
    }
    await settled();
    assert.equal(device.heard.length, 2);
    answer.resolve();
    await settled();
    await settled();
    assert.equal(device.heard.length, 3);
  });

  it('are not kept out by others that nobody answers', async () => {
    const other = parseEid('89049032000000000000000000000163');
    const device = new PushedDevice(() => undefined);
    const { rig, submit } = await pushing({ device, waiting: 1 });
    await rig.eim.euiccs.update(other, { consumerEuicc: true });
    for (const of of [other, eid]) {
      await submit(true, of);
      await settled();
    }
    assert.equal(device.heard.length, 2);
  });

  it('wait for the poll where too many wait already', async () => {
    const { rig, device, submit } = await pushing({ waiting: 0 });
    const order = await submit(true);
    await settled();
    assert.equal(
      (await rig.history(order)).at(-1),
      'not pushed: too many wait for that; it waits for the poll',
    );
    assert.deepEqual(device.heard, []);
  });

  it('are pushed also to an IPA that says it takes none, and the log warns', async () => {
    for (const [protocols, warned] of [
      [['ipaRetrieveCoaps'], true],
      [['ipaRetrieveCoaps', 'ipaInjectCoaps'], false],
    ] as const) {
      const { rig, submit } = await pushing();
      const ipaCapabilities = IpaCapabilities.encode({
        ipaFeatures: [],
        ipaSupportedProtocols: protocols,
      });
      await rig.eim.euiccs.update(eid, { ipaCapabilities });
      const order = await submit(true);
      await settled();
      assert.equal((await rig.end(order)).success, true);
      const warnings = rig.lines.filter(
        ({ level, event }) => level === 'warn' && /IPA/.test(event),
      );
      assert.equal(warnings.length > 0, warned);
    }
  });

  it('are pushed no more once that is stopped', async () => {
    const { rig, device, submit, stop } = await pushing();
    await submit(false);
    await submit(true);
    await executed(rig);
    stop();
    await rig.clock.turn(60_000);
    await submit(true);
    await settled();
    assert.deepEqual(device.heard, []);
  });
});

describe('pushes that were due when the eIM stopped', () => {
  it('leave after the start, without a poll', async () => {
    const rig = await Rig.with();
    const order = await rig.eim.orders.submit({ eid, facility: 'psmo', request, push: true });
    await rig.restart();
    await pushing({ rig });
    await settled();
    assert.equal((await rig.end(order)).success, true);
    const told = rig.lines.filter(({ event }) => /due before the start/.test(event));
    assert.deepEqual(
      told.map(({ fields }) => fields),
      [{ eUICCs: 1 }],
    );
  });

  it('leave no second time where they were tried', async () => {
    const { rig, submit, stop } = await pushing({ routes: () => [closedRoute] });
    const order = await submit(true);
    await settled();
    stop();
    await rig.restart();
    const { device } = await pushing({ rig });
    await rig.clock.turn(60_000);
    assert.deepEqual(device.heard, []);
    assert.equal(await rig.at(order), 'new');
  });

  it('leave no second time where the device has the package, or the order has ended', async () => {
    const rig = await Rig.with();
    const { orders } = rig.eim;
    const [fetched, cancelled, deleted] = [
      await orders.submit({ eid, facility: 'psmo', request, push: true }),
      await orders.submit({ eid, facility: 'psmo', request, push: true }),
      await orders.submit({ eid, facility: 'psmo', request, push: true }),
    ];
    await rig.fetchPackage();
    await orders.cancel(cancelled.id);
    await orders.delete(deleted.id);
    await rig.restart();
    const { device } = await pushing({ rig });
    await rig.clock.turn(60_000);
    assert.deepEqual(device.heard, []);
    assert.equal(await rig.at(fetched), 'work');
  });

  it('wait for the orders before them', async () => {
    const rig = await Rig.with();
    const { orders } = rig.eim;
    await orders.submit({ eid, facility: 'psmo', request });
    const second = await orders.submit({ eid, facility: 'psmo', request, push: true });
    await rig.restart();
    const { device } = await pushing({ rig });
    await settled();
    assert.deepEqual(device.heard, []);
    await executed(rig);
    await rig.clock.turn(5_000);
    assert.equal((await rig.end(second)).success, true);
  });

  it('leave with the next stage of an order', async () => {
    const { rig, stop } = await pushing({ routes: () => [closedRoute] });
    const order = await rig.eim.orders.submit({ ...whole, push: true });
    await settled();
    await executed(rig);
    stop(); // in the pause before the push of the second stage
    await rig.restart();
    const { device } = await pushing({ rig });
    await settled();
    assert.equal((await rig.end(order)).success, true);
    assert.equal(device.types.filter((type) => type === 'euiccPackageRequest').length, 1);
  });

  it('are still due where the stop itself was what failed them', async () => {
    const ended = promised<void>();
    const open = async () => {
      await ended.promise;
      throw new NotTransferredError('closed by us');
    };
    const { rig, submit, stop } = await pushing({
      routes: () => [{ text: 'an address', open }],
    });
    const [first, second] = [await submit(true), await submit(true)];
    await settled();
    stop();
    ended.resolve();
    await settled();
    assert.ok(!(await rig.history(first)).some((line) => line.startsWith('not pushed')));
    await rig.restart();
    await pushing({ rig });
    await settled();
    await settled();
    for (const order of [first, second]) assert.equal((await rig.end(order)).success, true);
  });

  it('go out a few at a time, and keep nothing out that is ordered now', async () => {
    const rig = await Rig.with();
    const eids = Array.from({ length: 9 }, (_, i) => eidOfNumber(100 + i));
    for (const of of eids) {
      await rig.eim.orders.submit({ eid: of, facility: 'psmo', request, push: true });
      await rig.eim.orders.submit({ eid: of, facility: 'psmo', request, push: true });
    }
    await rig.restart();
    const answer = promised<void>();
    const device = new PushedDevice(async () => {
      await answer.promise;
      return received;
    });
    const { submit } = await pushing({ rig, device, atOnce: 4 });
    await settled();
    assert.equal(device.heard.length, 2, 'half of four');
    await submit(true);
    await settled();
    assert.equal(device.heard.length, 3);
    answer.resolve();
    for (let i = 0; i < 10; i++) await settled();
    assert.equal(device.heard.length, 10, 'one of each eUICC: the others have their turn later');
  });
});

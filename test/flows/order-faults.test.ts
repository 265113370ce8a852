/**
 * Order × fault → outcome. Each order of the table is carried out while the device does one thing wrong, once or until the
 * order has ended; then it behaves, and calls a few times more. Afterwards the eIM takes the eUICC to hold what it holds,
 * and no operation has run twice.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Facility, OrderRequest } from '../../src/orders/order.ts';
import type { Fault } from '../../tools/lab/faults.ts';
import { eid } from '../procedures/euicc.ts';
import { a, b, c, configuration, eimPublicKeyData, OrderFaults } from './order-faults.ts';

interface Kind {
  readonly facility: Facility;
  readonly request: OrderRequest;
  /** The card's operations that it has, of those that change something. */
  readonly operations: readonly string[];
}

const psmo = (...request: Extract<OrderRequest, { psmo: unknown }>['psmo']): Kind => ({
  facility: 'psmo',
  request: { psmo: request },
  operations: request.flatMap((one) => Object.keys(one)),
});
const eco = (...request: Extract<OrderRequest, { eco: unknown }>['eco']): Kind => ({
  facility: 'eco',
  request: { eco: request },
  operations: request.flatMap((one) => Object.keys(one)),
});

const orders = {
  enable: psmo({ enable: { iccid: b } }),
  'enable with rollback': psmo({ enable: { iccid: b, rollback: true } }),
  disable: psmo({ disable: { iccid: a } }),
  delete: psmo({ delete: { iccid: b } }),
  'enable and delete': psmo({ enable: { iccid: b } }, { delete: { iccid: a } }),
  configureImmediateEnable: psmo({ configureImmediateEnable: { immediateEnableFlag: true } }),
  setFallbackAttribute: psmo({ setFallbackAttribute: { iccid: c } }),
  unsetFallbackAttribute: psmo({ unsetFallbackAttribute: {} }),
  setDefaultDpAddress: psmo({ setDefaultDpAddress: { defaultDpAddress: 'new.example.com' } }),
  addEim: eco({
    addEim: configuration('third', { counterValue: 1, associationToken: -1, eimPublicKeyData }),
  }),
  updateEim: eco({ updateEim: configuration('other', { eimFqdn: 'other.example.com' }) }),
  deleteEim: eco({ deleteEim: { eimId: 'other' } }),
} as const satisfies Readonly<Record<string, Kind>>;
type OrderName = keyof typeof orders;
const names = Object.keys(orders) as OrderName[];

/** What comes of an order under a fault, and how often its operations run on the card. */
interface End {
  readonly success: boolean;
  /** In its outcome or its reason. */
  readonly says: RegExp;
  readonly runs: 0 | 1;
}

const good: End = { success: true, says: /./, runs: 1 };
const failed = (says: RegExp, runs: 0 | 1): End => ({ success: false, says, runs });
const undelivered = /handed out 4 times.*undelivered/;
const newer: readonly OrderName[] = [
  'setFallbackAttribute',
  'unsetFallbackAttribute',
  'setDefaultDpAddress',
];
const switching: readonly OrderName[] = [
  'enable',
  'enable with rollback',
  'disable',
  'enable and delete',
];

type Row = readonly [fault: Fault, lasts: 'once' | 'all along', end: (order: OrderName) => End];

const rows: readonly Row[] = [
  ['lose-result', 'all along', () => good],
  ['forget-result', 'all along', () => failed(/executed this package before/, 1)],
  ['repeat-result', 'all along', () => good],
  ['reset-after-enable', 'all along', () => good],
  ['replay', 'all along', () => good],
  ['silent', 'all along', () => failed(undelivered, 0)],
  ['refuse', 'all along', () => failed(/invalidPackageFormat/, 0)],
  ['power-cut', 'all along', () => failed(/"processingTerminated":"interruption"/, 0)],
  ['cat-busy', 'all along', (order) => (switching.includes(order) ? failed(/"catBusy"/, 1) : good)],
  ['bad-signature', 'once', () => good],
  ['bad-signature', 'all along', () => failed(undelivered, 1)],
  ['no-token', 'once', () => failed(/executed this package before/, 1)],
  ['no-token', 'all along', () => failed(undelivered, 1)],
  ['other-token', 'all along', () => failed(/does not take the package for this eIM's/, 0)],
  ['der-signature', 'all along', () => good],
  ['no-transaction-id', 'all along', () => good],
  ['other-transaction-id', 'all along', () => failed(undelivered, 1)],
  ['no-eid', 'all along', () => good],
  [
    'old-shapes',
    'all along',
    (order) => (newer.includes(order) ? failed(/speaks v1.0 \(rplmn-v1.0\)/, 0) : good),
  ],
];

describe('an order and a fault', () => {
  for (const name of names) {
    it(`${name}: without any fault`, () => check(name, undefined, 'once', good));
    for (const [fault, lasts, end] of rows) {
      it(`${name}: ${fault}, ${lasts}`, () => check(name, fault, lasts, end(name)));
    }
  }
});

async function check(
  name: OrderName,
  fault: Fault | undefined,
  lasts: 'once' | 'all along',
  end: End,
): Promise<void> {
  const bench = await OrderFaults.begin();
  const { facility, request, operations }: Kind = orders[name];
  const before = bench.card.begun.length;
  bench.misbehave(fault, lasts === 'once');
  const order = await bench.submit(facility, request);
  await bench.call();
  bench.heal();
  for (let calls = 0; calls < 3; calls++) await bench.call();

  const { success, outcome, reason } = await bench.rig.end(order);
  const told = `${JSON.stringify(outcome)} ${reason}`;
  const history = (await bench.rig.history(order)).join('\n');
  assert.equal(success, end.success, `${told}\n${history}`);
  assert.match(told, end.says, history);
  assert.deepEqual(await bench.believed(), bench.held(), `${told}\n${history}`);

  const begun = bench.card.begun.slice(before).map(({ operation }) => operation);
  const ran = begun.filter((one) => operations.includes(one));
  const failedFirst = end.runs === 1 && !end.success && told.includes('catBusy');
  const due = end.runs === 0 ? [] : failedFirst ? operations.slice(0, 1) : operations;
  assert.deepEqual(ran, due, `on the card: ${begun.join()}\n${history}`);
  const lines = bench.rig.lines.filter(({ level }) => level === 'error');
  assert.deepEqual(lines, []);
}

describe('a counter that the eUICC is ahead with', () => {
  for (const name of names) {
    it(`does not lose the order: ${name}`, async () => {
      const bench = await OrderFaults.begin();
      const { facility, request, operations }: Kind = orders[name];
      const state = bench.card.snapshot();
      bench.card.restore({
        ...state,
        eims: state.eims.map((eim) => ({ ...eim, counterValue: 500 })),
      });
      const before = bench.card.begun.length;
      const order = await bench.submit(facility, request);
      for (let calls = 0; calls < 3; calls++) await bench.call();
      const { success, reason } = await bench.rig.end(order);
      assert.equal(success, true, reason);
      const begun = bench.card.begun.slice(before).map(({ operation }) => operation);
      assert.deepEqual(begun, operations);
      assert.deepEqual(await bench.believed(), bench.held());
    });
  }
});

describe('a device that is silent about what it does not understand', () => {
  it('holds up no other order', async () => {
    const bench = await OrderFaults.begin();
    // The operator says v1.2, and it is not: the package leaves, and nothing comes of it.
    await bench.rig.eim.euiccs.update(eid, { levelSet: 'v1.2' });
    bench.misbehave('old-shapes', false);
    const first = await bench.submit('psmo', orders.unsetFallbackAttribute.request);
    const second = await bench.submit('psmo', orders.enable.request);
    await bench.call();
    assert.match((await bench.rig.end(first)).reason, undelivered);
    assert.equal((await bench.rig.end(second)).success, true);
    const names = (await bench.rig.eim.quirks.of(eid)).map(({ name }) => name);
    assert.deepEqual(names, ['eid-absent', 'notification-list-v1.0', 'rplmn-v1.0']);
  });

  it('is not given it, once it has shown what it speaks', async () => {
    const bench = await OrderFaults.begin();
    bench.misbehave('old-shapes', false);
    const order = await bench.submit('psmo', orders.unsetFallbackAttribute.request);
    await bench.call();
    const { outcome, reason } = await bench.rig.end(order);
    assert.deepEqual(outcome, [{ procedureError: 'badPsmo' }]);
    assert.match(
      reason,
      /^unsetFallbackAttribute came with SGP.32 v1.1, and this device speaks v1.0/,
    );
  });

  it('is asked for data in the words of v1.0, and tells them', async () => {
    const bench = await OrderFaults.begin();
    bench.misbehave('old-shapes', false);
    const order = await bench.submit('edr', { edr: { tagList: '81BF2083A8A9A0' } });
    await bench.call();
    const { success, outcome, reason } = await bench.rig.end(order);
    assert.equal(success, true, reason);
    assert.match(JSON.stringify(outcome), /"defaultSmdpAddress":"dp.example.com"/);
    const names = (await bench.rig.eim.quirks.of(eid)).map(({ name }) => name);
    assert.deepEqual(names, [
      'eid-absent',
      'ipa-euicc-data-v1.0',
      'notification-list-v1.0',
      'rplmn-v1.0',
    ]);
  });
});

describe('where nothing is tolerated', () => {
  for (const fault of ['no-eid', 'no-transaction-id', 'der-signature'] as const) {
    it(`${fault}: the order stays without a result`, async () => {
      const bench = await OrderFaults.begin({ settings: { strict: true } });
      bench.misbehave(fault, false);
      const order = await bench.submit('psmo', orders.enable.request);
      await bench.call();
      assert.match((await bench.rig.end(order)).reason, undelivered);
      assert.deepEqual(await bench.rig.eim.quirks.of(eid), []);
      bench.heal();
      for (let calls = 0; calls < 3; calls++) await bench.call();
      assert.deepEqual(await bench.believed(), bench.held());
    });
  }
});

/**
 * Results that are lost, come late, come twice or name no package (design, decision 6): how each ends, and what the
 * order's history tells of it.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { hex } from '../../src/base/bytes.ts';
import { largestCounter } from '../../src/fleet/euiccs.ts';
import type { EimPackageResult } from '../../src/messages/eim-package.ts';
import type { EuiccPackageResult, EuiccResultData } from '../../src/messages/euicc-package.ts';
import { parseIccid } from '../../src/messages/ids.ts';
import type { Order } from '../../src/orders/order.ts';
import { newKey } from '../../tools/lab/pki/issue.ts';
import { eid, iccid, pki } from './euicc.ts';
import { Rig, stranger } from './rig.ts';

const ok: EuiccResultData = { type: 'enableResult', value: 0 };
const nothing = { type: 'eimPackageError', value: 1 };
const other = parseIccid('98880000000000000071');

type Signed = Awaited<ReturnType<Rig['fetchPackage']>>;

interface Case {
  readonly rig: Rig;
  readonly order: Order;
  /** The package as it first left. */
  readonly signed: Signed;
  provide(result: EuiccPackageResult, options?: Parameters<Rig['provide']>[1]): Promise<unknown>;
  /** Answers the question for results that the next poll hands out. */
  keeps(...results: readonly EuiccPackageResult[]): Promise<unknown>;
}

function asResult(result: EuiccPackageResult): EimPackageResult {
  return { type: 'euiccPackageResult', value: result };
}

/** An enable, whose package left once, of a profile that the picture has as disabled. */
async function begun(): Promise<Case> {
  const rig = await Rig.with();
  const list = [
    { iccid: other, state: 'enabled' },
    { iccid: parseIccid(iccid), state: 'disabled' },
  ] as const;
  await rig.eim.euiccs.update(eid, { profiles: { since: 0, list } });
  const order = await rig.enable();
  const signed = await rig.fetchPackage();
  return {
    rig,
    order,
    signed,
    provide: (result, options) => rig.provide(asResult(result), options),
    keeps: async (...euiccPackageResultList) => {
      const question = await rig.poll();
      assert.ok(question.type === 'ipaEuiccDataRequest', question.type);
      assert.deepEqual(question.value.tagList, hex('A2'));
      const { eimTransactionId } = question.value;
      const value = { eimTransactionId, euiccPackageResultList };
      return rig.provide({
        type: 'ipaEuiccDataResponse',
        value: { type: 'ipaEuiccData', value },
      });
    },
  };
}

const replay = 4;
const success = [{ enableResult: 'ok' }];
const succeeded = { success: true, outcome: success };
const anyEnd = { success: false };

/** What happens to the result, how the order ends, and the lines in which its history tells it. */
const table: readonly {
  readonly name: string;
  run(it: Case): Promise<unknown>;
  readonly end: { readonly success: boolean; readonly outcome?: readonly object[] };
  readonly tells: readonly RegExp[];
  /** What the eIM believes of the profile afterwards, and whether it doubts that. */
  readonly state: 'enabled' | 'disabled';
  readonly doubt?: boolean;
}[] = [
  {
    name: 'delivered twice, executed once: the eUICC keeps the result',
    async run({ rig, signed, provide, keeps }) {
      const lost = rig.euicc.result(signed, [ok]);
      assert.deepEqual(await rig.fetchPackage(), signed);
      await provide(rig.euicc.error(signed, replay));
      await keeps(lost);
    },
    end: succeeded,
    tells: [/^delivered again/, /^asked for results: .*replay/, /^finished: .*signed result/],
    state: 'enabled',
  },
  {
    name: 'delivered twice, executed once, and the result is gone',
    async run({ rig, signed, provide, keeps }) {
      assert.deepEqual(await rig.fetchPackage(), signed);
      await provide(rig.euicc.error(signed, replay));
      await keeps();
    },
    end: { success: false, outcome: [{ euiccPackageErrorCode: 'replayError' }] },
    tells: [/^asked for results/, /^finished: .*keeps it no more.*--counter-value/],
    state: 'disabled',
    doubt: true,
  },
  {
    name: 'a replay of what left once, whose result the eUICC keeps',
    async run({ rig, signed, provide, keeps }) {
      await provide(rig.euicc.error(signed, replay));
      await keeps(rig.euicc.result(signed, [ok]));
    },
    end: succeeded,
    tells: [/^asked for results/, /^finished/],
    state: 'enabled',
  },
  {
    name: 'the counter is behind the eUICC’s: built anew well above, once',
    async run({ rig, order, signed, provide, keeps }) {
      await provide(rig.euicc.error(signed, replay));
      await keeps();
      assert.equal(await rig.at(order), 'work');
      const anew = await rig.fetchPackage();
      assert.equal(anew.counterValue, signed.counterValue + 10_001);
      assert.notDeepEqual(anew.eimTransactionId, signed.eimTransactionId);
      assert.deepEqual(anew.euiccPackage, signed.euiccPackage);
      await provide(rig.euicc.result(anew, [ok]));
    },
    end: succeeded,
    tells: [/^rebuilt: counterValue 10003: the eUICC takes 2 for a replay/, /^finished/],
    state: 'enabled',
  },
  {
    name: 'the counter is behind by more than that',
    async run({ rig, signed, provide, keeps }) {
      await provide(rig.euicc.error(signed, replay));
      await keeps();
      const anew = await rig.fetchPackage();
      await provide(rig.euicc.error(anew, replay));
    },
    end: { success: false, outcome: [{ euiccPackageErrorCode: 'replayError' }] },
    tells: [/^rebuilt/, /^finished: .*ahead of ours, 10003.*--counter-value/],
    state: 'disabled',
    doubt: true,
  },
  {
    name: 'built anew, and the result of before comes home: nothing is executed twice',
    async run({ rig, signed, provide, keeps }) {
      await provide(rig.euicc.error(signed, replay));
      await keeps();
      await provide(rig.euicc.result(signed, [ok]));
      assert.deepEqual(await rig.poll(), nothing);
    },
    end: succeeded,
    tells: [/^rebuilt/, /^finished/],
    state: 'enabled',
  },
  {
    name: 'the counter is out of the eUICC’s range',
    run: ({ rig, signed, provide }) => provide(rig.euicc.error(signed, 6)),
    end: { success: false, outcome: [{ euiccPackageErrorCode: 'counterValueOutOfRange' }] },
    tells: [
      /^finished: .*counterValueOutOfRange; counterValue 2 is more.*updateEim.*--counter-value/,
    ],
    state: 'disabled',
  },
  {
    name: 'an eimTransactionId that nobody knows, then the right one',
    async run({ rig, signed, provide }) {
      await provide(rig.euicc.result(signed, [ok], { eimTransactionId: hex('AABB') }));
      await provide(rig.euicc.result(signed, [ok]));
    },
    end: succeeded,
    tells: [/^result not believed: its eimTransactionId/, /^finished/],
    state: 'enabled',
  },
  {
    name: 'no eimTransactionId: by its counterValue',
    run: ({ rig, signed, provide }) =>
      provide(rig.euicc.result(signed, [ok], { eimTransactionId: undefined })),
    end: succeeded,
    tells: [/^finished/],
    state: 'enabled',
  },
  {
    name: 'no eimTransactionId and no EID, from the connection that fetched it',
    run: ({ rig, signed, provide }) =>
      provide(rig.euicc.result(signed, [ok], { eimTransactionId: undefined }), { of: null }),
    end: succeeded,
    tells: [/^finished/],
    state: 'enabled',
  },
  {
    name: 'no EID, from another connection: by its eimTransactionId',
    run: ({ rig, signed, provide }) =>
      provide(rig.euicc.result(signed, [ok]), { of: null, by: stranger }),
    end: succeeded,
    tells: [/^finished/],
    state: 'enabled',
  },
  {
    name: 'no EID and no eimTransactionId, from another connection: by the certificate of a notification',
    async run({ rig, signed }) {
      const euiccPackageResult = rig.euicc.result(signed, [ok], { eimTransactionId: undefined });
      const notification = rig.euicc.notification('notificationEnable');
      const value = { euiccPackageResult, notificationList: [notification] };
      const result = { type: 'ePRAndNotifications', value } as const;
      const answer = await rig.provide(result, { of: null, by: stranger });
      assert.deepEqual(answer, { type: 'eimAcknowledgements', value: [42, 43] });
    },
    end: succeeded,
    tells: [/^finished/],
    state: 'enabled',
  },
  {
    name: 'the operator cancels, then the result comes',
    async run({ rig, order, signed, provide }) {
      await rig.eim.orders.cancel(order.id);
      await provide(rig.euicc.result(signed, [ok]));
      await provide(rig.euicc.result(signed, [ok], { seqNumber: 42 }));
    },
    end: { success: false, outcome: [{ procedureError: 'abortedOrder' }] },
    tells: [/^cancelled: .*may still execute it/, /^told late: .*"enableResult":"ok"/],
    state: 'enabled',
  },
  {
    name: 'the operator cancels, then the result comes without eimTransactionId',
    async run({ rig, order, signed, provide }) {
      await rig.eim.orders.cancel(order.id);
      await provide(rig.euicc.result(signed, [ok], { eimTransactionId: undefined }));
    },
    end: { success: false, outcome: [{ procedureError: 'abortedOrder' }] },
    tells: [/^cancelled/, /^told late: .*"enableResult":"ok"/],
    state: 'enabled',
  },
  {
    name: 'the operator cancels, and no result comes',
    async run({ rig, order }) {
      await rig.eim.orders.cancel(order.id);
      await rig.poll();
    },
    end: anyEnd,
    tells: [/^cancelled/],
    state: 'disabled',
    doubt: true,
  },
  {
    name: 'the package is fetched again and again, and no result comes',
    async run({ rig }) {
      for (let i = 0; i < 5; i++) await rig.poll();
    },
    end: { success: false, outcome: [{ procedureError: 'stuckOrder' }] },
    tells: [/^finished: handed out 4 times/],
    state: 'disabled',
    doubt: true,
  },
  {
    name: 'the IPA says that it could not handle it, which may be so or not',
    async run({ rig, signed }) {
      const { eimTransactionId } = signed;
      const value = { eimTransactionId, eimPackageResultErrorCode: 127 };
      await rig.provide({ type: 'eimPackageResultResponseError', value });
      await rig.poll();
    },
    end: anyEnd,
    tells: [/^finished: the IPA could not handle the eIM package/],
    state: 'disabled',
    doubt: true,
  },
];

describe('a result on its way', () => {
  for (const { name, run, end, tells, state, doubt = false } of table) {
    it(name, async () => {
      const it = await begun();
      const { rig, order } = it;
      await run(it);
      const { success: well, outcome } = await rig.end(order);
      assert.deepEqual({ success: well, outcome }, { outcome, ...end });
      const history = await rig.history(order);
      let from = 0;
      for (const due of tells) {
        const found = history.findIndex((line, i) => i >= from && due.test(line));
        assert.ok(found >= 0, `${due} in ${history.join('\n')}`);
        from = found + 1;
      }
      if (doubt) await rig.poll();
      const record = await rig.eim.euiccs.get(eid);
      const known = record?.profiles?.list.find((one) => one.iccid === iccid);
      assert.equal(known?.state, state);
      assert.equal(record?.doubts.profiles !== undefined, doubt, 'in doubt');
      assert.equal(record?.outstanding, undefined);
    });
  }

  it('that comes again after its late arrival is acknowledged, and told once', async () => {
    const { rig, order, signed, provide } = await begun();
    await rig.eim.orders.cancel(order.id);
    const late = rig.euicc.result(signed, [ok], { seqNumber: 7 });
    for (let i = 0; i < 3; i++) {
      assert.deepEqual(await provide(late), { type: 'eimAcknowledgements', value: [7] });
    }
    const history = await rig.history(order);
    assert.equal(history.filter((line) => line.startsWith('told late')).length, 1);
  });

  it('without any name, from a stranger, is refused with missingEid', async () => {
    const { rig, signed, provide } = await begun();
    const unnamed = rig.euicc.result(signed, [ok], { eimTransactionId: undefined });
    assert.deepEqual(await provide(unnamed, { of: null, by: stranger }), {
      type: 'provideEimPackageResultError',
      value: 4,
    });
  });

  it('without an EID is not taken for that of another certificate', async () => {
    const { rig, order, signed } = await begun();
    const euiccCertificate = pki.eum.certificate;
    const value = { euiccCertificate, eumCertificate: pki.eum.certificate };
    const answer = await rig.provide(
      { type: 'ipaEuiccDataResponse', value: { type: 'ipaEuiccData', value } },
      { of: null, by: stranger },
    );
    assert.deepEqual(answer, { type: 'provideEimPackageResultError', value: 4 });
    await rig.provide(asResult(rig.euicc.result(signed, [ok])));
    assert.equal((await rig.end(order)).success, true);
  });

  it('is not built anew where no counterValue is left above, and burns none', async () => {
    for (const left of [10_000, 10_063, 9_000]) {
      const rig = await Rig.with();
      const counterValue = largestCounter - left - 1;
      await rig.eim.euiccs.update(eid, { counterValue });
      const order = await rig.enable();
      const signed = await rig.fetchPackage();
      await rig.provide(asResult(rig.euicc.error(signed, replay)));
      const question = await rig.poll();
      assert.ok(question.type === 'ipaEuiccDataRequest');
      const { eimTransactionId } = question.value;
      await rig.provide({
        type: 'ipaEuiccDataResponse',
        value: { type: 'ipaEuiccData', value: { eimTransactionId, euiccPackageResultList: [] } },
      });
      const { outcome, reason } = await rig.end(order);
      assert.deepEqual(outcome, [{ euiccPackageErrorCode: 'replayError' }]);
      assert.match(reason, /counter-value/);
      assert.equal((await rig.eim.euiccs.get(eid))?.counterValue, counterValue + 1);
    }
  });

  it('ends its order where the key to build it anew with is configured no more', async () => {
    const key = newKey();
    const rig = await Rig.with({ otherKeys: [key] });
    const { publicKeyInfo: signingKey } = rig.eim.otherSigners[0] ?? assert.fail('no signer');
    await rig.eim.euiccs.update(eid, { signingKey });
    const order = await rig.enable();
    const answer = await rig.poll();
    assert.ok(answer.type === 'euiccPackageRequest');
    const signed = answer.value.euiccPackageSigned.value;
    await rig.provide(asResult(rig.euicc.error(signed, replay)));
    const question = await rig.poll();
    assert.ok(question.type === 'ipaEuiccDataRequest');
    const { eimTransactionId } = question.value;
    Object.assign(rig.eim, { otherSigners: [] });
    await rig.provide({
      type: 'ipaEuiccDataResponse',
      value: { type: 'ipaEuiccData', value: { eimTransactionId, euiccPackageResultList: [] } },
    });
    assert.deepEqual((await rig.end(order)).outcome, [{ euiccPackageErrorCode: 'replayError' }]);
  });

  it('built anew survives a restart', async () => {
    const { rig, order, signed, provide, keeps } = await begun();
    await provide(rig.euicc.error(signed, replay));
    await keeps();
    await rig.restart();
    const anew = await rig.fetchPackage();
    assert.deepEqual(await rig.fetchPackage(), anew);
    assert.deepEqual(await provide(rig.euicc.result(anew, [ok], { seqNumber: 9 })), {
      type: 'eimAcknowledgements',
      value: [9],
    });
    assert.equal((await rig.end(order)).success, true);
    assert.equal((await rig.eim.euiccs.get(eid))?.counterValue, anew.counterValue);
    assert.deepEqual(await rig.eim.orders.next(eid), undefined);
  });
});

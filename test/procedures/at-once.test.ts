/** Two devices with one EID, one device over two connections, answers that cross: what is said at the same time. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { hex, toHex } from '../../src/base/bytes.ts';
import type { EimPackageResult } from '../../src/messages/eim-package.ts';
import type { EuiccPackageResult } from '../../src/messages/euicc-package.ts';
import { tlv } from '../../src/messages/tlv.ts';
import type { Caller } from '../../src/procedures/eim.ts';
import { Download } from './download.ts';
import { eid, pki } from './euicc.ts';
import { Rig, stranger } from './rig.ts';
import { transactionId } from './smdp.ts';

const asResult = (value: EuiccPackageResult): EimPackageResult => ({
  type: 'euiccPackageResult',
  value,
});
const ok = { type: 'enableResult', value: 0 } as const;
const overHttps: Caller = { peerId: 'https 192.0.2.9' };

describe('at the same time', () => {
  it('polls of two devices with one EID get one package, with one counterValue', async () => {
    const rig = await Rig.with();
    const order = await rig.enable();
    const polls = [rig.pollBytes(), rig.pollBytes(stranger), rig.pollBytes(overHttps)];
    const answers = new Set((await Promise.all(polls)).map(toHex));
    assert.equal(answers.size, 1);
    assert.equal((await rig.eim.euiccs.get(eid))?.counterValue, 2);
    const { state } = await rig.order(order);
    assert.equal(state.at === 'work' && state.dispatch.deliveries, 3);
  });

  it('a result that comes over both bindings is taken once, and acknowledged to both', async () => {
    const rig = await Rig.with();
    const order = await rig.enable();
    const result = asResult(rig.euicc.result(await rig.fetchPackage(), [ok]));
    const said = [rig.provide(result), rig.provide(result, { by: overHttps })];
    const acknowledged = { type: 'eimAcknowledgements', value: [42] };
    assert.deepEqual(await Promise.all(said), [acknowledged, acknowledged]);
    const finished = (await rig.history(order)).filter((line) => line.startsWith('finished'));
    assert.equal(finished.length, 1);
    assert.deepEqual(await rig.poll(), { type: 'eimPackageError', value: 1 });
  });

  it('a result and an error of the same package: what the eUICC signed first decides', async () => {
    const rig = await Rig.with();
    const order = await rig.enable();
    const signed = await rig.fetchPackage();
    const { eimTransactionId } = signed;
    assert.ok(eimTransactionId);
    const value = { eimTransactionId, eimPackageResultErrorCode: 127 };
    await Promise.all([
      rig.provide(asResult(rig.euicc.result(signed, [ok]))),
      rig.provide({ type: 'eimPackageResultResponseError', value }, { by: stranger }),
      rig.provide(asResult(rig.euicc.error(signed, 4)), { by: overHttps }),
    ]);
    assert.equal((await rig.end(order)).success, true);
    assert.deepEqual(await rig.poll(), { type: 'eimPackageError', value: 1 });
  });

  it('steps of a download that two devices take ask the SM-DP+ once each', async () => {
    const download = await Download.begin();
    const { rig, order } = download;
    const authenticated = rig.euicc.authenticateServer(transactionId);
    const prepared = rig.euicc.prepareDownload(transactionId);
    const twice = <T>(say: (by?: Caller) => Promise<T>) => Promise.all([say(), say(overHttps)]);
    for (const [one, other] of [
      await twice((by) => download.initiate({}, by)),
      await twice((by) => download.authenticate(authenticated, by)),
      await twice((by) => download.getBoundProfilePackage(prepared, by)),
    ]) {
      assert.deepEqual(one, other);
      assert.match(one?.type ?? '', /Ok/);
    }
    const installation = rig.euicc.installation(transactionId);
    await twice((by) => rig.notify(installation, by));
    assert.equal((await rig.end(order)).success, true);
    assert.deepEqual(
      rig.smdp.calls.map(({ name }) => name),
      [
        'initiateAuthentication',
        'authenticateClient',
        'getBoundProfilePackage',
        'handleNotification',
      ],
    );
  });
});

describe('what is of another order', () => {
  it('ends none: signed, unsigned, of the IPA, of a trigger, of eUICC data', async () => {
    const rig = await Rig.with();
    const first = await rig.enable();
    const former = await rig.fetchPackage();
    await rig.eim.orders.cancel(first.id);
    const second = await rig.enable();
    const current = await rig.fetchPackage();
    const { eimTransactionId } = former;
    assert.ok(eimTransactionId);
    const { counterValue } = current;
    const replays: readonly EimPackageResult[] = [
      asResult(rig.euicc.result(former, [ok])),
      asResult(rig.euicc.result(former, [ok], { counterValue })),
      asResult(rig.euicc.error(former, 4)),
      asResult(rig.euicc.error(former, 127, { counterValue })),
      asResult({ type: 'euiccPackageErrorUnsigned', value: { eimId: 'eIM', eimTransactionId } }),
      {
        type: 'eimPackageResultResponseError',
        value: { eimTransactionId, eimPackageResultErrorCode: 2 },
      },
      {
        type: 'profileDownloadTriggerResult',
        value: {
          eimTransactionId,
          profileDownloadTriggerResultData: {
            type: 'profileDownloadError',
            value: { profileDownloadErrorReason: 127 },
          },
        },
      },
      {
        type: 'ipaEuiccDataResponse',
        value: { type: 'ipaEuiccData', value: { eimTransactionId } },
      },
    ];
    for (const result of [...replays, ...[...replays].reverse()]) {
      await rig.provide(result);
      assert.equal(await rig.at(second), 'work');
    }
    await rig.provide(asResult(rig.euicc.result(current, [ok])));
    assert.equal((await rig.end(second)).success, true);
    assert.equal((await rig.end(first)).success, false);
  });

  it('of another eUICC is refused, whatever eimTransactionId it names', async () => {
    const rig = await Rig.with();
    const order = await rig.enable();
    const signed = await rig.fetchPackage();
    const key = pki.dpAuth.key;
    await rig.provide(asResult(rig.euicc.result(signed, [ok], { key })));
    assert.equal(await rig.at(order), 'work');
  });
});

describe('a bound profile package', () => {
  for (const octets of [0, 1, 127, 128, 65_530, 65_535, 65_536, 65_537, 200_000]) {
    it(`of ${octets} octets passes as it is, again and again`, async () => {
      const download = await Download.begin();
      await download.toAuthenticated();
      const boundProfilePackage = tlv(0xbf36, new Uint8Array(octets).fill(0xa5));
      download.rig.smdp.next('getBoundProfilePackage', { boundProfilePackage });
      const prepared = download.rig.euicc.prepareDownload(transactionId);
      for (let i = 0; i < 2; i++) {
        const answer = await download.getBoundProfilePackage(prepared);
        assert.ok(answer.type === 'getBoundProfilePackageOkEsipa');
        assert.deepEqual(answer.value.boundProfilePackage, boundProfilePackage);
        await download.rig.restart();
      }
      assert.equal(download.rig.smdp.named('getBoundProfilePackage').length, 1);
    });
  }

  it('that is none, or is cut short or followed by something, is refused and ends the order', async () => {
    for (const none of ['', 'BF', 'BF36', 'BF3605', 'BF360100FF', '3000']) {
      const download = await Download.begin();
      await download.toAuthenticated();
      download.rig.smdp.next('getBoundProfilePackage', { boundProfilePackage: hex(none) });
      const answer = await download.getBoundProfilePackage();
      assert.equal(answer.type, 'getBoundProfilePackageErrorEsipa', none);
      assert.equal((await download.end()).success, false);
    }
  });
});

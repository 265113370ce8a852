/** What an eUICC says became of a package: matched, verified, then believed (SGP.32 3.3, 2.11.2, 6.3.2.7). */
import assert from 'node:assert/strict';
import { sign } from 'node:crypto';
import { describe, it } from 'node:test';
import { concat, hex } from '../../src/base/bytes.ts';
import type { EuiccPackageResult, EuiccResultData } from '../../src/messages/euicc-package.ts';
import { eidOctets, parseEid } from '../../src/messages/ids.ts';
import type { PsmoRequest } from '../../src/orders/order.ts';
import { tokenTlv } from '../../src/trust/eim-signer.ts';
import { newKey } from '../../tools/lab/pki/issue.ts';
import { CrashingStore } from './crashing-store.ts';
import { eid, iccid, type Said } from './euicc.ts';
import { caller, Rig, type RigOptions, stranger } from './rig.ts';

const otherEid = parseEid('89033023427000000000000000000123');
const ok: EuiccResultData = { type: 'enableResult', value: 0 };
const empty = { type: 'emptyResponse', value: {} };
const acknowledged = (...seqNumbers: number[]) => ({
  type: 'eimAcknowledgements',
  value: seqNumbers,
});
const error = (code: number) => ({ type: 'provideEimPackageResultError', value: code });
const asResult = (value: EuiccPackageResult) => ({ type: 'euiccPackageResult', value }) as const;

/** An enable order that the device has fetched. */
async function fetched(options: RigOptions = {}) {
  const rig = await Rig.with(options);
  const order = await rig.enable();
  return { rig, order, signed: await rig.fetchPackage() };
}

describe('a result of an eUICC Package', () => {
  it('finishes its order, and the eUICC may forget it', async () => {
    const { rig, order, signed } = await fetched();
    const answer = await rig.provide(asResult(rig.euicc.result(signed, [ok], { seqNumber: 7 })));
    assert.deepEqual(answer, acknowledged(7));
    const { success, outcome } = await rig.end(order);
    assert.deepEqual({ success, outcome }, { success: true, outcome: [{ enableResult: 'ok' }] });
    assert.deepEqual(await rig.poll(), { type: 'eimPackageError', value: 1 });
  });

  it('finishes it also without an eimTransactionId, by its counterValue', async () => {
    const { rig, order, signed } = await fetched();
    const said = { eimTransactionId: undefined, seqNumber: 7 };
    assert.deepEqual(
      await rig.provide(asResult(rig.euicc.result(signed, [ok], said))),
      acknowledged(7),
    );
    assert.equal((await rig.end(order)).success, true);
  });

  it('finishes it after a restart, from another connection', async () => {
    const { rig, order, signed } = await fetched();
    await rig.restart();
    await rig.provide(asResult(rig.euicc.result(signed, [ok])), { by: stranger });
    assert.equal((await rig.end(order)).success, true);
  });

  it('is acknowledged again where it comes again, and changes nothing', async () => {
    const { rig, order, signed } = await fetched();
    const result = asResult(rig.euicc.result(signed, [ok], { seqNumber: 7 }));
    await rig.provide(result);
    const before = await rig.order(order);
    assert.deepEqual(await rig.provide(result), acknowledged(7));
    assert.deepEqual(await rig.order(order), before);
  });

  it('is acknowledged where its order was cancelled or deleted meanwhile', async () => {
    for (const end of ['cancel', 'delete'] as const) {
      const { rig, order, signed } = await fetched();
      await rig.eim.orders[end](order.id);
      const result = asResult(rig.euicc.result(signed, [ok], { seqNumber: 7 }));
      assert.deepEqual(await rig.provide(result), acknowledged(7));
    }
  });

  it('is not acknowledged before it is durable', async () => {
    const store = new CrashingStore();
    const { rig, order, signed } = await fetched({ store });
    store.left = 0;
    const result = asResult(rig.euicc.result(signed, [ok], { seqNumber: 7 }));
    await assert.rejects(rig.provide(result), { name: 'StoreError' });
    store.left = Number.POSITIVE_INFINITY;
    await rig.restart();
    assert.equal(await rig.at(order), 'work');
    assert.deepEqual(await rig.provide(result), acknowledged(7));
    assert.equal((await rig.end(order)).success, true);
  });

  it('may be signed in DER', async () => {
    const { rig, order, signed } = await fetched();
    const result = rig.euicc.result(signed, [ok]);
    assert.ok(result.type === 'euiccPackageResultSigned');
    const { raw } = result.value.euiccPackageResultDataSigned;
    const { key } = rig.euicc.credential;
    const euiccSignEPR = new Uint8Array(sign('sha256', concat(raw, tokenTlv(1)), key));
    assert.equal(euiccSignEPR[0], 0x30);
    await rig.provide(asResult({ ...result, value: { ...result.value, euiccSignEPR } }));
    assert.equal((await rig.end(order)).success, true);
  });

  /** Each is the right result but for one thing, with the history's line that says which. */
  const wrong: Readonly<Record<string, readonly [said: Said, because: RegExp]>> = {
    'signed by another key': [{ key: newKey() }, /signature does not fit/],
    'signed under another association token': [{ token: 2 }, /signature does not fit .* token 1/],
    'of another counterValue': [{ counterValue: 3 }, /counterValue is 3, that of the package 2/],
    'for another eIM': [{ eimId: 'other' }, /for eIM "other"/],
    'with an eimTransactionId nobody knows': [
      { eimTransactionId: hex('AABB') },
      /eimTransactionId is not that of the package/,
    ],
  };
  for (const [name, [said, because]] of Object.entries(wrong)) {
    it(`leaves the order as it was: ${name}`, async () => {
      const { rig, order, signed } = await fetched();
      for (let i = 0; i < 3; i++) {
        const result = asResult(rig.euicc.result(signed, [ok], said));
        assert.deepEqual(await rig.provide(result), empty);
      }
      assert.equal(await rig.at(order), 'work');
      const [, , line, ...more] = await rig.history(order);
      assert.match(line ?? '', /^result not believed: /);
      assert.match(line ?? '', because);
      assert.deepEqual(more, [], 'told once, however often it comes');
      assert.equal(rig.drops.of('esipa: result not believed'), 3);
      await rig.provide(asResult(rig.euicc.result(signed, [ok])));
      assert.equal((await rig.end(order)).success, true);
    });
  }

  it('leaves the order as it was: a tampered octet in what is signed', async () => {
    const { rig, order, signed } = await fetched();
    const result = rig.euicc.result(signed, [{ type: 'enableResult', value: 5 }]);
    assert.ok(result.type === 'euiccPackageResultSigned');
    const { raw, value } = result.value.euiccPackageResultDataSigned;
    const tampered = raw.slice();
    tampered[tampered.length - 1] = 0;
    const euiccPackageResultDataSigned = { value, raw: tampered };
    const forged = { ...result, value: { ...result.value, euiccPackageResultDataSigned } };
    assert.deepEqual(await rig.provide(asResult(forged)), empty);
    assert.equal(await rig.at(order), 'work');
  });

  it('leaves the order as it was where the key of the eUICC is not known or no key', async () => {
    const { rig, order, signed } = await fetched();
    await rig.eim.euiccs.update(eid, { publicKey: new Uint8Array(65).fill(4) });
    assert.deepEqual(await rig.provide(asResult(rig.euicc.result(signed, [ok]))), empty);
    assert.equal(await rig.at(order), 'work');
    assert.match(
      (await rig.history(order)).at(-1) ?? '',
      /public key set for this eUICC is no point/,
    );
  });

  it('of an earlier package is acknowledged, and told in the history of the one in work', async () => {
    const { rig, order, signed } = await fetched();
    const said = { counterValue: 1, eimTransactionId: hex('AABB'), seqNumber: 7 };
    assert.deepEqual(
      await rig.provide(asResult(rig.euicc.result(signed, [ok], said))),
      acknowledged(7),
    );
    assert.equal(await rig.at(order), 'work');
    assert.match((await rig.history(order)).at(-1) ?? '', /^result of another package/);
  });

  it('is none for a download that is in work, whoever signs it', async () => {
    const rig = await Rig.with({ defaults: { consumerEuicc: true } });
    const order = await rig.download();
    const trigger = await rig.poll();
    assert.ok(trigger.type === 'profileDownloadTriggerRequest');
    const { eimTransactionId } = trigger.value;
    const of = { eimId: 'eIM', counterValue: 1, eimTransactionId } as never;
    await rig.provide(asResult(rig.euicc.result(of, [ok])));
    assert.equal(await rig.at(order), 'work');
  });
});

describe('a result, whose it is', () => {
  it('is refused with eidNotFound where the package was for another EID', async () => {
    const { rig, order, signed } = await fetched();
    await rig.eim.euiccs.ensure(otherEid);
    const { eimTransactionId } = signed;
    const refusals = [
      asResult(rig.euicc.result(signed, [ok])),
      asResult({ type: 'euiccPackageErrorUnsigned', value: { eimId: 'eIM', eimTransactionId } }),
      {
        type: 'eimPackageResultResponseError',
        value: { eimTransactionId, eimPackageResultErrorCode: 2 },
      } as const,
    ];
    for (const one of refusals)
      assert.deepEqual(await rig.provide(one, { of: otherEid }), error(2));
    assert.equal(await rig.at(order), 'work');
  });

  it('is refused with eidNotFound for an EID that nobody knows', async () => {
    const { rig, signed } = await fetched();
    const result = asResult(rig.euicc.result(signed, [ok], { eimTransactionId: undefined }));
    assert.deepEqual(await rig.provide(result, { of: otherEid }), error(2));
    assert.equal(await rig.eim.euiccs.get(otherEid), undefined);
  });

  it('is refused with eidNotFound from a peer that may not speak for the EID', async () => {
    const { rig, order, signed } = await fetched();
    const key = new Uint8Array(16).fill(1);
    await rig.eim.devices.add({ identity: 'dev1', key, eids: [eid] });
    const result = asResult(rig.euicc.result(signed, [ok]));
    assert.deepEqual(await rig.provide(result), error(2));
    assert.equal(await rig.at(order), 'work');
    const by = { peerId: 'connection 3', identity: { kind: 'psk' as const, name: 'dev1' } };
    await rig.provide(result, { by });
    assert.equal((await rig.end(order)).success, true);
  });

  it('is refused with invalidEid for octets that are no decimal digits', async () => {
    const { rig, signed } = await fetched();
    const eimPackageResult = asResult(rig.euicc.result(signed, [ok]));
    const eidValue = hex('8988211990000000000000000000000A');
    const value = { eidValue, eimPackageResult };
    const answer = await rig.say({ type: 'provideEimPackageResult', value });
    assert.deepEqual(answer, hex('BF5003020103'));
  });

  it('needs no EID where its eimTransactionId tells', async () => {
    const { rig, order, signed } = await fetched();
    const result = asResult(rig.euicc.result(signed, [ok]));
    await rig.provide(result, { of: null, by: stranger });
    assert.equal((await rig.end(order)).success, true);
  });

  it('needs no EID from the peer that fetched the package, nor from a PSK of one EID', async () => {
    const { rig, order, signed } = await fetched();
    const said = { eimTransactionId: undefined };
    const result = asResult(rig.euicc.result(signed, [ok], said));
    assert.deepEqual(await rig.provide(result, { of: null, by: stranger }), error(4));
    await rig.provide(result, { of: null });
    assert.equal((await rig.end(order)).success, true);

    const next = await rig.enable();
    const key = new Uint8Array(16).fill(1);
    await rig.eim.devices.add({ identity: 'dev1', key, eids: [eid] });
    const dev1 = { peerId: 'connection 3', identity: { kind: 'psk' as const, name: 'dev1' } };
    const again = asResult(rig.euicc.result(await rig.fetchPackage(dev1), [ok], said));
    await rig.provide(again, { of: null, by: { ...dev1, peerId: 'connection 4' } });
    assert.equal((await rig.end(next)).success, true);
  });
});

describe('a result, in the words of the REST API', () => {
  /** Operations, results, what the order's outcome is then, and whether that is a success. */
  const rows: Readonly<
    Record<string, readonly [PsmoRequest[], EuiccResultData[], object[], boolean]>
  > = {
    'a failure by name': [
      [{ disable: { iccid } }],
      [{ type: 'disableResult', value: 3 }],
      [{ disableResult: 'disallowedByPolicy' }],
      false,
    ],
    'a number that has no name': [
      [{ delete: { iccid } }],
      [{ type: 'deleteResult', value: 99 }],
      [{ deleteResult: 99 }],
      false,
    ],
    'two operations': [
      [{ disable: { iccid } }, { delete: { iccid } }],
      [
        { type: 'disableResult', value: 0 },
        { type: 'deleteResult', value: 0 },
      ],
      [{ disableResult: 'ok' }, { deleteResult: 'ok' }],
      true,
    ],
    'a list that ends early is no success': [
      [{ disable: { iccid } }, { delete: { iccid } }],
      [{ type: 'disableResult', value: 0 }],
      [{ disableResult: 'ok' }],
      false,
    ],
    'processing that was terminated': [
      [{ disable: { iccid } }, { delete: { iccid } }],
      [
        { type: 'disableResult', value: 0 },
        { type: 'processingTerminated', value: 3 },
      ],
      [{ disableResult: 'ok' }, { processingTerminated: 'interruption' }],
      false,
    ],
    'the result of another operation': [
      [{ enable: { iccid } }],
      [{ type: 'deleteResult', value: 0 }],
      [{ deleteResult: 'ok' }],
      false,
    ],
    'two results in the order of others': [
      [{ disable: { iccid } }, { delete: { iccid } }],
      [
        { type: 'deleteResult', value: 0 },
        { type: 'disableResult', value: 0 },
      ],
      [{ deleteResult: 'ok' }, { disableResult: 'ok' }],
      false,
    ],
    'no result at all': [[{ enable: { iccid } }], [], [], false],
    'a rollback': [
      [{ enable: { iccid, rollback: true } }],
      [ok, { type: 'rollbackResult', value: 0 }],
      [{ enableResult: 'ok' }, { rollbackResult: 'ok' }],
      false,
    ],
    'a bare INTEGER that is the only operation’s': [
      [{ enable: { iccid } }],
      [{ type: 'processingTerminated', value: 0 }],
      [{ enableResult: 'ok' }],
      true,
    ],
    'a bare INTEGER for two operations is neither’s': [
      [{ disable: { iccid } }, { delete: { iccid } }],
      [{ type: 'processingTerminated', value: 0 }],
      [{ processingTerminated: 0 }],
      false,
    ],
    'a bare INTEGER that processingTerminated has': [
      [{ enable: { iccid } }],
      [{ type: 'processingTerminated', value: 2 }],
      [{ processingTerminated: 'unknownOrDamagedCommand' }],
      false,
    ],
    'a result of a later version': [
      [{ enable: { iccid } }],
      [{ type: 'unknown', value: hex('9F7F0100') }],
      [{ unknownResult: '9F7F0100' }],
      false,
    ],
    'a list of profiles': [
      [{ listProfileInfo: {} }],
      [
        {
          type: 'listProfileInfoResult',
          value: {
            type: 'profileInfoListOk',
            value: [
              {
                iccid: hex(iccid),
                isdpAid: hex('A0000005591010FFFFFFFF8900001100'),
                profileState: 1,
                profileName: 'One',
                serviceProviderName: 'Lab',
                profileClass: 2,
                fallbackAttribute: false,
              },
            ],
          },
        },
      ],
      [
        {
          listProfileInfoResult: {
            finalResult: 'successResult',
            profileInfoList: [
              {
                iccid,
                isdpAid: 'A0000005591010FFFFFFFF8900001100',
                profileState: 'enabled',
                serviceProviderName: 'Lab',
                profileName: 'One',
                profileClass: 'operational',
                fallbackAttribute: false,
              },
            ],
          },
        },
      ],
      true,
    ],
    'no list of profiles': [
      [{ listProfileInfo: {} }],
      [{ type: 'listProfileInfoResult', value: { type: 'profileInfoListError', value: 11 } }],
      [
        {
          listProfileInfoResult: {
            finalResult: 'errorResult',
            profileInfoListError: 'profileChangeOngoing',
          },
        },
      ],
      false,
    ],
  };
  for (const [name, [psmo, results, outcome, success]] of Object.entries(rows)) {
    it(name, async () => {
      const rig = await Rig.with();
      const order = await rig.psmo(...psmo);
      await rig.provide(asResult(rig.euicc.result(await rig.fetchPackage(), results)));
      const end = await rig.end(order);
      assert.deepEqual(end.outcome, outcome);
      assert.equal(end.success, success);
    });
  }
});

describe('a result, and the picture of the profiles', () => {
  const other = '989444999999990910F4';
  const listed: EuiccResultData = {
    type: 'listProfileInfoResult',
    value: {
      type: 'profileInfoListOk',
      value: [
        { iccid: hex(iccid), profileState: 0, fallbackAttribute: false },
        { iccid: hex(other), profileState: 1, fallbackAttribute: false },
        { profileName: 'without an ICCID', fallbackAttribute: false },
      ],
    },
  };

  async function shown(rig: Rig): Promise<string[]> {
    const { profiles } = (await rig.eim.euiccs.get(eid)) ?? {};
    return (profiles?.list ?? []).map((one) => `${one.iccid} ${one.state}`);
  }

  it('follows what the eUICC proved it did', async () => {
    const rig = await Rig.with();
    const run = async (psmo: PsmoRequest[], results: EuiccResultData[], said?: Said) => {
      await rig.psmo(...psmo);
      await rig.provide(asResult(rig.euicc.result(await rig.fetchPackage(), results, said)));
    };
    await run([{ listProfileInfo: {} }], [listed]);
    assert.deepEqual(await shown(rig), [`${iccid} disabled`, `${other} enabled`]);
    await run([{ enable: { iccid: iccid.toLowerCase() } }], [ok]);
    assert.deepEqual(await shown(rig), [`${iccid} enabled`, `${other} disabled`]);
    await run([{ delete: { iccid: other } }], [{ type: 'deleteResult', value: 2 }]);
    assert.deepEqual(await shown(rig), [`${iccid} enabled`, `${other} disabled`]);
    await run([{ delete: { iccid: other } }], [{ type: 'deleteResult', value: 0 }]);
    assert.deepEqual(await shown(rig), [`${iccid} enabled`]);
    await run([{ disable: { iccid } }], [{ type: 'processingTerminated', value: 0 }]);
    assert.deepEqual(await shown(rig), [`${iccid} disabled`]);
    await run(
      [{ listProfileInfo: { searchCriteria: { iccid: other } } }],
      [{ type: 'listProfileInfoResult', value: { type: 'profileInfoListOk', value: [] } }],
    );
    assert.deepEqual(await shown(rig), [`${iccid} disabled`], 'a search shows some profiles only');
  });

  it('does not follow what is not believed', async () => {
    const rig = await Rig.with();
    await rig.psmo({ listProfileInfo: {} });
    const forged = rig.euicc.result(await rig.fetchPackage(), [listed], { key: newKey() });
    await rig.provide(asResult(forged));
    assert.deepEqual(await shown(rig), []);
  });
});

describe('a refusal of the eUICC', () => {
  it('that is signed ends the order by its name, with nothing to acknowledge', async () => {
    const { rig, order, signed } = await fetched();
    assert.deepEqual(await rig.provide(asResult(rig.euicc.error(signed, 104))), empty);
    const { success, outcome } = await rig.end(order);
    assert.deepEqual(
      { success, outcome },
      { success: false, outcome: [{ euiccPackageErrorCode: 'ecallActive' }] },
    );
  });

  it('that is signed wrongly leaves the order as it was', async () => {
    const wrong = [{ key: newKey() }, { token: 9 }, { counterValue: 1 }, { eimId: 'other' }];
    for (const said of wrong) {
      const { rig, order, signed } = await fetched();
      assert.deepEqual(await rig.provide(asResult(rig.euicc.error(signed, 4, said))), empty);
      assert.equal(await rig.at(order), 'work');
      assert.match((await rig.history(order)).at(-1) ?? '', /^result not believed/);
    }
  });

  /** The eUICC could not tell that the package is this eIM's. */
  const unsigned = (members: object): EuiccPackageResult => ({
    type: 'euiccPackageErrorUnsigned',
    value: { eimId: 'eIM', ...members },
  });

  it('that is not signed ends the order whose eimTransactionId it names', async () => {
    const { rig, order, signed } = await fetched();
    const { eimTransactionId } = signed;
    const refusal = unsigned({ eimTransactionId, associationToken: 5 });
    assert.deepEqual(await rig.provide(asResult(refusal), { by: stranger }), empty);
    const { outcome, reason } = await rig.end(order);
    assert.deepEqual(outcome, [{ euiccPackageErrorCode: 'undefinedError' }]);
    assert.match(reason, /says that its association token is 5/);
    assert.equal((await rig.eim.euiccs.get(eid))?.associationToken, 1, 'not believed for that');
  });

  it('that is not signed and names none counts from the peer that fetched the package', async () => {
    const { rig, order } = await fetched();
    await rig.provide(asResult(unsigned({})), { by: stranger });
    assert.equal(await rig.at(order), 'work');
    assert.match((await rig.history(order)).at(-1) ?? '', /^result not believed/);
    await rig.provide(asResult(unsigned({})));
    assert.equal((await rig.end(order)).success, false);
  });

  it('that is not signed and names another leaves the order as it was', async () => {
    const { rig, order } = await fetched();
    await rig.provide(asResult(unsigned({ eimTransactionId: hex('AABB') })));
    assert.equal(await rig.at(order), 'work');
    assert.match((await rig.history(order)).at(-1) ?? '', /^result not believed/);
  });
});

describe('a result that was lost on its way', () => {
  async function replayed() {
    const { rig, order, signed } = await fetched();
    // The eUICC executed the package; its result never came. The device polls, and executes it once more.
    const lost = rig.euicc.result(signed, [ok], { seqNumber: 7 });
    assert.deepEqual(await rig.fetchPackage(), signed);
    assert.deepEqual(await rig.provide(asResult(rig.euicc.error(signed, 4))), empty);
    assert.equal(await rig.at(order), 'work');
    const question = await rig.poll();
    assert.ok(question.type === 'ipaEuiccDataRequest');
    return { rig, order, signed, lost, question: question.value };
  }

  it('is asked for where the eUICC reports a replay, and finishes its order', async () => {
    const { rig, order, lost, question } = await replayed();
    assert.deepEqual(question.tagList, hex('A2'));
    await rig.restart();
    assert.deepEqual(await rig.poll(), { type: 'ipaEuiccDataRequest', value: question });
    const value = { eimTransactionId: question.eimTransactionId, euiccPackageResultList: [lost] };
    const answer = await rig.provide({
      type: 'ipaEuiccDataResponse',
      value: { type: 'ipaEuiccData', value },
    });
    assert.deepEqual(answer, acknowledged(7));
    assert.equal((await rig.end(order)).success, true);
    assert.deepEqual(await rig.poll(), { type: 'eimPackageError', value: 1 });
  });

  it('ends its order as a replay where the eUICC keeps it no more', async () => {
    const { rig, order, question } = await replayed();
    const value = { eimTransactionId: question.eimTransactionId, euiccPackageResultList: [] };
    await rig.provide({ type: 'ipaEuiccDataResponse', value: { type: 'ipaEuiccData', value } });
    const { outcome, reason } = await rig.end(order);
    assert.deepEqual(outcome, [{ euiccPackageErrorCode: 'replayError' }]);
    assert.match(reason, /keeps it no more/);
  });

  it('ends its order as a replay where the IPA cannot tell', async () => {
    const { rig, order, question } = await replayed();
    const { eimTransactionId } = question;
    const value = { eimTransactionId, ipaEuiccDataErrorCode: 1 };
    await rig.provide({
      type: 'ipaEuiccDataResponse',
      value: { type: 'ipaEuiccDataResponseError', value },
    });
    assert.match((await rig.end(order)).reason, /incorrectTagList/);
  });

  it('is not believed where it is forged', async () => {
    const { rig, order, signed, question } = await replayed();
    const forged = rig.euicc.result(signed, [ok], { key: newKey() });
    const value = { eimTransactionId: question.eimTransactionId, euiccPackageResultList: [forged] };
    await rig.provide({ type: 'ipaEuiccDataResponse', value: { type: 'ipaEuiccData', value } });
    assert.deepEqual((await rig.end(order)).outcome, [{ euiccPackageErrorCode: 'replayError' }]);
  });

  it('is asked for once, and finishes its order also where the replay is reported twice', async () => {
    const { rig, order, signed, lost, question } = await replayed();
    const replay = asResult(rig.euicc.error(signed, 4));
    assert.deepEqual(await rig.provide(replay), empty);
    assert.deepEqual(await rig.provide(replay), empty);
    assert.deepEqual(await rig.poll(), { type: 'ipaEuiccDataRequest', value: question });
    const value = { eimTransactionId: question.eimTransactionId, euiccPackageResultList: [lost] };
    await rig.provide({ type: 'ipaEuiccDataResponse', value: { type: 'ipaEuiccData', value } });
    assert.equal((await rig.end(order)).success, true);
  });

  it('is asked for no more often than packages are handed out', async () => {
    const { rig, order, signed } = await replayed();
    for (let i = 0; i < 3; i++) {
      await rig.provide(asResult(rig.euicc.error(signed, 4)));
      assert.equal((await rig.poll()).type, 'ipaEuiccDataRequest');
    }
    assert.deepEqual(await rig.poll(), { type: 'eimPackageError', value: 1 });
    assert.deepEqual((await rig.end(order)).outcome, [{ euiccPackageErrorCode: 'replayError' }]);
  });
});

describe('an error of the IPA', () => {
  const said = (members: object) =>
    ({
      type: 'eimPackageResultResponseError',
      value: { eimPackageResultErrorCode: 2, ...members },
    }) as const;

  it('ends the order whose package it names', async () => {
    const { rig, order, signed } = await fetched();
    const { eimTransactionId } = signed;
    assert.deepEqual(await rig.provide(said({ eimTransactionId }), { by: stranger }), empty);
    assert.deepEqual((await rig.end(order)).outcome, [{ eimPackageError: 'unknownPackage' }]);
  });

  it('that names none ends the order in work of the peer that fetched it, of no other', async () => {
    const { rig, order } = await fetched();
    await rig.provide(said({}), { by: stranger });
    assert.equal(await rig.at(order), 'work');
    await rig.provide(said({}));
    assert.deepEqual((await rig.end(order)).outcome, [{ eimPackageError: 'unknownPackage' }]);
  });

  it('that names a package nobody knows changes nothing', async () => {
    const { rig, order } = await fetched();
    await rig.provide(said({ eimTransactionId: hex('AABB') }));
    assert.equal(await rig.at(order), 'work');
  });

  it('about a download ends its order', async () => {
    const rig = await Rig.with();
    const order = await rig.download();
    const trigger = await rig.poll();
    assert.ok(trigger.type === 'profileDownloadTriggerRequest');
    const { eimTransactionId } = trigger.value;
    const failed = (id: Uint8Array | undefined) =>
      ({
        type: 'profileDownloadTriggerResult',
        value: {
          eimTransactionId: id,
          profileDownloadTriggerResultData: {
            type: 'profileDownloadError',
            value: { profileDownloadErrorReason: 104 },
          },
        },
      }) as const;
    await rig.provide(failed(hex('AABB')));
    assert.equal(await rig.at(order), 'work');
    assert.deepEqual(await rig.provide(failed(eimTransactionId)), empty);
    const { outcome, reason } = await rig.end(order);
    assert.deepEqual(outcome, [{ procedureError: 'undefinedError' }]);
    assert.match(reason, /ecallActive/);
  });

  const dropped = 'esipa: an error report about nothing that is in work';

  it('about an order that has ended is told the log, and is no noise', async () => {
    const { rig, order, signed } = await fetched();
    await rig.eim.orders.cancel(order.id);
    const before = await rig.order(order);
    const { eimTransactionId } = signed;
    assert.deepEqual(await rig.provide(said({ eimTransactionId })), empty);
    assert.deepEqual(await rig.order(order), before);
    assert.equal(rig.drops.of(dropped), 0);
    const told = rig.lines.find(({ event }) => event.endsWith('after the end of its order'));
    assert.equal(told?.level, 'info');
    assert.equal(told?.fields.order, order.id);
  });

  it('about a package that nobody knows is noise', async () => {
    const { rig } = await fetched();
    await rig.provide(said({ eimTransactionId: hex('AABB') }));
    assert.equal(rig.drops.of(dropped), 1);
  });
});

describe('a consumer eUICC', () => {
  it('is believed without a signature, and acknowledged nothing', async () => {
    const { rig, order, signed } = await fetched({ defaults: { consumerEuicc: true } });
    // As in osmocom's eIM_Tests: another eimId, a dummy signature, seqNumber 123.
    const result = rig.euicc.result(signed, [ok], { eimId: 'myEIM', seqNumber: 123 });
    assert.ok(result.type === 'euiccPackageResultSigned');
    const value = { ...result.value, euiccSignEPR: new Uint8Array(64).fill(0x55) };
    assert.deepEqual(
      await rig.provide({
        type: 'ePRAndNotifications',
        value: { euiccPackageResult: { ...result, value }, notificationList: [] },
      }),
      empty,
    );
    assert.equal((await rig.end(order)).success, true);
  });
});

describe('a result that comes with HandleNotification', () => {
  it('finishes its order, and is answered with nothing', async () => {
    const { rig, order, signed } = await fetched();
    const eimPackageResult = asResult(rig.euicc.result(signed, [ok]));
    const value = { eidValue: eidOctets(eid), eimPackageResult };
    const handled = { type: 'provideEimPackageResult', value } as const;
    assert.equal(
      (await rig.say({ type: 'handleNotificationEsipa', value: handled }, caller)).length,
      0,
    );
    assert.equal((await rig.end(order)).success, true);
  });
});

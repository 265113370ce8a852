/** Orders of data (IpaEuiccDataRequest, SGP.32 3.1.2): what an answer changes, and whose answer it must be. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { hex, toHex } from '../../src/base/bytes.ts';
import { parseEid } from '../../src/messages/ids.ts';
import { IpaCapabilities, type IpaEuiccDataResponse } from '../../src/messages/ipa-euicc-data.ts';
import { issueEuicc } from '../../tools/lab/pki/lab-pki.ts';
import { eid, pki } from './euicc.ts';
import { Rig, stranger } from './rig.ts';

const otherEid = parseEid('89049032000000000000000000000163');
const empty = { type: 'emptyResponse', value: {} };

type Data = Extract<IpaEuiccDataResponse, { type: 'ipaEuiccData' }>['value'];

/** An order of data that the device has fetched. */
async function fetched(tagList = 'A0A284A5A6A8') {
  const rig = await Rig.with({ keyKnown: false });
  const request = { edr: { tagList } };
  const order = await rig.eim.orders.submit({ eid, facility: 'edr', request });
  const polled = await rig.poll();
  assert.ok(polled.type === 'ipaEuiccDataRequest', polled.type);
  const { eimTransactionId } = polled.value;
  assert.ok(eimTransactionId);
  assert.deepEqual(polled.value, { tagList: hex(tagList), eimTransactionId });
  const answer = (members: Data) =>
    ({
      type: 'ipaEuiccDataResponse',
      value: { type: 'ipaEuiccData', value: members },
    }) as const;
  return { rig, order, eimTransactionId, answer };
}

const certificates = {
  euiccCertificate: pki.euicc.certificate,
  eumCertificate: pki.eum.certificate,
};

describe('an order of data', () => {
  it('is handed out with the same bytes until its answer comes, and no question before it', async () => {
    const { rig, order, eimTransactionId, answer } = await fetched();
    assert.equal(await rig.at(order), 'work');
    assert.deepEqual(await rig.pollBytes(), await rig.pollBytes());
    const ipaCapabilities = { ipaFeatures: ['minimizeEsipaBytes'] } as const;
    const told = { eimTransactionId, associationToken: 4, ipaCapabilities, ...certificates };
    assert.deepEqual(await rig.provide(answer(told)), empty);
    assert.deepEqual(await rig.end(order), {
      success: true,
      outcome: [
        {
          euiccDataResult: {
            edrResult: 'ok',
            euiccData: {
              associationToken: 4,
              euiccCertificate: toHex(pki.euicc.certificate),
              eumCertificate: toHex(pki.eum.certificate),
              ipaCapabilities: '300480020204',
            },
          },
        },
      ],
      reason: 'the IPA sent the data',
    });
    const record = await rig.eim.euiccs.get(eid);
    assert.equal(record?.associationToken, 4);
    assert.deepEqual(record?.ipaCapabilities, IpaCapabilities.encode(ipaCapabilities));
    assert.ok(record?.publicKey);
  });

  it('learns no key from certificates of another eUICC, and says so', async () => {
    const { rig, order, eimTransactionId, answer } = await fetched();
    const other = issueEuicc(pki, otherEid);
    const told = { ...certificates, euiccCertificate: other.certificate, eimTransactionId };
    await rig.provide(answer(told));
    const { success, reason } = await rig.end(order);
    assert.equal(success, true);
    assert.match(reason, /its certificates are not believed: .*89049032000000000000000000000163/);
    assert.equal((await rig.eim.euiccs.get(eid))?.publicKey, undefined);
  });

  it('ends with the error of the IPA, and changes nothing', async () => {
    const { rig, order, eimTransactionId } = await fetched();
    const before = await rig.eim.euiccs.get(eid);
    for (const ipaEuiccDataErrorCode of [104, 1]) {
      const value = { eimTransactionId, ipaEuiccDataErrorCode };
      await rig.provide({
        type: 'ipaEuiccDataResponse',
        value: { type: 'ipaEuiccDataResponseError', value },
      });
    }
    assert.deepEqual((await rig.end(order)).outcome, [
      { euiccDataResult: { edrResult: 'ecallActive' } },
    ]);
    assert.deepEqual(await rig.eim.euiccs.get(eid), before);
  });

  it('is answered by who knows its eimTransactionId, or fetches for this EID', async () => {
    const { rig, order, answer } = await fetched();
    const wrong = new Uint8Array(16).fill(9);
    assert.deepEqual(
      await rig.provide(answer({ eimTransactionId: wrong, associationToken: 7 })),
      empty,
    );
    assert.deepEqual(await rig.provide(answer({ associationToken: 7 }), { by: stranger }), empty);
    assert.equal(await rig.at(order), 'work');
    assert.equal((await rig.eim.euiccs.get(eid))?.associationToken, 1);
    await rig.provide(answer({ associationToken: 7 }));
    assert.equal((await rig.end(order)).success, true);
    assert.equal((await rig.eim.euiccs.get(eid))?.associationToken, 7);
  });

  it('has what it lists acknowledged once it is kept, also when it comes again; not what is not believed', async () => {
    const { rig, order, eimTransactionId, answer } = await fetched();
    const good = rig.euicc.notification('notificationEnable', { seqNumber: 50 });
    const bad = rig.euicc.notification('notificationEnable', {
      seqNumber: 51,
      key: pki.eimSign.key,
    });
    const told = { eimTransactionId, notificationsList: [good, bad], ...certificates };
    const acknowledged = { type: 'eimAcknowledgements', value: [50] };
    assert.deepEqual(await rig.provide(answer(told)), acknowledged);
    assert.equal((await rig.end(order)).success, true);
    assert.deepEqual(await rig.provide(answer(told)), acknowledged);
  });

  it('stands behind an order of before, and the next is not held up by it', async () => {
    const rig = await Rig.with();
    const enable = await rig.enable();
    const request = { edr: { tagList: '84' } };
    const data = await rig.eim.orders.submit({ eid, facility: 'edr', request });
    const signed = await rig.fetchPackage();
    const result = rig.euicc.result(signed, [{ type: 'enableResult', value: 0 }]);
    await rig.provide({ type: 'euiccPackageResult', value: result });
    assert.equal((await rig.end(enable)).success, true);
    assert.equal((await rig.poll()).type, 'ipaEuiccDataRequest');
    assert.equal(await rig.at(data), 'work');
  });
});

/** The eUICC's key, asked for before the first package (SGP.32 3.1.2), and believed only through its chain. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { hex } from '../../src/base/bytes.ts';
import { parseEid } from '../../src/messages/ids.ts';
import type { IpaEuiccDataResponse } from '../../src/messages/ipa-euicc-data.ts';
import { issueEuicc } from '../../tools/lab/pki/lab-pki.ts';
import { expiredEuicc, otherCi } from '../../tools/lab/pki/wrong-twins.ts';
import { eid, pki } from './euicc.ts';
import { Rig, type RigOptions, stranger } from './rig.ts';

const otherEid = parseEid('89049032000000000000000000000163');
const empty = { type: 'emptyResponse', value: {} };

/** An enable order for an eUICC of which nothing is known, and the question that the device is asked first. */
async function asked(options: RigOptions = {}) {
  const rig = await Rig.with({ keyKnown: false, ...options });
  const order = await rig.enable();
  const question = await rig.poll();
  assert.ok(question.type === 'ipaEuiccDataRequest');
  const { tagList, eimTransactionId } = question.value;
  assert.ok(eimTransactionId);
  const answer = (
    members: Partial<Extract<IpaEuiccDataResponse, { type: 'ipaEuiccData' }>['value']>,
  ) =>
    ({
      type: 'ipaEuiccDataResponse',
      value: { type: 'ipaEuiccData', value: { eimTransactionId, ...members } },
    }) as const;
  return { rig, order, tagList, eimTransactionId, answer };
}

const certificates = {
  euiccCertificate: pki.euicc.certificate,
  eumCertificate: pki.eum.certificate,
};

describe('the certificates of an eUICC whose key is not known', () => {
  it('are asked for before the package, which follows once they are proven', async () => {
    const { rig, order, tagList, answer } = await asked();
    assert.deepEqual(tagList, hex('BF20 BF22 84 A5 A6 A8 A9'));
    assert.equal(await rig.at(order), 'new');
    // `eim order show` knows this event by its name.
    const because = 'the key of this eUICC is not known yet';
    assert.deepEqual(await rig.history(order), ['submitted', `asked for certificates: ${because}`]);
    const said = { associationToken: 3, euiccInfo1: hex('BF200482020305') };
    assert.deepEqual(await rig.provide(answer({ ...certificates, ...said })), empty);
    const answered = await rig.poll();
    assert.ok(answered.type === 'euiccPackageRequest');
    const signed = rig.euicc.read(answered.value, 3);
    const result = rig.euicc.result(signed, [{ type: 'enableResult', value: 0 }], { token: 3 });
    await rig.provide({ type: 'euiccPackageResult', value: result });
    assert.equal((await rig.end(order)).success, true);
    assert.deepEqual((await rig.eim.euiccs.get(eid))?.euiccInfo1, said.euiccInfo1);
    await rig.provide(answer({ ...certificates, associationToken: 9 }));
    assert.equal((await rig.eim.euiccs.get(eid))?.associationToken, 3, 'answered once');
  });

  it('are asked for with the same bytes until they come, also after a restart', async () => {
    const { rig, eimTransactionId } = await asked();
    await rig.restart();
    const again = await rig.poll();
    assert.ok(again.type === 'ipaEuiccDataRequest');
    assert.deepEqual(again.value.eimTransactionId, eimTransactionId);
  });

  it('are not asked for of a consumer eUICC, nor for a download', async () => {
    const consumer = await Rig.with({ keyKnown: false, defaults: { consumerEuicc: true } });
    await consumer.enable();
    assert.equal((await consumer.poll()).type, 'euiccPackageRequest');
    const rig = await Rig.with({ keyKnown: false });
    await rig.download();
    assert.equal((await rig.poll()).type, 'profileDownloadTriggerRequest');
  });

  it('are asked for no more once the operator has said that there is no key', async () => {
    const { rig, order, answer } = await asked();
    await rig.eim.euiccs.update(eid, { consumerEuicc: true });
    const first = await rig.poll();
    assert.equal(first.type, 'euiccPackageRequest');
    assert.deepEqual(await rig.poll(), first);
    await rig.provide(answer({}));
    assert.equal(
      await rig.at(order),
      'work',
      'the late answer, which proves nothing, ends nothing',
    );
    await rig.restart();
    assert.deepEqual(await rig.poll(), first);
  });

  it('may come without an eimTransactionId from the peer that was asked, from no other', async () => {
    const { rig, order, answer } = await asked();
    const unnamed = answer({ ...certificates, eimTransactionId: undefined });
    await rig.provide(unnamed, { by: stranger });
    assert.equal((await rig.eim.euiccs.get(eid))?.publicKey, undefined);
    assert.equal(rig.drops.of('esipa: eUICC data that nobody asked for'), 1);
    await rig.provide(unnamed);
    assert.ok((await rig.eim.euiccs.get(eid))?.publicKey);
    assert.equal(await rig.at(order), 'new');
  });

  it('are not taken under another eimTransactionId, nor when nobody asked', async () => {
    const { rig, answer } = await asked();
    await rig.provide(answer({ ...certificates, eimTransactionId: hex('AABB') }));
    assert.equal((await rig.eim.euiccs.get(eid))?.publicKey, undefined);
    const idle = await Rig.with({ keyKnown: false });
    await idle.poll();
    await idle.provide(answer({ ...certificates, eimTransactionId: undefined }));
    assert.equal((await idle.eim.euiccs.get(eid))?.publicKey, undefined);
  });

  const others = otherCi();
  const ended: Readonly<Record<string, readonly [object, RegExp]>> = {
    'no certificates': [{}, /sent no certificates/],
    'one certificate': [{ euiccCertificate: pki.euicc.certificate }, /sent no certificates/],
    'another CI': [
      { euiccCertificate: others.euicc.certificate, eumCertificate: others.eum.certificate },
      /CI/,
    ],
    'an expired certificate': [
      { ...certificates, euiccCertificate: expiredEuicc(pki).certificate },
      /expired/,
    ],
    'the certificate of another EID': [
      { ...certificates, euiccCertificate: issueEuicc(pki, otherEid).certificate },
      /the certificate of EID 89049032000000000000000000000163/,
    ],
    'octets that are no certificate': [
      { ...certificates, euiccCertificate: hex('3003020101') },
      /not a certificate/,
    ],
  };
  for (const [name, [members, why]] of Object.entries(ended)) {
    it(`end the order where they prove nothing: ${name}`, async () => {
      const { rig, order, answer } = await asked();
      assert.deepEqual(await rig.provide(answer(members)), empty);
      const { outcome, reason } = await rig.end(order);
      assert.deepEqual(outcome, [{ procedureError: 'undefinedError' }]);
      assert.match(reason, why);
      assert.match(reason, /signPubKey/, 'what to do');
      assert.equal((await rig.eim.euiccs.get(eid))?.publicKey, undefined);
    });
  }

  it('end the order where the IPA cannot fetch them', async () => {
    const { rig, order, eimTransactionId } = await asked();
    await rig.provide({
      type: 'ipaEuiccDataResponse',
      value: {
        type: 'ipaEuiccDataResponseError',
        value: { eimTransactionId, ipaEuiccDataErrorCode: 104 },
      },
    });
    assert.match((await rig.end(order)).reason, /ecallActive/);
  });

  it('end the order where the IPA does not understand the question', async () => {
    const { rig, order, eimTransactionId } = await asked();
    const error = (id: Uint8Array) =>
      ({
        type: 'eimPackageResultResponseError',
        value: { eimTransactionId: id, eimPackageResultErrorCode: 2 },
      }) as const;
    await rig.provide(error(hex('AABB')));
    assert.equal(await rig.at(order), 'new');
    await rig.provide(error(eimTransactionId));
    assert.match((await rig.end(order)).reason, /unknownPackage/);
  });

  it('end the order where they were asked for too often', async () => {
    const { rig, order } = await asked({ settings: { maxDeliveries: 2 } });
    assert.equal((await rig.poll()).type, 'ipaEuiccDataRequest');
    assert.deepEqual(await rig.poll(), { type: 'eimPackageError', value: 1 });
    assert.match((await rig.end(order)).reason, /asked 2 times, and never answered/);
  });

  it('are kept where the order was cancelled or deleted meanwhile', async () => {
    for (const end of ['cancel', 'delete'] as const) {
      const { rig, order, answer } = await asked();
      await rig.eim.orders[end](order.id);
      await rig.provide(answer(certificates));
      assert.ok((await rig.eim.euiccs.get(eid))?.publicKey);
    }
  });

  it('that prove nothing for a cancelled order are no failure of ours', async () => {
    for (const end of ['cancel', 'delete'] as const) {
      const { rig, order, answer } = await asked();
      await rig.eim.orders[end](order.id);
      assert.deepEqual(await rig.provide(answer({})), empty);
    }
  });

  it('come with an association token that is taken only where it can be one', async () => {
    const { rig, answer } = await asked();
    await rig.provide(answer({ ...certificates, associationToken: -1 }));
    assert.equal((await rig.eim.euiccs.get(eid))?.associationToken, 1);
    assert.equal((await rig.fetchPackage()).counterValue, 2);
  });
});

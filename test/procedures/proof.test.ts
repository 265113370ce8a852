/**
 * Whose word counts for an eUICC (SGP.22 4.5.2, SGP.32 2.11.2): a key comes from a chain or from the operator, and what
 * nobody signed changes no more than it can mean.
 */
import assert from 'node:assert/strict';
import { createPublicKey, sign } from 'node:crypto';
import { describe, it } from 'node:test';
import { concat, hex } from '../../src/base/bytes.ts';
import type { EimPackageResult } from '../../src/messages/eim-package.ts';
import type { EuiccPackageResult, EuiccResultData } from '../../src/messages/euicc-package.ts';
import { parseEid } from '../../src/messages/ids.ts';
import type { Order } from '../../src/orders/order.ts';
import { pointOf } from '../../src/trust/ec-key.ts';
import { tokenTlv } from '../../src/trust/eim-signer.ts';
import { issueCrl } from '../../tools/lab/pki/crl.ts';
import { newKey } from '../../tools/lab/pki/issue.ts';
import { issueEuicc, type LabPki, labEid, makeLabPki } from '../../tools/lab/pki/lab-pki.ts';
import { expiredEum, notYetValid, withEum, wrongRoleEum } from '../../tools/lab/pki/wrong-twins.ts';
import { eid } from './euicc.ts';
import { caller, Rig, type RigOptions, stranger } from './rig.ts';

const day = 24 * 3600 * 1000;
const otherEid = parseEid('89049032000000000000000000000163');
const ok: readonly EuiccResultData[] = [{ type: 'enableResult', value: 0 }];
const onP256 = makeLabPki();
const onBrainpool = makeLabPki({ curve: 'brainpoolP256r1' });
type Chain = Pick<LabPki, 'eum' | 'euicc'>;

/** An order for an eUICC below this CI, of which nothing is known, once its device has been asked for its certificates. */
async function asked({ ci }: LabPki, options: RigOptions = {}) {
  const rig = await Rig.with({ keyKnown: false, roots: [ci.certificate], ...options });
  const order = await rig.enable();
  return { rig, order, answer: (chain: Chain) => answer(rig, chain) };
}

/** The device is asked for certificates, and gives these. */
async function answer(rig: Rig, { euicc, eum }: Chain): Promise<void> {
  const question = await rig.poll();
  if (question.type !== 'ipaEuiccDataRequest') assert.fail(question.type);
  const { eimTransactionId } = question.value;
  const certificates = { euiccCertificate: euicc.certificate, eumCertificate: eum.certificate };
  await rig.provide({
    type: 'ipaEuiccDataResponse',
    value: { type: 'ipaEuiccData', value: { eimTransactionId, ...certificates } },
  });
}

/** The device fetches the package, and its eUICC signs with this key. */
async function executes(rig: Rig, key = onP256.euicc.key): Promise<void> {
  const signed = await rig.fetchPackage();
  const value = rig.euicc.result(signed, ok, { key });
  await rig.provide({ type: 'euiccPackageResult', value });
}

function pointIn({ euicc }: Chain): Uint8Array {
  return pointOf(createPublicKey(euicc.key)).point;
}

async function setByOperator(rig: Rig, chain: Chain): Promise<void> {
  const origin = { at: rig.clock.now(), source: 'the operator', sure: 'set' } as const;
  await rig.eim.euiccs.update(eid, { publicKey: pointIn(chain) }, origin);
}

function tampered(chain: Chain, which: keyof Chain): Chain {
  const certificate = Uint8Array.from(chain[which].certificate);
  // In the signature's last octets.
  certificate[certificate.length - 3] = (certificate.at(-3) ?? 0) ^ 1;
  return { ...chain, [which]: { ...chain[which], certificate } };
}

for (const [curve, pki] of [
  ['P-256', onP256],
  ['brainpoolP256r1', onBrainpool],
] as const) {
  describe(`the key of an eUICC on ${curve}`, () => {
    const key = () => newKey(curve === 'P-256' ? 'prime256v1' : 'brainpoolP256r1');
    const euicc = (change: Parameters<typeof issueEuicc>[2], of = labEid): Chain => ({
      eum: pki.eum,
      euicc: issueEuicc(pki, of, change, key()),
    });

    it('is learned from its certificates, and its results are believed', async () => {
      const { rig, order, answer } = await asked(pki);
      await answer(pki);
      const record = await rig.eim.euiccs.get(eid);
      assert.deepEqual(record?.publicKey, pointIn(pki));
      assert.equal(record?.origins.publicKey?.sure, 'proven');
      await executes(rig, pki.euicc.key);
      assert.equal((await rig.end(order)).success, true);
    });

    it('does not make another key’s signature good', async () => {
      const { rig, order, answer } = await asked(pki);
      await answer(pki);
      await executes(rig, key());
      assert.equal(await rig.at(order), 'work');
    });

    it('verifies signatures in DER too, over data and token, and with neither left out', async () => {
      for (const [token, end] of [
        [1, 'done'],
        [undefined, 'work'],
      ] as const) {
        const { rig, order, answer } = await asked(pki);
        await answer(pki);
        const signed = await rig.fetchPackage();
        const said = rig.euicc.result(signed, ok);
        assert.ok(said.type === 'euiccPackageResultSigned');
        const { euiccPackageResultDataSigned: data } = said.value;
        const input = concat(data.raw, token === undefined ? new Uint8Array() : tokenTlv(token));
        const euiccSignEPR = new Uint8Array(sign('sha256', input, pki.euicc.key));
        const value: EuiccPackageResult = { ...said, value: { ...said.value, euiccSignEPR } };
        await rig.provide({ type: 'euiccPackageResult', value });
        assert.equal(await rig.at(order), end);
      }
    });

    const wrong: Readonly<Record<string, readonly [Chain, RegExp]>> = {
      'another root': [
        makeLabPki({ curve: pki === onP256 ? 'prime256v1' : 'brainpoolP256r1' }),
        /none of the configured CI roots/,
      ],
      'an expired eUICC certificate': [
        euicc({ notBefore: new Date(0), notAfter: new Date(day) }),
        /expired/,
      ],
      'one that is not valid yet': [euicc(notYetValid), /not valid before/],
      'a key that may not sign': [euicc({ keyUsage: 'keyCertSign' }), /key usage/],
      'a certificate without its policy': [
        euicc({ policy: { oid: '2.999.1', critical: true } }),
        /policies lack/,
      ],
      'a CA for a eUICC': [euicc({ authority: {} }), /is a CA/],
      'the certificate of another EID': [euicc({}, otherEid), /certificate of EID 8904903200/],
      'an EID whose check digits do not fit': [
        euicc({
          subject: [
            ['O', 'RSP Test EUM'],
            ['serialNumber', '89049032123451234512345678901236'],
          ],
        }),
        /check digits/,
      ],
      'the certificate of another organization': [
        euicc({
          subject: [
            ['O', 'Another EUM'],
            ['serialNumber', labEid],
          ],
        }),
        /may not speak for EID/,
      ],
      'an eUICC certificate with an octet changed': [tampered(pki, 'euicc'), /did not sign it/],
      'an EUM certificate with an octet changed': [tampered(pki, 'eum'), /did not sign it/],
      'certificates of the other curve': [
        {
          eum: pki.eum,
          euicc: issueEuicc(
            pki,
            labEid,
            {},
            newKey(pki === onP256 ? 'brainpoolP256r1' : 'prime256v1'),
          ),
        },
        /below/,
      ],
    };
    for (const [name, [chain, complaint]] of Object.entries(wrong)) {
      it(`is not learned from ${name}`, async () => {
        const { rig, order, answer } = await asked(pki);
        await answer(chain);
        assert.equal((await rig.eim.euiccs.get(eid))?.publicKey, undefined);
        const { success, reason } = await rig.end(order);
        assert.equal(success, false);
        assert.match(reason, complaint);
      });
    }
  });
}

describe('the EUM above an eUICC', () => {
  const permitted = (organization: string, iin: string) =>
    withEum(onP256, { permitted: { organization, iin } });
  const wrong: Readonly<Record<string, readonly [Chain, RegExp]>> = {
    'whose prefix is another': [permitted('RSP Test EUM', '89049033'), /may not speak/],
    'of another organization': [permitted('Another EUM', '89049032'), /may not speak/],
    'that is expired': [expiredEum(onP256), /expired/],
    'of another role': [wrongRoleEum(onP256), /policies lack/],
    'that may not sign certificates': [
      withEum(onP256, { keyUsage: 'digitalSignature' }),
      /key usage lacks keyCertSign/,
    ],
  };
  for (const [name, [chain, complaint]] of Object.entries(wrong)) {
    it(`proves nothing: one ${name}`, async () => {
      const { rig, order, answer } = await asked(onP256);
      await answer(chain);
      assert.match((await rig.end(order)).reason, complaint);
      assert.equal((await rig.eim.euiccs.get(eid))?.publicKey, undefined);
    });
  }
});

describe('an EUM certificate on a revocation list', () => {
  const list = (rig: Rig, revoked: readonly Uint8Array[], thisUpdate = rig.clock.now()) =>
    rig.revocations.take(
      'ci.crl',
      issueCrl(onP256.ci, {
        thisUpdate: new Date(thisUpdate),
        nextUpdate: new Date(thisUpdate + day),
        revoked,
      }),
    );
  const options = { crls: ['ci.crl'] };

  it('proves no key, where one that is not on it does', async () => {
    const good = await asked(onP256, options);
    list(good.rig, [expiredEum(onP256).eum.certificate]);
    await good.answer(onP256);
    await executes(good.rig);
    assert.equal((await good.rig.end(good.order)).success, true);
    const bad = await asked(onP256, options);
    list(bad.rig, [onP256.eum.certificate]);
    await bad.answer(onP256);
    assert.match((await bad.rig.end(bad.order)).reason, /EUM certificate: its issuer has revoked/);
  });

  it('takes back what was learned: results are not believed, and no more packages leave', async () => {
    const { rig, order, answer } = await asked(onP256, options);
    list(rig, []);
    await answer(onP256);
    const signed = await rig.fetchPackage();
    await rig.clock.turn(1000);
    list(rig, [onP256.eum.certificate]);
    await rig.provide({
      type: 'euiccPackageResult',
      value: rig.euicc.result(signed, ok, { key: onP256.euicc.key }),
    });
    assert.equal(await rig.at(order), 'work');
    assert.match((await rig.history(order)).at(-1) ?? '', /not good any more.*revoked/);
    await rig.eim.orders.cancel(order.id);
    const next = await rig.enable();
    await answer(onP256);
    assert.match((await rig.end(next)).reason, /revoked/);
  });

  it('that is stale proves no new key, and takes none back', async () => {
    const known = await asked(onP256, options);
    list(known.rig, []);
    await known.answer(onP256);
    await known.rig.clock.turn(2 * day);
    await executes(known.rig);
    assert.equal((await known.rig.end(known.order)).success, true);
    const fresh = await asked(onP256, options);
    list(fresh.rig, [], fresh.rig.clock.now() - 2 * day);
    await fresh.answer(onP256);
    assert.match((await fresh.rig.end(fresh.order)).reason, /stale/);
  });
});

describe('a key that the operator set', () => {
  it('is believed without certificates, and no other', async () => {
    const { rig, order } = await asked(onP256);
    await setByOperator(rig, onP256);
    const signed = await rig.fetchPackage();
    const by = (key = newKey()) => rig.euicc.result(signed, ok, { key });
    await rig.provide({ type: 'euiccPackageResult', value: by() });
    assert.equal(await rig.at(order), 'work');
    await rig.provide({ type: 'euiccPackageResult', value: by(onP256.euicc.key) });
    assert.equal((await rig.end(order)).success, true);
  });

  it('stands, whatever certificates prove; they are kept, and the difference is warned of', async () => {
    const rig = await Rig.with({ keyKnown: false, roots: [onP256.ci.certificate] });
    const own = { ...onP256, euicc: { ...onP256.euicc, key: newKey() } };
    await setByOperator(rig, own);
    await rig.eim.orders.submit({ eid, facility: 'edr', request: { edr: { tagList: 'A5A6' } } });
    await answer(rig, onP256);
    const record = await rig.eim.euiccs.get(eid);
    assert.deepEqual(record?.publicKey, pointIn(own));
    assert.deepEqual(record?.euiccCertificate, onP256.euicc.certificate);
    assert.ok(rig.lines.some((line) => JSON.stringify(line).includes('prove another key')));
  });

  it('is learned again once the operator has taken it back', async () => {
    const { rig, order, answer } = await asked(onP256);
    await setByOperator(rig, { ...onP256, euicc: { ...onP256.euicc, key: newKey() } });
    await rig.eim.euiccs.takeBack(eid, 'publicKey');
    await answer(onP256);
    assert.deepEqual((await rig.eim.euiccs.get(eid))?.publicKey, pointIn(onP256));
    await executes(rig);
    assert.equal((await rig.end(order)).success, true);
  });
});

describe('a consumer eUICC', () => {
  it('is believed without a signature, and its order says that it is unproven', async () => {
    const { rig, order } = await asked(onP256, { defaults: { consumerEuicc: true } });
    await executes(rig, newKey());
    const { state } = await rig.order(order);
    assert.ok(state.at === 'done' && state.success && state.unproven === true);
    assert.match(state.reason, /unproven/);
  });

  it('is the only kind of which that is so', async () => {
    const { rig, order, answer } = await asked(onP256);
    await answer(onP256);
    await executes(rig);
    const { state } = await rig.order(order);
    assert.ok(state.at === 'done' && state.success && state.unproven === undefined);
    assert.match(state.reason, /signed/);
  });
});

describe('an error that nobody signed', () => {
  it('is about this eIM alone', async () => {
    for (const [eimId, at] of [
      ['another', 'work'],
      ['eIM', 'done'],
    ] as const) {
      const { rig, order, id } = await fetched();
      const value = { eimId, eimTransactionId: id };
      const error = { type: 'euiccPackageErrorUnsigned', value } as const;
      await rig.provide({ type: 'euiccPackageResult', value: error });
      assert.equal(await rig.at(order), at);
    }
  });

  /** What an unsigned message may be, naming this eimTransactionId or none. */
  const errors: Readonly<Record<string, (id?: Uint8Array) => EimPackageResult>> = {
    euiccPackageErrorUnsigned: (eimTransactionId) => ({
      type: 'euiccPackageResult',
      value: {
        type: 'euiccPackageErrorUnsigned',
        value: { eimId: 'eIM', eimTransactionId, associationToken: 77 },
      },
    }),
    eimPackageResultResponseError: (eimTransactionId) => ({
      type: 'eimPackageResultResponseError',
      value: { eimTransactionId, eimPackageResultErrorCode: 2 },
    }),
    ipaEuiccDataResponseError: (eimTransactionId) => ({
      type: 'ipaEuiccDataResponse',
      value: {
        type: 'ipaEuiccDataResponseError',
        value: { eimTransactionId, ipaEuiccDataErrorCode: 127 },
      },
    }),
    profileDownloadError: (eimTransactionId) => ({
      type: 'profileDownloadTriggerResult',
      value: {
        eimTransactionId,
        profileDownloadTriggerResultData: {
          type: 'profileDownloadError',
          value: { profileDownloadErrorReason: 127 },
        },
      },
    }),
  };
  /** The errors that can be about an eUICC Package: it was not taken, or not handled. */
  const ofPackages = ['euiccPackageErrorUnsigned', 'eimPackageResultResponseError'];

  async function fetched(): Promise<{ rig: Rig; order: Order; id: Uint8Array }> {
    const rig = await Rig.with();
    const order = await rig.enable();
    const { eimTransactionId: id } = await rig.fetchPackage();
    assert.ok(id);
    return { rig, order, id };
  }

  /** All that the eIM believes of the eUICC, but for its last contact. */
  async function belief(rig: Rig): Promise<unknown> {
    const { publicKey, associationToken, counterValue, profiles, eims, consumerEuicc } =
      await rig.eim.euiccs.ensure(eid);
    return { publicKey, associationToken, counterValue, profiles, eims, consumerEuicc };
  }

  for (const [name, error] of Object.entries(errors)) {
    it(`of a stranger ends nothing: ${name}`, async () => {
      const { rig, order, id } = await fetched();
      const before = await belief(rig);
      for (const named of [undefined, hex('AABBCCDD'), id.subarray(0, 15)]) {
        await rig.provide(error(named), { by: stranger });
        assert.equal(await rig.at(order), 'work');
      }
      assert.deepEqual(await belief(rig), before);
    });

    it(`ends no more than the order of its package, without success: ${name}`, async () => {
      for (const [by, isNamed] of [
        [stranger, true],
        [caller, true],
        [caller, false],
      ] as const) {
        const { rig, order, id } = await fetched();
        const other = await rig.enable();
        const before = await belief(rig);
        await rig.provide(error(isNamed ? id : undefined), { by });
        const { state } = await rig.order(order);
        assert.equal(state.at, ofPackages.includes(name) ? 'done' : 'work');
        assert.ok(state.at !== 'done' || !state.success);
        assert.equal(await rig.at(other), 'new');
        assert.deepEqual(await belief(rig), before);
      }
    });
  }
});

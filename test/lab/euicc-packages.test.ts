/** eUICC Packages against the virtual eUICC: what it carries out, and each package that it must refuse (SGP.32 2.11). */
import assert from 'node:assert/strict';
import { verify, X509Certificate } from 'node:crypto';
import { describe, it } from 'node:test';
import { concat, hex, toHex } from '../../src/base/bytes.ts';
import { AddInitialEimRequest } from '../../src/messages/es10.ts';
import {
  EuiccPackageRequest,
  EuiccPackageResult,
  EuiccPackageSigned,
} from '../../src/messages/euicc-package.ts';
import { eidOctets } from '../../src/messages/ids.ts';
import { NotificationMetadata } from '../../src/messages/notifications.ts';
import { StoreMetadataRequest } from '../../src/messages/rsp.ts';
import { type Signed, signedOf } from '../../src/messages/schema.ts';
import { readAll, readOnly, tlv } from '../../src/messages/tlv.ts';
import { EimSigner, tokenTlv } from '../../src/trust/eim-signer.ts';
import { Euicc } from '../../tools/lab/euicc/euicc.ts';
import { labEid, loadLabPki } from '../../tools/lab/pki/lab-pki.ts';
import { makeProfile } from '../../tools/lab/profile/make.ts';
import { HandClock } from '../support/hand-clock.ts';
import { seededRandom } from '../support/seeded.ts';
import { metadata, TinySmdp } from './tiny-smdp.ts';

const pki = loadLabPki();
const signer = new EimSigner(new Uint8Array(32).fill(0x55));
const other = new EimSigner(new Uint8Array(32).fill(0x66));
const eid = eidOctets(labEid);

const iccidA = hex('98880000000000000071');
const iccidB = hex('98880000000000000089');
const nowhere = hex('98880000000000000097');

interface Setup {
  /** Whether the eIM asks for an association token; it gets `token`. */
  readonly token?: number;
  readonly counterValue?: number;
  readonly profiles?: readonly Uint8Array[];
  readonly rules?: StoreMetadataRequest['profilePolicyRules'];
}

/** A eUICC with profiles, and with an eIM called "e". */
function setUp({ token, counterValue = 0, profiles = [iccidA, iccidB], rules }: Setup = {}): Euicc {
  const euicc = new Euicc({
    eid: labEid,
    credential: pki.euicc,
    eumCertificate: pki.eum.certificate,
    ciCertificates: [pki.ci.certificate],
    clock: new HandClock(),
    random: seededRandom(1),
  });
  if (token !== undefined) euicc.restore({ ...euicc.snapshot(), lastAssociationToken: token - 1 });
  profiles.forEach((iccid, i) => {
    const storeMetadata = StoreMetadataRequest.encode({
      ...metadata,
      iccid,
      ...(rules === undefined ? {} : { profilePolicyRules: rules }),
    });
    const upp = hex(
      toHex(makeProfile())
        .replace('98880000000000000071', toHex(iccid))
        .replace('89880000000000000017', toHex(iccid).replace(/(.)(.)/g, '$2$1')),
    );
    new TinySmdp(pki, eid, seededRandom(i + 2), { bound: { storeMetadata, upp } }).download(euicc);
  });
  assert.equal(euicc.snapshot().profiles.length, profiles.length);
  const answer = euicc.transmit(
    AddInitialEimRequest.encode({
      eimConfigurationDataList: [
        {
          eimId: 'e',
          counterValue,
          eimPublicKeyData: { type: 'eimPublicKey', value: signer.publicKeyInfo },
          ...(token === undefined ? {} : { associationToken: -1 }),
        },
      ],
    }),
  );
  const due = token === undefined ? '0500' : toHex(tokenTlv(token));
  assert.equal(toHex(answer), toHex(tlv(0xbf57, tlv(0xa0, hex(due)))));
  return euicc;
}

type Operation = Extract<EuiccPackageSigned['euiccPackage'], { type: 'psmoList' }>['value'][number];

const enable = (iccid: Uint8Array): Operation => ({ type: 'enable', value: { iccid } });
const disable = (iccid: Uint8Array): Operation => ({ type: 'disable', value: { iccid } });
const remove = (iccid: Uint8Array): Operation => ({ type: 'delete', value: { iccid } });
const list: Operation = { type: 'listProfileInfo', value: {} };

interface Change {
  readonly signed?: Partial<EuiccPackageSigned>;
  readonly signer?: EimSigner;
  readonly token?: number;
  readonly counterValue?: number;
}

function packageOf(operations: readonly Operation[], change: Change = {}): Uint8Array {
  const euiccPackageSigned = signedOf(EuiccPackageSigned, {
    eimId: 'e',
    eidValue: eid,
    counterValue: change.counterValue ?? 1,
    eimTransactionId: hex('AAAAAAAA'),
    euiccPackage: { type: 'psmoList', value: operations },
    ...change.signed,
  });
  const eimSignature = (change.signer ?? signer).sign(euiccPackageSigned.raw, change.token);
  return EuiccPackageRequest.encode({ euiccPackageSigned, eimSignature });
}

const euiccKey = new X509Certificate(pki.euicc.certificate).publicKey;

function assertSigned(part: Signed<unknown>, signature: Uint8Array, token?: number): void {
  const data = concat(part.raw, tokenTlv(token));
  assert.ok(verify('sha256', data, { key: euiccKey, dsaEncoding: 'ieee-p1363' }, signature));
}

/** The results in a signed answer, whose signature must fit the token. */
function resultsOf(bytes: Uint8Array, token?: number) {
  const result = EuiccPackageResult.decode(bytes);
  if (result.type !== 'euiccPackageResultSigned') throw new Error(toHex(bytes));
  const { euiccPackageResultDataSigned, euiccSignEPR } = result.value;
  assertSigned(euiccPackageResultDataSigned, euiccSignEPR, token);
  return euiccPackageResultDataSigned.value.euiccResult;
}

function errorOf(bytes: Uint8Array, token?: number): number {
  const result = EuiccPackageResult.decode(bytes);
  if (result.type !== 'euiccPackageErrorSigned') throw new Error(toHex(bytes));
  const { euiccPackageErrorDataSigned, euiccSignEPE } = result.value;
  assertSigned(euiccPackageErrorDataSigned, euiccSignEPE, token);
  const { eimId, eimTransactionId } = euiccPackageErrorDataSigned.value;
  assert.deepEqual([eimId, eimTransactionId], ['e', hex('AAAAAAAA')]);
  return euiccPackageErrorDataSigned.value.euiccPackageErrorCode;
}

function enabledOf(euicc: Euicc): string[] {
  return euicc
    .snapshot()
    .profiles.filter((profile) => profile.enabled)
    .map(({ iccid }) => iccid);
}

/** Metadata of the notifications that wait, without the installation results. */
function notificationsOf(euicc: Euicc): string[] {
  return euicc
    .snapshot()
    .notifications.filter(({ bytes }) => bytes.startsWith('30'))
    .map((record) => {
      const { seqNumber, profileManagementOperation, iccid } = NotificationMetadata.decode(
        hex(record.metadata),
      );
      return `${seqNumber} ${profileManagementOperation} ${toHex(iccid ?? hex(''))}`;
    });
}

describe('LoadEuiccPackage', () => {
  it('takes the package and the signature of the facts sheet', () => {
    // rsp-lab.md 5.2: SK 32 × 55, token 7, RFC 6979; made by another program.
    const euicc = setUp({ token: 7, profiles: [iccidA] });
    const signed = hex(
      '30288001655A1089049032123451234512345678901235810101A00EA30C5A0A98880000000000000071',
    );
    const signature = hex(
      '60CC1186785C76A26A21FAC3841A6429A5D35C6B26F0AE9ABBF2916EC196005DB29460892E36D098A6E5292965F7D6A6FDB10D234D746622E4A29DCFB2A3FB9D',
    );
    const answer = euicc.transmit(tlv(0xbf51, signed, tlv(0x5f37, signature)));
    // rsp-lab.md 5.3, with seqNumber 3: the installation result was 1, the notification 2.
    const [data, proof] = readAll(readOnly(readOnly(answer).value).value);
    assert.deepEqual(data?.raw, hex('300E 800165 810101 830103 3003 830100'));
    const input = concat(data?.raw ?? hex(''), hex('840107'));
    assert.ok(
      verify(
        'sha256',
        input,
        { key: euiccKey, dsaEncoding: 'ieee-p1363' },
        proof?.value ?? hex(''),
      ),
    );
    assert.deepEqual(enabledOf(euicc), ['98880000000000000071']);
  });

  it('enables a profile, and disables the one before it first', () => {
    const euicc = setUp();
    assert.deepEqual(resultsOf(euicc.transmit(packageOf([enable(iccidA)]))), [
      { type: 'enableResult', value: 0 },
    ]);
    assert.ok(euicc.refreshPending);
    euicc.reset();
    assert.ok(!euicc.refreshPending);
    resultsOf(euicc.transmit(packageOf([enable(iccidB)], { counterValue: 2 })));
    assert.deepEqual(enabledOf(euicc), [toHex(iccidB)]);
    // rsp-lab.md 4.4: disable of the old one comes before enable of the new one; results share the numbers.
    assert.deepEqual(notificationsOf(euicc), [
      `3 notificationEnable ${toHex(iccidA)}`,
      `5 notificationDisable ${toHex(iccidA)}`,
      `6 notificationEnable ${toHex(iccidB)}`,
    ]);
  });

  it('disables and deletes; the notification of a deletion outlives the profile', () => {
    const euicc = setUp();
    const free = euicc.snapshot().freeMemory;
    const run = (operation: Operation, counterValue: number) =>
      resultsOf(euicc.transmit(packageOf([operation], { counterValue })))[0]?.value;
    assert.equal(run(enable(iccidA), 1), 0);
    assert.equal(run(remove(iccidA), 2), 2);
    assert.equal(run(disable(iccidA), 3), 0);
    assert.equal(run(disable(iccidA), 4), 2);
    assert.equal(run(remove(iccidA), 5), 0);
    assert.deepEqual(
      euicc.snapshot().profiles.map(({ iccid }) => iccid),
      [toHex(iccidB)],
    );
    assert.equal(euicc.snapshot().freeMemory, free + 701);
    assert.match(notificationsOf(euicc).at(-1) ?? '', /notificationDelete 98880000000000000071$/);
  });

  it('says what stands in the way of an operation', () => {
    const euicc = setUp();
    let counterValue = 0;
    const run = (operation: Operation) => {
      counterValue += 1;
      return resultsOf(euicc.transmit(packageOf([operation], { counterValue })));
    };
    assert.deepEqual(run(enable(nowhere)), [{ type: 'enableResult', value: 1 }]);
    assert.deepEqual(run(disable(nowhere)), [{ type: 'disableResult', value: 1 }]);
    assert.deepEqual(run(remove(nowhere)), [{ type: 'deleteResult', value: 1 }]);
    run(enable(iccidA));
    assert.deepEqual(run(enable(iccidA)), [{ type: 'enableResult', value: 2 }]);
    assert.deepEqual(run({ type: 'unknown', value: hex('BF7F00') }), [
      { type: 'processingTerminated', value: 2 },
    ]);
  });

  for (const [name, one, other] of [
    ['enable', enable(iccidA), enable(iccidB)],
    ['disable', disable(iccidA), disable(iccidB)],
  ] as const) {
    it(`carries out one ${name} of a package, and no second`, () => {
      const euicc = setUp();
      if (name === 'disable') euicc.transmit(packageOf([enable(iccidA)]));
      const results = resultsOf(euicc.transmit(packageOf([one, other], { counterValue: 2 })));
      assert.deepEqual(results, [
        { type: `${name}Result`, value: 0 },
        { type: 'processingTerminated', value: 2 },
      ]);
      assert.deepEqual(enabledOf(euicc), name === 'enable' ? [toHex(iccidA)] : []);
    });
  }

  it('takes a command that cannot be read for a damaged one, and goes no further', () => {
    const euicc = setUp();
    const commands = (bytes: string, counterValue: number) => {
      const fields = concat(hex('800165'), tlv(0x5a, eid), tlv(0x81, Uint8Array.of(counterValue)));
      const signed = tlv(0x30, fields, hex(bytes));
      const signature = tlv(0x5f37, signer.sign(signed));
      return resultsOf(euicc.transmit(tlv(0xbf51, signed, signature)));
    };
    const damaged = { type: 'processingTerminated', value: 2 };
    const good = toHex(tlv(0xa3, tlv(0x5a, iccidA)));
    assert.deepEqual(commands('A004A3025A00', 1), [damaged]);
    assert.deepEqual(commands(`A010${good}A405`, 2), [{ type: 'enableResult', value: 0 }, damaged]);
    assert.deepEqual(commands('A102AC00', 3), [damaged]);
    assert.deepEqual(commands('A105A903820065', 4), [damaged]);
    assert.deepEqual(enabledOf(euicc), [toHex(iccidA)]);
  });

  it('keeps to the policy rules of profiles', () => {
    const euicc = setUp({ rules: ['ppr1', 'ppr2'] });
    const run = (operation: Operation, counterValue: number) =>
      resultsOf(euicc.transmit(packageOf([operation], { counterValue })))[0]?.value;
    assert.equal(run(remove(iccidA), 1), 3);
    assert.equal(run(enable(iccidA), 2), 0);
    assert.equal(run(enable(iccidB), 3), 3);
    assert.equal(run(disable(iccidA), 4), 3);
    assert.deepEqual(enabledOf(euicc), [toHex(iccidA)]);
  });

  it('carries operations out in order, up to the first that fails', () => {
    const euicc = setUp();
    const results = resultsOf(
      euicc.transmit(packageOf([enable(iccidA), remove(nowhere), remove(iccidB)])),
    );
    assert.deepEqual(results, [
      { type: 'enableResult', value: 0 },
      { type: 'deleteResult', value: 1 },
    ]);
    assert.equal(euicc.snapshot().profiles.length, 2);
    const second = packageOf([disable(iccidA), disable(iccidB)], { counterValue: 2 });
    assert.deepEqual(resultsOf(euicc.transmit(second)), [
      { type: 'disableResult', value: 0 },
      { type: 'processingTerminated', value: 2 },
    ]);
  });

  it('lists profiles, but not in a package that changed them', () => {
    const euicc = setUp();
    const results = resultsOf(euicc.transmit(packageOf([list])));
    assert.ok(
      results[0]?.type === 'listProfileInfoResult' && results[0].value.type === 'profileInfoListOk',
    );
    assert.deepEqual(
      results[0].value.value.map(({ iccid, profileState }) => [
        toHex(iccid ?? hex('')),
        profileState,
      ]),
      [
        [toHex(iccidA), 0],
        [toHex(iccidB), 0],
      ],
    );
    const changed = packageOf([enable(iccidA), list], { counterValue: 2 });
    assert.deepEqual(resultsOf(euicc.transmit(changed))[1], {
      type: 'listProfileInfoResult',
      value: { type: 'profileInfoListError', value: 11 },
    });
  });

  it('keeps results until they are removed', () => {
    const euicc = setUp({ profiles: [] });
    const first = euicc.transmit(packageOf([list]));
    const second = euicc.transmit(packageOf([list], { counterValue: 2 }));
    assert.deepEqual(euicc.transmit(hex('BF2B04A0028200')), tlv(0xbf2b, tlv(0xa2, first, second)));
    // rsp-lab.md 4.5: the number of a package result finds no notification.
    assert.deepEqual(euicc.transmit(hex('BF2B05A003800101')), hex('BF2B02A000'));
    assert.deepEqual(euicc.transmit(hex('BF3003800101')), hex('BF3003800100'));
    assert.deepEqual(euicc.transmit(hex('BF2B04A0028200')), tlv(0xbf2b, tlv(0xa2, second)));
  });
});

describe('LoadEuiccPackage refuses', () => {
  it('an eIM it does not know, or a wrong signature: unsigned, and without a trace', () => {
    const euicc = setUp();
    const before = euicc.snapshot();
    const unsigned = hex('BF510BA209 800165 8204AAAAAAAA');
    assert.deepEqual(euicc.transmit(packageOf([list], { signer: other })), unsigned);
    const stranger = euicc.transmit(packageOf([list], { signed: { eimId: 's' } }));
    assert.deepEqual(stranger, hex('BF510BA209 800173 8204AAAAAAAA'));
    const tampered = packageOf([enable(iccidA)]);
    const at = toHex(tampered).indexOf(toHex(iccidA)) / 2;
    tampered[at + 9] = 0x89;
    assert.deepEqual(euicc.transmit(tampered), unsigned);
    assert.deepEqual(euicc.snapshot(), before);
  });

  it('a signature without its token, or with another: unsigned, with the token', () => {
    const euicc = setUp({ token: 1 });
    const unsigned = hex('BF510EA20C 800165 8204AAAAAAAA 840101');
    assert.deepEqual(euicc.transmit(packageOf([list])), unsigned);
    assert.deepEqual(euicc.transmit(packageOf([list], { token: 2 })), unsigned);
    assert.equal(resultsOf(euicc.transmit(packageOf([list], { token: 1 })), 1).length, 1);
    const without = setUp();
    assert.equal(
      EuiccPackageResult.decode(without.transmit(packageOf([list], { token: 1 }))).type,
      'euiccPackageErrorUnsigned',
    );
    assert.equal(resultsOf(without.transmit(packageOf([list]))).length, 1);
  });

  it('a package for another eUICC (3)', () => {
    const euicc = setUp({ token: 1 });
    const wrong = { signed: { eidValue: new Uint8Array(16) }, token: 1 };
    assert.equal(errorOf(euicc.transmit(packageOf([list], wrong)), 1), 3);
    assert.deepEqual(euicc.snapshot().packageResults, []);
  });

  it('a counter that was there before (4), and takes one that leaves a gap', () => {
    const euicc = setUp({ counterValue: 5 });
    const run = (counterValue: number) => euicc.transmit(packageOf([list], { counterValue }));
    assert.equal(errorOf(run(5)), 4);
    assert.equal(resultsOf(run(300)).length, 1);
    assert.equal(errorOf(run(300)), 4);
    assert.equal(errorOf(run(299)), 4);
    assert.equal(errorOf(run(-1)), 4);
    assert.equal(resultsOf(run(301)).length, 1);
  });

  it('a counter above 7FFFFF (6), and takes 7FFFFF itself', () => {
    const euicc = setUp();
    assert.equal(errorOf(euicc.transmit(packageOf([list], { counterValue: 0x800000 }))), 6);
    assert.equal(
      resultsOf(euicc.transmit(packageOf([list], { counterValue: 0x7fffff }))).length,
      1,
    );
  });

  it('a package that is too large (15)', () => {
    const many = Array.from({ length: 1_000 }, () => remove(nowhere));
    const euicc = setUp();
    const large = { signed: { unknown: [tlv(0x9f7f, new Uint8Array(4_000))] } };
    assert.equal(errorOf(euicc.transmit(packageOf(many, large))), 15);
  });

  it('a package that cannot be read: unsigned, with the eimId if that can be', () => {
    const euicc = setUp();
    assert.deepEqual(euicc.transmit(hex('BF5100')), hex('BF5104A2028000'));
    assert.deepEqual(euicc.transmit(hex('BF51053003800165')), hex('BF5105A203800165'));
    assert.deepEqual(euicc.transmit(hex('BF51053003800180')), hex('BF5104A2028000'));
  });

  it('what a fault asks it to', () => {
    const euicc = setUp();
    euicc.faults.loadEuiccPackage = 127;
    assert.equal(errorOf(euicc.transmit(packageOf([list]))), 127);
    delete euicc.faults.loadEuiccPackage;
    assert.equal(resultsOf(euicc.transmit(packageOf([list]))).length, 1);
  });
});

describe('AddInitialEim', () => {
  const configuration = (fields: string, key = signer) =>
    hex(`${fields}${toHex(tlv(0xa5, tlv(0xa0, readOnly(key.publicKeyInfo).value)))}`);
  const add = (euicc: Euicc, ...eims: Uint8Array[]) =>
    toHex(euicc.transmit(tlv(0xbf57, tlv(0xa0, ...eims.map((eim) => tlv(0x30, eim))))));
  const fresh = () => {
    const euicc = setUp({ profiles: [] });
    euicc.restore({ ...euicc.snapshot(), eims: [] });
    return euicc;
  };

  it('associates several at once, each with a token of its own or none', () => {
    const euicc = fresh();
    const answer = add(
      euicc,
      configuration('8001618401FF'),
      configuration('800162'),
      configuration('8001638401FF'),
    );
    assert.equal(answer, 'BF570AA008 840101 0500 840102'.replaceAll(' ', ''));
    // rsp-lab.md 5.6; the key is told as it was given.
    const asked = toHex(euicc.transmit(hex('BF5505A003800163')));
    assert.equal(
      asked,
      toHex(tlv(0xbf55, tlv(0xa0, tlv(0x30, hex('800163840102'), configuration(''))))),
    );
    assert.deepEqual(euicc.transmit(hex('BF5505A003800164')), hex('BF5502A000'));
    assert.equal(readAll(readOnly(readOnly(euicc.transmit(hex('BF5500'))).value).value).length, 3);
  });

  it('never gives a token again', () => {
    const euicc = fresh();
    add(euicc, configuration('8001618401FF'));
    euicc.restore({ ...euicc.snapshot(), eims: [] });
    assert.equal(add(euicc, configuration('8001618401FF')), 'BF5705A003840102');
  });

  it('refuses a second association (2)', () => {
    const euicc = fresh();
    const before = euicc.snapshot();
    assert.equal(add(euicc, configuration('800161'), configuration('800161')), 'BF5703810102');
    assert.deepEqual(euicc.snapshot(), before);
    add(euicc, configuration('800161'));
    assert.equal(add(euicc, configuration('800162')), 'BF5703810102');
  });

  it('refuses an unknown CI (3), a token of the eIM (5), a counter out of range (6), no key (7)', () => {
    const euicc = fresh();
    const before = euicc.snapshot();
    const key = toHex(configuration(''));
    assert.equal(add(euicc, hex(`800161${key}880400000000`)), 'BF5703810103');
    assert.equal(add(euicc, configuration('800161840105')), 'BF5703810105');
    assert.equal(add(euicc, configuration('80016183040080 0000')), 'BF5703810106');
    assert.equal(add(euicc, configuration('8001618301FF')), 'BF5703810106');
    assert.equal(add(euicc, hex('800161')), 'BF5703810107');
    assert.equal(add(euicc, hex('800161A505A0033001AA')), 'BF5703810107');
    assert.equal(add(euicc), 'BF5703810107');
    assert.deepEqual(euicc.snapshot(), before);
  });

  it('takes the key out of a certificate', () => {
    const euicc = fresh();
    const certificate = tlv(0xa5, tlv(0xa1, readOnly(pki.eimSign.certificate).value));
    assert.equal(add(euicc, concat(hex('800161'), certificate)), 'BF5704A0020500');
    const signed = packageOf([list], {
      signer: EimSigner.of(pki.eimSign.key),
      signed: { eimId: 'a' },
    });
    assert.equal(resultsOf(euicc.transmit(signed)).length, 1);
  });
});

/**
 * Operations as /v1 takes them, and what becomes of them: the order that is kept, and the eUICC Package of it. The
 * bytes are those of the facts sheets: sgp32-eim.md 1.3, 1.4 and 11, rsp-lab.md 5.2.
 */
import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import { toHex } from '../../src/base/bytes.ts';
import { EuiccPackage } from '../../src/messages/euicc-package.ts';
import { IpaEuiccDataRequest } from '../../src/messages/ipa-euicc-data.ts';
import { dataRequestOf, euiccPackageOf, isPackageRequest } from '../../src/orders/operations.ts';
import type { Outcome } from '../../src/orders/order.ts';
import { loadLabPki } from '../../tools/lab/pki/lab-pki.ts';
import { at, get, send } from './http.ts';
import { eid, finished, iccid, type Running, run } from './running.ts';

const pki = loadLabPki();
const certificate = new X509Certificate(pki.eimSign.certificate);
const keyPem = certificate.publicKey.export({ format: 'pem', type: 'spki' }).toString();
const point = toHex(certificate.publicKey.export({ format: 'der', type: 'spki' })).slice(-130);

let eim: Running;
before(async () => {
  eim = await run();
});
after(() => eim.close());

async function place(...steps: readonly object[]) {
  const answer = await send('POST', `${eim.url}/v1/orders`, { eid, steps });
  assert.equal(answer.status, 201, JSON.stringify(answer.body));
  const id = String(at(answer.body, 'id'));
  const order = (await eim.desk.orders.get(id)) ?? assert.fail('it is gone');
  return { id, order, view: answer.body };
}

/** What the operations are within an EuiccPackageSigned. */
async function packageOf(...steps: readonly object[]): Promise<string> {
  const { request } = (await place(...steps)).order;
  if (!isPackageRequest(request)) return assert.fail('no eUICC Package');
  return toHex(EuiccPackage.encode(euiccPackageOf(request)));
}

const ef = '5A0A989444999999990920F3';

describe('PSMOs and eCOs of /v1, as bytes', () => {
  const cases: readonly (readonly [step: object, bytes: string])[] = [
    [{ enable: { iccid } }, `A00EA30C${ef}`],
    [{ enable: { iccid, rollback: true } }, `A010A30E${ef}0500`],
    [{ enable: { iccid, rollback: false } }, `A00EA30C${ef}`],
    [{ disable: { iccid } }, `A00EA40C${ef}`],
    [{ delete: { iccid } }, `A00EA50C${ef}`],
    [{ getRAT: {} }, 'A002A600'],
    [{ configureImmediateEnable: {} }, 'A002A700'],
    [{ configureImmediateEnable: { immediateEnableFlag: false } }, 'A002A700'],
    [
      {
        configureImmediateEnable: {
          immediateEnableFlag: true,
          defaultSmdpOid: '1.2.3',
          defaultSmdpAddress: 'smdp.example.com',
        },
      },
      'A01AA718800081022A038210736D64702E6578616D706C652E636F6D',
    ],
    [{ setFallbackAttribute: { iccid } }, `A00EA80C${ef}`],
    [{ unsetFallbackAttribute: {} }, 'A002A900'],
    [
      { setDefaultDpAddress: { defaultDpAddress: 'smdp.example.com' } },
      'A015BF65128010736D64702E6578616D706C652E636F6D',
    ],
    // The default data of an eUICC that gets no tagList, and the nickname.
    [{ listProfileInfo: {} }, 'A013BF2D105C0E5A4F9F70909192959F7B9F269F67'],
    [
      { listProfileInfo: { searchCriteria: { iccid }, tagList: '5A9F70' } },
      `A016BF2D13A00C${ef}5C035A9F70`,
    ],
    [
      { listProfileInfo: { searchCriteria: { profileClass: 2 }, tagList: '5A' } },
      'A00BBF2D08A0039501025C015A',
    ],
    [{ listEim: {} }, 'A102AB00'],
    [{ deleteEim: { eimId: 'e2' } }, 'A106A90480026532'],
    [
      { updateEim: { eimId: 'eI2', eimFqdn: 'eim.example.com', counterValue: 1 } },
      'A11BAA198003654932810F65696D2E6578616D706C652E636F6D830101',
    ],
    [
      { addEim: { eimConfigurationData: '301280016581016682010283010087020640' + '8900' } },
      'A114A81280016581016682010283010087020640' + '8900',
    ],
    [
      {
        addEim: {
          eimId: 'eI2',
          eimFqdn: 'eim.example.com',
          eimIdType: 'eimIdTypeProprietary',
          counterValue: 1,
          associationToken: 'generate',
          eimPublicKey: keyPem,
          eimSupportedProtocol: ['eimRetrieveCoaps'],
          euiccCiPKId: 'F54172BDF98A95D65CBEB88A38A1C11D800A85C3',
          indirectProfileDownload: true,
        },
      },
      // A5 { A0 { algorithm, key } }: the arm's tag stands in place of the key's 30.
      `A1819BA881988003654932810F65696D2E6578616D706C652E636F6D8201038301018401FF` +
        `A55BA059301306072A8648CE3D020106082A8648CE3D030107034200${point}` +
        '870206408814F54172BDF98A95D65CBEB88A38A1C11D800A85C38900',
    ],
  ];
  for (const [step, bytes] of cases) {
    it(JSON.stringify(step).slice(0, 100), async () => assert.equal(await packageOf(step), bytes));
  }

  it('several in one package, in their order', async () => {
    assert.equal(
      await packageOf({ disable: { iccid } }, { delete: { iccid } }, { getRAT: {} }),
      `A01EA40C${ef}A50C${ef}A600`,
    );
    assert.equal(
      await packageOf({ listEim: {} }, { deleteEim: { eimId: 'e2' } }),
      'A108AB00A90480026532',
    );
  });

  it('keys and certificates in PEM or as the hex of their DER, each in its place', async () => {
    const der = pki.eimTls.certificate;
    const pem = new X509Certificate(der).toString();
    const common = { eimId: 'e', eimFqdn: 'f', counterValue: 0 };
    const both = [pem, toHex(der)].map((trustedCertificateTls) =>
      packageOf({ addEim: { ...common, eimCertificate: pem, trustedCertificateTls } }),
    );
    const [first, second] = await Promise.all(both);
    assert.equal(first, second);
    // A1 in place of the certificate's 30, within A5 and A6.
    const body = toHex(der).slice(8);
    assert.equal(first?.split(`A1${toHex(der).slice(2, 8)}${body}`).length, 3);
    const tlsKey = new X509Certificate(der).publicKey.export({ format: 'der', type: 'spki' });
    const withKey = await packageOf({
      addEim: { ...common, eimPublicKey: keyPem, trustedEimPkTls: toHex(tlsKey) },
    });
    assert.ok(withKey.endsWith(`A65BA059${toHex(tlsKey).slice(4)}`), withKey);
  });

  it('shows what an EimConfigurationData holds', async () => {
    const { view } = await place({ updateEim: { eimId: 'eI2', associationToken: 'generate' } });
    assert.deepEqual(at(view, 'steps'), [
      {
        updateEim: {
          eimId: 'eI2',
          associationToken: -1,
          eimConfigurationData: '300880036549328401FF',
        },
      },
    ]);
    assert.equal(at(view, 'facility'), 'eco');
  });
});

describe('data requests of /v1, as bytes', () => {
  const cases: readonly (readonly [edr: object, bytes: string])[] = [
    // Without a tagList: all that tells of eUICC, IPA and device.
    [{}, 'BF52115C0B81BF20BF228384A5A6A8A98302AAAA'],
    [{ tagList: ['euiccInfo1', 'deviceInfo'] }, 'BF52095C03BF20A98302AAAA'],
    [
      {
        tagList: 'A081A2BF20BF228384A5A6A8A9',
        euiccCiPKId: 'F5414172BD',
        searchCriteriaNotification: { seqNumber: 5 },
        searchCriteriaEuiccPackageResult: { seqNumber: 6 },
      },
      'BF52245C0DA081A2BF20BF228384A5A6A8A90405F5414172BDA103800105A2038001068302AAAA',
    ],
    [
      {
        tagList: ['notificationsList'],
        searchCriteriaNotification: {
          profileManagementOperation: ['notificationInstall', 'notificationDelete'],
        },
      },
      'BF520D5C01A0A104810204908302AAAA',
    ],
  ];
  for (const [edr, bytes] of cases) {
    it(JSON.stringify(edr), async () => {
      const { request } = (await place({ edr })).order;
      if (!('edr' in request)) return assert.fail('no data request');
      const asked = dataRequestOf(request.edr, Uint8Array.of(0xaa, 0xaa));
      assert.equal(toHex(IpaEuiccDataRequest.encode(asked)), bytes);
    });
  }
});

describe('operations that /v1 refuses', () => {
  const added = { eimId: 'e', eimFqdn: 'f', counterValue: 1, eimPublicKey: keyPem };
  const cases: readonly (readonly [string, readonly object[], field: string, RegExp])[] = [
    [
      'a confirmation of nothing',
      [{ confirm: {} }, { getRAT: {} }],
      'steps[0].confirm',
      /behind what it confirms/,
    ],
    ['a tag that no IPA answers', [{ edr: { tagList: 'BF2D' } }], 'steps[0].edr.tagList', /BF2D/],
    ['a tag that is cut off', [{ edr: { tagList: '84BF' } }], 'steps[0].edr.tagList', /cut off/],
    ['data without a name', [{ edr: { tagList: ['imei'] } }], 'steps[0].edr.tagList', /"imei"/],
    [
      'criteria without their list',
      [{ edr: { tagList: '84', searchCriteriaEuiccPackageResult: { seqNumber: 1 } } }],
      'steps[0].edr.searchCriteriaEuiccPackageResult',
      /chooses within A2/,
    ],
    [
      'an eIM without a key',
      [{ addEim: { eimId: 'e', eimFqdn: 'f', counterValue: 1 } }],
      'steps[0].addEim.eimPublicKey',
      /could verify nothing/,
    ],
    [
      'an eIM that cannot be found',
      [{ addEim: { ...added, eimFqdn: undefined } }],
      'steps[0].addEim.eimFqdn',
      /is missing/,
    ],
    [
      'two keys of one eIM',
      [{ addEim: { ...added, eimCertificate: certificate.toString() } }],
      'steps[0].addEim.eimCertificate',
      /beside eimPublicKey/,
    ],
    [
      'a private key',
      [
        {
          addEim: {
            ...added,
            eimPublicKey: String(pki.eimSign.key.export({ format: 'pem', type: 'pkcs8' })),
          },
        },
      ],
      'steps[0].addEim.eimPublicKey',
      /must be a public key/,
    ],
    [
      'a counter beyond 23 bits',
      [{ updateEim: { eimId: 'e', counterValue: 2 ** 23 } }],
      'steps[0].updateEim.counterValue',
      /at most 8388607/,
    ],
    [
      'an update of nothing',
      [{ updateEim: { eimId: 'e' } }],
      'steps[0].updateEim',
      /nothing to change/,
    ],
    [
      'an update of what eIMs do not have',
      [{ updateEim: { eimId: 'e', colour: 'red' } }],
      'steps[0].updateEim.colour',
      /no such member/,
    ],
    [
      'more than a package holds',
      Array.from({ length: 16 }, () => ({
        setDefaultDpAddress: { defaultDpAddress: 'a'.repeat(255) },
      })),
      'steps',
      /^make an eUICC Package of 4[0-9]{3} octets, more than the 4096 of orders.packageLimit/,
    ],
  ];
  for (const [what, steps, field, message] of cases) {
    it(what, async () => {
      const before = (await eim.desk.orders.list()).length;
      const { status, body } = await send('POST', `${eim.url}/v1/orders`, { eid, steps });
      assert.equal(status, 400, JSON.stringify(body));
      assert.equal(at(body, 'error', 'field'), field);
      assert.match(String(at(body, 'error', 'message')), message);
      assert.equal((await eim.desk.orders.list()).length, before);
    });
  }
});

describe('eUICC data as /v1 shows it', () => {
  const told = {
    associationToken: 1,
    defaultSmdpAddress: 'smdp.example.com',
    euiccInfo1: 'BF20118203020500A90404020102AA0404020102',
    euiccCertificate: toHex(pki.euicc.certificate),
    ipaCapabilities: '30088002064081020640',
    deviceInfo: '300A800435290611A10285003F',
  };

  it('is readable in an outcome', async () => {
    const { id } = await place({ edr: {} });
    const outcome: Outcome = { euiccDataResult: { edrResult: 'ok', euiccData: told } };
    await finished(eim, { id }, outcome);
    const { body } = await get(`${eim.url}/v1/orders/${id}`);
    const data = at(body, 'outcome', 0, 'euiccDataResult', 'euiccData');
    assert.equal(at(data, 'associationToken'), 1);
    assert.deepEqual(at(data, 'euiccInfo1'), {
      svn: '2.5.0',
      euiccCiPKIdListForVerification: ['0102'],
      euiccCiPKIdListForSigning: ['0102'],
    });
    assert.deepEqual(at(data, 'ipaCapabilities'), {
      ipaFeatures: ['indirectRspServerCommunication'],
      ipaSupportedProtocols: ['ipaRetrieveCoaps'],
    });
    assert.match(String(at(data, 'euiccCertificate', 'subject')), /serialNumber=[0-9]{32}/);
    assert.equal(at(data, 'euiccCertificate', 'der'), told.euiccCertificate);
    // Cut short: what cannot be read stays hex.
    assert.equal(at(data, 'deviceInfo'), told.deviceInfo);
  });

  it('is readable of a eUICC', async () => {
    await eim.desk.euiccs.update(eid, {
      euiccInfo1: Uint8Array.from(Buffer.from(told.euiccInfo1, 'hex')),
      ipaCapabilities: Uint8Array.from(Buffer.from(told.ipaCapabilities, 'hex')),
      rootSmdsAddress: 'smds.example.com',
      eims: { since: 0, list: [{ eimId: 'eIM', eimIdType: 2 }, { eimId: 'other' }] },
    });
    const { body } = await get(`${eim.url}/v1/euiccs/${eid}`);
    assert.equal(at(body, 'euiccInfo1', 'svn'), '2.5.0');
    assert.deepEqual(at(body, 'ipaCapabilities', 'ipaFeatures'), [
      'indirectRspServerCommunication',
    ]);
    assert.equal(at(body, 'rootSmdsAddress'), 'smds.example.com');
    assert.deepEqual(at(body, 'eims'), [
      { eimId: 'eIM', eimIdType: 'eimIdTypeFqdn' },
      { eimId: 'other' },
    ]);
    assert.equal(at(body, 'eimsAt'), '1970-01-01T00:00:00.000Z');
  });
});

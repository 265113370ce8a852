/** ctxParams1 (SGP.22 5.7.13) made by the eIM for IPAs that leave it to the eIM (eimCtxParams1Generation). */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { concat, hex, toHex } from '../../src/base/bytes.ts';
import { IpaCapabilities, type IpaEuiccData } from '../../src/messages/ipa-euicc-data.ts';
import { type AuthenticateServerResponse, CtxParams1, DeviceInfo } from '../../src/messages/rsp.ts';
import { readOnly, tlv } from '../../src/messages/tlv.ts';
import { signEcdsa } from '../../src/trust/ecdsa.ts';
import { authenticateError, Download, initiateError } from './download.ts';
import { eid, pki } from './euicc.ts';
import { activationCode, Rig } from './rig.ts';
import { transactionId } from './smdp.ts';

type Features = IpaCapabilities['ipaFeatures'];
const making: Features = ['indirectRspServerCommunication', 'eimCtxParams1Generation'];
const deviceInfo = DeviceInfo.encode({
  tac: hex('35290611'),
  deviceCapabilities: { eutranEpcSupportedRelease: hex('0F0000') },
  imei: hex('5392601100000010'),
});
/** By hand from rsp-lab.md 2.4: A0 { 80 matchingId, A1 { 80 tac, A1 { 85 }, 82 imei } }. */
const expected = hex(
  'A026 800B 4D41544348494E472D4944 A117 8004 35290611 A105 8503 0F0000 8208 5392601100000010'.replaceAll(
    ' ',
    '',
  ),
);

async function knowing(features: Features, known = true): Promise<Rig> {
  const rig = await Rig.with({ keyKnown: false });
  const ipaCapabilities = IpaCapabilities.encode({ ipaFeatures: features });
  await rig.eim.euiccs.update(eid, { ipaCapabilities, ...(known ? { deviceInfo } : {}) });
  return rig;
}

describe('ctxParams1', () => {
  it('is made of the matchingId and the device, for an IPA that leaves it to the eIM', async () => {
    const download = await Download.next(await knowing(making));
    const answer = await download.initiate();
    assert.ok(answer.type === 'initiateAuthenticationOkEsipa');
    const { ctxParams1, matchingId } = answer.value;
    assert.ok(ctxParams1 !== undefined);
    assert.equal(toHex(CtxParams1.encode(ctxParams1)), toHex(expected));
    assert.equal(matchingId, undefined, 'it is said once');
  });

  it('has no matchingId where the activation code has none', async () => {
    const download = await Download.next(await knowing(making), '1$smdp.example.com$');
    const answer = await download.initiate();
    assert.ok(answer.type === 'initiateAuthenticationOkEsipa');
    assert.deepEqual(Object.keys(answer.value.ctxParams1?.value ?? {}), ['deviceInfo']);
  });

  it('is the IPA’s own where it has not said otherwise', async () => {
    const download = await Download.next(await knowing(['indirectRspServerCommunication']));
    const answer = await download.initiate();
    assert.ok(answer.type === 'initiateAuthenticationOkEsipa');
    assert.equal(answer.value.ctxParams1, undefined);
    assert.equal(answer.value.matchingId, 'MATCHING-ID');
  });

  it('stands in the full form of a compact answer that leaves it out', async () => {
    const rig = await knowing(making);
    const extCardResource = tlv(0x84, hex('8101008202FFFF8302FFFF'));
    const info2 = (resource: Uint8Array) => tlv(0xbf22, tlv(0x81, hex('030301')), resource);
    await rig.eim.euiccs.update(eid, { euiccInfo2: info2(tlv(0x84, hex('810100'))) });
    const download = await Download.next(rig);
    const begun = await download.initiate();
    assert.ok(begun.type === 'initiateAuthenticationOkEsipa');
    const server = begun.value.serverSigned1.value;
    const full = (ctxParams1: Uint8Array) =>
      tlv(
        0x30,
        tlv(0x80, transactionId),
        tlv(0x83, new TextEncoder().encode(server.serverAddress)),
        tlv(0x84, server.serverChallenge),
        info2(extCardResource),
        ctxParams1,
      );
    const said = (signed: Uint8Array): AuthenticateServerResponse => ({
      type: 'compactAuthenticateResponseOk',
      value: {
        signedData: {
          type: 'compactEuiccSigned1',
          value: { extCardResource: readOnly(extCardResource).value },
        },
        euiccSignature1: signEcdsa(pki.euicc.key, signed),
        euiccCertificate: pki.euicc.certificate,
        eumCertificate: pki.eum.certificate,
      },
    });
    const answer = await download.authenticate(said(full(expected)));
    assert.equal(answer.type, 'authenticateClientOkDPEsipa');
    const [asked] = rig.smdp.named('authenticateClient');
    assert.ok(toHex(asked?.authenticateServerResponse ?? concat()).includes(toHex(full(expected))));

    // Signed over another device's.
    const other = await Download.next(await knowing(making));
    await other.rig.eim.euiccs.update(eid, { euiccInfo2: info2(tlv(0x84, hex('810100'))) });
    await other.initiate();
    const forged = expected.map((octet, i) => (i === expected.length - 1 ? octet ^ 1 : octet));
    assert.deepEqual(await other.authenticate(said(full(forged))), authenticateError(127));
  });
});

describe('a device that the eIM does not know', () => {
  const answer = (data: Partial<IpaEuiccData>, eimTransactionId: Uint8Array) =>
    ({
      type: 'ipaEuiccDataResponse',
      value: { type: 'ipaEuiccData', value: { ...data, eimTransactionId } },
    }) as const;

  it('is asked before the download, and the download goes on', async () => {
    const rig = await knowing(making, false);
    const order = await rig.download();
    const asked = await rig.poll();
    assert.ok(asked.type === 'ipaEuiccDataRequest');
    assert.equal(toHex(asked.value.tagList), 'A8A9');
    const { eimTransactionId } = asked.value;
    assert.ok(eimTransactionId !== undefined);
    assert.deepEqual(await rig.poll(), asked, 'the same until it is answered');
    await rig.provide(answer({ deviceInfo: DeviceInfo.decode(deviceInfo) }, eimTransactionId));
    const trigger = await rig.poll();
    assert.ok(trigger.type === 'profileDownloadTriggerRequest');
    assert.equal(await rig.at(order), 'work');
    assert.deepEqual((await rig.eim.euiccs.get(eid))?.deviceInfo, deviceInfo);
  });

  it('ends the download where it does not say', async () => {
    const rig = await knowing(making, false);
    const order = await rig.download();
    const asked = await rig.poll();
    assert.ok(asked.type === 'ipaEuiccDataRequest' && asked.value.eimTransactionId !== undefined);
    await rig.provide(answer({}, asked.value.eimTransactionId));
    assert.match((await rig.end(order)).reason, /does not tell its deviceInfo: it sent none/);
  });

  it('is not asked where its IPA makes ctxParams1 itself', async () => {
    const rig = await knowing(['indirectRspServerCommunication'], false);
    await rig.download();
    assert.equal((await rig.poll()).type, 'profileDownloadTriggerRequest');
  });

  it('cannot begin where its deviceInfo went meanwhile', async () => {
    const rig = await knowing(making);
    const download = await Download.next(rig);
    await rig.eim.euiccs.takeBack(eid, 'deviceInfo');
    assert.deepEqual(await download.initiate(), initiateError(127));
    assert.deepEqual(rig.smdp.calls, []);
    assert.match((await download.history()).at(-1) ?? '', /^deviceInfo missing/);
  });
});

describe('eimDownloadDataHandling', () => {
  const handling: Features = ['indirectRspServerCommunication', 'eimDownloadDataHandling'];

  it('leaves the checks of the address to the eIM, also where the IPA names it', async () => {
    const download = await Download.next(await knowing(handling));
    download.rig.smdp.serverAddress = 'other.example.com';
    const named = await download.initiate({ smdpAddress: 'smdp.example.com' });
    assert.deepEqual(named, initiateError(50));
  });

  it('leaves those of the OID to the eIM', async () => {
    const right = await Download.next(await knowing(handling), `${activationCode}$2.999.10`);
    const named = { smdpAddress: 'smdp.example.com' };
    assert.equal((await right.initiate(named)).type, 'initiateAuthenticationOkEsipa');
    const wrong = await Download.next(await knowing(handling), `${activationCode}$2.999.12`);
    assert.deepEqual(await wrong.initiate(named), initiateError(51));
  });

  it('takes no other server than the order’s, whoever names it', async () => {
    const download = await Download.next(await knowing(handling));
    assert.deepEqual(await download.initiate({ smdpAddress: 'x.example.com' }), initiateError(1));
    assert.deepEqual(download.rig.smdp.calls, []);
  });
});

/** What the eUICC answers to an SM-DP+, on its way there (SGP.32 6.3.2.2, 6.3.2.3, 6.3.2.5). */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { equal, hex } from '../../src/base/bytes.ts';
import { callFunction } from '../../src/esipa/functions.ts';
import { parseEid } from '../../src/messages/ids.ts';
import {
  AuthenticateServerResponse,
  CancelSessionReason,
  CancelSessionResponse,
  PrepareDownloadResponse,
} from '../../src/messages/rsp.ts';
import { tlv } from '../../src/messages/tlv.ts';
import { newKey } from '../../tools/lab/pki/issue.ts';
import { issueEuicc } from '../../tools/lab/pki/lab-pki.ts';
import {
  expiredEuicc,
  expiredEum,
  otherCi,
  wrongRoleEuicc,
} from '../../tools/lab/pki/wrong-twins.ts';
import { authenticateError, cancelError, Download, packageError } from './download.ts';
import { eid, pki } from './euicc.ts';
import { caller, type Rig } from './rig.ts';
import { refusal, transactionId } from './smdp.ts';

const otherEid = parseEid('89049032000000000000000000000163');

describe('authenticateClient', () => {
  it('is refused with invalidTransactionId for a session that nobody knows', async () => {
    const download = await Download.begin();
    assert.deepEqual(await download.authenticate(), authenticateError(10));
    assert.deepEqual(download.rig.smdp.calls, []);
  });

  it('is refused so to a peer that may not speak for the EID', async () => {
    const download = await Download.begin();
    await download.initiate();
    const key = new Uint8Array(16).fill(1);
    await download.rig.eim.devices.add({ identity: 'dev1', key, eids: [eid] });
    assert.deepEqual(await download.authenticate(), authenticateError(10));
    assert.deepEqual(await download.getBoundProfilePackage(), packageError(95));
    assert.deepEqual(await download.cancel(), cancelError(1));
  });

  const others = otherCi();
  const aged = expiredEum(pki);
  const chains: Readonly<
    Record<string, readonly [by: Parameters<Rig['euicc']['authenticateServer']>[1], code: number]>
  > = {
    'another CI': [{ euicc: others.euicc, eum: others.eum }, 9],
    'an expired EUM certificate': [{ euicc: aged.euicc, eum: aged.eum }, 2],
    'another EUM': [{ eum: others.eum }, 9],
    'an expired eUICC certificate': [{ euicc: expiredEuicc(pki) }, 4],
    'a eUICC certificate of another role': [{ euicc: wrongRoleEuicc(pki) }, 3],
    'the certificate of another EID': [{ euicc: issueEuicc(pki, otherEid) }, 7],
    'octets for a certificate': [{ euicc: { ...pki.euicc, certificate: hex('3003020101') } }, 3],
  };
  for (const [name, [by, code]] of Object.entries(chains)) {
    it(`learns no key and asks no SM-DP+: ${name}`, async () => {
      const download = await Download.begin();
      const { rig } = download;
      await download.initiate();
      const said = rig.euicc.authenticateServer(transactionId, by);
      assert.deepEqual(await download.authenticate(said), authenticateError(code));
      assert.equal((await rig.eim.euiccs.get(eid))?.publicKey, undefined);
      assert.equal(rig.smdp.named('authenticateClient').length, 0);
      const { outcome, reason } = await download.end();
      assert.deepEqual(outcome, [{ procedureError: 'authenticateClientError' }]);
      assert.match(reason, /the eUICC's certificates/);
    });
  }

  it('keeps nothing of the session but what is meant to be kept', async () => {
    const download = await (await Download.begin()).toAuthenticated();
    const record = (await download.rig.eim.euiccs.get(eid)) ?? {};
    const names = ['euiccCertificate', 'eumCertificate', 'euiccInfo1', 'publicKey', 'signAlgo'];
    const others = [
      'eid',
      'added',
      'associationToken',
      'consumerEuicc',
      'counterValue',
      'firstContact',
    ];
    const rest = ['lastContact', 'lastPeer', 'stateChangeCauseList', 'polls', 'origins', 'doubts'];
    assert.deepEqual(Object.keys(record).sort(), [...names, ...others, ...rest].sort());
  });

  it('passes on that the eUICC refused the server, and names that in the outcome', async () => {
    const download = await Download.begin();
    const { rig } = download;
    await download.initiate();
    rig.smdp.next('authenticateClient', refusal('8.1/6.1'));
    const value = { transactionId, authenticateErrorCode: 2 };
    const said = { type: 'authenticateResponseError', value } as const;
    assert.deepEqual(await download.authenticate(said), authenticateError(5));
    assert.deepEqual(
      rig.smdp.named('authenticateClient')[0]?.authenticateServerResponse,
      AuthenticateServerResponse.encode(said),
    );
    assert.deepEqual((await download.end()).outcome, [
      { procedureError: 'authenticateResponseError' },
    ]);
    assert.ok((await download.history()).some((line) => /authenticateErrorCode 2/.test(line)));
  });

  it('passes unknown elements of a later version on', async () => {
    const download = await Download.begin();
    const { rig } = download;
    await download.initiate();
    const said = rig.euicc.authenticateServer(transactionId);
    assert.ok(said.type === 'authenticateResponseOk');
    const later = { ...said, value: { ...said.value, unknown: [hex('9F7F0101')] } } as const;
    await download.authenticate(later);
    const relayed = rig.smdp.named('authenticateClient')[0]?.authenticateServerResponse;
    assert.deepEqual(relayed, AuthenticateServerResponse.encode(later));
    assert.ok(relayed && equal(relayed.subarray(-4), hex('9F7F0101')));
  });

  it('ends the order on a compact answer that cannot be rebuilt', async () => {
    const download = await Download.begin();
    await download.initiate();
    const value = {
      signedData: { type: 'compactEuiccSigned1', value: { extCardResource: hex('810100') } },
      euiccSignature1: new Uint8Array(64),
    } as const;
    const said = { type: 'compactAuthenticateResponseOk', value } as const;
    assert.deepEqual(await download.authenticate(said), authenticateError(127));
    assert.match((await download.end()).reason, /compact/);
  });
});

describe('getBoundProfilePackage', () => {
  it('is refused with invalidTransactionId for a session that nobody knows', async () => {
    const download = await Download.begin();
    assert.deepEqual(await download.getBoundProfilePackage(), packageError(95));
    assert.deepEqual(download.rig.smdp.calls, []);
  });

  it('passes on that the eUICC refused the profile, and names that in the outcome', async () => {
    const download = await (await Download.begin()).toAuthenticated();
    const { rig } = download;
    rig.smdp.next('getBoundProfilePackage', refusal('8.1/6.1'));
    const said = {
      type: 'downloadResponseError',
      value: { transactionId, downloadErrorCode: 2 },
    } as const;
    assert.deepEqual(await download.getBoundProfilePackage(said), packageError(1));
    assert.deepEqual(
      rig.smdp.named('getBoundProfilePackage')[0]?.prepareDownloadResponse,
      PrepareDownloadResponse.encode(said),
    );
    assert.deepEqual((await download.end()).outcome, [{ procedureError: 'downloadResponseError' }]);
  });

  it('ends the order on a compact answer that cannot be rebuilt', async () => {
    const download = await (await Download.begin()).toAuthenticated();
    const value = { compactEuiccSigned2: {}, euiccSignature2: new Uint8Array(64) };
    const said = { type: 'compactDownloadResponseOk', value } as const;
    assert.deepEqual(await download.getBoundProfilePackage(said), packageError(127));
    assert.match((await download.end()).reason, /compact/);
  });
});

describe('cancelSession', () => {
  it('tells the SM-DP+, ends the order, and is answered the same when it comes again', async () => {
    const download = await (await Download.begin()).toAuthenticated();
    const { rig } = download;
    const said = rig.euicc.cancelSession(transactionId, 4);
    assert.deepEqual(await download.cancel(said), { type: 'cancelSessionOk', value: {} });
    const { success, outcome, reason } = await download.end();
    assert.deepEqual(
      { success, outcome },
      {
        success: false,
        outcome: [{ cancelSessionResult: 'ok', cancelSessionReason: 'metadataMismatch' }],
      },
    );
    assert.match(reason, /metadataMismatch; the bound profile package holds other metadata/);
    assert.deepEqual(await download.cancel(said), { type: 'cancelSessionOk', value: {} });
    const [{ cancelSessionResponse } = { cancelSessionResponse: undefined }, ...more] =
      rig.smdp.named('cancelSession');
    assert.deepEqual(cancelSessionResponse, CancelSessionResponse.encode(said));
    assert.deepEqual(cancelSessionResponse?.subarray(0, 2), hex('BF41'));
    assert.deepEqual(more, []);
  });

  for (const [name, code] of Object.entries({ ...CancelSessionReason, 9: 9 })) {
    it(`names the reason in the outcome: ${name}`, async () => {
      const download = await (await Download.begin()).toAuthenticated();
      const { rig } = download;
      const said = rig.euicc.cancelSession(transactionId, code);
      assert.deepEqual(await download.cancel(said), { type: 'cancelSessionOk', value: {} });
      const { outcome, reason } = await download.end();
      assert.deepEqual(outcome, [{ cancelSessionResult: 'ok', cancelSessionReason: name }]);
      assert.match(reason, new RegExp(`^the device cancelled the download: ${name}(;|$)`));
      assert.deepEqual(
        rig.smdp.named('cancelSession')[0]?.cancelSessionResponse,
        CancelSessionResponse.encode(said),
      );
    });
  }

  it('is refused with invalidTransactionId for a session that nobody knows', async () => {
    const download = await Download.begin();
    assert.deepEqual(await download.cancel(), cancelError(1));
  });

  it('changes nothing where its signature does not fit', async () => {
    const download = await (await Download.begin()).toAuthenticated();
    const { rig } = download;
    const forged = [
      rig.euicc.cancelSession(transactionId, 5, newKey()),
      rig.euicc.cancelSession(hex('AABB'), 5),
    ];
    for (const said of forged) assert.deepEqual(await download.cancel(said), cancelError(2));
    assert.equal(rig.smdp.named('cancelSession').length, 0);
    assert.equal(await download.at(), 'work');
    assert.match((await download.history()).at(-1) ?? '', /^cancellation not believed/);
    const bound = await download.getBoundProfilePackage();
    assert.equal(bound.type, 'getBoundProfilePackageOkEsipa');
  });

  it('changes nothing where the key is not known and the SM-DP+ finds the signature wrong', async () => {
    const download = await Download.begin();
    await download.initiate();
    download.rig.smdp.next('cancelSession', refusal('8.1/6.1'));
    assert.deepEqual(await download.cancel(), cancelError(2));
    assert.equal(await download.at(), 'work');
    assert.deepEqual(await download.cancel(), { type: 'cancelSessionOk', value: {} });
    assert.equal((await download.end()).success, false);
  });

  it('ends the order also where the eUICC did not sign', async () => {
    const download = await (await Download.begin()).toAuthenticated();
    const said = { type: 'cancelSessionResponseError', value: 127 } as const;
    assert.deepEqual(await download.cancel(said), { type: 'cancelSessionOk', value: {} });
    assert.deepEqual((await download.end()).outcome, [{ cancelSessionResult: 'undefinedError' }]);
  });

  it('may nest the card’s BF41 as it is', async () => {
    const download = await (await Download.begin()).toAuthenticated();
    const { rig } = download;
    const card = CancelSessionResponse.encode(rig.euicc.cancelSession(transactionId, 5));
    const request = tlv(0xbf41, tlv(0x80, transactionId), card);

    assert.deepEqual(await callFunction(rig.eim, caller, request), hex('BF4102A000'));
    assert.deepEqual(rig.smdp.named('cancelSession')[0]?.cancelSessionResponse, card);
  });
});

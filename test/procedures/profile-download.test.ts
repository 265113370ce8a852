/** The indirect download: functions relayed between IPA and SM-DP+ (SGP.32 3.2.2). */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { hex } from '../../src/base/bytes.ts';
import { iccidDigits, parseEid, parseIccid } from '../../src/messages/ids.ts';
import { InitiateAuthenticationResponseEsipa } from '../../src/messages/profile-download.ts';
import { AuthenticateServerResponse, PrepareDownloadResponse } from '../../src/messages/rsp.ts';
import { tlv } from '../../src/messages/tlv.ts';
import type { Caller } from '../../src/procedures/eim.ts';
import { mostOfOrder, transactionOf } from '../../src/procedures/transactions.ts';
import { settled } from '../support/hand-clock.ts';
import { CrashingStore } from './crashing-store.ts';
import {
  authenticateError,
  Download,
  euiccChallenge,
  euiccInfo1,
  initiateError,
  packageError,
} from './download.ts';
import { eid, iccid, pki } from './euicc.ts';
import { activationCode, Rig, stranger } from './rig.ts';
import { boundProfilePackage, metadata, refusal, transactionId } from './smdp.ts';

const otherEid = parseEid('89049032000000000000000000000163');

describe('a download', () => {
  it('goes from the trigger to an installed profile, what is signed octet for octet', async () => {
    const download = await Download.begin();
    const { rig, order } = download;
    const begun = await download.initiate();
    assert.ok(begun.type === 'initiateAuthenticationOkEsipa');
    assert.deepEqual(begun.value.transactionId, transactionId);
    assert.equal(begun.value.serverSigned1.value.serverAddress, 'smdp.example.com');
    assert.deepEqual(begun.value.serverSignature1, new Uint8Array(64).fill(1));
    assert.deepEqual(begun.value.serverCertificate, pki.dpAuth.certificate);
    assert.equal(begun.value.matchingId, 'MATCHING-ID');

    const authenticateServerResponse = rig.euicc.authenticateServer(transactionId);
    const authenticated = await download.authenticate(authenticateServerResponse);
    assert.ok(authenticated.type === 'authenticateClientOkDPEsipa');
    assert.deepEqual(authenticated.value.profileMetaData, metadata);
    assert.deepEqual(authenticated.value.smdpSignature2, new Uint8Array(64).fill(2));
    assert.deepEqual(authenticated.value.smdpCertificate, pki.dpPb.certificate);

    const offered = (await rig.history(order)).find((line) => line.startsWith('authenticated'));
    const printed = iccidDigits(parseIccid(iccid));
    assert.equal(offered, `authenticated: SM-DP+ smdp.example.com offers ICCID ${printed}`);

    const prepareDownloadResponse = rig.euicc.prepareDownload(transactionId);
    const bound = await download.getBoundProfilePackage(prepareDownloadResponse);
    assert.ok(bound.type === 'getBoundProfilePackageOkEsipa');
    assert.deepEqual(bound.value.boundProfilePackage, boundProfilePackage);

    const installation = rig.euicc.installation(transactionId);
    await rig.notify(installation);
    const { success, outcome } = await rig.end(order);
    assert.equal(success, true);
    assert.deepEqual(outcome, [
      { profileInstallationResult: { finalResult: 'successResult', iccid } },
    ]);

    const address = 'smdp.example.com';
    const [first, second, third, fourth, ...more] = rig.smdp.calls;
    assert.deepEqual(first, {
      name: 'initiateAuthentication',
      address,
      euiccChallenge,
      euiccInfo1,
    });
    assert.deepEqual(second, {
      name: 'authenticateClient',
      address,
      transactionId,
      authenticateServerResponse: AuthenticateServerResponse.encode(authenticateServerResponse),
    });
    assert.deepEqual(third, {
      name: 'getBoundProfilePackage',
      address,
      transactionId,
      prepareDownloadResponse: PrepareDownloadResponse.encode(prepareDownloadResponse),
    });
    assert.ok(fourth?.name === 'handleNotification');
    assert.equal(fourth.address, address);
    const { raw } = installation.value.profileInstallationResultData;
    const signature = tlv(0x5f37, installation.value.euiccSignPIR);
    assert.deepEqual(fourth.pendingNotification, tlv(0xbf37, raw, signature));
    assert.deepEqual(more, []);

    const { profiles, publicKey } = (await rig.eim.euiccs.get(eid)) ?? {};
    assert.deepEqual(
      profiles?.list.map((one) => [one.iccid, one.state]),
      [[iccid, 'disabled']],
    );
    assert.equal(publicKey?.length, 65, 'learned through the chain');
  });

  it('goes on after a restart before each message, from other connections', async () => {
    const download = await Download.begin();
    const { rig } = download;
    const from = async (peerId: string): Promise<Caller> => {
      await rig.restart();
      return { peerId };
    };
    assert.equal(
      (await download.initiate({}, await from('a'))).type,
      'initiateAuthenticationOkEsipa',
    );
    const authenticated = await download.authenticate(undefined, await from('b'));
    assert.equal(authenticated.type, 'authenticateClientOkDPEsipa');
    const bound = await download.getBoundProfilePackage(undefined, await from('c'));
    assert.equal(bound.type, 'getBoundProfilePackageOkEsipa');
    await rig.notify(rig.euicc.installation(transactionId), await from('d'));
    assert.equal((await download.end()).success, true);
  });

  it('asks the SM-DP+ once where the device did not hear the answer and asks again', async () => {
    const download = await Download.begin();
    const { rig } = download;
    await download.initiate();
    const authenticateServerResponse = rig.euicc.authenticateServer(transactionId);
    const authenticated = await download.authenticate(authenticateServerResponse);
    await rig.restart();
    assert.deepEqual(
      await download.authenticate(authenticateServerResponse, stranger),
      authenticated,
    );
    const prepareDownloadResponse = rig.euicc.prepareDownload(transactionId);
    const answers = await Promise.all([
      download.getBoundProfilePackage(prepareDownloadResponse),
      download.getBoundProfilePackage(prepareDownloadResponse, stranger),
    ]);
    assert.deepEqual(answers[0], answers[1]);
    assert.equal(rig.smdp.named('authenticateClient').length, 1);
    assert.equal(rig.smdp.named('getBoundProfilePackage').length, 1);
  });

  it('asks the SM-DP+ again where the device says something else', async () => {
    const download = await Download.begin();
    const { rig } = download;
    await download.initiate();
    await download.authenticate();
    await download.authenticate();
    assert.equal(rig.smdp.named('authenticateClient').length, 2, 'signatures differ');
  });

  it('is stopped at the next message where the operator cancels or deletes it', async () => {
    for (const end of ['cancel', 'delete'] as const) {
      const download = await Download.begin();
      const { rig, order } = download;
      await download.initiate();
      await rig.eim.orders[end](order.id);
      assert.deepEqual(await download.authenticate(), authenticateError(127));
      assert.deepEqual(await download.getBoundProfilePackage(), packageError(127));
      assert.deepEqual(await download.cancel(), { type: 'cancelSessionOk', value: {} });
      assert.deepEqual(
        rig.smdp.calls.map(({ name }) => name),
        ['initiateAuthentication', 'cancelSession'],
      );
    }
  });

  it('is no failure of ours where it is cancelled or deleted while the SM-DP+ is asked', async () => {
    for (const end of ['cancel', 'delete'] as const) {
      const download = await Download.begin();
      const { rig, order } = download;
      let answer = () => {};
      const wait = () => new Promise<void>((resolve) => (answer = resolve));
      rig.smdp.next('initiateAuthentication', wait());
      const begun = download.initiate();
      await settled();
      await rig.eim.orders[end](order.id);
      answer();
      assert.equal((await begun).type, 'initiateAuthenticationOkEsipa');
      assert.deepEqual(await download.authenticate(), authenticateError(127));
    }
  });

  it('lets no answer leave that its session is not durable for', async () => {
    const store = new CrashingStore();
    const download = await Download.begin({ store });
    store.left = 0;
    await assert.rejects(download.initiate(), { name: 'StoreError' });
    store.left = Number.POSITIVE_INFINITY;
    await download.initiate();
    store.left = 0;
    await assert.rejects(download.authenticate(), { name: 'StoreError' });
    assert.equal((await download.rig.eim.euiccs.get(eid))?.publicKey, undefined);
  });

  it('tells no log the activation code or its matchingId, whoever repeats it', async () => {
    const code = '1$smdp.example.com$SECRET-MATCHING-ID';
    const download = await Download.begin({}, code);
    const { rig } = download;
    rig.smdp.next(
      'authenticateClient',
      refusal('8.2.6/3.8', 'matchingId secret-matching-id unknown'),
    );
    await download.initiate();
    await download.authenticate();
    assert.match((await download.end()).reason, /matchingId … unknown/);
    await rig.eim.orders.cancel((await rig.download(code)).id);
    const said = JSON.stringify([rig.lines, (await rig.order(download.order)).history]);
    assert.doesNotMatch(said, /secret-matching/i);
  });
});

describe('initiateAuthentication', () => {
  it('is refused with invalidEimTransactionId where no trigger began it', async () => {
    const download = await Download.begin();
    const unknown = { eimTransactionId: hex('AABB') };
    assert.deepEqual(await download.initiate(unknown), initiateError(52));
    const unnamed = { eimTransactionId: undefined };
    assert.deepEqual(await download.initiate(unnamed, stranger), initiateError(52));
    await download.rig.eim.orders.cancel(download.order.id);
    assert.deepEqual(await download.initiate(), initiateError(52));
    assert.deepEqual(download.rig.smdp.calls, []);
  });

  it('is refused so under the eimTransactionId of an eUICC Package', async () => {
    const rig = await Rig.with();
    await rig.enable();
    const { eimTransactionId } = await rig.fetchPackage();
    const value = { euiccChallenge, euiccInfo1, eimTransactionId };
    const answer = await rig.say({ type: 'initiateAuthenticationRequestEsipa', value });
    assert.deepEqual(answer, hex('BF3903810134'));
  });

  it('is refused so to a peer that may not speak for the EID', async () => {
    const download = await Download.begin();
    const key = new Uint8Array(16).fill(1);
    await download.rig.eim.devices.add({ identity: 'dev1', key, eids: [eid] });
    assert.deepEqual(await download.initiate(), initiateError(52));
    const dev1 = { peerId: 'connection 3', identity: { kind: 'psk' as const, name: 'dev1' } };
    assert.equal((await download.initiate({}, dev1)).type, 'initiateAuthenticationOkEsipa');
  });

  it('may leave the eimTransactionId out where the peer polled (SGP.32 v1.0)', async () => {
    const download = await Download.begin();
    const begun = await download.initiate({ eimTransactionId: undefined });
    assert.equal(begun.type, 'initiateAuthenticationOkEsipa');
  });

  it('asks no other server than the activation code names', async () => {
    const download = await Download.begin();
    const other = { smdpAddress: 'intranet.example.com' };
    assert.deepEqual(await download.initiate(other), initiateError(1));
    assert.deepEqual(download.rig.smdp.calls, []);
    assert.equal(await download.at(), 'work');
    assert.match((await download.history()).at(-1) ?? '', /intranet\.example\.com/);
    const same = { smdpAddress: 'SMDP.example.com' };
    assert.equal((await download.initiate(same)).type, 'initiateAuthenticationOkEsipa');
  });

  it('asks the port that the activation code has', async () => {
    const download = await Download.begin({}, '1$127.0.0.1:8090$MATCHING-ID');
    const address = { smdpAddress: '127.0.0.1:8090' };
    assert.equal((await download.initiate(address)).type, 'initiateAuthenticationOkEsipa');
    assert.equal(download.rig.smdp.calls[0]?.address, '127.0.0.1:8090');
  });

  it('takes euiccInfo1 that the IPA leaves out from what is known', async () => {
    const download = await Download.begin();
    const without = { euiccInfo1: undefined };
    assert.deepEqual(await download.initiate(without), initiateError(127));
    assert.match((await download.history()).at(-1) ?? '', /euiccInfo1 missing/);
    await download.initiate();
    assert.equal((await download.initiate(without)).type, 'initiateAuthenticationOkEsipa');
    assert.deepEqual(download.rig.smdp.named('initiateAuthentication')[1]?.euiccInfo1, euiccInfo1);
  });

  it('refuses with smdpAddressMismatch a server that signs as another, where the IPA leaves that to us', async () => {
    const download = await Download.begin();
    download.rig.smdp.serverAddress = 'other.example.com';
    assert.deepEqual(await download.initiate(), initiateError(50));
    const { outcome, reason } = await download.end();
    assert.deepEqual(outcome, [{ procedureError: 'initiateAuthenticationError' }]);
    assert.match(reason, /signs as other\.example\.com/);
  });

  it('leaves that check to an IPA that gives the address', async () => {
    const download = await Download.begin();
    download.rig.smdp.serverAddress = 'other.example.com';
    const begun = await download.initiate({ smdpAddress: 'smdp.example.com' });
    assert.equal(begun.type, 'initiateAuthenticationOkEsipa');
  });

  it('lets a server leave its port out, or write its name in other case', async () => {
    const download = await Download.begin({}, '1$smdp.example.com:8443$MATCHING-ID');
    download.rig.smdp.serverAddress = 'SMDP.EXAMPLE.COM';
    assert.equal((await download.initiate()).type, 'initiateAuthenticationOkEsipa');
  });

  it('refuses with smdpOidMismatch a certificate of another OID than the activation code has', async () => {
    const right = await Download.begin({}, `${activationCode}$2.999.10`);
    assert.equal((await right.initiate()).type, 'initiateAuthenticationOkEsipa');
    const wrong = await Download.begin({}, `${activationCode}$2.999.12`);
    assert.deepEqual(await wrong.initiate(), initiateError(51));
    assert.match((await wrong.end()).reason, /another OID/);
  });

  it('refuses a certificate that is none, where its OID is asked for', async () => {
    const download = await Download.begin({}, `${activationCode}$2.999.10`);
    const serverCertificate = hex('3003020101');
    download.rig.smdp.next('initiateAuthentication', { serverCertificate });
    assert.deepEqual(await download.initiate(), initiateError(127));
    assert.match((await download.end()).reason, /not a certificate/);
  });

  it('refuses a transactionId that another download under way has', async () => {
    const download = await Download.begin();
    const { rig } = download;
    await download.initiate();
    const key = new Uint8Array(16).fill(1);
    await rig.eim.devices.add({ identity: 'dev2', key, eids: [otherEid] });
    const dev2 = { peerId: 'connection 5', identity: { kind: 'psk' as const, name: 'dev2' } };
    const second = await rig.eim.orders.submit({
      eid: otherEid,
      facility: 'download',
      request: { download: { activationCode } },
    });
    const trigger = await rig.poll(dev2, otherEid);
    assert.ok(trigger.type === 'profileDownloadTriggerRequest');
    const value = { euiccChallenge, euiccInfo1, eimTransactionId: trigger.value.eimTransactionId };
    const answer = await rig.say({ type: 'initiateAuthenticationRequestEsipa', value }, dev2);
    assert.deepEqual(InitiateAuthenticationResponseEsipa.decode(answer), initiateError(127));
    assert.match((await rig.end(second)).reason, /transactionId of another download/);
    // The first goes on as if nothing had been.
    assert.equal((await download.authenticate()).type, 'authenticateClientOkDPEsipa');
  });

  it('keeps the last sessions of a download that is begun again and again, and ends it at last', async () => {
    const download = await Download.begin();
    const { rig } = download;
    const ids = Array.from({ length: mostOfOrder }, (_, i) => Uint8Array.of(0xaa, i));
    const challenge = (i: number) => ({ euiccChallenge: new Uint8Array(16).fill(i) });
    for (const [i, id] of ids.entries()) {
      rig.smdp.transactionId = id;
      assert.equal((await download.initiate(challenge(i))).type, 'initiateAuthenticationOkEsipa');
    }
    const known = await Promise.all(ids.map((id) => transactionOf(rig.eim, id)));
    assert.deepEqual(
      known.map((one) => one !== undefined),
      ids.map((_, i) => i >= ids.length - 8),
    );
    rig.smdp.transactionId = Uint8Array.of(0xbb);
    assert.deepEqual(await download.initiate(challenge(99)), initiateError(127));
    assert.match((await download.end()).reason, /began this download 64 times/);
  });

  it('begins one session for a message that comes again, at once or after a restart', async () => {
    const download = await Download.begin();
    const { rig } = download;
    const answers = await Promise.all([download.initiate(), download.initiate({}, stranger)]);
    assert.equal(answers[0].type, 'initiateAuthenticationOkEsipa');
    assert.deepEqual(answers[0], answers[1]);
    await rig.restart();
    rig.smdp.transactionId = Uint8Array.of(0xbb);
    assert.deepEqual(await download.initiate(), answers[0]);
    assert.equal(rig.smdp.named('initiateAuthentication').length, 1);
  });

  for (const [what, change] of [
    ['challenge', { euiccChallenge: new Uint8Array(16).fill(8) }],
    ['euiccInfo1', { euiccInfo1: hex('BF20048202 0306') }],
  ] as const) {
    it(`begins another for another ${what}`, async () => {
      const download = await Download.begin();
      const { rig } = download;
      await download.initiate();
      rig.smdp.transactionId = Uint8Array.of(0xbb);
      const second = await download.initiate(change);
      assert.ok(second.type === 'initiateAuthenticationOkEsipa');
      assert.deepEqual(second.value.transactionId, Uint8Array.of(0xbb));
    });
  }

  it('begins another for the same message once the session has gone on', async () => {
    const download = await (await Download.begin()).toAuthenticated();
    const { rig } = download;
    rig.smdp.transactionId = Uint8Array.of(0xbb);
    const second = await download.initiate();
    assert.ok(second.type === 'initiateAuthenticationOkEsipa');
    assert.deepEqual(second.value.transactionId, Uint8Array.of(0xbb));
  });

  it('gives nobody the beginning of a download that has ended', async () => {
    const download = await Download.begin();
    await download.initiate();
    await download.rig.eim.orders.cancel(download.order.id);
    assert.deepEqual(await download.initiate(), initiateError(52));
  });

  it('asks the SM-DP+ no second time where the first message ended the order', async () => {
    const download = await Download.begin();
    download.rig.smdp.next('initiateAuthentication', refusal('8.8.1/3.8'));
    const answers = await Promise.all([download.initiate(), download.initiate({}, stranger)]);
    assert.deepEqual(answers, [initiateError(1), initiateError(52)]);
    assert.equal(download.rig.smdp.named('initiateAuthentication').length, 1);
  });

  it('takes a transactionId anew that a download had which is over', async () => {
    const first = await Download.begin();
    await first.initiate();
    await first.rig.eim.orders.cancel(first.order.id);
    const second = await Download.next(first.rig);
    assert.equal((await second.initiate()).type, 'initiateAuthenticationOkEsipa');
    assert.equal((await second.authenticate()).type, 'authenticateClientOkDPEsipa');
  });
});

/** The lab's SM-DP+ over real HTTPS: downloads that succeed, and what becomes of their orders. */
import assert from 'node:assert/strict';
import { createPublicKey } from 'node:crypto';
import { describe, it } from 'node:test';
import { hex } from '../../src/base/bytes.ts';
import { eidOctets, iccidOfDigits, parseEid } from '../../src/messages/ids.ts';
import { SmdpSigned2 } from '../../src/messages/rsp.ts';
import { verifyEcdsa } from '../../src/trust/ecdsa.ts';
import {
  openBoundProfilePackage,
  readBoundProfilePackage,
  readSecureChannel,
  secureChannelSignedInput,
} from '../../tools/lab/bsp/bound-profile-package.ts';
import { MAX_SEGMENT } from '../../tools/lab/bsp/bsp.ts';
import { makeOneTimeKey } from '../../tools/lab/bsp/session-keys.ts';
import { issueEuicc, labEid } from '../../tools/lab/pki/lab-pki.ts';
import { makeProfile } from '../../tools/lab/profile/make.ts';
import { storeMetadataRequest } from '../../tools/lab/smdpp/profile-metadata.ts';
import { seededRandom } from '../support/seeded.ts';
import { allElementsOk, type Reply, type TestEuicc, value } from './smdpp-euicc.ts';
import { iccid, iccidBytes, matchingId, metadata, running } from './smdpp-running.ts';

const installed = {
  type: 'successResult',
  value: { aid: hex('A0000005591010FFFFFFFF8900001000'), simaResponse: allElementsOk },
} as const;
const eid = eidOctets(labEid);
const otherEid = parseEid('89049032000000000000000000000066');

function open(euicc: TestEuicc, answer: Reply) {
  const otPrivateKey = euicc.otKey.privateKey;
  return openBoundProfilePackage(value(answer, 'boundProfilePackage'), { eid, otPrivateKey });
}

describe('SM-DP+: a download', () => {
  for (const protection of ['ppk', 'session'] as const) {
    it(`ends in a package that opens to the profile (${protection} keys)`, async (test) => {
      const { smdpp, euicc, upp, pki, steps } = await running(test, { protection });
      const authenticated = await euicc.open({ matchingId });
      assert.equal(authenticated.code, 'ok');
      const storeMetadata = storeMetadataRequest(metadata, smdpp.address);
      assert.deepEqual(value(authenticated, 'profileMetadata'), storeMetadata);

      const answer = await euicc.prepareDownload(authenticated);
      assert.equal(answer.code, 'ok');
      const opened = open(euicc, answer);
      assert.deepEqual(opened.upp, upp);
      assert.deepEqual(opened.storeMetadata, storeMetadata);
      assert.deepEqual(opened.configureIsdp, hex('BF24 07 B805 8003 88370A'));
      assert.equal(opened.channel.hostId.length, 16);
      assert.deepEqual(opened.channel.transactionId, hex(answer.fields.transactionId ?? ''));
      const signed = secureChannelSignedInput(opened.channel, euicc.otKey.publicKey);
      const dpPb = createPublicKey(pki.dpPb.key);
      assert.ok(verifyEcdsa(dpPb, signed, opened.channel.smdpSign));
      assert.equal(
        verifyEcdsa(createPublicKey(pki.dpAuth.key), signed, opened.channel.smdpSign),
        false,
      );
      const parts = readBoundProfilePackage(value(answer, 'boundProfilePackage'));
      assert.equal(parts.secondSequenceOf87.length, protection === 'ppk' ? 1 : 0);
      assert.ok(parts.sequenceOf86.every((segment) => segment.length <= MAX_SEGMENT));
      assert.equal(smdpp.profile(matchingId)?.state.at, 'downloaded');

      const result = euicc.installationResult(answer.fields.transactionId, iccidBytes, installed);
      const notified = await euicc.notify(result);
      assert.equal(notified.status, 204);
      assert.equal(notified.body, '');
      assert.deepEqual(smdpp.profile(matchingId), {
        matchingId,
        iccid,
        state: { at: 'installed' },
        eid: labEid,
        attempts: 1,
        wrongConfirmationCodes: 0,
      });
      assert.equal(smdpp.sessions, 0);
      assert.deepEqual(
        steps.map(({ function: name, who, outcome }) => [name, who.split(':')[0], outcome]),
        [
          ['initiateAuthentication', '127.0.0.1', 'ok'],
          ['authenticateClient', labEid, 'ok'],
          ['getBoundProfilePackage', labEid, 'ok'],
          ['handleNotification', labEid, 'ok'],
        ],
      );
      assert.equal(steps[2]?.sent, Buffer.byteLength(answer.body));
    });
  }

  it('proves the SM-DP+ to the eUICC', async (test) => {
    const { euicc, pki, smdpp } = await running(test);
    const initiated = await euicc.initiate();
    assert.equal(initiated.headers['content-type'], 'application/json;charset=UTF-8');
    assert.match(String(initiated.headers['x-admin-protocol']), /^gsma\/rsp\/v2/);
    assert.match(initiated.fields.transactionId ?? '', /^[0-9A-F]{32}$/);
    const signature = value(initiated, 'serverSignature1');
    assert.deepEqual(signature.subarray(0, 3), hex('5F3740'));
    const signed1 = value(initiated, 'serverSigned1');
    const dpAuth = createPublicKey(pki.dpAuth.key);
    assert.ok(verifyEcdsa(dpAuth, signed1, signature.subarray(3)));
    assert.equal(verifyEcdsa(dpAuth, signed1.fill(0, 10, 12), signature.subarray(3)), false);
    assert.deepEqual(value(initiated, 'serverCertificate'), pki.dpAuth.certificate);
    assert.deepEqual(value(initiated, 'euiccCiPKIdToBeUsed').subarray(0, 2), hex('0414'));
    assert.ok(Buffer.from(signed1).includes(smdpp.address));
  });

  it('compares its address without regard to case', async (test) => {
    const { euicc } = await running(test, {}, { name: 'smdp.example.com' });
    assert.equal((await euicc.initiate(euicc.info1(), 'SMDP.Example.Com')).code, 'ok');
  });

  it('finds an order by the EID where there is no matchingId', async (test) => {
    const { smdpp, euicc } = await running(test);
    const code = smdpp.addProfile({ matchingId: '', eid: labEid, upp: hex('00'), metadata });
    assert.equal(code, `1$${smdpp.address}$`);
    assert.equal((await euicc.open({ matchingId: '' })).code, 'ok');
    const authenticated = await euicc.open();
    const answer = await euicc.prepareDownload(authenticated);
    assert.deepEqual(open(euicc, answer).upp, hex('00'));
  });

  it('takes a confirmation code', async (test) => {
    const { smdpp, euicc } = await running(test, { confirmationCode: '12345678' });
    assert.equal(smdpp.activationCode(matchingId), `1$${smdpp.address}$${matchingId}$$1`);
    const authenticated = await euicc.open({ matchingId });
    assert.ok(SmdpSigned2.decode(value(authenticated, 'smdpSigned2')).ccRequiredFlag);
    const answer = await euicc.prepareDownload(authenticated, { confirmationCode: '12345678' });
    assert.equal(answer.code, 'ok');
  });

  it('answers a repeated request as it did before, and counts one attempt', async (test) => {
    const { smdpp, euicc, es9 } = await running(test);
    const initiated = await euicc.initiate();
    const response = euicc.authenticateServerResponse(initiated, { matchingId });
    const post = () =>
      es9.post('authenticateClient', {
        transactionId: initiated.fields.transactionId,
        authenticateServerResponse: Buffer.from(response).toString('base64'),
      });
    const first = await post();
    const second = await post();
    assert.deepEqual(second.fields, first.fields);
    const packages = [await euicc.prepareDownload(first), await euicc.prepareDownload(second)];
    const [one, two] = packages.map((answer) => open(euicc, answer));
    assert.deepEqual(one?.channel.smdpOtpk, two?.channel.smdpOtpk);
    assert.equal(smdpp.profile(matchingId)?.attempts, 1);
  });

  it('reads base64 with line breaks in it', async (test) => {
    const { euicc, es9 } = await running(test);
    const initiated = await euicc.initiate();
    const response = Buffer.from(euicc.authenticateServerResponse(initiated, { matchingId }));
    const answer = await es9.post('authenticateClient', {
      transactionId: initiated.fields.transactionId?.toLowerCase(),
      authenticateServerResponse: response.toString('base64').replace(/(.{64})/g, '$1\r\n'),
    });
    assert.equal(answer.code, 'ok');
  });
});

describe('SM-DP+: another try', () => {
  it('with the same otPK.EUICC gets the same keys, named in smdpSigned2', async (test) => {
    const { euicc, smdpp, upp } = await running(test);
    const first = open(euicc, await euicc.prepareDownload(await euicc.open({ matchingId })));
    const again = await euicc.open({ matchingId });
    const { bppEuiccOtpk } = SmdpSigned2.decode(value(again, 'smdpSigned2'));
    assert.deepEqual(bppEuiccOtpk, euicc.otKey.publicKey);
    const answer = await euicc.prepareDownload(again);
    const second = open(euicc, answer);
    assert.deepEqual(second.channel.smdpOtpk, first.channel.smdpOtpk);
    assert.deepEqual(second.channel.transactionId, hex(again.fields.transactionId ?? ''));
    assert.deepEqual(second.upp, upp);
    assert.equal(smdpp.profile(matchingId)?.attempts, 2);
  });

  it('with another otPK.EUICC is bound afresh', async (test) => {
    const { euicc, upp } = await running(test);
    const first = open(euicc, await euicc.prepareDownload(await euicc.open({ matchingId })));
    euicc.otKey = makeOneTimeKey(seededRandom(43));
    const second = open(euicc, await euicc.prepareDownload(await euicc.open({ matchingId })));
    assert.notDeepEqual(second.channel.smdpOtpk, first.channel.smdpOtpk);
    assert.notDeepEqual(second.channel.hostId, first.channel.hostId);
    assert.deepEqual(second.upp, upp);
  });

  it('of a reusable order goes to any eUICC, over and over', async (test) => {
    const { euicc, smdpp, pki, euiccWith } = await running(test, { reusable: true });
    for (const one of [euicc, euiccWith(issueEuicc(pki, otherEid))]) {
      const answer = await one.prepareDownload(await one.open({ matchingId }));
      assert.equal(answer.code, 'ok');
      const transactionId = answer.fields.transactionId;
      await one.notify(one.installationResult(transactionId, iccidBytes, installed));
    }
    assert.deepEqual(smdpp.profile(matchingId)?.state, { at: 'released' });
    assert.equal(smdpp.notifications.filter(({ verified }) => verified).length, 2);
  });
});

describe('SM-DP+: results and notifications', () => {
  const failed = {
    type: 'errorResult',
    value: { bppCommandId: 5, errorReason: 12, simaResponse: hex('3007A0053003800103') },
  } as const;

  async function downloaded(test: Parameters<typeof running>[0]) {
    const run = await running(test);
    const answer = await run.euicc.prepareDownload(await run.euicc.open({ matchingId }));
    return { ...run, transactionId: answer.fields.transactionId };
  }

  it('a failed installation ends the order and is told in full', async (test) => {
    const { smdpp, euicc, transactionId } = await downloaded(test);
    await euicc.notify(euicc.installationResult(transactionId, iccidBytes, failed));
    const state = smdpp.profile(matchingId)?.state;
    const failure = { cause: 'installation', bppCommandId: 5, errorReason: 12 };
    assert.deepEqual(state, { at: 'error', failure });
    const [notification] = smdpp.notifications;
    assert.equal(notification?.verified, true);
    assert.deepEqual(notification?.outcome, { ...failed.value, type: 'failed' });
    assert.equal((await euicc.open({ matchingId })).code, '8.2/1.2');
  });

  it('a result counts once, however often it comes, and long after its session', async (test) => {
    const { smdpp, euicc, clock, transactionId, steps } = await downloaded(test);
    await clock.turn(24 * 60 * 60 * 1000);
    assert.equal(smdpp.sessions, 0);
    const result = euicc.installationResult(transactionId, iccidBytes, installed);
    for (let i = 0; i < 3; i++) assert.equal((await euicc.notify(result)).status, 204);
    assert.equal(smdpp.notifications.length, 1);
    assert.equal(smdpp.notifications[0]?.times, 3);
    assert.deepEqual(smdpp.notifications[0]?.raw, result);
    assert.equal(steps.at(-1)?.outcome, 'duplicate');
    assert.equal(smdpp.profile(matchingId)?.state.at, 'installed');
  });

  it('a result outlives the end of its order: what is installed is installed', async (test) => {
    const { smdpp, euicc, transactionId } = await downloaded(test);
    await euicc.cancel(transactionId, 127);
    assert.equal(smdpp.profile(matchingId)?.state.at, 'error');
    await euicc.notify(euicc.installationResult(transactionId, iccidBytes, installed));
    assert.equal(smdpp.profile(matchingId)?.state.at, 'installed');
  });

  it('enable, disable and delete are verified by the chain they carry', async (test) => {
    const { smdpp, euicc, transactionId } = await downloaded(test);
    await euicc.notify(euicc.installationResult(transactionId, iccidBytes, installed));
    const events = ['notificationEnable', 'notificationDisable', 'notificationDelete'] as const;
    let seqNumber = 2;
    for (const event of events) {
      await euicc.notify(euicc.notification(seqNumber++, event, iccidBytes));
    }
    assert.deepEqual(
      smdpp.notifications.map(({ kind, verified, eid, iccid: of }) => [kind, verified, eid, of]),
      ['installation', 'enable', 'disable', 'delete'].map((kind) => [kind, true, labEid, iccid]),
    );
    assert.deepEqual(smdpp.profile(matchingId)?.state, { at: 'unavailable' });
  });

  it('nothing is believed that is not signed, ours and known', async (test) => {
    const { smdpp, euicc, es9, pki, euiccWith, transactionId, drops } = await downloaded(test);
    const stranger = pki.eum.key;
    const otherIccid = hex('98880000000000000089');
    const make = euicc.installationResult.bind(euicc);
    const wrong: [Uint8Array, RegExp][] = [
      [make(transactionId, iccidBytes, installed, { key: stranger }), /signature/],
      [make(transactionId, iccidBytes, failed, { key: stranger }), /signature/],
      [make('00FF', iccidBytes, installed), /transactionId/],
      [make(transactionId, iccidBytes, installed, { smdpOid: '2.999.12' }), /smdpOid/],
      [make(transactionId, otherIccid, installed), /ICCID/],
      [euicc.notification(9, 'notificationDelete', iccidBytes, stranger), /signature/],
      [
        euiccWith({ ...pki.euicc, certificate: pki.dpPb.certificate }).notification(
          9,
          'notificationDelete',
          iccidBytes,
        ),
        /eUICC certificate/,
      ],
      [hex('BF3700'), /no ES9\+ notification/],
      [hex('00'), /no ES9\+ notification/],
    ];
    for (const [notification] of wrong) {
      assert.equal((await euicc.notify(notification)).status, 204);
    }
    for (const body of ['{', '{}', '{"pendingNotification":"%"}', '[]']) {
      assert.equal((await es9.post('handleNotification', body)).status, 204);
    }
    assert.equal(smdpp.notifications.length, wrong.length);
    for (const [i, [, complaint]] of wrong.entries()) {
      assert.equal(smdpp.notifications[i]?.verified, false);
      assert.match(smdpp.notifications[i]?.complaint ?? '', complaint);
    }
    assert.equal(smdpp.profile(matchingId)?.state.at, 'downloaded');
    assert.equal(drops.of('smdpp: notification not believed'), wrong.length);
    assert.equal(drops.of('smdpp: notification request'), 4);
    // The forged ones have not used up the number of the true one.
    await euicc.notify(make(transactionId, iccidBytes, installed));
    assert.equal(smdpp.profile(matchingId)?.state.at, 'installed');
  });
});

describe('SM-DP+: orders', () => {
  it('have a random matchingId unless one is given', async (test) => {
    const { smdpp, upp } = await running(test);
    const code = smdpp.addProfile({ upp, metadata });
    const [format, address, id] = code.split('$');
    assert.deepEqual([format, address], ['1', smdpp.address]);
    assert.match(id ?? '', /^[A-Z2-9]{4}(-[A-Z2-9]{4}){3}$/);
  });

  it('are refused with a matchingId taken, malformed, or missing without an EID', async (test) => {
    const { smdpp, upp } = await running(test);
    assert.throws(() => smdpp.addProfile({ matchingId, upp, metadata }), /already/);
    assert.throws(() => smdpp.addProfile({ matchingId: 'a$b', upp, metadata }), /matchingId/);
    assert.throws(() => smdpp.addProfile({ matchingId: '', upp, metadata }), /EID/);
    const long = { ...metadata, profileName: 'x'.repeat(65) };
    assert.throws(() => smdpp.addProfile({ upp, metadata: long }), { name: 'DerError' });
    assert.equal(smdpp.profile('NO-SUCH'), undefined);
    assert.throws(() => smdpp.activationCode('NO-SUCH'), /no order/);
  });

  it('tell of a profile what StoreMetadata holds', () => {
    // Computed with another implementation, as the BSP's worked example was.
    const one = storeMetadataRequest(
      { iccid, serviceProviderName: 'Lab', profileName: 'Lab One', profileClass: 'test' },
      'smdp.lab',
    );
    const due = hex(
      'BF255F5A0A9888000000000000007191034C616292074C6162204F6E65950100B640300E800207808108736D64702E6C6162300E800206408108736D64702E6C6162300E800205208108736D64702E6C6162300E800204108108736D64702E6C6162',
    );
    assert.deepEqual(one, due);
    const operational = storeMetadataRequest(
      {
        iccid,
        serviceProviderName: '',
        profileName: '',
        notifications: [],
        profilePolicyRules: ['ppr1'],
        fallbackAllowed: true,
      },
      'smdp.lab',
    );
    assert.deepEqual(
      operational,
      hex('BF25 18 5A0A98880000000000000071 9100 9200 99020640 9F6701FF'),
    );
  });

  it('grow to any size', async (test) => {
    const upp = makeProfile({ iccid: iccidOfDigits('89880000000000000017'), size: 60_000 });
    const { euicc } = await running(test, { upp });
    const answer = await euicc.prepareDownload(await euicc.open({ matchingId }));
    assert.deepEqual(open(euicc, answer).upp, upp);
    const channel = readBoundProfilePackage(value(answer, 'boundProfilePackage'));
    assert.equal(readSecureChannel(channel.initialiseSecureChannel).remoteOperation, 1);
  });
});

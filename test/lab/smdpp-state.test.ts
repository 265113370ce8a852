/** What the lab's SM-DP+ remembers over a restart; brainpool beside P-256; revocation lists; the later faults. */
import assert from 'node:assert/strict';
import { createPublicKey, X509Certificate } from 'node:crypto';
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { get } from 'node:https';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { AsnConvert } from '@peculiar/asn1-schema';
import { CertificateList } from '@peculiar/asn1-x509';
import { hex, toHex } from '../../src/base/bytes.ts';
import { silentLog } from '../../src/base/log.ts';
import { eidOctets } from '../../src/messages/ids.ts';
import { SmdpSigned2 } from '../../src/messages/rsp.ts';
import { readCertificate, role } from '../../src/trust/certificate.ts';
import { pointOf } from '../../src/trust/ec-key.ts';
import { verifyEcdsa } from '../../src/trust/ecdsa.ts';
import { openBoundProfilePackage } from '../../tools/lab/bsp/bound-profile-package.ts';
import { agree, makeOneTimeKey } from '../../tools/lab/bsp/session-keys.ts';
import { labEid, loadLabPki, makeLabPki } from '../../tools/lab/pki/lab-pki.ts';
import { startSmdpp } from '../../tools/lab/smdpp/smdpp.ts';
import { newFolder } from '../support/folders.ts';
import { HandClock } from '../support/hand-clock.ts';
import { seededRandom } from '../support/seeded.ts';
import { allElementsOk, Es9, type Reply, TestEuicc, value } from './smdpp-euicc.ts';
import { iccidBytes, matchingId, running } from './smdpp-running.ts';

const aid = hex('A0000005591010FFFFFFFF8900001000');
const success = { type: 'successResult', value: { aid, simaResponse: allElementsOk } } as const;

describe('a restart of the SM-DP+', () => {
  it('in the middle of a download changes nothing, whatever the moment', async (test) => {
    const stateFolder = newFolder();
    const name = 'smdp.example.com';
    const code = '4711';
    const first = await running(test, { confirmationCode: code }, { stateFolder, name });
    const { pki, upp, clock } = first;
    let { smdpp } = first;
    let euicc = first.euicc;
    const { otKey } = euicc;
    const restart = async () => {
      await smdpp.close();
      const random = seededRandom(77);
      smdpp = await startSmdpp({ pki, clock, random, log: silentLog(), stateFolder, name });
      const server = smdpp;
      test.after(() => server.close());
      euicc = new TestEuicc(new Es9(pki, smdpp.listening.port), name, pki);
    };
    await restart();
    const initiated = await euicc.initiate();
    await restart();
    const authenticated = await euicc.authenticate(initiated, { matchingId });
    assert.equal(authenticated.code, 'ok');
    await restart();
    const wrong = await euicc.prepareDownload(authenticated, { confirmationCode: '1' });
    assert.equal(wrong.code, '8.2.7/3.8');
    await restart();
    assert.equal(smdpp.profile(matchingId)?.wrongConfirmationCodes, 1);
    const bound = await euicc.prepareDownload(await euicc.open({ matchingId }), {
      confirmationCode: code,
    });
    assert.equal(bound.code, 'ok');
    await restart();
    assert.equal(smdpp.profile(matchingId)?.state.at, 'downloaded');
    // The same otPK.EUICC gets the same keys of the SM-DP+, whose private half outlived the restart.
    const again = await euicc.open({ matchingId });
    const { bppEuiccOtpk } = SmdpSigned2.decode(value(again, 'smdpSigned2'));
    assert.deepEqual(bppEuiccOtpk, otKey.publicKey);
    const rebound = await euicc.prepareDownload(again, { confirmationCode: code });
    const keys = { eid: eidOctets(labEid), otPrivateKey: otKey.privateKey };
    const [one, two] = [bound, rebound].map((answer) =>
      openBoundProfilePackage(value(answer, 'boundProfilePackage'), keys),
    );
    assert.deepEqual(two?.channel.smdpOtpk, one?.channel.smdpOtpk);
    assert.deepEqual(two?.upp, upp);
    await restart();
    const result = euicc.installationResult(bound.fields.transactionId, iccidBytes, success);
    await euicc.notify(result);
    await restart();
    assert.equal(smdpp.profile(matchingId)?.state.at, 'installed');
    assert.equal(smdpp.profile(matchingId)?.attempts, 2);
    await euicc.notify(result);
    assert.equal(smdpp.notifications.length, 1);
    assert.equal(smdpp.notifications[0]?.times, 2);
    assert.deepEqual(smdpp.notifications[0]?.raw, result);
  });

  it('keeps neither code in clear nor one-time keys that are of no use any more', async (test) => {
    const stateFolder = newFolder();
    const { euicc } = await running(test, { confirmationCode: '48151623' }, { stateFolder });
    const file = join(stateFolder, 'state.json');
    const prepared = { confirmationCode: '48151623' };
    const answer = await euicc.prepareDownload(await euicc.open({ matchingId }), prepared);
    const text = () => readFileSync(file, 'utf8');
    assert.match(text(), /smdpOtKey/);
    assert.doesNotMatch(text(), /48151623/);
    assert.equal(statSync(file).mode & 0o777, 0o600);
    assert.equal(readdirSync(join(stateFolder, 'profiles')).length, 1);
    await euicc.notify(euicc.installationResult(answer.fields.transactionId, iccidBytes, success));
    assert.doesNotMatch(text(), /smdpOtKey/);
  });

  const spoilt: Readonly<Record<string, string>> = {
    'no JSON': '{"version":',
    'another version': '{"version":2}',
    'an order without its fields': '{"version":1,"orders":[{}]}',
  };
  for (const [title, content] of Object.entries(spoilt)) {
    it(`refuses to begin with a state that is ${title}, and leaves it alone`, async () => {
      const stateFolder = newFolder();
      const file = join(stateFolder, 'state.json');
      writeFileSync(file, content);
      const options = { pki: loadLabPki(), clock: new HandClock(), log: silentLog(), stateFolder };
      await assert.rejects(startSmdpp({ ...options, random: seededRandom(1) }), {
        name: 'StateFileError',
        message: /state\.json holds no state/,
      });
      assert.equal(readFileSync(file, 'utf8'), content);
    });
  }
});

describe('brainpoolP256r1', () => {
  const brainpool = makeLabPki({ curve: 'brainpoolP256r1' });

  it('serves eUICCs of either curve, each under its own CI', async (test) => {
    const profile = { reusable: true };
    const { smdpp, euicc, es9, upp } = await running(test, profile, { further: [brainpool] });
    const other = new TestEuicc(es9, smdpp.address, brainpool);
    other.otKey = makeOneTimeKey(seededRandom(43), 'brainpoolP256r1');
    for (const [one, curve] of [
      [euicc, 'prime256v1'],
      [other, 'brainpoolP256r1'],
    ] as const) {
      const initiated = await one.initiate();
      const serverCertificate = readCertificate(value(initiated, 'serverCertificate'));
      assert.equal(serverCertificate.curve, curve);
      const authenticated = await one.authenticate(initiated, { matchingId });
      assert.equal(readCertificate(value(authenticated, 'smdpCertificate')).curve, curve);
      const answer = await one.prepareDownload(authenticated);
      assert.equal(answer.code, 'ok');
      const keys = { eid: eidOctets(labEid), otPrivateKey: one.otKey.privateKey, curve };
      const opened = openBoundProfilePackage(value(answer, 'boundProfilePackage'), keys);
      assert.deepEqual(opened.upp, upp);
      const result = one.installationResult(answer.fields.transactionId, iccidBytes, success);
      await one.notify(result);
      assert.equal(smdpp.notifications.at(-1)?.verified, true);
    }
  });

  it('is unknown to an SM-DP+ without that CI, and its one-time key to one on P-256', async (test) => {
    const { smdpp, es9, euicc } = await running(test);
    const other = new TestEuicc(es9, smdpp.address, brainpool);
    assert.equal((await other.initiate()).code, '8.8.2/3.1');
    const { publicKey } = makeOneTimeKey(seededRandom(43), 'brainpoolP256r1');
    const authenticated = await euicc.open({ matchingId });
    assert.equal(
      (await euicc.prepareDownload(authenticated, { otpk: publicKey })).code,
      '1.3.1/2.1',
    );
  });

  it('agrees on a secret that the other curve does not give', () => {
    const one = makeOneTimeKey(seededRandom(1), 'brainpoolP256r1');
    const two = makeOneTimeKey(seededRandom(2), 'brainpoolP256r1');
    const secret = agree(one.privateKey, two.publicKey, one.curve);
    assert.deepEqual(agree(two.privateKey, one.publicKey, two.curve), secret);
    assert.throws(() => agree(one.privateKey, two.publicKey), { name: 'KeyAgreementError' });
    assert.equal(pointOf(createPublicKey(brainpool.dpPb.key)).curve, 'brainpoolP256r1');
  });
});

describe('revocation', () => {
  function fetched(port: number, path: string, ca: string): Promise<Uint8Array> {
    return new Promise((resolve, reject) => {
      get({ host: '127.0.0.1', port, path, ca, agent: false }, (response) => {
        assert.equal(response.headers['content-type'], 'application/pkix-crl');
        const parts: Buffer[] = [];
        response.on('data', (part: Buffer) => parts.push(part));
        response.on('end', () => resolve(new Uint8Array(Buffer.concat(parts))));
      }).on('error', reject);
    });
  }

  it('lists are served under the paths that the certificates name, signed by the CI', async (test) => {
    const pki = loadLabPki();
    const { smdpp } = await running(test, {}, { revoked: [pki.dpPb.certificate] });
    const ca = new X509Certificate(pki.ci.certificate).toString();
    for (const path of ['/CRL-A.crl', '/CRL-B.crl']) {
      const der = await fetched(smdpp.listening.port, path, ca);
      const { tbsCertList, signature } = AsnConvert.parse(der, CertificateList);
      const signed = new Uint8Array(AsnConvert.serialize(tbsCertList));
      const byCi = (key = pki.ci.key) =>
        verifyEcdsa(createPublicKey(key), signed, new Uint8Array(signature));
      assert.ok(byCi());
      assert.equal(byCi(pki.eum.key), false);
      const [revoked] = tbsCertList.revokedCertificates ?? [];
      const serial = new X509Certificate(pki.dpPb.certificate).serialNumber;
      assert.equal(toHex(new Uint8Array(revoked?.userCertificate ?? new ArrayBuffer(0))), serial);
    }
  });

  it('of its EUM is the end of a eUICC: 8.1.2/6.1', async (test) => {
    const { eum, dpPb } = loadLabPki();
    const refused = await running(test, {}, { revoked: [eum.certificate] });
    assert.equal((await refused.euicc.open({ matchingId })).code, '8.1.2/6.1');
    const other = await running(test, {}, { revoked: [dpPb.certificate] });
    assert.equal((await other.euicc.open({ matchingId })).code, 'ok');
  });
});

describe('faults of orders and certificates', () => {
  it('wrong-oid gives certificates of the right role with the OID of another', async (test) => {
    const { smdpp, euicc } = await running(test);
    const seen = (answer: Reply, name: string) => {
      const { registeredIds, policies } = readCertificate(value(answer, name));
      return [registeredIds[0], policies[0]];
    };
    smdpp.fault('wrong-oid', { at: 'initiateAuthentication', times: 1 });
    const other = ['2.999.18', role.dpAuth];
    assert.deepEqual(seen(await euicc.initiate(), 'serverCertificate'), other);
    smdpp.fault('wrong-oid', { at: 'authenticateClient', times: 1 });
    const authenticated = await euicc.open({ matchingId });
    assert.deepEqual(seen(authenticated, 'smdpCertificate'), ['2.999.18', role.dpPb]);
    assert.deepEqual(seen(await euicc.initiate(), 'serverCertificate'), ['2.999.10', role.dpAuth]);
  });

  for (const at of ['authenticateClient', 'getBoundProfilePackage'] as const) {
    it(`expire ends the order as ${at} asks for it: 8.8.5/4.10`, async (test) => {
      const { smdpp, euicc } = await running(test);
      smdpp.fault('expire', { at, times: 1 });
      const authenticated = await euicc.open({ matchingId });
      const answer =
        at === 'authenticateClient' ? authenticated : await euicc.prepareDownload(authenticated);
      assert.equal(answer.code, '8.8.5/4.10');
      const failure = { cause: 'expired' };
      assert.deepEqual(smdpp.profile(matchingId)?.state, { at: 'error', failure });
    });
  }
});

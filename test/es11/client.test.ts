/** ES11 over real HTTPS, with the lab's SM-DS at the other end (facts sheet rsp-lab 7.5). */
import assert from 'node:assert/strict';
import { createPublicKey } from 'node:crypto';
import { describe, it, type TestContext } from 'node:test';
import { base64, toHex } from '../../src/base/bytes.ts';
import { systemClock } from '../../src/base/clock.ts';
import { silentLog } from '../../src/base/log.ts';
import { Https } from '../../src/es9/https.ts';
import { Es11Client } from '../../src/es11/client.ts';
import { isSmdsCertificate } from '../../src/procedures/smds.ts';
import { verifyEcdsa } from '../../src/trust/ecdsa.ts';
import { labEid, loadLabPki } from '../../tools/lab/pki/lab-pki.ts';
import { startSmds } from '../../tools/lab/smds/smds.ts';
import { challenge, Es9, TestEuicc } from '../lab/smdpp-euicc.ts';
import { HandClock } from '../support/hand-clock.ts';
import { seededRandom } from '../support/seeded.ts';

const pki = loadLabPki();

async function running(test: TestContext, roots = [pki.ci.certificate]) {
  const options = { pki, clock: new HandClock(), random: seededRandom(5), log: silentLog() };
  const smds = await startSmds(options);
  const { port } = smds.listening;
  const host = smds.address.replace(/:[0-9]+$/, '');
  const https = new Https({
    roots,
    hosts: { [host]: { address: '127.0.0.1', port } },
    clock: systemClock,
    log: silentLog(),
  });
  test.after(() => {
    https.close();
    return smds.close();
  });
  const client = new Es11Client({ connect: https, requester: 'eIM', log: silentLog() });
  const es12 = new Es9(pki, port, { folder: 'es12', credential: pki.dpTls });
  const euicc = new TestEuicc(new Es9(pki, port), smds.address, pki);
  const register = (eventId: string) =>
    es12.post('registerEvent', {
      header: { functionRequesterIdentifier: '2.999.10', functionCallIdentifier: 'test' },
      eid: labEid,
      rspServerAddress: 'smdp.example.com',
      eventId,
      forwardingIndicator: false,
    });
  const initiate = () =>
    client.initiateAuthentication(smds.address, {
      euiccChallenge: challenge,
      euiccInfo1: euicc.info1(),
    });
  /** The events, with what the eUICC signs about this matchingId. */
  async function retrieve(matchingId: string, key = pki.euicc.key) {
    const { transactionId, serverSigned1 } = await initiate();
    const fields = { transactionId: toHex(transactionId), serverSigned1: base64(serverSigned1) };
    const authenticateServerResponse = euicc.authenticateServerResponse(
      { status: 200, headers: {}, body: '', code: 'ok', fields },
      { matchingId, key },
    );
    return client.authenticateClient(smds.address, { transactionId, authenticateServerResponse });
  }
  return { smds, client, register, initiate, retrieve };
}

describe('Es11Client (SGP.22 5.8)', () => {
  it('begins a session that the SM-DS signs, by its own certificate', async (test) => {
    const { initiate } = await running(test);
    const { serverSigned1, serverSignature1, serverCertificate } = await initiate();
    assert.ok(
      verifyEcdsa(createPublicKey(pki.dsAuth.key), serverSigned1, serverSignature1),
      'serverSignature1',
    );
    assert.ok(isSmdsCertificate(serverCertificate));
    assert.ok(!isSmdsCertificate(pki.dpAuth.certificate));
    assert.ok(!isSmdsCertificate(new Uint8Array(3)));
  });

  it('retrieves all events, or one, or none', async (test) => {
    const { register, retrieve } = await running(test);
    assert.deepEqual(await retrieve(''), []);
    await register('EVENT-1');
    await register('EVENT-2');
    const entry = (eventId: string) => ({ eventId, rspServerAddress: 'smdp.example.com' });
    assert.deepEqual(await retrieve(''), [entry('EVENT-1'), entry('EVENT-2')]);
    assert.deepEqual(await retrieve('EVENT-2'), [entry('EVENT-2')]);
  });

  it('tells what the SM-DS refuses', async (test) => {
    const { retrieve, client, smds } = await running(test);
    await assert.rejects(retrieve('NO-SUCH'), {
      name: 'Es9Error',
      subjectCode: '8.9.5',
      reasonCode: '3.9',
    });
    await assert.rejects(retrieve('', pki.eum.key), {
      name: 'Es9Error',
      subjectCode: '8.1',
      reasonCode: '6.1',
    });
    await assert.rejects(
      client.authenticateClient(smds.address, {
        transactionId: new Uint8Array(16),
        authenticateServerResponse: new Uint8Array([0xbf, 0x38, 0]),
      }),
      { name: 'Es9Error' },
    );
  });

  it('believes no SM-DS under another root', async (test) => {
    const { initiate } = await running(test, [pki.eum.certificate]);
    await assert.rejects(initiate(), { name: 'Es9TransportError', kind: 'tls' });
  });
});

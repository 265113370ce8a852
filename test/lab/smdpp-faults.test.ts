/** Faults on command: each is what it says, for as often as it was asked for. */
import assert from 'node:assert/strict';
import { createPublicKey, X509Certificate } from 'node:crypto';
import { describe, it } from 'node:test';
import { connect } from 'node:tls';
import { equal, hex } from '../../src/base/bytes.ts';
import { eidOctets } from '../../src/messages/ids.ts';
import { ServerSigned1, SmdpSigned2, StoreMetadataRequest } from '../../src/messages/rsp.ts';
import { verifyEcdsa } from '../../src/trust/ecdsa.ts';
import {
  openBoundProfilePackage,
  readBoundProfilePackage,
  secureChannelSignedInput,
} from '../../tools/lab/bsp/bound-profile-package.ts';
import { MAX_SEGMENT } from '../../tools/lab/bsp/bsp.ts';
import { labEid } from '../../tools/lab/pki/lab-pki.ts';
import { type Reply, value } from './smdpp-euicc.ts';
import { iccidBytes, matchingId, type Running, running } from './smdpp-running.ts';

const eid = eidOctets(labEid);

async function download({ euicc }: Running): Promise<Reply> {
  const answer = await euicc.prepareDownload(await euicc.open({ matchingId }));
  assert.equal(answer.code, 'ok');
  return answer;
}

function open({ euicc }: Running, answer: Reply) {
  const otPrivateKey = euicc.otKey.privateKey;
  return openBoundProfilePackage(value(answer, 'boundProfilePackage'), { eid, otPrivateKey });
}

describe('faults of the way', () => {
  it('down cuts the connection, before anything is done', async (test) => {
    const { smdpp, euicc, steps } = await running(test);
    smdpp.fault('down', { at: 'initiateAuthentication', times: 2 });
    await assert.rejects(euicc.initiate(), { code: 'ECONNRESET' });
    await assert.rejects(euicc.initiate(), { code: 'ECONNRESET' });
    assert.equal(smdpp.sessions, 0);
    assert.equal(steps[0]?.outcome, 'fault down');
    assert.equal((await euicc.initiate()).code, 'ok');
  });

  it('slow answers when its time has come', async (test) => {
    const { smdpp, euicc, clock } = await running(test);
    smdpp.fault('slow', { milliseconds: 5000, times: 1 });
    let answered = false;
    const asked = euicc.initiate().then((answer) => {
      answered = true;
      return answer;
    });
    while (clock.pending === 0) await new Promise((resolve) => setImmediate(resolve));
    await clock.turn(4999);
    assert.equal(answered, false);
    await clock.turn(1);
    assert.equal((await asked).code, 'ok');
  });

  it('slow answers are let go on closing', async (test) => {
    const { smdpp, euicc, clock } = await running(test);
    smdpp.fault('slow');
    const asked = assert.rejects(euicc.initiate());
    while (clock.pending === 0) await new Promise((resolve) => setImmediate(resolve));
    await smdpp.close();
    await asked;
    assert.equal(clock.pending, 0);
  });

  it('cut ends within the body, after the work is done', async (test) => {
    const { smdpp, euicc } = await running(test);
    smdpp.fault('cut', { times: 1 });
    await assert.rejects(euicc.initiate(), { code: 'ECONNRESET' });
    assert.equal(smdpp.sessions, 1);
  });

  it('stall never ends until closing', async (test) => {
    const { smdpp, euicc, steps } = await running(test);
    smdpp.fault('stall', { times: 1 });
    const asked = assert.rejects(euicc.initiate());
    while (steps.length === 0) await new Promise((resolve) => setImmediate(resolve));
    await smdpp.close();
    await asked;
  });

  it('nonsense and status answer with neither JSON nor codes', async (test) => {
    const { smdpp, euicc } = await running(test);
    smdpp.fault('status', { times: 1 });
    assert.equal((await euicc.initiate()).status, 500);
    smdpp.fault('nonsense', { times: 1 });
    await assert.rejects(euicc.initiate(), SyntaxError);
    assert.equal((await euicc.initiate()).code, 'ok');
  });

  it('line-broken is the same answer to whoever passes over white space', async (test) => {
    const { smdpp, euicc } = await running(test);
    smdpp.fault('line-broken');
    const initiated = await euicc.initiate();
    assert.match(initiated.fields.serverCertificate ?? '', /\n/);
    assert.equal((await euicc.authenticate(initiated, { matchingId })).code, 'ok');
  });

  it('refuse gives the codes asked for, and is taken away with the others', async (test) => {
    const { smdpp, euicc } = await running(test);
    smdpp.fault('refuse', { at: 'authenticateClient', subjectCode: '8.2', reasonCode: '3.7' });
    assert.equal((await euicc.open({ matchingId })).code, '8.2/3.7');
    smdpp.fault(undefined);
    assert.equal((await euicc.open({ matchingId })).code, 'ok');
  });
});

describe('faults of what is signed', () => {
  it('serverSigned1: signature, certificate, transactionId, challenge, address', async (test) => {
    const run = await running(test);
    const { smdpp, euicc, pki } = run;
    const dpAuth = createPublicKey(pki.dpAuth.key);
    const signatureFits = (answer: Reply, key = dpAuth) =>
      verifyEcdsa(key, value(answer, 'serverSigned1'), value(answer, 'serverSignature1').slice(3));
    smdpp.fault('wrong-signature', { times: 1 });
    assert.equal(signatureFits(await euicc.initiate()), false);
    smdpp.fault('wrong-certificate', { times: 1 });
    const otherRole = await euicc.initiate();
    assert.deepEqual(value(otherRole, 'serverCertificate'), pki.dpPb.certificate);
    assert.ok(signatureFits(otherRole, createPublicKey(pki.dpPb.key)));

    for (const kind of ['wrong-transaction', 'wrong-challenge', 'wrong-address'] as const) {
      smdpp.fault(kind, { times: 1 });
    }
    const initiated = await euicc.initiate();
    assert.ok(signatureFits(initiated));
    const signed1 = ServerSigned1.decode(value(initiated, 'serverSigned1'));
    assert.equal(equal(signed1.transactionId, hex(initiated.fields.transactionId ?? '')), false);
    assert.notEqual(signed1.serverAddress, smdpp.address);
    assert.ok(signatureFits(await euicc.initiate()));
  });

  it('smdpSigned2: transactionId and certificate', async (test) => {
    const { smdpp, euicc, pki } = await running(test);
    smdpp.fault('wrong-transaction', { at: 'authenticateClient', times: 1 });
    smdpp.fault('wrong-certificate', { at: 'authenticateClient', times: 1 });
    const answer = await euicc.open({ matchingId });
    const signed2 = SmdpSigned2.decode(value(answer, 'smdpSigned2'));
    assert.equal(equal(signed2.transactionId, hex(answer.fields.transactionId ?? '')), false);
    assert.deepEqual(value(answer, 'smdpCertificate'), pki.dpAuth.certificate);
  });
});

describe('faults of the package', () => {
  for (const segment of [87, 88, 86] as const) {
    it(`corrupt-bpp spoils a segment ${segment}`, async (test) => {
      const run = await running(test);
      run.smdpp.fault('corrupt-bpp', { segment, times: 1 });
      const answer = await download(run);
      assert.throws(() => open(run, answer), { name: 'BspError', kind: 'security' });
      assert.deepEqual(open(run, await download(run)).upp, run.upp);
    });
  }

  it('truncated-bpp lacks its end', async (test) => {
    const run = await running(test);
    run.smdpp.fault('truncated-bpp');
    const { upp } = open(run, await download(run));
    assert.deepEqual(upp, run.upp.slice(0, upp.length));
    assert.ok(upp.length < run.upp.length);
  });

  it('long-segments are longer than eUICCs must take', async (test) => {
    const run = await running(test);
    run.smdpp.fault('long-segments');
    const answer = await download(run);
    const { sequenceOf86 } = readBoundProfilePackage(value(answer, 'boundProfilePackage'));
    assert.ok((sequenceOf86[0]?.length ?? 0) > MAX_SEGMENT);
    assert.deepEqual(open(run, answer).upp, run.upp);
  });

  it('wrong-iccid is in the metadata of the package alone', async (test) => {
    const run = await running(test);
    run.smdpp.fault('wrong-iccid');
    const { storeMetadata } = open(run, await download(run));
    assert.notDeepEqual(StoreMetadataRequest.decode(storeMetadata).iccid, iccidBytes);
  });

  it('wrong-signature and wrong-transaction are those of the secure channel', async (test) => {
    const run = await running(test);
    const at = 'getBoundProfilePackage';
    run.smdpp.fault('wrong-signature', { at });
    run.smdpp.fault('wrong-transaction', { at });
    const answer = await download(run);
    const { channel } = open(run, answer);
    const signed = secureChannelSignedInput(channel, run.euicc.otKey.publicKey);
    assert.equal(verifyEcdsa(createPublicKey(run.pki.dpPb.key), signed, channel.smdpSign), false);
    assert.equal(equal(channel.transactionId, hex(answer.fields.transactionId ?? '')), false);
  });
});

describe('TLS', () => {
  function certificateNames(run: Running, servername: string): Promise<string> {
    return new Promise((resolve, reject) => {
      const ca = new X509Certificate(run.pki.ci.certificate).toString();
      const { port } = run.smdpp.listening;
      const socket = connect({ host: '127.0.0.1', port, ca, servername }, () => {
        resolve(socket.getPeerCertificate().subjectaltname ?? '');
        socket.destroy();
      });
      socket.on('error', reject);
    });
  }

  it('covers a name of its own, under the CI', async (test) => {
    const run = await running(test, {}, { name: 'smdp.example.com:4443' });
    assert.match(await certificateNames(run, 'smdp.example.com'), /DNS:smdp\.example\.com/);
    assert.equal(run.smdpp.address, 'smdp.example.com:4443');
  });

  it('is refused by who does not know the CI, and the server goes on', async (test) => {
    const run = await running(test);
    const { port } = run.smdpp.listening;
    await new Promise<void>((resolve) => {
      const socket = connect({ host: '127.0.0.1', port }, () => assert.fail('trusted'));
      socket.on('error', () => resolve());
    });
    assert.equal((await run.euicc.initiate()).code, 'ok');
  });
});

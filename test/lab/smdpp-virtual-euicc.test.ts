/** The lab's SM-DP+ and its virtual eUICC against each other: two programs that share the standard and the BSP alone. */
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { base64, hex, utf8 } from '../../src/base/bytes.ts';
import { readAll, readOnly, tlv } from '../../src/messages/tlv.ts';
import { piecesOf } from '../../tools/lab/bsp/pieces.ts';
import { Euicc } from '../../tools/lab/euicc/euicc.ts';
import { labEid } from '../../tools/lab/pki/lab-pki.ts';
import type { Es9Function, FaultKind } from '../../tools/lab/server/faults.ts';
import type { NewProfile } from '../../tools/lab/smdpp/smdpp.ts';
import { HandClock } from '../support/hand-clock.ts';
import { seededRandom } from '../support/seeded.ts';
import { type Reply, value } from './smdpp-euicc.ts';
import { matchingId, type Running, running } from './smdpp-running.ts';

interface Both extends Running {
  readonly chip: Euicc;
}

async function both(test: TestContext, profile: Partial<NewProfile> = {}): Promise<Both> {
  const run = await running(test, profile);
  const chip = new Euicc({
    eid: labEid,
    credential: run.pki.euicc,
    eumCertificate: run.pki.eum.certificate,
    ciCertificates: [run.pki.ci.certificate],
    clock: new HandClock(),
    random: seededRandom(11),
  });
  return { ...run, chip };
}

const deviceInfo = tlv(0xa1, hex('8004 35290611'), tlv(0xa1));
const ctxParams1 = tlv(0xa0, tlv(0x80, utf8(matchingId)), deviceInfo);

/** AuthenticateServerResponse of the eUICC, and the transaction it belongs to. */
async function authenticateServer({ chip, es9, smdpp }: Both) {
  const euiccChallenge = readAll(readOnly(chip.transmit(hex('BF2E00'))).value)[0]?.value;
  const initiated = await es9.post('initiateAuthentication', {
    euiccChallenge: base64(euiccChallenge ?? new Uint8Array()),
    euiccInfo1: base64(chip.transmit(hex('BF2000'))),
    smdpAddress: smdpp.address,
  });
  assert.equal(initiated.code, 'ok');
  const parts = ['serverSigned1', 'serverSignature1', 'euiccCiPKIdToBeUsed', 'serverCertificate'];
  const command = tlv(0xbf38, ...parts.map((name) => value(initiated, name)), ctxParams1);
  return { transactionId: initiated.fields.transactionId, response: chip.transmit(command) };
}

async function authenticateClient(run: Both): Promise<Reply> {
  const { transactionId, response } = await authenticateServer(run);
  const authenticateServerResponse = base64(response);
  return run.es9.post('authenticateClient', { transactionId, authenticateServerResponse });
}

function prepareDownload({ chip }: Both, authenticated: Reply): Uint8Array {
  const parts = ['smdpSigned2', 'smdpSignature2', 'smdpCertificate'];
  return chip.transmit(tlv(0xbf21, ...parts.map((name) => value(authenticated, name))));
}

async function boundProfilePackage(run: Both): Promise<Uint8Array> {
  const authenticated = await authenticateClient(run);
  assert.equal(authenticated.code, 'ok');
  const answer = await run.es9.post('getBoundProfilePackage', {
    transactionId: authenticated.fields.transactionId,
    prepareDownloadResponse: base64(prepareDownload(run, authenticated)),
  });
  assert.equal(answer.code, 'ok');
  return value(answer, 'boundProfilePackage');
}

/** Feeds the pieces until the eUICC answers; that answer. */
function load({ chip }: Both, bytes: Uint8Array): Uint8Array {
  for (const piece of piecesOf(bytes)) {
    const answer = chip.transmit(piece);
    if (answer.length > 0) return answer;
  }
  return new Uint8Array();
}

/** The code of an error arm A1 { 80 transactionId, 02 code }. */
function errorCode(response: Uint8Array): number | undefined {
  const arm = readOnly(readOnly(response).value);
  assert.equal(arm.tag, 0xa1);
  return readAll(arm.value).at(-1)?.value[0];
}

describe('SM-DP+ and virtual eUICC', () => {
  for (const protection of ['ppk', 'session'] as const) {
    it(`install a profile, and agree that it is there (${protection} keys)`, async (test) => {
      const run = await both(test, { protection });
      const result = load(run, await boundProfilePackage(run));
      assert.equal(readOnly(result).tag, 0xbf37);
      assert.equal((await run.euicc.notify(result)).status, 204);
      const [notification] = run.smdpp.notifications;
      assert.equal(notification?.complaint, undefined);
      assert.equal(notification?.outcome?.type, 'installed');
      assert.deepEqual(run.smdpp.profile(matchingId)?.state, { at: 'installed' });
      assert.equal(run.chip.snapshot().profiles.length, 1);
      const again = await authenticateClient(run);
      assert.equal(again.code, '8.2/1.2');
    });
  }

  const authentication: [FaultKind, number][] = [
    ['wrong-signature', 2],
    ['wrong-challenge', 6],
  ];
  for (const [fault, code] of authentication) {
    it(`AuthenticateServer with ${fault} ends in code ${code}, and the order stays`, async (test) => {
      const run = await both(test);
      run.smdpp.fault(fault, { at: 'initiateAuthentication', times: 1 });
      const { transactionId, response } = await authenticateServer(run);
      assert.equal(errorCode(response), code);
      const authenticateServerResponse = base64(response);
      const body = { transactionId, authenticateServerResponse };
      assert.equal((await run.es9.post('authenticateClient', body)).code, '8.1/4.2');
      assert.equal((await authenticateClient(run)).code, 'ok');
    });
  }

  const preparation: [FaultKind, number][] = [
    ['wrong-certificate', 1],
    ['wrong-signature', 2],
    ['wrong-transaction', 5],
  ];
  for (const [fault, code] of preparation) {
    it(`PrepareDownload with ${fault} ends in code ${code}`, async (test) => {
      const run = await both(test);
      run.smdpp.fault(fault, { at: 'authenticateClient', times: 1 });
      const authenticated = await authenticateClient(run);
      const response = prepareDownload(run, authenticated);
      assert.equal(errorCode(response), code);
      const answer = await run.es9.post('getBoundProfilePackage', {
        transactionId: authenticated.fields.transactionId,
        prepareDownloadResponse: base64(response),
      });
      assert.equal(answer.code, '8.1/4.2');
      assert.equal(run.smdpp.profile(matchingId)?.state.at, 'released');
    });
  }

  const at: Es9Function = 'getBoundProfilePackage';
  const packages: [string, Parameters<Both['smdpp']['fault']>, number, number][] = [
    ['a wrong smdpSign', ['wrong-signature', { at }], 0, 2],
    ['another transactionId', ['wrong-transaction', { at }], 0, 3],
    ['a bit changed in ConfigureISDP', ['corrupt-bpp', { segment: 87 }], 1, 8],
    ['a bit changed in StoreMetadata', ['corrupt-bpp', { segment: 88 }], 2, 8],
    ['a bit changed in the profile', ['corrupt-bpp', { segment: 86 }], 5, 8],
    ['segments beyond 1020 octets', ['long-segments'], 5, 7],
    ['another ICCID in the metadata', ['wrong-iccid'], 5, 13],
    ['its last segment missing', ['truncated-bpp'], 5, 12],
  ];
  for (const [title, fault, bppCommandId, errorReason] of packages) {
    it(`a package with ${title} fails with ${bppCommandId}/${errorReason}`, async (test) => {
      const run = await both(test);
      run.smdpp.fault(...fault);
      await run.euicc.notify(load(run, await boundProfilePackage(run)));
      const failure = { cause: 'installation', bppCommandId, errorReason };
      assert.deepEqual(run.smdpp.profile(matchingId)?.state, { at: 'error', failure });
      assert.equal(run.smdpp.notifications[0]?.verified, true);
      assert.deepEqual(run.chip.snapshot().profiles, []);
    });
  }

  it('begin again after a download that was broken off', async (test) => {
    const run = await both(test);
    const first = await boundProfilePackage(run);
    run.chip.transmit(piecesOf(first)[0] ?? new Uint8Array());
    run.chip.reset();
    const second = await boundProfilePackage(run);
    assert.notDeepEqual(second, first);
    await run.euicc.notify(load(run, second));
    assert.deepEqual(run.smdpp.profile(matchingId)?.state, { at: 'installed' });
    assert.equal(run.smdpp.profile(matchingId)?.attempts, 2);
  });
});

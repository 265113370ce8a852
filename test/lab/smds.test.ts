/** The lab's SM-DS over real HTTPS: events registered and deleted (ES12), retrieved by eUICCs (ES11). */
import assert from 'node:assert/strict';
import { createPublicKey } from 'node:crypto';
import { describe, it, type TestContext } from 'node:test';
import { base64, hex } from '../../src/base/bytes.ts';
import { silentLog } from '../../src/base/log.ts';
import { parseEid } from '../../src/messages/ids.ts';
import { tlv } from '../../src/messages/tlv.ts';
import { verifyEcdsa } from '../../src/trust/ecdsa.ts';
import { issueEuicc, issueTls, labEid, loadLabPki } from '../../tools/lab/pki/lab-pki.ts';
import {
  expiredEuicc,
  expiredTls,
  otherCi,
  wrongRoleEum,
} from '../../tools/lab/pki/wrong-twins.ts';
import { type SmdsOptions, startSmds } from '../../tools/lab/smds/smds.ts';
import { newFolder } from '../support/folders.ts';
import { HandClock } from '../support/hand-clock.ts';
import { seededRandom } from '../support/seeded.ts';
import {
  type Changes,
  challenge,
  Es9,
  errorArm,
  type Reply,
  TestEuicc,
  value,
} from './smdpp-euicc.ts';

const otherEid = parseEid('89049032000000000000000000000066');
const header = { functionRequesterIdentifier: '2.999.10', functionCallIdentifier: 'test' };
const event = {
  ...{ header, eid: labEid, rspServerAddress: 'smdp.example.com', eventId: 'EVENT-1' },
  forwardingIndicator: false,
};
const entry = { eventId: 'EVENT-1', rspServerAddress: 'smdp.example.com' };

async function running(test: TestContext, options: Partial<SmdsOptions> = {}) {
  const pki = loadLabPki();
  const clock = new HandClock();
  const log = silentLog();
  const smds = await startSmds({ pki, clock, random: seededRandom(5), log, ...options });
  test.after(() => smds.close());
  const { port } = smds.listening;
  const es11 = new Es9(pki, port);
  const es12 = new Es9(pki, port, { folder: 'es12', credential: pki.dpTls });
  const euicc = new TestEuicc(es11, smds.address, pki);
  return { smds, pki, clock, es11, es12, euicc, port };
}

type Running = Awaited<ReturnType<typeof running>>;

describe('SM-DS: events of an eUICC (ES11)', () => {
  it('are given to the eUICC that they are for, under both paths, and stay', async (test) => {
    const { smds, pki, es12, euicc, port } = await running(test);
    assert.equal((await es12.post('registerEvent', event)).code, 'ok');
    const second = { ...event, eventId: 'EVENT-2', rspServerAddress: 'other.example.com:8443' };
    assert.equal((await es12.post('registerEvent', second)).code, 'ok');
    await es12.post('registerEvent', { ...event, eid: otherEid });
    const entries = [entry, { eventId: 'EVENT-2', rspServerAddress: 'other.example.com:8443' }];
    const es11 = new TestEuicc(new Es9(pki, port, { folder: 'es11' }), smds.address, pki);
    for (const one of [euicc, es11, euicc]) {
      const answer = await one.open({ matchingId: '' });
      assert.equal(answer.code, 'ok');
      assert.deepEqual(answer.fields.eventEntries, entries);
      assert.match(answer.fields.transactionId ?? '', /^[0-9A-F]{32}$/);
    }
    assert.equal(smds.eventsOf(labEid).length, 2);
  });

  it('are an empty list where there are none, and one where an EventID is asked for', async (test) => {
    const { es12, euicc } = await running(test);
    assert.deepEqual((await euicc.open({})).fields.eventEntries, []);
    await es12.post('registerEvent', event);
    await es12.post('registerEvent', { ...event, eventId: 'EVENT-2' });
    assert.deepEqual((await euicc.open({ matchingId: 'EVENT-1' })).fields.eventEntries, [entry]);
  });

  it('come with the proof of CERT.DSauth, whose role and OID are the SM-DS', async (test) => {
    const { euicc, pki, smds } = await running(test);
    const initiated = await euicc.initiate();
    assert.deepEqual(value(initiated, 'serverCertificate'), pki.dsAuth.certificate);
    const signature = value(initiated, 'serverSignature1').subarray(3);
    const signed1 = value(initiated, 'serverSigned1');
    assert.ok(verifyEcdsa(createPublicKey(pki.dsAuth.key), signed1, signature));
    assert.equal(verifyEcdsa(createPublicKey(pki.dpAuth.key), signed1, signature), false);
    assert.equal(smds.oid, '2.999.15');
  });

  it('are answered the same to the same request, and to no other in that session', async (test) => {
    const { euicc, es11, es12 } = await running(test);
    const initiated = await euicc.initiate();
    const response = base64(euicc.authenticateServerResponse(initiated, {}));
    const { transactionId } = initiated.fields;
    const body = { transactionId, authenticateServerResponse: response };
    const first = await es11.post('authenticateClient', body);
    await es12.post('registerEvent', event);
    assert.equal((await es11.post('authenticateClient', body)).body, first.body);
    assert.equal((await euicc.authenticate(initiated, { matchingId: 'X' })).code, '8.10.1/3.9');
  });

  const changed = (changes: Changes) => (run: Running) => run.euicc.open(changes);
  const refusals: [string, (run: Running) => Promise<Reply>, string][] = [
    ['at another address', ({ euicc }) => euicc.initiate(euicc.info1(), 'x.example'), '8.9.1/3.8'],
    ['of SVN 3', ({ euicc }) => euicc.initiate(euicc.info1({ svn: hex('030000') })), '8.9.3/3.1'],
    [
      'without a CI for signing that it accepts',
      ({ euicc }) => euicc.initiate(euicc.info1({ euiccCiPKIdListForSigning: [challenge] })),
      '8.9.2/3.1',
    ],
    [
      'without a CI for verification that certified it',
      ({ euicc }) => euicc.initiate(euicc.info1({ euiccCiPKIdListForVerification: [challenge] })),
      '8.9.4/3.7',
    ],
    ['signed with another key', (run) => changed({ key: run.pki.eum.key })(run), '8.1/6.1'],
    ['with another serverChallenge', changed({ serverChallenge: challenge }), '8.1/6.1'],
    ['of another transaction', changed({ signedTransactionId: challenge }), '8.10.1/3.9'],
    [
      'under another CI',
      (run) => {
        const other = otherCi();
        return changed({ euicc: other.euicc, eum: other.eum })(run);
      },
      '8.11.1/3.9',
    ],
    [
      'with an EUM of another role',
      (run) => {
        const other = wrongRoleEum(run.pki);
        return changed({ euicc: other.euicc, eum: other.eum })(run);
      },
      '8.1.2/6.1',
    ],
    ['of an expired eUICC', (run) => changed({ euicc: expiredEuicc(run.pki) })(run), '8.1.3/6.3'],
    ['for an unknown EventID', changed({ matchingId: 'NO-SUCH' }), '8.9.5/3.9'],
    [
      'of a eUICC that answered with an error',
      async ({ euicc, es11 }) => {
        const { transactionId } = (await euicc.initiate()).fields;
        const authenticateServerResponse = errorArm(0xbf38, transactionId, 2);
        return es11.post('authenticateClient', { transactionId, authenticateServerResponse });
      },
      '8.1/4.2',
    ],
    [
      'in a compact form, which is for the eIM',
      async ({ euicc, es11 }) => {
        const { transactionId } = (await euicc.initiate()).fields;
        const compact = tlv(0xbf38, tlv(0xa2, tlv(0xa0, hex('8400')), tlv(0x5f37, challenge)));
        const authenticateServerResponse = base64(compact);
        return es11.post('authenticateClient', { transactionId, authenticateServerResponse });
      },
      '1.3.1/2.1',
    ],
  ];
  for (const [title, ask, code] of refusals) {
    it(`are refused ${title}: ${code}`, async (test) => {
      const run = await running(test);
      await run.es12.post('registerEvent', event);
      const answer = await ask(run);
      assert.deepEqual([answer.status, answer.code], [200, code]);
      assert.equal(answer.fields.eventEntries, undefined);
      // Another try begins anew and succeeds.
      assert.deepEqual((await run.euicc.open({})).fields.eventEntries, [entry]);
    });
  }

  it('are refused of an EUM that was revoked: 8.1.2/6.1', async (test) => {
    const { euicc } = await running(test, { revoked: [loadLabPki().eum.certificate] });
    assert.equal((await euicc.open({})).code, '8.1.2/6.1');
  });

  it('are not for functions of an SM-DP+: HTTP 404', async (test) => {
    const { es11 } = await running(test);
    assert.equal((await es11.post('getBoundProfilePackage', {})).status, 404);
    assert.equal((await es11.post('handleNotification', {})).status, 404);
  });

  it('once its session is too old: 8.10.1/3.9', async (test) => {
    const { euicc, clock, smds } = await running(test);
    const initiated = await euicc.initiate();
    assert.equal(smds.sessions, 1);
    await clock.turn(30 * 60 * 1000);
    assert.equal((await euicc.authenticate(initiated, {})).code, '8.10.1/3.9');
  });
});

describe('SM-DS: registering and deleting (ES12)', () => {
  const refusals: [string, 'registerEvent' | 'deleteEvent', object, string][] = [
    ['an EID that is none', 'registerEvent', { ...event, eid: '89049032' }, '8.1.1/2.1'],
    ['an event that is there', 'registerEvent', event, '8.9.5/3.3'],
    ['no EventID', 'registerEvent', { ...event, eventId: undefined }, '1.3.1/2.2'],
    ['no header', 'registerEvent', { ...event, header: undefined }, '1.3.1/2.2'],
    ['an address with a path', 'registerEvent', { ...event, rspServerAddress: 'a/b' }, '1.3.1/2.1'],
    ['an event to forward', 'registerEvent', forwarded('EVENT-3'), '1.3.1/2.1'],
    ['an event that is not there', 'deleteEvent', { ...event, eventId: 'NONE' }, '8.9.5/3.9'],
    ['the event of another EID', 'deleteEvent', { ...event, eid: otherEid }, '8.9.5/3.9'],
  ];
  for (const [title, name, body, code] of refusals) {
    it(`refuses ${name} with ${title}: ${code}`, async (test) => {
      const { es12, smds } = await running(test);
      await es12.post('registerEvent', event);
      assert.equal((await es12.post(name, body)).code, code);
      assert.deepEqual(smds.events, [{ eid: labEid, ...entry, registrant: '2.999.10' }]);
    });
  }

  it('deletes for who registered it, and for no other SM-DP+: 8.9.5/3.9', async (test) => {
    const { es12, smds, pki, port } = await running(test);
    await es12.post('registerEvent', event);
    const names = [{ registeredId: '2.999.12' }];
    const credential = issueTls(pki, ['smdp2.example.com'], { names });
    const other = new Es9(pki, port, { folder: 'es12', credential });
    assert.equal((await other.post('deleteEvent', event)).code, '8.9.5/3.9');
    assert.equal(smds.events.length, 1);
    assert.equal((await es12.post('deleteEvent', event)).code, 'ok');
    assert.equal(smds.events.length, 0);
  });

  const pki = loadLabPki();
  const strangers = {
    'no certificate': undefined,
    'the certificate of the operator': pki.operatorTls,
    'the certificate of an SM-DS': pki.dsTls,
    'an expired certificate': expiredTls(pki, ['smdp.example.com']),
    'a certificate under another CI': otherCi().dpTls,
  };
  for (const [title, credential] of Object.entries(strangers)) {
    it(`is refused to a client with ${title}: HTTP 403`, async (test) => {
      const { smds, port } = await running(test);
      const client = { folder: 'es12', ...(credential && { credential }) };
      const answer = await new Es9(pki, port, client).post('registerEvent', event);
      assert.equal(answer.status, 403);
      assert.equal(smds.events.length, 0);
    });
  }

  it('holds at most 100 events of one EID', async (test) => {
    const { smds, es12 } = await running(test);
    for (let i = 0; i < 100; i++) {
      smds.addEvent({ eid: labEid, eventId: `E-${i}`, rspServerAddress: 'smdp.example.com' });
    }
    assert.equal((await es12.post('registerEvent', event)).code, '8.9.5/3.3');
    assert.equal((await es12.post('registerEvent', { ...event, eid: otherEid })).code, 'ok');
  });
});

describe('SM-DS: state and faults', () => {
  it('keeps its events over a restart', async (test) => {
    const stateFolder = newFolder();
    const first = await running(test, { stateFolder });
    await first.es12.post('registerEvent', event);
    await first.es12.post('registerEvent', { ...event, eventId: 'EVENT-2' });
    await first.es12.post('deleteEvent', { ...event, eventId: 'EVENT-2' });
    await first.smds.close();
    const again = await running(test, { stateFolder });
    assert.deepEqual((await again.euicc.open({})).fields.eventEntries, [entry]);
    assert.equal((await again.es12.post('deleteEvent', event)).code, 'ok');
  });

  it('refuses on command, and proves itself with the OID of another server', async (test) => {
    const { smds, euicc, pki } = await running(test);
    smds.fault('refuse', { at: 'authenticateClient', subjectCode: '8.9.5', reasonCode: '3.9' });
    assert.equal((await euicc.open({})).code, '8.9.5/3.9');
    smds.fault(undefined);
    smds.fault('wrong-oid', { times: 1 });
    const wrong = value(await euicc.initiate(), 'serverCertificate');
    assert.notDeepEqual(wrong, pki.dsAuth.certificate);
    assert.ok(Buffer.from(wrong).includes(Buffer.from('8803883712', 'hex')));
    assert.equal((await euicc.open({})).code, 'ok');
  });

  it('serves another eUICC of the same EUM its own events alone', async (test) => {
    const { smds, es11, es12, pki } = await running(test);
    await es12.post('registerEvent', event);
    const other = new TestEuicc(es11, smds.address, pki, issueEuicc(pki, otherEid));
    assert.deepEqual((await other.open({})).fields.eventEntries, []);
    assert.equal((await other.open({ matchingId: 'EVENT-1' })).code, '8.9.5/3.9');
  });
});

function forwarded(eventId: string): object {
  return { ...event, eventId, forwardingIndicator: true };
}

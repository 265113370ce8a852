/** What the lab's SM-DP+ refuses, in the order of SGP.22's checks, with subject and reason codes. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { base64, hex } from '../../src/base/bytes.ts';
import { iccidOfDigits, parseEid } from '../../src/messages/ids.ts';
import { EUICCInfo1 } from '../../src/messages/rsp.ts';
import { tlv } from '../../src/messages/tlv.ts';
import { issueEuicc, labEid } from '../../tools/lab/pki/lab-pki.ts';
import {
  expiredEuicc,
  expiredEum,
  otherCi,
  wrongRoleEuicc,
  wrongRoleEum,
} from '../../tools/lab/pki/wrong-twins.ts';
import { makeProfile } from '../../tools/lab/profile/make.ts';
import { seededNumbers } from '../support/seeded.ts';
import { type Changes, challenge, errorArm, type Reply } from './smdpp-euicc.ts';
import { matchingId, metadata, type Running, running } from './smdpp-running.ts';

const otherEid = parseEid('89049032000000000000000000000066');
const foreignEid = parseEid('89880000000000000000000000000063');

describe('SM-DP+ refuses InitiateAuthentication', () => {
  const refusals: [string, (run: Running) => Promise<Reply>, string][] = [
    [
      'for another address',
      ({ euicc }) => euicc.initiate(euicc.info1(), 'other.example.com'),
      '8.8.1/3.8',
    ],
    ['of SVN 3', ({ euicc }) => euicc.initiate(euicc.info1({ svn: hex('030000') })), '8.8.3/3.1'],
    ['of SVN 1', ({ euicc }) => euicc.initiate(euicc.info1({ svn: hex('010000') })), '8.8.3/3.1'],
    [
      'without a CI for signing that it accepts',
      ({ euicc }) => euicc.initiate(euicc.info1({ euiccCiPKIdListForSigning: [challenge] })),
      '8.8.2/3.1',
    ],
    [
      'without any CI that it knows: the code of the signing list',
      ({ euicc }) =>
        euicc.initiate(
          euicc.info1({
            euiccCiPKIdListForSigning: [challenge],
            euiccCiPKIdListForVerification: [],
          }),
        ),
      '8.8.2/3.1',
    ],
    [
      'without a CI for verification that it has a certificate of',
      ({ euicc }) => euicc.initiate(euicc.info1({ euiccCiPKIdListForVerification: [challenge] })),
      '8.8.4/3.7',
    ],
  ];
  for (const [title, ask, code] of refusals) {
    it(`${title}: ${code}`, async (test) => {
      const run = await running(test);
      const answer = await ask(run);
      assert.equal(answer.status, 200);
      assert.equal(answer.code, code);
      assert.equal(run.smdpp.sessions, 0);
      assert.match(run.steps[0]?.outcome ?? '', new RegExp(`^refused ${code}: `));
    });
  }
});

describe('SM-DP+ refuses AuthenticateClient', () => {
  const changed = (changes: Changes) => (run: Running) =>
    run.euicc.open({ matchingId, ...changes });
  const refusals: [string, (run: Running) => Promise<Reply>, string][] = [
    [
      'with another transactionId signed',
      changed({ signedTransactionId: challenge }),
      '8.10.1/3.9',
    ],
    [
      'of a eUICC that answered with an error',
      async ({ euicc, es9 }) => {
        const { transactionId } = (await euicc.initiate()).fields;
        return es9.post('authenticateClient', {
          transactionId,
          authenticateServerResponse: errorArm(0xbf38, transactionId, 2),
        });
      },
      '8.1/4.2',
    ],
    [
      'under another CI',
      async (run) => {
        const other = otherCi();
        return changed({ euicc: other.euicc, eum: other.eum })(run);
      },
      '8.11.1/3.9',
    ],
    [
      'with an EUM of another role',
      async (run) => {
        const other = wrongRoleEum(run.pki);
        return changed({ euicc: other.euicc, eum: other.eum })(run);
      },
      '8.1.2/6.1',
    ],
    [
      'with an expired EUM',
      async (run) => {
        const other = expiredEum(run.pki);
        return changed({ euicc: other.euicc, eum: other.eum })(run);
      },
      '8.1.2/6.3',
    ],
    [
      'of a eUICC of another role',
      (run) => changed({ euicc: wrongRoleEuicc(run.pki) })(run),
      '8.1.3/6.1',
    ],
    [
      'of a eUICC that the EUM may not speak for',
      (run) => changed({ euicc: issueEuicc(run.pki, foreignEid) })(run),
      '8.1.3/6.1',
    ],
    [
      'of a eUICC that another EUM made',
      (run) => changed({ euicc: otherCi().euicc })(run),
      '8.1.3/6.1',
    ],
    ['of an expired eUICC', (run) => changed({ euicc: expiredEuicc(run.pki) })(run), '8.1.3/6.3'],
    ['signed with another key', (run) => changed({ key: run.pki.eum.key })(run), '8.1/6.1'],
    ['with another serverChallenge', changed({ serverChallenge: challenge }), '8.1/6.1'],
    ['for an unknown matchingId', changed({ matchingId: 'NO-SUCH' }), '8.2.6/3.8'],
    ['without a matchingId, where no order has the EID', (run) => run.euicc.open({}), '8.2.6/3.8'],
    [
      'without the capability that the profile needs',
      changed({ info2: { uiccCapability: ['usimSupport'] } }),
      '8.2.5/4.3',
    ],
    [
      'with an older profile package version',
      changed({ info2: { profileVersion: hex('010000') } }),
      '8.2.5/4.3',
    ],
    [
      'without support for test profiles',
      changed({ info2: { rspCapability: ['additionalProfile'] } }),
      '8.2.5/4.3',
    ],
    [
      'with too little memory',
      changed({ info2: { extCardResource: hex('810100 820203E8 83020100') } }),
      '8.1/4.8',
    ],
  ];
  for (const [title, ask, code] of refusals) {
    it(`${title}: ${code}`, async (test) => {
      const run = await running(test);
      assert.equal((await ask(run)).code, code);
      // A refusal ends the session; another try begins anew and succeeds.
      assert.equal(run.smdpp.sessions, 0);
      assert.equal((await run.euicc.open({ matchingId })).code, 'ok');
    });
  }

  it('with an EUICCInfo2 that lacks its fields, though signed: 1.3.1/2.1', async (test) => {
    const { euicc } = await running(test);
    const bare = tlv(0xbf22, hex('8103020301'));
    assert.equal((await euicc.open({ matchingId, rawInfo2: bare })).code, '1.3.1/2.1');
  });

  it('with any one bit changed (60 of them, seeded)', async (test) => {
    const { euicc, es9, smdpp } = await running(test);
    const next = seededNumbers(6);
    for (let i = 0; i < 60; i++) {
      const initiated = await euicc.initiate();
      const response = euicc.authenticateServerResponse(initiated, { matchingId });
      const at = Math.floor(next() * response.length);
      response[at] = (response[at] ?? 0) ^ (1 << Math.floor(next() * 8));
      const answer = await es9.post('authenticateClient', {
        transactionId: initiated.fields.transactionId,
        authenticateServerResponse: base64(response),
      });
      assert.equal(answer.status, 200);
      assert.notEqual(answer.code, 'ok', `bit of octet ${at}`);
    }
    assert.equal(smdpp.profile(matchingId)?.state.at, 'released');
  });

  it('with a transactionId nobody knows: 8.10.1/3.9', async (test) => {
    const { euicc } = await running(test);
    const initiated = await euicc.initiate();
    const unknown = {
      ...initiated,
      fields: { ...initiated.fields, transactionId: '00'.repeat(16) },
    };
    assert.equal((await euicc.authenticate(unknown, { matchingId })).code, '8.10.1/3.9');
    assert.equal((await euicc.authenticate(initiated, { matchingId })).code, 'ok');
  });

  it('once its session is too old: 8.10.1/3.9', async (test) => {
    const { euicc, clock } = await running(test);
    const initiated = await euicc.initiate();
    await clock.turn(30 * 60 * 1000);
    assert.equal((await euicc.authenticate(initiated, { matchingId })).code, '8.10.1/3.9');
  });

  it('a second one that differs, in the same session: 8.10.1/3.9', async (test) => {
    const { euicc } = await running(test);
    const initiated = await euicc.initiate();
    assert.equal((await euicc.authenticate(initiated, { matchingId })).code, 'ok');
    assert.equal((await euicc.authenticate(initiated, { matchingId: '' })).code, '8.10.1/3.9');
  });

  it('with a policy rule that the eUICC forbids: 8.2.5/4.3', async (test) => {
    const rules = { ...metadata, profilePolicyRules: ['ppr1'] as const };
    const { euicc } = await running(test, { metadata: rules });
    const forbids = { matchingId, info2: { forbiddenProfilePolicyRules: ['ppr1'] as const } };
    assert.equal((await euicc.open(forbids)).code, '8.2.5/4.3');
    assert.equal((await euicc.open({ matchingId })).code, 'ok');
  });

  it('of another EID than the order has: 8.1.1/3.8', async (test) => {
    const { euicc, pki, euiccWith } = await running(test, { eid: labEid });
    const other = euiccWith(issueEuicc(pki, otherEid));
    assert.equal((await other.open({ matchingId })).code, '8.1.1/3.8');
    assert.equal((await euicc.open({ matchingId })).code, 'ok');
  });

  it('of another EID than the first that downloaded: 8.1.1/3.8', async (test) => {
    const { euicc, pki, euiccWith } = await running(test);
    const other = euiccWith(issueEuicc(pki, otherEid));
    const late = await other.open({ matchingId });
    await euicc.prepareDownload(await euicc.open({ matchingId }));
    assert.equal((await other.open({ matchingId })).code, '8.1.1/3.8');
    assert.equal((await other.prepareDownload(late)).code, '8.1.1/3.8');
  });

  it('of an expired order, now and later: 8.8.5/4.10', async (test) => {
    const expires = Date.UTC(2026, 0, 2);
    const { euicc, clock, smdpp } = await running(test, { expires });
    assert.equal((await euicc.open({ matchingId })).code, 'ok');
    await clock.turn(24 * 60 * 60 * 1000);
    for (let i = 0; i < 2; i++) {
      assert.equal((await euicc.open({ matchingId })).code, '8.8.5/4.10');
    }
    const failure = { cause: 'expired' };
    assert.deepEqual(smdpp.profile(matchingId)?.state, { at: 'error', failure });
  });

  it('of an order whose attempts are used up: 8.8.5/6.4', async (test) => {
    const { euicc } = await running(test, {}, { limits: { attempts: 2 } });
    for (let i = 0; i < 2; i++) {
      const answer = await euicc.prepareDownload(await euicc.open({ matchingId }));
      assert.equal(answer.code, 'ok');
    }
    for (let i = 0; i < 2; i++) {
      assert.equal((await euicc.open({ matchingId })).code, '8.8.5/6.4');
    }
  });
});

describe('SM-DP+ refuses GetBoundProfilePackage', () => {
  const refusals: [string, (run: Running, authenticated: Reply) => Promise<Reply>, string][] = [
    [
      'with another transactionId signed',
      ({ euicc }, authenticated) =>
        euicc.prepareDownload(authenticated, { signedTransactionId: challenge }),
      '8.10.1/3.9',
    ],
    [
      'of a eUICC that answered with an error',
      ({ es9 }, { fields: { transactionId } }) =>
        es9.post('getBoundProfilePackage', {
          transactionId,
          prepareDownloadResponse: errorArm(0xbf21, transactionId, 2),
        }),
      '8.1/4.2',
    ],
    [
      'signed with another key',
      ({ euicc, pki }, authenticated) => euicc.prepareDownload(authenticated, { key: pki.eum.key }),
      '8.1/6.1',
    ],
    [
      'with a one-time key that is no point',
      ({ euicc }, authenticated) => euicc.prepareDownload(authenticated, { otpk: challenge }),
      '1.3.1/2.1',
    ],
  ];
  for (const [title, ask, code] of refusals) {
    it(`${title}: ${code}`, async (test) => {
      const run = await running(test);
      const answer = await ask(run, await run.euicc.open({ matchingId }));
      assert.equal(answer.code, code);
      assert.equal(answer.fields.boundProfilePackage, undefined);
      assert.equal(run.smdpp.sessions, 0);
      assert.equal(run.smdpp.profile(matchingId)?.state.at, 'released');
      assert.equal(run.smdpp.profile(matchingId)?.attempts, 0);
    });
  }

  it('in a session without an authenticated eUICC, or in none: 8.10.1/3.9', async (test) => {
    const { euicc, es9 } = await running(test);
    const { transactionId } = (await euicc.initiate()).fields;
    const prepareDownloadResponse = errorArm(0xbf21, transactionId, 2);
    for (const id of [transactionId, '0102']) {
      const body = { transactionId: id, prepareDownloadResponse };
      assert.equal((await es9.post('getBoundProfilePackage', body)).code, '8.10.1/3.9');
    }
  });

  it('without the confirmation code that is due: 8.2.7/2.2', async (test) => {
    const { euicc, smdpp } = await running(test, { confirmationCode: '12345678' });
    const authenticated = await euicc.open({ matchingId });
    assert.equal((await euicc.prepareDownload(authenticated)).code, '8.2.7/2.2');
    assert.equal(smdpp.profile(matchingId)?.wrongConfirmationCodes, 0);
  });

  it('with a wrong one: 8.2.7/3.8, and the last time 8.2.7/6.4', async (test) => {
    const { euicc, smdpp } = await running(test, { confirmationCode: '12345678' });
    for (const due of ['8.2.7/3.8', '8.2.7/3.8', '8.2.7/6.4']) {
      const authenticated = await euicc.open({ matchingId });
      const answer = await euicc.prepareDownload(authenticated, { confirmationCode: '1234' });
      assert.equal(answer.code, due);
    }
    const failure = { cause: 'confirmationCode' };
    assert.deepEqual(smdpp.profile(matchingId)?.state, { at: 'error', failure });
    assert.equal((await euicc.open({ matchingId })).code, '8.2/1.2');
  });

  it('with the hash of another transaction: 8.2.7/3.8', async (test) => {
    const { euicc } = await running(test, { confirmationCode: '12345678' });
    const authenticated = await euicc.open({ matchingId });
    // SHA-256(SHA-256("12345678") ‖ 00112233445566778899AABBCCDDEEFF), computed elsewhere.
    const hashCc = hex('8D8C7FEDC8D71C360FC2A64588A0C91666111939D42AF4D1FE0FD1E057EAB543');
    assert.equal((await euicc.prepareDownload(authenticated, { hashCc })).code, '8.2.7/3.8');
  });

  it('of an order that expired meanwhile: 8.8.5/4.10', async (test) => {
    const { euicc, clock } = await running(test, { expires: Date.UTC(2026, 0, 1, 0, 10) });
    const authenticated = await euicc.open({ matchingId });
    await clock.turn(10 * 60 * 1000);
    assert.equal((await euicc.prepareDownload(authenticated)).code, '8.8.5/4.10');
  });
});

describe('SM-DP+ and CancelSession', () => {
  for (const [reason, at] of [
    [0, 'error'],
    [1, 'released'],
    [2, 'released'],
    [3, 'error'],
    [4, 'error'],
    [127, 'error'],
  ] as const) {
    it(`reason ${reason} leaves the order ${at}`, async (test) => {
      const { euicc, smdpp } = await running(test);
      const { transactionId } = (await euicc.open({ matchingId })).fields;
      const answer = await euicc.cancel(transactionId, reason);
      assert.deepEqual([answer.status, answer.code], [200, 'ok']);
      assert.equal(smdpp.sessions, 0);
      const state = smdpp.profile(matchingId)?.state;
      assert.equal(state?.at, at);
      if (state?.at === 'error') {
        assert.deepEqual(state.failure, { cause: 'cancelled', reason });
      }
      assert.equal((await euicc.cancel(transactionId, reason)).code, '8.10.1/3.9');
      assert.equal((await euicc.open({ matchingId })).code, at === 'error' ? '8.2/1.2' : 'ok');
    });
  }

  it('refuses what the eUICC did not sign, and the session goes on', async (test) => {
    const { euicc, es9, pki, smdpp } = await running(test);
    const initiated = await euicc.initiate();
    const { transactionId } = initiated.fields;
    assert.equal((await euicc.cancel(transactionId, 0)).code, '8.1/6.1');
    const authenticated = await euicc.authenticate(initiated, { matchingId });
    const stranger = { key: pki.eum.key };
    assert.equal((await euicc.cancel(transactionId, 0, stranger)).code, '8.1/6.1');
    const elsewhere = { smdpOid: '2.999.12' };
    assert.equal((await euicc.cancel(transactionId, 0, elsewhere)).code, '8.8/3.10');
    const cancelSessionResponse = base64(hex('BF41 03 810105'));
    const errorAnswer = await es9.post('cancelSession', { transactionId, cancelSessionResponse });
    assert.equal(errorAnswer.code, '8.1/4.2');
    assert.equal(smdpp.profile(matchingId)?.state.at, 'released');
    assert.equal((await euicc.prepareDownload(authenticated)).code, 'ok');
  });
});

describe('SM-DP+ and requests that are none', () => {
  const bodies: [string, object | string, string][] = [
    ['no JSON', '{"transactionId":', '1.3.1/2.1'],
    ['no object', '["transactionId"]', '1.3.1/2.1'],
    ['a missing element', {}, '1.3.1/2.2'],
    ['a number for a text', { transactionId: 1 }, '1.3.1/2.1'],
    ['a transactionId that is not hex', { transactionId: 'xyz' }, '1.3.1/2.1'],
    ['a transactionId of 17 octets', { transactionId: '00'.repeat(17) }, '1.3.1/2.1'],
    ['bad base64', { transactionId: '00', authenticateServerResponse: '*' }, '1.3.1/2.1'],
    [
      'DER that ends too early',
      { transactionId: '00', authenticateServerResponse: base64(hex('BF3810')) },
      '1.3.1/2.1',
    ],
    [
      'a property of all objects for an element',
      { transactionId: '00', __proto__: { authenticateServerResponse: '00' } },
      '1.3.1/2.2',
    ],
  ];
  for (const [title, body, code] of bodies) {
    it(`${title}: ${code}`, async (test) => {
      const { es9 } = await running(test);
      const answer = await es9.post('authenticateClient', body);
      assert.deepEqual([answer.status, answer.code], [200, code]);
    });
  }

  it('a compact response, which is for the eIM: 1.3.1/2.1', async (test) => {
    const { euicc, es9 } = await running(test);
    const { transactionId } = (await euicc.initiate()).fields;
    const compact = tlv(0xbf38, tlv(0xa2, tlv(0xa0, hex('8400')), tlv(0x5f37, challenge)));
    const authenticateServerResponse = base64(compact);
    const body = { transactionId, authenticateServerResponse };
    assert.equal((await es9.post('authenticateClient', body)).code, '1.3.1/2.1');
  });

  it('an euiccChallenge of 15 octets: 1.3.1/2.1', async (test) => {
    const { es9, smdpp, euicc } = await running(test);
    const answer = await es9.post('initiateAuthentication', {
      euiccChallenge: base64(challenge.subarray(1)),
      euiccInfo1: base64(euicc.info1()),
      smdpAddress: smdpp.address,
    });
    assert.equal(answer.code, '1.3.1/2.1');
  });

  it('another content type or protocol: 1.2.1/2.1, 1.2.2/2.1', async (test) => {
    const { es9 } = await running(test);
    const text = await es9.post('cancelSession', {}, { 'Content-Type': 'text/plain' });
    assert.equal(text.code, '1.2.1/2.1');
    const other = { 'Content-Type': 'application/json', 'X-Admin-Protocol': 'smpp/v2' };
    assert.equal((await es9.post('cancelSession', {}, other)).code, '1.2.2/2.1');
    const right = { 'Content-Type': 'application/json', 'X-Admin-Protocol': 'gsma/rsp/v2.4.0' };
    assert.equal((await es9.post('cancelSession', {}, right)).code, '1.3.1/2.2');
  });

  it('another path, method or size: HTTP 404, 405, 413', async (test) => {
    const { es9, drops } = await running(test, {}, { limits: { body: 1000 } });
    assert.equal((await es9.post('confirmOrder', {})).status, 404);
    assert.equal((await es9.post('../../../toString', {})).status, 404);
    assert.equal((await es9.post('cancelSession', '', {}, 'GET')).status, 405);
    assert.equal((await es9.post('cancelSession', 'x'.repeat(1001))).status, 413);
    assert.equal(drops.of('smdpp: body too large'), 1);
  });

  it('the SVN of EUICCInfo1 alone decides, not unknown elements', async (test) => {
    const { euicc } = await running(test);
    const info1 = EUICCInfo1.decode(euicc.info1());
    const further = EUICCInfo1.encode({ ...info1, unknown: [hex('910102')] });
    assert.equal((await euicc.initiate(further)).code, 'ok');
  });

  it('a profile whose header does not parse is the eUICC to refuse', async (test) => {
    const { euicc } = await running(test, { upp: hex('A0 05 80 01') });
    assert.equal((await euicc.open({ matchingId })).code, 'ok');
    const iccid = iccidOfDigits('89880000000000000017');
    assert.ok(makeProfile({ iccid }).length > 0);
  });
});

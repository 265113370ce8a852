/** Every ESipa function over every binding: CoAP, HTTPS in ASN.1, HTTPS in JSON. The answers are the same octets. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fromUtf8, hex, toHex, utf8 } from '../../src/base/bytes.ts';
import { Es9Error } from '../../src/es9/errors.ts';
import { handleEsipa } from '../../src/esipa/coap.ts';
import { EsipaHttps } from '../../src/esipa/https.ts';
import { EsipaMessageFromIpaToEim } from '../../src/messages/esipa.ts';
import { eidOctets, parseEid } from '../../src/messages/ids.ts';
import { tlv } from '../../src/messages/tlv.ts';
import type { Caller } from '../../src/procedures/eim.ts';
import { answerOfJson, jsonOfMessage } from '../../tools/lab/ipa/https-json.ts';
import { Download } from '../procedures/download.ts';
import { eid } from '../procedures/euicc.ts';
import { Rig, stranger } from '../procedures/rig.ts';
import { transactionId } from '../procedures/smdp.ts';

const minute = 60_000;

/** Carries one message, DER there and back. */
type Carry = (message: Uint8Array, by: Caller) => Promise<Uint8Array>;

const protocol = 'gsma/rsp/v2.1.0';

const bindings: Readonly<Record<string, (rig: Rig) => Carry>> = {
  coaps: (rig) => async (body, caller) => {
    const settings = { paths: ['gsma/rsp2/asn1'], contentFormats: [42] };
    const path = ['gsma', 'rsp2', 'asn1'];
    const peer = { id: caller.peerId, send: () => {} };
    const asked = { peer, method: 'POST', path, query: [], body } as const;
    const response = await handleEsipa(rig.eim, settings, caller, asked);
    return response.body ?? new Uint8Array();
  },
  'https-asn1': (rig) => {
    const esipa = new EsipaHttps({ eim: rig.eim, reportKept: 10 * minute });
    const head = {
      method: 'POST',
      path: '/gsma/rsp2/asn1',
      contentType: 'application/x-gsma-rsp-asn1',
      adminProtocol: protocol,
    };
    return async (message, caller) => {
      assert.equal(esipa.refusal(head), undefined);
      const answer = await esipa.answer(head, message, { caller, owner: caller.peerId });
      assert.equal(answer.status, answer.body.length === 0 ? 204 : 200);
      return answer.body;
    };
  },
  'https-json': (rig) => {
    const esipa = new EsipaHttps({ eim: rig.eim, reportKept: 10 * minute });
    return async (message, caller) => {
      const { function: name, body } = jsonOfMessage(message);
      const head = {
        method: 'POST',
        path: `/gsma/rsp2/esipa/${name}`,
        contentType: 'application/json;charset=UTF-8',
        adminProtocol: protocol,
      };
      assert.equal(esipa.refusal(head), undefined);
      const asked = utf8(JSON.stringify(body));
      const answer = await esipa.answer(head, asked, { caller, owner: caller.peerId });
      assert.equal(answer.status, answer.body.length === 0 ? 204 : 200);
      if (answer.body.length === 0) return answer.body;
      return answerOfJson(name, JSON.parse(fromUtf8(answer.body)));
    };
  },
};

/** Has all that is said to the eIM go over a binding; gives what was answered to which function, as it comes. */
function over(rig: Rig, binding: (rig: Rig) => Carry): string[] {
  const carry = binding(rig);
  const answered: string[] = [];
  rig.say = async (message, by = { peerId: 'connection 1' }) => {
    const answer = await carry(EsipaMessageFromIpaToEim.encode(message), by);
    answered.push(`${message.type} ${toHex(answer)}`);
    return answer;
  };
  return answered;
}

const unknownEid = parseEid('89049032123451234512345678901332');
const unknownSession = hex('FFFFFFFF');

/** What devices say to the eIM; each begins with a rig of its own. */
const conversations: Readonly<Record<string, (rig: Rig) => Promise<void>>> = {
  'a poll that finds nothing, and one for an EID that nobody knows': async (rig) => {
    assert.equal((await rig.poll()).type, 'eimPackageError');
    const stray = await rig.poll(stranger, unknownEid);
    assert.deepEqual(stray, { type: 'eimPackageError', value: 2 });
  },
  'a poll that tells of a change': async (rig) => {
    const value = {
      eidValue: eidOctets(eid),
      notifyStateChange: true,
      stateChangeCause: 6,
    } as const;
    await rig.say({ type: 'getEimPackageRequest', value: { ...value, rPLMN: hex('62F210') } });
    assert.deepEqual((await rig.eim.euiccs.get(eid))?.stateChangeCauseList.length, 1);
  },
  'an eUICC Package and its result': async (rig) => {
    const order = await rig.enable();
    const signed = await rig.fetchPackage();
    const result = rig.euicc.result(signed, [{ type: 'enableResult', value: 0 }], { seqNumber: 7 });
    const taken = await rig.provide({ type: 'euiccPackageResult', value: result });
    assert.deepEqual(taken, { type: 'eimAcknowledgements', value: [7] });
    assert.equal((await rig.end(order)).success, true);
  },
  'an eUICC Package whose result comes with notifications': async (rig) => {
    const order = await rig.enable();
    const signed = await rig.fetchPackage();
    const euiccPackageResult = rig.euicc.result(signed, [{ type: 'enableResult', value: 0 }]);
    const notificationList = [rig.euicc.notification('notificationEnable')];
    const value = { euiccPackageResult, notificationList };
    await rig.provide({ type: 'ePRAndNotifications', value });
    assert.equal((await rig.end(order)).success, true);
  },
  'an eUICC Package whose result comes by HandleNotification': async (rig) => {
    const order = await rig.enable();
    const signed = await rig.fetchPackage();
    const result = rig.euicc.result(signed, [{ type: 'enableResult', value: 0 }]);
    const eimPackageResult = { type: 'euiccPackageResult', value: result } as const;
    const value = { eidValue: eidOctets(eid), eimPackageResult };
    const handled = { type: 'provideEimPackageResult', value } as const;
    await rig.say({ type: 'handleNotificationEsipa', value: handled });
    assert.equal((await rig.end(order)).success, true);
  },
  'a result without its EID, on the connection of its poll': async (rig) => {
    const order = await rig.enable();
    const signed = await rig.fetchPackage();
    const result = rig.euicc.result(signed, [{ type: 'enableResult', value: 0 }]);
    await rig.provide({ type: 'euiccPackageResult', value: result }, { of: null });
    assert.equal((await rig.end(order)).success, true);
  },
  'results for EIDs that nobody knows, or of nobody': async (rig) => {
    const value = { eimPackageResultErrorCode: 2 } as const;
    const error = { type: 'eimPackageResultResponseError', value } as const;
    assert.equal(
      (await rig.provide(error, { of: unknownEid })).type,
      'provideEimPackageResultError',
    );
    assert.equal((await rig.provide(error, { of: null })).type, 'provideEimPackageResultError');
    assert.equal((await rig.provide(error)).type, 'emptyResponse');
  },
  'a download from its trigger to its notification': async (rig) => {
    const download = await (await Download.next(rig)).toAuthenticated();
    const bound = await download.getBoundProfilePackage();
    assert.equal(bound.type, 'getBoundProfilePackageOkEsipa');
    await rig.notify(rig.euicc.installation(transactionId));
    assert.equal((await download.end()).success, true);
  },
  'a download that is cancelled': async (rig) => {
    const download = await (await Download.next(rig)).toAuthenticated();
    assert.equal((await download.cancel()).type, 'cancelSessionOk');
    assert.equal((await download.end()).success, false);
  },
  'a download without what the IPA may leave out': async (rig) => {
    await rig.eim.euiccs.update(eid, {});
    const download = await Download.next(rig);
    await download.initiate({ smdpAddress: 'smdp.example.com' });
    await download.initiate({ smdpAddress: 'other.example.com' });
    await download.initiate({ euiccInfo1: undefined, eimTransactionId: undefined });
  },
  'every function of a session that nobody knows': async (rig) => {
    const { euicc } = rig;
    await rig.say({
      type: 'initiateAuthenticationRequestEsipa',
      value: { euiccChallenge: new Uint8Array(16), eimTransactionId: unknownSession },
    });
    await rig.say({
      type: 'authenticateClientRequestEsipa',
      value: {
        transactionId: unknownSession,
        authenticateServerResponse: euicc.authenticateServer(transactionId),
      },
    });
    await rig.say({
      type: 'getBoundProfilePackageRequestEsipa',
      value: {
        transactionId: unknownSession,
        prepareDownloadResponse: euicc.prepareDownload(transactionId),
      },
    });
    await rig.say({
      type: 'cancelSessionRequestEsipa',
      value: {
        transactionId: unknownSession,
        cancelSessionResponse: euicc.cancelSession(transactionId, 5),
      },
    });
  },
  'an SM-DP+ that refuses': async (rig) => {
    const refusal = (subjectCode: string, reasonCode: string) =>
      new Es9Error({ subjectCode, reasonCode, message: 'no' });
    const download = await Download.next(rig);
    rig.smdp.next('initiateAuthentication', refusal('8.8.3', '3.1'));
    await download.initiate();
    const second = await Download.next(rig);
    await second.initiate();
    rig.smdp.next('authenticateClient', refusal('8.2.6', '3.8'));
    await second.authenticate();
  },
  'a question of the eIM and its answer': async (rig) => {
    await rig.eim.orders.submit({
      eid,
      facility: 'edr',
      request: { edr: { tagList: 'BF20A5A6' } },
    });
    await rig.poll();
    const data = tlv(0xbf52, tlv(0xa1, hex('020101')));
    const body = tlv(0xbf50, tlv(0x5a, hex(eid)), data);
    await rig.say(EsipaMessageFromIpaToEim.decode(body));
  },
};

describe('the answers over every binding', () => {
  for (const [what, talk] of Object.entries(conversations)) {
    it(`are the same: ${what}`, async () => {
      const answers: string[][] = [];
      for (const binding of Object.values(bindings)) {
        const rig = await Rig.with();
        const answered = over(rig, binding);
        await talk(rig);
        answers.push(answered);
      }
      const [coaps = [], ...others] = answers;
      assert.ok(coaps.length > 0);
      for (const other of others) assert.deepEqual(other, coaps);
    });
  }

  it('are of every function that an IPA calls', async () => {
    const called = new Set<string>();
    for (const talk of Object.values(conversations)) {
      const rig = await Rig.with();
      const answered = over(rig, bindings.coaps ?? assert.fail());
      await talk(rig);
      for (const one of answered) called.add(one.split(' ')[0] ?? '');
    }
    assert.deepEqual([...called].sort(), [
      'authenticateClientRequestEsipa',
      'cancelSessionRequestEsipa',
      'getBoundProfilePackageRequestEsipa',
      'getEimPackageRequest',
      'handleNotificationEsipa',
      'initiateAuthenticationRequestEsipa',
      'provideEimPackageResult',
    ]);
  });

  it('are the same in a procedure that goes on over another binding with each message', async () => {
    const rig = await Rig.with();
    const carries = Object.values(bindings).map((binding) => binding(rig));
    let turn = 0;
    rig.say = async (message) => {
      const carry = carries[turn % carries.length] ?? assert.fail();
      const by = { peerId: `connection ${turn++}` };
      return carry(EsipaMessageFromIpaToEim.encode(message), by);
    };
    const download = await (await Download.next(rig)).toAuthenticated();
    await download.getBoundProfilePackage();
    await rig.notify(rig.euicc.installation(transactionId));
    assert.equal((await download.end()).success, true);
    assert.ok(turn > 4);
  });
});

/** Direct downloads (SGP.32 3.2.1; facts sheet sgp32-eim 1.4, 1.5.5, 4.3): triggers of every form, and how they end. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { concat, hex, toHex, utf8 } from '../../src/base/bytes.ts';
import { IpaCapabilities } from '../../src/messages/ipa-euicc-data.ts';
import type { ProfileDownloadTriggerResult } from '../../src/messages/profile-download.ts';
import type { DownloadRequest, Order } from '../../src/orders/order.ts';
import { newKey } from '../../tools/lab/pki/issue.ts';
import { eid, iccid, pki } from './euicc.ts';
import { activationCode, caller, Rig, stranger } from './rig.ts';
import { transactionId } from './smdp.ts';

type Data = ProfileDownloadTriggerResult['profileDownloadTriggerResultData'];

function place(rig: Rig, download: DownloadRequest = { activationCode }): Promise<Order> {
  return rig.eim.orders.submit({ eid, facility: 'download', request: { download } });
}

async function trigger(rig: Rig) {
  const answer = await rig.poll();
  if (answer.type !== 'profileDownloadTriggerRequest') assert.fail(answer.type);
  return answer.value;
}

/** A download whose trigger the device has. */
async function begun(options: ConstructorParameters<typeof Rig>[0] = {}) {
  const rig = await Rig.with(options);
  const order = await place(rig);
  const { eimTransactionId } = await trigger(rig);
  assert.ok(eimTransactionId);
  return { rig, order, eimTransactionId };
}

function report(rig: Rig, eimTransactionId: Uint8Array | undefined, data: Data, by = caller) {
  const named = eimTransactionId === undefined ? {} : { eimTransactionId };
  return rig.provide(
    {
      type: 'profileDownloadTriggerResult',
      value: { ...named, profileDownloadTriggerResultData: data },
    },
    { by },
  );
}

const installError = {
  type: 'errorResult',
  value: { bppCommandId: 5, errorReason: 10 },
} as const;

/** IpaEuiccData with the certificates, or an error. */
async function answerQuestion(rig: Rig, certificates: boolean): Promise<void> {
  const question = await rig.poll();
  if (question.type !== 'ipaEuiccDataRequest') assert.fail(question.type);
  const { eimTransactionId } = question.value;
  assert.ok(eimTransactionId);
  await rig.provide({
    type: 'ipaEuiccDataResponse',
    value: certificates
      ? {
          type: 'ipaEuiccData',
          value: {
            eimTransactionId,
            euiccCertificate: pki.euicc.certificate,
            eumCertificate: pki.eum.certificate,
          },
        }
      : {
          type: 'ipaEuiccDataResponseError',
          value: { eimTransactionId, ipaEuiccDataErrorCode: 127 },
        },
  });
}

describe('a trigger', () => {
  const forms: readonly (readonly [DownloadRequest, object])[] = [
    [{ activationCode }, { type: 'activationCode', value: activationCode }],
    [{ defaultSmdp: true }, { type: 'contactDefaultSmdp', value: true }],
    [
      { smds: { address: 'smds.example.com' } },
      { type: 'contactSmds', value: { smdsAddress: 'smds.example.com' } },
    ],
    [{ smds: {} }, { type: 'contactSmds', value: {} }],
  ];
  for (const [download, data] of forms) {
    it(`of ${JSON.stringify(download)} names ${JSON.stringify(data)}`, async () => {
      const rig = await Rig.with();
      await place(rig, download);
      assert.deepEqual((await trigger(rig)).profileDownloadData, data);
    });
  }

  it('is refused to an IPA that cannot go that way', async () => {
    const rig = await Rig.with();
    const able = async (...ipaFeatures: IpaCapabilities['ipaFeatures']) =>
      rig.eim.euiccs.update(eid, { ipaCapabilities: IpaCapabilities.encode({ ipaFeatures }) });
    await able('indirectRspServerCommunication');
    const direct = await place(rig, { activationCode, mode: 'direct' });
    assert.deepEqual(await rig.poll(), { type: 'eimPackageError', value: 1 });
    assert.match((await rig.end(direct)).reason, /has told that it cannot go to SM-DP\+s itself/);
    await able('directRspServerCommunication');
    const indirect = await place(rig, { activationCode, mode: 'indirect' });
    assert.deepEqual(await rig.poll(), { type: 'eimPackageError', value: 1 });
    assert.match((await rig.end(indirect)).reason, /cannot download through its eIM/);
    await place(rig, { activationCode, mode: 'direct' });
    assert.ok(await trigger(rig));
  });

  it('holds no data where an IPA that leaves them to the eIM is to go through it', async () => {
    const rig = await Rig.with();
    const ipaCapabilities = IpaCapabilities.encode({
      ipaFeatures: [
        'directRspServerCommunication',
        'indirectRspServerCommunication',
        'eimDownloadDataHandling',
      ],
    });
    await rig.eim.euiccs.update(eid, { ipaCapabilities });
    const order = await place(rig, { activationCode, mode: 'indirect' });
    assert.equal((await trigger(rig)).profileDownloadData, undefined);
    await rig.eim.orders.cancel(order.id);
    await place(rig, { activationCode });
    assert.ok((await trigger(rig)).profileDownloadData);
  });
});

describe('the result of a trigger', () => {
  it('of an installation that failed ends its order with the reason', async () => {
    const { rig, order, eimTransactionId } = await begun();
    const { value } = rig.euicc.installation(transactionId, installError);
    await report(rig, eimTransactionId, { type: 'profileInstallationResult', value });
    const { success, outcome, reason } = await rig.end(order);
    assert.equal(success, false);
    assert.deepEqual(outcome, [{ profileInstallationResult: { finalResult: 'errorResult' } }]);
    assert.match(reason, /InsufficientMemoryForProfile at loadProfileElements/);
  });

  it('may leave its eimTransactionId out, of who fetches for the EID alone', async () => {
    const { rig, order } = await begun();
    const data = rig.euicc.installation(transactionId);
    await report(rig, undefined, data, stranger);
    assert.equal(await rig.at(order), 'work');
    await report(rig, undefined, data);
    assert.equal((await rig.end(order)).success, true);
  });

  it('may come in HandleNotification', async () => {
    const { rig, order, eimTransactionId } = await begun();
    const value = {
      eimPackageResult: {
        type: 'profileDownloadTriggerResult',
        value: {
          eimTransactionId,
          profileDownloadTriggerResultData: rig.euicc.installation(transactionId),
        },
      },
    } as const;
    const message = { type: 'provideEimPackageResult', value } as const;
    const answer = await rig.say({ type: 'handleNotificationEsipa', value: message });
    assert.equal(answer.length, 0);
    assert.equal((await rig.end(order)).success, true);
  });

  for (const [code, name] of [
    [104, /ecallActive: the device has an emergency call.*order the download again later/],
    [127, /undefinedError/],
  ] as const) {
    it(`that is error ${code} ends its order, with what the IPA was answered`, async () => {
      const { rig, order, eimTransactionId } = await begun();
      await report(rig, eimTransactionId, {
        type: 'profileDownloadError',
        value: { profileDownloadErrorReason: code, errorResponse: hex('DEAD') },
      });
      const { success, outcome, reason } = await rig.end(order);
      assert.equal(success, false);
      assert.deepEqual(outcome, [{ procedureError: 'undefinedError' }]);
      assert.match(reason, name);
      assert.match(reason, /answered DEAD/);
    });
  }

  const refusal = {
    header: {
      functionExecutionStatus: {
        status: 'Failed',
        statusCodeData: {
          subjectCode: '8.2.6',
          reasonCode: '3.8',
          message: 'nothing for matching-id',
        },
      },
    },
  };
  for (const [what, response, said] of [
    [
      "a server's refusal",
      utf8(JSON.stringify(refusal)),
      /undefinedError; it was answered 8\.2\.6\/3\.8 nothing for …; the matchingId is unknown, or/,
    ],
    [
      'text',
      utf8('SM-DP+ asked for\nMATCHING-ID: no route\t'),
      /it was answered SM-DP\+ asked for …: no route$/,
    ],
    [
      'something else, with the matchingId in it',
      concat(hex('3082'), utf8('MATCHING-ID'), hex('00FF')),
      /it was answered 3082…00FF \(eim decode/,
    ],
    ['text with what terminals obey', utf8('\u001b[2J'), /it was answered 1B5B324A \(eim decode/],
    ['very long text', utf8('no '.repeat(2000)), /answered (no ){100}…$/],
  ] as const) {
    it(`that is an error tells what the IPA was answered: ${what}`, async () => {
      const { rig, order, eimTransactionId } = await begun();
      await report(rig, eimTransactionId, {
        type: 'profileDownloadError',
        value: { profileDownloadErrorReason: 127, errorResponse: response },
      });
      const { reason } = await rig.end(order);
      assert.match(reason, said);
      const everything = [
        ...(await rig.history(order)),
        ...rig.lines.map((line) => JSON.stringify(line)),
      ];
      const secret = /MATCHING-ID|4D41544348494E472D4944/i;
      assert.ok(!everything.some((line) => secret.test(line)));
    });
  }

  it('counts once: the notification of the same installation finds the order ended', async () => {
    const { rig, order, eimTransactionId } = await begun();
    const next = await place(rig, { activationCode: '1$smdp.example.com$OTHER' });
    const data = rig.euicc.installation(transactionId, undefined, { seqNumber: 50 });
    await report(rig, eimTransactionId, data);
    const ended = await rig.order(order);
    await trigger(rig);
    await report(rig, eimTransactionId, data);
    await rig.notify(data);
    assert.deepEqual(await rig.order(order), ended);
    assert.equal(await rig.at(next), 'work', 'it is not the result of the next download');
  });

  it('is told late where the order was cancelled, and counts for the picture', async () => {
    const { rig, order, eimTransactionId } = await begun();
    await rig.eim.orders.cancel(order.id);
    await report(rig, eimTransactionId, rig.euicc.installation(transactionId));
    assert.equal((await rig.end(order)).success, false);
    assert.match((await rig.history(order)).at(-1) ?? '', /told late: after the end: .*installed/);
    assert.deepEqual(
      (await rig.eim.euiccs.ensure(eid)).profiles?.list.map((profile) => profile.iccid),
      [iccid],
    );
  });
});

describe('the notification of an installation', () => {
  it('ends a direct download before the result of its trigger does', async () => {
    const { rig, order, eimTransactionId } = await begun();
    const data = rig.euicc.installation(transactionId, undefined, { seqNumber: 50 });
    await rig.notify(data);
    const ended = await rig.order(order);
    assert.equal((await rig.end(order)).success, true);
    await report(rig, eimTransactionId, data);
    assert.deepEqual(await rig.order(order), ended);
  });

  it('ends it also in its other form, which its chain proves', async () => {
    const { rig, order } = await begun({ keyKnown: false });
    await rig.notify(rig.euicc.notification('notificationInstall', { key: newKey() }));
    assert.equal(await rig.at(order), 'work');
    await rig.notify(rig.euicc.notification('notificationEnable'));
    assert.equal(await rig.at(order), 'work');
    await rig.notify(rig.euicc.notification('notificationInstall'));
    const { success, outcome } = await rig.end(order);
    assert.equal(success, true);
    assert.deepEqual(outcome, [
      { profileInstallationResult: { finalResult: 'successResult', iccid } },
    ]);
  });
});

describe('a result of a eUICC whose key is not known', () => {
  it('waits while the certificates are asked for, and is then proven', async () => {
    const { rig, order, eimTransactionId } = await begun({ keyKnown: false });
    await report(rig, eimTransactionId, rig.euicc.installation(transactionId));
    assert.equal(await rig.at(order), 'work');
    await rig.restart();
    await answerQuestion(rig, true);
    const { state } = await rig.order(order);
    assert.ok(state.at === 'done' && state.success && state.unproven === undefined);
    assert.match(state.reason, /signed installation result/);
  });

  it('is not believed where the certificates prove that another signed it', async () => {
    const { rig, order, eimTransactionId } = await begun({ keyKnown: false });
    const forged = rig.euicc.installation(transactionId, undefined, { key: newKey() });
    await report(rig, eimTransactionId, forged);
    await answerQuestion(rig, true);
    assert.equal(await rig.at(order), 'work');
    assert.match((await rig.history(order)).join('\n'), /installation result not believed/);
    await report(rig, eimTransactionId, rig.euicc.installation(transactionId));
    assert.equal((await rig.end(order)).success, true);
  });

  it('ends the order unproven where the IPA does not tell the certificates', async () => {
    const { rig, order, eimTransactionId } = await begun({ keyKnown: false });
    await report(rig, eimTransactionId, rig.euicc.installation(transactionId));
    await answerQuestion(rig, false);
    const { state } = await rig.order(order);
    assert.ok(state.at === 'done' && state.success && state.unproven === true);
    assert.match(state.reason, /unproven \(the key of this eUICC is not known/);
  });

  it('ends the order unproven where the IPA never answers', async () => {
    const { rig, order, eimTransactionId } = await begun({ keyKnown: false });
    await report(rig, eimTransactionId, rig.euicc.installation(transactionId));
    for (let polls = 0; polls < 4; polls++) {
      assert.equal((await rig.poll()).type, 'ipaEuiccDataRequest');
      await report(rig, eimTransactionId, rig.euicc.installation(transactionId));
    }
    assert.deepEqual(await rig.poll(), { type: 'eimPackageError', value: 1 });
    const { state } = await rig.order(order);
    assert.ok(state.at === 'done' && state.unproven === true);
  });
});

describe('a download through the eIM to a server that the eUICC names', () => {
  async function asked(download: DownloadRequest, told: object) {
    const rig = await Rig.with();
    const order = await place(rig, download);
    const question = await rig.poll();
    if (question.type !== 'ipaEuiccDataRequest') assert.fail(question.type);
    assert.equal(toHex(question.value.tagList), '8183A8');
    const { eimTransactionId } = question.value;
    assert.ok(eimTransactionId);
    await rig.provide({
      type: 'ipaEuiccDataResponse',
      value: { type: 'ipaEuiccData', value: { eimTransactionId, ...told } },
    });
    return { rig, order };
  }

  it('asks for its address first, once', async () => {
    const { rig, order } = await asked(
      { smds: {}, mode: 'indirect' },
      { rootSmdsAddress: 'root.example.com' },
    );
    assert.ok((await trigger(rig)).profileDownloadData);
    await rig.eim.orders.cancel(order.id);
    await place(rig, { smds: {}, mode: 'indirect' });
    assert.ok(await trigger(rig));
  });

  it('ends where the eUICC has none', async () => {
    const { rig, order } = await asked({ defaultSmdp: true, mode: 'indirect' }, {});
    assert.match((await rig.end(order)).reason, /the eUICC has none; name it in the order/);
  });
});

describe('the octets of a trigger', () => {
  it('are those of the facts sheet', async () => {
    const rig = await Rig.with();
    await place(rig, { smds: { address: 'smds.example.com' } });
    const octets = toHex(await rig.pollBytes());
    // BF54 1C A0 14 A2 12 80 10 "smds.example.com" 82 04 <TX>, with a TX of 16 octets.
    assert.match(octets, /BF5428A014A2128010736D64732E6578616D706C652E636F6D8210/);
  });
});

describe('what comes home of an earlier direct download', () => {
  const second = '1$smdp.example.com$SECOND';

  it('does not end the next, also where the IPA leaves the eimTransactionId out', async () => {
    const { rig, eimTransactionId } = await begun();
    const data = rig.euicc.installation(transactionId);
    await report(rig, eimTransactionId, data);
    const next = await place(rig, { activationCode: second });
    const named = (await trigger(rig)).eimTransactionId;
    await report(rig, undefined, data);
    assert.equal(await rig.at(next), 'work');
    await report(rig, named, data);
    assert.equal(await rig.at(next), 'work', 'whatever transaction it is told under');
    await report(rig, undefined, rig.euicc.installation(new Uint8Array(16).fill(9)));
    assert.equal((await rig.end(next)).success, true);
  });

  it('does not end the next as a notification, where the installation failed', async () => {
    const { rig, order, eimTransactionId } = await begun();
    const data = rig.euicc.installation(transactionId, installError);
    await report(rig, eimTransactionId, data);
    assert.equal((await rig.end(order)).success, false);
    const next = await place(rig, { activationCode: second });
    await trigger(rig);
    await rig.restart();
    await trigger(rig);
    await rig.notify(data);
    assert.equal(await rig.at(next), 'work');
    await rig.notify(rig.euicc.installation(new Uint8Array(16).fill(9)));
    assert.equal((await rig.end(next)).success, true);
  });

  it('does not end the next where the earlier one was cancelled: only the result of a trigger tells', async () => {
    const { rig, order, eimTransactionId } = await begun();
    await rig.eim.orders.cancel(order.id);
    const next = await place(rig, { activationCode: second });
    const named = (await trigger(rig)).eimTransactionId;
    const data = rig.euicc.installation(transactionId);
    await rig.notify(data);
    assert.equal(await rig.at(next), 'work');
    await report(rig, eimTransactionId, data);
    assert.equal(await rig.at(next), 'work');
    assert.match((await rig.history(order)).at(-1) ?? '', /told late: after the end: .*installed/);
    await report(rig, named, rig.euicc.installation(new Uint8Array(16).fill(9)));
    assert.equal((await rig.end(next)).success, true);
  });
});

describe('a notification of an installation that others are told of too', () => {
  it('does not end the next download, under whatever seqNumber it comes', async () => {
    const { rig, eimTransactionId } = await begun();
    await report(rig, eimTransactionId, rig.euicc.installation(transactionId));
    const next = await place(rig, { activationCode: '1$smdp.example.com$SECOND' });
    await trigger(rig);
    await rig.notify(rig.euicc.notification('notificationInstall'));
    assert.equal(await rig.at(next), 'work');
  });
});

describe('a direct download whose SM-DP+ gives a transactionId that was used before', () => {
  it('ends with its own result', async () => {
    const rig = await Rig.with();
    const relayed = await place(rig);
    const first = await trigger(rig);
    const { eimTransactionId } = first;
    assert.ok(eimTransactionId);
    await rig.say({
      type: 'initiateAuthenticationRequestEsipa',
      value: { euiccChallenge: new Uint8Array(16), euiccInfo1: hex('BF2000'), eimTransactionId },
    });
    await rig.eim.orders.cancel(relayed.id);
    const order = await place(rig, { activationCode });
    const again = (await trigger(rig)).eimTransactionId;
    await report(rig, again, rig.euicc.installation(transactionId));
    assert.equal((await rig.end(order)).success, true);
  });
});

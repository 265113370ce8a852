/** ESipa over CoAP (SGP.32 6.1): which requests are ESipa, what is answered, and what octets that are none get. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { concat, hex, toHex, utf8 } from '../../src/base/bytes.ts';
import { CoapError } from '../../src/coap/codes.ts';
import type { CoapRequest, CoapResponse } from '../../src/coap/request.ts';
import { type EsipaCoapSettings, handleEsipa } from '../../src/esipa/coap.ts';
import { EsipaMessageFromIpaToEim } from '../../src/messages/esipa.ts';
import { tlv } from '../../src/messages/tlv.ts';
import { Download } from '../procedures/download.ts';
import { eid, pki } from '../procedures/euicc.ts';
import { caller, Rig, stranger } from '../procedures/rig.ts';
import { transactionId } from '../procedures/smdp.ts';

const peer = { id: 'connection 1', send: () => {} };
const settings: EsipaCoapSettings = { paths: ['gsma/rsp2/asn1', 'esipa'], contentFormats: [42] };
const poll = hex(`BF4F125A10${eid}`);
const nothing = 'BF4F03020101';

async function ask(
  rig: Rig,
  change: Partial<CoapRequest> = {},
  using: EsipaCoapSettings = settings,
  by = caller,
): Promise<CoapResponse> {
  const path = ['gsma', 'rsp2', 'asn1'];
  return handleEsipa(rig.eim, using, by, {
    peer,
    method: 'POST',
    path,
    query: [],
    body: poll,
    ...change,
  });
}

/** The answer's code, content format and body. */
function shown({ code, contentFormat, body }: CoapResponse): string {
  return `${code} ${contentFormat ?? '-'} ${body === undefined ? '-' : toHex(body)}`;
}

/** All that is in the store, as text. */
async function everything(rig: Rig): Promise<string> {
  const tables = ['order', 'euicc', 'transaction', 'euicc-data-request', 'notification', 'device'];
  const rows = await Promise.all(tables.map((name) => rig.store.list({ name })));
  return JSON.stringify(rows);
}

describe('ESipa over CoAP', () => {
  it('answers 2.05 with the content format of the request, else the first', async () => {
    const rig = await Rig.with();
    const more = { ...settings, contentFormats: [42, 65000] };
    assert.equal(shown(await ask(rig)), `2.05 42 ${nothing}`);
    assert.equal(shown(await ask(rig, { contentFormat: 42 })), `2.05 42 ${nothing}`);
    assert.equal(shown(await ask(rig, { contentFormat: 65000 }, more)), `2.05 65000 ${nothing}`);
    assert.equal(shown(await ask(rig, { accept: 65000 }, more)), `2.05 65000 ${nothing}`);
    const both = { contentFormat: 42, accept: 65000 };
    assert.equal(shown(await ask(rig, both, more)), `2.05 65000 ${nothing}`);
  });

  it('is served under each of its paths', async () => {
    const rig = await Rig.with();
    assert.equal((await ask(rig, { path: ['esipa'] })).code, '2.05');
    assert.equal((await ask(rig, { query: ['x=1'] })).code, '2.05');
  });

  it('answers 2.04 without a body where the function has no answer', async () => {
    const rig = await Rig.with();
    const body = EsipaMessageFromIpaToEim.encode({
      type: 'handleNotificationEsipa',
      value: { type: 'pendingNotification', value: rig.euicc.notification('notificationEnable') },
    });
    assert.equal(shown(await ask(rig, { body, contentFormat: 42 })), '2.04 - -');
  });

  const refused: Readonly<Record<string, readonly [change: Partial<CoapRequest>, code: string]>> = {
    'another path': [{ path: ['gsma', 'rsp2', 'esipa'] }, '4.04'],
    'no path': [{ path: [] }, '4.04'],
    'a longer path': [{ path: ['esipa', ''] }, '4.04'],
    'another method': [{ method: 'GET', body: new Uint8Array() }, '4.05'],
    'another method of another path': [{ method: 'GET', path: ['x'] }, '4.04'],
    'another content format': [{ contentFormat: 50 }, '4.15'],
    'another format to be answered in': [{ accept: 50 }, '4.06'],
  };
  for (const [name, [change, code]] of Object.entries(refused)) {
    it(`C14 refuses ${name} with ${code}`, async () => {
      const rig = await Rig.with();
      const before = await everything(rig);
      await assert.rejects(ask(rig, change), { name: 'CoapError', code });
      assert.equal(await everything(rig), before);
    });
  }

  it('hears out a compact result of no session that it knows: it would only come again', async () => {
    const rig = await Rig.with();
    // Facts sheet 11, "BF3D compact PIR"; the signature is a dummy.
    const body = hex(
      `BF3D66A064A062A01D80100101010101010101010101010101010102010BA206A0044F0200105F3740${'55'.repeat(64)}`,
    );
    assert.equal((await ask(rig, { body })).code, '2.04');
    assert.deepEqual(rig.smdp.calls, []);
  });

  it('answers 5.03 where too many notifications wait, so that the device keeps its own', async () => {
    const rig = await Rig.with();
    rig.smdp.always.handleNotification = new Promise(() => {});
    const notify = () =>
      ask(rig, {
        body: EsipaMessageFromIpaToEim.encode({
          type: 'handleNotificationEsipa',
          value: {
            type: 'pendingNotification',
            value: rig.euicc.notification('notificationEnable'),
          },
        }),
      });
    for (let i = 0; i < 256; i++) await notify();
    await assert.rejects(notify(), { name: 'CoapError', code: '5.03', maxAge: 3600 });
  });

  it('does not blame the device for an error of ours', async () => {
    const rig = await Rig.with();
    await rig.store.close();
    await assert.rejects(ask(rig), { name: 'StoreError' });
  });
});

describe('octets that are no ESipa message', () => {
  const bodies: Readonly<Record<string, readonly [body: Uint8Array, why: RegExp]>> = {
    'none at all': [new Uint8Array(), /ends within its tag/],
    'a text': [utf8('{"eidValue":"x"}'), /./],
    'octets after the message': [concat(poll, hex('00')), /1 octets after the end/],
    'a message cut off': [poll.subarray(0, -1), /length 18, but 17 octets left/],
    'an indefinite length': [hex(`BF4F805A10${eid}0000`), /indefinite length/],
    'a length not in its shortest form': [hex(`BF4F81125A10${eid}`), /shortest form/],
    'an unknown function': [hex('BF7A00'), /BF7A is no EsipaMessageFromIpaToEim/i],
    'an answer of an eIM': [hex('BF50023000'), /missing|twice|no /],
    'a function of the other direction': [hex('BF4E020500'), /not a function that an IPA calls/],
    'an ePRAndNotifications without its list': [
      tlv(0xbf50, tlv(0x30, tlv(0xbf51, hex('A205800365494D')))),
      /notificationList: missing/,
    ],
  };
  for (const [name, [body, why]] of Object.entries(bodies)) {
    it(`get 4.00 with the reason, and nothing is stored: ${name}`, async () => {
      const rig = await Rig.with();
      const before = await everything(rig);
      await assert.rejects(ask(rig, { body }), (error) => {
        assert.ok(error instanceof CoapError);
        assert.equal(error.code, '4.00');
        assert.match(error.message, why);
        return true;
      });
      assert.equal(await everything(rig), before);
      assert.equal(rig.drops.of('esipa: no ESipa message'), 1);
      assert.equal(rig.eim.polls.size, 0);
    });
  }
});

describe('a message whose EID is none', () => {
  const cases: readonly (readonly [what: string, body: string, answer: string])[] = [
    ['a poll with 15 octets', `BF4F115A0F${eid.slice(2)}`, 'BF4F03020103'],
    ['a poll without one', 'BF4F00', 'BF4F03020104'],
    ['a poll with letters', `BF4F125A10${'AB'.repeat(16)}`, 'BF4F03020103'],
    ['a result with 17 octets', `BF50185A11${eid}00A003020102`, 'BF5003020103'],
  ];
  for (const [what, body, answer] of cases) {
    it(`gets the standard's error, and nothing is stored: ${what}`, async () => {
      const rig = await Rig.with();
      const before = await everything(rig);
      assert.equal(shown(await ask(rig, { body: hex(body) })), `2.05 42 ${answer}`);
      assert.equal(await everything(rig), before);
      assert.equal(rig.eim.polls.size, 0);
    });
  }
});

describe('messages that are not quite the standard’s', () => {
  it('may have elements of a later version in a known SEQUENCE', async () => {
    const rig = await Rig.with();
    const later = tlv(0xbf4f, tlv(0x5a, hex(eid)), hex('9F7F0101 BF7F03020101'));
    assert.equal(shown(await ask(rig, { body: later })), `2.05 42 ${nothing}`);
  });

  it('may have rPLMN where v1.0 has it: it is no cause of a change', async () => {
    const rig = await Rig.with();
    const v10 = tlv(0xbf4f, tlv(0x5a, hex(eid)), tlv(0x81, hex('62F210')));
    assert.equal(shown(await ask(rig, { body: v10 })), `2.05 42 ${nothing}`);
    assert.deepEqual((await rig.eim.euiccs.get(eid))?.stateChangeCauseList, []);
    assert.equal(rig.drops.of('esipa: tolerated rplmn-v1.0'), 1);
  });

  /** An enable order in work, and its result as the eUICC signs it, in parts. */
  async function enabled() {
    const rig = await Rig.with();
    const order = await rig.enable();
    const signed = await rig.fetchPackage();
    const result = rig.euicc.result(signed, [{ type: 'enableResult', value: 0 }], { seqNumber: 7 });
    assert.ok(result.type === 'euiccPackageResultSigned');
    const data = result.value.euiccPackageResultDataSigned.raw;
    const signature = tlv(0x5f37, result.value.euiccSignEPR);
    return { rig, order, signed, data, signature };
  }

  const acknowledged = '2.05 42 BF5006BF5303800107';
  const shapes: Readonly<Record<string, (data: Uint8Array, signature: Uint8Array) => Uint8Array>> =
    {
      'the standard’s own': (data, signature) => tlv(0xbf51, tlv(0xa0, data, signature)),
      'a sequence without its arm': (data, signature) => tlv(0xbf51, tlv(0x30, data, signature)),
      'the parts right under BF51': (data, signature) => tlv(0xbf51, data, signature),
    };
  for (const [name, shape] of Object.entries(shapes)) {
    it(`may be a package result in another shape: ${name}`, async () => {
      const { rig, order, data, signature } = await enabled();
      const body = tlv(0xbf50, tlv(0x5a, hex(eid)), shape(data, signature));
      assert.equal(shown(await ask(rig, { body })), acknowledged);
      assert.equal((await rig.end(order)).success, true);
    });
  }

  it('may bundle notifications as v1.0 does, and leave the EID out', async () => {
    const { rig, order, data, signature } = await enabled();
    const list = tlv(0xbf2b, tlv(0xa0));
    const body = tlv(0xbf50, tlv(0x30, tlv(0xbf51, tlv(0xa0, data, signature)), list));
    assert.equal((await ask(rig, { body })).code, '2.05');
    assert.equal((await rig.end(order)).success, true);
  });

  it('may send the result with HandleNotification as v1.0 does', async () => {
    const { rig, order, data, signature } = await enabled();
    const body = tlv(0xbf3d, tlv(0xa1, tlv(0xbf51, tlv(0xa0, data, signature))));
    assert.equal(shown(await ask(rig, { body })), '2.04 - -');
    assert.equal((await rig.end(order)).success, true);
  });

  it('may refuse a package with a mere code, from the peer that fetched it alone', async () => {
    for (const code of ['020103', '8F0103']) {
      const { rig, order } = await enabled();
      const body = tlv(0xbf50, tlv(0x5a, hex(eid)), tlv(0xbf51, hex(code)));
      await ask(rig, { body }, settings, stranger);
      assert.equal(await rig.at(order), 'work');
      await ask(rig, { body });
      assert.deepEqual((await rig.end(order)).outcome, [
        { euiccPackageErrorCode: 'undefinedError' },
      ]);
    }
  });

  it('may refuse an eIM package with a mere code, as v1.0 does', async () => {
    const { rig, order } = await enabled();
    await ask(rig, { body: tlv(0xbf50, hex('020102')) });
    assert.deepEqual((await rig.end(order)).outcome, [{ eimPackageError: 'unknownPackage' }]);
  });

  it('may give no reason for a failed download, as v1.0 does', async () => {
    const { rig, order, eimTransactionId } = await Download.begin();
    const body = tlv(0xbf50, tlv(0xbf54, tlv(0x82, eimTransactionId), tlv(0x30)));
    await ask(rig, { body });
    assert.equal((await rig.end(order)).success, false);
  });

  it('may send an installation result right under BF3D', async () => {
    const download = await (await Download.begin()).toAuthenticated();
    const { rig, order } = download;
    const { value } = rig.euicc.installation(transactionId);
    const { raw } = value.profileInstallationResultData;
    const body = tlv(0xbf3d, tlv(0xbf37, raw, tlv(0x5f37, value.euiccSignPIR)));
    assert.equal(shown(await ask(rig, { body })), '2.04 - -');
    assert.equal((await rig.end(order)).success, true);
  });

  it('may answer a data request without its arm', async () => {
    const rig = await Rig.with({ keyKnown: false });
    await rig.enable();
    const question = await rig.poll();
    assert.ok(question.type === 'ipaEuiccDataRequest');
    const { certificate } = rig.euicc.credential;
    const data = tlv(0xbf52, tlv(0xa5, pki.eum.certificate), tlv(0xa6, certificate));
    const body = tlv(0xbf50, data);
    await ask(rig, { body });
    assert.ok((await rig.eim.euiccs.get(eid))?.publicKey);
  });
});

describe('any octets at all', () => {
  /** A download and an enable order in work, and every message that a device could send about them. */
  async function busy() {
    const download = await (await Download.begin({ keyKnown: true })).toAuthenticated();
    const { rig, eimTransactionId } = download;
    const { euicc } = rig;
    const of = { eimId: 'eIM', counterValue: 2, eimTransactionId } as never;
    const result = euicc.result(of, [{ type: 'enableResult', value: 0 }]);
    const messages: EsipaMessageFromIpaToEim[] = [
      { type: 'getEimPackageRequest', value: { eidValue: hex(eid) } },
      {
        type: 'initiateAuthenticationRequestEsipa',
        value: {
          euiccChallenge: new Uint8Array(16),
          euiccInfo1: hex('BF200482020305'),
          smdpAddress: 'smdp.example.com',
          eimTransactionId,
        },
      },
      {
        type: 'authenticateClientRequestEsipa',
        value: {
          transactionId,
          authenticateServerResponse: euicc.authenticateServer(transactionId),
        },
      },
      {
        type: 'getBoundProfilePackageRequestEsipa',
        value: { transactionId, prepareDownloadResponse: euicc.prepareDownload(transactionId) },
      },
      {
        type: 'cancelSessionRequestEsipa',
        value: { transactionId, cancelSessionResponse: euicc.cancelSession(transactionId, 1) },
      },
      {
        type: 'handleNotificationEsipa',
        value: { type: 'pendingNotification', value: euicc.installation(transactionId) },
      },
      {
        type: 'handleNotificationEsipa',
        value: { type: 'pendingNotification', value: euicc.notification('notificationDelete') },
      },
      {
        type: 'provideEimPackageResult',
        value: {
          eidValue: hex(eid),
          eimPackageResult: {
            type: 'ePRAndNotifications',
            value: {
              euiccPackageResult: result,
              notificationList: [euicc.notification('notificationEnable')],
            },
          },
        },
      },
      {
        type: 'provideEimPackageResult',
        value: {
          eimPackageResult: {
            type: 'profileDownloadTriggerResult',
            value: {
              eimTransactionId,
              profileDownloadTriggerResultData: euicc.installation(hex('AABB')),
            },
          },
        },
      },
    ];
    return { rig, bodies: messages.map((message) => EsipaMessageFromIpaToEim.encode(message)) };
  }

  /** What a device may be told: an answer, or an error that is its own. */
  async function answered(rig: Rig, body: Uint8Array): Promise<void> {
    try {
      await ask(rig, { body });
    } catch (error) {
      assert.ok(error instanceof CoapError, `${toHex(body)}: ${String(error)}`);
      assert.notEqual(error.code, '5.00');
    }
  }

  it('in the place of octets of a message never fail us', async () => {
    const { rig, bodies } = await busy();
    const mutation = fc.record({
      which: fc.nat(bodies.length - 1),
      changes: fc.array(
        fc.record({ at: fc.double({ min: 0, max: 1, noNaN: true }), to: fc.nat(255) }),
        {
          minLength: 1,
          maxLength: 3,
        },
      ),
    });
    await fc.assert(
      fc.asyncProperty(mutation, async ({ which, changes }) => {
        const body = bodies[which]?.slice() ?? new Uint8Array();
        for (const { at, to } of changes) body[Math.floor(at * (body.length - 1))] = to;
        await answered(rig, body);
      }),
      { numRuns: 400, seed: 1 },
    );
  });

  it('never fail us', async () => {
    const { rig } = await busy();
    const tags = ['BF39', 'BF3B', 'BF3A', 'BF3D', 'BF41', 'BF4E', 'BF4F', 'BF50'].map(hex);
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...tags),
        fc.uint8Array({ maxLength: 100 }),
        async (tag, contents) => {
          await answered(rig, concat(tag, Uint8Array.of(contents.length), contents));
        },
      ),
      { numRuns: 400, seed: 2 },
    );
  });
});

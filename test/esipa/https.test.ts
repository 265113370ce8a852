/** ESipa over HTTPS (SGP.32 6.1.1, 6.4.1): requests over a socket, those that are in order and those that are not. */
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import fc from 'fast-check';
import { base64, concat, fromUtf8, hex, toHex, utf8 } from '../../src/base/bytes.ts';
import { EsipaHttps } from '../../src/esipa/https.ts';
import { EsipaMessageFromIpaToEim } from '../../src/messages/esipa.ts';
import { readAll, readOnly } from '../../src/messages/tlv.ts';
import { Download, euiccChallenge, euiccInfo1 } from '../procedures/download.ts';
import { eid } from '../procedures/euicc.ts';
import { Rig } from '../procedures/rig.ts';
import { transactionId } from '../procedures/smdp.ts';
import { asn1Headers, type Door, jsonHeaders, Line, openDoor, request } from './https-door.ts';

const asn1 = '/gsma/rsp2/asn1';
const json = (name: string) => `/gsma/rsp2/esipa/${name}`;
const poll = hex(`BF4F125A10${eid}`);
const nothing = 'BF4F03020101';
const pollAsn1 = request(asn1, asn1Headers, poll);

async function begun(test: TestContext): Promise<{ rig: Rig; door: Door; line: Line }> {
  const rig = await Rig.with();
  const door = await openDoor(test, rig);
  const line = await Line.open(door);
  test.after(() => line.end());
  return { rig, door, line };
}

/** All that is in the store, as text. */
async function everything(rig: Rig): Promise<string> {
  const tables = ['order', 'euicc', 'transaction', 'euicc-data-request', 'notification', 'device'];
  const rows = await Promise.all(tables.map((name) => rig.store.list({ name })));
  return JSON.stringify(rows);
}

function statusOf(body: Uint8Array): unknown {
  return (JSON.parse(fromUtf8(body)) as { header: { functionExecutionStatus: unknown } }).header
    .functionExecutionStatus;
}

function failed(subjectCode: string, reasonCode: string, message: string) {
  return { status: 'Failed', statusCodeData: { subjectCode, reasonCode, message } };
}

describe('ESipa over HTTPS, ASN.1', () => {
  it('answers 200 with DER, the content type and the version of the request', async (test) => {
    const { line } = await begun(test);
    const heard = await line.ask(pollAsn1);
    assert.equal(heard?.status, 200);
    assert.equal(toHex(heard.body), nothing);
    assert.equal(heard.headers['content-type'], 'application/x-gsma-rsp-asn1');
    assert.equal(heard.headers['x-admin-protocol'], 'gsma/rsp/v2.1.0');
    assert.notEqual(heard.headers.connection, 'close');
  });

  for (const version of ['v1.0.0', 'v1.3.0', 'v2.0', 'v2.5.0', 'v3.1.0']) {
    it(`answers X-Admin-Protocol gsma/rsp/${version} with the same`, async (test) => {
      const { line } = await begun(test);
      const headers = { ...asn1Headers, 'X-Admin-Protocol': `gsma/rsp/${version}` };
      const heard = await line.ask(request(asn1, headers, poll));
      assert.equal(heard?.status, 200);
      assert.equal(heard.headers['x-admin-protocol'], `gsma/rsp/${version}`);
    });
  }

  it('learns from X-Admin-Protocol who speaks SGP.32 v1.3', async (test) => {
    const { rig, line } = await begun(test);
    await line.ask(pollAsn1);
    assert.equal((await rig.eim.euiccs.get(eid))?.levelSeen, undefined);
    const headers = { ...asn1Headers, 'X-Admin-Protocol': 'gsma/rsp/v1.3.0' };
    await line.ask(request(asn1, headers, poll));
    const seen = (await rig.eim.euiccs.get(eid))?.levelSeen;
    assert.deepEqual([seen?.level, seen?.by], ['v1.3', 'X-Admin-Protocol']);
  });

  it('answers 204 without a body or its type where the function has no answer', async (test) => {
    const { rig, line } = await begun(test);
    const value = rig.euicc.notification('notificationEnable');
    const body = EsipaMessageFromIpaToEim.encode({
      type: 'handleNotificationEsipa',
      value: { type: 'pendingNotification', value },
    });
    const heard = await line.ask(request(asn1, asn1Headers, body));
    assert.equal(heard?.status, 204);
    assert.equal(heard.headers['content-type'], undefined);
    assert.equal(heard.headers['content-length'], undefined);
    assert.equal(heard.headers['x-admin-protocol'], 'gsma/rsp/v2.1.0');
    // The connection goes on.
    assert.equal((await line.ask(pollAsn1))?.status, 200);
  });

  it('takes a content type in other letters, with parameters, and a query', async (test) => {
    const { line } = await begun(test);
    const headers = { ...asn1Headers, 'Content-Type': 'Application/X-GSMA-RSP-ASN1; v=1' };
    assert.equal((await line.ask(request(`${asn1}?x=1`, headers, poll)))?.status, 200);
  });

  it('takes a body in chunks', async (test) => {
    const { line } = await begun(test);
    const { 'Content-Type': type, 'X-Admin-Protocol': version } = asn1Headers;
    line.say(
      `POST ${asn1} HTTP/1.1\r\nHost: eim\r\nContent-Type: ${type}\r\nX-Admin-Protocol: ${version}\r\nTransfer-Encoding: chunked\r\n\r\n`,
    );
    for (const part of [poll.subarray(0, 5), poll.subarray(5)]) {
      line.say(concat(utf8(`${part.length.toString(16)}\r\n`), part, utf8('\r\n')));
    }
    const heard = await line.ask('0\r\n\r\n');
    assert.equal(toHex(heard?.body ?? new Uint8Array()), nothing);
  });

  it('lets a client send its body that asks first whether it may', async (test) => {
    const { line } = await begun(test);
    const asked = request(asn1, { ...asn1Headers, Expect: '100-continue' }, poll);
    const end = asked.length - poll.length;
    assert.equal((await line.ask(asked.subarray(0, end)))?.status, 100);
    assert.equal((await line.ask(asked.subarray(end)))?.status, 200);
  });
});

describe('a request that is not in order', () => {
  const { 'X-Admin-Protocol': _, ...noVersion } = asn1Headers;
  const { 'Content-Type': __, ...noType } = asn1Headers;
  const versioned = (version: string) => ({ ...asn1Headers, 'X-Admin-Protocol': version });
  const cases: Readonly<Record<string, readonly [octets: Uint8Array, status: number]>> = {
    'another path': [request('/gsma/rsp2/es9plus', asn1Headers, poll), 404],
    'no path': [request('/', asn1Headers, poll), 404],
    'a path with more to it': [request(`${asn1}/`, asn1Headers, poll), 404],
    'a path that is a URL': [request('http://[x', asn1Headers, poll), 404],
    'a JSON function that there is not': [request(json('toString'), jsonHeaders, '{}'), 404],
    'the JSON path without a function': [request(json(''), jsonHeaders, '{}'), 404],
    GET: [request(asn1, asn1Headers, '', 'GET'), 405],
    'GET of a JSON function': [request(json('getEimPackage'), jsonHeaders, '', 'GET'), 405],
    PUT: [request(asn1, asn1Headers, poll, 'PUT'), 405],
    'no version': [request(asn1, noVersion, poll), 400],
    'another protocol': [request(asn1, versioned('gsma/m2m/v2.1.0'), poll), 400],
    'a version of letters': [request(asn1, versioned('gsma/rsp/vX'), poll), 400],
    'a version and more': [request(asn1, versioned('gsma/rsp/v2.1.0 x'), poll), 400],
    'no content type': [request(asn1, noType, poll), 415],
    'JSON to the path of ASN.1': [request(asn1, jsonHeaders, '{}'), 415],
    'ASN.1 to a path of JSON': [request(json('getEimPackage'), asn1Headers, poll), 415],
    'an empty body': [request(asn1, asn1Headers), 400],
    'DER cut off': [request(asn1, asn1Headers, poll.subarray(0, -1)), 400],
    'octets after the message': [request(asn1, asn1Headers, concat(poll, hex('00'))), 400],
    'an unknown function': [request(asn1, asn1Headers, hex('BF7A00')), 400],
    'TransferEimPackage, which the eIM asks': [request(asn1, asn1Headers, hex('BF4E020500')), 400],
    'the same in JSON': [request(json('transferEimPackage'), jsonHeaders, '{}'), 400],
    'no JSON': [request(json('getEimPackage'), jsonHeaders, '{"eidValue":'), 400],
    'JSON that is no object': [request(json('getEimPackage'), jsonHeaders, '[]'), 400],
    'JSON of null': [request(json('getEimPackage'), jsonHeaders, 'null'), 400],
    'what is no UTF-8': [request(json('getEimPackage'), jsonHeaders, hex('22FF22')), 400],
  };
  for (const [what, [octets, status]] of Object.entries(cases)) {
    it(`gets ${status}, and nothing is stored: ${what}`, async (test) => {
      const { rig, door, line } = await begun(test);
      const before = await everything(rig);
      const heard = await line.ask(octets);
      assert.equal(heard?.status, status);
      // An IPAe throws away answers without these.
      assert.equal(heard.headers['x-admin-protocol'], 'gsma/rsp/v2.1.0');
      assert.ok(heard.headers['content-type']);
      assert.ok(heard.body.length > 0);
      assert.equal(await everything(rig), before);
      assert.equal(rig.eim.polls.size, 0);
      assert.ok(door.drops.of('https: request refused') + rig.drops.of('esipa: no ESipa message'));
      // Its connection is as good as before.
      assert.equal((await line.ask(pollAsn1))?.status, 200);
    });
  }

  it('is told the method that there is', async (test) => {
    const { line } = await begun(test);
    const heard = await line.ask(request(asn1, asn1Headers, '', 'GET'));
    assert.equal(heard?.headers.allow, 'POST');
  });

  const noHttp: Readonly<Record<string, readonly [octets: string, status: number]>> = {
    'no HTTP': ['BF4F hello\r\n\r\n', 400],
    'two lengths': [
      `POST ${asn1} HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx`,
      400,
    ],
    'a length and chunks': [
      `POST ${asn1} HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\nx`,
      400,
    ],
    'headers beyond the limit': [
      `POST ${asn1} HTTP/1.1\r\nHost: x\r\nX: ${'x'.repeat(5000)}\r\n\r\n`,
      431,
    ],
  };
  for (const [what, [octets, status]] of Object.entries(noHttp)) {
    it(`gets ${status} and the end of its connection: ${what}`, async (test) => {
      const { door, line } = await begun(test);
      assert.equal((await line.ask(octets))?.status, status);
      await line.closed;
      assert.equal(door.drops.of('https: no HTTP request'), 1);
    });
  }

  it('gets 413 for a length beyond the limit, before its body is there', async (test) => {
    const { door, line } = await begun(test);
    const head = request(asn1, { ...asn1Headers, 'Content-Length': '20001' });
    assert.equal((await line.ask(head))?.status, 413);
    await line.closed;
    assert.equal(door.drops.of('https: request too large'), 1);
    assert.equal(door.callers.length, 0);
  });

  it('gets 413 for chunks beyond the limit', async (test) => {
    const { door, line } = await begun(test);
    const { 'Content-Length': ___, ...headers } = { 'Content-Length': '', ...asn1Headers };
    const head = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
    line.say(
      `POST ${asn1} HTTP/1.1\r\nHost: x\r\n${head.join('')}Transfer-Encoding: chunked\r\n\r\n`,
    );
    const chunk = `3E8\r\n${'x'.repeat(1000)}\r\n`;
    for (let i = 0; i < 21; i++) line.say(chunk);
    assert.equal((await line.hear())?.status, 413);
    await line.closed;
    assert.equal(door.callers.length, 0);
  });

  it('may be as large as the limit', async (test) => {
    const { line } = await begun(test);
    const heard = await line.ask(request(asn1, asn1Headers, new Uint8Array(20_000)));
    assert.equal(heard?.status, 400);
  });
});

describe('ESipa over HTTPS, JSON', () => {
  const success = { status: 'Executed-Success' };

  async function ask(line: Line, name: string, members: object) {
    const heard = await line.ask(request(json(name), jsonHeaders, JSON.stringify(members)));
    assert.ok(heard);
    return heard;
  }

  it('tells of nothing to do by status and by code', async (test) => {
    const { line } = await begun(test);
    const heard = await ask(line, 'getEimPackage', { eidValue: eid });
    assert.equal(heard.status, 200);
    assert.equal(heard.headers['content-type'], 'application/json;charset=UTF-8');
    assert.deepEqual(JSON.parse(fromUtf8(heard.body)), {
      header: { functionExecutionStatus: failed('8.1.1', '3.7', 'noEimPackageAvailable') },
      eimPackageError: 1,
    });
  });

  it('gives an eUICC Package and takes its result', async (test) => {
    const { rig, line } = await begun(test);
    const order = await rig.enable();
    const given = await ask(line, 'getEimPackage', { eidValue: eid });
    const { header, euiccPackageRequest } = JSON.parse(fromUtf8(given.body)) as {
      header: object;
      euiccPackageRequest: string;
    };
    assert.deepEqual(header, { functionExecutionStatus: success });
    const { state } = await rig.order(order);
    assert.ok(state.at === 'work');
    assert.equal(euiccPackageRequest, base64(state.dispatch.eimPackage));
    const signed = await rig.fetchPackage();
    const result = rig.euicc.result(signed, [{ type: 'enableResult', value: 0 }], { seqNumber: 7 });
    const eimPackageResult = { type: 'euiccPackageResult', value: result } as const;
    const whole = EsipaMessageFromIpaToEim.encode({
      type: 'provideEimPackageResult',
      value: { eidValue: hex(eid), eimPackageResult },
    });
    const arm = base64(readAll(readOnly(whole).value)[1]?.raw ?? whole);
    const taken = await ask(line, 'provideEimPackageResult', {
      eidValue: eid,
      eimPackageResult: arm,
    });
    assert.deepEqual(JSON.parse(fromUtf8(taken.body)), {
      header: { functionExecutionStatus: success },
      eimAcknowledgements: base64(hex('BF5303800107')),
    });
    assert.equal((await rig.end(order)).success, true);
  });

  it('takes results in the shapes that are met', async (test) => {
    const { line } = await begun(test);
    const error = hex('A003020102');
    const bare = base64(error);
    const inBf50 = base64(concat(hex(`BF50175A10${eid}`), error));
    for (const [name, members, status] of [
      ['provideEimPackageResult', { eidValue: eid, eimPackageResult: bare }, 200],
      [
        'provideEimPackageResult',
        { eidValue: eid, eimPackageResult: bare.replace(/=+$/, '') },
        200,
      ],
      ['provideEimPackageResult', { eidValue: eid, eimPackageResult: inBf50 }, 200],
      ['provideEimPackageResult', { provideEimPackageResult: inBf50 }, 200],
      ['handleNotification', { provideEimPackageResult: inBf50 }, 204],
      ['handleNotification', { provideEimPackageResult: bare }, 204],
    ] as const) {
      const heard = await ask(line, name, members);
      assert.equal(heard.status, status, `${name} ${JSON.stringify(members)}`);
      if (status === 200) assert.deepEqual(statusOf(heard.body), success);
    }
  });

  it('ignores members that it does not know, a header with the others', async (test) => {
    const { line } = await begun(test);
    const header = { functionRequesterIdentifier: 'x', functionCallIdentifier: 'y' };
    const heard = await ask(line, 'getEimPackage', {
      header,
      eidValue: eid,
      later: [{}],
      rPlmn: null,
    });
    assert.equal(heard.status, 200);
  });

  it('writes the members of a download as SGP.22 does', async (test) => {
    const rig = await Rig.with({ keyKnown: false });
    const { eimTransactionId } = await Download.next(rig);
    const line = await Line.open(await openDoor(test, rig));
    test.after(() => line.end());
    const begunWith = await ask(line, 'initiateAuthentication', {
      euiccChallenge: base64(euiccChallenge),
      euiccInfo1: base64(euiccInfo1),
      smdpAddress: 'smdp.example.com',
      eimTransactionId: toHex(eimTransactionId).toLowerCase(),
    });
    const first = JSON.parse(fromUtf8(begunWith.body)) as Record<string, string>;
    assert.deepEqual(Object.keys(first), [
      'header',
      'transactionId',
      'serverSigned1',
      'serverSignature1',
      'euiccCiPKIdentifierToBeUsed',
      'serverCertificate',
      'matchingId',
    ]);
    assert.equal(first.transactionId, toHex(transactionId));
    const octets = (text = '') => Buffer.from(text, 'base64').toString('hex');
    assert.match(octets(first.serverSigned1), /^30/);
    assert.match(octets(first.serverSignature1), /^5f3740/);
    assert.match(octets(first.euiccCiPKIdentifierToBeUsed), /^04/);
    assert.match(octets(first.serverCertificate), /^3082/);
  });

  const wrong: Readonly<
    Record<string, readonly [name: string, members: object, reason: string, why: RegExp]>
  > = {
    'base64 that is none': [
      'provideEimPackageResult',
      { eidValue: eid, eimPackageResult: '*' },
      '2.1',
      /eimPackageResult is no base64/,
    ],
    'base64 of DER that is cut off': [
      'provideEimPackageResult',
      { eidValue: eid, eimPackageResult: base64(hex('BF5105A0')) },
      '2.1',
      /length 5, but 1 octets left/,
    ],
    'a result of another tag': [
      'provideEimPackageResult',
      { eidValue: eid, eimPackageResult: base64(hex('BF3700')) },
      '2.1',
      /eimPackageResult has tag BF37/,
    ],
    'no result': [
      'provideEimPackageResult',
      { eidValue: eid },
      '2.2',
      /eimPackageResult is missing/,
    ],
    'a result that is a number': [
      'provideEimPackageResult',
      { eimPackageResult: 1 },
      '2.1',
      /is no text/,
    ],
    'no notification': ['handleNotification', {}, '2.2', /pendingNotification is missing/],
    'a transactionId that is no hex': [
      'authenticateClient',
      { transactionId: 'XY', authenticateServerResponse: base64(hex('BF3800')) },
      '2.1',
      /1 to 16 octets in hex/,
    ],
    'a transactionId of 17 octets': [
      'cancelSession',
      { transactionId: '00'.repeat(17), cancelSessionResponse: base64(hex('BF4100')) },
      '2.1',
      /1 to 16 octets in hex/,
    ],
    'no transactionId': [
      'getBoundProfilePackage',
      { prepareDownloadResponse: base64(hex('BF2100')) },
      '2.2',
      /transactionId is missing/,
    ],
    'no challenge': ['initiateAuthentication', {}, '2.2', /euiccChallenge is missing/],
    'a change that is a text': [
      'getEimPackage',
      { eidValue: eid, notifyStateChange: 'yes' },
      '2.1',
      /neither true nor false/,
    ],
    'a cause out of bounds': [
      'getEimPackage',
      { eidValue: eid, stateChangeCause: 128 },
      '2.1',
      /from 0 to 127/,
    ],
  };
  for (const [what, [name, members, reason, why]] of Object.entries(wrong)) {
    it(`answers 400 with ${reason}, and nothing is stored: ${what}`, async (test) => {
      const { rig, line } = await begun(test);
      const before = await everything(rig);
      const heard = await ask(line, name, members);
      assert.equal(heard.status, 400);
      const { statusCodeData } = statusOf(heard.body) as {
        statusCodeData: { subjectCode: string; reasonCode: string; message: string };
      };
      assert.deepEqual([statusCodeData.subjectCode, statusCodeData.reasonCode], ['1.3.1', reason]);
      assert.match(statusCodeData.message, why);
      assert.equal(await everything(rig), before);
      assert.equal(rig.drops.of('esipa: no ESipa message'), 1);
    });
  }

  it("has the standard's error for an EID that is none, or is missing", async (test) => {
    const { line } = await begun(test);
    for (const [members, eimPackageError, reason] of [
      [{ eidValue: eid.slice(2) }, 3, '2.1'],
      [{ eidValue: 'A'.repeat(32) }, 3, '2.1'],
      [{ eidValue: 7 }, 3, '2.1'],
      [{}, 4, '2.2'],
    ] as const) {
      const heard = await ask(line, 'getEimPackage', members);
      const answer = JSON.parse(fromUtf8(heard.body)) as {
        header: { functionExecutionStatus: { statusCodeData: { reasonCode: string } } };
        eimPackageError: number;
      };
      assert.equal(answer.eimPackageError, eimPackageError);
      assert.equal(answer.header.functionExecutionStatus.statusCodeData.reasonCode, reason);
    }
  });
});

describe('answers that are no success', () => {
  it('is 503 with Retry-After where too many notifications wait', async () => {
    const rig = await Rig.with();
    const esipa = new EsipaHttps({ eim: rig.eim, reportKept: 1000 });
    rig.smdp.always.handleNotification = new Promise(() => {});
    const notify = () => {
      const value = rig.euicc.notification('notificationEnable');
      const body = EsipaMessageFromIpaToEim.encode({
        type: 'handleNotificationEsipa',
        value: { type: 'pendingNotification', value },
      });
      const head = {
        method: 'POST',
        path: asn1,
        contentType: 'application/x-gsma-rsp-asn1',
        adminProtocol: 'gsma/rsp/v2.1.0',
      };
      return esipa.answer(head, body, { caller: { peerId: 'x' }, owner: 'x' });
    };
    for (let i = 0; i < 256; i++) assert.equal((await notify()).status, 204);
    const { status, headers } = await notify();
    assert.deepEqual([status, headers['Retry-After']], [503, '3600']);
  });

  it('is 500 without a word of why where the fault is ours', async (test) => {
    const { rig, line } = await begun(test);
    await rig.store.close();
    const heard = await line.ask(pollAsn1);
    assert.equal(heard?.status, 500);
    assert.equal(fromUtf8(heard.body), 'the eIM failed here\n');
    assert.ok(rig.lines.some(({ level, event }) => level === 'error' && /failed/.test(event)));
    const inJson = await line.ask(
      request(json('getEimPackage'), jsonHeaders, `{"eidValue":"${eid}"}`),
    );
    assert.equal(inJson?.status, 500);
    assert.deepEqual(statusOf(inJson.body), failed('1.2', '4.2', 'the eIM failed here'));
  });
});

describe('any body at all', () => {
  it('never fails us', async () => {
    const rig = await Rig.with();
    const esipa = new EsipaHttps({ eim: rig.eim, reportKept: 1000 });
    const names = [
      'initiateAuthentication',
      'authenticateClient',
      'getBoundProfilePackage',
      'cancelSession',
      'getEimPackage',
      'provideEimPackageResult',
      'handleNotification',
    ];
    const members = [
      'eidValue',
      'eimPackageResult',
      'pendingNotification',
      'provideEimPackageResult',
      'transactionId',
      'authenticateServerResponse',
      'prepareDownloadResponse',
      'cancelSessionResponse',
      'euiccChallenge',
      'euiccInfo1',
      'smdpAddress',
      'rPlmn',
      '__proto__',
    ];
    const tagged = fc
      .tuple(
        fc.constantFrom('BF21', 'BF37', 'BF38', 'BF41', 'BF50', 'BF51', 'BF52', 'BF54', '30', 'A0'),
        fc.uint8Array({ maxLength: 60 }),
      )
      .map(([tag, contents]) => base64(concat(hex(tag), Uint8Array.of(contents.length), contents)));
    const value = fc.oneof(fc.jsonValue(), fc.base64String(), tagged, fc.constant(eid));
    const body = fc.oneof(
      fc.dictionary(fc.constantFrom(...members), value).map((one) => utf8(JSON.stringify(one))),
      fc.uint8Array({ maxLength: 50 }),
    );
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...names), body, async (name, octets) => {
        const head = {
          method: 'POST',
          path: json(name),
          contentType: 'application/json',
          adminProtocol: 'gsma/rsp/v2.1.0',
        };
        const from = { caller: { peerId: 'x' }, owner: 'x' };
        const { status } = await esipa.answer(head, octets, from);
        assert.ok([200, 204, 400].includes(status), String(status));
      }),
      { numRuns: 600, seed: 1 },
    );
  });
});

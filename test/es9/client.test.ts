import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, it } from 'node:test';
import { base64, concat, hex } from '../../src/base/bytes.ts';
import { systemClock } from '../../src/base/clock.ts';
import { type LogLine, makeLog, silentLog } from '../../src/base/log.ts';
import { Es9Client } from '../../src/es9/client.ts';
import { Https } from '../../src/es9/https.ts';
import { tlv } from '../../src/messages/tlv.ts';
import { makeLabPki } from '../../tools/lab/pki/lab-pki.ts';
import { type Answer, type FakeSmdp, json, type Received, startFakeSmdp } from './fake-smdp.ts';

const pki = makeLabPki();
const header = { functionExecutionStatus: { status: 'Executed-Success' } };

const transactionId = hex('0011AABB');
const signed = tlv(0x30, hex('8004 0011AABB'));
const signature = new Uint8Array(64).fill(0x5a);
const keyIdentifier = new Uint8Array(20).fill(0x11);
const certificate = pki.dpAuth.certificate;
const euicc = { euiccChallenge: new Uint8Array(16).fill(1), euiccInfo1: hex('BF20 02 8200') };

describe('Es9Client (SGP.22 5.6)', () => {
  let server: FakeSmdp;
  let https: Https;
  let client: Es9Client;
  let answer: Answer;

  before(async () => {
    server = await startFakeSmdp(pki.dpTls, (request, response) => answer(request, response));
    https = new Https({ roots: [pki.ci.certificate], clock: systemClock, log: silentLog() });
  });
  after(async () => {
    https.close();
    await server.close();
  });
  beforeEach(() => {
    server.received.length = 0;
    answer = json({ header });
    client = new Es9Client({ connect: https, requester: 'eim.example.com', log: silentLog() });
  });

  function asked(): Received & { readonly members: Record<string, unknown> } {
    const [only] = server.received;
    assert.ok(only);
    assert.equal(server.received.length, 1);
    return { ...only, members: JSON.parse(only.body) };
  }

  describe('initiateAuthentication', () => {
    const result = {
      transactionId,
      serverSigned1: signed,
      serverSignature1: signature,
      euiccCiPKIdToBeUsed: keyIdentifier,
      serverCertificate: certificate,
    };
    const members = {
      transactionId: '0011AABB',
      serverSigned1: base64(signed),
      serverSignature1: base64(tlv(0x5f37, signature)),
      euiccCiPKIdToBeUsed: base64(tlv(0x04, keyIdentifier)),
      serverCertificate: base64(certificate),
    };

    it('asks with challenge, info and address, and gives what it is given', async () => {
      answer = json({ header, ...members });
      assert.deepEqual(await client.initiateAuthentication(server.address, euicc), result);
      const { path, members: sent } = asked();
      assert.equal(path, '/gsma/rsp2/es9plus/initiateAuthentication');
      assert.deepEqual(sent, {
        header: {
          functionRequesterIdentifier: 'eim.example.com',
          functionCallIdentifier: 'initiateAuthentication-1',
        },
        euiccChallenge: 'AQEBAQEBAQEBAQEBAQEBAQ==',
        euiccInfo1: 'vyACggA=',
        smdpAddress: server.address,
      });
    });

    it('takes bare signatures and key identifiers, line breaks, lower case and the older name', async () => {
      const { euiccCiPKIdToBeUsed: _, ...others } = members;
      answer = json({
        header,
        ...others,
        transactionId: '0011aabb',
        serverSignature1: base64(signature),
        euiccCiPKIdentifierToBeUsed: base64(keyIdentifier),
        serverCertificate: base64(certificate).replace(/.{64}/g, '$&\n'),
      });
      assert.deepEqual(await client.initiateAuthentication(server.address, euicc), result);
    });

    for (const name of Object.keys(members)) {
      it(`refuses an answer without ${name}`, async () => {
        answer = json({ header, ...members, [name]: undefined });
        await assert.rejects(client.initiateAuthentication(server.address, euicc), {
          name: 'Es9TransportError',
          kind: 'malformed',
        });
      });
    }

    it('refuses what is no TLV of its kind', async () => {
      for (const name of ['serverSigned1', 'serverCertificate']) {
        answer = json({ header, ...members, [name]: base64(tlv(0x31, signed)) });
        await assert.rejects(client.initiateAuthentication(server.address, euicc), {
          kind: 'malformed',
        });
      }
    });

    it('refuses a certificate beyond its limit', async () => {
      const serverCertificate = base64(tlv(0x30, new Uint8Array(8192)));
      answer = json({ header, ...members, serverCertificate });
      await assert.rejects(client.initiateAuthentication(server.address, euicc), {
        kind: 'too large',
      });
    });

    it('hands on the refusal of the SM-DP+', async () => {
      const statusCodeData = {
        subjectCode: '8.8.1',
        reasonCode: '3.8',
        subjectIdentifier: 'x',
        message: 'not my address',
      };
      answer = json({ header: { functionExecutionStatus: { status: 'Failed', statusCodeData } } });
      await assert.rejects(client.initiateAuthentication(server.address, euicc), {
        name: 'Es9Error',
        ...statusCodeData,
      });
    });
  });

  describe('authenticateClient', () => {
    const authenticateServerResponse = hex('BF38 02 A000');
    const request = { transactionId, authenticateServerResponse };
    const profileMetadata = tlv(0xbf25, hex('5A0A 89000000000000000000'));
    const members = {
      transactionId: '0011AABB',
      profileMetadata: base64(profileMetadata),
      smdpSigned2: base64(signed),
      smdpSignature2: base64(tlv(0x5f37, signature)),
      smdpCertificate: base64(pki.dpPb.certificate),
    };
    const result = {
      transactionId,
      profileMetadata,
      smdpSigned2: signed,
      smdpSignature2: signature,
      smdpCertificate: pki.dpPb.certificate,
    };

    it('sends the eUICC’s answer and gives what it is given', async () => {
      answer = json({ header, ...members });
      assert.deepEqual(await client.authenticateClient(server.address, request), result);
      const { path, members: sent } = asked();
      assert.equal(path, '/gsma/rsp2/es9plus/authenticateClient');
      assert.equal(sent.transactionId, '0011AABB');
      assert.equal(sent.authenticateServerResponse, base64(authenticateServerResponse));
    });

    it('does without metadata and transactionId in the answer', async () => {
      const { profileMetadata: _, transactionId: __, ...others } = members;
      answer = json({ header, ...others });
      const { profileMetadata: ___, ...rest } = result;
      assert.deepEqual(await client.authenticateClient(server.address, request), rest);
    });

    it('refuses an answer about another transaction', async () => {
      answer = json({ header, ...members, transactionId: '0011AABC' });
      await assert.rejects(client.authenticateClient(server.address, request), {
        kind: 'malformed',
      });
    });
  });

  describe('getBoundProfilePackage', () => {
    const request = { transactionId, prepareDownloadResponse: hex('BF21 02 A000') };
    const reply = (boundProfilePackage: Uint8Array) =>
      json({ header, transactionId: '0011aabb', boundProfilePackage: base64(boundProfilePackage) });

    it('gives the package as it is, also a large one', async () => {
      const boundProfilePackage = tlv(0xbf36, new Uint8Array(1_500_000).fill(0xa5));
      answer = reply(boundProfilePackage);
      const result = await client.getBoundProfilePackage(server.address, request);
      assert.deepEqual(result.transactionId, transactionId);
      assert.ok(Buffer.from(boundProfilePackage).equals(result.boundProfilePackage));
      assert.equal(asked().members.prepareDownloadResponse, 'vyECoAA=');
    });

    it('refuses one beyond its limit, one cut short, and what is none', async () => {
      const small = new Es9Client({
        connect: https,
        requester: 'eim.example.com',
        log: silentLog(),
        boundProfilePackageLimit: 1000,
      });
      const wrong = [
        ['too large', tlv(0xbf36, new Uint8Array(1000))],
        ['malformed', tlv(0xbf36, new Uint8Array(900)).subarray(0, 800)],
        ['malformed', concat(tlv(0xbf36, new Uint8Array(10)), hex('00'))],
        ['malformed', tlv(0xbf37, new Uint8Array(10))],
        ['malformed', hex('')],
      ] as const;
      for (const [kind, bytes] of wrong) {
        answer = reply(bytes);
        await assert.rejects(small.getBoundProfilePackage(server.address, request), { kind });
      }
      answer = reply(tlv(0xbf36, new Uint8Array(900)));
      assert.ok(await small.getBoundProfilePackage(server.address, request));
    });
  });

  describe('cancelSession and handleNotification', () => {
    const cancel = { transactionId, cancelSessionResponse: hex('BF41 02 A000') };
    const notification = hex('BF37 02 A000');

    it('send their member and take a header alone, 204, or an empty 200', async () => {
      const empty =
        (status: number): Answer =>
        (_, response) =>
          response.writeHead(status).end();
      for (const one of [json({ header }), empty(204), empty(200)]) {
        answer = one;
        server.received.length = 0;
        await client.cancelSession(server.address, cancel);
        assert.equal(asked().path, '/gsma/rsp2/es9plus/cancelSession');
        assert.equal(asked().members.cancelSessionResponse, 'v0ECoAA=');
        assert.equal(asked().members.transactionId, '0011AABB');
        server.received.length = 0;
        await client.handleNotification(server.address, notification);
        assert.equal(asked().path, '/gsma/rsp2/es9plus/handleNotification');
        assert.equal(asked().members.pendingNotification, 'vzcCoAA=');
      }
    });

    it('fail where the SM-DP+ does', async () => {
      answer = json({ error: 'down' }, 503);
      const status = { name: 'Es9TransportError', kind: 'status' };
      await assert.rejects(client.cancelSession(server.address, cancel), status);
      await assert.rejects(client.handleNotification(server.address, notification), status);
    });
  });

  it('asks nobody for an address that is none', async () => {
    for (const address of ['', 'localhost/../x', `${server.address}/x`, 'a b']) {
      await assert.rejects(client.handleNotification(address, hex('3000')), {
        name: 'Es9TransportError',
        kind: 'unreachable',
      });
    }
    assert.equal(server.received.length, 0);
  });

  it('logs whom it asked and how much went to and fro, not what', async () => {
    const lines: LogLine[] = [];
    const log = makeLog('es9', (line) => lines.push(line));
    const talkative = new Es9Client({ connect: https, requester: 'eim.example.com', log });
    const notification = tlv(0xbf37, new Uint8Array(30).fill(0xcc));
    await talkative.handleNotification(server.address, notification);
    const [line] = lines;
    assert.equal(line?.fields.function, 'handleNotification');
    assert.equal(line?.fields.address, server.address);
    assert.equal(line?.fields.sent, asked().body.length);
    assert.ok(!JSON.stringify(lines).includes(base64(notification).slice(8, 24)));
  });
});

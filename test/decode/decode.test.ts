import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { describe, it } from 'node:test';
import { base64, concat, hex, utf8 } from '../../src/base/bytes.ts';
import type { Part } from '../../src/decode/anatomy.ts';
import { type DecodeOptions, decode } from '../../src/decode/decode.ts';
import { EuiccPackageRequest, EuiccPackageSigned } from '../../src/messages/euicc-package.ts';
import { InitiateAuthenticationResponseEsipa } from '../../src/messages/profile-download.ts';
import { ServerSigned1 } from '../../src/messages/rsp.ts';
import { signedOf } from '../../src/messages/schema.ts';
import { signEcdsa } from '../../src/trust/ecdsa.ts';
import { EimSigner } from '../../src/trust/eim-signer.ts';
import { loadLabPki } from '../../tools/lab/pki/lab-pki.ts';
import { messageVector, messageVectors } from '../vectors/messages.ts';

const none: DecodeOptions = { keys: [] };

function only(given: Uint8Array, options: DecodeOptions = none) {
  const { messages, signatures } = decode(given, options);
  const [message, ...rest] = messages;
  assert.ok(message);
  assert.deepEqual(rest, []);
  return { ...message, signatures };
}

function everyPart(part: Part): readonly Part[] {
  return [part, ...part.parts.flatMap(everyPart)];
}

function field(part: Part, name: string): Part {
  const found = everyPart(part).find(({ fields }) => fields.includes(name));
  assert.ok(found, `there is no ${name}`);
  return found;
}

describe('decode', () => {
  for (const { what, of, bytes } of messageVectors) {
    it(`names every element of: ${what}`, () => {
      assert.equal(only(bytes).complaint, undefined);
      const { complaint, part } = only(bytes, { keys: [], as: of });
      assert.equal(complaint, undefined);
      const nameless = part.parts.flatMap(everyPart).filter(({ fields }) => fields.length === 0);
      // What a bound profile package or a vendor's extension holds is nobody's to name.
      const known = nameless.filter(({ tag }) => ![0x86, 0x87, 0x88].includes(tag));
      assert.deepEqual(
        known.map(({ offset, tag }) => `${offset}: ${tag.toString(16)}`),
        [],
      );
    });
  }

  it('leaves no octet out: what an element holds fills it', () => {
    for (const { what, bytes } of messageVectors) {
      for (const part of everyPart(only(bytes).part)) {
        assert.deepEqual(
          part.raw,
          bytes.subarray(part.offset, part.offset + part.header + part.length),
          what,
        );
        if (part.parts.length === 0) continue;
        assert.deepEqual(
          concat(...part.parts.map(({ raw }) => raw)),
          part.raw.subarray(part.header),
        );
      }
    }
  });

  it('gives values as the standard names them', () => {
    const { part } = only(messageVector('enable'));
    assert.equal(field(part, 'eimId').value, 'eIM');
    assert.equal(field(part, 'counterValue').value, 7);
    assert.equal(field(part, 'iccid').value, '989444999999990920F3 (8949449999999990023)');
  });

  it('takes hex, base64, PEM and octets for the same', () => {
    const bytes = messageVector('GetEimPackage request, minimal');
    const wanted = only(bytes);
    const spaced = `0x${Buffer.from(bytes).toString('hex').replace(/(..)/g, '$1 ')}\n`;
    const pem = `-----BEGIN MESSAGE-----\n${base64(bytes)}\n-----END MESSAGE-----\n`;
    for (const text of [spaced, base64(bytes), pem]) assert.deepEqual(only(utf8(text)), wanted);
  });

  it('reads a message as the type it is told to', () => {
    const bytes = hex('BF4F 03 02 01 01');
    assert.equal(only(bytes).type, 'EsipaMessageFromEimToIpa');
    const { type, complaint } = only(bytes, { keys: [], as: 'GetEimPackageRequest' });
    assert.equal(type, 'GetEimPackageRequest');
    assert.match(complaint ?? '', /eidValue: missing/);
  });

  it('shows what no module knows, without a name', () => {
    const { type, part } = only(hex('BF7D 06 30 04 0C02 6869'));
    assert.equal(type, undefined);
    assert.deepEqual(
      everyPart(part).map(({ tag, value }) => [tag, value]),
      [
        [0xbf7d, undefined],
        [0x30, undefined],
        [0x0c, 'hi'],
      ],
    );
  });

  it('says what is wrong with what is no message', () => {
    const complaint = (text: string, options = none) => {
      try {
        decode(utf8(text), options);
      } catch (error) {
        return error instanceof Error ? error.message : '';
      }
      return '';
    };
    assert.match(complaint('BF4F12'), /no DER: length 18, but 0 octets left/);
    assert.match(complaint('BF4F1'), /hex of 5 digits/);
    assert.match(complaint('BF4F0000'), /1 octets after the end/);
    assert.match(complaint(''), /nothing in it/);
    assert.match(complaint('{"header": {}}'), /without a member that holds ASN.1/);
    assert.match(complaint('{'), /no JSON/);
    assert.match(
      complaint('BF4F00', { keys: [], as: 'EimPackage' }),
      /no type EimPackage; there are .*EimPackageResult/,
    );
  });
});

describe('signatures that decode looks at', () => {
  const pki = loadLabPki();
  const eid = hex('89049032123451234512345678901235');
  const euiccPackageSigned = signedOf(EuiccPackageSigned, {
    eimId: 'eim.example.com',
    eidValue: eid,
    counterValue: 1,
    euiccPackage: { type: 'psmoList', value: [] },
  });
  const eimPackage = EuiccPackageRequest.encode({
    euiccPackageSigned,
    eimSignature: EimSigner.of(pki.eimSign.key).sign(euiccPackageSigned.raw, 5),
  });
  const eimKey = new X509Certificate(pki.eimSign.certificate).publicKey;
  const verdicts = (given: Uint8Array, options: DecodeOptions) =>
    decode(given, options).signatures.map(({ signature, verdict }) => [signature, verdict]);

  it("holds for an eUICC Package with the eIM's key and the token", () => {
    const options = { keys: [eimKey], associationToken: 5 };
    assert.deepEqual(verdicts(eimPackage, options), [['eimSignature', 'holds']]);
  });

  it('does not hold with another key, without the token, or for another package', () => {
    const other = new X509Certificate(pki.euicc.certificate).publicKey;
    const touched = eimPackage.slice();
    touched[touched.indexOf(0x89)] = 0x88;
    const wrong = [['eimSignature', 'does not hold']];
    assert.deepEqual(verdicts(eimPackage, { keys: [other], associationToken: 5 }), wrong);
    assert.deepEqual(verdicts(eimPackage, { keys: [eimKey] }), wrong);
    assert.deepEqual(verdicts(touched, { keys: [eimKey], associationToken: 5 }), wrong);
  });

  it('is not checked without a key', () => {
    assert.deepEqual(verdicts(eimPackage, none), [['eimSignature', 'not checked']]);
  });

  const serverSigned1 = signedOf(ServerSigned1, {
    transactionId: hex('01'),
    euiccChallenge: hex('00'.repeat(16)),
    serverAddress: 'smdp.example.com',
    serverChallenge: hex('11'.repeat(16)),
  });
  const serverSignature1 = signEcdsa(pki.dpAuth.key, serverSigned1.raw);
  const answer = (signature: Uint8Array) =>
    InitiateAuthenticationResponseEsipa.encode({
      type: 'initiateAuthenticationOkEsipa',
      value: {
        serverSigned1,
        serverSignature1: signature,
        euiccCiPKIdentifierToBeUsed: hex('22'.repeat(20)),
        serverCertificate: pki.dpAuth.certificate,
      },
    });

  it('is checked with the certificate beside it', () => {
    const forged = serverSignature1.slice();
    forged[63] = (forged[63] ?? 0) ^ 1;
    assert.deepEqual(verdicts(answer(serverSignature1), none), [['serverSignature1', 'holds']]);
    assert.deepEqual(verdicts(answer(forged), none), [['serverSignature1', 'does not hold']]);
  });

  it('is found across the members of ES9+ in JSON', () => {
    const json = {
      header: { functionExecutionStatus: { status: 'Executed-Success' } },
      transactionId: '01',
      serverSigned1: base64(serverSigned1.raw),
      serverSignature1: base64(concat(hex('5F3740'), serverSignature1)),
      serverCertificate: base64(pki.dpAuth.certificate),
    };
    const { messages, signatures } = decode(utf8(JSON.stringify(json)), none);
    assert.deepEqual(
      messages.map(({ member, type }) => [member, type]),
      [
        ['serverSigned1', 'ServerSigned1'],
        ['serverSignature1', undefined],
        ['serverCertificate', 'Certificate'],
      ],
    );
    assert.deepEqual(
      signatures.map(({ verdict }) => verdict),
      ['holds'],
    );
  });
});

/** Who the eIM is: what the configuration names, and what is made on first start. */
import assert from 'node:assert/strict';
import { generateKeyPairSync, type KeyObject, X509Certificate } from 'node:crypto';
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { concat, toHex } from '../src/base/bytes.ts';
import { type LogLine, makeLog } from '../src/base/log.ts';
import { type Config, loadConfig } from '../src/config.ts';
import { certificates, loadIdentity } from '../src/identity.ts';
import { EimConfigurationData } from '../src/messages/eco.ts';
import { AddInitialEimResponse } from '../src/messages/es10.ts';
import { ecPublicKey } from '../src/trust/ec-key.ts';
import { verifyEcdsa } from '../src/trust/ecdsa.ts';
import { tokenTlv } from '../src/trust/eim-signer.ts';
import { Euicc } from '../tools/lab/euicc/euicc.ts';
import { type LabCredential, labEid, loadLabPki } from '../tools/lab/pki/lab-pki.ts';
import { newFolder } from './support/folders.ts';
import { HandClock } from './support/hand-clock.ts';
import { seededRandom } from './support/seeded.ts';

const pki = loadLabPki();

function configOf(flags: Readonly<Record<string, unknown>>): Config {
  return loadConfig({ env: {}, flags }).config;
}

/** The identity under these settings, and what was logged. */
function load(flags: Readonly<Record<string, unknown>>) {
  const lines: LogLine[] = [];
  const identity = loadIdentity({
    config: configOf(flags),
    clock: new HandClock(),
    random: seededRandom(1),
    log: makeLog('eim', (line) => lines.push(line)),
  });
  return { identity, lines };
}

const pemOf = (key: KeyObject) => key.export({ format: 'pem', type: 'pkcs8' }).toString();

/** Files of credentials in a folder of their own; the paths of key and certificate. */
function written({ key, certificate }: Partial<LabCredential>) {
  const folder = newFolder();
  const paths = { key: join(folder, 'key.pem'), certificate: join(folder, 'cert.pem') };
  if (key !== undefined) writeFileSync(paths.key, pemOf(key));
  if (certificate !== undefined) {
    writeFileSync(paths.certificate, new X509Certificate(certificate).toString());
  }
  return paths;
}

describe('an identity that the configuration leaves open', () => {
  it('is made on first start, and is the same ever after', () => {
    const dataFolder = join(newFolder(), 'data');
    const flags = { dataFolder, 'eim.fqdn': 'eim.example.com:5684' };
    const first = load(flags);
    assert.deepEqual(
      first.lines.map(({ event }) => event),
      ['eim: made a key', 'eim: made a key', 'eim: made a self-signed DTLS certificate'],
    );
    assert.deepEqual(readdirSync(dataFolder).sort(), [
      'eim-signing.key.pem',
      'eim-tls.cert.pem',
      'eim-tls.key.pem',
    ]);
    const second = load(flags);
    assert.deepEqual(second.lines, []);
    assert.deepEqual(
      second.identity.introduction().eimConfigurationData,
      first.identity.introduction().eimConfigurationData,
    );
    assert.deepEqual(second.identity.tls.chain, first.identity.tls.chain);
    assert.equal(second.identity.tlsPem, first.identity.tlsPem);
  });

  it('keeps its keys from other users, and its folder too', () => {
    const dataFolder = join(newFolder(), 'data');
    load({ dataFolder });
    const mode = (path: string) => statSync(path).mode & 0o777;
    assert.equal(mode(dataFolder), 0o700);
    assert.equal(mode(join(dataFolder, 'eim-signing.key.pem')), 0o600);
    assert.equal(mode(join(dataFolder, 'eim-tls.key.pem')), 0o600);
  });

  it('has a certificate for the host that devices are told, valid from now on', () => {
    const names = {
      'eim.example.com': 'DNS:eim.example.com',
      'eim.example.com:5684': 'DNS:eim.example.com',
      '192.0.2.1:5684': 'IP Address:192.0.2.1',
      '[2001:db8::1]:5684': 'IP Address:2001:DB8:0:0:0:0:0:1',
      '2001:db8::1': 'IP Address:2001:DB8:0:0:0:0:0:1',
    };
    for (const [fqdn, name] of Object.entries(names)) {
      const { identity } = load({ dataFolder: newFolder(), 'eim.fqdn': fqdn });
      const certificate = new X509Certificate(identity.tlsPem);
      assert.equal(certificate.subjectAltName, name);
      assert.equal(new Date(certificate.validFrom).getTime(), new HandClock().now());
      assert.ok(certificate.checkPrivateKey(identity.tls.key));
      assert.deepEqual(identity.tls.chain, [new Uint8Array(certificate.raw)]);
      assert.equal(identity.fqdn, fqdn);
    }
  });

  it('is not made over a file that is there and is no key', () => {
    const dataFolder = newFolder();
    const path = join(dataFolder, 'eim-signing.key.pem');
    writeFileSync(path, 'precious');
    assert.throws(() => load({ dataFolder }), {
      name: 'ConfigError',
      message: `eim.signing.key: ${path} holds no private key in PEM`,
    });
    assert.equal(readFileSync(path, 'utf8'), 'precious');
  });

  it('says where it cannot be made', () => {
    const folder = newFolder();
    writeFileSync(join(folder, 'data'), 'a file, not a folder');
    assert.throws(() => load({ dataFolder: join(folder, 'data') }), {
      name: 'ConfigError',
      message: /^dataFolder: .*eim-signing\.key\.pem cannot be made: /,
    });
  });

  it('never logs a key', () => {
    const dataFolder = newFolder();
    const { lines } = load({ dataFolder });
    const pem = readFileSync(join(dataFolder, 'eim-signing.key.pem'), 'utf8');
    const inside = pem.split('\n')[1] ?? assert.fail('no PEM');
    assert.ok(!JSON.stringify(lines).includes(inside));
  });
});

describe('an identity that the configuration names', () => {
  it('is taken, and nothing is made', () => {
    const dataFolder = join(newFolder(), 'data');
    const [sign, tls] = [written(pki.eimSign), written(pki.eimTls)];
    const { identity, lines } = load({
      dataFolder,
      'eim.signing.key': sign.key,
      'eim.signing.certificate': sign.certificate,
      'eim.tls.key': tls.key,
      'eim.tls.certificate': tls.certificate,
    });
    assert.deepEqual(lines, []);
    assert.throws(() => readdirSync(dataFolder), { code: 'ENOENT' });
    assert.deepEqual(identity.tls.chain, [pki.eimTls.certificate]);
    const configuration = EimConfigurationData.decode(identity.introduction().eimConfigurationData);
    assert.deepEqual(configuration.eimPublicKeyData, {
      type: 'eimCertificate',
      value: pki.eimSign.certificate,
    });
    assert.deepEqual(configuration.trustedPublicKeyDataTls, {
      type: 'trustedCertificateTls',
      value: pki.eimTls.certificate,
    });
  });

  it('keeps the order of a chain, leaf first', () => {
    const tls = written(pki.eimTls);
    const chain = [pki.eimTls, pki.ci].map(({ certificate }) =>
      new X509Certificate(certificate).toString(),
    );
    writeFileSync(tls.certificate, chain.join(''));
    const { identity } = load({
      dataFolder: newFolder(),
      'eim.tls.key': tls.key,
      'eim.tls.certificate': tls.certificate,
    });
    assert.deepEqual(identity.tls.chain, [pki.eimTls.certificate, pki.ci.certificate]);
  });

  it('signs with the key that eUICCs are told', () => {
    const { identity } = load({ dataFolder: newFolder() });
    const { eimPublicKeyData } = EimConfigurationData.decode(
      identity.introduction().eimConfigurationData,
    );
    assert.ok(eimPublicKeyData?.type === 'eimPublicKey');
    const key = ecPublicKey(eimPublicKeyData.value.slice(-65), 'prime256v1');
    const data = Uint8Array.of(0x30, 0x00);
    const signature = identity.signer.sign(data, 5);
    assert.ok(verifyEcdsa(key, concat(data, tokenTlv(5)), signature));
    assert.ok(!verifyEcdsa(key, concat(data, tokenTlv(6)), signature));
  });

  const otherKey = generateKeyPairSync('ec', { namedCurve: 'prime256v1' }).privateKey;
  const p384 = generateKeyPairSync('ec', { namedCurve: 'secp384r1' }).privateKey;
  const garbage = join(newFolder(), 'garbage.pem');
  writeFileSync(
    garbage,
    '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n',
  );
  const empty = join(newFolder(), 'empty.pem');
  writeFileSync(empty, '');
  const tls = written(pki.eimTls);
  const sign = written(pki.eimSign);
  const refused: Readonly<Record<string, readonly [flags: Record<string, string>, RegExp]>> = {
    'a key that is not there': [
      { 'eim.signing.key': join(newFolder(), 'none.pem') },
      /^eim\.signing\.key: ENOENT/,
    ],
    'a key that is none': [{ 'eim.signing.key': garbage }, /^eim\.signing\.key: .* no private key/],
    'a key of another curve': [
      { 'eim.signing.key': written({ key: p384 }).key },
      /^eim\.signing\.key: .* not a key of P-256$/,
    ],
    'a TLS key of another curve': [
      { 'eim.tls.key': written({ key: p384 }).key, 'eim.tls.certificate': tls.certificate },
      /^eim\.tls\.key: .* not a key of P-256 or brainpoolP256r1$/,
    ],
    'a certificate of another key': [
      { 'eim.tls.key': written({ key: otherKey }).key, 'eim.tls.certificate': tls.certificate },
      /^eim\.tls\.certificate: is not the certificate of eim\.tls\.key$/,
    ],
    'a signing certificate of another key': [
      {
        'eim.signing.key': written({ key: otherKey }).key,
        'eim.signing.certificate': sign.certificate,
      },
      /^eim\.signing\.certificate: is not the certificate of eim\.signing\.key$/,
    ],
    'a certificate that is none': [
      { 'eim.tls.key': tls.key, 'eim.tls.certificate': garbage },
      /^eim\.tls\.certificate: holds something that is no certificate$/,
    ],
    'a file without a certificate': [
      { 'eim.tls.key': tls.key, 'eim.tls.certificate': empty },
      /^eim\.tls\.certificate: holds no certificate$/,
    ],
    'a signing file without a certificate': [
      { 'eim.signing.key': sign.key, 'eim.signing.certificate': empty },
      /^eim\.signing\.certificate: holds no certificate$/,
    ],
  };
  for (const [name, [flags, message]] of Object.entries(refused)) {
    it(`is refused: ${name}`, () => {
      assert.throws(() => load({ dataFolder: newFolder(), ...flags }), {
        name: 'ConfigError',
        message,
      });
    });
  }
});

describe('what eUICCs are told', () => {
  it('says who the eIM is, where it is found, and what it does', () => {
    const { identity } = load({
      dataFolder: newFolder(),
      'eim.id': '2.999.77',
      'eim.idType': 'oid',
      'eim.fqdn': 'eim.example.com:5684',
      'euicc.counterStart': 41,
    });
    const configuration = EimConfigurationData.decode(identity.introduction().eimConfigurationData);
    assert.equal(configuration.eimId, '2.999.77');
    assert.equal(configuration.eimIdType, 1);
    assert.equal(configuration.eimFqdn, 'eim.example.com:5684');
    assert.equal(configuration.counterValue, 41);
    assert.equal(configuration.associationToken, -1);
    assert.deepEqual(configuration.eimSupportedProtocol, ['eimRetrieveCoaps']);
    assert.equal(configuration.indirectProfileDownload, true);
  });

  it('is what a eUICC takes, and answers with its first association token', () => {
    const { identity } = load({ dataFolder: newFolder() });
    const euicc = new Euicc({
      eid: labEid,
      credential: pki.euicc,
      eumCertificate: pki.eum.certificate,
      ciCertificates: [pki.ci.certificate],
      clock: new HandClock(),
      random: seededRandom(2),
    });
    const answer = AddInitialEimResponse.decode(
      euicc.transmit(identity.introduction().addInitialEimRequest),
    );
    assert.deepEqual(answer, {
      type: 'addInitialEimOk',
      value: [{ type: 'associationToken', value: 1 }],
    });
  });
});

describe('certificates of a PEM file', () => {
  it('are all read, whatever stands between them', () => {
    const pem = [pki.ci, pki.eum].map(
      ({ certificate }) => `text\n${new X509Certificate(certificate)}`,
    );
    assert.deepEqual(certificates('x', pem.join('')).map(toHex), [
      toHex(pki.ci.certificate),
      toHex(pki.eum.certificate),
    ]);
    assert.deepEqual(certificates('x', ''), []);
  });
});

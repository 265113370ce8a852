/** Who the eIM is: what the configuration names, and what is made on first start. */
import assert from 'node:assert/strict';
import { createPublicKey, generateKeyPairSync, type KeyObject, X509Certificate } from 'node:crypto';
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, it } from 'node:test';
import { concat, toHex } from '../src/base/bytes.ts';
import type { IntroductionChange, TlsTrust } from '../src/base/introduction.ts';
import { type LogLine, makeLog } from '../src/base/log.ts';
import { type Config, loadConfig } from '../src/config.ts';
import { certificates, loadIdentity } from '../src/identity.ts';
import { EimConfigurationData } from '../src/messages/eco.ts';
import { AddInitialEimResponse } from '../src/messages/es10.ts';
import { readCertificate } from '../src/trust/certificate.ts';
import { ecPublicKey } from '../src/trust/ec-key.ts';
import { verifyEcdsa } from '../src/trust/ecdsa.ts';
import { tokenTlv } from '../src/trust/eim-signer.ts';
import { Euicc } from '../tools/lab/euicc/euicc.ts';
import { issueCertificate } from '../tools/lab/pki/issue.ts';
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

  /** What a fresh eUICC of the lab answers to it. */
  function answerTo(change: IntroductionChange) {
    const { identity } = load({ dataFolder: newFolder() });
    const euicc = new Euicc({
      eid: labEid,
      credential: pki.euicc,
      eumCertificate: pki.eum.certificate,
      ciCertificates: [pki.ci.certificate],
      clock: new HandClock(),
      random: seededRandom(2),
    });
    return AddInitialEimResponse.decode(
      euicc.transmit(identity.introduction(undefined, change).addInitialEimRequest),
    );
  }

  it('is what a eUICC takes, and answers with its first association token', () => {
    assert.deepEqual(answerTo({}), {
      type: 'addInitialEimOk',
      value: [{ type: 'associationToken', value: 1 }],
    });
  });

  it('may name another counterValue, no token, and the CI to sign under', () => {
    const { subjectKeyIdentifier: ci } = readCertificate(pki.ci.certificate);
    assert.ok(ci);
    const change = { counterValue: 7, associationToken: 'none', euiccCiPKId: ci } as const;
    assert.deepEqual(answerTo(change), {
      type: 'addInitialEimOk',
      value: [{ type: 'addOk', value: true }],
    });
    const { identity } = load({ dataFolder: newFolder() });
    const { eimConfigurationData } = identity.introduction(undefined, change);
    const told = EimConfigurationData.decode(eimConfigurationData);
    assert.equal(told.counterValue, 7);
    assert.equal(told.associationToken, undefined);
    assert.deepEqual(told.euiccCiPKId, ci);
    // A CI that the eUICC has no key of: ciPKUnknown.
    assert.deepEqual(answerTo({ euiccCiPKId: new Uint8Array(20) }), {
      type: 'addInitialEimError',
      value: 3,
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

describe('the DTLS server', () => {
  const brainpoolKey = generateKeyPairSync('ec', { namedCurve: 'brainpoolP256r1' }).privateKey;
  const profile = {
    subject: [['CN', 'eim']],
    notBefore: new Date(Date.UTC(2025, 0, 1)),
    notAfter: new Date(Date.UTC(2060, 0, 1)),
    keyUsage: 'digitalSignature',
    ski: false,
  } as const;
  const named = issueCertificate({
    ...profile,
    names: [{ dns: 'A.example.com' }, { ip: '192.0.2.1' }, { dns: 'b.example.com' }],
  });
  const nameless = issueCertificate(profile, undefined, brainpoolKey);

  it('has more certificates, for the names that they or the configuration say', () => {
    const [one, two] = [written(named), written(nameless)];
    const { identity } = load({
      dataFolder: newFolder(),
      'dtls.certificates': [one, two, { ...two, names: ['c.example.com'] }],
    });
    assert.deepEqual(
      identity.otherTls.map(({ serverNames, chain }) => [serverNames, chain[0]]),
      [
        [['a.example.com', 'b.example.com'], named.certificate],
        [undefined, nameless.certificate],
        [['c.example.com'], nameless.certificate],
      ],
    );
    assert.equal(identity.tls.serverNames, undefined);
  });

  it('may be on brainpoolP256r1, with a certificate made or given', () => {
    const { key, certificate } = written(nameless);
    const flags = {
      dataFolder: newFolder(),
      'eim.tls.key': key,
      'eim.tls.certificate': certificate,
    };
    const { identity } = load(flags);
    assert.equal(identity.tls.key.asymmetricKeyDetails?.namedCurve, 'brainpoolP256r1');
  });

  it('is refused with a certificate of another key, by its place in the list', () => {
    const one = written(named);
    const wrong = { key: one.key, certificate: written(nameless).certificate };
    assert.throws(() => load({ dataFolder: newFolder(), 'dtls.certificates': [one, wrong] }), {
      name: 'ConfigError',
      message: 'dtls.certificates.1.certificate: is not the certificate of dtls.certificates.1.key',
    });
  });

  it('is to be trusted by its certificate or its key, as configured or as asked', () => {
    const dataFolder = newFolder();
    const told = (flags: object, trust?: TlsTrust) => {
      const { identity } = load({ dataFolder, ...flags });
      const { eimConfigurationData, addInitialEimRequest } = identity.introduction(trust);
      const { trustedPublicKeyDataTls } = EimConfigurationData.decode(eimConfigurationData);
      assert.ok(Buffer.from(addInitialEimRequest).includes(Buffer.from(eimConfigurationData)));
      return trustedPublicKeyDataTls;
    };
    const { identity } = load({ dataFolder });
    const spki = createPublicKey(identity.tls.key).export({ format: 'der', type: 'spki' });
    const key = { type: 'trustedEimPkTls', value: new Uint8Array(spki) };
    const certificate = { type: 'trustedCertificateTls', value: identity.tls.chain[0] };
    assert.deepEqual(told({}), certificate);
    assert.deepEqual(told({}, 'key'), key);
    assert.deepEqual(told({ 'eim.tls.trust': 'key' }), key);
    assert.deepEqual(told({ 'eim.tls.trust': 'key' }, 'certificate'), certificate);
  });
});

describe('settings of device credentials', () => {
  const cases: readonly (readonly [string, unknown, RegExp])[] = [
    ['dtls.clientAnchors', ['ca.pem'], /^dtls\.clientAuthentication: must be optional or required/],
    ['dtls.clientNamePattern', '(', /^dtls\.clientNamePattern: is no regular expression/],
    ['dtls.clientName', 'emailAddress', /^dtls\.clientName: /],
    ['dtls.suites', ['TLS_NULL_WITH_NULL_NULL'], /^dtls\.suites\.0: no cipher suite that/],
    ['dtls.suites', [], /^dtls\.suites: /],
    ['dtls.profile', 'weak', /^dtls\.profile: /],
    ['dtls.certificates', [{ key: 'k.pem' }], /^dtls\.certificates\.0\.certificate: /],
    ['eim.tls.trust', 'both', /^eim\.tls\.trust: /],
  ];
  for (const [key, value, message] of cases) {
    it(`refuse ${key}: ${JSON.stringify(value)}`, () => {
      assert.throws(() => configOf({ [key]: value }), { name: 'ConfigError', message });
    });
  }

  it('take a list of suites, and paths relative to the working folder', () => {
    const suites = ['TLS_PSK_WITH_AES_128_CCM_8', 'TLS_PSK_WITH_AES_128_GCM_SHA256'];
    const { dtls } = configOf({
      'dtls.suites': suites,
      'dtls.certificates': [{ key: 'k.pem', certificate: '/c.pem' }],
    });
    assert.deepEqual(dtls.suites, suites);
    assert.deepEqual(dtls.certificates, [{ key: resolve('k.pem'), certificate: '/c.pem' }]);
  });
});

/** The configuration: what goes over what, and what a wrong one is told. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { after, before, describe, it } from 'node:test';
import {
  type ConfigSources,
  configTemplate,
  environmentName,
  loadConfig,
  makeConfigFile,
  settingKeys,
} from '../src/config.ts';

let folder = '';
before(() => {
  folder = mkdtempSync(join(tmpdir(), 'coap-eim-config-'));
});
after(() => rmSync(folder, { recursive: true }));

function file(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

function configOf(sources: Partial<ConfigSources>) {
  return loadConfig({ env: {}, ...sources }).config;
}

describe('configuration', () => {
  it('has a default for everything', () => {
    const config = configOf({});
    assert.equal(config.coaps.port, 5684);
    assert.equal(config.rest.host, '127.0.0.1');
    assert.equal(config.rest.token, undefined);
    assert.equal(config.euicc.consumerEuicc, false);
    assert.equal(config.dtls.allowAnonymous, true);
    assert.deepEqual(config.esipa.paths, ['gsma/rsp2/asn1', 'esipa']);
    assert.deepEqual(config.es9.hosts, {});
  });

  it('gives lengths of time in milliseconds', () => {
    assert.equal(configOf({}).orders.noShow, 30 * 24 * 3600 * 1000);
    assert.equal(configOf({ flags: { 'orders.noShow': '90s' } }).orders.noShow, 90_000);
  });

  it('lets flags go over the environment, that over the file, that over the defaults', () => {
    const yaml = file(
      'order.yaml',
      'coaps:\n  port: 1001\n  host: 10.0.0.1\nrest:\n  port: 1002\n',
    );
    const env = { EIM_COAPS_PORT: '2001', EIM_REST_PORT: '2002' };
    const flags = { 'coaps.port': '3001' };
    const config = configOf({ file: yaml, env, flags });
    assert.equal(config.coaps.port, 3001);
    assert.equal(config.rest.port, 2002);
    assert.equal(config.coaps.host, '10.0.0.1');
    assert.equal(config.coap.maxRetransmit, 4);
  });

  it('takes lists and maps from the environment as YAML', () => {
    const config = configOf({
      env: {
        EIM_ESIPA_CONTENT_FORMATS: '[42, 65000]',
        EIM_ES9_HOSTS: '{"SMDP.example.com": {address: 127.0.0.1, port: 8443}}',
        EIM_EUICC_CONSUMER_EUICC: 'true',
      },
    });
    assert.deepEqual(config.esipa.contentFormats, [42, 65000]);
    assert.deepEqual(config.es9.hosts, {
      'smdp.example.com': { address: '127.0.0.1', port: 8443 },
    });
    assert.equal(config.euicc.consumerEuicc, true);
  });

  it('keeps a text that looks like a number a text', () => {
    assert.equal(configOf({ env: { EIM_EIM_ID: '1234' } }).eim.id, '1234');
  });

  it('counts an empty variable and an empty key as not set', () => {
    const yaml = file('empty.yaml', 'coaps:\nrest:\n  token:\n');
    const config = configOf({ file: yaml, env: { EIM_COAPS_PORT: '' } });
    assert.equal(config.coaps.port, 5684);
    assert.equal(config.rest.token, undefined);
  });

  it('takes paths in the file as relative to it, and others to the working folder', () => {
    const yaml = file(
      'paths.yaml',
      'dataFolder: store\nes9:\n  roots: [ci.pem]\n  hosts: {a.example: {ca: a.pem}}\n',
    );
    const config = configOf({ file: yaml, env: { EIM_EIM_SIGNING_KEY: 'key.pem' } });
    assert.equal(config.dataFolder, join(folder, 'store'));
    assert.deepEqual(config.es9.roots, [join(folder, 'ci.pem')]);
    assert.deepEqual(config.es9.hosts, { 'a.example': { ca: join(folder, 'a.pem') } });
    assert.equal(config.eim.signing.key, resolve('key.pem'));
  });

  it('takes the trust of a host of its own', () => {
    const pin = 'ab'.repeat(32);
    const yaml = file(
      'hosts.yaml',
      [
        'es9:',
        '  crls: [ci.crl]',
        '  hosts:',
        `    a.example: {ca: a.pem, crls: [a.crl], pins: ["${pin.replace(/..(?=.)/g, '$&:')}"]}`,
        '    b.example: {publicRoots: true, crls: [b.crl]}',
      ].join('\n'),
    );
    const { es9 } = configOf({ file: yaml, env: {} });
    const at = (name: string) => join(folder, name);
    assert.deepEqual(es9.crls, [at('ci.crl')]);
    assert.deepEqual(es9.hosts, {
      'a.example': { ca: at('a.pem'), crls: [at('a.crl')], pins: [pin.toUpperCase()] },
      'b.example': { publicRoots: true, crls: [at('b.crl')] },
    });
  });

  it('names every setting in the environment', () => {
    assert.equal(environmentName('dataFolder'), 'EIM_DATA_FOLDER');
    assert.equal(environmentName('es9.connectTimeout'), 'EIM_ES9_CONNECT_TIMEOUT');
    const names = settingKeys().map(environmentName);
    assert.equal(new Set(names).size, names.length);
  });
});

describe('where a value came from', () => {
  it('is told of every setting, as it was given', () => {
    const yaml = file('origins.yaml', '# a comment\norders:\n  noShow: 90d\n');
    const { origins } = loadConfig({
      file: yaml,
      env: { EIM_COAPS_PORT: '2001' },
      flags: { 'rest.port': '3' },
    });
    assert.deepEqual([...origins.keys()], settingKeys());
    assert.deepEqual(origins.get('orders.noShow'), { from: `${yaml} line 3`, given: '90d' });
    assert.deepEqual(origins.get('coaps.port'), { from: 'EIM_COAPS_PORT', given: '2001' });
    assert.deepEqual(origins.get('rest.port'), { from: 'a flag', given: '3' });
    assert.deepEqual(origins.get('orders.stuck'), { from: 'the default', given: '14d' });
  });
});

describe('configuration file', () => {
  it('is made with comments where it is missing, and then read', () => {
    const path = join(folder, 'made', 'eim.yaml');
    const first = loadConfig({ file: path, env: {} });
    assert.equal(first.made, true);
    assert.equal(readFileSync(path, 'utf8'), configTemplate());
    // A token may come to stand in it.
    assert.equal(statSync(path).mode & 0o777, 0o600);
    const second = loadConfig({ file: path, env: {} });
    assert.equal(second.made, false);
    assert.deepEqual(second.config, first.config);
  });

  it('holds every key and, with its # taken away, every default', () => {
    const lines = configTemplate().split('\n');
    for (const key of settingKeys()) {
      const name = key.split('.').at(-1);
      assert.ok(
        lines.some((line) => line.trim().startsWith(`#${name}:`)),
        key,
      );
    }
    const active = lines.map((line) => line.replace(/^( *)#(\w+:.*)$/, '$1$2')).join('\n');
    const path = file('active.yaml', active);
    assert.deepEqual(
      configOf({ file: path }),
      configOf({ flags: { dataFolder: `${folder}/data` } }),
    );
  });
});

describe('wrong configuration', () => {
  const cases: readonly (readonly [
    what: string,
    sources: Partial<ConfigSources>,
    message: RegExp,
  ])[] = [
    [
      'a port that is none',
      { env: { EIM_COAPS_PORT: '70000' } },
      /^coaps\.port: .*65535.* \(from EIM_COAPS_PORT\)$/,
    ],
    [
      'a block size between two',
      { env: { EIM_COAP_BLOCK_SIZE: '100' } },
      /^coap\.blockSize: must be 16, 32, 64, 128, 256, 512 or 1024 \(from EIM_COAP_BLOCK_SIZE\)$/,
    ],
    [
      'a counter beyond three octets',
      { flags: { 'euicc.counterStart': 2 ** 23 } },
      /^euicc\.counterStart: must be at most 8388607 \(from a flag\)$/,
    ],
    ['a port that is a word', { flags: { 'coaps.port': 'x' } }, /^coaps\.port: .*\(from a flag\)$/],
    [
      'a length of time without unit',
      { env: { EIM_ORDERS_STUCK: '300' } },
      /^orders\.stuck: '300' is no length of time: .*10s/,
    ],
    ['an unknown flag', { flags: { 'coaps.prt': 1 } }, /^coaps\.prt: there is no such setting/],
    [
      'a short token',
      { env: { EIM_REST_TOKEN: 'secret' } },
      /^rest\.token: [^\n]*\(from EIM_REST_TOKEN\)$/,
    ],
    [
      'an outside address without token',
      { flags: { 'rest.host': '0.0.0.0' } },
      /^rest\.certificate: must be set, and rest\.key, since rest\.host \(0\.0\.0\.0\) is not a loopback address \(or rest\.behindProxy, where a proxy with TLS stands before it\)$/,
    ],
    [
      'a certificate without its key',
      { flags: { 'eim.tls.certificate': 'c.pem' } },
      /^eim\.tls\.key: must be set/,
    ],
    [
      'a member of a map',
      { flags: { 'es9.hosts': { 'a.example': { port: 'x' } } } },
      /^es9\.hosts\.a\.example\.port: /,
    ],
    [
      'a pin that is none',
      { flags: { 'es9.hosts': { 'a.example': { pins: ['abcd'] } } } },
      /^es9\.hosts\.a\.example\.pins\.0: must be the SHA-256/,
    ],
    [
      'public roots beside a ca',
      { flags: { 'es9.hosts': { 'a.example': { ca: 'a.pem', publicRoots: true } } } },
      /^es9\.hosts\.a\.example\.publicRoots: must not be true/,
    ],
    [
      'CRLs for nobody',
      { flags: { 'es9.hosts': { 'a.example': { crls: ['a.crl'] } } } },
      /^es9\.hosts\.a\.example\.crls: are for a ca/,
    ],
    [
      'connection IDs that are too short',
      { flags: { 'dtls.cidLength': '3' } },
      /^dtls\.cidLength: must be 0, or 6 to 32 \(from a flag\)$/,
    ],
    [
      'asking for blocks before they may come',
      { flags: { 'coap.nonTimeout': '3s' } },
      /^coap\.nonReceiveTimeout: must be 5500ms or more with this coap\.nonTimeout$/,
    ],
    [
      'bounds of ACK_TIMEOUT that cross',
      { flags: { 'coap.ackTimeoutMost': '1s' } },
      /^coap\.ackTimeoutMost: must not be less than coap\.ackTimeoutLeast$/,
    ],
    ['a list that is none', { env: { EIM_ESIPA_PATHS: 'esipa' } }, /^esipa\.paths: /],
  ];
  for (const [what, sources, message] of cases) {
    it(`is refused: ${what}`, () => {
      assert.throws(() => configOf(sources), { name: 'ConfigError', message });
    });
  }

  it('names the unknown key of a file, and every problem at once', () => {
    const path = file('wrong.yaml', 'coaps:\n  prot: 1\n  port: many\nlogs: {}\nrest: 8080\n');
    assert.throws(() => configOf({ file: path }), {
      name: 'ConfigError',
      message: new RegExp(
        `^coaps.prot: there is no such setting: coaps.port is meant\\? \\(from ${path} line 2\\)\n` +
          `logs: there is no such setting \\(from ${path} line 4\\)\n` +
          `rest: must be a section of settings \\(from ${path} line 5\\)\n` +
          `coaps.port: .* \\(from ${path} line 3\\)$`,
      ),
    });
  });

  it('does not repeat a secret in its complaint', () => {
    assert.throws(
      () => configOf({ env: { EIM_REST_TOKEN: 'hunter2' } }),
      (error: Error) => !error.message.includes('hunter2'),
    );
  });

  it('says that a file is not YAML', () => {
    const path = file('bad.yaml', 'coaps: [');
    assert.throws(() => configOf({ file: path }), {
      name: 'ConfigError',
      message: /bad\.yaml is not YAML: line 1: /,
    });
  });

  it('names the line of what is wrong within a list or a map', () => {
    const path = file(
      'deep.yaml',
      'esipa:\n  contentFormats:\n    - 42\n    - 70000\nes9:\n  hosts:\n    a.example:\n      port: x\n',
    );
    assert.throws(() => configOf({ file: path }), {
      message: new RegExp(
        `es9\\.hosts\\.a\\.example\\.port: .* \\(from ${path} line 8\\)\n` +
          `esipa\\.contentFormats\\.1: .* \\(from ${path} line 4\\)`,
      ),
    });
  });

  it('makes no file over one that is there', () => {
    const path = file('there.yaml', 'coaps:\n  port: 1\n');
    assert.throws(() => makeConfigFile(path), {
      name: 'ConfigError',
      message: /there\.yaml is there already: it stays as it is; take it away first/,
    });
    assert.equal(readFileSync(path, 'utf8'), 'coaps:\n  port: 1\n');
  });

  it('says that a file cannot be read', () => {
    assert.throws(() => configOf({ file: folder }), {
      name: 'ConfigError',
      message: /cannot be read/,
    });
  });

  it('accepts an outside address behind a proxy', () => {
    const flags = { 'rest.host': '0.0.0.0', 'rest.behindProxy': 'true' };
    assert.equal(configOf({ flags }).rest.behindProxy, true);
  });
});

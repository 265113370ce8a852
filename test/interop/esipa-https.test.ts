/** curl and openssl s_client at the eIM's HTTPS: they fetch an eIM package, in ASN.1 and in JSON. */
import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { concat, fromBase64, fromUtf8, utf8 } from '../../src/base/bytes.ts';
import { tlv } from '../../src/messages/tlv.ts';
import { issue } from '../dtls/support/certificates.ts';
import { asn1Headers, jsonHeaders, request } from '../esipa/https-door.ts';
import { newFolder } from '../support/folders.ts';
import { needs } from '../support/needs.ts';
import { ciPem, eid, poll, type RunningEim, startEim } from './support-eim.ts';

const asn1 = '/gsma/rsp2/asn1';
const json = '/gsma/rsp2/esipa/getEimPackage';
const on = { 'https.enabled': true, 'https.host': '127.0.0.1', 'https.port': 0 };
const off = { ...on, 'https.tls': false };

interface Got {
  readonly code: number;
  /** Status line and headers, of the last answer. */
  readonly head: string;
  readonly body: Uint8Array;
  /** What it was told to write out. */
  readonly said: string;
}

async function curl(...args: readonly string[]): Promise<Got> {
  const folder = newFolder();
  const [head, body] = [join(folder, 'head'), join(folder, 'body')];
  for (const file of [head, body]) writeFileSync(file, '');
  const all = ['--silent', '--max-time', '20', '--dump-header', head, '--output', body, ...args];
  const [code, said] = await new Promise<[number, string]>((resolve) => {
    execFile('curl', all, (error, stdout) =>
      resolve([error === null ? 0 : Number(error.code), stdout]),
    );
  });
  return {
    code,
    said,
    head: readFileSync(head, 'latin1'),
    body: new Uint8Array(readFileSync(body)),
  };
}

function headers(of: Readonly<Record<string, string>>): readonly string[] {
  return Object.entries(of).flatMap(([name, value]) => ['--header', `${name}: ${value}`]);
}

/** What is posted, from a file. */
function posting(body: Uint8Array | string): readonly string[] {
  const file = join(newFolder(), 'body');
  writeFileSync(file, body);
  return ['--data-binary', `@${file}`];
}

function url({ httpsPort }: RunningEim, path: string, scheme = 'https'): string {
  return `${scheme}://localhost:${httpsPort}${path}`;
}

function packageIn(answer: Uint8Array): Uint8Array {
  const { euiccPackageRequest } = JSON.parse(fromUtf8(answer)) as { euiccPackageRequest: string };
  return tlv(0xbf4f, fromBase64(euiccPackageRequest));
}

const trusted = ['--cacert', ciPem];
const askJson = [...headers(jsonHeaders), '--data', JSON.stringify({ eidValue: eid })];

describe('curl at the eIM', { skip: needs('curl', '--version'), timeout: 120_000 }, () => {
  it('fetches an eIM package in ASN.1', async (test) => {
    const eim = await startEim(test, 'certificate', on);
    const got = await curl(...trusted, ...headers(asn1Headers), ...posting(poll), url(eim, asn1));
    assert.equal(got.code, 0);
    assert.match(got.head, /^HTTP\/1\.1 200 /);
    assert.match(got.head, /content-type: application\/x-gsma-rsp-asn1\r\n/i);
    assert.match(got.head, /x-admin-protocol: gsma\/rsp\/v2\.1\.0\r\n/i);
    await eim.checkFetched(got.body);
  });

  for (const version of ['1.2', '1.3']) {
    it(`fetches an eIM package in JSON over TLS ${version}`, async (test) => {
      const eim = await startEim(test, 'certificate', on);
      const tls = [`--tlsv${version}`, '--tls-max', version];
      const got = await curl(...trusted, ...tls, ...askJson, url(eim, json));
      assert.equal(got.code, 0);
      await eim.checkFetched(packageIn(got.body));
    });
  }

  it('fetches one in plain HTTP where TLS is off', async (test) => {
    const eim = await startEim(test, 'certificate', off);
    const got = await curl(...askJson, url(eim, json, 'http'));
    await eim.checkFetched(packageIn(got.body));
  });

  it('sends a large body in the way of HTTP, and hears 413', async (test) => {
    const eim = await startEim(test, 'certificate', on);
    const body = posting(new Uint8Array(1_500_000));
    const expect = ['--header', 'Expect: 100-continue'];
    const got = await curl(...trusted, ...expect, ...headers(asn1Headers), ...body, url(eim, asn1));
    assert.match(got.head, /^HTTP\/1\.1 413 /);
    assert.deepEqual(await eim.order(), { at: 'new' });
  });

  it('goes on with one connection', async (test) => {
    const eim = await startEim(test, 'certificate', on);
    const args = [...trusted, ...askJson, '--write-out', '%{num_connects} '];
    const got = await curl(
      ...args,
      url(eim, json),
      '--output',
      join(newFolder(), 'x'),
      url(eim, json),
    );
    assert.equal(got.said, '1 0 '); // connections made for each
    assert.equal(got.head.match(/HTTP\/1\.1 200 /g)?.length, 2);
  });

  it('does not ask an eIM of a CI that it does not trust', async (test) => {
    const eim = await startEim(test, 'certificate', on);
    const stranger = join(newFolder(), 'stranger.pem');
    writeFileSync(stranger, issue().authority);
    const got = await curl('--cacert', stranger, ...askJson, url(eim, json));
    assert.equal(got.code, 60); // CURLE_PEER_FAILED_VERIFICATION
    assert.deepEqual(await eim.order(), { at: 'new' });
  });

  it('gets nothing for an EID that is bound to a PSK', async (test) => {
    const eim = await startEim(test, 'psk', on);
    const got = await curl(...trusted, ...askJson, url(eim, json));
    const { eimPackageError } = JSON.parse(fromUtf8(got.body)) as { eimPackageError: number };
    assert.equal(eimPackageError, 2);
    assert.deepEqual(await eim.order(), { at: 'new' });
  });

  it('finds nobody where HTTPS is not enabled', async (test) => {
    const eim = await startEim(test, 'certificate');
    assert.equal(eim.httpsPort, 0);
    assert.deepEqual(await eim.order(), { at: 'new' });
  });
});

/** Says `said` over openssl s_client; all that comes back until the server closes. */
async function sClient(
  { httpsPort }: RunningEim,
  args: readonly string[],
  said: Uint8Array,
): Promise<Uint8Array> {
  const connect = ['s_client', '-quiet', '-connect', `127.0.0.1:${httpsPort}`, ...args];
  const child = spawn('openssl', connect, { stdio: ['pipe', 'pipe', 'ignore'] });
  const heard: Uint8Array[] = [];
  child.stdout.on('data', (part: Uint8Array) => heard.push(new Uint8Array(part)));
  child.stdin.on('error', () => {}); // there may be no connection
  child.stdin.write(said);
  await new Promise<void>((resolve, reject) => {
    child.once('close', () => resolve());
    child.once('error', reject);
  });
  return concat(...heard);
}

describe('openssl s_client at HTTPS', {
  skip: needs('openssl', 'version'),
  timeout: 60_000,
}, () => {
  const asked = request(asn1, { ...asn1Headers, Connection: 'close' }, poll);
  const trusting = ['-CAfile', ciPem, '-verify_return_error', '-servername', 'eim.example.com'];

  for (const suite of ['ECDHE-ECDSA-AES128-GCM-SHA256', 'ECDHE-ECDSA-AES128-SHA256']) {
    it(`fetches an eIM package with ${suite}`, async (test) => {
      const eim = await startEim(test, 'certificate', on);
      const heard = await sClient(eim, [...trusting, '-tls1_2', '-cipher', suite], asked);
      const at = Buffer.from(heard).indexOf('\r\n\r\n');
      assert.match(fromUtf8(heard.subarray(0, at)), /^HTTP\/1\.1 200 /);
      await eim.checkFetched(heard.slice(at + 4));
    });
  }

  it('hears nothing in TLS 1.1', async (test) => {
    const eim = await startEim(test, 'certificate', on);
    const old = ['-tls1_1', '-cipher', 'DEFAULT@SECLEVEL=0'];
    assert.equal((await sClient(eim, [...trusting, ...old], asked)).length, 0);
    assert.deepEqual(await eim.order(), { at: 'new' });
  });

  it('is told of what is no HTTP', async (test) => {
    const eim = await startEim(test, 'certificate', on);
    const heard = await sClient(eim, trusting, utf8('BF4F\r\n\r\n'));
    assert.match(fromUtf8(heard), /^HTTP\/1\.1 400 /);
  });
});

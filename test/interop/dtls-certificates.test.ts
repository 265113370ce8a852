/** Certificates and raw public keys of both sides, with the command lines of openssl and gnutls as clients. */
import assert from 'node:assert/strict';
import { type KeyObject, X509Certificate } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { equal } from '../../src/base/bytes.ts';
import { AlertDescription, HandshakeError } from '../../src/dtls/alert.ts';
import { spkiOf } from '../../src/dtls/certificate-types.ts';
import type {
  ClientAuthentication,
  DtlsCredentials,
  PeerCredential,
  ShownCertificate,
} from '../../src/dtls/credentials.ts';
import { Authority } from '../dtls/support/certificates.ts';
import { needs } from '../support/needs.ts';
import { type Echo, startEcho, Talk } from './dtls-echo.ts';

const timeout = 120_000;
const folder = mkdtempSync(join(tmpdir(), 'dtls-certificates-'));
after(() => rmSync(folder, { recursive: true }));

const authority = new Authority();
const server = authority.issue(['localhost']);
const device = authority.issue(['device-1']);
const ofBrainpool = authority.issue(['device-2'], 'brainpoolP256r1');
const stranger = new Authority().issue(['device-1']);

let files = 0;

function file(pem: string): string {
  const path = join(folder, `${files++}.pem`);
  writeFileSync(path, pem);
  return path;
}

const keyFile = (key: KeyObject) => file(key.export({ type: 'pkcs8', format: 'pem' }).toString());
const certificateFile = ([own]: readonly Uint8Array[]) =>
  file(new X509Certificate(own ?? new Uint8Array()).toString());
const publicFile = (key: KeyObject) => {
  const base64 = Buffer.from(spkiOf(key)).toString('base64');
  return file(`-----BEGIN PUBLIC KEY-----\n${base64}\n-----END PUBLIC KEY-----\n`);
};
const roots = file(authority.pem);

const expired = new Set(['device-3']);

/** Takes chains of the authority, and the device's raw public key. */
function check(shown: ShownCertificate): string {
  if (shown.type === 'rawPublicKey') {
    if (!equal(shown.spki, spkiOf(device.key))) throw new Error('not a pinned key');
    return 'by key';
  }
  try {
    authority.check(shown.chain);
  } catch (cause) {
    throw new HandshakeError(AlertDescription.unknownCa, 'of no authority of ours', { cause });
  }
  const { subject } = new X509Certificate(shown.chain[0] ?? new Uint8Array());
  if ([...expired].some((name) => subject.includes(name))) {
    throw new HandshakeError(AlertDescription.certificateExpired, 'expired');
  }
  return 'by chain';
}

function asking(mode: ClientAuthentication['mode']): DtlsCredentials {
  return { certificates: [server], clientAuthentication: { mode, check } };
}

/** Has the server say something back; who the client is to it. */
async function meets(
  credentials: DtlsCredentials,
  client: (echo: Echo) => Talk,
): Promise<{ readonly credential: PeerCredential | undefined; readonly output: string }> {
  const echo = await startEcho({ credentials });
  const talk = client(echo);
  try {
    talk.say('hello\n');
    await talk.hears(/^hello\r?$/m);
    return { credential: echo.peers[0]?.credential, output: talk.output };
  } finally {
    talk.kill();
    echo.close();
  }
}

/** Ends without a connection; what the client said to that. */
async function isRefused(
  credentials: DtlsCredentials,
  client: (echo: Echo) => Talk,
): Promise<string> {
  const echo = await startEcho({ credentials });
  const talk = client(echo);
  try {
    const output = await talk.ends();
    assert.deepEqual(echo.peers, []);
    assert.deepEqual(echo.server.size, { handshakes: 0, established: 0 });
    return output;
  } finally {
    talk.kill();
    echo.close();
  }
}

describe('openssl s_client', { skip: needs('openssl', 'version'), timeout }, () => {
  const client =
    (...more: readonly string[]) =>
    (echo: Echo) =>
      new Talk('openssl', [
        ...['s_client', '-dtls1_2', '-connect', `127.0.0.1:${echo.port}`, '-CAfile', roots],
        ...['-verify_return_error', ...more],
      ]);
  const showing = (
    { chain, key }: { readonly chain: readonly Uint8Array[]; readonly key: KeyObject },
    ...more: readonly string[]
  ) => client('-cert', certificateFile(chain), '-key', keyFile(key), ...more);

  it('D34, D35: gets a certificate on brainpoolP256r1, where it lists that', async () => {
    const brainpool = authority.issue(['localhost'], 'brainpoolP256r1');
    const credentials = { certificates: [brainpool, server] };
    const listed = await meets(credentials, client('-curves', 'brainpoolP256r1:prime256v1'));
    assert.match(listed.output, /Server Temp Key: ECDH, brainpoolP256r1/);
    assert.match(listed.output, /Verify return code: 0 \(ok\)/);
    const usual = await meets(credentials, client());
    assert.match(usual.output, /Server Temp Key: X25519/);
    assert.match(usual.output, /Verify return code: 0 \(ok\)/);
  });

  it('D51: gets the certificate for its -servername', async () => {
    const certificates = ['a.example.com', 'b.example.com'].map((name) => ({
      ...authority.issue([name]),
      serverNames: [name],
    }));
    for (const name of ['a.example.com', 'b.example.com']) {
      const named = client('-servername', name, '-verify_hostname', name);
      assert.match((await meets({ certificates }, named)).output, new RegExp(`CN ?= ?${name}`));
    }
  });

  it('D48: is asked for a certificate, and stays anonymous without one', async () => {
    const { credential, output } = await meets(asking('optional'), client());
    assert.deepEqual(credential, { type: 'anonymous' });
    assert.match(output, /Requested Signature Algorithms: ECDSA\+SHA256/);
    const refused = await isRefused(asking('required'), client());
    assert.match(refused, /alert handshake failure/);
    const { output: none } = await meets(asking('none'), showing(device));
    assert.doesNotMatch(none, /Requested Signature Algorithms/);
  });

  it('D14, D48, D49: is known by its certificate, whole or in fragments', async () => {
    for (const own of [device, ofBrainpool]) {
      for (const mtu of [[], ['-cipher', 'ECDHE-ECDSA-AES128-CCM8', '-mtu', '256']]) {
        const { credential } = await meets(asking('required'), showing(own, ...mtu));
        assert.equal(credential?.type === 'certificate' && credential.identity, 'by chain');
      }
    }
  });

  it('D49: signs the handshake with other hashes', async () => {
    const output = await meets(asking('required'), showing(device, '-sigalgs', 'ECDSA+SHA512'));
    assert.equal(output.credential?.type, 'certificate');
  });

  it('D50: hears why its certificate is not taken', async () => {
    const foreign = await isRefused(asking('optional'), showing(stranger));
    assert.match(foreign, /alert unknown ca/);
    const old = await isRefused(asking('required'), showing(authority.issue(['device-3'])));
    assert.match(old, /alert certificate expired/);
  });
});

describe('gnutls-cli', { skip: needs('gnutls-cli', '--version'), timeout }, () => {
  const client =
    (priority: string, ...more: readonly string[]) =>
    (echo: Echo) =>
      new Talk('gnutls-cli', [
        ...['--udp', '-p', String(echo.port), '--priority', priority],
        ...[...more, 'localhost'],
      ]);
  const normal = 'NORMAL:-VERS-ALL:+VERS-DTLS1.2';
  const own = [
    '--x509certfile',
    certificateFile(device.chain),
    '--x509keyfile',
    keyFile(device.key),
  ];
  const trusting = ['--x509cafile', roots];

  it('D48, D49: is known by its certificate', async () => {
    const { credential } = await meets(asking('required'), client(normal, ...trusting, ...own));
    assert.equal(credential?.type === 'certificate' && credential.identity, 'by chain');
  });

  it('D50: is refused with one of another authority, and does not go on with such a server', async () => {
    const foreign = [
      ...['--x509certfile', certificateFile(stranger.chain)],
      ...['--x509keyfile', keyFile(stranger.key)],
    ];
    const refused = await isRefused(asking('optional'), client(normal, ...trusting, ...foreign));
    assert.match(refused, /Received alert \[48\]: CA is unknown/);
    const unknown = { certificates: [stranger] };
    assert.match(await isRefused(unknown, client(normal, ...trusting)), /NOT trusted/);
  });

  it('D51: gets the certificate for its --sni-hostname', async () => {
    const certificates = ['a.example.com', 'b.example.com'].map((name) => ({
      ...authority.issue([name]),
      serverNames: [name],
    }));
    for (const name of ['a.example.com', 'b.example.com']) {
      const names = ['--sni-hostname', name, '--verify-hostname', name];
      const { output } = await meets({ certificates }, client(normal, ...trusting, ...names));
      assert.match(output, new RegExp(`subject .CN=${name}`));
    }
  });

  it('D48: stays anonymous without one, where it may', async () => {
    const { credential } = await meets(asking('optional'), client(normal, ...trusting));
    assert.deepEqual(credential, { type: 'anonymous' });
    const refused = await isRefused(asking('required'), client(normal, ...trusting));
    assert.match(refused, /Handshake failed/);
  });

  it('D46, D47: shows and takes raw public keys', async () => {
    const raw = `${normal}:-CTYPE-ALL:+CTYPE-CLI-RAWPK:+CTYPE-SRV-RAWPK`;
    const keys = [
      ...['--rawpkfile', publicFile(device.key), '--rawpkkeyfile', keyFile(device.key)],
      '--insecure', // it has no means to be told whose key the server's is
    ];
    const { credential, output } = await meets(asking('required'), client(raw, ...keys));
    assert.equal(credential?.type === 'rawPublicKey' && credential.identity, 'by key');
    assert.match(output, /raw public key|Raw Public Key/i);
    const others = [
      '--rawpkfile',
      publicFile(stranger.key),
      '--rawpkkeyfile',
      keyFile(stranger.key),
    ];
    const refused = await isRefused(asking('required'), client(raw, ...others, '--insecure'));
    assert.match(refused, /Received alert \[46\]/);
  });
});

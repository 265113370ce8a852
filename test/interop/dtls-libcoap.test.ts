/** libcoap's clients, with OpenSSL and with GnuTLS: what they show of themselves, and what they are shown. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { type KeyObject, X509Certificate } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it, type TestContext } from 'node:test';
import { equal, utf8 } from '../../src/base/bytes.ts';
import { AlertDescription, HandshakeError } from '../../src/dtls/alert.ts';
import { spkiOf } from '../../src/dtls/certificate-types.ts';
import type { CipherSuiteName } from '../../src/dtls/cipher-suites.ts';
import type {
  ClientAuthentication,
  DtlsCredentials,
  PeerCredential,
  ShownCertificate,
} from '../../src/dtls/credentials.ts';
import type { DtlsServerOptions } from '../../src/dtls/server.ts';
import { Authority } from '../dtls/support/certificates.ts';
import { needs } from '../support/needs.ts';
import { serveCoaps } from './support-coaps.ts';

const timeout = 120_000;
const folder = mkdtempSync(join(tmpdir(), 'dtls-libcoap-'));
after(() => rmSync(folder, { recursive: true }));

const authority = new Authority();
const server = authority.issue(['localhost']);
const device = authority.issue(['device-1']);
const stranger = new Authority().issue(['device-1']);

let files = 0;

/** A file of these PEM blocks. */
function file(...blocks: readonly string[]): string {
  const path = join(folder, `${files++}.pem`);
  writeFileSync(path, blocks.join(''));
  return path;
}

const privatePem = (key: KeyObject) => key.export({ type: 'sec1', format: 'pem' }).toString();
const certificatePem = ([own]: readonly Uint8Array[]) =>
  new X509Certificate(own ?? new Uint8Array()).toString();

const roots = file(authority.pem);
const deviceKey = file(privatePem(device.key));
const deviceCertificate = file(certificatePem(device.chain));
const strangerKey = file(privatePem(stranger.key));
const strangerCertificate = file(certificatePem(stranger.chain));

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
  return 'by chain';
}

/** Asks a server of its own for a resource; who the client was to it, undefined where it got no answer. */
async function ask(
  test: TestContext,
  program: string,
  as: readonly string[],
  credentials: DtlsCredentials,
  options: Partial<DtlsServerOptions> & { readonly host?: string } = {},
): Promise<PeerCredential | undefined> {
  const { host = 'localhost', ...more } = options;
  const { port, requests } = await serveCoaps(test, credentials, more);
  const output = join(folder, `${files++}.out`);
  const uri = `coaps://${host}:${port}/post`;
  const what = ['-m', 'post', '-e', 'hello', '-o', output, '-B', '3'];
  await new Promise<void>((resolve) => {
    execFile(program, [...what, ...as, uri], { timeout: 30_000 }, () => resolve());
  });
  const [request] = requests;
  if (request === undefined) return undefined;
  assert.ok(readFileSync(output).length > 0);
  return request.peer.credential;
}

for (const program of ['coap-client-openssl', 'coap-client-gnutls']) {
  const gnutls = program.endsWith('gnutls');

  describe(program, { skip: needs(program, '-?'), timeout }, () => {
    const byKey = ['-u', 'dev1', '-k', 'secretPSK'];
    const psk: DtlsCredentials = { psk: () => [utf8('secretPSK')] };

    const suites: readonly CipherSuiteName[] = [
      'TLS_ECDHE_PSK_WITH_AES_128_CBC_SHA256',
      'TLS_ECDHE_PSK_WITH_CHACHA20_POLY1305_SHA256',
      'TLS_PSK_WITH_AES_256_GCM_SHA384',
      'TLS_PSK_WITH_AES_128_CBC_SHA256',
      'TLS_PSK_WITH_AES_128_CCM_8',
    ];
    for (const suite of suites) {
      it(`D32, D36: speaks to a server that has ${suite} alone`, async (test) => {
        const peer = await ask(test, program, byKey, psk, { suites: [suite] });
        assert.deepEqual(peer, { type: 'psk', identity: 'dev1' });
      });
    }

    it('D30: switches to the identity that goes with the hint', async (test) => {
      const hints = file('other,dev8,wrongPSK\nfleet,dev9,secretPSK\n');
      const credentials = { ...psk, pskHint: 'fleet' };
      for (const suite of [
        'TLS_PSK_WITH_AES_128_CCM_8',
        'TLS_ECDHE_PSK_WITH_AES_128_CBC_SHA256',
      ] as const) {
        const as = [...byKey, '-h', hints];
        const peer = await ask(test, program, as, credentials, { suites: [suite] });
        assert.deepEqual(peer, { type: 'psk', identity: 'dev9' }, suite);
      }
    });

    it('connects with the old PSK while there is a new one', async (test) => {
      const used: string[] = [];
      const peer = await ask(test, program, byKey, {
        psk: () => [utf8('the-new-one'), utf8('secretPSK')],
        pskUsed: (_identity, key) => used.push(Buffer.from(key).toString()),
      });
      assert.deepEqual(peer, { type: 'psk', identity: 'dev1' });
      assert.deepEqual(used, ['secretPSK']);
    });

    it('D35: gets the certificate on its curve, where there is one on brainpoolP256r1 too', async (test) => {
      const brainpool = authority.issue(['localhost'], 'brainpoolP256r1');
      const certificates = [brainpool, server];
      const peer = await ask(test, program, ['-C', roots], { certificates });
      assert.deepEqual(peer, { type: 'anonymous' });
    });

    it('D51: gets the certificate for the name that it asks for', async (test) => {
      const foreign = { ...stranger, serverNames: ['elsewhere.example'] };
      const named = { ...server, serverNames: ['localhost'] };
      const certificates = [foreign, named];
      assert.deepEqual(await ask(test, program, ['-C', roots], { certificates }), {
        type: 'anonymous',
      });
      const others = [{ ...foreign, serverNames: ['localhost'] }, named];
      const wrong = await ask(test, program, ['-C', roots], { certificates: others });
      assert.equal(wrong, undefined);
    });

    it('D51: gets a certificate where it asks for none by name', async (test) => {
      const named = { ...server, serverNames: ['eim.example.com'] };
      const peer = await ask(
        test,
        program,
        ['-n'],
        { certificates: [named] },
        {
          host: '127.0.0.1',
        },
      );
      assert.deepEqual(peer, { type: 'anonymous' });
    });

    const authenticating = (mode: ClientAuthentication['mode']): DtlsCredentials => ({
      certificates: [server],
      clientAuthentication: { mode, check },
    });
    const withCertificate = ['-c', deviceCertificate, '-j', deviceKey, '-C', roots];

    it('D48, D49: is known by its certificate', async (test) => {
      for (const mode of ['optional', 'required'] as const) {
        const peer = await ask(test, program, withCertificate, authenticating(mode));
        assert.equal(peer?.type === 'certificate' && peer.identity, 'by chain', mode);
      }
    });

    it('D48: stays anonymous without one, where it may', async (test) => {
      const peer = await ask(test, program, ['-C', roots], authenticating('optional'));
      assert.deepEqual(peer, { type: 'anonymous' });
      const refused = await ask(test, program, ['-C', roots], authenticating('required'));
      assert.equal(refused, undefined);
    });

    it('D50: is refused with one of another authority', async (test) => {
      const as = ['-c', strangerCertificate, '-j', strangerKey, '-C', roots];
      assert.equal(await ask(test, program, as, authenticating('optional')), undefined);
    });

    it('D46, D47: shows and takes raw public keys', {
      skip: !gnutls && 'has none',
    }, async (test) => {
      const publicPem = (key: KeyObject) => {
        const lines =
          Buffer.from(spkiOf(key))
            .toString('base64')
            .match(/.{1,64}/g) ?? [];
        return `-----BEGIN PUBLIC KEY-----\n${lines.join('\n')}\n-----END PUBLIC KEY-----\n`;
      };
      const keys = file(publicPem(device.key), privatePem(device.key));
      const credentials: DtlsCredentials = {
        certificates: [{ key: server.key }],
        clientAuthentication: { mode: 'required', check },
      };
      const peer = await ask(test, program, ['-M', keys], credentials);
      assert.deepEqual(peer, {
        type: 'rawPublicKey',
        identity: 'by key',
        spki: spkiOf(device.key),
      });
      const others = file(publicPem(stranger.key), privatePem(stranger.key));
      assert.equal(await ask(test, program, ['-M', others], credentials), undefined);
      // It lists X.509 first all the same, and would not know what to do with it.
      const mixed = { ...credentials, certificates: [server] };
      const answered = await ask(test, program, ['-M', keys], mixed);
      assert.equal(answered?.type, 'rawPublicKey');
    });
  });
}

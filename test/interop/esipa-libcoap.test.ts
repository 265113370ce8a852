/** libcoap's coap-client over DTLS, built on OpenSSL and on GnuTLS: the device of someone else. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { fromUtf8, utf8 } from '../../src/base/bytes.ts';
import type { DtlsCredentials } from '../../src/dtls/credentials.ts';
import { loadLabPki } from '../../tools/lab/pki/lab-pki.ts';
import { bodyOf } from '../coap/conversation.ts';
import { issue } from '../dtls/support/certificates.ts';
import { newFolder } from '../support/folders.ts';
import { needs } from '../support/needs.ts';
import { big, receipt } from './coap-udp.ts';
import { serveCoaps } from './support-coaps.ts';
import { type Auth, ciPem, device, path, poll, startEim } from './support-eim.ts';

const folder = newFolder();
const { eimTls } = loadLabPki();

/** The keys of the running eIM, for the bare server. */
const credentials: DtlsCredentials = {
  psk: (identity) => (fromUtf8(identity) === device.identity ? [utf8(device.key)] : []),
  certificates: [{ chain: [eimTls.certificate], key: eimTls.key }],
};

const arguments_: Readonly<Record<Auth, readonly string[]>> = {
  psk: ['-u', device.identity, '-k', device.key],
  certificate: ['-C', ciPem],
};

interface Request {
  readonly port: number;
  readonly path: string;
  readonly body: Uint8Array;
  /** How the client is authenticated, and what it trusts. */
  readonly as: readonly string[];
  /** Seconds until the client gives up. */
  readonly patience?: number;
}

let files = 0;

/** Runs the program for one POST; the body that it wrote, undefined where it wrote none. */
async function post(program: string, request: Request): Promise<Uint8Array | undefined> {
  const base = join(folder, String(files++));
  writeFileSync(`${base}.in`, request.body);
  const wait = String(request.patience ?? 20);
  const what = ['-m', 'post', '-t', '42', '-f', `${base}.in`, '-o', `${base}.out`, '-B', wait];
  const uri = `coaps://127.0.0.1:${request.port}/${request.path}`;
  // Whether it worked shows in the file: coap-client ends with 0 either way.
  await new Promise<void>((resolve, reject) => {
    execFile(program, [...what, ...request.as, uri], { timeout: 60_000 }, (error) => {
      if (error !== null && 'code' in error && typeof error.code === 'string') reject(error);
      else resolve();
    });
  });
  const output = `${base}.out`;
  if (!existsSync(output)) return undefined;
  const written = new Uint8Array(readFileSync(output));
  return written.length === 0 ? undefined : written;
}

for (const program of ['coap-client-openssl', 'coap-client-gnutls']) {
  const skip = needs(program, '-?');

  describe(program, { skip, timeout: 120_000 }, () => {
    for (const [auth, as] of Object.entries(arguments_) as [Auth, readonly string[]][]) {
      it(`fetches an eIM package, ${auth}`, async (test) => {
        const eim = await startEim(test, auth);
        const answer = await post(program, { port: eim.port, path, body: poll, as });
        await eim.checkFetched(answer);
      });

      it(`posts 3,000 bytes in blocks, ${auth}`, async (test) => {
        const { port, requests } = await serveCoaps(test, credentials);
        const body = bodyOf(3000);
        const answer = await post(program, { port, path: 'post', body, as });
        assert.equal(fromUtf8(answer ?? new Uint8Array()), receipt(body));
        assert.deepEqual(
          requests.map((request) => Buffer.compare(request.body, body)),
          [0],
        );
      });

      it(`reads 60,000 bytes that one POST is answered with, ${auth}`, async (test) => {
        const { port, requests } = await serveCoaps(test, credentials);
        const answer = await post(program, { port, path: 'big', body: poll, as });
        assert.equal(Buffer.compare(answer ?? new Uint8Array(), big), 0);
        assert.equal(requests.length, 1);
      });
    }

    it('gets nothing with a wrong PSK', async (test) => {
      const eim = await startEim(test, 'psk');
      const as = ['-u', device.identity, '-k', 'fedcba9876543210'];
      const answer = await post(program, { port: eim.port, path, body: poll, as, patience: 3 });
      assert.equal(answer, undefined);
      assert.ok(eim.drops.of('dtls: record not authentic') > 0);
      assert.deepEqual(await eim.order(), { at: 'new' });
    });

    it('does not ask an eIM of a CI that it does not trust', async (test) => {
      const eim = await startEim(test, 'certificate');
      const stranger = join(folder, `${program}.pem`);
      writeFileSync(stranger, issue().authority);
      const as = ['-C', stranger];
      const answer = await post(program, { port: eim.port, path, body: poll, as, patience: 3 });
      assert.equal(answer, undefined);
      assert.deepEqual(await eim.order(), { at: 'new' });
    });
  });
}

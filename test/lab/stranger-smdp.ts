/**
 * A stranger's SM-DP+: ES9+ over HTTPS, with none of the lab server's code. It says the same things otherwise: members in
 * another order and some that nobody knows, signatures and key identifiers bare, transactionIds in lower case, base64
 * with line breaks and no padding, bodies in small chunks, no length, other headers, and a warning with its success. It
 * calls itself by a name, on a TLS certificate of another root than that of its CI, and checks next to nothing.
 */
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { TestContext } from 'node:test';
import { z } from 'zod';
import { base64, fromBase64, toHex } from '../../src/base/bytes.ts';
import { eidOctets } from '../../src/messages/ids.ts';
import {
  AuthenticateServerRequest,
  AuthenticateServerResponse,
  PrepareDownloadRequest,
  PrepareDownloadResponse,
  StoreMetadataRequest,
} from '../../src/messages/rsp.ts';
import { type LabCredential, type LabPki, labEid } from '../../tools/lab/pki/lab-pki.ts';
import { seededRandom } from '../support/seeded.ts';
import { metadata, smdpAddress, TinySmdp } from './tiny-smdp.ts';

export interface Stranger {
  readonly port: number;
  /** Each function as it was called, and the notifications that came. */
  readonly called: string[];
  readonly notifications: Uint8Array[];
  readonly cancellations: Uint8Array[];
}

const body = z.record(z.string(), z.unknown());

/** Closed when the test ends. */
export async function stranger(
  test: TestContext,
  pki: LabPki,
  tls: LabCredential,
): Promise<Stranger> {
  const called: string[] = [];
  const notifications: Uint8Array[] = [];
  const cancellations: Uint8Array[] = [];
  const smdp = new TinySmdp(pki, eidOctets(labEid), seededRandom(9));
  const functions: Readonly<Record<string, (asked: Readonly<Record<string, string>>) => object>> = {
    initiateAuthentication({ euiccChallenge = '' }) {
      const said = AuthenticateServerRequest.decode(
        smdp.authenticateCommand(fromBase64(euiccChallenge)),
      );
      return {
        serverCertificate: broken(said.serverCertificate),
        euiccCiPKIdToBeUsed: broken(said.euiccCiPKIdToBeUsed),
        vendor: { build: 7, flags: [true, null] },
        serverSignature1: broken(said.serverSignature1),
        serverSigned1: broken(said.serverSigned1.raw),
        transactionId: toHex(smdp.transactionId).toLowerCase(),
      };
    },
    authenticateClient({ authenticateServerResponse = '' }) {
      const answer = AuthenticateServerResponse.decode(fromBase64(authenticateServerResponse));
      if (answer.type !== 'authenticateResponseOk') throw new Error(answer.type);
      const said = PrepareDownloadRequest.decode(smdp.prepareCommand(answer.value.euiccSignature1));
      return {
        smdpCertificate: broken(said.smdpCertificate),
        smdpSignature2: broken(said.smdpSignature2),
        smdpSigned2: broken(said.smdpSigned2.raw),
        profileMetadata: broken(StoreMetadataRequest.encode(metadata)),
        'x-vendor': null,
        transactionId: toHex(smdp.transactionId).toLowerCase(),
      };
    },
    getBoundProfilePackage({ prepareDownloadResponse = '' }) {
      const answer = PrepareDownloadResponse.decode(fromBase64(prepareDownloadResponse));
      if (answer.type !== 'downloadResponseOk') throw new Error(answer.type);
      return {
        boundProfilePackage: broken(smdp.bind(answer.value.euiccSigned2.value.euiccOtpk)),
        transactionId: toHex(smdp.transactionId).toLowerCase(),
      };
    },
    cancelSession({ cancelSessionResponse = '' }) {
      cancellations.push(fromBase64(cancelSessionResponse));
      return {};
    },
    handleNotification({ pendingNotification = '' }) {
      notifications.push(fromBase64(pendingNotification));
      return {};
    },
  };
  const server = createServer(
    {
      cert: new X509Certificate(tls.certificate).toString(),
      key: tls.key.export({ format: 'pem', type: 'pkcs8' }),
    },
    async (request, response) => {
      const parts: Uint8Array[] = [];
      for await (const part of request) parts.push(part);
      const name = /^\/gsma\/rsp2\/es9plus\/(\w+)$/.exec(request.url ?? '')?.[1] ?? '';
      const asked = body.parse(JSON.parse(Buffer.concat(parts).toString('utf8')));
      called.push(name);
      const answer = functions[name]?.(asked as Record<string, string>);
      response.writeHead(200, {
        'x-admin-protocol': 'gsma/rsp/v1.0.0',
        'content-type': 'Application/JSON',
        server: 'stranger/0.1',
      });
      if (name === 'handleNotification') return void response.end();
      const status = { message: '', status: 'Executed-WithWarning' };
      const header = { vendorTime: 'now', functionExecutionStatus: status };
      // Members behind the header, a BOM before all, and chunks that cut octets of a character apart.
      const text = `\uFEFF${JSON.stringify({ ...answer, naïve: 'é', header }, null, 3)}\r\n`;
      const octets = Buffer.from(text, 'utf8');
      for (let at = 0; at < octets.length; at += 997) {
        response.write(octets.subarray(at, at + 997));
      }
      response.end();
    },
  );
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  test.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return { port: (server.address() as AddressInfo).port, called, notifications, cancellations };
}

/** Base64 as MIME has it, in lines of 76, each with its end; and without padding. */
function broken(octets: Uint8Array): string {
  return base64(octets)
    .replace(/=+$/, '')
    .replace(/(.{76})/g, '$1\r\n');
}

export { smdpAddress as strangerAddress };

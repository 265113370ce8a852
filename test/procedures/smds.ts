/**
 * SM-DSs behind ES11, and what stands in for HTTPS before them: a test scripts what a request ends with. SM-DP+s that
 * events lead to answer InitiateAuthentication here too; the rest of a download is TestSmdp's.
 */
import assert from 'node:assert/strict';
import { base64, fromUtf8, hex, toHex, utf8 } from '../../src/base/bytes.ts';
import type { HttpsAnswer, HttpsRequest } from '../../src/es9/https.ts';
import type { EventEntry } from '../../src/es11/client.ts';
import { ServerSigned1 } from '../../src/messages/rsp.ts';
import type { SmdpAddress } from '../../src/messages/smdp-address.ts';
import { pki } from './euicc.ts';
import { transactionId } from './smdp.ts';

/** What a request ends with: an answer (a JSON object or whatever HTTP has), or an error. */
export type Ending = Error | HttpsAnswer | Readonly<Record<string, unknown>>;

export interface Asked {
  /** Host, or host:port. */
  readonly address: string;
  readonly path: string;
  readonly body: Readonly<Record<string, unknown>>;
}

export const smdsTransactionId = hex('D5D5D5D50102030405060708090A0B0C');

export class TestSmds {
  readonly asked: Asked[] = [];
  /** The events of each SM-DS, by its address. */
  readonly events = new Map<string, readonly EventEntry[]>([['smds.example.com', []]]);
  /** By function: what the coming requests end with, the first first. */
  readonly scripts: { [name: string]: Ending[] } = {};

  async post({ text }: SmdpAddress, { path, body }: HttpsRequest): Promise<HttpsAnswer> {
    const asked = JSON.parse(fromUtf8(body)) as Readonly<Record<string, unknown>>;
    this.asked.push({ address: text, path, body: asked });
    const name = path.split('/').at(-1) ?? '';
    const ending = this.scripts[name]?.shift() ?? this.#right(text, name, asked);
    if (ending instanceof Error) throw ending;
    return isAnswer(ending) ? ending : json({ ...succeeded, ...ending });
  }

  #right(address: string, name: string, asked: Readonly<Record<string, unknown>>) {
    const events = this.events.get(address);
    const id = events === undefined ? transactionId : smdsTransactionId;
    if (name === 'authenticateClient') {
      return { transactionId: toHex(id), eventEntries: events ?? assert.fail(address) };
    }
    assert.equal(name, 'initiateAuthentication');
    const serverSigned1 = ServerSigned1.encode({
      transactionId: id,
      euiccChallenge: new Uint8Array(Buffer.from(String(asked.euiccChallenge), 'base64')),
      serverAddress: address,
      serverChallenge: new Uint8Array(16).fill(3),
    });
    const { certificate } = events === undefined ? pki.dpAuth : pki.dsAuth;
    return {
      transactionId: toHex(id),
      serverSigned1: base64(serverSigned1),
      serverSignature1: base64(new Uint8Array(64).fill(1)),
      euiccCiPKIdToBeUsed: base64(hex('F54172BDF98A95D65CBEB88A38A1C11D800A85C3')),
      serverCertificate: base64(certificate),
    };
  }
}

const succeeded = { header: { functionExecutionStatus: { status: 'Executed-Success' } } };

/** A refusal (SGP.22 5.2.6): `8.9.5/3.9`. */
export function refused(codes: string, message = 'no'): HttpsAnswer {
  const [subjectCode, reasonCode] = codes.split('/');
  const statusCodeData = { subjectCode, reasonCode, message };
  return json({ header: { functionExecutionStatus: { status: 'Failed', statusCodeData } } });
}

export function json(value: unknown): HttpsAnswer {
  return { status: 200, contentType: 'application/json', body: utf8(JSON.stringify(value)) };
}

function isAnswer(ending: object): ending is HttpsAnswer {
  return 'status' in ending && typeof ending.status === 'number';
}

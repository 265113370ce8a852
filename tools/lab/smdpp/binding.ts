/** The JSON binding of ES9+ (SGP.22 6.5): a request's body to a function, what it returns to an answer's body. */
import { BytesError, base64, fromBase64, fromUtf8, hex, toHex } from '../../../src/base/bytes.ts';
import {
  AuthenticateServerResponse,
  CancelSessionResponse,
  EUICCInfo1,
  PrepareDownloadResponse,
} from '../../../src/messages/rsp.ts';
import type { Schema } from '../../../src/messages/schema.ts';
import { DerError, tlv } from '../../../src/messages/tlv.ts';
import { authenticateClient } from './authenticate-client.ts';
import { cancelSession } from './cancel-session.ts';
import type { Es9Function } from './faults.ts';
import { getBoundProfilePackage } from './get-bound-profile-package.ts';
import { handleNotification } from './handle-notification.ts';
import { initiateAuthentication } from './initiate-authentication.ts';
import { Refusal } from './refusal.ts';
import type { Call, Smdp } from './smdp.ts';

/** Fields of an answer besides its header. */
export type JsonAnswer = Readonly<Record<string, string>>;

type Functions = {
  readonly [F in Exclude<Es9Function, 'handleNotification'>]: (
    smdp: Smdp,
    request: JsonRequest,
    call: Call,
  ) => JsonAnswer;
};

/** What each function takes and gives (SGP.22 6.5.2): binary values as base64 of their whole TLV. */
export const functions: Functions = {
  initiateAuthentication(smdp, request) {
    const euiccChallenge = request.octets('euiccChallenge');
    if (euiccChallenge.length !== 16) throw new Refusal('malformed', 'euiccChallenge');
    const answer = initiateAuthentication(smdp, {
      euiccChallenge,
      euiccInfo1: request.message('euiccInfo1', EUICCInfo1),
      smdpAddress: request.text('smdpAddress'),
    });
    return {
      transactionId: toHex(answer.transactionId),
      serverSigned1: base64(answer.serverSigned1),
      serverSignature1: base64(tlv(0x5f37, answer.serverSignature1)),
      euiccCiPKIdToBeUsed: base64(tlv(0x04, answer.euiccCiPKIdToBeUsed)),
      serverCertificate: base64(answer.serverCertificate),
    };
  },

  authenticateClient(smdp, request, call) {
    const input = {
      transactionId: request.transactionId(),
      authenticateServerResponse: request.message(
        'authenticateServerResponse',
        AuthenticateServerResponse,
      ),
      raw: request.octets('authenticateServerResponse'),
    };
    const answer = authenticateClient(smdp, input, call);
    return {
      transactionId: toHex(answer.transactionId),
      profileMetadata: base64(answer.profileMetadata),
      smdpSigned2: base64(answer.smdpSigned2),
      smdpSignature2: base64(tlv(0x5f37, answer.smdpSignature2)),
      smdpCertificate: base64(answer.smdpCertificate),
    };
  },

  getBoundProfilePackage(smdp, request, call) {
    const input = {
      transactionId: request.transactionId(),
      prepareDownloadResponse: request.message('prepareDownloadResponse', PrepareDownloadResponse),
    };
    const answer = getBoundProfilePackage(smdp, input, call);
    return {
      transactionId: toHex(answer.transactionId),
      boundProfilePackage: base64(answer.boundProfilePackage),
    };
  },

  cancelSession(smdp, request, call) {
    const input = {
      transactionId: request.transactionId(),
      cancelSessionResponse: request.message('cancelSessionResponse', CancelSessionResponse),
    };
    cancelSession(smdp, input, call);
    return {};
  },
};

/** HandleNotification has no answer but 204; undefined where the request holds no notification at all. */
export function takeNotification(smdp: Smdp, body: Uint8Array, call: Call) {
  try {
    return handleNotification(smdp, new JsonRequest(body).octets('pendingNotification'), call);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    smdp.log.drop('notification request', { why: error.message });
    return undefined;
  }
}

/** A request's body. What is missing or malformed is a Refusal. */
export class JsonRequest {
  readonly #fields: Readonly<Record<string, unknown>>;

  constructor(body: Uint8Array) {
    const value = refusing('JSON', () => JSON.parse(fromUtf8(body)) as unknown);
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      throw new Refusal('malformed', 'not a JSON object');
    }
    this.#fields = value as Readonly<Record<string, unknown>>;
  }

  text(name: string): string {
    const value = Object.hasOwn(this.#fields, name) ? this.#fields[name] : undefined;
    if (value === undefined || value === null) throw new Refusal('missing', name);
    if (typeof value !== 'string') throw new Refusal('malformed', name);
    return value;
  }

  /** Octets in base64; white space within is passed over. */
  octets(name: string): Uint8Array {
    const text = this.text(name);
    return refusing(name, () => fromBase64(text));
  }

  message<T>(name: string, schema: Schema<T>): T {
    const octets = this.octets(name);
    return refusing(name, () => schema.decode(octets));
  }

  transactionId(): Uint8Array {
    const text = this.text('transactionId');
    const octets = refusing('transactionId', () => hex(text));
    if (octets.length < 1 || octets.length > 16) throw new Refusal('malformed', 'transactionId');
    return octets;
  }
}

function refusing<T>(what: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (
      !(error instanceof BytesError || error instanceof DerError || error instanceof SyntaxError)
    ) {
      throw error;
    }
    throw new Refusal('malformed', what, { cause: error });
  }
}

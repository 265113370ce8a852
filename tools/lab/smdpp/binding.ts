/** The JSON binding of ES9+ (SGP.22 6.5): a request's body to a function, what it returns to an answer's body. */
import { base64, toHex } from '../../../src/base/bytes.ts';
import {
  AuthenticateServerResponse,
  CancelSessionResponse,
  PrepareDownloadResponse,
} from '../../../src/messages/rsp.ts';
import { tlv } from '../../../src/messages/tlv.ts';
import { initiateAuthentication } from '../server/authentication.ts';
import type { Call, Route } from '../server/door.ts';
import type { Es9Function } from '../server/faults.ts';
import { initiateAuthenticationJson, readInitiateAuthentication } from '../server/json.ts';
import { type JsonAnswer, JsonRequest } from '../server/json-request.ts';
import { Refusal } from '../server/refusal.ts';
import { authenticateClient } from './authenticate-client.ts';
import { cancelSession } from './cancel-session.ts';
import { getBoundProfilePackage } from './get-bound-profile-package.ts';
import { handleNotification } from './handle-notification.ts';
import type { Smdp } from './smdp.ts';

type Functions = {
  readonly [F in Exclude<Es9Function, 'handleNotification'>]: (
    smdp: Smdp,
    request: JsonRequest,
    call: Call,
  ) => JsonAnswer;
};

const refusals = {
  address: 'addressRefused',
  svn: 'svnUnsupported',
  ci: 'ciUnsupported',
  certificate: 'certificateUnavailable',
} as const;

/** What each function takes and gives (SGP.22 6.5.2): binary values as base64 of their whole TLV. */
export const functions: Functions = {
  initiateAuthentication(smdp, request) {
    const asked = readInitiateAuthentication(request);
    const { session, answer } = initiateAuthentication(smdp, asked, refusals);
    smdp.sessions.set(toHex(session.transactionId), { ...session, bound: false });
    return initiateAuthenticationJson(answer);
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

/** The routes of ES9+. */
export function es9Routes(smdpOf: () => Smdp): [string, Route][] {
  const names = Object.keys(functions) as (keyof Functions)[];
  const path = '/gsma/rsp2/es9plus';
  return [
    ...names.map((name): [string, Route] => [
      `${path}/${name}`,
      { function: name, run: (request, call) => functions[name](smdpOf(), request, call) },
    ]),
    [
      `${path}/handleNotification`,
      { function: 'handleNotification', take: (body, call) => taken(smdpOf(), body, call) },
    ],
  ];
}

/** What came of a notification; a refused one would only come again. */
function taken(smdp: Smdp, body: Uint8Array, call: Call): string {
  const notification = takeNotification(smdp, body, call);
  if (notification === undefined) return 'not believed: no notification';
  if (!notification.verified) return `not believed: ${notification.complaint ?? ''}`;
  return notification.times > 1 ? 'duplicate' : 'ok';
}

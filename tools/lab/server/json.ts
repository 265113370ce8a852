/** Answers of the functions that ES9+ and ES11 share, in JSON (SGP.22 6.5.2). */
import { base64, toHex } from '../../../src/base/bytes.ts';
import { EUICCInfo1 } from '../../../src/messages/rsp.ts';
import { tlv } from '../../../src/messages/tlv.ts';
import type { InitiateAuthentication, InitiateAuthenticationAnswer } from './authentication.ts';
import type { JsonAnswer, JsonRequest } from './json-request.ts';
import { Refusal } from './refusal.ts';

export function readInitiateAuthentication(request: JsonRequest): InitiateAuthentication {
  const euiccChallenge = request.octets('euiccChallenge');
  if (euiccChallenge.length !== 16) throw new Refusal('malformed', 'euiccChallenge');
  return {
    euiccChallenge,
    euiccInfo1: request.message('euiccInfo1', EUICCInfo1),
    smdpAddress: request.text('smdpAddress'),
  };
}

export function initiateAuthenticationJson(answer: InitiateAuthenticationAnswer): JsonAnswer {
  return {
    transactionId: toHex(answer.transactionId),
    serverSigned1: base64(answer.serverSigned1),
    serverSignature1: base64(tlv(0x5f37, answer.serverSignature1)),
    euiccCiPKIdToBeUsed: base64(tlv(0x04, answer.euiccCiPKIdToBeUsed)),
    serverCertificate: base64(answer.serverCertificate),
  };
}

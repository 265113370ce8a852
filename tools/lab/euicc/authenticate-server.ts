/** ES10b.GetEuiccChallenge and ES10b.AuthenticateServer (SGP.22 5.7.7, 5.7.13). */
import { equal } from '../../../src/base/bytes.ts';
import {
  AuthenticateErrorCode,
  AuthenticateServerRequest,
  AuthenticateServerResponse,
  EuiccSigned1,
} from '../../../src/messages/rsp.ts';
import { signedOf } from '../../../src/messages/schema.ts';
import { tlv } from '../../../src/messages/tlv.ts';
import { role } from '../../../src/trust/certificate.ts';
import { ChainError } from '../../../src/trust/chain-error.ts';
import { verifyEcdsa } from '../../../src/trust/ecdsa.ts';
import type { Chip } from './chip.ts';
import { euiccInfo2 } from './info.ts';
import { readServerCertificate, type Server, supportsCurve } from './server-certificate.ts';

/** A fresh challenge; a session that was open ends. */
export function getEuiccChallenge(chip: Chip): Uint8Array {
  chip.endSession();
  const euiccChallenge = chip.options.random(16);
  chip.session = { at: 'challenged', euiccChallenge };
  return tlv(0xbf2e, tlv(0x80, euiccChallenge));
}

/** Authenticates a server and answers with the eUICC's own proof. A refusal ends the session. */
export function authenticateServer(chip: Chip, command: Uint8Array): Uint8Array {
  const request = AuthenticateServerRequest.decode(command);
  const { transactionId } = request.serverSigned1.value;
  const session = chip.endSession();
  const server = authenticate(chip, request, session);
  if (typeof server === 'number') {
    return AuthenticateServerResponse.encode({
      type: 'authenticateResponseError',
      value: { transactionId, authenticateErrorCode: server },
    });
  }
  const { serverAddress, serverChallenge } = request.serverSigned1.value;
  const euiccSigned1 = signedOf(EuiccSigned1, {
    transactionId,
    serverAddress,
    serverChallenge,
    euiccInfo2: euiccInfo2(chip),
    ctxParams1: request.ctxParams1,
  });
  const euiccSignature1 = chip.sign(euiccSigned1.raw);
  chip.session = {
    at: 'authenticated',
    transactionId: transactionId.slice(),
    serverAddress,
    smdpOid: server.oid,
    ciKeyId: server.ciKeyId,
    euiccSignature1,
  };
  return AuthenticateServerResponse.encode({
    type: 'authenticateResponseOk',
    value: {
      euiccSigned1,
      euiccSignature1,
      euiccCertificate: chip.options.credential.certificate,
      eumCertificate: chip.options.eumCertificate,
    },
  });
}

/** The checks in the standard's order; a number is the AuthenticateErrorCode of the first that fails. */
function authenticate(
  chip: Chip,
  request: AuthenticateServerRequest,
  session: Chip['session'],
): Server | number {
  if (chip.faults.authenticateServer !== undefined) return chip.faults.authenticateServer;
  const { serverSigned1, serverSignature1 } = request;
  let server: Server;
  try {
    server = readServerCertificate(chip, request.serverCertificate);
  } catch (error) {
    if (!(error instanceof ChainError)) throw error;
    if (error.code === 'algorithm') return AuthenticateErrorCode.unsupportedCurve;
    return AuthenticateErrorCode.invalidCertificate;
  }
  if (!verifyEcdsa(server.publicKey, serverSigned1.raw, serverSignature1)) {
    return AuthenticateErrorCode.invalidSignature;
  }
  if (!supportsCurve(server)) return AuthenticateErrorCode.unsupportedCurve;
  if (session?.at !== 'challenged') return AuthenticateErrorCode.noSessionContext;
  if (!server.roles.includes(role.dpAuth) && !server.roles.includes(role.dsAuth)) {
    return AuthenticateErrorCode.invalidOid;
  }
  if (!equal(serverSigned1.value.euiccChallenge, session.euiccChallenge)) {
    return AuthenticateErrorCode.euiccChallengeMismatch;
  }
  const wanted = request.euiccCiPKIdToBeUsed;
  // SGP.32 allows the identifier to be cut short.
  const known = chip.signingKeyIds.some((id) => equal(id.subarray(0, wanted.length), wanted));
  if (wanted.length === 0 || !known) return AuthenticateErrorCode.ciPKUnknown;
  return server;
}

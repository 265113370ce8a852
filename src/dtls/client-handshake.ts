/** The client's conversation, flight by flight (RFC 6347 §4.2.4, figure 1). */
import { equal } from '../base/bytes.ts';
import { AlertDescription, HandshakeError } from './alert.ts';
import { CertificateType, encodeCertificate, typesOf } from './certificate-types.ts';
import {
  type Exchange,
  ecdheEcdsaExchange,
  ecdhePskExchange,
  pskExchange,
} from './client-exchange.ts';
import { type Chosen, type ClientContext, clientHello, readServerHello } from './client-hellos.ts';
import { type ClientSession, readTicket, resumedClientHandshake } from './client-resumption.ts';
import type { ClientCredential, OwnCertificate } from './credentials.ts';
import { checkVerifyData } from './finished.ts';
import { type Handshake, silence, type Turn } from './handshake.ts';
import { epochKeys, masterSecret, type Randoms, verifyData } from './key-schedule.ts';
import type { CertificateRequest } from './messages/certificate-request.ts';
import { CertificateVerify } from './messages/certificate-verify.ts';
import { ClientHello } from './messages/client-hello.ts';
import { type HandshakeMessage, HandshakeType } from './messages/handshake-message.ts';
import { HelloVerifyRequest } from './messages/hello-verify-request.ts';
import { preferredSchemes, signWith } from './signature-schemes.ts';
import { decode, encode } from './struct.ts';
import { Transcript } from './transcript.ts';

/** A server that asks again and again for a cookie is none of ours. */
const mostCookies = 3;

export function* clientHandshake(context: ClientContext): Handshake<ClientCredential> {
  const transcript = new Transcript(0);
  const hello = clientHello(context);

  // Flights 1 to 3.
  let answer = yield sayHello(transcript, hello);
  for (let cookies = 0; answer.type === HandshakeType.helloVerifyRequest; cookies++) {
    if (cookies === mostCookies) {
      throw new HandshakeError(AlertDescription.handshakeFailure, 'no cookie is good enough');
    }
    const { cookie } = decode('HelloVerifyRequest', HelloVerifyRequest, answer.body);
    transcript.restart();
    answer = yield sayHello(transcript, { ...hello, cookie });
  }

  // Flight 4.
  const chosen = readServerHello(
    transcript.receive(HandshakeType.serverHello, answer),
    hello,
    context,
  );
  const { suite, fragments, cids } = chosen;
  const { hash } = suite;
  const randoms = { client: hello.random, server: chosen.random };
  const keep = (session: ClientSession) => context.keep?.(session);
  const { resume } = context;
  if (resume !== undefined && hello.sessionId.length > 0) {
    if (equal(chosen.sessionId, hello.sessionId)) {
      checkResumed(chosen, resume);
      const { encryptThenMac } = chosen;
      const resumed = { randoms, encryptThenMac, fragments, cids };
      return yield* resumedClientHandshake(context.credential, resume, resumed, transcript, keep);
    }
  }
  const { premaster, exchange, request } = yield* hearExchange(
    transcript,
    context,
    chosen,
    randoms,
  );

  // Flights 5 and 6.
  const own = ownCertificate(context.credential, chosen);
  const shown = request === undefined ? [] : [showCertificate(transcript, own, chosen)];
  const keyExchange = transcript.send(HandshakeType.clientKeyExchange, exchange);
  const sessionHash = chosen.extendedMasterSecret ? transcript.digest(hash) : undefined;
  const master = masterSecret(hash, premaster, randoms, sessionHash);
  const verified =
    request === undefined || own === undefined ? [] : [signHandshake(transcript, own, request)];
  const verify = verifyData(hash, master, 'client', transcript.digest(hash));
  const finished = transcript.send(HandshakeType.finished, verify);
  const due = verifyData(hash, master, 'server', transcript.digest(hash));
  let message = yield {
    send: [...shown, keyExchange, ...verified, 'change_cipher_spec', finished],
    keys: [epochKeys(suite, master, randoms, chosen.encryptThenMac)],
    cids,
    fragments,
  };
  const session = { id: chosen.sessionId, suite, master };
  if (message.type === HandshakeType.newSessionTicket) {
    const ticket = readTicket(transcript, message);
    const withTicket = verifyData(hash, master, 'server', transcript.digest(hash));
    message = yield silence;
    checkVerifyData(transcript.receive(HandshakeType.finished, message), withTicket);
    keep({ ...session, ticket });
  } else {
    checkVerifyData(transcript.receive(HandshakeType.finished, message), due);
    if (session.id.length > 0) keep(session);
  }
  return { send: [], credential: context.credential };
}

function sayHello(transcript: Transcript, hello: ClientHello): Turn {
  return { send: [transcript.send(HandshakeType.clientHello, encode(ClientHello, hello))] };
}

/** A session is resumed with its suite and its extended master secret, or not at all (RFC 7627 §5.3). */
function checkResumed(chosen: Chosen, { suite }: ClientSession): void {
  if (chosen.suite.id !== suite.id) {
    const complaint = 'the server resumes the session with another suite';
    throw new HandshakeError(AlertDescription.illegalParameter, complaint);
  }
  if (!chosen.extendedMasterSecret) {
    const complaint = 'the server resumes the session without the extended master secret';
    throw new HandshakeError(AlertDescription.handshakeFailure, complaint);
  }
}

function hearExchange(
  transcript: Transcript,
  context: ClientContext,
  { suite, serverCertificateType }: Chosen,
  randoms: Randoms,
): Generator<Turn, Exchange, HandshakeMessage> {
  const { credential } = context;
  if (credential.type !== 'psk') {
    return ecdheEcdsaExchange(transcript, credential, context, randoms, serverCertificateType);
  }
  return suite.keyExchange === 'psk'
    ? pskExchange(transcript, credential)
    : ecdhePskExchange(transcript, credential, context);
}

/** Undefined where there is none, or none of the type that the server chose. */
function ownCertificate(
  credential: ClientCredential,
  { clientCertificateType }: Chosen,
): OwnCertificate | undefined {
  if (credential.type === 'psk' || credential.own === undefined) return undefined;
  const types: readonly number[] = typesOf(credential.own);
  return types.includes(clientCertificateType) ? credential.own : undefined;
}

function showCertificate(
  transcript: Transcript,
  own: OwnCertificate | undefined,
  { clientCertificateType }: Chosen,
): HandshakeMessage {
  const types = Object.values(CertificateType);
  const type = types.find((known) => known === clientCertificateType);
  if (type === undefined) {
    const complaint = `the server asks for a certificate of type ${clientCertificateType}`;
    throw new HandshakeError(AlertDescription.unsupportedCertificate, complaint);
  }
  return transcript.send(HandshakeType.certificate, encodeCertificate(own, type));
}

function signHandshake(
  transcript: Transcript,
  { key }: OwnCertificate,
  { supportedSignatureAlgorithms }: CertificateRequest,
): HandshakeMessage {
  const scheme = preferredSchemes.find(({ id }) => supportedSignatureAlgorithms.includes(id));
  if (scheme === undefined) {
    const complaint = 'the server takes no signature of ours';
    throw new HandshakeError(AlertDescription.handshakeFailure, complaint);
  }
  const signature = signWith(scheme, key, transcript.octets);
  const body = encode(CertificateVerify, { scheme: scheme.id, signature });
  return transcript.send(HandshakeType.certificateVerify, body);
}

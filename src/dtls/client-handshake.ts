/** The client's conversation, flight by flight (RFC 6347 §4.2.4, figure 1). */
import { X509Certificate } from 'node:crypto';
import { utf8 } from '../base/bytes.ts';
import type { Random } from '../base/random.ts';
import { AlertDescription, HandshakeError } from './alert.ts';
import { type CipherSuite, type CipherSuiteName, cipherSuites } from './cipher-suites.ts';
import type { ClientCredential } from './credentials.ts';
import { Extensions, ExtensionType, extension } from './extensions.ts';
import { checkVerifyData, type Handshake, signedParameters, type Turn } from './handshake.ts';
import { epochKeys, masterSecret, pskPremaster, type Randoms, verifyData } from './key-schedule.ts';
import { Certificate } from './messages/certificate.ts';
import { ClientHello } from './messages/client-hello.ts';
import { EcdheClientKeyExchange, PskClientKeyExchange } from './messages/client-key-exchange.ts';
import { type HandshakeMessage, HandshakeType } from './messages/handshake-message.ts';
import { HelloVerifyRequest } from './messages/hello-verify-request.ts';
import { ServerHello } from './messages/server-hello.ts';
import {
  EcdheServerKeyExchange,
  namedCurve,
  PskServerKeyExchange,
} from './messages/server-key-exchange.ts';
import { preferredGroups } from './named-groups.ts';
import { ProtocolVersion } from './record.ts';
import { preferredSchemes, verifyWith } from './signature-schemes.ts';
import { decode, encode } from './struct.ts';
import { Transcript } from './transcript.ts';

export interface ClientContext {
  readonly credential: ClientCredential;
  /** In the order of preference; those that do not go with the credential are left out. */
  readonly suites: readonly CipherSuiteName[];
  readonly random: Random;
}

/** A server that asks again and again for a cookie is none of ours. */
const mostCookies = 3;

/** The suites of `context` that go with its credential. */
export function offeredSuites(context: ClientContext): readonly CipherSuite[] {
  const due = context.credential.type === 'psk' ? 'psk' : 'ecdheEcdsa';
  return context.suites
    .map((name): CipherSuite => cipherSuites[name])
    .filter((suite) => suite.keyExchange === due);
}

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
  const { suite, random, extendedMasterSecret } = readServerHello(
    transcript.receive(HandshakeType.serverHello, answer),
    hello,
    context,
  );
  const { hash } = suite;
  const randoms = { client: hello.random, server: random };
  const { premaster, exchange } =
    context.credential.type === 'psk'
      ? yield* pskExchange(transcript, context.credential)
      : yield* ecdheExchange(transcript, context.credential, context.random, randoms);

  // Flights 5 and 6.
  const keyExchange = transcript.send(HandshakeType.clientKeyExchange, exchange);
  const sessionHash = extendedMasterSecret ? transcript.digest(hash) : undefined;
  const master = masterSecret(hash, premaster, randoms, sessionHash);
  const own = verifyData(hash, master, 'client', transcript.digest(hash));
  const finished = transcript.send(HandshakeType.finished, own);
  const due = verifyData(hash, master, 'server', transcript.digest(hash));
  const answered = transcript.receive(
    HandshakeType.finished,
    yield {
      send: [keyExchange, 'change_cipher_spec', finished],
      keys: epochKeys(suite, master, randoms),
    },
  );
  checkVerifyData(answered, due);
  return { send: [], credential: context.credential };
}

const silence: Turn = { send: [] };

function sayHello(transcript: Transcript, hello: ClientHello): Turn {
  return { send: [transcript.send(HandshakeType.clientHello, encode(ClientHello, hello))] };
}

function clientHello(context: ClientContext): ClientHello {
  const { credential, random } = context;
  const extensions = [extension.renegotiationInfo(), extension.extendedMasterSecret()];
  if (credential.type === 'certificate') {
    extensions.push(
      extension.supportedGroups(preferredGroups.map(({ id }) => id)),
      extension.ecPointFormats(),
      extension.signatureAlgorithms(preferredSchemes.map(({ id }) => id)),
    );
    if (credential.serverName !== undefined) {
      extensions.push(extension.serverName(credential.serverName));
    }
  }
  return {
    clientVersion: ProtocolVersion.dtls12,
    random: random(32),
    sessionId: new Uint8Array(),
    cookie: new Uint8Array(),
    cipherSuites: offeredSuites(context).map(({ id }) => id),
    compressionMethods: [0],
    extensions,
  };
}

function readServerHello(body: Uint8Array, hello: ClientHello, context: ClientContext) {
  const answer = decode('ServerHello', ServerHello, body);
  if (answer.serverVersion !== ProtocolVersion.dtls12) {
    throw new HandshakeError(AlertDescription.protocolVersion, 'the server chose another version');
  }
  const suite = offeredSuites(context).find(({ id }) => id === answer.cipherSuite);
  if (suite === undefined || answer.compressionMethod !== 0) {
    const complaint = 'the server chose what was not offered';
    throw new HandshakeError(AlertDescription.illegalParameter, complaint);
  }
  const extensions = new Extensions(answer.extensions);
  for (const type of extensions.types()) {
    if (hello.extensions.some((offered) => offered.type === type)) continue;
    const complaint = `extension ${type} was not offered`;
    throw new HandshakeError(AlertDescription.unsupportedExtension, complaint);
  }
  const extendedMasterSecret = extensions.has(ExtensionType.extendedMasterSecret);
  return { suite, random: answer.random, extendedMasterSecret };
}

/** Our half of the key exchange, after the server's is heard. */
interface Exchange {
  readonly premaster: Uint8Array;
  /** The body of ClientKeyExchange. */
  readonly exchange: Uint8Array;
}

type Hearing = Generator<Turn, Exchange, HandshakeMessage>;

function* pskExchange(
  transcript: Transcript,
  credential: Extract<ClientCredential, { type: 'psk' }>,
): Hearing {
  let message = yield silence;
  if (message.type === HandshakeType.serverKeyExchange) {
    const body = transcript.receive(HandshakeType.serverKeyExchange, message);
    decode('ServerKeyExchange', PskServerKeyExchange, body); // a hint, of which we have no use
    message = yield silence;
  }
  transcript.receive(HandshakeType.serverHelloDone, message);
  return {
    premaster: pskPremaster(credential.key),
    exchange: encode(PskClientKeyExchange, { identity: utf8(credential.identity) }),
  };
}

function* ecdheExchange(
  transcript: Transcript,
  credential: Extract<ClientCredential, { type: 'certificate' }>,
  random: Random,
  randoms: Randoms,
): Hearing {
  const chain = decode(
    'Certificate',
    Certificate,
    transcript.receive(HandshakeType.certificate, yield silence),
  ).certificateList;
  const key = trustedKey(chain, credential);
  const { parameters, scheme, signature } = decode(
    'ServerKeyExchange',
    EcdheServerKeyExchange,
    transcript.receive(HandshakeType.serverKeyExchange, yield silence),
  );
  const group = preferredGroups.find(({ id }) => id === parameters.group);
  const known = preferredSchemes.find(({ id }) => id === scheme);
  if (parameters.curveType !== namedCurve || group === undefined || known === undefined) {
    const complaint = 'the server chose a group or a signature that was not offered';
    throw new HandshakeError(AlertDescription.illegalParameter, complaint);
  }
  if (!verifyWith(known, key, signedParameters(randoms, parameters), signature)) {
    throw new HandshakeError(AlertDescription.decryptError, 'the server did not sign its key');
  }
  const share = group.generate(random);
  const premaster = share.shared(parameters.point);
  transcript.receive(HandshakeType.serverHelloDone, yield silence);
  return { premaster, exchange: encode(EcdheClientKeyExchange, { point: share.point }) };
}

/** The key of the server's certificate, once the owner trusts its chain. */
function trustedKey(
  chain: readonly Uint8Array[],
  credential: Extract<ClientCredential, { type: 'certificate' }>,
) {
  const [own] = chain;
  if (own === undefined) {
    throw new HandshakeError(AlertDescription.badCertificate, 'the server has no certificate');
  }
  try {
    credential.trust(chain);
    return new X509Certificate(own).publicKey;
  } catch (cause) {
    if (cause instanceof HandshakeError) throw cause;
    const why = cause instanceof Error ? cause.message : String(cause);
    const complaint = `the server's certificate is not trusted: ${why}`;
    throw new HandshakeError(AlertDescription.certificateUnknown, complaint, { cause });
  }
}

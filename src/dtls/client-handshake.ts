/** The client's conversation, flight by flight (RFC 6347 §4.2.4, figure 1). */
import { equal } from '../base/bytes.ts';
import type { Random } from '../base/random.ts';
import { AlertDescription, HandshakeError } from './alert.ts';
import {
  CertificateType,
  certificateTypeOf,
  encodeCertificate,
  typesOf,
} from './certificate-types.ts';
import { type CipherSuite, type CipherSuiteName, cipherSuites } from './cipher-suites.ts';
import {
  type CertificateCredential,
  type Exchange,
  ecdheEcdsaExchange,
  ecdhePskExchange,
  pskExchange,
} from './client-exchange.ts';
import { type ClientSession, readTicket, resumedClientHandshake } from './client-resumption.ts';
import { type ConnectionIds, connectionIds, noConnectionIds } from './connection-id.ts';
import type { ClientCredential, OwnCertificate } from './credentials.ts';
import { type Extension, Extensions, ExtensionType, extension } from './extensions.ts';
import { checkVerifyData } from './finished.ts';
import {
  type FragmentLimits,
  fragmentLengthCodes,
  limitsOfCode,
  limitsOfRecordSize,
  type MaxFragmentLength,
  unlimited,
} from './fragment-limits.ts';
import { type Handshake, silence, type Turn } from './handshake.ts';
import { epochKeys, masterSecret, type Randoms, verifyData } from './key-schedule.ts';
import type { CertificateRequest } from './messages/certificate-request.ts';
import { CertificateVerify } from './messages/certificate-verify.ts';
import { ClientHello } from './messages/client-hello.ts';
import { type HandshakeMessage, HandshakeType } from './messages/handshake-message.ts';
import { HelloVerifyRequest } from './messages/hello-verify-request.ts';
import { ServerHello } from './messages/server-hello.ts';
import { type NamedGroup, type NamedGroupName, namedGroups } from './named-groups.ts';
import { ProtocolVersion } from './record.ts';
import { preferredSchemes, signWith } from './signature-schemes.ts';
import { decode, encode } from './struct.ts';
import { Transcript } from './transcript.ts';

/** What a client may ask for besides. */
export interface ClientWishes {
  /** In the order of preference. */
  readonly groups: readonly NamedGroupName[];
  /** Most octets of plaintext in any record (RFC 6066 §4). Absent: not asked for. */
  readonly maxFragmentLength?: MaxFragmentLength;
  /** Most octets of plaintext that we take in a protected record (RFC 8449). Absent: not asked for. */
  readonly recordSizeLimit?: number;
  /** Whether a suite with CBC may have its MAC last (RFC 7366). */
  readonly encryptThenMac: boolean;
  /** Absent: connection IDs are not offered. */
  readonly connectionId?: ConnectionIdOffer;
  /** A session to go on from. */
  readonly resume?: ClientSession;
  /** Whether a ticket is asked for (RFC 5077). */
  readonly tickets?: boolean;
}

/** What a client offers of connection IDs. */
export interface ConnectionIdOffer {
  /** What the server is to put into its records; empty: nothing. */
  readonly own: Uint8Array;
  /** The code point to offer it under. Default: RFC 9146's. */
  readonly type?:
    | typeof ExtensionType.connectionId
    | typeof ExtensionType.connectionIdDeprecated
    | typeof ExtensionType.connectionIdMbedTls2;
}

export interface ClientContext extends ClientWishes {
  readonly credential: ClientCredential;
  /** In the order of preference; those that do not go with the credential are left out. */
  readonly suites: readonly CipherSuiteName[];
  readonly random: Random;
  /** Given what the next connection may go on from. */
  keep?(session: ClientSession): void;
}

/** A server that asks again and again for a cookie is none of ours. */
const mostCookies = 3;

/** The suites of `context` that go with its credential. */
export function offeredSuites(context: ClientContext): readonly CipherSuite[] {
  const psk = context.credential.type === 'psk';
  return context.suites
    .map((name): CipherSuite => cipherSuites[name])
    .filter(({ keyExchange }) => (keyExchange !== 'ecdheEcdsa') === psk);
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
  const own = 'own' in context.credential ? context.credential.own : undefined;
  const shown =
    request === undefined ? [] : [showCertificate(transcript, own, chosen.clientCertificateType)];
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

function clientHello(context: ClientContext): ClientHello {
  const { random, resume } = context;
  const suites = offeredSuites(context);
  return {
    clientVersion: ProtocolVersion.dtls12,
    random: random(32),
    // With a ticket the ID is one of ours, so that its echo shows whether the ticket was taken (RFC 5077 §3.4).
    sessionId: resume?.ticket === undefined ? (resume?.id ?? new Uint8Array()) : random(16),
    cookie: new Uint8Array(),
    cipherSuites: suites.map(({ id }) => id),
    compressionMethods: [0],
    extensions: [
      extension.renegotiationInfo(),
      extension.extendedMasterSecret(),
      ...curveWishes(context, suites),
      ...certificateWishes(context.credential),
      ...recordWishes(context, suites),
      ...lastingWishes(context),
    ],
  };
}

/** What outlives a datagram's way: a connection ID, and a ticket. */
function lastingWishes({ connectionId, resume, tickets = false }: ClientContext): Extension[] {
  const extensions: Extension[] = [];
  if (connectionId !== undefined) {
    const { own, type = ExtensionType.connectionId } = connectionId;
    extensions.push(extension.connectionId(type, own));
  }
  if (tickets || resume?.ticket !== undefined) {
    extensions.push(extension.sessionTicket(resume?.ticket));
  }
  return extensions;
}

function curveWishes({ groups }: ClientContext, suites: readonly CipherSuite[]): Extension[] {
  if (suites.every(({ keyExchange }) => keyExchange === 'psk')) return [];
  const ids = groups.map((name): NamedGroup => namedGroups[name]).map(({ id }) => id);
  return [extension.supportedGroups(ids), extension.ecPointFormats()];
}

/** X.509 is what goes without saying (RFC 7250 §3). */
function certificateWishes(credential: ClientCredential): Extension[] {
  if (credential.type === 'psk') return [];
  const { serverName, own } = credential;
  const extensions = [extension.signatureAlgorithms(preferredSchemes.map(({ id }) => id))];
  if (serverName !== undefined) extensions.push(extension.serverName(serverName));
  if (credential.type === 'rawPublicKey') {
    extensions.push(extension.serverCertificateTypes([certificateTypeOf[credential.type]]));
  }
  if (own !== undefined && own.chain === undefined) {
    extensions.push(extension.clientCertificateTypes(typesOf(own)));
  }
  return extensions;
}

function recordWishes(wishes: ClientWishes, suites: readonly CipherSuite[]): Extension[] {
  const { maxFragmentLength, recordSizeLimit, encryptThenMac } = wishes;
  const extensions: Extension[] = [];
  if (encryptThenMac && suites.some(({ cipher }) => cipher.macKeyLength > 0)) {
    extensions.push(extension.encryptThenMac());
  }
  if (maxFragmentLength !== undefined) {
    extensions.push(extension.maxFragmentLength(fragmentLengthCodes[maxFragmentLength]));
  }
  if (recordSizeLimit !== undefined) {
    extensions.push(extension.recordSizeLimit(recordSizeLimit));
  }
  return extensions;
}

/** What the server chose. */
interface Chosen {
  readonly suite: CipherSuite;
  readonly random: Uint8Array;
  readonly sessionId: Uint8Array;
  readonly cids: ConnectionIds;
  readonly extendedMasterSecret: boolean;
  readonly encryptThenMac: boolean;
  readonly fragments: FragmentLimits;
  readonly serverCertificateType: number;
  readonly clientCertificateType: number;
}

function readServerHello(body: Uint8Array, hello: ClientHello, context: ClientContext): Chosen {
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
  const typeIn = (type: Parameters<typeof extensions.chosenType>[0]) =>
    extensions.chosenType(type) ?? CertificateType.x509;
  return {
    suite,
    random: answer.random,
    sessionId: answer.sessionId,
    cids: agreedConnectionIds(extensions, context.connectionId),
    extendedMasterSecret: extensions.has(ExtensionType.extendedMasterSecret),
    encryptThenMac: extensions.has(ExtensionType.encryptThenMac),
    fragments: fragmentLimits(extensions, context),
    serverCertificateType: typeIn(ExtensionType.serverCertificateType),
    clientCertificateType: typeIn(ExtensionType.clientCertificateType),
  };
}

/** The server names the connection ID that it wants to receive (RFC 9146 §3). */
function agreedConnectionIds(
  extensions: Extensions,
  offer: ConnectionIdOffer | undefined,
): ConnectionIds {
  if (offer === undefined) return noConnectionIds;
  const type = offer.type ?? ExtensionType.connectionId;
  const theirs = extensions.connectionId(type);
  if (theirs === undefined) return noConnectionIds;
  return connectionIds(offer.own, theirs, type !== ExtensionType.connectionId);
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

/** Ours: what the server granted of max_fragment_length holds for both, record_size_limit is its own. */
function fragmentLimits(extensions: Extensions, wishes: ClientWishes): FragmentLimits {
  const size = extensions.recordSizeLimit;
  if (size !== undefined) return limitsOfRecordSize(size);
  const code = extensions.maxFragmentLength;
  if (code === undefined) return unlimited;
  if (wishes.maxFragmentLength !== undefined) {
    const asked = fragmentLengthCodes[wishes.maxFragmentLength];
    if (code === asked) return limitsOfCode(code);
  }
  const complaint = 'the server granted another max_fragment_length';
  throw new HandshakeError(AlertDescription.illegalParameter, complaint);
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

function showCertificate(
  transcript: Transcript,
  own: CertificateCredential['own'],
  chosen: number,
): HandshakeMessage {
  const type = Object.values(CertificateType).find((known) => known === chosen);
  if (type === undefined) {
    const complaint = `the server asks for a certificate of type ${chosen}`;
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

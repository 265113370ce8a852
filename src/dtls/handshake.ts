/** The server's conversation, flight by flight (RFC 6347 §4.2.4, figure 1). */
import { HandshakeError } from './alert.ts';
import type { CipherSuite } from './cipher-suites.ts';
import {
  type Claim,
  certificateRequest,
  checkCertificateVerify,
  readClaim,
} from './client-authentication.ts';
import type { ConnectionIds } from './connection-id.ts';
import type { PeerCredential } from './credentials.ts';
import { type Extensions, extension } from './extensions.ts';
import { notFinished } from './finished.ts';
import type { Flight } from './flight.ts';
import type { FragmentLimits } from './fragment-limits.ts';
import { Hmac } from './hmac.ts';
import {
  type EpochKeys,
  epochKeys,
  masterSecret,
  type Randoms,
  verifyData,
} from './key-schedule.ts';
import type { ClientHello } from './messages/client-hello.ts';
import { type HandshakeMessage, HandshakeType } from './messages/handshake-message.ts';
import { ServerHello } from './messages/server-hello.ts';
import {
  type Agreement,
  checkHello,
  type Foreseen,
  foresee,
  negotiate,
  type Offers,
} from './negotiation.ts';
import { ProtocolVersion } from './record.ts';
import { type Resumption, resumedHandshake } from './resumed-handshake.ts';
import { sameSecret } from './same-secret.ts';
import { type ExchangeContext, type Psk, serverExchange } from './server-exchange.ts';
import { type Session, serverNameDigest } from './session.ts';
import { Transcript } from './transcript.ts';

/** What a conversation wants done before it hears the next message. */
export interface Turn {
  /** To send, and to repeat while the peer is silent; empty: nothing new. */
  readonly send: Flight;
  /** Of epoch 1, once they are known. Of several, the peer's first record that opens shows which they are. */
  readonly keys?: readonly EpochKeys[];
  /** Of epoch 1; with `keys`, where any were agreed on. */
  readonly cids?: ConnectionIds;
  /** Of what we send from here on, where the peer set any. */
  readonly fragments?: FragmentLimits;
}

/** Nothing to say, until the next message. */
export const silence: Turn = { send: [] };

/** How a conversation ends when it ends well. */
export interface Established<Credential> {
  /** The last flight, repeated only when the peer repeats its own; empty where the peer spoke last. */
  readonly send: Flight;
  readonly credential: Credential;
  /** The name of the session that may be resumed later, where there is one. */
  readonly session?: Uint8Array | undefined;
}

/**
 * One side of a handshake: is given the peer's messages in the order of their numbers. Holds no timer and sends
 * nothing. Throws HandshakeError.
 */
export type Handshake<Credential> = Generator<Turn, Established<Credential>, HandshakeMessage>;

export interface ServerContext extends Offers, ExchangeContext {
  /** What `fullHandshake` gave for the hello. */
  readonly foreseen?: Foreseen | undefined;
  /** Absent: no session is resumed. */
  readonly resumption?: Resumption | undefined;
  /** Told the secret of each connection. For laboratories. */
  readonly keyLog?: ((clientRandom: Uint8Array, master: Uint8Array) => void) | undefined;
}

/** `first` is the ClientHello whose cookie was good, `hello` what it says. */
export function* serverHandshake(
  context: ServerContext,
  first: HandshakeMessage,
  hello: ClientHello,
): Handshake<PeerCredential> {
  const transcript = new Transcript(first.sequence);
  transcript.receive(HandshakeType.clientHello, first);
  const { resumption, foreseen } = context;
  const offered = foreseen?.offered ?? checkHello(hello);
  const resumed = foreseen === undefined ? resumedSession(hello, offered, context) : undefined;
  if (resumption !== undefined && resumed !== undefined) {
    return yield* resumedHandshake(context, resumption, resumed, transcript, hello, offered);
  }
  const agreement = negotiate(hello, context, foreseen ?? foresee(hello, context, offered));
  const { choice, clientCertificate, encryptThenMac, fragments } = agreement;
  const { cids } = agreement.connectionIds;
  const sessions = agreement.extendedMasterSecret ? resumption?.sessions : undefined;
  const session = sessions?.newName();
  const givesTicket = sessions?.givesTicket(offered) === true;
  const { hash } = choice.suite;
  const randoms = { client: hello.random, server: context.random(32) };
  const exchange = serverExchange(choice, context, randoms);

  // Flight 4.
  const sessionId =
    sessions === undefined || session === undefined || givesTicket
      ? noOctets
      : sessions.idOf(session);
  const flight4 = [serverHello(transcript, agreement, randoms, sessionId, givesTicket)];
  if (exchange.certificate !== undefined) {
    flight4.push(transcript.send(HandshakeType.certificate, exchange.certificate));
  }
  if (exchange.parameters !== undefined) {
    flight4.push(transcript.send(HandshakeType.serverKeyExchange, exchange.parameters));
  }
  if (clientCertificate !== undefined) {
    flight4.push(transcript.send(HandshakeType.certificateRequest, certificateRequest()));
  }
  flight4.push(transcript.send(HandshakeType.serverHelloDone, noOctets));

  // Flight 5. Change cipher spec is no handshake message, and none waits for it: what it says stands in the epoch of
  // the record of Finished.
  let message = yield { send: flight4, fragments };
  let claim: Claim | undefined;
  if (clientCertificate !== undefined) {
    const shown = transcript.receive(HandshakeType.certificate, message);
    claim = readClaim(shown, clientCertificate);
    message = yield silence;
  }
  const { premasters, psk } = exchange.hear(
    transcript.receive(HandshakeType.clientKeyExchange, message),
  );
  const sessionHash = agreement.extendedMasterSecret ? transcript.digest(hash) : undefined;
  const candidates: Candidate[] = [];
  const keys: EpochKeys[] = [];
  for (const [which, premaster] of premasters.entries()) {
    const master = masterSecret(hash, premaster, randoms, sessionHash);
    const secret = new Hmac(hash, master);
    candidates.push({ master, secret, key: psk?.keys[which] });
    keys.push(epochKeys(choice.suite, secret, randoms, encryptThenMac));
  }
  message = yield { send: noFlight, keys, cids };
  if (claim !== undefined) {
    const signed = transcript.octets;
    const verify = transcript.receive(HandshakeType.certificateVerify, message);
    checkCertificateVerify(verify, claim, signed);
    message = yield silence;
  }
  const digest = transcript.digest(hash);
  const finished = transcript.receive(HandshakeType.finished, message);
  const { master, secret, key } = finishedUnder(finished, digest, hash, candidates);

  // Flight 6.
  const credential = proved(claim, psk);
  const tickets: HandshakeMessage[] = [];
  if (resumption !== undefined && sessions !== undefined && session !== undefined) {
    const made = {
      name: session,
      suite: choice.suite,
      master,
      credential,
      serverName: serverNameDigest(offered.rawServerName),
      host: resumption.host,
      proved: sessions.now(),
    };
    if (givesTicket) {
      tickets.push(transcript.send(HandshakeType.newSessionTicket, sessions.ticket(made)));
    } else sessions.remember(made, cids.own === undefined);
  }
  context.keyLog?.(randoms.client, master);
  const own = verifyData(hash, secret, 'server', transcript.digest(hash));
  const last = transcript.send(HandshakeType.finished, own);
  if (psk !== undefined && key !== undefined) context.credentials.pskUsed?.(psk.identity, key);
  return {
    send: [...tickets, 'change_cipher_spec', last],
    credential,
    session,
  };
}

const noOctets = new Uint8Array();
const noFlight: Flight = [];

/** What decides whether a session is resumed, and what a full handshake agrees on. */
export type Terms = Pick<ServerContext, 'credentials' | 'suites' | 'groups' | 'resumption'>;

/** The session that the hello resumes; undefined: a full handshake is due. Throws HandshakeError where neither may be. */
function resumedSession(
  hello: ClientHello,
  offered: Extensions,
  { resumption, suites }: Terms,
): Session | undefined {
  const { sessions, session } = resumption ?? {};
  if (sessions === undefined || session === undefined) return undefined;
  return sessions.allows(session, hello, offered, suites) ? session : undefined;
}

/** Whether a handshake with this hello resumes a session, and is neither a full one nor fails at once. */
export function resumes(hello: ClientHello, terms: Terms): boolean {
  try {
    return resumedSession(hello, checkHello(hello), terms) !== undefined;
  } catch (error) {
    if (error instanceof HandshakeError) return false;
    throw error;
  }
}

/** What a full handshake with this hello begins with; undefined: it resumes a session, or fails before. */
export function fullHandshake(hello: ClientHello, terms: Terms): Foreseen | undefined {
  try {
    const offered = checkHello(hello);
    if (resumedSession(hello, offered, terms) !== undefined) return undefined;
    return foresee(hello, terms, offered);
  } catch (error) {
    if (error instanceof HandshakeError) return undefined;
    throw error;
  }
}

/** A master secret that it may be, where a PSK identity has several keys; the HMAC under it, and the key it was made of. */
interface Candidate {
  readonly master: Uint8Array;
  readonly secret: Hmac;
  readonly key: Uint8Array | undefined;
}

/** The one under whose master secret the client's Finished is the one due. */
function finishedUnder(
  finished: Uint8Array,
  digest: Uint8Array,
  hash: CipherSuite['hash'],
  candidates: readonly Candidate[],
): Candidate {
  for (const candidate of candidates) {
    const due = verifyData(hash, candidate.secret, 'client', digest);
    if (sameSecret(finished, due)) return candidate;
  }
  throw notFinished();
}

function proved(claim: Claim | undefined, psk: Psk | undefined): PeerCredential {
  if (psk !== undefined) return { type: 'psk', identity: psk.identity };
  return claim?.credential ?? { type: 'anonymous' };
}

function serverHello(
  transcript: Transcript,
  agreement: Agreement,
  randoms: Randoms,
  sessionId: Uint8Array,
  givesTicket: boolean,
): HandshakeMessage {
  const extensions = givesTicket
    ? [...agreement.extensions, extension.sessionTicket()]
    : agreement.extensions;
  let length = serverHelloLength + sessionId.length;
  if (extensions.length > 0) length += extensionsHeadLength;
  for (const { data } of extensions) length += extensionHeadLength + data.length;
  const hello = {
    serverVersion: ProtocolVersion.dtls12,
    random: randoms.server,
    sessionId,
    cipherSuite: agreement.choice.suite.id,
    compressionMethod: 0,
    extensions,
  };
  return transcript.write(HandshakeType.serverHello, ServerHello, hello, length);
}

/** Octets of a ServerHello with an empty session ID and no extensions, of what stands before all of those, and before each. */
const serverHelloLength = 38;
const extensionsHeadLength = 2;
const extensionHeadLength = 4;

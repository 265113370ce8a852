/** The server's conversation, flight by flight (RFC 6347 §4.2.4, figure 1). */
import { timingSafeEqual } from 'node:crypto';
import { concat, fromUtf8, utf8 } from '../base/bytes.ts';
import type { Random } from '../base/random.ts';
import { AlertDescription, HandshakeError } from './alert.ts';
import type { CipherSuiteName } from './cipher-suites.ts';
import type { DtlsCredentials, PeerCredential } from './credentials.ts';
import type { Flight } from './flight.ts';
import {
  type EpochKeys,
  epochKeys,
  masterSecret,
  pskPremaster,
  type Randoms,
  verifyData,
} from './key-schedule.ts';
import { Certificate } from './messages/certificate.ts';
import type { ClientHello } from './messages/client-hello.ts';
import { EcdheClientKeyExchange, PskClientKeyExchange } from './messages/client-key-exchange.ts';
import { type HandshakeMessage, HandshakeType } from './messages/handshake-message.ts';
import { ServerHello } from './messages/server-hello.ts';
import {
  EcdheServerKeyExchange,
  EcdhParameters,
  namedCurve,
  PskServerKeyExchange,
} from './messages/server-key-exchange.ts';
import type { KeyShare } from './named-groups.ts';
import { type Agreement, type EcdheChoice, negotiate } from './negotiation.ts';
import { ProtocolVersion } from './record.ts';
import { signWith } from './signature-schemes.ts';
import { decode, encode } from './struct.ts';
import { Transcript } from './transcript.ts';

/** What a conversation wants done before it hears the next message. */
export interface Turn {
  /** To send, and to repeat while the peer is silent; empty: nothing new. */
  readonly send: Flight;
  /** Of epoch 1, once they are known. */
  readonly keys?: EpochKeys;
}

/** How a conversation ends when it ends well. */
export interface Established<Credential> {
  /** The last flight, repeated only when the peer repeats its own; empty where the peer spoke last. */
  readonly send: Flight;
  readonly credential: Credential;
}

/**
 * One side of a handshake: is given the peer's messages in the order of their numbers. Holds no timer and sends
 * nothing. Throws HandshakeError.
 */
export type Handshake<Credential> = Generator<Turn, Established<Credential>, HandshakeMessage>;

export interface ServerContext {
  readonly credentials: DtlsCredentials;
  readonly suites: readonly CipherSuiteName[];
  readonly random: Random;
  /**
   * Answer an unknown PSK identity with unknown_psk_identity (RFC 4279 §2) instead of going on with a key that
   * nobody has. It tells strangers which identities exist.
   */
  readonly explain: boolean;
}

/** `first` is the ClientHello whose cookie was good, `hello` what it says. */
export function* serverHandshake(
  context: ServerContext,
  first: HandshakeMessage,
  hello: ClientHello,
): Handshake<PeerCredential> {
  const transcript = new Transcript(first.sequence);
  transcript.receive(HandshakeType.clientHello, first);
  const agreement = negotiate(hello, context.credentials, context.suites);
  const { choice } = agreement;
  const { hash } = choice.suite;
  const randoms = { client: hello.random, server: context.random(32) };
  const share = choice.keyExchange === 'psk' ? undefined : choice.group.generate(context.random);

  // Flights 4 and 5. Change cipher spec is no handshake message, and none waits for it: what it says stands in the
  // epoch of the record of Finished.
  const flight4 = [
    transcript.send(HandshakeType.serverHello, serverHello(agreement, randoms)),
    ...(choice.keyExchange === 'psk' || share === undefined
      ? pskParameters(transcript, context.credentials.pskHint)
      : ecdheParameters(transcript, choice, share, randoms)),
    transcript.send(HandshakeType.serverHelloDone, new Uint8Array()),
  ];
  const exchange = transcript.receive(HandshakeType.clientKeyExchange, yield { send: flight4 });
  const { premaster, credential } =
    share === undefined ? pskSecret(exchange, context) : ecdheSecret(exchange, share);
  const sessionHash = agreement.extendedMasterSecret ? transcript.digest(hash) : undefined;
  const master = masterSecret(hash, premaster, randoms, sessionHash);
  const keys = epochKeys(choice.suite, master, randoms);

  const due = verifyData(hash, master, 'client', transcript.digest(hash));
  const finished = transcript.receive(HandshakeType.finished, yield { send: [], keys });
  checkVerifyData(finished, due);

  // Flight 6.
  const own = verifyData(hash, master, 'server', transcript.digest(hash));
  const last = transcript.send(HandshakeType.finished, own);
  return { send: ['change_cipher_spec', last], credential };
}

/** Throws HandshakeError(decryptError) where the peer's Finished is not the one due. */
export function checkVerifyData(finished: Uint8Array, due: Uint8Array): void {
  if (finished.length !== due.length || !timingSafeEqual(finished, due)) {
    throw new HandshakeError(AlertDescription.decryptError, 'Finished does not fit the handshake');
  }
}

/** What the server signs: both randoms and the parameters (RFC 8422 §5.4). */
export function signedParameters(randoms: Randoms, parameters: EcdhParameters): Uint8Array {
  return concat(randoms.client, randoms.server, encode(EcdhParameters, parameters));
}

function serverHello(agreement: Agreement, randoms: Randoms): Uint8Array {
  return encode(ServerHello, {
    serverVersion: ProtocolVersion.dtls12,
    random: randoms.server,
    sessionId: new Uint8Array(),
    cipherSuite: agreement.choice.suite.id,
    compressionMethod: 0,
    extensions: agreement.extensions,
  });
}

/** A ServerKeyExchange only where there is a hint (RFC 4279 §2). */
function pskParameters(transcript: Transcript, hint: string | undefined): Flight {
  if (hint === undefined || hint === '') return [];
  const body = encode(PskServerKeyExchange, { identityHint: utf8(hint) });
  return [transcript.send(HandshakeType.serverKeyExchange, body)];
}

function ecdheParameters(
  transcript: Transcript,
  { certificate, group, scheme }: EcdheChoice,
  share: KeyShare,
  randoms: Randoms,
): Flight {
  const parameters = { curveType: namedCurve, group: group.id, point: share.point };
  const signature = signWith(scheme, certificate.key, signedParameters(randoms, parameters));
  const chain = encode(Certificate, { certificateList: certificate.chain });
  const signed = encode(EcdheServerKeyExchange, { parameters, scheme: scheme.id, signature });
  return [
    transcript.send(HandshakeType.certificate, chain),
    transcript.send(HandshakeType.serverKeyExchange, signed),
  ];
}

interface Secret {
  readonly premaster: Uint8Array;
  readonly credential: PeerCredential;
}

/**
 * An identity nobody knows gets a key nobody has: the handshake then ends like one with a wrong key, and the peer
 * learns nothing (RFC 4279 §7.3).
 */
function pskSecret(exchange: Uint8Array, context: ServerContext): Secret {
  const { identity } = decode('ClientKeyExchange', PskClientKeyExchange, exchange);
  const text = identityText(identity);
  const key = text === undefined ? undefined : context.credentials.psk?.(identity);
  if (key === undefined && context.explain) {
    throw new HandshakeError(AlertDescription.unknownPskIdentity, 'unknown PSK identity');
  }
  const premaster = pskPremaster(key ?? context.random(16));
  return { premaster, credential: { type: 'psk', identity: text ?? '' } };
}

/** Identities are UTF-8 (RFC 4279 §5.1); undefined for octets that are not. */
function identityText(identity: Uint8Array): string | undefined {
  try {
    return fromUtf8(identity);
  } catch {
    return undefined;
  }
}

function ecdheSecret(exchange: Uint8Array, share: KeyShare): Secret {
  const { point } = decode('ClientKeyExchange', EcdheClientKeyExchange, exchange);
  return { premaster: share.shared(point), credential: { type: 'anonymous' } };
}

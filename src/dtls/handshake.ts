/** The server's conversation, flight by flight (RFC 6347 §4.2.4, figure 1). */
import { timingSafeEqual } from 'node:crypto';
import { AlertDescription, HandshakeError } from './alert.ts';
import type { CipherSuite } from './cipher-suites.ts';
import {
  type Claim,
  certificateRequest,
  checkCertificateVerify,
  readClaim,
} from './client-authentication.ts';
import type { ConnectionIds } from './connection-id.ts';
import type { PeerCredential } from './credentials.ts';
import type { Flight } from './flight.ts';
import type { FragmentLimits } from './fragment-limits.ts';
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
import { type Agreement, negotiate, type Offers } from './negotiation.ts';
import { ProtocolVersion } from './record.ts';
import { type ExchangeContext, type Psk, serverExchange } from './server-exchange.ts';
import { encode } from './struct.ts';
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
}

/**
 * One side of a handshake: is given the peer's messages in the order of their numbers. Holds no timer and sends
 * nothing. Throws HandshakeError.
 */
export type Handshake<Credential> = Generator<Turn, Established<Credential>, HandshakeMessage>;

export interface ServerContext extends Offers, ExchangeContext {}

/** `first` is the ClientHello whose cookie was good, `hello` what it says. */
export function* serverHandshake(
  context: ServerContext,
  first: HandshakeMessage,
  hello: ClientHello,
): Handshake<PeerCredential> {
  const transcript = new Transcript(first.sequence);
  transcript.receive(HandshakeType.clientHello, first);
  const agreement = negotiate(hello, context);
  const { choice, clientCertificate, encryptThenMac, fragments } = agreement;
  const { hash } = choice.suite;
  const randoms = { client: hello.random, server: context.random(32) };
  const exchange = serverExchange(choice, context, randoms);

  // Flight 4.
  const sayIf = (type: HandshakeType, body: Uint8Array | undefined) =>
    body === undefined ? [] : [transcript.send(type, body)];
  const request = clientCertificate === undefined ? undefined : certificateRequest();
  const flight4 = [
    transcript.send(HandshakeType.serverHello, serverHello(agreement, randoms)),
    ...sayIf(HandshakeType.certificate, exchange.certificate),
    ...sayIf(HandshakeType.serverKeyExchange, exchange.parameters),
    ...sayIf(HandshakeType.certificateRequest, request),
    transcript.send(HandshakeType.serverHelloDone, new Uint8Array()),
  ];

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
  const masters = premasters.map((premaster) =>
    masterSecret(hash, premaster, randoms, sessionHash),
  );
  const keys = masters.map((master) => epochKeys(choice.suite, master, randoms, encryptThenMac));
  message = yield { send: [], keys };
  if (claim !== undefined) {
    const signed = transcript.octets;
    const verify = transcript.receive(HandshakeType.certificateVerify, message);
    checkCertificateVerify(verify, claim, signed);
    message = yield silence;
  }
  const digest = transcript.digest(hash);
  const finished = transcript.receive(HandshakeType.finished, message);
  const [master, key] = finishedUnder(finished, digest, hash, masters, psk);

  // Flight 6.
  const own = verifyData(hash, master, 'server', transcript.digest(hash));
  const last = transcript.send(HandshakeType.finished, own);
  if (psk !== undefined && key !== undefined) context.credentials.pskUsed?.(psk.identity, key);
  return { send: ['change_cipher_spec', last], credential: proved(claim, psk) };
}

/** The master secret under which the client's Finished is the one due, and the key that it is made of. */
function finishedUnder(
  finished: Uint8Array,
  digest: Uint8Array,
  hash: CipherSuite['hash'],
  masters: readonly Uint8Array[],
  psk: Psk | undefined,
): readonly [master: Uint8Array, key: Uint8Array | undefined] {
  for (const [i, master] of masters.entries()) {
    const due = verifyData(hash, master, 'client', digest);
    if (sameVerifyData(finished, due)) return [master, psk?.keys[i]];
  }
  throw notFinished();
}

function proved(claim: Claim | undefined, psk: Psk | undefined): PeerCredential {
  if (psk !== undefined) return { type: 'psk', identity: psk.identity };
  return claim?.credential ?? { type: 'anonymous' };
}

/** Throws HandshakeError(decryptError) where the peer's Finished is not the one due. */
export function checkVerifyData(finished: Uint8Array, due: Uint8Array): void {
  if (!sameVerifyData(finished, due)) throw notFinished();
}

function sameVerifyData(finished: Uint8Array, due: Uint8Array): boolean {
  return finished.length === due.length && timingSafeEqual(finished, due);
}

function notFinished(): HandshakeError {
  const complaint = 'Finished does not fit the handshake';
  return new HandshakeError(AlertDescription.decryptError, complaint);
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

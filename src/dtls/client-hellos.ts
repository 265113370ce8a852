/** The two hellos as the client has them: what it offers in its own, and what the server's makes of that. */
import type { Random } from '../base/random.ts';
import { AlertDescription, HandshakeError } from './alert.ts';
import { CertificateType, certificateTypeOf, typesOf } from './certificate-types.ts';
import { type CipherSuite, type CipherSuiteName, cipherSuites } from './cipher-suites.ts';
import type { ClientSession } from './client-resumption.ts';
import { type ConnectionIds, connectionIds, noConnectionIds } from './connection-id.ts';
import type { ClientCredential } from './credentials.ts';
import { type Extension, Extensions, ExtensionType, extension } from './extensions.ts';
import {
  type FragmentLimits,
  fragmentLengthCodes,
  limitsOfCode,
  limitsOfRecordSize,
  type MaxFragmentLength,
  unlimited,
} from './fragment-limits.ts';
import type { ClientHello } from './messages/client-hello.ts';
import { ServerHello } from './messages/server-hello.ts';
import { type NamedGroup, type NamedGroupName, namedGroups } from './named-groups.ts';
import { ProtocolVersion } from './record.ts';
import { preferredSchemes } from './signature-schemes.ts';
import { decode } from './struct.ts';

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

/** The suites of `context` that go with its credential. */
function offeredSuites(context: ClientContext): readonly CipherSuite[] {
  const psk = context.credential.type === 'psk';
  return context.suites
    .map((name): CipherSuite => cipherSuites[name])
    .filter(({ keyExchange }) => (keyExchange !== 'ecdheEcdsa') === psk);
}

export function clientHello(context: ClientContext): ClientHello {
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
export interface Chosen {
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

/** Throws HandshakeError where the server chose what was not offered. */
export function readServerHello(
  body: Uint8Array,
  hello: ClientHello,
  context: ClientContext,
): Chosen {
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
  const cids = agreedConnectionIds(extensions, context.connectionId);
  return {
    suite,
    random: answer.random,
    sessionId: answer.sessionId,
    cids,
    extendedMasterSecret: extensions.has(ExtensionType.extendedMasterSecret),
    encryptThenMac: extensions.has(ExtensionType.encryptThenMac),
    fragments: fragmentLimits(extensions, context, cids),
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

/** Ours: what the server granted of max_fragment_length holds for both, record_size_limit is its own. */
function fragmentLimits(
  extensions: Extensions,
  wishes: ClientWishes,
  { peers }: ConnectionIds,
): FragmentLimits {
  const size = extensions.recordSizeLimit;
  if (size !== undefined) return limitsOfRecordSize(size, peers !== undefined);
  const code = extensions.maxFragmentLength;
  if (code === undefined) return unlimited;
  if (wishes.maxFragmentLength !== undefined) {
    const asked = fragmentLengthCodes[wishes.maxFragmentLength];
    if (code === asked) return limitsOfCode(code);
  }
  const complaint = 'the server granted another max_fragment_length';
  throw new HandshakeError(AlertDescription.illegalParameter, complaint);
}

/** What client and server have in common, out of a ClientHello (RFC 5246 §7.4.1, RFC 8422 §5.1, RFC 5746, RFC 7627). */
import { AlertDescription, HandshakeError } from './alert.ts';
import { CertificateType, certificateTypeOf, typesOf } from './certificate-types.ts';
import {
  type CipherSuite,
  type CipherSuiteName,
  cipherSuites,
  type KeyExchange,
  renegotiationScsv,
} from './cipher-suites.ts';
import {
  agreeOnConnectionIds,
  type ConnectionIdAgreement,
  type ConnectionIdPolicy,
} from './connection-id.ts';
import type { ClientAuthentication, DtlsCredentials } from './credentials.ts';
import { type Extension, Extensions, ExtensionType, extension } from './extensions.ts';
import { type FragmentLimits, grantFragmentLimits } from './fragment-limits.ts';
import type { ClientHello } from './messages/client-hello.ts';
import { type NamedGroup, type NamedGroupName, namedGroups } from './named-groups.ts';
import { ProtocolVersion } from './record.ts';
import {
  type CertificateChoice,
  chooseCertificate,
  readWishes,
  wishedGroups,
} from './server-certificates.ts';

/** A key exchange and all that it needs. */
export type Choice =
  | { readonly keyExchange: 'psk'; readonly suite: CipherSuite }
  | { readonly keyExchange: 'ecdhePsk'; readonly suite: CipherSuite; readonly group: NamedGroup }
  | EcdsaChoice;

export interface EcdsaChoice extends CertificateChoice {
  readonly keyExchange: 'ecdheEcdsa';
  readonly suite: CipherSuite;
  readonly group: NamedGroup;
}

/** What the client is asked to show. */
export interface ClientCertificateChoice {
  readonly type: CertificateType;
  readonly authentication: ClientAuthentication;
}

export interface Agreement {
  readonly choice: Choice;
  /** Absent: the client is not asked for a certificate. */
  readonly clientCertificate?: ClientCertificateChoice | undefined;
  readonly extendedMasterSecret: boolean;
  readonly encryptThenMac: boolean;
  readonly connectionIds: ConnectionIdAgreement;
  /** Of the records that we send. */
  readonly fragments: FragmentLimits;
  /** The ServerHello's. */
  readonly extensions: readonly Extension[];
}

/** What a server brings to a negotiation. */
export interface Offers {
  readonly credentials: DtlsCredentials;
  /** In the order of preference. */
  readonly suites: readonly CipherSuiteName[];
  /** The client's order decides. */
  readonly groups: readonly NamedGroupName[];
  /** Absent: the extension is not answered. */
  readonly connectionIds?: ConnectionIdPolicy | undefined;
}

const nullCompression = 0;

/**
 * The first suite in the server's order that both can do. Throws HandshakeError: protocolVersion, illegalParameter,
 * decodeError, unsupportedCertificate, or handshakeFailure where there is none.
 */
export function negotiate(
  hello: ClientHello,
  offers: Offers,
  { offered, choice } = foresee(hello, offers),
): Agreement {
  const connectionIds = agreeOnConnectionIds(offered, offers.connectionIds);
  const { limits, granted } = grantFragmentLimits(offered, connectionIds.cids.peers !== undefined);
  const clientCertificate = chooseClientCertificate(
    choice,
    offered,
    offers.credentials.clientAuthentication,
  );
  const extensions: Extension[] = [];
  const agreement = {
    choice,
    clientCertificate,
    extendedMasterSecret: offered.has(ExtensionType.extendedMasterSecret),
    encryptThenMac:
      choice.suite.cipher.macKeyLength > 0 && offered.has(ExtensionType.encryptThenMac),
    connectionIds,
    fragments: limits,
    extensions,
  };
  answer(extensions, hello, offered, agreement);
  if (granted !== undefined) extensions.push(granted);
  return agreement;
}

/** What is known of a handshake as soon as its hello is read. */
export interface Foreseen {
  readonly offered: Extensions;
  readonly choice: Choice;
}

/** Throws as `negotiate` does. */
export function foresee(hello: ClientHello, offers: Offers, offered = checkHello(hello)): Foreseen {
  return { offered, choice: choose(hello, offered, offers) };
}

/** What a hello has to be whatever comes of it; its extensions. Throws as `negotiate` does. */
export function checkHello(hello: ClientHello): Extensions {
  // A client that can do more than 1.2 says so with a smaller number, and gets 1.2.
  if (hello.clientVersion > ProtocolVersion.dtls12) {
    const version = `0x${hello.clientVersion.toString(16)}`;
    throw new HandshakeError(AlertDescription.protocolVersion, `version ${version}`);
  }
  if (!hello.compressionMethods.includes(nullCompression)) {
    throw new HandshakeError(AlertDescription.illegalParameter, 'null compression is not offered');
  }
  const offered = new Extensions(hello.extensions);
  if ((offered.renegotiatedConnection?.length ?? 0) > 0) {
    const complaint = 'renegotiation_info of another connection in a first hello';
    throw new HandshakeError(AlertDescription.handshakeFailure, complaint);
  }
  return offered;
}

/** The suite, and what its key exchange takes. Throws as `negotiate` does. */
function choose(hello: ClientHello, offered: Extensions, offers: Offers): Choice {
  let inCommon = false;
  for (const name of offers.suites) {
    const suite: CipherSuite = cipherSuites[name];
    if (!hello.cipherSuites.includes(suite.id)) continue;
    inCommon = true;
    const choice = choosers[suite.keyExchange](suite, offered, offers);
    if (choice !== undefined) return choice;
  }
  if (inCommon && !takesOurCertificates(offered, offers)) {
    const complaint = 'no certificate of a type that the client takes'; // RFC 7250 §4.2
    throw new HandshakeError(AlertDescription.unsupportedCertificate, complaint);
  }
  throw new HandshakeError(AlertDescription.handshakeFailure, 'no cipher suite in common');
}

type Chooser = (suite: CipherSuite, offered: Extensions, offers: Offers) => Choice | undefined;

/** What each key exchange takes besides a suite in common; undefined where something is missing. */
const choosers: Readonly<Record<KeyExchange, Chooser>> = {
  psk: (suite, _offered, { credentials }) =>
    credentials.psk === undefined ? undefined : { keyExchange: 'psk', suite },

  ecdhePsk(suite, offered, { credentials, groups }) {
    const group = chooseGroup(offered, groups);
    if (credentials.psk === undefined || group === undefined) return undefined;
    return { keyExchange: 'ecdhePsk', suite, group };
  },

  ecdheEcdsa(suite, offered, { credentials, groups }) {
    const group = chooseGroup(offered, groups);
    const chosen = chooseCertificate(credentials.certificates ?? [], readWishes(offered));
    if (chosen === undefined || group === undefined) return undefined;
    const { certificate, type, scheme, byName } = chosen;
    return { keyExchange: 'ecdheEcdsa', suite, group, certificate, type, scheme, byName };
  },
};

/** The client's order decides: it knows what it has in hardware, and it is the one with a battery. */
function chooseGroup(offered: Extensions, ours: readonly NamedGroupName[]): NamedGroup | undefined {
  if (!offered.uncompressedPoints) return undefined;
  const ids = wishedGroups(offered);
  const known = ours.map((name): NamedGroup => namedGroups[name]);
  return ids.map((id) => known.find((group) => group.id === id)).find((found) => found);
}

function takesOurCertificates(offered: Extensions, { credentials }: Offers): boolean {
  const { certificates = [] } = credentials;
  const { types } = readWishes(offered);
  if (certificates.length === 0) return true; // it is not the type that is missing
  return certificates.some((own) => typesOf(own).some((type) => types.includes(type)));
}

function chooseClientCertificate(
  choice: Choice,
  offered: Extensions,
  authentication: ClientAuthentication | undefined,
): ClientCertificateChoice | undefined {
  if (choice.keyExchange !== 'ecdheEcdsa' || authentication === undefined) return undefined;
  if (authentication.mode === 'none') return undefined;
  const { accepts = ['certificate', 'rawPublicKey'] } = authentication;
  const accepted = accepts.map((name): number => certificateTypeOf[name]);
  const types = offered.clientCertificateTypes ?? [CertificateType.x509];
  const found = types.find((type) => accepted.includes(type));
  const type = Object.values(CertificateType).find((known) => known === found);
  if (type !== undefined) return { type, authentication };
  if (authentication.mode === 'optional') return undefined;
  const complaint = 'the client has no certificate of a type that we take'; // RFC 7250 §4.2
  throw new HandshakeError(AlertDescription.unsupportedCertificate, complaint);
}

/** Adds what is answered to each extension, of those that were offered. */
function answer(
  extensions: Extension[],
  hello: ClientHello,
  offered: Extensions,
  agreed: Omit<Agreement, 'extensions'>,
): void {
  const { choice, clientCertificate, extendedMasterSecret, connectionIds, encryptThenMac } = agreed;
  if (asksForRenegotiationInfo(hello, offered)) extensions.push(extension.renegotiationInfo());
  if (extendedMasterSecret) extensions.push(extension.extendedMasterSecret());
  if (connectionIds.extension !== undefined) extensions.push(connectionIds.extension);
  if (choice.keyExchange !== 'psk' && offered.has(ExtensionType.ecPointFormats)) {
    extensions.push(extension.ecPointFormats());
  }
  const shown = choice.keyExchange === 'ecdheEcdsa' ? choice : undefined;
  if (shown?.byName) extensions.push(extension.serverNameUsed());
  if (encryptThenMac) extensions.push(extension.encryptThenMac());
  if (shown !== undefined && offered.has(ExtensionType.serverCertificateType)) {
    extensions.push(extension.serverCertificateType(shown.type));
  }
  if (clientCertificate !== undefined && offered.has(ExtensionType.clientCertificateType)) {
    extensions.push(extension.clientCertificateType(clientCertificate.type));
  }
}

/** RFC 5746 §3.6: whether the client asked, by the extension or by the suite that stands for it. */
export function asksForRenegotiationInfo(hello: ClientHello, offered: Extensions): boolean {
  return (
    offered.has(ExtensionType.renegotiationInfo) || hello.cipherSuites.includes(renegotiationScsv)
  );
}

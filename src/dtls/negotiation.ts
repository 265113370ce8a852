/** What client and server have in common, out of a ClientHello (RFC 5246 §7.4.1, RFC 8422 §5.1, RFC 5746, RFC 7627). */
import { AlertDescription, HandshakeError } from './alert.ts';
import {
  type CipherSuite,
  type CipherSuiteName,
  cipherSuites,
  renegotiationScsv,
} from './cipher-suites.ts';
import type { DtlsCredentials, ServerCertificate } from './credentials.ts';
import { type Extension, Extensions, ExtensionType, extension } from './extensions.ts';
import type { ClientHello } from './messages/client-hello.ts';
import { type NamedGroup, namedGroups, preferredGroups } from './named-groups.ts';
import { ProtocolVersion } from './record.ts';
import { preferredSchemes, type SignatureScheme } from './signature-schemes.ts';

/** What an ECDHE_ECDSA handshake needs besides its suite. */
export interface EcdheChoice {
  readonly keyExchange: 'ecdheEcdsa';
  readonly suite: CipherSuite;
  readonly certificate: ServerCertificate;
  readonly group: NamedGroup;
  readonly scheme: SignatureScheme;
}

export interface PskChoice {
  readonly keyExchange: 'psk';
  readonly suite: CipherSuite;
}

export interface Agreement {
  readonly choice: EcdheChoice | PskChoice;
  readonly extendedMasterSecret: boolean;
  /** The ServerHello's. */
  readonly extensions: readonly Extension[];
}

const nullCompression = 0;

/**
 * The first suite in the server's order that both can do. Throws HandshakeError: protocolVersion, illegalParameter,
 * decodeError, or handshakeFailure where there is none.
 */
export function negotiate(
  hello: ClientHello,
  credentials: DtlsCredentials,
  suites: readonly CipherSuiteName[],
): Agreement {
  checkHello(hello);
  const offered = new Extensions(hello.extensions);
  const renegotiated = offered.renegotiatedConnection;
  if (renegotiated !== undefined && renegotiated.length > 0) {
    const complaint = 'renegotiation_info of another connection in a first hello';
    throw new HandshakeError(AlertDescription.handshakeFailure, complaint);
  }
  const choice = choose(hello, offered, credentials, suites);
  const extendedMasterSecret = offered.has(ExtensionType.extendedMasterSecret);
  const extensions: Extension[] = [];
  if (renegotiated !== undefined || hello.cipherSuites.includes(renegotiationScsv)) {
    extensions.push(extension.renegotiationInfo());
  }
  if (extendedMasterSecret) extensions.push(extension.extendedMasterSecret());
  if (choice.keyExchange === 'ecdheEcdsa' && offered.has(ExtensionType.ecPointFormats)) {
    extensions.push(extension.ecPointFormats());
  }
  return { choice, extendedMasterSecret, extensions };
}

function checkHello(hello: ClientHello): void {
  // A client that can do more than 1.2 says so with a smaller number, and gets 1.2.
  if (hello.clientVersion > ProtocolVersion.dtls12) {
    const version = `0x${hello.clientVersion.toString(16)}`;
    throw new HandshakeError(AlertDescription.protocolVersion, `version ${version}`);
  }
  if (!hello.compressionMethods.includes(nullCompression)) {
    throw new HandshakeError(AlertDescription.illegalParameter, 'null compression is not offered');
  }
}

function choose(
  hello: ClientHello,
  offered: Extensions,
  credentials: DtlsCredentials,
  suites: readonly CipherSuiteName[],
): Agreement['choice'] {
  for (const name of suites) {
    const suite = cipherSuites[name];
    if (!hello.cipherSuites.includes(suite.id)) continue;
    if (suite.keyExchange === 'psk') {
      if (credentials.psk !== undefined) return { keyExchange: 'psk', suite };
    } else {
      const choice = chooseEcdhe(suite, offered, credentials.certificate);
      if (choice !== undefined) return choice;
    }
  }
  throw new HandshakeError(AlertDescription.handshakeFailure, 'no cipher suite in common');
}

function chooseEcdhe(
  suite: CipherSuite,
  offered: Extensions,
  certificate: ServerCertificate | undefined,
): EcdheChoice | undefined {
  if (certificate === undefined) return undefined;
  if (!offered.uncompressedPoints || !offered.x509ServerCertificate) return undefined;
  // A client that names no groups is taken to have secp256r1, one that names no schemes to have ECDSA with SHA-256:
  // what a constrained client has by RFC 7925 §4.4 (RFC 5246 would have it SHA-1).
  const groups = offered.supportedGroups ?? [namedGroups.secp256r1.id];
  const schemes = offered.signatureAlgorithms ?? preferredSchemes.map(({ id }) => id);
  const curve = certificate.key.asymmetricKeyDetails?.namedCurve;
  const own = preferredGroups.find((group) => group.curve === curve);
  if (own === undefined || !groups.includes(own.id)) return undefined;
  const group = preferredGroups.find(({ id }) => groups.includes(id));
  const scheme = preferredSchemes.find(({ id }) => schemes.includes(id));
  if (group === undefined || scheme === undefined) return undefined;
  return { keyExchange: 'ecdheEcdsa', suite, certificate, group, scheme };
}

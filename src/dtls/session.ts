/** A session: what an abbreviated handshake goes on from (RFC 5246 §7.3, RFC 5077). */
import { createHash, timingSafeEqual } from 'node:crypto';
import { BytesError, fromUtf8, Reader, utf8, Writer } from '../base/bytes.ts';
import { type CipherSuite, cipherSuites } from './cipher-suites.ts';
import type { PeerCredential } from './credentials.ts';
import { readCredential, writeCredential } from './kept-credential.ts';

/** Each comes from a full handshake with extended_master_secret; others are not resumed (RFC 7627 §5.3). */
export interface Session {
  /** Random, 12 octets. */
  readonly name: Uint8Array;
  readonly suite: CipherSuite;
  readonly master: Uint8Array;
  readonly credential: PeerCredential;
  /** A digest of server_name; empty where the client named none. */
  readonly serverName: Uint8Array;
  /** The IP address that its client was last at. */
  readonly host: string;
  /** When the full handshake was done, in milliseconds since 1970. */
  readonly proved: number;
}

export const sessionNameLength = 12;
const version = 1;
const masterLength = 48;
const serverNameLength = 8;

/**
 *   version(1) name(12) suite(2) proved(6) host<1> server name<1> credential master(48)
 */
export function writeSession(writer: Writer, session: Session): void {
  const { name, suite, master, credential, serverName, host, proved } = session;
  const text = utf8(host);
  writer.uint8(version).bytes(name).uint16(suite.id).uint48(Math.floor(proved));
  writer.uint8(text.length).bytes(text).uint8(serverName.length).bytes(serverName);
  writeCredential(writer, credential);
  writer.bytes(master);
}

/** The same in memory of its own. */
export function packSession(session: Session): Uint8Array {
  const writer = new Writer(160);
  writeSession(writer, session);
  return writer.done();
}

/** Throws BytesError on what writeSession did not write. */
export function unpackSession(octets: Uint8Array): Session {
  const reader = new Reader(octets);
  if (reader.uint8() !== version) throw new BytesError('a session kept by another version');
  const name = reader.bytes(sessionNameLength).slice();
  const id = reader.uint16();
  const suite: CipherSuite | undefined = Object.values(cipherSuites).find((one) => one.id === id);
  if (suite === undefined) throw new BytesError(`a session with the unknown suite ${id}`);
  return {
    name,
    suite,
    proved: reader.uint48(),
    host: fromUtf8(reader.bytes(reader.uint8())),
    serverName: reader.bytes(reader.uint8()).slice(),
    credential: readCredential(reader),
    master: reader.bytes(masterLength).slice(),
  };
}

const noName = new Uint8Array();

/** What stands in a session for the server_name that the client sent. */
export function serverNameDigest(raw: Uint8Array | undefined): Uint8Array {
  if (raw === undefined || raw.length === 0) return noName;
  return new Uint8Array(createHash('sha256').update(raw).digest().subarray(0, serverNameLength));
}

export function sameServerName(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && timingSafeEqual(a, b);
}

/**
 * An established connection as octets: while its device sleeps, and on the disk.
 *
 *   version(1) id(12) confirmed(1) address began(6) last contact(6) counts credential
 *   suite(2) flags(1) longest(2) next(6) right(6) near(4) far(4) cids keys
 *
 * Numbers without a size are of one octet for each seven bits, the lowest first, with the top bit set in all octets
 * but the last.
 */
import type { Address } from '../base/address.ts';
import { BytesError, fromUtf8, Reader, utf8, Writer } from '../base/bytes.ts';
import { type CipherSuite, cipherSuites } from './cipher-suites.ts';
import type { ConnectionState } from './connection.ts';
import { Counts, dropReasons } from './connection-facts.ts';
import type { DirectionCid } from './connection-id.ts';
import type { PeerCredential } from './credentials.ts';
import { addressOctets } from './ip.ts';
import { readCredential, writeCredential } from './kept-credential.ts';
import { KeyBlock, keyBlockLength } from './key-block.ts';

export interface KeptConnection {
  /** Of the peer, 12 octets. */
  readonly id: Uint8Array;
  /** Where it was last heard from. */
  readonly address: Address;
  /** A round trip has shown that it is there. */
  readonly confirmed: boolean;
  readonly credential: PeerCredential;
  /** When its handshake was done, and when it was last heard from; milliseconds since 1970. */
  readonly began: number;
  readonly lastContact: number;
  readonly counts: Counts;
  readonly state: ConnectionState;
}

const version = 1;
export const peerIdLength = 12;

const flag = {
  own: 1,
  peers: 2,
  draft: 4,
  encryptThenMac: 8,
} as const;

export function packConnection(kept: KeptConnection): Uint8Array {
  const writer = new Writer(224)
    .uint8(version)
    .bytes(kept.id)
    .uint8(kept.confirmed ? 1 : 0);
  writeAddress(writer, kept.address);
  writer.uint48(Math.floor(kept.began)).uint48(Math.floor(kept.lastContact));
  writeCounts(writer, kept.counts);
  writeCredential(writer, kept.credential);
  writeState(writer, kept.state);
  return writer.done();
}

/** Throws BytesError on what packConnection did not write. */
export function unpackConnection(octets: Uint8Array): KeptConnection {
  const reader = new Reader(octets);
  if (reader.uint8() !== version) throw new BytesError('a connection kept by another version');
  return {
    id: reader.bytes(peerIdLength).slice(),
    confirmed: reader.uint8() === 1,
    address: readAddress(reader),
    began: reader.uint48(),
    lastContact: reader.uint48(),
    counts: readCounts(reader),
    credential: readCredential(reader),
    state: readState(reader),
  };
}

/** Only what a connection lives on: for a client, which knows the rest. */
export function packState(state: ConnectionState): Uint8Array {
  const writer = new Writer(128).uint8(version);
  writeState(writer, state);
  return writer.done();
}

/** Throws BytesError on what packState did not write. */
export function unpackState(octets: Uint8Array): ConnectionState {
  const reader = new Reader(octets);
  if (reader.uint8() !== version) throw new BytesError('a connection kept by another version');
  return readState(reader);
}

function writeState(writer: Writer, state: ConnectionState): void {
  const { keys, cids, longest, next, window } = state;
  const { own, peers } = cids;
  let flags = keys.encryptThenMac ? flag.encryptThenMac : 0;
  if (own !== undefined) flags |= flag.own;
  if (peers !== undefined) flags |= flag.peers;
  if (own?.draft === true || peers?.draft === true) flags |= flag.draft;
  writer.uint16(keys.suite.id).uint8(flags).uint16(longest).uint48(next);
  writer
    .uint48(window.right + 1)
    .uint32(window.near)
    .uint32(window.far);
  for (const cid of [own, peers]) {
    if (cid !== undefined) writer.uint8(cid.octets.length).bytes(cid.octets);
  }
  const { client, server } = keys;
  for (const part of ['mac', 'key', 'iv'] as const) writer.bytes(client[part]).bytes(server[part]);
}

function readState(reader: Reader): ConnectionState {
  const id = reader.uint16();
  const suite: CipherSuite | undefined = Object.values(cipherSuites).find((one) => one.id === id);
  if (suite === undefined) throw new BytesError(`a connection with the unknown suite ${id}`);
  const flags = reader.uint8();
  const longest = reader.uint16();
  const next = reader.uint48();
  const window = { right: reader.uint48() - 1, near: reader.uint32(), far: reader.uint32() };
  const draft = (flags & flag.draft) !== 0;
  const cid = (has: number): DirectionCid | undefined =>
    (flags & has) === 0 ? undefined : { octets: reader.bytes(reader.uint8()).slice(), draft };
  const [own, peers] = [cid(flag.own), cid(flag.peers)];
  const block = reader.bytes(keyBlockLength(suite)).slice();
  return {
    keys: new KeyBlock(suite, block, (flags & flag.encryptThenMac) !== 0),
    cids: { own, peers },
    longest,
    next,
    window,
  };
}

/** 0 and the octets of an IPv4 address, or the length of the text of another one and that text; then the port. */
function writeAddress(writer: Writer, { address, port }: Address): void {
  const octets = address.includes(':') ? undefined : addressOctets(address);
  const text = utf8(address);
  if (octets !== undefined) writer.uint8(0).bytes(octets);
  else writer.uint8(text.length).bytes(text);
  writer.uint16(port);
}

function readAddress(reader: Reader): Address {
  const length = reader.uint8();
  const address = length === 0 ? reader.bytes(4).join('.') : fromUtf8(reader.bytes(length));
  return { address, port: reader.uint16() };
}

function writeCounts(writer: Writer, counts: Counts): void {
  const { datagramsIn, datagramsOut, octetsIn, octetsOut, moves, drops } = counts;
  for (const count of [datagramsIn, datagramsOut, octetsIn, octetsOut, moves, drops.size]) {
    writeNumber(writer, count);
  }
  const reasons: readonly string[] = dropReasons;
  for (const [reason, count] of drops) {
    writer.uint8(Math.max(0, reasons.indexOf(reason)));
    writeNumber(writer, count);
  }
}

function readCounts(reader: Reader): Counts {
  const counts = new Counts();
  counts.datagramsIn = readNumber(reader);
  counts.datagramsOut = readNumber(reader);
  counts.octetsIn = readNumber(reader);
  counts.octetsOut = readNumber(reader);
  counts.moves = readNumber(reader);
  for (let left = readNumber(reader); left > 0; left--) {
    const reason = dropReasons[reader.uint8()] ?? dropReasons[0];
    counts.addDrops(reason, readNumber(reader));
  }
  return counts;
}

export function writeNumber(writer: Writer, value: number): void {
  let rest = value;
  for (; rest >= 128; rest = Math.floor(rest / 128)) writer.uint8((rest % 128) + 128);
  writer.uint8(rest);
}

export function readNumber(reader: Reader): number {
  let value = 0;
  for (let factor = 1; factor < 2 ** 53; factor *= 128) {
    const octet = reader.uint8();
    value += (octet % 128) * factor;
    if (octet < 128) return value;
  }
  throw new BytesError('a number without an end');
}

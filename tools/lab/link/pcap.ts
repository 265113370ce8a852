/** A capture that Wireshark opens (pcap 2.4, LINKTYPE_RAW): each datagram with the IPv4 and UDP headers it had. */
import { createWriteStream } from 'node:fs';
import { isIPv4 } from 'node:net';
import type { Address } from '../../../src/base/address.ts';
import { concat, Writer } from '../../../src/base/bytes.ts';

const linkTypeRaw = 101;
const udpProtocol = 17;

export interface Capture {
  /** Adds a datagram that passed at `time`, milliseconds since 1970. */
  add(time: number, from: Address, to: Address, datagram: Uint8Array): void;
  /** Writes what is left, and lets go of the file. */
  close(): Promise<void>;
}

/** Begins a capture in a file, which it overwrites. */
export function startCapture(path: string): Capture {
  const file = createWriteStream(path);
  file.write(pcapHeader());
  return {
    add: (time, from, to, datagram) => file.write(pcapRecord(time, from, to, datagram)),
    close: () =>
      new Promise((resolve, reject) =>
        file.end((error?: Error | null) => (error ? reject(error) : resolve())),
      ),
  };
}

/** The file's header, big-endian. */
export function pcapHeader(): Uint8Array {
  return new Writer()
    .uint32(0xa1b2c3d4)
    .uint16(2)
    .uint16(4)
    .uint32(0)
    .uint32(0)
    .uint32(65_535)
    .uint32(linkTypeRaw)
    .done();
}

/** One packet of the file. IPv4 only: the lab's link is on loopback. */
export function pcapRecord(
  time: number,
  from: Address,
  to: Address,
  datagram: Uint8Array,
): Uint8Array {
  const udp = new Writer()
    .uint16(from.port)
    .uint16(to.port)
    .uint16(8 + datagram.length)
    .uint16(0) // no checksum (RFC 768)
    .done();
  const length = 20 + udp.length + datagram.length;
  const ip = concat(
    new Writer()
      .uint8(0x45)
      .uint8(0)
      .uint16(length)
      .uint32(0)
      .uint8(64)
      .uint8(udpProtocol)
      .uint16(0)
      .done(),
    octetsOf(from),
    octetsOf(to),
  );
  new DataView(ip.buffer, ip.byteOffset).setUint16(10, headerChecksum(ip));
  const seconds = Math.floor(time / 1000);
  const microseconds = Math.floor((time - seconds * 1000) * 1000);
  const head = new Writer()
    .uint32(seconds)
    .uint32(microseconds)
    .uint32(length)
    .uint32(length)
    .done();
  return concat(head, ip, udp, datagram);
}

function octetsOf({ address }: Address): Uint8Array {
  return isIPv4(address) ? Uint8Array.from(address.split('.').map(Number)) : new Uint8Array(4);
}

/** The one's complement sum of RFC 791 3.1. */
function headerChecksum(header: Uint8Array): number {
  let sum = 0;
  for (let i = 0; i < header.length; i += 2) sum += (header[i] ?? 0) * 256 + (header[i + 1] ?? 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

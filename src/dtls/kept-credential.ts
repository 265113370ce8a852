/** Who a peer proved to be, as octets: type(1), and for each type what it has. */
import { BytesError, fromUtf8, hex, type Reader, toHex, utf8, type Writer } from '../base/bytes.ts';
import type { PeerCredential } from './credentials.ts';

const Type = { anonymous: 0, psk: 1, certificate: 2, rawPublicKey: 3 } as const;

export function writeCredential(writer: Writer, credential: PeerCredential): void {
  writer.uint8(Type[credential.type]);
  if (credential.type === 'anonymous') return;
  writeOctets(writer, utf8(credential.identity));
  if (credential.type === 'certificate') {
    writeOctets(writer, utf8(credential.subject));
    writeOctets(writer, hex(credential.fingerprint));
  } else if (credential.type === 'rawPublicKey') writeOctets(writer, credential.spki);
}

/** Throws BytesError on what writeCredential did not write. */
export function readCredential(reader: Reader): PeerCredential {
  const type = reader.uint8();
  if (type === Type.anonymous) return { type: 'anonymous' };
  const identity = fromUtf8(readOctets(reader));
  switch (type) {
    case Type.psk:
      return { type: 'psk', identity };
    case Type.certificate: {
      const subject = fromUtf8(readOctets(reader));
      return { type: 'certificate', identity, subject, fingerprint: toHex(readOctets(reader)) };
    }
    case Type.rawPublicKey:
      return { type: 'rawPublicKey', identity, spki: readOctets(reader).slice() };
    default:
      throw new BytesError(`a credential of type ${type}`);
  }
}

function writeOctets(writer: Writer, octets: Uint8Array): void {
  writer.uint16(octets.length).bytes(octets);
}

function readOctets(reader: Reader): Uint8Array {
  return reader.bytes(reader.uint16());
}

/** A device: its name, what it proves itself with, the EIDs that it may speak for, and what is no device. */
import type { Address } from '../base/address.ts';
import { utf8 } from '../base/bytes.ts';
import type { Eid } from '../messages/ids.ts';

/** Octets of a PSK identity: what RFC 4279 5.3 has every implementation support. */
export const longestIdentity = 128;
/** Octets of a PSK: 16 for AES-128's worth of secrecy; 64 is what RFC 4279 5.3 has every implementation support. */
const shortestKey = 16;
const longestKey = 64;
/** EIDs of one device: a gateway may hold several eUICCs. */
const mostEids = 64;
/** Pinned certificates, and pinned keys, of one device: one of now, and those that follow. */
const mostPins = 8;
/** PSKs that a device may be about to use: rotated again before it used the one before. */
export const mostKeys = 4;
/** Characters of a note. */
const longestNote = 256;

/** A device that cannot be added or changed; the message says what is wrong with it. */
export class DeviceError extends Error {
  override readonly name = 'DeviceError';
  /** Which member is wrong; else what stands in the way: the name is taken, or nobody has it. */
  readonly field:
    | 'identity'
    | 'key'
    | 'certificates'
    | 'publicKeys'
    | 'eids'
    | 'note'
    | 'exists'
    | 'unknown'
    | 'state';

  constructor(field: DeviceError['field'], complaint: string) {
    super(complaint);
    this.field = field;
  }
}

/** Who a peer proved to be: the name of a device, and what it proved it with. */
export interface PeerIdentity {
  readonly kind: 'psk' | 'certificate' | 'rawPublicKey';
  readonly name: string;
}

/** The peer for people; undefined: one that proved nothing. */
export function peerText(identity: PeerIdentity | undefined): string {
  return identity === undefined ? 'anonymous peer' : `${kindTexts[identity.kind]} ${identity.name}`;
}

const kindTexts: { readonly [Kind in PeerIdentity['kind']]: string } = {
  psk: 'PSK',
  certificate: 'certificate of',
  rawPublicKey: 'public key of',
};

/** What a device may prove itself with, besides a PSK. */
export interface Pins {
  /** SHA-256 of certificates as DER, upper-case hex. */
  readonly certificates: readonly string[];
  /** SHA-256 of SubjectPublicKeyInfo as DER, upper-case hex: of raw public keys, and of keys in certificates. */
  readonly publicKeys: readonly string[];
  /** Certificates below a configured anchor that name this device. */
  readonly chain: boolean;
}

/** A device as it may be shown: without its keys. */
export interface DeviceView extends Pins {
  /** Its name; its PSK identity, if it has a PSK. */
  readonly identity: string;
  /** The EIDs that it may speak for; empty: bound to none. */
  readonly eids: readonly Eid[];
  /** When it was added; milliseconds since 1970. */
  readonly added: number;
  /** For people. */
  readonly note?: string;
  /** Where it is a DTLS server, which packages may be pushed to. */
  readonly address?: Address;
  /** PSKs that open a connection: 2 and more while it has not used the newest yet. */
  readonly keys: number;
  /** When it was let in for the last time; from then on all of its credentials are refused. */
  readonly revoked?: number;
}

/** A device to add; it needs a PSK, a pin or `chain`. */
export interface NewDevice extends Partial<Pins> {
  readonly identity: string;
  readonly eids: readonly Eid[];
  /** The PSK; never shown, never logged. */
  readonly key?: Uint8Array;
  readonly note?: string;
  readonly address?: Address;
}

/** Throws DeviceError. */
export function checkDevice(device: NewDevice): void {
  const { identity, key, eids, note, certificates = [], publicKeys = [], chain } = device;
  checkIdentity(identity);
  if (key !== undefined) checkKey(key);
  for (const [field, pins] of [
    ['certificates', certificates],
    ['publicKeys', publicKeys],
  ] as const) {
    if (pins.some((pin) => !/^[0-9A-F]{64}$/.test(pin))) {
      throw new DeviceError(field, 'a pin is a SHA-256 in upper-case hex');
    }
    if (pins.length > mostPins) {
      throw new DeviceError(field, `a device has at most ${mostPins}, this has ${pins.length}`);
    }
  }
  if (key === undefined && certificates.length + publicKeys.length === 0 && chain !== true) {
    throw new DeviceError('key', 'a device needs a PSK, a certificate or a public key');
  }
  if (eids.length > mostEids) {
    throw new DeviceError('eids', `a device has at most ${mostEids} EIDs, this has ${eids.length}`);
  }
  if (note !== undefined && (note.length > longestNote || control.test(note))) {
    throw new DeviceError('note', `a note is one line of at most ${longestNote} characters`);
  }
}

/** Cc: control characters, which a terminal obeys; Cs: half a surrogate pair, which UTF-8 has not. */
const control = /[\p{Cc}\p{Cs}]/u;

/** Throws DeviceError. */
export function checkIdentity(identity: string): void {
  const length = utf8(identity).length;
  if (length === 0 || length > longestIdentity) {
    throw new DeviceError(
      'identity',
      `an identity has 1 to ${longestIdentity} octets, this has ${length}`,
    );
  }
  if (control.test(identity)) {
    throw new DeviceError('identity', 'an identity has no control characters');
  }
  // In a path they mean the folder (RFC 3986 3.3), also where they are escaped: the device could not be removed again.
  if (identity === '.' || identity === '..') {
    throw new DeviceError('identity', 'an identity of one or two dots has no place in a URL');
  }
}

/** Throws DeviceError. */
export function checkKey(key: Uint8Array): void {
  if (key.length < shortestKey || key.length > longestKey) {
    throw new DeviceError(
      'key',
      `a PSK has ${shortestKey} to ${longestKey} octets, this has ${key.length}`,
    );
  }
}

/** What an eUICC says of a profile package: PEStatus and EUICCResponse (PEDefinitions). */
import { utf8 } from '../../../src/base/bytes.ts';
import { tlv } from '../../../src/messages/tlv.ts';
import { integer } from './integer.ts';

export const PeStatus = {
  ok: 0,
  peNotSupported: 1,
  memoryFailure: 2,
  badValues: 3,
  notEnoughMemory: 4,
  invalidRequestFormat: 5,
  invalidParameter: 6,
  runtimeNotSupported: 7,
  libNotSupported: 8,
  templateNotSupported: 9,
  featureNotSupported: 10,
  pinCodeMissing: 11,
  unsupportedProfileVersion: 31,
} as const;

export type PeStatus = (typeof PeStatus)[keyof typeof PeStatus];

/** A package that is refused: the status, the element at fault (where it has a number yet) and what is wrong with it. */
export class ProfileError extends Error {
  override readonly name = 'ProfileError';
  readonly status: PeStatus;
  readonly identification: number | undefined;

  constructor(
    status: PeStatus,
    identification: number | undefined,
    complaint: string,
    options?: ErrorOptions,
  ) {
    super(complaint, options);
    this.status = status;
    this.identification = identification;
  }
}

/** What is wrong within one element; the reader of the package adds which element it is. */
export class ElementError extends Error {
  override readonly name = 'ElementError';
  readonly status: PeStatus;

  constructor(status: PeStatus, complaint: string) {
    super(complaint);
    this.status = status;
  }
}

/**
 * ```asn1
 * EUICCResponse ::= SEQUENCE {
 *   peStatus SEQUENCE OF PEStatus,
 *   profileInstallationAborted NULL OPTIONAL,
 *   statusMessage UTF8String (SIZE (2..64)) OPTIONAL }
 * ```
 * of a package that was installed: `3007A0053003800100`.
 */
export function installed(): Uint8Array {
  return tlv(0x30, tlv(0xa0, tlv(0x30, integer(0x80, PeStatus.ok))));
}

/** EUICCResponse of a package that was refused: its one status, and that the installation was given up. */
export function refused(error: ProfileError): Uint8Array {
  const identification =
    error.identification === undefined ? [] : [integer(0x81, error.identification)];
  const status = tlv(0x30, integer(0x80, error.status), ...identification);
  return tlv(0x30, tlv(0xa0, status), tlv(0x81), ...message(error.message));
}

function message(complaint: string): Uint8Array[] {
  const text = complaint.replace(/[^ -~]/g, '?').slice(0, 64);
  return text.length < 2 ? [] : [tlv(0x82, utf8(text))];
}

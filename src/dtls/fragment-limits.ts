/** How long the records may be that a peer takes: max_fragment_length (RFC 6066 §4) and record_size_limit (RFC 8449). */
import { AlertDescription, HandshakeError } from './alert.ts';
import { type Extension, type Extensions, extension } from './extensions.ts';
import { longestData } from './record.ts';

/** Most octets of plaintext in one record. */
export interface FragmentLimits {
  /** In epoch 0. */
  readonly plain: number;
  /** Protected. */
  readonly sealed: number;
}

export const unlimited: FragmentLimits = { plain: longestData, sealed: longestData };

/** The code of each length that max_fragment_length knows (RFC 6066 §4). */
export const fragmentLengthCodes = { 512: 1, 1024: 2, 2048: 3, 4096: 4 } as const;
export type MaxFragmentLength = keyof typeof fragmentLengthCodes;

/** RFC 8449 §4 */
const leastRecordSize = 64;
/** Octets of real_type in DTLSInnerPlaintext; we add no padding. */
const innerTypeLength = 1;

interface Grant {
  readonly limits: FragmentLimits;
  readonly granted?: Extension;
}

const nothingAsked: Grant = { limits: unlimited };

/**
 * The limits that a client asks for, and the ServerHello's extension that grants them. `cid`: its records bear a
 * connection ID.
 */
export function grantFragmentLimits(offered: Extensions, cid: boolean): Grant {
  // RFC 8449 §5: where both are offered, max_fragment_length counts for nothing.
  const size = offered.recordSizeLimit;
  if (size !== undefined) {
    const granted = extension.recordSizeLimit(longestData); // we take records of any length
    return { limits: limitsOfRecordSize(size, cid), granted };
  }
  const code = offered.maxFragmentLength;
  if (code === undefined) return nothingAsked;
  return { limits: limitsOfCode(code), granted: extension.maxFragmentLength(code) };
}

/**
 * Only protected records count, and all that is encrypted in them (RFC 8449 §4): in one with a connection ID the type of
 * its content, too (RFC 9146 §4).
 */
export function limitsOfRecordSize(size: number, cid: boolean): FragmentLimits {
  if (size < leastRecordSize) {
    const complaint = `record_size_limit of ${size} octets`;
    throw new HandshakeError(AlertDescription.illegalParameter, complaint);
  }
  return { plain: longestData, sealed: Math.min(size - (cid ? innerTypeLength : 0), longestData) };
}

export function limitsOfCode(code: number): FragmentLimits {
  const [length] = Object.entries(fragmentLengthCodes).find(([, known]) => known === code) ?? [];
  if (length === undefined) {
    const complaint = `max_fragment_length of code ${code}`;
    throw new HandshakeError(AlertDescription.illegalParameter, complaint);
  }
  return { plain: Number(length), sealed: Number(length) };
}

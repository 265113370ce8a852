import { toHex } from '../base/bytes.ts';
import type { Random } from '../base/random.ts';

/** A UUID of version 4 (RFC 9562 5.4), lower case. */
export function uuidV4(random: Random): string {
  const octets = random(16).slice();
  octets[6] = ((octets[6] ?? 0) & 0x0f) | 0x40;
  octets[8] = ((octets[8] ?? 0) & 0x3f) | 0x80;
  const digits = toHex(octets).toLowerCase();
  return digits.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

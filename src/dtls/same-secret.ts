/** Whether two secrets are the same, told in a time that says nothing of where they differ. */
import { timingSafeEqual } from 'node:crypto';

/** Octets of the longest that are compared in memory that is held. */
const held = 32;

/**
 * node:crypto has V8 move each short array that it is given out of its heap, which costs more than all the rest: those
 * are copied to where that is done already. Nothing stays there from one call to the next.
 */
const room = new Uint8Array(4 * held);
const places = Array.from({ length: held + 1 }, (_, length) => ({
  one: room.subarray(0, length),
  other: room.subarray(2 * held, 2 * held + length),
}));

/** Of different lengths they are different, which is no secret. */
export function sameSecret(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  const place = places[a.length];
  if (place === undefined) return timingSafeEqual(a, b);
  const { one, other } = place;
  for (let i = 0; i < a.length; i++) {
    one[i] = a[i] ?? 0;
    other[i] = b[i] ?? 0;
  }
  const same = timingSafeEqual(one, other);
  room.fill(0);
  return same;
}

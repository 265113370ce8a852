/** Whether two secrets are the same, told in a time that says nothing of where they differ. */

/**
 * Of different lengths they are different, which is no secret. All octets are looked at, whatever the first ones say:
 * timingSafeEqual of node:crypto does that too, and has V8 move each short array out of its heap first, which costs more
 * than all the rest.
 */
export function sameSecret(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  let difference = 0;
  for (let i = 0; i < a.length; i++) difference |= (a[i] ?? 0) ^ (b[i] ?? 0);
  return difference === 0;
}

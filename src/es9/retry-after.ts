/** When a server wants to be asked again (RFC 9110 10.2.3). */

/** Longest wait that a server may ask for, in milliseconds: what is longer is a mistake, or meant to stall us. */
export const longestRetryAfter = 24 * 3600 * 1000;

/** Milliseconds from `now` on, of seconds or of a date; undefined for neither. Never more than a day. */
export function parseRetryAfter(text: string, now: number): number | undefined {
  if (/^ *[0-9]{1,12} *$/.test(text)) return Math.min(Number(text) * 1000, longestRetryAfter);
  // The form that RFC 9110 5.6.7 has servers write: Date.parse takes much that is no date.
  if (!/^[A-Z][a-z]{2}, [0-9]{2} [A-Z][a-z]{2} [0-9]{4} [0-9:]{8} GMT$/.test(text))
    return undefined;
  const at = Date.parse(text);
  return Number.isNaN(at) ? undefined : Math.min(Math.max(at - now, 0), longestRetryAfter);
}

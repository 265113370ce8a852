/**
 * Rows and keys as every store keeps them: a row is JSON in which bytes are marked, a key is its UTF-8 octets.
 *
 * ```
 *   Uint8Array        {"$":"AQID"}        standard base64
 *   member `$…`       member `$$…`        so that no row can pose as bytes
 * ```
 */
import { base64, fromBase64 } from '../base/bytes.ts';

/** Arrays and objects within each other in one row; more is refused, for JSON.parse and us recurse. */
const deepest = 64;

/**
 * The text of a row. Members that are undefined are left out. Throws TypeError on what the contract does not let a
 * row hold (functions, NaN, Dates, undefined in an array, more than 64 levels): our caller's bug.
 */
export function encodeRow(row: unknown): string {
  return JSON.stringify(pack(row, 0));
}

/** The row of a text that encodeRow wrote; each call makes a new one. Throws on anything else. */
export function decodeRow(text: string): unknown {
  return unpack(JSON.parse(text));
}

function pack(value: unknown, depth: number): unknown {
  if (value === null || typeof value === 'boolean' || typeof value === 'string') return value;
  if (typeof value === 'number') {
    if (!Number.isFinite(value)) throw new TypeError(`a row cannot hold ${value}`);
    return value;
  }
  if (typeof value !== 'object') throw new TypeError(`a row cannot hold a ${typeof value}`);
  if (depth >= deepest) throw new TypeError(`a row cannot be deeper than ${deepest} levels`);
  if (value instanceof Uint8Array) return { $: base64(value) };
  if (Array.isArray(value)) return value.map((item) => pack(item, depth + 1));
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) {
    throw new TypeError('a row cannot hold an object of a class');
  }
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, member]) => member !== undefined)
      .map(([name, member]) => [name.startsWith('$') ? `$${name}` : name, pack(member, depth + 1)]),
  );
}

function unpack(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(unpack);
  if ('$' in value) {
    if (typeof value.$ !== 'string') throw new TypeError('a row whose bytes are not base64');
    return fromBase64(value.$);
  }
  return Object.fromEntries(
    Object.entries(value).map(([name, member]) => [
      name.startsWith('$') ? name.slice(1) : name,
      unpack(member),
    ]),
  );
}

/** A key's text, refused where it has no UTF-8 form (a lone surrogate): two such keys would become one. */
export function checkKey(key: string): string {
  if (/\p{Surrogate}/u.test(key)) throw new TypeError('a key cannot hold half a surrogate pair');
  return key;
}

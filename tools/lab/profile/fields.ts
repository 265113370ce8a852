/** The fields of a SEQUENCE whose components are told apart by tag and order. */
import { DerError, readAll, type Tlv } from '../../../src/messages/tlv.ts';

/** A field that may or must be there; `size` bounds its content (octets). */
export interface Field {
  readonly tag: number;
  readonly optional?: true;
  readonly size?: readonly [least: number, most: number];
}

/**
 * The fields of `content`, each where the table has it. Unknown tags are skipped (EXTENSIBILITY IMPLIED); a known field
 * out of order, twice, missing or of a wrong size is refused with a DerError.
 */
export function readFields<const F extends Readonly<Record<string, Field>>>(
  content: Uint8Array,
  path: string,
  table: F,
): { readonly [K in keyof F]: F[K] extends { optional: true } ? Tlv | undefined : Tlv } {
  const names = Object.keys(table);
  const found: Record<string, Tlv> = {};
  let from = 0;
  for (const item of readAll(content, path)) {
    const at = names.findIndex((name, i) => i >= from && table[name]?.tag === item.tag);
    if (at < 0) {
      if (Object.values(table).some((field) => field.tag === item.tag)) {
        throw new DerError(path, `tag ${item.tag.toString(16)} twice or out of order`);
      }
      continue;
    }
    const name = names[at] ?? '';
    checkSize(item, table[name]?.size, `${path}.${name}`);
    found[name] = item;
    from = at + 1;
  }
  for (const [name, field] of Object.entries(table)) {
    if (!field.optional && !(name in found)) throw new DerError(`${path}.${name}`, 'missing');
  }
  return found as ReturnType<typeof readFields<F>>;
}

/** The elements of a SEQUENCE OF, each with the tag due. */
export function readList(content: Uint8Array, tag: number, path: string): Tlv[] {
  const items = readAll(content, path);
  for (const item of items) {
    if (item.tag !== tag) throw new DerError(path, `tag ${item.tag.toString(16)} in the list`);
  }
  return items;
}

function checkSize(item: Tlv, size: Field['size'], path: string): void {
  if (size === undefined) return;
  const [least, most] = size;
  const length = item.value.length;
  if (length >= least && length <= most) return;
  const due = least === most ? `${least}` : `${least} to ${most}`;
  throw new DerError(path, `${length} octets, ${due} are due`);
}

/** Pages of lists: a limit, a cursor, and what is left out. */

/** Entries of a list where the query says nothing. */
export const usualPage = 100;

export interface Paging<Item> {
  readonly limit: number;
  /** The cursor of the query. */
  readonly after: string | undefined;
  /** The items behind a cursor, at most so many. */
  read(after: string | undefined, limit: number): Promise<readonly Item[]> | readonly Item[];
  keep(item: Item): boolean;
  /** What an item is a cursor by. */
  name(item: Item): string;
}

/** The items that are kept: read on until there are enough, or no more. */
export async function pageOf<Item>(paging: Paging<Item>): Promise<readonly Item[]> {
  const { limit, read, keep, name } = paging;
  const size = Math.max(limit, usualPage);
  const found: Item[] = [];
  let { after } = paging;
  for (;;) {
    const list = await read(after, size);
    for (const item of list) {
      if (keep(item)) found.push(item);
      if (found.length === limit) return found;
    }
    const last = list.at(-1);
    if (last === undefined || list.length < size) return found;
    after = name(last);
  }
}

/** The tags of a tagList (`5C`): one octet each, or more where the first has all its number bits set (X.690 8.1.2). */
import { IpaEuiccData } from './ipa-euicc-data.ts';
import { DerError } from './tlv.ts';

/** Tags as numbers, 0xbf20, in their order. Throws DerError where the last is cut off or one is too long. */
export function tagsOf(tagList: Uint8Array): readonly number[] {
  const tags: number[] = [];
  for (let at = 0; at < tagList.length; ) {
    let tag = tagList[at++] ?? 0;
    if ((tag & 0x1f) === 0x1f) {
      const next = tagList[at++];
      if (next === undefined) throw new DerError('', 'the last tag is cut off');
      if (next >= 0x80) throw new DerError('', 'a tag of more than two octets');
      tag = tag * 256 + next;
    }
    tags.push(tag);
  }
  return tags;
}

/** The octets of a tagList. */
export function tagListOf(tags: Iterable<number>): Uint8Array {
  return Uint8Array.from([...tags].flatMap((tag) => (tag > 0xff ? [tag >> 8, tag & 0xff] : [tag])));
}

/** The data that an IpaEuiccDataRequest may ask for (SGP.32 2.11.1.2), by their names in IpaEuiccData. */
export function dataTags(): ReadonlyMap<string, number> {
  const { shape } = IpaEuiccData;
  if (shape.kind !== 'SEQUENCE') throw new Error('IpaEuiccData is a SEQUENCE');
  const tags = [...shape.components].flatMap(([name, { type }]): [string, number][] => {
    const [tag] = type.standardTags;
    // The echo of the request's own: it is not asked for.
    return tag === undefined || name === 'eimTransactionId' ? [] : [[name, tag]];
  });
  return new Map(tags);
}

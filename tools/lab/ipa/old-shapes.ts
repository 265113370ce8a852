/**
 * What an IPA of SGP.32 v1.0 says, made of what one of v1.2 would (facts sheet, sgp32-eim 1.5 and 10), and what it does
 * not understand.
 */
import { hex } from '../../../src/base/bytes.ts';
import { tagListOf, tagsOf } from '../../../src/messages/tag-list.ts';
import { readAll, readOnly, tlv } from '../../../src/messages/tlv.ts';
import { child, findChild } from './card.ts';

/** Where v1.0 has rPLMN: [1]. */
export const oldRplmn = tlv(0x81, hex('62F210'));

/** PSMOs that v1.0 does not have: setFallbackAttribute, unsetFallbackAttribute, setDefaultDpAddress. */
const newPsmos: readonly number[] = [0xa8, 0xa9, 0xbf65];

/** Whether an IPA of v1.0 can carry out this eIM package; of what it cannot it says nothing. */
export function isOldPackage(eimPackage: Uint8Array): boolean {
  const { tag } = readOnly(eimPackage);
  if (tag === 0xbf51) {
    const signed = child(eimPackage, 0x30, 'EuiccPackageRequest').raw;
    const psmos = findChild(signed, 0xa0);
    return psmos === undefined || readAll(psmos.value).every((one) => !newPsmos.includes(one.tag));
  }
  if (tag !== 0xbf54) return true;
  const data = findChild(eimPackage, 0xa0);
  return data !== undefined && findChild(data.raw, 0x80) !== undefined;
}

/** The tags of a data request as v1.2 numbers them; undefined where one is not of v1.0, which refuses the list. */
const tagsOfOld: ReadonlyMap<number, number> = new Map([
  [0xbf2b, 0xa0],
  [0x80, 0x81],
  [0xbf20, 0xbf20],
  [0xbf22, 0xbf22],
  [0x83, 0x83],
  [0x84, 0x84],
  [0xa5, 0xa5],
  [0xa6, 0xa6],
  [0x88, 0xa8],
  [0xa9, 0xa9],
]);

/** The request as an IPA of v1.2 understands it; undefined where v1.0 does not have one of its tags. */
export function newDataRequest(request: Uint8Array): Uint8Array | undefined {
  const fields = readAll(readOnly(request).value).map(({ tag, value, raw }) => {
    if (tag !== 0x5c) return raw;
    const tags = tagsOf(value).flatMap((one) => tagsOfOld.get(one) ?? []);
    return tags.length < tagsOf(value).length ? undefined : tlv(0x5c, tagListOf(tags));
  });
  const known = fields.filter((field) => field !== undefined);
  return known.length < fields.length ? undefined : tlv(0xbf52, ...known);
}

/** incorrectTagList, as v1.0 has it. */
export const oldTagListRefused = hex('BF5203810101');

/** The answer to a data request: other tags, and no eimTransactionId. */
export function oldDataResponse(response: Uint8Array): Uint8Array {
  const arm = readOnly(readOnly(response).value);
  if (arm.tag === 0xa1) return tlv(0xbf52, tlv(0x81, child(arm.raw, 0x02, 'error').value));
  const fields = readAll(arm.value).flatMap(({ tag, value, raw }) => {
    if (tag === 0x87) return [];
    if (tag === 0x81) return [tlv(0x80, value)];
    return [tag === 0xa0 ? tlv(0xbf2b, raw) : raw];
  });
  return tlv(0xbf52, tlv(0xa0, ...fields));
}

/** A package result and its notifications, `30{BF51, A0{…}}`: v1.0 has BF2B{A0{…}} for the list. */
export function oldResult(result: Uint8Array): Uint8Array {
  if (readOnly(result).tag !== 0x30) return result;
  const [first, list] = readAll(readOnly(result).value);
  if (first === undefined || list === undefined) return result;
  return tlv(0x30, first.raw, tlv(0xbf2b, list.raw));
}

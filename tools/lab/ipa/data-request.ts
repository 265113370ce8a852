/** What the IPA answers to an IpaEuiccDataRequest (SGP.32 2.11.1.2, 3.1.2): data of the card and its own. */
import { readOnly, tlv } from '../../../src/messages/tlv.ts';
import { type Card, findChild, packageResults } from './card.ts';

const incorrectTagList = 1;

/** Data by tag: how to ask the card, and where its answer has it. */
const sources: Readonly<Record<number, (card: Card) => Uint8Array | undefined>> = {
  160: (card) => findChild(card.transmit(tlv(0xbf2b)), 0xa0)?.raw,
  162: (card) => findChild(packageResults(card), 0xa2)?.raw,
  48928: (card) => card.transmit(tlv(0xbf20)),
  48930: (card) => card.transmit(tlv(0xbf22)),
  165: (card) => certificate(card, 0xa5),
  166: (card) => certificate(card, 0xa6),
  /** ipaCapabilities: indirectRspServerCommunication; ipaRetrieveCoaps, ipaInjectCoaps. */
  168: () => tlv(0xa8, tlv(0x80, Uint8Array.of(0x06, 0x40)), tlv(0x81, Uint8Array.of(0x04, 0x50))),
  169: () => tlv(0xa9, tlv(0x80, Uint8Array.of(0x35, 0x29, 0x06, 0x11)), tlv(0xa1)),
  132: (card) => {
    const configuration = findChild(card.transmit(tlv(0xbf55)), 0xa0);
    const first = configuration === undefined ? undefined : findChild(configuration.raw, 0x30);
    return first === undefined ? undefined : findChild(first.raw, 0x84)?.raw;
  },
};

/** The IpaEuiccDataResponse (`BF52…`) to `request`. A tag that we know and have no value for is left out. */
export function answerDataRequest(card: Card, request: Uint8Array): Uint8Array {
  const eimTransactionId = findChild(request, 0x83)?.value;
  const wanted = tagsOf(findChild(request, 0x5c)?.value ?? new Uint8Array());
  const unknown = wanted.some((tag) => sources[tag] === undefined);
  if (unknown) {
    const correlation = eimTransactionId === undefined ? [] : [tlv(0x80, eimTransactionId)];
    return tlv(0xbf52, tlv(0xa1, ...correlation, tlv(0x02, Uint8Array.of(incorrectTagList))));
  }
  const found = order
    .filter((tag) => wanted.includes(tag))
    .map((tag) => sources[tag]?.(card))
    .filter((one) => one !== undefined);
  const at = found.findIndex((one) => readOnly(one).tag >= 0xa8 && readOnly(one).tag <= 0xa9);
  const echo = eimTransactionId === undefined ? [] : [tlv(0x87, eimTransactionId)];
  const split = at < 0 ? found.length : at;
  return tlv(0xbf52, tlv(0xa0, ...found.slice(0, split), ...echo, ...found.slice(split)));
}

/** IpaEuiccData's order of fields. */
const order = [0xa0, 0xa2, 0xbf20, 0xbf22, 0x84, 0xa5, 0xa6, 0xa8, 0xa9] as const;

/** GetCerts (SGP.32 5.9.15): `A5` the EUM's certificate, `A6` the eUICC's. */
function certificate(card: Card, tag: number): Uint8Array | undefined {
  const certs = findChild(card.transmit(tlv(0xbf56)), 0xa0);
  return certs === undefined ? undefined : findChild(certs.raw, tag)?.raw;
}

/** Tags one after the other, as in tagList: one octet, or two where the first has all number bits set. */
function tagsOf(tagList: Uint8Array): number[] {
  const tags: number[] = [];
  for (let at = 0; at < tagList.length; at++) {
    const first = tagList[at] ?? 0;
    if ((first & 0x1f) !== 0x1f) tags.push(first);
    else tags.push(first * 256 + (tagList[++at] ?? 0));
  }
  return tags;
}

/**
 * Shapes of messages that differ from the standard's and are met in the field. Each is read, reported by its name
 * (DecodeOptions.tolerated) and never written. What makes a shape recognisable stands with it.
 */
import type { Reading } from './reading.ts';
import { contentOf, type Element, elementAt, rawOf, tlv } from './tlv.ts';
import type { FieldShape } from './tolerating.ts';

/** The elements within an element, one after the other. */
function within(element: Element, reading: Reading): Element[] {
  const found: Element[] = [];
  for (let at = element.content; at < element.end; ) {
    const one = elementAt(element.bytes, at, element.end, reading);
    found.push(one);
    at = one.end;
  }
  return found;
}

/** The first tag within an element; undefined where there is none. */
function firstTag(element: Element, reading: Reading): number | undefined {
  if (element.content === element.end) return undefined;
  return elementAt(element.bytes, element.content, element.end, reading).tag;
}

const has = (elements: readonly Element[], tag: number) => elements.some((one) => one.tag === tag);

const signatureTag = 0x5f37;
const undefinedError = Uint8Array.of(127);

/** v1.0 has rPLMN at [1], where v1.2 has stateChangeCause: three octets there are a PLMN. */
export const rplmnAsV10: FieldShape = {
  name: 'rplmn-v1.0',
  standard(element, reading) {
    const fields = within(element, reading);
    if (!fields.some((one) => one.tag === 0x81 && one.end - one.content === 3)) return undefined;
    const moved = fields.map((one) => (one.tag === 0x81 ? tlv(0x82, contentOf(one)) : rawOf(one)));
    return tlv(element.tag, ...moved);
  },
};

/** A package result whose arm has no tag of its own: `BF51{30{data, 5F37}}`, or `data, 5F37` right under BF51. */
export const packageResultBare: FieldShape = {
  name: 'package-result-bare',
  standard(element, reading) {
    const first = firstTag(element, reading);
    if (first !== 0x30 && first !== 0x80) return undefined;
    if (first === 0x80) return tlv(element.tag, tlv(0xa2, contentOf(element)));
    const [one, ...rest] = within(element, reading);
    if (one === undefined) return undefined;
    const arm = rest.length === 0 ? one : element;
    const [data] = within(arm, reading);
    if (data === undefined) return undefined;
    const hasSeqNumber = has(within(data, reading), 0x83);
    return tlv(element.tag, tlv(hasSeqNumber ? 0xa0 : 0xa1, contentOf(arm)));
  },
};

/**
 * A mere error code, `BF51{02 code}` or `BF51{8F code}`: read as an unsigned error of the eIM `-`, the code among what
 * is unknown, as `8F`.
 */
export const packageErrorCodeBare: FieldShape = {
  name: 'package-error-code-bare',
  standard(element, reading) {
    const first = firstTag(element, reading);
    if (first !== 0x02 && first !== 0x8f) return undefined;
    const [code] = within(element, reading);
    if (code === undefined) return undefined;
    return tlv(element.tag, tlv(0xa2, tlv(0x80, Uint8Array.of(0x2d)), tlv(0x8f, contentOf(code))));
  },
};

/** Results that follow seqNumber without the `30` of their list. */
export const resultsWithoutList: FieldShape = {
  name: 'results-without-list',
  standard(element, reading) {
    const fields = within(element, reading);
    const seqNumber = fields.findIndex((one) => one.tag === 0x83);
    const results = fields.slice(seqNumber + 1);
    if (seqNumber < 0 || results.length === 0 || has(results, 0x30)) return undefined;
    const before = fields.slice(0, seqNumber + 1);
    return tlv(element.tag, ...before.map(rawOf), tlv(0x30, ...results.map(rawOf)));
  },
};

/** `BF2D{30{E3*}}` or `BF2D{E3*}` without the list's A0. */
export const profileListBare: FieldShape = {
  name: 'profile-list-bare',
  standard(element, reading) {
    const first = firstTag(element, reading);
    if (first === 0xe3) return tlv(element.tag, tlv(0xa0, contentOf(element)));
    if (first !== 0x30) return undefined;
    const [list] = within(element, reading);
    return list && tlv(element.tag, tlv(0xa0, contentOf(list)));
  },
};

/** `BF2D{A1{02 code}}` or `BF2D{02 code}` for `BF2D{81 code}`. */
export const profileListErrorWrapped: FieldShape = {
  name: 'profile-list-error-wrapped',
  standard(element, reading) {
    const [first] = within(element, reading);
    if (first === undefined) return undefined;
    const code = first.tag === 0xa1 ? within(first, reading)[0] : first;
    if (code?.tag !== 0x02) return undefined;
    return tlv(element.tag, tlv(0x81, contentOf(code)));
  },
};

/** `AB{30*}` without the list's A0. */
export const eimListBare: FieldShape = {
  name: 'eim-list-bare',
  standard: (element, reading) =>
    firstTag(element, reading) === 0x30
      ? tlv(element.tag, tlv(0xa0, contentOf(element)))
      : undefined,
};

/** `BF65{02 code}` for `BF65{80 code}`. */
export const setDefaultDpAddressResultUniversal: FieldShape = {
  name: 'set-default-dp-address-result-universal',
  standard(element, reading) {
    const [first] = within(element, reading);
    return first?.tag === 0x02 ? tlv(element.tag, tlv(0x80, contentOf(first))) : undefined;
  },
};

/** `BF52{81 code}` (v1.0) or `BF52{02 code}` for `BF52{A1{02 code}}`; as a lone 81, an address would be longer. */
export const ipaEuiccDataErrorBare: FieldShape = {
  name: 'ipa-euicc-data-error-bare',
  standard(element, reading) {
    const fields = within(element, reading);
    const [code] = fields;
    if (code === undefined || fields.length > 1) return undefined;
    const isError = code.tag === 0x02 || (code.tag === 0x81 && code.end - code.content === 1);
    return isError ? tlv(element.tag, tlv(0xa1, tlv(0x02, contentOf(code)))) : undefined;
  },
};

/** The tags of IpaEuiccData in its order, with that of v1.0's notificationsList. */
const ipaEuiccDataOrder: readonly number[] = [
  0xbf2b, 0xa0, 0x81, 0xa2, 0xbf20, 0xbf22, 0x83, 0x84, 0xa5, 0xa6, 0x87, 0xa8, 0xa9,
];
const ipaEuiccDataTags: ReadonlySet<number> = new Set([...ipaEuiccDataOrder, 0x80, 0x88]);

/**
 * The data right under BF52. A1 is an arm, and so is a lone A0, save an A0 that holds notifications themselves: BF37, 30, or
 * compact ones, which hold a signature.
 */
export const ipaEuiccDataBare: FieldShape = {
  name: 'ipa-euicc-data-bare',
  standard(element, reading) {
    const fields = within(element, reading);
    const [first] = fields;
    if (first === undefined || !ipaEuiccDataTags.has(first.tag)) return undefined;
    const lone = fields.length === 1;
    if (lone && first.tag === 0xa0) {
      const list = within(first, reading);
      const bare = list.length > 0 && list.every((one) => isNotification(one, reading));
      if (!bare) return undefined;
    }
    return tlv(element.tag, tlv(0xa0, contentOf(element)));
  },
};

function isNotification(element: Element, reading: Reading): boolean {
  if (element.tag === 0xbf37 || element.tag === 0x30) return true;
  if (element.tag !== 0xa0 && element.tag !== 0xa1) return false;
  return has(within(element, reading), signatureTag);
}

/** v1.0 has a whole RetrieveNotificationsListResponse, `BF2B{A0{…}}`, where v1.2 has a list under A0. */
export const notificationListAsV10: FieldShape = {
  name: 'notification-list-v1.0',
  tags: [0xbf2b],
  standard(element, reading) {
    if (element.tag !== 0xbf2b) return undefined;
    const [list] = within(element, reading);
    return list?.tag === 0xa0 ? tlv(0xa0, contentOf(list)) : undefined;
  },
};

/** v1.0 has defaultSmdpAddress at 80 and ipaCapabilities at 88, which v1.2 does not have; the order is not known. */
export const ipaEuiccDataAsV10: FieldShape = {
  name: 'ipa-euicc-data-v1.0',
  standard(element, reading) {
    const fields = within(element, reading);
    if (!has(fields, 0x80) && !has(fields, 0x88)) return undefined;
    const moved = fields.map((one) => {
      if (one.tag === 0x80) return { tag: 0x81, raw: tlv(0x81, contentOf(one)) };
      if (one.tag === 0x88) return { tag: 0xa8, raw: tlv(0xa8, contentOf(one)) };
      return { tag: one.tag, raw: rawOf(one) };
    });
    const place = ({ tag }: { readonly tag: number }) => ipaEuiccDataOrder.indexOf(tag);
    moved.sort((one, other) => place(one) - place(other));
    return tlv(element.tag, ...moved.map(({ raw }) => raw));
  },
};

/** v1.0 has a mere code, `02 nn`, where v1.2 has `A0{80 eimTransactionId?, 02 nn}`. */
export const eimPackageResultErrorAsV10: FieldShape = {
  name: 'eim-package-result-error-v1.0',
  tags: [0x02],
  standard: (element) => (element.tag === 0x02 ? tlv(0xa0, rawOf(element)) : undefined),
};

/** v1.0 has no reason: its `30{80 errorResponse?}` differs by the length of 80, which as a reason is one octet. */
export const downloadErrorAsV10: FieldShape = {
  name: 'download-error-v1.0',
  standard(element, reading) {
    const reason = tlv(0x80, undefinedError);
    const fields = within(element, reading);
    const [response] = fields;
    if (response === undefined) return tlv(element.tag, reason);
    const isReason = response.tag !== 0x80 || response.end - response.content === 1;
    if (isReason || fields.length > 1) return undefined;
    return tlv(element.tag, reason, tlv(0x04, contentOf(response)));
  },
};

/** A notification right under BF3D, without A0: BF37, 30, or A1 with a compact one. */
export const notificationBare: FieldShape = {
  name: 'notification-bare',
  standard(element, reading) {
    const [first] = within(element, reading);
    if (first === undefined) return undefined;
    const isBare =
      first.tag === 0xbf37 ||
      first.tag === 0x30 ||
      (first.tag === 0xa1 && has(within(first, reading), signatureTag));
    return isBare ? tlv(element.tag, tlv(0xa0, rawOf(first))) : undefined;
  },
};

/** v1.0 has the package result under A1, where v1.2 has BF50. */
export const handledPackageResultAsV10: FieldShape = {
  name: 'handled-package-result-v1.0',
  standard(element, reading) {
    const [first] = within(element, reading);
    return first?.tag === 0xa1 ? tlv(element.tag, tlv(0xbf50, contentOf(first))) : undefined;
  },
};

/** The card's `BF41{…}` nested as it is, where automatic tagging has A1. */
export const cancelSessionResponseNested: FieldShape = {
  name: 'cancel-session-response-nested',
  tags: [0xbf41],
  standard: (element) => (element.tag === 0xbf41 ? tlv(0xa1, contentOf(element)) : undefined),
};

/** `A2{0C address}` for `A2{80 address}`. */
export const smdsAddressUniversal: FieldShape = {
  name: 'smds-address-universal',
  standard(element, reading) {
    const [first] = within(element, reading);
    return first?.tag === 0x0c ? tlv(element.tag, tlv(0x80, contentOf(first))) : undefined;
  },
};

/** A key or certificate right under A5 or A6, without its arm: a certificate has three parts, a key two. */
export const publicKeyDataBare: FieldShape = {
  name: 'public-key-data-bare',
  standard(element, reading) {
    if (firstTag(element, reading) !== 0x30) return undefined;
    const [whole] = within(element, reading);
    if (whole === undefined) return undefined;
    const arm = within(whole, reading).length > 2 ? 0xa1 : 0xa0;
    return tlv(element.tag, tlv(arm, contentOf(whole)));
  },
};

/** What the IPA answers to an IpaEuiccDataRequest (SGP.32 2.11.1.2, 3.1.2): data of the card and its own. */
import { equal, hex } from '../../../src/base/bytes.ts';
import { tagsOf } from '../../../src/messages/tag-list.ts';
import { DerError, readAll, readOnly, type Tlv, tlv } from '../../../src/messages/tlv.ts';
import { type Card, child, findChild, packageResults, seqNumberOfResult } from './card.ts';

/** ipaEuiccDataErrorCode (SGP.32 2.11.2.2). */
const DataError = { incorrectTagList: 1, euiccCiPKIdNotFound: 5, ecallActive: 104 } as const;

class Refused extends Error {
  override readonly name = 'Refused';
  readonly code: number;

  constructor(code: number) {
    super(`ipaEuiccDataErrorCode ${code}`);
    this.code = code;
  }
}

/** ipaFeatures (SGP.32 2.11.1.2), in the order of their bits from 0. */
const featureNames = [
  'directRspServerCommunication',
  'indirectRspServerCommunication',
  'eimDownloadDataHandling',
  'eimCtxParams1Generation',
  'eimProfileMetadataVerification',
  'minimizeEsipaBytes',
] as const;
export type IpaFeatures = Readonly<Partial<Record<(typeof featureNames)[number], boolean>>>;

/** A source of data: its field as IpaEuiccData has it, undefined where there is nothing. */
type Source = (card: Card, request: Uint8Array, features: IpaFeatures) => Uint8Array | undefined;

/** IpaEuiccData's fields in their order, the echo of eimTransactionId among them. */
const sources: readonly (readonly [tag: number, source: Source])[] = [
  [0xa0, notifications],
  [0x81, (card) => address(card, 0x80, 0x81)],
  [0xa2, keptResults],
  [0xbf20, (card) => card.transmit(tlv(0xbf20))],
  [0xbf22, (card) => card.transmit(tlv(0xbf22))],
  [0x83, (card) => address(card, 0x81, 0x83)],
  [0x84, associationToken],
  [0xa5, (card, request) => certificate(card, request, 0xa5)],
  [0xa6, (card, request) => certificate(card, request, 0xa6)],
  [0x87, (_card, request) => echo(request, 0x87)],
  [0xa8, (_card, _request, features) => capabilities(features)],
  [0xa9, () => tlv(0xa9, tlv(0x80, hex('35290611')), tlv(0xa1))],
];

const echoTag = 0x87;

/** The IpaEuiccDataResponse (`BF52…`) to `request`. A tag that we know and have no value for is left out. */
export function answerDataRequest(
  card: Card,
  request: Uint8Array,
  features: IpaFeatures = { indirectRspServerCommunication: true },
): Uint8Array {
  try {
    const wanted = wantedTags(request);
    if (emergencyActive(card)) throw new Refused(DataError.ecallActive);
    const fields = sources.flatMap(([tag, source]) => {
      const field = wanted.includes(tag) ? source(card, request, features) : undefined;
      return field === undefined ? [] : [field];
    });
    return tlv(0xbf52, tlv(0xa0, ...fields));
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    const correlation = echo(request, 0x80);
    const code = tlv(0x02, Uint8Array.of(error.code));
    return tlv(0xbf52, tlv(0xa1, ...(correlation === undefined ? [] : [correlation]), code));
  }
}

/** ipaFeatures [0], and ipaSupportedProtocols [1]: ipaRetrieveCoaps. */
function capabilities(features: IpaFeatures): Uint8Array {
  return tlv(0xa8, tlv(0x80, bits(features)), tlv(0x81, hex('0640')));
}

/** A named BIT STRING's contents, in as few octets as it takes. */
function bits(features: IpaFeatures): Uint8Array {
  const last = featureNames.findLastIndex((name) => features[name] === true);
  if (last < 0) return Uint8Array.of(0);
  const octet = featureNames.reduce(
    (sum, name, i) => sum | (features[name] === true ? 0x80 >> i : 0),
    0,
  );
  return Uint8Array.of(7 - last, octet);
}

/** The tags asked for, and that of the echo. Throws Refused for one that IpaEuiccData does not have. */
function wantedTags(request: Uint8Array): readonly number[] {
  try {
    const tags = tagsOf(child(request, 0x5c, 'IpaEuiccDataRequest').value);
    const known = sources.map(([tag]) => tag).filter((tag) => tag !== echoTag);
    if (tags.every((tag) => known.includes(tag))) return [...tags, echoTag];
  } catch (error) {
    if (!(error instanceof DerError)) throw error;
  }
  throw new Refused(DataError.incorrectTagList);
}

/** eimTransactionId [3] of the request, under another tag. */
function echo(request: Uint8Array, tag: number): Uint8Array | undefined {
  const eimTransactionId = findChild(request, 0x83);
  return eimTransactionId === undefined ? undefined : tlv(tag, eimTransactionId.value);
}

/** Whether a profile for eCalls is enabled (GetProfilesInfo, state and eCall indication). */
function emergencyActive(card: Card): boolean {
  const list = findChild(card.transmit(hex('BF2D075C059F709F7B5A')), 0xa0);
  return (
    list !== undefined &&
    readAll(list.value).some(({ raw }) => {
      const [state, indication] = [findChild(raw, 0x9f70), findChild(raw, 0x9f7b)];
      return state?.value[0] === 1 && indication !== undefined && indication.value[0] !== 0;
    })
  );
}

/** RetrieveNotificationsList takes the criteria [1] as they are, under its own A0. */
function notifications(card: Card, request: Uint8Array): Uint8Array | undefined {
  const criteria = findChild(request, 0xa1);
  const command = criteria === undefined ? tlv(0xbf2b) : tlv(0xbf2b, tlv(0xa0, criteria.value));
  return findChild(card.transmit(command), 0xa0)?.raw;
}

/** The results that the card keeps: all, or the one with the seqNumber of the criteria [2]. */
function keptResults(card: Card, request: Uint8Array): Uint8Array | undefined {
  const list = findChild(packageResults(card), 0xa2);
  const criteria = findChild(request, 0xa2);
  if (list === undefined || criteria === undefined) return list?.raw;
  const seqNumber = child(criteria.raw, 0x80, 'searchCriteriaEuiccPackageResult').value;
  const found = readAll(list.value).filter(({ raw }) => equal(seqNumberOfResult(raw), seqNumber));
  return tlv(0xa2, ...found.map(({ raw }) => raw));
}

/** GetEuiccConfiguredAddresses. */
function address(card: Card, from: number, to: number): Uint8Array | undefined {
  const found = findChild(card.transmit(tlv(0xbf3c)), from);
  return found === undefined ? undefined : tlv(to, found.value);
}

/** Of the first eIM: whose IPA this is. */
function associationToken(card: Card): Uint8Array | undefined {
  const configuration = findChild(card.transmit(tlv(0xbf55)), 0xa0);
  const first = configuration === undefined ? undefined : findChild(configuration.raw, 0x30);
  return first === undefined ? undefined : findChild(first.raw, 0x84)?.raw;
}

/** GetCerts (SGP.32 5.9.15): `A5` the EUM's certificate, `A6` the eUICC's; under the CI that the request names. */
function certificate(card: Card, request: Uint8Array, tag: number): Uint8Array | undefined {
  const named = findChild(request, 0x04);
  const command = named === undefined ? [] : [tlv(0x80, wholeIdentifier(card, named))];
  const certs = findChild(card.transmit(tlv(0xbf56, ...command)), 0xa0);
  return certs === undefined ? undefined : findChild(certs.raw, tag)?.raw;
}

/** The CI key identifier that begins so, of those that the eUICC has certificates under (EUICCInfo1, `AA`). */
function wholeIdentifier(card: Card, { value: beginning }: Tlv): Uint8Array {
  const list = child(card.transmit(tlv(0xbf20)), 0xaa, 'EUICCInfo1');
  const found = readAll(readOnly(list.raw).value).find(({ value }) =>
    equal(value.subarray(0, beginning.length), beginning),
  );
  if (found === undefined) throw new Refused(DataError.euiccCiPKIdNotFound);
  return found.value;
}

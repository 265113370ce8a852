/** Options: numbers, formats, and which of them a message may not be understood without (RFC 7252 section 5.4, 5.10). */

/** One option of a message, in the message's order (by number, repeats in their own order). */
export interface Option {
  readonly number: number;
  readonly value: Uint8Array;
}

/** Option numbers (RFC 7252 section 12.2, RFC 7959 section 6, RFC 9175 section 6, RFC 9177 section 12.1). */
export const OptionNumber = {
  uriHost: 3,
  etag: 4,
  uriPort: 7,
  locationPath: 8,
  uriPath: 11,
  contentFormat: 12,
  maxAge: 14,
  uriQuery: 15,
  accept: 17,
  qBlock1: 19,
  locationQuery: 20,
  block2: 23,
  block1: 27,
  size2: 28,
  qBlock2: 31,
  proxyUri: 35,
  proxyScheme: 39,
  size1: 60,
  echo: 252,
  noResponse: 258,
  requestTag: 292,
} as const;

interface Format {
  /** Least and most octets of a value. */
  readonly octets: readonly [least: number, most: number];
  readonly repeatable?: true;
}

/** The options that we read in requests and responses. An option outside its format counts as one we do not know. */
const formats: ReadonlyMap<number, Format> = new Map<number, Format>([
  [OptionNumber.uriHost, { octets: [1, 255] }],
  [OptionNumber.etag, { octets: [1, 8], repeatable: true }],
  [OptionNumber.uriPort, { octets: [0, 2] }],
  [OptionNumber.locationPath, { octets: [0, 255], repeatable: true }],
  [OptionNumber.uriPath, { octets: [0, 255], repeatable: true }],
  [OptionNumber.contentFormat, { octets: [0, 2] }],
  [OptionNumber.maxAge, { octets: [0, 4] }],
  [OptionNumber.uriQuery, { octets: [0, 255], repeatable: true }],
  [OptionNumber.accept, { octets: [0, 2] }],
  [OptionNumber.qBlock1, { octets: [0, 3] }],
  [OptionNumber.locationQuery, { octets: [0, 255], repeatable: true }],
  [OptionNumber.block2, { octets: [0, 3] }],
  [OptionNumber.block1, { octets: [0, 3] }],
  [OptionNumber.size2, { octets: [0, 4] }],
  [OptionNumber.qBlock2, { octets: [0, 3], repeatable: true }],
  [OptionNumber.size1, { octets: [0, 4] }],
  [OptionNumber.echo, { octets: [1, 40] }],
  [OptionNumber.noResponse, { octets: [0, 1] }],
  [OptionNumber.requestTag, { octets: [0, 8], repeatable: true }],
]);

/** Odd numbers: a message with an unknown one must be refused (RFC 7252 section 5.4.1). */
function isCritical(number: number): boolean {
  return number % 2 === 1;
}

/** The options of RFC 9177, which an endpoint knows both or neither (section 4.1). */
const quick: readonly number[] = [OptionNumber.qBlock1, OptionNumber.qBlock2];

/**
 * The options that count, and the critical ones among those that do not: unknown, of a length outside their format,
 * or repeated though not repeatable (RFC 7252 section 5.4.3, 5.4.5). `qBlock`: whether those of RFC 9177 are known.
 */
export function recognise(
  options: readonly Option[],
  qBlock: boolean,
): {
  readonly known: readonly Option[];
  readonly critical: readonly number[];
} {
  const known: Option[] = [];
  const critical: number[] = [];
  let last = -1;
  for (const option of options) {
    const format = formats.get(option.number);
    const recognised =
      format !== undefined &&
      (qBlock || !quick.includes(option.number)) &&
      option.value.length >= format.octets[0] &&
      option.value.length <= format.octets[1] &&
      (format.repeatable === true || option.number !== last);
    if (recognised) known.push(option);
    else if (isCritical(option.number)) critical.push(option.number);
    last = option.number;
  }
  return { known, critical };
}

/** The value of the first option of that number. */
export function optionOf(options: readonly Option[], number: number): Uint8Array | undefined {
  return options.find((option) => option.number === number)?.value;
}

/** The values of all options of that number, in their order. */
export function optionsOf(options: readonly Option[], number: number): readonly Uint8Array[] {
  return options.filter((option) => option.number === number).map((option) => option.value);
}

/** The value of an option in the uint format (RFC 7252 section 3.2); undefined where there is no such option. */
export function uintOf(options: readonly Option[], number: number): number | undefined {
  const value = optionOf(options, number);
  if (value === undefined) return undefined;
  let uint = 0;
  for (const octet of value) uint = uint * 256 + octet;
  return uint;
}

/** An option in the uint format: as few octets as the value needs, none for 0. */
export function uintOption(number: number, value: number): Option {
  let length = 0;
  for (let rest = value; rest > 0; rest = Math.floor(rest / 256)) length++;
  const octets = new Uint8Array(length);
  for (let at = length - 1, rest = value; at >= 0; at--, rest = Math.floor(rest / 256)) {
    octets[at] = rest % 256;
  }
  return { number, value: octets };
}

/** The same options in memory of their own: those of a message are views of its datagram. */
export function ownOptions(options: readonly Option[]): readonly Option[] {
  return options.map(({ number, value }) => ({ number, value: value.slice() }));
}

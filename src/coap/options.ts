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
const known: ReadonlyMap<number, Format> = new Map<number, Format>([
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

/** The same by number, for each option of each message asks. */
const formats: readonly (Format | undefined)[] = Array.from(
  { length: Math.max(...known.keys()) + 1 },
  (_, number) => known.get(number),
);

/** Odd numbers: a message with an unknown one must be refused (RFC 7252 section 5.4.1). */
function isCritical(number: number): boolean {
  return number % 2 === 1;
}

/** What a message's options come to. */
export interface Recognised {
  /** The options that count. */
  readonly known: readonly Option[];
  /** The critical ones among those that do not. */
  readonly critical: readonly number[];
}

const nothing: readonly number[] = [];

/**
 * The options that count, and the critical ones among those that do not: unknown, of a length outside their format,
 * or repeated though not repeatable (RFC 7252 section 5.4.3, 5.4.5). `qBlock`: whether those of RFC 9177 are known, which
 * an endpoint knows both or neither (section 4.1).
 */
export function recognise(options: readonly Option[], qBlock: boolean): Recognised {
  for (let at = 0; at < options.length; at++) {
    if (!counts(options, at, qBlock)) return sorted(options, qBlock);
  }
  return { known: options, critical: nothing }; // as a rule: nothing is made for it
}

function sorted(options: readonly Option[], qBlock: boolean): Recognised {
  const known: Option[] = [];
  const critical: number[] = [];
  options.forEach((option, at) => {
    if (counts(options, at, qBlock)) known.push(option);
    else if (isCritical(option.number)) critical.push(option.number);
  });
  return { known, critical };
}

/** Whether the option there is one that we know, as its format has it. */
function counts(options: readonly Option[], at: number, qBlock: boolean): boolean {
  const option = options[at];
  if (option === undefined) return false;
  const { number, value } = option;
  const format = formats[number];
  if (format === undefined || (!qBlock && isQuick(number))) return false;
  const [least, most] = format.octets;
  if (value.length < least || value.length > most) return false;
  return format.repeatable === true || options[at - 1]?.number !== number;
}

/** Whether it is an option of RFC 9177. */
function isQuick(number: number): boolean {
  return number === OptionNumber.qBlock1 || number === OptionNumber.qBlock2;
}

/** The value of the first option of that number. */
export function optionOf(options: readonly Option[], number: number): Uint8Array | undefined {
  for (let at = 0; at < options.length; at++) {
    const option = options[at];
    if (option?.number === number) return option.value;
  }
  return undefined;
}

/** The values of all options of that number, in their order. */
export function optionsOf(options: readonly Option[], number: number): readonly Uint8Array[] {
  return options.filter((option) => option.number === number).map((option) => option.value);
}

/** The value of an option in the uint format (RFC 7252 section 3.2); undefined where there is no such option. */
export function uintOf(options: readonly Option[], number: number): number | undefined {
  const value = optionOf(options, number);
  return value === undefined ? undefined : uintIn(value);
}

/** The number in a value of the uint format. */
export function uintIn(value: Uint8Array): number {
  let uint = 0;
  for (let at = 0; at < value.length; at++) uint = uint * 256 + (value[at] ?? 0);
  return uint;
}

/** The values of at most one octet in the uint format, made once: content formats and the first blocks are such. */
const singles: readonly Uint8Array[] = Array.from({ length: 256 }, (_, value) => octetsOf(value));

/** An option in the uint format: as few octets as the value needs, none for 0. Its value is not to be changed. */
export function uintOption(number: number, value: number): Option {
  return { number, value: singles[value] ?? octetsOf(value) };
}

function octetsOf(value: number): Uint8Array {
  let length = 0;
  for (let rest = value; rest > 0; rest = Math.floor(rest / 256)) length++;
  const octets = new Uint8Array(length);
  for (let at = length - 1, rest = value; at >= 0; at--, rest = Math.floor(rest / 256)) {
    octets[at] = rest % 256;
  }
  return octets;
}

/** The same options in memory of their own: those of a message are views of its datagram. */
export function ownOptions(options: readonly Option[]): readonly Option[] {
  return options.map(({ number, value }) => ({ number, value: value.slice() }));
}

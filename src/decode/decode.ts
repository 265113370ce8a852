/**
 * Any message of ESipa, ES9+ or ES10, eUICC Package or certificate, laid open for people: each element with its place,
 * its tag and the names that the modules have for it, and whether its signatures hold.
 */
import type { Asn1 } from '../messages/asn1-type.ts';
import { DerError, elementAt } from '../messages/tlv.ts';
import { Anatomy, type Part } from './anatomy.ts';
import { type Catalogue, catalogue } from './catalogue.ts';
import { type Input, InputError, inputsOf } from './input.ts';
import { type Keys, type SignatureCheck, signaturesIn } from './signatures.ts';

export interface Decoded {
  readonly messages: readonly DecodedMessage[];
  readonly signatures: readonly SignatureCheck[];
}

export interface DecodedMessage {
  /** Its name in the JSON that it came in. */
  readonly member?: string;
  /** The type it was read as; absent where none of the modules' fits. */
  readonly type?: string;
  readonly octets: number;
  readonly part: Part;
  /** Shapes that are not the standard's and are understood all the same, as `name at path`. */
  readonly deviations: readonly string[];
  /** Why it is not what it should be; its parts are shown as far as they go. */
  readonly complaint?: string;
}

export interface DecodeOptions extends Keys {
  /** The type to read it as, for what begins with a tag that several share. */
  readonly as?: string | undefined;
}

/** What is in a file or on a command line. Throws InputError, which says what is wrong with it. */
export function decode(given: Uint8Array, options: DecodeOptions): Decoded {
  const types = catalogue();
  const anatomy = new Anatomy(types);
  const messages = inputsOf(given).map((input) => messageOf(input, options.as, types, anatomy));
  const signatures = signaturesIn(
    messages.map(({ part }) => part),
    options,
  );
  return { messages, signatures };
}

function messageOf(
  { member, octets }: Input,
  as: string | undefined,
  types: Catalogue,
  anatomy: Anatomy,
): DecodedMessage {
  const fields = member === undefined ? [] : [member];
  const whose = member === undefined ? {} : { member };
  try {
    const readings = candidates(octets, as ?? typeOfMember(member), types, as !== undefined).map(
      (type) => read(octets, type, anatomy.of(octets, type, fields)),
    );
    const [best] = readings.sort((one, other) => one.oddities - other.oddities);
    return best === undefined
      ? {
          ...whose,
          octets: octets.length,
          part: anatomy.of(octets, undefined, fields),
          deviations: [],
        }
      : { ...whose, ...best.message };
  } catch (error) {
    if (!(error instanceof DerError)) throw error;
    throw new InputError(`${member === undefined ? '' : `${member}: `}no DER: ${error.message}`);
  }
}

/** The types that it may be. */
function candidates(
  octets: Uint8Array,
  name: string | undefined,
  types: Catalogue,
  insisted: boolean,
): readonly Asn1<unknown>[] {
  const named = name === undefined ? undefined : types.named(name);
  if (named !== undefined) return [named];
  if (insisted && name !== undefined) {
    const like = types.names.filter((one) => one.toLowerCase().includes(name.toLowerCase()));
    const hint = like.length > 0 ? `; there are ${like.slice(0, 5).join(', ')}` : '';
    throw new InputError(`the modules have no type ${name}${hint}`);
  }
  return types.beginningWith(elementAt(octets, 0, octets.length).tag);
}

interface Read {
  readonly message: Omit<DecodedMessage, 'member'>;
  /** How little it looks like this type. */
  readonly oddities: number;
}

function read(octets: Uint8Array, type: Asn1<unknown>, part: Part): Read {
  const deviations: string[] = [];
  const message = { type: type.name, octets: octets.length, part, deviations };
  try {
    type.decode(octets, { tolerated: (shape, path) => deviations.push(`${shape} at ${path}`) });
    return { message, oddities: deviations.length + nameless(part.parts) };
  } catch (error) {
    if (!(error instanceof DerError)) throw error;
    return {
      message: { ...message, complaint: error.message },
      oddities: 10_000 + nameless(part.parts),
    };
  }
}

/** Elements that the declaration does not know. */
function nameless(parts: readonly Part[]): number {
  let count = 0;
  for (const { fields, parts: within } of parts) {
    count += fields.length === 0 ? 1 : nameless(within);
  }
  return count;
}

/** Members of ES9+ that are spelled other than their types (SGP.22 6.5.2). */
const members: Readonly<Record<string, string>> = {
  serverCertificate: 'Certificate',
  smdpCertificate: 'Certificate',
  profileMetadata: 'StoreMetadataRequest',
  euiccInfo1: 'EUICCInfo1',
};

function typeOfMember(member: string | undefined): string | undefined {
  if (member === undefined) return undefined;
  return members[member] ?? `${member.slice(0, 1).toUpperCase()}${member.slice(1)}`;
}

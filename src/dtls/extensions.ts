/** The extensions of the hellos that we read or send (RFC 5246 §7.4.1.4). */
import { BytesError, fromUtf8, utf8 } from '../base/bytes.ts';
import { AlertDescription, HandshakeError } from './alert.ts';
import {
  absentWhenEmpty,
  decode,
  encode,
  type Infer,
  list,
  type Struct,
  struct,
  uint8,
  uint16,
  vector,
} from './struct.ts';

export const ExtensionType = {
  /** RFC 6066 §3 */
  serverName: 0,
  /** RFC 6066 §4 */
  maxFragmentLength: 1,
  /** RFC 8422 §5.1.1 */
  supportedGroups: 10,
  /** RFC 8422 §5.1.2 */
  ecPointFormats: 11,
  /** RFC 5246 §7.4.1.4.1 */
  signatureAlgorithms: 13,
  /** RFC 7250 §3 */
  clientCertificateType: 19,
  /** RFC 7250 §3 */
  serverCertificateType: 20,
  /** RFC 7366 §2 */
  encryptThenMac: 22,
  /** RFC 7627 §5.1 */
  extendedMasterSecret: 23,
  /** RFC 8449 §4 */
  recordSizeLimit: 28,
  /** RFC 5077 §3.2 */
  sessionTicket: 35,
  /** Of connection IDs, in drafts before RFC 9146 */
  connectionIdDeprecated: 53,
  /** RFC 9146 §3 */
  connectionId: 54,
  /** Of connection IDs, in mbedTLS 2.x; a number of the private range */
  connectionIdMbedTls2: 254,
  /** RFC 5746 §3.2 */
  renegotiationInfo: 0xff01,
} as const;
export type ExtensionType = (typeof ExtensionType)[keyof typeof ExtensionType];

const extensionData = vector(0, 2 ** 16 - 1);
export const Extension = struct(
  { type: uint16, data: extensionData },
  {
    read: (reader) => ({ type: uint16.read(reader), data: extensionData.read(reader) }),
    write(writer, { type, data }) {
      uint16.write(writer, type);
      extensionData.write(writer, data);
    },
  },
);
export type Extension = Infer<typeof Extension>;

export const extensionList = absentWhenEmpty(list(Extension, 0, 2 ** 16 - 1));

/** The one uncompressed point format (RFC 8422 §5.1.2). */
const uncompressed = 0;
/** NameType of a DNS name (RFC 6066 §3). */
const hostName = 0;

const groups = list(uint16, 2, 2 ** 16 - 1);
const pointFormats = list(uint8, 1, 2 ** 8 - 1);
const schemes = list(uint16, 2, 2 ** 16 - 2);
const certificateTypes = list(uint8, 1, 2 ** 8 - 1);
const renegotiatedConnection = vector(0, 2 ** 8 - 1);
const connectionIdVector = vector(0, 2 ** 8 - 1);
const serverNames = list(struct({ nameType: uint8, name: vector(1, 2 ** 16 - 1) }), 1, 2 ** 16 - 1);

/** So many are found sooner one by one than in a map that has to be made first. */
const few = 32;

/** The extensions of one hello, found by type. A type that comes twice is refused. */
export class Extensions {
  readonly #all: readonly Extension[];

  constructor(extensions: readonly Extension[]) {
    const type = extensions.length > few ? twiceOfMany(extensions) : twiceOfFew(extensions);
    if (type !== undefined) {
      throw new HandshakeError(AlertDescription.illegalParameter, `extension ${type} twice`);
    }
    this.#all = extensions;
  }

  has(type: ExtensionType): boolean {
    return this.#dataOf(type) !== undefined;
  }

  types(): Iterable<number> {
    return this.#all.map(({ type }) => type);
  }

  /** Named groups in the peer's order; undefined where the peer does not say. */
  get supportedGroups(): readonly number[] | undefined {
    return this.#read(ExtensionType.supportedGroups, 'supported_groups', groups);
  }

  get signatureAlgorithms(): readonly number[] | undefined {
    return this.#read(ExtensionType.signatureAlgorithms, 'signature_algorithms', schemes);
  }

  /** Whether the peer reads uncompressed points, as it must unless it says otherwise. */
  get uncompressedPoints(): boolean {
    const read = this.#read(ExtensionType.ecPointFormats, 'ec_point_formats', pointFormats);
    return read === undefined || read.includes(uncompressed);
  }

  /** The DNS name that the client asks for, in lower case; undefined where it names none. */
  get serverName(): string | undefined {
    const names = this.#read(ExtensionType.serverName, 'server_name', serverNames);
    const found = names?.find(({ nameType }) => nameType === hostName);
    if (found === undefined) return undefined;
    try {
      return fromUtf8(found.name).toLowerCase().replace(/\.$/, '');
    } catch (error) {
      if (error instanceof BytesError) return undefined; // a name that none of ours can be
      throw error;
    }
  }

  /** The code of max_fragment_length, of 1 for 512 octets to 4 for 4096. */
  get maxFragmentLength(): number | undefined {
    return this.#read(ExtensionType.maxFragmentLength, 'max_fragment_length', uint8);
  }

  /** Octets of plaintext that the peer takes in one protected record. */
  get recordSizeLimit(): number | undefined {
    return this.#read(ExtensionType.recordSizeLimit, 'record_size_limit', uint16);
  }

  /** What the client takes of a server, in its order; undefined where it does not say, which is X.509. */
  get serverCertificateTypes(): readonly number[] | undefined {
    const type = ExtensionType.serverCertificateType;
    return this.#read(type, 'server_certificate_type', certificateTypes);
  }

  /** What the client has to show, in its order; undefined where it does not say, which is X.509. */
  get clientCertificateTypes(): readonly number[] | undefined {
    const type = ExtensionType.clientCertificateType;
    return this.#read(type, 'client_certificate_type', certificateTypes);
  }

  /** The one type that a server chose; undefined where it did not say, which is X.509. */
  chosenType(
    type: typeof ExtensionType.clientCertificateType | typeof ExtensionType.serverCertificateType,
  ): number | undefined {
    return this.#read(type, 'certificate type', uint8);
  }

  /** The verify_data of the connection that is renegotiated: empty in a first handshake. */
  get renegotiatedConnection(): Uint8Array | undefined {
    const type = ExtensionType.renegotiationInfo;
    return this.#read(type, 'renegotiation_info', renegotiatedConnection);
  }

  /** The connection ID that the peer wants to receive, under one of the code points for it. */
  connectionId(type: ExtensionType): Uint8Array | undefined {
    return this.#read(type, 'connection_id', connectionIdVector);
  }

  /** A ticket to resume with; empty where the client has none and would like one (RFC 5077 §3.2). */
  get sessionTicket(): Uint8Array | undefined {
    return this.#dataOf(ExtensionType.sessionTicket);
  }

  /** The octets of server_name as they came. */
  get rawServerName(): Uint8Array | undefined {
    return this.#dataOf(ExtensionType.serverName);
  }

  #read<T>(type: ExtensionType, what: string, as: Struct<T>): T | undefined {
    const data = this.#dataOf(type);
    return data === undefined ? undefined : decode(what, as, data);
  }

  #dataOf(type: ExtensionType): Uint8Array | undefined {
    const all = this.#all;
    for (let i = 0; i < all.length; i++) {
      const extension = all[i];
      if (extension?.type === type) return extension.data;
    }
    return undefined;
  }
}

/** A type that comes twice. */
function twiceOfFew(extensions: readonly Extension[]): number | undefined {
  for (let i = 1; i < extensions.length; i++) {
    const type = extensions[i]?.type;
    for (let before = 0; before < i; before++) {
      if (extensions[before]?.type === type) return type;
    }
  }
  return undefined;
}

/** The same in a time that grows with their number alone. */
function twiceOfMany(extensions: readonly Extension[]): number | undefined {
  const types = new Set<number>();
  return extensions.find(({ type }) => types.size === types.add(type).size)?.type;
}

/** Those that are the same in every hello. */
const always = {
  serverNameUsed: { type: ExtensionType.serverName, data: new Uint8Array() },
  encryptThenMac: { type: ExtensionType.encryptThenMac, data: new Uint8Array() },
  ecPointFormats: {
    type: ExtensionType.ecPointFormats,
    data: encode(pointFormats, [uncompressed]),
  },
  extendedMasterSecret: { type: ExtensionType.extendedMasterSecret, data: new Uint8Array() },
  renegotiationInfo: {
    type: ExtensionType.renegotiationInfo,
    data: encode(renegotiatedConnection, new Uint8Array()),
  },
} as const satisfies Readonly<Record<string, Extension>>;

/** The extensions we send. */
export const extension = {
  serverName(name: string): Extension {
    const data = encode(serverNames, [{ nameType: hostName, name: utf8(name) }]);
    return { type: ExtensionType.serverName, data };
  },
  /** The server's: it made use of the name. */
  serverNameUsed(): Extension {
    return always.serverNameUsed;
  },
  maxFragmentLength(code: number): Extension {
    return { type: ExtensionType.maxFragmentLength, data: encode(uint8, code) };
  },
  recordSizeLimit(octets: number): Extension {
    return { type: ExtensionType.recordSizeLimit, data: encode(uint16, octets) };
  },
  /** The client's, in its order. */
  serverCertificateTypes(types: readonly number[]): Extension {
    const data = encode(certificateTypes, types);
    return { type: ExtensionType.serverCertificateType, data };
  },
  clientCertificateTypes(types: readonly number[]): Extension {
    const data = encode(certificateTypes, types);
    return { type: ExtensionType.clientCertificateType, data };
  },
  /** The server's. */
  serverCertificateType(chosen: number): Extension {
    return { type: ExtensionType.serverCertificateType, data: encode(uint8, chosen) };
  },
  clientCertificateType(chosen: number): Extension {
    return { type: ExtensionType.clientCertificateType, data: encode(uint8, chosen) };
  },
  encryptThenMac(): Extension {
    return always.encryptThenMac;
  },
  supportedGroups(ids: readonly number[]): Extension {
    return { type: ExtensionType.supportedGroups, data: encode(groups, ids) };
  },
  ecPointFormats(): Extension {
    return always.ecPointFormats;
  },
  signatureAlgorithms(ids: readonly number[]): Extension {
    return { type: ExtensionType.signatureAlgorithms, data: encode(schemes, ids) };
  },
  extendedMasterSecret(): Extension {
    return always.extendedMasterSecret;
  },
  connectionId(type: ExtensionType, cid: Uint8Array): Extension {
    return { type, data: encode(connectionIdVector, cid) };
  },
  sessionTicket(ticket: Uint8Array = new Uint8Array()): Extension {
    return { type: ExtensionType.sessionTicket, data: ticket };
  },
  renegotiationInfo(): Extension {
    return always.renegotiationInfo;
  },
} as const;

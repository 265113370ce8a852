/** The extensions of the hellos that we read or send (RFC 5246 §7.4.1.4). */
import { utf8 } from '../base/bytes.ts';
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
  /** RFC 8422 §5.1.1 */
  supportedGroups: 10,
  /** RFC 8422 §5.1.2 */
  ecPointFormats: 11,
  /** RFC 5246 §7.4.1.4.1 */
  signatureAlgorithms: 13,
  /** RFC 7250 §3 */
  serverCertificateType: 20,
  /** RFC 7627 §5.1 */
  extendedMasterSecret: 23,
  /** RFC 5746 §3.2 */
  renegotiationInfo: 0xff01,
} as const;
export type ExtensionType = (typeof ExtensionType)[keyof typeof ExtensionType];

export const Extension = struct({ type: uint16, data: vector(0, 2 ** 16 - 1) });
export type Extension = Infer<typeof Extension>;

export const extensionList = absentWhenEmpty(list(Extension, 0, 2 ** 16 - 1));

/** The one uncompressed point format (RFC 8422 §5.1.2). */
const uncompressed = 0;
/** CertificateType of RFC 7250 §3. */
const x509 = 0;

const groups = list(uint16, 2, 2 ** 16 - 1);
const pointFormats = list(uint8, 1, 2 ** 8 - 1);
const schemes = list(uint16, 2, 2 ** 16 - 2);
const certificateTypes = list(uint8, 1, 2 ** 8 - 1);
const renegotiatedConnection = vector(0, 2 ** 8 - 1);
const serverNames = list(struct({ nameType: uint8, name: vector(1, 2 ** 16 - 1) }), 1, 2 ** 16 - 1);

/** The extensions of one hello, found by type. A type that comes twice is refused. */
export class Extensions {
  readonly #data = new Map<number, Uint8Array>();

  constructor(extensions: readonly Extension[]) {
    for (const { type, data } of extensions) {
      if (this.#data.has(type)) {
        throw new HandshakeError(AlertDescription.illegalParameter, `extension ${type} twice`);
      }
      this.#data.set(type, data);
    }
  }

  has(type: ExtensionType): boolean {
    return this.#data.has(type);
  }

  types(): Iterable<number> {
    return this.#data.keys();
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

  /** Whether the client takes an X.509 certificate of the server, as it does unless it says otherwise. */
  get x509ServerCertificate(): boolean {
    const type = ExtensionType.serverCertificateType;
    const read = this.#read(type, 'server_certificate_type', certificateTypes);
    return read === undefined || read.includes(x509);
  }

  /** The verify_data of the connection that is renegotiated: empty in a first handshake. */
  get renegotiatedConnection(): Uint8Array | undefined {
    const type = ExtensionType.renegotiationInfo;
    return this.#read(type, 'renegotiation_info', renegotiatedConnection);
  }

  #read<T>(type: ExtensionType, what: string, as: Struct<T>): T | undefined {
    const data = this.#data.get(type);
    return data === undefined ? undefined : decode(what, as, data);
  }
}

/** The extensions we send. */
export const extension = {
  serverName(name: string): Extension {
    const data = encode(serverNames, [{ nameType: 0, name: utf8(name) }]);
    return { type: ExtensionType.serverName, data };
  },
  supportedGroups(ids: readonly number[]): Extension {
    return { type: ExtensionType.supportedGroups, data: encode(groups, ids) };
  },
  ecPointFormats(): Extension {
    const data = encode(pointFormats, [uncompressed]);
    return { type: ExtensionType.ecPointFormats, data };
  },
  signatureAlgorithms(ids: readonly number[]): Extension {
    return { type: ExtensionType.signatureAlgorithms, data: encode(schemes, ids) };
  },
  extendedMasterSecret(): Extension {
    return { type: ExtensionType.extendedMasterSecret, data: new Uint8Array() };
  },
  renegotiationInfo(): Extension {
    const data = encode(renegotiatedConnection, new Uint8Array());
    return { type: ExtensionType.renegotiationInfo, data };
  },
} as const;

/**
 * The Bound Profile Package (SGP.22 2.5.4), made by the SM-DP+ and taken apart by the eUICC.
 *
 *   BF36 { BF23 InitialiseSecureChannel
 *          A0 { 87 }      ConfigureISDP         encrypted
 *          A1 { 88… }     StoreMetadata         only MACed
 *          A2 { 87 }      ReplaceSessionKeys    encrypted; optional
 *          A3 { 86… } }   LoadProfileElements   encrypted; with the replaced keys where there are any
 *
 * A0 to A3 hold the segments without a SEQUENCE between.
 */
import { concat, hex } from '../../../src/base/bytes.ts';
import type { Random } from '../../../src/base/random.ts';
import { DerError, readAll, readOnly, type Tlv, tlv } from '../../../src/messages/tlv.ts';
import type { CurveName } from '../../../src/trust/ec-key.ts';
import { Bsp, MAX_ENCRYPTED, MAX_MACED } from './bsp.ts';
import { agree, type BspKeys, deriveSessionKeys, type OneTimeKey } from './session-keys.ts';

const REMOTE_OPERATION_INSTALL = hex('82 01 01');
/** Key type AES and key length 16 of the control reference template. */
const CRT_KEY = hex('80 01 88 81 01 10');

/** Makes a signature: 64 octets r‖s over `data` (ECDSA with SHA-256). */
export type Sign = (data: Uint8Array) => Uint8Array;

/** What InitialiseSecureChannel holds (SGP.22 2.5.4.2). */
export interface SecureChannel {
  readonly transactionId: Uint8Array;
  /** 1 to 16 octets that the SM-DP+ chose. */
  readonly hostId: Uint8Array;
  /** otPK.DP.ECKA, 65 octets. */
  readonly smdpOtpk: Uint8Array;
}

/** InitialiseSecureChannel as it came: its signature is verified over `secureChannelSignedInput`. */
export interface SignedSecureChannel extends SecureChannel {
  readonly remoteOperation: number;
  readonly keyType: number;
  readonly keyLength: number;
  /** r‖s, 64 octets. */
  readonly smdpSign: Uint8Array;
}

export interface BoundProfilePackageInput {
  readonly transactionId: Uint8Array;
  readonly hostId: Uint8Array;
  /** 16 octets. */
  readonly eid: Uint8Array;
  /** The SM-DP+'s one-time key for this binding. */
  readonly smdpOtKey: OneTimeKey;
  /** otPK.EUICC.ECKA, 65 octets. */
  readonly euiccOtpk: Uint8Array;
  /** Signs with the private key of CERT.DPpb. */
  readonly sign: Sign;
  /** The whole ConfigureISDPRequest, `BF24…`. */
  readonly configureIsdp: Uint8Array;
  /** The whole StoreMetadataRequest, `BF25…`. */
  readonly storeMetadata: Uint8Array;
  /** Unprotected profile package: profile elements one after the other. */
  readonly upp: Uint8Array;
  /** Keys that protect the profile elements instead of the session keys. */
  readonly ppk?: BspKeys;
  /** Plaintext octets of a profile element segment (1007); more makes segments that eUICCs may refuse. */
  readonly segmentLength?: number;
}

/** Binds a profile package to one eUICC. Throws KeyAgreementError on a bad one-time key. */
export function makeBoundProfilePackage(input: BoundProfilePackageInput): Uint8Array {
  const channel: SecureChannel = { ...input, smdpOtpk: input.smdpOtKey.publicKey };
  const secret = agree(input.smdpOtKey.privateKey, input.euiccOtpk, input.smdpOtKey.curve);
  const bsp = new Bsp(deriveSessionKeys(secret, input.hostId, input.eid));
  // The order of these lines is the order of sending: each takes its counter and chaining value.
  const configure = tlv(0xa0, bsp.encrypt(0x87, input.configureIsdp));
  const metadata = tlv(0xa1, ...cut(input.storeMetadata, MAX_MACED).map((p) => bsp.mac(0x88, p)));
  const replace: Uint8Array[] = [];
  if (input.ppk !== undefined) {
    replace.push(tlv(0xa2, bsp.encrypt(0x87, replaceSessionKeys(input.ppk))));
    bsp.replaceKeys(input.ppk);
  }
  const pieces = cut(input.upp, input.segmentLength ?? MAX_ENCRYPTED);
  const elements = tlv(0xa3, ...pieces.map((piece) => bsp.encrypt(0x86, piece)));
  return tlv(
    0xbf36,
    initialiseSecureChannel(channel, input.euiccOtpk, input.sign),
    configure,
    metadata,
    ...replace,
    elements,
  );
}

/**
 * What smdpSign covers (SGP.22 2.5.4.2): the fields without the header of `BF23`, and the eUICC's one-time key in
 * the place of the signature.
 */
export function secureChannelSignedInput(
  channel: SecureChannel,
  euiccOtpk: Uint8Array,
): Uint8Array {
  return concat(secureChannelFields(channel), tlv(0x5f49, euiccOtpk));
}

function initialiseSecureChannel(
  channel: SecureChannel,
  euiccOtpk: Uint8Array,
  sign: Sign,
): Uint8Array {
  const signature = sign(secureChannelSignedInput(channel, euiccOtpk));
  return tlv(0xbf23, secureChannelFields(channel), tlv(0x5f37, signature));
}

function secureChannelFields(channel: SecureChannel): Uint8Array {
  return concat(
    REMOTE_OPERATION_INSTALL,
    tlv(0x80, channel.transactionId),
    tlv(0xa6, CRT_KEY, tlv(0x84, channel.hostId)),
    tlv(0x5f49, channel.smdpOtpk),
  );
}

/** Reads InitialiseSecureChannel `BF23…`; values are the caller's to check. Throws DerError. */
export function readSecureChannel(bytes: Uint8Array): SignedSecureChannel {
  const path = 'initialiseSecureChannelRequest';
  const [operation, transaction, crt, otpk, signature, ...more] = readAll(
    expectTag(readOnly(bytes, path), 0xbf23, path).value,
    path,
  );
  if (more.length > 0) throw new DerError(path, 'fields after smdpSign');
  const [keyType, keyLength, hostId] = readAll(expectTag(crt, 0xa6, path).value, path);
  return {
    remoteOperation: octetOf(expectTag(operation, 0x82, path)),
    transactionId: expectTag(transaction, 0x80, path).value,
    keyType: octetOf(expectTag(keyType, 0x80, path)),
    keyLength: octetOf(expectTag(keyLength, 0x81, path)),
    hostId: expectTag(hostId, 0x84, path).value,
    smdpOtpk: expectTag(otpk, 0x5f49, path).value,
    smdpSign: expectTag(signature, 0x5f37, path).value,
  };
}

/** Whether the control reference template asks for AES keys of 16 octets, the only kind there is. */
export function crtSupported(channel: SignedSecureChannel): boolean {
  return channel.keyType === 0x88 && channel.keyLength === 0x10;
}

/** ReplaceSessionKeysRequest `BF26…` (SGP.22 2.5.5). */
export function replaceSessionKeys(keys: BspKeys): Uint8Array {
  return tlv(
    0xbf26,
    tlv(0x80, keys.initialMacChainingValue),
    tlv(0x81, keys.sEnc),
    tlv(0x82, keys.sMac),
  );
}

/** The keys of a ReplaceSessionKeysRequest. Throws DerError. */
export function readReplaceSessionKeys(bytes: Uint8Array): BspKeys {
  const path = 'replaceSessionKeysRequest';
  const fields = readAll(expectTag(readOnly(bytes, path), 0xbf26, path).value, path);
  const key = (at: number): Uint8Array => {
    const { value } = expectTag(fields[at], 0x80 + at, path);
    if (value.length !== 16) throw new DerError(path, `a key of ${value.length} octets`);
    return value;
  };
  return { initialMacChainingValue: key(0), sEnc: key(1), sMac: key(2) };
}

/** Keys of a random protection of the profile elements (PPK). */
export function makePpk(random: Random): BspKeys {
  return { initialMacChainingValue: random(16), sEnc: random(16), sMac: random(16) };
}

/** The parts of a Bound Profile Package, each segment as it stood. */
export interface BoundProfilePackageParts {
  /** `BF23…` */
  readonly initialiseSecureChannel: Uint8Array;
  readonly firstSequenceOf87: readonly Uint8Array[];
  readonly sequenceOf88: readonly Uint8Array[];
  readonly secondSequenceOf87: readonly Uint8Array[];
  readonly sequenceOf86: readonly Uint8Array[];
}

/** Takes a Bound Profile Package apart without a look into its segments. Throws DerError. */
export function readBoundProfilePackage(bytes: Uint8Array): BoundProfilePackageParts {
  const path = 'boundProfilePackage';
  const parts = readAll(expectTag(readOnly(bytes, path), 0xbf36, path).value, path);
  const channel = expectTag(parts[0], 0xbf23, path);
  const withKeys = parts.length === 5;
  if (parts.length !== 4 && !withKeys) throw new DerError(path, `${parts.length} parts`);
  const segments = (part: Tlv | undefined, tag: number, inner: number) =>
    readAll(expectTag(part, tag, path).value, path).map((one) => expectTag(one, inner, path).raw);
  return {
    initialiseSecureChannel: channel.raw,
    firstSequenceOf87: segments(parts[1], 0xa0, 0x87),
    sequenceOf88: segments(parts[2], 0xa1, 0x88),
    secondSequenceOf87: withKeys ? segments(parts[3], 0xa2, 0x87) : [],
    sequenceOf86: segments(parts.at(-1), 0xa3, 0x86),
  };
}

/** What a Bound Profile Package held. */
export interface OpenedProfilePackage {
  readonly channel: SignedSecureChannel;
  /** `BF24…` */
  readonly configureIsdp: Uint8Array;
  /** `BF25…` */
  readonly storeMetadata: Uint8Array;
  readonly upp: Uint8Array;
}

/**
 * Opens a whole package as its eUICC would: agrees on keys, verifies and decrypts every segment. The signature of
 * the channel is left to the caller (`secureChannelSignedInput`). Throws DerError, KeyAgreementError, BspError.
 */
export function openBoundProfilePackage(
  bytes: Uint8Array,
  euicc: {
    readonly eid: Uint8Array;
    readonly otPrivateKey: Uint8Array;
    readonly curve?: CurveName;
  },
): OpenedProfilePackage {
  const parts = readBoundProfilePackage(bytes);
  const channel = readSecureChannel(parts.initialiseSecureChannel);
  const secret = agree(euicc.otPrivateKey, channel.smdpOtpk, euicc.curve);
  const bsp = new Bsp(deriveSessionKeys(secret, channel.hostId, euicc.eid));
  const configureIsdp = concat(...parts.firstSequenceOf87.map((s) => bsp.decrypt(0x87, s)));
  const storeMetadata = concat(...parts.sequenceOf88.map((s) => bsp.verify(0x88, s)));
  if (parts.secondSequenceOf87.length > 0) {
    const command = concat(...parts.secondSequenceOf87.map((s) => bsp.decrypt(0x87, s)));
    bsp.replaceKeys(readReplaceSessionKeys(command));
  }
  const upp = concat(...parts.sequenceOf86.map((s) => bsp.decrypt(0x86, s)));
  return { channel, configureIsdp, storeMetadata, upp };
}

function expectTag(one: Tlv | undefined, tag: number, path: string): Tlv {
  if (one?.tag === tag) return one;
  const found = one === undefined ? 'nothing' : `tag ${one.tag.toString(16)}`;
  throw new DerError(path, `${found} where tag ${tag.toString(16)} is due`);
}

function octetOf(one: Tlv): number {
  const octet = one.value[0];
  if (one.value.length !== 1 || octet === undefined) throw new DerError('', 'one octet is due');
  return octet;
}

/** At least one piece, each at most `length` octets. */
function cut(bytes: Uint8Array, length: number): Uint8Array[] {
  const pieces = [bytes.subarray(0, length)];
  for (let at = length; at < bytes.length; at += length)
    pieces.push(bytes.subarray(at, at + length));
  return pieces;
}

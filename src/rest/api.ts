/**
 * What passes between the operator and /v1: the checks of what comes in and the types of what goes out, shared by the
 * server and the CLI. ICCIDs are taken as printed digits or as the hex of EF.ICCID, and answered as both.
 */

import { createHash, createPublicKey, X509Certificate } from 'node:crypto';
import { z } from 'zod';
import { addressText, parseAddress } from '../base/address.ts';
import { toHex } from '../base/bytes.ts';
import { inWords } from '../base/complaints.ts';
import type { Sureness, Topic } from '../fleet/knowledge.ts';
import { parseActivationCode } from '../messages/activation-code.ts';
import {
  type Eid,
  type Iccid,
  IdError,
  iccidDigits,
  iccidOfDigits,
  parseEid,
  parseIccid,
} from '../messages/ids.ts';
import { hexText, oneOf, parsed } from './checks.ts';
import { euiccKey } from './euicc-key.ts';
import { ecos, namedDataRequest, psmos } from './operations.ts';

/** The codes of errors: what scripts may rely on, where wording may change. */
export type ApiErrorCode =
  | 'badInput'
  | 'unauthorized'
  | 'forbidden'
  | 'notFound'
  | 'methodNotAllowed'
  | 'conflict'
  | 'tooLarge'
  | 'unsupportedMediaType'
  | 'notBuilt'
  | 'busy'
  | 'internal';

/** A request that is not granted; server.ts turns it into `{ error: { code, message, field? } }` with its status. */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  readonly status: number;
  readonly code: ApiErrorCode;
  /** The member of the request that is wrong, such as `steps[0].enable.iccid`. */
  readonly field: string | undefined;

  constructor(status: number, code: ApiErrorCode, complaint: string, field?: string) {
    super(complaint);
    this.status = status;
    this.code = code;
    this.field = field;
  }
}

/** The body of every error answer. */
export interface ErrorBody {
  readonly error: {
    readonly code: ApiErrorCode;
    readonly message: string;
    readonly field?: string;
  };
}

/** The value that `schema` makes of `input`. Throws ApiError 400 that names the field, below `at`. */
export function check<Value>(schema: z.ZodType<Value>, input: unknown, at = ''): Value {
  const result = schema.safeParse(input, { error: inWords });
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  const path = [...(at === '' ? [] : [at]), ...(issue?.path ?? [])];
  if (issue?.code === 'unrecognized_keys') {
    const [key = ''] = issue.keys;
    throw badInput(fieldName([...path, key]), 'there is no such member');
  }
  throw badInput(fieldName(path), issue?.message ?? 'is not understood');
}

/** ApiError 400 for a field; '' for the whole body. */
export function badInput(field: string, complaint: string): ApiError {
  return new ApiError(400, 'badInput', complaint, field === '' ? undefined : field);
}

function fieldName(path: readonly PropertyKey[]): string {
  let name = '';
  for (const part of path) {
    if (typeof part === 'number') name += `[${part}]`;
    else name += name === '' ? String(part) : `.${String(part)}`;
  }
  return name;
}

/** An EID of 32 digits with its check digits. */
export const eidText: z.ZodType<Eid> = parsed(parseEid);

/** An ICCID in the form of EF.ICCID: 20 hex digits, nibble-swapped. */
export const efIccid: z.ZodType<Iccid> = parsed(parseIccid);

/** An ICCID in either form. */
export const anyIccid: z.ZodType<Iccid> = parsed(parseAnyIccid);

/** An activation code, without `LPA:` afterwards. */
export const activationCode: z.ZodType<string> = parsed((text) => parseActivationCode(text).text);

/** Refuses a download that needs what this eIM cannot give yet. Throws ApiError 501. */
export function refuseUnbuiltDownload(code: string, field: string): void {
  if (!parseActivationCode(code).confirmationCodeRequired) return;
  throw new ApiError(
    501,
    'notBuilt',
    'the activation code asks for a confirmation code, and giving one is not built yet',
    field,
  );
}

/**
 * The ICCID of printed digits, or of the hex of EF.ICCID. Printed ICCIDs begin with 89 (ITU-T E.118), which EF.ICCID
 * holds as 98: twenty digits that begin so are taken as hex. Throws IdError.
 */
export function parseAnyIccid(input: string): Iccid {
  const text = input.replace(/[\s-]/g, '');
  if (/^[0-9]{18,20}F?$/i.test(text) && !(text.length === 20 && text.startsWith('98'))) {
    return iccidOfDigits(text);
  }
  if (/^[0-9A-F]{20}$/i.test(text)) return parseIccid(text);
  throw new IdError(
    'an ICCID is its 18 to 20 printed digits, or the 20 hex digits of EF.ICCID (nibble-swapped)',
  );
}

/** The pin of a certificate: its SHA-256, in upper-case hex, of a PEM or as it is. */
export const certificatePin: z.ZodType<string> = pin(
  'a certificate',
  (pem) => new X509Certificate(pem).raw,
);

/** The pin of a public key: the SHA-256 of its SubjectPublicKeyInfo. */
export const publicKeyPin: z.ZodType<string> = pin('a public key', (pem) =>
  createPublicKey(pem).export({ format: 'der', type: 'spki' }),
);

function pin(what: string, read: (pem: string) => Uint8Array): z.ZodType<string> {
  return z
    .string()
    .max(16_384)
    .transform((text, context) => {
      const digits = text.replace(/[\s:]/g, '');
      if (/^[0-9a-f]{64}$/i.test(digits)) return digits.toUpperCase();
      try {
        // A private key is a secret, which has no place here, though a public one could be made of it.
        if (!text.includes('PRIVATE KEY')) {
          return toHex(createHash('sha256').update(read(text)).digest());
        }
      } catch {
        // Whatever OpenSSL says of it.
      }
      context.addIssue({
        code: 'custom',
        message: `must be ${what} in PEM, or its SHA-256 in hex (64 digits)`,
      });
      return z.NEVER;
    });
}

/** One step of an order, as /v1 takes it. */
export const Step = oneOf({
  download: z.strictObject({ activationCode }),
  ...psmos(anyIccid),
  ...ecos,
  edr: namedDataRequest,
});
export type Step = z.infer<typeof Step>;

/** Most operations of one order. */
export const mostOperations = 32;

/** POST /v1/orders. */
export const OrderSubmission = z.strictObject({
  eid: eidText,
  steps: z.array(Step).min(1).max(mostOperations),
  /** Brought to the device where it can be reached; else it waits for the poll, as any order. */
  push: z.boolean().exactOptional(),
});
export type OrderSubmission = z.infer<typeof OrderSubmission>;

const queryNumber = (least: number, most: number) =>
  z
    .string()
    .regex(/^[0-9]{1,9}$/, `must be a number from ${least} to ${most}`)
    .transform(Number)
    .refine((value) => value >= least && value <= most, {
      error: `must be a number from ${least} to ${most}`,
    });

/** GET /v1/orders: newest first. */
export const OrderQuery = z.strictObject({
  eid: eidText.exactOptional(),
  facility: z.enum(['download', 'psmo', 'eco', 'edr', 'euicc']).exactOptional(),
  state: z.enum(['new', 'work', 'done']).exactOptional(),
  /** Id of the order to go on after. */
  after: z.string().max(64).exactOptional(),
  limit: queryNumber(1, 1000).exactOptional(),
});
export type OrderQuery = z.infer<typeof OrderQuery>;

/** GET /v1/euiccs: those after an EID, in the order of EIDs. */
export const EuiccQuery = z.strictObject({
  after: eidText.exactOptional(),
  limit: queryNumber(1, 1000).exactOptional(),
});

/** GET /v1/orders/:id: seconds to wait for another version than `since`. */
export const WaitQuery = z.strictObject({
  wait: queryNumber(0, 3600).exactOptional(),
  since: z.string().max(64).exactOptional(),
});

/** RFC 7252 12.7. */
export const coapsPort = 5684;

/** Where a device listens: an IP address, with the port unless it is that of coaps. */
const deviceAddress: z.ZodType<string> = z.string().transform((text, context) => {
  const address = parseAddress(text, coapsPort);
  if (address !== undefined) return addressText(address);
  context.addIssue({
    code: 'custom',
    message: 'must be an IP address, with or without a port: 192.0.2.7:5684, [2001:db8::7]:5684',
  });
  return z.NEVER;
});

const psk = hexText(16, 64);
const deviceName = z.string().min(1).max(128);

/**
 * POST /v1/devices; the PSK in hex, pins as PEM or as the hex of their SHA-256. Without an identity the first EID
 * becomes it; without any credential a PSK is made.
 */
export const DeviceAddition = z.strictObject({
  identity: deviceName.exactOptional(),
  key: psk.exactOptional(),
  certificates: z.array(certificatePin).max(8).exactOptional(),
  publicKeys: z.array(publicKeyPin).max(8).exactOptional(),
  /** Certificates below a configured anchor that name this device. */
  chain: z.boolean().exactOptional(),
  eids: z.array(eidText).max(64).exactOptional(),
  note: z.string().max(256).exactOptional(),
  /** Where it may be pushed to. */
  address: deviceAddress.exactOptional(),
});
export type DeviceAddition = z.infer<typeof DeviceAddition>;

/** Most devices of one batch. */
export const mostInBatch = 500;

/** POST /v1/devices/batch: each is checked for itself, and what is refused keeps none of the others out. */
export const DeviceBatch = z.strictObject({
  devices: z.array(z.unknown()).min(1).max(mostInBatch),
  /** A device that is there already is replaced, and its connections end. */
  replace: z.boolean().exactOptional(),
  /** Nothing is added, only told. */
  dryRun: z.boolean().exactOptional(),
});

/** PATCH /v1/devices/:identity: null takes the address away. */
export const DeviceChange = z.strictObject({ address: deviceAddress.nullable() });
export type DeviceChange = z.infer<typeof DeviceChange>;

/** POST /v1/devices/:identity/rotate: without a key one is made. */
export const DeviceRotation = z
  .strictObject({
    key: psk.exactOptional(),
    /** The PSK of now is of no use any more, and connections end. */
    dropOld: z.boolean().exactOptional(),
  })
  .optional();

/** GET /v1/devices: those after a name, in the order of names. */
export const DeviceQuery = z.strictObject({
  after: z.string().max(128).exactOptional(),
  limit: queryNumber(1, 1000).exactOptional(),
});

/** GET /v1/info: what eUICCs are told to trust, and what else (SGP.32 2.11.1.1.1); otherwise as configured. */
export const InfoQuery = z.strictObject({
  tlsTrust: z.enum(['certificate', 'key']).exactOptional(),
  counterValue: queryNumber(0, 2 ** 23 - 1).exactOptional(),
  associationToken: z.enum(['none', 'generate']).exactOptional(),
  euiccCiPKId: hexText(20, 20).exactOptional(),
});

/** The words of fleet/euiccs.ts for stateChangeCause. */
const cause = z.enum([
  'otherEim',
  'fallback',
  'emergencyProfile',
  'local',
  'reset',
  'immediateEnableProfile',
  'deviceChange',
  'undefined',
]);

/** PATCH /v1/euiccs/:eid: what is absent stays. Named as in the drop-in API. */
export const EuiccChange = z.strictObject({
  /** SGP.32 2.11.1.1: at most 2^23 - 1. */
  counterValue: z
    .int()
    .min(0)
    .max(2 ** 23 - 1)
    .exactOptional(),
  associationToken: z.int().min(0).exactOptional(),
  consumerEuicc: z.boolean().exactOptional(),
  /** The curve of signPubKey; absent: the one that the key is on. */
  signAlgo: z.enum(['prime256v1', 'brainpoolP256r1']).exactOptional(),
  /** The operator's word for the eUICC's key: no certificate changes it. null: it is learned (again). */
  signPubKey: euiccKey.nullable().exactOptional(),
  stateChangeCauseList: z.array(cause).max(8).exactOptional(),
  /** The version of SGP.32 that its device speaks; `learned`: as it shows. */
  level: z.enum(['v1.0', 'v1.2', 'v1.3', 'learned']).exactOptional(),
});
export type EuiccChange = z.infer<typeof EuiccChange>;

/** An ICCID as /v1 answers it. */
export interface BothIccids {
  /** Printed digits; the hex where it holds none. */
  readonly iccid: string;
  readonly efIccid: string;
}

/** A copy of what the eIM keeps, with each `iccid` in hex joined by its other form. */
export function withBothIccids(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withBothIccids);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).flatMap(([name, member]) =>
      name === 'iccid' && typeof member === 'string'
        ? Object.entries(bothIccids(member))
        : [[name, withBothIccids(member)]],
    ),
  );
}

/** Both forms of the hex of EF.ICCID. */
export function bothIccids(hex: string): BothIccids {
  try {
    const iccid = parseIccid(hex);
    return { iccid: iccidDigits(iccid), efIccid: iccid };
  } catch (error) {
    if (error instanceof IdError) return { iccid: hex, efIccid: hex };
    throw error;
  }
}

/** GET /v1/orders/:id. Times are ISO 8601, UTC. */
export interface OrderView {
  readonly id: string;
  readonly eid: string;
  readonly facility: string;
  /** As in the submission, ICCIDs in both forms. */
  readonly steps: readonly Readonly<Record<string, unknown>>[];
  /** Only where it is to be pushed. */
  readonly push?: true;
  /** Only where the eIM asks of itself: why. */
  readonly byEim?: string;
  /** Only in the answer to POST: why what was asked for may not come about. */
  readonly warning?: string;
  readonly state: 'new' | 'work' | 'done';
  /** Only when done. */
  readonly success?: boolean;
  /** Only where its result is that of a consumer eUICC, which no signature proves. */
  readonly unproven?: true;
  /** One entry for each operation: `{ "enableResult": "ok" }`; [] until done. */
  readonly outcome: readonly Readonly<Record<string, unknown>>[];
  /** Why it ended so, for people; '' until done. */
  readonly reason: string;
  readonly submitted: string;
  /** Of the last change of state. */
  readonly changed: string;
  /** How often its eIM package left for the device; only in work. */
  readonly deliveries?: number;
  readonly history: readonly HistoryView[];
  /** Another one after each change; for `since`. */
  readonly version: string;
}

export interface HistoryView {
  readonly at: string;
  readonly event: string;
  readonly detail?: string;
}

export interface OrderList {
  readonly orders: readonly OrderView[];
  /** There may be more: ask again with `after` set to this. */
  readonly next?: string;
}

/** GET /v1/devices/:identity: without keys. */
export interface DeviceView {
  readonly identity: string;
  readonly eids: readonly string[];
  readonly added: string;
  readonly note?: string;
  /** `192.0.2.7:5684`: where it may be pushed to. */
  readonly address?: string;
  /** `rotating`: it has a new one and has not used it yet. */
  readonly psk: 'none' | 'one' | 'rotating';
  /** SHA-256 of pinned certificates, in hex. */
  readonly certificates?: readonly string[];
  /** SHA-256 of pinned keys (SubjectPublicKeyInfo), in hex. */
  readonly publicKeys?: readonly string[];
  readonly chain?: boolean;
  /** Since then none of its credentials is taken. */
  readonly revoked?: string;
}

/** POST /v1/devices, and …/rotate: the only answers that hold the key, in hex; absent where the device has none. */
export interface NewDeviceView extends DeviceView {
  readonly key?: string;
}

export interface DeviceList {
  readonly devices: readonly DeviceView[];
  /** As in OrderList. */
  readonly next?: string;
}

/** POST /v1/devices/batch: one entry for each device, in order. */
export interface DeviceBatchView {
  readonly results: readonly DeviceResult[];
}

/** `unchanged`: it was there already, the same in every member. */
export type DeviceResult =
  | {
      readonly status: 'added' | 'replaced' | 'unchanged';
      readonly identity: string;
      /** Only where it was made here. */
      readonly key?: string;
    }
  | ({ readonly status: 'refused' } & ErrorBody['error']);

/** GET /v1/euiccs/:eid. Octets in hex. */
export interface EuiccView {
  readonly eid: string;
  readonly counterValue: number;
  /** Only where it is time to give the eUICC a new one. */
  readonly counterLeft?: number;
  readonly associationToken: number;
  readonly consumerEuicc: boolean;
  readonly signAlgo: string;
  /** Without it the eUICC's results cannot be verified yet. */
  readonly signPubKey?: string;
  /** The version of SGP.32 that its device speaks, and how that is known: `assumed: nothing tells it`. */
  readonly level: string;
  readonly levelFrom: string;
  /**
   * What the eUICC's results are believed for: `certificates` up to a CI root, the key that the `operator` set; `none`
   * while its key is not known; `unproven`: they are believed without proof (consumerEuicc).
   */
  readonly proof: 'certificates' | 'operator' | 'none' | 'unproven';
  readonly stateChangeCauseList: readonly string[];
  readonly profiles?: readonly ProfileView[];
  /** When the eUICC told them. */
  readonly profilesAt?: string;
  /** They were never listed whole: there may be others. */
  readonly profilesPartial?: true;
  /** eIMs that it is associated with. */
  readonly eims?: readonly { readonly eimId: string; readonly eimIdType?: string }[];
  readonly eimsAt?: string;
  readonly defaultSmdpAddress?: string;
  readonly rootSmdsAddress?: string;
  /** As the standard names their members; what cannot be read is hex. */
  readonly euiccInfo1?: unknown;
  readonly euiccInfo2?: unknown;
  readonly ipaCapabilities?: unknown;
  readonly deviceInfo?: unknown;
  /** Checked up to a CI root. */
  readonly euiccCertificate?: CertificateView;
  readonly eumCertificate?: CertificateView;
  /** How what is known is known, by the names of the members above. */
  readonly known: Readonly<Record<string, KnownView>>;
  /** What is not to be relied on until the eUICC has told anew. */
  readonly doubts: { readonly [About in Topic]?: DoubtView };
  /** A package that left and whose result has not come. */
  readonly outstanding?: { readonly order: string; readonly counterValue?: number };
  readonly lastStateChange?: { readonly cause: string; readonly at: string };
  readonly added: string;
  readonly firstContact?: string;
  readonly lastContact?: string;
  readonly lastPeer?: string;
  /** Seconds from one call of the device to the next, as a rule; learned from its polls. */
  readonly pollInterval?: number;
  /** When it is expected to call again, by that. */
  readonly nextContact?: string;
}

export type { Sureness };

export interface KnownView {
  readonly since: string;
  /** For people. */
  readonly source: string;
  /** `proven` by a signature, `reported` unsigned, `inferred`, or `set` by the operator. */
  readonly sure: Sureness;
}

export interface DoubtView {
  readonly since: string;
  readonly why: string;
  /** How often the eIM has asked because of it. */
  readonly asked: number;
}

/** One deviation of one eUICC's device. */
export interface QuirkView {
  readonly name: string;
  readonly about: string;
  readonly count: number;
  readonly first: string;
  readonly last: string;
  /** Where in the message it last was. */
  readonly where: string;
}

/** GET /v1/euiccs/:eid/quirks. */
export interface QuirksOfEuicc {
  readonly eid: string;
  readonly quirks: readonly QuirkView[];
}

/** One deviation of the eUICCs of one EUM. */
export interface QuirkOfEumView {
  /** The first 8 digits of their EIDs. */
  readonly eum: string;
  readonly name: string;
  readonly euiccs: number;
  readonly count: number;
  readonly first: string;
  readonly last: string;
}

/** GET /v1/quirks: those met, and all that are known. */
export interface QuirkOverview {
  readonly eums: readonly QuirkOfEumView[];
  readonly known: readonly {
    readonly name: string;
    readonly about: string;
    readonly evidence: string;
  }[];
}

export interface CertificateView {
  readonly subject: string;
  readonly issuer: string;
  readonly serialNumber: string;
  readonly notBefore: string;
  readonly notAfter: string;
  /** Hex. */
  readonly der: string;
}

export interface ProfileView extends BothIccids {
  readonly isdpAid?: string;
  readonly state?: string;
  readonly class?: string;
  readonly name?: string;
  readonly serviceProviderName?: string;
  readonly nickname?: string;
  readonly fallback?: boolean;
  readonly fallbackAllowed?: boolean;
}

export interface EuiccList {
  readonly euiccs: readonly EuiccView[];
  /** As in OrderList. */
  readonly next?: string;
}

/** GET /v1/dtls: those after a connection's id, in the order that memory has them. */
export const ConnectionQuery = z.strictObject({
  identity: z.string().max(256).exactOptional(),
  after: z.string().max(64).exactOptional(),
  limit: queryNumber(1, 1000).exactOptional(),
});

/** GET /v1/dtls/:id: a DTLS connection in memory. Octets in hex. */
export interface ConnectionView {
  readonly id: string;
  /** Asleep: not heard of for a while, and kept as octets until it is. */
  readonly state: 'awake' | 'asleep';
  /** `192.0.2.1:40000`, where it was last heard from. */
  readonly address: string;
  readonly credential: 'psk' | 'certificate' | 'rawPublicKey' | 'anonymous';
  /** Who the device proved to be. */
  readonly identity?: string;
  readonly suite: string;
  /** The connection ID (RFC 9146) in what the device sends, and in what it gets. */
  readonly cid?: string;
  readonly peerCid?: string;
  /** When its handshake was done. */
  readonly began: string;
  readonly lastContact: string;
  /** How often its address changed. */
  readonly moves: number;
  readonly datagramsIn: number;
  readonly datagramsOut: number;
  readonly octetsIn: number;
  readonly octetsOut: number;
  /** Records dropped, by reason. */
  readonly drops: Readonly<Record<string, number>>;
}

export interface ConnectionList {
  readonly connections: readonly ConnectionView[];
  /** As in OrderList. */
  readonly next?: string;
  readonly handshakes: number;
  readonly awake: number;
  readonly asleep: number;
  /** Sessions in memory that may be resumed by ID. */
  readonly sessions: number;
}

/** GET /v1/notifications: those after an id, in the order of EIDs and of their sequence numbers. */
export const NotificationQuery = z.strictObject({
  eid: eidText.exactOptional(),
  state: z.enum(['waiting', 'refused']).exactOptional(),
  after: z.string().max(1024).exactOptional(),
  limit: queryNumber(1, 1000).exactOptional(),
});

/** GET /v1/notifications/:id: a notification of a eUICC that its SM-DP+ does not have yet. */
export interface NotificationView extends Partial<BothIccids> {
  /** `<eid>-<seqNumber>-<address>`. */
  readonly id: string;
  readonly eid: string;
  readonly seqNumber: number;
  /** As the standard names it: `notificationEnable`. */
  readonly operation: string;
  /** Where it is taken. */
  readonly address: string;
  /** Where the eUICC says that it belongs. */
  readonly announcedAddress: string;
  /** Refused: the SM-DP+ has read it and will not have it; only retry takes it there again. */
  readonly state: 'waiting' | 'refused';
  readonly received: string;
  /** How often it was taken there. */
  readonly tries: number;
  readonly lastTry?: string;
  /** No sooner than then. */
  readonly nextTry?: string;
  /** What came of the last try. */
  readonly reason?: string;
  /** As ES9+ carries it, hex. */
  readonly pendingNotification: string;
}

export interface NotificationList {
  readonly notifications: readonly NotificationView[];
  /** As in OrderList. */
  readonly next?: string;
}

/** POST /v1/notifications/:id/retry. */
export type NotificationRetryView =
  | { readonly delivered: true }
  | { readonly delivered: false; readonly notification: NotificationView };

/** GET /v1/info. Octets in hex, certificates in PEM. */
export interface InfoView {
  readonly version: string;
  readonly hostname: string;
  readonly started: string;
  readonly eimId: string;
  readonly eimFqdn?: string;
  readonly coaps: { readonly host: string; readonly port: number };
  /** EimConfigurationData (SGP.32 2.11.1.1.1), `30…`. */
  readonly eimConfigurationData: string;
  /** AddInitialEimRequest (SGP.32 5.9.4), `BF57…`. */
  readonly addInitialEimRequest: string;
  /** Public key or certificate that eUICC Packages are verified with. */
  readonly eimCertificate: string;
  readonly tlsCertificate: string;
  /** What was dropped since the start, by reason. */
  readonly drops: Readonly<Record<string, number>>;
  /** What is switched off that keeps others out, for people. */
  readonly warnings: readonly string[];
}

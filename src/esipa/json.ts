/**
 * The JSON binding of ESipa (SGP.32 6.4.1) as a change of clothes: a JSON request becomes the DER message of the same
 * function, its answer in DER becomes JSON. What is signed is cut and wrapped, never read: it passes byte for byte.
 * Members carry DER in base64, transactionIds are hex. See docs/interpretation-log.md#esipa-over-https.
 */
import { BytesError, base64, fromBase64, fromUtf8, hex, toHex, utf8 } from '../base/bytes.ts';
import { DerError, readAll, readOnly, type Tlv, tlv } from '../messages/tlv.ts';
import { NoFunctionError } from './functions.ts';
import {
  type AnsweredFunction,
  type ExecutionStatus,
  statusOfError,
  success,
} from './json-status.ts';

/** A JSON request that is no message of its function; `reason` is 2.1 (invalid) or 2.2 (missing). */
export class JsonRequestError extends Error {
  override readonly name = 'JsonRequestError';
  readonly reason: '2.1' | '2.2';

  constructor(reason: '2.1' | '2.2', complaint: string, options?: ErrorOptions) {
    super(complaint, options);
    this.reason = reason;
  }
}

/** An answer's members, beside its header. */
export type Members = Readonly<Record<string, string | number>>;

export interface JsonAnswer {
  readonly status: ExecutionStatus;
  readonly members: Members;
}

interface JsonFunction {
  /** The message in DER. Throws JsonRequestError. */
  ask(request: Request): Uint8Array;
  /** What the answer holds; absent: the function has none. */
  answer?(answer: Tlv): JsonAnswer;
}

const tag = {
  error: 0x02,
  octetString: 0x04,
  text: 0x0c,
  sequence: 0x30,
  eid: 0x5a,
  signature: 0x5f37,
  euiccInfo1: 0xbf20,
  prepareDownloadResponse: 0xbf21,
  profileMetadata: 0xbf25,
  boundProfilePackage: 0xbf36,
  profileInstallationResult: 0xbf37,
  authenticateServerResponse: 0xbf38,
  cancelSession: 0xbf41,
  provideEimPackageResult: 0xbf50,
  euiccPackage: 0xbf51,
  ipaEuiccData: 0xbf52,
  eimAcknowledgements: 0xbf53,
  profileDownloadTrigger: 0xbf54,
} as const;

/** The arms of EimPackageResult, as they stand in BF50. */
const results = [
  tag.euiccPackage,
  tag.sequence,
  tag.ipaEuiccData,
  tag.profileDownloadTrigger,
  0xa0,
] as const;

/** By the last segment of the path. */
const functions: Readonly<Record<string, JsonFunction>> = {
  initiateAuthentication: {
    ask: (request) =>
      tlv(
        0xbf39,
        tlv(0x81, request.octets('euiccChallenge')),
        request.text('smdpAddress', (text) => tlv(0x83, utf8(text))),
        request.object('euiccInfo1', [tag.euiccInfo1], 'optional'),
        request.text('eimTransactionId', (text) => tlv(0x82, transactionId(text))),
      ),
    answer: (answer) =>
      outcome('initiateAuthentication', answer, (ok) => {
        const [serverSigned1, serverCertificate] = all(ok, tag.sequence);
        return {
          ...hexMember('transactionId', one(ok, 0x80)),
          ...member('serverSigned1', serverSigned1),
          ...member('serverSignature1', one(ok, tag.signature)),
          ...member('euiccCiPKIdentifierToBeUsed', one(ok, tag.octetString)),
          ...member('serverCertificate', serverCertificate),
          ...textMember('matchingId', one(ok, tag.text)),
          ...contentMember('ctxParams1', one(ok, 0xa2)),
        };
      }),
  },
  authenticateClient: {
    ask: (request) =>
      tlv(
        0xbf3b,
        tlv(0x80, request.transactionId()),
        request.object('authenticateServerResponse', [tag.authenticateServerResponse]),
      ),
    answer: (answer) =>
      outcome('authenticateClient', answer, (ok) => {
        const [smdpSigned2, smdpCertificate] = all(ok, tag.sequence);
        return {
          ...hexMember('transactionId', one(ok, 0x80)),
          ...member('profileMetadata', one(ok, tag.profileMetadata)),
          ...member('smdpSigned2', smdpSigned2),
          ...member('smdpSignature2', one(ok, tag.signature)),
          ...member('smdpCertificate', smdpCertificate),
          ...member('hashCc', one(ok, tag.octetString)),
          ...member('profileDownloadTrigger', one(ok, tag.profileDownloadTrigger)),
        };
      }),
  },
  getBoundProfilePackage: {
    ask: (request) =>
      tlv(
        0xbf3a,
        tlv(0x80, request.transactionId()),
        request.object('prepareDownloadResponse', [tag.prepareDownloadResponse]),
      ),
    answer: (answer) =>
      outcome('getBoundProfilePackage', answer, (ok) => ({
        ...hexMember('transactionId', one(ok, 0x80)),
        ...member('boundProfilePackage', one(ok, tag.boundProfilePackage)),
      })),
  },
  cancelSession: {
    ask(request) {
      // Within the message an automatic tag takes the place of the card's own BF41.
      const response = request.object('cancelSessionResponse', [tag.cancelSession, 0xa1]);
      return tlv(
        tag.cancelSession,
        tlv(0x80, request.transactionId()),
        tlv(0xa1, readOnly(response).value),
      );
    },
    answer: (answer) => outcome('cancelSession', answer, () => ({})),
  },
  getEimPackage: {
    ask: (request) =>
      tlv(
        0xbf4f,
        request.eid(),
        request.flag('notifyStateChange') ? tlv(0x80) : empty,
        request.code('stateChangeCause', (code) => tlv(0x81, Uint8Array.of(code))),
        request.octets('rPlmn', (octets) => tlv(0x82, octets)),
      ),
    answer(answer) {
      const [eimPackage] = readAll(answer.value);
      switch (eimPackage?.tag) {
        case tag.euiccPackage:
          return { status: success, members: member('euiccPackageRequest', eimPackage) };
        case tag.ipaEuiccData:
          return { status: success, members: member('ipaEuiccDataRequest', eimPackage) };
        case tag.profileDownloadTrigger:
          return { status: success, members: member('profileDownloadTriggerRequest', eimPackage) };
        default: {
          // Both spellings: IPAs are met that look at the one, and at the other.
          const eimPackageError = integerIn(eimPackage);
          return {
            status: statusOfError('getEimPackage', eimPackageError),
            members: { eimPackageError },
          };
        }
      }
    },
  },
  provideEimPackageResult: {
    ask(request) {
      const whole = request.object(
        'provideEimPackageResult',
        [tag.provideEimPackageResult],
        'optional',
      );
      if (whole.length > 0) return whole;
      const result = request.object('eimPackageResult', [tag.provideEimPackageResult, ...results]);
      if (readOnly(result).tag === tag.provideEimPackageResult) return result;
      return tlv(tag.provideEimPackageResult, request.eid(), result);
    },
    answer({ value }) {
      const [arm] = readAll(value);
      if (arm?.tag === tag.error) {
        const status = statusOfError('provideEimPackageResult', integerIn(arm));
        return { status, members: {} };
      }
      const acknowledgements = arm?.tag === tag.eimAcknowledgements ? arm : undefined;
      return { status: success, members: member('eimAcknowledgements', acknowledgements) };
    },
  },
  handleNotification: {
    ask(request) {
      const result = request.object(
        'provideEimPackageResult',
        [tag.provideEimPackageResult, ...results],
        'optional',
      );
      if (result.length > 0) {
        const isWhole = readOnly(result).tag === tag.provideEimPackageResult;
        return tlv(0xbf3d, isWhole ? result : tlv(tag.provideEimPackageResult, result));
      }
      const kinds = [tag.profileInstallationResult, tag.sequence, 0xa0, 0xa1];
      return tlv(0xbf3d, tlv(0xa0, request.object('pendingNotification', kinds)));
    },
  },
  transferEimPackage: {
    ask() {
      throw new NoFunctionError('TransferEimPackage is not a function that an IPA calls');
    },
  },
};

const empty = new Uint8Array();

/** Whether the JSON binding has a function of this name. */
export function isJsonFunction(name: string): boolean {
  return Object.hasOwn(functions, name);
}

/** The ESipa message of a JSON request, in DER. Throws JsonRequestError, or NoFunctionError. */
export function messageOfJson(name: string, body: Uint8Array): Uint8Array {
  return functionOf(name).ask(new Request(body));
}

/** The JSON of an answer; undefined where the function has none. */
export function jsonOfAnswer(name: string, answer: Uint8Array): JsonAnswer | undefined {
  return answer.length === 0 ? undefined : functionOf(name).answer?.(readOnly(answer));
}

function functionOf(name: string): JsonFunction {
  const found = isJsonFunction(name) ? functions[name] : undefined;
  if (found === undefined) throw new NoFunctionError(`there is no function ${name}`);
  return found;
}

/** A JSON object whose members are read one by one. Throws JsonRequestError. */
class Request {
  readonly #members: object;

  constructor(body: Uint8Array) {
    const json = parsed(body);
    if (typeof json !== 'object' || json === null || Array.isArray(json)) {
      throw new JsonRequestError('2.1', 'the request is no JSON object');
    }
    this.#members = json;
  }

  /** A text, made into octets; none where the member is absent. */
  text(name: string, octetsOf: (text: string) => Uint8Array): Uint8Array {
    const text = this.#text(name);
    return text === undefined ? empty : octetsOf(text);
  }

  /** Octets in base64; with `octetsOf` the member is optional, and no octets where it is absent. */
  octets(name: string, octetsOf?: (octets: Uint8Array) => Uint8Array): Uint8Array {
    const text = this.#text(name);
    if (text !== undefined) {
      const octets = inBase64(name, text);
      return octetsOf === undefined ? octets : octetsOf(octets);
    }
    if (octetsOf === undefined) throw missing(name);
    return empty;
  }

  /** One TLV in base64, of one of these tags; no octets where it is optional and absent. */
  object(name: string, tags: readonly number[], presence?: 'optional'): Uint8Array {
    const text = this.#text(name);
    if (text === undefined) {
      if (presence === 'optional') return empty;
      throw missing(name);
    }
    const octets = inBase64(name, text);
    const { tag: found } = oneTlv(name, octets);
    if (tags.includes(found)) return octets;
    throw new JsonRequestError('2.1', `${name} has tag ${found.toString(16).toUpperCase()}`);
  }

  transactionId(): Uint8Array {
    const text = this.#text('transactionId');
    if (text === undefined) throw missing('transactionId');
    return transactionId(text);
  }

  /**
   * `5A…` with the EID, no octets where there is none. What is no EID goes on as one of no octets: the function has an
   * error of its own for that.
   */
  eid(): Uint8Array {
    const value = this.#value('eidValue');
    if (value === undefined) return empty;
    const isEid = typeof value === 'string' && /^[0-9]{32}$/.test(value);
    return tlv(tag.eid, isEid ? hex(value) : empty);
  }

  flag(name: string): boolean {
    const value = this.#value(name);
    if (value === undefined || typeof value === 'boolean') return value ?? false;
    throw new JsonRequestError('2.1', `${name} is neither true nor false`);
  }

  /** An INTEGER of one octet; no octets where it is absent. */
  code(name: string, octetsOf: (code: number) => Uint8Array): Uint8Array {
    const value = this.#value(name);
    if (value === undefined) return empty;
    if (typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= 127) {
      return octetsOf(value);
    }
    throw new JsonRequestError('2.1', `${name} is no number from 0 to 127`);
  }

  #text(name: string): string | undefined {
    const value = this.#value(name);
    if (value === undefined || typeof value === 'string') return value;
    throw new JsonRequestError('2.1', `${name} is no text`);
  }

  #value(name: string): unknown {
    const value: unknown = Object.hasOwn(this.#members, name)
      ? Reflect.get(this.#members, name)
      : undefined;
    return value ?? undefined;
  }
}

function parsed(body: Uint8Array): unknown {
  try {
    return JSON.parse(fromUtf8(body).replace(/^\uFEFF/, ''));
  } catch (cause) {
    if (!(cause instanceof SyntaxError || cause instanceof BytesError)) throw cause;
    throw new JsonRequestError('2.1', 'the request is no JSON', { cause });
  }
}

function missing(name: string): JsonRequestError {
  return new JsonRequestError('2.2', `${name} is missing`);
}

function inBase64(name: string, text: string): Uint8Array {
  try {
    return fromBase64(text);
  } catch (cause) {
    if (!(cause instanceof BytesError)) throw cause;
    throw new JsonRequestError('2.1', `${name} is no base64`, { cause });
  }
}

function oneTlv(name: string, octets: Uint8Array): Tlv {
  try {
    return readOnly(octets, name);
  } catch (cause) {
    if (!(cause instanceof DerError)) throw cause;
    throw new JsonRequestError('2.1', cause.message, { cause });
  }
}

/** 1 to 16 octets in hex of either case. */
function transactionId(text: string): Uint8Array {
  if (/^([0-9A-Fa-f]{2}){1,16}$/.test(text)) return hex(text);
  throw new JsonRequestError('2.1', 'a transactionId has 1 to 16 octets in hex');
}

/** The answer of a function that has an arm `A0` (or `A1`) for success, and one of a number for failure. */
function outcome(
  name: AnsweredFunction,
  { value }: Tlv,
  membersOf: (ok: readonly Tlv[]) => Members,
): JsonAnswer {
  const arm = readOnly(value);
  if (arm.tag === 0x81 || arm.tag === 0x82) {
    return { status: statusOfError(name, integerIn(arm)), members: {} };
  }
  return { status: success, members: membersOf(readAll(arm.value)) };
}

function all(among: readonly Tlv[], wanted: number): readonly Tlv[] {
  return among.filter((element) => element.tag === wanted);
}

function one(among: readonly Tlv[], wanted: number): Tlv | undefined {
  return among.find((element) => element.tag === wanted);
}

/** The element as it stands, tag and length with it. */
function member(name: string, element: Tlv | undefined): Members {
  return element === undefined ? {} : { [name]: base64(element.raw) };
}

/** What the element holds: another, whole. */
function contentMember(name: string, element: Tlv | undefined): Members {
  return element === undefined ? {} : { [name]: base64(element.value) };
}

function hexMember(name: string, element: Tlv | undefined): Members {
  return element === undefined ? {} : { [name]: toHex(element.value) };
}

function textMember(name: string, element: Tlv | undefined): Members {
  return element === undefined ? {} : { [name]: fromUtf8(element.value) };
}

/** Our own error codes: small numbers. */
function integerIn(element: Tlv | undefined): number {
  return element?.value[0] ?? 127;
}

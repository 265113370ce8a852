/**
 * The device's side of ESipa in JSON (SGP.32 6.4.1): what the IPA says in DER put into JSON, and the eIM's JSON put back
 * into DER. Written from the facts alone, and not from the eIM's side of it.
 */
import { base64, fromBase64, hex, toHex, utf8 } from '../../../src/base/bytes.ts';
import { readAll, readOnly, type Tlv, tlv } from '../../../src/messages/tlv.ts';
import { IpaError } from './card.ts';

export interface JsonRequest {
  /** The last segment of the path. */
  readonly function: string;
  readonly body: object;
}

/** The JSON request of an ESipa message, DER. */
export function jsonOfMessage(message: Uint8Array): JsonRequest {
  const { tag, value } = readOnly(message);
  const name = functions[tag];
  if (name === undefined) throw new IpaError(`no ESipa message: ${tag.toString(16)}`);
  return { function: name, body: bodyOf(name, value) };
}

const functions: Readonly<Record<number, string>> = {
  48953: 'initiateAuthentication', // BF39
  48954: 'getBoundProfilePackage', // BF3A
  48955: 'authenticateClient', // BF3B
  48957: 'handleNotification', // BF3D
  48961: 'cancelSession', // BF41
  48975: 'getEimPackage', // BF4F
  48976: 'provideEimPackageResult', // BF50
};

const tags: Readonly<Record<string, number>> = Object.fromEntries(
  Object.entries(functions).map(([tag, name]) => [name, Number(tag)]),
);

function bodyOf(name: string, value: Uint8Array): object {
  const has = (tag: number) => readAll(value).find((one) => one.tag === tag);
  const of = (member: string, tag: number, show: (found: Tlv) => unknown) => {
    const found = has(tag);
    return found === undefined ? {} : { [member]: show(found) };
  };
  const whole = ({ raw }: Tlv) => base64(raw);
  const inHex = ({ value: octets }: Tlv) => toHex(octets);
  const session = of('transactionId', 0x80, inHex);
  switch (name) {
    case 'initiateAuthentication':
      return {
        ...of('euiccChallenge', 0x81, (found) => base64(found.value)),
        ...of('smdpAddress', 0x83, (found) => Buffer.from(found.value).toString('utf8')),
        ...of('euiccInfo1', 0xbf20, whole),
        ...of('eimTransactionId', 0x82, inHex),
      };
    case 'authenticateClient':
      return { ...session, ...of('authenticateServerResponse', 0xbf38, whole) };
    case 'getBoundProfilePackage':
      return { ...session, ...of('prepareDownloadResponse', 0xbf21, whole) };
    case 'cancelSession':
      // Alone it is BF41 again (SGP.32 6.3.2.5 has an automatic tag in its place).
      return {
        ...session,
        ...of('cancelSessionResponse', 0xa1, (found) => base64(tlv(0xbf41, found.value))),
      };
    case 'getEimPackage':
      return {
        ...of('eidValue', 0x5a, inHex),
        ...of('notifyStateChange', 0x80, () => true),
        ...of('stateChangeCause', 0x81, (found) => found.value[0]),
        ...of('rPlmn', 0x82, (found) => base64(found.value)),
      };
    case 'provideEimPackageResult': {
      const result = readAll(value).find(({ tag }) => tag !== 0x5a);
      if (result === undefined) throw new IpaError('a result of nothing');
      return { ...of('eidValue', 0x5a, inHex), eimPackageResult: base64(result.raw) };
    }
    default:
      return {
        ...of('pendingNotification', 0xa0, (found) => base64(found.value)),
        ...of('provideEimPackageResult', 0xbf50, whole),
      };
  }
}

/** The answer to a function in DER; no octets where there is none. Throws IpaError where it is not to be understood. */
export function answerOfJson(name: string, json: unknown): Uint8Array {
  const tag = tags[name] ?? 0;
  const { status, subjectCode, reasonCode } = statusOf(json);
  const text = (member: string): string | undefined => {
    const value: unknown = Reflect.get(Object(json), member);
    return typeof value === 'string' ? value : undefined;
  };
  const octets = (member: string): Uint8Array => {
    const found = text(member);
    return found === undefined ? new Uint8Array() : fromBase64(found);
  };
  const hexed = (member: string): Uint8Array => {
    const found = text(member);
    return found === undefined ? new Uint8Array() : tlv(0x80, hex(found));
  };
  if (name === 'getEimPackage') {
    const code: unknown = Reflect.get(Object(json), 'eimPackageError');
    if (typeof code === 'number') return tlv(tag, tlv(0x02, Uint8Array.of(code)));
    const members = ['euiccPackageRequest', 'ipaEuiccDataRequest', 'profileDownloadTriggerRequest'];
    return tlv(tag, ...members.map(octets));
  }
  if (status !== 'Executed-Success') {
    const code = codes[name]?.[`${subjectCode}/${reasonCode}`] ?? 127;
    const arm =
      name === 'provideEimPackageResult' ? 0x02 : name === 'authenticateClient' ? 0x82 : 0x81;
    return tlv(tag, tlv(arm, Uint8Array.of(code)));
  }
  switch (name) {
    case 'initiateAuthentication': {
      const matchingId = text('matchingId');
      const ctxParams1 = octets('ctxParams1');
      return tlv(
        tag,
        tlv(
          0xa0,
          hexed('transactionId'),
          octets('serverSigned1'),
          octets('serverSignature1'),
          octets('euiccCiPKIdentifierToBeUsed'),
          octets('serverCertificate'),
          matchingId === undefined ? new Uint8Array() : tlv(0x0c, utf8(matchingId)),
          ctxParams1.length === 0 ? ctxParams1 : tlv(0xa2, ctxParams1),
        ),
      );
    }
    case 'authenticateClient': {
      const arm = text('smdpSigned2') === undefined ? 0xa1 : 0xa0;
      const members = [
        'profileMetadata',
        'smdpSigned2',
        'smdpSignature2',
        'smdpCertificate',
        'hashCc',
      ];
      const all = [...members.map(octets), octets('profileDownloadTrigger')];
      return tlv(tag, tlv(arm, hexed('transactionId'), ...all));
    }
    case 'getBoundProfilePackage':
      return tlv(tag, tlv(0xa0, hexed('transactionId'), octets('boundProfilePackage')));
    case 'cancelSession':
      return tlv(tag, tlv(0xa0));
    case 'provideEimPackageResult': {
      const taken = octets('eimAcknowledgements');
      return tlv(tag, taken.length === 0 ? tlv(0x30) : taken);
    }
    default:
      throw new IpaError(`${name} is answered, and has no answer`);
  }
}

function statusOf(json: unknown) {
  const header: unknown = Reflect.get(Object(json), 'header');
  const execution: unknown = Reflect.get(Object(header), 'functionExecutionStatus');
  const data: unknown = Reflect.get(Object(execution), 'statusCodeData');
  const status: unknown = Reflect.get(Object(execution), 'status');
  if (typeof status !== 'string') throw new IpaError('an answer without functionExecutionStatus');
  const subjectCode: unknown = Reflect.get(Object(data), 'subjectCode');
  const reasonCode: unknown = Reflect.get(Object(data), 'reasonCode');
  return { status, subjectCode, reasonCode };
}

/** Error codes by subject and reason (facts sheet 4.5); what is not here is 127. */
const codes: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  initiateAuthentication: {
    '8.8.1/3.8': 1,
    '8.8.3/3.1': 2,
    '8.8.2/3.1': 3,
    '8.8.4/3.7': 3,
    '8.8.1/3.10': 50,
    '8.8/3.10': 51,
    '8.31.2/3.10': 52,
  },
  authenticateClient: {
    '8.1.2/6.1': 1,
    '8.1.2/6.3': 2,
    '8.1.3/6.1': 3,
    '8.1.3/6.3': 4,
    '8.1/6.1': 5,
    '8.2.6/3.8': 6,
    '8.1.1/3.8': 7,
    '8.2.5/4.3': 8,
    '8.11.1/3.9': 9,
    '8.10.1/3.9': 10,
    '8.1/4.8': 11,
    '8.8.5/4.10': 18,
    '8.2.8/1.2': 50,
    '8.9.5/3.9': 56,
  },
  getBoundProfilePackage: {
    '8.1/6.1': 1,
    '8.2.7/2.2': 2,
    '8.2.7/3.8': 3,
    '8.2.7/6.4': 4,
    '8.2/3.7': 5,
    '8.8.5/4.10': 6,
    '8.2.9/3.11': 50,
    '8.10.1/3.9': 95,
  },
  cancelSession: { '8.10.1/3.9': 1, '8.1/6.1': 2 },
  provideEimPackageResult: { '8.1.1/3.9': 2, '8.1.1/2.1': 3, '8.1.1/2.2': 4 },
};

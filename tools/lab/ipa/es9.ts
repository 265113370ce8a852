/**
 * SM-DP+ and SM-DS as the device itself reaches them: ES9+ and ES11 in their JSON binding (SGP.22 5.6, 5.8, 6.5). It
 * takes what servers are known to write otherwise: signatures and key identifiers bare, transactionIds in either case.
 */
import { BytesError, base64, fromBase64, hex, toHex, utf8 } from '../../../src/base/bytes.ts';
import { DerError, readOnly, tlv } from '../../../src/messages/tlv.ts';
import { type JsonClient, type PeerAnswer, PeerError } from '../server/json-client.ts';
import { child } from './card.ts';
import {
  type Beginning,
  type Events,
  type Initiated,
  type Offer,
  Refused,
  type RspServer,
} from './rsp-server.ts';
import type { OnStep } from './steps.ts';

export interface Es9Options {
  readonly client: JsonClient;
  /** host:port of the SM-DP+ or SM-DS. */
  readonly address: string;
  /** What the server is called as it is told of. */
  readonly name: 'SM-DP+' | 'SM-DS';
  readonly onStep: OnStep;
}

type Members = Readonly<Record<string, unknown>>;

export class Es9 implements RspServer {
  readonly #options: Es9Options;

  constructor(options: Es9Options) {
    this.#options = options;
  }

  async initiateAuthentication({ euiccChallenge, euiccInfo1 }: Beginning): Promise<Initiated> {
    const answer = await this.#ask('initiateAuthentication', {
      euiccChallenge: base64(euiccChallenge),
      euiccInfo1: base64(euiccInfo1),
      smdpAddress: this.#options.address,
    });
    const serverSigned1 = octets(answer, 'serverSigned1');
    const transactionId = hexOctets(answer, 'transactionId');
    const signed = child(serverSigned1, 0x80, 'serverSigned1').value;
    if (toHex(signed) !== toHex(transactionId)) {
      throw new Refused('the signed transactionId is another than the one beside it');
    }
    return {
      transactionId,
      serverSigned1,
      serverSignature1: tagged(answer, 'serverSignature1', 0x5f37),
      euiccCiPKIdToBeUsed: tagged(answer, 'euiccCiPKIdToBeUsed', 0x04),
      serverCertificate: octets(answer, 'serverCertificate'),
    };
  }

  async authenticateClient(
    transactionId: Uint8Array,
    authenticateServerResponse: Uint8Array,
  ): Promise<Offer | Events> {
    const answer = await this.#ask('authenticateClient', {
      transactionId: toHex(transactionId),
      authenticateServerResponse: base64(authenticateServerResponse),
    });
    if (answer.eventEntries !== undefined && answer.eventEntries !== null) {
      return { type: 'events', triggers: eventTriggers(answer.eventEntries) };
    }
    return {
      type: 'offer',
      ...(answer.profileMetadata !== undefined && {
        profileMetadata: octets(answer, 'profileMetadata'),
      }),
      smdpSigned2: octets(answer, 'smdpSigned2'),
      smdpSignature2: tagged(answer, 'smdpSignature2', 0x5f37),
      smdpCertificate: octets(answer, 'smdpCertificate'),
    };
  }

  async getBoundProfilePackage(
    transactionId: Uint8Array,
    prepareDownloadResponse: Uint8Array,
  ): Promise<Uint8Array> {
    const answer = await this.#ask('getBoundProfilePackage', {
      transactionId: toHex(transactionId),
      prepareDownloadResponse: base64(prepareDownloadResponse),
    });
    return octets(answer, 'boundProfilePackage');
  }

  async cancelSession(transactionId: Uint8Array, cancelSessionResponse: Uint8Array): Promise<void> {
    await this.#ask('cancelSession', {
      transactionId: toHex(transactionId),
      cancelSessionResponse: base64(cancelSessionResponse),
    });
  }

  /** ES9+.HandleNotification: `BF37…` or `30…`. */
  async handleNotification(pendingNotification: Uint8Array): Promise<void> {
    await this.#ask('handleNotification', { pendingNotification: base64(pendingNotification) });
  }

  /** The members of a successful answer; throws Refused. */
  async #ask(what: string, body: Members): Promise<Members> {
    const { name, onStep } = this.#options;
    const told = (result: string) => onStep({ from: 'IPA', to: name, what, result });
    let answer: PeerAnswer;
    try {
      answer = await this.#post(what, body);
    } catch (cause) {
      if (!(cause instanceof PeerError)) throw cause;
      told(cause.message);
      throw new Refused(`the ${name} cannot be asked: ${cause.message}`, undefined, { cause });
    }
    const back = `(${answer.body.length} B back)`;
    if (answer.refusal === undefined) {
      told(`ok ${back}`);
      return answer.members;
    }
    const why = `${answer.refusal}${saidBy(answer.members)}`;
    told(`refused ${why} ${back}`);
    throw new Refused(`the ${name} refuses ${what}: ${why}`, answer.body);
  }

  /** SM-DSs serve ES11 below the path of ES9+, some below its own. */
  async #post(what: string, body: Members): Promise<PeerAnswer> {
    const { client, address, name } = this.#options;
    const header = { functionRequesterIdentifier: 'lab-ipa', functionCallIdentifier: what };
    const at = (folder: string) =>
      client.post({ address, path: `/gsma/rsp2/${folder}/${what}`, body: { header, ...body } });
    try {
      return await at('es9plus');
    } catch (error) {
      if (name !== 'SM-DS' || !(error instanceof PeerError) || error.status !== 404) throw error;
      return at('es11');
    }
  }
}

/** The server's own words for its refusal, where there are any. */
function saidBy(members: Members): string {
  const at = (from: unknown, name: string): unknown => Reflect.get(Object(from), name);
  const data = at(at(at(members, 'header'), 'functionExecutionStatus'), 'statusCodeData');
  const message = at(data, 'message');
  return typeof message === 'string' && message !== '' ? `: ${message.slice(0, 200)}` : '';
}

/** Each event as the trigger of a download from its SM-DP+. */
function eventTriggers(entries: unknown): Uint8Array[] {
  if (!Array.isArray(entries)) throw new Refused('eventEntries is no list');
  return entries.map((entry: unknown) => {
    const eventId: unknown = Reflect.get(Object(entry), 'eventId');
    const address: unknown = Reflect.get(Object(entry), 'rspServerAddress');
    if (typeof eventId !== 'string' || typeof address !== 'string') {
      throw new Refused('an event without eventId or rspServerAddress');
    }
    return tlv(0xbf54, tlv(0xa0, tlv(0x80, utf8(`1$${address}$${eventId}`))));
  });
}

function text(members: Members, name: string): string {
  const value = members[name];
  if (typeof value === 'string') return value;
  throw new Refused(`the answer has no ${name}`);
}

function octets(members: Members, name: string): Uint8Array {
  return read(name, () => {
    const bytes = fromBase64(text(members, name));
    readOnly(bytes, name);
    return bytes;
  });
}

function hexOctets(members: Members, name: string): Uint8Array {
  return read(name, () => hex(text(members, name)));
}

/** A TLV of that tag, which servers also write bare. */
function tagged(members: Members, name: string, tag: number): Uint8Array {
  const bytes = read(name, () => fromBase64(text(members, name)));
  try {
    if (readOnly(bytes).tag === tag) return bytes;
  } catch (error) {
    if (!(error instanceof DerError)) throw error;
  }
  return tlv(tag, bytes);
}

function read<T>(name: string, of: () => T): T {
  try {
    return of();
  } catch (cause) {
    if (!(cause instanceof BytesError || cause instanceof DerError)) throw cause;
    throw new Refused(`${name}: ${cause.message}`, undefined, { cause });
  }
}

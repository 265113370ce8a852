/** SM-DP+ and SM-DS behind the eIM: indirect download over ESipa (SGP.32 3.2.2, 6.3.2.1 to 6.3.2.5). */
import { fromUtf8, utf8 } from '../../../src/base/bytes.ts';
import { readAll, readOnly, tlv } from '../../../src/messages/tlv.ts';
import { child, findChild, IpaError, smallInteger } from './card.ts';
import type { Esipa } from './ipa.ts';
import {
  type Beginning,
  type Events,
  type Initiated,
  type Offer,
  Refused,
  type RspServer,
} from './rsp-server.ts';

export interface ViaEimOptions {
  readonly esipa: Esipa;
  /** Of SM-DP+ or SM-DS; absent where that is the eIM's to know (eimDownloadDataHandling). */
  readonly address?: string;
  /** Contents of the eimTransactionId of the trigger. */
  readonly eimTransactionId?: Uint8Array;
}

export class ViaEim implements RspServer {
  readonly #options: ViaEimOptions;

  constructor(options: ViaEimOptions) {
    this.#options = options;
  }

  async initiateAuthentication({ euiccChallenge, euiccInfo1 }: Beginning): Promise<Initiated> {
    const { address, eimTransactionId } = this.#options;
    const initiated = await this.#ask(
      'InitiateAuthentication',
      tlv(
        0xbf39,
        tlv(0x81, euiccChallenge),
        ...(address === undefined ? [] : [tlv(0x83, utf8(address))]),
        euiccInfo1,
        ...(eimTransactionId === undefined ? [] : [tlv(0x82, eimTransactionId)]),
      ),
    );
    const what = 'initiateAuthenticationOkEsipa';
    const serverSigned1 = child(initiated, 0x30, what);
    const matchingId = findChild(initiated, 0x0c);
    const ctxParams1 = findChild(initiated, 0xa2);
    return {
      transactionId: child(serverSigned1.raw, 0x80, 'serverSigned1').value,
      serverSigned1: serverSigned1.raw,
      serverSignature1: child(initiated, 0x5f37, what).raw,
      euiccCiPKIdToBeUsed: child(initiated, 0x04, what).raw,
      serverCertificate: lastOf(initiated, 0x30),
      ...(matchingId && { matchingId: fromUtf8(matchingId.value) }),
      // An explicit tag around a CHOICE.
      ...(ctxParams1 && { ctxParams1: ctxParams1.value }),
    };
  }

  async authenticateClient(
    transactionId: Uint8Array,
    authenticateServerResponse: Uint8Array,
  ): Promise<Offer | Events> {
    const answer = await this.#ask(
      'AuthenticateClient',
      tlv(0xbf3b, tlv(0x80, transactionId), authenticateServerResponse),
      0xa1,
    );
    if (readOnly(answer).tag === 0xa1) {
      const trigger = findChild(answer, 0xbf54);
      return { type: 'events', triggers: trigger === undefined ? [] : [trigger.raw] };
    }
    const what = 'authenticateClientOkDPEsipa';
    const profileMetadata = findChild(answer, 0xbf25)?.raw;
    const hashCc = findChild(answer, 0x04)?.raw;
    return {
      type: 'offer',
      ...(profileMetadata && { profileMetadata }),
      smdpSigned2: child(answer, 0x30, what).raw,
      smdpSignature2: child(answer, 0x5f37, what).raw,
      smdpCertificate: lastOf(answer, 0x30),
      ...(hashCc && { hashCc }),
    };
  }

  async getBoundProfilePackage(
    transactionId: Uint8Array,
    prepareDownloadResponse: Uint8Array,
  ): Promise<Uint8Array> {
    const bound = await this.#ask(
      'GetBoundProfilePackage',
      tlv(0xbf3a, tlv(0x80, transactionId), prepareDownloadResponse),
    );
    return child(bound, 0xbf36, 'getBoundProfilePackageOkEsipa').raw;
  }

  async cancelSession(transactionId: Uint8Array, cancelSessionResponse: Uint8Array): Promise<void> {
    await this.#options.esipa.exchange(
      'CancelSession',
      tlv(0xbf41, tlv(0x80, transactionId), tlv(0xa1, readOnly(cancelSessionResponse).value)),
    );
  }

  /** The success arm of the answer, whole: `A0…`, or another that is one; throws Refused for an error. */
  async #ask(what: string, request: Uint8Array, ...otherArms: number[]): Promise<Uint8Array> {
    const answer = await this.#options.esipa.exchange(what, request);
    const arm = readOnly(readOnly(answer, what).value, what);
    if (arm.tag === 0xa0 || otherArms.includes(arm.tag)) return arm.raw;
    throw new Refused(`the eIM answers ${what} with error ${smallInteger(arm.value)}`, answer);
  }
}

function lastOf(parent: Uint8Array, tag: number): Uint8Array {
  const last = readAll(readOnly(parent).value)
    .filter((one) => one.tag === tag)
    .at(-1);
  if (last === undefined) throw new IpaError(`no ${tag.toString(16)} where a certificate is due`);
  return last.raw;
}

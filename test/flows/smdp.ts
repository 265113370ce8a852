/** The lab's SM-DP+ in this process: its functions behind the JSON binding, without HTTPS and without real time. */
import { utf8 } from '../../src/base/bytes.ts';
import type { Clock } from '../../src/base/clock.ts';
import { silentLog } from '../../src/base/log.ts';
import type { Https, HttpsAnswer, HttpsRequest } from '../../src/es9/https.ts';
import { iccidOfDigits } from '../../src/messages/ids.ts';
import type { LabPki } from '../../tools/lab/pki/lab-pki.ts';
import { makeProfile } from '../../tools/lab/profile/make.ts';
import { JsonRequest } from '../../tools/lab/server/json-request.ts';
import { Refusal, type RefusalReason } from '../../tools/lab/server/refusal.ts';
import { functions, takeNotification } from '../../tools/lab/smdpp/binding.ts';
import { hashOfConfirmationCode } from '../../tools/lab/smdpp/order.ts';
import { storeMetadataRequest } from '../../tools/lab/smdpp/profile-metadata.ts';
import { makeSmdp, type Smdp } from '../../tools/lab/smdpp/smdp.ts';
import { seededRandom } from '../support/seeded.ts';

export const iccid = iccidOfDigits('89880000000000000017');
const address = 'smdp.example.com';
const matchingId = 'FLOW-1';

export interface FlowSmdpOptions {
  readonly pki: LabPki;
  readonly clock: Clock;
  /** Milliseconds from a request to its answer. Default 100. */
  readonly slowness?: number;
  /** Octets of the unprotected profile package. */
  readonly profileSize?: number;
  /** A code that the device has to prove. */
  readonly confirmationCode?: string;
}

/** An SM-DP+ with one profile, ready for its first eUICC. */
export class FlowSmdp implements Pick<Https, 'post'> {
  readonly activationCode: string;
  /** The function of each request, in order. */
  readonly calls: string[] = [];
  /** Functions that are refused, and what for. */
  readonly refused = new Map<string, RefusalReason>();
  /** Functions that are granted without a look. */
  readonly granted = new Set<string>();
  /** Told when a request has come, before it is worked on. */
  onCall: (name: string) => void = () => {};
  readonly #smdp: Smdp;
  readonly #clock: Clock;
  readonly #slowness: number;

  constructor(options: FlowSmdpOptions) {
    const { pki, clock, slowness = 100, profileSize = 4000, confirmationCode: code } = options;
    this.activationCode = `1$${address}$${matchingId}${code === undefined ? '' : '$$1'}`;
    this.#clock = clock;
    this.#slowness = slowness;
    const random = seededRandom(2);
    this.#smdp = makeSmdp({ address, pki, clock, random, log: silentLog() });
    const metadata = { iccid, serviceProviderName: 'Lab', profileName: 'Flow' };
    this.#smdp.orders.add({
      matchingId,
      iccid,
      profileType: 'lab',
      upp: makeProfile({ iccid, size: profileSize }),
      storeMetadata: storeMetadataRequest(metadata, address),
      protection: 'ppk',
      reusable: false,
      state: { at: 'released' },
      attempts: 0,
      wrongConfirmationCodes: 0,
      ...(code === undefined ? {} : { confirmationCodeHash: hashOfConfirmationCode(code) }),
    });
  }

  /** How far the profile's order got here. */
  get state(): string | undefined {
    return this.#smdp.orders.named(matchingId)?.state.at;
  }

  /** What came from the eUICC and was believed, each once. */
  get notifications(): number {
    return this.#smdp.notifications.all.filter(({ verified }) => verified).length;
  }

  async post(_address: unknown, { path, body }: HttpsRequest): Promise<HttpsAnswer> {
    const name = path.split('/').at(-1) ?? '';
    this.calls.push(name);
    this.onCall(name);
    await new Promise<void>((resolve) => this.#clock.after(this.#slowness, resolve));
    if (name === 'handleNotification') {
      takeNotification(this.#smdp, body, {});
      return { status: 204, body: new Uint8Array() };
    }
    return { status: 200, body: utf8(JSON.stringify(this.#answer(name, body))) };
  }

  #answer(name: string, body: Uint8Array): object {
    const entry = Object.entries(functions).find(([known]) => known === name);
    if (entry === undefined) throw new Error(`no ES9+ function ${name}`);
    const refused = this.refused.get(name);
    try {
      if (refused !== undefined) throw new Refusal(refused);
      const answer = this.granted.has(name) ? {} : entry[1](this.#smdp, new JsonRequest(body), {});
      return { header: { functionExecutionStatus: { status: 'Executed-Success' } }, ...answer };
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      const { subjectCode, reasonCode, message } = error;
      const statusCodeData = { subjectCode, reasonCode, message };
      return { header: { functionExecutionStatus: { status: 'Failed', statusCodeData } } };
    }
  }
}

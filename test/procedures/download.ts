/** A download in a test: what the device says of it, one function at a time. */
import assert from 'node:assert/strict';
import { hex } from '../../src/base/bytes.ts';
import {
  AuthenticateClientResponseEsipa,
  CancelSessionResponseEsipa,
  GetBoundProfilePackageResponseEsipa,
  InitiateAuthenticationResponseEsipa,
} from '../../src/messages/profile-download.ts';
import type { CancelSessionResponse } from '../../src/messages/rsp.ts';
import type { Order } from '../../src/orders/order.ts';
import type { Caller } from '../../src/procedures/eim.ts';
import { activationCode, caller, Rig, type RigOptions } from './rig.ts';
import { transactionId } from './smdp.ts';

export const euiccChallenge = new Uint8Array(16).fill(9);
export const euiccInfo1 = hex('BF20048202 0305');

/** A download whose trigger the device has. */
export class Download {
  readonly rig: Rig;
  readonly order: Order;
  readonly eimTransactionId: Uint8Array;

  private constructor(rig: Rig, order: Order, eimTransactionId: Uint8Array) {
    this.rig = rig;
    this.order = order;
    this.eimTransactionId = eimTransactionId;
  }

  static async begin(
    options: RigOptions = {},
    code = activationCode,
    confirmationCode?: string,
  ): Promise<Download> {
    const rig = await Rig.with({ keyKnown: false, ...options });
    return Download.next(rig, code, confirmationCode);
  }

  static async next(rig: Rig, code = activationCode, confirmationCode?: string): Promise<Download> {
    const order = await rig.download(code, confirmationCode);
    const trigger = await rig.poll();
    assert.ok(trigger.type === 'profileDownloadTriggerRequest');
    const { eimTransactionId } = trigger.value;
    assert.ok(eimTransactionId);
    return new Download(rig, order, eimTransactionId);
  }

  async initiate(
    members: {
      readonly euiccChallenge?: Uint8Array;
      readonly smdpAddress?: string;
      readonly eimTransactionId?: Uint8Array | undefined;
      readonly euiccInfo1?: Uint8Array | undefined;
    } = {},
    by: Caller = caller,
  ) {
    const { eimTransactionId } = this;
    const value = { euiccChallenge, euiccInfo1, eimTransactionId, ...members };
    return InitiateAuthenticationResponseEsipa.decode(
      await this.rig.say({ type: 'initiateAuthenticationRequestEsipa', value }, by),
    );
  }

  async authenticate(
    authenticateServerResponse = this.rig.euicc.authenticateServer(transactionId),
    by: Caller = caller,
    session = transactionId,
  ) {
    const value = { transactionId: session, authenticateServerResponse };
    return AuthenticateClientResponseEsipa.decode(
      await this.rig.say({ type: 'authenticateClientRequestEsipa', value }, by),
    );
  }

  async getBoundProfilePackage(
    prepareDownloadResponse = this.rig.euicc.prepareDownload(transactionId),
    by: Caller = caller,
    session = transactionId,
  ) {
    const value = { transactionId: session, prepareDownloadResponse };
    return GetBoundProfilePackageResponseEsipa.decode(
      await this.rig.say({ type: 'getBoundProfilePackageRequestEsipa', value }, by),
    );
  }

  async cancel(
    cancelSessionResponse: CancelSessionResponse = this.rig.euicc.cancelSession(transactionId, 5),
    by: Caller = caller,
  ) {
    const value = { transactionId, cancelSessionResponse };
    return CancelSessionResponseEsipa.decode(
      await this.rig.say({ type: 'cancelSessionRequestEsipa', value }, by),
    );
  }

  async toAuthenticated(): Promise<this> {
    assert.equal((await this.initiate()).type, 'initiateAuthenticationOkEsipa');
    assert.equal((await this.authenticate()).type, 'authenticateClientOkDPEsipa');
    return this;
  }

  end() {
    return this.rig.end(this.order);
  }

  at() {
    return this.rig.at(this.order);
  }

  history() {
    return this.rig.history(this.order);
  }
}

export const initiateError = (value: number) => ({
  type: 'initiateAuthenticationErrorEsipa',
  value,
});
export const authenticateError = (value: number) => ({
  type: 'authenticateClientErrorEsipa',
  value,
});
export const packageError = (value: number) => ({
  type: 'getBoundProfilePackageErrorEsipa',
  value,
});
export const cancelError = (value: number) => ({ type: 'cancelSessionError', value });

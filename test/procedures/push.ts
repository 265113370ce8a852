/** A device that eIM packages are pushed to, and what it has heard. */
import assert from 'node:assert/strict';
import {
  TransferEimPackageRequest,
  TransferEimPackageResponse,
} from '../../src/messages/eim-package.ts';
import type { Caller } from '../../src/procedures/eim.ts';
import { NotTransferredError, type Route } from '../../src/procedures/transfer-eim-package.ts';
import { caller } from './rig.ts';

export type Pushed = TransferEimPackageRequest;
export type Answer = TransferEimPackageResponse;

/** What it does with a request; `undefined`: it is silent. */
type Habit = (
  request: Pushed,
) => Answer | Uint8Array | undefined | Promise<Answer | Uint8Array | undefined>;

export class PushedDevice {
  /** All that it was sent, DER. */
  readonly heard: Uint8Array[] = [];
  readonly by: Caller;
  readonly text: string;
  readonly #habit: Habit;

  constructor(habit: Habit, options: { readonly by?: Caller; readonly text?: string } = {}) {
    this.#habit = habit;
    this.by = options.by ?? caller;
    this.text = options.text ?? 'its connection';
  }

  get requests(): readonly Pushed[] {
    return this.heard.map((bytes) => TransferEimPackageRequest.decode(bytes));
  }

  /** The arms of what it was sent. */
  get types(): readonly string[] {
    return this.requests.map(({ type }) => type);
  }

  route(): Route {
    return {
      text: this.text,
      open: async () => ({
        caller: this.by,
        transfer: async (bytes) => {
          this.heard.push(bytes);
          const answer = await this.#habit(TransferEimPackageRequest.decode(bytes));
          if (answer === undefined) throw new NotTransferredError('no sign of life within 30 s');
          return answer instanceof Uint8Array ? answer : TransferEimPackageResponse.encode(answer);
        },
      }),
    };
  }
}

/** Leads nowhere. */
export const closedRoute: Route = {
  text: 'its connection',
  open: async () => {
    throw new NotTransferredError('it has ended');
  },
};

export const received: Answer = { type: 'eimPackageReceived', value: true };

/** The eUICC Package in a request. */
export function packageIn(request: Pushed | undefined) {
  assert.ok(request?.type === 'euiccPackageRequest');
  return request.value;
}

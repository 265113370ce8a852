/**
 * What may lead to a device that is to be pushed something: the connection that it polled over last, wherever that is
 * kept by now.
 */
import type { ClientRequest } from './coap/client.ts';
import type { CoapResponse } from './coap/request.ts';
import { postTransfer, type TransferSettings } from './esipa/transfer.ts';
import type { EuiccRecord } from './fleet/euiccs.ts';
import type { Caller } from './procedures/eim.ts';
import { NotTransferredError, type Route, type Way } from './procedures/transfer-eim-package.ts';

/** A device at the end of a connection. */
export interface Reached {
  readonly caller: Caller;
}

export interface ReachOptions<R extends Reached> {
  /** The connection with this handle; undefined where it has ended. */
  recall(handle: string): Promise<R | undefined>;
  /** Sends a CoAP request on a connection. Rejects with CoapClientError. */
  ask(device: R, request: ClientRequest): Promise<CoapResponse>;
  readonly settings: TransferSettings;
}

/** The routes to the device of this eUICC, the likeliest first. */
export function routesTo<R extends Reached>(
  options: ReachOptions<R>,
  { lastConnection }: Pick<EuiccRecord, 'lastConnection'>,
): readonly Route[] {
  if (lastConnection === undefined) return [];
  return [
    {
      text: 'its connection',
      async open() {
        const device = await options.recall(lastConnection);
        if (device === undefined) throw new NotTransferredError('it has ended');
        return wayTo(options, device);
      },
    },
  ];
}

function wayTo<R extends Reached>({ ask, settings }: ReachOptions<R>, device: R): Way {
  return {
    caller: device.caller,
    transfer: (request) => postTransfer((asked) => ask(device, asked), settings, request),
  };
}

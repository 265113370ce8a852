/**
 * What may lead to a device that is to be pushed something: the connection that it polled over last, wherever that is
 * kept by now; and, where the operator has said where it is a DTLS server, connections of ours to there.
 */
import { addressText } from './base/address.ts';
import { utf8 } from './base/bytes.ts';
import type { ClientRequest } from './coap/client.ts';
import type { CoapResponse } from './coap/request.ts';
import type { ClientCredential, OwnCertificate } from './dtls/credentials.ts';
import { postTransfer, type TransferSettings } from './esipa/transfer.ts';
import type { DeviceView } from './fleet/device.ts';
import type { Devices } from './fleet/devices.ts';
import type { EuiccRecord } from './fleet/euiccs.ts';
import type { ClientOffer } from './fleet/offers.ts';
import type { OutwardTarget } from './outward.ts';
import type { Caller } from './procedures/eim.ts';
import { NotTransferredError, type Route, type Way } from './procedures/transfer-eim-package.ts';

/** A device at the end of a connection. */
export interface Reached {
  readonly caller: Caller;
}

export interface ReachOptions<R extends Reached> {
  readonly devices: Pick<Devices, 'addressed' | 'pskOf' | 'checkClient'>;
  /** What the eIM shows of itself to devices that ask. */
  readonly own: OwnCertificate;
  /** The connection with this handle; undefined where it has ended. */
  recall(handle: string): Promise<R | undefined>;
  /** A connection of ours. Rejects where there is no handshake. */
  connect(target: OutwardTarget): Promise<R>;
  /** Sends a CoAP request on a connection. Rejects with CoapClientError. */
  ask(device: R, request: ClientRequest): Promise<CoapResponse>;
  readonly settings: TransferSettings;
}

/** The routes to the device of this eUICC, the likeliest first. */
export function routesTo<R extends Reached>(
  options: ReachOptions<R>,
  { eid, lastConnection }: Pick<EuiccRecord, 'eid' | 'lastConnection'>,
): readonly Route[] {
  const { devices } = options;
  const routes: Route[] = [];
  if (lastConnection !== undefined) {
    routes.push({
      text: 'its connection',
      async open() {
        const device = await options.recall(lastConnection);
        if (device === undefined) throw new NotTransferredError('it has ended');
        return wayTo(options, device);
      },
    });
  }
  for (const device of devices.addressed(eid)) {
    const { identity: name, address } = device;
    for (const credential of credentialsFor(options, device)) {
      routes.push({
        text: addressText(address),
        open: () => connected(options, { name, address, credential }),
      });
    }
  }
  return routes;
}

async function connected<R extends Reached>(
  options: ReachOptions<R>,
  target: OutwardTarget,
): Promise<Way> {
  try {
    return wayTo(options, await options.connect(target));
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new NotTransferredError(`no DTLS handshake: ${why}`, { cause });
  }
}

/**
 * By what we and a device may know each other when we are the DTLS client: its PSKs under its own identity, the newest
 * first; or what it shows, as where it is the client.
 */
function credentialsFor<R extends Reached>(
  { devices, own }: ReachOptions<R>,
  { identity, certificates, publicKeys, chain }: DeviceView,
): readonly ClientCredential[] {
  const prove = (offer: ClientOffer): void => {
    const verdict = devices.checkClient(offer);
    if ('refused' in verdict) throw new Error(verdict.why);
    if (verdict.identity.name !== identity) throw new Error(`it is ${verdict.identity.name}`);
  };
  const credentials: ClientCredential[] = devices
    .pskOf(utf8(identity))
    .map((key) => ({ type: 'psk', identity, key }));
  if (publicKeys.length > 0) {
    const trust = (spki: Uint8Array): void => prove({ type: 'rawPublicKey', spki });
    credentials.push({ type: 'rawPublicKey', own: { key: own.key }, trust });
  }
  if (certificates.length + publicKeys.length > 0 || chain) {
    const trust = (shown: readonly Uint8Array[]): void =>
      prove({ type: 'certificate', chain: shown });
    credentials.push({ type: 'certificate', own, trust });
  }
  return credentials;
}

function wayTo<R extends Reached>({ ask, settings }: ReachOptions<R>, device: R): Way {
  return {
    caller: device.caller,
    transfer: (request) => postTransfer((asked) => ask(device, asked), settings, request),
  };
}

/**
 * TransferEimPackage over CoAP (SGP.32 3.1.1.2, 6.1): the eIM is the client, the IPA the server of one resource.
 * See docs/interpretation-log.md#package-injection-over-coap for path, content format and codes.
 */
import type { ClientRequest } from '../coap/client.ts';
import { CoapClientError } from '../coap/client-exchange.ts';
import type { CoapResponse } from '../coap/request.ts';
import { NotTransferredError } from '../procedures/transfer-eim-package.ts';

export interface TransferSettings {
  /** Uri-Path of the IPA's resource, without a leading slash. */
  readonly path: string;
  /** Content-Format of the request; absent: none is said. */
  readonly contentFormat: number | undefined;
}

/**
 * Posts a TransferEimPackageRequest; resolves with the answer, both DER. Throws NotTransferredError.
 * @param ask sends a CoAP request to the device
 */
export async function postTransfer(
  ask: (request: ClientRequest) => Promise<CoapResponse>,
  { path, contentFormat }: TransferSettings,
  body: Uint8Array,
): Promise<Uint8Array> {
  const format = contentFormat === undefined ? {} : { contentFormat };
  let response: CoapResponse;
  try {
    response = await ask({ method: 'POST', path: path.split('/'), body, ...format });
  } catch (cause) {
    if (!(cause instanceof CoapClientError)) throw cause;
    throw new NotTransferredError(cause.message, { cause });
  }
  const { code, body: answer = new Uint8Array() } = response;
  if (!code.startsWith('2.')) throw new NotTransferredError(`it answers ${code}`);
  return answer;
}

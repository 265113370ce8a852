/**
 * A CoAP endpoint towards one peer in both roles (RFC 7252 section 2): it asks, and it answers what it is asked, on one
 * connection with one count of message IDs.
 */
import type { Clock } from '../../../src/base/clock.ts';
import type { Log } from '../../../src/base/log.ts';
import type { Random } from '../../../src/base/random.ts';
import type { ClientRequest } from '../../../src/coap/client.ts';
import { CoapError, Code } from '../../../src/coap/codes.ts';
import type { CoapParameters } from '../../../src/coap/parameters.ts';
import type { CoapResponse } from '../../../src/coap/request.ts';
import { CoapServer } from '../../../src/coap/server.ts';
import { esipaPath, octetStream } from './stack.ts';

export interface BothRolesOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly parameters?: Partial<CoapParameters>;
  send(message: Uint8Array): void;
  /** Answers an ESipa message of the eIM, DER both ways. */
  handle(request: Uint8Array): Uint8Array;
}

export interface BothRoles {
  receive(message: Uint8Array): void;
  request(request: ClientRequest): Promise<CoapResponse>;
  close(): void;
}

/** A device waits as long as CoAP does. */
const patience = { silence: 24 * 3600_000, answer: 24 * 3600_000 };
/** Octets of an answer: a bound profile package, and more. */
const largestAnswer = 4 * 1024 * 1024;

export function bothRoles({ send, handle, ...options }: BothRolesOptions): BothRoles {
  const eim = { id: 'eIM', send };
  const server = new CoapServer<typeof eim>({
    ...options,
    limits: { requestBody: largestAnswer },
    handle({ path, method, body }) {
      if (path.join('/') !== esipaPath.join('/'))
        throw new CoapError(Code.notFound, 'no such path');
      if (method !== 'POST') throw new CoapError(Code.methodNotAllowed, 'POST only');
      return { code: Code.content, body: handle(body), contentFormat: octetStream };
    },
  });
  return {
    receive: (message) => server.receive(eim, message),
    request: (request) => server.request(eim, request, patience),
    close() {
      server.forget(eim);
      server.close();
    },
  };
}

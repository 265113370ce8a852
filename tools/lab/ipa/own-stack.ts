/**
 * The device's connection with this project's own clients. In flash it keeps the DTLS session and how far a transfer
 * is: after a reset it shakes hands by resumption, and goes on with the block that is due.
 */
import { createSocket, type Socket } from 'node:dgram';
import { CoapClient } from '../../../src/coap/client.ts';
import type { CoapResponse } from '../../../src/coap/request.ts';
import { Transfer } from '../../../src/coap/transfer.ts';
import { DtlsClient } from '../../../src/dtls/client.ts';
import type { ClientSession } from '../../../src/dtls/client-resumption.ts';
import { type BothRoles, bothRoles } from './both-roles.ts';
import {
  esipaPath,
  octetStream,
  type Pace,
  type Stack,
  StackError,
  type StackOptions,
} from './stack.ts';

/** Connects. Rejects where there is no handshake. */
export async function openOwnStack(options: StackOptions): Promise<Stack> {
  const stack = new OwnStack(options);
  await stack.connect();
  return stack;
}

/** One life of the device's sockets and connections. */
interface Line {
  readonly socket: Socket;
  readonly dtls: DtlsClient;
  readonly coap: BothRoles | CoapClient;
}

class OwnStack implements Stack {
  readonly #options: StackOptions;
  #line: Line | undefined;
  #session: ClientSession | undefined;

  constructor(options: StackOptions) {
    this.#options = options;
  }

  async connect(): Promise<Line> {
    const line = this.#newLine();
    try {
      await line.dtls.connect();
    } catch (error) {
      await hangUp(line);
      throw error;
    }
    this.#line = line;
    return line;
  }

  async exchange(request: Uint8Array): Promise<Uint8Array> {
    const { code, body = new Uint8Array() } = await this.#ask(request);
    if (code.startsWith('2.')) return body;
    throw new StackError(`the eIM answers ${code} ${Buffer.from(body).toString('utf8')}`);
  }

  reset(): void {
    const line = this.#line;
    if (line === undefined) return;
    this.#line = undefined;
    this.#session = line.dtls.session;
    line.dtls.sleep(); // says nothing to anybody
    line.coap.close();
    line.socket.close();
  }

  async close(): Promise<void> {
    if (this.#line !== undefined) await hangUp(this.#line);
  }

  /** Asks on, over as many connections as there are resets. */
  async #ask(body: Uint8Array): Promise<CoapResponse> {
    const { blockSize } = this.#options;
    const transfer = new Transfer();
    for (;;) {
      const line = this.#line ?? (await this.connect());
      try {
        return await line.coap.request({
          method: 'POST',
          path: esipaPath,
          contentFormat: octetStream,
          body,
          transfer,
          ...(blockSize === undefined ? {} : { blockSize }),
        });
      } catch (error) {
        if (line === this.#line) throw error;
      }
    }
  }

  #newLine(): Line {
    const { eim, credential, suites, roams, pace, watch } = this.#options;
    const { clock, random, log, handle } = this.#options;
    const common = { clock, random, log };
    const socket = createSocket('udp4');
    const dtls = new DtlsClient({
      ...common,
      credential,
      ...(suites === undefined ? {} : { suites }),
      ...(roams === true ? { connectionId: { own: new Uint8Array() } } : {}),
      ...(this.#session === undefined ? {} : { resume: this.#session }),
      ...(pace === undefined ? {} : { times: { retransmission: flights(pace) } }),
      send: (datagram) => socket.send(datagram, eim.port, eim.address),
      deliver: (data) => {
        watch?.received(data);
        coap.receive(data);
      },
    });
    const asks = {
      ...common,
      ...(pace === undefined ? {} : { parameters: coapParameters(pace) }),
      send: (message: Uint8Array) => {
        watch?.sent(message);
        dtls.send(message);
      },
    };
    const coap: BothRoles | CoapClient =
      handle === undefined ? new CoapClient(asks) : bothRoles({ ...asks, handle });
    socket.on('message', (datagram) => dtls.receive(datagram));
    socket.on('error', (error) => log.warn('socket', { why: error.message }));
    return { socket, dtls, coap };
  }
}

async function hangUp({ socket, dtls, coap }: Line): Promise<void> {
  coap.close();
  dtls.close();
  await new Promise<void>((resolve) => socket.close(() => resolve()));
}

function flights({ firstFlight }: Pace) {
  return { initial: firstFlight, ceiling: Math.max(2000, 4 * firstFlight), attempts: 30 };
}

/** What it has learned of the link does not make the device less patient than its pace, which knows the worst. */
function coapParameters({ ackTimeout, maxRetransmit }: Pace) {
  return { ackTimeout, maxRetransmit, ackTimeoutLeast: ackTimeout };
}

/** How the device reaches its eIM: a DTLS and a CoAP client, ours or a stranger's. */
import { createSocket } from 'node:dgram';
import type { Address } from '../../../src/base/address.ts';
import type { Clock } from '../../../src/base/clock.ts';
import type { Log } from '../../../src/base/log.ts';
import type { Random } from '../../../src/base/random.ts';
import { CoapClient } from '../../../src/coap/client.ts';
import type { CipherSuiteName } from '../../../src/dtls/cipher-suites.ts';
import { DtlsClient } from '../../../src/dtls/client.ts';
import type { ClientCredential } from '../../../src/dtls/credentials.ts';

/** One connection to the eIM. */
export interface Stack {
  /** Sends one ESipa message, waits for its answer; no octets where there is none. */
  exchange(request: Uint8Array): Promise<Uint8Array>;
  close(): Promise<void>;
}

export interface StackOptions {
  readonly eim: Address;
  readonly credential: ClientCredential;
  readonly suites?: readonly CipherSuiteName[];
  /** Octets of a block that the device asks for. Default 1024. */
  readonly blockSize?: number;
  /** Default: as the RFCs have it. */
  readonly pace?: Pace;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

/** How patient a device is; milliseconds. */
export interface Pace {
  readonly ackTimeout: number;
  readonly maxRetransmit: number;
  /** Until the first repetition of a handshake flight. */
  readonly firstFlight: number;
}

/** The eIM answered with a CoAP error. */
export class StackError extends Error {
  override readonly name = 'StackError';
}

/** Path and content format of ESipa over CoAP (SGP.32 6.1). */
export const esipaPath = ['gsma', 'rsp2', 'asn1'] as const;
export const octetStream = 42;

/** Connects with our own clients. */
export async function openOwnStack(options: StackOptions): Promise<Stack> {
  const { eim, clock, random, log, pace } = options;
  const socket = createSocket('udp4');
  const dtls = new DtlsClient({
    credential: options.credential,
    clock,
    random,
    log,
    ...(options.suites === undefined ? {} : { suites: options.suites }),
    ...(pace === undefined ? {} : { times: { retransmission: flights(pace) } }),
    send: (datagram) => socket.send(datagram, eim.port, eim.address),
    deliver: (data) => coap.receive(data),
  });
  const coap = new CoapClient({
    send: (message) => dtls.send(message),
    clock,
    random,
    log,
    ...(pace === undefined ? {} : { parameters: coapParameters(pace) }),
  });
  socket.on('message', (datagram) => dtls.receive(datagram));
  socket.on('error', (error) => log.warn('socket', { why: error.message }));
  const close = async (): Promise<void> => {
    coap.close();
    dtls.close();
    await new Promise<void>((resolve) => socket.close(() => resolve()));
  };
  try {
    await dtls.connect();
  } catch (error) {
    await close();
    throw error;
  }
  return {
    async exchange(request) {
      const answer = await coap.request({
        method: 'POST',
        path: esipaPath,
        contentFormat: octetStream,
        body: request,
        ...(options.blockSize === undefined ? {} : { blockSize: options.blockSize }),
      });
      const body = answer.body ?? new Uint8Array();
      if (!answer.code.startsWith('2.')) {
        throw new StackError(
          `the eIM answers ${answer.code} ${Buffer.from(body).toString('utf8')}`,
        );
      }
      return body;
    },
    close,
  };
}

function flights({ firstFlight }: Pace) {
  return { initial: firstFlight, ceiling: Math.max(2000, 4 * firstFlight), attempts: 30 };
}

function coapParameters({ ackTimeout, maxRetransmit }: Pace) {
  return { ackTimeout, maxRetransmit };
}

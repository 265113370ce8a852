/** What the settings say of CoAP, in the words of its room. */
import type { CoapLimits, CoapParameters } from './coap/parameters.ts';
import type { Config } from './config.ts';

/** Parameters of the protocol, and bounds of what devices may make the server hold. */
export function coapOptions({ coap }: Pick<Config, 'coap'>): {
  readonly parameters: Partial<CoapParameters>;
  readonly limits: Partial<CoapLimits>;
} {
  return {
    parameters: {
      ackTimeout: coap.ackTimeout,
      ackTimeoutLeast: coap.ackTimeoutLeast,
      ackTimeoutMost: coap.ackTimeoutMost,
      ackRandomFactor: coap.ackRandomFactor,
      maxRetransmit: coap.maxRetransmit,
      emptyAckAfter: coap.emptyAckDelay,
      exchangeLifetime: coap.exchangeLifetime,
      blockSize: coap.blockSize,
      qBlock: coap.qBlock,
      maxPayloads: coap.maxPayloads,
      nonTimeout: coap.nonTimeout,
      nonReceiveTimeout: coap.nonReceiveTimeout,
      nonPartialTimeout: coap.exchangeLifetime,
      linkRate: coap.linkRate / 8,
    },
    limits: {
      requestBody: coap.bodyLimit,
      bodyLifetime: coap.bodyLifetime,
      bodiesPerPeer: coap.bodiesPerDevice,
      bodyOctets: coap.bodyOctets,
      answerLifetime: coap.bodyLifetime,
      answersPerPeer: coap.answersPerDevice,
      answersPerIdentity: coap.answersPerDevice,
      answerOctets: coap.answerOctets,
      storedLifetime: coap.answerStored,
      repeatOctets: coap.repeatOctets,
      messagesPerPeer: coap.messagesPerDevice,
      answeredOctets: coap.messageOctets,
      peers: coap.devices,
    },
  };
}

/** CoAP and block-wise transfer: times and bounds. */
import { z } from 'zod';
import { count, duration, flag, setting } from './setting.ts';

const blockSize = z.literal([16, 32, 64, 128, 256, 512, 1024]);

export const coap = {
  ackTimeout: setting(
    duration,
    '10s',
    'ACK_TIMEOUT of our own confirmable messages (RFC 7252 4.8, there 2s): at least the round trip, 10s for NB-IoT.',
    "It is where one begins; each device's is learned from its round trips.",
  ),
  ackTimeoutLeast: setting(duration, '2s', 'A learned ACK_TIMEOUT is never less (RFC 7252 4.8.1).'),
  ackTimeoutMost: setting(
    duration,
    '30s',
    "A learned ACK_TIMEOUT is never more; longer waits are a device's sleep.",
  ),
  ackRandomFactor: setting(z.number().min(1).max(3), 1.5, 'ACK_RANDOM_FACTOR (RFC 7252 4.8).'),
  maxRetransmit: setting(z.int().min(0).max(8), 4, 'MAX_RETRANSMIT (RFC 7252 4.8).'),
  emptyAckDelay: setting(
    duration,
    '1500ms',
    "A request whose answer takes longer is acknowledged without it (RFC 7252 5.2.2); below the device's ACK_TIMEOUT.",
  ),
  exchangeLifetime: setting(
    duration,
    '435s',
    'EXCHANGE_LIFETIME: how long a Message ID of a device is remembered (RFC 7252 4.8.2, there 247s);',
    '435s suits devices with an ACK_TIMEOUT of 10s.',
  ),
  bodyLimit: setting(
    z.int().min(1024),
    65_536,
    'Largest request body, in octets; 4.13 with Size1 beyond it (RFC 7959 2.9.3).',
  ),
  bodyLifetime: setting(
    duration,
    '10m',
    'How long a body is kept after its last block was sent or asked for (RFC 7959 2.4, 2.5).',
  ),
  bodiesPerDevice: setting(
    count,
    2,
    'Bodies that a connection may be sending at a time; the one longest untouched goes.',
  ),
  bodyOctets: setting(
    z.int().min(1024),
    67_108_864,
    'Octets of unfinished bodies of all devices by Block1, and as many by Q-Block1; beyond, those longest untouched go.',
  ),
  answersPerDevice: setting(
    count,
    4,
    'Answers in blocks that are kept for a connection, and for an identity whose connections are closed.',
  ),
  answerOctets: setting(
    z.int().min(1024),
    268_435_456,
    'Octets of answers in blocks of all devices; beyond, those longest untouched go (a known device has its own read',
    'back from the store).',
  ),
  repeatOctets: setting(
    z.int().min(1024),
    67_108_864,
    'Octets of answers kept for requests that are repeated (esipa.reportKept); beyond, the oldest go.',
  ),
  messagesPerDevice: setting(
    z.int().min(9),
    16,
    'Message IDs that are remembered for a connection, each with what was answered (RFC 7252 4.5).',
  ),
  messageOctets: setting(
    z.int().min(1024),
    134_217_728,
    'Octets of those answers, of all devices; beyond, the devices longest silent are forgotten early.',
  ),
  devices: setting(
    count,
    250_000,
    'Devices whose messages and links are remembered; beyond, those longest silent are forgotten early.',
  ),
  blockSize: setting(
    blockSize,
    1024,
    'Largest block, in octets: 16 to 1024, a power of 2 (RFC 7959 2.2); a device may ask for smaller ones.',
  ),
  answerStored: setting(
    duration,
    '24h',
    "How long a device that proved who it is may go on with an answer in blocks from the store: a device's longest",
    'sleep in the middle of a download.',
  ),
  qBlock: setting(
    flag,
    true,
    'Devices may ask for Q-Block1 and Q-Block2 (RFC 9177); false: 4.02, and they go on by Block1 and Block2.',
  ),
  maxPayloads: setting(
    z.int().min(1).max(100),
    10,
    'MAX_PAYLOADS (RFC 9177 7.2): blocks that leave in one go; the same here and on the devices.',
  ),
  nonTimeout: setting(
    duration,
    '2s',
    'NON_TIMEOUT (RFC 9177 7.2): least wait between two such sets while the device is silent.',
  ),
  nonReceiveTimeout: setting(
    duration,
    '4s',
    'NON_RECEIVE_TIMEOUT (RFC 9177 7.2): silence after which missing blocks are asked for; 1s or more above 1.5 times',
    'nonTimeout.',
  ),
  linkRate: setting(
    z.int().min(1000),
    26_000,
    "Bits a second that a device's link is taken to carry until it has shown more or less: sets leave no faster.",
  ),
} as const;

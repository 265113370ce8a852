/** Every number the room turns on: default, unit, section, and when to change it. */

/** Times, counts and sizes of the protocol. Milliseconds and octets. */
export interface CoapParameters {
  /**
   * ACK_TIMEOUT, ms: how long our CON waits for its ACK before it goes out again (RFC 7252 section 4.8, default 2 s).
   * At least the round trip: 10 s for NB-IoT. It is where one begins; each peer's is learned from its round trips.
   */
  readonly ackTimeout: number;
  /** Ms that a learned ACK_TIMEOUT never falls below (section 4.8.1; default 2 s). */
  readonly ackTimeoutLeast: number;
  /** Ms that a learned ACK_TIMEOUT never exceeds; longer waits are a peer's sleep (default 30 s). */
  readonly ackTimeoutMost: number;
  /** ACK_RANDOM_FACTOR: the first wait is ackTimeout times a number from 1 to this (section 4.8, default 1.5). */
  readonly ackRandomFactor: number;
  /** MAX_RETRANSMIT: how often a CON goes out again, each wait twice the last (section 4.8, default 4). */
  readonly maxRetransmit: number;
  /**
   * Ms until a CON request whose handler still works gets an empty ACK and then a separate response (section 5.2.2;
   * below ACK_TIMEOUT, so that the peer does not send again; default 1,500).
   */
  readonly emptyAckAfter: number;
  /**
   * EXCHANGE_LIFETIME, ms: how long a Message ID of the peer is remembered (section 4.8.2, default 247 s). 435 s for
   * a fleet whose ACK_TIMEOUT is 10 s.
   */
  readonly exchangeLifetime: number;
  /** Octets of a block that we prefer, 16 to 1,024 and a power of 2 (RFC 7959 section 2.2, default 1,024). */
  readonly blockSize: number;
  /** Client: ms that a request waits for the separate response after its empty ACK (default 180 s). */
  readonly separateTimeout: number;
  /**
   * Client: octets of a token, 1 to 8 (default 2, enough under DTLS). Over plain UDP at least 4, so that nobody guesses
   * them (RFC 7252 section 5.3.1).
   */
  readonly tokenLength: number;
  /** Q-Block1 and Q-Block2 are known (RFC 9177); false: 4.02, as they are critical (section 4.1; default true). */
  readonly qBlock: boolean;
  /** MAX_PAYLOADS: blocks that leave in one go (RFC 9177 section 7.2, default 10). The same on both sides. */
  readonly maxPayloads: number;
  /** NON_TIMEOUT, ms: least wait between two sets of blocks where nothing is heard (section 7.2, default 2 s). */
  readonly nonTimeout: number;
  /**
   * NON_RECEIVE_TIMEOUT, ms: silence after which missing blocks are asked for; twice as long each further time
   * (section 7.2, default 4 s; above NON_TIMEOUT times ackRandomFactor by 1 s or more).
   */
  readonly nonReceiveTimeout: number;
  /**
   * Ms that a block which others have overtaken is waited for once the end of its set is here, at most
   * NON_RECEIVE_TIMEOUT ("up to" in section 4.3, 4.4; default 1 s). More where the network reorders.
   */
  readonly nonReorderTimeout: number;
  /** NON_MAX_RETRANSMIT: how often missing blocks are asked for in vain (section 7.2, default 4). */
  readonly nonMaxRetransmit: number;
  /** NON_PARTIAL_TIMEOUT, ms: how long a body with holes is kept (section 7.2, default 247 s). */
  readonly nonPartialTimeout: number;
  /**
   * Octets a second that a link is taken to carry before it has shown more or less: sets of blocks leave no faster
   * (default 3,250: the 26 kbit/s of NB-IoT).
   */
  readonly linkRate: number;
}

export const defaultParameters: CoapParameters = {
  ackTimeout: 2_000,
  ackTimeoutLeast: 2_000,
  ackTimeoutMost: 30_000,
  ackRandomFactor: 1.5,
  maxRetransmit: 4,
  emptyAckAfter: 1_500,
  exchangeLifetime: 247_000,
  blockSize: 1024,
  separateTimeout: 180_000,
  tokenLength: 2,
  qBlock: true,
  maxPayloads: 10,
  nonTimeout: 2_000,
  nonReceiveTimeout: 4_000,
  nonReorderTimeout: 1_000,
  nonMaxRetransmit: 4,
  nonPartialTimeout: 247_000,
  linkRate: 3_250,
};

/** How much peers may make us hold. Octets, counts, milliseconds. */
export interface CoapLimits {
  /** Octets of a request's body; beyond, 4.13 with Size1 (RFC 7959 section 2.9.3; default 64 KiB). */
  readonly requestBody: number;
  /** Octets of a response's body (default 4 MiB). Block numbers of 20 bits would allow 16 MiB in blocks of 16. */
  readonly responseBody: number;
  /** Bodies a peer may be sending at a time; the one longest untouched goes (default 2). */
  readonly bodiesPerPeer: number;
  /** Octets of unfinished bodies in all (default 64 MiB). */
  readonly bodyOctets: number;
  /** Ms that an unfinished body is kept after its last block (RFC 7959 section 2.5 asks for EXCHANGE_LIFETIME; 600 s). */
  readonly bodyLifetime: number;
  /** Answers in blocks that are kept for a peer (default 4). */
  readonly answersPerPeer: number;
  /** Octets of answers in blocks in all (default 256 MiB). */
  readonly answerOctets: number;
  /** Ms that an answer is kept after it was last asked for (600 s). */
  readonly answerLifetime: number;
  /** Answers in blocks that are kept for a peer's identity once its connection is closed (default 4). */
  readonly answersPerIdentity: number;
  /** Ms that an answer may be read back from a BodyStore: a device's longest sleep in a transfer (24 h). */
  readonly storedLifetime: number;
  /** Answers to requests that may be repeated, kept for a peer (default 4); see RepeatRules. */
  readonly repeatsPerPeer: number;
  /** Octets of such answers in all (default 64 MiB). */
  readonly repeatOctets: number;
  /** Ms that what was learned of a peer's link is kept after it was last met (24 h). */
  readonly linkLifetime: number;
  /** Message IDs, each with what was answered (a block at most), that are remembered for a peer (default 16). */
  readonly messagesPerPeer: number;
  /** Whole requests of one peer that may be worked on at a time; beyond, 5.03 (default 8, less than messagesPerPeer). */
  readonly runningPerPeer: number;
  /** Separate responses that may wait for their turn towards a peer (NSTART is 1; default 16). */
  readonly waitingPerPeer: number;
  /** Peers whose message IDs are remembered; the longest silent are forgotten early (default 250,000). */
  readonly peers: number;
  /** Octets answered that are remembered with them; beyond, the longest silent are forgotten early (128 MiB). */
  readonly answeredOctets: number;
}

export const defaultLimits: CoapLimits = {
  requestBody: 64 * 1024,
  responseBody: 4 * 1024 * 1024,
  bodiesPerPeer: 2,
  bodyOctets: 64 * 1024 * 1024,
  bodyLifetime: 600_000,
  answersPerPeer: 4,
  answerOctets: 256 * 1024 * 1024,
  answerLifetime: 600_000,
  answersPerIdentity: 4,
  storedLifetime: 24 * 3600_000,
  repeatsPerPeer: 4,
  repeatOctets: 64 * 1024 * 1024,
  linkLifetime: 24 * 3600_000,
  messagesPerPeer: 16,
  runningPerPeer: 8,
  waitingPerPeer: 16,
  peers: 250_000,
  answeredOctets: 128 * 1024 * 1024,
};

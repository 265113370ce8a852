/** What an owner may set, with what holds otherwise. */
import type { EarlyRecordLimits } from './early-records.ts';
import type { ReassemblyLimits } from './fragments.ts';
import type { RetransmissionTimes } from './retransmission.ts';

/** Ceilings on what a peer may have us keep. */
export interface ConnectionLimits extends ReassemblyLimits, EarlyRecordLimits {}

export interface DtlsLimits extends ConnectionLimits {
  /** Handshakes under way. Beyond, hellos are dropped. Higher for fleets that come back all at once. */
  readonly halfOpen: number;
  /** Of those, from one IPv4 address or IPv6 /64. A carrier's NAT puts many devices behind one address. */
  readonly halfOpenPerAddress: number;
  /**
   * Connections, asleep or awake. Beyond, one that was idle for long makes way: to the store where connections are
   * kept, for good otherwise. One asleep takes some 280 octets of memory.
   */
  readonly connections: number;
  /** Of those, awake; beyond, the one unused for longest goes to sleep. Each takes some 2 kB. */
  readonly awake: number;
  /** Connections of peers that proved nothing, from one IPv4 address or IPv6 /64; beyond, the one idle for longest ends. */
  readonly strangersPerAddress: number;
  /** Handshakes with ECDHE a second, from one IPv4 address or IPv6 /64; five seconds' worth may come at once. */
  readonly ecdhePerAddress: number;
  /**
   * Connections looked up in the store at a time; records that ask for more are dropped. Of those, half at the most by
   * their address, which anybody may forge.
   */
  readonly lookups: number;
}

export const defaultLimits: DtlsLimits = {
  handshakeMessage: 8192,
  bufferedFragments: 16,
  bufferedOctets: 8192,
  earlyRecords: 4,
  earlyOctets: 8192,
  halfOpen: 2000,
  halfOpenPerAddress: 500,
  connections: 100_000,
  awake: 10_000,
  strangersPerAddress: 10_000,
  ecdhePerAddress: 200,
  lookups: 256,
};

/** Milliseconds, all of them. */
export interface ConnectionTimes {
  readonly retransmission: RetransmissionTimes;
  /** From a handshake's first message to its end. */
  readonly handshake: number;
  /** How long the last flight is kept for a peer that did not get it. */
  readonly linger: number;
}

export interface DtlsTimes extends ConnectionTimes {
  /** After which there is a new cookie key; a cookie is good for one to two of these. */
  readonly cookieKey: number;
  /** Without a record for so long, a connection goes to sleep: it is kept as octets until the next. */
  readonly park: number;
  /** Without a record for so long, a connection ends. */
  readonly idle: number;
  /** Without a record for so long, a connection may make way for a new one when there are too many. */
  readonly evictable: number;
  /**
   * After so long, a handshake that is not done may make way for a new one when there are too many. Several round
   * trips of a slow network; the shorter, the more a flood has to send.
   */
  readonly hanging: number;
}

const minute = 60_000;

/**
 * A slow network answers after seconds: a first repetition after RFC 6347's one second would send everything twice
 * (RFC 7925 §11 has nine). 130 s is a little more than the longest that a known client tries (nRF91 modem, 123 s).
 */
export const defaultTimes: DtlsTimes = {
  retransmission: { initial: 5000, ceiling: minute, attempts: 4 },
  handshake: 130_000,
  linger: 130_000,
  cookieKey: minute,
  park: minute,
  idle: 7 * 24 * 60 * minute,
  evictable: 30 * minute,
  hanging: 20_000,
};

/** A client's: it repeats sooner and as long as the handshake may last (RFC 6347 §4.2.4.1). */
export const defaultClientTimes: ConnectionTimes = {
  retransmission: { initial: 1000, ceiling: minute, attempts: Number.POSITIVE_INFINITY },
  handshake: 130_000,
  linger: 130_000,
};

/**
 * Octets of a datagram at most: what 1280, IPv6's least MTU, leaves after the headers of IP and UDP and a tunnel or
 * two.
 */
export const defaultMtu = 1200;

/** Below this a ServerHello would be fragmented, which small stacks do not put together again. */
export const leastMtu = 200;

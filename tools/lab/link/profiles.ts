/**
 * What radio links are like, as numbers. Round trips, rates and losses are those that operators and vendors publish for
 * each kind of coverage; a device sees worse at times.
 */

/** One direction and both: times in milliseconds, rates in bits a second, shares in [0, 1]. */
export interface LinkProfile {
  /** Of an empty datagram, there and back. */
  readonly roundTrip: number;
  /** Each way takes up to so much longer, evenly spread. */
  readonly jitter: number;
  readonly bandwidthUp: number;
  readonly bandwidthDown: number;
  /** Largest datagram (UDP payload octets) that passes; larger ones are lost. */
  readonly mtu: number;
  /** Share of datagrams lost, and how many in a row on average (1: each for itself). */
  readonly loss: { readonly share: number; readonly burst: number };
  readonly repeat: number;
  /** Share that is held back until the next one of its direction has passed. */
  readonly reorder: number;
  /** The NAT forgets a client that has been silent for so long; its next datagram comes from another port. */
  readonly natTimeout?: number;
  /** The device hears nothing later than so long after it last sent or heard something (its radio sleeps). */
  readonly awake?: number;
}

export const linkProfiles = {
  /** No link at all: loopback as it is. */
  lan: {
    roundTrip: 0,
    jitter: 0,
    bandwidthUp: Number.POSITIVE_INFINITY,
    bandwidthDown: Number.POSITIVE_INFINITY,
    mtu: 65_507,
    loss: { share: 0, burst: 1 },
    repeat: 0,
    reorder: 0,
  },
  /** LTE-M, connected: 100 to 200 ms, 375 kbit/s up. */
  ltem: {
    roundTrip: 120,
    jitter: 60,
    bandwidthUp: 300_000,
    bandwidthDown: 300_000,
    mtu: 1358,
    loss: { share: 0.005, burst: 1 },
    repeat: 0,
    reorder: 0,
    natTimeout: 120_000,
  },
  /** NB-IoT, coverage level 0: 26 kbit/s down (single-HARQ Cat NB1), 62 kbit/s up at the most. */
  'nbiot-good': {
    roundTrip: 1600,
    jitter: 400,
    bandwidthUp: 20_000,
    bandwidthDown: 26_000,
    mtu: 1358,
    loss: { share: 0.01, burst: 1 },
    repeat: 0,
    reorder: 0,
    natTimeout: 120_000,
    awake: 20_000,
  },
  /** NB-IoT, coverage level 2: repetitions take the rate down and the round trip up. */
  'nbiot-deep': {
    roundTrip: 6000,
    jitter: 3000,
    bandwidthUp: 2000,
    bandwidthDown: 4000,
    mtu: 1358,
    loss: { share: 0.05, burst: 2 },
    repeat: 0,
    reorder: 0,
    natTimeout: 120_000,
    awake: 20_000,
  },
  /** Loopback that loses, repeats and reorders: for tests that want trouble without delay. */
  lossy: {
    roundTrip: 2,
    jitter: 2,
    bandwidthUp: Number.POSITIVE_INFINITY,
    bandwidthDown: Number.POSITIVE_INFINITY,
    mtu: 65_507,
    loss: { share: 0.2, burst: 1 },
    repeat: 0.1,
    reorder: 0.1,
  },
} as const satisfies Readonly<Record<string, LinkProfile>>;

export type LinkProfileName = keyof typeof linkProfiles;

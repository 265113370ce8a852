/** What a lab's part did, as it happens: for the printed story and for the wire table. */

/** One thing said by one part to another. */
export interface Step {
  readonly from: string;
  readonly to: string;
  /** The function in the standard's words: `GetEimPackage`, `ES10b.PrepareDownload`. */
  readonly what: string;
  /** What came of it. */
  readonly result: string;
  /** On the wire between device and eIM, where it was that; UDP payload octets. */
  readonly wire?: WireCount;
}

export interface WireCount {
  readonly datagramsUp: number;
  readonly datagramsDown: number;
  readonly bytesUp: number;
  readonly bytesDown: number;
  /** How often the device, having sent, waited for something to come back. */
  readonly roundTrips: number;
}

export type OnStep = (step: Step) => void;

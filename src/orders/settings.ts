/** How long orders may wait, and how many. */

const minute = 60 * 1000;
const day = 24 * 60 * minute;

export interface OrderSettings {
  /**
   * How long an order may be `new`, in milliseconds; then it ends as noshowOrder. Default 30 days: a meter may wake
   * once a week or less (onomondo-eim's half an hour is for devices that never sleep). Longer where orders are placed
   * before devices leave the factory.
   */
  readonly noShow: number;
  /**
   * How long an order may be `work`, counted from when it was first fetched, in milliseconds; then it ends as
   * stuckOrder and the next one has its turn. Default 14 days: a lost result comes home with a later poll.
   */
  readonly stuck: number;
  /**
   * How long an order stays after it is `done`, in milliseconds; then it is deleted. Default 30 days, so that a
   * monthly report finds it.
   */
  readonly expired: number;
  /**
   * How long what happened to orders is kept for readers of the stream, in milliseconds. Default 7 days: over a long
   * weekend without its reader nothing is missed.
   */
  readonly eventsKept: number;
  /** Milliseconds between two looks at the deadlines. Default 1 minute: they are days. */
  readonly sweepEvery: number;
  /** Most orders of one EID that are not done; the next is refused. Default 256, so that a loop in a script shows. */
  readonly mostOpen: number;
}

export const orderSettings: OrderSettings = {
  noShow: 30 * day,
  stuck: 14 * day,
  expired: 30 * day,
  eventsKept: 7 * day,
  sweepEvery: minute,
  mostOpen: 256,
};

/** `14 days`, `36 hours`, `90 seconds`: a setting as people read it. */
export function durationText(milliseconds: number): string {
  const units = [
    [day, 'day'],
    [60 * minute, 'hour'],
    [minute, 'minute'],
    [1000, 'second'],
  ] as const;
  for (const [length, name] of units) {
    const count = milliseconds / length;
    if (Number.isInteger(count) && count > 0) return `${count} ${name}${count === 1 ? '' : 's'}`;
  }
  return `${milliseconds} ms`;
}

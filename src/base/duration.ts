/** Lengths of time as people write them: `500ms`, `10s`, `5m`, `12h`, `30d`. */

/** A text that is no length of time; the message says what would be one. */
export class DurationError extends Error {
  override readonly name = 'DurationError';
}

const units: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

/** Milliseconds of a whole number with its unit. Throws DurationError. */
export function parseDuration(text: string): number {
  const [, number, unit] = /^([0-9]{1,9}) ?(ms|s|m|h|d)$/.exec(text.trim()) ?? [];
  const factor = units[unit ?? ''];
  if (number === undefined || factor === undefined) {
    throw new DurationError(
      `'${text}' is no length of time: write a whole number and its unit, such as 500ms, 10s, 5m, 12h or 30d`,
    );
  }
  return Number(number) * factor;
}

/** Milliseconds as a whole number with the largest unit that fits: `2h`. */
export function writeDuration(milliseconds: number): string {
  let text = `${milliseconds}ms`;
  for (const [unit, length] of Object.entries(units)) {
    if (milliseconds > 0 && milliseconds % length === 0) text = `${milliseconds / length}${unit}`;
  }
  return text;
}

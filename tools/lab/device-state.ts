/** The eUICC of a device alone, kept in a file between runs. */
import { LabError } from './eim-process.ts';
import type { Euicc } from './euicc/euicc.ts';
import { EuiccStateError } from './euicc/state.ts';
import { readState, StateFileError, writeState } from './server/state-file.ts';

/** Writes what outlives a reset; its owner alone may read it. */
export function keep(card: Euicc, path: string): void {
  writeState(path, card.snapshot());
}

/** Gives the card what the file holds; a card without a file is fresh. Throws LabError. */
export function restore(card: Euicc, path: string): void {
  try {
    const kept = readState(path);
    if (kept !== undefined) card.restore(kept);
  } catch (cause) {
    if (!(cause instanceof EuiccStateError || cause instanceof StateFileError)) throw cause;
    throw new LabError(
      `${path} holds no state of the lab's eUICC (${cause.message}): move it away, or name another with --state`,
      { cause },
    );
  }
}

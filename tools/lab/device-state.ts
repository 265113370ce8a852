/** The eUICC of a device alone, kept in a file between runs. */
import { readFileSync, writeFileSync } from 'node:fs';
import { BytesError, hex, toHex } from '../../src/base/bytes.ts';
import { LabError } from './eim-process.ts';
import type { Euicc } from './euicc/euicc.ts';
import { EuiccStateError } from './euicc/state.ts';

/** Writes what outlives a reset; its owner alone may read it. */
export function keep(card: Euicc, path: string): void {
  writeFileSync(path, stateText(card.snapshot()), { mode: 0o600 });
}

/** JSON of a snapshot; octets as `{ "hex": … }`. */
function stateText(state: unknown): string {
  return JSON.stringify(state, (_name, value: unknown) =>
    value instanceof Uint8Array ? { hex: toHex(value) } : value,
  );
}

/** Gives the card what the file holds; a card without a file is fresh. Throws LabError. */
export function restore(card: Euicc, path: string): void {
  const kept = readState(path);
  if (kept === undefined) return;
  try {
    card.restore(kept);
  } catch (cause) {
    if (!(cause instanceof EuiccStateError)) throw cause;
    throw notState(path, cause);
  }
}

function readState(path: string): unknown {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
  try {
    return JSON.parse(text, (_name, value: unknown) => {
      const octets: unknown = Reflect.get(Object(value), 'hex');
      return typeof octets === 'string' ? hex(octets) : value;
    });
  } catch (cause) {
    if (!(cause instanceof SyntaxError || cause instanceof BytesError)) throw cause;
    throw notState(path, cause);
  }
}

function notState(path: string, cause: Error): LabError {
  return new LabError(
    `${path} holds no state of the lab's eUICC (${cause.message}): move it away, or name another with --state`,
    { cause },
  );
}

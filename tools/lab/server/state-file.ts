/** State kept in a JSON file between runs; octets as `{ "hex": … }`. */
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { BytesError, hex, toHex } from '../../../src/base/bytes.ts';

/** A file that holds something else. */
export class StateFileError extends Error {
  override readonly name = 'StateFileError';
}

/** Replaces the file whole: a reader finds the state of before or of after. Readable by its owner alone. */
export function writeState(path: string, state: unknown): void {
  const text = JSON.stringify(state, (_name, value: unknown) =>
    value instanceof Uint8Array ? { hex: toHex(value) } : value,
  );
  writeFileSync(`${path}.new`, text, { mode: 0o600 });
  renameSync(`${path}.new`, path);
}

/** What the file holds; undefined where there is none. Throws StateFileError for what is no JSON. */
export function readState(path: string): unknown {
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
    throw new StateFileError(`${path} holds no state: ${cause.message}`, { cause });
  }
}

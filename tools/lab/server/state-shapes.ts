/** Shapes that the state files of the lab's servers share. */
import { createPublicKey, type KeyObject } from 'node:crypto';
import { z } from 'zod';
import { type Eid, type Iccid, parseEid, parseIccid } from '../../../src/messages/ids.ts';
import { StateFileError } from './state-file.ts';

/** Octets, and never those of a Buffer's pool. */
export const octets = z.custom<Uint8Array>((value) => value instanceof Uint8Array);

export const eid = z.string().transform((text): Eid => parseEid(text));
export const iccid = z.string().transform((text): Iccid => parseIccid(text));

/** SubjectPublicKeyInfo, DER. */
export const publicKey = octets.transform(
  (der): KeyObject => createPublicKey({ key: Buffer.from(der), format: 'der', type: 'spki' }),
);

export function publicKeyState(key: KeyObject): Uint8Array {
  return new Uint8Array(key.export({ format: 'der', type: 'spki' }));
}

/** A state file's content in its shape. Throws StateFileError that names the file. */
export function readAs<T extends z.ZodType>(shape: T, content: unknown, path: string): z.output<T> {
  let parsed: z.ZodSafeParseResult<z.output<T>>;
  try {
    parsed = shape.safeParse(content);
  } catch (cause) {
    // An EID or a key that is none.
    throw new StateFileError(`${path} holds no state: ${String(cause)}`, { cause });
  }
  if (parsed.success) return parsed.data;
  throw new StateFileError(`${path} holds no state: ${z.prettifyError(parsed.error)}`);
}

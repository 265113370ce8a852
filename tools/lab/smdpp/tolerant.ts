/** Reading what others wrote where it may as well be unreadable. */
import { BytesError } from '../../../src/base/bytes.ts';
import { DerError } from '../../../src/messages/tlv.ts';

/** What was read; undefined where the bytes are not what they should be. */
export function tolerant<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (error instanceof DerError || error instanceof BytesError) return undefined;
    throw error;
  }
}

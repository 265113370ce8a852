/** Texts of settings and requests that a parser of this project reads. */
import { z } from 'zod';

/** A kind of error that `read` throws for a text that it does not understand; its message becomes the complaint. */
type Complaint = new (...args: never[]) => Error;

/** A text that `read` understands; what it throws of those kinds says what is wrong with it, anything else is thrown on. */
export function readBy<Value>(
  read: (text: string) => Value,
  ...complaints: readonly Complaint[]
): z.ZodType<Value> {
  return z.string().transform((text, context) => {
    try {
      return read(text);
    } catch (error) {
      const known = complaints.some((kind) => error instanceof kind);
      if (!(known && error instanceof Error)) throw error;
      context.addIssue({ code: 'custom', message: error.message });
      return z.NEVER;
    }
  });
}

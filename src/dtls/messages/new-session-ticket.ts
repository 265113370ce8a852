import { type Infer, struct, uint32, vector } from '../struct.ts';

/**
 * RFC 5077 §3.3
 *
 *   struct { uint32 ticket_lifetime_hint; opaque ticket<0..2^16-1>; } NewSessionTicket;
 */
export const NewSessionTicket = struct({
  /** Seconds. */
  lifetimeHint: uint32,
  ticket: vector(0, 2 ** 16 - 1),
});
export type NewSessionTicket = Infer<typeof NewSessionTicket>;

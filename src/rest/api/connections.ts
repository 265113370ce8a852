/** DTLS connections, as /v1 answers them. */
import { z } from 'zod';
import { queryNumber } from './query.ts';

/** GET /v1/dtls: those after a connection's id, in the order that memory has them. */
export const ConnectionQuery = z.strictObject({
  identity: z.string().max(256).exactOptional(),
  after: z.string().max(64).exactOptional(),
  limit: queryNumber(1, 1000).exactOptional(),
});

/** GET /v1/dtls/:id: a DTLS connection in memory. Octets in hex. */
export const ConnectionView = z.strictObject({
  id: z.string(),
  /** Asleep: not heard of for a while, and kept as octets until it is. */
  state: z.enum(['awake', 'asleep']),
  /** `192.0.2.1:40000`, where it was last heard from. */
  address: z.string(),
  credential: z.enum(['psk', 'certificate', 'rawPublicKey', 'anonymous']),
  /** Who the device proved to be. */
  identity: z.string().exactOptional(),
  suite: z.string(),
  /** The connection ID (RFC 9146) in what the device sends, and in what it gets. */
  cid: z.string().exactOptional(),
  peerCid: z.string().exactOptional(),
  /** When its handshake was done. */
  began: z.iso.datetime(),
  lastContact: z.iso.datetime(),
  /** How often its address changed. */
  moves: z.number(),
  datagramsIn: z.number(),
  datagramsOut: z.number(),
  octetsIn: z.number(),
  octetsOut: z.number(),
  /** Records dropped, by reason. */
  drops: z.record(z.string(), z.number()),
});
export type ConnectionView = z.infer<typeof ConnectionView>;

export const ConnectionList = z.strictObject({
  connections: z.array(ConnectionView).readonly(),
  /** As in OrderList. */
  next: z.string().exactOptional(),
  handshakes: z.number(),
  awake: z.number(),
  asleep: z.number(),
  /** Sessions in memory that may be resumed by ID. */
  sessions: z.number(),
});
export type ConnectionList = z.infer<typeof ConnectionList>;

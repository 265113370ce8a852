/** DTLS connections, as /v1 answers them. */
import { z } from 'zod';
import { cursor, pageLimit } from './query.ts';

/** GET /v1/dtls: in the order of their ids, those after one. */
export const ConnectionQuery = z.strictObject({
  identity: z.string().max(256).exactOptional().describe('of this device alone'),
  after: cursor(z.string().max(64)),
  limit: pageLimit,
});

/** GET /v1/dtls/:id: a DTLS connection in memory. Octets in hex. */
export const ConnectionView = z.strictObject({
  id: z.string().describe('Of this eIM alone; the connection keeps it for its life'),
  state: z
    .enum(['awake', 'asleep'])
    .describe('Asleep: not heard of for a while, and kept as octets until it is'),
  address: z.string().describe('`192.0.2.1:40000`, where it was last heard from'),
  credential: z
    .enum(['psk', 'certificate', 'rawPublicKey', 'anonymous'])
    .describe('What the device proved itself with'),
  identity: z.string().exactOptional().describe('Who the device proved to be'),
  suite: z.string().describe('Cipher suite, by its name in the TLS registry'),
  cid: z
    .string()
    .exactOptional()
    .describe('The connection ID (RFC 9146) in what the device sends; absent: none was agreed on'),
  peerCid: z.string().exactOptional().describe('The connection ID in what the device gets'),
  began: z.iso.datetime().describe('When its handshake was done'),
  lastContact: z.iso.datetime().describe('When an authentic record of it last came'),
  moves: z.number().describe('How often its address changed'),
  datagramsIn: z.number().describe('Datagrams that came, handshake included'),
  datagramsOut: z.number().describe('Datagrams that left'),
  octetsIn: z.number().describe('Octets of UDP payload that came'),
  octetsOut: z.number().describe('Octets of UDP payload that left'),
  drops: z.record(z.string(), z.number()).describe('Records dropped, by reason'),
});
export type ConnectionView = z.infer<typeof ConnectionView>;

export const ConnectionList = z.strictObject({
  connections: z.array(ConnectionView).readonly().describe('In the order of their ids'),
  next: z.string().exactOptional().describe('As in OrderList'),
  handshakes: z.number().describe('Handshakes under way'),
  awake: z.number().describe('Connections that are awake, of all devices'),
  asleep: z.number().describe('Connections that are asleep'),
  sessions: z.number().describe('Sessions in memory that may be resumed by ID'),
});
export type ConnectionList = z.infer<typeof ConnectionList>;

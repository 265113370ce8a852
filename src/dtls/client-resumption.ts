/** The client's conversation where a session is resumed (RFC 5246 §7.3, figure 2; RFC 5077 §3.1). */
import type { CipherSuite } from './cipher-suites.ts';
import type { ConnectionIds } from './connection-id.ts';
import type { ClientCredential } from './credentials.ts';
import { checkVerifyData } from './finished.ts';
import type { FragmentLimits } from './fragment-limits.ts';
import { type Established, type Handshake, silence } from './handshake.ts';
import { epochKeys, type Randoms, verifyData } from './key-schedule.ts';
import { type HandshakeMessage, HandshakeType } from './messages/handshake-message.ts';
import { NewSessionTicket } from './messages/new-session-ticket.ts';
import { decode } from './struct.ts';
import type { Transcript } from './transcript.ts';

/** What a client keeps of a connection to begin the next with. */
export interface ClientSession {
  /** The server's name for it; empty where there is a ticket alone. */
  readonly id: Uint8Array;
  readonly ticket?: Uint8Array;
  readonly suite: CipherSuite;
  readonly master: Uint8Array;
}

/** What the ServerHello settled. */
export interface Resumed {
  readonly randoms: Randoms;
  readonly encryptThenMac: boolean;
  readonly fragments: FragmentLimits;
  readonly cids: ConnectionIds;
}

/** From ServerHello on, which is in the transcript. */
export function* resumedClientHandshake(
  credential: ClientCredential,
  session: ClientSession,
  { randoms, encryptThenMac, fragments, cids }: Resumed,
  transcript: Transcript,
  keep: (session: ClientSession) => void,
): Handshake<ClientCredential> {
  const { suite, master } = session;
  const keys = [epochKeys(suite, master, randoms, encryptThenMac)];
  let message = yield { send: [], keys, cids, fragments };
  let kept = session;
  if (message.type === HandshakeType.newSessionTicket) {
    kept = { ...session, ticket: readTicket(transcript, message) };
    message = yield silence;
  }
  const due = verifyData(suite.hash, master, 'server', transcript.digest(suite.hash));
  checkVerifyData(transcript.receive(HandshakeType.finished, message), due);
  const own = verifyData(suite.hash, master, 'client', transcript.digest(suite.hash));
  const finished = transcript.send(HandshakeType.finished, own);
  keep(kept);
  const last: Established<ClientCredential> = {
    send: ['change_cipher_spec', finished],
    credential,
  };
  return last;
}

/** The ticket of a NewSessionTicket. */
export function readTicket(transcript: Transcript, message: HandshakeMessage): Uint8Array {
  const body = transcript.receive(HandshakeType.newSessionTicket, message);
  return decode('NewSessionTicket', NewSessionTicket, body).ticket.slice();
}

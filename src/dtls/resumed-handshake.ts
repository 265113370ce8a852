/** The server's conversation where a session is resumed (RFC 5246 §7.3, figure 2). */
import { agreeOnConnectionIds } from './connection-id.ts';
import type { PeerCredential } from './credentials.ts';
import { type Extension, type Extensions, ExtensionType, extension } from './extensions.ts';
import { checkVerifyData } from './finished.ts';
import { grantFragmentLimits } from './fragment-limits.ts';
import type { Handshake, ServerContext } from './handshake.ts';
import { Hmac } from './hmac.ts';
import { epochKeys, verifyData } from './key-schedule.ts';
import type { ClientHello } from './messages/client-hello.ts';
import { HandshakeType } from './messages/handshake-message.ts';
import { ServerHello } from './messages/server-hello.ts';
import { asksForRenegotiationInfo } from './negotiation.ts';
import { ProtocolVersion } from './record.ts';
import type { Session } from './session.ts';
import type { Sessions } from './sessions.ts';
import { encode } from './struct.ts';
import type { Transcript } from './transcript.ts';

/** Of a client's hello to the server's resumption. */
export interface Resumption {
  readonly sessions: Sessions;
  /** Which the hello asks for, where there is one. */
  readonly session: Session | undefined;
  /** The client's IP address. */
  readonly host: string;
}

/**
 *   ClientHello                   ------->
 *                                 <-------  ServerHello [NewSessionTicket] [ChangeCipherSpec] Finished
 *   [ChangeCipherSpec] Finished   ------->
 *
 * What the session does not settle is agreed on anew: connection IDs and record sizes. `transcript` has the hello.
 */
export function* resumedHandshake(
  context: ServerContext,
  { sessions, host }: Resumption,
  session: Session,
  transcript: Transcript,
  hello: ClientHello,
  offered: Extensions,
): Handshake<PeerCredential> {
  const { suite, master, credential, name } = session;
  const { hash, cipher } = suite;
  const randoms = { client: hello.random, server: context.random(32) };
  const connectionIds = agreeOnConnectionIds(offered, context.connectionIds);
  const { limits, granted } = grantFragmentLimits(offered, connectionIds.cids.peers !== undefined);
  const encryptThenMac = cipher.macKeyLength > 0 && offered.has(ExtensionType.encryptThenMac);
  const newTicket = sessions.renews(session, offered);
  const answers: readonly (Extension | undefined)[] = [
    asksForRenegotiationInfo(hello, offered) ? extension.renegotiationInfo() : undefined,
    extension.extendedMasterSecret(),
    connectionIds.extension,
    encryptThenMac ? extension.encryptThenMac() : undefined,
    granted,
    newTicket ? extension.sessionTicket() : undefined,
  ];
  const serverHello = encode(ServerHello, {
    serverVersion: ProtocolVersion.dtls12,
    random: randoms.server,
    sessionId: hello.sessionId,
    cipherSuite: suite.id,
    compressionMethod: 0,
    extensions: answers.filter((extension) => extension !== undefined),
  });
  const first = [transcript.send(HandshakeType.serverHello, serverHello)];
  if (newTicket) {
    const ticket = sessions.ticket({ ...session, host });
    first.push(transcript.send(HandshakeType.newSessionTicket, ticket));
  }
  const secret = new Hmac(hash, master);
  const own = verifyData(hash, secret, 'server', transcript.digest(hash));
  const finished = transcript.send(HandshakeType.finished, own);
  const due = verifyData(hash, secret, 'client', transcript.digest(hash));
  context.keyLog?.(randoms.client, master);
  const answered = yield {
    send: [...first, 'change_cipher_spec', finished],
    keys: [epochKeys(suite, secret, randoms, encryptThenMac)],
    cids: connectionIds.cids,
    fragments: limits,
  };
  checkVerifyData(transcript.receive(HandshakeType.finished, answered), due);
  return { send: [], credential, session: name };
}

/** ES11 (SGP.22 5.8): InitiateAuthentication and AuthenticateClient, whose answer is the eUICC's events. */
import type { BoundedMap } from '../../../src/base/bounded-map.ts';
import { equal, toHex } from '../../../src/base/bytes.ts';
import { AuthenticateServerResponse } from '../../../src/messages/rsp.ts';
import {
  type AuthenticatingServer,
  checkChain,
  checkProof,
  type Identity,
  initiateAuthentication,
  type Opened,
  okResponse,
} from '../server/authentication.ts';
import type { Call, Route } from '../server/door.ts';
import { initiateAuthenticationJson, readInitiateAuthentication } from '../server/json.ts';
import type { JsonAnswer, JsonRequest } from '../server/json-request.ts';
import { Refusal } from '../server/refusal.ts';
import type { EventBook } from './events.ts';

/** A session ends with its answer, which is kept for the same request sent again. */
export interface DsSession extends Opened<Identity> {
  answered?: { readonly request: Uint8Array; readonly answer: JsonAnswer };
}

/** One SM-DS: its identity, and what it remembers. */
export interface Ds extends AuthenticatingServer<Identity> {
  readonly events: EventBook;
  /** By transactionId in hex. */
  readonly sessions: BoundedMap<string, DsSession>;
}

const refusals = {
  address: 'dsAddressRefused',
  svn: 'dsSvnUnsupported',
  ci: 'dsCiUnsupported',
  certificate: 'dsCertificateUnavailable',
} as const;

/** The same functions under both paths: LPAs post to that of ES9+, some clients to that of ES11. */
export function es11Routes(dsOf: () => Ds): [string, Route][] {
  const routes: readonly Route[] = [
    { function: 'initiateAuthentication', run: (request) => initiate(dsOf(), request) },
    {
      function: 'authenticateClient',
      run: (request, call) => authenticateClient(dsOf(), request, call),
    },
  ];
  return ['es9plus', 'es11'].flatMap((name) =>
    routes.map((route): [string, Route] => [`/gsma/rsp2/${name}/${route.function}`, route]),
  );
}

function initiate(ds: Ds, request: JsonRequest): JsonAnswer {
  const asked = readInitiateAuthentication(request);
  const { session, answer } = initiateAuthentication(ds, asked, refusals);
  ds.sessions.set(toHex(session.transactionId), session);
  return initiateAuthenticationJson(answer);
}

/** Throws Refusal; the session is then over. */
function authenticateClient(ds: Ds, request: JsonRequest, call: Call): JsonAnswer {
  const raw = request.octets('authenticateServerResponse');
  const response = request.message('authenticateServerResponse', AuthenticateServerResponse);
  const key = toHex(request.transactionId());
  const session = ds.sessions.get(key);
  if (session === undefined) throw new Refusal('transactionUnknown');
  if (session.answered !== undefined) {
    if (equal(session.answered.request, raw)) return session.answered.answer;
    throw new Refusal('transactionUnknown', 'used');
  }
  try {
    const ok = okResponse(session, response);
    const proven = checkChain(ds, ok);
    call.eid = proven.eid;
    checkProof(session, ok, proven);
    const eventId = ok.euiccSigned1.value.ctxParams1.value.matchingId ?? '';
    const events = ds.events
      .of(proven.eid)
      .filter((event) => eventId === '' || event.eventId === eventId);
    if (eventId !== '' && events.length === 0) throw new Refusal('eventUnknown');
    const answer = {
      transactionId: key,
      eventEntries: events.map(({ eventId, rspServerAddress }) => ({ eventId, rspServerAddress })),
    };
    session.answered = { request: raw.slice(), answer };
    return answer;
  } catch (error) {
    ds.sessions.delete(key);
    throw error;
  }
}

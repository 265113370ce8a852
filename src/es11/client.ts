/**
 * The eIM as client of an SM-DS (SGP.22 5.8, ES11' of SGP.32): the events that SM-DP+s have registered for a eUICC. Paths,
 * JSON and connections are those of ES9+.
 */
import { z } from 'zod';
import { type Es9Function, es9Members, type Members } from '../es9/binding.ts';
import {
  type AuthenticateClient,
  authenticateClientMembers,
  type InitiateAuthentication,
  type InitiateAuthenticationResult,
  initiateAuthenticationMembers,
  RspCalls,
  type RspCallsOptions,
  readInitiateAuthentication,
  refuseOtherTransaction,
} from '../es9/calls.ts';
import { Es9TransportError } from '../es9/errors.ts';

/** Most events of an answer, and characters of their members. */
const limit = { events: 256, text: 255 } as const;

const EventEntries = z
  .array(
    z.object({
      eventId: z.string().min(1).max(limit.text),
      rspServerAddress: z.string().min(1).max(limit.text),
    }),
  )
  .max(limit.events);

/** An event: what to fetch, and where (an SM-DP+, or another SM-DS). */
export interface EventEntry {
  /** The matchingId there. */
  readonly eventId: string;
  /** Host, or host:port. */
  readonly rspServerAddress: string;
}

/**
 * Each function takes the SM-DS's address (`host` or `host:port`) and throws Es9Error where the SM-DS refused,
 * Es9TransportError where it could not be asked or not be understood.
 */
export class Es11Client {
  readonly #calls: RspCalls;

  constructor(options: RspCallsOptions) {
    this.#calls = new RspCalls(options);
  }

  /** ES11.InitiateAuthentication (SGP.22 5.8.1). An SM-DP+ answers it too: both look alike until the certificate tells. */
  async initiateAuthentication(
    address: string,
    asked: InitiateAuthentication,
  ): Promise<InitiateAuthenticationResult> {
    const members = initiateAuthenticationMembers(address, asked);
    return readInitiateAuthentication(await this.#call(address, 'initiateAuthentication', members));
  }

  /** ES11.AuthenticateClient (SGP.22 5.8.2): the events of the eUICC, or the one whose EventID it signed. */
  async authenticateClient(
    address: string,
    asked: AuthenticateClient,
  ): Promise<readonly EventEntry[]> {
    const members = await this.#call(
      address,
      'authenticateClient',
      authenticateClientMembers(asked),
    );
    refuseOtherTransaction(members, asked.transactionId);
    return eventsIn(members);
  }

  /** Most SM-DSs have ES11 under the path of ES9+, as LPAs call it; some under its own. */
  async #call(
    address: string,
    name: Es9Function,
    members: Readonly<Record<string, string>>,
  ): Promise<Members> {
    try {
      return es9Members(await this.#calls.post(address, 'es9plus', name, members));
    } catch (error) {
      if (!(error instanceof Es9TransportError) || error.status !== 404) throw error;
      return es9Members(await this.#calls.post(address, 'es11', name, members));
    }
  }
}

function eventsIn(members: Members): readonly EventEntry[] {
  const entries = members.value('eventEntries');
  if (entries === undefined) {
    // null, or nothing at all, is met where there is none; an SM-DP+ answers something else.
    if (!members.has('smdpSigned2')) return [];
    throw new Es9TransportError('malformed', 'the answer is that of an SM-DP+, not of an SM-DS');
  }
  const { success, data, error } = EventEntries.safeParse(entries);
  if (success) return data;
  const [issue] = error.issues;
  const kind = issue?.code === 'too_big' && issue.path.length === 0 ? 'too large' : 'malformed';
  const where = issue?.path.map(String).join('.') ?? '';
  throw new Es9TransportError(
    kind,
    `eventEntries${where === '' ? '' : `.${where}`} is not what ES11 has`,
  );
}

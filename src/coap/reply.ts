/** The way back to one request, for as many responses as RFC 9177 has for it (section 6). */
import type { Answer } from './answer.ts';

export interface Reply {
  readonly confirmable: boolean;
  /** Sends a NON response under the request's token. `reset`: the peer wants no more of it. */
  send(answer: Answer, reset?: () => void): void;
}

/**
 * ESipa messages that come again as new requests: after a reset of the device, its own time-out, a new handshake.
 * The same octets of the same device join the first while it is worked on. Afterwards:
 *
 * ```
 *   InitiateAuthentication, AuthenticateClient,   the session has the answer, in the store, for any connection
 *   GetBoundProfilePackage, CancelSession         that may speak for its EID (src/procedures/transactions.ts)
 *   HandleNotification, ProvideEimPackageResult   acknowledged again for some time, and not taken again
 *   GetEimPackage                                 asked anew: there may be something new
 * ```
 */
import { Code } from '../coap/codes.ts';
import type { RepeatRules } from '../coap/repeats.ts';
import type { CoapPeer } from '../coap/request.ts';
import { elementAt, readTlv } from '../messages/tlv.ts';

const tags = {
  handleNotification: 0xbf3d,
  provideEimPackageResult: 0xbf50,
  /** In ProvideEimPackageResultResponse: what was taken. */
  eimAcknowledgements: 0xbf53,
} as const;

/** `kept`: milliseconds for which what was reported is acknowledged again. */
export function esipaRepeats<P extends CoapPeer>(kept: number): RepeatRules<P> {
  return {
    joins: ({ method }) => method === 'POST',
    keeps: ({ body: asked }, { code, body }) => {
      if (code === Code.changed) return isReportTaken(asked, new Uint8Array()) ? kept : 0;
      return body !== undefined && isReportTaken(asked, body) ? kept : 0;
    },
  };
}

/**
 * Whether a message was a report, and its answer, no octets where it has none, says that it was taken. What was not
 * taken is looked at again: what it lacked may be here by then.
 */
export function isReportTaken(asked: Uint8Array, answered: Uint8Array): boolean {
  // Asked of each poll that is answered, so nothing is cut.
  switch (elementAt(asked, 0, asked.length).tag) {
    case tags.handleNotification:
      return answered.length === 0;
    case tags.provideEimPackageResult:
      return holdsAcknowledgements(readTlv(answered).value);
    default:
      return false;
  }
}

/** A device of v1.0 of whose result nothing was taken is answered without any element. */
function holdsAcknowledgements(elements: Uint8Array): boolean {
  return elements.length > 0 && readTlv(elements).tag === tags.eimAcknowledgements;
}

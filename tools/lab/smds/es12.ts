/** ES12 (SGP.22 5.10): SM-DP+s register events and delete them. TLS on both sides; the role is that of DPtls. */
import { type Eid, IdError, parseEid } from '../../../src/messages/ids.ts';
import { parseSmdpAddress, SmdpAddressError } from '../../../src/messages/smdp-address.ts';
import { role } from '../../../src/trust/certificate.ts';
import type { Call, Route } from '../server/door.ts';
import type { JsonRequest } from '../server/json-request.ts';
import { Refusal } from '../server/refusal.ts';
import type { EventBook } from './events.ts';

export function es12Routes(events: EventBook): [string, Route][] {
  const routes: readonly Route[] = [
    {
      function: 'registerEvent',
      run(request, call) {
        checkHeader(request);
        const event = { ...eventIn(request, call), rspServerAddress: addressIn(request) };
        if (request.flag('forwardingIndicator')) {
          // It is the root itself: there is nobody to forward to (ES15).
          throw new Refusal('malformed', 'forwardingIndicator: this is the root SM-DS');
        }
        events.add(event);
        return {};
      },
    },
    {
      function: 'deleteEvent',
      run(request, call) {
        checkHeader(request);
        events.remove(eventIn(request, call));
        return {};
      },
    },
  ];
  return routes.map((route) => [
    `/gsma/rsp2/es12/${route.function}`,
    {
      ...route,
      allows: (client) =>
        client?.policies.includes(role.dpTls) === true && client.registeredIds.length === 1,
    },
  ]);
}

function checkHeader(request: JsonRequest): void {
  if (request.value('header') === undefined) throw new Refusal('missing', 'header');
}

function eventIn(request: JsonRequest, call: Call) {
  const eid = eidIn(request);
  call.eid = eid;
  const eventId = request.text('eventId');
  if (!/^[\x21-\x7e]{1,255}$/.test(eventId)) throw new Refusal('malformed', 'eventId');
  return { eid, eventId, registrant: call.client?.registeredIds[0] ?? '' };
}

function eidIn(request: JsonRequest): Eid {
  try {
    return parseEid(request.text('eid'));
  } catch (cause) {
    if (!(cause instanceof IdError)) throw cause;
    throw new Refusal('eidInvalid', cause.message, { cause });
  }
}

function addressIn(request: JsonRequest): string {
  try {
    return parseSmdpAddress(request.text('rspServerAddress')).text;
  } catch (cause) {
    if (!(cause instanceof SmdpAddressError)) throw cause;
    throw new Refusal('malformed', `rspServerAddress ${cause.message}`, { cause });
  }
}

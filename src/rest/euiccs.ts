/** /v1/euiccs and /v1/profiles: what is known of eUICCs. */
import type { EuiccRecord } from '../fleet/euiccs.ts';
import type { Eid } from '../messages/ids.ts';
import { check } from './api/errors.ts';
import { EuiccChange, EuiccList, EuiccQuery, EuiccView } from './api/euiccs.ts';
import { eidText } from './api/ids.ts';
import { type FleetProfileView, ProfileList, ProfileQuery } from './api/profiles.ts';
import type { Desk } from './desk.ts';
import { setFacts } from './euicc-order.ts';
import { pageOf, usualPage } from './paging.ts';
import { json, nextOf, notFound, ok, type Route, route } from './route.ts';
import { euiccView, profileViews } from './views.ts';

export function euiccRoutes(desk: Desk): readonly Route[] {
  return [
    route('GET /v1/euiccs', {
      about: 'eUICCs, by EID',
      query: EuiccQuery,
      gives: { 200: json(EuiccList) },
      answer: async ({ query: { level, proof, after, limit = usualPage } }) => {
        const list = await pageOf({
          limit,
          after,
          read: async (behind, most) => {
            const from = behind === undefined ? {} : { after: check(eidText, behind, 'after') };
            return (await desk.euiccs.list({ ...from, limit: most })).map(euiccView);
          },
          keep: (euicc) =>
            (level === undefined || euicc.level === level) &&
            (proof === undefined || euicc.proof === proof),
          name: ({ eid }) => eid,
        });
        return ok({ euiccs: list, ...nextOf(list, limit, ({ eid }) => eid) });
      },
    }),
    route('GET /v1/euiccs/:eid', {
      about: 'What is known of a eUICC',
      gives: { 200: json(EuiccView) },
      answer: async ({ params }) => {
        const eid = check(eidText, params.eid, 'eid');
        const euicc = await desk.euiccs.get(eid);
        if (euicc === undefined) throw notFound('eUICC', eid);
        return ok(euiccView(euicc));
      },
    }),
    // Makes the record where there is none: what is set before the first contact holds from then on.
    route('PATCH /v1/euiccs/:eid', {
      about: 'Say what the eIM is to know of a eUICC; what is absent stays',
      body: EuiccChange,
      gives: { 200: json(EuiccView) },
      answer: async ({ params, body }) => {
        const eid = check(eidText, params.eid, 'eid');
        return ok(euiccView(await setFacts(desk, eid, body)));
      },
    }),
    route('GET /v1/profiles', {
      about: 'Profiles of all eUICCs, by EID and ICCID, as the eUICCs told of them last',
      query: ProfileQuery,
      gives: { 200: json(ProfileList) },
      answer: async ({ query: { eid, iccid, state, after, limit = usualPage } }) => {
        const found: FleetProfileView[] = [];
        for await (const euicc of euiccsFrom(desk, eid, after?.split('/')[0])) {
          for (const profile of profileViews(euicc)) {
            if (after !== undefined && cursorOf(profile) <= after.toUpperCase()) continue;
            if (iccid !== undefined && profile.efIccid !== iccid) continue;
            if (state !== undefined && profile.state !== state) continue;
            found.push(profile);
            if (found.length === limit) {
              return ok({ profiles: found, ...nextOf(found, limit, cursorOf) });
            }
          }
        }
        return ok({ profiles: found });
      },
    }),
  ];
}

function cursorOf({ eid, efIccid }: FleetProfileView): string {
  return `${eid}/${efIccid}`;
}

/** One eUICC, or all from an EID on. */
async function* euiccsFrom(
  { euiccs }: Desk,
  only: Eid | undefined,
  from: string | undefined,
): AsyncGenerator<EuiccRecord> {
  const first = only ?? (from === undefined ? undefined : check(eidText, from, 'after'));
  if (first !== undefined) {
    const euicc = await euiccs.get(first);
    if (euicc !== undefined) yield euicc;
    if (only !== undefined) return;
  }
  let after = first;
  for (;;) {
    const list = await euiccs.list({ limit: usualPage, ...(after === undefined ? {} : { after }) });
    yield* list;
    if (list.length < usualPage) return;
    after = list.at(-1)?.eid;
  }
}

/** Known deviations from the standard: which devices were met with them, and what they are. */
import type { QuirkMet, QuirkOfEum } from '../fleet/quirks.ts';
import { type QuirkName, quirkNames, quirkOf } from '../messages/quirks.ts';
import { check } from './api/errors.ts';
import { eidText } from './api/ids.ts';
import { type QuirkOfEumView, QuirkOverview, QuirksOfEuicc, type QuirkView } from './api/quirks.ts';
import type { Desk } from './desk.ts';
import { json, notFound, ok, type Route, route } from './route.ts';

export function quirkRoutes({ quirks, euiccs }: Desk): readonly Route[] {
  return [
    route('GET /v1/quirks', {
      about: 'Deviations from the standard that devices were met with, by EUM',
      gives: { 200: json(QuirkOverview) },
      answer: async () => {
        const overview: QuirkOverview = {
          eums: (await quirks.ofEums()).map(eumView),
          known: quirkNames.map((name) => ({ name, ...told(name) })),
        };
        return ok(overview);
      },
    }),
    route('GET /v1/euiccs/:eid/quirks', {
      about: 'Deviations from the standard that the device of a eUICC was met with',
      gives: { 200: json(QuirksOfEuicc) },
      answer: async ({ params }) => {
        const eid = check(eidText, params.eid, 'eid');
        if ((await euiccs.get(eid)) === undefined) throw notFound('eUICC', eid);
        const found: QuirksOfEuicc = { eid, quirks: (await quirks.of(eid)).map(quirkView) };
        return ok(found);
      },
    }),
  ];
}

function told(name: QuirkName): { readonly about: string; readonly evidence: string } {
  const { about, evidence } = quirkOf(name);
  return { about, evidence };
}

function quirkView({ name, count, first, last, where }: QuirkMet): QuirkView {
  const { about } = quirkOf(name);
  return { name, about, count, first: time(first), last: time(last), where };
}

function eumView({ eum, name, euiccs, count, first, last }: QuirkOfEum): QuirkOfEumView {
  return { eum, name, euiccs, count, first: time(first), last: time(last) };
}

function time(milliseconds: number): string {
  return new Date(milliseconds).toISOString();
}

/** The API about itself: the document, and a page to read and try it. */
import { z } from 'zod';
import type { Desk } from './desk.ts';
import { contentSecurityPolicy, docsPage } from './docs-page.ts';
import type { Examples } from './examples/asking.ts';
import { openApiOf } from './openapi.ts';
import { json, ok, type Route, route } from './route.ts';

const Document = z.looseObject({
  openapi: z.literal('3.1.0').describe('the version of OpenAPI that it is written in'),
});

const pageType = 'text/html; charset=utf-8';

/** The beginning of each is enough of an example. */
const ownExamples = {
  document: { openapi: '3.1.0', info: { title: 'coap-eim' } },
  page: '<!doctype html>\n<html lang="en">…</html>\n',
};

/**
 * @param table all routes, these among them
 * @param examples of the others
 */
export function docsRoutes(
  { info }: Desk,
  table: () => readonly Route[],
  examples: (version: string) => Promise<Examples>,
): readonly Route[] {
  const make = async () => {
    const { version } = info();
    const document = openApiOf(table(), version, withOwn(await examples(version)));
    return { document, page: docsPage(document) };
  };
  let made: ReturnType<typeof make> | undefined;
  const docs = () => {
    made ??= make();
    return made;
  };
  return [
    route('GET /v1/openapi.json', {
      about: 'This document',
      gives: { 200: json(Document, 'OpenAPI 3.1') },
      answer: async () => ok((await docs()).document),
    }),
    route('GET /v1/docs', {
      about: 'A page to read and try the API',
      gives: { 200: { about: 'the page', type: pageType } },
      answer: async () => ({
        status: 200,
        type: pageType,
        headers: {
          'content-security-policy': contentSecurityPolicy,
          'x-content-type-options': 'nosniff',
          'referrer-policy': 'no-referrer',
        },
        body: (await docs()).page,
      }),
    }),
  ];
}

function withOwn({ of, refusal }: Examples): Examples {
  const none = { params: {}, query: {}, headers: {} };
  const json = { 'application/json': ownExamples.document };
  return {
    of: new Map([
      ...of,
      ['GET /v1/openapi.json', { ...none, answers: { 200: json } }],
      ['GET /v1/docs', { ...none, answers: { 200: { [pageType]: ownExamples.page } } }],
    ]),
    refusal,
  };
}

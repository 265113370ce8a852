/** The API about itself: the document, and a page to read and try it. */
import { z } from 'zod';
import type { Desk } from './desk.ts';
import { contentSecurityPolicy, docsPage } from './docs-page.ts';
import { type OpenApi, openApiOf } from './openapi.ts';
import { json, ok, type Route, route } from './route.ts';

const Document = z.looseObject({
  openapi: z.literal('3.1.0').describe('the version of OpenAPI that it is written in'),
});

/** `table`: all routes, these among them. */
export function docsRoutes({ info }: Desk, table: () => readonly Route[]): readonly Route[] {
  let made: { readonly document: OpenApi; readonly page: string } | undefined;
  const docs = () => {
    const document = made?.document ?? openApiOf(table(), info().version);
    made ??= { document, page: docsPage(document) };
    return made;
  };
  return [
    route('GET /v1/openapi.json', {
      about: 'This document',
      gives: { 200: json(Document, 'OpenAPI 3.1') },
      answer: () => ok(docs().document),
    }),
    route('GET /v1/docs', {
      about: 'A page to read and try the API',
      gives: { 200: { about: 'the page', type: 'text/html; charset=utf-8' } },
      answer: () => ({
        status: 200,
        type: 'text/html; charset=utf-8',
        headers: {
          'content-security-policy': contentSecurityPolicy,
          'x-content-type-options': 'nosniff',
          'referrer-policy': 'no-referrer',
        },
        body: docs().page,
      }),
    }),
  ];
}

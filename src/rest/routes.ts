/** The table of all routes. */
import { docsRoutes } from './docs-routes.ts';
import { dropInRoutes } from './drop-in.ts';
import { tellStory } from './examples/story.ts';
import type { OrderTools } from './orders.ts';
import type { Route } from './route.ts';
import type { Tokens } from './tokens.ts';
import { v1Routes } from './v1.ts';

export function routes(tools: OrderTools, tokens: Tokens): readonly Route[] {
  const table: readonly Route[] = [
    ...dropInRoutes(tools.desk),
    ...v1Routes(tools, tokens),
    ...docsRoutes(
      tools.desk,
      () => table,
      (version) => tellStory(version, routes),
    ),
  ];
  return table;
}

/** The table of all routes. */
import type { Desk } from './desk.ts';
import { dropInRoutes } from './drop-in.ts';
import type { Route } from './route.ts';
import { v1Routes } from './v1.ts';
import type { Waiting } from './waiting.ts';

/** `waitLimit`: the longest wait of a request, in milliseconds. */
export function routes(desk: Desk, waiting: Waiting, waitLimit: number): readonly Route[] {
  return [...dropInRoutes(desk), ...v1Routes(desk, waiting, waitLimit)];
}

/** The rooms as users run them: a loader of TypeScript puts calls of its own into what it loads. */
export async function built<Module>(path: string): Promise<Module> {
  return import(new URL(`../../dist/${path}`, import.meta.url).href);
}

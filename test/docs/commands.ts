/** Every command line of the fenced `sh` blocks of the pages, and where each is run. */

import { blocks, type Page, pages } from './markdown.ts';
import { commandsIn } from './shell.ts';

export interface PageCommand {
  /** `docs/lab.md`. */
  readonly path: string;
  /** The nearest heading above. */
  readonly heading: string;
  /** As it stands, lines that continue one another joined. */
  readonly text: string;
}

/** The commands of a page, in order. */
export function pageCommands(of: Page): readonly PageCommand[] {
  const found: PageCommand[] = [];
  let rest = of.text;
  let heading = '';
  for (const { language, text } of blocks(of)) {
    const fence = `\`\`\`${language}`;
    const at = rest.indexOf(`${fence}`, 0);
    const start = rest.indexOf(text, at);
    for (const [, title = ''] of rest.slice(0, at).matchAll(/^#+ +(.+)$/gm)) heading = title;
    rest = rest.slice(start + text.length);
    if (language !== 'sh') continue;
    for (const line of text.replaceAll('\\\n', ' ').split('\n')) {
      if (commandsIn(line).length > 0) found.push({ path: of.path, heading, text: line.trim() });
    }
  }
  return found;
}

export const allCommands: readonly PageCommand[] = pages.flatMap(pageCommands);

/** Where commands are run by a test of their own, by page or page and heading. */
export const ranBy: Readonly<Record<string, string>> = {
  'docs/rest.md': 'test/docs/examples.test.ts',
  'docs/https.md#Asking': 'test/docs/https.test.ts',
  'docs/interop.md': 'test/docs/interop.test.ts',
  'README.md#Quick start with a device': 'test/docs/quick-start.test.ts',
};

/** Commands that are not run: looked at with `sh -n`, and for options that exist. */
export const notRun: readonly { readonly command: RegExp; readonly why: string }[] = [
  { command: /^npm test$/, why: 'it is what runs this' },
  {
    command: /^npm (install|run build)/,
    why: 'changes the installation; the Dockerfile does the same',
  },
  {
    command: /^npm run bench /,
    why: 'takes minutes of a quiet machine; test/bench and test/docs/wire.test.ts run four of them with less',
  },
  {
    command: /^npm run lab -- --link nbiot-deep/,
    why: 'takes a minute; test/e2e/ordeal.test.ts runs it',
  },
  { command: /^EIM_URL=https:/, why: 'asks a host of the reader' },
  {
    command: /^eim euicc handover /,
    why: 'waits for a device and its new eIM; test/cli/handover.test.ts runs them',
  },
  {
    command: /^eim euicc set .* --signing-key second/,
    why: 'the eIM of the page has no second key; test/rest/signing-key.test.ts and test/flows/lost-update.test.ts set one',
  },
  {
    command: /^npm run lab -- device .*--fault old-shapes/,
    why: 'polls until it is stopped; test/e2e/parts.test.ts runs such a device',
  },
];

/** The last heading of docs/operations.md, in its order, whose commands are run one by one. */
const operationsUntil = 'Secrets at rest';

/** Of docs/operations.md behind that: run where no device polls, and no order is waited for. */
export function isBehind(one: PageCommand): boolean {
  if (one.path !== 'docs/operations.md') return false;
  const ofPage = allCommands.filter(({ path }) => path === one.path);
  const last = ofPage.findLastIndex(({ heading }) => heading === operationsUntil);
  return ofPage.indexOf(one) > last;
}

/** The lab as a whole: lab.test.ts and lab-procedures.test.ts run it. */
export const isLab = ({ text }: PageCommand): boolean =>
  /^npm run lab\b/.test(text) && !/-- (smdpp|smds|device|link)\b/.test(text);

export function ownTest({ path, heading }: PageCommand): string | undefined {
  return ranBy[`${path}#${heading}`] ?? ranBy[path];
}

export function whyNotRun(one: PageCommand): string | undefined {
  return notRun.find(({ command }) => command.test(one.text))?.why;
}

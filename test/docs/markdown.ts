/** The project's pages, taken apart as far as their tests need it. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The checkout. */
export const top = fileURLToPath(new URL('../..', import.meta.url));

export interface Page {
  /** From the top, such as `docs/rest.md`. */
  readonly path: string;
  readonly text: string;
}

export interface Block {
  /** After the fence: `sh`, `json`. */
  readonly language: string;
  readonly text: string;
  /** The block stands right behind the one before it, with no words between. */
  readonly follows: boolean;
}

export function page(path: string): Page {
  return { path, text: readFileSync(join(top, path), 'utf8') };
}

export const pages: readonly Page[] = [
  'README.md',
  'CHANGELOG.md',
  'certs/README.md',
  ...readdirSync(join(top, 'docs'))
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`),
].map(page);

const fence = /^```(\w*)[^\n]*\n([\s\S]*?)^```$/gm;

/** The fenced blocks of a page, in order. */
export function blocks({ text }: Page): readonly Block[] {
  let end = 0;
  return [...text.matchAll(fence)].map((match) => {
    const follows = end > 0 && text.slice(end, match.index).trim() === '';
    end = match.index + match[0].length;
    return { language: match[1] ?? '', text: match[2] ?? '', follows };
  });
}

/** The part of a page below one of its `##` headings. */
export function section({ path, text }: Page, heading: string): Page {
  const [, after] = text.split(`\n## ${heading}\n`);
  if (after === undefined) throw new Error(`${path} has no section '${heading}'`);
  return { path, text: after.split('\n## ')[0] ?? '' };
}

/** The page without its fenced blocks. */
export function prose({ text }: Page): string {
  return text.replace(fence, '');
}

/** What stands between backticks, fenced blocks apart. */
export function codeSpans(from: Page): readonly string[] {
  return [...prose(from).matchAll(/`([^`\n]+)`/g)].map(([, span = '']) => span);
}

/** The targets of links. */
export function links(from: Page): readonly string[] {
  return [...prose(from).matchAll(/\]\(([^)\s]+)\)/g)].map(([, target = '']) => target);
}

/** The anchors that headings give, as GitHub makes them. */
export function anchors(of: Page): ReadonlySet<string> {
  const found = new Set<string>();
  for (const [, heading = ''] of prose(of).matchAll(/^#+ +(.+)$/gm)) {
    const slug = heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-');
    let anchor = slug;
    for (let again = 1; found.has(anchor); again++) anchor = `${slug}-${again}`;
    found.add(anchor);
  }
  return found;
}

/** The cells of the table behind `<!-- name -->`, heading apart. */
export function table({ path, text }: Page, name: string): readonly (readonly string[])[] {
  const [, after] = text.split(`<!-- ${name} -->`);
  const rows = /\n((?:\|.*\n)+)/.exec(after ?? '')?.[1]?.trim();
  if (rows === undefined) throw new Error(`${path} has no table '${name}'`);
  return rows.split('\n').slice(2).map(cells);
}

/** The cells of a table's line. */
export function cells(line: string): readonly string[] {
  const inner = line.trim().replace(/^[|│]|[|│]$/g, '');
  return inner.split(/[|│]/).map((cell) => cell.trim());
}

/** Every file of these folders with this ending, from the top. */
export function filesIn(folders: readonly string[], ending: string): readonly Page[] {
  return folders.flatMap((folder) =>
    readdirSync(join(top, folder), { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith(ending))
      .map((name) => page(`${folder}/${name}`)),
  );
}

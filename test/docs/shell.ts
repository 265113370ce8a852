/** Lines of a POSIX shell, taken apart as far as the pages use it. */

/** The words of each simple command, quotes taken away; variables are left as they stand. */
export function commandsIn(script: string): readonly (readonly string[])[] {
  const found: string[][] = [];
  for (const line of script.replaceAll('\\\n', ' ').split('\n')) {
    let words: string[] = [];
    for (const [token] of line.matchAll(/#.*|\|\||&&|[|;&<>]|(?:'[^']*'|"[^"]*"|[^\s|;&<>'"])+/g)) {
      if (token.startsWith('#')) break;
      if (/^[|;&]/.test(token)) {
        found.push(words);
        words = [];
      } else if (!/^[<>]$/.test(token)) words.push(unquoted(token));
    }
    found.push(words);
  }
  return found.map(withoutVariables).filter((words) => words.length > 0);
}

function unquoted(token: string): string {
  return token.replace(/'([^']*)'|"([^"]*)"/g, (_, single, double) => single ?? double);
}

/** Without the `NAME=value` in front of a command. */
function withoutVariables(words: readonly string[]): readonly string[] {
  const first = words.findIndex((word) => !/^[A-Z_]+=/.test(word));
  return first < 0 ? [] : words.slice(first);
}

/** What a command asks of this project: `eim`, or a script of package.json. */
export interface Invocation {
  readonly program: string;
  readonly args: readonly string[];
}

/** The `eim …` or `npm run <script> -- …` that these words are; undefined for any other program. */
export function invocationOf(words: readonly string[]): Invocation | undefined {
  const [program, ...rest] = words;
  if (program === 'eim') return { program, args: rest };
  if (program !== 'npm') return undefined;
  const [verb, ...more] = rest;
  if (verb === 'test') return { program: 'test', args: [] };
  if (verb !== 'run') return undefined;
  const [script = '', dashes, ...args] = more;
  if (dashes !== undefined && dashes !== '--') throw new Error(`no -- before ${dashes}`);
  return { program: script, args };
}

/** The settings that a block of `eim serve` sets; none where it sets nothing. */
export function settingsIn(script: string): Readonly<Record<string, string>> {
  const { args = [] } = invocationOf(commandsIn(script)[0] ?? []) ?? {};
  const pairs = args.filter((_, i) => args[i - 1] === '--set').map((pair) => pair.split('='));
  return Object.fromEntries(pairs.map(([key, ...value]) => [key, value.join('=')]));
}

/** A request as curl would make it. */
export interface Curl {
  readonly url: string;
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly follow: boolean;
}

/** The request of a `curl` command; throws on options that are not read here. */
export function curlOf(words: readonly string[]): Curl {
  const [program, ...rest] = words;
  if (program !== 'curl') throw new Error(`not curl but ${program}`);
  let url = '';
  let method: string | undefined;
  let body: string | undefined;
  let follow = false;
  const headers: Record<string, string> = {};
  for (let word = rest.shift(); word !== undefined; word = rest.shift()) {
    if (word === '-X') method = rest.shift();
    else if (word === '-d') body = rest.shift();
    else if (word === '-H') {
      const [name = '', value = ''] = (rest.shift() ?? '').split(/: */);
      headers[name] = value;
    } else if (/^-s?L?$/.test(word)) follow = word.includes('L');
    else if (word.startsWith('-')) throw new Error(`curl ${word}`);
    else url = word;
  }
  return {
    url,
    method: method ?? (body === undefined ? 'GET' : 'POST'),
    headers,
    follow,
    ...(body === undefined ? {} : { body }),
  };
}

/** The pages say what is so: their commands, settings, tables and links, each against the real thing. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { describe, it } from 'node:test';
import { promisify } from 'node:util';
import { type Command, CommanderError } from 'commander';
import { exitCodeHelp } from '../src/cli/exit.ts';
import { makeProgram } from '../src/cli/program.ts';
import { environmentName, settingKeys } from '../src/config.ts';
import { parseActivationCode } from '../src/messages/activation-code.ts';
import { parseEid } from '../src/messages/ids.ts';
import { parseAnyIccid } from '../src/rest/api/ids.ts';
import { isSetting } from '../src/settings/setting.ts';
import { settings } from '../src/settings.ts';
import {
  anchors,
  blocks,
  codeSpans,
  filesIn,
  links,
  page,
  pages,
  table,
  top,
} from './docs/markdown.ts';
import { commandsIn, invocationOf } from './docs/shell.ts';
import { at } from './rest/http.ts';

const exec = promisify(execFile);
const readme = page('README.md');
const architecture = page('docs/architecture.md');
const operations = page('docs/operations.md');

/** Every invocation of `eim` and of a script in a block that may be run. */
const invocations = pages.flatMap((from) =>
  blocks(from)
    .filter(({ language }) => language === 'sh')
    .flatMap(({ text }) => commandsIn(text))
    .flatMap((words) => {
      const invocation = invocationOf(words);
      return invocation === undefined ? [] : [{ ...invocation, where: from.path }];
    }),
);

/** `eim` with commands that do nothing. */
function eim(): Command {
  const { stdin, stdout, stderr } = process;
  const program = makeProgram({ stdin, stdout, stderr, env: {}, now: Date.now });
  silence(program);
  idle(program);
  return program;
}

function silence(command: Command): void {
  command.configureOutput({ writeOut: () => {}, writeErr: () => {} });
  command.commands.forEach(silence);
}

function idle(command: Command): void {
  if (command.commands.length === 0) command.action(() => {});
  else for (const below of command.commands) idle(below);
}

/** What typed values have to be, by option. */
const values: Readonly<Record<string, (value: string) => unknown>> = {
  '--eid': parseEid,
  '--ac': parseActivationCode,
  '--iccid': parseAnyIccid,
  '--set': (pair) => assert.ok(settingKeys().includes(pair.split('=')[0] ?? ''), pair),
};

describe('commands in the pages', () => {
  const scripts = Object.keys(
    at(JSON.parse(page('package.json').text), 'scripts') as Readonly<Record<string, string>>,
  );

  it('are scripts of package.json, or eim', () => {
    const strange = invocations.filter(({ program }) => ![...scripts, 'eim'].includes(program));
    assert.deepEqual(strange, []);
    assert.ok(invocations.length > 40);
  });

  for (const { args, where } of invocations.filter(({ program }) => program === 'eim')) {
    it(`${where}: eim ${args.join(' ')}`, () => {
      try {
        eim().parse(args, { from: 'user' });
      } catch (error) {
        if (!(error instanceof CommanderError) || error.exitCode !== 0) throw error;
      }
      for (const [i, word] of args.entries()) values[word]?.(args[i + 1] ?? '');
    });
  }

  it('name the commands that eim has', async () => {
    const { stdout } = await exec(process.execPath, [
      join(top, 'dist', 'cli', 'main.js'),
      '--help',
    ]);
    const listed = /\nCommands:\n([\s\S]*?)\n\n/.exec(stdout)?.[1] ?? '';
    const names = [...listed.matchAll(/^ {2}(\w+)/gm)].map(([, name]) => name);
    const known = eim().commands.map((command) => command.name());
    assert.deepEqual(names, [...known, 'help']);
  });

  it('name options that the lab has', async () => {
    const wrong: string[] = [];
    const helps = new Map<string, string>();
    for (const { args } of invocations.filter(({ program }) => program === 'lab')) {
      const part = ['smdpp', 'smds', 'link', 'device'].find((name) => name === args[0]) ?? '';
      const help = helps.get(part) ?? (await labHelp(part));
      helps.set(part, help);
      for (const [i, word] of args.entries()) {
        const [whole, value] =
          new RegExp(`^ +${word}( <.*?>)? [^]*?(?=^ +-)`, 'm').exec(help) ?? [];
        if (!word.startsWith('--')) continue;
        const [, choices] = /choices:\s([^)]*?)(?:,\s+default|\))/.exec(whole ?? '') ?? [];
        const fits = choices === undefined || choices.includes(`"${args[i + 1]}"`);
        const isGiven = value === undefined || /^[^-]/.test(args[i + 1] ?? '-');
        if (whole === undefined || !fits || !isGiven) wrong.push(`lab ${args.join(' ')}: ${word}`);
      }
    }
    assert.deepEqual(wrong, []);
  });

  async function labHelp(part: string): Promise<string> {
    const args = [...(part === '' ? [] : [part]), '--help'];
    const { stdout } = await exec(process.execPath, ['tools/run.mjs', 'lab', ...args], {
      cwd: top,
    });
    return stdout;
  }
});

describe('settings in the pages', () => {
  it('are in the table of operations.md, each as src/settings.ts has it', () => {
    const due = settingKeys().map((key) => {
      const setting = at(settings, ...key.split('.'));
      assert.ok(isSetting(setting));
      const { fallback, about } = setting;
      const value = fallback === undefined ? '–' : `\`${JSON.stringify(fallback)}\``;
      return [`\`${key}\``, value, about.join(' ')];
    });
    const lines = (rows: readonly (readonly string[])[]) =>
      rows.map((row) => `| ${row.join(' | ')} |`).join('\n');
    assert.equal(lines(table(operations, 'settings')), lines(due));
  });

  it('exist, by key and by the name of their variable', () => {
    const sections = Object.keys(settings).filter((name) => name !== 'dataFolder');
    const key = new RegExp(`^(${sections.join('|')})\\.(?!ts$|md$|yaml$)[A-Za-z.]+$`);
    const known = [...settingKeys(), ...settingKeys().map(environmentName)];
    const ofCli = ['EIM_URL', 'EIM_TOKEN', 'EIM_OUTPUT', 'EIM_CLI_CONFIG'];
    const variables = [...known, ...ofCli, 'EIM_CONFIG'];
    const wrong = pages.flatMap((from) => {
      const named = [...from.text.matchAll(/\bEIM_[A-Z_]+\b/g)].map(([name]) => name);
      return [
        ...codeSpans(from).filter((span) => key.test(span) && !known.includes(span)),
        ...named.filter((name) => !variables.includes(name)),
      ].map((name) => `${from.path}: ${name}`);
    });
    assert.deepEqual(wrong, []);
  });
});

describe('tables in the pages', () => {
  const sources = filesIn(['src'], '.ts');

  it("README's rooms are those of test/architecture.test.ts", () => {
    const { text } = page('test/architecture.test.ts');
    const [, listed = ''] = /const rooms[^{]*\{([^}]*)\}/.exec(text) ?? [];
    const due = [...listed.matchAll(/(\w+): \[([^\]]*)\]/g)].map(([, room, names = '']) => [
      `\`${room}\``,
      names.replaceAll("'", '') || '–',
    ]);
    assert.ok(due.length > 10);
    const found = table(readme, 'rooms');
    assert.deepEqual(
      found.map(([room, names]) => [room, names]),
      due,
    );
    assert.ok(found.every(([, , knows = '']) => knows.length > 20));
  });

  it("architecture.md's tables of the store are those that src declares", () => {
    const due = sources.flatMap(({ path, text }) =>
      [...text.matchAll(/ = table<[^(]*\('([a-z-]+)'\)/g)].map(([, name]) => `${name} ${path}`),
    );
    const found = table(architecture, 'tables').map(([name, , file]) => `${name} ${file}`);
    assert.deepEqual(found.map((line) => line.replaceAll('`', '')).sort(), due.sort());
  });

  it("architecture.md's errors are those that src throws", () => {
    const due = sources
      .flatMap(({ text }) => [...text.matchAll(/class (\w+Error) extends Error/g)])
      .map(([, name]) => name);
    const found = table(architecture, 'errors').flatMap(([names = '']) => names.split(', '));
    assert.deepEqual(found.map((name) => name.replaceAll('`', '')).sort(), due.sort());
  });

  it("operations.md's exit codes are those of eim --help", () => {
    const due = [...exitCodeHelp.matchAll(/^ {2}(\d+) {2}(.*)$/gm)].map(([, code, text]) => [
      code,
      text,
    ]);
    assert.deepEqual(table(operations, 'exit codes'), due);
  });

  it("operations.md's messages and reasons to drop are said somewhere in src", () => {
    const said = sources.map(({ text }) => text.replaceAll("\\'", "'")).join('\n');
    const messages = table(operations, 'messages').map(([message = '']) => message);
    const drops = table(operations, 'drops')
      .flatMap(([reasons = '']) => reasons.split(', '))
      .map((reason) => reason.replace(/^`[a-z0-9]+: /, ''));
    const wrong = [...messages, ...drops]
      .map((message) => message.replaceAll('`', ''))
      .flatMap((message) => message.split('…'))
      .filter((part) => part.trim() !== '' && !said.includes(part.trim()));
    assert.deepEqual(wrong, []);
  });
});

describe('links and names in the pages', () => {
  it('lead to files and headings', () => {
    const wrong = pages.flatMap((from) =>
      links(from)
        .filter((target) => !/^https?:/.test(target) && !isThere(from.path, target))
        .map((target) => `${from.path}: ${target}`),
    );
    assert.deepEqual(wrong, []);
  });

  it('lead there from comments in the code too', () => {
    const wrong = filesIn(['src', 'tools', 'test'], '.ts').flatMap(({ path, text }) =>
      [...text.matchAll(/\bdocs\/[a-z-]+\.md(?:#[a-z0-9-]+)?/g)]
        .filter(([target]) => !isThere('top', target))
        .map(([target]) => `${path}: ${target}`),
    );
    assert.deepEqual(wrong, []);
  });

  it('are of files that are there', () => {
    const wrong = pages.flatMap((from) =>
      codeSpans(from)
        .filter((span) => /^(src|test|tools|docs|certs|asn1)\/[\w./-]*$/.test(span))
        .filter((span) => !existsSync(join(top, span)))
        .map((span) => `${from.path}: ${span}`),
    );
    const chart = blocks(architecture).find(({ text }) => text.includes('SM-DP+'))?.text ?? '';
    const charted = [...chart.matchAll(/[\w/-]+\.ts/g)].map(([name]) => name);
    assert.ok(charted.length > 10);
    const lost = charted.filter(
      (name) => !['src', 'src/procedures'].some((room) => existsSync(join(top, room, name))),
    );
    assert.deepEqual([...wrong, ...lost], []);
  });

  it('are of no machine', () => {
    const told = pages.filter(({ text }) => /\/(work|home|root|Users|tmp)\//.test(text));
    assert.deepEqual(
      told.map(({ path }) => path),
      [],
    );
  });

  function isThere(from: string, target: string): boolean {
    const [file = '', anchor] = target.split('#');
    const path = file === '' ? from : normalize(join(dirname(from), file));
    if (!existsSync(join(top, path))) return false;
    return anchor === undefined || anchors(page(path)).has(anchor);
  }
});

/** What may stand at the end of a command line: commands, options, their choices, and what the eIM knows. */
import type { Argument, Command, Option } from 'commander';

export interface Candidate {
  readonly value: string;
  /** For shells that show one beside it. */
  readonly about?: string;
}

/** What the eIM is asked for. */
export type Kind = 'eid' | 'iccid' | 'identity' | 'order' | 'connection' | 'notification' | 'token';

export interface Asked {
  readonly kind: Kind;
  /** What is typed of it. */
  readonly prefix: string;
  /** Of ICCIDs: only those on this eUICC. */
  readonly eid?: string | undefined;
}

export interface Completion {
  readonly candidates: readonly Candidate[];
  /** The shell knows: names of files or folders. */
  readonly files?: 'files' | 'folders';
}

/** A line up to a point, understood. */
interface Place {
  readonly command: Command;
  /** Arguments given so far. */
  readonly given: number;
  /** The option that waits for its value. */
  readonly option?: Option | undefined;
  readonly eid?: string | undefined;
}

export type Ask = (asked: Asked) => Promise<readonly Candidate[]>;

/** `words` without the program's name; the last is the one to complete. */
export async function complete(
  program: Command,
  words: readonly string[],
  ask: Ask,
): Promise<Completion> {
  const typed = words.at(-1) ?? '';
  const place = placeOf(program, words.slice(0, -1));
  const { command, option, eid } = place;
  if (option !== undefined) return valuesOf(option, typed, eid, ask);
  const [, flag = '', value] = /^(--[^=]+)=(.*)$/s.exec(typed) ?? [];
  if (value !== undefined) {
    const found = optionsOf(command).find(({ long }) => long === flag);
    if (found === undefined || isFlag(found)) return { candidates: [] };
    const { candidates, ...rest } = await valuesOf(found, value, eid, ask);
    return {
      ...rest,
      candidates: candidates.map((one) => ({ ...one, value: `${flag}=${one.value}` })),
    };
  }
  if (typed.startsWith('-')) {
    const candidates = optionsOf(command)
      .filter(({ hidden }) => !hidden)
      .map(({ long, short, description }) => ({ value: long ?? short ?? '', about: description }));
    return { candidates: matching(candidates, typed) };
  }
  if (command.commands.length > 0) {
    const help = command.createHelp();
    const below = help
      .visibleCommands(command)
      .map((one) => ({ value: one.name(), about: one.description() }));
    return { candidates: matching(below, typed) };
  }
  const argument = command.registeredArguments[place.given];
  if (argument === undefined) return { candidates: [] };
  return argumentValues(command, argument, typed, ask);
}

function placeOf(program: Command, words: readonly string[]): Place {
  let command = program;
  let given = 0;
  let eid: string | undefined;
  let option: Option | undefined;
  for (const word of words) {
    if (option !== undefined) {
      if (isNamed(option, 'eid')) eid = word;
      const mayStay = !option.required && word.startsWith('-');
      option = undefined;
      if (!mayStay) continue;
    }
    if (word.startsWith('-') && word.length > 1) {
      const [flag, value] = word.split('=', 2);
      const found = optionsOf(command).find(({ long, short }) => flag === long || flag === short);
      if (found !== undefined && isNamed(found, 'eid')) eid = value;
      if (found !== undefined && value === undefined && !isFlag(found)) option = found;
      continue;
    }
    const below = command.commands.find(
      (one) => one.name() === word || one.aliases().includes(word),
    );
    if (below === undefined) {
      if (command.registeredArguments[given]?.name() === 'eid') eid = word;
      given++;
    } else command = below;
  }
  // An optional value need not come: what is typed may be anything else.
  return { command, given, option: option?.required === true ? option : undefined, eid };
}

function isFlag(option: Option): boolean {
  return !option.required && !option.optional;
}

/** Options of a command and of those above it. */
function optionsOf(command: Command): readonly Option[] {
  const help = command.createHelp();
  const own = help.visibleOptions(command);
  const above: Option[] = [];
  for (let one = command.parent; one !== null; one = one.parent) above.push(...one.options);
  return [...own, ...above.filter(({ long }) => long !== '--version')];
}

/** The name of an option's value: `eid` of `--eid <eid>`. */
function valueName(option: Option): string {
  return /[<[]([^>\]]+?)(?:\.\.\.)?[>\]]/.exec(option.flags)?.[1] ?? '';
}

function isNamed(option: Option, name: string): boolean {
  return valueName(option) === name;
}

const kinds: Readonly<Record<string, Kind>> = { eid: 'eid', iccid: 'iccid', identity: 'identity' };

/** What an `<id>` is the id of, by the command above. */
const ids: Readonly<Record<string, Kind>> = {
  order: 'order',
  dtls: 'connection',
  notification: 'notification',
  token: 'token',
};

async function valuesOf(
  option: Option,
  typed: string,
  eid: string | undefined,
  ask: Ask,
): Promise<Completion> {
  if (option.argChoices !== undefined) {
    return {
      candidates: matching(
        option.argChoices.map((value) => ({ value })),
        typed,
      ),
    };
  }
  const name = valueName(option);
  if (name === 'yes|no')
    return { candidates: matching([{ value: 'yes' }, { value: 'no' }], typed) };
  return byName(name, typed, eid, ask);
}

async function argumentValues(
  command: Command,
  argument: Argument,
  typed: string,
  ask: Ask,
): Promise<Completion> {
  if (argument.argChoices !== undefined) {
    return {
      candidates: matching(
        argument.argChoices.map((value) => ({ value })),
        typed,
      ),
    };
  }
  if (argument.name() === 'id') {
    const kind = ids[command.parent?.name() ?? ''];
    return {
      candidates: kind === undefined ? [] : matching(await ask({ kind, prefix: typed }), typed),
    };
  }
  return byName(argument.name(), typed, undefined, ask);
}

async function byName(
  name: string,
  typed: string,
  eid: string | undefined,
  ask: Ask,
): Promise<Completion> {
  const kind = kinds[name];
  if (kind !== undefined) {
    return { candidates: matching(await ask({ kind, prefix: typed, eid }), typed) };
  }
  if (name === 'folder') return { candidates: [], files: 'folders' };
  return { candidates: [], ...(/^(file|file\|hex|message|pin)$/.test(name) && { files: 'files' }) };
}

function matching(candidates: readonly Candidate[], typed: string): readonly Candidate[] {
  const seen = new Set<string>();
  return candidates.filter(({ value }) => {
    const fits = value.startsWith(typed) && value !== '' && !seen.has(value);
    seen.add(value);
    return fits;
  });
}

/**
 * The CLI's own configuration: a YAML file of a user with `url`, `token` and `output`. The environment goes over it, and
 * flags over both.
 */
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { parse, YAMLError } from 'yaml';
import { z } from 'zod';
import { inWords } from '../base/complaints.ts';
import { CliError, ExitCode } from './exit.ts';
import { formats } from './output.ts';

const CliConfig = z.strictObject({
  /** Address of the eIM. */
  url: z.string().optional(),
  /** Bearer token. */
  token: z.string().optional(),
  /** What results are shown as. */
  output: z.enum(formats).optional(),
});
type CliConfig = z.infer<typeof CliConfig>;

export interface FoundConfig extends CliConfig {
  /** The file, where it was looked for. */
  readonly path: string | undefined;
  /** Others may read the token in it. */
  readonly isOpen: boolean;
}

/** Where the file is: EIM_CLI_CONFIG, or eim/cli.yaml in the folder that XDG has for configuration. */
export function cliConfigPath(
  env: Readonly<Record<string, string | undefined>>,
): string | undefined {
  const { EIM_CLI_CONFIG, XDG_CONFIG_HOME, HOME } = env;
  if (EIM_CLI_CONFIG) return EIM_CLI_CONFIG;
  const folder = XDG_CONFIG_HOME || (HOME ? join(HOME, '.config') : undefined);
  return folder === undefined ? undefined : join(folder, 'eim', 'cli.yaml');
}

/** What the file says; nothing where there is none, unless EIM_CLI_CONFIG names it. Throws CliError. */
export function readCliConfig(env: Readonly<Record<string, string | undefined>>): FoundConfig {
  const path = cliConfigPath(env);
  if (path === undefined) return { path, isOpen: false };
  let content: string;
  let mode: number;
  try {
    content = readFileSync(path, 'utf8');
    mode = statSync(path).mode;
  } catch (cause) {
    const isMissing = cause instanceof Error && 'code' in cause && cause.code === 'ENOENT';
    if (isMissing && !env.EIM_CLI_CONFIG) return { path, isOpen: false };
    throw wrong(path, cause instanceof Error ? cause.message : String(cause), cause);
  }
  const config = checked(path, content);
  return { ...config, path, isOpen: config.token !== undefined && (mode & 0o077) !== 0 };
}

function checked(path: string, content: string): CliConfig {
  let value: unknown;
  try {
    value = parse(content) ?? {};
  } catch (cause) {
    if (!(cause instanceof YAMLError)) throw cause;
    // What the parser quotes may be the token.
    throw wrong(path, `line ${cause.linePos?.[0].line ?? 1} is no YAML (${cause.code})`, cause);
  }
  const result = CliConfig.safeParse(value, { error: inWords });
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  const unknown = issue?.code === 'unrecognized_keys' ? issue.keys[0] : undefined;
  const key = unknown ?? issue?.path.join('.') ?? '';
  throw wrong(path, `${key}: ${unknown === undefined ? issue?.message : 'there is no such key'}`);
}

function wrong(path: string, why: string, cause?: unknown): CliError {
  const hint = 'it may hold url, token and output (EIM_CLI_CONFIG names another file)';
  return new CliError(ExitCode.badInput, `${path}: ${why}`, hint, { cause });
}

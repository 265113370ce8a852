/** The options of commands that read the configuration of the eIM itself: serve, config, doctor. */
import type { Command } from 'commander';
import {
  ConfigError,
  type ConfigSources,
  environmentName,
  type LoadedConfig,
  loadConfig,
} from '../config.ts';
import type { Context } from './context.ts';
import { CliError, ExitCode } from './exit.ts';

export interface ConfigOptions {
  readonly config?: string;
  readonly data?: string;
  readonly coapsHost?: string;
  readonly coapsPort?: string;
  readonly restHost?: string;
  readonly restPort?: string;
  readonly logLevel?: string;
  readonly set: readonly string[];
}

export function withConfigOptions(command: Command): Command {
  return command
    .option(
      '--config <file>',
      'configuration file (or EIM_CONFIG; default eim.yaml); serve makes it where there is none',
    )
    .option('--data <folder>', 'dataFolder: the store and the keys')
    .option('--coaps-host <address>', "coaps.host: the devices' side")
    .option('--coaps-port <port>', "coaps.port: the devices' side, UDP")
    .option('--rest-host <address>', "rest.host: the operators' side")
    .option('--rest-port <port>', "rest.port: the operators' side, TCP")
    .option('--log-level <level>', 'log.level: debug, info, warn, error or silent')
    .option('--set <key=value>', 'any setting by its key; may be repeated', collect, []);
}

export const configHelp = `
Every setting may also come from the environment: coaps.port is ${environmentName('coaps.port')}.
A flag goes over the environment, that over the file, that over the default.`;

/** The path of the configuration file, by flag, environment or default. */
export function configFile(context: Context, options: Pick<ConfigOptions, 'config'>): string {
  return options.config ?? (context.env.EIM_CONFIG || 'eim.yaml');
}

export function sourcesOf(context: Context, options: ConfigOptions): ConfigSources {
  return { file: configFile(context, options), env: context.env, flags: flagsOf(options) };
}

/** Throws CliError. */
export function loaded(sources: ConfigSources): Promise<LoadedConfig> {
  return configured(() => loadConfig(sources));
}

/** Does what may find a mistake in the configuration, be it in a file that a setting names. */
export async function configured<Result>(work: () => Result | Promise<Result>): Promise<Result> {
  try {
    return await work();
  } catch (cause) {
    if (!(cause instanceof ConfigError)) throw cause;
    const hint = 'eim config show lists what is in force and where it comes from';
    throw new CliError(ExitCode.badInput, cause.message, hint, { cause });
  }
}

function flagsOf(options: ConfigOptions): Record<string, unknown> {
  const flags: Record<string, unknown> = {};
  for (const pair of options.set) {
    const [, key, value] = /^([A-Za-z0-9.]+)=(.*)$/s.exec(pair) ?? [];
    if (key === undefined) {
      throw new CliError(
        ExitCode.badInput,
        `--set ${pair}: write key=value, such as coaps.port=5684`,
      );
    }
    flags[key] = value;
  }
  const named = {
    dataFolder: options.data,
    'coaps.host': options.coapsHost,
    'coaps.port': options.coapsPort,
    'rest.host': options.restHost,
    'rest.port': options.restPort,
    'log.level': options.logLevel,
  };
  for (const [key, value] of Object.entries(named)) if (value !== undefined) flags[key] = value;
  return flags;
}

function collect(value: string, before: readonly string[]): readonly string[] {
  return [...before, value];
}

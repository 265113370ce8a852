/** `eim serve`: reads the configuration and runs the eIM until a signal. */
import type { Command } from 'commander';
import { ConfigError, environmentName, loadConfig } from '../../config.ts';
import type { Context } from '../context.ts';
import { CliError, ExitCode } from '../exit.ts';

interface ServeOptions {
  readonly config?: string;
  readonly data?: string;
  readonly coapsHost?: string;
  readonly coapsPort?: string;
  readonly restHost?: string;
  readonly restPort?: string;
  readonly logLevel?: string;
  readonly set: readonly string[];
}

export function addServe(program: Command, context: Context): void {
  program
    .command('serve')
    .description('run the eIM: CoAP over DTLS for devices, HTTP for operators')
    .option(
      '--config <file>',
      'configuration file, made with comments if missing (or EIM_CONFIG; default eim.yaml)',
    )
    .option('--data <folder>', 'dataFolder: the store and the keys')
    .option('--coaps-host <address>', "coaps.host: the devices' side")
    .option('--coaps-port <port>', "coaps.port: the devices' side, UDP")
    .option('--rest-host <address>', "rest.host: the operators' side")
    .option('--rest-port <port>', "rest.port: the operators' side, TCP")
    .option('--log-level <level>', 'log.level: debug, info, warn, error or silent')
    .option('--set <key=value>', 'any setting by its key; may be repeated', collect, [])
    .addHelpText(
      'after',
      `
Every setting may also come from the environment: coaps.port is ${environmentName('coaps.port')}.
A flag goes over the environment, that over the file, that over the default.

Examples:
  eim serve
  eim serve --config /etc/eim/eim.yaml --set es9.roots='[/etc/eim/ci.pem]'`,
    )
    .action(async (options: ServeOptions) => {
      const file = options.config ?? context.env.EIM_CONFIG ?? 'eim.yaml';
      const { env } = context;
      const flags = flagsOf(options);
      const { config, made } = await configured(() => loadConfig({ file, env, flags }));
      if (made) context.stderr.write(`made ${file}: every setting is in it, with its default\n`);
      const { serve } = await import('../../main.ts');
      const { weaknesses } = await import('../../weaknesses.ts');
      // Whatever log.level is.
      for (const text of weaknesses(config)) context.stderr.write(`WARNING: ${text}\n`);
      const service = await configured(() => serve(config));
      await stopSignal();
      await service.close();
    });
}

/** Does what may find a mistake in the configuration, be it in a file that a setting names. */
async function configured<Result>(work: () => Result | Promise<Result>): Promise<Result> {
  try {
    return await work();
  } catch (cause) {
    if (!(cause instanceof ConfigError)) throw cause;
    throw new CliError(ExitCode.badInput, cause.message, undefined, { cause });
  }
}

function flagsOf(options: ServeOptions): Record<string, unknown> {
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

function stopSignal(): Promise<void> {
  return new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => resolve());
  });
}

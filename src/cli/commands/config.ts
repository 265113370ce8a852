/** `eim config`: the configuration of the eIM: made, looked at, checked, and read again by one that runs. */
import type { Command } from 'commander';
import type { Origin } from '../../config.ts';
import { makeConfigFile, secretKeys } from '../../config.ts';
import type { ReloadView } from '../../rest/api/running.ts';
import {
  type ConfigOptions,
  configFile,
  configHelp,
  configured,
  loaded,
  sourcesOf,
  withConfigOptions,
} from '../config-options.ts';
import { type Context, output, remote } from '../context.ts';
import { CliError, ExitCode } from '../exit.ts';

const masked = '(set, not shown)';

export function addConfig(program: Command, context: Context): void {
  const config = program
    .command('config')
    .description('the configuration of the eIM: make, look at, check, read again')
    .addHelpText(
      'after',
      `${configHelp}

Examples:
  eim config init --config eim.yaml
  eim config check --config eim.yaml
  eim config show --changed
  eim config reload`,
    );
  addPath(config, context);
  addInit(config, context);
  addCheck(config, context);
  addShow(config, context);
  addReload(config, context);
}

function addPath(config: Command, context: Context): void {
  config
    .command('path')
    .description('where the configuration file is looked for')
    .option('--config <file>', 'configuration file (or EIM_CONFIG; default eim.yaml)')
    .action((options: { config?: string }, command: Command) => {
      const path = configFile(context, options);
      const shown = output(context, command);
      if (shown.json) shown.document({ path });
      else shown.line(path);
    });
}

function addInit(config: Command, context: Context): void {
  config
    .command('init')
    .description('make the file with every setting, its comment and its default; never over one')
    .option('--config <file>', 'configuration file (or EIM_CONFIG; default eim.yaml)')
    .action(async (options: { config?: string }, command: Command) => {
      const path = configFile(context, options);
      await configured(() => makeConfigFile(path));
      const shown = output(context, command);
      if (shown.json) shown.document({ path });
      else shown.line(`made ${path}, readable by its owner alone (0600)`);
    });
}

function addCheck(config: Command, context: Context): void {
  withConfigOptions(
    config
      .command('check')
      .description('check the file, the environment and the flags; nothing is started or made'),
  ).action(async (options: ConfigOptions, command: Command) => {
    const sources = { ...sourcesOf(context, options), make: false };
    const { origins } = await loaded(sources);
    const changed = [...origins].filter(([, { from }]) => from !== theDefault).length;
    const shown = output(context, command);
    if (shown.json) shown.document({ path: sources.file, settings: origins.size, changed });
    else shown.line(`good: ${changed} of ${origins.size} settings differ from their defaults`);
  });
}

const theDefault = 'the default';

function addShow(config: Command, context: Context): void {
  withConfigOptions(
    config
      .command('show')
      .description('every setting: its value, and where that comes from; secrets are not shown'),
  )
    .option('--changed', 'only those that are not as by default')
    .action(async (options: ConfigOptions & { changed?: boolean }, command: Command) => {
      const { origins } = await loaded({ ...sourcesOf(context, options), make: false });
      const secrets = secretKeys();
      const rows = [...origins]
        .filter(([, { from }]) => options.changed !== true || from !== theDefault)
        .map(([key, { from, given }]) => ({
          key,
          value: secrets.includes(key) && given !== undefined ? masked : given,
          from,
        }));
      const shown = output(context, command);
      if (shown.json) return shown.document({ settings: rows });
      shown.table(
        ['setting', 'value', 'from'],
        rows.map(({ key, value, from }) => [key, textOf(value), from]),
      );
    });
}

function textOf(value: Origin['given']): string {
  if (value === undefined) return '-';
  return typeof value === 'string' ? value : JSON.stringify(value);
}

function addReload(config: Command, context: Context): void {
  config
    .command('reload')
    .description(
      'have the running eIM read certificates, trust, CRLs, es9.hosts and log.level again',
    )
    .action(async (_: unknown, command: Command) => {
      const { client, output: shown } = remote(context, command);
      const report = await client.reload();
      if (shown.json) shown.document(report);
      else for (const line of linesOf(report)) shown.line(line);
      if (report.kept.length > 0) {
        throw new CliError(
          ExitCode.failed,
          'not all was read again: what was before stays in force',
          'put the files right, then reload once more',
        );
      }
    });
}

function linesOf({ applied, kept, restart }: ReloadView): readonly string[] {
  return [
    ...applied.map((part) => `read again: ${part}`),
    ...kept.map(({ part, why }) => `NOT read again: ${part}: ${why}`),
    ...restart.map((key) => `takes a restart: ${key}`),
  ];
}

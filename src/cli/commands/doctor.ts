/** `eim doctor`: what is wrong with this machine or this configuration, and what to do about it. */
import type { Command } from 'commander';
import type { Finding } from '../../doctor/finding.ts';
import {
  type ConfigOptions,
  configHelp,
  loaded,
  sourcesOf,
  withConfigOptions,
} from '../config-options.ts';
import { type Context, output } from '../context.ts';
import { CliError, ExitCode } from '../exit.ts';
import type { Colour } from '../output.ts';

interface DoctorOptions extends ConfigOptions {
  readonly smdp: readonly string[];
}

const colours: Readonly<Record<Finding['level'], Colour>> = {
  ok: 'green',
  warning: 'yellow',
  error: 'red',
};

export function addDoctor(program: Command, context: Context): void {
  withConfigOptions(
    program
      .command('doctor')
      .description(
        'look at clock, ports, keys, certificates, disk, store and SM-DP+s; change nothing',
      ),
  )
    .option(
      '--smdp <address>',
      'an SM-DP+ to reach besides those of es9.hosts; may be repeated',
      (value: string, before: readonly string[]) => [...before, value],
      [],
    )
    .addHelpText(
      'after',
      `${configHelp}
Run it as the user of the eIM, before the first start or beside one that runs. It ends with exit code 1
where something is wrong, and with 0 where there are only warnings.

Examples:
  eim doctor --config eim.yaml
  eim doctor --smdp smdp.example.com --json`,
    )
    .action(async (options: DoctorOptions, command: Command) => {
      const sources = sourcesOf(context, options);
      const { config } = await loaded({ ...sources, make: false });
      const { examine } = await import('../../doctor/doctor.ts');
      const findings = await examine({
        config,
        file: sources.file,
        running: await answers(config.rest),
        smdps: options.smdp,
        now: context.now(),
      });
      const shown = output(context, command);
      const errors = findings.filter(({ level }) => level === 'error').length;
      const warnings = findings.filter(({ level }) => level === 'warning').length;
      if (shown.json) shown.document({ errors, warnings, findings });
      else {
        for (const { check, level, found, advice } of findings) {
          shown.facts([[level, { text: `${check}: ${found}`, colour: colours[level] }]]);
          if (advice !== undefined) shown.line(`         → ${advice}`);
        }
        shown.line(`${errors} wrong, ${warnings} to look at, ${findings.length} looked at`);
      }
      if (errors > 0) throw new CliError(ExitCode.failed, '');
    });
}

/** Whether an eIM answers there. */
async function answers({ host, port }: { host: string; port: number }): Promise<boolean> {
  const { Client } = await import('../client.ts');
  const shown = host === '0.0.0.0' ? '127.0.0.1' : host.includes(':') ? `[${host}]` : host;
  return new Client({ url: `http://${shown}:${port}` }).isAlive();
}

/** The tree of commands. */
import { readFileSync } from 'node:fs';
import { Command } from 'commander';
import { addCompletion } from './commands/completion.ts';
import { addConfig } from './commands/config.ts';
import { addDecode } from './commands/decode.ts';
import { addDevice } from './commands/device.ts';
import { addDoctor } from './commands/doctor.ts';
import { addDtls } from './commands/dtls.ts';
import { addEuicc } from './commands/euicc.ts';
import { addInfo } from './commands/info.ts';
import { addNotification } from './commands/notification.ts';
import { addOrder } from './commands/order.ts';
import { addProfile } from './commands/profile.ts';
import { addServe } from './commands/serve.ts';
import { addToken } from './commands/token.ts';
import { addWatch } from './commands/watch.ts';
import { type Context, withCommonOptions } from './context.ts';
import { addExamples } from './examples.ts';
import { exitCodeHelp } from './exit.ts';

export function makeProgram(context: Context): Command {
  const program = withCommonOptions(
    new Command('eim')
      .description('eSIM IoT remote manager (eIM, GSMA SGP.32) over CoAP/DTLS')
      .version(version(), '-V, --version', 'the version')
      .exitOverride()
      .configureOutput({
        writeOut: (text) => context.stdout.write(text),
        writeErr: (text) => context.stderr.write(text),
        getOutHelpWidth: () => (context.stdout.isTTY ? context.stdout.columns : 80),
        getErrHelpWidth: () => (context.stderr.isTTY ? context.stderr.columns : 80),
      })
      .showHelpAfterError('(eim --help lists the commands, eim <command> --help its options)')
      .configureHelp({ showGlobalOptions: true })
      .addHelpText('after', commonHelp)
      .addHelpText('after', exitCodeHelp),
  );
  addServe(program, context);
  addInfo(program, context);
  addOrder(program, context);
  addDevice(program, context);
  addEuicc(program, context);
  addProfile(program, context);
  addDtls(program, context);
  addNotification(program, context);
  addToken(program, context);
  addWatch(program, context);
  addDecode(program, context);
  addDoctor(program, context);
  addConfig(program, context);
  addCompletion(program, context);
  addExamples(program);
  return program;
}

const commonHelp = `
Examples:
  eim serve
  eim device add --eid 89044045118427484800000000011628
  eim order download --eid 89044045118427484800000000011628 --ac '1$smdp.example.com$MATCHING-ID' --wait 10m
  eim order list --state work --output csv

--url, --token and --output may also come from the environment (EIM_URL, EIM_TOKEN, EIM_OUTPUT), or from
~/.config/eim/cli.yaml with the members url, token and output; a flag goes over the environment, that over
the file.`;

function version(): string {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  const { version } = JSON.parse(text) as { version: string };
  return version;
}

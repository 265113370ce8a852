/** The options of `npm run lab` that are of procedures. */
import { type Command, Option } from 'commander';
import { fault } from '../arguments.ts';
import type { Fault } from '../server/faults.ts';
import { procedureNames, procedures } from './procedures.ts';

export interface ProcedureChoice {
  readonly procedure?: string;
  readonly pki: string;
  readonly confirmationCode?: string;
  readonly typedCode?: string;
  readonly smdppFault: readonly Fault[];
  readonly smdsFault: readonly Fault[];
}

/** Adds them. */
export function procedureOptions(command: Command): Command {
  return command
    .addOption(
      new Option(
        '--procedure <name>',
        'a way to a profile instead of the main job, see below',
      ).choices(procedureNames),
    )
    .option('--pki <which>', 'sgp26, private (a root made for this run), or a folder', 'sgp26')
    .option('--confirmation-code <code>', 'the code that the SM-DP+ asks for; of --procedure')
    .option('--typed-code <code>', 'the one that is typed, where that is another')
    .option('--smdpp-fault <fault>', 'what the SM-DP+ does wrong; of --procedure', fault, [])
    .option('--smds-fault <fault>', 'what the SM-DS does wrong; of --procedure', fault, []);
}

/** What stands below the help. */
export const procedureHelp = `
Procedures:
${Object.entries(procedures)
  .map(([name, { about }]) => `  ${name.padEnd(22)}${about}`)
  .join('\n')}
  ${'cancel'.padEnd(22)}through the eIM, and given up by the device: once for each reason
  ${'all'.padEnd(22)}all of these, and a table of what came of each`;

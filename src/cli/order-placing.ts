/** Placing an order from a command line, and what becomes of it while the command waits. */
import { type Command, Option } from 'commander';
import { OrderSubmission } from '../rest/api/orders.ts';
import { type Context, checkTyped, remote } from './context.ts';
import { showOrder } from './order-table.ts';
import { endOf, follow, secondsOf } from './order-wait.ts';

interface PlaceOptions {
  readonly eid: string;
  readonly wait?: string | true;
  readonly push?: true;
}

/** Of the examples in help texts. */
export const exampleEid = '89044045118427484800000000011628';

export const iccidOption = [
  '--iccid <iccid>',
  'ICCID, as printed or as the hex of EF.ICCID',
] as const;

const waitOption = () =>
  new Option(
    '--wait [time]',
    'wait until it is done, at most so long (30s, 5m, 2h); ends by its outcome',
  );

/** Options by the members of the submission that they give. */
const optionNames = {
  eid: '--eid',
  activationCode: '--ac',
  iccid: '--iccid',
  isdpAid: '--aid',
  tagList: '--tags',
};

/** Declares a command that places one order: of the steps that its options make. */
export type Place = <Options>(
  name: string,
  about: string,
  steps: (options: Options) => readonly object[] | Promise<readonly object[]>,
  example: string | readonly string[],
  options?: Readonly<Record<string, string>>,
) => Command;

export function placing(order: Command, context: Context): Place {
  return (name, about, steps, example, names = {}) =>
    order
      .command(name)
      .description(about)
      .requiredOption('--eid <eid>', 'EID of the eUICC, 32 digits')
      .addOption(waitOption())
      .option('--push', 'bring it to the device where that can be reached, before it polls')
      .addHelpText('after', examplesText([example].flat()))
      .action(async (options: PlaceOptions & Parameters<typeof steps>[0], command: Command) => {
        const { client, output } = remote(context, command);
        const seconds = options.wait === undefined ? undefined : secondsOf(options.wait, '--wait');
        const submission = {
          eid: options.eid,
          steps: await steps(options),
          ...(options.push ? { push: true } : {}),
        };
        checkTyped(OrderSubmission, submission, { ...optionNames, ...names });
        const placed = await client.submit(submission);
        if (placed.warning !== undefined) output.note(`warning: ${placed.warning}`);
        if (seconds === undefined) {
          showOrder(output, placed);
          output.note(`follow it: eim order watch ${placed.id}`);
          return;
        }
        output.note(`order ${placed.id} placed`);
        const done = await follow(client, placed, seconds, context, (line) =>
          output.note(`${line.at}  ${line.event}${line.detail ? `: ${line.detail}` : ''}`),
        );
        showOrder(output, done);
        endOf(done);
      });
}

/** Below a command's help. */
export function examplesText(examples: readonly string[]): string {
  const title = examples.length === 1 ? 'Example' : 'Examples';
  return `\n${title}:\n${examples.map((one) => `  ${one}`).join('\n')}`;
}

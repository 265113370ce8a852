/**
 * `eim euicc handover`: an eUICC goes over to another eIM, in three steps, each an order that must succeed before the
 * next. Until the last there is a way back, and the last is refused while the eUICC does not list the other eIM.
 *
 * ```
 *   begin:    addEim, listEim     the other eIM is listed
 *   --finish: listEim             it still is
 *             deleteEim           this eIM has the eUICC no more
 *   --back:   deleteEim           the other eIM is gone again, in place of --finish
 * ```
 */
import { type Command, Option } from 'commander';
import { members } from '../../base/members.ts';
import { eidText } from '../../rest/api/ids.ts';
import { OrderSubmission, type OrderView } from '../../rest/api/orders.ts';
import type { Client } from '../client.ts';
import { type Context, checkTyped, remote } from '../context.ts';
import {
  type ConfigurationOptions,
  configurationNames,
  configurationOf,
  configurationOptions,
} from '../eim-configuration.ts';
import { CliError, ExitCode } from '../exit.ts';
import { showOrder } from '../order-table.ts';
import { endOf, follow, secondsOf } from '../order-wait.ts';
import type { Output } from '../output.ts';

interface HandoverOptions extends ConfigurationOptions {
  readonly finish?: true;
  readonly back?: true;
  readonly timeout?: string;
}

export function addHandover(euicc: Command, context: Context): void {
  const command = euicc
    .command('handover')
    .description('hand a eUICC over to another eIM: add it, see it listed, then let go')
    .argument('<eid>')
    .addOption(
      new Option('--finish', 'the last step: delete this eIM from the eUICC').conflicts('back'),
    )
    .option('--back', 'take the other eIM away again')
    .option('--timeout <time>', 'wait at most so long for each order (30s, 5m, 2h)')
    .addHelpText(
      'after',
      `
First with what the eUICC is to know of the other eIM; then see that the other eIM has the device; then --finish, or --back:
  eim euicc handover <eid> --eim-id eim2 --fqdn eim2.example.com --counter-value 0 --public-key eim2.pem
  eim euicc handover <eid> --eim-id eim2 --finish`,
    )
    .action(async (typed: string, options: HandoverOptions, command: Command) => {
      const { client, output } = remote(context, command);
      const eid = checkTyped(eidText, typed, { '': 'EID' });
      const seconds = secondsOf(options.timeout ?? true, '--timeout');
      const order = (...steps: readonly object[]) =>
        carryOut({ client, output, context, seconds }, eid, steps);
      const { eimId: own } = await client.info();
      if (options.finish !== true && options.back !== true) {
        return begin(output, own, options, order);
      }
      const { eimId } = options;
      if (eimId === undefined) throw new CliError(ExitCode.badInput, '--eim-id: is missing');
      refuseOwn(own, eimId);
      if (options.back === true) {
        await order({ deleteEim: { eimId } });
        output.note(`the eUICC stays with ${own}`);
        return;
      }
      // What the eUICC says now counts, not what it said when the handover began.
      requireListed(await order({ listEim: {} }), eimId);
      await order({ deleteEim: { eimId: own } });
      output.note(`done: the eUICC takes nothing from ${own} any more`);
    });
  configurationOptions(command);
}

type CarryOut = (...steps: readonly object[]) => Promise<OrderView>;

async function begin(
  output: Output,
  own: string,
  options: HandoverOptions,
  order: CarryOut,
): Promise<void> {
  const configuration = await configurationOf(options);
  if (options.eimId !== undefined) refuseOwn(own, options.eimId);
  const done = await order({ addEim: configuration }, { listEim: {} });
  const [step = {}] = done.steps;
  const eimId = String(members(step.addEim).eimId);
  requireListed(done, eimId);
  const [result = {}] = done.outcome;
  const { associationToken } = members(result.addEimResult);
  if (associationToken !== undefined) {
    output.note(`tell the other eIM its association token: ${String(associationToken)}`);
  }
  output.note(`${own} still has the eUICC, too. Once ${eimId} has the device, let go:`);
  output.note(`  eim euicc handover ${done.eid} --eim-id ${eimId} --finish`);
  output.note('or take it back:');
  output.note(`  eim euicc handover ${done.eid} --eim-id ${eimId} --back`);
}

function refuseOwn(own: string, eimId: string): void {
  if (eimId !== own) return;
  throw new CliError(ExitCode.badInput, `--eim-id: ${own} is this eIM itself`);
}

/** Throws CliError unless the eUICC has listed this eIM in the order's signed result. */
function requireListed({ outcome }: OrderView, eimId: string): void {
  const ids = outcome.flatMap((one) => {
    const { eimIdList } = members(one.listEimResult);
    return Array.isArray(eimIdList) ? eimIdList.map((eim) => members(eim).eimId) : [];
  });
  if (ids.includes(eimId)) return;
  throw new CliError(
    ExitCode.orderFailed,
    `the eUICC does not list ${eimId}, but ${ids.join(', ') || 'none'}`,
    'nothing was given up: this eIM has the eUICC as before',
  );
}

interface Waiting {
  readonly client: Client;
  readonly output: Output;
  readonly context: Context;
  readonly seconds: number;
}

/** Places an order and waits until it is done. Throws CliError unless it succeeds. */
async function carryOut(
  { client, output, context, seconds }: Waiting,
  eid: string,
  steps: readonly object[],
): Promise<OrderView> {
  const names = { ...configurationNames, eid: 'EID' };
  const placed = await client.submit(checkTyped(OrderSubmission, { eid, steps }, names));
  output.note(`order ${placed.id} placed: ${steps.flatMap(Object.keys).join(', ')}`);
  const done = await follow(client, placed, seconds, context, (line) =>
    output.note(`${line.at}  ${line.event}${line.detail ? `: ${line.detail}` : ''}`),
  );
  showOrder(output, done);
  endOf(done);
  return done;
}

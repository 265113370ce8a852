/** `eim order`: place orders, look at them, wait for them, cancel them. */
import { type Command, Option } from 'commander';
import { type Context, remote } from '../context.ts';
import { exampleEid, iccidOption, placing } from '../order-placing.ts';
import { showOrder, showOrders } from '../order-table.ts';
import { shellWord } from '../shell-word.ts';
import { addDownload } from './order-download.ts';
import { addOrderImport } from './order-import.ts';
import { addOperations } from './order-operations.ts';
import { addOrderWatch } from './order-watch.ts';

export function addOrder(program: Command, context: Context): void {
  const order = program.command('order').description('orders: what is to happen on a eUICC');
  addPlacing(order, context);
  addOperations(order, context);
  addOrderImport(order, context);
  addFollowing(order, context);
}

/** Commands that place an order of one step. */
function addPlacing(order: Command, context: Context): void {
  const place = placing(order, context);
  addDownload(place, context);
  place<{ iccid: string; rollback?: true }>(
    'enable',
    'have a profile enabled, and the enabled one disabled',
    (options) => [
      { enable: { iccid: options.iccid, ...(options.rollback ? { rollback: true } : {}) } },
    ],
    `eim order enable --eid ${exampleEid} --iccid 8949449999999990023 --rollback`,
  )
    .requiredOption(...iccidOption)
    .option(
      '--rollback',
      'back to the profile before, if the device cannot reach the eIM with this one',
    );
  place<{ iccid: string }>(
    'disable',
    'have a profile disabled',
    (options) => [{ disable: { iccid: options.iccid } }],
    `eim order disable --eid ${exampleEid} --iccid 8949449999999990023`,
  ).requiredOption(...iccidOption);
  place<{ iccid: string }>(
    'delete',
    'have a profile deleted from the eUICC, for good',
    (options) => [{ delete: { iccid: options.iccid } }],
    `eim order delete --eid ${exampleEid} --iccid 8949449999999990023`,
  ).requiredOption(...iccidOption);
  place<SearchOptions>(
    'profiles',
    'ask the eUICC for its profiles (listProfileInfo)',
    (options) => [{ listProfileInfo: searchOf(options) }],
    `eim order profiles --eid ${exampleEid} --wait`,
  )
    .addOption(
      new Option('--iccid <iccid>', 'only the one with this ICCID').conflicts(['aid', 'class']),
    )
    .addOption(new Option('--aid <hex>', 'only the one with this ISD-P AID').conflicts('class'))
    .addOption(
      new Option('--class <class>', 'only those').choices(['test', 'provisioning', 'operational']),
    )
    .option('--tags <hex>', 'tagList: only these data of each; default: all but icons and owners');
}

interface SearchOptions {
  readonly iccid?: string;
  readonly aid?: string;
  readonly class?: string;
  readonly tags?: string;
}

function searchOf({ iccid, aid, class: name, tags }: SearchOptions): object {
  const classes: Readonly<Record<string, number>> = { test: 0, provisioning: 1, operational: 2 };
  const criteria = [
    ...(iccid === undefined ? [] : [{ iccid }]),
    ...(aid === undefined ? [] : [{ isdpAid: aid }]),
    ...(name === undefined ? [] : [{ profileClass: classes[name] }]),
  ];
  return {
    ...(criteria.length === 0 ? {} : { searchCriteria: criteria[0] }),
    ...(tags === undefined ? {} : { tagList: tags }),
  };
}

interface ListOptions {
  readonly eid?: string;
  readonly state?: string;
  readonly limit: string;
  readonly after?: string;
}

function addFollowing(order: Command, context: Context): void {
  order
    .command('show')
    .description('one order, with its history')
    .argument('<id>')
    .action(async (id: string, _options: unknown, command: Command) => {
      const { client, output } = remote(context, command);
      showOrder(output, await client.order(id), { history: true });
    });

  order
    .command('list')
    .description('orders, newest first')
    .option('--eid <eid>', 'only those of one eUICC')
    .addOption(new Option('--state <state>', 'only those').choices(['new', 'work', 'done']))
    .option('--limit <number>', 'at most so many', '100')
    .option('--after <id>', 'only those after this one in the list')
    .action(async ({ eid, state, limit, after }: ListOptions, command: Command) => {
      const { client, output } = remote(context, command);
      const list = await client.orders({ eid, state, limit, after });
      if (output.json) return output.document(list);
      showOrders(output, list.orders);
      if (list.next !== undefined)
        output.note(`more: eim order list --after ${shellWord(list.next)}`);
    });

  addOrderWatch(order, context);

  order
    .command('cancel')
    .description('end an order that is not done; a device that has it already may still execute it')
    .argument('<id>')
    .action(async (id: string, _options: unknown, command: Command) => {
      const { client, output } = remote(context, command);
      showOrder(output, await client.cancel(id));
    });
}

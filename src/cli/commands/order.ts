/** `eim order`: place orders, look at them, wait for them, cancel them. */
import { type Command, Option } from 'commander';
import { OrderSubmission } from '../../rest/api.ts';
import { type Context, checkTyped, remote } from '../context.ts';
import { showOrder, showOrders } from '../order-table.ts';
import { endOf, follow, secondsOf } from '../order-wait.ts';

interface PlaceOptions {
  readonly eid: string;
  readonly wait?: string | true;
  readonly push?: true;
}

const waitOption = () =>
  new Option(
    '--wait [time]',
    'wait until it is done, at most so long (30s, 5m, 2h); ends by its outcome',
  );

export function addOrder(program: Command, context: Context): void {
  const order = program.command('order').description('orders: what is to happen on a eUICC');
  addPlacing(order, context);
  addFollowing(order, context);
}

function addPlacing(order: Command, context: Context): void {
  /** Declares a command that places an order of one step. */
  const place = <Options>(
    name: string,
    about: string,
    step: (options: Options) => unknown,
    example: string,
  ): Command =>
    order
      .command(name)
      .description(about)
      .requiredOption('--eid <eid>', 'EID of the eUICC, 32 digits')
      .addOption(waitOption())
      .option('--push', 'bring it to the device where that can be reached, before it polls')
      .addHelpText('after', `\nExample:\n  ${example}`)
      .action(async (options: PlaceOptions & Options, command: Command) => {
        const { client, output } = remote(context, command);
        const seconds = options.wait === undefined ? undefined : secondsOf(options.wait, '--wait');
        const submission = checkTyped(
          OrderSubmission,
          { eid: options.eid, steps: [step(options)], ...(options.push ? { push: true } : {}) },
          { eid: '--eid', activationCode: '--ac', iccid: '--iccid' },
        );
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

  const eid = '89044045118427484800000000011628';
  place<{ ac: string }>(
    'download',
    'have a profile downloaded and installed',
    ({ ac }) => ({ download: { activationCode: ac } }),
    `eim order download --eid ${eid} --ac '1$smdp.example.com$MATCHING-ID' --wait 10m`,
  ).requiredOption(
    '--ac <code>',
    "activation code, 1$<SM-DP+ address>$<matchingId>; quote it: '…'",
  );
  const iccid = ['--iccid <iccid>', 'ICCID, as printed or as the hex of EF.ICCID'] as const;
  place<{ iccid: string; rollback?: true }>(
    'enable',
    'have a profile enabled, and the enabled one disabled',
    (options) => ({
      enable: { iccid: options.iccid, ...(options.rollback ? { rollback: true } : {}) },
    }),
    `eim order enable --eid ${eid} --iccid 8949449999999990023 --rollback`,
  )
    .requiredOption(...iccid)
    .option(
      '--rollback',
      'back to the profile before, if the device cannot reach the eIM with this one',
    );
  place<{ iccid: string }>(
    'disable',
    'have a profile disabled',
    (options) => ({ disable: { iccid: options.iccid } }),
    `eim order disable --eid ${eid} --iccid 8949449999999990023`,
  ).requiredOption(...iccid);
  place<{ iccid: string }>(
    'delete',
    'have a profile deleted from the eUICC, for good',
    (options) => ({ delete: { iccid: options.iccid } }),
    `eim order delete --eid ${eid} --iccid 8949449999999990023`,
  ).requiredOption(...iccid);
  place(
    'profiles',
    'ask the eUICC for its profiles (listProfileInfo)',
    () => ({ listProfileInfo: {} }),
    `eim order profiles --eid ${eid} --wait`,
  );
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
      if (list.orders.length === 0) return output.note('no such orders');
      showOrders(output, list.orders);
      if (list.next !== undefined) output.note(`more: eim order list --after ${list.next}`);
    });

  order
    .command('watch')
    .description('follow an order until it is done; ends by its outcome')
    .argument('<id>')
    .option('--timeout <time>', 'at most so long (30s, 5m, 2h)')
    .addHelpText(
      'after',
      `
With --json: one object a line, {"type":"event",…} for each line of the history, then
{"type":"order","order":{…}}.`,
    )
    .action(async (id: string, { timeout }: { timeout?: string }, command: Command) => {
      const { client, output } = remote(context, command);
      const seconds = secondsOf(timeout ?? true, '--timeout');
      const begun = await client.order(id);
      const done = await follow(client, begun, seconds, context, (line) => {
        if (output.json) output.document({ type: 'event', order: id, ...line }, 'one');
        else output.line(`${line.at}  ${line.event}${line.detail ? `: ${line.detail}` : ''}`);
      });
      if (output.json) output.document({ type: 'order', order: done }, 'one');
      endOf(done);
    });

  order
    .command('cancel')
    .description('end an order that is not done; a device that has it already may still execute it')
    .argument('<id>')
    .action(async (id: string, _options: unknown, command: Command) => {
      const { client, output } = remote(context, command);
      showOrder(output, await client.cancel(id));
    });
}

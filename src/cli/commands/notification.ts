/** `eim notification`: what eUICCs have to tell SM-DP+s that do not have it yet. */
import type { Command } from 'commander';
import type { NotificationView } from '../../rest/api/notifications.ts';
import { type Context, remote } from '../context.ts';
import { CliError, ExitCode } from '../exit.ts';
import { prose } from '../output.ts';
import { shellWord } from '../shell-word.ts';

interface ListOptions {
  readonly limit: string;
  readonly after?: string;
  readonly eid?: string;
  readonly state?: string;
}

export function addNotification(program: Command, context: Context): void {
  const notification = program
    .command('notification')
    .description('notifications of eUICCs that their SM-DP+ does not have yet');

  notification
    .command('list')
    .description('those that wait, and those that their SM-DP+ refused')
    .option('--eid <eid>', 'only of this eUICC')
    .option('--state <state>', 'only those: waiting or refused')
    .option('--limit <number>', 'at most so many', '100')
    .option('--after <id>', 'only those after this one')
    .action(async (options: ListOptions, command: Command) => {
      const { client, output } = remote(context, command);
      const { limit, after, eid, state } = options;
      const list = await client.notifications({ limit, after, eid, state });
      if (output.json) return output.document(list);
      const { notifications, next } = list;
      output.table(
        ['id', 'operation', 'iccid', 'state', 'tries', 'next try', prose('last said')],
        notifications.map((one) => [
          one.id,
          one.operation,
          one.iccid ?? '',
          stateCell(one),
          String(one.tries),
          one.nextTry ?? '',
          one.reason ?? '',
        ]),
        'no notifications',
      );
      if (next !== undefined) output.note(`more: eim notification list --after ${shellWord(next)}`);
    });

  notification
    .command('show')
    .description('one notification')
    .argument('<id>')
    .action(async (id: string, _options: unknown, command: Command) => {
      const { client, output } = remote(context, command);
      const found = await client.notification(id);
      if (output.json) return output.document(found);
      output.facts(factsOf(found));
    });

  notification
    .command('retry')
    .description(
      'take it to its SM-DP+ now, those of its eUICC before it first; also one that was refused',
    )
    .argument('<id>')
    .action(async (id: string, _options: unknown, command: Command) => {
      const { client, output } = remote(context, command);
      const answer = await client.retryNotification(id);
      if (output.json) output.document(answer);
      if (answer.delivered) {
        if (!output.json) output.done('delivered', id);
        return;
      }
      const { state, reason } = answer.notification;
      throw new CliError(
        ExitCode.failed,
        `not delivered, ${state}: ${reason ?? 'one before it waits'}`,
      );
    });

  notification
    .command('drop')
    .description('forget it undelivered: its SM-DP+ will never hear of it')
    .argument('<id>')
    .action(async (id: string, _options: unknown, command: Command) => {
      const { client, output } = remote(context, command);
      await client.dropNotification(id);
      output.done('dropped', id);
    });
}

function stateCell({ state }: NotificationView) {
  return { text: state, ...(state === 'refused' ? { colour: 'red' as const } : {}) };
}

function factsOf(one: NotificationView) {
  const announced = one.announcedAddress === one.address ? undefined : one.announcedAddress;
  return [
    ['id', one.id],
    ['EID', one.eid],
    ['sequence number', String(one.seqNumber)],
    ['operation', one.operation],
    ['ICCID', one.iccid],
    ['SM-DP+', one.address],
    ['named by the eUICC', announced],
    ['state', stateCell(one)],
    ['received', one.received],
    ['tries', String(one.tries)],
    ['last try', one.lastTry],
    ['next try', one.nextTry],
    ['last said', one.reason],
    ['pendingNotification', one.pendingNotification],
  ] as const;
}

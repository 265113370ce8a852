/** `eim profile`: profiles of all eUICCs, as they told of them. */
import { type Command, Option } from 'commander';
import { type FleetProfileView, ProfileQuery } from '../../rest/api/profiles.ts';
import { type Context, checkTyped, remote } from '../context.ts';
import { exampleEid } from '../order-placing.ts';
import { prose } from '../output.ts';
import { nameOf, stateOf } from '../profile-table.ts';
import { shellWord } from '../shell-word.ts';

interface ListOptions {
  readonly eid?: string;
  readonly iccid?: string;
  readonly state?: string;
  readonly limit?: string;
  readonly after?: string;
}

export function addProfile(program: Command, context: Context): void {
  program
    .command('profile')
    .description('profiles on all eUICCs')
    .command('list')
    .description('profiles, in the order of EIDs')
    .option('--eid <eid>', 'only those on one eUICC')
    .option('--iccid <iccid>', 'only this one')
    .addOption(new Option('--state <state>', 'only those').choices(['enabled', 'disabled']))
    .option('--limit <number>', 'at most so many (default: all)')
    .option('--after <place>', 'only those after this place in the list')
    .addHelpText(
      'after',
      `
As the eUICCs told last: eim order profiles asks one anew.

Examples:
  eim profile list --state enabled
  eim profile list --eid ${exampleEid} --json
  eim profile list --output csv > profiles.csv`,
    )
    .action(async (options: ListOptions, command: Command) => {
      const { client, output } = remote(context, command);
      const names = { eid: '--eid', iccid: '--iccid', limit: '--limit', after: '--after' };
      checkTyped(ProfileQuery, options, names);
      const profiles: FleetProfileView[] = [];
      let { after } = options;
      do {
        const list = await client.profiles({ ...options, after });
        profiles.push(...list.profiles);
        after = list.next;
      } while (after !== undefined && options.limit === undefined);
      if (output.json) {
        return output.document({ profiles, ...(after === undefined ? {} : { next: after }) });
      }
      output.table(
        ['eid', 'iccid', 'state', 'class', prose('name'), prose('provider'), 'told'],
        profiles.map((one) => [
          one.eid,
          one.iccid,
          stateOf(one),
          one.class ?? '',
          nameOf(one),
          one.serviceProviderName ?? '',
          one.told,
        ]),
        'no such profiles are known; ask a eUICC: eim order profiles --eid … --wait',
      );
      if (after !== undefined) output.note(`more: eim profile list --after ${shellWord(after)}`);
    });
}

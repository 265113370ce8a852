/** `eim euicc quirks`: where devices do other than the standard has it. */
import type { Command } from 'commander';
import { eidText } from '../../rest/api/ids.ts';
import { type Context, checkTyped, remote } from '../context.ts';
import { prose } from '../output.ts';

export function addQuirks(euicc: Command, context: Context): void {
  euicc
    .command('quirks')
    .description('deviations from the standard that devices were met with, of one eUICC or by EUM')
    .argument('[eid]')
    .option('--known', 'all deviations that the eIM knows, with the evidence')
    .action(async (typed: string | undefined, options: { known?: true }, command: Command) => {
      const { client, output } = remote(context, command);
      if (typed !== undefined) {
        const found = await client.quirksOf(checkTyped(eidText, typed, { '': 'EID' }));
        if (output.json) return output.document(found);
        return output.table(
          ['quirk', 'times', 'first', 'last', prose('what')],
          found.quirks.map(({ name, count, first, last, about }) => [
            name,
            String(count),
            first,
            last,
            about,
          ]),
          'none met',
        );
      }
      const overview = await client.quirks();
      if (output.json) return output.document(overview);
      if (options.known === true) {
        return output.table(
          ['quirk', prose('what'), prose('evidence')],
          overview.known.map(({ name, about, evidence }) => [name, about, evidence]),
        );
      }
      output.table(
        ['eum', 'quirk', 'eUICCs', 'times', 'last'],
        overview.eums.map(({ eum, name, euiccs, count, last }) => [
          eum,
          name,
          String(euiccs),
          String(count),
          last,
        ]),
        'none met; all known: --known',
      );
    });
}

/** `eim order download`: a profile, and what is to happen with it then, as one order. */

import { readFile } from 'node:fs/promises';
import { Option } from 'commander';
import { confirmOf } from '../confirm.ts';
import { type Context, readSecret } from '../context.ts';
import { CliError, ExitCode } from '../exit.ts';
import { exampleEid, type Place } from '../order-placing.ts';

interface DownloadOptions {
  readonly ac?: string;
  readonly defaultSmdp?: true;
  readonly smds?: string | true;
  readonly event?: string;
  readonly confirmationCode?: string;
  readonly mode?: string;
  readonly enable?: true;
  readonly rollback?: true;
  readonly confirm?: string | true;
}

/** Characters of a confirmation code on standard input that are read. */
const longestCode = 1024;

export function addDownload(place: Place, context: Context): void {
  place<DownloadOptions>(
    'download',
    'have a profile downloaded and installed; enabled and confirmed, too, if you like',
    async (options) => [
      {
        download: {
          ...sourceOf(options),
          ...(await confirmationCodeOf(options.confirmationCode, context)),
          ...(options.mode === undefined ? {} : { mode: options.mode }),
        },
      },
      ...(options.enable ? [{ enable: options.rollback ? { rollback: true } : {} }] : []),
      ...(options.confirm === undefined
        ? []
        : [{ confirm: options.confirm === true ? {} : confirmOf(options.confirm) }]),
    ],
    [
      `eim order download --eid ${exampleEid} --ac '1$smdp.example.com$MATCHING-ID' --wait 10m`,
      `eim order download --eid ${exampleEid} --ac '1$smdp.example.com$MATCHING-ID' --enable --rollback --confirm 3,2h`,
      `eim order download --eid ${exampleEid} --smds --confirmation-code - < code.txt`,
    ],
    {
      address: '--smds',
      smds: '--smds',
      defaultSmdp: '--default-smdp',
      eventId: '--event',
      confirmationCode: '--confirmation-code',
      polls: '--confirm',
      within: '--confirm',
      download: '--ac, --default-smdp or --smds',
    },
  )
    .addOption(
      new Option(
        '--ac <code>',
        "activation code, 1$<SM-DP+ address>$<matchingId>; quote it: '…'",
      ).conflicts(['defaultSmdp', 'smds']),
    )
    .addOption(
      new Option('--default-smdp', "from the eUICC's default SM-DP+").conflicts(['ac', 'smds']),
    )
    .addOption(
      new Option('--smds [address]', "where the SM-DS says (default: the eUICC's root SM-DS)"),
    )
    .option('--event <id>', 'of the events that the SM-DS has this one (with --smds)')
    .option(
      '--confirmation-code <code>',
      "confirmation code that the SM-DP+ wants; '-' reads it from standard input, '@file' from a file, and neither is seen by other users of this machine",
    )
    .addOption(
      new Option(
        '--mode <mode>',
        'who fetches the profile: the eIM (indirect) or the device (direct); default: as the device can',
      ).choices(['indirect', 'direct']),
    )
    .option('--enable', 'then have it enabled')
    .option(
      '--rollback',
      'and back to the profile before, if the device cannot reach the eIM with it (with --enable)',
    )
    .option(
      '--confirm [polls|time]',
      'then have the device come back, so often or within so long: 3, 2h, or 3,2h',
    )
    .hook('preAction', (command) => {
      const { ac, defaultSmdp, smds, event, enable, rollback } = command.opts<DownloadOptions>();
      if (ac === undefined && defaultSmdp === undefined && smds === undefined) {
        throw new CliError(ExitCode.badInput, 'give --ac, --default-smdp or --smds');
      }
      if (event !== undefined && smds === undefined) {
        throw new CliError(ExitCode.badInput, '--event: goes with --smds');
      }
      if (rollback && !enable)
        throw new CliError(ExitCode.badInput, '--rollback: goes with --enable');
    });
}

function sourceOf({ ac, defaultSmdp, smds, event }: DownloadOptions): object {
  if (ac !== undefined) return { activationCode: ac };
  if (defaultSmdp) return { defaultSmdp };
  return {
    smds: {
      ...(typeof smds === 'string' ? { address: smds } : {}),
      ...(event === undefined ? {} : { eventId: event }),
    },
  };
}

async function confirmationCodeOf(given: string | undefined, context: Context) {
  if (given === undefined) return {};
  if (given === '-') {
    return { confirmationCode: await readSecret(context, 'confirmation code', longestCode) };
  }
  if (!given.startsWith('@')) return { confirmationCode: given };
  try {
    const [line = ''] = (await readFile(given.slice(1), 'utf8')).split(/\r?\n/, 1);
    return { confirmationCode: line };
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new CliError(ExitCode.badInput, `--confirmation-code: ${why}`, undefined, { cause });
  }
}

/** `eim device`: the PSK identities that devices open DTLS connections with. */
import type { Command } from 'commander';
import { toHex, utf8 } from '../../base/bytes.ts';
import { DeviceAddition, type DeviceView } from '../../rest/api.ts';
import { type Context, checkTyped, remote } from '../context.ts';
import { CliError, ExitCode } from '../exit.ts';

interface AddOptions {
  readonly eid: readonly string[];
  readonly identity?: string;
  readonly psk?: string;
  readonly pskText?: string;
  readonly note?: string;
}

export function addDevice(program: Command, context: Context): void {
  const device = program.command('device').description('devices and their PSKs');

  device
    .command('add')
    .description('let a device in by a PSK, bound to its EIDs')
    .option('--eid <eid>', 'EID that it may speak for; may be repeated', collect, [])
    .option('--identity <identity>', 'PSK identity (default: the first EID)')
    .option(
      '--psk <hex>',
      "PSK of 16 to 64 octets; '-' reads it from standard input (default: one is made)",
    )
    .option('--psk-text <text>', "the same as text, as libcoap's tools take it; '-' as above")
    .option('--note <text>', 'a line for people')
    .addHelpText(
      'after',
      `
The PSK is shown once, now: the eIM never gives it out again.

Examples:
  eim device add --eid 89044045118427484800000000011628
  openssl rand -hex 16 | tee psk | eim device add --identity meter-7 --psk -`,
    )
    .action(async ({ eid, psk, pskText, ...given }: AddOptions, command: Command) => {
      const { client, output } = remote(context, command);
      if (given.identity === undefined && eid.length === 0) {
        throw new CliError(ExitCode.badInput, 'a device needs a name: give --identity or --eid');
      }
      const key = await keyOf(context, { psk, pskText });
      const addition = checkTyped(
        DeviceAddition,
        { ...given, eids: eid, ...(key === undefined ? {} : { key }) },
        {
          key: pskText === undefined ? '--psk' : '--psk-text',
          eids: '--eid',
          identity: '--identity',
          note: '--note',
        },
      );
      const added = await client.addDevice(addition);
      if (output.json) return output.document(added);
      output.facts([...factsOf(added), ['PSK', added.key]]);
      output.note('keep the PSK now: it is not shown again');
    });

  device
    .command('list')
    .description('all devices')
    .action(async (_options: unknown, command: Command) => {
      const { client, output } = remote(context, command);
      const list = await client.devices();
      if (output.json) return output.document(list);
      if (list.devices.length === 0) return output.note('no devices yet: eim device add --eid …');
      output.table(
        ['identity', 'eids', 'added', 'note'],
        list.devices.map(({ identity, eids, added, note }) => [
          identity,
          eids.join(' '),
          added,
          note ?? '',
        ]),
      );
    });

  device
    .command('show')
    .description('one device, without its PSK')
    .argument('<identity>')
    .action(async (identity: string, _options: unknown, command: Command) => {
      const { client, output } = remote(context, command);
      const found = await client.device(identity);
      if (output.json) return output.document(found);
      output.facts(factsOf(found));
    });

  device
    .command('remove')
    .description('let a device in no more')
    .argument('<identity>')
    .action(async (identity: string, _options: unknown, command: Command) => {
      const { client, output } = remote(context, command);
      await client.removeDevice(identity);
      if (output.json) return output.document({ removed: identity });
      output.line(`removed ${identity}`);
    });
}

function factsOf({ identity, eids, added, note }: DeviceView) {
  return [
    ['identity', identity],
    ['EIDs', eids.length === 0 ? 'none: it may speak for any EID not bound' : eids.join(' ')],
    ['added', added],
    ['note', note],
  ] as const;
}

function collect(value: string, before: readonly string[]): readonly string[] {
  return [...before, value];
}

/** The PSK in hex; undefined where one is to be made. Throws CliError where it is given twice, or too short as text. */
async function keyOf(
  context: Context,
  { psk, pskText }: { readonly psk: string | undefined; readonly pskText: string | undefined },
): Promise<string | undefined> {
  if (psk !== undefined && pskText !== undefined) {
    throw new CliError(ExitCode.badInput, 'give --psk or --psk-text, not both');
  }
  const given = psk ?? pskText;
  const key = given === '-' ? await readAll(context.stdin) : given;
  if (pskText === undefined || key === undefined) return key?.trim();
  const octets = utf8(key.replace(/\r?\n$/, ''));
  if (octets.length < 16 || octets.length > 64) {
    const complaint = `--psk-text: must be 16 to 64 octets of UTF-8, this has ${octets.length}`;
    throw new CliError(ExitCode.badInput, complaint);
  }
  return toHex(octets);
}

async function readAll(stream: NodeJS.ReadStream): Promise<string> {
  let text = '';
  for await (const chunk of stream) {
    text += String(chunk);
    if (text.length > 1024) break;
  }
  return text;
}

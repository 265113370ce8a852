/** `eim device`: who may open DTLS connections, and by what. */
import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { Command } from 'commander';
import { toHex, utf8 } from '../../base/bytes.ts';
import {
  DeviceAddition,
  DeviceChange,
  DeviceRotation,
  type DeviceView,
  type NewDeviceView,
} from '../../rest/api/devices.ts';
import { type Context, checkTyped, readAll, remote } from '../context.ts';
import { CliError, ExitCode } from '../exit.ts';
import { type Output, prose } from '../output.ts';
import { shellWord } from '../shell-word.ts';
import { addDeviceImport } from './device-import.ts';

interface AddOptions {
  readonly eid: readonly string[];
  readonly identity?: string;
  readonly psk?: string;
  readonly certificate: readonly string[];
  readonly publicKey: readonly string[];
  readonly chain?: true;
  readonly pskText?: string;
  readonly note?: string;
  readonly address?: string;
}

/** Characters of a PSK on standard input that are read. */
const longestPsk = 1024;

export function addDevice(program: Command, context: Context): void {
  const device = program
    .command('device')
    .description('devices, and what they prove themselves with');
  addAdding(device, context);
  addDeviceImport(device, context);
  addLooking(device, context);
  addChanging(device, context);
}

function addAdding(device: Command, context: Context): void {
  device
    .command('add')
    .description('let a device in by a PSK, a certificate or a public key, bound to its EIDs')
    .option('--eid <eid>', 'EID that it may speak for; may be repeated', collect, [])
    .option('--identity <identity>', 'its name, and PSK identity (default: the first EID)')
    .option(
      '--psk <hex>',
      "PSK of 16 to 64 octets; '-' reads it from standard input (default: one is made)",
    )
    .option(
      '--certificate <pin>',
      'certificate file, or its SHA-256 in hex; may be repeated',
      collect,
      [],
    )
    .option(
      '--public-key <pin>',
      'public key file (PEM), or the SHA-256 of its SubjectPublicKeyInfo; may be repeated',
      collect,
      [],
    )
    .option('--chain', 'certificates below an anchor of dtls.clientAnchors that name it')
    .option('--psk-text <text>', "the same as text, as libcoap's tools take it; '-' as above")
    .option('--address <ip[:port]>', 'where it is a DTLS server, for orders with --push')
    .option('--note <text>', 'a line for people')
    .addHelpText(
      'after',
      `
The PSK is shown once, now: the eIM never gives it out again. None is made where there is another
credential.

Examples:
  eim device add --eid 89044045118427484800000000011628
  eim device add --identity meter-8 --public-key meter-8.pub.pem
  openssl rand -hex 16 | tee psk | eim device add --identity meter-7 --psk -`,
    )
    .action(async (options: AddOptions, command: Command) => {
      const { eid, psk, pskText, certificate, publicKey, ...given } = options;
      const { client, output } = remote(context, command);
      if (given.identity === undefined && eid.length === 0) {
        throw new CliError(ExitCode.badInput, 'a device needs a name: give --identity or --eid');
      }
      const key = await keyOf(context, { psk, pskText });
      const addition = checkTyped(
        DeviceAddition,
        {
          ...given,
          eids: eid,
          ...(key === undefined ? {} : { key }),
          ...(certificate.length === 0
            ? {}
            : { certificates: await Promise.all(certificate.map(pinIn)) }),
          ...(publicKey.length === 0
            ? {}
            : { publicKeys: await Promise.all(publicKey.map(pinIn)) }),
        },
        {
          key: pskText === undefined ? '--psk' : '--psk-text',
          eids: '--eid',
          identity: '--identity',
          note: '--note',
          address: '--address',
          certificates: '--certificate',
          publicKeys: '--public-key',
        },
      );
      showWithKey(output, await client.addDevice(addition));
    });
}

function addLooking(device: Command, context: Context): void {
  device
    .command('list')
    .description('devices, in the order of their names')
    .option('--limit <number>', 'at most so many (default: all)')
    .option('--after <identity>', 'only those after this name')
    .action(async (options: { limit?: string; after?: string }, command: Command) => {
      const { client, output } = remote(context, command);
      const devices: DeviceView[] = [];
      let { after } = options;
      do {
        const list = await client.devices({ after, limit: options.limit });
        devices.push(...list.devices);
        after = list.next;
      } while (after !== undefined && options.limit === undefined);
      if (output.json) {
        return output.document({ devices, ...(after === undefined ? {} : { next: after }) });
      }
      output.table(
        ['identity', 'by', prose('eids'), 'added', prose('note')],
        devices.map((one) => [
          one.identity,
          one.revoked === undefined ? credentialsOf(one) : { text: 'revoked', colour: 'red' },
          one.eids.join(' '),
          one.added,
          one.note ?? '',
        ]),
        'no devices yet: eim device add --eid …',
      );
      if (after !== undefined) output.note(`more: eim device list --after ${shellWord(after)}`);
    });

  device
    .command('show')
    .description('one device, without its PSK')
    .argument('<identity>')
    .action(async (identity: string, _options: unknown, command: Command) => {
      const { client, output } = remote(context, command);
      show(output, await client.device(identity));
    });
}

function addChanging(device: Command, context: Context): void {
  device
    .command('rotate')
    .description('give a device another PSK; the old one is good until it has used the new one')
    .argument('<identity>')
    .option(
      '--psk <hex>',
      "PSK of 16 to 64 octets; '-' reads it from standard input (default: one is made)",
    )
    .option('--drop-old', 'the old one is of no use any more, and its connections end now')
    .action(
      async (
        identity: string,
        { psk, dropOld }: { psk?: string; dropOld?: true },
        command: Command,
      ) => {
        const { client, output } = remote(context, command);
        const key = await pskOf(psk, context);
        const rotation = checkTyped(
          DeviceRotation,
          { ...(key === undefined ? {} : { key }), ...(dropOld ? { dropOld } : {}) },
          { key: '--psk' },
        );
        showWithKey(output, await client.rotateDevice(identity, rotation ?? {}));
      },
    );

  device
    .command('address')
    .description('say where a device is a DTLS server, for orders with --push')
    .argument('<identity>')
    .argument('<ip:port>', "or 'none': at no address of its own")
    .action(async (identity: string, text: string, _options: unknown, command: Command) => {
      const { client, output } = remote(context, command);
      const address = text === 'none' ? null : text;
      const change = checkTyped(DeviceChange, { address }, { address: 'ip:port' });
      show(output, await client.changeDevice(identity, change));
    });

  device
    .command('revoke')
    .description('refuse all credentials of a device from now on; its connections end')
    .argument('<identity>')
    .addHelpText(
      'after',
      `
Its name stays taken and its EIDs stay bound to it, so that nobody else may speak for them:
eim device remove frees them.`,
    )
    .action(async (identity: string, _options: unknown, command: Command) => {
      const { client, output } = remote(context, command);
      show(output, await client.revokeDevice(identity));
    });

  device
    .command('remove')
    .description('forget a device; its connections end')
    .argument('<identity>')
    .action(async (identity: string, _options: unknown, command: Command) => {
      const { client, output } = remote(context, command);
      await client.removeDevice(identity);
      output.done('removed', identity);
    });
}

function show(output: Output, device: DeviceView): void {
  if (output.json) output.document(device);
  else output.facts(factsOf(device));
}

function showWithKey(output: Output, device: NewDeviceView): void {
  if (output.json) {
    output.document(device);
    return;
  }
  output.facts([...factsOf(device), ['PSK', device.key]]);
  if (device.key !== undefined) output.note('keep the PSK now: it is not shown again');
}

function factsOf(device: DeviceView) {
  const { identity, eids, added, note, revoked, certificates = [], publicKeys = [] } = device;
  return [
    ['identity', identity],
    ['EIDs', eids.length === 0 ? 'none: it may speak for any EID not bound' : eids.join(' ')],
    ['by', revoked === undefined ? credentialsOf(device) : undefined],
    ...certificates.map((pin) => ['certificate', pin] as const),
    ...publicKeys.map((pin) => ['public key', pin] as const),
    ['added', added],
    ['note', note],
    ['address', device.address],
    ['revoked', revoked === undefined ? undefined : { text: revoked, colour: 'red' as const }],
  ] as const;
}

function credentialsOf({ psk, certificates, publicKeys, chain }: DeviceView): string {
  return [
    ...(psk === 'one' ? ['PSK'] : []),
    ...(psk === 'rotating' ? ['PSK (new one not used yet)'] : []),
    ...(certificates === undefined ? [] : ['certificate']),
    ...(publicKeys === undefined ? [] : ['public key']),
    ...(chain === true ? ['chain'] : []),
  ].join(', ');
}

function collect(value: string, before: readonly string[]): readonly string[] {
  return [...before, value];
}

function pskOf(psk: string | undefined, { stdin }: Context): Promise<string> | string | undefined {
  return psk === '-' ? readAll(stdin, longestPsk) : psk;
}

/** A SHA-256 as it is, or the content of a file, as PEM. */
async function pinIn(text: string): Promise<string> {
  if (/^[0-9a-f]{64}$/i.test(text.replaceAll(':', ''))) return text;
  try {
    const content = await readFile(text);
    const isPem = content.includes('-----BEGIN');
    return isPem ? content.toString('utf8') : new X509Certificate(content).toString();
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new CliError(ExitCode.badInput, `${text} cannot be read: ${why}`, undefined, { cause });
  }
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
  const key = given === '-' ? await readAll(context.stdin, longestPsk) : given;
  if (pskText === undefined || key === undefined) return key?.trim();
  const octets = utf8(key.replace(/\r?\n$/, ''));
  if (octets.length < 16 || octets.length > 64) {
    const complaint = `--psk-text: must be 16 to 64 octets of UTF-8, this has ${octets.length}`;
    throw new CliError(ExitCode.badInput, complaint);
  }
  return toHex(octets);
}

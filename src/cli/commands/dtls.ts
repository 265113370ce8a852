/** `eim dtls`: the DTLS connections of devices. */
import type { Command } from 'commander';
import type { ConnectionView } from '../../rest/api/connections.ts';
import { type Context, remote } from '../context.ts';
import { shellWord } from '../shell-word.ts';

interface ListOptions {
  readonly limit: string;
  readonly after?: string;
  readonly identity?: string;
}

export function addDtls(program: Command, context: Context): void {
  const dtls = program.command('dtls').description('DTLS connections of devices');

  dtls
    .command('list')
    .description('connections in memory, those asleep first')
    .option('--identity <identity>', 'only of this device')
    .option('--limit <number>', 'at most so many', '100')
    .option('--after <id>', 'only those after this one')
    .action(async (options: ListOptions, command: Command) => {
      const { client, output } = remote(context, command);
      const { limit, after, identity } = options;
      const list = await client.connections({ limit, after, identity });
      if (output.json) return output.document(list);
      const { connections, next, awake, asleep, handshakes, sessions } = list;
      output.table(
        ['id', 'device', 'state', 'address', 'cid', 'last contact', 'in', 'out'],
        connections.map((one) => [
          one.id,
          one.identity ?? one.credential,
          { text: one.state, ...(one.state === 'awake' ? { colour: 'green' as const } : {}) },
          one.address,
          one.cid ?? '',
          one.lastContact,
          `${one.octetsIn}`,
          `${one.octetsOut}`,
        ]),
        'no connections in memory',
      );
      output.note(
        `${awake} awake, ${asleep} asleep, ${handshakes} handshakes under way, ${sessions} sessions to resume`,
      );
      if (next !== undefined) output.note(`more: eim dtls list --after ${shellWord(next)}`);
    });

  dtls
    .command('show')
    .description('one connection')
    .argument('<id>')
    .action(async (id: string, _options: unknown, command: Command) => {
      const { client, output } = remote(context, command);
      const found = await client.connection(id);
      if (output.json) return output.document(found);
      output.facts(factsOf(found, context.now()));
    });

  dtls
    .command('close')
    .description('end a connection; one that is awake is told')
    .argument('<id>')
    .action(async (id: string, _options: unknown, command: Command) => {
      const { client, output } = remote(context, command);
      await client.closeConnection(id);
      output.done('closed', id);
    });
}

function factsOf(connection: ConnectionView, now: number) {
  const { datagramsIn, datagramsOut, octetsIn, octetsOut, drops } = connection;
  return [
    ['id', connection.id],
    ['device', connection.identity ?? 'anonymous'],
    ['credential', connection.credential],
    ['state', connection.state],
    ['address', connection.address],
    ['suite', connection.suite],
    ['connection ID', connection.cid ?? 'none'],
    ['its own', connection.peerCid],
    ['began', `${connection.began} (${ago(connection.began, now)})`],
    ['last contact', `${connection.lastContact} (${ago(connection.lastContact, now)})`],
    ['address changes', String(connection.moves)],
    ['in', `${datagramsIn} datagrams, ${octetsIn} octets`],
    ['out', `${datagramsOut} datagrams, ${octetsOut} octets`],
    ...Object.entries(drops).map(
      ([reason, count]) => [`dropped, ${reason}`, String(count)] as const,
    ),
  ] as const;
}

/** How long ago, in the largest unit that leaves a number. */
function ago(time: string, now: number): string {
  const seconds = Math.max(0, Math.floor((now - Date.parse(time)) / 1000));
  if (seconds < 120) return `${seconds} s ago`;
  if (seconds < 7200) return `${Math.floor(seconds / 60)} min ago`;
  return seconds < 172_800
    ? `${Math.floor(seconds / 3600)} h ago`
    : `${Math.floor(seconds / 86_400)} d ago`;
}

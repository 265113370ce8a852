/** `eim token`: who may call the REST API, and for what. */
import { type Command, Option } from 'commander';
import { DurationError, parseDuration } from '../../base/duration.ts';
import { Role, TokenAddition, type TokenView } from '../../rest/api/tokens.ts';
import { type Context, checkTyped, remote } from '../context.ts';
import { type Cell, prose } from '../output.ts';

interface CreateOptions {
  readonly name: string;
  readonly role: string;
  readonly expires?: string;
}

export function addToken(program: Command, context: Context): void {
  const token = program.command('token').description('tokens of the REST API, and their roles');
  token
    .command('create')
    .description('make a token; it is shown once')
    .requiredOption('--name <name>', 'what it is for')
    .addOption(
      new Option('--role <role>', 'read: look; operate: also order; admin: also say who is trusted')
        .choices(Role.options)
        .makeOptionMandatory(),
    )
    .option(
      '--expires <time>',
      'good until 2027-01-31T00:00:00Z, or for so long (90d); default: for ever',
    )
    .addHelpText(
      'after',
      `
Standard output has the token; whoever has it may what its role may. Take it back with eim token revoke.

Examples:
  eim token create --name dashboard --role read --expires 90d
  EIM_TOKEN=$(eim token create --name ci --role operate --json | jq -r .token)`,
    )
    .action(async ({ name, role, expires }: CreateOptions, command: Command) => {
      const { client, output } = remote(context, command);
      const until = expires === undefined ? {} : { expires: timeOf(expires, context.now()) };
      const addition = checkTyped(
        TokenAddition,
        { name, role, ...until },
        { name: '--name', role: '--role', expires: '--expires' },
      );
      const made = await client.createToken(addition);
      if (output.json) return output.document(made);
      output.facts([...factsOf(made), ['token', made.token]]);
      output.note('keep the token now: it is not shown again');
    });

  token
    .command('list')
    .description('tokens, without their secrets')
    .addOption(new Option('--role <role>', 'only those').choices(Role.options))
    .addHelpText(
      'after',
      '\nExamples:\n  eim token list\n  eim token list --role admin --output csv',
    )
    .action(async ({ role }: { role?: string }, command: Command) => {
      const { client, output } = remote(context, command);
      const tokens: TokenView[] = [];
      let after: string | undefined;
      do {
        const list = await client.tokens({ role, after });
        tokens.push(...list.tokens);
        after = list.next;
      } while (after !== undefined);
      if (output.json) return output.document({ tokens });
      output.table(
        ['id', 'role', prose('name'), 'added', 'expires', 'last used'],
        tokens.map((one) => [
          one.id,
          one.role,
          one.name,
          one.added,
          expiryOf(one),
          one.lastUsed ?? 'never',
        ]),
        'no tokens yet: eim token create --name … --role …',
      );
    });

  token
    .command('revoke')
    .description('take a token back: it is refused from now on')
    .argument('<id>')
    .addHelpText('after', '\nExample:\n  eim token revoke 4T9XK2')
    .action(async (id: string, _options: unknown, command: Command) => {
      const { client, output } = remote(context, command);
      await client.revokeToken(id);
      output.done('revoked', id);
    });
}

/** A length of time from now on becomes a time; what is neither stays, for the check to complain about. */
function timeOf(text: string, now: number): string {
  try {
    return new Date(now + parseDuration(text)).toISOString();
  } catch (error) {
    if (error instanceof DurationError) return text;
    throw error;
  }
}

function factsOf(token: TokenView) {
  return [
    ['id', token.id],
    ['name', token.name],
    ['role', token.role],
    ['added', token.added],
    ['expires', expiryOf(token)],
  ] as const;
}

function expiryOf({ expires, expired }: TokenView): Cell {
  if (expired === true) return { text: `${expires} (past)`, colour: 'red' };
  return { text: expires ?? 'never' };
}

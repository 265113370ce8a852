/** `eim completion`: makes shells complete commands, options, and what the eIM knows. */
import { Argument, type Command, Option } from 'commander';
import { Client } from '../client.ts';
import { complete } from '../completion/complete.ts';
import { asking } from '../completion/known.ts';
import { answerOf, type Shell, scripts, shells } from '../completion/scripts.ts';
import { wordsOf } from '../completion/words.ts';
import { addressOf, type Context } from '../context.ts';

/** Milliseconds that the eIM has to answer: nobody waits longer for a key press. */
const patience = 1500;

export function addCompletion(program: Command, context: Context): void {
  program
    .command('completion')
    .description('print what makes a shell complete commands, options, EIDs, ICCIDs and order ids')
    .addArgument(new Argument('<shell>', 'the shell').choices(shells))
    .argument('[words...]', 'for the script itself: what is typed so far')
    .addOption(new Option('--line <text>', 'for the script itself: the line so far').hideHelp())
    .addHelpText(
      'after',
      `
EIDs and the like are asked of the eIM that EIM_URL and EIM_TOKEN (or cli.yaml) name; where it does not answer,
nothing is offered.

Examples:
  eval "$(eim completion bash)"                                   # in ~/.bashrc
  eval "$(eim completion zsh)"                                    # in ~/.zshrc, after compinit
  eim completion fish > ~/.config/fish/completions/eim.fish`,
    )
    .action(async (shell: Shell, typed: readonly string[], { line }: { line?: string }) => {
      const words = line === undefined ? typed : wordsOf(line).slice(1);
      if (words.length === 0) {
        context.stdout.write(scripts[shell]);
        return;
      }
      const found = await complete(program, words, (asked) => {
        const signal = AbortSignal.timeout(patience);
        return asking(() => new Client({ ...addressOf(context, {}), signal }))(asked);
      });
      context.stdout.write(answerOf(shell, found, words.at(-1) ?? ''));
    });
}

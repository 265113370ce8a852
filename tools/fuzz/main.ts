/** `npm run fuzz -- NAME`: what goes wrong on purpose. Seeded, so that it can go wrong again; bounded in time. */
import { Command } from 'commander';
import { FuzzFailure, fuzzDtls } from './dtls.ts';

interface Options {
  readonly seed: number;
  readonly seconds: number;
  readonly rounds: number;
}

const badInput = 2;

const program = new Command('npm run fuzz --').exitOverride((error) =>
  process.exit(error.exitCode === 0 ? 0 : badInput),
);

program
  .command('dtls')
  .description('mutated and random datagrams at a DTLS server with live connections')
  .option(
    '--seed <number>',
    'of the first round; each round has the next one',
    Number,
    Date.now() % 1e9,
  )
  .option('--seconds <number>', 'how long', Number, 20)
  .option('--rounds <number>', 'how many rounds at most', Number, Number.POSITIVE_INFINITY)
  .action(fuzz);

await program.parseAsync();

async function fuzz({ seed, seconds, rounds }: Options): Promise<void> {
  const started = Date.now();
  const drops = new Map<string, number>();
  let datagrams = 0;
  let round = 0;
  console.log(`seed ${seed}`);
  for (; round < rounds && Date.now() - started < seconds * 1000; round++) {
    try {
      const done = await fuzzDtls(seed + round);
      datagrams += done.datagrams;
      for (const [reason, count] of Object.entries(done.drops)) {
        drops.set(reason, (drops.get(reason) ?? 0) + count);
      }
    } catch (error) {
      if (!(error instanceof FuzzFailure)) throw error;
      console.error(
        `${error.message}\nagain: npm run fuzz -- dtls --seed ${seed + round} --rounds 1`,
      );
      process.exitCode = 1;
      return;
    }
  }
  for (const [reason, count] of [...drops].sort(([, a], [, b]) => b - a)) {
    console.log(`${String(count).padStart(8)}  ${reason}`);
  }
  const took = ((Date.now() - started) / 1000).toFixed(1);
  console.log(
    `${round} rounds, ${datagrams} datagrams, ${took} s: nothing broke, leaked or was lost`,
  );
}

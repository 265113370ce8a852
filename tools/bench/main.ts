/** `npm run bench -- NAME`: figures that can be had again. Each bench is a file beside this one. */
import { Command } from 'commander';

const badInput = 2;

const program = new Command('npm run bench --')
  .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : badInput))
  .description('Figures of this machine, each beside what it is measured against. Loopback only.');

program
  .command('handshakes')
  .description('handshakes a second and CPU of each, beside their primitives and libcoap')
  .option('--rounds <number>', 'turns of each server', Number, 7)
  .option('--seconds <number>', 'length of a turn', Number, 0.9)
  .option('--json', 'print one JSON document and nothing else')
  .action(async (options) => (await import('./handshakes.ts')).benchHandshakes(options));

program
  .command('connections')
  .description('memory and disk of idle connections, and how soon they are answered after a kill')
  .option('--count <number>', 'how many', Number, 100_000)
  .option('--rounds <number>', 'restarts of each store', Number, 3)
  .option('--json', 'print one JSON document and nothing else')
  .action(async (options) => (await import('./connections.ts')).benchConnections(options));

program
  .command('wire')
  .description(
    'datagrams and octets of each kind of handshake, and of the first poll after a sleep',
  )
  .option('--json', 'print one JSON document and nothing else')
  .action(async (options) => (await import('./wire.ts')).benchWire(options));

program
  .command('polls')
  .description('polls a second and CPU of each, beside raw UDP echo and libcoap')
  .option('--devices <number>', 'connections, each with a socket of its own', Number, 1000)
  .option('--rounds <number>', 'turns of each server', Number, 5)
  .option('--seconds <number>', 'length of a turn', Number, 1)
  .option('--json', 'print one JSON document and nothing else')
  .action(async (options) => (await import('./polls.ts')).benchPolls(options));

program
  .command('blockwise')
  .description('time and octets of block-wise transfers over the links of the lab')
  .option('--seeds <number>', 'runs behind each figure', Number, 9)
  .option('--aim-seeds <number>', 'runs behind the figures that have an aim', Number, 101)
  .option('--json', 'print one JSON document and nothing else')
  .action(async (options) => (await import('./blockwise.ts')).benchBlockwise(options));

program
  .command('relay')
  .description('what the eIM adds to each message of a download, and how many it carries')
  .option('--downloads <number>', 'downloads behind the figures of each message', Number, 200)
  .option('--at-a-time <number>', 'downloads under way at a time', Number, 1000)
  .option('--size <octets>', 'of the bound profile package', Number, 66_000)
  .option('--json', 'print one JSON document and nothing else')
  .action(async (options) => (await import('./relay.ts')).benchRelay(options));

program
  .command('bulk')
  .description(
    'a bulk order: time to accept, memory, event-loop delay, and a kill -9 in the middle',
  )
  .option('--count <number>', 'simulated devices, an order each', Number, 5000)
  .option('--batch <number>', 'orders of one request, 500 at most', Number, 500)
  .option('--json', 'print one JSON document and nothing else')
  .action(async (options) => (await import('./bulk.ts')).benchBulk(options));

await program.parseAsync();

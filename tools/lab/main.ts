/** `npm run lab`: the main job on loopback, or one part of it alone. */
import { Command, Option } from 'commander';
import { CancelSessionReason } from '../../src/messages/rsp.ts';
import {
  runSmdpp,
  runSmds,
  type ServerAloneOptions,
  type SmdppAloneOptions,
} from './alone-servers.ts';
import {
  address,
  duration,
  eid,
  fault,
  faultHelp,
  laterBlock,
  matchingId,
  natural,
  port,
  psk,
  resolve,
  seconds,
  size,
  speed,
} from './arguments.ts';
import {
  type BindingChoice,
  bindingOption,
  bindingTable,
  deviceBindingOption,
  needsCoap,
  runBindings,
} from './bindings.ts';
import { chooseProfile } from './choose-profile.ts';
import { type DeviceAloneOptions, runDevice } from './device-alone.ts';
import { deviceFaultHelp, deviceFaultOption } from './device-fault-option.ts';
import type { Fault } from './faults.ts';
import { type LabOptions, runLab, StepFailed, step } from './lab.ts';
import { startCapture } from './link/pcap.ts';
import { type LinkProfileName, linkProfiles } from './link/profiles.ts';
import { seededNumbers } from './link/seeded.ts';
import { type LinkAloneOptions, runLink } from './link-alone.ts';
import { runProcedures } from './procedures/command.ts';
import { type ProcedureChoice, procedureHelp, procedureOptions } from './procedures/options.ts';
import { blockTable, profileTable, stepLine, wireTable } from './report.ts';

interface Options extends ProcedureChoice {
  readonly json?: true;
  readonly profile?: string;
  readonly size?: number;
  readonly auth: 'psk' | 'cert';
  readonly stack: 'own' | 'node-coap';
  readonly binding: BindingChoice;
  readonly coapsPort: number;
  readonly restPort: number;
  readonly smdppPort: number;
  readonly link: LinkProfileName;
  readonly pcap?: string;
  readonly keyLog?: string;
  readonly seed: number;
  readonly speed: number;
  readonly push?: true;
  readonly minimize?: true;
  readonly rebind?: number;
  readonly reset?: number;
  readonly restart?: number;
  readonly fault: readonly Fault[];
}

const badInput = 2;

const profile = () =>
  new Option(
    '--profile <file>',
    'unprotected profile package (DER, as .der or hex text)',
  ).conflicts('size');
const sizeOption = () =>
  new Option('--size <octets>', 'size of the profile that is made: 702 and more, 60k').argParser(
    size,
  );
const stackOption = () =>
  new Option('--stack <which>', "the device's CoAP and DTLS; node-coap knows PSK only")
    .choices(['own', 'node-coap'])
    .default('own');

const ordealOf = (what: string) => `${what} as it asks for that block of the profile`;

const program = new Command('npm run lab --')
  // An option after `smdpp` or `device` is theirs, also where the whole lab has one of that name.
  .enablePositionalOptions()
  .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : badInput))
  .showHelpAfterError('(npm run lab -- --help lists options and parts)')
  .allowExcessArguments()
  .description('A profile lands: SM-DP+, eIM and one device on loopback, with real cryptography.')
  .option('--json', 'print one JSON document and nothing else')
  .addOption(profile())
  .addOption(sizeOption())
  .addOption(
    new Option('--auth <how>', 'how device and eIM authenticate')
      .choices(['psk', 'cert'])
      .default('psk'),
  )
  .addOption(stackOption())
  .addOption(bindingOption())
  .option('--coaps-port <port>', 'UDP port of the eIM, 0 for a free one', port, 0)
  .option('--rest-port <port>', 'TCP port of the eIM, 0 for a free one', port, 0)
  .option('--smdpp-port <port>', 'TCP port of the SM-DP+, 0 for a free one', port, 0)
  .addOption(
    new Option('--link <profile>', 'what the way between device and eIM is like')
      .choices(Object.keys(linkProfiles))
      .default('lan'),
  )
  .option('--seed <number>', 'what decides which datagrams are lost', natural, 1)
  .option('--speed <times>', "so many times as fast as the link's own time", speed, 1)
  .option('--rebind <block>', ordealOf('the NAT forgets the device'), laterBlock)
  .option('--reset <block>', ordealOf('the device loses power'), laterBlock)
  .option('--restart <block>', ordealOf('the eIM is killed and started again'), laterBlock)
  .option('--push', 'the eIM brings the orders to the device, which polls once and no more')
  .option('--minimize', 'the device leaves out what the eIM knows (minimizeEsipaBytes)')
  .option('--pcap <file>', 'write what passes between device and eIM, for Wireshark')
  .option('--key-log <file>', 'write the keys that Wireshark reads it with')
  .addOption(deviceFaultOption())
  .addHelpText('after', `${procedureHelp}\n${deviceFaultHelp}`)
  .action(main);
procedureOptions(program);

/** What SM-DP+ and SM-DS alone have in common. */
const server = (name: string, description: string, usualPort: number) =>
  program
    .command(name)
    .description(description)
    .option('--port <port>', 'TCP port', port, usualPort)
    .option('--name <name>', 'what it calls itself (default: address and port)')
    .option('--pki <folder>', 'certificates that npm run certs made (default: certs/lab)')
    .option('--further <folder>', 'certificates under a further CI: brainpool, a private root')
    .option('--state <folder>', 'keep everything there over restarts (default: nowhere)')
    .option('--fault <fault>', 'do something wrong, see below; repeatable', fault, [])
    .addHelpText('after', faultHelp);

server('smdpp', 'the SM-DP+ alone, until it is stopped', 8443)
  .addOption(profile())
  .addOption(sizeOption())
  .option('--matching-id <id>', 'matchingId of the profile', matchingId, 'LAB')
  .option('--confirmation-code <code>', 'code that the eIM or device must know')
  .option('--eid <eid>', 'the only EID that may download it, once', eid)
  .option('--expires <duration>', 'how long it may be downloaded: 2h', duration)
  .option('--once', 'one download, and not over and over')
  .addOption(
    new Option('--stock', 'nobody ordered it yet: operators do, with ES2+').conflicts([
      'once',
      'eid',
      'expires',
      'confirmationCode',
      'smds',
    ]),
  )
  .option('--smds <host:port>', 'register its event there (ES12); needs --eid')
  .option('--operator <host:port>', 'tell progress there (ES2+)')
  .action((options: SmdppAloneOptions, command: Command) => {
    if (options.smds !== undefined && options.eid === undefined) {
      command.error('error: --smds needs --eid: an event is for one eUICC');
    }
    return alone(() => runSmdpp(options));
  });

server('smds', 'the SM-DS alone, until it is stopped', 8444).action((options: ServerAloneOptions) =>
  alone(() => runSmds(options)),
);

program
  .command('link')
  .description('the link alone: a relay between any client and any server')
  .requiredOption('--server <host:port>', 'where the server listens', address)
  .addOption(
    new Option('--profile <name>', 'what the link is like')
      .choices(Object.keys(linkProfiles))
      .default('nbiot-good'),
  )
  .option('--host <address>', 'IPv4 address to listen on; 0.0.0.0 for all', '127.0.0.1')
  .option('--port <port>', 'UDP port to listen on, 0 for a free one', port, 0)
  .option('--seed <number>', 'what decides which datagrams are lost', natural, 1)
  .option('--pcap <file>', 'write what passes, for Wireshark')
  .action((options: LinkAloneOptions) => alone(() => runLink(options)));

program
  .command('device')
  .description('one device alone: eUICC and IPA, polling an eIM')
  .requiredOption(
    '--eim <host:port>',
    'where the eIM listens for devices, over that --binding',
    address,
  )
  .option('--identity <identity>', 'PSK identity', 'lab-device')
  .option(
    '--psk <hex>',
    'PSK, over coaps; without it the device trusts the certificate of the eIM',
    psk,
  )
  .option('--add-initial-eim <file>', 'AddInitialEimRequest for a fresh eUICC (eim info --out)')
  .option('--state <file>', 'where the eUICC is kept between runs', 'lab-euicc.json')
  .addOption(stackOption())
  .addOption(deviceBindingOption())
  .option('--pki <folder>', "its eUICC's certificates: ci, eum and euicc (default: certs/lab)")
  .option('--max-segment <octets>', 'longest segment of a profile that it takes', natural, 1020)
  .option('--direct', 'it goes to SM-DP+ and SM-DS itself')
  .option('--tls-root <file>', 'root of their TLS certificates in PEM (default: the CI)')
  .option('--resolve <name=host:port>', 'where a name leads; repeatable', resolve, {})
  .option('--default-smdp <address>', 'default SM-DP+ of a fresh eUICC')
  .option('--root-smds <address>', 'root SM-DS of a fresh eUICC')
  .option('--confirmation-code <code>', 'what its user types, where it is asked for')
  .addOption(
    new Option('--cancel <reason>', 'give every download up').choices(
      Object.keys(CancelSessionReason),
    ),
  )
  .option('--every <seconds>', 'poll again and again', seconds)
  .addOption(deviceFaultOption())
  .addHelpText('after', deviceFaultHelp)
  .action((options: DeviceAloneOptions, command: Command) => {
    const overHttps = options.binding !== 'coaps';
    if (overHttps && options.psk !== undefined) {
      command.error('error: HTTPS has no PSK: leave out --psk, or say --binding coaps');
    }
    if (overHttps && options.stack !== 'own') {
      command.error(
        'error: --stack node-coap speaks CoAP alone: leave it out, or say --binding coaps',
      );
    }
    if (options.stack === 'node-coap' && options.psk === undefined) {
      command.error('error: --stack node-coap knows PSK only: give --psk');
    }
    return alone(() => runDevice(options));
  });

// `npm run lab -- --json | head -c 1`: who reads has enough; what was started is still taken down.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
});
await program.parseAsync();

/** Whether options are given that only procedures heed. */
function ofProcedures({ confirmationCode, typedCode, smdppFault, smdsFault }: ProcedureChoice) {
  const codes = confirmationCode !== undefined || typedCode !== undefined;
  return codes || smdppFault.length > 0 || smdsFault.length > 0;
}

/** Runs one part; what ends it is told in one line. */
async function alone(part: () => Promise<void>): Promise<void> {
  try {
    await part();
  } catch (error) {
    console.error(`Failed: ${error instanceof Error ? error.message : String(error)}`);
    process.exitCode = 1;
  }
}

async function main(options: Options, command: Command): Promise<void> {
  const [stray] = command.args;
  if (stray !== undefined) {
    const parts = command.commands.map((one) => one.name()).join(', ');
    command.error(`error: the lab has no part '${stray}': ${parts}`);
  }
  const { json, auth, stack, link, seed, pcap, binding, push } = options;
  const { rebind, reset, restart } = options;
  const ordeal = {
    ...(rebind === undefined ? {} : { rebind }),
    ...(reset === undefined ? {} : { reset }),
    ...(restart === undefined ? {} : { restart }),
  };
  if (stack === 'node-coap' && Object.keys(ordeal).length > 0) {
    command.error('error: --rebind, --reset and --restart need --stack own');
  }
  if (rebind !== undefined && !('natTimeout' in linkProfiles[link])) {
    command.error('error: --rebind needs a --link with a NAT: ltem, nbiot-good or nbiot-deep');
  }
  if (options.push && (stack === 'node-coap' || auth === 'cert')) {
    command.error('error: --push needs --stack own and --auth psk');
  }
  if (stack === 'node-coap' && auth === 'cert') {
    command.error('error: --stack node-coap knows PSK only: leave out --auth cert');
  }
  if (options.procedure === undefined && ofProcedures(options)) {
    command.error('error: --confirmation-code and faults of servers need --procedure');
  }
  if (options.keyLog !== undefined && (options.procedure !== undefined || binding !== 'coaps')) {
    command.error('error: --key-log is of the main job, over --binding coaps');
  }
  const coapAlone = needsCoap({ link, stack, pcap, push, ordeal });
  if (binding !== 'coaps' && coapAlone !== undefined) {
    command.error(`error: ${coapAlone} needs --binding coaps`);
  }
  if (options.procedure !== undefined && binding === 'all') {
    command.error('error: --procedure goes over one --binding, not all');
  }
  const capture = pcap === undefined ? undefined : startCapture(pcap);
  const chosen = {
    profile: linkProfiles[link],
    chance: seededNumbers(seed),
    ...(capture === undefined ? {} : { capture }),
  };
  const say = (line: string) => {
    if (json !== true) console.log(line);
  };
  try {
    if (options.procedure !== undefined && binding !== 'all') {
      const { procedure, coapsPort: coaps, restPort: rest } = options;
      const its = { ...options, binding, procedure, ports: { coaps, rest }, link: chosen };
      if (!(await runProcedures({ ...its, json: json ?? false }))) process.exitCode = 1;
      return;
    }
    const { upp, iccid } = await step('read the profile', async () => chooseProfile(options));
    const job: LabOptions = {
      upp,
      iccid,
      auth,
      stack,
      ports: { coaps: options.coapsPort, rest: options.restPort, smdpp: options.smdppPort },
      link: chosen,
      pki: options.pki,
      speed: options.speed,
      ordeal,
      push: options.push ?? false,
      minimize: options.minimize ?? false,
      keyLog: options.keyLog,
      faults: options.fault,
      onStep: (step) => say(stepLine(step)),
    };
    if (binding === 'all') {
      const results = await runBindings(job);
      if (json === true) console.log(JSON.stringify({ ok: true, bindings: results }));
      say(`\nOctets on the wire, without the headers of UDP and TCP:\n${bindingTable(results)}`);
      return say(`\nA profile of ${upp.length} octets landed and is enabled, three times.`);
    }
    const result = await runLab({ ...job, binding });
    if (json === true) console.log(JSON.stringify(result));
    say(`\nProfiles on the eUICC:\n${profileTable(result.profiles)}`);
    const carrier = binding === 'coaps' ? 'UDP payload' : 'TCP payload in segments';
    say(`\nOn the wire, ${carrier}:\n${wireTable(result.wire)}`);
    if (link !== 'lan') say(`\nIn blocks:\n${blockTable(result.blocks)}`);
    say(`\nA profile of ${result.download.profileBytes} octets landed and is enabled.`);
  } catch (error) {
    const failed = error instanceof StepFailed ? error.step : 'run the lab';
    const why = error instanceof Error ? error.message : String(error);
    if (json === true) console.log(JSON.stringify({ ok: false, step: failed, why }));
    else console.error(`\nFailed to ${failed}: ${why}`);
    process.exitCode = 1;
  } finally {
    await capture?.close();
  }
}

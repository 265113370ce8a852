/** `npm run lab`: the main job on loopback, or one part of it alone. */
import { Command, InvalidArgumentError, Option } from 'commander';
import { runDevice, runLink, runSmdpp } from './alone.ts';
import { chooseProfile } from './choose-profile.ts';
import { runLab, StepFailed, step } from './lab.ts';
import { startCapture } from './link/pcap.ts';
import { type LinkProfileName, linkProfiles } from './link/profiles.ts';
import { seededNumbers } from './link/seeded.ts';
import { profileTable, stepLine, wireTable } from './report.ts';

interface Options {
  readonly json?: true;
  readonly profile?: string;
  readonly size?: number;
  readonly auth: 'psk' | 'cert';
  readonly stack: 'own' | 'node-coap';
  readonly coapsPort: number;
  readonly restPort: number;
  readonly smdppPort: number;
  readonly link: LinkProfileName;
  readonly pcap?: string;
  readonly seed: number;
}

const badInput = 2;

const program = new Command('npm run lab --')
  .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : badInput))
  .description('A profile lands: SM-DP+, eIM and one device on loopback, with real cryptography.')
  .option('--json', 'print one JSON document and nothing else')
  .option('--profile <file>', 'unprotected profile package to download (DER, as .der or hex text)')
  .option('--size <octets>', 'size of the profile that is made: 701 and more, 60k', size)
  .addOption(
    new Option('--auth <how>', 'how device and eIM authenticate')
      .choices(['psk', 'cert'])
      .default('psk'),
  )
  .addOption(
    new Option('--stack <which>', "the device's CoAP and DTLS")
      .choices(['own', 'node-coap'])
      .default('own'),
  )
  .option('--coaps-port <port>', 'UDP port of the eIM, 0 for a free one', port, 0)
  .option('--rest-port <port>', 'TCP port of the eIM, 0 for a free one', port, 0)
  .option('--smdpp-port <port>', 'TCP port of the SM-DP+, 0 for a free one', port, 0)
  .addOption(
    new Option('--link <profile>', 'what the way between device and eIM is like')
      .choices(Object.keys(linkProfiles))
      .default('lan'),
  )
  .option('--seed <number>', 'what decides which datagrams are lost', Number, 1)
  .option('--pcap <file>', 'write what passes between device and eIM, for Wireshark')
  .action(main);

program
  .command('smdpp')
  .description('the SM-DP+ alone, until it is stopped')
  .option('--port <port>', 'TCP port', port, 8443)
  .option('--name <name>', 'what it calls itself in activation codes (default: address and port)')
  .option('--profile <file>', 'unprotected profile package to offer')
  .option('--size <octets>', 'size of the profile that is made', size)
  .option('--matching-id <id>', 'matchingId of the profile', 'LAB')
  .action(runSmdpp);

program
  .command('link')
  .description('the link alone: a relay between any client and any server')
  .requiredOption('--server <host:port>', 'where the server listens')
  .addOption(
    new Option('--profile <name>', 'what the link is like')
      .choices(Object.keys(linkProfiles))
      .default('nbiot-good'),
  )
  .option('--port <port>', 'UDP port to listen on, 0 for a free one', port, 0)
  .option('--seed <number>', 'what decides which datagrams are lost', Number, 1)
  .option('--pcap <file>', 'write what passes, for Wireshark')
  .action(runLink);

program
  .command('device')
  .description('one device alone: eUICC and IPA, polling an eIM')
  .requiredOption('--eim <host:port>', 'where the eIM listens for devices')
  .option('--identity <identity>', 'PSK identity', 'lab-device')
  .option('--psk <hex>', 'PSK; without it the eIM is authenticated by its certificate')
  .option('--add-initial-eim <file>', 'AddInitialEimRequest for a fresh eUICC (eim info --out)')
  .option('--state <file>', 'where the eUICC is kept between runs', 'lab-euicc.json')
  .addOption(
    new Option('--stack <which>', 'CoAP and DTLS').choices(['own', 'node-coap']).default('own'),
  )
  .option('--every <seconds>', 'poll again and again', Number)
  .action(runDevice);

await program.parseAsync();

async function main(options: Options): Promise<void> {
  const { json, auth, stack, link, seed, pcap } = options;
  const capture = pcap === undefined ? undefined : startCapture(pcap);
  const say = (line: string) => {
    if (json !== true) console.log(line);
  };
  try {
    const { upp, iccid } = await step('read the profile', async () => chooseProfile(options));
    const result = await runLab({
      upp,
      iccid,
      auth,
      stack,
      ports: { coaps: options.coapsPort, rest: options.restPort, smdpp: options.smdppPort },
      link: {
        profile: linkProfiles[link],
        chance: seededNumbers(seed),
        ...(capture === undefined ? {} : { capture }),
      },
      onStep: (step) => say(stepLine(step)),
    });
    if (json === true) console.log(JSON.stringify(result));
    say(`\nProfiles on the eUICC:\n${profileTable(result.profiles)}`);
    say(`\nOn the wire, UDP payload:\n${wireTable(result.wire)}`);
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

/** `60k`, `61440`. */
function size(text: string): number {
  const [, digits, kilo] = /^([0-9]{1,7})(k?)$/i.exec(text) ?? [];
  if (digits === undefined)
    throw new InvalidArgumentError('a number of octets, such as 12000 or 60k');
  return Number(digits) * (kilo === '' ? 1 : 1024);
}

function port(text: string): number {
  if (/^[0-9]{1,5}$/.test(text) && Number(text) < 65536) return Number(text);
  throw new InvalidArgumentError('a port from 0 to 65535');
}

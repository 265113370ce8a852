/** `eim order`: every other operation, one command each, and several in one eUICC Package. */
import { readFile } from 'node:fs/promises';
import { type Command, Option } from 'commander';
import { type Context, readAll } from '../context.ts';
import {
  type ConfigurationOptions,
  configurationNames,
  configurationOf,
  configurationOptions,
  numberOf,
} from '../eim-configuration.ts';
import { CliError, ExitCode } from '../exit.ts';
import { exampleEid, iccidOption, type Place, placing } from '../order-placing.ts';

export function addOperations(order: Command, context: Context): void {
  const place = placing(order, context);
  addPsmos(place);
  addEcos(place);
  addData(place);
  addSteps(place, context);
}

const example = (rest: string) => `eim order ${rest.replace(' ', ` --eid ${exampleEid} `)}`;

function addPsmos(place: Place): void {
  addPackage(place);
  place(
    'rat',
    'ask for the Rules Authorisation Table (getRAT)',
    () => [{ getRAT: {} }],
    example('rat --wait'),
  );
  place<ImmediateOptions>(
    'immediate-enable',
    'let the device enable a profile as soon as it is installed, or --off',
    (options) => [{ configureImmediateEnable: immediateOf(options) }],
    example('immediate-enable --smdp smdp.example.com'),
    { defaultSmdpAddress: '--smdp', defaultSmdpOid: '--smdp-oid' },
  )
    .option('--smdp <address>', 'only profiles of this SM-DP+')
    .option('--smdp-oid <oid>', 'only profiles of the SM-DP+ with this OID')
    .addOption(new Option('--off', 'no more').conflicts(['smdp', 'smdpOid']));
  place<{ iccid?: string }>(
    'fallback',
    'make a profile the fallback profile, or none with --none',
    ({ iccid }) => [
      iccid === undefined ? { unsetFallbackAttribute: {} } : { setFallbackAttribute: { iccid } },
    ],
    example('fallback --iccid 8949449999999990023'),
  )
    .addOption(new Option(...iccidOption).conflicts('none'))
    .option('--none', 'no profile is it any more')
    .hook('preAction', (command) => {
      const { iccid, none } = command.opts<{ iccid?: string; none?: true }>();
      if (iccid === undefined && none === undefined) {
        throw new CliError(ExitCode.badInput, 'give --iccid, or --none');
      }
    });
  place<{ address: string }>(
    'default-smdp',
    "set the eUICC's default SM-DP+; an empty address takes it away",
    ({ address }) => [{ setDefaultDpAddress: { defaultDpAddress: address } }],
    example('default-smdp --address smdp.example.com'),
    { defaultDpAddress: '--address' },
  ).requiredOption('--address <address>', 'host, or host:port');
}

interface ImmediateOptions {
  readonly smdp?: string;
  readonly smdpOid?: string;
  readonly off?: true;
}

function immediateOf({ smdp, smdpOid, off }: ImmediateOptions): object {
  if (off) return {};
  return {
    immediateEnableFlag: true,
    ...(smdpOid === undefined ? {} : { defaultSmdpOid: smdpOid }),
    ...(smdp === undefined ? {} : { defaultSmdpAddress: smdp }),
  };
}

/** Several PSMOs in one eUICC Package: the options are its operations, in the order in which they are typed. */
function addPackage(place: Place): void {
  const steps: Record<string, object>[] = [];
  const command = place(
    'psmo',
    'several operations on profiles, in one eUICC Package and in the order typed',
    () => {
      if (steps.length > 0) return steps;
      throw new CliError(ExitCode.badInput, 'give at least one operation');
    },
    example('psmo --enable 8949449999999990023 --rollback --delete 8949449999999990031'),
  );
  const operation = (
    flags: string,
    about: string,
    make: (value: string) => Record<string, object>,
  ) => {
    const option = new Option(flags, about);
    command.addOption(option);
    // Commander says each option that it meets, in the order of the command line.
    command.on(`option:${option.name()}`, (value: string) => steps.push(make(value)));
  };
  operation('--enable <iccid>', 'enable it', (iccid) => ({ enable: { iccid } }));
  command.option(
    '--rollback',
    'of the --enable before: back, if the eIM cannot be reached with it',
  );
  command.on('option:rollback', () => {
    const last = steps.at(-1);
    if (last?.enable === undefined) {
      throw new CliError(ExitCode.badInput, '--rollback belongs behind an --enable');
    }
    last.enable = { ...last.enable, rollback: true };
  });
  operation('--disable <iccid>', 'disable it', (iccid) => ({ disable: { iccid } }));
  operation('--delete <iccid>', 'delete it', (iccid) => ({ delete: { iccid } }));
  operation('--profiles', 'list all (listProfileInfo)', () => ({ listProfileInfo: {} }));
  operation('--rat', 'the Rules Authorisation Table (getRAT)', () => ({ getRAT: {} }));
  operation('--fallback <iccid>', 'make it the fallback profile', (iccid) => ({
    setFallbackAttribute: { iccid },
  }));
  operation('--no-fallback', 'no profile is the fallback profile', () => ({
    unsetFallbackAttribute: {},
  }));
  operation('--immediate-enable', 'as the command of that name', () => ({
    configureImmediateEnable: { immediateEnableFlag: true },
  }));
  operation('--no-immediate-enable', 'as immediate-enable --off', () => ({
    configureImmediateEnable: {},
  }));
  operation('--default-smdp <address>', 'set the default SM-DP+', (defaultDpAddress) => ({
    setDefaultDpAddress: { defaultDpAddress },
  }));
}

function addEcos(place: Place): void {
  configurationOptions(
    place<ConfigurationOptions>(
      'add-eim',
      'associate one more eIM with the eUICC (addEim)',
      async (options) => [{ addEim: await configurationOf(options) }],
      example(
        'add-eim --eim-id eim2 --fqdn eim2.example.com --counter-value 0 --association-token generate --public-key eim2.pem',
      ),
      configurationNames,
    ),
  );
  configurationOptions(
    place<ConfigurationOptions>(
      'update-eim',
      'change what the eUICC knows of an eIM (updateEim)',
      async (options) => [{ updateEim: await configurationOf(options) }],
      example('update-eim --eim-id eim2 --fqdn eim3.example.com'),
      configurationNames,
    ),
  );
  place<{ eimId: string }>(
    'delete-eim',
    'end the association of an eIM with the eUICC (deleteEim)',
    ({ eimId }) => [{ deleteEim: { eimId } }],
    example('delete-eim --eim-id eim2'),
    configurationNames,
  ).requiredOption('--eim-id <id>', 'eimId');
  place(
    'eims',
    'ask the eUICC for its eIMs (listEim)',
    () => [{ listEim: {} }],
    example('eims --wait'),
  );
}

interface DataOptions {
  readonly tags?: string;
  readonly ci?: string;
  readonly notification?: string;
  readonly events?: string;
  readonly result?: string;
}

function addData(place: Place): void {
  place<DataOptions>(
    'data',
    'ask IPA and eUICC for their data (IpaEuiccDataRequest)',
    (options) => [{ edr: dataOf(options) }],
    example('data --tags euiccInfo2,deviceInfo --wait'),
    {
      seqNumber: '--notification or --result',
      profileManagementOperation: '--events',
      euiccCiPKId: '--ci',
    },
  )
    .option('--tags <list>', 'names or hex; default: all but notifications and results')
    .option(
      '--ci <hex>',
      'certificates under the CI with this key identifier, or one that begins so',
    )
    .addOption(
      new Option('--notification <seqNumber>', 'of the notifications this one').conflicts('events'),
    )
    .option('--events <list>', 'of the notifications those of install, enable, disable, delete')
    .option('--result <seqNumber>', 'of the package results this one');
}

function dataOf({ tags, ci, notification, events, result }: DataOptions): object {
  const isHex = tags !== undefined && /^[0-9a-f\s]+$/i.test(tags);
  const names = isHex ? tags.replace(/\s/g, '') : tags?.split(/[\s,]+/);
  return {
    ...(names === undefined ? {} : { tagList: names }),
    ...(ci === undefined ? {} : { euiccCiPKId: ci }),
    ...(notification === undefined
      ? {}
      : { searchCriteriaNotification: { seqNumber: numberOf(notification) } }),
    ...(events === undefined
      ? {}
      : { searchCriteriaNotification: { profileManagementOperation: eventsOf(events) } }),
    ...(result === undefined
      ? {}
      : { searchCriteriaEuiccPackageResult: { seqNumber: numberOf(result) } }),
  };
}

/** `install` is the standard's notificationInstall. */
function eventsOf(list: string): readonly string[] {
  return list
    .split(/[\s,]+/)
    .map((event) => `notification${event.charAt(0).toUpperCase()}${event.slice(1)}`);
}

function addSteps(place: Place, context: Context): void {
  place<{ file: string }>(
    'steps',
    'an order of the steps in a JSON file, as /v1 takes them: [{"addEim":{…}},{"listEim":{}}]',
    async ({ file }) =>
      stepsOf(file, file === '-' ? await readAll(context.stdin) : await read(file)),
    example('steps --file steps.json'),
  ).requiredOption('--file <file>', 'the file; - for standard input');
}

async function read(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new CliError(ExitCode.badInput, why, undefined, { cause });
  }
}

function stepsOf(file: string, text: string): readonly object[] {
  let steps: unknown;
  try {
    steps = JSON.parse(text);
  } catch (cause) {
    throw new CliError(ExitCode.badInput, `${file} holds no JSON`, undefined, { cause });
  }
  if (Array.isArray(steps)) return steps;
  throw new CliError(ExitCode.badInput, `${file} holds no list of steps`);
}

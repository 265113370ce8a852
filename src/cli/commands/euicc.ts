/** `eim euicc`: what the eIM knows of eUICCs. */
import type { Command } from 'commander';
import { EuiccChange, type EuiccView, type Sureness } from '../../rest/api/euiccs.ts';
import { eidText } from '../../rest/api/ids.ts';
import { type Context, checkTyped, remote } from '../context.ts';
import { dataFacts } from '../data-facts.ts';
import { fileOrHex } from '../eim-configuration.ts';
import { CliError, ExitCode } from '../exit.ts';
import { type Cell, type Output, prose } from '../output.ts';
import { showProfiles } from '../profile-table.ts';
import { shellWord } from '../shell-word.ts';
import { addHandover } from './euicc-handover.ts';
import { addQuirks } from './euicc-quirks.ts';

interface SetOptions {
  readonly counterValue?: string;
  readonly associationToken?: string;
  readonly consumerEuicc?: string;
  readonly level?: string;
  readonly publicKey?: string;
  readonly signingKey?: string;
}

export function addEuicc(program: Command, context: Context): void {
  const euicc = program.command('euicc').description('eUICCs and their profiles');

  euicc
    .command('list')
    .description('eUICCs, in the order of their EIDs')
    .option('--limit <number>', 'at most so many', '100')
    .option('--after <eid>', 'only those after this EID')
    .action(async (options: { limit: string; after?: string }, command: Command) => {
      const { client, output } = remote(context, command);
      const list = await client.euiccs({ limit: options.limit, after: options.after });
      if (output.json) return output.document(list);
      output.table(
        ['eid', 'proof', 'profiles', 'enabled', 'last contact'],
        list.euiccs.map(({ eid, proof, profiles, lastContact }) => [
          eid,
          proof,
          profiles === undefined ? '?' : String(profiles.length),
          profiles?.find(({ state }) => state === 'enabled')?.iccid ?? '',
          lastContact ?? 'never',
        ]),
        'no eUICCs yet: the first order or poll adds one',
      );
      if (list.next !== undefined)
        output.note(`more: eim euicc list --after ${shellWord(list.next)}`);
    });

  euicc
    .command('show')
    .description('one eUICC, with its profiles')
    .argument('<eid>')
    .action(async (typed: string, _options: unknown, command: Command) => {
      const { client, output } = remote(context, command);
      show(output, await client.euicc(checkTyped(eidText, typed, { '': 'EID' })));
    });

  addHandover(euicc, context);
  addQuirks(euicc, context);

  euicc
    .command('set')
    .description('correct what the eIM knows of a eUICC')
    .argument('<eid>')
    .option('--counter-value <number>', 'counterValue last used; packages go on from it')
    .option('--association-token <number>', 'associationToken of this eIM on the eUICC')
    .option('--consumer-euicc <yes|no>', 'yes: its results are believed without a signature check')
    .option(
      '--level <level>',
      'version of SGP.32 that its device speaks: v1.0, v1.2 or v1.3; learned: as it shows',
    )
    .option(
      '--public-key <file|hex>',
      "the eUICC's public key: PEM (or a certificate), DER, or the point in hex; learn: forget it, and learn it from certificates",
    )
    .option(
      '--signing-key <file|hex>',
      'which public key of this eIM the eUICC knows it by: as for --public-key; default: that of eim.signing.key',
    )
    .action(async (typed: string, options: SetOptions, command: Command) => {
      const { client, output } = remote(context, command);
      const eid = checkTyped(eidText, typed, { '': 'EID' });
      const flags: Readonly<Record<string, unknown>> = { yes: true, no: false };
      const { counterValue, associationToken, consumerEuicc, level, publicKey, signingKey } =
        options;
      const change = checkTyped(
        EuiccChange,
        {
          ...(counterValue === undefined ? {} : { counterValue: numberOf(counterValue) }),
          ...(associationToken === undefined
            ? {}
            : { associationToken: numberOf(associationToken) }),
          ...(consumerEuicc === undefined
            ? {}
            : { consumerEuicc: flags[consumerEuicc] ?? consumerEuicc }),
          ...(level === undefined ? {} : { level }),
          ...(publicKey === undefined ? {} : { signPubKey: await keyText(publicKey, 'learn') }),
          ...(signingKey === undefined ? {} : { signingKey: await keyText(signingKey, 'default') }),
        },
        {
          counterValue: '--counter-value',
          associationToken: '--association-token',
          consumerEuicc: '--consumer-euicc',
          level: '--level',
          signPubKey: '--public-key',
          signingKey: '--signing-key',
        },
      );
      if (Object.keys(change).length === 0) {
        throw new CliError(
          ExitCode.badInput,
          'nothing to set: give --counter-value, --association-token, --consumer-euicc, --level, --public-key or --signing-key',
        );
      }
      show(output, await client.changeEuicc(eid, change));
    });
}

/** `none`: the word that takes back what was set. */
async function keyText(given: string, none: string): Promise<string | null> {
  return given === none ? null : fileOrHex(given);
}

/** Text that is no number stays text, for the check to complain about. */
function numberOf(text: string): unknown {
  return /^[0-9]+$/.test(text) ? Number(text) : text;
}

function show(output: Output, euicc: EuiccView): void {
  if (output.json) output.document(euicc);
  else showFacts(output, euicc);
}

function showFacts(output: Output, euicc: EuiccView): void {
  output.facts([
    ['EID', euicc.eid],
    ['counterValue', counterText(euicc)],
    ['associationToken', String(euicc.associationToken)],
    ['signed with', signedText(euicc)],
    ['proof', proofText(euicc)],
    ['consumerEuicc', euicc.consumerEuicc ? 'yes: results are not verified' : 'no'],
    ['SGP.32', `${euicc.level} (${euicc.levelFrom})`],
    ['public key', euicc.signPubKey === undefined ? 'not known yet' : `known (${euicc.signAlgo})`],
    ['state changes', euicc.stateChangeCauseList.join(', ') || undefined],
    ['last change', changeText(euicc)],
    ['first contact', euicc.firstContact ?? 'never'],
    ['last contact', euicc.lastContact],
    ['last peer', euicc.lastPeer],
    ['polls', pollText(euicc)],
    ['next contact', euicc.nextContact && `about ${euicc.nextContact}`],
    ['outstanding', outstandingText(euicc)],
    ...dataFacts(dataOf(euicc)),
    ['eIMs', euicc.eims?.map(({ eimId }) => eimId).join(', ')],
    ['profiles', profilesText(euicc)],
  ]);
  if (output.csv) return;
  showKnowledge(output, euicc);
  if (euicc.profiles === undefined) {
    output.note(`ask the eUICC: eim order profiles --eid ${euicc.eid} --wait`);
  } else {
    output.line('');
    showProfiles(output, euicc.profiles);
  }
}

function profilesText({ profilesAt, profilesPartial }: EuiccView): string {
  if (profilesAt === undefined) return 'not told yet';
  return profilesPartial === true ? 'those that came by this eIM' : `as told ${profilesAt}`;
}

/** The last notifyStateChange. */
function changeText({ lastStateChange: last }: EuiccView): string | undefined {
  return last && `${last.cause}, told ${last.at}`;
}

function pollText({ pollInterval }: EuiccView): string | undefined {
  return pollInterval === undefined ? undefined : `about every ${intervalText(pollInterval)}`;
}

function intervalText(seconds: number): string {
  if (seconds < 120) return `${seconds} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 120) return `${minutes} min`;
  const hours = Math.round(minutes / 60);
  return hours < 48 ? `${hours} h` : `${Math.round(hours / 24)} days`;
}

function outstandingText({ outstanding }: EuiccView): string | undefined {
  return outstanding && `the result of order ${outstanding.order}`;
}

const sureTexts: Readonly<Record<Sureness, string>> = {
  proven: 'proven by signature',
  reported: 'reported, unsigned',
  inferred: 'inferred',
  set: 'set by the operator',
};

/** Since when things are known, from what, how sure; and what is in doubt. */
function showKnowledge(output: Output, { known, doubts }: EuiccView): void {
  output.line('');
  output.table(
    ['known', 'since', prose('from'), 'how sure'],
    Object.entries(known).map(([name, { since, source, sure }]) => [
      name,
      since,
      source,
      sureTexts[sure],
    ]),
  );
  for (const [topic, { since, why, asked }] of Object.entries(doubts)) {
    output.note(`${topic} in doubt since ${since}: ${why}; asked ${asked} times`);
  }
}

function counterText({ counterValue, counterLeft }: EuiccView): Cell {
  if (counterLeft === undefined) return { text: String(counterValue) };
  const text = `${counterValue}: ${counterLeft} LEFT, give it a new key and counterValue (updateEim)`;
  return { text, colour: 'yellow' };
}

/** By which of its keys the eUICC knows this eIM, where that is not the usual one. */
function signedText({ signingKey }: EuiccView): string | undefined {
  return (
    signingKey && `this eIM's key ${signingKey.slice(0, 18)}…, as updateEim or the operator said`
  );
}

const proofs: Readonly<Record<EuiccView['proof'], string>> = {
  certificates: 'its certificates, up to a CI root',
  operator: 'its public key, as set by the operator',
  none: 'none yet: its key is not known',
  unproven: 'UNPROVEN: a consumer eUICC, what its device says is believed without a signature',
};

function proofText({ proof }: EuiccView): Cell {
  return { text: proofs[proof], ...(proof === 'unproven' ? { colour: 'yellow' } : {}) };
}

/** What the IPA and the eUICC told of themselves, as far as they did. */
function dataOf(euicc: EuiccView): Readonly<Record<string, unknown>> {
  const { defaultSmdpAddress, rootSmdsAddress, euiccInfo1, euiccInfo2 } = euicc;
  const { ipaCapabilities, deviceInfo, euiccCertificate, eumCertificate } = euicc;
  const addresses = { defaultSmdpAddress, rootSmdsAddress };
  const objects = { euiccInfo1, euiccInfo2, ipaCapabilities, deviceInfo };
  const all = { ...addresses, ...objects, euiccCertificate, eumCertificate };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined));
}

/**
 * The main job, with no part a mock: an SM-DP+, the eIM (`eim serve`) and one device on loopback. Orders are placed
 * through the CLI; a profile is downloaded, installed and enabled; each step is told as it happens.
 *
 * ```
 *   eim (CLI) ─HTTP▶ eIM ─ES9+/HTTPS▶ SM-DP+
 *                     ▲
 *                     └─ESipa over CoAP/DTLS─ relay ─ IPA ─ES10─ eUICC
 * ```
 */
import { hex, toHex, utf8 } from '../../src/base/bytes.ts';
import { systemClock } from '../../src/base/clock.ts';
import { silentLog } from '../../src/base/log.ts';
import { systemRandom } from '../../src/base/random.ts';
import type { ClientCredential } from '../../src/dtls/credentials.ts';
import { type Iccid, iccidDigits } from '../../src/messages/ids.ts';
import { readOnly } from '../../src/messages/tlv.ts';
import { profilesOf } from './card-profiles.ts';
import { type EimProcess, LabError, startEim } from './eim-process.ts';
import { labSettings } from './eim-settings.ts';
import { Euicc } from './euicc/euicc.ts';
import { type Fault, faultsOfCard } from './faults.ts';
import { type BlockRow, BlockWatch } from './ipa/blocks.ts';
import { Device, type Link, type StackName } from './ipa/device.ts';
import type { Binding } from './ipa/https-stack.ts';
import type { OnStep } from './ipa/steps.ts';
import { trustOfCard } from './ipa/trust.ts';
import { hurried } from './link/hurried.ts';
import { type Ordeal, OrdealRun } from './ordeal.ts';
import { choosePki } from './pki/choose-pki.ts';
import { type LabPki, labEid } from './pki/lab-pki.ts';
import { type ProfileRow, type WireRow, WireTally } from './report.ts';
import { type Smdpp, startSmdpp } from './smdpp/smdpp.ts';
import { ownFolder } from './with-us.ts';

export interface LabOptions {
  /** Unprotected profile package, and the ICCID in its header. */
  readonly upp: Uint8Array;
  readonly iccid: Iccid;
  readonly auth: 'psk' | 'cert';
  readonly stack: StackName;
  /** How the device's messages travel; over HTTPS the server alone is authenticated. Default coaps. */
  readonly binding?: Binding;
  /** 0: a free one. */
  readonly ports: { readonly coaps: number; readonly rest: number; readonly smdpp: number };
  readonly link?: Link;
  /** Whose certificates, as choosePki takes it. Default those in the form of SGP.26. */
  readonly pki?: string;
  /** How many times as fast as the link's own time it runs: link, device, and the eIM's CoAP. Default 1. */
  readonly speed?: number;
  /** The eIM brings the orders to the device, which polls once and no more. With PSK and its own stack alone. */
  readonly push?: boolean;
  /** Whether the device sends compact forms (minimizeEsipaBytes). */
  readonly minimize?: boolean;
  /** File for the secrets of the device's DTLS connections, for Wireshark. Default: none is written. */
  readonly keyLog?: string | undefined;
  /** What befalls the device on its own stack. Default: nothing. */
  readonly ordeal?: Ordeal;
  /** What the device does wrong once it is registered. Default: nothing. */
  readonly faults?: readonly Fault[];
  /** Told of each step as it happens. */
  readonly onStep: OnStep;
}

/** What came of it; the shape of `npm run lab -- --json`. */
export interface LabResult {
  readonly ok: true;
  readonly download: {
    /** As printed on a card. */
    readonly iccid: string;
    readonly profileBytes: number;
    readonly outcome: readonly unknown[];
  };
  readonly enable: { readonly outcome: readonly unknown[] };
  readonly profiles: readonly ProfileRow[];
  readonly wire: readonly WireRow[];
  /** Blocks by function; none of a stranger's stack. */
  readonly blocks: readonly BlockRow[];
}

/** A step of the main job that failed: which, and why. */
export class StepFailed extends Error {
  override readonly name = 'StepFailed';
  readonly step: string;

  constructor(step: string, cause: unknown) {
    super(cause instanceof Error ? cause.message : String(cause), { cause });
    this.step = step;
  }
}

/** PSK of the lab's device: text, since node-dtls-client takes no other. */
const psk = 'lab-device-psk-0123456789abcdef';
const identity = 'lab-device';
const common = { clock: systemClock, random: systemRandom, log: silentLog() };

/** Runs the main job. Throws StepFailed. */
export async function runLab(options: LabOptions): Promise<LabResult> {
  const folder = ownFolder();
  const opened: (() => Promise<void>)[] = [async () => folder.remove()];
  try {
    return await mainJob(options, folder.path, opened);
  } finally {
    for (const close of opened.reverse()) await close();
  }
}

async function mainJob(
  options: LabOptions,
  folder: string,
  opened: (() => Promise<void>)[],
): Promise<LabResult> {
  const { iccid, upp, auth } = options;
  const tally = new WireTally();
  const onStep: OnStep = (step) => {
    tally.add(step);
    options.onStep(step);
  };
  const { pki, folder: certificates } = await step('load the certificates', async () =>
    choosePki(options.pki ?? 'sgp26', folder),
  );
  const { binding = 'coaps' } = options;
  const settings = { ...options, pki: certificates, https: binding !== 'coaps' };

  const smdpp = await step('start the SM-DP+', () => openSmdpp(options, pki, onStep));
  opened.push(() => smdpp.close());
  const activationCode = smdpp.addProfile({
    upp,
    metadata: { iccid, serviceProviderName: 'coap-eim lab', profileName: 'Lab profile' },
  });
  let eim = await step('start the eIM', () =>
    startEim({ folder, settings: labSettings(folder, settings) }),
  );
  opened.push(() => eim.stop());

  const card = new Euicc({
    eid: labEid,
    credential: pki.euicc,
    eumCertificate: pki.eum.certificate,
    ciCertificates: [pki.ci.certificate],
    ...common,
  });
  await step('tell the eUICC of the eIM', () => associate(card, eim, onStep));
  const credential = await step('register the device', () =>
    credentialOf(card, eim, binding === 'coaps' ? auth : 'cert', onStep),
  );
  const faults = new Set(options.faults);
  Object.assign(card.faults, faultsOfCard(faults));
  const tell = (to: string, what: string, result: string) =>
    onStep({ from: 'ordeal', to, what, result });
  const ordeal = new OrdealRun(options.ordeal ?? {}, {
    rebind() {
      device.rebind();
      tell('NAT', 'rebind', 'the next datagram comes from another port');
    },
    reset() {
      device.reset();
      tell('IPA', 'reset', 'begins again with what its flash holds');
    },
    async restart() {
      watch.happened('eIM killed');
      await eim.kill();
      const ports = { ...options.ports, coaps: eim.coaps.port };
      eim = await startEim({ folder, settings: labSettings(folder, { ...settings, ports }) });
      tell('eIM', 'kill -9, start', 'ready again');
    },
  });
  const watch = new BlockWatch((what, block) => {
    if (what === 'GetBoundProfilePackage') ordeal.asked(block);
  });
  const device = new Device({
    card,
    eim: (binding === 'coaps' ? undefined : eim.https) ?? eim.coaps,
    credential,
    stack: options.stack,
    binding,
    ...(options.link === undefined ? {} : { link: options.link }),
    ...common,
    clock: hurried(systemClock, options.speed ?? 1),
    watch,
    takesPushes: options.push ?? false,
    minimizes: options.minimize ?? false,
    faults,
    onStep,
  });
  opened.push(() => device.close());

  const { push = false } = options;
  const carryOut = async (order: string): Promise<void> => {
    if (!push) await device.poll();
    else {
      await whenDone(eim, order);
      await device.pushed();
    }
  };
  const place = async (...words: string[]): Promise<string> => {
    const how = push ? ['--push'] : [];
    const order = await eim.command('order', ...words, '--eid', labEid, ...how);
    onStep({ from: 'operator', to: 'eIM', what: `order ${words[0]}`, result: 'accepted' });
    return field(order, 'id', 'string');
  };
  if (push) {
    await step('connect the device', () => device.connect());
    await step('poll, so that the eIM knows the connection', () => device.poll());
  }
  if (options.minimize) {
    // What is left out later has to be known first.
    if (!push) await step('connect the device', () => device.connect());
    const data = await step('order its data', () => place('data'));
    await step('learn the data of the eUICC', () => carryOut(data));
  }
  const download = await step('order the download', () =>
    place('download', '--ac', activationCode),
  );
  if (!push && !options.minimize) await step('connect the device', () => device.connect());
  await step('download and install the profile', () => carryOut(download));
  await step('have befallen the device what was to', () => ordeal.over());
  const downloaded = await step('see the download done', () => outcomeOf(eim, download, onStep));

  const printed = iccidDigits(iccid);
  const enable = await step('order to enable', () => place('enable', '--iccid', printed));
  await step('enable the profile', () => carryOut(enable));
  const enabled = await step('see it enabled', () => outcomeOf(eim, enable, onStep));
  card.reset();

  const profiles = profilesOf(card);
  await step('find the profile enabled on the eUICC', async () => {
    if (profiles.find((one) => one.iccid === printed)?.state === 'enabled') return;
    throw new LabError(`the eUICC lists ${JSON.stringify(profiles)}`);
  });
  return {
    ok: true,
    download: { iccid: printed, profileBytes: upp.length, outcome: downloaded },
    enable: { outcome: enabled },
    profiles,
    wire: tally.rows,
    blocks: watch.rows,
  };
}

/** Does one step of a job; what it throws becomes StepFailed. */
export async function step<T>(name: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    throw new StepFailed(name, cause);
  }
}

function openSmdpp({ ports }: LabOptions, pki: LabPki, onStep: OnStep): Promise<Smdpp> {
  return startSmdpp({
    pki,
    port: ports.smdpp,
    ...common,
    onStep: ({ function: what, outcome, received, sent }) =>
      onStep({
        from: 'eIM',
        to: 'SM-DP+',
        what,
        result: `${outcome} (${received} B, ${sent} B back)`,
      }),
  });
}

/** The initial association (SGP.32 3.5.2): AddInitialEim with what `eim info` gives. */
async function associate(card: Euicc, eim: EimProcess, onStep: OnStep): Promise<void> {
  const info = await eim.command('info');
  const answer = card.transmit(hex(field(info, 'addInitialEimRequest', 'string')));
  const ok = readOnly(readOnly(answer).value);
  if (ok.tag !== 0xa0) throw new LabError(`AddInitialEim is answered ${toHex(answer)}`);
  onStep({ from: 'factory', to: 'eUICC', what: 'ES10b.AddInitialEim', result: 'associated' });
}

async function credentialOf(
  card: Euicc,
  eim: EimProcess,
  auth: LabOptions['auth'],
  onStep: OnStep,
): Promise<ClientCredential> {
  if (auth === 'cert') return { type: 'certificate', trust: trustOfCard(card) };
  const words = ['--identity', identity, '--eid', labEid, '--psk', toHex(utf8(psk))];
  await eim.command('device', 'add', ...words);
  onStep({ from: 'operator', to: 'eIM', what: 'device add', result: `PSK identity ${identity}` });
  return { type: 'psk', identity, key: utf8(psk) };
}

/** Resolves when the order is done; throws LabError where a minute is not enough. */
async function whenDone(eim: EimProcess, id: string): Promise<void> {
  for (let tries = 0; tries < 60; tries++) {
    const order = await eim.command('order', 'show', id);
    if (field(order, 'state', 'string') === 'done') return;
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
  throw new LabError(`the order ${id} is not done: see its history`);
}

/** The order's outcome; throws LabError unless it is done with success. */
async function outcomeOf(eim: EimProcess, id: string, onStep: OnStep): Promise<readonly unknown[]> {
  const order = await eim.command('order', 'show', id);
  const state = field(order, 'state', 'string');
  const outcome = Reflect.get(Object(order), 'outcome');
  if (state !== 'done' || !Array.isArray(outcome)) throw new LabError(`the order is ${state}`);
  if (Reflect.get(Object(order), 'success') !== true) {
    throw new LabError(`the order failed: ${field(order, 'reason', 'string')}`);
  }
  onStep({
    from: 'operator',
    to: 'eIM',
    what: 'order show',
    result: `done: ${JSON.stringify(outcome)}`,
  });
  return outcome;
}

function field(document: unknown, name: string, type: 'string'): string {
  const value: unknown = Reflect.get(Object(document), name);
  if (typeof value !== type) throw new LabError(`the CLI's answer has no ${name}`);
  return String(value);
}

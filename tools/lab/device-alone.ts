/** One device by itself: an IPA with a eUICC that is kept in a file, polling an eIM of anybody's. */
import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { type Address, addressText } from '../../src/base/address.ts';
import { systemClock } from '../../src/base/clock.ts';
import { silentLog } from '../../src/base/log.ts';
import { systemRandom } from '../../src/base/random.ts';
import { AddInitialEimError, AddInitialEimResponse } from '../../src/messages/es10.ts';
import { nameOf } from '../../src/messages/primitives.ts';
import { eidInCertificate } from '../../src/trust/euicc-chain.ts';
import { profilesOf } from './card-profiles.ts';
import { derOrHex } from './choose-profile.ts';
import { keep, restore } from './device-state.ts';
import { LabError } from './eim-process.ts';
import { Euicc } from './euicc/euicc.ts';
import { type Fault, faultsOfCard } from './faults.ts';
import { Device, type StackName } from './ipa/device.ts';
import type { CancelReason, DownloadHabits } from './ipa/habits.ts';
import type { Binding } from './ipa/https-stack.ts';
import { trustOfCard } from './ipa/trust.ts';
import { labFolder, loadEuiccPki } from './pki/lab-pki.ts';
import { profileTable, stepLine } from './report.ts';
import { JsonClient } from './server/json-client.ts';

const common = { clock: systemClock, random: systemRandom, log: silentLog() };
/** How long it waits for an eIM without a word, in milliseconds: a handshake goes on for two minutes. */
const quiet = 3000;

export interface DeviceAloneOptions {
  readonly eim: Address;
  readonly identity: string;
  readonly psk?: Uint8Array;
  readonly addInitialEim?: string;
  readonly state: string;
  readonly stack: StackName;
  /** How its messages travel; `eim` is where that is listened for. Over HTTPS there is no PSK. */
  readonly binding: Binding;
  /** Folder of its eUICC's certificates; default certs/lab. */
  readonly pki?: string;
  /** Octets of a BSP segment. */
  readonly maxSegment: number;
  /** Whether it goes to SM-DP+s and SM-DSs itself, and whose TLS certificates it believes then: PEM, default its CI. */
  readonly direct?: true;
  readonly tlsRoot?: string;
  readonly resolve: Readonly<Record<string, Address>>;
  /** What a fresh eUICC is made with. */
  readonly defaultSmdp?: string;
  readonly rootSmds?: string;
  /** What its user types. */
  readonly confirmationCode?: string;
  /** Why it gives downloads up. */
  readonly cancel?: CancelReason;
  /** Seconds. */
  readonly every?: number;
  /** What eUICC and IPA do wrong. */
  readonly fault: readonly Fault[];
}

/** Polls an eIM with a eUICC that is kept in a file between runs. */
export async function runDevice(options: DeviceAloneOptions): Promise<void> {
  const { defaultSmdp, rootSmds, maxSegment } = options;
  const { eid, ...credentials } = euiccIn(options.pki);
  const card = new Euicc({
    eid,
    ...credentials,
    maxSegment,
    ...(defaultSmdp !== undefined && { defaultDpAddress: defaultSmdp }),
    ...(rootSmds !== undefined && { rootDsAddress: rootSmds }),
    ...common,
  });
  restore(card, options.state);
  const faults = new Set(options.fault);
  Object.assign(card.faults, faultsOfCard(faults));
  if (options.addInitialEim !== undefined) {
    const answer = card.transmit(requestIn(options.addInitialEim));
    console.log(`AddInitialEim: ${answerText(answer)}`);
  }
  const device = new Device({
    card,
    eim: options.eim,
    credential:
      options.psk === undefined
        ? { type: 'certificate', trust: trustOfCard(card) }
        : { type: 'psk', identity: options.identity, key: options.psk },
    stack: options.stack,
    binding: options.binding,
    faults,
    habits: habitsOf(options, credentials.ciCertificates),
    ...common,
    onStep: (step) => console.log(stepLine(step)),
  });
  console.log(`EID ${eid}, eIM ${addressText(options.eim)}`);
  try {
    await connect(device, options);
    for (;;) {
      await device.poll();
      card.reset();
      keep(card, options.state);
      if (options.every === undefined) break;
      await pause(options.every * 1000);
    }
  } finally {
    await device.close();
  }
  console.log(profileTable(profilesOf(card)));
}

function habitsOf(options: DeviceAloneOptions, cis: readonly Uint8Array[]): DownloadHabits {
  const { direct, tlsRoot, resolve: hosts, confirmationCode, cancel } = options;
  const roots =
    tlsRoot === undefined ? cis : [new Uint8Array(new X509Certificate(readFileSync(tlsRoot)).raw)];
  return {
    ...(direct && {
      direct: new JsonClient({ cis: roots, clock: systemClock, bodyLimit: 4 * 2 ** 20, hosts }),
    }),
    ...(confirmationCode !== undefined && { confirmationCode }),
    ...(cancel && { cancels: cancel }),
  };
}

/** Which eUICC a folder's certificates make: `ci`, `eum` and `euicc`, as `npm run certs` writes them. */
function euiccIn(folder: string = labFolder) {
  const { ci, eum, euicc } = loadEuiccPki(folder);
  return {
    eid: eidInCertificate(euicc.certificate),
    credential: euicc,
    eumCertificate: eum,
    ciCertificates: [ci],
  };
}

async function connect(device: Device, options: DeviceAloneOptions): Promise<void> {
  const cancel = systemClock.after(quiet, () => {
    console.log(`no answer from ${addressText(options.eim)} yet; Ctrl-C ends the wait for it`);
  });
  try {
    await device.connect();
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new LabError(
      `no connection to the eIM at ${addressText(options.eim)} (${why}): ${lookAt(options)}?`,
      { cause },
    );
  } finally {
    cancel();
  }
}

/** What may be wrong where there is no connection. */
function lookAt({ binding, psk }: DeviceAloneOptions): string {
  const certificate = 'is its certificate the one that --add-initial-eim told of';
  if (binding !== 'coaps')
    return `is https.enabled on there, is that its https.port, ${certificate}`;
  const which = psk === undefined ? certificate : 'are identity and PSK known there';
  return `does it listen there, ${which}`;
}

/** An AddInitialEimRequest (`BF57…`) from a file of DER or of hex. */
function requestIn(path: string): Uint8Array {
  const content = derOrHex(new Uint8Array(readFileSync(path)));
  if (content?.[0] === 0xbf && content[1] === 0x57) return content;
  throw new LabError(`${path} is no AddInitialEimRequest: have it written by eim info --out`);
}

/** What the eUICC makes of it; one that has an eIM already keeps it. */
function answerText(answer: Uint8Array): string {
  const { type, value } = AddInitialEimResponse.decode(answer);
  if (type === 'addInitialEimOk') return 'associated';
  const name = nameOf(AddInitialEimError, value);
  return value === AddInitialEimError.associatedEimAlreadyExists
    ? `${name}: it keeps the eIM of before; another --state makes a fresh eUICC`
    : name;
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

/** One part of the lab by itself, so that another can be a stranger's. */
import { readFileSync, writeFileSync } from 'node:fs';
import { type Address, addressText } from '../../src/base/address.ts';
import { BytesError, hex, toHex } from '../../src/base/bytes.ts';
import { systemClock } from '../../src/base/clock.ts';
import { silentLog } from '../../src/base/log.ts';
import { systemRandom } from '../../src/base/random.ts';
import { profilesOf } from './card-profiles.ts';
import { derOrHex } from './choose-profile.ts';
import { LabError } from './eim-process.ts';
import { Euicc } from './euicc/euicc.ts';
import { EuiccStateError } from './euicc/state.ts';
import { type Fault, faultsOfCard } from './faults.ts';
import { Device, type StackName } from './ipa/device.ts';
import { trustOfCard } from './ipa/trust.ts';
import { type Capture, startCapture } from './link/pcap.ts';
import { type LinkProfileName, linkProfiles } from './link/profiles.ts';
import { type Relay, startRelay } from './link/relay.ts';
import { seededNumbers } from './link/seeded.ts';
import { labEid, loadLabPki } from './pki/lab-pki.ts';
import { profileTable, stepLine } from './report.ts';
import { stopSignal } from './stop-signal.ts';

const common = { clock: systemClock, random: systemRandom, log: silentLog() };

export interface LinkAloneOptions {
  readonly server: Address;
  readonly profile: LinkProfileName;
  readonly host: string;
  readonly port: number;
  readonly seed: number;
  readonly pcap?: string;
}

/** Relays until a signal, then says what passed. */
export async function runLink(options: LinkAloneOptions): Promise<void> {
  const capture = options.pcap === undefined ? undefined : startCapture(options.pcap);
  const relay = await openRelay(options, capture);
  console.log(
    `link ${options.profile} to ${addressText(options.server)}: ${addressText(relay.address)}`,
  );
  await stopSignal();
  await relay.close();
  await capture?.close();
  console.log(JSON.stringify(relay.counts));
}

async function openRelay(options: LinkAloneOptions, capture: Capture | undefined): Promise<Relay> {
  const { server, profile, host, port, seed } = options;
  try {
    return await startRelay({
      server,
      profile: linkProfiles[profile],
      clock: systemClock,
      chance: seededNumbers(seed),
      host,
      port,
      ...(capture === undefined ? {} : { capture }),
    });
  } catch (cause) {
    const code: unknown = Reflect.get(Object(cause), 'code');
    throw new LabError(
      `cannot listen on ${host}, UDP port ${port} (${code}): choose others with --host and --port`,
      { cause },
    );
  }
}

export interface DeviceAloneOptions {
  readonly eim: Address;
  readonly identity: string;
  readonly psk?: Uint8Array;
  readonly addInitialEim?: string;
  readonly state: string;
  readonly stack: StackName;
  /** Seconds. */
  readonly every?: number;
  /** What eUICC and IPA do wrong. */
  readonly fault: readonly Fault[];
}

/** Polls an eIM with a eUICC that is kept in a file between runs. */
export async function runDevice(options: DeviceAloneOptions): Promise<void> {
  const pki = loadLabPki();
  const card = new Euicc({
    eid: labEid,
    credential: pki.euicc,
    eumCertificate: pki.eum.certificate,
    ciCertificates: [pki.ci.certificate],
    ...common,
  });
  restore(card, options.state);
  const faults = new Set(options.fault);
  Object.assign(card.faults, faultsOfCard(faults));
  if (options.addInitialEim !== undefined) {
    const answer = card.transmit(requestIn(options.addInitialEim));
    console.log(`AddInitialEim: ${toHex(answer)}`);
  }
  const device = new Device({
    card,
    eim: options.eim,
    credential:
      options.psk === undefined
        ? { type: 'certificate', trust: trustOfCard(card) }
        : { type: 'psk', identity: options.identity, key: options.psk },
    stack: options.stack,
    faults,
    ...common,
    onStep: (step) => console.log(stepLine(step)),
  });
  console.log(`EID ${labEid}, eIM ${addressText(options.eim)}`);
  try {
    await connect(device, options);
    for (;;) {
      await device.poll();
      card.reset();
      writeFileSync(options.state, stateText(card.snapshot()), { mode: 0o600 });
      if (options.every === undefined) break;
      await pause(options.every * 1000);
    }
  } finally {
    await device.close();
  }
  console.log(profileTable(profilesOf(card)));
}

async function connect(device: Device, { eim, psk }: DeviceAloneOptions): Promise<void> {
  try {
    await device.connect();
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    const look =
      psk === undefined ? "is its certificate the card's" : 'are identity and PSK known there';
    throw new LabError(
      `no connection to the eIM at ${addressText(eim)} (${why}): does it listen there, ${look}?`,
      { cause },
    );
  }
}

/** An AddInitialEimRequest (`BF57…`) from a file of DER or of hex. */
function requestIn(path: string): Uint8Array {
  const content = derOrHex(new Uint8Array(readFileSync(path)));
  if (content?.[0] === 0xbf && content[1] === 0x57) return content;
  throw new LabError(`${path} is no AddInitialEimRequest: have it written by eim info --out`);
}

/** JSON of a snapshot; octets as `{ "hex": … }`. */
function stateText(state: unknown): string {
  return JSON.stringify(state, (_name, value: unknown) =>
    value instanceof Uint8Array ? { hex: toHex(value) } : value,
  );
}

/** Gives the card what the file holds; a card without a file is fresh. Throws LabError. */
function restore(card: Euicc, path: string): void {
  const kept = readState(path);
  if (kept === undefined) return;
  try {
    card.restore(kept);
  } catch (cause) {
    if (!(cause instanceof EuiccStateError)) throw cause;
    throw notState(path, cause);
  }
}

function readState(path: string): unknown {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
  try {
    return JSON.parse(text, (_name, value: unknown) => {
      const octets: unknown = Reflect.get(Object(value), 'hex');
      return typeof octets === 'string' ? hex(octets) : value;
    });
  } catch (cause) {
    if (!(cause instanceof SyntaxError || cause instanceof BytesError)) throw cause;
    throw notState(path, cause);
  }
}

function notState(path: string, cause: Error): LabError {
  return new LabError(
    `${path} holds no state of the lab's eUICC (${cause.message}): move it away, or name another with --state`,
    { cause },
  );
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

/** SM-DP+ or SM-DS by itself, so that eIM and device can be a stranger's. */
import { join } from 'node:path';
import { systemClock } from '../../src/base/clock.ts';
import { silentLog } from '../../src/base/log.ts';
import { systemRandom } from '../../src/base/random.ts';
import type { Eid } from '../../src/messages/ids.ts';
import { chooseProfile } from './choose-profile.ts';
import { LabError, top } from './eim-process.ts';
import { loadLabPki } from './pki/lab-pki.ts';
import { stepLine } from './report.ts';
import type { Step } from './server/door.ts';
import type { Fault } from './server/faults.ts';
import { type Smdpp, startSmdpp } from './smdpp/smdpp.ts';
import { type Smds, startSmds } from './smds/smds.ts';
import { stopSignal } from './stop-signal.ts';

export interface ServerAloneOptions {
  readonly port: number;
  readonly name?: string;
  /** Folders that `npm run certs` wrote. */
  readonly pki?: string;
  readonly further?: string;
  readonly state?: string;
  readonly fault: readonly Fault[];
}

export interface SmdppAloneOptions extends ServerAloneOptions {
  readonly profile?: string;
  readonly size?: number;
  readonly matchingId: string;
  readonly confirmationCode?: string;
  readonly eid?: Eid;
  /** Milliseconds from now. */
  readonly expires?: number;
  readonly once?: true;
  readonly stock?: true;
  /** host:port */
  readonly smds?: string;
  readonly operator?: string;
}

/** Serves one profile until a signal: over and over, unless it is to be downloaded once or ordered first. */
export async function runSmdpp(options: SmdppAloneOptions): Promise<void> {
  const { upp, iccid } = chooseProfile(options);
  const smdpp = await opening(options.port, () => openSmdpp(options));
  for (const { kind, ...rest } of options.fault) smdpp.fault(kind, rest);
  try {
    const metadata = { iccid, serviceProviderName: 'coap-eim lab', profileName: 'Lab profile' };
    const said = await placeProfile(smdpp, { upp, metadata }, options);
    console.log(`SM-DP+ ${smdpp.address}, a profile of ${upp.length} octets`);
    console.log(said);
    console.log(`root to trust:   ${rootOf(options)}`);
    await stopSignal();
  } finally {
    await smdpp.close();
  }
}

/** Stocks or releases the profile, unless an earlier run did; what to tell the user of it. */
async function placeProfile(
  smdpp: Smdpp,
  profile: Parameters<Smdpp['stock']>[0],
  options: SmdppAloneOptions,
): Promise<string> {
  const { matchingId, confirmationCode, eid, expires, once, smds } = options;
  const kept = smdpp.stateOf(profile.metadata.iccid)?.at;
  if (options.stock) {
    if (kept === undefined) smdpp.stock(profile);
    return `in stock:        ${kept ?? 'available'}, to be ordered with ES2+ (type lab)`;
  }
  if (kept === undefined) {
    smdpp.addProfile({
      ...profile,
      matchingId,
      reusable: !once && eid === undefined,
      ...(confirmationCode !== undefined && { confirmationCode }),
      ...(eid && { eid }),
      ...(expires !== undefined && { expires: systemClock.now() + expires }),
    });
    if (smds !== undefined) await smdpp.announce(matchingId, smds);
  }
  const activationCode = `activation code: ${smdpp.activationCode(matchingId)}`;
  return kept === undefined ? activationCode : `${activationCode} (${kept})`;
}

function openSmdpp(options: SmdppAloneOptions): Promise<Smdpp> {
  const { operator, state } = options;
  return startSmdpp({
    ...common(options, 'SM-DP+'),
    ...(state !== undefined && { stateFolder: state }),
    ...(operator !== undefined && { operator }),
  });
}

/** Serves ES11 and ES12 until a signal. */
export async function runSmds(options: ServerAloneOptions): Promise<void> {
  const smds = await opening(options.port, () => openSmds(options));
  for (const { kind, ...rest } of options.fault) smds.fault(kind, rest);
  console.log(`SM-DS ${smds.address}, ${smds.events.length} events`);
  console.log(`root to trust:   ${rootOf(options)}`);
  await stopSignal();
  await smds.close();
}

function openSmds(options: ServerAloneOptions): Promise<Smds> {
  const { state } = options;
  return startSmds({
    ...common(options, 'SM-DS'),
    ...(state !== undefined && { stateFolder: state }),
  });
}

function common({ port, name, pki, further }: ServerAloneOptions, to: string) {
  return {
    pki: loadLabPki(pki),
    ...(further !== undefined && { further: [loadLabPki(further)] }),
    port,
    ...(name !== undefined && { name }),
    ...{ clock: systemClock, random: systemRandom, log: silentLog() },
    onStep: ({ function: what, who, outcome }: Step) =>
      console.log(stepLine({ from: who, to, what, result: outcome })),
  };
}

function rootOf({ pki }: ServerAloneOptions): string {
  return join(pki ?? join(top, 'certs', 'lab'), 'ci.cert.pem');
}

async function opening<T>(port: number, open: () => Promise<T>): Promise<T> {
  try {
    return await open();
  } catch (cause) {
    const code: unknown = Reflect.get(Object(cause), 'code');
    if (code !== 'EADDRINUSE' && code !== 'EACCES') throw cause;
    throw new LabError(`cannot listen on TCP port ${port} (${code}): choose another with --port`, {
      cause,
    });
  }
}

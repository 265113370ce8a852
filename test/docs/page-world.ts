/** What the commands of a page find: an eIM that runs, an SM-DP+ and, where it is asked for, a device that polls. */
import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { systemClock } from '../../src/base/clock.ts';
import { silentLog } from '../../src/base/log.ts';
import { systemRandom } from '../../src/base/random.ts';
import { chooseProfile } from '../../tools/lab/choose-profile.ts';
import { type EimProcess, startEim } from '../../tools/lab/eim-process.ts';
import { labSettings } from '../../tools/lab/eim-settings.ts';
import { labEid, makeLabPki, saveLabPki } from '../../tools/lab/pki/lab-pki.ts';
import { startSmdpp } from '../../tools/lab/smdpp/smdpp.ts';
import { top } from './markdown.ts';

export interface World {
  readonly eim: EimProcess;
  /** Folder of the certificates of its SM-DP+ and eUICC. */
  readonly certificates: string;
  close(): Promise<void>;
}

const name = 'smdp.example.com';
const psk = '000102030405060708090a0b0c0d0e0f';

/** `folder`: its own, for store, keys and certificates. `polls`: the lab's eUICC asks what to do, once a second. */
export async function startWorld(folder: string, polls: boolean): Promise<World> {
  const certificates = join(folder, 'pki');
  const pki = makeLabPki({ smdpHost: name });
  saveLabPki(pki, certificates);
  const common = { clock: systemClock, random: systemRandom, log: silentLog() };
  const smdpp = await startSmdpp({ pki, name, ...common });
  const { upp, iccid } = chooseProfile({ size: 3000 });
  const metadata = { iccid, serviceProviderName: 'Lab', profileName: 'Lab' };
  smdpp.addProfile({ upp, metadata, matchingId: 'MATCHING-ID', reusable: true });
  const ports = { coaps: 0, rest: 0 };
  const way = { address: '127.0.0.1', port: smdpp.listening.port };
  // Its TLS key and certificate are those that it makes: a client that is to trust the certificate itself can.
  const {
    'eim.tls.key': _key,
    'eim.tls.certificate': _certificate,
    ...settings
  } = labSettings(folder, { ports, https: true, ...(polls ? { pki: certificates } : {}) });
  const eim = await startEim({
    folder,
    settings: {
      ...settings,
      'eim.id': 'eIM',
      'eim.idType': 'proprietary',
      'es9.hosts': JSON.stringify({ [name]: way }),
      'dtls.clientAuthentication': 'optional',
    },
  });
  const device = polls ? await startDevice(eim, folder, certificates) : undefined;
  return {
    eim,
    certificates,
    async close() {
      device?.kill('SIGTERM');
      await eim.stop();
      await smdpp.close();
    },
  };
}

async function startDevice(
  eim: EimProcess,
  folder: string,
  certificates: string,
): Promise<ChildProcess> {
  await eim.command('info', '--out', folder);
  await eim.command('device', 'add', '--identity', 'lab', '--eid', labEid, '--psk', psk);
  return spawn(
    process.execPath,
    [
      ...['--import', 'tsx', 'tools/lab/main.ts', 'device', '--every', '1', '--pki', certificates],
      ...['--eim', `127.0.0.1:${eim.coaps.port}`, '--identity', 'lab', '--psk', psk],
      ...['--add-initial-eim', join(folder, 'add-initial-eim-request.der')],
      ...['--state', join(folder, 'euicc.json')],
    ],
    { cwd: top, stdio: 'ignore' },
  );
}

/** A part of the lab that serves until it is stopped, on a free port. */
export interface Part {
  readonly port: string;
  close(): void;
}

/** Starts `npm run lab -- <args>`; resolves with the port that it prints first. */
export async function startPart(args: readonly string[], cwd: string): Promise<Part> {
  const child = spawn(
    process.execPath,
    [...['--import', import.meta.resolve('tsx')], join(top, 'tools/lab/main.ts'), ...args],
    { cwd, stdio: ['ignore', 'pipe', 'pipe'] },
  );
  child.stderr.pipe(process.stderr);
  for await (const line of createInterface({ input: child.stdout })) {
    const [, port] = /127\.0\.0\.1:(\d+)/.exec(line) ?? [];
    if (port !== undefined) {
      child.stdout.resume();
      return { port, close: () => void child.kill('SIGTERM') };
    }
  }
  throw new Error(`lab ${args.join(' ')} told no port`);
}

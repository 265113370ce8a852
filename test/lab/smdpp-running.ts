/** An SM-DP+ on loopback with one profile in it, and an eUICC that talks to it. */
import type { TestContext } from 'node:test';
import { Drops, silentLog } from '../../src/base/log.ts';
import { iccidOctets, iccidOfDigits } from '../../src/messages/ids.ts';
import { type LabCredential, type LabPki, loadLabPki } from '../../tools/lab/pki/lab-pki.ts';
import { makeProfile } from '../../tools/lab/profile/make.ts';
import type { Step } from '../../tools/lab/server/door.ts';
import type { ProfileMetadata } from '../../tools/lab/smdpp/profile-metadata.ts';
import {
  type NewProfile,
  type Smdpp,
  type SmdppOptions,
  startSmdpp,
} from '../../tools/lab/smdpp/smdpp.ts';
import { HandClock } from '../support/hand-clock.ts';
import { seededRandom } from '../support/seeded.ts';
import { Es9, TestEuicc } from './smdpp-euicc.ts';

export const iccid = iccidOfDigits('89880000000000000017');
export const iccidBytes = iccidOctets(iccid);
export const matchingId = 'LAB-1';
export const metadata: ProfileMetadata = {
  iccid,
  serviceProviderName: 'Lab',
  profileName: 'Lab One',
  profileClass: 'test',
};

export interface Running {
  readonly smdpp: Smdpp;
  readonly pki: LabPki;
  readonly es9: Es9;
  readonly clock: HandClock;
  readonly drops: Drops;
  readonly steps: Step[];
  readonly upp: Uint8Array;
  readonly euicc: TestEuicc;
  euiccWith(credential: LabCredential, pki?: LabPki): TestEuicc;
}

/** Closed when the test ends. */
export async function running(
  test: TestContext,
  profile: Partial<NewProfile> = {},
  options: Partial<SmdppOptions> = {},
): Promise<Running> {
  const pki = loadLabPki();
  const clock = new HandClock();
  const drops = new Drops();
  const steps: Step[] = [];
  const smdpp = await startSmdpp({
    pki,
    clock,
    random: seededRandom(1),
    log: silentLog(drops, 'smdpp'),
    onStep: (step) => steps.push(step),
    ...options,
  });
  test.after(() => smdpp.close());
  const upp = makeProfile({ iccid, size: 3000 });
  smdpp.addProfile({ matchingId, upp, metadata, ...profile });
  const es9 = new Es9(pki, smdpp.listening.port);
  const euiccWith = (credential: LabCredential, its = pki) =>
    new TestEuicc(es9, smdpp.address, its, credential);
  const euicc = euiccWith(pki.euicc);
  return { smdpp, pki, es9, clock, drops, steps, upp, euicc, euiccWith };
}

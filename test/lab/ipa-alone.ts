/** The lab's device without an eIM: what it is told is made by hand, and what it would report is kept. */
import type { TestContext } from 'node:test';
import { hex } from '../../src/base/bytes.ts';
import { systemClock } from '../../src/base/clock.ts';
import { silentLog } from '../../src/base/log.ts';
import { ProvideEimPackageResult } from '../../src/messages/eim-package.ts';
import { iccidDigits, iccidOfDigits } from '../../src/messages/ids.ts';
import { ProfileDownloadTriggerRequest } from '../../src/messages/profile-download.ts';
import type { Infer } from '../../src/messages/schema.ts';
import { tlv } from '../../src/messages/tlv.ts';
import { profilesOf } from '../../tools/lab/card-profiles.ts';
import type { EuiccOptions } from '../../tools/lab/euicc/chip.ts';
import { Euicc } from '../../tools/lab/euicc/euicc.ts';
import { pendingNotifications } from '../../tools/lab/ipa/card.ts';
import type { DownloadHabits } from '../../tools/lab/ipa/habits.ts';
import { Ipa } from '../../tools/lab/ipa/ipa.ts';
import { type LabPki, labEid, loadLabPki } from '../../tools/lab/pki/lab-pki.ts';
import { makeProfile } from '../../tools/lab/profile/make.ts';
import { JsonClient, type JsonClientOptions } from '../../tools/lab/server/json-client.ts';
import { type NewProfile, startSmdpp } from '../../tools/lab/smdpp/smdpp.ts';
import { startSmds } from '../../tools/lab/smds/smds.ts';
import { HandClock } from '../support/hand-clock.ts';
import { seededRandom } from '../support/seeded.ts';

export const iccid = iccidOfDigits('89880000000000000017');
export const printed = iccidDigits(iccid);
export const eimTransactionId = hex('01020304');

export type DownloadData = NonNullable<
  Infer<typeof ProfileDownloadTriggerRequest>['profileDownloadData']
>;

/** An SM-DP+ and an SM-DS that know each other, closed when the test ends. */
export async function servers(test: TestContext, pki: LabPki = loadLabPki()) {
  const common = { pki, random: seededRandom(3), log: silentLog() };
  const smdpp = await startSmdpp({ ...common, clock: systemClock });
  test.after(() => smdpp.close());
  const smds = await startSmds({ ...common, clock: systemClock });
  test.after(() => smds.close());
  const release = (profile: Partial<NewProfile> = {}): string =>
    smdpp.addProfile({
      upp: makeProfile({ iccid, size: 3000 }),
      metadata: { iccid, serviceProviderName: 'Lab', profileName: 'Lab One' },
      ...profile,
    });
  return { smdpp, smds, release };
}

/** A device; by itself it asks servers directly. */
export function device({
  pki = loadLabPki(),
  card: made = {},
  habits = {},
  client = {},
}: {
  pki?: LabPki;
  card?: Partial<EuiccOptions>;
  habits?: DownloadHabits;
  client?: Partial<JsonClientOptions>;
} = {}) {
  const clock = new HandClock();
  const card = new Euicc({
    eid: labEid,
    credential: pki.euicc,
    eumCertificate: pki.eum.certificate,
    ciCertificates: [pki.ci.certificate],
    clock,
    random: seededRandom(4),
    ...made,
  });
  const reports: ProvideEimPackageResult[] = [];
  const throughEim: Uint8Array[] = [];
  const steps: string[] = [];
  let packages: Uint8Array[] = [];
  const direct = new JsonClient({ cis: [pki.ci.certificate], clock: systemClock, ...client });
  const ipa = new Ipa({
    card,
    habits: { direct, ...habits },
    onStep: ({ to, what, result }) => steps.push(`${to} ${what} ${result}`),
    esipa: {
      async exchange(name, request) {
        if (name === 'GetEimPackage') {
          return tlv(0xbf4f, packages.shift() ?? tlv(0x02, Uint8Array.of(1)));
        }
        if (name === 'HandleNotification') {
          throughEim.push(request);
          return new Uint8Array();
        }
        if (name !== 'ProvideEimPackageResult') throw new Error(`${name} goes to the eIM`);
        reports.push(ProvideEimPackageResult.decode(request));
        return tlv(0xbf50, tlv(0x30));
      },
    },
  });
  return {
    card,
    steps,
    reports,
    throughEim,
    profiles: () => profilesOf(card).map(({ iccid: one, state }) => `${one} ${state}`),
    pending: () => pendingNotifications(card).length,
    poll: () => ipa.poll(),
    /** Polls, and is given the trigger; what it reports of it: `installed`, `failed` or `error`. */
    async download(profileDownloadData?: DownloadData): Promise<string> {
      packages = [
        ProfileDownloadTriggerRequest.encode({
          ...(profileDownloadData && { profileDownloadData }),
          eimTransactionId,
        }),
      ];
      await ipa.poll();
      return outcomeOf(reports.at(-1));
    },
  };
}

function outcomeOf(report: ProvideEimPackageResult | undefined): string {
  const result = report?.eimPackageResult;
  if (result?.type !== 'profileDownloadTriggerResult') return 'nothing';
  const { profileDownloadTriggerResultData: data } = result.value;
  if (data.type === 'profileDownloadError') return 'error';
  const { finalResult } = data.value.profileInstallationResultData.value;
  return finalResult.type === 'successResult' ? 'installed' : 'failed';
}

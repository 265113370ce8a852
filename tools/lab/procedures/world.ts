/** SM-DP+, SM-DS and eIM on loopback, for as many devices and procedures as one likes. */
import { hex, toHex } from '../../../src/base/bytes.ts';
import { systemClock } from '../../../src/base/clock.ts';
import { silentLog } from '../../../src/base/log.ts';
import { systemRandom } from '../../../src/base/random.ts';
import { type Eid, type Iccid, iccidOfDigits, parseEid } from '../../../src/messages/ids.ts';
import { readOnly } from '../../../src/messages/tlv.ts';
import { type EimProcess, LabError, startEim } from '../eim-process.ts';
import { labSettings, type SettingsOptions } from '../eim-settings.ts';
import type { EuiccOptions } from '../euicc/chip.ts';
import { Euicc } from '../euicc/euicc.ts';
import type { BlockWatch } from '../ipa/blocks.ts';
import { Device, type DeviceOptions, type Link } from '../ipa/device.ts';
import type { DownloadHabits } from '../ipa/habits.ts';
import type { Binding } from '../ipa/https-stack.ts';
import type { OnStep } from '../ipa/steps.ts';
import { trustOfCard } from '../ipa/trust.ts';
import { choosePki } from '../pki/choose-pki.ts';
import { issueEuicc, type LabPki, labEid } from '../pki/lab-pki.ts';
import { makeProfile } from '../profile/make.ts';
import type { Step } from '../server/door.ts';
import { JsonClient } from '../server/json-client.ts';
import { type NewProfile, type Smdpp, startSmdpp } from '../smdpp/smdpp.ts';
import { type Smds, startSmds } from '../smds/smds.ts';
import { ownFolder } from '../with-us.ts';

const common = { clock: systemClock, random: systemRandom, log: silentLog() };

export interface WorldOptions {
  /** As choosePki takes it. Default the certificates in the form of SGP.26. */
  readonly pki?: string;
  readonly ports?: SettingsOptions['ports'];
  readonly link?: Link;
  /** How ESipa travels. Over HTTPS, devices prove nothing but what their eUICCs sign. Default CoAP over DTLS. */
  readonly binding?: Binding;
  /** Further settings of the eIM. */
  readonly settings?: Parameters<typeof startEim>[0]['settings'];
}

export interface WorldDevice {
  readonly eid: Eid;
  readonly card: Euicc;
  readonly device: Device;
}

/** What a device of the world is to be. */
export interface DeviceWishes {
  readonly habits?: DownloadHabits;
  readonly card?: Partial<EuiccOptions>;
  readonly minimizes?: boolean;
  /** Told of every CoAP message. */
  readonly watch?: BlockWatch;
  readonly onStep: OnStep;
}

/** Where devices reach the eIM; 0: a free one. */
interface DevicePorts {
  readonly coaps: number;
  readonly https: number;
}

interface Told {
  onStep: OnStep;
  direct: boolean;
}

const es12: readonly string[] = ['registerEvent', 'deleteEvent'];

export class World {
  readonly smdpp: Smdpp;
  readonly smds: Smds;
  readonly pki: LabPki;
  readonly #start: (ports: DevicePorts) => Promise<EimProcess>;
  #eim: EimProcess;
  readonly #link: Link | undefined;
  readonly #binding: Binding;
  readonly #addInitialEim: Uint8Array;
  readonly #told: Told;
  readonly #closing: (() => Promise<void>)[];
  #devices = 0;
  #profiles = 0;

  private constructor(parts: {
    smdpp: Smdpp;
    smds: Smds;
    eim: EimProcess;
    start: (ports: DevicePorts) => Promise<EimProcess>;
    pki: LabPki;
    link: Link | undefined;
    binding: Binding;
    addInitialEim: Uint8Array;
    told: Told;
    closing: (() => Promise<void>)[];
  }) {
    this.smdpp = parts.smdpp;
    this.smds = parts.smds;
    this.#eim = parts.eim;
    this.#start = parts.start;
    this.pki = parts.pki;
    this.#link = parts.link;
    this.#binding = parts.binding;
    this.#addInitialEim = parts.addInitialEim;
    this.#told = parts.told;
    this.#closing = parts.closing;
  }

  static async open(options: WorldOptions = {}): Promise<World> {
    const { path: folder, remove } = ownFolder();
    const closing = [async () => remove()];
    try {
      const { pki, folder: certificates } = choosePki(options.pki ?? 'sgp26', folder);
      const told: Told = { onStep: () => {}, direct: false };
      const say = (to: string) => (step: Step) => {
        const from = es12.includes(step.function) ? 'SM-DP+' : 'eIM';
        // What the device asks itself, it tells itself.
        if (from === 'SM-DP+' || !told.direct) told.onStep(serverStep(from, to, step));
      };
      const smdpp = await startSmdpp({ pki, ...common, onStep: say('SM-DP+') });
      closing.push(() => smdpp.close());
      const smds = await startSmds({ pki, ...common, onStep: say('SM-DS') });
      closing.push(() => smds.close());
      const { link, binding = 'coaps', ports = { coaps: 0, rest: 0 } } = options;
      const https = binding !== 'coaps';
      const start = (at: DevicePorts) => {
        const its = { pki: certificates, ports: { ...ports, coaps: at.coaps }, link, https };
        const settings = {
          ...labSettings(folder, its),
          ...(https ? { 'https.port': at.https } : {}),
          ...options.settings,
        };
        return startEim({ folder, settings });
      };
      const eim = await start({ coaps: ports.coaps, https: 0 });
      let world: World | undefined;
      closing.push(() => (world?.eim ?? eim).stop());
      const info = await eim.ask('GET', '/v1/info');
      const addInitialEim = hex(textOf(info, 'addInitialEimRequest'));
      const parts = { smdpp, smds, eim, start, pki, link, binding, addInitialEim, told, closing };
      world = new World(parts);
      return world;
    } catch (error) {
      for (const close of closing.reverse()) await close();
      throw error;
    }
  }

  get eim(): EimProcess {
    return this.#eim;
  }

  /** Kills the eIM (SIGKILL) and starts it again, where devices have found it before. */
  async restart(): Promise<void> {
    const { coaps, https } = this.#eim;
    await this.#eim.kill();
    this.#eim = await this.#start({ coaps: coaps.port, https: https?.port ?? 0 });
  }

  async close(): Promise<void> {
    for (const close of this.#closing.reverse()) await close();
  }

  /** Who hears of what the servers do from now on, and whether it is a device that asks them. */
  listen(onStep: OnStep, direct: boolean): void {
    this.#told.onStep = onStep;
    this.#told.direct = direct;
  }

  /** A client of devices that believe the world's root. */
  httpsOfDevice(timeout?: number): JsonClient {
    return new JsonClient({
      cis: [this.pki.ci.certificate],
      clock: systemClock,
      bodyLimit: 4 * 2 ** 20,
      ...(timeout !== undefined && { timeout }),
    });
  }

  /** Another eUICC in another device, which the eIM knows. */
  async device({ card: made = {}, ...wishes }: DeviceWishes): Promise<WorldDevice> {
    const eid = eidNumber(this.#devices++);
    const card = new Euicc({
      eid,
      credential: eid === labEid ? this.pki.euicc : issueEuicc(this.pki, eid),
      eumCertificate: this.pki.eum.certificate,
      ciCertificates: [this.pki.ci.certificate],
      rootDsAddress: this.smds.address,
      ...common,
      ...made,
    });
    const answer = card.transmit(this.#addInitialEim);
    if (readOnly(readOnly(answer).value).tag !== 0xa0) {
      throw new LabError(`AddInitialEim is answered ${toHex(answer)}`);
    }
    const device = new Device({
      card,
      ...(await this.#wayOf(eid, card)),
      stack: 'own',
      binding: this.#binding,
      ...(this.#link && { link: this.#link }),
      ...common,
      ...wishes,
    });
    this.#closing.push(() => device.close());
    return { eid, card, device };
  }

  /** Where a device reaches the eIM, and what it knows it by. */
  async #wayOf(eid: Eid, card: Euicc): Promise<Pick<DeviceOptions, 'eim' | 'credential'>> {
    const { coaps, https = coaps } = this.eim;
    if (this.#binding !== 'coaps') {
      return { eim: https, credential: { type: 'certificate', trust: trustOfCard(card) } };
    }
    const key = systemRandom(32);
    await this.eim.ask('POST', '/v1/devices', { identity: eid, eids: [eid], key: toHex(key) });
    return { eim: coaps, credential: { type: 'psk', identity: eid, key } };
  }

  /** Another profile, released; its ICCID and activation code. */
  release({ size = 4096, ...profile }: Partial<NewProfile> & { size?: number } = {}): {
    readonly iccid: Iccid;
    readonly activationCode: string;
  } {
    const iccid = iccidOfDigits(`898800000000000${String(this.#profiles++).padStart(4, '0')}`);
    const activationCode = this.smdpp.addProfile({
      upp: makeProfile({ iccid, name: 'coap-eim lab', size }),
      metadata: { iccid, serviceProviderName: 'coap-eim lab', profileName: 'Lab profile' },
      ...profile,
    });
    return { iccid, activationCode };
  }
}

function serverStep(from: string, to: string, step: Step) {
  const { function: what, outcome, received, sent } = step;
  return { from, to, what, result: `${outcome} (${received} B, ${sent} B back)` };
}

/** The lab's EID, and those after it; the check digits fit. */
function eidNumber(n: number): Eid {
  if (n === 0) return labEid;
  const digits = `8904903212345123451234567${String(n).padStart(5, '0')}`;
  const rest = [...`${digits}00`].reduce((sum, digit) => (sum * 10 + Number(digit)) % 97, 0);
  return parseEid(digits + String(98 - rest).padStart(2, '0'));
}

/** A text member of an answer; throws LabError where it is none. */
export function textOf(document: unknown, name: string): string {
  const value: unknown = Reflect.get(Object(document), name);
  if (typeof value === 'string') return value;
  throw new LabError(`the eIM's answer has no ${name}`);
}

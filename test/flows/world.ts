/** One operator, one SM-DP+, one eIM, one device, and the network between: the main job on a clock turned by hand. */
import assert from 'node:assert/strict';
import type { KeyObject } from 'node:crypto';
import { parseEid } from '../../src/messages/ids.ts';
import type { Order, OrderRequest } from '../../src/orders/order.ts';
import { Euicc } from '../../tools/lab/euicc/euicc.ts';
import { loadLabPki } from '../../tools/lab/pki/lab-pki.ts';
import { HandClock } from '../support/hand-clock.ts';
import { seededRandom } from '../support/seeded.ts';
import { EimProcess, psk } from './eim-process.ts';
import { FlowDevice, type Habit } from './flow-device.ts';
import type { Death } from './life.ts';
import { Network, type Weather } from './network.ts';
import { FlowSmdp, iccid } from './smdp.ts';

export const eid = parseEid('89049032123451234512345678901235');

export interface WorldOptions {
  readonly weather?: Weather;
  readonly auth?: 'psk' | 'certificate';
  /** Milliseconds that the SM-DP+ takes for an answer. */
  readonly slowness?: number;
  readonly profileSize?: number;
  /** A code that the SM-DP+ asks for. */
  readonly confirmationCode?: string;
  /** What the device does when its connection is lost. Default: it begins anew. */
  readonly habit?: Habit;
  /** Whether the device takes what is pushed. */
  readonly serves?: boolean;
  /** Whether the eIM has the orders of the main job. Default true. */
  readonly ordered?: boolean;
  /** Whether connections outlive the eIM's process. Default false. */
  readonly keepsConnections?: boolean;
  /** Further keys that the eIM signs with. */
  readonly otherKeys?: readonly KeyObject[];
  /** When the eIM dies; it is started again. */
  readonly death?: Death;
}

/** An hour of hand-turned time is more than any flow takes. */
const patience = 3600 * 1000;

const pki = loadLabPki();

export class World {
  readonly clock = new HandClock();
  readonly network: Network;
  readonly smdp: FlowSmdp;
  readonly process: EimProcess;
  readonly card: Euicc;
  readonly device: FlowDevice;

  private constructor(options: WorldOptions) {
    const { weather = {}, auth = 'psk', slowness, profileSize, habit = 'begins anew' } = options;
    const { confirmationCode } = options;
    const { clock } = this;
    const seed = weather.seed ?? 1;
    this.network = new Network(clock, weather);
    this.smdp = new FlowSmdp({
      pki,
      clock,
      ...(slowness === undefined ? {} : { slowness }),
      ...(profileSize === undefined ? {} : { profileSize }),
      ...(confirmationCode === undefined ? {} : { confirmationCode }),
    });
    this.process = new EimProcess({
      pki,
      clock,
      random: seededRandom(seed * 10 + 1),
      connect: this.smdp,
      keepsConnections: options.keepsConnections ?? false,
      otherKeys: options.otherKeys ?? [],
      send: (datagram, to) =>
        this.network.carry(datagram, false, (arrived) => this.device.receive(arrived, to)),
    });
    this.card = new Euicc({
      eid,
      credential: pki.euicc,
      eumCertificate: pki.eum.certificate,
      ciCertificates: [pki.ci.certificate],
      clock,
      random: seededRandom(seed * 10 + 2),
    });
    this.card.transmit(this.process.addInitialEimRequest);
    this.device = new FlowDevice({
      card: this.card,
      credential:
        auth === 'psk'
          ? psk
          : {
              type: 'certificate',
              trust: ([leaf]) => assert.deepEqual(leaf, pki.eimTls.certificate),
            },
      clock,
      random: seededRandom(seed * 10 + 3),
      habit,
      serves: options.serves ?? false,
      send: (datagram, from) =>
        this.network.carry(datagram, true, (arrived) => this.process.receive(arrived, from)),
    });
  }

  /** A world whose eIM runs, knows the device and has orders for it. */
  static async begin(options: WorldOptions = {}): Promise<World> {
    const world = new World(options);
    await world.process.start();
    await world.#add(options.auth ?? 'psk');
    await world.process.eim.euiccs.ensure(eid);
    if (options.ordered !== false) await world.order();
    if (options.death !== undefined) await world.process.start(options.death);
    return world;
  }

  async #add(auth: 'psk' | 'certificate'): Promise<void> {
    if (auth === 'certificate') return;
    const { identity, key } = psk;
    await this.process.eim.devices.add({ identity, key, eids: [eid] });
  }

  /** Orders that the profile be downloaded, that it be enabled, and that all profiles be shown. */
  async order(push = false): Promise<void> {
    const { euiccs, orders } = this.process.eim;
    await euiccs.ensure(eid);
    const { activationCode } = this.smdp;
    const request = { download: { activationCode } };
    await orders.submit({ eid, facility: 'download', request, push });
    for (const psmo of [{ enable: { iccid } }, { listProfileInfo: {} }]) {
      await orders.submit({ eid, facility: 'psmo', request: { psmo: [psmo] }, push });
    }
  }

  /** Orders the download alone, with a confirmation code where one is given; the device polls until it is done. */
  async download(confirmationCode?: string): Promise<Order> {
    const { orders } = this.process.eim;
    const given = confirmationCode === undefined ? {} : { confirmationCode };
    const request = { download: { activationCode: this.smdp.activationCode, ...given } };
    const { id } = await orders.submit({ eid, facility: 'download', request });
    await this.work();
    return (await orders.get(id)) ?? assert.fail('the order is gone');
  }

  /**
   * Orders the same to be pushed, and the eIM dies at a commit counted from the moment when it has the first order. The
   * operator places again what was not accepted.
   */
  async orderAndDie(death: Death): Promise<void> {
    const { activationCode } = this.smdp;
    await this.#submit('download', { download: { activationCode } });
    this.process.dieAt(death);
    const psmos = [{ enable: { iccid } }, { listProfileInfo: {} }];
    for (const [i, psmo] of psmos.entries()) {
      for (;;) {
        while (!this.process.runs) await this.clock.turn(50);
        if ((await this.orders()).length >= i + 2) break;
        const { kills } = this.process;
        let accepted = false;
        void this.#submit('psmo', { psmo: [psmo] }).then(() => {
          accepted = true;
        });
        while (!accepted && this.process.kills === kills) await this.clock.turn(50);
      }
    }
    while (!this.process.runs) await this.clock.turn(50);
  }

  async #submit(facility: 'download' | 'psmo', request: OrderRequest): Promise<void> {
    const { euiccs, orders } = this.process.eim;
    await euiccs.ensure(eid);
    await orders.submit({ eid, facility, request, push: true });
  }

  /** Turns the clock until the work is done; throws where an hour is not enough. */
  async turn<T>(work: Promise<T>): Promise<T> {
    let settled = false;
    const watched = work.finally(() => {
      settled = true;
    });
    watched.catch(() => {}); // heard below
    for (const end = this.clock.now() + patience; !settled; ) {
      if (this.clock.now() > end) throw new Error('an hour has gone and the work is not done');
      await this.clock.turn(50);
    }
    return watched;
  }

  /** The device polls until there is nothing more; what the eIM still has for the SM-DP+ gets there. */
  async work(): Promise<void> {
    await this.turn(this.device.work());
    await this.clock.turn(60_000);
  }

  async orders(): Promise<readonly Order[]> {
    return this.process.eim.orders.list({ eid });
  }

  /** All that the flow has led to, as the operator, the eUICC and the SM-DP+ see it. */
  async outcome() {
    const { profiles, notifications, packageResults } = this.card.snapshot();
    return {
      orders: (await this.orders()).map(({ state }) =>
        state.at === 'done' ? [state.at, state.success, state.outcome] : [state.at],
      ),
      counterValue: (await this.process.eim.euiccs.get(eid))?.counterValue,
      profiles: profiles.map((profile) => [profile.iccid, profile.enabled]),
      pending: notifications.length + packageResults.length,
      smdp: this.smdp.state,
      notifications: this.smdp.notifications,
    };
  }
}

/** An eIM over a store in memory, an SM-DP+ that is scripted, and the words an IPA says to it, DER both ways. */
import assert from 'node:assert/strict';
import { createPublicKey, type KeyObject } from 'node:crypto';
import { BoundedMap } from '../../src/base/bounded-map.ts';
import { Drops, type LogLine, makeLog } from '../../src/base/log.ts';
import { Serial } from '../../src/base/serial.ts';
import { Es11Client } from '../../src/es11/client.ts';
import { callFunction } from '../../src/esipa/functions.ts';
import { Devices } from '../../src/fleet/devices.ts';
import { type EuiccDefaults, Euiccs } from '../../src/fleet/euiccs.ts';
import { Quirks } from '../../src/fleet/quirks.ts';
import {
  type EimPackageResult,
  GetEimPackageResponse,
  ProvideEimPackageResultResponse,
} from '../../src/messages/eim-package.ts';
import { EsipaMessageFromIpaToEim } from '../../src/messages/esipa.ts';
import type { EuiccPackageRequest } from '../../src/messages/euicc-package.ts';
import { type Eid, eidOctets } from '../../src/messages/ids.ts';
import type { PendingNotification } from '../../src/messages/notifications.ts';
import type { Infer } from '../../src/messages/schema.ts';
import type { Order, PsmoRequest } from '../../src/orders/order.ts';
import { Orders } from '../../src/orders/orders.ts';
import type { Caller, Eim, ProcedureSettings } from '../../src/procedures/eim.ts';
import { SmdsSchedule } from '../../src/procedures/smds-schedule.ts';
import { MemoryStore } from '../../src/store/memory.ts';
import type { Store } from '../../src/store/store.ts';
import { pointOf } from '../../src/trust/ec-key.ts';
import { EimSigner } from '../../src/trust/eim-signer.ts';
import { Revocations } from '../../src/trust/revocations.ts';
import { Roots } from '../../src/trust/roots.ts';
import { testBox } from '../support/box.ts';
import { HandClock, settled } from '../support/hand-clock.ts';
import { seededRandom } from '../support/seeded.ts';
import { eid, iccid, pki, TestEuicc } from './euicc.ts';
import { TestSmdp } from './smdp.ts';
import { TestSmds } from './smds.ts';

export const activationCode = '1$smdp.example.com$MATCHING-ID';
export const caller: Caller = { peerId: 'connection 1' };
export const stranger: Caller = { peerId: 'connection 2' };

export interface RigOptions {
  readonly store?: Store;
  readonly settings?: Partial<ProcedureSettings>;
  readonly defaults?: Partial<EuiccDefaults>;
  /** Whether the eUICC's key is known, as after a first download. Default true. */
  readonly keyKnown?: boolean;
  readonly roots?: readonly Uint8Array[];
  /** Sources of revocation lists; they hold nothing until a test has one taken. */
  readonly crls?: readonly string[];
  /** Further keys that the eIM signs with. */
  readonly otherKeys?: readonly KeyObject[];
  readonly euicc?: TestEuicc;
  /** How the eIM looks for events by itself. */
  readonly smdsSchedule?: {
    readonly every: number;
    readonly address?: string;
    readonly eids: readonly Eid[];
  };
}

export class Rig {
  readonly store: Store;
  readonly clock = new HandClock();
  readonly drops = new Drops();
  readonly lines: LogLine[] = [];
  readonly smdp = new TestSmdp();
  readonly smds = new TestSmds();
  readonly euicc = new TestEuicc();
  readonly roots: Roots;
  readonly revocations: Revocations;
  readonly #options: RigOptions;
  #starts = 0;
  #eim: Eim | undefined;

  constructor(options: RigOptions = {}) {
    this.#options = options;
    this.store = options.store ?? new MemoryStore();
    this.roots = Roots.of(options.roots ?? [pki.ci.certificate]);
    const sources = options.crls ?? [];
    this.revocations = new Revocations({ sources, roots: this.roots, grace: 0, stale: 'refuse' });
  }

  static async with(options: RigOptions = {}): Promise<Rig> {
    const rig = new Rig(options);
    await rig.restart();
    await rig.eim.euiccs.ensure(eid);
    if (options.keyKnown !== false) {
      const { point } = pointOf(createPublicKey(pki.euicc.key));
      await rig.eim.euiccs.update(eid, { publicKey: point });
    }
    return rig;
  }

  get eim(): Eim {
    return this.#eim ?? assert.fail('not started');
  }

  /** The process ends, and another begins over the same store. */
  async restart(store = this.store): Promise<void> {
    this.#starts += 1;
    const log = makeLog('esipa', (line) => this.lines.push(line), this.drops);
    const random = seededRandom(this.#starts);
    const common = { store, clock: this.clock, log };
    const orders = new Orders({ ...common, random, box: testBox() });
    const { smdsSchedule } = this.#options;
    this.#eim = {
      id: 'eIM',
      store,
      orders,
      ...(smdsSchedule && {
        smdsSchedule: new SmdsSchedule({ store, clock: this.clock, orders, ...smdsSchedule }),
      }),
      euiccs: new Euiccs({ ...common, defaults: this.#options.defaults ?? {} }),
      devices: await Devices.open({ ...common, box: testBox() }),
      quirks: new Quirks(common),
      es9: this.smdp,
      es11: new Es11Client({ connect: this.smds, requester: 'eIM', log }),
      signer: EimSigner.of(pki.eimSign.key),
      otherSigners: (this.#options.otherKeys ?? []).map((key) => EimSigner.of(key)),
      roots: this.roots,
      revocations: this.revocations,
      clock: this.clock,
      random,
      log,
      settings: {
        unknownEid: 'eidNotFound',
        maxDeliveries: 4,
        ownQuestions: 8,
        boundEidsOpen: false,
        strict: false,
        notifications: { retry: 60_000, retryLimit: 21_600_000, lifetime: 90 * 86_400_000 },
        ...this.#options.settings,
      },
      polls: new BoundedMap({ clock: this.clock, ceiling: 100, lifetime: 3_600_000 }),
      serial: new Serial(),
    };
  }

  /** One message to the eIM, one answer. */
  async say(message: EsipaMessageFromIpaToEim, by = caller): Promise<Uint8Array> {
    return callFunction(this.eim, by, EsipaMessageFromIpaToEim.encode(message));
  }

  async poll(by = caller, of: Eid = eid): Promise<Infer<typeof GetEimPackageResponse>> {
    const value = { eidValue: eidOctets(of) };
    return GetEimPackageResponse.decode(
      await this.say({ type: 'getEimPackageRequest', value }, by),
    );
  }

  /** The poll's answer as bytes. */
  pollBytes(by = caller): Promise<Uint8Array> {
    return this.say({ type: 'getEimPackageRequest', value: { eidValue: eidOctets(eid) } }, by);
  }

  /** A poll that must be answered with an eUICC Package, signed by this eIM. */
  async fetchPackage(by = caller) {
    const answer = await this.poll(by);
    assert.equal(answer.type, 'euiccPackageRequest');
    return this.euicc.read(answer.value as Infer<typeof EuiccPackageRequest>);
  }

  /** What came of an eIM package; `eidValue` null leaves the EID out. */
  async provide(
    eimPackageResult: EimPackageResult,
    { by = caller, of = eid }: { readonly by?: Caller; readonly of?: Eid | null } = {},
  ): Promise<Infer<typeof ProvideEimPackageResultResponse>> {
    const value = { ...(of === null ? {} : { eidValue: eidOctets(of) }), eimPackageResult };
    const answer = await this.say({ type: 'provideEimPackageResult', value }, by);
    return ProvideEimPackageResultResponse.decode(answer);
  }

  /** HandleNotification; resolves once the deliveries that it began have ended. */
  async notify(value: PendingNotification, by = caller): Promise<void> {
    const { type } = value;
    if (type === 'unknown') assert.fail('not a notification');
    const pending = { type: 'pendingNotification', value } as const;
    assert.equal(
      (await this.say({ type: 'handleNotificationEsipa', value: pending }, by)).length,
      0,
    );
    await settled();
  }

  download(code = activationCode, confirmationCode?: string): Promise<Order> {
    const given = confirmationCode === undefined ? {} : { confirmationCode };
    const request = { download: { activationCode: code, ...given } };
    return this.eim.orders.submit({ eid, facility: 'download', request });
  }

  psmo(...psmo: readonly PsmoRequest[]): Promise<Order> {
    return this.eim.orders.submit({ eid, facility: 'psmo', request: { psmo } });
  }

  enable(): Promise<Order> {
    return this.psmo({ enable: { iccid } });
  }

  async order({ id }: Order): Promise<Order> {
    return (await this.eim.orders.get(id)) ?? assert.fail(`order ${id} is gone`);
  }

  /** The events of an order's history with their details. */
  async history(order: Order): Promise<string[]> {
    const { history } = await this.order(order);
    return history.map(({ event, detail }) =>
      detail === undefined ? event : `${event}: ${detail}`,
    );
  }

  /** How an order ended. */
  async end(order: Order) {
    const { state } = await this.order(order);
    if (state.at !== 'done') assert.fail(`the order is ${state.at}`);
    return { success: state.success, outcome: state.outcome, reason: state.reason };
  }

  async at(order: Order): Promise<string> {
    return (await this.order(order)).state.at;
  }
}

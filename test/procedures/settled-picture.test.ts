/**
 * One truth for each eUICC, whatever happens: random lives of the lab's eUICC and IPA with an eIM. Messages get lost and
 * come twice, another eIM changes things, profiles fall back, the eUICC is reset, operators cancel and delete, the eIM
 * starts anew. Once all is calm and the eIM has asked what it has to, its picture is what the card holds, nothing is
 * in doubt, and no package was executed twice.
 */
import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { hex, toHex } from '../../src/base/bytes.ts';
import { callFunction } from '../../src/esipa/functions.ts';
import { generateAssociationToken } from '../../src/messages/eco.ts';
import { AddInitialEimRequest } from '../../src/messages/es10.ts';
import {
  type EuiccPackage,
  EuiccPackageRequest,
  EuiccPackageSigned,
} from '../../src/messages/euicc-package.ts';
import { eidOctets } from '../../src/messages/ids.ts';
import { signedOf } from '../../src/messages/schema.ts';
import { readOnly, tlv } from '../../src/messages/tlv.ts';
import type { EcoRequest, OrderRequest, PsmoRequest } from '../../src/orders/order.ts';
import { Euicc } from '../../tools/lab/euicc/euicc.ts';
import { Ipa } from '../../tools/lab/ipa/ipa.ts';
import { configuration, otherSigner, profile } from '../lab/card.ts';
import { seededNumbers, seededRandom } from '../support/seeded.ts';
import { eid, pki } from './euicc.ts';
import { caller, Rig } from './rig.ts';

const hour = 3_600_000;
const iccids = [1, 2, 3, 4].map((n) => `9888000000000000007${n}`);
const steps = 40;
const lives = 30;

/** stateChangeCause (SGP.32 6.3.2.6). */
const cause = { otherEim: 0, fallback: 1, reset: 4 } as const;

/** The message did not get there, or its answer did not come back. */
class Lost extends Error {
  override readonly name = 'Lost';
}

class Life {
  readonly rig: Rig;
  readonly card: Euicc;
  readonly #ipa: Ipa;
  readonly #number: () => number;
  /** How many exchanges of ten go wrong. */
  weather = 0;
  /** Our packages that the card executed, by eimTransactionId; and the orders that they left for. */
  readonly executed: string[] = [];
  readonly #orders = new Map<string, string>();
  readonly told: string[] = [];
  #cause: number | undefined;
  #othersCounter = 0;

  private constructor(rig: Rig, seed: number) {
    this.rig = rig;
    this.#number = seededNumbers(seed);
    this.card = new Euicc({
      eid,
      credential: pki.euicc,
      eumCertificate: pki.eum.certificate,
      ciCertificates: [pki.ci.certificate],
      clock: rig.clock,
      random: seededRandom(seed),
    });
    const ours = configuration(rig.eim.id, {
      counterValue: 1,
      associationToken: generateAssociationToken,
      eimPublicKeyData: { type: 'eimPublicKey', value: rig.eim.signer.publicKeyInfo },
    });
    const eimConfigurationDataList = [ours, configuration('other', {}, otherSigner)];
    this.card.transmit(AddInitialEimRequest.encode({ eimConfigurationDataList }));
    this.#fresh();
    this.#ipa = new Ipa({
      card: { transmit: (command) => this.#transmit(command) },
      esipa: { exchange: (_, request) => this.#exchange(request) },
    });
  }

  static async begin(seed: number): Promise<Life> {
    const life = new Life(await Rig.with({ settings: { ownQuestions: 6 } }), seed);
    await life.order({ psmo: [{ listProfileInfo: {} }] });
    await life.order({ eco: [{ listEim: {} }] });
    await life.call();
    return life;
  }

  #fresh(): void {
    const [first = '', ...others] = iccids;
    const profiles = [
      profile(first, {}, true),
      ...others.map((iccid) => profile(iccid, { fallbackAllowed: true })),
    ];
    const { fallback: _, rollback: __, ...state } = this.card.snapshot();
    this.card.restore({ ...state, profiles });
  }

  #pick<T>(...list: readonly T[]): T {
    return list[Math.floor(this.#number() * list.length)] ?? assert.fail('nothing to choose');
  }

  #transmit(command: Uint8Array): Uint8Array {
    const answer = this.card.transmit(command);
    const isPackage = command[0] === 0xbf && command[1] === 0x51;
    if (isPackage && readOnly(readOnly(answer).value).tag === 0xa0) {
      const { value } = EuiccPackageRequest.decode(command).euiccPackageSigned;
      this.executed.push(toHex(value.eimTransactionId ?? assert.fail('it names no package')));
    }
    return answer;
  }

  async #exchange(request: Uint8Array): Promise<Uint8Array> {
    const ask = async () => {
      const answer = await callFunction(this.rig.eim, caller, request);
      const { id, state } = (await this.rig.eim.orders.next(eid)) ?? {};
      if (id !== undefined && state?.at === 'work') {
        this.#orders.set(toHex(state.dispatch.eimTransactionId), id);
      }
      return answer;
    };
    if (this.#number() * 10 >= this.weather) return ask();
    switch (this.#pick('request', 'answer', 'twice')) {
      case 'request':
        throw new Lost();
      case 'answer':
        await ask();
        throw new Lost();
      case 'twice':
        await ask();
        return ask();
    }
  }

  /** The order of each package that the card executed. */
  get ordersExecuted(): readonly string[] {
    return this.executed.map((name) => this.#orders.get(name) ?? assert.fail('of no order'));
  }

  order(request: OrderRequest) {
    const facility = 'eco' in request ? 'eco' : 'psmo';
    return this.rig.eim.orders.submit({ eid, facility, request });
  }

  /** The device calls; where a message is lost it goes back to sleep. */
  async call(): Promise<void> {
    if (this.#cause !== undefined) this.#ipa.notifyStateChange(this.#cause);
    try {
      const resumes = this.#pick(true, false);
      if (resumes && this.#pick(true, false)) await this.#ipa.deliverPackageResults();
      await this.#ipa.poll();
      // Told: the IPA has been answered.
      this.#cause = undefined;
      if (resumes) await this.#ipa.deliverNotifications();
    } catch (error) {
      if (!(error instanceof Lost)) throw error;
    }
  }

  #psmo(): PsmoRequest {
    const iccid = this.#pick(...iccids);
    return this.#pick<PsmoRequest>(
      { enable: { iccid } },
      { enable: { iccid, rollback: true } },
      { disable: { iccid } },
      { delete: { iccid } },
      { setFallbackAttribute: { iccid } },
      { unsetFallbackAttribute: {} },
      { getRAT: {} },
      { listProfileInfo: {} },
      { listProfileInfo: { tagList: '5A92' } },
    );
  }

  #eco(): EcoRequest {
    const eimId = this.#pick('third', 'other');
    const add = configuration(eimId, {}, otherSigner);
    const der = AddInitialEimRequest.encode({ eimConfigurationDataList: [add] });
    const eimConfigurationData = toHex(readOnly(readOnly(der).value).value);
    return this.#pick<EcoRequest>(
      { addEim: { eimConfigurationData } },
      { deleteEim: { eimId } },
      { listEim: {} },
    );
  }

  /** The other eIM has the card change something; the device tells of it. */
  #other(): void {
    this.#othersCounter += 1;
    const iccid = hex(this.#pick(...iccids));
    const euiccPackage = this.#pick<EuiccPackage>(
      { type: 'psmoList', value: [{ type: 'enable', value: { iccid } }] },
      { type: 'psmoList', value: [{ type: 'disable', value: { iccid } }] },
      { type: 'psmoList', value: [{ type: 'delete', value: { iccid } }] },
      { type: 'psmoList', value: [{ type: 'setFallbackAttribute', value: { iccid } }] },
      { type: 'ecoList', value: [{ type: 'deleteEim', value: { eimId: 'third' } }] },
    );
    const euiccPackageSigned = signedOf(EuiccPackageSigned, {
      eimId: 'other',
      eidValue: eidOctets(eid),
      counterValue: this.#othersCounter,
      eimTransactionId: hex('0A0B'),
      euiccPackage,
    });
    const eimSignature = otherSigner.sign(euiccPackageSigned.raw, undefined);
    this.card.transmit(EuiccPackageRequest.encode({ euiccPackageSigned, eimSignature }));
    this.#cause = cause.otherEim;
  }

  async step(): Promise<void> {
    const { rig } = this;
    const what = this.#pick(
      ...['psmo', 'psmo', 'psmo', 'eco', 'call', 'call', 'call', 'call', 'other', 'fallback'],
      ...['reset', 'cancel', 'delete', 'restart', 'rollback', 'counter'],
    );
    this.told.push(what);
    await rig.clock.turn(this.#pick(1000, hour, 5 * hour));
    this.weather = this.#pick(0, 1, 4);
    const open = (await rig.eim.orders.list({ eid })).filter(({ state }) => state.at !== 'done');
    switch (what) {
      case 'psmo':
        await this.order({ psmo: this.#pick([this.#psmo()], [this.#psmo(), this.#psmo()]) });
        break;
      case 'eco':
        await this.order({ eco: [this.#eco()] });
        break;
      case 'call':
        await this.call();
        break;
      case 'other':
        this.#other();
        break;
      case 'fallback':
        this.card.transmit(tlv(this.#pick(0xbf5d, 0xbf5e), tlv(0x80, Uint8Array.of(0xff))));
        this.#cause = cause.fallback;
        break;
      case 'reset':
        this.#fresh();
        this.#cause = cause.reset;
        break;
      case 'rollback':
        // The result that the IPA has now takes the place of the one of before.
        this.card.transmit(tlv(0xbf58, tlv(0x80, Uint8Array.of(0xff))));
        break;
      case 'cancel':
        for (const { id } of open.slice(0, 1)) await rig.eim.orders.cancel(id);
        break;
      case 'delete':
        for (const { id } of open.slice(0, 1)) await rig.eim.orders.delete(id);
        break;
      case 'restart':
        await rig.eim.euiccs.close();
        await rig.restart();
        break;
      case 'counter': {
        // As after a restore from a backup of days ago.
        const { counterValue } = await rig.eim.euiccs.ensure(eid);
        await rig.eim.euiccs.update(eid, { counterValue: Math.max(1, counterValue - 3) });
        break;
      }
    }
  }

  /** Days without trouble. */
  async calm(): Promise<void> {
    this.weather = 0;
    for (let day = 0; day < 5; day++) {
      await this.call();
      await this.#ipa.deliverPackageResults();
      await this.#ipa.deliverNotifications();
      await this.rig.clock.turn(25 * hour);
    }
  }

  /** What the eIM believes, and what is so. */
  async pictures() {
    const record = await this.rig.eim.euiccs.ensure(eid);
    const { profiles, eims } = this.card.snapshot();
    const sorted = (list: readonly string[]) => [...list].sort();
    return {
      believed: {
        profiles: sorted(
          (record.profiles?.list ?? []).map(
            ({ iccid, state, fallback }) => `${iccid} ${state} ${fallback === true}`,
          ),
        ),
        eims: sorted((record.eims?.list ?? []).map(({ eimId }) => eimId)),
        doubts: record.doubts,
        outstanding: record.outstanding,
      },
      true: {
        profiles: sorted(
          profiles.map(
            ({ iccid, enabled, fallbackAttribute }) =>
              `${iccid} ${enabled ? 'enabled' : 'disabled'} ${fallbackAttribute === true}`,
          ),
        ),
        eims: sorted(eims.map(({ eimId }) => eimId)),
        doubts: {},
        outstanding: undefined,
      },
    };
  }
}

describe('a life with an eUICC', () => {
  let questions = 0;
  after(() => assert.ok(questions > lives, `${questions} questions in ${lives} lives`));
  for (let seed = 1; seed <= lives; seed++) {
    it(`of seed ${seed} ends with a true picture`, async () => {
      const life = await Life.begin(seed);
      for (let i = 0; i < steps; i++) await life.step();
      await life.calm();
      const { believed, true: held } = await life.pictures();
      assert.deepEqual(believed, held, life.told.join(' '));
      const orders = await life.rig.eim.orders.list({ eid });
      assert.deepEqual(
        orders.filter(({ state }) => state.at !== 'done'),
        [],
      );
      const times = life.ordersExecuted;
      assert.equal(new Set(times).size, times.length, 'an order was executed twice');
      assert.deepEqual(
        life.rig.lines.filter(({ level }) => level === 'error'),
        [],
      );
      const own = orders.filter(({ byEim }) => byEim !== undefined).length;
      questions += own;
      assert.ok(own <= 6 * 12, `${own} questions in these days`);
    });
  }
});

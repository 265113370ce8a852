/** An eIM and the lab's device with nothing between them: ESipa messages go straight to their functions. */
import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { toHex } from '../../src/base/bytes.ts';
import { callFunction } from '../../src/esipa/functions.ts';
import { EimConfigurationData, generateAssociationToken } from '../../src/messages/eco.ts';
import { AddInitialEimRequest } from '../../src/messages/es10.ts';
import type { Facility, Order, OrderRequest } from '../../src/orders/order.ts';
import { Euicc } from '../../tools/lab/euicc/euicc.ts';
import { type Fault, faultsOfCard } from '../../tools/lab/faults.ts';
import { Ipa } from '../../tools/lab/ipa/ipa.ts';
import { profile } from '../lab/card.ts';
import { eid, pki } from '../procedures/euicc.ts';
import { caller, Rig, type RigOptions } from '../procedures/rig.ts';
import { seededRandom } from '../support/seeded.ts';

/** EF.ICCIDs: A is enabled; C may be the fallback profile, and is. */
export const [a, b, c] = [1, 2, 3].map((n) => `988800000000000000${n}F`) as [
  string,
  string,
  string,
];

const key = new X509Certificate(pki.eimSign.certificate).publicKey;
const spki = new Uint8Array(key.export({ format: 'der', type: 'spki' }));
export const eimPublicKeyData = { type: 'eimPublicKey', value: spki } as const;

/** An EimConfigurationData, in hex as orders have it. */
export const configuration = (
  eimId: string,
  more: Partial<EimConfigurationData> = {},
): { readonly eimConfigurationData: string } => ({
  eimConfigurationData: toHex(EimConfigurationData.encode({ eimId, ...more })),
});

/** What the eIM takes the eUICC to hold, or what it does hold. */
export interface Held {
  readonly profiles: readonly (readonly [iccid: string, enabled: boolean, fallback: boolean])[];
  readonly eims: readonly string[];
  readonly defaultSmdpAddress: string | undefined;
  readonly associationToken: number | undefined;
}

export class OrderFaults {
  readonly rig: Rig;
  readonly card: Euicc;
  readonly faults = new Set<Fault>();
  readonly #ipa: Ipa;
  /** Faults end with the first result that is reported. */
  #once = false;

  private constructor(rig: Rig) {
    this.rig = rig;
    this.card = new Euicc({
      eid,
      credential: pki.euicc,
      eumCertificate: pki.eum.certificate,
      ciCertificates: [pki.ci.certificate],
      clock: rig.clock,
      random: seededRandom(3),
    });
    this.card.transmit(
      AddInitialEimRequest.encode({
        eimConfigurationDataList: [
          {
            eimId: rig.eim.id,
            counterValue: 1,
            associationToken: generateAssociationToken,
            eimPublicKeyData: { type: 'eimCertificate', value: pki.eimSign.certificate },
          },
          {
            eimId: 'other',
            counterValue: 1,
            eimPublicKeyData,
          },
        ],
      }),
    );
    this.card.restore({
      ...this.card.snapshot(),
      profiles: [
        profile(a, {}, true),
        profile(b),
        { ...profile(c, { fallbackAllowed: true }), fallbackAttribute: true },
      ],
      defaultDpAddress: 'dp.example.com',
    });
    this.#ipa = new Ipa({
      card: this.card,
      faults: this.faults,
      esipa: {
        exchange: async (name, request) => {
          const answer = await callFunction(rig.eim, caller, request);
          if (this.#once && name === 'ProvideEimPackageResult') this.heal();
          return answer;
        },
      },
    });
  }

  /** The eIM knows all that the eUICC holds, by orders that went well. */
  static async begin(options: RigOptions = {}): Promise<OrderFaults> {
    const bench = new OrderFaults(await Rig.with(options));
    const tags = '81BF20BF228384A5A6A8A9';
    await bench.submit('edr', { edr: { tagList: tags } });
    await bench.submit('psmo', { psmo: [{ listProfileInfo: {} }] });
    await bench.submit('eco', { eco: [{ listEim: {} }] });
    await bench.#ipa.poll();
    assert.deepEqual(await bench.believed(), bench.held());
    return bench;
  }

  submit(facility: Facility, request: OrderRequest): Promise<Order> {
    return this.rig.eim.orders.submit({ eid, facility, request });
  }

  /** From now on it does this wrong; `once`: until it has reported a result. */
  misbehave(fault: Fault | undefined, once: boolean): void {
    if (fault === undefined) return;
    this.faults.add(fault);
    this.#once = once;
    Object.assign(this.card.faults, faultsOfCard(this.faults));
  }

  heal(): void {
    this.faults.clear();
    for (const name of Object.keys(this.card.faults))
      Reflect.deleteProperty(this.card.faults, name);
  }

  /** One call of the device: it polls until there is nothing more, and sleeps for an hour. */
  async call(): Promise<void> {
    await this.#ipa.poll();
    this.card.reset();
    await this.rig.clock.turn(3_600_000);
  }

  async believed(): Promise<Held> {
    const euicc = (await this.rig.eim.euiccs.get(eid)) ?? assert.fail('unknown');
    return {
      profiles: (euicc.profiles?.list ?? []).map(({ iccid, state, fallback }) => [
        iccid,
        state === 'enabled',
        fallback === true,
      ]),
      eims: (euicc.eims?.list ?? []).map(({ eimId }) => eimId),
      defaultSmdpAddress: euicc.defaultSmdpAddress,
      associationToken: euicc.associationToken,
    };
  }

  held(): Held {
    const { profiles, eims, defaultDpAddress } = this.card.snapshot();
    return {
      profiles: profiles.map(({ iccid, enabled, fallbackAttribute }) => [
        iccid,
        enabled,
        fallbackAttribute === true,
      ]),
      eims: eims.map(({ eimId }) => eimId),
      defaultSmdpAddress: defaultDpAddress,
      associationToken: eims.find(({ eimId }) => eimId === this.rig.eim.id)?.associationToken,
    };
  }
}

/**
 * What comes between the steps of a procedure, at every look at the store and every commit: a disk that is full for a
 * moment, after which the device says the same again, and an operator who cancels or deletes the order.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { hex } from '../../src/base/bytes.ts';
import type { EimPackageResult } from '../../src/messages/eim-package.ts';
import type { EuiccPackageResult, EuiccResultData } from '../../src/messages/euicc-package.ts';
import { parseIccid } from '../../src/messages/ids.ts';
import type { Order, OrderRequest } from '../../src/orders/order.ts';
import { MemoryStore } from '../../src/store/memory.ts';
import {
  type Change,
  type ListOptions,
  StoreError,
  type Table,
  table,
} from '../../src/store/store.ts';
import { settled } from '../support/hand-clock.ts';
import { euiccChallenge, euiccInfo1 } from './download.ts';
import { eid, iccid, pki } from './euicc.ts';
import { activationCode, Rig } from './rig.ts';
import { transactionId } from './smdp.ts';

/** A store that tells of each call before it is done; `commit` may be made to fail. */
class MeddledStore extends MemoryStore {
  calls = 0;
  commits = 0;
  onCall: (n: number) => void = () => {};
  fails: (n: number) => boolean = () => false;

  override async get<Row>(of: Table<Row>, key: string): Promise<Row | undefined> {
    this.onCall(this.calls++);
    return super.get(of, key);
  }

  override async list<Row>(of: Table<Row>, options?: ListOptions) {
    this.onCall(this.calls++);
    return super.list(of, options);
  }

  override async commit(changes: readonly Change[]): Promise<void> {
    this.onCall(this.calls++);
    if (this.fails(this.commits++)) throw new StoreError('no space left on the disk');
    await super.commit(changes);
  }
}

interface World {
  readonly rig: Rig;
  readonly store: MeddledStore;
  readonly order: Order;
  /** Something that the device says: once more where it gets no answer. */
  step<T>(say: () => Promise<T>): Promise<T>;
}

interface Scenario {
  readonly request: OrderRequest;
  /** Whether the eUICC's key is known. Default true. */
  readonly keyKnown?: boolean;
  /** All that the device says from its first poll on; whatever it is answered, it does not fall over. */
  run(world: World): Promise<void>;
}

const other = parseIccid('98880000000000000071');
const enabled: EuiccResultData = { type: 'enableResult', value: 0 };
const listed: EuiccResultData = {
  type: 'listProfileInfoResult',
  value: {
    type: 'profileInfoListOk',
    value: [{ iccid: hex(iccid), profileState: 1, fallbackAttribute: false }],
  },
};
const asResult = (value: EuiccPackageResult): EimPackageResult => ({
  type: 'euiccPackageResult',
  value,
});

async function executes({ rig, step }: World, ...results: EuiccResultData[]): Promise<void> {
  const answer = await step(() => rig.poll());
  if (answer.type !== 'euiccPackageRequest') return;
  const result = asResult(rig.euicc.result(rig.euicc.read(answer.value), results));
  await step(() => rig.provide(result));
}

/** The IPA tells the certificates that it is asked for. */
async function certifies({ rig, step }: World): Promise<void> {
  const question = await step(() => rig.poll());
  if (question.type !== 'ipaEuiccDataRequest') return;
  const { eimTransactionId } = question.value;
  const { certificate: euiccCertificate } = pki.euicc;
  const { certificate: eumCertificate } = pki.eum;
  const value = { eimTransactionId, euiccCertificate, eumCertificate };
  const response = { type: 'ipaEuiccData', value } as const;
  await step(() => rig.provide({ type: 'ipaEuiccDataResponse', value: response }));
}

async function installsByItself({ rig, step }: World, how: string): Promise<void> {
  const trigger = await step(() => rig.poll());
  if (trigger.type !== 'profileDownloadTriggerRequest') return;
  const { eimTransactionId } = trigger.value;
  if (how === 'told by the eUICC') {
    const value = rig.euicc.notification('notificationInstall');
    const pending = { type: 'pendingNotification', value } as const;
    await step(() => rig.say({ type: 'handleNotificationEsipa', value: pending }));
    await settled();
    return;
  }
  const profileDownloadTriggerResultData = rig.euicc.installation(transactionId);
  const value = { eimTransactionId, profileDownloadTriggerResultData };
  await step(() => rig.provide({ type: 'profileDownloadTriggerResult', value }));
}

async function downloads({ rig, step }: World, end: 'installs' | 'cancels'): Promise<void> {
  const trigger = await step(() => rig.poll());
  if (trigger.type !== 'profileDownloadTriggerRequest') return;
  const { eimTransactionId } = trigger.value;
  const { euicc } = rig;
  const authenticateServerResponse = euicc.authenticateServer(transactionId);
  const prepareDownloadResponse = euicc.prepareDownload(transactionId);
  const cancelSessionResponse = euicc.cancelSession(transactionId, 5);
  const initiation = { euiccChallenge, euiccInfo1, eimTransactionId };
  await step(() => rig.say({ type: 'initiateAuthenticationRequestEsipa', value: initiation }));
  await step(() =>
    rig.say({
      type: 'authenticateClientRequestEsipa',
      value: { transactionId, authenticateServerResponse },
    }),
  );
  await step(() =>
    rig.say({
      type: 'getBoundProfilePackageRequestEsipa',
      value: { transactionId, prepareDownloadResponse },
    }),
  );
  if (end === 'cancels') {
    const value = { transactionId, cancelSessionResponse };
    await step(() => rig.say({ type: 'cancelSessionRequestEsipa', value }));
    return;
  }
  const installation = euicc.installation(transactionId);
  const value = { type: 'pendingNotification', value: installation } as const;
  await step(() => rig.say({ type: 'handleNotificationEsipa', value }));
  await settled();
}

const scenarios: Readonly<Record<string, Scenario>> = {
  'an eUICC Package': {
    request: { psmo: [{ enable: { iccid } }] },
    run: (world) => executes(world, enabled),
  },
  'an eCO': {
    request: { eco: [{ deleteEim: { eimId: 'second' } }] },
    run: (world) => executes(world, { type: 'deleteEimResult', value: 0 }),
  },
  'an eUICC Package whose result was lost': {
    request: { psmo: [{ enable: { iccid } }] },
    async run({ rig, step }) {
      const answer = await step(() => rig.poll());
      if (answer.type !== 'euiccPackageRequest') return;
      const signed = rig.euicc.read(answer.value);
      const lost = rig.euicc.result(signed, [enabled]);
      const replay = asResult(rig.euicc.error(signed, 4));
      await step(() => rig.provide(replay));
      const question = await step(() => rig.poll());
      if (question.type !== 'ipaEuiccDataRequest') return;
      const { eimTransactionId } = question.value;
      const value = { eimTransactionId, euiccPackageResultList: [lost] };
      const response = { type: 'ipaEuiccData', value } as const;
      await step(() => rig.provide({ type: 'ipaEuiccDataResponse', value: response }));
    },
  },
  'an eUICC Package with a counter that is behind': {
    request: { psmo: [{ enable: { iccid } }] },
    async run(world) {
      const { rig, step } = world;
      const answer = await step(() => rig.poll());
      if (answer.type !== 'euiccPackageRequest') return;
      const replay = asResult(rig.euicc.error(rig.euicc.read(answer.value), 4));
      await step(() => rig.provide(replay));
      const question = await step(() => rig.poll());
      if (question.type !== 'ipaEuiccDataRequest') return;
      const { eimTransactionId } = question.value;
      const value = { eimTransactionId, euiccPackageResultList: [] };
      const response = { type: 'ipaEuiccData', value } as const;
      await step(() => rig.provide({ type: 'ipaEuiccDataResponse', value: response }));
      await executes(world, enabled);
    },
  },
  'eUICC data': {
    request: { edr: { tagList: '81BF20' } },
    async run({ rig, step }) {
      const question = await step(() => rig.poll());
      if (question.type !== 'ipaEuiccDataRequest') return;
      const { eimTransactionId } = question.value;
      const value = { eimTransactionId, defaultSmdpAddress: 'dp.example.com' };
      const response = { type: 'ipaEuiccData', value } as const;
      await step(() => rig.provide({ type: 'ipaEuiccDataResponse', value: response }));
    },
  },
  'an eUICC Package for an eUICC whose key is not known': {
    request: { psmo: [{ enable: { iccid } }] },
    keyKnown: false,
    async run(world) {
      await certifies(world);
      await executes(world, enabled);
    },
  },
  'a direct download': {
    request: { download: { activationCode, mode: 'direct' } },
    run: (world) => installsByItself(world, 'told by the IPA'),
  },
  'a direct download that a notification tells of': {
    request: { download: { activationCode, mode: 'direct' } },
    run: (world) => installsByItself(world, 'told by the eUICC'),
  },
  'a direct download to an eUICC whose key is not known': {
    request: { download: { activationCode, mode: 'direct' } },
    keyKnown: false,
    async run(world) {
      await installsByItself(world, 'told by the IPA');
      await certifies(world);
      await world.step(() => world.rig.poll());
    },
  },
  'a download': {
    request: { download: { activationCode } },
    run: (world) => downloads(world, 'installs'),
  },
  'a download that the device cancels': {
    request: { download: { activationCode } },
    run: (world) => downloads(world, 'cancels'),
  },
  'a whole order': {
    request: {
      whole: [
        { download: { activationCode, confirmationCode: '4711' } },
        { enableInstalled: { rollback: true } },
        { confirm: { polls: 3, within: 3_600_000 } },
      ],
    },
    async run(world) {
      await downloads(world, 'installs');
      await executes(world, enabled);
      await executes(world, listed);
    },
  },
};

async function begin({ request, keyKnown = true }: Scenario): Promise<Omit<World, 'step'>> {
  const store = new MeddledStore();
  const rig = await Rig.with({ store, keyKnown });
  const list = [{ iccid: other, state: 'enabled', fallback: false }] as const;
  const ordered = { iccid: parseIccid(iccid), state: 'disabled', fallback: false } as const;
  await rig.eim.euiccs.update(eid, {
    profiles: { since: 0, list: 'psmo' in request ? [...list, ordered] : list, seqNumber: 5 },
    eims: { since: 0, list: [{ eimId: 'eIM' }, { eimId: 'second' }] },
  });
  const order = await rig.eim.orders.submit({ eid, facility: 'whole', request });
  store.calls = 0;
  store.commits = 0;
  return { rig, store, order };
}

/** What it has come to, for the operator, the picture and the SM-DP+. */
async function outcome({ rig, order }: Omit<World, 'step'>) {
  const { profiles, eims, doubts, outstanding, defaultSmdpAddress, counterValue } =
    (await rig.eim.euiccs.get(eid)) ?? assert.fail('gone');
  const { state } = await rig.order(order);
  return {
    end: state.at === 'done' ? [state.success, state.outcome] : state.at,
    picture: { profiles, eims, doubts, outstanding, defaultSmdpAddress },
    counterValue,
    calls: rig.smdp.calls.map(({ name }) => name),
    codes: (await rig.store.list(table('order-confirmation'))).length,
  };
}

const again = async <T>(say: () => Promise<T>): Promise<T> => {
  try {
    return await say();
  } catch (error) {
    assert.equal((error as Error).name, 'StoreError');
    return say();
  }
};
const once = <T>(say: () => Promise<T>): Promise<T> => say();

for (const [name, scenario] of Object.entries(scenarios)) {
  const calm = { ...(await begin(scenario)), step: once };
  await scenario.run(calm);
  const { commits, calls } = calm.store;
  const right = await outcome(calm);

  describe(`${name}: a disk that is full for one commit`, () => {
    it('would end without', () => assert.ok(Array.isArray(right.end)));
    for (let n = 0; n < commits; n++) {
      it(`number ${n} of ${commits} changes nothing of how it ends`, async () => {
        const world = { ...(await begin(scenario)), step: again };
        world.store.fails = (commit) => commit === n;
        await scenario.run(world);
        const { calls: called, counterValue = 0, ...rest } = await outcome(world);
        const { calls: due, counterValue: least = 0, ...others } = right;
        assert.deepEqual(rest, others);
        // A counterValue may be left out, and a call whose answer could not be kept is made again.
        assert.ok(counterValue >= least && counterValue <= least + 1, `${counterValue}`);
        assert.ok(called.length - due.length <= 1, called.join());
      });
    }
  });

  describe(`${name}: an operator in between`, () => {
    for (const how of ['cancel', 'delete'] as const) {
      it(`${how}s at each of ${calls} looks at the store, and nothing fails`, async () => {
        for (let n = 0; n < calls; n++) {
          const world = { ...(await begin(scenario)), step: once };
          const { rig, store, order } = world;
          let meddled: Promise<unknown> | undefined;
          store.onCall = (call) => {
            if (call !== n || meddled !== undefined) return;
            meddled = rig.eim.orders[how](order.id).catch((error: unknown) => error);
          };
          await scenario.run(world).catch((error: unknown) => {
            throw new Error(`at look ${n}`, { cause: error });
          });
          const end = await meddled;
          const errors = rig.lines.filter(({ level }) => level === 'error');
          assert.deepEqual(errors, [], `at look ${n}`);
          if (how === 'delete') {
            assert.equal(end, true);
            assert.equal(await rig.eim.orders.get(order.id), undefined);
            continue;
          }
          const { state } = await rig.order(order);
          assert.equal(state.at, 'done', `at look ${n}`);
          // The device was first, or the operator.
          const ended = (await outcome(world)).end;
          const cancelled = [false, [{ procedureError: 'abortedOrder' }]];
          if (end instanceof Error) assert.deepEqual(ended, right.end, `at look ${n}`);
          else if (!('whole' in scenario.request)) assert.deepEqual(ended, cancelled);
          else assert.equal(ended[0], false);
          assert.equal((await outcome(world)).codes, 0, `at look ${n}`);
        }
      });
    }
  });
}

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type LogLine, makeLog } from '../../src/base/log.ts';
import type { PeerIdentity } from '../../src/fleet/device.ts';
import {
  counterReserve,
  counterWarning,
  type EuiccDefaults,
  type EuiccPatch,
  Euiccs,
  largestCounter,
} from '../../src/fleet/euiccs.ts';
import { type Eid, parseEid, parseIccid } from '../../src/messages/ids.ts';
import { LevelStore } from '../../src/store/level.ts';
import { MemoryStore } from '../../src/store/memory.ts';
import { type Store, table } from '../../src/store/store.ts';
import { newFolder } from '../support/folders.ts';
import { HandClock } from '../support/hand-clock.ts';

const eid = parseEid('89882119900000000000000000000005');
/** SGP.26's test eUICC. */
const otherEid = parseEid('89049032123451234512345678901235');

const psk = (name: string): PeerIdentity => ({ kind: 'psk', name });

function fleet(store: Store = new MemoryStore(), defaults: Partial<EuiccDefaults> = {}) {
  const clock = new HandClock();
  const lines: LogLine[] = [];
  const log = makeLog('fleet', (line) => lines.push(line));
  return { store, clock, lines, euiccs: new Euiccs({ store, clock, log, defaults }) };
}

/** A store that tells what is put into it, and may take its time over it. */
function slowStore() {
  const inner = new MemoryStore();
  const written: string[] = [];
  let wait = Promise.resolve();
  let lets = () => {};
  const store: Store = {
    get: (table, key) => inner.get(table, key),
    list: (table, options) => inner.list(table, options),
    scrub: () => inner.scrub(),
    close: () => inner.close(),
    async commit(changes) {
      for (const { type, key } of changes) if (type === 'put') written.push(key);
      await inner.commit(changes);
      await wait;
    },
  };
  const holds = () => {
    wait = new Promise((resolve) => {
      lets = resolve;
    });
  };
  return { store, written, holds, lets: () => lets() };
}

const patch: EuiccPatch = {
  associationToken: 3,
  counterValue: 40,
  signAlgo: 'brainpoolP256r1',
  consumerEuicc: true,
  publicKey: Uint8Array.from({ length: 65 }, (_, i) => (i === 0 ? 4 : i)),
  euiccCertificate: Uint8Array.of(0x30, 1),
  eumCertificate: Uint8Array.of(0x30, 2),
  euiccInfo1: Uint8Array.of(0xbf, 0x20, 0),
  euiccInfo2: Uint8Array.of(0xbf, 0x22, 0),
  ipaCapabilities: Uint8Array.of(0xa8, 0),
  deviceInfo: Uint8Array.of(0xa9, 0),
  profiles: {
    since: 7,
    list: [
      {
        iccid: parseIccid('989444999999990920F3'),
        isdpAid: Uint8Array.of(0xa0),
        state: 'enabled',
        class: 'operational',
        name: 'Meter',
      },
    ],
  },
  stateChangeCauseList: ['deviceChange'],
};

describe('the record of an eUICC', () => {
  it('is not there until it is made, with the defaults', async () => {
    const { euiccs, clock } = fleet();
    assert.equal(await euiccs.get(eid), undefined);
    const due = {
      eid,
      added: clock.now(),
      associationToken: 1,
      counterValue: 1,
      signAlgo: 'prime256v1',
      consumerEuicc: false,
      stateChangeCauseList: [],
      origins: {},
      doubts: {},
    };
    assert.deepEqual(await euiccs.ensure(eid), due);
    await clock.turn(1000);
    assert.deepEqual(await euiccs.ensure(eid), due);
    assert.deepEqual(await euiccs.get(eid), due);
    assert.equal(await euiccs.get(otherEid), undefined);
  });

  it('has the defaults of the configuration', async () => {
    const { euiccs } = fleet(new MemoryStore(), { counterValue: 100, consumerEuicc: true });
    const record = await euiccs.ensure(eid);
    assert.deepEqual([record.counterValue, record.consumerEuicc], [100, true]);
  });

  it('keeps every fact, also over a restart', async () => {
    const folder = newFolder();
    const store = await LevelStore.open(folder);
    const { euiccs, clock } = fleet(store);
    const record = await euiccs.update(eid, patch);
    const nothing = { origins: {}, doubts: {} };
    assert.deepEqual(record, { eid, added: clock.now(), ...patch, ...nothing });
    await store.close();
    const again = await LevelStore.open(folder);
    assert.deepEqual(await fleet(again).euiccs.get(eid), record);
    await again.close();
  });

  it('keeps where a fact comes from and what is in doubt, also over a restart', async () => {
    const folder = newFolder();
    const store = await LevelStore.open(folder);
    const { euiccs, clock } = fleet(store);
    const origin = { at: 5, source: 'the operator', sure: 'set' } as const;
    await euiccs.update(eid, { associationToken: 4 }, origin);
    await euiccs.update(eid, { counterValue: 9 }, origin);
    await euiccs.update(eid, { signAlgo: 'prime256v1' });
    await store.commit([...euiccs.doubt(eid, ['data', 'profiles'], 'why')]);
    await store.commit([...euiccs.settled(eid, 'data')]);
    await store.close();
    const again = await LevelStore.open(folder);
    const record = await fleet(again).euiccs.get(eid);
    assert.deepEqual(record?.origins, { associationToken: origin, counterValue: origin });
    const doubt = { since: clock.now(), why: 'why', asked: 0 };
    assert.deepEqual(record?.doubts, { profiles: doubt });
    await again.close();
  });

  it('counts the questions about a doubt, and forgets what is to be forgotten', async () => {
    const { euiccs, store, clock } = fleet();
    const outstanding = { orderId: 'x', about: ['profiles'] } as const;
    const record = await euiccs.update(eid, { outstanding });
    const doubt = { since: 1, why: 'why', asked: 1 };
    for (let i = 0; i < 3; i++) {
      await clock.turn(1000);
      const known = (await euiccs.get(eid)) ?? record;
      await store.commit([...euiccs.asked(known, 'profiles', doubt, 2)]);
    }
    await store.commit([...euiccs.forget(eid, 'outstanding')]);
    const after = await euiccs.get(eid);
    assert.deepEqual(after?.doubts.profiles, { ...doubt, asked: 2, last: clock.now() });
    assert.deepEqual(after?.ownQuestions, [clock.now() - 1000, clock.now()]);
    assert.equal(after?.outstanding, undefined);
  });

  it('changes in what is named alone', async () => {
    const { euiccs } = fleet();
    const before = await euiccs.update(eid, patch);
    const after = await euiccs.update(eid, { associationToken: 4 });
    assert.deepEqual(after, { ...before, associationToken: 4 });
  });

  it('does not lose facts that are learned at the same time', async () => {
    const { euiccs } = fleet();
    await euiccs.ensure(eid);
    await Promise.all([
      ...Object.entries(patch).map(([name, value]) => euiccs.update(eid, { [name]: value })),
      euiccs.contact(eid, {}),
    ]);
    const record = await euiccs.get(eid);
    for (const [name, value] of Object.entries(patch)) {
      assert.deepEqual(
        Object.entries(record ?? {}).find(([key]) => key === name)?.[1],
        value,
        name,
      );
    }
    assert.equal(record?.lastPeer, 'anonymous peer');
  });

  it('changes with the commit of another room, or not at all', async () => {
    const { euiccs, store } = fleet();
    await euiccs.ensure(eid);
    const changes = euiccs.change(eid, { associationToken: 9, signAlgo: 'brainpoolP256r1' });
    assert.equal((await euiccs.get(eid))?.associationToken, 1);
    await store.commit(changes);
    assert.equal((await euiccs.get(eid))?.associationToken, 9);
    assert.equal((await euiccs.get(eid))?.signAlgo, 'brainpoolP256r1');
  });

  it('tells of first and last contact and each cause of change once', async () => {
    const { euiccs, clock } = fleet();
    const first = clock.now();
    await euiccs.contact(eid, { identity: psk('meter-1') });
    await clock.turn(5000);
    await euiccs.contact(eid, { identity: psk('meter-2'), stateChangeCause: 6 });
    await euiccs.contact(eid, { identity: psk('meter-2'), stateChangeCause: 6 });
    await euiccs.contact(eid, { identity: psk('meter-2'), stateChangeCause: 99 });
    const record = await euiccs.get(eid);
    assert.equal(record?.added, first);
    assert.equal(record?.firstContact, first);
    assert.equal(record?.lastContact, first + 5000);
    assert.equal(record?.lastPeer, 'PSK meter-2');
    assert.deepEqual(record?.stateChangeCauseList, ['deviceChange', 'undefined']);
  });

  it('leads to the connection of the last poll, and nowhere after one over HTTPS', async () => {
    const { euiccs, store, clock } = fleet();
    const shown = async (of = euiccs) => (await of.get(eid))?.lastConnection;
    const onDisk = () => shown(fleet(store).euiccs);
    const overDtls = { identity: psk('meter-1'), connection: 'c1' };
    const overHttps = { identity: { kind: 'certificate', name: 'meter-1' } } as const;
    await euiccs.contact(eid, overDtls);
    assert.deepEqual([await shown(), await onDisk()], ['c1', 'c1']);
    await euiccs.contact(eid, overHttps);
    assert.equal(await shown(), undefined);
    await clock.turn(10_000);
    assert.equal(await onDisk(), undefined);
    await euiccs.contact(eid, { ...overDtls, stateChangeCause: 6 });
    assert.deepEqual([await shown(), await onDisk()], ['c1', 'c1']);
    await euiccs.contact(eid, { ...overHttps, stateChangeCause: 6 });
    assert.deepEqual([await shown(), await onDisk()], [undefined, undefined]);
  });

  it('writes of a poll only what is new, and all of it where it cannot know that', async () => {
    const { store, written, holds, lets } = slowStore();
    const { euiccs, clock } = fleet(store);
    const overDtls = { identity: psk('meter-1'), connection: 'c1' };
    await euiccs.contact(eid, overDtls);
    const polled = async (contact: typeof overDtls) => {
      written.length = 0;
      euiccs.heard(eid, contact, true);
      await clock.turn(10_000);
      return written.map((name) => name.replace(`${eid}/`, ''));
    };
    assert.deepEqual(await polled(overDtls), ['lastContact', 'polls']);
    assert.deepEqual(await polled({ ...overDtls, connection: 'c2' }), [
      'lastContact',
      'polls',
      'lastConnection',
      `c2/${eid}`,
    ]);
    const all = ['lastContact', 'polls', 'lastPeer', 'lastConnection', `c2/${eid}`];
    holds();
    assert.deepEqual((await polled({ ...overDtls, connection: 'c3' })).length, 4);
    assert.deepEqual(await polled({ ...overDtls, connection: 'c2' }), all);
    lets();
    await polled({ ...overDtls, connection: 'c2' });
    assert.deepEqual(await polled({ ...overDtls, connection: 'c2' }), ['lastContact', 'polls']);
    assert.equal((await fleet(store).euiccs.get(eid))?.lastConnection, 'c2');
  });

  it('tells after a start who polled last over a connection, and nobody who polls elsewhere', async () => {
    const { euiccs, clock, store } = fleet();
    const over = (connection: string) => ({ identity: psk('meter-1'), connection });
    const found = (connection: string, of = fleet(store).euiccs) => of.polledOver(connection);
    await euiccs.contact(eid, over('c1'));
    await euiccs.contact(otherEid, over('c1'));
    assert.deepEqual(await found('c1'), [otherEid, eid].sort());
    euiccs.heard(eid, over('c2'));
    assert.deepEqual(await found('c1', euiccs), [otherEid], 'known at once');
    await clock.turn(10_000);
    assert.deepEqual([await found('c1'), await found('c2')], [[otherEid], [eid]]);
    await euiccs.contact(eid, { ...over('c3'), stateChangeCause: 6 });
    await euiccs.contact(otherEid, { stateChangeCause: 6 });
    assert.deepEqual([await found('c1'), await found('c2'), await found('c3')], [[], [], [eid]]);
    assert.deepEqual(
      (await store.list(table('euicc-over'))).map(([key]) => key),
      [`c3/${eid}`],
    );
  });

  it('shows polls at once, and writes those that tell nothing else within seconds, or when it is closed', async () => {
    const { euiccs, clock, store } = fleet();
    const first = clock.now();
    await euiccs.contact(eid, { identity: psk('meter-1') });
    await clock.turn(1000);
    await euiccs.contact(eid, { identity: psk('meter-1') });
    assert.equal((await euiccs.get(eid))?.lastContact, first + 1000);
    const onDisk = async () => (await fleet(store).euiccs.get(eid))?.lastContact;
    assert.equal(await onDisk(), first);
    await clock.turn(10_000);
    assert.equal(await onDisk(), first + 1000);
    await euiccs.contact(eid, { identity: psk('meter-1') });
    await euiccs.close();
    assert.equal(await onDisk(), first + 11_000);
  });
});

describe('the list of eUICCs', () => {
  it('is in the order of EIDs, in pages', async () => {
    const { euiccs } = fleet();
    const eids = Array.from(
      { length: 7 },
      (_, i) => `8904404500000000000000000000${String(i).padStart(4, '0')}` as Eid,
    );
    for (const one of [...eids].reverse()) await euiccs.update(one, patch);
    const listed = async (options?: Parameters<Euiccs['list']>[0]) =>
      (await euiccs.list(options)).map((record) => record.eid);
    assert.deepEqual(await listed(), eids);
    assert.deepEqual(await listed({ limit: 3 }), eids.slice(0, 3));
    const [, second] = eids;
    assert.ok(second !== undefined);
    assert.deepEqual(await listed({ after: second, limit: 2 }), eids.slice(2, 4));
    assert.deepEqual(await listed({ limit: 0 }), []);
    assert.deepEqual((await euiccs.list({ limit: 1 }))[0], await euiccs.get(eids[0] ?? eid));
  });
});

describe('the counter of an eUICC', () => {
  it('starts one above that of the configuration on the card', async () => {
    const { euiccs } = fleet();
    const { counterValue, associationToken } = await euiccs.nextCounter(eid);
    assert.deepEqual([counterValue, associationToken], [2, 1]);
    await euiccs.update(otherEid, { counterValue: 77, associationToken: 5 });
    const other = await euiccs.nextCounter(otherEid);
    assert.deepEqual([other.counterValue, other.associationToken], [78, 5]);
  });

  it('is never given twice, whoever asks at the same time', async () => {
    for (const store of [new MemoryStore(), await LevelStore.open(newFolder())]) {
      const { euiccs } = fleet(store);
      const taken = await Promise.all(Array.from({ length: 100 }, () => euiccs.nextCounter(eid)));
      const values = taken.map(({ counterValue }) => counterValue).sort((a, b) => a - b);
      assert.deepEqual(
        values,
        Array.from({ length: 100 }, (_, i) => i + 2),
      );
      await store.close();
    }
  });

  it('on disk is not below one that was taken later but committed earlier', async () => {
    const { euiccs, store } = fleet();
    const first = await euiccs.nextCounter(eid);
    const second = await euiccs.nextCounter(eid);
    await store.commit([second.change]);
    await store.commit([first.change]);
    const restarted = fleet(store).euiccs;
    assert.ok((await restarted.nextCounter(eid)).counterValue > second.counterValue);
  });

  it('that was never committed leaves a gap and is not given again', async () => {
    const { euiccs, store } = fleet();
    await euiccs.nextCounter(eid);
    const second = await euiccs.nextCounter(eid);
    await store.commit([second.change]);
    assert.equal((await fleet(store).euiccs.nextCounter(eid)).counterValue, 4);
  });

  it('goes where the operator sets it, also down', async () => {
    const { euiccs } = fleet();
    await euiccs.update(eid, { counterValue: 1000 });
    assert.equal((await euiccs.nextCounter(eid)).counterValue, 1001);
    await euiccs.update(eid, { counterValue: 5 });
    assert.equal((await euiccs.get(eid))?.counterValue, 5);
    assert.equal((await euiccs.nextCounter(eid)).counterValue, 6);
  });

  it('ends at 8 388 607', async () => {
    const { euiccs } = fleet();
    assert.equal(largestCounter, 8_388_607);
    const last = largestCounter - counterReserve;
    await euiccs.update(eid, { counterValue: last - 1 });
    assert.equal((await euiccs.nextCounter(eid)).counterValue, last);
    await assert.rejects(euiccs.nextCounter(eid), { name: 'CounterError' });
    await assert.rejects(euiccs.nextCounter(eid), /used up/);
    for (let value = last + 1; value <= largestCounter; value++) {
      assert.equal((await euiccs.nextCounter(eid, true)).counterValue, value);
    }
    await assert.rejects(euiccs.nextCounter(eid, true), /used up/);
  });

  it('is warned of in time, and not with each package', async () => {
    const { euiccs, lines } = fleet();
    const warned = () => lines.filter(({ level }) => level === 'warn').length;
    await euiccs.update(eid, { counterValue: largestCounter - counterWarning - 1 });
    await euiccs.nextCounter(eid);
    assert.equal(warned(), 0);
    await euiccs.nextCounter(eid);
    assert.equal(warned(), 1);
    for (let i = 0; i < 999; i++) await euiccs.nextCounter(eid);
    assert.equal(warned(), 2);
  });

  for (const counterValue of [-1, 1.5, Number.NaN, largestCounter + 1]) {
    it(`cannot be set to ${counterValue}`, async () => {
      const { euiccs } = fleet();
      await assert.rejects(euiccs.update(eid, { counterValue }), { name: 'CounterError' });
      assert.equal((await euiccs.nextCounter(eid)).counterValue, 2);
    });
  }
});

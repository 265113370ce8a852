/** What devices prove themselves with: pins, certificates below an anchor, PSKs that change; and their end. */
import assert from 'node:assert/strict';
import { createHash, createPublicKey, type KeyObject } from 'node:crypto';
import { describe, it } from 'node:test';
import { concat, toHex, utf8 } from '../../src/base/bytes.ts';
import { silentLog } from '../../src/base/log.ts';
import type { NewDevice, PeerIdentity } from '../../src/fleet/device.ts';
import { type ChainName, Devices, type DevicesOptions } from '../../src/fleet/devices.ts';
import { refused } from '../../src/fleet/offers.ts';
import { parseEid } from '../../src/messages/ids.ts';
import { MemoryStore } from '../../src/store/memory.ts';
import { issueCertificate, newKey } from '../../tools/lab/pki/issue.ts';
import { testBox } from '../support/box.ts';
import { HandClock } from '../support/hand-clock.ts';

const eid = parseEid('89882119900000000000000000000005');
const otherEid = parseEid('89049032123451234512345678901235');
const keyA = new Uint8Array(16).fill(0xa);
const keyB = new Uint8Array(16).fill(0xb);
const keyC = new Uint8Array(16).fill(0xc);

const print = (der: Uint8Array) => toHex(createHash('sha256').update(der).digest());
const spkiOf = (key: KeyObject) =>
  new Uint8Array(createPublicKey(key).export({ format: 'der', type: 'spki' }));

/** A certificate that signs itself, as a device makes one. */
function selfSigned(name: string) {
  return issueCertificate({
    subject: [['CN', name]],
    notBefore: new Date(0),
    notAfter: new Date(1),
    keyUsage: 'digitalSignature',
    ski: false,
  });
}
const own = selfSigned('meter');
const strange = selfSigned('meter');

interface Fleet {
  readonly devices: Devices;
  readonly clock: HandClock;
  readonly store: MemoryStore;
  /** Whose connections were to end, and why. */
  readonly gone: string[];
}

async function fleet(nameOf?: DevicesOptions['nameOf'], store = new MemoryStore()): Promise<Fleet> {
  const clock = new HandClock();
  const box = testBox();
  const devices = await Devices.open({
    store,
    clock,
    log: silentLog(),
    box,
    ...(nameOf === undefined ? {} : { nameOf }),
  });
  const gone: string[] = [];
  devices.onGone((identity, why) => gone.push(`${identity} ${why}`));
  return { devices, clock, store, gone };
}

const pinned = (identity: string, pins: Partial<NewDevice>): NewDevice => ({
  identity,
  eids: [eid],
  ...pins,
});
const shows = (...chain: readonly Uint8Array[]) => ({ type: 'certificate', chain }) as const;
const bare = (spki: Uint8Array) => ({ type: 'rawPublicKey', spki }) as const;
const psk = (name: string): PeerIdentity => ({ kind: 'psk', name });
const byCertificate = (name: string): PeerIdentity => ({ kind: 'certificate', name });
const byKey = (name: string): PeerIdentity => ({ kind: 'rawPublicKey', name });

describe('a pinned certificate', () => {
  it('is its device, whatever its dates and issuer, and speaks for its EIDs', async () => {
    const { devices } = await fleet();
    await devices.add(pinned('m', { certificates: [print(own.certificate)] }));
    const verdict = devices.checkClient(shows(own.certificate, strange.certificate));
    assert.deepEqual(verdict, { identity: byCertificate('m') });
    assert.deepEqual(devices.eidsOf(byCertificate('m')), [eid]);
    assert.ok(devices.covers(byCertificate('m'), eid) && devices.anyPins);
  });

  it('is nobody where it is another, or changed, or none', async () => {
    const { devices } = await fleet();
    await devices.add(pinned('m', { certificates: [print(own.certificate)] }));
    const reasonOf = (...chain: readonly Uint8Array[]) =>
      Reflect.get(devices.checkClient(shows(...chain)), 'refused');
    const changed = own.certificate.slice();
    changed[changed.length - 1] = (changed.at(-1) ?? 0) ^ 1;
    assert.equal(reasonOf(strange.certificate), 'unknown');
    assert.equal(reasonOf(strange.certificate, own.certificate), 'unknown');
    assert.equal(reasonOf(changed), 'unknown');
    assert.equal(reasonOf(), 'malformed');
    assert.equal(reasonOf(utf8('junk')), 'malformed');
    assert.equal(reasonOf(concat(own.certificate, new Uint8Array(10_000))), 'malformed');
    assert.equal(
      Reflect.get(devices.checkClient(bare(spkiOf(own.key))), 'refused'),
      'unknown',
      'its bare key is not pinned',
    );
  });
});

describe('a pinned key', () => {
  it('is its device, bare or in any certificate', async () => {
    const { devices } = await fleet();
    await devices.add(pinned('m', { publicKeys: [print(spkiOf(own.key))] }));
    assert.deepEqual(devices.checkClient(bare(spkiOf(own.key))), { identity: byKey('m') });
    assert.deepEqual(devices.checkClient(shows(own.certificate)), {
      identity: byCertificate('m'),
    });
    assert.ok(devices.stands(byKey('m'), new HandClock().now()));
  });

  it('is nobody where it is another, empty or too long', async () => {
    const { devices } = await fleet();
    await devices.add(pinned('m', { publicKeys: [print(spkiOf(own.key))] }));
    const reasonOf = (spki: Uint8Array) => Reflect.get(devices.checkClient(bare(spki)), 'refused');
    assert.equal(reasonOf(spkiOf(newKey())), 'unknown');
    assert.equal(reasonOf(new Uint8Array()), 'malformed');
    assert.equal(reasonOf(new Uint8Array(9000)), 'malformed');
  });
});

describe('pins', () => {
  it('are of one device each, also within a batch', async () => {
    const { devices } = await fleet();
    const pins = { certificates: [print(own.certificate)] };
    const ends = await devices.addAll([pinned('a', pins), pinned('b', pins)]);
    assert.deepEqual(
      ends.map(({ type }) => type),
      ['added', 'refused'],
    );
    await assert.rejects(devices.add(pinned('c', pins)), { field: 'certificates' });
    assert.equal(devices.get('b'), undefined);
    await devices.remove('a');
    assert.equal(Reflect.get(devices.checkClient(shows(own.certificate)), 'refused'), 'unknown');
    await devices.add(pinned('c', pins));
  });

  it('outlive a restart', async () => {
    const { devices, store } = await fleet();
    await devices.add(pinned('m', { publicKeys: [print(spkiOf(own.key))], key: keyA }));
    const { devices: again } = await fleet(undefined, store);
    assert.deepEqual(again.checkClient(bare(spkiOf(own.key))), { identity: byKey('m') });
    assert.deepEqual(again.list(), devices.list());
  });

  for (const [what, pins, field] of [
    ['a pin in lower case', { certificates: ['ab'.repeat(32)] }, 'certificates'],
    ['a pin of 31 octets', { publicKeys: ['AB'.repeat(31)] }, 'publicKeys'],
    ['nine pins', { publicKeys: Array(9).fill('AB'.repeat(32)) }, 'publicKeys'],
    ['no credential at all', {}, 'key'],
  ] as const) {
    it(`are refused: ${what}`, async () => {
      const { devices } = await fleet();
      await assert.rejects(devices.add(pinned('m', pins)), { name: 'DeviceError', field });
      assert.deepEqual(devices.list(), []);
    });
  }
});

describe('a certificate below an anchor', () => {
  const named = (answer: ChainName) => fleet(() => answer);

  it('that names an EID speaks for it alone', async () => {
    const { devices } = await named({ name: eid });
    const verdict = devices.checkClient(shows(own.certificate));
    assert.deepEqual(verdict, { identity: byCertificate(eid) });
    assert.deepEqual(devices.eidsOf(byCertificate(eid)), [eid]);
    assert.ok(!devices.covers(byCertificate(eid), otherEid));
    assert.deepEqual(devices.eidsOf(psk(eid)), [], 'a PSK of that name does not');
    assert.ok(devices.stands(byCertificate(eid), 0) && !devices.stands(psk(eid), 0));
  });

  it('that names a device speaks for its EIDs, where the device may use one', async () => {
    const { devices } = await named({ name: 'meter-7' });
    const check = () => devices.checkClient(shows(own.certificate));
    assert.equal(Reflect.get(check(), 'refused'), 'unknown');
    await devices.add({ identity: 'meter-7', key: keyA, eids: [eid] });
    assert.equal(Reflect.get(check(), 'refused'), 'unknown', 'its name is not enough');
    await devices.add({ identity: 'meter-7', chain: true, eids: [eid] }, { replace: true });
    assert.deepEqual(check(), { identity: byCertificate('meter-7') });
    assert.deepEqual(devices.eidsOf(byCertificate('meter-7')), [eid]);
  });

  it('that is not believed is refused with the reason', async () => {
    const { devices } = await named(refused('expired', 'not valid now'));
    assert.deepEqual(
      devices.checkClient(shows(own.certificate)),
      refused('expired', 'not valid now'),
    );
  });

  it('is nobody without anchors', async () => {
    const { devices } = await fleet();
    assert.equal(Reflect.get(devices.checkClient(shows(own.certificate)), 'refused'), 'unknown');
    assert.ok(!devices.stands(byCertificate(eid), 0));
    assert.deepEqual(devices.eidsOf(byCertificate(eid)), []);
  });

  it('is revoked by its name, though nobody added it; its EID stays bound', async () => {
    const { devices, gone } = await named({ name: eid });
    assert.ok(!devices.anyCovers(eid));
    const { revoked } = await devices.revoke(eid);
    assert.equal(revoked, new HandClock().now());
    assert.equal(Reflect.get(devices.checkClient(shows(own.certificate)), 'refused'), 'revoked');
    assert.ok(!devices.stands(byCertificate(eid), Number.MAX_SAFE_INTEGER));
    assert.deepEqual(devices.eidsOf(byCertificate(eid)), []);
    assert.ok(devices.anyCovers(eid));
    assert.deepEqual(gone, [`${eid} revoked`]);
  });
});

describe('a PSK that changes', () => {
  const meter: NewDevice = { identity: 'm', key: keyA, eids: [eid] };
  const keys = ({ devices }: Fleet) => devices.pskOf(utf8('m'));

  it('is good until the device has used the new one', async () => {
    const one = await fleet();
    await one.devices.add(meter);
    await one.devices.rotate('m', keyB);
    assert.deepEqual(keys(one), [keyB, keyA]);
    assert.equal(one.devices.get('m')?.keys, 2);
    await one.devices.pskUsed('m', keyA);
    assert.deepEqual(keys(one), [keyB, keyA], 'the old one is still in use');
    await one.devices.pskUsed('m', keyB);
    assert.deepEqual(keys(one), [keyB]);
    assert.ok(one.devices.hasPsk('m', keyB) && !one.devices.hasPsk('m', keyA));
    assert.deepEqual(keys(await fleet(undefined, one.store)), [keyB], 'also after a restart');
    assert.deepEqual(one.gone, [], 'its connections live on');
  });

  it('changes again before it was used: those older than the one used go', async () => {
    const one = await fleet();
    await one.devices.add(meter);
    await one.devices.rotate('m', keyB);
    await one.devices.rotate('m', keyC);
    assert.deepEqual(keys(one), [keyC, keyB, keyA]);
    await one.devices.pskUsed('m', keyB);
    assert.deepEqual(keys(one), [keyC, keyB]);
  });

  it('is dropped at once on demand, with the connections of before', async () => {
    const one = await fleet();
    await one.devices.add(meter);
    const before = one.clock.now();
    assert.ok(one.devices.stands(psk('m'), before));
    await one.clock.turn(1000);
    await one.devices.rotate('m', keyB, { dropOld: true });
    assert.deepEqual(keys(one), [keyB]);
    assert.ok(!one.devices.stands(psk('m'), before));
    assert.ok(one.devices.stands(psk('m'), one.clock.now()));
    assert.deepEqual(one.gone, ['m replaced']);
    assert.ok(!(await fleet(undefined, one.store)).devices.stands(psk('m'), before));
  });

  it('is refused where there is nothing to change, or it is the same', async () => {
    const { devices } = await fleet();
    await devices.add(meter);
    await devices.add(pinned('pin', { certificates: [print(own.certificate)] }));
    await assert.rejects(devices.rotate('nobody', keyB), { field: 'unknown' });
    await assert.rejects(devices.rotate('pin', keyB), { field: 'state' });
    await assert.rejects(devices.rotate('m', keyA), { field: 'key' });
    await assert.rejects(devices.rotate('m', keyA.slice(1)), { field: 'key' });
    for (const octet of [1, 2, 3]) await devices.rotate('m', new Uint8Array(16).fill(octet));
    await assert.rejects(devices.rotate('m', keyC), { field: 'state' });
    await devices.rotate('m', keyC, { dropOld: true });
  });

  it('that nobody has is not heard of', async () => {
    const { devices } = await fleet();
    await devices.add(meter);
    await devices.rotate('m', keyB);
    await devices.pskUsed('m', keyC);
    await devices.pskUsed('nobody', keyB);
    assert.equal(devices.get('m')?.keys, 2);
  });
});

describe('a device that is revoked', () => {
  it('is refused by every credential, keeps its name, and its EIDs from others', async () => {
    const one = await fleet();
    const { devices } = one;
    const pins = {
      certificates: [print(own.certificate)],
      publicKeys: [print(spkiOf(strange.key))],
    };
    await devices.add(pinned('m', { ...pins, key: keyA }));
    await devices.revoke('m');
    assert.deepEqual(devices.pskOf(utf8('m')), []);
    assert.equal(Reflect.get(devices.checkClient(shows(own.certificate)), 'refused'), 'revoked');
    assert.equal(Reflect.get(devices.checkClient(bare(spkiOf(strange.key))), 'refused'), 'revoked');
    for (const identity of [psk('m'), byCertificate('m'), byKey('m')]) {
      assert.ok(!devices.stands(identity, Number.MAX_SAFE_INTEGER));
      assert.deepEqual(devices.eidsOf(identity), []);
    }
    assert.ok(devices.anyCovers(eid));
    await assert.rejects(devices.add(pinned('m', { key: keyB })), { field: 'exists' });
    await assert.rejects(devices.rotate('m', keyB), { field: 'state' });
    assert.deepEqual(one.gone, ['m revoked']);
    const again = await fleet(undefined, one.store);
    assert.deepEqual(again.devices.pskOf(utf8('m')), []);
    assert.notEqual(again.devices.get('m')?.revoked, undefined);
  });

  it('is revoked once, and only where it is known', async () => {
    const { devices, gone, clock } = await fleet();
    await devices.add(pinned('m', { key: keyA }));
    const first = await devices.revoke('m');
    await clock.turn(1000);
    assert.deepEqual(await devices.revoke('m'), first);
    assert.deepEqual(gone, ['m revoked']);
    await assert.rejects(devices.revoke('nobody'), { field: 'unknown' });
    await assert.rejects(devices.revoke(eid), { field: 'unknown' });
  });

  it('comes back by being removed and added; connections of before do not', async () => {
    const { devices, clock, gone } = await fleet();
    await devices.add(pinned('m', { key: keyA }));
    const before = clock.now();
    await clock.turn(1000);
    await devices.remove('m');
    await devices.add(pinned('m', { key: keyA }));
    assert.deepEqual(gone, ['m removed']);
    assert.deepEqual(devices.pskOf(utf8('m')), [keyA]);
    assert.ok(!devices.stands(psk('m'), before) && devices.stands(psk('m'), clock.now()));
  });
});

describe('many devices', () => {
  it('are added together; one that is wrong keeps none out, one that is there is left alone', async () => {
    const { devices, gone } = await fleet();
    const a = pinned('a', { key: keyA });
    await devices.add(a);
    const batch = [
      a,
      pinned('b', { key: keyB }),
      pinned('c', { key: keyB.slice(1) }),
      pinned('b', {}),
    ];
    const ends = await devices.addAll([...batch, pinned('a', { key: keyC })]);
    assert.deepEqual(
      ends.map(({ type }) => type),
      ['unchanged', 'added', 'refused', 'refused', 'refused'],
    );
    assert.deepEqual(devices.pskOf(utf8('a')), [keyA]);
    assert.deepEqual(gone, []);
  });

  it('are replaced on demand, and their connections end', async () => {
    const { devices, gone } = await fleet();
    await devices.add(pinned('a', { key: keyA }));
    const [end] = await devices.addAll([pinned('a', { key: keyC })], { replace: true });
    assert.equal(end?.type, 'replaced');
    assert.deepEqual(gone, ['a replaced']);
    assert.deepEqual(devices.pskOf(utf8('a')), [keyC]);
  });

  it('are only looked at in a dry run', async () => {
    const { devices, gone } = await fleet();
    await devices.add(pinned('a', { key: keyA }));
    const options = { dryRun: true, replace: true };
    const ends = await devices.addAll(
      [pinned('a', { key: keyC }), pinned('b', { key: keyB })],
      options,
    );
    assert.deepEqual(
      ends.map(({ type }) => type),
      ['replaced', 'added'],
    );
    assert.deepEqual(devices.pskOf(utf8('a')), [keyA]);
    assert.equal(devices.get('b'), undefined);
    assert.deepEqual(gone, []);
  });

  it('are listed by pages', async () => {
    const { devices } = await fleet();
    await devices.addAll(['d', 'b', 'a', 'c'].map((name) => pinned(name, { key: keyA })));
    const names = (options: Parameters<Devices['list']>[0]) =>
      devices.list(options).map(({ identity }) => identity);
    assert.deepEqual(names({ limit: 2 }), ['a', 'b']);
    assert.deepEqual(names({ after: 'b', limit: 5 }), ['c', 'd']);
    assert.deepEqual(names({ after: 'bb' }), ['c', 'd']);
    assert.deepEqual(names({ after: 'd' }), []);
    await devices.remove('c');
    assert.deepEqual(names({}), ['a', 'b', 'd']);
  });
});

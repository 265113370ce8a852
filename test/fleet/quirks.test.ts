/** Counts of deviations: by device and by EUM, durable after a while, and not lost among concurrent ones. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Drops, silentLog } from '../../src/base/log.ts';
import { Quirks } from '../../src/fleet/quirks.ts';
import { parseEid } from '../../src/messages/ids.ts';
import { MemoryStore } from '../../src/store/memory.ts';
import { HandClock } from '../support/hand-clock.ts';

const one = parseEid('89049032123451234512345678901235');
const another = parseEid('89044045118427484800000000011628');

function begin(store = new MemoryStore(), clock = new HandClock()) {
  return { store, clock, quirks: new Quirks({ store, clock, log: silentLog(new Drops()) }) };
}

describe('quirks', () => {
  it('are counted for each device, with when and where they were met', async () => {
    const { clock, quirks } = begin();
    const first = clock.now();
    quirks.met(one, 'rplmn-v1.0', 'getEimPackageRequest');
    await clock.turn(5000);
    quirks.met(one, 'rplmn-v1.0', 'getEimPackageRequest');
    quirks.met(one, 'eid-absent', 'provideEimPackageResult.eidValue');
    const last = clock.now();
    assert.deepEqual(await quirks.of(one), [
      {
        name: 'eid-absent',
        where: 'provideEimPackageResult.eidValue',
        count: 1,
        first: last,
        last,
      },
      { name: 'rplmn-v1.0', where: 'getEimPackageRequest', count: 2, first, last },
    ]);
    assert.deepEqual(await quirks.of(another), []);
  });

  it('are counted for each EUM, with how many of its eUICCs', async () => {
    const { quirks } = begin();
    const sibling = parseEid(`${one.slice(0, 29)}${siblingEnd(one)}`);
    for (const eid of [one, one, sibling, another]) quirks.met(eid, 'x509-nested', '');
    await quirks.flush();
    quirks.met(one, 'x509-nested', '');
    const rows = (await quirks.ofEums()).map(({ eum, name, euiccs, count }) => [
      eum,
      name,
      euiccs,
      count,
    ]);
    assert.deepEqual(rows, [
      ['89044045', 'x509-nested', 1, 1],
      ['89049032', 'x509-nested', 2, 4],
    ]);
  });

  it('are on the disk ten seconds later', async () => {
    const { store, clock, quirks } = begin();
    quirks.met(one, 'eid-absent', '');
    const other = () => new Quirks({ store, clock, log: silentLog(new Drops()) }).of(one);
    assert.equal((await other()).length, 0);
    await clock.turn(10_000);
    assert.equal((await other()).length, 1);
  });

  it('add up after a restart, and where counts come while others are written', async () => {
    const { store, clock, quirks } = begin();
    quirks.met(one, 'eid-absent', '');
    const written = quirks.flush();
    quirks.met(one, 'eid-absent', '');
    await Promise.all([written, quirks.flush()]);
    const { quirks: next } = begin(store, clock);
    next.met(one, 'eid-absent', '');
    assert.deepEqual(
      (await next.of(one)).map(({ count }) => count),
      [3],
    );
  });
});

/** The last three digits of another EID of the same issuer: check digits included. */
function siblingEnd(eid: string): string {
  for (let digit = 0; digit < 10; digit++) {
    const body = `${eid.slice(0, 29)}${digit}`;
    if (body === eid.slice(0, 30)) continue;
    const check = 98n - (BigInt(`${body}00`) % 97n);
    return `${digit}${String(check).padStart(2, '0')}`;
  }
  return assert.fail('none');
}

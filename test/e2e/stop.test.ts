/** `eim serve` is told to stop in the middle of a download: what is in flight is answered, and the rest goes on later. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { profilesOf } from '../../tools/lab/card-profiles.ts';
import { BlockWatch } from '../../tools/lab/ipa/blocks.ts';
import { textOf, World } from '../../tools/lab/procedures/world.ts';
import { at } from '../rest/http.ts';

describe('SIGTERM in the middle of a download', { timeout: 120_000 }, () => {
  let world: World;
  /** Requests for a package that reached the SM-DP+. */
  let bound = 0;
  const heard: (() => void)[] = [];
  /** Resolves as the next one does; its answer may be late. */
  const atSmdp = () => new Promise<void>((resolve) => heard.push(resolve));
  before(async () => {
    world = await World.open({ settings: { 'stop.within': '30s', 'coap.ackTimeout': '500ms' } });
    world.listen(({ what }) => {
      if (what !== 'getBoundProfilePackage') return;
      bound++;
      for (const tell of heard.splice(0)) tell();
    }, false);
  });
  after(() => world.close());

  async function ordered(watch: BlockWatch) {
    const one = await world.device({ onStep: () => {}, watch });
    const { iccid, activationCode } = world.release({ size: 20_000 });
    const steps = [{ download: { activationCode, mode: 'indirect' } }];
    const order = await world.eim.ask('POST', '/v1/orders', { eid: one.eid, steps });
    await one.device.connect();
    bound = 0;
    return { ...one, iccid, id: textOf(order, 'id') };
  }

  type Ordered = Awaited<ReturnType<typeof ordered>>;

  async function installed({ card, id }: Ordered): Promise<void> {
    const order = await world.eim.ask('GET', `/v1/orders/${id}`);
    assert.equal(at(order, 'success'), true, String(at(order, 'reason')));
    card.reset();
    assert.deepEqual(
      profilesOf(card).map(({ state }) => state),
      ['disabled'],
    );
    assert.equal(bound, 1, 'the SM-DP+ was asked once for the package');
  }

  /** Resolves once the eIM has begun to stop: it takes no operator's request any more. */
  async function stopping(): Promise<void> {
    for (;;) {
      try {
        await fetch(`${world.eim.rest}/healthz`, { headers: { connection: 'close' } });
      } catch {
        return;
      }
    }
  }

  it('answers the block in flight, ends with 0, and the transfer goes on after the next start', async () => {
    let hasBlock = false;
    const watch = new BlockWatch((what, block) => {
      hasBlock ||= what === 'GetBoundProfilePackage' && block === 1;
    });
    world.smdpp.fault('slow', { at: 'getBoundProfilePackage', milliseconds: 1500, times: 1 });
    const run = await ordered(watch);
    const polled = run.device.poll();
    await atSmdp();
    const { pid, ended } = world.eim;
    process.kill(pid, 'SIGTERM');
    assert.equal(await ended, 0);
    assert.ok(hasBlock, 'the eIM waited for the SM-DP+, and the device had its first block of it');
    await world.restart();
    await polled;
    await installed(run);
  });

  it('goes on from the block that is due where it comes between two', async () => {
    const due: (() => void)[] = [];
    const watch = new BlockWatch((what, block) => {
      if (what === 'GetBoundProfilePackage' && block === 5) for (const tell of due) tell();
    });
    const atBlock = new Promise<void>((resolve) => due.push(resolve));
    const run = await ordered(watch);
    const polled = run.device.poll();
    await atBlock;
    const { pid, ended } = world.eim;
    process.kill(pid, 'SIGTERM');
    assert.equal(await ended, 0);
    await world.restart();
    await polled;
    await installed(run);
    const row = watch.rows.find(({ what }) => what === 'GetBoundProfilePackage');
    const early = row?.again.filter(({ direction, block }) => direction === 'down' && block < 4);
    assert.deepEqual(early, [], 'nothing that the device had came again');
  });

  it('waits no longer once it comes a second time, and ends with 1', async () => {
    world.smdpp.fault('slow', { at: 'getBoundProfilePackage', milliseconds: 25_000, times: 1 });
    const run = await ordered(new BlockWatch());
    const polled = run.device.poll();
    polled.catch(() => {}); // it ends with the device
    const { pid, ended } = world.eim;
    await atSmdp();
    process.kill(pid, 'SIGTERM');
    await stopping();
    const began = performance.now();
    const still = await Promise.race([ended, new Promise((r) => setTimeout(r, 500, 'runs'))]);
    assert.equal(still, 'runs', 'one signal alone waits for what is under way');
    process.kill(pid, 'SIGTERM');
    assert.equal(await ended, 1);
    assert.ok(performance.now() - began < 10_000);
    await run.device.close();
  });
});

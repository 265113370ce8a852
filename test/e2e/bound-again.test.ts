/**
 * A download is cut short, and taken up again: the eUICC has its one-time key yet (SGP.22 3.1.3.3, 5.7.5), and the
 * SM-DP+ gives it the package that it had bound to it. The packages are compared as the eUICC is handed them.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { concat } from '../../src/base/bytes.ts';
import { PrepareDownloadRequest, PrepareDownloadResponse } from '../../src/messages/rsp.ts';
import {
  readBoundProfilePackage,
  readSecureChannel,
} from '../../tools/lab/bsp/bound-profile-package.ts';
import { profilesOf } from '../../tools/lab/card-profiles.ts';
import type { Euicc } from '../../tools/lab/euicc/euicc.ts';
import { BlockWatch } from '../../tools/lab/ipa/blocks.ts';
import { textOf, World, type WorldDevice } from '../../tools/lab/procedures/world.ts';
import { readHeader } from '../../tools/lab/profile/header.ts';
import { at } from '../rest/http.ts';

/** What the eUICC was asked and told in each try. */
interface Try {
  /** The key that the SM-DP+ says it bound a package to. */
  readonly bppEuiccOtpk: Uint8Array | undefined;
  readonly euiccOtpk: Uint8Array;
  /** Pieces of the package, as far as they came. */
  readonly pieces: Uint8Array[];
}

/** Looks over the eUICC's shoulder, and cuts the power as it is handed a package, or a piece of it. */
class Bystander {
  readonly tries: Try[] = [];
  /** Number of the piece, from 0, at which the power is cut. */
  cutAt = Number.POSITIVE_INFINITY;

  constructor(card: Euicc) {
    const transmit = card.transmit.bind(card);
    card.transmit = (command) => {
      const current = this.tries.at(-1);
      if (isPrepareDownload(command)) {
        const answer = transmit(command);
        this.#prepared(command, answer);
        return answer;
      }
      const begun = current?.pieces.length !== 0 || beginsPackage(command);
      if (current === undefined || !begun || isWhole(current.pieces)) return transmit(command);
      current.pieces.push(command.slice());
      return current.pieces.length > this.cutAt ? new Uint8Array() : transmit(command);
    };
  }

  #prepared(command: Uint8Array, answer: Uint8Array): void {
    const response = PrepareDownloadResponse.decode(answer);
    if (response.type !== 'downloadResponseOk') assert.fail(response.type);
    const { bppEuiccOtpk } = PrepareDownloadRequest.decode(command).smdpSigned2.value;
    const { euiccOtpk } = response.value.euiccSigned2.value;
    this.tries.push({ bppEuiccOtpk, euiccOtpk, pieces: [] });
  }
}

function beginsPackage(command: Uint8Array): boolean {
  return command[0] === 0xbf && command[1] === 0x36;
}

function isWhole(pieces: readonly Uint8Array[]): boolean {
  const bytes = concat(...pieces);
  const header = bytes.length === 0 ? undefined : readHeader(bytes, 'boundProfilePackage');
  return header !== undefined && header.headerLength + header.length === bytes.length;
}

function isPrepareDownload(command: Uint8Array): boolean {
  return command[0] === 0xbf && command[1] === 0x21;
}

/** Everything of a package but the transaction it is handed over in, and what the SM-DP+ signs that with. */
function sealed({ pieces }: Try) {
  const { initialiseSecureChannel, ...segments } = readBoundProfilePackage(concat(...pieces));
  const { smdpOtpk, hostId } = readSecureChannel(initialiseSecureChannel);
  return { ...segments, smdpOtpk, hostId };
}

describe('a download that is taken up again', { timeout: 120_000 }, () => {
  let world: World;
  before(async () => {
    world = await World.open({ settings: { 'es9.notificationRetry': '100ms' } });
  });
  after(() => world.close());

  interface Begun extends WorldDevice {
    readonly seen: Bystander;
    readonly orders: readonly string[];
    /** Of the first order, or another. */
    stateOfOrder(which?: number): Promise<unknown>;
    /** At the SM-DP+. */
    stateOfProfile(): string | undefined;
    /** Power back on, and a poll: over a new connection. */
    again(): Promise<void>;
  }

  async function begun(
    wishes: Partial<Parameters<World['device']>[0]> = {},
    orders = 1,
  ): Promise<Begun> {
    world.smdpp.fault(undefined);
    const one = await world.device({ onStep: () => {}, ...wishes });
    const { device, card, eid } = one;
    const seen = new Bystander(card);
    const { iccid, activationCode } = world.release({ size: 20_000 });
    await device.connect();
    // What a device leaves out, the eIM has to know.
    await world.eim.ask('POST', '/v1/orders', { eid, steps: [{ edr: {} }] });
    await device.poll();
    const ids: string[] = [];
    for (let i = 0; i < orders; i++) {
      const steps = [{ download: { activationCode, mode: 'indirect' } }];
      ids.push(textOf(await world.eim.ask('POST', '/v1/orders', { eid, steps }), 'id'));
    }
    return {
      ...one,
      seen,
      orders: ids,
      stateOfOrder: (which = 0) => world.eim.ask('GET', `/v1/orders/${ids[which]}`),
      stateOfProfile: () => world.smdpp.stateOf(iccid)?.at,
      async again() {
        seen.cutAt = Number.POSITIVE_INFINITY;
        await device.close();
        card.reset();
        await device.connect();
        await device.poll();
      },
    };
  }

  async function installed({ card, stateOfOrder }: Begun, which = 0): Promise<void> {
    const order = await stateOfOrder(which);
    assert.equal(at(order, 'success'), true, String(at(order, 'reason')));
    card.reset();
    assert.deepEqual(
      profilesOf(card).map(({ state }) => state),
      ['disabled'],
    );
  }

  for (const minimizes of [false, true]) {
    const how = minimizes ? 'its key left out of the compact answer' : 'its key in the full answer';
    it(`has its package bound once, ${how}`, async () => {
      const run = await begun({ minimizes });
      const { device, seen } = run;
      seen.cutAt = 0;
      await assert.rejects(device.poll(), 'without power nobody answers');
      assert.deepEqual(run.card.snapshot().profiles, []);
      assert.equal(run.stateOfProfile(), 'downloaded');
      await run.again();
      await installed(run);
      const [first, second, ...more] = seen.tries;
      assert.ok(first !== undefined && second !== undefined && more.length === 0);
      assert.equal(first.bppEuiccOtpk, undefined, 'nothing was bound before');
      assert.deepEqual(second.bppEuiccOtpk, first.euiccOtpk);
      assert.deepEqual(second.euiccOtpk, first.euiccOtpk);
      assert.deepEqual(sealed(second), sealed(first));
      assert.ok(sealed(first).sequenceOf86.length > 10, 'the whole package was compared');
    });
  }

  it('goes on so from the middle of the transfer, and from the middle of the installation', async () => {
    const closing: Promise<void>[] = [];
    const cut: { device?: WorldDevice['device'] } = {};
    const watch = new BlockWatch((what, block) => {
      if (what !== 'GetBoundProfilePackage' || block !== 3 || closing.length > 0) return;
      setImmediate(() => closing.push(cut.device?.close() ?? Promise.resolve()));
    });
    const run = await begun({ watch });
    const { device, seen } = run;
    cut.device = device;
    await assert.rejects(device.poll());
    await Promise.all(closing);
    assert.equal(closing.length, 1, 'the device asked for block 3');
    assert.equal(seen.tries[0]?.pieces.length, 0, 'nothing of the package reached the eUICC');
    // A second time, in the middle of what the eUICC is handed.
    seen.cutAt = 8;
    const again = run.again();
    seen.cutAt = 8;
    await assert.rejects(again);
    await run.again();
    await installed(run);
    const [first, second, third] = seen.tries;
    assert.ok(first !== undefined && second !== undefined && third !== undefined);
    for (const { bppEuiccOtpk, euiccOtpk } of [second, third]) {
      assert.deepEqual(bppEuiccOtpk, first.euiccOtpk);
      assert.deepEqual(euiccOtpk, first.euiccOtpk);
    }
    assert.deepEqual(sealed(third), sealed(second));
  });

  it('has another package where the eUICC has lost its key, and the SM-DP+ binds again', async () => {
    const run = await begun();
    run.seen.cutAt = 0;
    await assert.rejects(run.device.poll());
    forget(run.card);
    await run.again();
    await installed(run);
    const [first, second] = run.seen.tries;
    assert.ok(first !== undefined && second !== undefined);
    assert.deepEqual(second.bppEuiccOtpk, first.euiccOtpk, 'the SM-DP+ offered it');
    assert.notDeepEqual(second.euiccOtpk, first.euiccOtpk);
    assert.notDeepEqual(sealed(second).smdpOtpk, sealed(first).smdpOtpk);
    assert.notDeepEqual(sealed(second).sequenceOf86, sealed(first).sequenceOf86);
  });

  it('is over where the eUICC has lost its key, and the SM-DP+ binds no second time', async () => {
    const run = await begun();
    run.seen.cutAt = 0;
    await assert.rejects(run.device.poll());
    forget(run.card);
    world.smdpp.fault('no-rebinding');
    await run.again();
    const order = await run.stateOfOrder();
    assert.equal(at(order, 'state'), 'done');
    assert.equal(at(order, 'success'), false);
    assert.match(String(at(order, 'reason')), /8\.2.*3\.7/);
    assert.deepEqual(profilesOf(run.card), []);
    assert.equal(run.seen.tries[1]?.pieces.length, 0);
  });

  it('binds nothing anew for a key that is still there, even where it never does', async () => {
    const run = await begun();
    run.seen.cutAt = 0;
    await assert.rejects(run.device.poll());
    world.smdpp.fault('no-rebinding');
    await run.again();
    await installed(run);
  });

  it('is taken up by another order, where its own was cancelled', async () => {
    const run = await begun({}, 2);
    run.seen.cutAt = 0;
    await assert.rejects(run.device.poll());
    await world.eim.ask('POST', `/v1/orders/${run.orders[0]}/cancel`, {});
    await run.again();
    const [first, second] = run.seen.tries;
    assert.ok(first !== undefined && second !== undefined);
    assert.deepEqual(sealed(second), sealed(first));
    await installed(run, 1);
  });

  it('is refused once the SM-DP+ has heard that the installation was interrupted', async () => {
    const run = await begun({}, 2);
    run.card.faults.powerCutAtSegment = 2;
    // Both orders in one poll: the result of the first is told before the second begins.
    await run.device.poll();
    delete run.card.faults.powerCutAtSegment;
    for (const which of [0, 1]) {
      const order = await run.stateOfOrder(which);
      assert.equal(at(order, 'state'), 'done');
      assert.equal(at(order, 'success'), false);
    }
    assert.equal(run.seen.tries.length, 1);
    assert.equal(run.stateOfProfile(), 'error');
    assert.deepEqual(profilesOf(run.card), []);
  });
});

/** The eUICC as it was, without the key that it kept. */
function forget(card: Euicc): void {
  const { unusedKey, ...rest } = card.snapshot();
  assert.ok(unusedKey !== undefined, 'there was a key to forget');
  card.restore(rest);
}

/** Nothing in the relay, nor in the lab's device, depends on the lab's own SM-DP+: a stranger's does as well. */
import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { systemClock } from '../../src/base/clock.ts';
import { profilesOf } from '../../tools/lab/card-profiles.ts';
import type { DownloadHabits } from '../../tools/lab/ipa/habits.ts';
import { issueTls, loadLabPki } from '../../tools/lab/pki/lab-pki.ts';
import { otherCi } from '../../tools/lab/pki/wrong-twins.ts';
import { textOf, World } from '../../tools/lab/procedures/world.ts';
import { JsonClient } from '../../tools/lab/server/json-client.ts';
import { stranger, strangerAddress } from '../lab/stranger-smdp.ts';
import { newFolder } from '../support/folders.ts';

/** A stranger's SM-DP+ on a TLS root of its own, and a world whose eIM was told where it is and whom to believe. */
async function meeting(test: TestContext) {
  const pki = loadLabPki();
  const { ci: tlsRoot } = otherCi();
  const its = await stranger(test, pki, issueTls({ ci: tlsRoot }, [strangerAddress]));
  const ca = join(newFolder(), 'stranger-root.pem');
  writeFileSync(ca, new X509Certificate(tlsRoot.certificate).toString());
  const host = { address: '127.0.0.1', port: its.port, ca };
  const world = await World.open({
    settings: { 'es9.hosts': JSON.stringify({ [strangerAddress]: host }) },
  });
  test.after(() => world.close());
  const direct = new JsonClient({
    cis: [tlsRoot.certificate],
    clock: systemClock,
    bodyLimit: 2 ** 20,
    hosts: { [strangerAddress]: { address: '127.0.0.1', port: its.port } },
  });
  async function order(habits: DownloadHabits, ...steps: readonly object[]) {
    const { eid, card, device } = await world.device({ habits, onStep: () => {} });
    await device.connect();
    let done: unknown;
    for (const step of steps) {
      const placed = await world.eim.ask('POST', '/v1/orders', { eid, steps: [step] });
      await device.poll();
      done = await world.eim.ask('GET', `/v1/orders/${textOf(placed, 'id')}`);
    }
    await device.close();
    return { done, profiles: profilesOf(card).map(({ iccid, state }) => `${iccid} ${state}`) };
  }
  return { ...its, direct, order };
}

const download = { download: { activationCode: `1$${strangerAddress}$TOKEN` } };
const installed = ['89880000000000000017 disabled'];

describe("a stranger's SM-DP+", () => {
  it('gives its profile through the eIM, and gets its notification', async (test) => {
    const { called, notifications, order } = await meeting(test);
    const { done, profiles } = await order({}, download);
    assert.equal(Reflect.get(Object(done), 'success'), true, textOf(done, 'reason'));
    assert.deepEqual(profiles, installed);
    assert.deepEqual(called.slice(0, 3), [
      'initiateAuthentication',
      'authenticateClient',
      'getBoundProfilePackage',
    ]);
    for (let i = 0; i < 100 && notifications.length === 0; i++) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    assert.equal(notifications[0]?.[1], 0x37, 'BF37: the installation result');
  });

  it('gives it to the device itself', async (test) => {
    const { direct, notifications, order } = await meeting(test);
    const { done, profiles } = await order({ direct }, download);
    assert.equal(Reflect.get(Object(done), 'success'), true, textOf(done, 'reason'));
    assert.deepEqual(profiles, installed);
    assert.equal(notifications.length, 1);
  });

  it('is told that a download is given up', async (test) => {
    const { cancellations, order } = await meeting(test);
    const { done, profiles } = await order({ cancels: 'timeout' }, download);
    assert.equal(Reflect.get(Object(done), 'success'), false);
    assert.match(textOf(done, 'reason'), /timeout/);
    assert.deepEqual(profiles, []);
    assert.equal(cancellations.length, 1);
  });

  it('is not believed without its TLS root', async (test) => {
    const pki = loadLabPki();
    const its = await stranger(test, pki, issueTls(otherCi(), [strangerAddress]));
    const host = { address: '127.0.0.1', port: its.port };
    const world = await World.open({
      settings: { 'es9.hosts': JSON.stringify({ [strangerAddress]: host }) },
    });
    test.after(() => world.close());
    const { eid, card, device } = await world.device({ onStep: () => {} });
    await device.connect();
    const placed = await world.eim.ask('POST', '/v1/orders', { eid, steps: [download] });
    await device.poll();
    const done = await world.eim.ask('GET', `/v1/orders/${textOf(placed, 'id')}`);
    assert.match(textOf(done, 'reason'), /no TLS connection: .*es9\.hosts\.smdp\.lab\.ca/);
    assert.deepEqual(profilesOf(card), []);
    assert.deepEqual(its.called, []);
  });
});

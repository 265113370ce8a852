/** The eIM is killed (SIGKILL) in the middle of a download over HTTPS, and started again: the download goes on. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { describe, it, type TestContext } from 'node:test';
import { profilesOf } from '../../tools/lab/card-profiles.ts';
import { openHttpsStack } from '../../tools/lab/ipa/https-stack.ts';
import { Ipa } from '../../tools/lab/ipa/ipa.ts';
import { StackError } from '../../tools/lab/ipa/stack.ts';
import { trustOfCard } from '../../tools/lab/ipa/trust.ts';
import { textOf, World } from '../../tools/lab/procedures/world.ts';
import { at } from '../rest/http.ts';

/** A way to a port of this machine; `cut` ends it in the middle of what comes back next, and tells. */
async function breakableWay(test: TestContext, port: number) {
  const open = new Set<Socket>();
  let due: (() => void) | undefined;
  const front = createServer((device) => {
    const eim = connect(port, '127.0.0.1');
    for (const socket of [device, eim]) {
      open.add(socket);
      socket.once('close', () => open.delete(socket));
      socket.on('error', () => {}); // its end is the end of the other
    }
    device.pipe(eim);
    eim.on('data', (part: Uint8Array) => {
      if (due === undefined) {
        device.write(part);
        return;
      }
      due();
      due = undefined;
      device.end(part.subarray(0, part.length >> 1));
      eim.destroy();
    });
    eim.once('close', () => device.end());
    device.once('close', () => eim.destroy());
  });
  front.listen(0, '127.0.0.1');
  await once(front, 'listening');
  test.after(() => {
    front.close();
    for (const socket of open) socket.destroy();
  });
  const address = front.address();
  assert.ok(typeof address === 'object' && address !== null);
  return {
    address: { address: '127.0.0.1', port: address.port },
    cut: () =>
      new Promise<void>((resolve) => {
        due = resolve;
      }),
  };
}

describe('SIGKILL in the middle of a download over HTTPS', { timeout: 120_000 }, () => {
  for (const binding of ['https-asn1', 'https-json'] as const) {
    it(`lets the device ask again for the package, which the SM-DP+ is asked for once: ${binding}`, async (test) => {
      const world = await World.open({ binding });
      test.after(() => world.close());
      const atSmdp: string[] = [];
      world.listen(({ what, to }) => {
        if (to === 'SM-DP+') atSmdp.push(what);
      }, false);
      const { eid, card } = await world.device({ onStep: () => {} });
      const { activationCode } = world.release({ size: 20_000 });
      const steps = [{ download: { activationCode, mode: 'indirect' } }];
      const id = textOf(await world.eim.ask('POST', '/v1/orders', { eid, steps }), 'id');
      const way = await breakableWay(test, world.eim.https?.port ?? 0);
      const stack = await openHttpsStack({ eim: way.address, binding, trust: trustOfCard(card) });
      test.after(() => stack.close());
      const asked: string[] = [];
      let restart: Promise<void> | undefined;
      const ipa = new Ipa({
        card,
        esipa: {
          async exchange(name, request) {
            asked.push(name);
            if (name === 'GetBoundProfilePackage' && restart === undefined) {
              restart = way.cut().then(() => world.restart());
            }
            try {
              return await stack.exchange(request);
            } catch (error) {
              // A device whose connection ends before the answer asks again, by another one.
              if (!(error instanceof StackError) || restart === undefined) throw error;
              await restart;
              asked.push(`${name} again`);
              return stack.exchange(request);
            }
          },
        },
      });
      await ipa.poll();
      assert.deepEqual(
        asked.filter((name) => name.startsWith('GetBoundProfilePackage')),
        ['GetBoundProfilePackage', 'GetBoundProfilePackage again'],
      );
      assert.equal(asked.filter((name) => name.endsWith('again')).length, 1);
      assert.deepEqual(
        atSmdp.filter((name) => name !== 'handleNotification'),
        ['initiateAuthentication', 'authenticateClient', 'getBoundProfilePackage'],
      );
      const order = await world.eim.ask('GET', `/v1/orders/${id}`);
      assert.equal(at(order, 'success'), true, String(at(order, 'reason')));
      card.reset();
      assert.deepEqual(
        profilesOf(card).map(({ state }) => state),
        ['disabled'],
      );
    });
  }
});

/** The `coap` client over `node-dtls-client`, as in `npm run lab -- --stack node-coap`, against the running eIM. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { utf8 } from '../../src/base/bytes.ts';
import { systemClock } from '../../src/base/clock.ts';
import { silentLog } from '../../src/base/log.ts';
import { systemRandom } from '../../src/base/random.ts';
import { openNodeCoapStack } from '../../tools/lab/ipa/node-coap-stack.ts';
import type { Stack } from '../../tools/lab/ipa/stack.ts';
import { bodyOf } from '../coap/conversation.ts';
import { device, poll, type RunningEim, startEim } from './support-eim.ts';

function open(eim: RunningEim, key: string): Promise<Stack> {
  return openNodeCoapStack({
    eim: { address: '127.0.0.1', port: eim.port },
    credential: { type: 'psk', identity: device.identity, key: utf8(key) },
    clock: systemClock,
    random: systemRandom,
    log: silentLog(),
  });
}

describe('node-coap over node-dtls-client', { timeout: 60_000 }, () => {
  it('fetches an eIM package', async (test) => {
    const eim = await startEim(test, 'psk');
    const stack = await open(eim, device.key);
    const answer = await stack.exchange(poll);
    await stack.close();
    await eim.checkFetched(answer);
  });

  it('posts 3,000 bytes in blocks, and hears that they are no ESipa message', async (test) => {
    const eim = await startEim(test, 'psk');
    const stack = await open(eim, device.key);
    await assert.rejects(stack.exchange(bodyOf(3000)), { name: 'StackError', message: /4\.00/ });
    await stack.close();
    assert.equal(eim.drops.of('esipa: no ESipa message'), 1);
  });
});

/** What the lab tells of blocks that travel again, from a device's CoAP messages. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { blockOption, szxWithin } from '../../src/coap/block.ts';
import { emptyMessage, encode } from '../../src/coap/message.ts';
import { OptionNumber } from '../../src/coap/options.ts';
import { BlockWatch } from '../../tools/lab/ipa/blocks.ts';
import { hurried } from '../../tools/lab/link/hurried.ts';
import { HandClock } from '../support/hand-clock.ts';

const szx = szxWithin(1024);

function message(type: 'CON' | 'ACK', code: string, number?: number): Uint8Array {
  const block = { number: number ?? 0, more: false, szx };
  const options = number === undefined ? [] : [blockOption(OptionNumber.block2, block)];
  const payload = new Uint8Array();
  return encode({ type, code, messageId: 1, token: Uint8Array.of(1), options, payload });
}

describe('blocks that travel again', () => {
  it('are told with the first thing that happened since they were asked for', () => {
    const first: string[] = [];
    const watch = new BlockWatch((what, block) => first.push(`${what} ${block}`));
    watch.begin('f');
    watch.sent(message('CON', '0.02'));
    watch.received(message('ACK', '2.05', 0));
    watch.sent(message('CON', '0.02', 1));
    watch.happened('NAT rebound');
    watch.happened('lost');
    watch.sent(message('CON', '0.02', 1));
    watch.sent(message('CON', '0.02', 1)); // for nothing
    watch.received(message('ACK', '2.05', 1));
    watch.received(message('ACK', '2.05', 1));
    assert.deepEqual(watch.rows, [
      {
        what: 'f',
        up: 1,
        down: 2,
        again: [
          { direction: 'down', block: 1, how: 'asked', why: 'NAT rebound' },
          { direction: 'down', block: 1, how: 'asked', why: 'nothing' },
          { direction: 'down', block: 1, how: 'heard', why: 'nothing' },
        ],
      },
    ]);
    assert.deepEqual(first, ['f 1']);
  });

  it('are none where another exchange begins', () => {
    const watch = new BlockWatch();
    for (const what of ['f', 'f', 'g']) {
      watch.begin(what);
      watch.sent(message('CON', '0.02'));
      watch.received(emptyMessage('ACK', 1));
      watch.received(message('CON', '2.05'));
    }
    assert.deepEqual(watch.rows, [
      { what: 'f', up: 2, down: 2, again: [] },
      { what: 'g', up: 1, down: 1, again: [] },
    ]);
  });
});

describe('a hurried clock', () => {
  it('runs, and rings, so many times as fast', async () => {
    const clock = new HandClock(1_000);
    const fast = hurried(clock, 10);
    const rung: number[] = [];
    fast.after(5_000, () => rung.push(fast.now()));
    await clock.turn(499);
    assert.deepEqual(rung, []);
    await clock.turn(1);
    assert.deepEqual(rung, [6_000]);
  });
});

/** When a confirmable message of ours goes out again (RFC 7252 section 4.2). */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Delivery, Outbox } from '../../src/coap/outbox.ts';
import { defaultParameters } from '../../src/coap/parameters.ts';
import { HandClock } from '../support/hand-clock.ts';

/** The seconds at which a message that nobody acknowledges goes out, and what is said of it in the end. */
async function unanswered(chance: Uint8Array) {
  const clock = new HandClock(0);
  const sent: number[] = [];
  const ends: [Delivery, number][] = [];
  const outbox = new Outbox({
    clock,
    random: () => chance,
    parameters: { ...defaultParameters, ackTimeout: 2000, ackRandomFactor: 1.5, maxRetransmit: 4 },
    ceiling: 1,
    send: () => sent.push(Math.round(clock.now() / 1000)),
  });
  outbox.confirm(1, Uint8Array.of(1), (how) => ends.push([how, Math.round(clock.now() / 1000)]));
  await clock.turn(200_000);
  return { sent, ends };
}

describe('a confirmable message that nobody acknowledges', () => {
  it('goes out after ACK_TIMEOUT at the soonest, each wait twice the last', async () => {
    const { sent, ends } = await unanswered(Uint8Array.of(0, 0));
    assert.deepEqual(sent, [0, 2, 6, 14, 30]);
    assert.deepEqual(ends, [['unanswered', 62]]);
  });

  it('and after ACK_TIMEOUT times ACK_RANDOM_FACTOR at the latest', async () => {
    const { sent, ends } = await unanswered(Uint8Array.of(255, 255));
    assert.deepEqual(sent, [0, 3, 9, 21, 45]);
    assert.deepEqual(ends, [['unanswered', 93]]);
  });
});

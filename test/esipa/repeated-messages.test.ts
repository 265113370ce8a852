/** Messages that come again over HTTPS: who shares an answer, and for how long. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { hex } from '../../src/base/bytes.ts';
import { silentLog } from '../../src/base/log.ts';
import { RepeatedMessages } from '../../src/esipa/repeated-messages.ts';
import { HandClock } from '../support/hand-clock.ts';

const minute = 60_000;
const notification = hex('BF3D02A000');
const result = hex('BF5002A000');
const poll = hex('BF4F00');
const acknowledged = hex('BF5006BF5303800107');
const emptyResponse = hex('BF50023000');

function begun(kept = 10 * minute) {
  const clock = new HandClock();
  const messages = new RepeatedMessages({ clock, log: silentLog(), kept });
  let worked = 0;
  const say = (owner: string, message: Uint8Array, answer: Uint8Array) =>
    messages.answer(owner, message, async () => {
      worked++;
      return answer;
    });
  return { clock, messages, say, worked: () => worked };
}

describe('a message that comes again', () => {
  const kept: readonly (readonly [what: string, message: Uint8Array, answer: Uint8Array])[] = [
    ['a notification that was taken', notification, new Uint8Array()],
    ['a result that was acknowledged', result, acknowledged],
  ];
  for (const [what, message, answer] of kept) {
    it(`is answered again, for some time: ${what}`, async () => {
      const { clock, say, worked } = begun();
      await say('a', message, answer);
      await clock.turn(9 * minute);
      assert.deepEqual(await say('a', message, hex('00')), answer);
      assert.equal(worked(), 1);
      await clock.turn(minute);
      await say('a', message, answer);
      assert.equal(worked(), 2);
    });
  }

  const notKept: readonly (readonly [what: string, message: Uint8Array, answer: Uint8Array])[] = [
    ['a poll', poll, hex('BF4F03020101')],
    ['a result that was not taken', result, emptyResponse],
    ['an error', result, hex('BF5003020102')],
  ];
  for (const [what, message, answer] of notKept) {
    it(`is worked on again: ${what}`, async () => {
      const { say, worked } = begun();
      await say('a', message, answer);
      await say('a', message, answer);
      assert.equal(worked(), 2);
    });
  }

  it('joins the first while that is worked on, whatever it is', async () => {
    const { messages } = begun();
    let go = (_: Uint8Array): void => {};
    const work = () => new Promise<Uint8Array>((resolve) => (go = resolve));
    const first = messages.answer('a', poll, work);
    const second = messages.answer('a', poll, () => assert.fail('worked on twice'));
    go(hex('BF4F03020101'));
    assert.deepEqual(await second, await first);
  });

  it('does not join after a failure, but shares it', async () => {
    const { messages, say } = begun();
    let fail = (_: Error): void => {};
    const work = () => new Promise<Uint8Array>((_, reject) => (fail = reject));
    const first = messages.answer('a', notification, work);
    const second = messages.answer('a', notification, () => assert.fail('worked on twice'));
    fail(new Error('no'));
    await assert.rejects(Promise.resolve(first), /no/);
    await assert.rejects(Promise.resolve(second), /no/);
    assert.deepEqual(await say('a', notification, new Uint8Array()), new Uint8Array());
  });

  it('of somebody else, or of other octets, is another', async () => {
    const { say, worked } = begun();
    await say('a', notification, new Uint8Array());
    await say('b', notification, new Uint8Array());
    await say('a', hex('BF3D02A100'), new Uint8Array());
    assert.equal(worked(), 3);
  });

  it('is worked on again where nothing is to be kept', async () => {
    const { say, worked } = begun(0);
    await say('a', notification, new Uint8Array());
    await say('a', notification, new Uint8Array());
    assert.equal(worked(), 2);
  });
});

/** Work on the same thing, one after the other. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Serial } from '../../src/base/serial.ts';
import { settled } from '../support/hand-clock.ts';

/** Work that ends when it is told to. */
function work(told: string[], name: string) {
  let end = () => {};
  const ended = new Promise<void>((resolve) => (end = resolve));
  const run = async () => {
    told.push(`${name} begins`);
    await ended;
    told.push(`${name} ends`);
    return name;
  };
  return { run, end };
}

describe('Serial', () => {
  it('runs work under one key in its order, never two at once', async () => {
    const [serial, told] = [new Serial(), [] as string[]];
    const [a, b, c] = ['a', 'b', 'c'].map((name) => work(told, name));
    assert.ok(a && b && c);
    const all = [a, b, c].map(({ run }) => serial.run('key', run));
    await settled();
    assert.deepEqual(told, ['a begins']);
    b.end();
    a.end();
    await settled();
    assert.deepEqual(told, ['a begins', 'a ends', 'b begins', 'b ends', 'c begins']);
    c.end();
    assert.deepEqual(await Promise.all(all), ['a', 'b', 'c']);
  });

  it('runs work under other keys at the same time', async () => {
    const [serial, told] = [new Serial(), [] as string[]];
    const [a, b] = [work(told, 'a'), work(told, 'b')];
    const all = [serial.run('one', a.run), serial.run('other', b.run)];
    await settled();
    assert.deepEqual(told, ['a begins', 'b begins']);
    a.end();
    b.end();
    await Promise.all(all);
  });

  it('goes on behind work that failed, which its caller hears of alone', async () => {
    const serial = new Serial();
    const failed = serial.run('key', () => Promise.reject(new Error('no')));
    const thrown = serial.run('key', () => {
      throw new Error('thrown');
    });
    const next = serial.run('key', async () => 'yes');
    await assert.rejects(failed, /no/);
    await assert.rejects(thrown, /thrown/);
    assert.equal(await next, 'yes');
    assert.equal(await serial.run('key', async () => 'again'), 'again');
  });
});

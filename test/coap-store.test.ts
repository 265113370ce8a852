/** CoAP's answers in the store. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { hex, toHex, utf8 } from '../src/base/bytes.ts';
import { systemRandom } from '../src/base/random.ts';
import { SecretBox } from '../src/base/secret-box.ts';
import type { AnswerSnapshot } from '../src/coap/body-store.ts';
import { coapStore, sweepCoapStore } from '../src/coap-store.ts';
import { MemoryStore } from '../src/store/memory.ts';
import { put, table } from '../src/store/store.ts';
import { bodyOf } from './coap/conversation.ts';
import { testBox } from './support/box.ts';

const answer = (key: string, expires = 1_000): AnswerSnapshot => ({
  key,
  bare: 'POST',
  loose: 'POST',
  code: '2.05',
  options: [{ number: 4, value: Uint8Array.of(1, 2) }],
  body: bodyOf(3_000),
  expires,
});

describe('answers in the store', () => {
  it('are there by owner, whatever the owner and the key are called', async () => {
    const store = coapStore(new MemoryStore(), testBox(), 4);
    for (const owner of ['identity a', 'identity a/b', 'identity ÿ\u0000!']) {
      assert.deepEqual(await store.of(owner), []);
      await store.put(owner, answer('POST 11:3:\u0000\u00ff/'));
      await store.put(owner, answer('POST'));
      await store.put(owner, answer('POST', 2_000));
    }
    const found = await store.of('identity a');
    assert.deepEqual(
      new Set(found.map(({ key, expires }) => `${key} ${expires}`)),
      new Set(['POST 11:3:\u0000\u00ff/ 1000', 'POST 2000']),
    );
    assert.deepEqual(found[0]?.body, bodyOf(3_000));
    await store.delete('identity a', 'POST');
    assert.equal((await store.of('identity a')).length, 1);
    assert.equal((await store.of('identity a/b')).length, 2);
  });

  it('say nothing of what was answered, nor whether it is guessed right (ETag)', async () => {
    const under = new MemoryStore();
    await coapStore(under, testBox(), 4).put('identity a', {
      ...answer('POST'),
      body: utf8('hashCc'),
      options: [{ number: 4, value: hex('C0FFEE11') }],
    });
    const [[, row] = []] = await under.list(table<Record<string, unknown>>('coap-answer'));
    const octets = Object.values(row ?? {}).flatMap((value) =>
      value instanceof Uint8Array ? [toHex(value)] : [String(value)],
    );
    for (const secret of [toHex(utf8('hashCc')), 'C0FFEE11']) {
      assert.ok(!octets.some((text) => text.includes(secret)), secret);
    }
    assert.ok(!('body' in (row ?? {})) && !('options' in (row ?? {})));
  });

  it('are as if they had not been kept under another key, or in the place of another', async () => {
    const under = new MemoryStore();
    await coapStore(under, testBox(), 4).put('identity a', answer('POST'));
    const key = new Uint8Array(32).fill(1);
    const other = coapStore(under, new SecretBox({ key, random: systemRandom }), 4);
    assert.deepEqual(await other.of('identity a'), []);
    const rows = await under.list(table<object>('coap-answer'));
    const [[place, row] = ['', {}]] = rows;
    const another = `${place}x`;
    await under.commit([put(table<object>('coap-answer'), another, row)]);
    assert.equal((await coapStore(under, testBox(), 4).of('identity a')).length, 1);
    // What an earlier version left in clear is not taken up.
    await under.commit([put(table<object>('coap-answer'), place, answer('POST'))]);
    assert.deepEqual(await coapStore(under, testBox(), 4).of('identity a'), []);
  });

  it('are so many of each owner: a device that names its requests anew fills no disk', async () => {
    const under = new MemoryStore();
    const store = coapStore(under, testBox(), 4);
    await store.put('identity b', answer('POST'));
    for (let i = 0; i < 40; i++) await store.put('identity a', answer(`POST ${i % 10}`, 1_000 + i));
    assert.deepEqual(
      new Set((await store.of('identity a')).map(({ key }) => key)),
      new Set(['POST 6', 'POST 7', 'POST 8', 'POST 9']),
    );
    for (const name of ['coap-answer', 'coap-answer-end']) {
      assert.equal((await under.list(table(name))).length, 5);
    }
    await store.delete('identity a', 'POST 9');
    await store.put('identity a', answer('POST 1'));
    assert.equal((await store.of('identity a')).length, 4);
    for (const key of ['POST 1', 'POST 6', 'POST 7', 'POST 8'])
      await store.delete('identity a', key);
    assert.equal((await under.list(table('coap-answer-of'))).length, 1);
  });

  it('count each where several are kept at once', async () => {
    const under = new MemoryStore();
    const store = coapStore(under, testBox(), 2);
    const keys = ['POST 1', 'POST 2', 'POST 3', 'POST 4'];
    await Promise.all(keys.map((key) => store.put('meter', answer(key))));
    const left = (await store.of('meter')).map(({ key }) => key);
    assert.deepEqual(left.sort(), ['POST 3', 'POST 4']);
  });

  it('go when their time is over, and leave nothing', async () => {
    const under = new MemoryStore();
    const store = coapStore(under, testBox(), 4);
    for (let i = 0; i < 250; i++) await store.put(`identity ${i}`, answer('POST', 1_000 + i));
    await store.put('identity 0', answer('POST', 9_000));
    await sweepCoapStore(under, 1_100);
    assert.equal((await store.of('identity 0')).length, 1); // given again since
    assert.equal((await store.of('identity 100')).length, 0);
    assert.equal((await store.of('identity 101')).length, 1);
    await sweepCoapStore(under, 9_001);
    for (const name of ['coap-answer', 'coap-answer-end', 'coap-answer-of']) {
      assert.deepEqual(await under.list(table(name)), []);
    }
  });
});

/** CoAP's answers in the store. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { AnswerSnapshot } from '../src/coap/body-store.ts';
import { coapStore, sweepCoapStore } from '../src/coap-store.ts';
import { MemoryStore } from '../src/store/memory.ts';
import { table } from '../src/store/store.ts';
import { bodyOf } from './coap/conversation.ts';

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
    const store = coapStore(new MemoryStore());
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

  it('go when their time is over, and leave nothing', async () => {
    const under = new MemoryStore();
    const store = coapStore(under);
    for (let i = 0; i < 250; i++) await store.put(`identity ${i}`, answer('POST', 1_000 + i));
    await store.put('identity 0', answer('POST', 9_000));
    await sweepCoapStore(under, 1_100);
    assert.equal((await store.of('identity 0')).length, 1); // given again since
    assert.equal((await store.of('identity 100')).length, 0);
    assert.equal((await store.of('identity 101')).length, 1);
    await sweepCoapStore(under, 9_001);
    for (const name of ['coap-answer', 'coap-answer-end']) {
      assert.deepEqual(await under.list(table(name)), []);
    }
  });
});

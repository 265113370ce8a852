/** Who may wait, and how often: no token takes the places of all others, with requests that wait or with streams. */
import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { streamPlaces, waitPlaces } from '../../src/rest/places.ts';
import { at, get } from './http.ts';
import { eid, type Running, run } from './running.ts';

const [first, second, nobody] = [{ id: 'A' }, { id: 'B' }, { id: 'anyone' }];

describe('Places', () => {
  it('are so many for one token, and so many in all', () => {
    const places = waitPlaces({ waiters: 3, waitersPerToken: 2 });
    for (const caller of [first, first, second]) places.take(caller);
    assert.throws(() => places.take(first), { status: 429, code: 'tooManyRequests' });
    assert.throws(() => places.take(second), { status: 503, code: 'busy' });
  });

  it('come back when they are let go of, each once', () => {
    const places = waitPlaces({ waiters: 2, waitersPerToken: 1 });
    const leave = places.take(first);
    const other = places.take(second);
    leave();
    leave();
    places.take(first);
    assert.throws(() => places.take(first), { status: 429 });
    assert.throws(() => places.take({ id: 'C' }), { status: 503 });
    other();
    places.take(second);
  });

  it('are a quarter for one token unless it is said, and one at the least', () => {
    for (const [waiters, own] of [
      [1000, 250],
      [4, 1],
      [1, 1],
    ] as const) {
      const places = waitPlaces({ waiters });
      for (let i = 0; i < own; i++) places.take(first);
      assert.throws(() => places.take(first), { status: 429 });
    }
  });

  it('are all for who asks without a token: there nobody is told from anybody', () => {
    const places = streamPlaces({ waiters: 3, waitersPerToken: 1 });
    for (let i = 0; i < 3; i++) places.take(nobody);
    assert.throws(() => places.take(nobody), { status: 503 });
  });

  it('say what to do where there is none', () => {
    const waits = waitPlaces({ waiters: 2, waitersPerToken: 1 });
    const streams = streamPlaces({ waiters: 1 });
    waits.take(first);
    streams.take(first);
    assert.throws(() => waits.take(first), {
      message:
        '1 requests wait with this token already: ask without wait, or raise rest.waitersPerToken',
      retryAfter: 10,
    });
    assert.throws(() => streams.take(second), {
      message: '1 streams are open already: close some, or raise rest.waiters',
      retryAfter: 10,
    });
  });
});

describe('over HTTP', () => {
  const token = 'correct-horse-battery';
  const running: Running[] = [];
  after(() => Promise.all(running.map((eim) => eim.close())));

  /** An eIM of three places, two of them for one token, and the headers of two tokens of role read. */
  async function started() {
    const eim = await run({ token, waiters: 3, waitersPerToken: 2 });
    running.push(eim);
    const make = async (name: string) => {
      const made = await fetch(`${eim.url}/v1/tokens`, {
        method: 'POST',
        headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
        body: JSON.stringify({ name, role: 'read' }),
      });
      return { authorization: `Bearer ${at(await made.json(), 'token')}` };
    };
    return { eim, greedy: await make('greedy'), modest: await make('modest') };
  }

  it('streams of one token leave places for another', async () => {
    const { eim, greedy, modest } = await started();
    const gone = new AbortController();
    const open = (headers: Record<string, string>, signal = AbortSignal.any([])) =>
      fetch(`${eim.url}/v1/events`, { headers, signal });
    assert.equal((await open(greedy, gone.signal)).status, 200);
    assert.equal((await open(greedy)).status, 200);
    const refused = await get(`${eim.url}/v1/events`, greedy);
    assert.deepEqual(
      [refused.status, at(refused.body, 'error', 'code'), refused.headers.get('retry-after')],
      [429, 'tooManyRequests', '10'],
    );
    assert.match(
      String(at(refused.body, 'error', 'message')),
      /close some, or raise rest\.waiters/,
    );
    assert.equal((await open(modest)).status, 200);
    // Its own bound leaves it one more, the bound in all does not.
    assert.equal((await get(`${eim.url}/v1/events`, modest)).status, 503);
    gone.abort();
    for (;;) {
      const { status } = await open(greedy);
      if (status === 200) break;
      assert.equal(status, 429);
    }
  });

  it('requests of one token that wait leave places for another', async () => {
    const { eim, greedy, modest } = await started();
    const { id } = await eim.desk.orders.submit({
      eid,
      facility: 'psmo',
      request: { psmo: [{ listProfileInfo: {} }] },
    });
    const { version } = (await get(`${eim.url}/v1/orders/${id}`, modest)).body as {
      readonly version: string;
    };
    const wait = (headers: Record<string, string>) =>
      get(`${eim.url}/v1/orders/${id}?wait=10&since=${version}`, headers);
    const waits = [wait(greedy), wait(greedy), wait(greedy)];
    const refused = await Promise.race(waits);
    assert.equal(refused.status, 429);
    const other = wait(modest);
    await eim.desk.orders.cancel(id);
    assert.equal((await other).status, 200);
    const statuses = (await Promise.all(waits)).map(({ status }) => status);
    assert.deepEqual(statuses.sort(), [200, 200, 429]);
  });
});

/** The stream of events over the wire: nothing is missed between two connections, a restart between them too. */
import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { MemoryStore } from '../../src/store/memory.ts';
import { at, get } from './http.ts';
import { eid, finished, otherEid, type Running, run } from './running.ts';

const running: Running[] = [];
async function started(...options: Parameters<typeof run>): Promise<Running> {
  const eim = await run(...options);
  running.push(eim);
  return eim;
}
after(() => Promise.all(running.map((eim) => eim.close())));

const request = { psmo: [{ listProfileInfo: {} }] } as const;
const submit = ({ desk }: Running, of = eid) =>
  desk.orders.submit({ eid: of, facility: 'psmo', request });

interface Message {
  readonly id?: number;
  readonly event: string;
  readonly data: unknown;
}

/** A stream read message by message; comments and `retry` are passed over. */
class Reader {
  readonly response: Response;
  readonly #gone: AbortController;
  readonly #messages: AsyncGenerator<Message>;

  private constructor(response: Response, gone: AbortController) {
    this.response = response;
    this.#gone = gone;
    this.#messages = messages(response);
  }

  static async open(url: string, headers: Record<string, string> = {}): Promise<Reader> {
    const gone = new AbortController();
    return new Reader(await fetch(url, { headers, signal: gone.signal }), gone);
  }

  /** undefined at the end. */
  async next(): Promise<Message | undefined> {
    const { value, done } = await this.#messages.next();
    return done === true ? undefined : value;
  }

  async events(count: number): Promise<readonly unknown[]> {
    const found: unknown[] = [];
    while (found.length < count) found.push(at((await this.next())?.data, 'event'));
    return found;
  }

  close(): void {
    this.#gone.abort();
  }
}

async function* messages(response: Response): AsyncGenerator<Message, undefined> {
  let text = '';
  const decoder = new TextDecoder();
  assert.ok(response.body);
  for await (const chunk of response.body) {
    text += decoder.decode(chunk, { stream: true });
    for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
      const fields = new Map(
        text
          .slice(0, end)
          .split('\n')
          .map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 2)]),
      );
      text = text.slice(end + 2);
      const { data, event = '', id } = Object.fromEntries(fields);
      if (data === undefined) continue;
      yield { event, data: JSON.parse(data), ...(id === undefined ? {} : { id: Number(id) }) };
    }
  }
  return undefined;
}

describe('GET /v1/events', () => {
  it('tells what happens from now on, as it happens', async () => {
    const eim = await started();
    await submit(eim);
    const reader = await Reader.open(`${eim.url}/v1/events`);
    assert.equal(reader.response.headers.get('content-type'), 'text/event-stream');
    const { id } = await submit(eim, otherEid);
    const submitted = await reader.next();
    const time = at(submitted?.data, 'at');
    assert.match(String(time), /^\d{4}-.*Z$/);
    assert.deepEqual(submitted?.data, {
      at: time,
      id: 2,
      order: id,
      eid: otherEid,
      facility: 'psmo',
      event: 'submitted',
      state: 'new',
    });
    await eim.desk.orders.cancel(id);
    const cancelled = await reader.next();
    assert.deepEqual([cancelled?.id, cancelled?.event], [3, 'order']);
    assert.equal(at(cancelled?.data, 'success'), false);
    reader.close();
  });

  it('goes on where the last connection stopped, over a restart of the eIM', async () => {
    const store = new MemoryStore();
    const first = await run({}, store);
    const reader = await Reader.open(`${first.url}/v1/events`);
    await submit(first);
    const seen = await reader.next();
    reader.close();
    await submit(first, otherEid);
    await first.close();

    const second = await started({}, store);
    await second.desk.orders.cancel((await submit(second)).id);
    const again = await Reader.open(`${second.url}/v1/events`, {
      'last-event-id': String(seen?.id),
    });
    assert.deepEqual(await again.events(3), ['submitted', 'submitted', 'cancelled']);
    again.close();
    const byQuery = await Reader.open(`${second.url}/v1/events?after=${seen?.id}`);
    assert.equal((await byQuery.next())?.id, Number(seen?.id) + 1);
    byQuery.close();
  });

  it('tells of one eUICC where it is named', async () => {
    const eim = await started();
    const reader = await Reader.open(`${eim.url}/v1/events?after=0&eid=${otherEid}`);
    await submit(eim);
    await submit(eim, otherEid);
    assert.equal(at((await reader.next())?.data, 'eid'), otherEid);
    reader.close();
  });

  it('says that events are kept no more', async () => {
    const eim = await started();
    for (const of of [eid, otherEid]) await submit(eim, of);
    await eim.desk.orders.events.sweep(eim.desk.clock.now() + 1);
    const reader = await Reader.open(`${eim.url}/v1/events?after=0`);
    assert.equal((await reader.next())?.id, 2);
    reader.close();
    await submit(eim);
    await eim.desk.orders.events.sweep(eim.desk.clock.now() + 1);
    const late = await Reader.open(`${eim.url}/v1/events?after=1`);
    assert.deepEqual(await late.next(), { event: 'gap', data: { oldest: 3 } });
    late.close();
  });

  it('begins anew where the cursor is of a store that is no more', async () => {
    const eim = await started();
    await submit(eim);
    const reader = await Reader.open(`${eim.url}/v1/events`, { 'last-event-id': '5000' });
    assert.deepEqual(await reader.next(), { event: 'gap', data: { oldest: 1 } });
    assert.equal((await reader.next())?.id, 1);
    reader.close();
    const list = await get(`${eim.url}/v1/events?after=5000`, { accept: 'application/json' });
    assert.equal(at(list.body, 'next'), '1');
    const known = await Reader.open(`${eim.url}/v1/events?after=1`);
    await submit(eim);
    assert.deepEqual((await known.next())?.id, 2);
    known.close();
  });

  it('tells nothing more to whose token was deleted', async () => {
    const token = 'correct-horse-battery';
    const eim = await started({ token });
    const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
    const answer = await fetch(`${eim.url}/v1/tokens`, {
      method: 'POST',
      headers,
      body: JSON.stringify({ name: 'leaver', role: 'read' }),
    });
    const made: unknown = await answer.json();
    const authorization = `Bearer ${at(made, 'token')}`;
    const reader = await Reader.open(`${eim.url}/v1/events`, { authorization });
    const master = await Reader.open(`${eim.url}/v1/events`, headers);
    await submit(eim);
    assert.equal((await reader.next())?.id, 1);
    const { status } = await fetch(`${eim.url}/v1/tokens/${at(made, 'id')}`, {
      method: 'DELETE',
      headers: { authorization: headers.authorization },
    });
    assert.equal(status, 204);
    await submit(eim);
    assert.equal(await reader.next(), undefined);
    assert.deepEqual([(await master.next())?.id, (await master.next())?.id], [1, 2]);
    master.close();
  });

  it('is a list for whoever wants JSON, with a cursor', async () => {
    const eim = await started();
    for (const of of [eid, otherEid, eid]) await submit(eim, of);
    const list = async (query: string) =>
      (await get(`${eim.url}/v1/events${query}`, { accept: 'application/json' })).body;
    const ids = (body: unknown) =>
      (at(body, 'events') as readonly unknown[]).map((event) => at(event, 'id'));
    const first = await list('?limit=2');
    assert.deepEqual([ids(first), at(first, 'next')], [[1, 2], '2']);
    const second = await list(`?limit=2&after=${at(first, 'next')}`);
    assert.deepEqual([ids(second), at(second, 'next')], [[3], '3']);
    assert.deepEqual(await list('?after=3'), { events: [], next: '3' });
    const own = await list(`?eid=${eid}&limit=1&after=1`);
    assert.deepEqual([ids(own), at(own, 'next')], [[3], '3']);
  });

  it('refuses a cursor that is none', async () => {
    const { url } = await started();
    const headers = { 'last-event-id': '-1' };
    const { status, body } = await get(`${url}/v1/events`, headers);
    assert.deepEqual([status, at(body, 'error', 'field')], [400, 'Last-Event-ID']);
    assert.equal((await get(`${url}/v1/events?after=x`)).status, 400);
  });

  it('costs the eIM little however many follow it', async (test) => {
    const eim = await started({ waiters: 10 });
    const readers = await Promise.all(
      Array.from({ length: 10 }, () => Reader.open(`${eim.url}/v1/events`)),
    );
    await submit(eim);
    for (const reader of readers) assert.deepEqual(await reader.events(1), ['submitted']);
    const read = test.mock.method(eim.desk.orders.events, 'list');
    const orders = await Promise.all(Array.from({ length: 20 }, () => submit(eim)));
    for (const reader of readers) assert.equal((await reader.events(20)).length, 20);
    // Not once for each reader and each of them.
    assert.ok(read.mock.callCount() <= orders.length, `${read.mock.callCount()} reads`);
    for (const reader of readers) reader.close();
  });

  it('is open to so many at a time, and to others when they are gone', async () => {
    const eim = await started({ waiters: 1 });
    const reader = await Reader.open(`${eim.url}/v1/events`);
    const { status, headers, body } = await get(`${eim.url}/v1/events`);
    assert.deepEqual([status, at(body, 'error', 'code')], [503, 'busy']);
    assert.equal(headers.get('retry-after'), '10');
    reader.close();
    for (;;) {
      const next = await Reader.open(`${eim.url}/v1/events`);
      next.close();
      if (next.response.status === 200) break;
    }
  });

  it('ends when the eIM stops', async () => {
    const eim = await run();
    const reader = await Reader.open(`${eim.url}/v1/events`);
    const end = reader.next();
    await eim.close();
    assert.equal(await end, undefined);
  });
});

describe('GET /v1/orders/:id/events', () => {
  it('tells the order from its beginning, and ends with it', async () => {
    const eim = await started();
    const order = await submit(eim);
    await submit(eim, otherEid);
    const reader = await Reader.open(`${eim.url}/v1/orders/${order.id}/events`);
    assert.deepEqual(await reader.events(1), ['submitted']);
    await eim.desk.orders.note(order.id, 'seen');
    await finished(eim, order, { listProfileInfoResult: {} });
    assert.deepEqual(await reader.events(2), ['seen', 'finished']);
    assert.equal(await reader.next(), undefined);
  });

  it('ends with an order that is deleted', async () => {
    const eim = await started();
    const order = await submit(eim);
    const reader = await Reader.open(`${eim.url}/v1/orders/${order.id}/events`);
    await eim.desk.orders.delete(order.id);
    assert.deepEqual(await reader.events(2), ['submitted', 'deleted']);
    assert.equal(await reader.next(), undefined);
  });

  it('has nothing for who knows the end, so that it does not come again', async () => {
    const eim = await started();
    const order = await submit(eim);
    await eim.desk.orders.cancel(order.id);
    const url = `${eim.url}/v1/orders/${order.id}/events`;
    assert.equal((await get(url, { 'last-event-id': '2' })).status, 204);
    const rest = await Reader.open(url, { 'last-event-id': '1' });
    assert.deepEqual(await rest.events(1), ['cancelled']);
    assert.equal(await rest.next(), undefined);
  });

  it('is not there for an order that is not', async () => {
    const { url } = await started();
    assert.equal((await get(`${url}/v1/orders/nobody/events`)).status, 404);
  });
});

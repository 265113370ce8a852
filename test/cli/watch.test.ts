/** `eim watch` and `eim order watch`: events as they happen, over a broken connection, until Ctrl-C. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { createServer as createNetServer, type Socket } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { serverSentEvents } from '../../src/cli/server-sent-events.ts';
import { at } from '../rest/http.ts';
import { activationCode, eid, finished, otherEid, type Running, run } from '../rest/running.ts';
import { command, start } from './cli.ts';

let rest: Running;
let env: Record<string, string>;
before(async () => {
  rest = await run();
  env = { EIM_URL: rest.url };
});
after(() => rest.close());

const request = { download: { activationCode } };
const submit = (of = eid) => rest.desk.orders.submit({ eid: of, facility: 'download', request });
const linesOf = (text: string) =>
  text
    .trim()
    .split('\n')
    .map((line): unknown => JSON.parse(line));

describe('eim watch', () => {
  it('tells events of all orders, or of one eUICC, until Ctrl-C', async () => {
    const known = await submit(otherEid);
    const all = start(['watch', '--after', '0', '--json'], { env });
    const one = start(['watch', '--after', '0', '--eid', eid, '-o', 'csv'], { env });
    await all.says(known.id);
    const { id } = await submit();
    await Promise.all([all.says(id), one.says(id)]);
    await finished(rest, { id }, { ok: true });
    await Promise.all([all.says('"success":true'), one.says(',done,true')]);
    for (const watching of [all, one]) watching.kill('SIGINT');
    const [told, csv] = await Promise.all([all.ended, one.ended]);
    assert.deepEqual([told.code, told.stderr], [130, '']);
    assert.deepEqual([csv.code, csv.stderr], [130, '']);
    assert.deepEqual(
      linesOf(told.stdout).map((line) => at(line, 'order')),
      [known.id, id, id],
    );
    const [head, ...rows] = csv.stdout.trimEnd().split('\r\n');
    assert.equal(head, 'number,at,eid,order,event,detail,state,success');
    assert.deepEqual(
      rows.map((row) => row.split(',')[3]),
      [id, id],
    );
  });

  it('says where the eIM is away, and does not wait for it', async () => {
    const { code, stderr } = await command(['watch'], { env: { EIM_URL: 'http://127.0.0.1:9' } });
    assert.equal(code, 3);
    assert.match(stderr, /cannot be reached/);
    assert.equal((await command(['watch', '--after', 'x'], { env })).code, 2);
  });
});

describe('Ctrl-C', { timeout: 30_000 }, () => {
  for (const args of [['watch'], ['order', 'watch', '3f0c4f0e-8f0a-4b0e-9d5c-2f1c5a0f7b11']]) {
    it(`ends eim ${args.slice(0, 2).join(' ')} also while the eIM does not answer`, async (test) => {
      const silent = createNetServer().listen(0, '127.0.0.1');
      test.after(() => silent.close());
      await once(silent, 'listening');
      const address = silent.address();
      assert.ok(typeof address === 'object' && address !== null);
      const env = { EIM_URL: `http://127.0.0.1:${address.port}` };
      const asked = once(silent, 'connection') as Promise<readonly Socket[]>;
      const watching = start(args, { env });
      const [socket] = await asked;
      if (socket !== undefined) await once(socket, 'data');
      watching.kill('SIGINT');
      const { code, stderr } = await watching.ended;
      socket?.destroy();
      assert.deepEqual([code, stderr], [130, '']);
    });
  }
});

describe('a stream that breaks off', () => {
  /** An eIM whose streams end after one event each; gives the cursors that they were asked from. */
  async function breaking(): Promise<{ server: Server; url: string; cursors: unknown[] }> {
    const cursors: unknown[] = [];
    const server = createServer((asked, response) => {
      cursors.push(asked.headers['last-event-id']);
      if (cursors.length === 2) {
        asked.socket.destroy();
        return;
      }
      const id = cursors.length;
      const event = { id, at: '2026-01-01T00:00:00.000Z', order: `o${id}`, eid, facility: 'edr' };
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      const data = JSON.stringify({ ...event, event: 'submitted', state: 'new' });
      response.end(`: hello\n\nid: ${id}\nevent: order\ndata: ${data}\n\n`);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    assert.ok(typeof address === 'object' && address !== null);
    return { server, url: `http://127.0.0.1:${address.port}`, cursors };
  }

  it('is taken up after the last event, also where the eIM is away for a moment', async () => {
    const { server, url, cursors } = await breaking();
    const watching = start(['watch', '--url', url]);
    await watching.says('o3');
    watching.kill('SIGINT');
    const { code, stdout, stderr } = await watching.ended;
    server.closeAllConnections();
    server.close();
    assert.equal(code, 130);
    assert.deepEqual(
      stdout
        .trim()
        .split('\n')
        .map((line) => line.split('  ')[2]),
      ['o1', 'o3'],
    );
    assert.deepEqual(cursors.slice(0, 3), [undefined, '1', '1']);
    assert.match(stderr, /the connection is lost; trying again\nconnected again/);
  });
});

describe('eim order watch', () => {
  it('leaves the order in force on Ctrl-C', async () => {
    const { id } = await submit();
    const watching = start(['order', 'watch', id], { env });
    await watching.says('submitted');
    watching.kill('SIGINT');
    const { code, stderr } = await watching.ended;
    assert.deepEqual([code, stderr], [130, '']);
    assert.equal((await rest.desk.orders.get(id))?.state.at, 'new');
  });

  it('ends with 5 when its time is over', async () => {
    const { id } = await submit();
    const { code, stdout, stderr } = await command(['order', 'watch', id, '--timeout', '1s'], {
      env,
    });
    assert.equal(code, 5);
    assert.match(stdout, / submitted\n$/);
    assert.match(stderr, /is not done yet/);
  });

  it('ends with 2 for an order that nobody knows', async () => {
    assert.equal((await command(['order', 'watch', 'nonsense'], { env })).code, 2);
  });
});

describe('an event stream', () => {
  const events = async (...chunks: readonly string[]) => {
    const encoder = new TextEncoder();
    async function* octets() {
      for (const chunk of chunks) yield encoder.encode(chunk);
    }
    const found = [];
    for await (const one of serverSentEvents(octets())) found.push(one);
    return found;
  };
  const plain = { id: '7', type: 'order', data: 'a\nb' };

  it('is read whatever its line ends, and wherever it is cut', async () => {
    const text = ': comment\n\nid: 7\nevent: order\ndata: a\ndata:b\n\n';
    assert.deepEqual(await events(text), [plain]);
    assert.deepEqual(await events(text.replaceAll('\n', '\r\n')), [plain]);
    for (let at = 0; at < text.length; at++) {
      const cut = text.replaceAll('\n', '\r\n');
      assert.deepEqual(await events(cut.slice(0, at), cut.slice(at)), [plain]);
    }
  });

  it('that ends within an event has none more', async () => {
    assert.deepEqual(await events('data: a\n\ndata: b\n'), [
      { id: '', type: 'message', data: 'a' },
    ]);
  });
});

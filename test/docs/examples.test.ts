/** The requests of docs/rest.md, each made, and answered as it says. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { at } from '../rest/http.ts';
import { type Running, run } from '../rest/running.ts';
import { blocks, page } from './markdown.ts';
import { commandsIn, curlOf } from './shell.ts';

const rest = page('docs/rest.md');

describe('rest.md', () => {
  let running: Running;
  before(async () => {
    running = await run();
  });
  after(() => running.close());

  it('shows requests with the answers that they get', async () => {
    let id = '';
    let asked = 0;
    let answer: unknown;
    for (const { language, text, follows } of blocks(rest)) {
      if (language === 'sh') {
        for (const words of commandsIn(text.replaceAll('$ID', id))) {
          const { url, follow, ...request } = curlOf(words);
          const response = await fetch(url.replace('http://127.0.0.1:8080', running.url), {
            ...request,
            redirect: follow ? 'follow' : 'error',
          });
          answer = await response.json();
          const named = at(answer, 'id') ?? /[0-9a-f-]{36}$/.exec(response.url)?.[0];
          if (typeof named === 'string') id = named;
          asked++;
        }
      } else if (language === 'json') {
        assert.ok(follows, `no request before ${text}`);
        const due: unknown = JSON.parse(text);
        assert.deepEqual(alike(due, answer), due);
      }
    }
    assert.ok(asked > 10);
  });

  /** `found`, with what `due` leaves open (`…`) as it stands there. */
  function alike(due: unknown, found: unknown): unknown {
    if (typeof due === 'string' && typeof found === 'string') {
      return due === '…' && found !== '' ? due : found;
    }
    if (Array.isArray(due) && Array.isArray(found)) {
      return found.map((one, i) => alike(due[i], one));
    }
    if (typeof found !== 'object' || found === null || Array.isArray(found)) return found;
    return Object.fromEntries(
      Object.entries(found).map(([name, value]) => [name, alike(at(due, name), value)]),
    );
  }
});

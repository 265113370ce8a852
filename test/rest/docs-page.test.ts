/**
 * GET /v1/docs, the page: its HTML is sound, all of the document is in it, and its script, run here in a stand-in for a
 * browser (as much of the DOM as it touches), sends what a form says and shows what comes back.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { createContext, runInContext } from 'node:vm';
import { roleOf } from '../../src/rest/roles.ts';
import { at } from './http.ts';
import { eid, type Running, run } from './running.ts';

/** A tag of the page. */
interface Tag {
  readonly name: string;
  readonly attributes: ReadonlyMap<string, string>;
  /** What stands in it, as a browser shows it; tags left out. */
  text: string;
  /** Names of those around it, the outermost first. */
  readonly within: readonly Tag[];
}

const voids = ['meta', 'input', 'br'];

/** The tags of a page, strictly: each closed in its turn, each attribute quoted and there once. Throws where it is not so. */
function tagsOf(page: string): readonly Tag[] {
  const tags: Tag[] = [];
  const open: Tag[] = [];
  const pieces = page.matchAll(
    /<!doctype html>|<(script|style)>([\s\S]*?)<\/\1>|<(\/?)([a-z][a-z0-9]*)((?:\s+[a-z-]+(?:="[^"<>]*")?)*)>|([^<]+)|(<)/g,
  );
  for (const [whole, raw, source, slash, name = '', attributes = '', text, stray] of pieces) {
    if (stray !== undefined) throw new Error(`a stray <, behind ${open.at(-1)?.name}`);
    if (raw !== undefined) {
      tags.push({ name: raw, attributes: new Map(), text: source ?? '', within: [...open] });
    } else if (text !== undefined) {
      if (/&(?!amp;|lt;|gt;|quot;)/.test(text)) throw new Error(`a bare &: ${text}`);
      for (const tag of open) tag.text += plain(text);
    } else if (slash === '/') {
      const closed = open.pop();
      if (closed?.name !== name) throw new Error(`</${name}> closes ${closed?.name}`);
    } else if (whole !== '<!doctype html>') {
      const found = [...attributes.matchAll(/([a-z-]+)(?:="([^"]*)")?/g)].map(
        ([, key = '', value = '']) => [key, plain(value)] as const,
      );
      const tag = { name, attributes: new Map(found), text: '', within: [...open] };
      if (tag.attributes.size !== found.length) throw new Error(`an attribute twice: ${whole}`);
      tags.push(tag);
      if (!voids.includes(name)) open.push(tag);
    }
  }
  if (open.length > 0) throw new Error(`${open.map(({ name }) => name)} are not closed`);
  return tags;
}

function plain(text: string): string {
  return text
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&quot;', '"')
    .replaceAll('&amp;', '&');
}

interface Field {
  readonly name: string;
  value: string;
  readonly dataset: Readonly<Record<string, string>>;
}

/** A form as the script sees it. */
interface Form {
  readonly dataset: { readonly method: string; readonly path: string };
  readonly elements: readonly Field[];
  readonly output: { textContent: string };
  /** Presses its button; done when the script is. */
  submit(): Promise<void>;
}

type Fetch = (url: string, init: RequestInit) => Promise<Response>;

/** The page in a stand-in for a browser, its script run. */
class Browser {
  readonly token: Field = { name: '', value: '', dataset: {} };
  readonly forms: readonly Form[];

  constructor(page: string, fetch: Fetch) {
    const tags = tagsOf(page);
    const listeners = new Map<object, (event: object) => Promise<void>>();
    const tokens = tags.filter(({ attributes }) => attributes.get('id') === 'token');
    assert.equal(tokens.length, 1);
    this.forms = tags
      .filter(({ name }) => name === 'form')
      .map((tag) => {
        const inside = tags.filter(({ within }) => within.includes(tag));
        assert.equal(inside.filter(({ name }) => name === 'output').length, 1);
        assert.equal(inside.filter(({ name }) => name === 'button').length, 1);
        const output = { textContent: '' };
        const form = {
          dataset: {
            method: tag.attributes.get('data-method') ?? '',
            path: tag.attributes.get('data-path') ?? '',
          },
          elements: inside.filter(({ name }) => ['input', 'textarea'].includes(name)).map(fieldOf),
          output,
          querySelector: (selector: string) => (selector === 'output' ? output : null),
          addEventListener: (_: string, run: (event: object) => Promise<void>) =>
            listeners.set(form, run),
          async submit() {
            let isPrevented = false;
            const run = listeners.get(form);
            assert.ok(run, 'nothing listens');
            await run({ preventDefault: () => (isPrevented = true) });
            assert.ok(isPrevented, 'the page is left');
          },
        };
        return form;
      });
    const document = {
      forms: this.forms,
      getElementById: (id: string) => (id === 'token' ? this.token : null),
    };
    const globals = { document, fetch, AbortController, URLSearchParams, TextDecoder };
    const script = tags.find(({ name }) => name === 'script')?.text ?? '';
    // What a browser has and this context lacks, the script cannot use unnoticed.
    runInContext(script, createContext({ ...globals, encodeURIComponent, JSON, String }));
  }

  form(key: string): Form {
    const [method, path = ''] = key.split(' ');
    const form = this.forms.find(
      ({ dataset }) =>
        dataset.method === method && dataset.path === path.replace(/:(\w+)/g, '{$1}'),
    );
    assert.ok(form, key);
    return form;
  }
}

function fieldOf({ attributes, text }: Tag): Field {
  const place = attributes.get('data-in');
  return {
    name: attributes.get('name') ?? '',
    value: text,
    dataset: place === undefined ? {} : { in: place },
  };
}

function fill(form: Form, values: Readonly<Record<string, string>>): void {
  for (const [name, value] of Object.entries(values)) {
    const field = form.elements.find((one) => one.name === name);
    assert.ok(field, name);
    field.value = value;
  }
}

describe('GET /v1/docs', () => {
  const token = 'correct-horse-battery';
  let eim: Running;
  let page: string;
  let document: unknown;
  let policy: string;
  before(async () => {
    eim = await run({ token });
    const response = await fetch(`${eim.url}/v1/docs`);
    page = await response.text();
    policy = response.headers.get('content-security-policy') ?? '';
    document = await (await fetch(`${eim.url}/v1/openapi.json`)).json();
  });
  after(() => eim.close());

  const ask: Fetch = (url, init) => fetch(`${eim.url}${url}`, init);
  const operations = (): readonly (readonly [path: string, method: string, of: unknown])[] =>
    Object.entries(at(document, 'paths') as object).flatMap(([path, methods]) =>
      Object.entries(methods as object).map(([method, of]) => [path, method, of] as const),
    );

  it('is sound HTML, with each name once and no reference that leads nowhere', () => {
    const tags = tagsOf(page);
    const ids = tags.flatMap(({ attributes }) => attributes.get('id') ?? []);
    assert.deepEqual(ids, [...new Set(ids)]);
    const links = tags.flatMap(({ attributes }) => attributes.get('href') ?? []);
    const known = new Set([...ids.map((id) => `#${id}`), '/v1/openapi.json']);
    assert.ok(links.length > 50, `${links.length} links`);
    assert.deepEqual(
      links.filter((link) => !known.has(link)),
      [],
    );
    assert.throws(() => tagsOf('<p><b></p></b>'));
    assert.throws(() => tagsOf('<p class="a" class="b"></p>'));
    assert.throws(() => tagsOf('<p title=">"></p>'));
    assert.throws(() => tagsOf('<p>'));
  });

  it('has no script but the one that its policy names: no handler in a tag, no style there', () => {
    const tags = tagsOf(page);
    assert.equal(tags.filter(({ name }) => name === 'script').length, 1);
    const names = new Set(tags.flatMap(({ attributes }) => [...attributes.keys()]));
    const known = 'autocomplete charset class content data-in data-method data-path href id lang';
    const others = 'name placeholder required type';
    assert.deepEqual([...names].sort(), `${known} ${others}`.split(' '));
    const tagNames = new Set(tags.map(({ name }) => name));
    for (const name of ['iframe', 'object', 'embed', 'base', 'img', 'link', 'svg']) {
      assert.ok(!tagNames.has(name), name);
    }
    const directives = policy.split('; ').map((directive) => directive.split(' ')[0]);
    assert.deepEqual(directives, [
      'default-src',
      'script-src',
      'style-src',
      'connect-src',
      'base-uri',
      'form-action',
      'frame-ancestors',
    ]);
    assert.match(policy, /^default-src 'none'; script-src 'sha256-\S+'; style-src 'sha256-\S+'; /);
    assert.doesNotMatch(policy, /unsafe|\*|https?:|data:|blob:/);
  });

  it('has each operation, with its parameters and every example', () => {
    const tags = tagsOf(page);
    for (const [path, method, operation] of operations()) {
      const section = tags.find(
        ({ attributes }) => attributes.get('id') === at(operation, 'operationId'),
      );
      assert.ok(section, `${method} ${path}`);
      assert.ok(section.text.includes(String(at(operation, 'summary'))));
      const inside = tags.filter(({ within }) => within.includes(section));
      const fields = inside.flatMap(({ attributes }) => attributes.get('name') ?? []);
      const parameters = (at(operation, 'parameters') ?? []) as readonly unknown[];
      const body = at(operation, 'requestBody', 'content', 'application/json', 'example');
      const due = parameters.map((parameter) => String(at(parameter, 'name')));
      assert.deepEqual(fields, body === undefined ? due : [...due, 'body']);
      if (body !== undefined) {
        const shown = inside.find(({ name }) => name === 'textarea')?.text ?? '';
        assert.deepEqual(JSON.parse(shown), body);
      }
      assert.ok(section.text.includes(JSON.stringify(at(operation, 'responses'), null, 2)));
    }
    for (const [name, schema] of Object.entries(at(document, 'components', 'schemas') as object)) {
      const section = tags.find(({ attributes }) => attributes.get('id') === name);
      assert.equal(section?.text, `${name}${JSON.stringify(schema, null, 2)}`);
    }
  });

  it('sends what each form says: its method, path, query, headers and body', async () => {
    const sent: { readonly url: string; readonly init: RequestInit }[] = [];
    const browser = new Browser(page, async (url, init) => {
      sent.push({ url, init });
      return new Response('{"a":1}');
    });
    browser.token.value = 'secret';
    assert.equal(browser.forms.length, Object.keys(roleOf).length);
    for (const form of browser.forms) {
      for (const field of form.elements) {
        if (field.dataset.in !== 'body') field.value = `a b/${field.name}`;
      }
      await form.submit();
      const { url, init } = sent.at(-1) ?? { url: '', init: {} };
      const [path = '', query = ''] = url.split('?');
      const of = (place: string) => form.elements.filter(({ dataset }) => dataset.in === place);
      const due = form.dataset.path.replace(/\{(\w+)\}/g, (_, name) =>
        encodeURIComponent(`a b/${name}`),
      );
      assert.equal(path, due);
      assert.deepEqual(
        [...new URLSearchParams(query)],
        of('query').map(({ name, value }) => [name, value]),
      );
      const [body] = of('body');
      assert.equal(init.method, form.dataset.method);
      assert.equal(init.body, body?.value);
      assert.deepEqual(
        { ...(init.headers as object) },
        {
          authorization: 'Bearer secret',
          ...Object.fromEntries(of('header').map(({ name, value }) => [name, value])),
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        },
      );
      // As a Response of this test's making has it.
      assert.equal(form.output.textContent, '200 \n\n{\n  "a": 1\n}');
    }
    assert.equal(sent.length, browser.forms.length);
  });

  it('leaves out what is not filled in', async () => {
    const sent: RequestInit[] = [];
    const browser = new Browser(page, async (url, init) => {
      assert.equal(url, '/v1/orders');
      sent.push(init);
      return new Response('');
    });
    await browser.form('GET /v1/orders').submit();
    assert.deepEqual(Object.keys(sent[0]?.headers ?? {}), []);
    assert.equal(sent[0]?.body, undefined);
  });

  it('asks a real eIM, and shows its answers and its refusals', async () => {
    const browser = new Browser(page, ask);
    const form = browser.form('GET /v1/orders');
    await form.submit();
    assert.match(form.output.textContent, /^401 .*\n\n\{\n {2}"error": \{\n {4}"code": "unauth/);
    browser.token.value = token;
    const add = browser.form('POST /v1/devices');
    await add.submit();
    assert.match(add.output.textContent, /^201 .*\n\n\{\n {2}"identity": "meter-17"/);
    const look = browser.form('GET /v1/devices/:identity');
    fill(look, { identity: 'meter-17' });
    await look.submit();
    assert.match(look.output.textContent, /^200 .*"psk": "one"/s);
    const place = browser.form('POST /v1/orders');
    await place.submit();
    assert.match(place.output.textContent, new RegExp(`^201 .*"eid": "${eid}"`, 's'));
    const cancel = browser.form('POST /psmo/create');
    await cancel.submit();
    // The redirect was followed.
    assert.match(cancel.output.textContent, /^200 .*\/psmo\/lookup\/.*"status": "new"/s);
  });

  it('shows a stream as it comes, and ends it when it is asked for anew', async () => {
    let write: (text: string) => void = () => {};
    const signals: (AbortSignal | null | undefined)[] = [];
    const browser = new Browser(page, async (_, { signal }) => {
      signals.push(signal);
      const body = new ReadableStream<Uint8Array>({
        start(controller) {
          write = (text) => controller.enqueue(new TextEncoder().encode(text));
          signal?.addEventListener('abort', () => controller.error(new Error('aborted')));
        },
      });
      return new Response(body, { headers: { 'content-type': 'text/event-stream' } });
    });
    const form = browser.form('GET /v1/events');
    const first = form.submit();
    const shows = async (text: string): Promise<void> => {
      while (!form.output.textContent.endsWith(text)) {
        await new Promise((resolve) => setImmediate(resolve));
      }
    };
    await shows('\n\n');
    write('id: 1\n');
    await shows('id: 1\n');
    write('id: 2\n');
    await shows('id: 1\nid: 2\n');
    void form.submit();
    await first;
    assert.deepEqual([signals[0]?.aborted, signals[1]?.aborted], [true, false]);
    // The end of the first is not told of where the second is shown.
    await shows('\n\n');
    write('id: 3\n');
    await shows('\n\nid: 3\n');
  });

  it('says so where nobody answers', async () => {
    const browser = new Browser(page, () => Promise.reject(new TypeError('fetch failed')));
    const form = browser.form('GET /healthz');
    await form.submit();
    assert.equal(form.output.textContent, 'TypeError: fetch failed');
  });

  it('uses nothing of a form that a field of its own could hide', () => {
    const used = ['dataset', 'elements', 'querySelector', 'addEventListener', 'ask'];
    const { forms } = new Browser(page, ask);
    const names = new Set(forms.flatMap(({ elements }) => elements.map(({ name }) => name)));
    assert.deepEqual(
      used.filter((name) => names.has(name)),
      [],
    );
  });
});

/**
 * The OpenAPI document: sound by a validator that is not ours, whole, and true: each operation is asked for, and what
 * is answered is what the document says. The requests of the drop-in facilities are in drop-in-wire.test.ts too.
 */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Validator } from '@seriousme/openapi-schema-validator';
import { Ajv2020 } from 'ajv/dist/2020.js';
import formats from 'ajv-formats';
import { parseEid, parseIccid } from '../../src/messages/ids.ts';
import { facilities } from '../../src/orders/order.ts';
import { parseAnyIccid } from '../../src/rest/api/ids.ts';
import { type RouteKey, roleOf } from '../../src/rest/roles.ts';
import { at } from './http.ts';
import { activationCode, efIccid, eid, iccid, otherEid, type Running, run } from './running.ts';

const committed = fileURLToPath(new URL('../../docs/openapi.json', import.meta.url));

/** What a request needs besides its key. */
interface Wanted {
  readonly params?: Readonly<Record<string, string>>;
  readonly query?: string;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

const psmo = { eid, steps: [{ listProfileInfo: {} }] };
const unknownId = '00000000-0000-4000-8000-000000000000';

/** The document as it is served, and what holds answers against its schemas: under the name `eim`. */
async function documentOf({ url }: Running): Promise<{ document: object; ajv: Ajv2020 }> {
  const document: unknown = await (await fetch(`${url}/v1/openapi.json`)).json();
  assert.ok(typeof document === 'object' && document !== null);
  const ajv = new Ajv2020({ strict: false, allErrors: true });
  formats.default(ajv);
  ajv.addSchema(document, 'eim');
  return { document, ajv };
}

describe('the OpenAPI document', () => {
  let running: Running;
  let document: unknown;
  let ajv: Ajv2020;
  before(async () => {
    running = await run();
    ({ document, ajv } = await documentOf(running));
  });
  after(() => running.close());

  /** Why an answer is not as the document says; '' where it is. */
  function unlike(key: RouteKey, status: number, type: string, body: unknown): string {
    const [method = '', path = ''] = key.split(' ');
    const place = ['paths', path.replace(/:(\w+)/g, '{$1}'), method.toLowerCase(), 'responses'];
    const responses = at(document, ...place);
    const known = at(responses, String(status)) ?? at(responses, 'default');
    if (known === undefined) return `${status} is not among its answers`;
    const where = at(responses, String(status)) === undefined ? 'default' : String(status);
    const content = at(known, 'content');
    if (at(known, '$ref') === undefined && content === undefined) {
      return body === undefined ? '' : 'it has a body';
    }
    if (at(known, '$ref') === undefined && at(content, type) === undefined) return `it is ${type}`;
    if (!type.startsWith('application/json')) return '';
    const pointer =
      at(known, '$ref') === undefined
        ? [...place, where, 'content', type, 'schema']
        : ['components', 'responses', 'Error', 'content', type, 'schema'];
    const reference = pointer
      .map((part) => encodeURIComponent(part.replaceAll('~', '~0').replaceAll('/', '~1')))
      .join('/');
    const validate = ajv.compile({ $ref: `eim#/${reference}` });
    return validate(body) ? '' : ajv.errorsText(validate.errors);
  }

  async function ask(key: RouteKey, { params = {}, query = '', body, headers = {} }: Wanted = {}) {
    const [method = '', pattern = ''] = key.split(' ');
    const path = pattern.replace(/:(\w+)/g, (_, name) => encodeURIComponent(params[name] ?? ''));
    const response = await fetch(`${running.url}${path}${query}`, {
      method,
      redirect: 'manual',
      headers: {
        accept: 'application/json',
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    const full = response.headers.get('content-type') ?? '';
    const type = full.startsWith('application/json') ? 'application/json' : full;
    const answer: unknown =
      text === '' ? undefined : type === 'application/json' ? JSON.parse(text) : text;
    return {
      status: response.status,
      type,
      body: answer,
      location: response.headers.get('location'),
    };
  }

  it('is sound', async () => {
    const result = await new Validator().validate(JSON.parse(JSON.stringify(document)));
    assert.deepEqual(result.errors, undefined);
    assert.equal(result.valid, true);
  });

  it('would not be with an answer left out', async () => {
    const broken = JSON.parse(JSON.stringify(document));
    const operation = at(broken, 'paths', '/healthz', 'get');
    assert.ok(typeof operation === 'object' && operation !== null);
    Reflect.deleteProperty(operation, 'responses');
    Reflect.set(operation, 'responsess', {});
    assert.equal((await new Validator().validate(broken)).valid, false);
  });

  it('has every route, each with the role that it asks for', () => {
    const paths = at(document, 'paths') as Readonly<
      Record<string, Readonly<Record<string, unknown>>>
    >;
    const found = Object.entries(paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, operation]) => [
        `${method.toUpperCase()} ${path.replace(/\{(\w+)\}/g, ':$1')}`,
        at(operation, 'description'),
      ]),
    );
    const due = Object.entries(roleOf).map(([key, role]) => [
      key,
      role === 'open' ? 'Without a token.' : `Role: ${role}.`,
    ]);
    assert.deepEqual(found.sort(), due.sort());
  });

  it('names each operation, and each once', () => {
    const ids = [...JSON.stringify(document).matchAll(/"operationId":"([^"]+)"/g)].map(
      ([, id]) => id,
    );
    assert.equal(ids.length, Object.keys(roleOf).length);
    assert.equal(new Set(ids).size, ids.length);
    assert.ok(
      ids.every((id) => /^[a-z][a-z0-9_]*$/.test(id ?? '')),
      ids.join(' '),
    );
  });

  it('has the arms of a step, with what is due in each', () => {
    const step = at(
      document,
      'paths',
      '/v1/orders',
      'post',
      'requestBody',
      'content',
      'application/json',
      'schema',
      'properties',
      'steps',
      'items',
      'oneOf',
    ) as readonly unknown[];
    const names = step.map((arm) => Object.keys(at(arm, 'properties') as object)[0]);
    for (const name of ['download', 'enable', 'listProfileInfo', 'addEim', 'edr', 'confirm']) {
      assert.ok(names.includes(name), name);
    }
    const disable = step.find((arm) => at(arm, 'properties', 'disable') !== undefined);
    assert.deepEqual(at(disable, 'properties', 'disable', 'required'), ['iccid']);
  });

  it('says of each parameter what it is, and of each order of a batch what it may hold', () => {
    const operations = Object.entries(
      at(document, 'paths') as Readonly<Record<string, Readonly<Record<string, unknown>>>>,
    ).flatMap(([path, methods]) => Object.values(methods).map((one) => [path, one] as const));
    const silent = operations.flatMap(([path, operation]) =>
      ((at(operation, 'parameters') ?? []) as readonly unknown[])
        .filter((parameter) => typeof at(parameter, 'description') !== 'string')
        .map((parameter) => `${path}: ${at(parameter, 'name')}`),
    );
    assert.deepEqual(silent, []);
    assert.match(JSON.stringify(at(document, 'paths', '/v1/orders/batch')), /"idempotencyKey"/);
  });

  it('says of each member of each body what it is', () => {
    const [silent, told] = [new Set<string>(), new Set<string>()];
    const look = (part: unknown, path: string): void => {
      if (typeof part !== 'object' || part === null) return;
      for (const [name, member] of Object.entries(at(part, 'properties') ?? {})) {
        const description = at(member, 'description');
        const says = typeof description === 'string' && description.trim().length > 1;
        (says ? told : silent).add(`${path}/${name}`);
      }
      for (const [name, member] of Object.entries(part)) {
        if (!['example', 'examples'].includes(name)) look(member, `${path}/${name}`);
      }
    };
    look(document, '');
    assert.deepEqual([...silent], []);
    assert.ok(told.size > 700, `${told.size} members`);
  });

  it('is docs/openapi.json (made anew with UPDATE_OPENAPI=1)', () => {
    const text = `${JSON.stringify(document, null, 2)}\n`;
    if (process.env.UPDATE_OPENAPI === '1') writeFileSync(committed, text);
    assert.deepEqual(JSON.parse(readFileSync(committed, 'utf8')), document);
  });

  it('would tell an answer that is not as it says', () => {
    const error = { error: { code: 'notFound', message: 'there is none' } };
    const list = { orders: [], next: 'x' };
    const type = 'application/json';
    assert.equal(unlike('GET /v1/orders', 404, type, error), '');
    assert.match(
      unlike('GET /v1/orders', 404, type, { error: { code: 'odd', message: '' } }),
      /code/,
    );
    assert.equal(unlike('GET /v1/orders', 200, type, list), '');
    assert.match(unlike('GET /v1/orders', 200, type, { ...list, more: 1 }), /additional/);
    assert.match(unlike('GET /v1/orders', 200, type, { orders: [{ id: 7 }] }), /eid/);
    assert.match(unlike('GET /v1/orders', 200, 'text/html', ''), /text\/html/);
    assert.match(unlike('GET /healthz', 404, type, error), /404 is not among/);
    assert.match(unlike('DELETE /v1/orders/:id', 204, type, {}), /has a body/);
  });

  it('is true of every operation, granted and refused', async () => {
    const wrong: string[] = [];
    const asked = new Set<RouteKey>();
    async function exchange(key: RouteKey, due: number, wanted: Wanted = {}): Promise<unknown> {
      const { status, type, body, location } = await ask(key, wanted);
      asked.add(key);
      if (status !== due)
        wrong.push(`${key}: ${status} in place of ${due}: ${JSON.stringify(body)}`);
      const complaint = unlike(key, status, type, body);
      if (complaint !== '') wrong.push(`${key} ${status}: ${complaint}: ${JSON.stringify(body)}`);
      return body ?? location?.split('/').at(-1);
    }
    const id = (of: unknown) => ({ id: String(at(of, 'id') ?? of) });

    for (const key of [
      'GET /',
      'GET /healthz',
      'GET /readyz',
      'GET /metrics',
      'GET /v1/info',
      'GET /v1/openapi.json',
      'GET /v1/docs',
      'GET /v1/quirks',
    ] as const) {
      await exchange(key, 200);
    }
    await exchange('POST /v1/reload', 200);
    await exchange('GET /v1/info', 400, { query: '?tlsTrust=nobody' });

    const orders = {
      download: { download: { activationCode } },
      psmo: { psmo: [{ listProfileInfo: {} }] },
      eco: { eco: [{ listEim: {} }] },
      edr: { edr: { tagList: 'BF20' } },
      euicc: { euicc: { get: ['counterValue'] } },
    } as const;
    for (const [facility, order] of Object.entries(orders)) {
      const name = facility as keyof typeof orders;
      const posted = { eidValue: eid, order };
      const made = await exchange(`POST /${name}/create`, 303, { body: posted });
      await exchange(`POST /${name}/create`, 400, { body: { eidValue: eid, order: {} } });
      await exchange(`GET /${name}/lookup/:id`, 200, { params: id(made) });
      await exchange(`GET /${name}/list`, 200);
      await exchange(`GET /${name}/delete/:id`, 200, { params: id(made) });
      await exchange(`GET /${name}/lookup/:id`, 200, { params: id(made) });
      await exchange(`GET /${name}/delete/:id`, 200, { params: id(made) });
    }

    const key = { 'idempotency-key': 'one' };
    const order = await exchange('POST /v1/orders', 201, { body: psmo, headers: key });
    await exchange('POST /v1/orders', 200, { body: psmo, headers: key });
    await exchange('POST /v1/orders', 422, { body: { ...psmo, push: true }, headers: key });
    await exchange('POST /v1/orders', 400, { body: { eid } });
    await exchange('POST /v1/orders/batch', 200, { body: { orders: [psmo, { eid: '1' }] } });
    await exchange('POST /v1/orders/batch', 200, { body: { orders: [psmo], dryRun: true } });
    await exchange('POST /v1/orders/batch', 400, { body: { orders: [] } });
    await exchange('GET /v1/orders', 200, { query: '?limit=1' });
    await exchange('GET /v1/orders', 400, { query: '?limit=0' });
    await exchange('GET /v1/orders/:id', 200, { params: id(order) });
    await exchange('GET /v1/orders/:id', 404, { params: { id: unknownId } });
    await exchange('GET /v1/orders/:id/events', 200, { params: id(order) });
    await exchange('GET /v1/orders/:id/events', 404, { params: { id: unknownId } });
    await exchange('POST /v1/orders/:id/cancel', 200, { params: id(order) });
    await exchange('POST /v1/orders/:id/cancel', 409, { params: id(order) });
    const stream = { accept: 'text/event-stream' };
    await exchange('GET /v1/orders/:id/events', 200, { params: id(order), headers: stream });
    await exchange('GET /v1/orders/:id/events', 204, {
      params: id(order),
      headers: { ...stream, 'last-event-id': '999999' },
    });
    await exchange('DELETE /v1/orders/:id', 204, { params: id(order) });
    await exchange('DELETE /v1/orders/:id', 404, { params: id(order) });
    await exchange('GET /v1/events', 200, { query: `?eid=${eid}&limit=2` });
    await exchange('GET /v1/events', 400, { headers: { 'last-event-id': 'x' } });

    const device = { identity: 'meter', eids: [eid] };
    const params = { identity: 'meter' };
    await exchange('POST /v1/devices', 201, { body: device });
    await exchange('POST /v1/devices', 409, { body: device });
    const several = [device, { identity: 'other' }, { identity: 'wrong', key: '00' }];
    await exchange('POST /v1/devices/batch', 200, { body: { devices: several } });
    await exchange('GET /v1/devices', 200, { query: '?limit=1' });
    await exchange('GET /v1/devices/:identity', 200, { params });
    await exchange('PATCH /v1/devices/:identity', 200, { params, body: { address: '192.0.2.7' } });
    await exchange('PATCH /v1/devices/:identity', 400, { params, body: { address: 'here' } });
    await exchange('POST /v1/devices/:identity/rotate', 200, { params, body: {} });
    await exchange('POST /v1/devices/:identity/revoke', 200, { params });
    await exchange('DELETE /v1/devices/:identity', 204, { params });
    await exchange('GET /v1/devices/:identity', 404, { params });

    await running.desk.euiccs.ensure(otherEid);
    await running.desk.euiccs.update(otherEid, {
      profiles: {
        since: Date.UTC(2026, 0, 1),
        list: [{ iccid: parseIccid(efIccid), state: 'enabled', class: 'operational', name: 'one' }],
      },
    });
    await exchange('GET /v1/euiccs', 200);
    await exchange('GET /v1/euiccs/:eid', 200, { params: { eid: otherEid } });
    await exchange('GET /v1/euiccs/:eid', 400, { params: { eid: '1' } });
    await exchange('PATCH /v1/euiccs/:eid', 200, {
      params: { eid },
      body: { consumerEuicc: true },
    });
    await exchange('PATCH /v1/euiccs/:eid', 400, { params: { eid }, body: { counterValue: -1 } });
    await exchange('GET /v1/euiccs/:eid/quirks', 200, { params: { eid } });
    await exchange('GET /v1/profiles', 200, { query: `?iccid=${iccid}` });
    await exchange('GET /v1/profiles', 200, { query: `?after=${eid}/${efIccid}` });

    const connection = { id: '6D6A5C1E0F3B9A27C4D8E001' };
    await exchange('GET /v1/dtls', 200);
    await exchange('GET /v1/dtls/:id', 200, { params: connection });
    await exchange('DELETE /v1/dtls/:id', 204, { params: connection });
    await exchange('GET /v1/dtls/:id', 404, { params: connection });

    const notification = { id: `${eid}-5-smdp.example.com` };
    await exchange('GET /v1/notifications', 200);
    await exchange('GET /v1/notifications/:id', 200, { params: notification });
    await exchange('POST /v1/notifications/:id/retry', 200, { params: notification });
    const waiting = { id: `${eid}-4-smdp.example.com` };
    await exchange('POST /v1/notifications/:id/retry', 200, { params: waiting });
    await exchange('DELETE /v1/notifications/:id', 204, { params: notification });
    await exchange('DELETE /v1/notifications/:id', 404, { params: notification });

    const token = await exchange('POST /v1/tokens', 201, { body: { name: 'ci', role: 'read' } });
    await exchange('POST /v1/tokens', 400, { body: { name: 'ci', role: 'root' } });
    await exchange('GET /v1/tokens', 200);
    await exchange('DELETE /v1/tokens/:id', 204, { params: id(token) });
    await exchange('DELETE /v1/tokens/:id', 404, { params: id(token) });

    assert.deepEqual(wrong, []);
    assert.deepEqual([...asked].sort(), Object.keys(roleOf).sort());
  });
});

describe('the examples of the OpenAPI document', () => {
  let running: Running;
  let document: unknown;
  let ajv: Ajv2020;
  before(async () => {
    running = await run();
    ({ document, ajv } = await documentOf(running));
  });
  after(() => running.close());

  /** Media types of bodies and answers, with the place of each. */
  function contents(): readonly (readonly [place: readonly string[], content: unknown])[] {
    const found: [readonly string[], unknown][] = [];
    const look = (part: unknown, place: readonly string[]): void => {
      if (typeof part !== 'object' || part === null) return;
      for (const [type, content] of Object.entries(at(part, 'content') ?? {})) {
        found.push([[...place, 'content', type], content]);
      }
      for (const [name, member] of Object.entries(part)) {
        if (name !== 'content') look(member, [...place, name]);
      }
    };
    look(at(document, 'paths'), ['paths']);
    look(at(document, 'components', 'responses'), ['components', 'responses']);
    return found;
  }

  /** Why a value is not as the schema at this place says; '' where it is. */
  function unlike(place: readonly string[], value: unknown): string {
    const pointer = [...place, 'schema'].map((part) =>
      encodeURIComponent(part.replaceAll('~', '~0').replaceAll('/', '~1')),
    );
    const validate = ajv.compile({ $ref: `eim#/${pointer.join('/')}` });
    return validate(value) ? '' : ajv.errorsText(validate.errors);
  }

  it('are of each body, of each answer, and of what stands in each path', () => {
    const without = contents().filter(([, content]) => at(content, 'example') === undefined);
    assert.deepEqual(
      without.map(([place]) => place.join(' ')),
      [],
    );
    for (const [path, methods] of Object.entries(at(document, 'paths') as object)) {
      for (const operation of Object.values(methods)) {
        for (const parameter of (at(operation, 'parameters') ?? []) as readonly unknown[]) {
          if (at(parameter, 'in') !== 'path') continue;
          assert.equal(typeof at(parameter, 'example'), 'string', path);
        }
      }
    }
  });

  it('are as the schemas say', () => {
    const wrong = contents()
      .map(([place, content]) => [place.join(' '), unlike(place, at(content, 'example'))] as const)
      .filter(([, complaint]) => complaint !== '');
    assert.deepEqual(wrong, []);
  });

  it('would not be with a member too many, or one of another kind', () => {
    let judged = 0;
    for (const [place, content] of contents()) {
      const example = at(content, 'example');
      if (typeof example !== 'object' || example === null || !place.includes('/v1/orders'))
        continue;
      const [name = ''] = Object.keys(example);
      assert.notEqual(unlike(place, { ...example, [name]: Symbol('none') }), '', place.join(' '));
      assert.notEqual(unlike(place, { ...example, more: 1 }), '', place.join(' '));
      judged++;
    }
    assert.ok(judged >= 4, `${judged}`);
  });

  it('are taken by the routes that they are of', async () => {
    const asked: string[] = [];
    for (const [path, methods] of Object.entries(at(document, 'paths') as object)) {
      for (const [method, operation] of Object.entries(methods as object)) {
        const body = at(operation, 'requestBody', 'content', 'application/json', 'example');
        if (body === undefined) continue;
        const parameters = (at(operation, 'parameters') ?? []) as readonly unknown[];
        const filled = path.replace(/\{(\w+)\}/g, (_, name) =>
          String(
            at(
              parameters.find((one) => at(one, 'name') === name),
              'example',
            ),
          ),
        );
        const { status } = await fetch(`${running.url}${filled}`, {
          method: method.toUpperCase(),
          redirect: 'manual',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify(body),
        });
        assert.ok([200, 201, 303].includes(status), `${method} ${path}: ${status}`);
        asked.push(`${method} ${path}`);
      }
    }
    assert.equal(asked.length, 13, asked.join(', '));
  });

  it('tell one story: what is created in a facility is what is looked up there', () => {
    for (const facility of facilities) {
      const created = at(
        document,
        'paths',
        `/${facility}/create`,
        'post',
        'requestBody',
        'content',
      );
      const found = at(document, 'paths', `/${facility}/lookup/{id}`, 'get', 'responses', '200');
      const example = at(found, 'content', 'application/json', 'example');
      assert.deepEqual(
        at(example, 'resource'),
        at(created, 'application/json', 'example'),
        facility,
      );
      assert.equal(at(example, 'status'), 'done');
    }
  });

  it('name eUICCs and profiles that could be', () => {
    let [eids, iccids] = [0, 0];
    for (const [, content] of contents()) {
      const text = JSON.stringify(at(content, 'example'));
      for (const [, digits = ''] of text.matchAll(/"(?:eid|eidValue)":"([^"]*)"/g)) {
        assert.equal(parseEid(digits), digits);
        eids++;
      }
      for (const [, digits = ''] of text.matchAll(/"(?:iccid|efIccid)":"([^"]*)"/g)) {
        assert.equal(parseAnyIccid(digits), efIccid);
        iccids++;
      }
    }
    assert.ok(eids > 20 && iccids > 5, `${eids} EIDs, ${iccids} ICCIDs`);
    assert.throws(() => parseEid(eid.replace(/8$/, '9')), { name: 'IdError' });
  });

  it('are the same in each eIM', async (test) => {
    const another = await run({ token: 'correct-horse-battery' });
    test.after(() => another.close());
    assert.deepEqual(await (await fetch(`${another.url}/v1/openapi.json`)).json(), document);
  });

  it('tell nothing of the eIM that they are told by', async () => {
    const { url, desk } = running;
    const mine = await (await fetch(`${url}/v1/info`)).text();
    assert.ok(mine.includes('"eIM-test"'));
    assert.ok(!JSON.stringify(document).includes('"eIM-test"'));
    // The test before this one has placed orders here; the story places none.
    const placed = (await desk.orders.list({})).length;
    await fetch(`${url}/v1/docs`);
    assert.equal((await desk.orders.list({})).length, placed);
  });
});

describe('GET /v1/docs', () => {
  it('is one page, with each operation, that lets nothing else in', async (test) => {
    const running = await run();
    test.after(() => running.close());
    const response = await fetch(`${running.url}/v1/docs`);
    const page = await response.text();
    const policy = response.headers.get('content-security-policy') ?? '';
    assert.match(
      policy,
      /^default-src 'none'; script-src 'sha256-[A-Za-z0-9+/=]+'; style-src 'sha256-/,
    );
    assert.doesNotMatch(policy, /unsafe|\*/);
    assert.doesNotMatch(page, /https?:\/\/(?!json-schema)|<script src|<link|style="|onclick/);
    for (const key of Object.keys(roleOf)) {
      const [method, path = ''] = key.split(' ');
      const shown = path.replace(/:(\w+)/g, '{$1}');
      assert.ok(page.includes(`data-method="${method}" data-path="${shown}"`), key);
    }
  });

  it('has the script and the style that its policy names', async (test) => {
    const running = await run();
    test.after(() => running.close());
    const response = await fetch(`${running.url}/v1/docs`);
    const page = await response.text();
    const policy = response.headers.get('content-security-policy') ?? '';
    for (const name of ['script', 'style']) {
      const [, source = ''] = new RegExp(`<${name}>([^]*)</${name}>`).exec(page) ?? [];
      const hash = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(source));
      assert.ok(
        policy.includes(`${name}-src 'sha256-${Buffer.from(hash).toString('base64')}'`),
        name,
      );
    }
  });
});

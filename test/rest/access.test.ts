/** Who may what: tokens, their roles against every route, TLS, and how often. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { get as httpsGet } from 'node:https';
import { after, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { systemClock } from '../../src/base/clock.ts';
import { silentLog } from '../../src/base/log.ts';
import { Admission } from '../../src/rest/admission.ts';
import { RateLimit } from '../../src/rest/rate-limit.ts';
import { type RouteKey, roleOf } from '../../src/rest/roles.ts';
import { Tokens } from '../../src/rest/tokens.ts';
import { MemoryStore } from '../../src/store/memory.ts';
import { HandClock } from '../support/hand-clock.ts';
import { seededRandom } from '../support/seeded.ts';
import { at, get, send } from './http.ts';
import { type Running, run } from './running.ts';

const master = 'correct-horse-battery';
const running: Running[] = [];
async function started(...options: Parameters<typeof run>): Promise<Running> {
  const eim = await run(...options);
  running.push(eim);
  return eim;
}
after(() => Promise.all(running.map((eim) => eim.close())));

const bearer = (token: string) => ({ authorization: `Bearer ${token}` });
const file = (name: string) =>
  readFileSync(fileURLToPath(new URL(`../../certs/lab/${name}`, import.meta.url)), 'utf8');
const tls = { certificate: file('operator-tls.cert.pem'), key: file('operator-tls.key.pem') };

async function post(url: string, token: string, body: unknown) {
  const headers = { ...bearer(token), 'content-type': 'application/json' };
  const response = await fetch(url, { method: 'POST', headers, body: JSON.stringify(body) });
  return { status: response.status, body: (await response.json()) as unknown };
}

async function tokenOf(url: string, role: string): Promise<string> {
  const { status, body } = await post(`${url}/v1/tokens`, master, { name: `the ${role}`, role });
  assert.equal(status, 201);
  return String(at(body, 'token'));
}

describe('roles', () => {
  it('let each role where it may, and nowhere else, at every route', async () => {
    const { url } = await started({ token: master });
    const tokens = {
      none: undefined,
      read: await tokenOf(url, 'read'),
      operate: await tokenOf(url, 'operate'),
      admin: await tokenOf(url, 'admin'),
      master,
    };
    const ranks = ['open', 'read', 'operate', 'admin'];
    const rank = { none: 0, read: 1, operate: 2, admin: 3, master: 3 } as const;
    const wrong: string[] = [];
    for (const key of Object.keys(roleOf) as RouteKey[]) {
      const [method = '', path = ''] = key.split(' ');
      const due = ranks.indexOf(roleOf[key]);
      for (const [name, token] of Object.entries(tokens)) {
        const gone = new AbortController();
        const response = await fetch(url + path.replace(/:\w+/g, 'nobody'), {
          method,
          redirect: 'manual',
          signal: gone.signal,
          headers: token === undefined ? {} : bearer(token),
        });
        const { status } = response;
        gone.abort();
        const may = rank[name as keyof typeof rank] >= due;
        const expected = may ? 'let in' : name === 'none' ? '401' : '403';
        const found = status === 401 || status === 403 ? String(status) : 'let in';
        if (found !== expected) wrong.push(`${key} as ${name}: ${found}, not ${expected}`);
      }
    }
    assert.deepEqual(wrong, []);
  });

  it('are named to who may not', async () => {
    const { url } = await started({ token: master });
    const { status, body } = await post(`${url}/v1/devices`, await tokenOf(url, 'operate'), {});
    assert.equal(status, 403);
    assert.deepEqual(at(body, 'error'), {
      code: 'forbidden',
      message: 'this token is of role operate; ask with one of role admin',
      field: 'Authorization',
    });
  });

  it('hold for a token on loopback too, where none would be needed', async () => {
    const { url } = await started();
    const made = await send('POST', `${url}/v1/tokens`, { name: 'a', role: 'read' });
    const token = String(at(made.body, 'token'));
    assert.equal((await get(`${url}/v1/tokens`)).status, 200);
    assert.equal((await get(`${url}/v1/tokens`, bearer(token))).status, 403);
    assert.equal((await get(`${url}/v1/orders`, bearer(token))).status, 200);
    assert.equal((await get(`${url}/v1/orders`, bearer('eim_000000000000_x'))).status, 401);
  });
});

describe('tokens', () => {
  it('show their secret once, and keep its hash alone', async () => {
    const store = new MemoryStore();
    const { url } = await started({ token: master }, store);
    const secret = await tokenOf(url, 'operate');
    assert.match(secret, /^eim_[0-9a-f]{12}_[A-Za-z0-9_-]{43}$/);
    const { body } = await get(`${url}/v1/tokens`, bearer(master));
    assert.deepEqual(Object.keys(at(body, 'tokens', 0) as object), ['id', 'name', 'role', 'added']);
    assert.equal(at(body, 'tokens', 0, 'id'), secret.split('_')[1]);
    const rows = await store.list({ name: 'rest-token' });
    assert.equal(rows.length, 1);
    assert.ok(!JSON.stringify(rows).includes(secret.slice(17)));
  });

  it('outlive a restart, and are of no use once they are deleted', async () => {
    const store = new MemoryStore();
    const first = await run({ token: master }, store);
    const kept = await tokenOf(first.url, 'read');
    const deleted = await tokenOf(first.url, 'read');
    const path = `/v1/tokens/${deleted.split('_')[1]}`;
    await fetch(first.url + path, { method: 'DELETE', headers: bearer(master) });
    assert.equal((await get(`${first.url}/v1/orders`, bearer(deleted))).status, 401);
    await first.close();
    const { url } = await started({ token: master }, store);
    assert.equal((await get(`${url}/v1/orders`, bearer(kept))).status, 200);
    assert.equal((await get(`${url}/v1/orders`, bearer(deleted))).status, 401);
  });

  it('are refused with another secret under their id', async () => {
    const { url } = await started({ token: master });
    const token = await tokenOf(url, 'admin');
    const last = token.at(-1) === 'A' ? 'B' : 'A';
    assert.equal((await get(`${url}/v1/orders`, bearer(token.slice(0, -1) + last))).status, 401);
    assert.equal((await get(`${url}/v1/orders`, bearer(`${token}A`))).status, 401);
    assert.equal((await get(`${url}/v1/orders`, bearer(token))).status, 200);
  });

  it('end when they are to, and tell their last use to the minute', async () => {
    const clock = new HandClock();
    const store = new MemoryStore();
    const options = { store, clock, random: seededRandom(5), log: silentLog() };
    const tokens = await Tokens.open(options);
    const { secret } = await tokens.add({
      name: 'a',
      role: 'admin',
      expires: clock.now() + 120_000,
    });
    assert.equal(tokens.list()[0]?.lastUsed, undefined);
    const began = clock.now();
    assert.equal(tokens.used(secret)?.name, 'a');
    await clock.turn(59_999);
    tokens.used(secret);
    assert.equal(tokens.list()[0]?.lastUsed, began);
    await clock.turn(1);
    tokens.used(secret);
    assert.equal(tokens.list()[0]?.lastUsed, began + 60_000);
    await clock.turn(59_999);
    assert.equal(tokens.anyAdmin, true);
    await clock.turn(1);
    assert.equal(tokens.used(secret), undefined);
    assert.equal(tokens.anyAdmin, false);
    assert.equal((await Tokens.open(options)).list()[0]?.lastUsed, began + 60_000);
  });

  it('are not made to end in the past, nor with an end that is none', async () => {
    const { url } = await started();
    for (const expires of ['2001-01-01T00:00:00Z', 'tomorrow', '2027-13-01T00:00:00Z']) {
      const { status, body } = await send('POST', `${url}/v1/tokens`, {
        name: 'a',
        role: 'read',
        expires,
      });
      assert.deepEqual([status, at(body, 'error', 'field')], [400, 'expires'], expires);
    }
    assert.deepEqual(at((await get(`${url}/v1/tokens`)).body, 'tokens'), []);
  });

  it('are listed by page and by role', async () => {
    const { url } = await started();
    for (const role of ['read', 'admin', 'read']) {
      await send('POST', `${url}/v1/tokens`, { name: role, role });
    }
    const first = await get(`${url}/v1/tokens?limit=2`);
    const after = String(at(first.body, 'next'));
    const second = await get(`${url}/v1/tokens?limit=2&after=${after}`);
    const names = [first, second].flatMap(({ body }) =>
      (at(body, 'tokens') as readonly unknown[]).map((one) => at(one, 'name')),
    );
    assert.deepEqual(names.sort(), ['admin', 'read', 'read']);
    assert.equal(at(second.body, 'next'), undefined);
    const readers = await get(`${url}/v1/tokens?role=read`);
    assert.equal((at(readers.body, 'tokens') as readonly unknown[]).length, 2);
  });

  it('of role admin let the eIM listen elsewhere without rest.token', async () => {
    const store = new MemoryStore();
    const first = await run({}, store);
    await send('POST', `${first.url}/v1/tokens`, { name: 'a', role: 'operate' });
    await assert.rejects(run({ host: '0.0.0.0', tls }, store), /needs a token/);
    await send('POST', `${first.url}/v1/tokens`, { name: 'a', role: 'admin' });
    await first.close();
    const { url } = await started({ host: '0.0.0.0', tls }, store);
    assert.match(url, /^https:/);
  });
});

describe('TLS', () => {
  const statusAt = (port: number, ca: string, token: string): Promise<number | undefined> =>
    new Promise((resolve, reject) => {
      const options = { host: '127.0.0.1', port, path: '/v1/info', ca, headers: bearer(token) };
      const servername = 'operator.test';
      httpsGet({ ...options, servername, checkServerIdentity: () => undefined }, (response) => {
        response.resume();
        response.on('end', () => resolve(response.statusCode));
      }).on('error', reject);
    });

  it('carries the API, with the certificate that is set', async () => {
    const { rest } = await started({ host: '0.0.0.0', tls, token: master });
    assert.equal(await statusAt(rest.port, file('ci.cert.pem'), master), 200);
    assert.equal(await statusAt(rest.port, file('ci.cert.pem'), 'wrong-wrong-wrong'), 401);
    await assert.rejects(statusAt(rest.port, file('eum.cert.pem'), master), /certificate/);
    await assert.rejects(fetch(`http://127.0.0.1:${rest.port}/healthz`));
  });

  it('shows another certificate without a restart', async () => {
    const { rest } = await started({ tls });
    const other = { certificate: file('eim-tls.cert.pem'), key: file('eim-tls.key.pem') };
    rest.showCertificate(other);
    assert.throws(() => rest.showCertificate({ ...tls, key: other.key }), {
      name: 'RestError',
      message: /rest\.certificate and rest\.key cannot be used/,
    });
    assert.equal(await statusAt(rest.port, file('ci.cert.pem'), master), 401);
  });

  it('is refused where key and certificate do not fit', async () => {
    const key = file('eim-tls.key.pem');
    await assert.rejects(run({ tls: { ...tls, key } }), { name: 'RestError' });
  });
});

describe('limits', () => {
  it('are of each caller, fill at their rate, and no further', async () => {
    const clock = new HandClock();
    const limit = new RateLimit({ clock, rate: 2, burst: 3 });
    const takes = (caller: string, count: number) =>
      Array.from({ length: count }, () => limit.take(caller));
    assert.deepEqual(takes('a', 4), [0, 0, 0, 1]);
    assert.deepEqual(takes('b', 1), [0]);
    await clock.turn(500);
    assert.deepEqual(takes('a', 2), [0, 1]);
    await clock.turn(60_000);
    assert.deepEqual(takes('a', 4), [0, 0, 0, 1]);
  });

  it('answer 429 with Retry-After, to one caller alone', async () => {
    const { url } = await started({ token: master, requestRate: 0.01, requestBurst: 2 });
    const ask = (token: string) => get(`${url}/v1/orders`, bearer(token));
    const other = await tokenOf(url, 'read');
    assert.equal((await ask(master)).status, 200);
    const { status, headers, body } = await ask(master);
    assert.equal(status, 429);
    assert.match(headers.get('retry-after') ?? '', /^\d+$/);
    assert.equal(at(body, 'error', 'code'), 'tooManyRequests');
    assert.match(String(at(body, 'error', 'message')), /slow down/);
    assert.equal((await ask(other)).status, 200);
    assert.equal((await get(`${url}/healthz`)).status, 200);
  });

  it('end the guessing of tokens from one address, the right one among them', async () => {
    const clock = new HandClock();
    const tokens = await Tokens.open({
      store: new MemoryStore(),
      clock,
      random: seededRandom(5),
      log: silentLog(),
    });
    const options = { tokens, token: master, strict: true, rate: 1000, burst: 1000, clock };
    const admission = new Admission(options);
    const knock = (token: string, address: string) => () =>
      admission.admit({ authorization: `Bearer ${token}`, host: undefined, address }, 'read');
    for (let i = 0; i < 30; i++) assert.throws(knock(`guess-${i}`, '192.0.2.1'), { status: 401 });
    assert.throws(knock('guess', '192.0.2.1'), { status: 429, retryAfter: 2 });
    assert.throws(knock(master, '192.0.2.1'), { status: 429 });
    assert.equal(knock(master, '192.0.2.2')().id, 'rest.token');
    await clock.turn(2000);
    assert.equal(knock(master, '192.0.2.1')().role, 'admin');
    // Of IPv6 a /64 is one address.
    for (let i = 0; i < 30; i++) {
      assert.throws(knock('guess', `2001:db8::${i}`), { status: 401 });
    }
    assert.throws(knock(master, '2001:db8:0:0:ffff::1'), { status: 429 });
    assert.equal(knock(master, '2001:db8:0:1::1')().role, 'admin');
  });

  it('keep no token out that the eIM made, which nobody guesses', async () => {
    const { url } = await started({ token: master });
    const made = await tokenOf(url, 'read');
    const stale = made.replace(/.$/, (last) => (last === 'A' ? 'B' : 'A'));
    const statusOf = async (token: string) => (await get(`${url}/v1/orders`, bearer(token))).status;
    for (let i = 0; i < 30; i++) assert.equal(await statusOf(stale), 401);
    assert.deepEqual([await statusOf(stale), await statusOf(made)], [429, 200]);
  });

  it('know a caller behind a proxy that names ports too', async () => {
    const { url } = await started({ behindProxy: true, token: master });
    const statusFrom = async (forwarded: string, token: string) =>
      (await get(`${url}/v1/orders`, { ...bearer(token), 'x-forwarded-for': forwarded })).status;
    for (const place of ['192.0.2.1', '[2001:db8::7]']) {
      for (let i = 0; i < 30; i++) {
        assert.equal(await statusFrom(`${place}:${40_000 + i}`, 'wrong'), 401);
      }
      assert.equal(await statusFrom(`${place}:50000`, master), 429, place);
    }
    assert.equal(await statusFrom('192.0.2.2:40000', master), 200);
  });

  it('know callers behind a proxy by the address that the proxy saw', async () => {
    const { url } = await started({ behindProxy: true, token: master });
    const from = (forwarded: string, token: string) =>
      get(`${url}/v1/orders`, { ...bearer(token), 'x-forwarded-for': forwarded });
    for (let i = 0; i < 30; i++) await from('203.0.113.9, 192.0.2.1', 'wrong');
    assert.equal((await from('203.0.113.9, 192.0.2.1', master)).status, 429);
    assert.equal((await from('192.0.2.1, 192.0.2.2', master)).status, 200);
  });

  it('ask for a token on loopback too where a proxy stands before it', async () => {
    const { url } = await started({ behindProxy: true, token: master });
    assert.equal((await get(`${url}/v1/orders`)).status, 401);
  });
});

describe('a page of elsewhere in a browser of before Sec-Fetch-Site', () => {
  it('changes nothing of an eIM without a token', async () => {
    const { url } = await started();
    const post = async (origin: string) =>
      (await fetch(`${url}/v1/reload`, { method: 'POST', headers: { origin } })).status;
    for (const origin of ['https://elsewhere.example', 'null', 'http://127.0.0.1:1']) {
      assert.equal(await post(origin), 403, origin);
    }
    assert.equal(await post(url), 200);
  });
});

describe('web pages of elsewhere', () => {
  it('get nothing of an eIM without a token, though they ask by its address', async () => {
    const clock = systemClock;
    const tokens = await Tokens.open({
      store: new MemoryStore(),
      clock,
      random: seededRandom(5),
      log: silentLog(),
    });
    const options = { tokens, token: undefined, strict: false, rate: 1000, burst: 1000, clock };
    const admission = new Admission(options);
    const knock = (site: string | undefined) => () =>
      admission.admit(
        { authorization: undefined, host: '127.0.0.1:8080', site, address: '127.0.0.1' },
        'operate',
      );
    for (const site of ['cross-site', 'same-site']) {
      assert.throws(knock(site), { status: 403, field: 'Sec-Fetch-Site' });
    }
    for (const site of [undefined, 'none', 'same-origin']) {
      assert.equal(knock(site)().role, 'admin');
    }
  });
});

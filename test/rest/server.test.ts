/** The door of the operator's side: who is let in, what is too large or not there, and that secrets stay inside. */
import assert from 'node:assert/strict';
import { request } from 'node:http';
import { after, describe, it } from 'node:test';
import { at, get, send } from './http.ts';
import { activationCode, eid, type Running, run } from './running.ts';

const token = 'correct horse battery'.replaceAll(' ', '-');
const running: Running[] = [];
async function started(...options: Parameters<typeof run>): Promise<Running> {
  const eim = await run(...options);
  running.push(eim);
  return eim;
}
after(() => Promise.all(running.map((eim) => eim.close())));

/** fetch sets Host itself; this does not. */
function statusFor(url: string, host: string): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    request(url, { headers: { host } }, (response) => {
      response.resume();
      response.on('end', () => resolve(response.statusCode));
    })
      .on('error', reject)
      .end();
  });
}

describe('REST: who is let in', () => {
  it('lets in without a token on loopback', async () => {
    const { url } = await started();
    assert.equal((await get(`${url}/v1/info`)).status, 200);
  });

  it('refuses to listen elsewhere without one', async () => {
    await assert.rejects(run({ host: '0.0.0.0', behindProxy: true }), /0\.0\.0\.0 needs a token/);
    await assert.rejects(run({ behindProxy: true }), /127\.0\.0\.1 needs a token/);
  });

  it('refuses to listen elsewhere without TLS, a token or not', async () => {
    await assert.rejects(run({ host: '0.0.0.0', token }), {
      name: 'RestError',
      message: /0\.0\.0\.0 needs TLS: set rest\.certificate and rest\.key/,
    });
  });

  it('says which port is taken, and which setting to change', async () => {
    const { port } = (await started()).rest;
    await assert.rejects(run({ port }), {
      name: 'RestError',
      message: `cannot listen on TCP 127.0.0.1 port ${port} (EADDRINUSE); another program listens there: stop it or set rest.port`,
    });
  });

  it('says that an address is not this machine’s', async () => {
    // TEST-NET-1 (RFC 5737) is nobody's.
    await assert.rejects(run({ host: '192.0.2.1', token, behindProxy: true }), {
      name: 'RestError',
      message: /EADDRNOTAVAIL.*set rest\.host and rest\.port to an address of this machine/,
    });
  });

  it('asks for the token where one is set, but for the health', async () => {
    const { url } = await started({ host: '0.0.0.0', token, behindProxy: true });
    const local = url.replace('0.0.0.0', '127.0.0.1');
    for (const headers of [
      {},
      { authorization: 'Bearer wrong' },
      { authorization: `Basic ${token}` },
      { authorization: `Bearer ${token}x` },
    ]) {
      const answer = await get(`${local}/v1/info`, headers as Record<string, string>);
      assert.equal(answer.status, 401);
      assert.equal(answer.headers.get('www-authenticate'), 'Bearer');
      assert.equal(at(answer.body, 'error', 'code'), 'unauthorized');
    }
    assert.equal((await get(`${local}/`)).status, 401);
    assert.equal((await get(`${local}/no/such/place`)).status, 401);
    assert.equal((await get(`${local}/v1/info`, { authorization: `Bearer ${token}` })).status, 200);
    assert.deepEqual((await get(`${local}/healthz`)).body, { status: 'ok' });
  });

  it('refuses a page whose name was rebound to this address', async () => {
    const { url } = await started();
    assert.equal(await statusFor(`${url}/v1/info`, 'evil.example:80'), 403);
    assert.equal(await statusFor(`${url}/v1/info`, 'localhost:1'), 200);
    assert.equal(await statusFor(`${url}/v1/info`, '[::1]'), 200);
  });
});

describe('REST: what it refuses', () => {
  it('answers 404 and 405 in JSON', async () => {
    const { url } = await started();
    const nowhere = await get(`${url}/v2/orders`);
    assert.equal(nowhere.status, 404);
    assert.equal(at(nowhere.body, 'error', 'code'), 'notFound');
    const wrong = await send('POST', `${url}/download/lookup/x`);
    assert.equal(wrong.status, 405);
    assert.match(String(at(wrong.body, 'error', 'message')), /takes GET, not POST/);
    assert.equal((await send('PUT', `${url}/v1/orders`)).status, 405);
  });

  it('answers in its own shape what leads to no route at all', async () => {
    const { url } = await started();
    for (const [path, status] of [
      ['%ff', 400],
      ['x'.repeat(2000), 414],
    ] as const) {
      const answer = await get(`${url}/v1/orders/${path}`);
      assert.equal(answer.status, status);
      assert.equal(at(answer.body, 'error', 'code'), 'badInput');
    }
  });

  it('answers 413 to a body over the limit', async () => {
    const { url, desk } = await started({ bodyLimit: 1024 });
    const { status, body } = await send('POST', `${url}/v1/orders`, { eid, pad: 'x'.repeat(2000) });
    assert.equal(status, 413);
    assert.equal(at(body, 'error', 'code'), 'tooLarge');
    assert.deepEqual(await desk.orders.list(), []);
  });

  it('answers 400 to what is not JSON, or tampers with prototypes', async () => {
    const { url } = await started();
    for (const body of ['{', '{"__proto__": {"x": 1}}', 'null', '7']) {
      const response = await fetch(`${url}/v1/orders`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body,
      });
      assert.equal(response.status, 400, body);
    }
  });

  it('answers 409 when an EID has too many open orders', async () => {
    const { url, desk } = await started();
    const posted = { eid, steps: [{ download: { activationCode } }] };
    for (let i = 0; i < desk.orders.settings.mostOpen; i++) {
      await desk.orders.submit({
        eid,
        facility: 'download',
        request: { download: { activationCode } },
      });
    }
    const { status, body } = await send('POST', `${url}/v1/orders`, posted);
    assert.equal(status, 409);
    assert.match(String(at(body, 'error', 'message')), /open orders/);
  });

  it('tells a failure of its own from a refusal, and keeps the details for the log', async () => {
    const eim = await started();
    eim.desk.orders.placed = () => Promise.reject(new Error('the disk is full of secrets'));
    const { status, body } = await get(`${eim.url}/v1/orders/x`);
    assert.equal(status, 500);
    assert.equal(at(body, 'error', 'code'), 'internal');
    assert.doesNotMatch(JSON.stringify(body), /secrets/);
  });
});

describe('REST: /metrics', () => {
  it('has the counts of DTLS in the text format of Prometheus', async (test) => {
    const running = await run();
    test.after(() => running.close());
    const response = await fetch(`${running.url}/metrics`);
    assert.equal(response.status, 200);
    assert.match(response.headers.get('content-type') ?? '', /^text\/plain; version=0\.0\.4/);
    const text = await response.text();
    for (const line of [
      '# TYPE coap_eim_dtls_connections gauge',
      'coap_eim_dtls_connections{state="awake"} 2',
      'coap_eim_dtls_connections{state="asleep"} 1',
      'coap_eim_dtls_handshakes 4',
      '# TYPE coap_eim_dropped_total counter',
      'coap_eim_dropped_total{room="dtls",reason="bad record"} 3',
    ]) {
      assert.ok(text.split('\n').includes(line), `${line} in ${text}`);
    }
    assert.match(text, /^coap_eim_dtls_sessions \d+$/m);
    assert.ok(text.endsWith('\n'));
    assert.doesNotMatch(text, /dev1|192\.0\.2/, 'no label names a device or an address');
  });
});

describe('REST: /v1/info', () => {
  it('has what a device needs, and the counts of drops', async () => {
    const { url } = await started();
    const { body } = await get(`${url}/v1/info`);
    assert.equal(at(body, 'eimConfigurationData'), '3000');
    assert.equal(at(body, 'addInitialEimRequest'), 'BF5702A000');
    assert.equal(at(body, 'coaps', 'port'), 5684);
    assert.equal(at(body, 'eimFqdn'), 'eim.example.com');
    assert.deepEqual(at(body, 'drops'), { 'dtls: bad record': 3 });
  });
});

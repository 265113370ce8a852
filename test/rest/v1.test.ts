/** /v1 by plain HTTP: orders, waiting, devices, eUICCs, and what wrong input is told. */
import assert from 'node:assert/strict';
import { createHash, createPublicKey, generateKeyPairSync, X509Certificate } from 'node:crypto';
import { after, beforeEach, describe, it } from 'node:test';
import { toHex } from '../../src/base/bytes.ts';
import { counterReserve, counterWarning, largestCounter } from '../../src/fleet/euiccs.ts';
import { parseEid, parseIccid } from '../../src/messages/ids.ts';
import { newKey } from '../../tools/lab/pki/issue.ts';
import { loadLabPki } from '../../tools/lab/pki/lab-pki.ts';
import { at, get, send } from './http.ts';
import {
  activationCode,
  efIccid,
  eid,
  fetched,
  finished,
  iccid,
  otherEid,
  ownKey,
  type Running,
  run,
} from './running.ts';

const running: Running[] = [];
let eim: Running;
beforeEach(async () => {
  eim = await run();
  running.push(eim);
});
after(() => Promise.all(running.map((one) => one.close())));

async function submit(...steps: readonly unknown[]): Promise<string> {
  const answer = await send('POST', `${eim.url}/v1/orders`, { eid, steps });
  assert.equal(answer.status, 201, JSON.stringify(answer.body));
  const id = String(at(answer.body, 'id'));
  assert.equal(answer.headers.get('location'), `/v1/orders/${id}`);
  return id;
}

const order = (id: string, query = '') => get(`${eim.url}/v1/orders/${id}${query}`);

describe('/v1/orders', () => {
  it('takes a download and shows it whole', async () => {
    const id = await submit({ download: { activationCode: `LPA:${activationCode}` } });
    const { body } = await order(id);
    const known = await eim.desk.orders.get(id);
    const submitted = new Date(known?.submitted ?? 0).toISOString();
    assert.deepEqual(body, {
      id,
      eid,
      facility: 'download',
      steps: [{ download: { activationCode } }],
      state: 'new',
      outcome: [],
      reason: '',
      submitted,
      changed: submitted,
      history: [{ at: submitted, event: 'submitted' }],
      version: at(body, 'version'),
    });
  });

  for (const written of [iccid, efIccid, efIccid.toLowerCase(), '894944 9999 9999 90023']) {
    it(`takes the ICCID ${written} and answers both forms`, async () => {
      const id = await submit(
        { enable: { iccid: written, rollback: true } },
        { listProfileInfo: {} },
      );
      assert.deepEqual((await eim.desk.orders.get(id))?.request, {
        psmo: [{ enable: { iccid: efIccid, rollback: true } }, { listProfileInfo: {} }],
      });
      assert.deepEqual(at((await order(id)).body, 'steps'), [
        { enable: { iccid, efIccid, rollback: true } },
        { listProfileInfo: {} },
      ]);
    });
  }

  it('shows state, outcome, reason and history', async () => {
    const id = await submit({ download: { activationCode } });
    await fetched(eim, { id });
    assert.equal(at((await order(id)).body, 'deliveries'), 1);
    await finished(
      eim,
      { id },
      { profileInstallationResult: { finalResult: 'successResult', iccid: efIccid } },
    );
    const { body } = await order(id);
    assert.equal(at(body, 'state'), 'done');
    assert.equal(at(body, 'success'), true);
    assert.deepEqual(at(body, 'outcome'), [
      { profileInstallationResult: { finalResult: 'successResult', iccid, efIccid } },
    ]);
    assert.deepEqual(
      [0, 1, 2].map((line) => at(body, 'history', line, 'event')),
      ['submitted', 'fetched', 'finished'],
    );
  });

  it('gives the reason of a failure', async () => {
    const id = await submit({ download: { activationCode } });
    await finished(eim, { id }, { procedureError: 'authenticateClientError' }, false);
    const { body } = await order(id);
    assert.equal(at(body, 'success'), false);
    assert.equal(at(body, 'reason'), 'the SM-DP+ refused: 8.2.6/3.8');
  });

  it('lists newest first, by state, EID and facility, page by page', async () => {
    const first = await submit({ download: { activationCode } });
    const second = await submit({ disable: { iccid } });
    const third = await submit({ download: { activationCode } });
    await finished(eim, { id: first }, { ok: true });
    const ids = async (query: string) => {
      const { status, body } = await get(`${eim.url}/v1/orders${query}`);
      assert.equal(status, 200, JSON.stringify(body));
      const orders = at(body, 'orders');
      assert.ok(Array.isArray(orders));
      return { ids: orders.map((one) => at(one, 'id')), next: at(body, 'next') };
    };
    assert.deepEqual(await ids(''), { ids: [third, second, first], next: undefined });
    assert.deepEqual((await ids('?state=done')).ids, [first]);
    assert.deepEqual((await ids('?facility=psmo')).ids, [second]);
    assert.deepEqual((await ids(`?eid=${otherEid}`)).ids, []);
    const page = await ids('?limit=2');
    assert.deepEqual(page.ids, [third, second]);
    assert.deepEqual(await ids(`?limit=2&after=${page.next}`), { ids: [first], next: undefined });
  });

  it('cancels an order, once', async () => {
    const id = await submit({ download: { activationCode } });
    const cancelled = await send('POST', `${eim.url}/v1/orders/${id}/cancel`);
    assert.equal(cancelled.status, 200);
    assert.deepEqual(at(cancelled.body, 'outcome'), [{ procedureError: 'abortedOrder' }]);
    const again = await send('POST', `${eim.url}/v1/orders/${id}/cancel`);
    assert.equal(again.status, 409);
    assert.equal(at(again.body, 'error', 'code'), 'conflict');
  });

  it('deletes an order', async () => {
    const id = await submit({ download: { activationCode } });
    assert.equal((await send('DELETE', `${eim.url}/v1/orders/${id}`)).status, 204);
    assert.equal((await order(id)).status, 404);
    assert.equal((await send('DELETE', `${eim.url}/v1/orders/${id}`)).status, 404);
    assert.equal((await send('POST', `${eim.url}/v1/orders/${id}/cancel`)).status, 404);
  });
});

describe('/v1/orders/:id?wait', () => {
  it('answers when the order changes', async () => {
    const id = await submit({ download: { activationCode } });
    const version = at((await order(id)).body, 'version');
    const waiting = order(id, `?wait=10&since=${version}`);
    await fetched(eim, { id });
    const { body } = await waiting;
    assert.equal(at(body, 'state'), 'work');
    assert.notEqual(at(body, 'version'), version);
  });

  it('answers each change, also a line of history alone', async () => {
    const id = await submit({ download: { activationCode } });
    await fetched(eim, { id });
    const version = at((await order(id)).body, 'version');
    const waiting = order(id, `?wait=10&since=${version}`);
    await eim.desk.orders.note(id, 'a result did not fit', 'wrong signature');
    assert.equal(at((await waiting).body, 'history', 2, 'detail'), 'wrong signature');
  });

  it('answers at once when the order has changed since, or is done', async () => {
    const id = await submit({ download: { activationCode } });
    assert.equal(at((await order(id, '?wait=10&since=other')).body, 'state'), 'new');
    await finished(eim, { id }, { ok: true });
    const version = at((await order(id)).body, 'version');
    assert.equal(at((await order(id, `?wait=10&since=${version}`)).body, 'state'), 'done');
  });

  it('answers 404 when the order is deleted meanwhile', async () => {
    const id = await submit({ download: { activationCode } });
    const version = at((await order(id)).body, 'version');
    const waiting = order(id, `?wait=10&since=${version}`);
    await eim.desk.orders.delete(id);
    assert.equal((await waiting).status, 404);
  });

  it('answers the same order when the time is over', async () => {
    const short = await run({ waitLimit: 20 });
    running.push(short);
    eim = short;
    const id = await submit({ download: { activationCode } });
    const version = at((await order(id)).body, 'version');
    assert.equal(at((await order(id, `?wait=10&since=${version}`)).body, 'version'), version);
  });

  it('refuses one more than may wait, and ends waits when it closes', async () => {
    const narrow = await run({ waiters: 1 });
    eim = narrow;
    const id = await submit({ download: { activationCode } });
    const version = at((await order(id)).body, 'version');
    const both = [order(id, `?wait=10&since=${version}`), order(id, `?wait=10&since=${version}`)];
    const refused = await Promise.race(both);
    assert.equal(refused.status, 503);
    assert.equal(at(refused.body, 'error', 'code'), 'busy');
    await narrow.close();
    const statuses = (await Promise.all(both)).map(({ status }) => status);
    assert.deepEqual(statuses.sort(), [200, 503]);
  });
});

describe('/v1/orders: bad input stores nothing', () => {
  const download = { download: { activationCode } };
  const cases: readonly (readonly [what: string, body: unknown, status: number, field: string])[] =
    [
      ['no body', undefined, 400, ''],
      ['a wrong EID', { eid: '123', steps: [download] }, 400, 'eid'],
      ['no steps', { eid, steps: [] }, 400, 'steps'],
      ['a step of no kind', { eid, steps: [{}] }, 400, 'steps[0]'],
      ['a step of another kind', { eid, steps: [{ reset: {} }] }, 400, 'steps[0].reset'],
      [
        'a wrong activation code',
        { eid, steps: [{ download: { activationCode: 'x' } }] },
        400,
        'steps[0].download.activationCode',
      ],
      [
        'a wrong ICCID',
        { eid, steps: [{ listProfileInfo: {} }, { delete: { iccid: '89' } }] },
        400,
        'steps[1].delete.iccid',
      ],
      [
        'a word for a flag',
        { eid, steps: [{ enable: { iccid, rollback: 'yes' } }] },
        400,
        'steps[0].enable.rollback',
      ],
      [
        'a misspelt member',
        { eid, steps: [{ enable: { iccid, rolback: true } }] },
        400,
        'steps[0].enable.rolback',
      ],
      [
        'an activation code that asks for a confirmation code',
        { eid, steps: [{ download: { activationCode: `${activationCode}$$1` } }] },
        400,
        'steps[0].download.confirmationCode',
      ],
      [
        'a confirmation code for a device that is on its own',
        {
          eid,
          steps: [{ download: { activationCode, confirmationCode: '1234', mode: 'direct' } }],
        },
        400,
        'steps[0].download.confirmationCode',
      ],
      [
        'an empty confirmation code',
        { eid, steps: [{ download: { activationCode, confirmationCode: '' } }] },
        400,
        'steps[0].download.confirmationCode',
      ],
      [
        'a confirmation code with a line break',
        { eid, steps: [{ download: { activationCode, confirmationCode: '12\n34' } }] },
        400,
        'steps[0].download.confirmationCode',
      ],
      [
        'a download from two places',
        { eid, steps: [{ download: { activationCode, defaultSmdp: true } }] },
        400,
        'steps[0].download.defaultSmdp',
      ],
      ['a download from nowhere', { eid, steps: [{ download: {} }] }, 400, 'steps[0].download'],
      [
        'an SM-DS that is a URL',
        { eid, steps: [{ download: { smds: { address: 'https://smds.example' } } }] },
        400,
        'steps[0].download.smds.address',
      ],
      [
        'an EventID of other characters',
        { eid, steps: [{ download: { smds: { eventId: 'A$B' } } }] },
        400,
        'steps[0].download.smds.eventId',
      ],
      [
        'an enable without an ICCID and without a download before it',
        { eid, steps: [download, { getRAT: {} }, { enable: {} }] },
        400,
        'steps[2].enable.iccid',
      ],
      [
        'a confirmation within no length of time',
        { eid, steps: [download, { confirm: { within: 'soon' } }] },
        400,
        'steps[1].confirm.within',
      ],
      [
        'a confirmation in no poll',
        { eid, steps: [download, { confirm: { polls: 0 } }] },
        400,
        'steps[1].confirm.polls',
      ],
    ];
  const told: readonly (readonly [what: string, body: object, message: RegExp])[] = [
    [
      'which part of an activation code is wrong, and where',
      { eid, steps: [{ download: { activationCode: 'LPA:1$smdp..example$SECRET' } }] },
      /^the activation code has a wrong SM-DP\+ address \(part 2\): .*, at character 12$/,
    ],
    [
      'that the check digits of an EID do not fit',
      { eid: `${eid.slice(0, 31)}9`, steps: [download] },
      /check digits/,
    ],
  ];
  for (const [what, body, message] of told) {
    it(`tells ${what}`, async () => {
      const answer = await send('POST', `${eim.url}/v1/orders`, body);
      assert.equal(answer.status, 400);
      assert.match(String(at(answer.body, 'error', 'message')), message);
      assert.doesNotMatch(JSON.stringify(answer.body), /SECRET/);
    });
  }
  for (const [what, body, status, field] of cases) {
    it(`refuses ${what}`, async () => {
      const answer = await send('POST', `${eim.url}/v1/orders`, body);
      assert.equal(answer.status, status, JSON.stringify(answer.body));
      assert.equal(at(answer.body, 'error', 'field') ?? '', field);
      assert.deepEqual(await eim.desk.orders.list(), []);
    });
  }

  for (const query of ['state=old', 'limit=0', 'limit=1001', 'limit=many', 'eid=1', 'colour=1']) {
    it(`refuses the query ${query}`, async () => {
      const { status, body } = await get(`${eim.url}/v1/orders?${query}`);
      assert.equal(status, 400);
      assert.equal(at(body, 'error', 'field'), query.split('=')[0]);
    });
  }

  it('answers 404 for an order nobody knows', async () => {
    assert.equal((await order('nonsense')).status, 404);
    assert.equal((await order('nonsense', '?wait=5')).status, 404);
    assert.equal((await get(`${eim.url}/v1/orders?after=nonsense`)).status, 404);
  });
});

const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
const publicPem = publicKey.export({ format: 'pem', type: 'spki' }).toString();
const privatePem = privateKey.export({ format: 'pem', type: 'pkcs8' }).toString();
const spkiHash = createHash('sha256')
  .update(publicKey.export({ format: 'der', type: 'spki' }))
  .digest('hex')
  .toUpperCase();

describe('/v1/devices', () => {
  const add = (body: unknown) => send('POST', `${eim.url}/v1/devices`, body);

  it('makes a PSK and shows it once', async () => {
    const { status, body } = await add({ eids: [eid] });
    assert.equal(status, 201);
    assert.equal(at(body, 'identity'), eid);
    assert.match(String(at(body, 'key')), /^[0-9A-F]{32}$/);
    const [device] = eim.desk.devices.list();
    const added = new Date(device?.added ?? 0).toISOString();
    const shown = { identity: eid, eids: [eid], added, psk: 'one' };
    assert.deepEqual((await get(`${eim.url}/v1/devices`)).body, { devices: [shown] });
    assert.deepEqual((await get(`${eim.url}/v1/devices/${eid}`)).body, shown);
  });

  it('takes a PSK, an identity with odd characters, and a note', async () => {
    const identity = 'meter/7 %ä';
    const { status, body, headers } = await add({
      identity,
      key: '000102030405060708090a0b0c0d0e0f',
      note: 'cellar',
    });
    assert.equal(status, 201);
    assert.equal(at(body, 'key'), '000102030405060708090A0B0C0D0E0F');
    const url = `${eim.url}${headers.get('location')}`;
    assert.equal(at((await get(url)).body, 'note'), 'cellar');
    assert.equal((await send('DELETE', url)).status, 204);
    assert.equal((await send('DELETE', url)).status, 404);
    assert.equal((await get(url)).status, 404);
  });

  it('takes pins as PEM or SHA-256, and then makes no PSK', async () => {
    const certificate = loadLabPki().eimTls.certificate;
    const hash = createHash('sha256').update(certificate).digest('hex');
    const { status, body } = await add({
      identity: 'pinned',
      certificates: [new X509Certificate(certificate).toString(), 'ab:'.repeat(31).concat('ab')],
      publicKeys: [publicPem],
      chain: true,
    });
    assert.equal(status, 201, JSON.stringify(body));
    const pins = [hash.toUpperCase(), 'AB'.repeat(32)];
    assert.deepEqual(body, {
      identity: 'pinned',
      eids: [],
      added: at(body, 'added'),
      psk: 'none',
      certificates: pins,
      publicKeys: [spkiHash],
      chain: true,
    });
  });

  it('pages', async () => {
    for (const identity of ['b', 'a', 'c']) await add({ identity });
    const names = (answer: unknown) =>
      [0, 1, 2].flatMap((i) => at(answer, 'devices', i, 'identity') ?? []);
    const first = (await get(`${eim.url}/v1/devices?limit=2`)).body;
    assert.deepEqual([names(first), at(first, 'next')], [['a', 'b'], 'b']);
    const second = (await get(`${eim.url}/v1/devices?limit=2&after=b`)).body;
    assert.deepEqual([names(second), at(second, 'next')], [['c'], undefined]);
    assert.equal((await get(`${eim.url}/v1/devices?limit=0`)).status, 400);
  });

  it('gives a device another PSK, once shown; the old one stays until it is dropped', async () => {
    await add({ identity: 'm', key: '00'.repeat(16) });
    const rotate = (body?: unknown) => send('POST', `${eim.url}/v1/devices/m/rotate`, body);
    const first = await rotate();
    assert.equal(first.status, 200);
    assert.match(String(at(first.body, 'key')), /^[0-9A-F]{32}$/);
    assert.equal(at(first.body, 'psk'), 'rotating');
    const second = await rotate({ key: '11'.repeat(16), dropOld: true });
    assert.equal(at(second.body, 'psk'), 'one');
    assert.equal((await rotate({ key: '11'.repeat(16) })).status, 400, 'it has that one');
    assert.equal((await rotate({ key: '11' })).status, 400);
    assert.equal((await send('POST', `${eim.url}/v1/devices/n/rotate`)).status, 404);
  });

  it('revokes a device, which can then not be changed', async () => {
    await add({ identity: 'm', eids: [eid] });
    const revoke = (name: string) => send('POST', `${eim.url}/v1/devices/${name}/revoke`);
    const { status, body } = await revoke('m');
    assert.equal(status, 200);
    assert.equal(at(body, 'psk'), 'none');
    assert.ok(!Number.isNaN(Date.parse(String(at(body, 'revoked')))));
    assert.equal((await send('POST', `${eim.url}/v1/devices/m/rotate`)).status, 409);
    assert.equal((await add({ identity: 'm' })).status, 409);
    assert.equal((await revoke('n')).status, 404);
  });

  it('refuses an identity that is taken', async () => {
    await add({ identity: 'a' });
    const { status, body } = await add({ identity: 'a' });
    assert.equal(status, 409);
    assert.equal(at(body, 'error', 'field'), 'identity');
  });

  const cases: readonly (readonly [what: string, body: unknown, field: string])[] = [
    ['neither identity nor EID', {}, 'identity'],
    ['an empty identity', { identity: '' }, 'identity'],
    ['a control character', { identity: 'a\nb' }, 'identity'],
    ['129 octets of identity', { identity: 'ä'.repeat(65) }, 'identity'],
    ['a short PSK', { identity: 'a', key: '00'.repeat(15) }, 'key'],
    ['a long PSK', { identity: 'a', key: '00'.repeat(65) }, 'key'],
    ['a PSK that is no hex', { identity: 'a', key: 'secret' }, 'key'],
    ['a wrong EID', { identity: 'a', eids: [eid, '1'] }, 'eids[1]'],
    ['a pin of 31 octets', { identity: 'a', certificates: ['00'.repeat(31)] }, 'certificates[0]'],
    ['a certificate that is none', { identity: 'a', certificates: [publicPem] }, 'certificates[0]'],
    ['a private key as a pin', { identity: 'a', publicKeys: [privatePem] }, 'publicKeys[0]'],
  ];
  for (const [what, body, field] of cases) {
    it(`refuses ${what}`, async () => {
      const answer = await add(body);
      assert.equal(answer.status, 400, JSON.stringify(answer.body));
      assert.equal(at(answer.body, 'error', 'field'), field);
      assert.deepEqual(eim.desk.devices.list(), []);
    });
  }
});

describe('/v1/devices/batch', () => {
  const add = (body: unknown) => send('POST', `${eim.url}/v1/devices/batch`, body);
  const key = '00'.repeat(16);

  it('answers for each device, and shows the PSKs that it made', async () => {
    const devices = [{ identity: 'a', key }, { eids: [eid] }, { identity: 'b', key: 'x' }, 7];
    const { status, body } = await add({ devices });
    assert.equal(status, 200);
    const results = [0, 1, 2, 3].map((i) => at(body, 'results', i));
    assert.deepEqual(results[0], { status: 'added', identity: 'a' });
    assert.match(String(at(results[1], 'key')), /^[0-9A-F]{32}$/);
    assert.deepEqual(
      results.slice(2).map((one) => [at(one, 'status'), at(one, 'code'), at(one, 'field')]),
      [
        ['refused', 'badInput', 'key'],
        ['refused', 'badInput', undefined],
      ],
    );
    const again = (await add({ devices })).body;
    assert.deepEqual(
      [0, 1].map((i) => [at(again, 'results', i, 'status'), at(again, 'results', i, 'key')]),
      [
        ['unchanged', undefined],
        ['refused', undefined],
      ],
    );
    assert.equal(eim.desk.devices.list().length, 2);
  });

  it('only looks in a dry run, and shows no PSK', async () => {
    const { body } = await add({ devices: [{ eids: [eid] }], dryRun: true });
    assert.deepEqual(at(body, 'results', 0), { status: 'added', identity: eid });
    assert.deepEqual(eim.desk.devices.list(), []);
  });

  it('refuses none, too many, and what it does not know', async () => {
    const many = Array.from({ length: 501 }, (_, i) => ({ identity: `m${i}`, key }));
    for (const body of [
      { devices: [] },
      { devices: many },
      { devices: 1 },
      { devices: [], x: 1 },
    ]) {
      assert.equal((await add(body)).status, 400);
    }
    assert.deepEqual(eim.desk.devices.list(), []);
  });
});

describe('/v1/info', () => {
  it('tells what is asked for of the DTLS server, or refuses', async () => {
    for (const trust of ['key', 'certificate']) {
      const { body } = await get(`${eim.url}/v1/info?tlsTrust=${trust}`);
      assert.equal(at(body, 'eimConfigurationData'), trust === 'key' ? '3001' : '3000');
    }
    assert.equal(at((await get(`${eim.url}/v1/info`)).body, 'eimConfigurationData'), '3000');
    for (const wrong of [
      'tlsTrust=both',
      'counterValue=8388608',
      'associationToken=1',
      'euiccCiPKId=00',
    ]) {
      assert.equal((await get(`${eim.url}/v1/info?${wrong}`)).status, 400, wrong);
    }
  });
});

describe('/v1/orders near the end of a counter', () => {
  const place = (step: object) => send('POST', `${eim.url}/v1/orders`, { eid, steps: [step] });
  const code = (answer: { readonly body: unknown }) => at(answer.body, 'error', 'code');

  it('are refused but for eCOs, and these too at the very end; it is said in time', async () => {
    const set = (counterValue: number) => eim.desk.euiccs.update(eid, { counterValue });
    const left = async () => at((await get(`${eim.url}/v1/euiccs/${eid}`)).body, 'counterLeft');
    await set(largestCounter - counterWarning);
    assert.equal(await left(), undefined);
    await set(largestCounter - counterReserve - 1);
    assert.equal(await left(), counterReserve + 1);
    assert.equal((await place({ getRAT: {} })).status, 201);
    await set(largestCounter - counterReserve);
    const refused = await place({ getRAT: {} });
    assert.deepEqual([refused.status, code(refused)], [409, 'conflict']);
    assert.equal((await place({ listEim: {} })).status, 201);
    assert.equal((await place({ edr: { tagList: 'BF20' } })).status, 201);
    await set(largestCounter);
    assert.equal((await place({ listEim: {} })).status, 409);
  });

  it('take no key for this eIM that it does not have', async () => {
    const update = (eimId: string, key: Uint8Array) =>
      place({ updateEim: { eimId, counterValue: 0, eimPublicKey: toHex(key) } });
    const other = new Uint8Array(createPublicKey(newKey()).export({ format: 'der', type: 'spki' }));
    assert.equal((await update('eIM-test', ownKey)).status, 201);
    assert.equal((await update('another', other)).status, 201);
    const refused = await update('eIM-test', other);
    assert.deepEqual([refused.status, code(refused)], [400, 'badInput']);
  });
});

describe('/v1/euiccs', () => {
  const change = (body: unknown, of: string = eid) =>
    send('PATCH', `${eim.url}/v1/euiccs/${of}`, body);

  it('tells since when, from what and how surely a fact is known, and what is in doubt', async () => {
    const { desk } = eim;
    const of = parseEid('89044045118427484800000000011628');
    const origin = { at: 1000, source: 'result of order x', sure: 'proven' } as const;
    const profiles = { since: 500, list: [], partial: true };
    const polls = { began: 90_000, rests: true, periods: [30_000, 60_000, 50_000] };
    const outstanding = { orderId: 'x', counterValue: 7, about: ['profiles'] } as const;
    const lastStateChange = { cause: 'fallback', at: 2000 } as const;
    await desk.euiccs.update(of, { profiles, polls, outstanding, lastStateChange }, origin);
    const { body } = await get(`${eim.url}/v1/euiccs/${of}`);
    assert.deepEqual(at(body, 'known', 'profiles'), {
      since: '1970-01-01T00:00:01.000Z',
      source: 'result of order x',
      sure: 'proven',
    });
    assert.equal(at(body, 'known', 'associationToken', 'sure'), 'inferred');
    assert.deepEqual(at(body, 'doubts'), {});
    assert.equal(at(body, 'profilesPartial'), true);
    assert.deepEqual(at(body, 'outstanding'), { order: 'x', counterValue: 7 });
    assert.deepEqual(at(body, 'lastStateChange'), {
      cause: 'fallback',
      at: '1970-01-01T00:00:02.000Z',
    });
    assert.equal(at(body, 'pollInterval'), 50);
    assert.equal(at(body, 'nextContact'), '1970-01-01T00:02:20.000Z');
  });

  it('changes what is named and leaves the rest', async () => {
    const { status, body } = await change({ counterValue: 77, associationToken: 2 });
    assert.equal(status, 200);
    assert.equal(at(body, 'counterValue'), 77);
    assert.equal(at(body, 'associationToken'), 2);
    assert.equal(at(body, 'consumerEuicc'), false);
    assert.equal(at((await change({ consumerEuicc: true })).body, 'counterValue'), 77);
    assert.equal((await eim.desk.euiccs.get(eid))?.consumerEuicc, true);
  });

  it('takes the key of the eUICC as PEM, DER or point, and says what proves the eUICC', async () => {
    for (const curve of ['prime256v1', 'brainpoolP256r1'] as const) {
      const key = createPublicKey(newKey(curve));
      const der = key.export({ format: 'der', type: 'spki' });
      const point = der.subarray(-65).toString('hex').toUpperCase();
      const pem = key.export({ format: 'pem', type: 'spki' });
      for (const signPubKey of [pem, der.toString('hex'), point, point.toLowerCase()]) {
        assert.equal(at((await change({ signPubKey: null })).body, 'proof'), 'none');
        const { body } = await change({ signPubKey });
        assert.equal(at(body, 'signPubKey'), point);
        assert.equal(at(body, 'signAlgo'), curve);
        assert.equal(at(body, 'proof'), 'operator');
      }
    }
    assert.equal(at((await change({ consumerEuicc: true })).body, 'proof'), 'unproven');
    await change({ consumerEuicc: false, signPubKey: null });
    const origin = { at: 0, source: 'its certificates', sure: 'proven' } as const;
    await eim.desk.euiccs.update(eid, { publicKey: new Uint8Array(65) }, origin);
    assert.equal(at((await get(`${eim.url}/v1/euiccs/${eid}`)).body, 'proof'), 'certificates');
  });

  it('refuses a key that is none of either curve', async () => {
    const other = generateKeyPairSync('ec', { namedCurve: 'secp256k1' }).publicKey;
    const point = other.export({ format: 'der', type: 'spki' }).subarray(-65).toString('hex');
    const wrong = [
      `04${'00'.repeat(64)}`,
      point,
      other.export({ format: 'pem', type: 'spki' }),
      newKey().export({ format: 'pem', type: 'pkcs8' }),
      '',
      'key',
    ];
    for (const signPubKey of wrong) {
      const { status, body } = await change({ signPubKey });
      assert.equal(status, 400);
      assert.equal(at(body, 'error', 'field'), 'signPubKey');
    }
    assert.equal(await eim.desk.euiccs.get(eid), undefined);
  });

  it('shows the profiles that the eUICC told, with both forms of the ICCID', async () => {
    await eim.desk.euiccs.update(eid, {
      profiles: {
        since: Date.UTC(2026, 0, 2),
        list: [{ iccid: parseIccid(efIccid), state: 'enabled', class: 'operational', name: 'One' }],
      },
    });
    const { body } = await get(`${eim.url}/v1/euiccs/${eid}`);
    assert.deepEqual(at(body, 'profiles'), [
      { iccid, efIccid, state: 'enabled', class: 'operational', name: 'One' },
    ]);
    assert.equal(at(body, 'profilesAt'), '2026-01-02T00:00:00.000Z');
    assert.deepEqual(at((await get(`${eim.url}/v1/euiccs`)).body, 'euiccs', 0), body);
  });

  it('refuses what is wrong, by name', async () => {
    for (const [body, field] of [
      [{ counterValue: -1 }, 'counterValue'],
      [{ counterValue: 2 ** 23 }, 'counterValue'],
      [{ consumerEuicc: 1 }, 'consumerEuicc'],
      [{ signPubKey: '0400' }, 'signPubKey'],
      [{ stateChangeCauseList: ['moon'] }, 'stateChangeCauseList[0]'],
      [{ colour: 1 }, 'colour'],
    ] as const) {
      const answer = await change(body);
      assert.equal(answer.status, 400, JSON.stringify(answer.body));
      assert.equal(at(answer.body, 'error', 'field'), field);
    }
    assert.equal(at((await change({}, '123')).body, 'error', 'field'), 'eid');
    assert.equal(await eim.desk.euiccs.get(eid), undefined);
  });

  it('answers 404 for an EID nobody knows', async () => {
    assert.equal((await get(`${eim.url}/v1/euiccs/${eid}`)).status, 404);
  });
});

describe('/v1/dtls while connections end', () => {
  it('goes on after one that has ended since', async (test) => {
    const own = await run();
    test.after(() => own.close());
    const ids = async (query: string) => {
      const { body } = await get(`${own.url}/v1/dtls${query}`);
      const list = at(body, 'connections') as readonly unknown[];
      return [list.map((one) => at(one, 'id')), at(body, 'next')] as const;
    };
    const [[first], next] = await ids('?limit=1');
    assert.equal(next, first);
    own.desk.dtls.end(({ id }) => id === first);
    const [rest, end] = await ids(`?after=${next}&limit=2`);
    assert.deepEqual([rest.length, end], [2, undefined]);
  });
});

describe('/v1/dtls', () => {
  const list = async (query = '') => (await get(`${eim.url}/v1/dtls${query}`)).body;
  const ids = (body: unknown) =>
    (at(body, 'connections') as readonly unknown[]).map((one) => at(one, 'id'));
  const idOf = (n: number) => `6D6A5C1E0F3B9A27C4D8E00${n}`;

  it('lists connections, page by page, and says how many there are', async () => {
    const first = await list('?limit=2');
    assert.deepEqual(ids(first), [idOf(1), idOf(2)]);
    assert.equal(at(first, 'next'), idOf(2));
    const second = await list(`?limit=2&after=${idOf(2)}`);
    assert.deepEqual(ids(second), [idOf(3)]);
    assert.equal(at(second, 'next'), undefined);
    assert.equal(at(second, 'asleep'), 1);
    assert.deepEqual(ids(await list('?identity=dev1')), [idOf(1)]);
    assert.equal((await get(`${eim.url}/v1/dtls?limit=0`)).status, 400);
  });

  it('shows one, an anonymous one without a name', async () => {
    const { status, body } = await get(`${eim.url}/v1/dtls/${idOf(3)}`);
    assert.equal(status, 200);
    assert.equal(at(body, 'credential'), 'anonymous');
    assert.ok(!('identity' in (body as object)));
    assert.equal((await get(`${eim.url}/v1/dtls/none`)).status, 404);
  });

  it('ends one, once', async () => {
    const url = `${eim.url}/v1/dtls/${idOf(1)}`;
    assert.equal((await send('DELETE', url)).status, 204);
    assert.equal((await send('DELETE', url)).status, 404);
    assert.deepEqual(ids(await list()), [idOf(2), idOf(3)]);
  });
});

/** The drop-in API of onomondo-eim, by plain HTTP: routes, manners and bodies of the facts sheet's sections 7.1-7.4. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Outcome } from '../../src/orders/order.ts';
import { at, get, send } from './http.ts';
import {
  activationCode,
  efIccid,
  eid,
  fetched,
  finished,
  otherEid,
  type Running,
  run,
} from './running.ts';

let eim: Running;
before(async () => {
  eim = await run();
});
after(() => eim.close());

async function create(facility: string, order: unknown): Promise<string> {
  const answer = await send('POST', `${eim.url}/${facility}/create`, { eidValue: eid, order });
  assert.equal(answer.status, 303, JSON.stringify(answer.body));
  const location = answer.headers.get('location') ?? '';
  const [, id] = new RegExp(`^/${facility}/lookup/([0-9a-f-]{36})$`).exec(location) ?? [];
  assert.ok(id !== undefined, location);
  return id;
}

const orders: readonly (readonly [facility: string, order: unknown])[] = [
  ['download', { download: { activationCode } }],
  ['psmo', { psmo: [{ enable: { iccid: efIccid, rollback: false } }] }],
  ['psmo', { psmo: [{ disable: { iccid: efIccid } }] }],
  ['psmo', { psmo: [{ delete: { iccid: efIccid } }] }],
  ['psmo', { psmo: [{ listProfileInfo: {} }] }],
  [
    'psmo',
    { psmo: [{ listProfileInfo: { searchCriteria: { iccid: efIccid }, tagList: '5A4F92' } }] },
  ],
  ['psmo', { psmo: [{ listProfileInfo: { searchCriteria: { profileClass: 2 } } }] }],
  ['psmo', { psmo: [{ enable: { iccid: efIccid } }, { listProfileInfo: {} }] }],
  ['psmo', { psmo: [{ getRAT: {} }] }],
  [
    'psmo',
    {
      psmo: [
        {
          configureImmediateEnable: {
            immediateEnableFlag: true,
            defaultSmdpOid: '1.2.3',
            defaultSmdpAddress: 'smdp.example.com',
          },
        },
      ],
    },
  ],
  ['psmo', { psmo: [{ configureAutoEnable: { autoEnableFlag: true, smdpOid: '1.2.3' } }] }],
  ['psmo', { psmo: [{ setFallbackAttribute: { iccid: efIccid } }] }],
  ['psmo', { psmo: [{ unsetFallbackAttribute: {} }] }],
  ['psmo', { psmo: [{ setDefaultDpAddress: { defaultDpAddress: 'smdp.example.com' } }] }],
  ['eco', { eco: [{ listEim: {} }] }],
  ['eco', { eco: [{ deleteEim: { eimId: 'myEIM' } }] }],
  ['eco', { eco: [{ addEim: { eimConfigurationData: '3003800165' } }] }],
  ['eco', { eco: [{ updateEim: { eimConfigurationData: '3006800165830107' } }, { listEim: {} }] }],
  // The list of the TTCN-3 suite, with tags of v1.0.
  ['edr', { edr: { tagList: '80BF20BF228384A5A688A9BF2B' } }],
];

describe('drop-in: create and lookup', () => {
  for (const [facility, order] of orders) {
    it(`keeps ${JSON.stringify(order)} as posted`, async () => {
      const id = await create(facility, order);
      const { status, body } = await get(`${eim.url}/${facility}/lookup/${id}`);
      assert.equal(status, 200);
      const known = await eim.desk.orders.get(id);
      assert.deepEqual(body, {
        status: 'new',
        timestamp: String(Math.floor((known?.changed ?? 0) / 1000)),
        resource: { eidValue: eid, order },
        outcome: [],
        debuginfo: '8377046E6F6E65',
      });
    });
  }

  it('leads a client that follows the redirect to the order, by GET', async () => {
    const response = await fetch(`${eim.url}/download/create`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ eidValue: eid, order: { download: { activationCode } } }),
    });
    assert.equal(response.status, 200);
    assert.equal(response.url.split('/')[4], 'lookup');
    assert.equal(response.url.split('/')[5]?.length, 36);
  });

  it('takes a slash at the end, members in any order, and a charset', async () => {
    const response = await fetch(`${eim.url}/download/create/`, {
      method: 'POST',
      redirect: 'manual',
      headers: { 'content-type': 'application/json; charset=utf-8' },
      body: JSON.stringify({ order: { download: { activationCode } }, eidValue: eid }),
    });
    assert.equal(response.status, 303);
  });

  it('takes LPA: away, and the old spelling of tagList', async () => {
    const download = await create('download', {
      download: { activationCode: `LPA:${activationCode}` },
    });
    assert.deepEqual((await eim.desk.orders.get(download))?.request, {
      download: { activationCode },
    });
    const list = await create('psmo', { psmo: [{ listProfileInfo: { taglist: '92' } }] });
    assert.deepEqual((await eim.desk.orders.get(list))?.request, {
      psmo: [{ listProfileInfo: { tagList: '92' } }],
    });
  });

  it('shows new, work and done, with the outcome of the device', async () => {
    for (const { id } of await eim.desk.orders.list()) await eim.desk.orders.delete(id);
    const id = await create('psmo', { psmo: [{ enable: { iccid: efIccid } }] });
    await fetched(eim, { id });
    const working = await get(`${eim.url}/psmo/lookup/${id}`);
    assert.equal(at(working.body, 'status'), 'work');
    assert.deepEqual(at(working.body, 'outcome'), []);
    await finished(eim, { id }, { enableResult: 'ok' });
    const done = await get(`${eim.url}/psmo/lookup/${id}`);
    assert.equal(at(done.body, 'status'), 'done');
    assert.deepEqual(at(done.body, 'outcome'), [{ enableResult: 'ok' }]);
    assert.deepEqual(Object.keys(done.body ?? {}).sort(), [
      'debuginfo',
      'outcome',
      'resource',
      'status',
      'timestamp',
    ]);
    await eim.desk.orders.delete(id);
  });

  it('makes a record of the eUICC with the first order', async () => {
    assert.equal(await eim.desk.euiccs.get(otherEid), undefined);
    const order = { download: { activationCode } };
    await send('POST', `${eim.url}/download/create`, { eidValue: otherEid, order });
    assert.equal((await eim.desk.euiccs.get(otherEid))?.eid, otherEid);
  });
});

describe('drop-in: outcomes', () => {
  /** Kept as /v1 shows them; here with the members that clients know, and no other (facts sheet 7.3). */
  const cases: readonly (readonly [
    facility: string,
    order: unknown,
    kept: Outcome,
    told: unknown,
  ])[] = [
    [
      'psmo',
      { psmo: [{ listProfileInfo: {} }] },
      {
        listProfileInfoResult: {
          finalResult: 'successResult',
          profileInfoList: [{ iccid: efIccid, profileState: 'enabled', fallbackAttribute: true }],
        },
      },
      {
        listProfileInfoResult: {
          finalResult: 'successResult',
          profileInfoList: [{ iccid: efIccid, profileState: 'enabled' }],
        },
      },
    ],
    [
      'psmo',
      { psmo: [{ listProfileInfo: {} }] },
      { listProfileInfoResult: { finalResult: 'errorResult', profileInfoListError: 'x' } },
      { listProfileInfoResult: { finalResult: 'errorResult' } },
    ],
    [
      'eco',
      { eco: [{ listEim: {} }] },
      { listEimResult: { finalResult: 'errorResult', listEimError: 'undefinedError' } },
      { listEimResult: { finalResult: 'errorResult' } },
    ],
    [
      'edr',
      { edr: { tagList: '84A2' } },
      {
        euiccDataResult: {
          edrResult: 'ok',
          euiccData: { associationToken: 1, euiccPackageResultList: '3000' },
        },
      },
      { euiccDataResult: { edrResult: 'ok', euiccData: { associationToken: 1 } } },
    ],
    [
      'edr',
      { edr: { tagList: '84' } },
      { euiccDataResult: { edrResult: 'incorrectTagList' } },
      { euiccDataResult: { edrResult: 'incorrectTagList' } },
    ],
    [
      'psmo',
      { psmo: [{ getRAT: {} }] },
      { unknownResult: '8D0100' },
      { procedureError: 'undefinedError' },
    ],
    [
      'psmo',
      { psmo: [{ getRAT: {} }] },
      { getRATResult: [{ ppr1: true }] },
      { getRATResult: [{ ppr1: true }] },
    ],
  ];
  for (const [facility, order, kept, told] of cases) {
    it(`shows ${JSON.stringify(told)}`, async () => {
      const id = await create(facility, order);
      await finished(eim, { id }, kept);
      const { body } = await get(`${eim.url}/${facility}/lookup/${id}`);
      assert.deepEqual(at(body, 'outcome'), [told]);
    });
  }
});

describe('drop-in: absent, delete, list', () => {
  it('answers absent for an id nobody knows, and for another facility’s', async () => {
    const id = await create('download', { download: { activationCode } });
    for (const path of [
      `/psmo/lookup/${id}`,
      '/download/lookup/0c1b7b1e-0000-4000-8000-000000000000',
      '/download/lookup/nonsense',
      `/psmo/delete/${id}`,
      '/eco/lookup/x',
      '/edr/delete/x',
    ]) {
      const { status, body } = await get(eim.url + path);
      assert.deepEqual({ status, body }, { status: 200, body: { status: 'absent' } }, path);
    }
    assert.ok(await eim.desk.orders.get(id));
  });

  it('deletes by GET, also an order in work', async () => {
    const id = await create('download', { download: { activationCode } });
    for (const open of await eim.desk.orders.list({ eid })) {
      if (open.id !== id) await eim.desk.orders.delete(open.id);
    }
    await fetched(eim, { id });
    assert.deepEqual((await get(`${eim.url}/download/delete/${id}`)).body, { status: 'deleted' });
    assert.deepEqual((await get(`${eim.url}/download/lookup/${id}`)).body, { status: 'absent' });
    assert.deepEqual((await get(`${eim.url}/download/delete/${id}`)).body, { status: 'absent' });
  });

  it('lists the ids of one facility', async () => {
    const download = await create('download', { download: { activationCode } });
    const psmo = await create('psmo', { psmo: [{ listProfileInfo: {} }] });
    const { body } = await get(`${eim.url}/psmo/list`);
    assert.deepEqual(Object.keys(body ?? {}), ['resourceIdList']);
    const ids = at(body, 'resourceIdList');
    assert.ok(Array.isArray(ids) && ids.includes(psmo) && !ids.includes(download));
    assert.deepEqual((await get(`${eim.url}/eco/list/`)).body, { resourceIdList: [] });
  });
});

describe('drop-in: euicc', () => {
  const cases: readonly (readonly [what: string, order: unknown, outcome: unknown])[] = [
    [
      'sets by the old form',
      { euicc: [{ counterValue: 1000 }, { consumerEuicc: true }, { associationToken: 3 }] },
      [{ euiccUpdateResult: 'ok' }],
    ],
    [
      'refuses an unknown parameter',
      { euicc: [{ colour: 1 }] },
      [{ euiccUpdateResult: 'badParam' }],
    ],
    [
      'refuses a value of another type',
      { euicc: [{ consumerEuicc: 'no' }] },
      [{ euiccUpdateResult: 'badParamFormat' }],
    ],
    [
      'sets by the new form, and echoes',
      { euicc: { set: [{ stateChangeCauseList: ['deviceChange'] }] } },
      [{ euiccStateResult: [{ stateChangeCauseList: ['deviceChange'] }] }],
    ],
    [
      'gets what was set',
      { euicc: { get: ['counterValue', 'consumerEuicc', 'stateChangeCauseList'] } },
      [
        {
          euiccStateResult: [
            { counterValue: 1000 },
            { consumerEuicc: true },
            { stateChangeCauseList: ['deviceChange'] },
          ],
        },
      ],
    ],
  ];
  for (const [what, order, outcome] of cases) {
    it(`${what}, at once`, async () => {
      const id = await create('euicc', order);
      const { body } = await get(`${eim.url}/euicc/lookup/${id}`);
      assert.equal(at(body, 'status'), 'done');
      assert.deepEqual(at(body, 'outcome'), outcome);
      assert.deepEqual(at(body, 'resource', 'order'), order);
    });
  }

  it('keeps what it does not understand out of the record', async () => {
    const known = await eim.desk.euiccs.get(eid);
    assert.equal(known?.consumerEuicc, true);
    assert.equal(known?.counterValue, 1000);
  });

  it('refuses another form', async () => {
    const answer = await send('POST', `${eim.url}/euicc/create`, {
      eidValue: eid,
      order: { euicc: 7 },
    });
    assert.equal(answer.status, 400);
    assert.equal(at(answer.body, 'error', 'field'), 'order.euicc');
  });

  for (const [what, value] of [
    ['lists within lists', '['.repeat(100) + ']'.repeat(100)],
    ['an object', '{"a":1}'],
    ['a number beyond all', '1e400'],
  ] as const) {
    it(`refuses a parameter that is ${what}, and keeps nothing of it`, async () => {
      const before = await eim.desk.orders.list();
      const response = await fetch(`${eim.url}/euicc/create`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: `{"eidValue":"${eid}","order":{"euicc":[{"counterValue":${value}}]}}`,
      });
      assert.equal(response.status, 400);
      assert.equal(at(await response.json(), 'error', 'field'), 'order.euicc');
      assert.deepEqual(await eim.desk.orders.list(), before);
    });
  }
});

describe('drop-in: bad input stores nothing', () => {
  const download = { download: { activationCode } };
  const cases: readonly (readonly [
    what: string,
    facility: string,
    body: unknown,
    status: number,
    field: string,
    message: RegExp,
  ])[] = [
    [
      'an EID of 31 digits',
      'download',
      { eidValue: eid.slice(1), order: download },
      400,
      'eidValue',
      /has 31/,
    ],
    [
      'a mistyped EID',
      'download',
      { eidValue: `${eid.slice(0, 31)}9`, order: download },
      400,
      'eidValue',
      /check digits/,
    ],
    ['no EID', 'download', { order: download }, 400, 'eidValue', /is missing/],
    ['no order', 'download', { eidValue: eid }, 400, 'order', /is missing/],
    [
      'a further member',
      'download',
      { eidValue: eid, order: download, x: 1 },
      400,
      'x',
      /no such member/,
    ],
    ['a list', 'download', [], 400, '', /./],
    [
      'a wrong activation code',
      'download',
      { eidValue: eid, order: { download: { activationCode: '1$smdp' } } },
      400,
      'order.download.activationCode',
      /too few parts/,
    ],
    [
      'an order of another facility',
      'download',
      { eidValue: eid, order: { psmo: [] } },
      400,
      'order.download',
      /is missing/,
    ],
    [
      'a short ICCID',
      'psmo',
      { eidValue: eid, order: { psmo: [{ enable: { iccid: '9894' } }] } },
      400,
      'order.psmo[0].enable.iccid',
      /20 hex digits/,
    ],
    [
      'an ICCID that is no digits',
      'psmo',
      { eidValue: eid, order: { psmo: [{ disable: { iccid: 'AB44499999999999020F' } }] } },
      400,
      'order.psmo[0].disable.iccid',
      /./,
    ],
    [
      'an unknown operation',
      'psmo',
      { eidValue: eid, order: { psmo: [{ explode: {} }] } },
      400,
      'order.psmo[0].explode',
      /one of enable, disable, delete, listProfileInfo, getRAT/,
    ],
    [
      'two operations in one',
      'psmo',
      {
        eidValue: eid,
        order: { psmo: [{ enable: { iccid: efIccid }, disable: { iccid: efIccid } }] },
      },
      400,
      'order.psmo[0]',
      /one of/,
    ],
    ['no operation', 'psmo', { eidValue: eid, order: { psmo: [] } }, 400, 'order.psmo', /./],
    [
      'a second wrong operation',
      'psmo',
      { eidValue: eid, order: { psmo: [{ listProfileInfo: {} }, { delete: {} }] } },
      400,
      'order.psmo[1].delete.iccid',
      /./,
    ],
    [
      'an operation without parameters that has one',
      'psmo',
      { eidValue: eid, order: { psmo: [{ getRAT: { iccid: efIccid } }] } },
      400,
      'order.psmo[0].getRAT.iccid',
      /no such member/,
    ],
    [
      'an OID that is none',
      'psmo',
      { eidValue: eid, order: { psmo: [{ configureAutoEnable: { smdpOid: '1.40.3' } }] } },
      400,
      'order.psmo[0].configureAutoEnable.smdpOid',
      /second arc/,
    ],
    [
      'an activation code that asks for a confirmation code',
      'download',
      { eidValue: eid, order: { download: { activationCode: `${activationCode}$$1` } } },
      400,
      'order.download.confirmationCode',
      /is missing: the activation code asks for one/,
    ],
    [
      'a PSMO among eCOs',
      'eco',
      { eidValue: eid, order: { eco: [{ listEim: {} }, { getRAT: {} }] } },
      400,
      'order.eco[1].getRAT',
      /one of addEim, updateEim, deleteEim, listEim/,
    ],
    [
      'an EimConfigurationData that is none',
      'eco',
      { eidValue: eid, order: { eco: [{ addEim: { eimConfigurationData: '3000' } }] } },
      400,
      'order.eco[0].addEim.eimConfigurationData',
      /eimId: missing/,
    ],
    [
      'the EID in a tagList',
      'edr',
      { eidValue: eid, order: { edr: { tagList: 'BF205A' } } },
      400,
      'order.edr.tagList',
      /has 5A, which no IPA answers: the EID is known/,
    ],
    [
      'more operations than a package holds',
      'psmo',
      {
        eidValue: eid,
        order: {
          psmo: Array.from({ length: 16 }, () => ({
            setDefaultDpAddress: { defaultDpAddress: 'a'.repeat(255) },
          })),
        },
      },
      400,
      'order.psmo',
      /make an eUICC Package of 4[0-9]{3} octets, more than the 4096 of orders.packageLimit/,
    ],
  ];
  for (const [what, facility, body, status, field, message] of cases) {
    it(`refuses ${what}`, async () => {
      const before = (await eim.desk.orders.list()).length;
      const answer = await send('POST', `${eim.url}/${facility}/create`, body);
      assert.equal(answer.status, status, JSON.stringify(answer.body));
      assert.equal(at(answer.body, 'error', 'field') ?? '', field);
      assert.match(String(at(answer.body, 'error', 'message')), message);
      assert.equal((await eim.desk.orders.list()).length, before);
    });
  }

  it('answers 415 to anything but JSON', async () => {
    for (const type of ['text/plain', 'application/x-www-form-urlencoded']) {
      const response = await fetch(`${eim.url}/download/create`, {
        method: 'POST',
        headers: { 'content-type': type },
        body: JSON.stringify({ eidValue: eid, order: download }),
      });
      assert.equal(response.status, 415);
      assert.equal(at(await response.json(), 'error', 'code'), 'unsupportedMediaType');
    }
  });
});

describe('drop-in: info page', () => {
  it('has the members that clients know', async () => {
    const { status, body } = await get(`${eim.url}/`);
    assert.equal(status, 200);
    assert.deepEqual(body, {
      hostname: 'testhost',
      node: 'eim@testhost',
      vsn: '0.1.0',
      eimId: 'eIM-test',
      esipaIp: '127.0.0.1',
      esipaPort: 5684,
      esipaSslCert: '-----BEGIN CERTIFICATE-----\ntls\n-----END CERTIFICATE-----\n',
      eimCert: '-----BEGIN CERTIFICATE-----\neim\n-----END CERTIFICATE-----\n',
      rootCiCerts: ['-----BEGIN CERTIFICATE-----\nci\n-----END CERTIFICATE-----\n'],
      addInitialEimRequest: 'BF5702A000',
      eimConfigurationData: '3000',
      counterValue: 1,
      consumerEuicc: false,
    });
  });
});

/** ES2+ of the lab's SM-DP+ over real HTTPS: states as a table, refusals, the SM-DS and the operator told. */
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { hex } from '../../src/base/bytes.ts';
import { silentLog } from '../../src/base/log.ts';
import { iccidOctets, iccidOfDigits, parseEid } from '../../src/messages/ids.ts';
import { issueEuicc, labEid, loadLabPki } from '../../tools/lab/pki/lab-pki.ts';
import { otherCi } from '../../tools/lab/pki/wrong-twins.ts';
import { makeProfile } from '../../tools/lab/profile/make.ts';
import { makeDoor } from '../../tools/lab/server/door.ts';
import { Faults } from '../../tools/lab/server/faults.ts';
import { listen } from '../../tools/lab/server/listen.ts';
import {
  type OperatorEvent,
  type OrderEvent,
  type OrderState,
  operatorStep,
  step,
} from '../../tools/lab/smdpp/order.ts';
import { type SmdppOptions, startSmdpp } from '../../tools/lab/smdpp/smdpp.ts';
import { startSmds } from '../../tools/lab/smds/smds.ts';
import { HandClock } from '../support/hand-clock.ts';
import { seededRandom } from '../support/seeded.ts';
import { allElementsOk, Es9, TestEuicc } from './smdpp-euicc.ts';

const otherEid = parseEid('89049032000000000000000000000066');
const header = { functionRequesterIdentifier: '2.999.30', functionCallIdentifier: 'test' };
const digits = '89880000000000000017';
const iccid = iccidOfDigits(digits);
const secondDigits = '8988000000000000025';

async function running(test: TestContext, options: Partial<SmdppOptions> = {}) {
  const pki = loadLabPki();
  const clock = new HandClock();
  const common = { pki, clock, log: silentLog() };
  const smds = await startSmds({ ...common, random: seededRandom(3) });
  test.after(() => smds.close());
  const smdpp = await startSmdpp({ ...common, random: seededRandom(4), ...options });
  test.after(() => smdpp.close());
  for (const text of [digits, secondDigits]) {
    const metadata = {
      iccid: iccidOfDigits(text),
      ...{ serviceProviderName: 'Lab', profileName: 'Lab', profileClass: 'test' as const },
    };
    const upp = makeProfile({ iccid: metadata.iccid, size: 2000 });
    smdpp.stock({ upp, metadata, profileType: 'iot' });
  }
  const { port } = smdpp.listening;
  const es9 = new Es9(pki, port);
  const client = new Es9(pki, port, { folder: 'es2plus', credential: pki.operatorTls });
  const es2 = (name: string, body: object) => client.post(name, { header, ...body });
  const euicc = new TestEuicc(es9, smdpp.address, pki);
  return { smdpp, smds, pki, clock, es2, es9, euicc, port };
}

type Running = Awaited<ReturnType<typeof running>>;

const downloadOrder = ({ es2 }: Running, body = {}) =>
  es2('downloadOrder', { iccid: digits, ...body });
const confirmOrder = ({ es2 }: Running, body = {}) =>
  es2('confirmOrder', { iccid: digits, matchingId: 'ES2-1', releaseFlag: true, ...body });
const cancelOrder = ({ es2 }: Running, body = {}) =>
  es2('cancelOrder', { iccid: digits, finalProfileStatusIndicator: 'Available', ...body });

async function installed({ euicc }: Running, matchingId: string): Promise<void> {
  const answer = await euicc.prepareDownload(await euicc.open({ matchingId }));
  assert.equal(answer.code, 'ok');
  const aid = hex('A0000005591010FFFFFFFF8900001000');
  const result = { type: 'successResult', value: { aid, simaResponse: allElementsOk } } as const;
  const { transactionId } = answer.fields;
  await euicc.notify(euicc.installationResult(transactionId, iccidOctets(iccid), result));
}

describe('states of a profile (SGP.22 3.1.6)', () => {
  const failure = { cause: 'expired' } as const;
  const states = [
    ...['available', 'allocated', 'linked', 'confirmed', 'released', 'downloaded'],
    ...['installed', 'unavailable', 'error'],
  ] as const;
  const stateAt = (at: (typeof states)[number]): OrderState =>
    at === 'error' ? { at, failure } : { at };
  type Row = readonly [event: OperatorEvent | OrderEvent, ...next: readonly (string | null)[]];
  // From the states above, in order; null: the operator is refused. Written from the facts, not from the code.
  const ordered: Row[1][] = [null, null, null, null, null, null, null, null];
  const table: readonly Row[] = [
    [{ type: 'ordered', linked: false }, 'allocated', ...ordered],
    [{ type: 'ordered', linked: true }, 'linked', ...ordered],
    [
      { type: 'confirmed', release: false },
      ...[null, 'confirmed', 'confirmed', null, null, null, null, null, null],
    ],
    [
      { type: 'confirmed', release: true },
      ...[null, 'released', 'released', null, null, null, null, null, null],
    ],
    [{ type: 'released' }, null, null, null, 'released', null, null, null, null, null],
    [
      { type: 'withdrawn', final: 'available' },
      ...[null, 'available', 'available', 'available', 'available', 'available', null, null],
      'available',
    ],
    [
      { type: 'withdrawn', final: 'unavailable' },
      ...[null, 'unavailable', 'unavailable', 'unavailable', 'unavailable', 'unavailable'],
      ...[null, null, 'unavailable'],
    ],
    [
      { type: 'bound' },
      ...['available', 'allocated', 'linked', 'confirmed', 'downloaded', 'downloaded'],
      ...['installed', 'unavailable', 'error'],
    ],
    [
      { type: 'installed' },
      ...['installed', 'installed', 'installed', 'installed', 'installed', 'installed'],
      ...['installed', 'unavailable', 'installed'],
    ],
    [
      { type: 'deleted' },
      ...['available', 'allocated', 'linked', 'confirmed', 'released', 'downloaded'],
      ...['unavailable', 'unavailable', 'error'],
    ],
    [
      { type: 'failed', failure },
      ...['available', 'allocated', 'linked', 'confirmed', 'error', 'error'],
      ...['installed', 'unavailable', 'error'],
    ],
  ];
  for (const [event, ...next] of table) {
    it(JSON.stringify(event), () => {
      assert.equal(next.length, states.length);
      const reached = states.map((at) => {
        switch (event.type) {
          case 'ordered':
          case 'confirmed':
          case 'released':
          case 'withdrawn':
            return operatorStep(stateAt(at), event)?.at ?? null;
          default:
            return step(stateAt(at), event).at;
        }
      });
      assert.deepEqual(reached, next);
    });
  }
});

describe('ES2+: a profile from order to deletion', () => {
  it('is ordered by type, confirmed, released, downloaded, installed and deleted', async (test) => {
    const run = await running(test);
    const { smdpp, es2, euicc } = run;
    assert.equal((await es2('downloadOrder', { profileType: 'iot' })).fields.iccid, digits);
    assert.equal((await es2('downloadOrder', { profileType: 'iot' })).fields.iccid, secondDigits);
    assert.equal(smdpp.stateOf(iccid)?.at, 'allocated');
    const confirmed = await confirmOrder(run, { releaseFlag: false });
    assert.deepEqual(
      [confirmed.code, confirmed.fields.matchingId, confirmed.fields.smdpAddress],
      ['ok', 'ES2-1', smdpp.address],
    );
    assert.equal((await euicc.open({ matchingId: 'ES2-1' })).code, '8.2/1.2');
    assert.equal((await es2('releaseProfile', { iccid: digits })).code, 'ok');
    assert.equal(smdpp.stateOf(iccid)?.at, 'released');
    await installed(run, 'ES2-1');
    assert.equal(smdpp.stateOf(iccid)?.at, 'installed');
    const deleted = euicc.notification(2, 'notificationDelete', iccidOctets(iccid));
    await euicc.notify(deleted);
    assert.equal(smdpp.stateOf(iccid)?.at, 'unavailable');
    const listed = await es2('getProfileStatus', {
      iccidList: [{ iccid: digits }, { iccid: `${secondDigits}F` }],
    });
    assert.deepEqual(listed.fields.profileStatusList, [
      { iccid: digits, state: 'unavailable', eid: labEid, acToken: 'ES2-1' },
      { iccid: secondDigits, state: 'allocated' },
    ]);
  });

  it('gets a matchingId where none is given, and asks for its confirmation code', async (test) => {
    const run = await running(test);
    await downloadOrder(run);
    const body = { matchingId: undefined, confirmationCode: '4711' };
    const { matchingId = '' } = (await confirmOrder(run, body)).fields;
    assert.match(matchingId, /^([A-Z2-9]{4}-){3}[A-Z2-9]{4}$/);
    assert.match(run.smdpp.activationCode(matchingId), /\$\$1$/);
    const { euicc } = run;
    const wrong = await euicc.prepareDownload(await euicc.open({ matchingId }), {
      confirmationCode: '4712',
    });
    assert.equal(wrong.code, '8.2.7/3.8');
    const right = await euicc.prepareDownload(await euicc.open({ matchingId }), {
      confirmationCode: '4711',
    });
    assert.equal(right.code, 'ok');
  });

  it('of a default SM-DP+ is found by its EID alone', async (test) => {
    const run = await running(test);
    await downloadOrder(run, { eid: labEid });
    assert.equal(run.smdpp.stateOf(iccid)?.at, 'linked');
    assert.equal((await confirmOrder(run, { matchingId: '' })).code, 'ok');
    const stranger = new TestEuicc(
      run.es9,
      run.smdpp.address,
      run.pki,
      issueEuicc(run.pki, otherEid),
    );
    assert.equal((await stranger.open({ matchingId: '' })).code, '8.2.6/3.8');
    await installed(run, '');
    assert.equal(run.smdpp.stateOf(iccid)?.at, 'installed');
  });

  it('that failed can be taken back, and is then as new; its session is over', async (test) => {
    const run = await running(test);
    const { euicc, smdpp } = run;
    await downloadOrder(run);
    await confirmOrder(run);
    const authenticated = await euicc.open({ matchingId: 'ES2-1' });
    assert.equal((await cancelOrder(run)).code, 'ok');
    assert.equal(smdpp.stateOf(iccid)?.at, 'available');
    assert.equal((await euicc.prepareDownload(authenticated)).code, '8.10.1/3.9');
    assert.equal((await euicc.open({ matchingId: 'ES2-1' })).code, '8.2.6/3.8');
    await downloadOrder(run);
    await confirmOrder(run, { matchingId: 'ES2-2' });
    await installed(run, 'ES2-2');
    assert.equal((await cancelOrder(run, { eid: labEid })).code, '8.2.1/3.3');
  });
});

describe('ES2+ refuses', () => {
  const linked = async (run: Running) => downloadOrder(run, { eid: labEid });
  const confirmedOther = async (run: Running) => {
    await run.es2('downloadOrder', { iccid: secondDigits });
    await run.es2('confirmOrder', { iccid: secondDigits, matchingId: 'ES2-1', releaseFlag: true });
    await downloadOrder(run);
  };
  const nothing = async () => {};
  const rows: [string, (run: Running) => Promise<unknown>, string, object, string][] = [
    ['an unknown ICCID', nothing, 'downloadOrder', { iccid: '8988000000000000090' }, '8.2.1/3.9'],
    ['an ICCID that is none', nothing, 'downloadOrder', { iccid: 'x' }, '8.2.1/3.9'],
    ['a profile that is ordered', downloadOrder, 'downloadOrder', { iccid: digits }, '8.2.1/3.3'],
    ['an unknown type', nothing, 'downloadOrder', { profileType: 'x' }, '8.2.5/3.9'],
    [
      'a type that the profile has not',
      ...[nothing, 'downloadOrder', { iccid: digits, profileType: 'x' }, '8.2.5/3.8'],
    ] as [string, typeof nothing, string, object, string],
    ['neither ICCID nor type', nothing, 'downloadOrder', {}, '1.3.1/2.2'],
    ['an EID that is none', nothing, 'downloadOrder', { iccid: digits, eid: '89' }, '8.1.1/2.1'],
    ['no header', nothing, 'downloadOrder', { iccid: digits, header: null }, '1.3.1/2.2'],
    [
      'to confirm what nobody ordered',
      nothing,
      'confirmOrder',
      { iccid: digits, releaseFlag: true },
      '8.2.1/3.3',
    ],
    [
      'to confirm for another EID',
      linked,
      'confirmOrder',
      { iccid: digits, eid: otherEid, releaseFlag: true },
      '8.1.1/3.10',
    ],
    [
      'an SM-DS without an EID',
      downloadOrder,
      'confirmOrder',
      { iccid: digits, smdsAddress: 'smds.example.com', releaseFlag: true },
      '8.1.1/2.2',
    ],
    [
      'an empty matchingId without an EID',
      downloadOrder,
      'confirmOrder',
      { iccid: digits, matchingId: '', releaseFlag: true },
      '8.1.1/2.2',
    ],
    [
      'a matchingId in lower case',
      downloadOrder,
      'confirmOrder',
      { iccid: digits, matchingId: 'es2', releaseFlag: true },
      '8.2.6/2.1',
    ],
    [
      'a matchingId of another order',
      confirmedOther,
      'confirmOrder',
      { iccid: digits, matchingId: 'ES2-1', releaseFlag: true },
      '8.2.6/3.3',
    ],
    [
      'an SM-DS that is not there',
      linked,
      'confirmOrder',
      { iccid: digits, smdsAddress: '127.0.0.1:1', releaseFlag: true },
      '8.9/5.1',
    ],
    ['to release what is not confirmed', linked, 'releaseProfile', { iccid: digits }, '8.2.1/3.5'],
    ['to cancel without a final status', linked, 'cancelOrder', { iccid: digits }, '8.2.1/2.2'],
    [
      'to cancel without the ICCID',
      linked,
      'cancelOrder',
      { finalProfileStatusIndicator: 'Available' },
      '8.2.1/2.2',
    ],
    [
      'to cancel without the EID of the order',
      linked,
      'cancelOrder',
      { iccid: digits, finalProfileStatusIndicator: 'Available' },
      '8.1.1/2.2',
    ],
    [
      'to cancel with another EID',
      linked,
      'cancelOrder',
      { iccid: digits, eid: otherEid, finalProfileStatusIndicator: 'Available' },
      '8.1.1/3.10',
    ],
    [
      'to cancel with another matchingId',
      linked,
      'cancelOrder',
      { iccid: digits, eid: labEid, matchingId: 'X', finalProfileStatusIndicator: 'Available' },
      '8.2.6/3.10',
    ],
    [
      'to cancel what nobody ordered',
      nothing,
      'cancelOrder',
      { iccid: digits, finalProfileStatusIndicator: 'Available' },
      '8.2.1/3.3',
    ],
  ];
  for (const [title, before, name, body, code] of rows) {
    it(`${title}: ${code}`, async (test) => {
      const run = await running(test);
      await before(run);
      const state = run.smdpp.stateOf(iccid);
      const answer = await run.es2(name, body);
      assert.deepEqual([answer.status, answer.code], [200, code]);
      assert.deepEqual(run.smdpp.stateOf(iccid), state);
    });
  }

  it('a type of which none is left: 8.2.5/3.7', async (test) => {
    const { es2 } = await running(test);
    for (let i = 0; i < 2; i++) await es2('downloadOrder', { profileType: 'iot' });
    assert.equal((await es2('downloadOrder', { profileType: 'iot' })).code, '8.2.5/3.7');
  });

  const pki = loadLabPki();
  const strangers = {
    'no certificate': undefined,
    'the certificate of an SM-DP+': pki.dpTls,
    'the certificate of an operator under another CI': otherCi().operatorTls,
    'the certificate of an eIM': pki.eimTls,
  };
  for (const [title, credential] of Object.entries(strangers)) {
    it(`a client with ${title}: HTTP 403`, async (test) => {
      const { port, smdpp } = await running(test);
      const client = { folder: 'es2plus', ...(credential && { credential }) };
      const answer = await new Es9(pki, port, client).post('downloadOrder', {
        header,
        iccid: digits,
      });
      assert.equal(answer.status, 403);
      assert.equal(smdpp.stateOf(iccid)?.at, 'available');
    });
  }
});

describe('ES12 from the SM-DP+', () => {
  const ordered = async (run: Running, body = {}) => {
    await downloadOrder(run, { eid: labEid });
    return confirmOrder(run, { smdsAddress: run.smds.address, ...body });
  };

  it('registers the event with the release, deletes it with the installation', async (test) => {
    const run = await running(test);
    const { smds, smdpp, es2 } = run;
    assert.equal((await ordered(run, { releaseFlag: false })).code, 'ok');
    assert.deepEqual(smds.events, []);
    assert.equal((await es2('releaseProfile', { iccid: digits })).code, 'ok');
    assert.deepEqual(smds.events, [
      {
        ...{ eid: labEid, eventId: 'ES2-1', rspServerAddress: smdpp.address },
        registrant: '2.999.10',
      },
    ]);
    const es11 = new TestEuicc(new Es9(run.pki, smds.listening.port), smds.address, run.pki);
    assert.deepEqual((await es11.open({})).fields.eventEntries, [
      { eventId: 'ES2-1', rspServerAddress: smdpp.address },
    ]);
    await installed(run, 'ES2-1');
    await smdpp.told();
    assert.deepEqual(smds.events, []);
  });

  it('serves an order with an event without its matchingId too', async (test) => {
    const run = await running(test);
    await ordered(run);
    await installed(run, '');
    assert.equal(run.smdpp.stateOf(iccid)?.at, 'installed');
  });

  it('leaves the order as it was where the SM-DS refuses: 8.9/4.2', async (test) => {
    const run = await running(test);
    run.smds.addEvent({ eid: labEid, eventId: 'ES2-1', rspServerAddress: 'x.example.com' });
    assert.equal((await ordered(run)).code, '8.9/4.2');
    assert.equal(run.smdpp.stateOf(iccid)?.at, 'linked');
    assert.equal((await confirmOrder(run)).code, 'ok');
  });

  it('deletes the event of what is cancelled or expires, once the SM-DS is there', async (test) => {
    const run = await running(test, { limits: { orderLifetime: 3_600_000 } });
    const { smds, smdpp, clock } = run;
    await ordered(run);
    await cancelOrder(run, { eid: labEid });
    await smdpp.told();
    assert.deepEqual(smds.events, []);

    await ordered(run);
    assert.equal(smds.events.length, 1);
    smds.fault('down', { at: 'deleteEvent', times: 1 });
    await clock.turn(3_600_000);
    await smdpp.told();
    assert.deepEqual(smdpp.stateOf(iccid), { at: 'error', failure: { cause: 'expired' } });
    assert.equal(smds.events.length, 1);
    await clock.turn(30_000);
    await smdpp.told();
    assert.deepEqual(smds.events, []);
  });

  it('trusts no server of another role in place of the SM-DS: 8.9/5.1', async (test) => {
    const run = await running(test);
    const other = await startSmdpp({
      ...{ pki: run.pki, clock: run.clock, random: seededRandom(6), log: silentLog() },
    });
    test.after(() => other.close());
    assert.equal((await ordered(run, { smdsAddress: other.address })).code, '8.9/5.1');
  });
});

describe('ES2+.HandleDownloadProgressInfo', () => {
  /** An operator that takes what it is told. */
  async function operator(test: TestContext) {
    const pki = loadLabPki();
    const told: Readonly<Record<string, unknown>>[] = [];
    const take = (body: Uint8Array) => {
      told.push(JSON.parse(Buffer.from(body).toString()));
      return 'ok';
    };
    const name = '/gsma/rsp2/es2plus/handleDownloadProgressInfo';
    const door = makeDoor(pki.operatorTls, [pki.ci.certificate], () => ({
      routes: new Map([[name, { function: 'handleNotification' as const, take }]]),
      ...{ faults: new Faults(), bodyLimit: 64 * 1024, clock: new HandClock() },
      ...{ log: silentLog(), save: () => {}, onStep: () => {} },
    }));
    const { port } = await listen(door, '127.0.0.1', 0);
    test.after(() => door.close());
    return { told, address: `127.0.0.1:${port}` };
  }

  it('tells the operator each point of a download, with the result as it came', async (test) => {
    const { told, address } = await operator(test);
    const run = await running(test, { operator: address });
    await downloadOrder(run, { eid: labEid });
    await confirmOrder(run, { confirmationCode: '1' });
    const { euicc, smdpp } = run;
    const authenticated = await euicc.open({ matchingId: 'ES2-1' });
    assert.equal((await euicc.prepareDownload(authenticated)).code, '8.2.7/2.2');
    const answer = await euicc.prepareDownload(await euicc.open({ matchingId: 'ES2-1' }), {
      confirmationCode: '1',
    });
    const { transactionId } = answer.fields;
    const failed = { type: 'errorResult', value: { bppCommandId: 5, errorReason: 12 } } as const;
    const result = euicc.installationResult(transactionId, iccidOctets(iccid), failed);
    await euicc.notify(result);
    assert.equal((await euicc.open({ matchingId: 'ES2-1' })).code, '8.2/1.2');
    await smdpp.told();
    const facts = told.map(({ notificationPointId, notificationPointStatus }) => {
      const data: unknown = Reflect.get(Object(notificationPointStatus), 'statusCodeData');
      const code = ['subjectCode', 'reasonCode'].map((of) => Reflect.get(Object(data), of));
      return [notificationPointId, code.join('/')];
    });
    assert.deepEqual(facts, [
      [1, '/'],
      [2, '8.2.7/2.2'],
      [1, '/'],
      [3, '/'],
      [4, '8.2.10/4.2'],
      [1, '8.2/1.2'],
    ]);
    const [first, , , , last] = told;
    assert.deepEqual(
      [first?.eid, first?.iccid, first?.profileType, first?.timestamp],
      [labEid, digits, 'iot', '2026-01-01T00:00:00Z'],
    );
    assert.equal(last?.resultData, Buffer.from(result).toString('base64'));
  });
});

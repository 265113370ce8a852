/** What an SM-DP+ answers, and what the device and the operator hear of it (SGP.32 3.2.2). */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { hex } from '../../src/base/bytes.ts';
import { Es9TransportError } from '../../src/es9/errors.ts';
import { NotificationDesk } from '../../src/procedures/notification-desk.ts';
import { settled } from '../support/hand-clock.ts';
import {
  authenticateError,
  cancelError,
  Download,
  initiateError,
  packageError,
} from './download.ts';
import { eid } from './euicc.ts';
import { refusal, transactionId } from './smdp.ts';

describe('what an SM-DP+ answers', () => {
  /** Facts sheet 4.5: status codes, and the INTEGER in the answer of each function. */
  const rows: readonly (readonly [
    codes: string,
    bf39?: number,
    bf3b?: number,
    bf3a?: number,
    bf41?: number,
  ])[] = [
    ['8.8.1/3.8', 1],
    ['8.9.1/3.8', 1],
    ['8.8.3/3.1', 2],
    ['8.9.3/3.1', 2],
    ['8.8.2/3.1', 3],
    ['8.8.4/3.7', 3],
    ['8.9.2/3.1', 3],
    ['8.9.4/3.7', 3],
    ['8.1.2/6.1', 127, 1],
    ['8.1.2/6.3', 127, 2],
    ['8.1.3/6.1', 127, 3],
    ['8.1.3/6.3', 127, 4],
    ['8.1/6.1', 127, 5, 1, 2],
    ['8.1/4.8', 127, 11],
    ['8.2.6/3.8', 127, 6],
    ['8.1.1/3.8', 127, 7],
    ['8.2.5/4.3', 127, 8],
    ['8.11.1/3.9', 127, 9],
    ['8.10.1/3.9', 127, 10, 95, 1],
    ['8.9.5/3.9', 127, 56],
    ['8.2.7/2.2', 127, 127, 2],
    ['8.2.7/3.8', 127, 127, 3],
    ['8.2.7/6.4', 127, 127, 4],
    ['8.2/3.7', 127, 127, 5],
    ['8.8.5/4.10', 127, 127, 6],
    ['8.2/1.2'],
    ['8.8.5/6.4'],
    ['8.1.4/6.1'],
    ['8.8/3.10'],
    // What has no INTEGER of its own: the eIM's codes towards devices, malformed calls, and near misses of the above.
    ['8.8.1/3.10'],
    ['8.31.2/3.10'],
    ['8.2.8/1.2'],
    ['8.2.9/3.11'],
    ['1.2.1/2.1'],
    ['1.2.2/3.1'],
    ['1.3.1/2.2'],
    ['1.6/2.1'],
    ['8.1.2/6.2'],
    ['8.2.6/3.80'],
    ['8.10/3.9'],
    ['-/-'],
  ];
  it('tells of an expired order in AuthenticateClient to devices of v1.3 alone', async () => {
    for (const [level, code] of [
      ['v1.0', 127],
      ['v1.2', 127],
      ['v1.3', 18],
    ] as const) {
      const download = await Download.begin();
      await download.rig.eim.euiccs.update(eid, { levelSet: level });
      download.rig.smdp.next('authenticateClient', refusal('8.8.5/4.10'));
      await download.initiate();
      assert.deepEqual(await download.authenticate(), authenticateError(code));
    }
  });

  for (const [codes, bf39 = 127, bf3b = 127, bf3a = 127, bf41 = 127] of rows) {
    it(`is mapped: ${codes}`, async () => {
      const error = refusal(codes, 'as it says');
      const told = new RegExp(`refused .*: ${codes} as it says`);

      const first = await Download.begin();
      first.rig.smdp.next('initiateAuthentication', error);
      assert.deepEqual(await first.initiate(), initiateError(bf39));
      const { outcome, reason } = await first.end();
      assert.deepEqual(outcome, [{ procedureError: 'initiateAuthenticationError' }]);
      assert.match(reason, told);

      const second = await Download.begin();
      second.rig.smdp.next('authenticateClient', error);
      await second.initiate();
      assert.deepEqual(await second.authenticate(), authenticateError(bf3b));
      assert.deepEqual((await second.end()).outcome, [
        { procedureError: 'authenticateClientError' },
      ]);
      assert.match((await second.end()).reason, told);

      const third = await (await Download.begin()).toAuthenticated();
      third.rig.smdp.next('getBoundProfilePackage', error);
      assert.deepEqual(await third.getBoundProfilePackage(), packageError(bf3a));
      assert.deepEqual((await third.end()).outcome, [
        { procedureError: 'getBoundProfilePackageError' },
      ]);
      assert.match((await third.end()).reason, told);

      const fourth = await (await Download.begin()).toAuthenticated();
      fourth.rig.smdp.next('cancelSession', error);
      assert.deepEqual(await fourth.cancel(), cancelError(bf41));
      assert.deepEqual((await fourth.end()).outcome, [
        { procedureError: 'cancelSessionResponseError' },
      ]);
      assert.match((await fourth.end()).reason, told);

      // A notification decides its order whatever the SM-DP+ makes of it, and is kept for the operator.
      const fifth = await (await Download.begin()).toAuthenticated();
      const { rig } = fifth;
      rig.smdp.next('handleNotification', error);
      await rig.notify(rig.euicc.installation(transactionId));
      assert.equal((await fifth.end()).success, true);
      const [kept] = await new NotificationDesk(rig.eim).list({ limit: 2 });
      assert.equal(kept?.state, 'refused');
      assert.equal(kept.reason, `the SM-DP+ refuses it: ${codes} as it says`);
    });
  }

  const failures = ['unreachable', 'timeout', 'tls', 'status', 'malformed', 'too large'] as const;
  for (const kind of failures) {
    it(`is undefinedError where there is none: ${kind}`, async () => {
      const download = await Download.begin();
      download.rig.smdp.next('initiateAuthentication', new Es9TransportError(kind, 'as it is'));
      assert.deepEqual(await download.initiate(), initiateError(127));
      assert.match((await download.end()).reason, /SM-DP\+ smdp\.example\.com, .*: as it is/);
    });
  }

  it('is undefinedError where it is nonsense', async () => {
    const first = await Download.begin();
    first.rig.smdp.next('initiateAuthentication', { serverSigned1: hex('3003020101') });
    assert.deepEqual(await first.initiate(), initiateError(127));
    assert.equal((await first.end()).success, false);

    const second = await Download.begin();
    second.rig.smdp.next('authenticateClient', { smdpSigned2: hex('3000') });
    await second.initiate();
    assert.deepEqual(await second.authenticate(), authenticateError(127));
    assert.equal((await second.end()).success, false);

    const third = await (await Download.begin()).toAuthenticated();
    third.rig.smdp.next('getBoundProfilePackage', { boundProfilePackage: hex('3000') });
    assert.deepEqual(await third.getBoundProfilePackage(), packageError(127));
    assert.equal((await third.end()).success, false);
  });

  it('may be metadata that only the eUICC can read', async () => {
    const download = await Download.begin();
    const odd = hex('BF2503020101');
    download.rig.smdp.next('authenticateClient', { profileMetadata: odd });
    await download.initiate();
    const authenticated = await download.authenticate();
    assert.ok(authenticated.type === 'authenticateClientOkDPEsipa');
    assert.deepEqual(authenticated.value.profileMetaData, odd);
    assert.equal(await download.at(), 'work');
  });

  it('is the same code again for a device that asks again', async () => {
    const download = await Download.begin();
    const { rig } = download;
    rig.smdp.next('authenticateClient', refusal('8.2.6/3.8'));
    await download.initiate();
    const said = rig.euicc.authenticateServer(transactionId);
    assert.deepEqual(await download.authenticate(said), authenticateError(6));
    assert.deepEqual(await download.authenticate(said), authenticateError(6));
    assert.equal(rig.smdp.named('authenticateClient').length, 1);
  });

  it('ends no order that ended while it was asked', async () => {
    const download = await Download.begin();
    const { rig, order } = download;
    let answer = () => {};
    const late = new Promise<void>((resolve) => (answer = resolve));
    rig.smdp.next(
      'initiateAuthentication',
      late.then(() => Promise.reject(refusal('8.8.1/3.8'))),
    );
    const begun = download.initiate();
    await settled();
    await rig.eim.orders.cancel(order.id);
    answer();
    assert.deepEqual(await begun, initiateError(1));
    assert.deepEqual((await download.end()).outcome, [{ procedureError: 'abortedOrder' }]);
  });
});

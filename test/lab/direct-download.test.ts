/** Direct download (SGP.32 3.2.1): the lab's device goes to SM-DP+ and SM-DS itself. The eUICC is asked what it holds. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fromUtf8 } from '../../src/base/bytes.ts';
import { CancelSessionReason } from '../../src/messages/rsp.ts';
import type { DownloadHabits } from '../../tools/lab/ipa/habits.ts';
import { labEid } from '../../tools/lab/pki/lab-pki.ts';
import type { FaultKind, FaultOptions } from '../../tools/lab/server/faults.ts';
import {
  type DownloadData,
  device,
  eimTransactionId,
  iccid,
  printed,
  servers,
} from './ipa-alone.ts';

const activationCode = (value: string): DownloadData => ({ type: 'activationCode', value });
const defaultSmdp: DownloadData = { type: 'contactDefaultSmdp', value: true };
const smds = (smdsAddress?: string): DownloadData => ({
  type: 'contactSmds',
  value: { ...(smdsAddress && { smdsAddress }) },
});

describe('direct download', () => {
  it('with an activation code: installed, the SM-DP+ told, and the trigger answered', async (test) => {
    const { smdpp, release } = await servers(test);
    const one = device();
    assert.equal(await one.download(activationCode(release())), 'installed');
    assert.deepEqual(one.profiles(), [`${printed} disabled`]);
    assert.deepEqual(smdpp.stateOf(iccid), { at: 'installed' });
    const result = one.reports.at(-1)?.eimPackageResult;
    assert.ok(result?.type === 'profileDownloadTriggerResult');
    assert.deepEqual(result.value.eimTransactionId, eimTransactionId);
    assert.equal(one.pending(), 0);
    assert.equal(one.throughEim.length, 0);
  });

  it('with its notifications through the eIM, where that is its habit', async (test) => {
    const { smdpp, release } = await servers(test);
    const one = device({ habits: { notifiesThroughEim: true } });
    assert.equal(await one.download(activationCode(release())), 'installed');
    assert.equal(one.throughEim.length, 1);
    assert.deepEqual(smdpp.stateOf(iccid), { at: 'downloaded' }, 'nobody told it yet');
  });

  it('from the default SM-DP+ that the eUICC was made with', async (test) => {
    const { smdpp, release } = await servers(test);
    release({ matchingId: '', eid: labEid });
    const one = device({ card: { defaultDpAddress: smdpp.address } });
    assert.equal(await one.download(defaultSmdp), 'installed');
    assert.deepEqual(one.profiles(), [`${printed} disabled`]);
  });

  it('not where the eUICC has no default SM-DP+', async () => {
    const one = device();
    assert.equal(await one.download(defaultSmdp), 'error');
    assert.match(one.steps.join('\n'), /has no default SM-DP\+/);
  });

  for (const [name, named] of [
    ['that the trigger names', true],
    ['that is the root of the eUICC', false],
  ] as const) {
    it(`from an SM-DP+ of which the SM-DS has an event, an SM-DS ${name}`, async (test) => {
      const { smdpp, smds: ds, release } = await servers(test);
      release({ matchingId: 'EVENT-1', eid: labEid });
      await smdpp.announce('EVENT-1', ds.address);
      const one = device({ card: named ? {} : { rootDsAddress: ds.address } });
      assert.equal(await one.download(smds(named ? ds.address : undefined)), 'installed');
      assert.deepEqual(one.profiles(), [`${printed} disabled`]);
      await smdpp.told();
      assert.deepEqual(ds.events, [], 'its SM-DP+ deleted the event');
    });
  }

  it('of the first event that there is a profile for', async (test) => {
    const { smdpp, smds: ds, release } = await servers(test);
    const stale = { eid: labEid, eventId: 'STALE', rspServerAddress: smdpp.address };
    ds.addEvent(stale);
    release({ matchingId: 'EVENT-1', eid: labEid });
    await smdpp.announce('EVENT-1', ds.address);
    const one = device();
    assert.equal(await one.download(smds(ds.address)), 'installed');
    await smdpp.told();
    assert.deepEqual(ds.events, [{ ...stale, registrant: ds.oid }]);
  });

  it('not where an SM-DS names another, and that one it, without end', async (test) => {
    const { smds: ds } = await servers(test);
    ds.addEvent({ eid: labEid, eventId: 'ROUND', rspServerAddress: ds.address });
    const one = device();
    assert.equal(await one.download(smds(ds.address)), 'error');
    assert.match(one.steps.join('\n'), /each SM-DS names another one/);
  });

  it('not without an event, nor where the trigger says nothing', async (test) => {
    const { smds: ds } = await servers(test);
    const one = device();
    assert.equal(await one.download(smds(ds.address)), 'error');
    assert.equal(await one.download(), 'error');
    assert.deepEqual(one.profiles(), []);
  });

  it('with a confirmation code that the device knows', async (test) => {
    const { release } = await servers(test);
    const one = device({ habits: { confirmationCode: '1234' } });
    const code = release({ confirmationCode: '1234' });
    assert.equal(await one.download(activationCode(code)), 'installed');
    assert.deepEqual(one.profiles(), [`${printed} disabled`]);
  });

  it('with a wrong confirmation code: refused, counted, and nothing on the eUICC', async (test) => {
    const { smdpp, release } = await servers(test);
    const one = device({ habits: { confirmationCode: '9999' } });
    const code = release({ confirmationCode: '1234', matchingId: 'CODE' });
    assert.equal(await one.download(activationCode(code)), 'error');
    assert.match(one.steps.join('\n'), /refused 8\.2\.7\/3\.8/);
    assert.equal(smdpp.profile('CODE')?.wrongConfirmationCodes, 1);
    assert.deepEqual(one.profiles(), []);
  });

  it('without the confirmation code that is asked for: postponed, and still to be had', async (test) => {
    const { smdpp, release } = await servers(test);
    const code = release({ confirmationCode: '1234' });
    const one = device();
    assert.equal(await one.download(activationCode(code)), 'error');
    assert.deepEqual(smdpp.stateOf(iccid), { at: 'released' });
    assert.deepEqual(one.profiles(), []);
  });

  it('refuses a profile whose rules the eUICC does not allow', async (test) => {
    const { smdpp, release } = await servers(test);
    const code = release({
      metadata: {
        ...{ iccid, serviceProviderName: 'Lab', profileName: 'Lab One' },
        ...{ profilePolicyRules: ['ppr1'], owner: { mccMnc: Uint8Array.of(0x00, 0xf1, 0x10) } },
      },
    });
    const one = device({ card: { allowedRules: ['ppr2'] } });
    assert.equal(await one.download(activationCode(code)), 'error');
    assert.match(one.steps.join('\n'), /CancelSession accepted: pprNotAllowed/);
    const state = smdpp.stateOf(iccid);
    assert.ok(state?.at === 'error' && state.failure.cause === 'cancelled');
    assert.equal(state.failure.reason, CancelSessionReason.pprNotAllowed);
    assert.deepEqual(one.profiles(), []);
  });

  for (const [name, number] of Object.entries(CancelSessionReason)) {
    it(`given up for ${name}: the SM-DP+ is told why`, async (test) => {
      const { smdpp, release } = await servers(test);
      const cancels = name as keyof typeof CancelSessionReason;
      const one = device({ habits: { cancels } });
      assert.equal(await one.download(activationCode(release())), 'error');
      const state = smdpp.stateOf(iccid);
      if (name === 'postponed' || name === 'timeout') {
        assert.deepEqual(state, { at: 'released' });
      } else {
        assert.ok(state?.at === 'error' && state.failure.cause === 'cancelled');
        assert.equal(state.failure.reason, number);
      }
      assert.deepEqual(one.profiles(), []);
    });
  }

  it('tells the SM-DP+ with the next poll where it could not be told at once', async (test) => {
    const { smdpp, release } = await servers(test);
    const one = device();
    smdpp.fault('down', { at: 'handleNotification', times: 1 });
    assert.equal(await one.download(activationCode(release())), 'installed');
    assert.deepEqual(smdpp.stateOf(iccid), { at: 'installed' });
    assert.equal(one.pending(), 0);
  });

  it('checks the OID that the activation code has', async (test) => {
    const { smdpp, release } = await servers(test);
    const code = release();
    const one = device();
    assert.equal(await one.download(activationCode(`${code}$2.999.99`)), 'error');
    assert.equal(await one.download(activationCode(`${code}$${smdpp.oid}`)), 'installed');
  });

  it('keeps what the SM-DP+ said for the eIM', async (test) => {
    const { smdpp } = await servers(test);
    const one = device();
    assert.equal(await one.download(activationCode(`1$${smdpp.address}$NONE`)), 'error');
    const result = one.reports.at(-1)?.eimPackageResult;
    assert.ok(result?.type === 'profileDownloadTriggerResult');
    const { profileDownloadTriggerResultData: data } = result.value;
    assert.ok(data.type === 'profileDownloadError');
    assert.equal(data.value.profileDownloadErrorReason, 127);
    assert.match(fromUtf8(data.value.errorResponse ?? new Uint8Array()), /"subjectCode":"8\.2\.6"/);
  });
});

describe('direct download, and what goes wrong', () => {
  type Row = readonly [
    kind: FaultKind,
    options: FaultOptions,
    outcome: string,
    of?: DownloadHabits,
  ];
  const rows: readonly Row[] = [
    ['refuse', { at: 'initiateAuthentication' }, 'error'],
    ['refuse', { at: 'authenticateClient' }, 'error'],
    ['refuse', { at: 'getBoundProfilePackage' }, 'error'],
    ['refuse', { at: 'cancelSession' }, 'error', { cancels: 'timeout' }],
    ['down', { at: 'initiateAuthentication' }, 'error'],
    ['down', { at: 'authenticateClient' }, 'error'],
    ['down', { at: 'getBoundProfilePackage' }, 'error'],
    ['down', { at: 'handleNotification' }, 'installed'],
    ['stall', { at: 'getBoundProfilePackage' }, 'error'],
    ['cut', { at: 'getBoundProfilePackage' }, 'error'],
    ['slow', { at: 'authenticateClient' }, 'error'],
    ['nonsense', { at: 'initiateAuthentication' }, 'error'],
    ['status', { at: 'getBoundProfilePackage' }, 'error'],
    ['line-broken', {}, 'installed'],
    // Of both certificates it could be the truth: see the OID in the activation code.
    ['wrong-oid', { times: 1 }, 'error'],
    ['wrong-signature', { at: 'initiateAuthentication' }, 'error'],
    ['wrong-signature', { at: 'authenticateClient' }, 'error'],
    ['wrong-signature', { at: 'getBoundProfilePackage' }, 'failed'],
    ['wrong-certificate', { at: 'initiateAuthentication' }, 'error'],
    ['wrong-transaction', { at: 'initiateAuthentication' }, 'error'],
    ['wrong-challenge', {}, 'error'],
    ['wrong-address', {}, 'error'],
    ['expire', {}, 'error'],
    ['corrupt-bpp', { segment: 87 }, 'failed'],
    ['corrupt-bpp', { segment: 88 }, 'failed'],
    ['corrupt-bpp', { segment: 86 }, 'failed'],
    ['long-segments', {}, 'failed'],
    // The metadata are not those that were announced: cancelled.
    ['wrong-iccid', {}, 'error'],
  ];
  for (const [kind, options, outcome, habits = {}] of rows) {
    const where = [options.at, options.segment].filter((one) => one !== undefined).join(' ');
    it(`${kind} ${where}: ${outcome}, and the eUICC holds that and no more`, async (test) => {
      const { smdpp, release } = await servers(test);
      const one = device({ habits, client: { timeout: 700 } });
      smdpp.fault(kind, options);
      assert.equal(await one.download(activationCode(release())), outcome);
      assert.deepEqual(one.profiles(), outcome === 'installed' ? [`${printed} disabled`] : []);
    });
  }
});

describe('direct download from servers that are not to be believed', () => {
  it('is not begun where the certificate leads to another root', async (test) => {
    const { release } = await servers(test);
    const one = device({ client: { cis: [] } });
    assert.equal(await one.download(activationCode(release())), 'error');
    assert.match(
      one.steps.join('\n'),
      /InitiateAuthentication|initiateAuthentication .*certificate/,
    );
    assert.deepEqual(one.profiles(), []);
  });
});

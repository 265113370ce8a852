/** Numbers and names: SGP.32 v1.2 module (sgp32-eim.md 1.5); the REST words: its section 7.3. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  eimPackageError,
  euiccPackageError,
  isSuccess,
  procedureError,
  psmoOutcome,
} from '../../src/orders/outcome.ts';

describe('outcomes', () => {
  for (const [name, code, word] of [
    ['enableResult', 0, 'ok'],
    ['enableResult', 3, 'disallowedByPolicy'],
    ['enableResult', 20, 'rollbackNotAvailable'],
    ['disableResult', 2, 'profileNotInEnabledState'],
    ['deleteResult', 21, 'returnFallbackProfile'],
    ['deleteEimResult', 2, 'lastEimDeleted'],
    ['unsetFallbackAttributeResult', 2, 'noFallbackAttribute'],
    ['processingTerminated', 1, 'resultSizeOverflow'],
    ['rollbackResult', 127, 'undefinedError'],
    ['enableResult', 4, 4],
    ['setDefaultDpAddressResult', -1, -1],
  ] as const) {
    it(`${name} ${code} is ${JSON.stringify(word)}`, () => {
      assert.deepEqual(psmoOutcome(name, code), { [name]: word });
    });
  }

  it('name the errors of packages', () => {
    assert.deepEqual(euiccPackageError(4), { euiccPackageErrorCode: 'replayError' });
    assert.deepEqual(euiccPackageError(5), { euiccPackageErrorCode: 5 });
    assert.deepEqual(eimPackageError(2), { eimPackageError: 'unknownPackage' });
    assert.deepEqual(procedureError('badPsmo'), { procedureError: 'badPsmo' });
  });

  for (const outcome of [
    { enableResult: 'ok' },
    { deleteEimResult: 'lastEimDeleted' },
    { listProfileInfoResult: { finalResult: 'successResult', profileInfoList: [] } },
    { profileInstallationResult: { finalResult: 'successResult', iccid: '989444999999990920F3' } },
    { addEimResult: { addEimResultCode: 'ok', associationToken: 2 } },
    { getRATResult: [] },
    { euiccDataResult: { edrResult: 'ok', euiccData: {} } },
    { euiccUpdateResult: 'ok' },
    { euiccStateResult: [{ stateChangeCauseList: [] }] },
  ]) {
    it(`${JSON.stringify(outcome)} is a success`, () => assert.ok(isSuccess(outcome)));
  }

  for (const outcome of [
    {},
    { enableResult: 'catBusy' },
    { enableResult: 0 },
    { enableResult: 'lastEimDeleted' },
    { rollbackResult: 'ok' },
    { processingTerminated: 'interruption' },
    { listProfileInfoResult: { finalResult: 'errorResult' } },
    { profileInstallationResult: { finalResult: 'errorResult' } },
    { addEimResult: { addEimResultCode: 'commandError' } },
    { cancelSessionResult: 'ok' },
    { procedureError: 'abortedOrder' },
    { euiccPackageErrorCode: 'replayError' },
    { enableResult: 'ok', rollbackResult: 'ok' },
    { constructor: 'ok' },
    { toString: {} },
    { enableResult: ['ok'] },
    { unheardOf: 'ok' },
  ]) {
    it(`${JSON.stringify(outcome)} is none`, () => assert.ok(!isSuccess(outcome)));
  }
});

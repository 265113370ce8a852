/** Results as eUICCs send them, byte for byte (facts sheets sgp32-eim.md 1.5.3 and 11), in the words of the REST API. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { hex } from '../../src/base/bytes.ts';
import { EuiccPackageResult, EuiccResultData } from '../../src/messages/euicc-package.ts';
import type { PackageRequest } from '../../src/orders/operations.ts';
import { isSuccess } from '../../src/orders/outcome.ts';
import { asAsked, outcomesOf } from '../../src/procedures/outcomes.ts';
import { messageVector } from '../vectors/messages.ts';

const iccid = '989444999999990920F3';

function outcomes(request: PackageRequest, ...results: readonly string[]) {
  const decoded = results.map((bytes) => EuiccResultData.decode(hex(bytes)));
  return outcomesOf(request, asAsked(request, decoded));
}

describe('whole results of the facts sheet', () => {
  const cases: readonly (readonly [vector: string, outcome: object])[] = [
    [
      'result of listProfileInfo',
      {
        listProfileInfoResult: {
          finalResult: 'successResult',
          profileInfoList: [
            {
              iccid,
              isdpAid: 'A0000005591010FFFFFFFF8900001000',
              profileState: 'enabled',
              serviceProviderName: 'SPN',
              profileName: 'NAME',
              profileClass: 'operational',
              fallbackAttribute: true,
              fallbackAllowed: true,
            },
          ],
        },
      },
    ],
    [
      'result of getRAT',
      {
        getRATResult: [
          {
            pprUpdateControl: false,
            ppr1: true,
            ppr2: true,
            allowedOperators: [{ mccMnc: '62F210' }],
            consentRequired: true,
          },
        ],
      },
    ],
    ['result of addEim', { addEimResult: { addEimResultCode: 'ok', associationToken: 5 } }],
    [
      'result of listEim',
      {
        listEimResult: {
          finalResult: 'successResult',
          eimIdList: [{ eimId: 'eIM', eimIdType: 'eimIdTypeFqdn' }],
        },
      },
    ],
    ['result of setDefaultDpAddress', { setDefaultDpAddressResult: 'ok' }],
  ];
  for (const [vector, outcome] of cases) {
    it(vector, () => {
      const result = EuiccPackageResult.decode(messageVector(vector));
      assert.ok(result.type === 'euiccPackageResultSigned');
      const { euiccResult } = result.value.euiccPackageResultDataSigned.value;
      const told = outcomesOf({ psmo: [] }, euiccResult);
      assert.deepEqual(told, [outcome]);
      assert.ok(told.every(isSuccess));
    });
  }
});

describe('results of one operation', () => {
  const psmo = (...operations: Extract<PackageRequest, { psmo: unknown }>['psmo']) => ({
    psmo: operations,
  });
  const cases: readonly (readonly [string, PackageRequest, string, object, boolean])[] = [
    [
      'immediate enabling in the words of v1.0',
      psmo({ configureAutoEnable: { autoEnableFlag: true } }),
      '870100',
      { configureAutoEnableResult: 'ok' },
      true,
    ],
    [
      'immediate enabling without memory',
      psmo({ configureImmediateEnable: {} }),
      '870101',
      { configureImmediateEnableResult: 'insufficientMemory' },
      false,
    ],
    ['an empty RAT', psmo({ getRAT: {} }), 'A600', { getRATResult: [] }, true],
    [
      'an addEim without token',
      { eco: [{ addEim: { eimConfigurationData: '3003800165' } }] },
      'A803020100',
      { addEimResult: { addEimResultCode: 'ok' } },
      true,
    ],
    [
      'an addEim that there is',
      { eco: [{ addEim: { eimConfigurationData: '3003800165' } }] },
      'A803020102',
      { addEimResult: { addEimResultCode: 'associatedEimAlreadyExists' } },
      false,
    ],
    [
      'an addEim with a code of a later version',
      { eco: [{ addEim: { eimConfigurationData: '3003800165' } }] },
      'A803020163',
      { addEimResult: { addEimResultCode: 99 } },
      false,
    ],
    [
      'the last eIM',
      { eco: [{ deleteEim: { eimId: 'e' } }] },
      '890102',
      { deleteEimResult: 'lastEimDeleted' },
      true,
    ],
    [
      'a list of eIMs as siblings',
      { eco: [{ listEim: {} }] },
      'AB073005800365494D',
      { listEimResult: { finalResult: 'successResult', eimIdList: [{ eimId: 'eIM' }] } },
      true,
    ],
    [
      'no list of eIMs',
      { eco: [{ listEim: {} }] },
      'AB0381017F',
      { listEimResult: { finalResult: 'errorResult', listEimError: 'undefinedError' } },
      false,
    ],
    [
      'a bare INTEGER, of the operation',
      psmo({ setFallbackAttribute: { iccid } }),
      '020100',
      { setFallbackAttributeResult: 'ok' },
      true,
    ],
    [
      'a bare INTEGER, of an eCO',
      { eco: [{ updateEim: { eimConfigurationData: '3003800165' } }] },
      '020106',
      { updateEimResult: 'counterValueOutOfRange' },
      false,
    ],
    [
      'a bare INTEGER that processingTerminated has',
      psmo({ setFallbackAttribute: { iccid } }),
      '020102',
      { processingTerminated: 'unknownOrDamagedCommand' },
      false,
    ],
  ];
  for (const [what, request, bytes, outcome, success] of cases) {
    it(what, () => {
      const told = outcomes(request, bytes);
      assert.deepEqual(told, [outcome]);
      assert.equal(told.every(isSuccess), success);
    });
  }

  it('a rollback, which is no success', () => {
    const told = outcomes(psmo({ enable: { iccid, rollback: true } }), '830100', '8C0100');
    assert.deepEqual(told, [{ enableResult: 'ok' }, { rollbackResult: 'ok' }]);
    assert.ok(!told.every(isSuccess));
  });
});

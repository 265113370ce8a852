/** Messages of ESipa as values, both directions: what the fields of the vectors are. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { concat, hex } from '../../src/base/bytes.ts';
import { eidInBarePoll, isBarePoll } from '../../src/messages/eim-package.ts';
import { EsipaMessageFromEimToIpa, EsipaMessageFromIpaToEim } from '../../src/messages/esipa.ts';
import {
  EuiccPackageErrorDataSigned,
  EuiccPackageResult,
  EuiccPackageResultDataSigned,
  EuiccPackageSigned,
} from '../../src/messages/euicc-package.ts';
import { eidOf, isEidAt } from '../../src/messages/ids.ts';
import {
  NotificationMetadata,
  ProfileInstallationResultData,
} from '../../src/messages/notifications.ts';
import { EnableProfileResult } from '../../src/messages/psmo.ts';
import { ProfileState } from '../../src/messages/rsp.ts';
import { signedOf } from '../../src/messages/schema.ts';
import { tlv } from '../../src/messages/tlv.ts';
import { messageVector } from '../vectors/messages.ts';

const eidValue = hex('89882119900000000000000000000005');
const iccid = hex('989444999999990920F3');
const eimTransactionId = hex('AAAAAAAA');
const transactionId = hex('01'.repeat(16));
const signature = new Uint8Array(64).fill(0x55);

/** The vector reads as the value, and the value is written as the vector. */
function same<T>(
  what: string,
  type: { decode(bytes: Uint8Array): T; encode(value: T): Uint8Array },
  value: T,
): void {
  it(what, () => {
    assert.deepEqual(type.decode(messageVector(what)), value);
    assert.deepEqual(type.encode(value), messageVector(what));
  });
}

describe('EsipaMessageFromIpaToEim', () => {
  same('GetEimPackage request, minimal', EsipaMessageFromIpaToEim, {
    type: 'getEimPackageRequest',
    value: { eidValue },
  });
  same('GetEimPackage request, state change and PLMN', EsipaMessageFromIpaToEim, {
    type: 'getEimPackageRequest',
    value: { eidValue, notifyStateChange: true, stateChangeCause: 6, rPLMN: hex('62F210') },
  });
  same('result of enable', EsipaMessageFromIpaToEim, {
    type: 'provideEimPackageResult',
    value: {
      eidValue,
      eimPackageResult: {
        type: 'euiccPackageResult',
        value: {
          type: 'euiccPackageResultSigned',
          value: {
            euiccPackageResultDataSigned: signedOf(EuiccPackageResultDataSigned, {
              eimId: 'eIM',
              counterValue: 7,
              eimTransactionId,
              seqNumber: 42,
              euiccResult: [{ type: 'enableResult', value: EnableProfileResult.ok }],
            }),
            euiccSignEPR: signature,
          },
        },
      },
    },
  });
  same('download trigger error', EsipaMessageFromIpaToEim, {
    type: 'provideEimPackageResult',
    value: {
      eidValue,
      eimPackageResult: {
        type: 'profileDownloadTriggerResult',
        value: {
          eimTransactionId,
          profileDownloadTriggerResultData: {
            type: 'profileDownloadError',
            value: { profileDownloadErrorReason: 127, errorResponse: hex('DEAD') },
          },
        },
      },
    },
  });
  same('InitiateAuthentication request', EsipaMessageFromIpaToEim, {
    type: 'initiateAuthenticationRequestEsipa',
    value: {
      euiccChallenge: new Uint8Array(16).fill(0xc4),
      smdpAddress: 'smdp.example.com',
      euiccInfo1: hex(`BF2035 8203020500 A9160414${'F5'.repeat(20)} AA160414${'F5'.repeat(20)}`),
      eimTransactionId,
    },
  });
  same('AuthenticateClient request, compact', EsipaMessageFromIpaToEim, {
    type: 'authenticateClientRequestEsipa',
    value: {
      transactionId,
      authenticateServerResponse: {
        type: 'compactAuthenticateResponseOk',
        value: {
          signedData: {
            type: 'compactEuiccSigned1',
            value: {
              extCardResource: hex('810100820400061A80830400001000'),
              ctxParams1: {
                type: 'ctxParamsForCommonAuthentication',
                value: {
                  matchingId: 'MID',
                  deviceInfo: {
                    tac: hex('35329061'),
                    deviceCapabilities: { eutranEpcSupportedRelease: hex('0F0000') },
                    imei: hex('5332906111111111'),
                  },
                },
              },
            },
          },
          euiccSignature1: signature,
        },
      },
    },
  });
  same('GetBoundProfilePackage request, compact', EsipaMessageFromIpaToEim, {
    type: 'getBoundProfilePackageRequestEsipa',
    value: {
      transactionId,
      prepareDownloadResponse: {
        type: 'compactDownloadResponseOk',
        value: {
          compactEuiccSigned2: { euiccOtpk: hex(`04${'77'.repeat(64)}`) },
          euiccSignature2: signature,
        },
      },
    },
  });
  same('installation result', EsipaMessageFromIpaToEim, {
    type: 'handleNotificationEsipa',
    value: {
      type: 'pendingNotification',
      value: {
        type: 'profileInstallationResult',
        value: {
          profileInstallationResultData: signedOf(ProfileInstallationResultData, {
            transactionId,
            notificationMetadata: {
              seqNumber: 11,
              profileManagementOperation: ['notificationInstall'],
              notificationAddress: 'smdp.example.com',
              iccid,
            },
            smdpOid: '2.999.2',
            finalResult: {
              type: 'successResult',
              value: {
                aid: hex('A0000005591010FFFFFFFF8900001000'),
                simaResponse: hex('3007A0053003800100'),
              },
            },
          }),
          euiccSignPIR: signature,
        },
      },
    },
  });
  same('installation result, compact', EsipaMessageFromIpaToEim, {
    type: 'handleNotificationEsipa',
    value: {
      type: 'pendingNotification',
      value: {
        type: 'compactProfileInstallationResult',
        value: {
          compactProfileInstallationResultData: {
            transactionId,
            seqNumber: 11,
            iccidPresent: true,
            compactFinalResult: {
              type: 'compactSuccessResult',
              value: { compactAid: hex('0010') },
            },
          },
          euiccSignPIR: signature,
        },
      },
    },
  });
  same('notification, compact', EsipaMessageFromIpaToEim, {
    type: 'handleNotificationEsipa',
    value: {
      type: 'pendingNotification',
      value: {
        type: 'compactOtherSignedNotification',
        value: {
          eidValue,
          tbsOtherNotification: signedOf(NotificationMetadata, {
            seqNumber: 12,
            profileManagementOperation: ['notificationEnable'],
            notificationAddress: 'smdp.example.com',
            iccid,
          }),
          euiccNotificationSignature: signature,
        },
      },
    },
  });
  same('CancelSession request, compact', EsipaMessageFromIpaToEim, {
    type: 'cancelSessionRequestEsipa',
    value: {
      transactionId,
      cancelSessionResponse: {
        type: 'compactCancelSessionResponseOk',
        value: {
          compactEuiccCancelSessionSigned: { reason: 5 },
          euiccCancelSessionSignature: signature,
        },
      },
    },
  });

  it('names the field that is wrong, from the message down', () => {
    const short = hex('BF4F11 5A0F 898821199000000000000000000000');
    assert.throws(() => EsipaMessageFromIpaToEim.decode(short), {
      name: 'DerError',
      path: 'getEimPackageRequest.eidValue',
      complaint: '15 octets, due 16',
    });
  });

  it('refuses a function that it does not know', () => {
    assert.throws(() => EsipaMessageFromIpaToEim.decode(hex('BF7F00')), { name: 'DerError' });
    assert.throws(() => EsipaMessageFromIpaToEim.decode(hex('30020500')), { name: 'DerError' });
  });
});

describe('EsipaMessageFromEimToIpa', () => {
  const packageOf = (euiccPackage: EuiccPackageSigned['euiccPackage']) =>
    ({
      type: 'getEimPackageResponse',
      value: {
        type: 'euiccPackageRequest',
        value: {
          euiccPackageSigned: signedOf(EuiccPackageSigned, {
            eimId: 'eIM',
            eidValue,
            counterValue: 7,
            eimTransactionId,
            euiccPackage,
          }),
          eimSignature: signature,
        },
      },
    }) as const;

  same(
    'enable',
    EsipaMessageFromEimToIpa,
    packageOf({ type: 'psmoList', value: [{ type: 'enable', value: { iccid } }] }),
  );
  same(
    'listProfileInfo of one ICCID',
    EsipaMessageFromEimToIpa,
    packageOf({
      type: 'psmoList',
      value: [
        {
          type: 'listProfileInfo',
          value: { searchCriteria: { type: 'iccid', value: iccid }, tagList: hex('5A9F70') },
        },
      ],
    }),
  );
  same(
    'configureImmediateEnable',
    EsipaMessageFromEimToIpa,
    packageOf({
      type: 'psmoList',
      value: [
        {
          type: 'configureImmediateEnable',
          value: {
            immediateEnableFlag: true,
            defaultSmdpOid: '1.2.3',
            defaultSmdpAddress: 'smdp.example.com',
          },
        },
      ],
    }),
  );
  same(
    'listEim',
    EsipaMessageFromEimToIpa,
    packageOf({ type: 'ecoList', value: [{ type: 'listEim', value: {} }] }),
  );
  same('IPA eUICC data request', EsipaMessageFromEimToIpa, {
    type: 'getEimPackageResponse',
    value: {
      type: 'ipaEuiccDataRequest',
      value: {
        tagList: hex('A081A2BF20BF228384A5A6A8A9'),
        euiccCiPKIdentifierToBeUsed: hex('F5414172BD'),
        searchCriteriaNotification: { type: 'seqNumber', value: 5 },
        searchCriteriaEuiccPackageResult: { type: 'seqNumber', value: 6 },
        eimTransactionId,
      },
    },
  });
  same('download trigger with activation code', EsipaMessageFromEimToIpa, {
    type: 'getEimPackageResponse',
    value: {
      type: 'profileDownloadTriggerRequest',
      value: {
        profileDownloadData: { type: 'activationCode', value: '1$smdp.example.com$MID' },
        eimTransactionId,
      },
    },
  });
  same('acknowledgements', EsipaMessageFromEimToIpa, {
    type: 'provideEimPackageResultResponse',
    value: { type: 'eimAcknowledgements', value: [11, 42] },
  });

  it('has the short answers of the catalogue', () => {
    for (const [text, value] of [
      [
        'BF4F03020101',
        { type: 'getEimPackageResponse', value: { type: 'eimPackageError', value: 1 } },
      ],
      [
        'BF50023000',
        { type: 'provideEimPackageResultResponse', value: { type: 'emptyResponse', value: {} } },
      ],
      [
        'BF4102A000',
        { type: 'cancelSessionResponseEsipa', value: { type: 'cancelSessionOk', value: {} } },
      ],
      [
        'BF41 03 810101',
        { type: 'cancelSessionResponseEsipa', value: { type: 'cancelSessionError', value: 1 } },
      ],
      [
        'BF3903810134',
        {
          type: 'initiateAuthenticationResponseEsipa',
          value: { type: 'initiateAuthenticationErrorEsipa', value: 52 },
        },
      ],
    ] as const) {
      assert.deepEqual(EsipaMessageFromEimToIpa.decode(hex(text)), value);
      assert.deepEqual(EsipaMessageFromEimToIpa.encode(value), hex(text));
    }
  });

  it('passes a bound profile package on whole', () => {
    const boundProfilePackage = hex('BF3607 BF2300 A000 A100');
    const message = {
      type: 'getBoundProfilePackageResponseEsipa',
      value: {
        type: 'getBoundProfilePackageOkEsipa',
        value: { transactionId, boundProfilePackage },
      },
    } as const;
    const bytes = EsipaMessageFromEimToIpa.encode(message);
    assert.deepEqual(EsipaMessageFromEimToIpa.decode(bytes), message);
  });
});

describe('EuiccPackageResult', () => {
  same('result of listProfileInfo', EuiccPackageResult, {
    type: 'euiccPackageResultSigned',
    value: {
      euiccPackageResultDataSigned: signedOf(EuiccPackageResultDataSigned, {
        eimId: 'eIM',
        counterValue: 7,
        eimTransactionId,
        seqNumber: 42,
        euiccResult: [
          {
            type: 'listProfileInfoResult',
            value: {
              type: 'profileInfoListOk',
              value: [
                {
                  iccid,
                  isdpAid: hex('A0000005591010FFFFFFFF8900001000'),
                  profileState: ProfileState.enabled,
                  serviceProviderName: 'SPN',
                  profileName: 'NAME',
                  profileClass: 2,
                  fallbackAttribute: true,
                  fallbackAllowed: true,
                },
              ],
            },
          },
        ],
      }),
      euiccSignEPR: signature,
    },
  });
  same('signed package error', EuiccPackageResult, {
    type: 'euiccPackageErrorSigned',
    value: {
      euiccPackageErrorDataSigned: signedOf(EuiccPackageErrorDataSigned, {
        eimId: 'eIM',
        counterValue: 7,
        eimTransactionId,
        euiccPackageErrorCode: 4,
      }),
      euiccSignEPE: signature,
    },
  });
  same('unsigned package error', EuiccPackageResult, {
    type: 'euiccPackageErrorUnsigned',
    value: { eimId: 'eIM', eimTransactionId, associationToken: 1 },
  });

  it('holds eimId to its size', () => {
    const long = { eimId: 'e'.repeat(129), associationToken: 1 };
    const value = { type: 'euiccPackageErrorUnsigned', value: long } as const;
    assert.throws(() => EuiccPackageResult.encode(value), {
      name: 'DerError',
      path: 'euiccPackageErrorUnsigned.eimId',
    });
  });
});

describe('a poll with nothing but an EID', () => {
  const bare = tlv(0xbf4f, tlv(0x5a, eidValue));

  it('is read without the decoder as the decoder reads it', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 16, maxLength: 16 }), (octets) => {
        const message = tlv(0xbf4f, tlv(0x5a, octets));
        assert.ok(isBarePoll(message));
        const value = { eidValue: message.slice(eidInBarePoll) };
        const read = EsipaMessageFromIpaToEim.decode(message, { strict: true });
        assert.deepEqual(read, { type: 'getEimPackageRequest', value });
      }),
    );
  });

  it('is no message that differs in length or in an octet before the EID', () => {
    const longer = tlv(0xbf4f, tlv(0x5a, eidValue), tlv(0x80));
    for (const other of [longer, bare.slice(0, -1), concat(bare, hex('00')), new Uint8Array()]) {
      assert.equal(isBarePoll(other), false);
    }
    for (let at = 0; at < eidInBarePoll; at++) {
      for (let bit = 0; bit < 8; bit++) {
        const other = bare.slice();
        other[at] = (other[at] ?? 0) ^ (1 << bit);
        assert.equal(isBarePoll(other), false);
      }
    }
  });

  it('is known by its octets as of the EID that they are, and of no other', () => {
    assert.ok(isEidAt(eidOf(eidValue), bare, eidInBarePoll));
    fc.assert(
      fc.property(fc.nat(15), fc.integer({ min: 1, max: 255 }), (at, change) => {
        const other = eidValue.slice();
        other[at] = (other[at] ?? 0) ^ change;
        assert.equal(isEidAt(eidOf(eidValue), other, 0), false);
      }),
    );
    assert.equal(isEidAt(eidOf(eidValue), bare, eidInBarePoll + 1), false);
  });
});

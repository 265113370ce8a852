/** A device of relay.ts: what it says in a download, made beforehand, as far as that can be. */
import { concat, hex, utf8 } from '../../src/base/bytes.ts';
import { type Eid, eidOctets, parseEid } from '../../src/messages/ids.ts';
import { ProfileInstallationResultData } from '../../src/messages/notifications.ts';
import { ProfileDownloadTriggerRequest } from '../../src/messages/profile-download.ts';
import { CtxParams1, EUICCInfo1 } from '../../src/messages/rsp.ts';
import { readOnly, tlv } from '../../src/messages/tlv.ts';
import { signEcdsa } from '../../src/trust/ecdsa.ts';
import { issueEuicc, type LabPki } from '../lab/pki/lab-pki.ts';
import { iccid, smdpAddress, transactionOf } from './relay-eim.ts';

/** The functions of a download, in their order. */
export const functions = [
  'GetEimPackage',
  'InitiateAuthentication',
  'AuthenticateClient',
  'GetBoundProfilePackage',
  'HandleNotification',
] as const;
export type FunctionName = (typeof functions)[number];

export class BenchDevice {
  readonly eid: Eid;
  /** By function; InitiateAuthentication lacks the eimTransactionId. */
  readonly #messages: Readonly<Record<FunctionName, Uint8Array>>;

  constructor(pki: LabPki, number: number) {
    this.eid = eidOfNumber(number);
    const { certificate, key } = issueEuicc(pki, this.eid);
    const challenge = concat(new Uint8Array(12).fill(9), numberOctets(number));
    const transactionId = transactionOf(challenge);
    const keyIds = [new Uint8Array(20).fill(4)];
    const info1 = EUICCInfo1.encode({
      svn: hex('020500'),
      euiccCiPKIdListForVerification: keyIds,
      euiccCiPKIdListForSigning: keyIds,
    });
    const signature = tlv(0x5f37, new Uint8Array(64).fill(5));
    const ctxParams1 = CtxParams1.encode({
      type: 'ctxParamsForCommonAuthentication',
      value: {
        matchingId: 'MATCHING-ID',
        deviceInfo: { tac: hex('35290611'), deviceCapabilities: {} },
      },
    });
    const signed1 = tlv(
      0x30,
      tlv(0x80, transactionId),
      tlv(0x83, utf8(smdpAddress)),
      tlv(0x84, new Uint8Array(16).fill(3)),
      tlv(0xbf22, new Uint8Array(120)),
      ctxParams1,
    );
    const signed2 = tlv(
      0x30,
      tlv(0x80, transactionId),
      tlv(0x5f49, concat(Uint8Array.of(4), new Uint8Array(64).fill(7))),
    );
    const result = ProfileInstallationResultData.encode({
      transactionId,
      notificationMetadata: {
        seqNumber: 1,
        profileManagementOperation: ['notificationInstall'],
        notificationAddress: smdpAddress,
        iccid: hex(iccid),
      },
      smdpOid: '2.999.10',
      finalResult: {
        type: 'successResult',
        value: {
          aid: hex('A0000005591010FFFFFFFF8900001100'),
          simaResponse: hex('3007A0053003800100'),
        },
      },
    });
    const session = tlv(0x80, transactionId);
    const authenticated = [signed1, signature, certificate, pki.eum.certificate];
    this.#messages = {
      GetEimPackage: tlv(0xbf4f, tlv(0x5a, eidOctets(this.eid))),
      InitiateAuthentication: concat(tlv(0x81, challenge), tlv(0x83, utf8(smdpAddress)), info1),
      AuthenticateClient: tlv(0xbf3b, session, tlv(0xbf38, tlv(0xa0, ...authenticated))),
      GetBoundProfilePackage: tlv(0xbf3a, session, tlv(0xbf21, tlv(0xa0, signed2, signature))),
      HandleNotification: tlv(
        0xbf3d,
        tlv(0xa0, tlv(0xbf37, result, tlv(0x5f37, signEcdsa(key, result)))),
      ),
    };
  }

  /** @param before the answer to the function before */
  message(name: FunctionName, before: Uint8Array | undefined): Uint8Array {
    const message = this.#messages[name];
    if (name !== 'InitiateAuthentication' || before === undefined) return message;
    const trigger = ProfileDownloadTriggerRequest.decode(readOnly(before).value);
    if (trigger.eimTransactionId === undefined) throw new Error('a trigger without a name');
    return tlv(0xbf39, message, tlv(0x82, trigger.eimTransactionId));
  }
}

function numberOctets(number: number): Uint8Array {
  return Uint8Array.of(number >>> 24, number >>> 16, number >>> 8, number);
}

/** Of the lab's EUM, with its check digits (SGP.29). */
function eidOfNumber(number: number): Eid {
  const digits = `89049032${String(number).padStart(22, '0')}`;
  const check = 98n - (BigInt(`${digits}00`) % 97n);
  return parseEid(`${digits}${String(check).padStart(2, '0')}`);
}

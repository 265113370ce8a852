/**
 * What the IPA leaves out with minimizeEsipaBytes (SGP.32 2.11.2, 6.3.2): of the eUICC's answers only what the eIM
 * cannot know. The eUICC's signatures stay; they cover the full forms.
 */
import { equal, hex } from '../../../src/base/bytes.ts';
import { readAll, readOnly, type Tlv, tlv } from '../../../src/messages/tlv.ts';
import { child, findChild } from './card.ts';
import type { Esipa } from './ipa.ts';

/** PEStatus of plain success: left out. */
const plainSuccess = hex('3007 A005 3003 8001 00');

/** `esipa`, told as little as it needs. */
export function minimizing(esipa: Esipa, eid: Uint8Array): Esipa {
  /** smdpSigned2 of the download under way. */
  let smdpSigned2: Uint8Array | undefined;
  return {
    async exchange(functionName, request) {
      const answer = await esipa.exchange(functionName, minimized(request, eid, smdpSigned2));
      if (functionName !== 'AuthenticateClient') return answer;
      const arm = readOnly(readOnly(answer).value);
      smdpSigned2 = arm.tag === 0xa0 ? findChild(arm.raw, 0x30)?.raw : undefined;
      return answer;
    },
  };
}

/**
 * An ESipa message with compact forms in it, where it has such.
 * @param smdpSigned2 what the SM-DP+ answered to AuthenticateClient
 */
export function minimized(
  message: Uint8Array,
  eid: Uint8Array,
  smdpSigned2?: Uint8Array,
): Uint8Array {
  const { tag, value } = readOnly(message);
  const parts = readAll(value);
  const changed = (wanted: number, change: (part: Tlv) => Uint8Array) =>
    tlv(tag, ...parts.map((part) => (part.tag === wanted ? change(part) : part.raw)));
  switch (tag) {
    case 0xbf3b:
      return changed(0xbf38, ({ raw }) => compactAuthenticateServerResponse(raw));
    case 0xbf3a:
      return changed(0xbf21, ({ raw }) => compactPrepareDownloadResponse(raw, smdpSigned2));
    case 0xbf41:
      return changed(0xa1, (part) => tlv(0xa1, readOnly(compactCancelSessionResponse(part)).value));
    case 0xbf3d:
      return changed(0xa0, (part) => tlv(0xa0, compactNotification(part.value, eid)));
    case 0xbf50:
      return changed(0x30, (part) => withNotifications(part, eid));
    default:
      return message;
  }
}

/** `BF38{A2…}` of `BF38{A0…}`; errors stay as they are. */
export function compactAuthenticateServerResponse(response: Uint8Array): Uint8Array {
  const arm = readOnly(readOnly(response).value);
  if (arm.tag !== 0xa0) return response;
  const signed1 = child(arm.raw, 0x30, 'authenticateResponseOk').raw;
  const euiccInfo2 = child(signed1, 0xbf22, 'euiccSigned1').raw;
  const extCardResource = child(euiccInfo2, 0x84, 'euiccInfo2').raw;
  const ctxParams1 = child(signed1, 0xa0, 'euiccSigned1').raw;
  const signature = child(arm.raw, 0x5f37, 'authenticateResponseOk').raw;
  const compact = tlv(0xa0, extCardResource, tlv(0xa2, ctxParams1));
  return tlv(0xbf38, tlv(0xa2, compact, signature));
}

/** `BF21{A2…}` of `BF21{A0…}`; without euiccOtpk where that is the bppEuiccOtpk of smdpSigned2. */
export function compactPrepareDownloadResponse(
  response: Uint8Array,
  smdpSigned2?: Uint8Array,
): Uint8Array {
  const arm = readOnly(readOnly(response).value);
  if (arm.tag !== 0xa0) return response;
  const [signed2, signature] = readAll(arm.value);
  if (signed2 === undefined || signature === undefined) return response;
  const bound = smdpSigned2 === undefined ? undefined : findChild(smdpSigned2, 0x5f49)?.raw;
  const kept = readAll(signed2.value).filter(
    ({ tag, raw }) => tag !== 0x80 && !(bound !== undefined && equal(raw, bound)),
  );
  return tlv(0xbf21, tlv(0xa2, tlv(0x30, ...kept.map(({ raw }) => raw)), signature.raw));
}

/** `BF41{A2…}` of what holds `A0…`. */
export function compactCancelSessionResponse(response: Tlv): Uint8Array {
  const arm = readOnly(response.value);
  if (arm.tag !== 0xa0) return tlv(0xbf41, arm.raw);
  const [signed, signature] = readAll(arm.value);
  if (signed === undefined || signature === undefined) return tlv(0xbf41, arm.raw);
  const reason = child(signed.raw, 0x82, 'euiccCancelSessionSigned').value;
  return tlv(0xbf41, tlv(0xa2, tlv(0x30, tlv(0x80, reason)), signature.raw));
}

/** `A0…` of `BF37…`, `A1…` of `30…`. */
export function compactNotification(notification: Uint8Array, eid: Uint8Array): Uint8Array {
  const { tag } = readOnly(notification);
  const signature = child(notification, 0x5f37, 'notification').raw;
  if (tag !== 0xbf37) {
    const metadata = child(notification, 0xbf2f, 'notification').raw;
    return tlv(0xa1, tlv(0x5a, eid), metadata, signature);
  }
  const data = child(notification, 0xbf27, 'ProfileInstallationResult').raw;
  const metadata = child(data, 0xbf2f, 'ProfileInstallationResultData').raw;
  const seqNumber = tlv(0x02, child(metadata, 0x80, 'notificationMetadata').value);
  const iccid = findChild(metadata, 0x5a);
  return tlv(
    0xa0,
    tlv(
      0xa0,
      child(data, 0x80, 'ProfileInstallationResultData').raw,
      seqNumber,
      ...(iccid === undefined ? [tlv(0x01, Uint8Array.of(0))] : []),
      tlv(0xa2, compactFinalResult(child(data, 0xa2, 'ProfileInstallationResultData').value)),
    ),
    signature,
  );
}

function compactFinalResult(result: Uint8Array): Uint8Array {
  if (readOnly(result).tag !== 0xa0) return result;
  const aid = child(result, 0x4f, 'successResult').value;
  const response = child(result, 0x04, 'successResult');
  return tlv(
    0xa0,
    tlv(0x4f, aid.subarray(13, 15)),
    ...(equal(response.value, plainSuccess) ? [] : [response.raw]),
  );
}

/** ePRAndNotifications, `30{BF51…, A0{…}}`. */
function withNotifications(part: Tlv, eid: Uint8Array): Uint8Array {
  const [result, list] = readAll(part.value);
  if (result === undefined || list?.tag !== 0xa0) return part.raw;
  const compact = readAll(list.value).map(({ raw }) => compactNotification(raw, eid));
  return tlv(0x30, result.raw, tlv(0xa0, ...compact));
}

/**
 * GetBoundProfilePackage of an indirect download (SGP.32 3.2.2, 6.3.2.3): the package passes octet for octet; where the
 * IPA leaves that to the eIM, it is held to what the SM-DP+ announced.
 */
import { equal } from '../base/bytes.ts';
import {
  GetBoundProfilePackageErrorEsipa,
  type GetBoundProfilePackageRequestEsipa,
  GetBoundProfilePackageResponseEsipa,
} from '../messages/profile-download.ts';
import { PrepareDownloadResponse } from '../messages/rsp.ts';
import { DerError } from '../messages/tlv.ts';
import type { Caller, Eim } from './eim.ts';
import { noteOrder } from './end-order.ts';
import { CompactFormError, fullPrepareDownloadResponse } from './full-forms.ts';
import { keyOf } from './learn-euicc.ts';
import { fail, failed } from './profile-download-errors.ts';
import { boundMetadata, metadataHash } from './profile-metadata.ts';
import { relay } from './relayed-step.ts';
import { downloadLeaving } from './settle.ts';

/** Returns the GetBoundProfilePackageResponseEsipa, `BF3A…`. */
export function getBoundProfilePackage(
  eim: Eim,
  caller: Caller,
  request: GetBoundProfilePackageRequestEsipa,
): Promise<Uint8Array> {
  const { prepareDownloadResponse } = request;
  return relay(eim, caller, request.transactionId, {
    called: 'getBoundProfilePackage',
    asked: PrepareDownloadResponse.encode(prepareDownloadResponse),
    unknown: GetBoundProfilePackageErrorEsipa.invalidTransactionId,
    undefined: GetBoundProfilePackageErrorEsipa.undefinedError,
    async full({ eid, said, transactionId }, asked, { order, stage }) {
      if (prepareDownloadResponse.type !== 'compactDownloadResponseOk') return asked;
      const known = keyOf(eim, await eim.euiccs.ensure(eid));
      if ('doubt' in known) throw new CompactFormError(known.doubt);
      const hashCc = await eim.orders.hashCc(order.id, stage, transactionId);
      return fullPrepareDownloadResponse(asked, transactionId, { ...said, hashCc }, known.key);
    },
    refuse,
    async ask({ transaction, full, failing: before, keep }) {
      const { transactionId, orderId, smdpAddress, said } = transaction;
      let failing = before;
      if (prepareDownloadResponse.type === 'downloadResponseError') {
        const { downloadErrorCode } = prepareDownloadResponse.value;
        failing = { ...failing, outcome: 'downloadResponseError' };
        const detail = `downloadErrorCode ${downloadErrorCode}`;
        await noteOrder(eim, orderId, 'the eUICC refused the profile', detail);
      }
      try {
        const { boundProfilePackage } = await eim.es9.getBoundProfilePackage(smdpAddress, {
          transactionId,
          prepareDownloadResponse: full,
        });
        const mismatch = mismatchIn(boundProfilePackage, said?.metadataHash);
        if (mismatch !== undefined) {
          const answer = refuse(GetBoundProfilePackageErrorEsipa.metadataMismatch);
          const reason = `the eIM refused the bound profile package of SM-DP+ ${smdpAddress} for the device: ${mismatch}`;
          await fail(failing, reason, keep(answer));
          return answer;
        }
        const answer = GetBoundProfilePackageResponseEsipa.encode({
          type: 'getBoundProfilePackageOkEsipa',
          value: { transactionId, boundProfilePackage },
        });
        const left = downloadLeaving(eim, transaction.eid, orderId);
        await eim.store.commit([...keep(answer), ...left]);
        const octets = `${boundProfilePackage.length} octets`;
        await noteOrder(eim, orderId, 'bound profile package', octets);
        return answer;
      } catch (error) {
        return failed(failing, error, refuse, keep);
      }
    },
  });
}

/** How the metadata in the package differs from the announced one; undefined where it does not, or is not to be checked. */
function mismatchIn(
  boundProfilePackage: Uint8Array,
  announced: Uint8Array | undefined,
): string | undefined {
  if (announced === undefined) return undefined;
  try {
    if (equal(metadataHash(boundMetadata(boundProfilePackage)), announced)) return undefined;
    return 'the metadata in it is not what was announced';
  } catch (error) {
    if (!(error instanceof DerError)) throw error;
    return `the metadata in it cannot be read: ${error.message}`;
  }
}

function refuse(code: number): Uint8Array {
  return GetBoundProfilePackageResponseEsipa.encode({
    type: 'getBoundProfilePackageErrorEsipa',
    value: code,
  });
}

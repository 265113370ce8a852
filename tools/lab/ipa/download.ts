/**
 * Indirect profile download as the IPA lives it (SGP.32 3.2.2): the eIM stands between it and the SM-DP+.
 *
 * ```
 *   IPA                        eIM              SM-DP+
 *    │ InitiateAuthentication   │ ES9+            │
 *    │ AuthenticateClient       │ ES9+            │
 *    │ GetBoundProfilePackage   │ ES9+            │
 *    │ HandleNotification       │ ES9+            │
 * ```
 */
import { concat, equal, fromUtf8, utf8 } from '../../../src/base/bytes.ts';
import { readAll, readOnly, tlv } from '../../../src/messages/tlv.ts';
import { piecesOf } from '../bsp/pieces.ts';
import {
  type Card,
  child,
  findChild,
  IpaError,
  removeFromList,
  seqNumberOf,
  smallInteger,
} from './card.ts';
import type { Esipa } from './ipa.ts';
import type { OnStep } from './steps.ts';

export interface DownloadOptions {
  readonly card: Card;
  readonly esipa: Esipa;
  readonly onStep: OnStep;
  /** ProfileDownloadTriggerRequest, `BF54…`. */
  readonly trigger: Uint8Array;
}

/** CancelSessionReason (SGP.22 5.7.14). */
const CancelReason = { metadataMismatch: 4, undefinedReason: 127 } as const;

/** The eIM or the SM-DP+ refused a step of this download. */
class Refused extends Error {}

/**
 * Carries the download out. Returns undefined where the eIM has heard the end of it (by notification or cancelled
 * session), else the profileDownloadError for a ProfileDownloadTriggerResult.
 */
export async function download(options: DownloadOptions): Promise<Uint8Array | undefined> {
  const activationCode = activationCodeOf(options.trigger);
  if (activationCode === undefined) return undefinedDownloadError();
  const [, smdpAddress = '', matchingId = ''] = activationCode.split('$');
  const eimTransactionId = findChild(options.trigger, 0x82);
  let transactionId: Uint8Array | undefined;
  try {
    const authenticated = await authenticate(
      options,
      smdpAddress,
      matchingId,
      eimTransactionId?.raw,
    );
    transactionId = authenticated.transactionId;
    const boundProfilePackage = await prepare(options, transactionId, authenticated.answer);
    const result = load(options, boundProfilePackage);
    await notify(options, result);
    return undefined;
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    options.onStep({ from: 'IPA', to: 'IPA', what: 'download', result: error.message });
    return undefinedDownloadError();
  }
}

function activationCodeOf(trigger: Uint8Array): string | undefined {
  const data = findChild(trigger, 0xa0);
  const code = data === undefined ? undefined : readOnly(data.value);
  return code?.tag === 0x80 ? fromUtf8(code.value) : undefined;
}

/** Steps 1 to 3: InitiateAuthentication, the card's AuthenticateServer, AuthenticateClient. */
async function authenticate(
  { card, esipa, onStep }: DownloadOptions,
  smdpAddress: string,
  matchingId: string,
  eimTransactionId: Uint8Array | undefined,
): Promise<{ transactionId: Uint8Array; answer: Uint8Array }> {
  const challenge = child(card.transmit(tlv(0xbf2e)), 0x80, 'GetEuiccChallenge').value;
  const euiccInfo1 = card.transmit(tlv(0xbf20));
  const initiated = ok(
    await esipa.exchange(
      'InitiateAuthentication',
      tlv(
        0xbf39,
        tlv(0x81, challenge),
        tlv(0x83, utf8(smdpAddress)),
        euiccInfo1,
        ...(eimTransactionId === undefined ? [] : [tlv(0x82, readOnly(eimTransactionId).value)]),
      ),
    ),
    'InitiateAuthentication',
  );
  const serverSigned1 = child(initiated, 0x30, 'initiateAuthenticationOkEsipa');
  const transactionId = child(serverSigned1.raw, 0x80, 'serverSigned1').value;
  const serverAddress = fromUtf8(child(serverSigned1.raw, 0x83, 'serverSigned1').value);
  if (serverAddress.toLowerCase() !== smdpAddress.toLowerCase()) {
    throw new Refused(
      `the SM-DP+ calls itself ${serverAddress}, the activation code ${smdpAddress}`,
    );
  }
  const certificate = lastOf(initiated, 0x30);
  const authenticated = card.transmit(
    tlv(
      0xbf38,
      serverSigned1.raw,
      child(initiated, 0x5f37, 'initiateAuthenticationOkEsipa').raw,
      child(initiated, 0x04, 'initiateAuthenticationOkEsipa').raw,
      certificate,
      contextParameters(matchingId),
    ),
  );
  onStep({
    from: 'IPA',
    to: 'eUICC',
    what: 'ES10b.AuthenticateServer',
    result: arm(authenticated),
  });
  const answer = ok(
    await esipa.exchange(
      'AuthenticateClient',
      tlv(0xbf3b, tlv(0x80, transactionId), authenticated),
    ),
    'AuthenticateClient',
  );
  return { transactionId, answer };
}

/** Steps 4 and 5: the card's PrepareDownload, GetBoundProfilePackage. */
async function prepare(
  { card, esipa, onStep }: DownloadOptions,
  transactionId: Uint8Array,
  answer: Uint8Array,
): Promise<Uint8Array> {
  const hashCc = findChild(answer, 0x04);
  const prepared = card.transmit(
    tlv(
      0xbf21,
      child(answer, 0x30, 'authenticateClientOkDPEsipa').raw,
      child(answer, 0x5f37, 'authenticateClientOkDPEsipa').raw,
      ...(hashCc === undefined ? [] : [hashCc.raw]),
      lastOf(answer, 0x30),
    ),
  );
  onStep({ from: 'IPA', to: 'eUICC', what: 'ES10b.PrepareDownload', result: arm(prepared) });
  const bound = ok(
    await esipa.exchange('GetBoundProfilePackage', tlv(0xbf3a, tlv(0x80, transactionId), prepared)),
    'GetBoundProfilePackage',
  );
  const boundProfilePackage = child(bound, 0xbf36, 'getBoundProfilePackageOkEsipa').raw;
  const announced = findChild(answer, 0xbf25);
  if (announced !== undefined && !metadataFits(announced.raw, boundProfilePackage)) {
    await cancel({ card, esipa, onStep }, transactionId, CancelReason.metadataMismatch);
    throw new Refused('the metadata in the bound profile package is not what was announced');
  }
  return boundProfilePackage;
}

/** Step 6: the card takes the package piece by piece and answers with its ProfileInstallationResult, good or bad. */
function load({ card, onStep }: DownloadOptions, boundProfilePackage: Uint8Array): Uint8Array {
  for (const piece of piecesOf(boundProfilePackage)) {
    const answer = card.transmit(piece);
    if (answer.length === 0) continue;
    const data = child(answer, 0xbf27, 'ProfileInstallationResult');
    const final = readOnly(child(data.raw, 0xa2, 'ProfileInstallationResult').value);
    const result = final.tag === 0xa0 ? 'profile installed' : 'installation failed';
    onStep({ from: 'IPA', to: 'eUICC', what: 'ES10b.LoadBoundProfilePackage', result });
    return answer;
  }
  throw new IpaError('the eUICC took the whole package and said nothing');
}

/** Step 7: the result to the eIM, which takes it to the SM-DP+; the card may forget it once the eIM has it. */
async function notify({ card, esipa }: DownloadOptions, result: Uint8Array): Promise<void> {
  await esipa.exchange('HandleNotification', tlv(0xbf3d, tlv(0xa0, result)));
  removeFromList(card, seqNumberOf(result));
}

async function cancel(
  { card, esipa, onStep }: Pick<DownloadOptions, 'card' | 'esipa' | 'onStep'>,
  transactionId: Uint8Array,
  reason: number,
): Promise<void> {
  const cancelled = card.transmit(
    tlv(0xbf41, tlv(0x80, transactionId), tlv(0x81, Uint8Array.of(reason))),
  );
  onStep({ from: 'IPA', to: 'eUICC', what: 'ES10b.CancelSession', result: arm(cancelled) });
  await esipa.exchange(
    'CancelSession',
    tlv(0xbf41, tlv(0x80, transactionId), tlv(0xa1, readOnly(cancelled).value)),
  );
}

/** Whether StoreMetadata in the package (segments 88, each with 8 octets of MAC) is what was announced. */
function metadataFits(announced: Uint8Array, boundProfilePackage: Uint8Array): boolean {
  const segments = readAll(child(boundProfilePackage, 0xa1, 'boundProfilePackage').value);
  const stored = concat(...segments.map(({ value }) => value.subarray(0, value.length - 8)));
  return equal(stored, announced);
}

/** The contents' TLV of the answer's success arm `A0`; throws Refused where it is an error. */
function ok(answer: Uint8Array, what: string): Uint8Array {
  const outcome = readOnly(readOnly(answer, what).value, what);
  if (outcome.tag === 0xa0) return outcome.raw;
  throw new Refused(`the eIM answers ${what} with error ${smallInteger(outcome.value)}`);
}

function lastOf(parent: Uint8Array, tag: number): Uint8Array {
  const all = readAll(readOnly(parent).value).filter((one) => one.tag === tag);
  const last = all.at(-1);
  if (last === undefined) throw new IpaError(`no ${tag.toString(16)} where a certificate is due`);
  return last.raw;
}

/** ctxParams1 for common authentication (SGP.22 5.7.13): matchingId where there is one, and an empty-handed device. */
function contextParameters(matchingId: string): Uint8Array {
  const tac = Uint8Array.of(0x35, 0x29, 0x06, 0x11);
  const deviceInfo = tlv(0xa1, tlv(0x80, tac), tlv(0xa1));
  return tlv(0xa0, ...(matchingId === '' ? [] : [tlv(0x80, utf8(matchingId))]), deviceInfo);
}

/** profileDownloadError with undefinedError (SGP.32 2.11.2.3). */
function undefinedDownloadError(): Uint8Array {
  return tlv(0x30, tlv(0x80, Uint8Array.of(127)));
}

function arm(answer: Uint8Array): string {
  const outcome = readOnly(readOnly(answer).value);
  if (outcome.tag === 0xa0) return 'accepted';
  const code = findChild(outcome.raw, 0x02);
  return code === undefined ? 'refused' : `refused, error ${smallInteger(code.value)}`;
}

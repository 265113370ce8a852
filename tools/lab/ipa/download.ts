/**
 * One profile download as the IPA lives it (SGP.22 3.1.2, 3.1.3; SGP.32 3.2): the eUICC on one side, on the other an
 * SM-DP+ or SM-DS, behind the eIM or reached by the device itself.
 *
 * ```
 *   eUICC                     IPA                         server
 *    │ GetEuiccChallenge       │ InitiateAuthentication    │
 *    │ AuthenticateServer      │ AuthenticateClient        │   an SM-DS answers with events, and that is the end
 *    │ PrepareDownload         │ GetBoundProfilePackage    │
 *    │ LoadBoundProfilePackage │                           │
 * ```
 */
import { createHash } from 'node:crypto';
import { concat, fromUtf8, utf8 } from '../../../src/base/bytes.ts';
import { CancelSessionReason } from '../../../src/messages/rsp.ts';
import { readOnly, tlv } from '../../../src/messages/tlv.ts';
import { registeredIdOf } from '../../../src/trust/certificate.ts';
import { piecesOf } from '../bsp/pieces.ts';
import { type Card, child, findChild, IpaError, smallInteger } from './card.ts';
import type { CancelReason, DownloadHabits } from './habits.ts';
import { metadataFits, rulesAllowed } from './profile-checks.ts';
import { type Initiated, type Offer, Refused, type RspServer } from './rsp-server.ts';
import type { OnStep } from './steps.ts';

export interface DownloadOptions {
  readonly card: Card;
  readonly server: RspServer;
  readonly onStep: OnStep;
  readonly habits: DownloadHabits;
  /** What the server must call itself, and the OID that it must have; where this is not the eIM's to check. */
  readonly address?: string;
  readonly smdpOid?: string;
  readonly matchingId: string;
}

export type Downloaded =
  /** ProfileInstallationResult `BF37…`, good or bad. */
  | { readonly type: 'result'; readonly result: Uint8Array }
  | { readonly type: 'events'; readonly triggers: readonly Uint8Array[] }
  | { readonly type: 'cancelled'; readonly reason: CancelReason };

/** Throws Refused where the server, or the eIM before it, does. */
export async function download(options: DownloadOptions): Promise<Downloaded> {
  const { card, server, onStep } = options;
  const { transactionId, answer } = await authenticate(options);
  if (answer.type === 'events') return answer;
  const giveUp = async (reason: CancelReason): Promise<Downloaded> => {
    const cancelled = card.transmit(
      tlv(0xbf41, tlv(0x80, transactionId), tlv(0x81, Uint8Array.of(CancelSessionReason[reason]))),
    );
    const result = `${arm(cancelled)}: ${reason}`;
    onStep({ from: 'IPA', to: 'eUICC', what: 'ES10b.CancelSession', result });
    await server.cancelSession(transactionId, cancelled);
    return { type: 'cancelled', reason };
  };
  const complaint = complaintOf(options, answer);
  if (complaint !== undefined) return giveUp(complaint);
  const prepared = card.transmit(prepareCommand(options, transactionId, answer));
  onStep({ from: 'IPA', to: 'eUICC', what: 'ES10b.PrepareDownload', result: arm(prepared) });
  const boundProfilePackage = await server.getBoundProfilePackage(transactionId, prepared);
  const { profileMetadata } = answer;
  if (profileMetadata !== undefined && !metadataFits(profileMetadata, boundProfilePackage)) {
    return giveUp('metadataMismatch');
  }
  if (options.habits.cancels === 'loadBppExecutionError') return giveUp('loadBppExecutionError');
  return { type: 'result', result: load(options, boundProfilePackage) };
}

/** Common mutual authentication: InitiateAuthentication, the card's AuthenticateServer, AuthenticateClient. */
async function authenticate(options: DownloadOptions) {
  const { card, server, onStep } = options;
  const euiccChallenge = child(card.transmit(tlv(0xbf2e)), 0x80, 'GetEuiccChallenge').value;
  const euiccInfo1 = card.transmit(tlv(0xbf20));
  const initiated = await server.initiateAuthentication({ euiccChallenge, euiccInfo1 });
  checkServer(options, initiated);
  const authenticated = card.transmit(
    tlv(
      0xbf38,
      initiated.serverSigned1,
      initiated.serverSignature1,
      initiated.euiccCiPKIdToBeUsed,
      initiated.serverCertificate,
      initiated.ctxParams1 ?? contextParameters(options.matchingId || (initiated.matchingId ?? '')),
    ),
  );
  const result = arm(authenticated);
  onStep({ from: 'IPA', to: 'eUICC', what: 'ES10b.AuthenticateServer', result });
  const { transactionId } = initiated;
  const answer = await server.authenticateClient(transactionId, authenticated);
  return { transactionId, answer };
}

/** SGP.22 3.0.1: the server is the one that was asked for. */
function checkServer({ address, smdpOid }: DownloadOptions, initiated: Initiated): void {
  if (address !== undefined) {
    const signed = child(initiated.serverSigned1, 0x83, 'serverSigned1').value;
    const serverAddress = fromUtf8(signed);
    if (serverAddress.toLowerCase() !== address.toLowerCase()) {
      throw new Refused(`the server calls itself ${serverAddress}, the order ${address}`);
    }
  }
  if (smdpOid !== undefined && registeredIdOf(initiated.serverCertificate) !== smdpOid) {
    throw new Refused(`the server has another OID than the activation code, ${smdpOid}`);
  }
}

/** Why the IPA gives up what it is offered; undefined where it goes on. */
function complaintOf({ card, habits }: DownloadOptions, offer: Offer): CancelReason | undefined {
  const { cancels, leavesMetadata = false, confirmationCode, direct } = habits;
  if (cancels !== undefined && cancels !== 'loadBppExecutionError') return cancels;
  const { profileMetadata, hashCc } = offer;
  if (profileMetadata !== undefined && !leavesMetadata && !rulesAllowed(card, profileMetadata)) {
    return 'pprNotAllowed';
  }
  // Nobody here knows the code: another time, perhaps. Through the eIM it is the eIM's to know.
  const unknown = hashCc === undefined && confirmationCode === undefined && direct !== undefined;
  return unknown && asksForCode(offer) ? 'postponed' : undefined;
}

function asksForCode({ smdpSigned2 }: Offer): boolean {
  return child(smdpSigned2, 0x01, 'smdpSigned2').value[0] !== 0;
}

/** PrepareDownload, with the hash of the confirmation code where one is due. */
function prepareCommand(
  { habits: { confirmationCode } }: DownloadOptions,
  transactionId: Uint8Array,
  offer: Offer,
): Uint8Array {
  const own =
    confirmationCode !== undefined && asksForCode(offer)
      ? tlv(0x04, hashOf(confirmationCode, transactionId))
      : undefined;
  const hashCc = offer.hashCc ?? own;
  return tlv(
    0xbf21,
    offer.smdpSigned2,
    offer.smdpSignature2,
    ...(hashCc === undefined ? [] : [hashCc]),
    offer.smdpCertificate,
  );
}

/** hashCc (SGP.22 3.1.3): SHA-256(SHA-256(code) ‖ transactionId). */
function hashOf(code: string, transactionId: Uint8Array): Uint8Array {
  return sha256(concat(sha256(utf8(code)), transactionId));
}

function sha256(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(createHash('sha256').update(bytes).digest());
}

/** The card takes the package piece by piece and answers with its ProfileInstallationResult, good or bad. */
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

/** ctxParams1 for common authentication (SGP.22 5.7.13): matchingId where there is one, and an empty-handed device. */
function contextParameters(matchingId: string): Uint8Array {
  const tac = Uint8Array.of(0x35, 0x29, 0x06, 0x11);
  const deviceInfo = tlv(0xa1, tlv(0x80, tac), tlv(0xa1));
  return tlv(0xa0, ...(matchingId === '' ? [] : [tlv(0x80, utf8(matchingId))]), deviceInfo);
}

function arm(answer: Uint8Array): string {
  const outcome = readOnly(readOnly(answer).value);
  if (outcome.tag === 0xa0) return 'accepted';
  // CancelSession's error is the number itself, the others have it within.
  const isConstructed = (outcome.tag & 0x20) !== 0;
  const code = isConstructed ? findChild(outcome.raw, 0x02) : outcome;
  return code === undefined ? 'refused' : `refused, error ${smallInteger(code.value)}`;
}

/** The eUICC as its IPA sees it: one ES10 command in, one response out; and the few commands an IPA needs. */
import { readAll, readOnly, type Tlv, tlv } from '../../../src/messages/tlv.ts';

/** What the IPA drives: the virtual eUICC, or anything that answers ES10 commands (SGP.22 5.7, SGP.32 5.9). */
export interface Card {
  transmit(command: Uint8Array): Uint8Array;
}

/** The IPA cannot go on: the eIM or the card answered something that no procedure allows. */
export class IpaError extends Error {
  override readonly name = 'IpaError';
}

/** The child with this tag; throws IpaError where there is none. */
export function child(parent: Uint8Array, tag: number, what: string): Tlv {
  const found = findChild(parent, tag);
  if (found === undefined) throw new IpaError(`${what} lacks ${tag.toString(16).toUpperCase()}`);
  return found;
}

/** The first child with this tag of the TLV that `parent` is. */
export function findChild(parent: Uint8Array, tag: number): Tlv | undefined {
  return readAll(readOnly(parent).value).find((one) => one.tag === tag);
}

/** A DER INTEGER's contents as a number; small and not negative here. */
export function smallInteger(octets: Uint8Array): number {
  return octets.reduce((value, octet) => value * 256 + octet, 0);
}

/** EID of the card (GetEID, SGP.22 5.7.20): 16 octets. */
export function eidOfCard(card: Card): Uint8Array {
  const answer = card.transmit(tlv(0xbf3e, tlv(0x5c, Uint8Array.of(0x5a))));
  return child(answer, 0x5a, 'GetEID').value;
}

/** All pending notifications, each as it stands (RetrieveNotificationsList, SGP.32 5.9.11). */
export function pendingNotifications(card: Card): Uint8Array[] {
  const list = findChild(card.transmit(tlv(0xbf2b)), 0xa0);
  return list === undefined ? [] : readAll(list.value).map((one) => one.raw);
}

/** All eUICC Package results that the eIM has not acknowledged, `BF51…` each. */
export function pendingPackageResults(card: Card): Uint8Array[] {
  const list = findChild(packageResults(card), 0xa2);
  return list === undefined ? [] : readAll(list.value).map((one) => one.raw);
}

/** RetrieveNotificationsList for euiccPackageResults: `BF2B`, with `A2` where there is no error. */
export function packageResults(card: Card): Uint8Array {
  return card.transmit(tlv(0xbf2b, tlv(0xa0, tlv(0x82))));
}

/** seqNumber of a pending notification (`BF37…` or `30…`), as DER INTEGER contents. */
export function seqNumberOf(notification: Uint8Array): Uint8Array {
  const outer = readOnly(notification);
  const holder =
    outer.tag === 0xbf37 ? child(notification, 0xbf27, 'notification').raw : notification;
  const metadata = child(holder, 0xbf2f, 'notification');
  return child(metadata.raw, 0x80, 'notification metadata').value;
}

/** seqNumber of an EuiccPackageResultSigned; only those are kept. */
export function seqNumberOfResult(result: Uint8Array): Uint8Array {
  const signed = child(result, 0xa0, 'EuiccPackageResult');
  const data = child(signed.raw, 0x30, 'EuiccPackageResultSigned');
  return child(data.raw, 0x83, 'EuiccPackageResultDataSigned').value;
}

/** Lets the card forget a notification or eUICC Package result (NotificationSent, SGP.22 5.7.11). */
export function removeFromList(card: Card, seqNumber: Uint8Array): void {
  card.transmit(tlv(0xbf30, tlv(0x80, seqNumber)));
}

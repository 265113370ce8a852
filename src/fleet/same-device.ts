/** Whether a device that is to be added is there already, the same in every member. */
import { timingSafeEqual } from 'node:crypto';
import type { Address } from '../base/address.ts';
import type { NewDevice } from './device.ts';
import type { Device } from './device-rows.ts';

/** @param newest the PSK of the known one that it is to use from now on */
export function isSameDevice(
  known: Device,
  newest: Uint8Array | undefined,
  device: NewDevice,
): boolean {
  const { key, certificates = [], publicKeys = [], chain = false } = device;
  return (
    known.revoked === undefined &&
    known.note === device.note &&
    sameAddress(known.address, device.address) &&
    known.chain === chain &&
    sameSet(known.eids, device.eids) &&
    sameSet(known.certificates, certificates) &&
    sameSet(known.publicKeys, publicKeys) &&
    (newest === undefined || key === undefined ? newest === key : samePsk(newest, key))
  );
}

/** In a time that does not tell where they differ. */
export function samePsk(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && timingSafeEqual(a, b);
}

function sameAddress(a: Address | undefined, b: Address | undefined): boolean {
  return a?.address === b?.address && a?.port === b?.port;
}

function sameSet(a: readonly string[], b: readonly string[]): boolean {
  const [left, right] = [new Set(a), new Set(b)];
  return left.size === right.size && [...left].every((one) => right.has(one));
}

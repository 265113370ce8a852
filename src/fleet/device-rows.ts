/**
 * Devices as the store keeps them: everything but their PSKs in clear, those sealed for the device alone, so that a
 * copy of the store lets nobody in.
 *
 * ```
 *   device!<identity>       a Device
 *   device-scrub!due        clear PSKs of before may still lie in the store's files
 * ```
 */
import type { Address } from '../base/address.ts';
import type { SecretBox } from '../base/secret-box.ts';
import type { Eid } from '../messages/ids.ts';
import { type Change, put, remove, type Store, table } from '../store/store.ts';
import type { Pins } from './device.ts';

/** A device as it is kept, in the store and in memory. */
export interface Device extends Pins {
  readonly identity: string;
  readonly eids: readonly Eid[];
  /** Milliseconds since 1970, as are the other times. */
  readonly added: number;
  readonly note?: string;
  readonly address?: Address;
  /** PSKs, sealed; the oldest first, which goes when a newer one is used. */
  readonly keys: readonly Uint8Array[];
  readonly revoked?: number;
  /** Connections from before this time stand no more: a credential was taken away then. Absent: `added`. */
  readonly since?: number;
}

/** A row of any version: before, a device was its PSK, in clear. */
type Row = Omit<Device, keyof Pins | 'keys'> &
  Partial<Pick<Device, keyof Pins | 'keys'>> & { readonly key?: Uint8Array };

const devices = table<Row>('device');
const scrubs = table<boolean>('device-scrub');
/** Rows that are sealed anew in one batch. */
const batch = 1000;

/** What a PSK is sealed for. */
export function placeOf(identity: string): string {
  return `device!${identity}`;
}

export function putDevice(device: Device): Change {
  return put(devices, device.identity, device);
}

export function removeDevice(identity: string): Change {
  return remove(devices, identity);
}

export interface LoadedDevices {
  readonly devices: readonly Device[];
  /** How many PSKs lay there in clear, or sealed with a former key, and are sealed now. */
  readonly sealed: number;
}

/** All devices. PSKs in clear, and those under a former key, are sealed anew first. Throws SecretError. */
export async function loadDevices(store: Store, box: SecretBox): Promise<LoadedDevices> {
  const rows = await store.list(devices);
  if (rows.some(([, row]) => row.key !== undefined)) {
    await store.commit([put(scrubs, 'due', true)]);
  }
  const found: Device[] = [];
  let changes: Change[] = [];
  let sealed = 0;
  for (const [, row] of rows) {
    const device = current(row, box);
    found.push(device);
    if (device.keys === row.keys) continue;
    sealed++;
    changes.push(putDevice(device));
    if (changes.length < batch) continue;
    await store.commit(changes);
    changes = [];
  }
  if (changes.length > 0) await store.commit(changes);
  if ((await store.get(scrubs, 'due')) !== undefined) {
    await scrub(store, found);
  }
  return { devices: found, sealed };
}

/**
 * Leaves no octet of the rows before. LevelDB may have written old and new row into one file, where they would stay
 * side by side: so all are written once more, above that file, and merged with it.
 */
async function scrub(store: Store, devices: readonly Device[]): Promise<void> {
  await store.scrub();
  for (let at = 0; at < devices.length; at += batch) {
    await store.commit(devices.slice(at, at + batch).map(putDevice));
  }
  await store.scrub();
  await store.commit([remove(scrubs, 'due')]);
}

/** The device of a row; its `keys` are the row's own where there was nothing to seal. */
function current(row: Row, box: SecretBox): Device {
  const { key, keys = [], ...rest } = row;
  const place = placeOf(row.identity);
  const anew =
    key !== undefined
      ? [box.seal(key, place)]
      : keys.every((one) => box.isCurrent(one))
        ? keys
        : keys.map((one) => box.seal(box.open(one, place), place));
  return { certificates: [], publicKeys: [], chain: false, ...rest, keys: anew };
}

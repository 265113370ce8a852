/**
 * The devices' DTLS credentials: a PSK for each identity, and the EIDs that it may speak for. All are in memory, for
 * a handshake looks its key up without waiting; they change through here alone.
 */

import { BytesError, fromUtf8, utf8 } from '../base/bytes.ts';
import type { Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import { Serial } from '../base/serial.ts';
import type { Eid } from '../messages/ids.ts';
import { put, remove, type Store, table } from '../store/store.ts';

/** Octets of a PSK identity: what RFC 4279 5.3 has every implementation support. */
const longestIdentity = 128;
/** Octets of a PSK: 16 for AES-128's worth of secrecy; 64 is what RFC 4279 5.3 has every implementation support. */
const shortestKey = 16;
const longestKey = 64;
/** EIDs of one device: a gateway may hold several eUICCs. */
const mostEids = 64;
/** Characters of a note. */
const longestNote = 256;

/** A device that cannot be added; the message says what is wrong with it. */
export class DeviceError extends Error {
  override readonly name = 'DeviceError';
  /** Which member is wrong; `exists` where nothing is, but the identity is taken. */
  readonly field: 'identity' | 'key' | 'eids' | 'note' | 'exists';

  constructor(field: DeviceError['field'], complaint: string) {
    super(complaint);
    this.field = field;
  }
}

/** A device as it may be shown: without its key. */
export interface DeviceView {
  /** PSK identity. */
  readonly identity: string;
  /** The EIDs that it may speak for; empty: bound to none. */
  readonly eids: readonly Eid[];
  /** When it was added; milliseconds since 1970. */
  readonly added: number;
  /** For people. */
  readonly note?: string;
}

/** A device as it is kept. */
export interface Device extends DeviceView {
  /** The PSK; never shown, never logged. */
  readonly key: Uint8Array;
}

export type NewDevice = Omit<Device, 'added'>;

export interface DevicesOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Log;
}

const devices = table<Device>('device');

export class Devices {
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #serial = new Serial();
  readonly #devices = new Map<string, Device>();
  /** How many devices cover each EID. */
  readonly #covered = new Map<Eid, number>();

  private constructor(options: DevicesOptions) {
    this.#store = options.store;
    this.#clock = options.clock;
    this.#log = options.log;
  }

  /** Loads every device. */
  static async open(options: DevicesOptions): Promise<Devices> {
    const opened = new Devices(options);
    for (const [, device] of await options.store.list(devices)) opened.#keep(device);
    return opened;
  }

  /**
   * Adds a device, durably. Throws DeviceError where a member is out of bounds or the identity is taken; with
   * `replace` a taken identity gets the new key, EIDs and note.
   */
  async add(device: NewDevice, options: { readonly replace?: boolean } = {}): Promise<DeviceView> {
    check(device);
    const kept: Device = {
      identity: device.identity,
      key: device.key.slice(),
      eids: [...new Set(device.eids)],
      added: this.#clock.now(),
      ...(device.note === undefined ? {} : { note: device.note }),
    };
    return this.#serial.run(kept.identity, async () => {
      if (options.replace !== true && this.#devices.has(kept.identity)) {
        throw new DeviceError('exists', `there is a device ${kept.identity} already`);
      }
      await this.#store.commit([put(devices, kept.identity, kept)]);
      this.#forget(kept.identity);
      this.#keep(kept);
      this.#log.info('device added', { identity: kept.identity, eids: kept.eids.join(' ') });
      return view(kept);
    });
  }

  /** Removes a device, durably; false where there is none. Connections that stand are not ended by this. */
  async remove(identity: string): Promise<boolean> {
    return this.#serial.run(identity, async () => {
      if (!this.#devices.has(identity)) return false;
      await this.#store.commit([remove(devices, identity)]);
      this.#forget(identity);
      this.#log.info('device removed', { identity });
      return true;
    });
  }

  get(identity: string): DeviceView | undefined {
    const device = this.#devices.get(identity);
    return device === undefined ? undefined : view(device);
  }

  /** All devices, in the order of their identities. */
  list(): readonly DeviceView[] {
    return [...this.#devices.values()].sort((a, b) => (a.identity < b.identity ? -1 : 1)).map(view);
  }

  /** The PSK of an identity as it came in a ClientKeyExchange; undefined where nobody has it. */
  pskOf(identity: Uint8Array): Uint8Array | undefined {
    if (identity.length > longestIdentity) return undefined;
    let name: string;
    try {
      name = fromUtf8(identity);
    } catch (error) {
      if (!(error instanceof BytesError)) throw error;
      return undefined;
    }
    return this.#devices.get(name)?.key.slice();
  }

  /** Whether the device of this identity is bound to this EID. One that is bound to none covers none. */
  covers(identity: string, eid: Eid): boolean {
    return this.#devices.get(identity)?.eids.includes(eid) ?? false;
  }

  /** Whether any device is bound to this EID. */
  anyCovers(eid: Eid): boolean {
    return this.#covered.has(eid);
  }

  #keep(device: Device): void {
    this.#devices.set(device.identity, device);
    for (const eid of device.eids) this.#covered.set(eid, (this.#covered.get(eid) ?? 0) + 1);
  }

  #forget(identity: string): void {
    const device = this.#devices.get(identity);
    if (device === undefined) return;
    this.#devices.delete(identity);
    for (const eid of device.eids) {
      const left = (this.#covered.get(eid) ?? 0) - 1;
      if (left > 0) this.#covered.set(eid, left);
      else this.#covered.delete(eid);
    }
  }
}

function view({ identity, eids, added, note }: Device): DeviceView {
  return { identity, eids, added, ...(note === undefined ? {} : { note }) };
}

function check({ identity, key, eids, note }: NewDevice): void {
  const length = utf8(identity).length;
  if (length === 0 || length > longestIdentity) {
    throw new DeviceError(
      'identity',
      `a PSK identity has 1 to ${longestIdentity} octets, this has ${length}`,
    );
  }
  // Cc: control characters, which a terminal obeys; Cs: half a surrogate pair, which UTF-8 has not.
  if (/[\p{Cc}\p{Cs}]/u.test(identity)) {
    throw new DeviceError('identity', 'a PSK identity has no control characters');
  }
  // In a path they mean the folder (RFC 3986 3.3), also where they are escaped: the device could not be removed again.
  if (identity === '.' || identity === '..') {
    throw new DeviceError('identity', 'a PSK identity of one or two dots has no place in a URL');
  }
  if (key.length < shortestKey || key.length > longestKey) {
    throw new DeviceError(
      'key',
      `a PSK has ${shortestKey} to ${longestKey} octets, this has ${key.length}`,
    );
  }
  if (eids.length > mostEids) {
    throw new DeviceError('eids', `a device has at most ${mostEids} EIDs, this has ${eids.length}`);
  }
  if (note !== undefined && (note.length > longestNote || /[\p{Cc}\p{Cs}]/u.test(note))) {
    throw new DeviceError('note', `a note is one line of at most ${longestNote} characters`);
  }
}

/**
 * The devices and their DTLS credentials: PSKs, pinned certificates, pinned keys, certificates below a configured
 * anchor; and the EIDs that each may speak for. All are in memory, for a handshake looks them up without waiting;
 * they change through here alone.
 *
 * ```
 *   PSK identity ──────▶ pskOf ───────▶ candidates, newest first ──▶ pskUsed: the older ones go
 *   certificate, key ──▶ checkClient ─▶ PeerIdentity, or why not
 *   PeerIdentity ──────▶ stands (still?), eidsOf, covers
 * ```
 */
import type { Address } from '../base/address.ts';
import { BytesError, fromUtf8 } from '../base/bytes.ts';
import type { Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import { type SecretBox, SecretError } from '../base/secret-box.ts';
import { Serial } from '../base/serial.ts';
import { type Eid, IdError, parseEid } from '../messages/ids.ts';
import type { Change, Store } from '../store/store.ts';
import {
  checkDevice,
  checkIdentity,
  checkKey,
  DeviceError,
  type DeviceView,
  longestIdentity,
  mostKeys,
  type NewDevice,
  type PeerIdentity,
} from './device.ts';
import { DeviceIndex, pinsOf } from './device-index.ts';
import { type Device, loadDevices, placeOf, putDevice, removeDevice } from './device-rows.ts';
import { type ClientOffer, type ClientVerdict, printsOf, refused } from './offers.ts';
import { isSameDevice, samePsk } from './same-device.ts';

export interface DevicesOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Log;
  /** What PSKs are sealed with. */
  readonly box: SecretBox;
  /**
   * The name in a certificate below a configured anchor, or why it is not believed. Absent: only pins are.
   * @param chain DER, the peer's own first
   */
  readonly nameOf?: (chain: readonly Uint8Array[], now: number) => ChainName;
}

/** What nameOf answers. */
export type ChainName = { readonly name: string } | Extract<ClientVerdict, { refused: unknown }>;

export interface AddOptions {
  /** A device of that name gets the new credentials, EIDs and note, and its connections end. */
  readonly replace?: boolean;
  /** Only look. */
  readonly dryRun?: boolean;
}

/** What became of a device to add; `unchanged`: it was there already, the same in every member. */
export type Added =
  | { readonly type: 'added' | 'replaced' | 'unchanged'; readonly device: DeviceView }
  | { readonly type: 'refused'; readonly error: DeviceError };

/** Connections of this device are to end. */
export type GoneListener = (identity: string, why: 'removed' | 'revoked' | 'replaced') => void;

export class Devices {
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #box: SecretBox;
  #nameOf: DevicesOptions['nameOf'];
  readonly #serial = new Serial();
  readonly #index = new DeviceIndex();
  readonly #listeners = new Set<GoneListener>();
  /** Opened for an identity that nobody has, so that it takes as long as one that somebody has. */
  readonly #decoy: Uint8Array;

  private constructor(options: DevicesOptions) {
    this.#store = options.store;
    this.#clock = options.clock;
    this.#log = options.log;
    this.#box = options.box;
    this.#nameOf = options.nameOf;
    this.#decoy = options.box.seal(new Uint8Array(16), placeOf(''));
  }

  /** Loads every device; seals PSKs anew that are not sealed with the key of now. Throws SecretError. */
  static async open(options: DevicesOptions): Promise<Devices> {
    const opened = new Devices(options);
    const { devices, sealed } = await loadDevices(options.store, options.box);
    for (const device of devices) opened.#index.keep(device);
    if (sealed > 0) options.log.info('PSKs sealed anew', { devices: sealed });
    return opened;
  }

  /** Adds a device, durably. Throws DeviceError where a member is out of bounds, or the name or a pin is taken. */
  async add(device: NewDevice, options: AddOptions = {}): Promise<DeviceView> {
    const [added] = await this.addAll([device], options);
    if (added === undefined) throw new Error('nothing came of a device');
    if (added.type === 'refused') throw added.error;
    if (added.type === 'unchanged' && options.replace !== true) throw taken(device.identity);
    return added.device;
  }

  /** Adds devices, durably and together; one that is refused keeps none of the others out. */
  addAll(devices: readonly NewDevice[], options: AddOptions = {}): Promise<readonly Added[]> {
    return this.#alone(async () => {
      const fresh = new Map<string, Device>();
      const pins = new Map<string, string>();
      const ends = devices.map((device): Added => {
        try {
          return this.#plan(device, options, fresh, pins);
        } catch (error) {
          if (error instanceof DeviceError) return { type: 'refused', error };
          throw error;
        }
      });
      if (options.dryRun === true || fresh.size === 0) return ends;
      await this.#store.commit([...fresh.values()].map(putDevice));
      for (const device of fresh.values()) {
        const replaced = this.#index.has(device.identity);
        this.#index.keep(device);
        if (replaced) this.#tell(device.identity, 'replaced');
      }
      this.#logAdded([...fresh.values()]);
      return ends;
    });
  }

  /**
   * Gives a device another PSK, durably. The one of now is good until the device has used the new one, or until now
   * with `dropOld`, which ends its connections too. Throws DeviceError.
   */
  rotate(
    identity: string,
    key: Uint8Array,
    options: { readonly dropOld?: boolean } = {},
  ): Promise<DeviceView> {
    return this.#alone(async () => {
      const device = this.#known(identity);
      checkKey(key);
      if (device.keys.length === 0) {
        throw new DeviceError('state', `device ${identity} has no PSK: add it anew with one`);
      }
      const dropOld = options.dropOld === true;
      if (!dropOld && device.keys.length >= mostKeys) {
        throw new DeviceError(
          'state',
          `device ${identity} has used none of its last ${mostKeys - 1} PSKs: drop the old ones`,
        );
      }
      if (this.#opened(device).some((old) => samePsk(old, key))) {
        throw new DeviceError('key', 'this is a PSK that the device has already');
      }
      const sealed = this.#box.seal(key, placeOf(identity));
      const rotated = {
        ...device,
        keys: [...(dropOld ? [] : device.keys), sealed],
        ...(dropOld ? { since: this.#clock.now() } : {}),
      };
      await this.#change(rotated);
      this.#log.info('device has a new PSK', { identity, old: dropOld ? 'dropped' : 'kept' });
      if (dropOld) this.#tell(identity, 'replaced');
      return view(rotated);
    });
  }

  /**
   * Lets a device in no more, durably, and ends its connections. Its name stays taken and its EIDs stay bound, so that
   * nobody else may use them until it is removed. A name that is not known is refused from now on, too: that of a
   * certificate below an anchor. Throws DeviceError.
   */
  revoke(identity: string): Promise<DeviceView> {
    return this.#alone(async () => {
      checkIdentity(identity);
      const now = this.#clock.now();
      const known = this.#index.get(identity);
      const eid = this.#nameOf === undefined ? undefined : eidIn(identity);
      if (known === undefined && eid === undefined) {
        throw new DeviceError('unknown', `there is no device ${identity}`);
      }
      if (known?.revoked !== undefined) return view(known);
      const { keys: _, ...device } = known ?? {
        identity,
        eids: eid === undefined ? [] : [eid],
        added: now,
        keys: [],
        certificates: [],
        publicKeys: [],
        chain: true,
      };
      const revoked = { ...device, keys: [], revoked: now, since: now };
      await this.#change(revoked);
      this.#log.info('device revoked', { identity });
      this.#tell(identity, 'revoked');
      return view(revoked);
    });
  }

  /** Says where a device is a DTLS server, durably; without an address it is none. Throws DeviceError. */
  setAddress(identity: string, address: Address | undefined): Promise<DeviceView> {
    return this.#alone(async () => {
      const { address: _, ...device } = this.#known(identity);
      const changed = { ...device, ...(address === undefined ? {} : { address }) };
      await this.#change(changed);
      return view(changed);
    });
  }

  /** The devices bound to this EID that have an address to be reached at. */
  addressed(eid: Eid): readonly (DeviceView & { readonly address: Address })[] {
    return [...this.#index.addressed].flatMap((identity) => {
      const device = this.get(identity);
      if (device?.address === undefined || device.revoked !== undefined) return [];
      return device.eids.includes(eid) ? [{ ...device, address: device.address }] : [];
    });
  }

  /** Removes a device, durably, and ends its connections; false where there is none. */
  remove(identity: string): Promise<boolean> {
    return this.#alone(async () => {
      if (!this.#index.has(identity)) return false;
      await this.#store.commit([removeDevice(identity)]);
      this.#index.forget(identity);
      this.#log.info('device removed', { identity });
      this.#tell(identity, 'removed');
      return true;
    });
  }

  /** Has `listener` told whose connections are to end, once that is on the disk. */
  onGone(listener: GoneListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  get(identity: string): DeviceView | undefined {
    const device = this.#index.get(identity);
    return device === undefined ? undefined : view(device);
  }

  /** Devices in the order of their names: those after `after`, at most `limit`. */
  list(options: { readonly after?: string; readonly limit?: number } = {}): readonly DeviceView[] {
    const { names } = this.#index;
    const { after, limit = Number.POSITIVE_INFINITY } = options;
    const from = after === undefined ? 0 : names.findIndex((name) => name > after);
    if (from < 0) return [];
    return names.slice(from, from + limit).flatMap((name) => this.get(name) ?? []);
  }

  /** Whether any device has a pin: DTLS must then ask clients for certificates. */
  get anyPins(): boolean {
    return this.#index.anyPins;
  }

  /**
   * The PSKs of an identity as it came in a ClientKeyExchange, the newest first; none where nobody has it. Which one
   * the device has shows when its Finished opens: whoever finds out tells pskUsed.
   */
  pskOf(identity: Uint8Array): readonly Uint8Array[] {
    const device = this.#index.get(textOf(identity) ?? '');
    if (device !== undefined && device.keys.length > 0) return this.#opened(device);
    this.#box.open(this.#decoy, placeOf(''));
    return [];
  }

  /** Whether this is a PSK of the device still: it may have been taken away while a handshake was under way. */
  hasPsk(identity: string, key: Uint8Array): boolean {
    const device = this.#index.get(identity);
    return device !== undefined && this.#opened(device).some((one) => samePsk(one, key));
  }

  /** The device has proved that it has this key: older ones are of no more use, and go. */
  pskUsed(identity: string, key: Uint8Array): Promise<void> {
    const device = this.#index.get(identity);
    // Nearly always: nothing to do, and nothing to wait for.
    if (device === undefined || device.keys.length < 2) return Promise.resolve();
    return this.#alone(async () => {
      const now = this.#index.get(identity);
      if (now === undefined) return;
      const keys = this.#opened(now).reverse();
      const used = keys.findIndex((one) => samePsk(one, key));
      if (used <= 0) return;
      await this.#change({ ...now, keys: now.keys.slice(used) });
      this.#log.info('device uses its new PSK: the one before is dropped', { identity });
    });
  }

  /** Whose certificate or key this is. What it is worth the peer proves by its CertificateVerify. */
  checkClient(offer: ClientOffer): ClientVerdict {
    const prints = printsOf(offer);
    if (prints === undefined) return refused('malformed', 'not a certificate that can be read');
    for (const print of prints) {
      const name = this.#index.ownerOf(print.pin);
      const device = name === undefined ? undefined : this.#index.get(name);
      if (device === undefined) continue;
      if (device.revoked !== undefined) return refused('revoked', `device ${name} is revoked`);
      return { identity: { kind: print.kind, name: device.identity } };
    }
    if (offer.type === 'rawPublicKey') return refused('unknown', 'a key that no device has');
    if (this.#nameOf === undefined) return refused('unknown', 'a certificate that no device has');
    const found = this.#nameOf(offer.chain, this.#clock.now());
    if ('refused' in found) return found;
    return this.#named(found.name);
  }

  /** How certificates are named from here on; undefined: only pinned ones are taken. */
  nameBy(nameOf: DevicesOptions['nameOf'] | undefined): void {
    this.#nameOf = nameOf;
  }

  /**
   * Whether whoever proved to be this may still speak, with a connection, or a session to be resumed, from that time
   * (milliseconds since 1970); without one, from just now, also where the clock was set back behind the device's addition.
   */
  stands({ kind, name }: PeerIdentity, since = Number.POSITIVE_INFINITY): boolean {
    return this.#stands(kind, name, this.#index.get(name), since);
  }

  /** The EIDs that this peer may speak for and is bound to; none: it is bound to none. */
  eidsOf({ kind, name }: PeerIdentity): readonly Eid[] {
    return this.#eidsOf(kind, name, this.#index.get(name));
  }

  /** The same; undefined where it may no longer speak. */
  boundTo({ kind, name }: PeerIdentity): readonly Eid[] | undefined {
    const device = this.#index.get(name);
    if (!this.#stands(kind, name, device, Number.POSITIVE_INFINITY)) return undefined;
    return this.#eidsOf(kind, name, device);
  }

  #stands(
    kind: PeerIdentity['kind'],
    name: string,
    device: Device | undefined,
    since: number,
  ): boolean {
    const byChain = kind === 'certificate' && this.#nameOf !== undefined;
    if (device === undefined) return byChain && eidIn(name) !== undefined;
    if (device.revoked !== undefined || since < (device.since ?? device.added)) return false;
    switch (kind) {
      case 'psk':
        return device.keys.length > 0;
      case 'rawPublicKey':
        return device.publicKeys.length > 0;
      case 'certificate':
        return device.certificates.length + device.publicKeys.length > 0 || byChain;
    }
  }

  #eidsOf(kind: PeerIdentity['kind'], name: string, device: Device | undefined): readonly Eid[] {
    if (device?.revoked !== undefined) return [];
    const named = kind === 'certificate' && this.#nameOf !== undefined ? eidIn(name) : undefined;
    if (named === undefined) return device?.eids ?? [];
    return device === undefined ? [named] : [...new Set([...device.eids, named])];
  }

  /** Whether this peer is bound to this EID. One that is bound to none covers none. */
  covers(identity: PeerIdentity, eid: Eid): boolean {
    return this.eidsOf(identity).includes(eid);
  }

  /** Whether any device is bound to this EID, revoked ones with the others. */
  anyCovers(eid: Eid): boolean {
    return this.#index.anyCovers(eid);
  }

  /** The device that a certificate below an anchor names: an EID speaks for itself, another name must be known. */
  #named(name: string): ClientVerdict {
    const device = this.#index.get(name);
    if (device?.revoked !== undefined) return refused('revoked', `device ${name} is revoked`);
    if (device?.chain === true || eidIn(name) !== undefined) {
      return { identity: { kind: 'certificate', name } };
    }
    return refused('unknown', 'a certificate that names no device that may use one');
  }

  /** What would become of a device, noted in `fresh` and `pins`, which hold those before it in the same batch. */
  #plan(
    device: NewDevice,
    { replace = false }: AddOptions,
    fresh: Map<string, Device>,
    pins: Map<string, string>,
  ): Added {
    checkDevice(device);
    const { identity, note, address } = device;
    const known = fresh.get(identity) ?? this.#index.get(identity);
    if (known !== undefined && isSameDevice(known, this.#opened(known)[0], device)) {
      return { type: 'unchanged', device: view(known) };
    }
    if (known !== undefined && !replace) {
      throw taken(identity);
    }
    const now = this.#clock.now();
    const kept: Device = {
      identity,
      eids: [...new Set(device.eids)],
      added: now,
      ...(note === undefined ? {} : { note }),
      ...(address === undefined ? {} : { address }),
      keys: device.key === undefined ? [] : [this.#box.seal(device.key, placeOf(identity))],
      certificates: [...new Set(device.certificates)],
      publicKeys: [...new Set(device.publicKeys)],
      chain: device.chain ?? false,
    };
    for (const [field, pin] of pinsOf(kept)) {
      const owner = pins.get(pin) ?? this.#index.ownerOf(pin);
      if (owner !== undefined && owner !== identity) {
        throw new DeviceError(field, `device ${owner} has it already`);
      }
    }
    for (const [, pin] of pinsOf(kept)) pins.set(pin, identity);
    fresh.set(identity, kept);
    return { type: known === undefined ? 'added' : 'replaced', device: view(kept) };
  }

  /** The PSKs of a device, the newest first. What does not open is left out: a damaged row lets nobody in. */
  #opened({ identity, keys }: Device): Uint8Array[] {
    const opened: Uint8Array[] = [];
    for (const sealed of keys) {
      try {
        opened.unshift(this.#box.open(sealed, placeOf(identity)));
      } catch (error) {
        if (!(error instanceof SecretError)) throw error;
        this.#log.error('PSK cannot be opened', { identity, why: error.message });
      }
    }
    return opened;
  }

  #known(identity: string): Device {
    const device = this.#index.get(identity);
    if (device === undefined) throw new DeviceError('unknown', `there is no device ${identity}`);
    if (device.revoked !== undefined) {
      throw new DeviceError('state', `device ${identity} is revoked: remove it, then add it anew`);
    }
    return device;
  }

  async #change(device: Device): Promise<void> {
    const changes: readonly Change[] = [putDevice(device)];
    await this.#store.commit(changes);
    this.#index.keep(device);
  }

  /** Changes come one after the other, so that no two take the same name or pin. */
  #alone<T>(work: () => Promise<T>): Promise<T> {
    return this.#serial.run('', work);
  }

  #tell(identity: string, why: Parameters<GoneListener>[1]): void {
    for (const listener of this.#listeners) listener(identity, why);
  }

  #logAdded(devices: readonly Device[]): void {
    const [first] = devices;
    if (first === undefined) return;
    if (devices.length > 1) this.#log.info('devices added', { devices: devices.length });
    else this.#log.info('device added', { identity: first.identity, eids: first.eids.join(' ') });
  }
}

function view(device: Device): DeviceView {
  const { keys, since: _, ...shown } = device;
  return { ...shown, keys: keys.length };
}

/** The text of an identity; undefined where it is none that a device can have. */
function textOf(identity: Uint8Array): string | undefined {
  if (identity.length > longestIdentity) return undefined;
  try {
    return fromUtf8(identity);
  } catch (error) {
    if (!(error instanceof BytesError)) throw error;
    return undefined;
  }
}

/** The EID that a name is. */
function eidIn(name: string): Eid | undefined {
  try {
    return parseEid(name);
  } catch (error) {
    if (!(error instanceof IdError)) throw error;
    return undefined;
  }
}

function taken(identity: string): DeviceError {
  return new DeviceError('exists', `there is a device ${identity} already`);
}

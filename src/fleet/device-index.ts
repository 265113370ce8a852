/** All devices in memory, as they are found: by name, by pin, by address, by EID. */
import type { Eid } from '../messages/ids.ts';
import type { Device } from './device-rows.ts';

export class DeviceIndex {
  readonly #devices = new Map<string, Device>();
  /** Whose a pin is. */
  readonly #pins = new Map<string, string>();
  /** Those that have an address to be reached at. */
  readonly #addressed = new Set<string>();
  /** How many devices are bound to each EID. */
  readonly #covered = new Map<Eid, number>();
  /** Names in order; made when asked for. */
  #names: readonly string[] | undefined;

  get(identity: string): Device | undefined {
    return this.#devices.get(identity);
  }

  has(identity: string): boolean {
    return this.#devices.has(identity);
  }

  /** Names in order. */
  get names(): readonly string[] {
    this.#names ??= [...this.#devices.keys()].sort();
    return this.#names;
  }

  /** Names of those that have an address to be reached at. */
  get addressed(): Iterable<string> {
    return this.#addressed;
  }

  get anyPins(): boolean {
    return this.#pins.size > 0;
  }

  /** The name of the device whose pin this is. */
  ownerOf(pin: string): string | undefined {
    return this.#pins.get(pin);
  }

  /** Whether any device is bound to this EID. */
  anyCovers(eid: Eid): boolean {
    return this.#covered.has(eid);
  }

  /** In place of the one of that name. */
  keep(device: Device): void {
    this.forget(device.identity);
    this.#names = undefined;
    this.#devices.set(device.identity, device);
    if (device.address !== undefined) this.#addressed.add(device.identity);
    for (const [, pin] of pinsOf(device)) this.#pins.set(pin, device.identity);
    for (const eid of device.eids) this.#covered.set(eid, (this.#covered.get(eid) ?? 0) + 1);
  }

  forget(identity: string): void {
    const device = this.#devices.get(identity);
    if (device === undefined) return;
    this.#names = undefined;
    this.#devices.delete(identity);
    this.#addressed.delete(identity);
    for (const [, pin] of pinsOf(device)) this.#pins.delete(pin);
    for (const eid of device.eids) {
      const left = (this.#covered.get(eid) ?? 0) - 1;
      if (left > 0) this.#covered.set(eid, left);
      else this.#covered.delete(eid);
    }
  }
}

/** What a device is found by, besides its name: as offers.ts prints it. */
export function* pinsOf(
  device: Device,
): Generator<readonly [field: 'certificates' | 'publicKeys', pin: string]> {
  for (const print of device.certificates) yield ['certificates', `certificate ${print}`];
  for (const print of device.publicKeys) yield ['publicKeys', `publicKey ${print}`];
}

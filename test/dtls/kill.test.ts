/**
 * Devices that speak, move and fall silent, one on the path who says again what passed, and a server that is killed at
 * any moment: for each seed another life. Nothing is delivered twice, and no record number comes twice under one key.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Address } from '../../src/base/address.ts';
import { fromUtf8, toHex, utf8 } from '../../src/base/bytes.ts';
import { readRecords } from '../../src/dtls/record.ts';
import { settled } from '../support/hand-clock.ts';
import { seededNumbers, seededRandom } from '../support/seeded.ts';
import { Bench } from './support/bench.ts';
import { Device } from './support/device.ts';
import { Disk } from './support/disk.ts';

const key = new Uint8Array(32).fill(3);
const eavesdropper: Address = { address: '203.0.113.66', port: 666 };
const devices = 9;
const steps = 800;

class Life {
  readonly #chance: () => number;
  readonly #seed: number;
  #disk = new Disk();
  #bench: Bench;
  kills = 0;
  readonly devices: Device[] = [];
  /** How often each text was delivered, by whatever run. */
  readonly delivered = new Map<string, number>();
  /** Numbers of the records that each device has got. */
  readonly #numbers = new Map<Device, Set<string>>();
  /** What passed on the path. */
  readonly #passed: Uint8Array[] = [];
  #texts = 0;
  #placed = 0;

  constructor(seed: number) {
    this.#seed = seed;
    this.#chance = seededNumbers(seed);
    this.#bench = this.#run();
  }

  async begin(): Promise<void> {
    for (let n = 0; n < devices; n++) {
      const at = { address: `192.0.2.${n}`, port: 1 };
      // Every third has no connection ID, and stays where it is.
      const own = Uint8Array.of(0xb0, n);
      const wishes = n % 3 === 0 ? {} : { connectionId: { own } };
      const device = new Device(() => this.#bench, { seed: this.#seed * 100 + n, at, ...wishes });
      await device.connect();
      this.devices.push(device);
      this.#numbers.set(device, new Set());
    }
  }

  async step(): Promise<void> {
    const what = this.#chance();
    if (what < 0.45) this.#speak();
    else if (what < 0.6) await this.#hear();
    else if (what < 0.7) this.#move();
    else if (what < 0.9) this.#sayAgain();
    else if (what < 0.93) await this.#bench.clock.turn(Math.floor(this.#chance() * 200_000));
    else if (what < 0.97) await settled();
    else await this.#kill();
    assert.deepEqual(this.#bench.errors(), []);
  }

  #run(): Bench {
    const run: Bench = new Bench({
      connectionIds: { length: 8 },
      kept: { store: this.#disk, key },
      random: seededRandom(this.#seed * 1000 + this.kills),
      limits: { connections: 6, awake: 3, lookups: 8 },
      deliver: (peer, data) => {
        if (this.#bench !== run) return; // what was killed does nothing more
        const text = fromUtf8(data);
        this.delivered.set(text, (this.delivered.get(text) ?? 0) + 1);
        peer.send(utf8(`re ${text}`));
      },
    });
    return run;
  }

  #any<T>(list: readonly T[]): T | undefined {
    return list[Math.floor(this.#chance() * list.length)];
  }

  #speak(): void {
    const device = this.#any(this.devices);
    device?.send(`text ${this.#texts++}`);
    this.#passed.push(...(device?.sent.splice(0) ?? []));
  }

  async #hear(): Promise<void> {
    await settled();
    for (const device of this.devices) {
      device.hear();
      const seen = this.#numbers.get(device) ?? new Set();
      for (const datagram of device.heard.splice(0)) {
        for (const { epoch, sequence, fragment } of readRecords(datagram, () => {}, 2)) {
          if (epoch !== 1) continue;
          const number = `${sequence}`;
          assert.ok(!seen.has(number), `number ${number} twice: ${toHex(fragment)}`);
          seen.add(number);
        }
      }
    }
  }

  #move(): void {
    const device = this.#any(this.devices);
    if (device?.client.mayMove !== true || this.#texts === this.#placed) return;
    this.#placed = this.#texts; // an address for each move
    device.address = { address: '198.51.100.7', port: 1 + this.#texts };
  }

  /** An old record, changed or as it was, from anywhere. */
  #sayAgain(): void {
    const record = this.#any(this.#passed)?.slice();
    if (record === undefined) return;
    const at = Math.floor(this.#chance() * record.length);
    if (this.#chance() < 0.3) record[at] = (record[at] ?? 0) ^ 1;
    const theirs = this.#any(this.devices)?.address;
    const from = this.#chance() < 0.5 && theirs !== undefined ? theirs : eavesdropper;
    this.#bench.server.receive(record, from);
  }

  /** The disk stays as it is at this moment. */
  async #kill(): Promise<void> {
    const now = this.#bench.clock.now();
    this.kills++;
    this.#disk = this.#disk.copy();
    this.#bench = this.#run();
    await this.#bench.clock.turn(now - this.#bench.clock.now());
    await this.#bench.server.ready();
  }
}

describe('a server that is killed at any moment', () => {
  for (const seed of [1, 2, 3]) {
    it(`S02, D23, D70: delivers nothing twice, and uses no number twice (seed ${seed})`, async () => {
      const life = new Life(seed);
      await life.begin();
      for (let step = 0; step < steps; step++) await life.step();
      assert.ok(life.kills > 10);
      assert.ok(life.delivered.size > steps / 5, `${life.delivered.size} delivered`);
      assert.deepEqual(
        [...life.delivered].filter(([, times]) => times > 1),
        [],
      );
    });
  }
});

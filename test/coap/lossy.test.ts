/** Client and server over a link that loses, repeats and reorders: any body, any block sizes, the handler once. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { Clock } from '../../src/base/clock.ts';
import { silentLog } from '../../src/base/log.ts';
import { CoapClient } from '../../src/coap/client.ts';
import type { CoapPeer } from '../../src/coap/request.ts';
import { CoapServer } from '../../src/coap/server.ts';
import { HandClock } from '../support/hand-clock.ts';
import { seededNumbers, seededRandom } from '../support/seeded.ts';
import { bodyOf } from './conversation.ts';

interface Scene {
  readonly seed: number;
  readonly up: number;
  readonly down: number;
  readonly clientBlock: number;
  readonly serverBlock: number;
  /** Ms that the handler works. */
  readonly work: number;
  readonly loss: number;
  /** By Q-Block, and whether the server knows it. */
  readonly quick: 'no' | 'yes' | 'unknown to the server';
}

/** Delivers after 50 to 150 ms, so that messages overtake each other; loses and repeats by the seed. */
function link(clock: Clock, chance: () => number, loss: number, to: (bytes: Uint8Array) => void) {
  return (bytes: Uint8Array) => {
    const copies = chance() < loss ? 0 : chance() < 0.1 ? 2 : 1;
    for (let i = 0; i < copies; i++) {
      const late = chance() < 0.1 ? 3_000 : 0;
      clock.after(50 + 100 * chance() + late, () => to(bytes));
    }
  };
}

async function play(scene: Scene): Promise<void> {
  const clock = new HandClock();
  const chance = seededNumbers(scene.seed);
  const log = silentLog();
  // Ten tries within 230 s: as patient as the loss asks for, and within EXCHANGE_LIFETIME.
  const parameters = { maxRetransmit: 9, ackTimeout: 300, nonMaxRetransmit: 9, linkRate: 20_000 };
  const requests: Uint8Array[] = [];
  const answer = bodyOf(scene.down).reverse();
  const server = new CoapServer<CoapPeer>({
    handle: async ({ body }) => {
      requests.push(body);
      if (scene.work > 0) await new Promise<void>((resolve) => clock.after(scene.work, resolve));
      return { code: '2.04', body: answer, contentFormat: 42 };
    },
    clock,
    random: seededRandom(scene.seed),
    log,
    parameters: {
      ...parameters,
      blockSize: scene.serverBlock,
      qBlock: scene.quick !== 'unknown to the server',
    },
  });
  const client = new CoapClient({
    send: link(clock, chance, scene.loss, (bytes) => server.receive(peer, bytes)),
    clock,
    random: seededRandom(scene.seed + 1),
    log,
    parameters: { ...parameters, blockSize: scene.clientBlock },
    quick: scene.quick !== 'no',
  });
  const peer: CoapPeer = {
    id: 'device',
    send: link(clock, chance, scene.loss, (bytes) => client.receive(bytes)),
  };
  const body = bodyOf(scene.up);
  let ended = false;
  const response = client.request({ method: 'POST', path: ['x'], body }).finally(() => {
    ended = true;
  });
  response.catch(() => {}); // looked at below
  const began = clock.now();
  while (!ended) {
    assert.ok(clock.now() - began < 7_200_000, 'no end');
    await clock.turn(10_000);
  }
  assert.deepEqual(await response, { code: '2.04', contentFormat: 42, body: answer });
  assert.deepEqual(requests, [body]);
  client.close();
  await clock.turn(5_000_000);
  assert.equal(clock.pending, 0);
}

const sizes = [16, 32, 64, 128, 256, 512, 1024];

/** At most about 200 blocks a body, so that a run is short; up to 20 kB. */
const scenes: fc.Arbitrary<Scene> = fc
  .record({
    seed: fc.integer({ min: 0, max: 2 ** 31 }),
    up: fc.nat(20_000),
    down: fc.nat(20_000),
    clientBlock: fc.constantFrom(...sizes),
    serverBlock: fc.constantFrom(...sizes),
    work: fc.constantFrom(0, 100, 1_600, 20_000),
    loss: fc.constantFrom(0, 0.1, 0.2),
    quick: fc.constantFrom<Scene['quick']>('no', 'yes', 'unknown to the server'),
  })
  .map((scene) => {
    const most = 200 * Math.min(scene.clientBlock, scene.serverBlock);
    return { ...scene, up: Math.min(scene.up, most), down: Math.min(scene.down, most) };
  });

describe('CoAP over a lossy link', () => {
  it('ends with the same bodies and one run of the handler', { timeout: 120_000 }, async () => {
    await fc.assert(fc.asyncProperty(scenes, play), { numRuns: 60, seed: 7959 });
  });

  for (const quick of ['no', 'yes'] as const) {
    it(`20 kB each way in small blocks, Q-Block: ${quick}`, { timeout: 120_000 }, () =>
      play({
        seed: 1,
        up: 20_000,
        down: 20_000,
        clientBlock: 64,
        serverBlock: 16,
        work: 2_000,
        loss: 0.2,
        quick,
      }),
    );
  }
});

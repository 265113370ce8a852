/** How long a download takes over the links of tools/lab/link, beside what the link allows. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { silentLog } from '../../src/base/log.ts';
import { CoapClient } from '../../src/coap/client.ts';
import type { CoapPeer } from '../../src/coap/request.ts';
import { CoapServer } from '../../src/coap/server.ts';
import { Channel } from '../../tools/lab/link/channel.ts';
import { linkProfiles } from '../../tools/lab/link/profiles.ts';
import { HandClock, settled } from '../support/hand-clock.ts';
import { seededNumbers, seededRandom } from '../support/seeded.ts';
import { bodyOf } from './conversation.ts';

/** Octets that DTLS adds to a message (CCM_8, no connection ID). */
const dtls = 29;

interface Result {
  /** Of the time that the body and one round trip take. */
  readonly ratio: number;
  /** Of the octets of both bodies, as UDP payload. */
  readonly overhead: number;
}

async function download(
  octets: number,
  loss: number,
  quick: boolean,
  seed: number,
): Promise<Result> {
  const profile = { ...linkProfiles['nbiot-good'], loss: { share: loss, burst: 1 } };
  const clock = new HandClock();
  const chance = seededNumbers(seed);
  const body = bodyOf(octets);
  const request = bodyOf(600);
  let carried = 0;
  const wrapped = (message: Uint8Array) => {
    carried += message.length + dtls;
    const datagram = new Uint8Array(message.length + dtls);
    datagram.set(message);
    return datagram;
  };
  const parameters = { ackTimeout: 10_000, exchangeLifetime: 435_000 };
  const common = { clock, log: silentLog(), parameters };
  const server = new CoapServer<CoapPeer>({
    ...common,
    random: seededRandom(seed),
    handle: () => ({ code: '2.05', body, contentFormat: 42 }),
  });
  const client = new CoapClient({
    ...common,
    random: seededRandom(seed + 1),
    quick,
    send: (message) => up.send(wrapped(message)),
  });
  const peer = { id: 'device', send: (message: Uint8Array) => down.send(wrapped(message)) };
  const channel = { profile, clock, chance };
  const up = new Channel({
    ...channel,
    direction: 'up',
    deliver: (datagram) => server.receive(peer, datagram.slice(0, -dtls)),
  });
  const down = new Channel({
    ...channel,
    direction: 'down',
    deliver: (datagram) => client.receive(datagram.slice(0, -dtls)),
  });
  const began = clock.now();
  let ended: number | undefined;
  const response = client
    .request({ method: 'POST', path: ['esipa'], contentFormat: 42, body: request })
    .finally(() => {
      ended = clock.now();
    });
  response.catch(() => {});
  await settled();
  while (ended === undefined) await clock.turn(1_000);
  assert.deepEqual((await response).body, body);
  const limit = (octets * 8_000) / profile.bandwidthDown + profile.roundTrip;
  return { ratio: (ended - began) / limit, overhead: carried / (octets + request.length) - 1 };
}

async function median(octets: number, loss: number, quick: boolean): Promise<Result> {
  const runs: Result[] = [];
  for (let seed = 1; seed <= 9; seed++) runs.push(await download(octets, loss, quick, seed));
  const middle = (values: readonly number[]) => [...values].sort((a, b) => a - b)[4] ?? Infinity;
  return {
    ratio: middle(runs.map(({ ratio }) => ratio)),
    overhead: middle(runs.map(({ overhead }) => overhead)),
  };
}

describe('a download over nbiot-good', () => {
  for (const octets of [30_000, 60_000]) {
    it(`${octets} octets by Q-Block2 with 2 % loss take 1.3 times the limit at most`, async () => {
      const { ratio, overhead } = await median(octets, 0.02, true);
      assert.ok(ratio <= 1.3, `${ratio}`);
      assert.ok(overhead <= 0.12, `${overhead}`);
    });
  }

  it('12,000 octets without loss, too, in 1.3 times the limit', async () => {
    const { ratio, overhead } = await median(12_000, 0, true);
    assert.ok(ratio <= 1.3, `${ratio}`);
    assert.ok(overhead <= 0.07, `${overhead}`);
  });

  it('by Block2 every block costs a round trip', async () => {
    const { ratio, overhead } = await median(12_000, 0, false);
    assert.ok(ratio > 3, `${ratio}`);
    assert.ok(overhead <= 0.12, `${overhead}`);
  });
});

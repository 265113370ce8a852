/** Whatever arrives, receive() throws nothing, nothing is held beyond the limits, and all of it goes in time. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { hex } from '../../src/base/bytes.ts';
import { silentLog } from '../../src/base/log.ts';
import { CoapClient } from '../../src/coap/client.ts';
import { HandClock, settled } from '../support/hand-clock.ts';
import { seededRandom } from '../support/seeded.ts';
import { conversation, nothing } from './conversation.ts';

/** Messages to start from: those of the reference sheet, 4.4 and 7.8. */
const seeds = [
  '4102747f01b6626967313330112ad1020ad11496d4db01c602c0ff41',
  '4702748202000000000003b6626967313330112ab112d11896d4db01c602c0',
  '4101392001b178d10a06',
  '6145392001ff68656c6c6f20782030',
  '60001234',
  '40001234',
  '5888af3b0d000000000003c20110ff02060d',
].map(hex);

interface Change {
  readonly at: number;
  readonly octet: number;
}

/** Random bytes; and a message with some octets changed, then cut or with more behind it. */
const datagrams: fc.Arbitrary<Uint8Array> = fc.oneof(
  fc.uint8Array({ maxLength: 80 }),
  fc
    .record({
      seed: fc.constantFrom(...seeds),
      changes: fc.array(fc.record({ at: fc.nat(40), octet: fc.nat(255) }), { maxLength: 4 }),
      cut: fc.nat(60),
      tail: fc.uint8Array({ maxLength: 40 }),
    })
    .map(({ seed, changes, cut, tail }) => {
      const bytes = new Uint8Array([...seed, ...tail]);
      for (const { at, octet } of changes as Change[]) {
        if (at < bytes.length) bytes[at] = octet;
      }
      return bytes.subarray(0, cut > 30 ? bytes.length : cut);
    }),
);

describe('CoAP fuzz', () => {
  it('server: random and mutated datagrams', async () => {
    const { newPeer, server, clock } = conversation({
      handle: ({ body }) => ({ code: '2.05', body: new Uint8Array(body.length * 30) }),
      parameters: { blockSize: 32 },
      limits: { requestBody: 1000, bodyOctets: 5000, answerOctets: 5000, peers: 20 },
    });
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(fc.nat(40), datagrams)), async (arrivals) => {
        for (const [peer, bytes] of arrivals) server.receive(newPeer(`peer ${peer}`), bytes);
        await settled();
        assert.ok(server.held.octets <= 10_000);
        assert.ok(server.held.peers <= 20);
      }),
      { numRuns: 1000 },
    );
    await clock.turn(2_000_000);
    assert.deepEqual({ ...server.held, links: 0 }, nothing);
    assert.equal(clock.pending, 0);
  });

  it('client: random and mutated datagrams while a request waits', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(datagrams, { maxLength: 20 }), async (arrivals) => {
        const clock = new HandClock();
        const sent: Uint8Array[] = [];
        const client = new CoapClient({
          send: (message) => sent.push(message),
          clock,
          random: seededRandom(1),
          log: silentLog(),
        });
        const response = client.request({ method: 'GET', path: ['x'] }).catch((error) => error);
        await settled();
        for (const bytes of arrivals) {
          const [request] = sent;
          const forged = bytes.slice();
          if (request !== undefined && forged.length > 5) forged.set(request.subarray(2, 6), 2); // ID and token
          if (request !== undefined && forged.length > 0)
            forged[0] = ((forged[0] ?? 0) & 0x30) | 0x42;
          client.receive(forged);
        }
        client.close();
        const outcome = await response;
        assert.ok('code' in outcome || outcome.name === 'CoapClientError', String(outcome));
        assert.equal(clock.pending, 0);
      }),
      { numRuns: 500 },
    );
  });
});

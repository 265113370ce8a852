/** Whatever comes out of the network, the door of the room holds. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { concat, hex } from '../../src/base/bytes.ts';
import { silentLog } from '../../src/base/log.ts';
import { DtlsClient } from '../../src/dtls/client.ts';
import { ContentType, encodeRecord } from '../../src/dtls/record.ts';
import { HandClock } from '../support/hand-clock.ts';
import { seededRandom } from '../support/seeded.ts';
import * as vectors from '../vectors/dtls.ts';
import { Bench, psk } from './support/bench.ts';
import { RawClient } from './support/raw-client.ts';

const octets = (maxLength: number) => fc.uint8Array({ maxLength });

const record = fc
  .record({
    type: fc.constantFrom(...Object.values(ContentType)),
    version: fc.constantFrom(0xfeff, 0xfefd),
    epoch: fc.constantFrom(0, 0, 1),
    sequence: fc.nat(100),
    body: octets(80),
  })
  .map(({ body, ...header }) => encodeRecord(header, body));

/** Octets of a real session with some changed, some left out at the end. */
const mutated = fc
  .record({
    from: fc.constantFrom(
      ...Object.values(vectors.opensslSession),
      vectors.ecdsaSession.clientHello,
      vectors.ecdsaSession.flight4,
      vectors.cookie.helloVerifyRequest,
    ),
    changes: fc.array(fc.tuple(fc.nat(300), fc.nat(255)), { maxLength: 4 }),
    cut: fc.nat(20),
  })
  .map(({ from, changes, cut }) => {
    const bytes = hex(from);
    for (const [at, value] of changes) if (at < bytes.length) bytes[at] = value;
    return cut < 5 ? bytes.subarray(0, bytes.length - cut) : bytes;
  });

const noise = fc.array(fc.oneof(octets(100), record, mutated), { maxLength: 12 });

describe('noise', () => {
  it('never throws out of a server, nor is it our fault', () => {
    fc.assert(
      fc.property(noise, fc.boolean(), (datagrams, trusting) => {
        const bench = new Bench(
          trusting ? { cookies: { make: () => new Uint8Array(16), check: () => true } } : {},
        );
        for (const datagram of datagrams) bench.say(datagram);
        assert.deepEqual(bench.errors(), []);
        assert.deepEqual(bench.opened, []);
      }),
      { numRuns: 400 },
    );
  });

  it('is never longer in its answer than in itself, before the cookie', () => {
    fc.assert(
      fc.property(fc.oneof(octets(100), record, mutated), (datagram) => {
        const bench = new Bench();
        const answer = concat(...bench.say(datagram));
        assert.ok(answer.length <= datagram.length);
        assert.deepEqual(bench.server.size, { handshakes: 0, established: 0 });
      }),
      { numRuns: 400 },
    );
  });

  it('does not disturb an established connection', () => {
    fc.assert(
      fc.property(noise, (datagrams) => {
        const bench = new Bench();
        const client = new RawClient(bench).connect();
        for (const datagram of datagrams) bench.say(datagram);
        client.say(client.data('alive'));
        assert.equal(bench.delivered.length, 1);
        assert.deepEqual(bench.closed, []);
        assert.deepEqual(bench.errors(), []);
      }),
      { numRuns: 100 },
    );
  });

  it('from a peer that has proved who it is never throws either', () => {
    const types = fc.constantFrom(...Object.values(ContentType));
    const inner = fc.array(fc.tuple(types, octets(60)), { maxLength: 8 });
    fc.assert(
      fc.property(inner, (plaintexts) => {
        const bench = new Bench();
        const client = new RawClient(bench).connect();
        for (const [type, plaintext] of plaintexts) client.say(client.sealed(type, plaintext));
        assert.deepEqual(bench.errors(), []);
      }),
      { numRuns: 100 },
    );
  });

  it('never throws out of a client', async () => {
    await fc.assert(
      fc.asyncProperty(noise, async (datagrams) => {
        const client = new DtlsClient({
          credential: { type: 'psk', ...psk },
          clock: new HandClock(),
          random: seededRandom(1),
          log: silentLog(),
          send: () => undefined,
          deliver: () => assert.fail('noise was delivered'),
        });
        const connecting = client.connect().then(
          () => assert.fail('noise is no server'),
          () => undefined,
        );
        for (const datagram of datagrams) client.receive(datagram);
        client.close();
        await connecting;
      }),
      { numRuns: 400 },
    );
  });
});

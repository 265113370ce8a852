/** Flights 4 to 6 of the server, record by record. Names bear the IDs of the conformance checklist. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { concat, toHex, utf8 } from '../../src/base/bytes.ts';
import { AlertDescription } from '../../src/dtls/alert.ts';
import { EcdheClientKeyExchange } from '../../src/dtls/messages/client-key-exchange.ts';
import { fragmentOf, HandshakeType } from '../../src/dtls/messages/handshake-message.ts';
import { ServerHello } from '../../src/dtls/messages/server-hello.ts';
import { ContentType } from '../../src/dtls/record.ts';
import { decode, encode } from '../../src/dtls/struct.ts';
import { Bench, only, psk } from './support/bench.ts';
import { issue } from './support/certificates.ts';
import { messageOf, plainAlerts, RawClient, recordsOf, whole } from './support/raw-client.ts';

const issued = issue();
const fatal = (alert: AlertDescription) => [[2, alert]];

function begun(options: ConstructorParameters<typeof RawClient>[1] = {}, bench = new Bench()) {
  const client = new RawClient(bench, options);
  const flight4 = client.begin();
  return { bench, client, flight4 };
}

describe('flight 5', () => {
  it('D29: proves who the peer is', () => {
    const { bench, client } = begun();
    const flight6 = client.opened(client.finish());
    assert.deepEqual(
      flight6.map(([type]) => type),
      [ContentType.handshake],
    );
    assert.deepEqual(bench.peer.credential, { type: 'psk', identity: psk.identity });
    assert.deepEqual(bench.server.size, { handshakes: 0, established: 1 });
  });

  it('D14: is understood in any fragments, in any order, repeated and overlapping', () => {
    const cuts = fc.array(fc.tuple(fc.nat(5), fc.integer({ min: 1, max: 6 })), { maxLength: 12 });
    fc.assert(
      fc.property(cuts, fc.boolean(), (pieces, covered) => {
        const { bench, client } = begun();
        const all = covered ? [...pieces, [0, 3] as const, [2, 4] as const] : pieces;
        const have = new Set<number>();
        for (const [offset, length] of all) {
          const piece = fragmentOf(client.exchange, offset, length);
          client.say(client.plain(piece));
          for (let at = 0; at < piece.body.length; at++) have.add(offset + at);
        }
        client.say(client.changeCipherSpec(), client.finishedRecord());
        assert.equal(bench.opened.length, have.size === 6 ? 1 : 0);
      }),
      { numRuns: 60 },
    );
  });

  it('D14: is not understood where the fragments of one message disagree', () => {
    const { bench, client } = begun();
    client.say(client.plain(fragmentOf(client.exchange, 0, 3)));
    const other = { ...fragmentOf(client.exchange, 3, 3), length: 7 };
    client.say(client.plain(other));
    const foreign = { ...fragmentOf(client.exchange, 3, 3), type: HandshakeType.certificate };
    client.say(client.plain(foreign));
    assert.equal(bench.dropped('fragments of one message disagree'), 2);
  });

  it('D15: may not be of any length, nor have fragments that are none', () => {
    const { bench, client } = begun();
    const fragment = fragmentOf(client.exchange, 0, 3);
    const before = process.memoryUsage().arrayBuffers;
    assert.deepEqual(client.say(client.plain({ ...fragment, length: 2 ** 24 - 1 })), []);
    assert.ok(process.memoryUsage().arrayBuffers - before < 2 ** 20);
    client.say(client.plain({ ...fragment, offset: 5 }));
    client.say(client.plain({ ...fragment, body: new Uint8Array() }));
    assert.equal(bench.dropped('handshake message too long'), 1);
    assert.equal(bench.dropped('fragment past the end of its message'), 1);
    assert.equal(bench.dropped('empty fragment'), 1);
    client.finish();
    assert.equal(bench.opened.length, 1);
  });

  it('D16, D17: may come back to front', () => {
    const { bench, client } = begun();
    const [exchange, changed, finished] = [
      client.exchangeRecord(),
      client.changeCipherSpec(),
      client.finishedRecord(),
    ];
    assert.deepEqual(client.say(finished), []);
    assert.deepEqual(client.say(changed), []);
    assert.equal(client.opened(client.say(exchange)).length, 1);
    assert.equal(bench.opened.length, 1);
  });

  it('D16: has early records kept within bounds', () => {
    const { bench, client } = begun();
    for (let i = 0; i < 6; i++) client.say(client.data(`early ${i}`));
    assert.equal(bench.dropped('no room for an early record'), 2);
    const later = { type: HandshakeType.finished, offset: 0 };
    for (let sequence = 5; sequence < 30; sequence++) {
      const body = new Uint8Array(500);
      const wrong = { ...later, type: HandshakeType.certificate, sequence, length: 500, body };
      client.say(client.plain(wrong));
    }
    assert.equal(bench.dropped('no room for an early handshake message'), 25 - 16);
  });

  it('D59: has data that came early delivered after Finished, and not before', () => {
    const { bench, client } = begun();
    client.say(client.exchangeRecord());
    const finished = client.finishedRecord();
    client.say(client.data('early'));
    assert.deepEqual(bench.delivered, []);
    client.say(finished);
    assert.deepEqual(bench.delivered, [[bench.peer, utf8('early')]]);
  });

  it('D59: has data that came early forgotten when Finished is wrong', () => {
    const { bench, client } = begun();
    client.say(client.exchangeRecord(), client.data('early'));
    const alerts = plainAlerts(client.say(client.finishedRecord(new Uint8Array(12))));
    assert.deepEqual(alerts, fatal(AlertDescription.decryptError));
    assert.deepEqual(bench.delivered, []);
    assert.deepEqual(bench.server.size, { handshakes: 0, established: 0 });
    assert.equal(bench.server.holds.alarms, 0);
  });

  it('needs its Finished protected, and nothing else', () => {
    const { bench, client } = begun();
    client.say(client.exchangeRecord(), client.changeCipherSpec());
    client.say(client.plain(whole(client.finished)));
    assert.equal(bench.dropped('wrong epoch'), 1);
    assert.deepEqual(bench.opened, []);
    client.say(client.finishedRecord());
    assert.equal(bench.opened.length, 1);
  });

  it('ends the handshake when a message is not the one due', () => {
    const { bench, client } = begun();
    const { sequence, body } = client.exchange;
    const wrong = { ...whole({ type: HandshakeType.certificate, sequence, body }) };
    const alerts = plainAlerts(client.say(client.plain(wrong)));
    assert.deepEqual(alerts, fatal(AlertDescription.unexpectedMessage));
    assert.deepEqual(bench.server.size, { handshakes: 0, established: 0 });
  });

  it('ends the handshake when ClientKeyExchange is malformed', () => {
    const { client } = begun();
    const { sequence, type } = client.exchange;
    const wrong = whole({ type, sequence, body: Uint8Array.of(0, 9, 1) });
    const alerts = plainAlerts(client.say(client.plain(wrong)));
    assert.deepEqual(alerts, fatal(AlertDescription.decodeError));
  });

  it('D34: ends the handshake when the client’s point is none of the curve', () => {
    const points = [
      Uint8Array.of(4, ...new Uint8Array(64).fill(1)),
      Uint8Array.of(2, ...new Uint8Array(32).fill(1)),
      Uint8Array.of(0),
    ];
    for (const point of points) {
      const bench = new Bench({ credentials: { certificates: [issued] } });
      const client = new RawClient(bench, { hello: { cipherSuites: [0xc0ae] } });
      client.takeCookie(client.say(client.helloRecord(0, 0)));
      assert.ok(client.say(client.helloRecord(1, 1)).length > 0);
      const body = encode(EcdheClientKeyExchange, { point });
      const exchange = whole({ type: HandshakeType.clientKeyExchange, sequence: 2, body });
      const alerts = plainAlerts(client.say(client.plain(exchange)));
      assert.deepEqual(alerts, fatal(AlertDescription.illegalParameter));
    }
  });

  it('may end the handshake by an alert', () => {
    const { bench, client } = begun();
    const header = [21, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 9, 0, 2];
    assert.deepEqual(client.say(Uint8Array.of(...header, 1, 90)), []);
    assert.equal(bench.server.size.handshakes, 1);
    assert.deepEqual(client.say(Uint8Array.of(...header, 2, 40)), []);
    assert.equal(bench.server.size.handshakes, 0);
  });
});

describe('D31: an unknown identity and a wrong key', () => {
  const unknown = { identity: utf8('dev2') };
  const wrong = { key: utf8('wrongPSK!') };
  const noText = { identity: Uint8Array.of(0xff, 0xfe) };

  it('look alike: silence, and the handshake goes on until it times out', async () => {
    for (const options of [unknown, wrong, noText]) {
      const { bench, client, flight4 } = begun(options);
      assert.equal(flight4.length, 1);
      assert.deepEqual(client.finish(), []);
      assert.deepEqual(client.finish(), []);
      await bench.clock.turn(129_000);
      assert.deepEqual(bench.heard(), []);
      assert.deepEqual(bench.server.size, { handshakes: 1, established: 0 });
      await bench.clock.turn(2000);
      assert.deepEqual(bench.heard(), []);
      assert.deepEqual(bench.server.size, { handshakes: 0, established: 0 });
      const [line] = bench.lines.filter(({ event }) => event === 'dtls: handshake failed');
      assert.match(String(line?.fields.reason), /is it the right key/);
    }
  });

  it('get alerts of their own where the server may explain', () => {
    for (const [options, alert] of [
      [unknown, AlertDescription.unknownPskIdentity],
      [wrong, AlertDescription.decryptError],
    ] as const) {
      const credentials = {
        psk: (identity: Uint8Array) => (toHex(identity) === '64657631' ? [psk.key] : []),
      };
      const { client } = begun(options, new Bench({ explain: true, credentials }));
      assert.deepEqual(plainAlerts(client.finish()), fatal(alert));
    }
  });

  it('do not count as internal errors, but a lookup that throws does', () => {
    const bench = new Bench({
      credentials: {
        psk() {
          throw new Error('the store is closed');
        },
      },
    });
    const { client } = begun({}, bench);
    assert.deepEqual(plainAlerts(client.finish()), fatal(AlertDescription.internalError));
    assert.equal(bench.errors().length, 1);
  });
});

describe('retransmission', () => {
  const serverRandomOf = (datagrams: readonly Uint8Array[]) => {
    const [first] = datagrams.flatMap(recordsOf);
    assert.ok(first);
    return decode('', ServerHello, messageOf(first).body).random;
  };
  const numbersOf = (datagrams: readonly Uint8Array[]) =>
    datagrams.flatMap(recordsOf).map(({ sequence }) => sequence);

  it('D18, D21: of the hello has flight 4 sent again, the same under new record numbers', async () => {
    const { bench, client, flight4 } = begun();
    assert.deepEqual(client.say(client.helloRecord(2, 1)), [], 'not at once');
    await bench.clock.turn(1500);
    const again = client.say(client.helloRecord(3, 1));
    assert.deepEqual(serverRandomOf(again), serverRandomOf(flight4));
    assert.deepEqual(numbersOf(flight4), [1, 2]);
    assert.deepEqual(numbersOf(again), [3, 4]);
    assert.deepEqual(client.say(client.helloRecord(4, 1)), [], 'not twice in a second');
    client.finish();
    assert.equal(bench.opened.length, 1);
  });

  it('D18: of the hello without a cookie does not disturb the handshake', () => {
    const { bench, client } = begun();
    const early = new RawClient(bench);
    assert.equal(early.say(early.helloRecord(2, 0)).length, 1);
    client.finish();
    assert.equal(bench.opened.length, 1);
  });

  it('D19: of flight 4 comes after 5, 10, 20 and 40 s, then the handshake ends', async () => {
    const { bench } = begun();
    const came: number[] = [];
    for (let second = 1; second <= 140; second++) {
      await bench.clock.turn(1000);
      if (bench.heard().length > 0) came.push(second);
    }
    assert.deepEqual(came, [5, 15, 35, 75]);
    assert.deepEqual(bench.server.size, { handshakes: 0, established: 0 });
    assert.equal(bench.server.holds.alarms, 0);
  });

  it('D19: turns to small datagrams with one record each', async () => {
    const { bench, flight4 } = begun();
    assert.equal(flight4.length, 1);
    await bench.clock.turn(15_000);
    assert.equal(bench.heard().length, 2, 'twice as before');
    await bench.clock.turn(20_000);
    assert.equal(bench.heard().length, 2, 'then apart');
  });

  it('of flight 4 stops when flight 5 begins', async () => {
    const { bench, client } = begun();
    client.say(client.exchangeRecord());
    await bench.clock.turn(100_000);
    assert.deepEqual(bench.heard(), []);
    client.say(client.finishedRecord());
    assert.equal(bench.opened.length, 1);
  });

  it('D20, D21: of flight 6 comes once for each repeated Finished', () => {
    const { client } = begun();
    const flight6 = client.finish();
    assert.deepEqual(client.say(client.exchangeRecord()), [], 'not for ClientKeyExchange');
    assert.deepEqual(client.say(client.changeCipherSpec()), []);
    const again = client.say(client.finishedRecord());
    assert.equal(again.length, 1);
    assert.deepEqual(numbersOf(flight6), [3, 0]);
    assert.deepEqual(numbersOf(again), [4, 1]);
    assert.equal(client.opened([...flight6, ...again]).length, 2);
  });

  it('D20: of flight 6 ends with the first data, or with time', async () => {
    const { bench, client } = begun();
    client.finish();
    client.say(client.data('here I am'));
    assert.deepEqual(client.say(client.finishedRecord()), []);
    assert.equal(bench.server.holds.alarms, 1, 'all that is to come is sleep');
    const late = begun();
    late.client.finish();
    await late.bench.clock.turn(131_000);
    assert.deepEqual(late.client.say(late.client.finishedRecord()), []);
    assert.equal(late.bench.server.holds.alarms, 1, 'all that is to come is sleep');
  });

  it('D20: is not had by replaying Finished', () => {
    const { bench, client } = begun();
    const finished = client.finishedRecord();
    client.say(concat(client.exchangeRecord(), finished));
    assert.deepEqual(client.say(finished), []);
    assert.equal(bench.dropped('record received before'), 1);
    assert.equal(only(bench.opened).credential.type, 'psk');
  });
});

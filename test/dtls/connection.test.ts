/** Established connections of the server, record by record. Names bear the IDs of the conformance checklist. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { concat, fromUtf8, utf8 } from '../../src/base/bytes.ts';
import { AlertDescription, AlertLevel } from '../../src/dtls/alert.ts';
import { encodeFragment, HandshakeType } from '../../src/dtls/messages/handshake-message.ts';
import { ContentType, encodeRecord, type RecordHeader } from '../../src/dtls/record.ts';
import { Bench, home, only } from './support/bench.ts';
import { Device } from './support/device.ts';
import { RawClient, recordsOf, whole } from './support/raw-client.ts';

function connected(bench = new Bench()) {
  const client = new RawClient(bench).connect();
  const texts = () => bench.delivered.map(([, data]) => fromUtf8(data));
  return { bench, client, texts };
}

const dataHeader: RecordHeader = {
  type: ContentType.applicationData,
  version: 0xfefd,
  epoch: 1,
  sequence: 9,
};

const plainAlert = (level: number, description: number) =>
  encodeRecord(
    { ...dataHeader, type: ContentType.alert, epoch: 0 },
    Uint8Array.of(level, description),
  );

describe('a connection', () => {
  it('carries data both ways, one record in one datagram', () => {
    const { bench, client, texts } = connected();
    client.say(client.data('up'));
    assert.deepEqual(texts(), ['up']);
    bench.peer.send(utf8('down'));
    const answer = bench.heard();
    assert.equal(recordsOf(only(answer)).length, 1);
    assert.deepEqual(client.opened(answer), [[ContentType.applicationData, utf8('down')]]);
  });

  it('has room for what its datagrams hold', () => {
    const { bench } = connected(new Bench({ mtu: 600 }));
    bench.peer.send(new Uint8Array(bench.peer.maxPayload));
    assert.equal(only(bench.heard()).length, 600);
    assert.throws(() => bench.peer.send(new Uint8Array(2 ** 14 + 1)), RangeError);
  });

  it('D23: takes each record once', () => {
    const { bench, client, texts } = connected();
    const record = client.data('once');
    client.say(record);
    client.say(record);
    assert.deepEqual(texts(), ['once']);
    assert.equal(bench.dropped('record received before'), 1);
  });

  it('D24: takes records in any order within 64 numbers, and none that is older', () => {
    const { bench, client, texts } = connected();
    client.say(client.data('100', 100));
    for (const number of [37, 99, 68, 69]) client.say(client.data(`${number}`, number));
    assert.deepEqual(texts(), ['100', '37', '99', '68', '69']);
    client.say(client.data('36', 36));
    client.say(client.data('99', 99));
    client.say(client.data('68', 68));
    assert.equal(bench.dropped('record received before'), 3);
    client.say(client.data('132', 132));
    client.say(client.data('68', 68));
    client.say(client.data('70', 70));
    assert.deepEqual(texts().slice(5), ['132', '70']);
  });

  it('D24: is not moved on by a forged record', () => {
    const { client, texts } = connected();
    const forged = encodeRecord({ ...dataHeader, sequence: 2 ** 39 }, new Uint8Array(40));
    client.say(forged);
    client.say(client.data('still here'));
    assert.deepEqual(texts(), ['still here']);
  });

  it('D25: takes no notice of records that are not authentic', () => {
    const { bench, client, texts } = connected();
    for (let i = 0; i < 20; i++) {
      const record = client.data('touched');
      record[20] = (record[20] ?? 0) ^ 1;
      assert.deepEqual(client.say(record), []);
    }
    assert.equal(bench.dropped('record not authentic'), 20);
    client.say(client.data('whole'));
    assert.deepEqual(texts(), ['whole']);
  });

  it('D26: takes no notice of records that are none', () => {
    const { bench, client, texts } = connected();
    const body = new Uint8Array(32);
    const noise = {
      'unknown epoch': encodeRecord({ ...dataHeader, epoch: 2 }, body),
      'sequence number out of range': encodeRecord({ ...dataHeader, sequence: 2 ** 41 }, body),
      'version is not DTLS 1.2': encodeRecord({ ...dataHeader, version: 0xfeff }, body),
      'no DTLS version': encodeRecord({ ...dataHeader, version: 0x0303 }, body),
      'record length out of range': encodeRecord(dataHeader, new Uint8Array()),
      'record cut short': encodeRecord(dataHeader, body).subarray(0, 40),
      'plaintext on an established connection': encodeRecord({ ...dataHeader, epoch: 0 }, body),
    };
    for (const [reason, datagram] of Object.entries(noise)) {
      assert.deepEqual(client.say(datagram), [], reason);
      assert.equal(bench.dropped(reason), 1, reason);
    }
    const unknown = encodeRecord(dataHeader, body);
    unknown[0] = 26;
    client.say(unknown);
    assert.equal(bench.dropped('unknown content type'), 1);
    unknown[0] = ContentType.tls12Cid;
    client.say(unknown);
    assert.equal(bench.dropped('connection ID where we have none'), 1);
    client.say(client.data('fine'));
    assert.deepEqual(texts(), ['fine']);
  });

  it('D27: takes the good records of a datagram with a broken one in the middle', () => {
    const { client, texts } = connected();
    const broken = client.data('broken');
    broken[15] = (broken[15] ?? 0) ^ 1;
    const foreign = encodeRecord({ ...dataHeader, epoch: 7 }, new Uint8Array(10));
    client.say(client.data('first'), broken, foreign, client.data('last'));
    assert.deepEqual(texts(), ['first', 'last']);
    client.say(client.data('before'), encodeRecord(dataHeader, new Uint8Array(9)).subarray(0, 15));
    assert.deepEqual(texts(), ['first', 'last', 'before']);
  });

  it('D42: does not renegotiate', () => {
    const { client, texts } = connected();
    const body = new Uint8Array(60);
    const hello = whole({ type: HandshakeType.clientHello, sequence: 4, body });
    const answer = client.opened(
      client.say(client.sealed(ContentType.handshake, encodeFragment(hello))),
    );
    const due = Uint8Array.of(AlertLevel.warning, AlertDescription.noRenegotiation);
    assert.deepEqual(answer, [[ContentType.alert, due]]);
    client.say(client.data('as before'));
    assert.deepEqual(texts(), ['as before']);
  });

  it('D57: is not ended by an alert in plaintext', () => {
    const { bench, client, texts } = connected();
    assert.deepEqual(client.say(plainAlert(2, 40), plainAlert(1, 0)), []);
    client.say(client.data('alive'));
    assert.deepEqual(texts(), ['alive']);
    assert.deepEqual(bench.closed, []);
  });

  it('is ended by a fatal alert, without an answer', () => {
    const { bench, client } = connected();
    client.say(client.sealed(ContentType.alert, Uint8Array.of(1, 90)));
    assert.deepEqual(bench.closed, []);
    assert.deepEqual(client.say(client.sealed(ContentType.alert, Uint8Array.of(2, 80))), []);
    assert.deepEqual(bench.closed, [[bench.peer, 'alert of the peer: internalError (80)']]);
    client.say(client.data('gone'));
    assert.equal(bench.dropped('record of an unknown connection'), 1);
  });

  it('D58: is ended by close_notify, which is answered', () => {
    const { bench, client } = connected();
    const close = Uint8Array.of(AlertLevel.warning, AlertDescription.closeNotify);
    const answer = client.opened(client.say(client.sealed(ContentType.alert, close)));
    assert.deepEqual(answer, [[ContentType.alert, close]]);
    assert.deepEqual(bench.closed, [[bench.peer, 'closed by the peer']]);
    assert.deepEqual(bench.server.size, { handshakes: 0, established: 0 });
    assert.deepEqual(bench.drops.all(), {});
    assert.equal(bench.server.holds.alarms, 0);
  });

  it('is ended by us, who say so', () => {
    const { bench, client } = connected();
    bench.peer.close();
    const close = Uint8Array.of(AlertLevel.warning, AlertDescription.closeNotify);
    assert.deepEqual(client.opened(bench.heard()), [[ContentType.alert, close]]);
    bench.peer.send(utf8('too late'));
    bench.peer.close();
    assert.deepEqual(bench.heard(), []);
    assert.deepEqual(bench.closed, [[bench.peer, 'closed by us']]);
  });

  it('ends in silence when the server closes', () => {
    const { bench } = connected();
    const half = new RawClient(bench, { seed: 3, from: { ...home, port: 40001 } });
    half.begin();
    bench.server.close();
    assert.deepEqual(bench.heard(), []);
    assert.deepEqual(bench.server.size, { handshakes: 0, established: 0 });
    assert.deepEqual(bench.closed, [[bench.peer, 'server closed']]);
    assert.equal(bench.server.holds.alarms, 0);
  });

  it('D70: numbers its records upwards, each once', () => {
    const { bench } = connected();
    for (let i = 0; i < 5; i++) bench.peer.send(utf8('x'));
    const numbers = bench.heard().map((datagram) => only(recordsOf(datagram)).sequence);
    assert.deepEqual(numbers, [1, 2, 3, 4, 5]);
  });

  it('outlives a room above that throws', () => {
    const bench = new Bench({
      deliver() {
        throw new Error('a bug above');
      },
    });
    const { client } = connected(bench);
    client.say(client.data('one'));
    client.say(client.data('two'));
    assert.equal(bench.errors().length, 2);
    assert.deepEqual(bench.closed, []);
  });
});

describe('D55: a new ClientHello on an established connection', () => {
  it('leaves the connection as it is until the new one is there', () => {
    const { bench, client, texts } = connected();
    const again = new RawClient(bench, { seed: 22 });
    again.begin();
    client.say(client.data('old'));
    bench.peer.send(utf8('to the old'));
    assert.equal(client.opened(bench.heard()).length, 1);
    assert.deepEqual(bench.closed, []);
    again.finish();
    assert.deepEqual(bench.closed, [[bench.peer, 'the client connected anew']]);
    again.say(again.data('new'));
    client.say(client.data('old again'));
    assert.deepEqual(texts(), ['old', 'new']);
    assert.equal(bench.opened.length, 2);
    assert.notEqual(bench.opened[0]?.id, bench.opened[1]?.id);
    assert.equal(bench.delivered[1]?.[0], bench.opened[1]);
  });

  it('leaves the connection as it is when the new one never comes about', async () => {
    const { bench, client, texts } = connected();
    const stranger = new RawClient(bench, { seed: 22, key: utf8('not the key') });
    stranger.begin();
    stranger.finish();
    await bench.clock.turn(140_000);
    assert.deepEqual(bench.server.size, { handshakes: 0, established: 1 });
    client.say(client.data('still'));
    assert.deepEqual(texts(), ['still']);
  });

  it('is nothing new when it is the hello that began the connection', () => {
    const { bench, client } = connected();
    assert.deepEqual(client.say(client.helloRecord(9, 1)), []);
    assert.equal(bench.dropped('ClientHello whose handshake is done'), 1);
    assert.deepEqual(bench.server.size, { handshakes: 0, established: 1 });
  });

  it('is nothing new when that connection is asleep, or has ended', async () => {
    const { bench, client } = connected(new Bench({ times: { park: 1000, linger: 500 } }));
    await bench.clock.turn(2000);
    bench.say(new Uint8Array(1));
    assert.equal(bench.server.holds.asleep, 1);
    assert.deepEqual(client.say(client.helloRecord(9, 1)), []);
    bench.server.end(() => true);
    bench.heard();
    assert.deepEqual(client.say(client.helloRecord(9, 1)), []);
    assert.equal(bench.dropped('ClientHello whose handshake is done'), 2);
    assert.deepEqual(bench.server.size, { handshakes: 0, established: 0 });
  });

  it('is asked for a cookie when the one it bears has run out', async () => {
    const { bench, client } = connected();
    await bench.clock.turn(121_000);
    const [answer] = client.say(client.helloRecord(9, 1));
    assert.equal(answer?.[13], 3); // HelloVerifyRequest
    assert.deepEqual(bench.server.size, { handshakes: 0, established: 1 });
  });

  it('takes the place of a handshake that another hello began', () => {
    const bench = new Bench();
    new RawClient(bench, { seed: 1 }).begin();
    const second = new RawClient(bench, { seed: 2 });
    second.begin();
    assert.deepEqual(bench.server.size, { handshakes: 1, established: 0 });
    second.finish();
    assert.equal(bench.opened.length, 1);
  });
});

describe('limits', () => {
  const from = (address: string, port = 1000) => ({ address, port });
  let seed = 100;
  const begin = (bench: Bench, address: string, port?: number) => {
    const client = new RawClient(bench, { seed: seed++, from: from(address, port) });
    client.takeCookie(client.say(client.helloRecord()));
    const answered = client.say(client.helloRecord(1, 1)).length > 0;
    return { client, answered };
  };

  it('hold for handshakes in all', async () => {
    const bench = new Bench({ limits: { halfOpen: 3 } });
    const answered = [1, 2, 3, 4].map((n) => begin(bench, `192.0.2.${n}`).answered);
    assert.deepEqual(answered, [true, true, true, false]);
    assert.equal(bench.dropped('too many handshakes'), 1);
    await bench.clock.turn(131_000);
    bench.heard();
    assert.ok(begin(bench, '192.0.2.9').answered);
  });

  it('hold for handshakes of one address, or of one IPv6 network', () => {
    const bench = new Bench({ limits: { halfOpenPerAddress: 2 } });
    assert.ok(begin(bench, '192.0.2.1', 1).answered);
    assert.ok(begin(bench, '192.0.2.1', 2).answered);
    assert.ok(!begin(bench, '192.0.2.1', 3).answered);
    assert.ok(begin(bench, '192.0.2.1', 2).answered, 'in place of its own');
    assert.ok(begin(bench, '192.0.2.2', 3).answered);
    assert.ok(begin(bench, '2001:db8::1').answered);
    assert.ok(begin(bench, '2001:db8::2').answered);
    assert.ok(!begin(bench, '2001:db8::3').answered);
    assert.ok(begin(bench, '2001:db8:0:1::3').answered);
  });

  for (const [what, limits] of [
    ['in all', { halfOpen: 2 }],
    ['of one address', { halfOpenPerAddress: 2 }],
  ] as const) {
    it(`make handshakes ${what} that hang give way, the oldest first`, async () => {
      const bench = new Bench({ limits });
      begin(bench, '192.0.2.1', 1);
      await bench.clock.turn(10_000);
      bench.heard();
      const second = new RawClient(bench, { seed: seed++, from: from('192.0.2.1', 2) });
      second.begin();
      await bench.clock.turn(9_999);
      bench.heard();
      assert.ok(!begin(bench, '192.0.2.1', 3).answered, 'the oldest is too young');
      await bench.clock.turn(1);
      bench.heard();
      assert.ok(begin(bench, '192.0.2.1', 3).answered);
      assert.ok(!begin(bench, '192.0.2.1', 4).answered, 'the next is too young');
      assert.deepEqual(bench.server.size, { handshakes: 2, established: 0 });
      second.finish();
      assert.deepEqual(
        bench.opened.map(({ address }) => address.port),
        [2],
      );
    });
  }

  it('count a handshake no longer once it is done', () => {
    const bench = new Bench({ limits: { halfOpenPerAddress: 1 } });
    for (const port of [1, 2, 3]) {
      const client = new RawClient(bench, { seed: port, from: from('192.0.2.1', port) });
      client.connect();
    }
    assert.equal(bench.server.size.established, 3);
  });

  it('count a connection whose first record comes while its last flight goes out', async () => {
    const devices: Device[] = [];
    const bench = new Bench({
      connectionIds: { length: 8 },
      send(datagram, to) {
        const device = devices.find(({ address }) => address.port === to.port);
        if (to.port !== 1) device?.client.receive(datagram);
        else if (recordsOf(datagram)[0]?.fragment[0] === HandshakeType.helloVerifyRequest) {
          device?.client.receive(datagram); // and nothing else: its handshake hangs
        }
        if (to.port === 2) device?.send('at once');
      },
    });
    for (const port of [1, 2]) {
      const at = { ...home, port };
      devices.push(new Device(bench, { at, seed: port, connectionId: { own: utf8('id') } }));
      devices
        .at(-1)
        ?.client.connect()
        .catch(() => {});
    }
    assert.ok(bench.delivered.length > 0);
    assert.equal(bench.server.holds.awake, 1);
    await bench.clock.turn(5 * 60_000);
    assert.deepEqual([bench.server.holds.awake, bench.server.holds.asleep], [0, 1]);
  });

  it('hold for connections: only one that is idle makes way, the idlest first', async () => {
    const bench = new Bench({ limits: { connections: 2 } });
    const [first, second] = [1, 2].map((n) =>
      new RawClient(bench, { seed: n, from: from(`192.0.2.${n}`) }).connect(),
    );
    assert.ok(first && second);
    assert.ok(!begin(bench, '192.0.2.3').answered);
    assert.equal(bench.dropped('too many connections'), 1);
    await bench.clock.turn(20 * 60_000);
    first.say(first.data('busy'));
    await bench.clock.turn(20 * 60_000);
    const fourth = new RawClient(bench, { seed: 4, from: from('192.0.2.4') });
    fourth.begin();
    assert.equal(bench.closed.length, 0, 'nobody makes way for a handshake');
    fourth.finish();
    assert.deepEqual(
      bench.closed.map(([{ address }, reason]) => [address.address, reason]),
      [['192.0.2.2', 'made way for another connection']],
    );
    assert.ok(!begin(bench, '192.0.2.5').answered);
  });

  it('hold for idle connections', async () => {
    const bench = new Bench({ times: { idle: 60_000 } });
    const { client } = connected(bench);
    await bench.clock.turn(59_000);
    client.say(client.data('awake'));
    await bench.clock.turn(59_000);
    client.say(client.data('awake'));
    await bench.clock.turn(61_000);
    client.say(client.data('too late'));
    assert.equal(bench.delivered.length, 2);
    assert.deepEqual(bench.closed, [[bench.peer, 'idle for too long']]);
  });

  it('are not reset by records that are not authentic', async () => {
    const bench = new Bench({ times: { idle: 60_000 } });
    const { client } = connected(bench);
    await bench.clock.turn(59_000);
    client.say(concat(encodeRecord(dataHeader, new Uint8Array(40))));
    await bench.clock.turn(2000);
    client.say(client.data('too late'));
    assert.deepEqual(bench.delivered, []);
  });
});

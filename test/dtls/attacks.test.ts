/**
 * What an attacker may try, one group of tests each. "Off the path" is one who can send from any address but hears
 * nothing; "on the path" one who hears, changes and keeps back whatever passes.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Address, addressText } from '../../src/base/address.ts';
import { concat, fromUtf8, toHex, utf8 } from '../../src/base/bytes.ts';
import { silentLog } from '../../src/base/log.ts';
import { AlertDescription, HandshakeError } from '../../src/dtls/alert.ts';
import { cipherSuites } from '../../src/dtls/cipher-suites.ts';
import { DtlsClient } from '../../src/dtls/client.ts';
import { extension } from '../../src/dtls/extensions.ts';
import {
  EcdheClientKeyExchange,
  EcdhePskClientKeyExchange,
} from '../../src/dtls/messages/client-key-exchange.ts';
import {
  encodeFragment,
  fragmentOf,
  HandshakeType,
} from '../../src/dtls/messages/handshake-message.ts';
import { namedGroups } from '../../src/dtls/named-groups.ts';
import { ContentType, encodeRecord, ProtocolVersion } from '../../src/dtls/record.ts';
import { encode } from '../../src/dtls/struct.ts';
import { seededRandom } from '../support/seeded.ts';
import { Bench, home, psk } from './support/bench.ts';
import { issue } from './support/certificates.ts';
import { Link } from './support/link.ts';
import { plainAlerts, RawClient, recordsOf, whole } from './support/raw-client.ts';

const issued = issue();
const elsewhere: Address = { address: '198.51.100.66', port: 6666 };

function connected() {
  const bench = new Bench();
  const client = new RawClient(bench).connect();
  const texts = () => bench.delivered.map(([, data]) => fromUtf8(data));
  return { bench, client, texts };
}

/** The connection carries data as before, and it is the only one. */
function assertUnharmed({ bench, client, texts }: ReturnType<typeof connected>): void {
  const before = texts();
  client.say(client.data('still here'));
  assert.deepEqual(texts(), [...before, 'still here']);
  assert.deepEqual(bench.closed, []);
  assert.equal(bench.server.size.established, 1);
  assert.deepEqual(bench.errors(), []);
}

describe('attack: a record is replayed', () => {
  it('D23: it is delivered once, however often and late it comes again', async () => {
    const attacked = connected();
    const { bench, client, texts } = attacked;
    const record = client.data('pay 10');
    client.say(record);
    for (let i = 0; i < 5; i++) client.say(record);
    client.say(record, record, record);
    for (let i = 0; i < 100; i++) client.say(client.data(`${i}`));
    await bench.clock.turn(3_600_000);
    client.say(record);
    assert.equal(texts().filter((text) => text === 'pay 10').length, 1);
    assertUnharmed(attacked);
  });

  it('D23: a whole session said again connects nobody and delivers nothing', () => {
    const { bench, client, texts } = connected();
    const session: Uint8Array[] = [];
    const recorded = new RawClient(bench, { seed: 5, from: elsewhere });
    const say = (...records: readonly Uint8Array[]) => {
      session.push(...records);
      return recorded.say(...records);
    };
    recorded.takeCookie(say(recorded.helloRecord(0, 0)));
    recorded.takeFlight4(say(recorded.helloRecord(1, 1)));
    say(recorded.exchangeRecord(), recorded.changeCipherSpec(), recorded.finishedRecord());
    say(recorded.data('open the door'));
    say(recorded.sealed(ContentType.alert, Uint8Array.of(1, 0)));
    assert.equal(bench.opened.length, 2);
    assert.deepEqual(texts(), ['open the door']);
    for (const datagram of session) bench.say(datagram, elsewhere);
    for (const datagram of session) bench.say(datagram, home);
    assert.equal(bench.opened.length, 2);
    assert.deepEqual(texts(), ['open the door']);
    assert.equal(bench.closed.length, 1);
    client.say(client.data('me'));
    assert.deepEqual(texts(), ['open the door', 'me']);
  });

  it('D23: it is not taken for another connection’s', () => {
    const attacked = connected();
    const { bench, client, texts } = attacked;
    const record = client.data('mine');
    client.say(record);
    const other = new RawClient(bench, { seed: 5, from: elsewhere }).connect();
    bench.say(record, elsewhere);
    assert.deepEqual(texts(), ['mine']);
    other.say(other.data('theirs'));
    assert.equal(bench.delivered[1]?.[0], bench.opened[1]);
  });
});

describe('attack: a record of an old epoch', () => {
  it('D55: keys of the connection before open nothing', () => {
    const { bench, client, texts } = connected();
    const late = client.data('late');
    const again = new RawClient(bench, { seed: 22 }).connect();
    client.say(late);
    client.say(client.data('later', 5000));
    assert.deepEqual(texts(), []);
    assert.equal(bench.dropped('record not authentic'), 2);
    again.say(again.data('new'));
    assert.deepEqual(texts(), ['new']);
  });

  it('D55: close_notify of the connection before does not end the new one', () => {
    const { bench, client } = connected();
    const close = client.sealed(ContentType.alert, Uint8Array.of(1, 0));
    const again = new RawClient(bench, { seed: 22 }).connect();
    client.say(close);
    again.say(again.data('new'));
    assert.equal(bench.delivered.length, 1);
    assert.equal(bench.server.size.established, 1);
  });

  it('D57: what is not protected is nothing to an established connection', () => {
    const attacked = connected();
    const { client } = attacked;
    const plain = (type: ContentType, ...octets: readonly number[]) => {
      const header = { type, version: ProtocolVersion.dtls12, epoch: 0, sequence: 2 ** 40 };
      return encodeRecord(header, Uint8Array.from(octets));
    };
    assert.deepEqual(client.say(plain(ContentType.alert, 2, 40)), []);
    assert.deepEqual(client.say(plain(ContentType.alert, 1, 0)), []);
    assert.deepEqual(client.say(plain(ContentType.applicationData, 1, 2, 3)), []);
    assert.deepEqual(client.say(plain(ContentType.changeCipherSpec, 1)), []);
    assert.deepEqual(client.say(client.exchangeRecord()), []);
    assert.deepEqual(client.say(client.plain(whole(client.finished))), []);
    assert.deepEqual(attacked.texts(), []);
    assertUnharmed(attacked);
  });

  it('D26: an epoch that has not come is nothing either', () => {
    const attacked = connected();
    const { client } = attacked;
    for (const epoch of [2, 3, 0xffff]) {
      // The very octets of a good record, under another epoch.
      const record = client.data('next', 50);
      new DataView(record.buffer, record.byteOffset).setUint16(3, epoch);
      assert.deepEqual(client.say(record), []);
    }
    assert.deepEqual(attacked.texts(), []);
    assertUnharmed(attacked);
  });
});

describe('attack: fragments too short and too long', () => {
  const begun = () => {
    const bench = new Bench();
    const client = new RawClient(bench);
    client.begin();
    return { bench, client };
  };

  it('D15: a datagram cut anywhere connects nobody, and does not hinder the whole one', () => {
    const { bench, client } = begun();
    const flight = () =>
      concat(client.exchangeRecord(), client.changeCipherSpec(), client.finishedRecord());
    for (let length = 0; length < flight().length; length++) {
      bench.say(flight().subarray(0, length));
      assert.equal(bench.opened.length, 0);
    }
    client.finish();
    assert.equal(bench.opened.length, 1);
    assert.deepEqual(bench.errors(), []);
  });

  it('D15: lengths that the record does not bear out are dropped, wherever they stand', () => {
    // msg_type(1) length(3) message_seq(2) fragment_offset(3) fragment_length(3)
    const lengths = [1, 6, 9];
    const values = [0, 1, 0xff, 0x100, 0x2000, 0xffff, 0x10000, 2 ** 24 - 1];
    for (const at of lengths) {
      for (const value of values) {
        const { bench, client } = begun();
        const fragment = encodeFragment(whole(client.exchange));
        const before = process.memoryUsage().arrayBuffers;
        if (value === client.exchange.body.length || (at === 6 && value === 0)) continue;
        fragment.set([value >> 16, (value >> 8) & 255, value & 255], at);
        const header = {
          type: ContentType.handshake,
          version: ProtocolVersion.dtls12,
          epoch: 0,
          sequence: 2,
        };
        client.say(encodeRecord(header, fragment));
        assert.ok(process.memoryUsage().arrayBuffers - before < 2 ** 20);
        assert.deepEqual(bench.opened, []);
        assert.deepEqual(bench.errors(), []);
        if (bench.server.size.handshakes === 0) continue; // a message cut short was an end
        client.finish();
        const { length } = bench.opened;
        assert.ok(length === 1 || at === 1, `offset ${at}, ${value}: not there`);
      }
    }
  });

  it('D14: fragments of another message of the same number do not end up in it', () => {
    const { bench, client } = begun();
    const { body } = client.exchange;
    const evil = { ...client.exchange, body: body.map((octet) => octet ^ 1) };
    client.say(client.plain(fragmentOf(client.exchange, 0, 4)));
    client.say(client.plain(fragmentOf(evil, 2, 2)));
    client.say(client.plain({ ...fragmentOf(evil, 4, 2), length: body.length + 3 }));
    client.say(client.plain({ ...fragmentOf(evil, 4, 2), type: HandshakeType.certificate }));
    assert.equal(bench.dropped('fragments of one message disagree'), 2);
    client.say(client.plain(fragmentOf(client.exchange, 4, body.length - 4)));
    client.say(client.changeCipherSpec(), client.finishedRecord());
    assert.equal(bench.opened.length, 1);
  });
});

describe('attack: ClientHellos on a live address (RFC 6347 §4.2.8)', () => {
  it('D01, D55: without a cookie they change nothing, in any number', () => {
    const attacked = connected();
    const { bench, client, texts } = attacked;
    for (let seed = 100; seed < 300; seed++) {
      const stranger = new RawClient(bench, { seed });
      stranger.say(stranger.helloRecord(0, 0));
      stranger.hello = { ...stranger.hello, cookie: stranger.hello.random.subarray(0, 16) };
      stranger.say(stranger.helloRecord(1, 1));
      assert.deepEqual(bench.server.size, { handshakes: 0, established: 1 });
      if (seed % 50 === 0) client.say(client.data(`${seed}`));
    }
    assert.deepEqual(texts(), ['100', '150', '200', '250']);
    assertUnharmed(attacked);
  });

  it('D55: with a cookie but no key they never take the place of the connection', async () => {
    const attacked = connected();
    const { bench, client } = attacked;
    for (let seed = 100; seed < 120; seed++) {
      const stranger = new RawClient(bench, { seed, key: utf8('a guess') });
      stranger.begin();
      client.say(client.data('between'));
      stranger.finish();
      client.say(client.data('after'));
      assert.deepEqual(bench.server.size, { handshakes: 1, established: 1 });
    }
    assert.equal(attacked.texts().length, 40);
    await bench.clock.turn(200_000);
    assert.deepEqual(bench.server.size, { handshakes: 0, established: 1 });
    assertUnharmed(attacked);
  });

  it('D01: do not disturb the handshake of the client that is there', () => {
    const bench = new Bench();
    const client = new RawClient(bench);
    const stranger = (seed: number) => {
      const other = new RawClient(bench, { seed });
      assert.equal(other.say(other.helloRecord(0, 0)).length, 1);
    };
    client.takeCookie(client.say(client.helloRecord(0, 0)));
    stranger(1);
    client.takeFlight4(client.say(client.helloRecord(1, 1)));
    stranger(2);
    client.say(client.exchangeRecord());
    stranger(3);
    client.say(client.changeCipherSpec());
    stranger(4);
    client.say(client.finishedRecord());
    assert.equal(bench.opened.length, 1);
    assert.deepEqual(bench.server.size, { handshakes: 0, established: 1 });
  });

  it('with the random of a client that was overheard do not keep that client out', () => {
    const bench = new Bench();
    const client = new RawClient(bench);
    client.takeCookie(client.say(client.helloRecord(0, 0)));
    const { random } = client.hello;
    const eavesdropper = new RawClient(bench, { seed: 5, from: elsewhere, hello: { random } });
    eavesdropper.connect();
    assert.equal(bench.opened.length, 1);
    client.takeFlight4(client.say(client.helloRecord(1, 1)));
    client.finish();
    assert.equal(bench.opened.length, 2);
  });

  it('D01, D05: from forged addresses they leave nothing and are never out-shouted', () => {
    const bench = new Bench();
    const alarms = bench.clock.pending;
    let [sent, received] = [0, 0];
    for (let i = 0; i < 20_000; i++) {
      const hello = helloOf(bench, i % 7);
      const from = { address: `10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`, port: 1 + (i % 60000) };
      sent += hello.length;
      for (const answer of bench.say(hello, from)) received += answer.length;
    }
    assert.ok(received > 0 && received < sent, `${received} octets for ${sent}`);
    assert.deepEqual(bench.server.size, { handshakes: 0, established: 0 });
    assert.equal(bench.clock.pending, alarms);
  });

  const hellos = new Map<number, Uint8Array>();
  function helloOf(bench: Bench, seed: number): Uint8Array {
    const made = hellos.get(seed) ?? new RawClient(bench, { seed }).helloRecord(0, 0);
    hellos.set(seed, made);
    return made;
  }
});

describe('attack: the cookie of another', () => {
  it('D08: is asked for again, from another address and from another port', () => {
    const bench = new Bench();
    const client = new RawClient(bench);
    client.takeCookie(client.say(client.helloRecord(0, 0)));
    const hello = client.helloRecord(1, 1);
    const places = [elsewhere, { ...home, port: home.port + 1 }, { ...home, address: '127.0.0.2' }];
    for (const from of places) {
      assert.equal(bench.say(hello, from).length, 1);
      assert.deepEqual(bench.server.size, { handshakes: 0, established: 0 });
    }
    bench.say(hello, home);
    assert.equal(bench.server.size.handshakes, 1);
  });

  it('D10: is no good for another hello of the same address', () => {
    const bench = new Bench();
    const client = new RawClient(bench);
    client.takeCookie(client.say(client.helloRecord(0, 0)));
    const thief = new RawClient(bench, { seed: 5 });
    thief.hello = { ...thief.hello, cookie: client.hello.cookie };
    thief.say(thief.helloRecord(1, 1));
    assert.equal(bench.server.size.handshakes, 0);
  });

  it('D06: cannot be guessed from cookies of one’s own', () => {
    const bench = new Bench();
    const cookies = new Set<string>();
    for (let port = 1; port <= 200; port++) {
      const client = new RawClient(bench, { from: { ...home, port } });
      client.takeCookie(client.say(client.helloRecord(0, 0)));
      cookies.add(toHex(client.hello.cookie));
    }
    assert.equal(cookies.size, 200);
  });
});

describe('attack: a connection ID', () => {
  const moved: Address = { address: '203.0.113.5', port: 5 };
  /** Where a connection ID stands in a record, and how long ours are. */
  const [cidAt, cidLength] = [11, 8];

  /** A device whose datagrams the test carries: `hold` gives those of `run` instead of sending them. */
  async function device(bench: Bench, out: Map<string, Uint8Array[]>, seed: number) {
    const from: Address = { address: '192.0.2.1', port: seed };
    let held: Uint8Array[] | undefined;
    const up: Uint8Array[] = [];
    const heard: string[] = [];
    const client = new DtlsClient({
      credential: { type: 'psk', ...psk },
      connectionId: { own: new Uint8Array() },
      clock: bench.clock,
      random: seededRandom(seed),
      log: silentLog(),
      send: (datagram) => (held ?? up).push(datagram),
      deliver: (data) => heard.push(fromUtf8(data)),
    });
    const connecting = client.connect();
    for (let next = up.shift(); next !== undefined; next = up.shift()) {
      bench.server.receive(next, from);
      for (const answer of out.get(addressText(from))?.splice(0) ?? []) client.receive(answer);
    }
    await connecting;
    const seal = (text: string): Uint8Array => {
      held = [];
      client.send(utf8(text));
      const [record, ...more] = held;
      held = undefined;
      assert.ok(record !== undefined && more.length === 0);
      assert.equal(record[0], ContentType.tls12Cid);
      return record;
    };
    const peer = bench.opened.at(-1);
    assert.ok(peer);
    return { from, seal, heard, peer, client };
  }

  async function two() {
    const out = new Map<string, Uint8Array[]>();
    const bench = new Bench({
      connectionIds: { length: cidLength },
      send(datagram, to) {
        const key = addressText(to);
        out.set(key, [...(out.get(key) ?? []), datagram]);
      },
    });
    const [one, other] = [await device(bench, out, 1), await device(bench, out, 2)];
    /** The datagrams that went there since it was last asked. */
    const sentTo = (address: Address) => out.get(addressText(address))?.splice(0) ?? [];
    const texts = () => bench.delivered.map(([, data]) => fromUtf8(data));
    return { bench, one, other, sentTo, texts };
  }

  it('D66: that is made up gets no answer, from anywhere', async () => {
    const { bench, one, sentTo, texts } = await two();
    for (let i = 0; i < 50; i++) {
      const record = one.seal(`forged ${i}`);
      record.set(seededRandom(i)(cidLength), cidAt);
      for (const from of [one.from, moved]) bench.server.receive(record, from);
    }
    assert.deepEqual(texts(), []);
    assert.deepEqual([...sentTo(one.from), ...sentTo(moved)], []);
    assert.deepEqual(one.peer.address, one.from);
    assert.deepEqual(bench.closed, []);
    bench.server.receive(one.seal('mine'), one.from);
    assert.deepEqual(texts(), ['mine']);
  });

  it('D66: of another connection opens nothing and moves neither', async () => {
    const { bench, one, other, texts } = await two();
    const theirs = other.seal('theirs').subarray(cidAt, cidAt + cidLength);
    for (const from of [one.from, other.from, moved]) {
      const record = one.seal('mine');
      record.set(theirs, cidAt);
      bench.server.receive(record, from);
    }
    assert.deepEqual(texts(), []);
    assert.equal(bench.dropped('record not authentic'), 3);
    assert.deepEqual([one.peer.address, other.peer.address], [one.from, other.from]);
  });

  it('D65: under a record that was changed does not move the address', async () => {
    const { bench, one } = await two();
    for (let i = 0; i < 60; i++) {
      const record = one.seal('mine');
      const at = i % record.length;
      record[at] = (record[at] ?? 0) ^ 1;
      bench.server.receive(record, moved);
    }
    assert.deepEqual(one.peer.address, one.from);
    assert.deepEqual(bench.delivered, []);
    assert.deepEqual(bench.closed, []);
  });

  it('D65: under a replayed record does not move the address', async () => {
    const { bench, one, sentTo, texts } = await two();
    const record = one.seal('once');
    bench.server.receive(record, one.from);
    sentTo(one.from);
    bench.server.receive(record, moved);
    assert.deepEqual(texts(), ['once']);
    assert.deepEqual(one.peer.address, one.from);
    one.peer.send(utf8('answer'));
    assert.equal(sentTo(one.from).length, 1);
    assert.deepEqual(sentTo(moved), []);
  });

  it('D65: under a record kept back does not move the address once a newer one has come', async () => {
    const { bench, one, sentTo, texts } = await two();
    const [kept, newer] = [one.seal('kept back'), one.seal('newer')];
    bench.server.receive(newer, one.from);
    bench.server.receive(kept, moved);
    assert.deepEqual(texts(), ['newer', 'kept back']);
    assert.deepEqual(one.peer.address, one.from);
    one.peer.send(utf8('answer'));
    assert.deepEqual(sentTo(moved), []);
  });

  it('D64: under a newer record moves it, but nothing large goes there before a round trip', async () => {
    const { bench, one, sentTo, texts } = await two();
    const record = one.seal('from elsewhere');
    bench.server.receive(record, moved);
    assert.deepEqual(texts(), ['from elsewhere']);
    assert.deepEqual(one.peer.address, moved);
    for (let i = 0; i < 20; i++) one.peer.send(new Uint8Array(50));
    const octets = sentTo(moved).reduce((sum, { length }) => sum + length, 0);
    assert.ok(octets > 0 && octets <= 3 * record.length, `${octets} octets for ${record.length}`);
    assert.deepEqual(sentTo(one.from), []);
    bench.server.receive(one.seal('still here'), moved);
    one.peer.send(new Uint8Array(1000));
    assert.equal(sentTo(moved).length, 1);
  });

  it('D64: moves back with the device, whatever was replayed in between', async () => {
    const { bench, one, sentTo } = await two();
    const stolen = one.seal('one');
    bench.server.receive(stolen, moved); // one on the path was faster
    bench.server.receive(stolen, one.from);
    bench.server.receive(one.seal('two'), one.from);
    assert.deepEqual(one.peer.address, one.from);
    one.peer.send(utf8('answer'));
    assert.equal(sentTo(one.from).length, 1);
  });

  it('D63: left out, with the rest of the record as it was, opens nothing', async () => {
    const { bench, one } = await two();
    const record = one.seal('mine');
    const bare = concat(record.subarray(0, cidAt), record.subarray(cidAt + cidLength));
    for (const type of [ContentType.applicationData, ContentType.handshake, ContentType.alert]) {
      bare[0] = type;
      for (const from of [one.from, moved]) bench.server.receive(bare, from);
    }
    assert.deepEqual(bench.delivered, []);
    assert.deepEqual(bench.closed, []);
    assert.deepEqual(one.peer.address, one.from);
  });
});

describe('attack: a downgrade', () => {
  /** What happens to a client and a server when one on the path changes what passes. */
  async function between(change: (datagram: Uint8Array, up: boolean) => void) {
    const link = new Link();
    link.tap = (datagram, up) => {
      change(datagram, up);
      return true;
    };
    const { client, outcome } = link.connect(
      { type: 'psk', ...psk },
      { suites: ['TLS_PSK_WITH_AES_128_CCM_8', 'TLS_PSK_WITH_AES_128_GCM_SHA256'] },
    );
    await link.clock.turn(200_000);
    client.close();
    return { link, outcome };
  }

  /** Puts octets in the place of as many others, wherever they stand in a plaintext handshake message. */
  function exchange(datagram: Uint8Array, type: HandshakeType, from: string, to: string): boolean {
    if (datagram[0] !== ContentType.handshake || datagram[13] !== type) return false;
    const at = Buffer.from(datagram).indexOf(Buffer.from(from, 'hex'));
    if (at >= 0) datagram.set(Buffer.from(to, 'hex'), at);
    return at >= 0;
  }

  const refused = async (change: (datagram: Uint8Array, up: boolean) => void) => {
    const { link, outcome } = await between(change);
    assert.equal(outcome.connected, false);
    assert.ok(outcome.error instanceof Error);
    assert.deepEqual(link.bench.opened, []);
    assert.deepEqual(link.bench.server.size, { handshakes: 0, established: 0 });
    return outcome.error;
  };

  it('connects when nothing is changed', async () => {
    const { link, outcome } = await between(() => {});
    assert.equal(outcome.connected, true);
    assert.equal(link.bench.opened.length, 1);
  });

  // Two suites become one: a length of 4, C0A8 00A8; the second stands twice.
  // An extension becomes one that nobody knows.
  const changes = {
    'D13: of the suites offered': [HandshakeType.clientHello, '0004c0a800a8', '000400a800a8'],
    'D13: of the suite chosen': [HandshakeType.serverHello, '00c0a800', '0000a800'],
    'D39: of the extended master secret': [HandshakeType.clientHello, '00170000', '0a0a0000'],
    'D41: of renegotiation_info': [HandshakeType.clientHello, 'ff01000100', '0a0a000100'],
  } as const;
  for (const [what, [type, from, to]] of Object.entries(changes)) {
    it(`${what} fails with Finished`, async () => {
      let changed = 0;
      await refused((datagram) => {
        if (exchange(datagram, type, from, to)) changed++;
      });
      assert.ok(changed > 0);
    });
  }

  it('D68: of the version fails at once', async () => {
    const error = await refused((datagram) => {
      // client_version, behind 13 + 12 octets of headers.
      if (datagram[13] === HandshakeType.clientHello) datagram.set([0xfe, 0xff], 25);
    });
    assert.match(error.message, /protocolVersion/);
  });

  it('D68: of the version by the server’s answer fails at once', async () => {
    const error = await refused((datagram) => {
      const isHandshake = datagram[0] === ContentType.handshake;
      if (isHandshake && datagram[13] === HandshakeType.serverHello) datagram.set([0xfe, 0xff], 25);
    });
    assert.ok(error instanceof HandshakeError);
    assert.equal(error.alert, AlertDescription.protocolVersion);
  });
});

describe('attack: a point that is none', () => {
  const off = Uint8Array.of(4, ...new Uint8Array(64).fill(1));
  const infinity = Uint8Array.of(0);
  const short = Uint8Array.of(4, ...new Uint8Array(62).fill(1));
  const zero = new Uint8Array(32);
  const one = Uint8Array.of(1, ...new Uint8Array(31));
  const points = {
    secp256r1: { off, infinity, short },
    brainpoolP256r1: { off, infinity, short },
    x25519: { zero, one, infinity },
  } as const;
  const credentials = {
    certificates: [issued],
    psk: (identity: Uint8Array) => (fromUtf8(identity) === psk.identity ? [psk.key] : []),
  };

  for (const [name, wrong] of Object.entries(points)) {
    for (const [what, point] of Object.entries(wrong)) {
      for (const suite of [
        'TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8',
        'TLS_ECDHE_PSK_WITH_AES_128_CCM_8_SHA256',
      ] as const) {
        it(`D34: ${name}, ${what}, ends a handshake with ${suite}`, () => {
          const bench = new Bench({ credentials });
          // The certificate is on P-256, so that the client has to know that one too.
          const groups = [namedGroups[name as keyof typeof points].id, namedGroups.secp256r1.id];
          const client = new RawClient(bench, {
            hello: {
              cipherSuites: [cipherSuites[suite].id],
              extensions: [extension.supportedGroups(groups), extension.extendedMasterSecret()],
            },
          });
          client.takeCookie(client.say(client.helloRecord(0, 0)));
          const flight4 = client.say(client.helloRecord(1, 1)).flatMap(recordsOf);
          assert.ok(
            flight4.some(({ fragment }) => fragment[0] === HandshakeType.serverKeyExchange),
          );
          const body = suite.startsWith('TLS_ECDHE_PSK')
            ? encode(EcdhePskClientKeyExchange, { identity: utf8(psk.identity), point })
            : encode(EcdheClientKeyExchange, { point });
          const message = { type: HandshakeType.clientKeyExchange, sequence: 2, body };
          const answer = client.say(client.plain(whole(message)));
          assert.deepEqual(plainAlerts(answer), [[2, AlertDescription.illegalParameter]]);
          assert.deepEqual(bench.server.size, { handshakes: 0, established: 0 });
        });
      }
    }
  }
});

describe('attack: probing for known PSK identities', () => {
  const probes = {
    known: { identity: utf8(psk.identity), key: utf8('a guess') },
    unknown: { identity: utf8('dev2'), key: utf8('a guess') },
    nothing: { identity: new Uint8Array(), key: utf8('a guess') },
    'no text': { identity: Uint8Array.of(0xff, 0xfe), key: utf8('a guess') },
    long: { identity: new Uint8Array(1000).fill(0x61), key: utf8('a guess') },
  };

  /** Everything that the server says and does to a probe, over all the time that it takes. */
  async function behaviour(probe: { identity: Uint8Array; key: Uint8Array }) {
    const bench = new Bench();
    const client = new RawClient(bench, probe);
    const said: string[] = [];
    const hear = (datagrams: readonly Uint8Array[]) =>
      said.push(`${bench.clock.now()}: ${datagrams.map(toHex).join(' ')}`);
    hear(client.begin());
    hear(client.finish());
    hear(client.finish());
    for (let i = 0; i < 14; i++) {
      await bench.clock.turn(10_000);
      hear(bench.heard());
      said.push(JSON.stringify(bench.server.size));
    }
    assert.deepEqual(bench.opened, []);
    return said;
  }

  for (const [name, probe] of Object.entries(probes)) {
    it(`D31: is answered alike, octet for octet and at the same times: ${name}`, async () => {
      assert.deepEqual(await behaviour(probe), await behaviour(probes.known));
    });
  }

  it('D31: takes as long', () => {
    /** Milliseconds that flight 5 takes. */
    const once = (probe: { identity: Uint8Array; key: Uint8Array }, seed: number) => {
      const bench = new Bench();
      const client = new RawClient(bench, { ...probe, seed });
      client.begin();
      const flight5 = concat(
        client.exchangeRecord(),
        client.changeCipherSpec(),
        client.finishedRecord(),
      );
      const started = process.hrtime.bigint();
      bench.say(flight5);
      return Number(process.hrtime.bigint() - started) / 1e6;
    };
    const [known, unknown]: [number[], number[]] = [[], []];
    for (let seed = 0; seed < 250; seed++) {
      known.push(once(probes.known, seed));
      unknown.push(once(probes.unknown, seed));
    }
    const median = (values: number[]) => values.sort((a, b) => a - b)[125] ?? 0;
    const ratio = median(unknown) / median(known);
    // One that stopped at the look-up would take a tenth.
    assert.ok(ratio > 0.6 && ratio < 1.6, `an unknown identity takes ${ratio} times as long`);
  });
});

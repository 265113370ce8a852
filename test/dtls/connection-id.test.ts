/** Connection IDs (RFC 9146): agreed on, on the wire, and where answers go when a device has moved. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, it } from 'node:test';
import type { Address } from '../../src/base/address.ts';
import { concat, equal, fromUtf8, hex, toHex, utf8 } from '../../src/base/bytes.ts';
import { AeadProtection } from '../../src/dtls/aead.ts';
import { cipherSuites } from '../../src/dtls/cipher-suites.ts';
import { TaggedCids } from '../../src/dtls/connection-id.ts';
import { ReadEpoch, WriteEpoch } from '../../src/dtls/epoch.ts';
import { Extensions, ExtensionType, extension } from '../../src/dtls/extensions.ts';
import { ServerHello } from '../../src/dtls/messages/server-hello.ts';
import { ContentType, encodeRecord, readRecords } from '../../src/dtls/record.ts';
import type { DtlsServerOptions } from '../../src/dtls/server.ts';
import { decode } from '../../src/dtls/struct.ts';
import { seededRandom } from '../support/seeded.ts';
import * as vectors from '../vectors/dtls-cid.ts';
import { Bench, home, only, psk } from './support/bench.ts';
import { Device } from './support/device.ts';
import { encodeMessage } from './support/encode-message.ts';
import { messageOf, RawClient, recordsOf } from './support/raw-client.ts';

const suite = cipherSuites.TLS_PSK_WITH_AES_128_CCM_8;
const cidOctets = hex(vectors.cid);
const elsewhere: Address = { address: '198.51.100.7', port: 40001 };
const serverRandom = Uint8Array.from({ length: 32 }, (_, i) => 0x50 + i);

/** The server of the vectors: any cookie, one connection ID, and randoms in their order. */
function serverOfVectors(randoms: readonly Uint8Array[] = []): Bench {
  const queue = [serverRandom, ...randoms];
  let begun = false;
  const bench = new Bench({
    cookies: { make: () => new Uint8Array(16), check: () => true },
    connectionIds: {
      length: cidOctets.length,
      cids: {
        length: cidOctets.length,
        make: () => cidOctets,
        knows: (cid) => equal(cid, cidOctets),
      },
    },
    random: (length) =>
      (begun && length === 32 ? queue.shift() : undefined) ?? new Uint8Array(length),
  });
  begun = true;
  return bench;
}

const withCids: Partial<DtlsServerOptions> = { connectionIds: { length: 8 } };
const own = (octets: string) => ({ connectionId: { own: hex(octets) } });

async function connected(server = withCids, client = own('beef')) {
  const bench = new Bench(server);
  const device = await new Device(bench, client).connect();
  return { bench, device, peer: bench.peer };
}

function texts(bench: Bench): readonly string[] {
  return bench.delivered.map(([, data]) => fromUtf8(data));
}

/** The wire types and lengths of the records in datagrams with our connection IDs. */
function types(datagrams: readonly Uint8Array[], cidLength: number): readonly number[] {
  const strict = (reason: string) => assert.fail(reason);
  return datagrams.flatMap((one) =>
    [...readRecords(one, strict, cidLength)].map(({ type }) => type),
  );
}

describe('a session of mbedTLS 3.5.2 with connection IDs', () => {
  const session = vectors.mbedTlsSession;

  it('D60, D61: is answered octet for octet', () => {
    const bench = serverOfVectors();
    assert.deepEqual(bench.say(hex(session.hello2)), [hex(session.flight4)]);
    assert.deepEqual(bench.say(hex(session.flight5)), [hex(session.flight6)]);
    bench.say(hex(session.clientData));
    assert.deepEqual(texts(bench), [session.clientDataText]);
  });

  it('is not answered once an octet of its connection ID, type or padding is another', () => {
    const finished = hex(session.flight5).length - 61;
    for (const at of [finished + 11, finished + 16, hex(session.flight5).length - 9]) {
      const bench = serverOfVectors();
      bench.say(hex(session.hello2));
      const flight5 = hex(session.flight5);
      flight5[at] = (flight5[at] ?? 0) ^ 1;
      assert.deepEqual(bench.say(flight5), [], `octet ${at}`);
      assert.deepEqual(bench.opened, []);
    }
  });

  it('has the transcript of the sheet, without the first hello', () => {
    const messages = [
      ...recordsOf(hex(session.hello2)),
      ...recordsOf(hex(session.flight4)),
      recordsOf(hex(session.flight5).subarray(0, 31))[0],
    ].map((record) => (record === undefined ? assert.fail() : encodeMessage(messageOf(record))));
    const digest = createHash('sha256')
      .update(concat(...messages))
      .digest();
    assert.equal(toHex(digest), session.sessionHash.toUpperCase());
  });
});

describe('a session of Californium 4 with ECDHE_PSK and connection IDs', () => {
  it('D32, D60: is answered octet for octet', () => {
    const session = vectors.ecdhePskSession;
    const bench = serverOfVectors([hex(session.serverPrivate)]);
    assert.deepEqual(bench.say(hex(session.hello2)), [hex(session.flight4)]);
    assert.deepEqual(bench.say(hex(session.flight5)), [hex(session.flight6)]);
  });
});

describe('records with a connection ID', () => {
  const keys = {
    key: Uint8Array.from({ length: 16 }, (_, i) => i),
    iv: hex('a0a1a2a3'),
    mac: new Uint8Array(),
  };
  const protection = new AeadProtection(suite.cipher, keys);
  const plaintext = hex('4101392001b178');
  const cid = { octets: cidOctets, draft: false };
  const read = (record: string, draft = false) => {
    const [found] = readRecords(hex(record), (reason) => assert.fail(reason), cidOctets.length);
    assert.ok(found);
    return new ReadEpoch(protection, { ...cid, draft }).read(found);
  };

  it('D61: are written as the vector has them', () => {
    const epoch = new WriteEpoch(1, protection, { sequence: 5, cid });
    assert.equal(
      toHex(epoch.write(ContentType.applicationData, plaintext)),
      vectors.records.ccm8.toUpperCase(),
    );
    const drafted = new WriteEpoch(1, protection, { sequence: 5, cid: { ...cid, draft: true } });
    assert.equal(
      toHex(drafted.write(ContentType.applicationData, plaintext)),
      vectors.records.draft.toUpperCase(),
    );
  });

  it('D61: are read, with padding and without', () => {
    for (const record of [vectors.records.ccm8, vectors.records.padded]) {
      const opened = read(record);
      assert.deepEqual(opened, { type: ContentType.applicationData, plaintext, newest: true });
    }
  });

  it('D67: are read with the MAC of the drafts where that was agreed on, and not otherwise', () => {
    assert.equal(
      toHex(read(vectors.records.draft, true)?.plaintext ?? plaintext),
      toHex(plaintext),
    );
    assert.equal(read(vectors.records.draft), undefined);
    assert.equal(read(vectors.records.ccm8, true), undefined);
    const block = hex(vectors.draft.keyBlock);
    const live = new AeadProtection(suite.cipher, {
      key: block.subarray(0, 16),
      iv: block.subarray(32, 36),
      mac: new Uint8Array(),
    });
    const [record] = readRecords(hex(vectors.draft.record), () => {}, cidOctets.length);
    assert.ok(record);
    const opened = new ReadEpoch(live, { ...cid, draft: true }).read(record);
    assert.equal(opened?.type, ContentType.handshake);
    assert.equal(toHex(opened?.plaintext ?? plaintext), vectors.draft.plaintext.toUpperCase());
  });

  it('D61: that hold nothing but padding, or none of our types, are dropped', () => {
    for (const inner of [new Uint8Array(9), Uint8Array.of(1, 25), Uint8Array.of(1, 99, 0)]) {
      const header = {
        type: ContentType.tls12Cid,
        version: 0xfefd,
        epoch: 1,
        sequence: 5,
        cid: cidOctets,
      };
      const record = encodeRecord(header, protection.seal(header, inner));
      assert.equal(read(toHex(record)), undefined);
    }
  });
});

describe('connection IDs agreed on', () => {
  it('D60: are of one length, with the node’s prefix, and stand in every record both ways', async () => {
    const prefix = Uint8Array.of(7);
    const { bench, device, peer } = await connected({ connectionIds: { length: 9, prefix } });
    device.send('up');
    peer.send(utf8('down'));
    device.hear();
    assert.deepEqual(texts(bench), ['up']);
    assert.deepEqual(device.texts, ['down']);
    assert.deepEqual(types(device.sent.slice(-1), 9), [ContentType.tls12Cid]);
    assert.deepEqual(types(device.heard.slice(-1), 2), [ContentType.tls12Cid]);
    const facts = bench.server.connection(peer.id);
    assert.match(facts?.cid ?? '', /^07.{16}$/);
    assert.equal(facts?.peerCid, 'BEEF');
  });

  it('D62: go up alone where the client wants none', async () => {
    const { bench, device, peer } = await connected(withCids, own(''));
    device.send('up');
    peer.send(utf8('down'));
    device.hear();
    assert.deepEqual(texts(bench), ['up']);
    assert.deepEqual(device.texts, ['down']);
    assert.deepEqual(types(device.sent.slice(-1), 8), [ContentType.tls12Cid]);
    assert.deepEqual(types(device.heard.slice(-1), 0), [ContentType.applicationData]);
  });

  it('are none where the client does not offer them, or the server has them off', async () => {
    for (const [server, client] of [
      [withCids, {}],
      [{}, own('beef')],
    ] as const) {
      const bench = new Bench(server);
      const device = await new Device(bench, client).connect();
      device.send('up');
      assert.deepEqual(texts(bench), ['up']);
      assert.deepEqual(types(device.sent.slice(-1), 8), [ContentType.applicationData]);
      assert.equal(device.client.mayMove, false);
    }
  });

  it('D09: count as offered in the second hello alone', () => {
    const bench = new Bench(withCids);
    const base = [extension.renegotiationInfo(), extension.extendedMasterSecret()];
    const offer = extension.connectionId(ExtensionType.connectionId, hex('beef'));
    const client = new RawClient(bench, { hello: { extensions: [...base, offer] } });
    client.takeCookie(client.say(client.helloRecord(0, 0)));
    client.hello = { ...client.hello, extensions: base };
    const flight4 = client.say(client.helloRecord(1, 1));
    const [first] = recordsOf(only(flight4));
    assert.ok(first);
    const hello = decode('ServerHello', ServerHello, messageOf(first).body);
    assert.equal(new Extensions(hello.extensions).has(ExtensionType.connectionId), false);
    client.takeFlight4(flight4);
    client.finish();
    client.say(client.data('plain'));
    assert.deepEqual(texts(bench), ['plain']);
  });

  it('D63: must be in every record of epoch 1', async () => {
    const { bench, device } = await connected();
    const [record] = readRecords(device.held('with'), () => {}, 8);
    assert.ok(record);
    const { type: _, cid: __, ...header } = record;
    bench.say(encodeRecord({ ...header, type: ContentType.applicationData }, record.fragment));
    assert.deepEqual(texts(bench), []);
    assert.equal(bench.dropped('record without the connection ID'), 1);
  });

  it('D66: that nobody has are dropped without a word', async () => {
    const { bench, device } = await connected();
    for (let octet = 11; octet < 19; octet++) {
      const datagram = device.held('forged');
      datagram[octet] = (datagram[octet] ?? 0) ^ 1;
      assert.deepEqual(bench.say(datagram, elsewhere), []);
    }
    assert.deepEqual(texts(bench), []);
    assert.equal(bench.dropped('record of an unknown connection'), 8);
  });

  for (const type of [ExtensionType.connectionIdDeprecated, ExtensionType.connectionIdMbedTls2]) {
    it(`D67: of the drafts' code point ${type} are off, and say so readably`, async () => {
      const client = { connectionId: { own: hex('beef'), type } };
      const { bench, device } = await connected(withCids, client);
      assert.equal(device.client.mayMove, false);
      device.send('up');
      assert.deepEqual(texts(bench), ['up']);
      const told = bench.lines.filter(({ event }) => event.includes('draft'));
      assert.deepEqual(
        told.map(({ level, fields }) => [level, fields.extension]),
        [['info', type]],
      );
      await new Device(bench, { ...client, seed: 5, at: elsewhere }).connect();
      assert.equal(bench.lines.filter(({ event }) => event.includes('draft')).length, 1);
    });

    it(`D67: of the drafts' code point ${type} work where they are let in`, async () => {
      const client = { connectionId: { own: hex('beef'), type } };
      const drafts = { connectionIds: { length: 8, drafts: true } };
      const { bench, device, peer } = await connected(drafts, client);
      assert.equal(device.client.mayMove, true);
      device.send('up');
      peer.send(utf8('down'));
      device.hear();
      assert.deepEqual([texts(bench), device.texts], [['up'], ['down']]);
      const [record] = readRecords(device.held('tampered'), () => {}, 8);
      assert.equal(record?.type, ContentType.tls12Cid);
    });
  }

  it('may be used up: then a connection has none, and the server goes on', async () => {
    const octets = hex('0102030405060708');
    const cids = { length: 8, make: () => octets, knows: (cid: Uint8Array) => equal(cid, octets) };
    const bench = new Bench({ connectionIds: { length: 8, cids } });
    for (let seed = 1; seed <= 2; seed++) {
      const device = await new Device(bench, {
        ...own('beef'),
        seed,
        at: { address: '192.0.2.1', port: seed },
      }).connect();
      device.send(`from ${seed}`);
    }
    assert.deepEqual(texts(bench), ['from 1', 'from 2']);
    const told = bench.lines.filter(({ event }) => /connection IDs are used up/.test(event));
    assert.equal(told.length, 1);
    const facts = [...bench.server.connections()].map(({ cid }) => cid);
    assert.deepEqual(facts, [toHex(octets), undefined]);
  });

  it('tell themselves from made-up ones', () => {
    const options = { length: 8, prefix: Uint8Array.of(3), keys: [new Uint8Array(32)] as const };
    const cids = new TaggedCids({ ...options, random: seededRandom(1) });
    const cid = cids.make();
    assert.ok(cids.knows(cid));
    for (let at = 0; at < cid.length; at++) {
      assert.ok(!cids.knows(cid.with(at, (cid[at] ?? 0) ^ 1)), `octet ${at}`);
    }
    assert.throws(
      () => new TaggedCids({ ...options, length: 5, random: seededRandom(1) }),
      RangeError,
    );
  });
});

describe('an address that changes', () => {
  it('D64: is followed by the answers, and the peer stays the same', async () => {
    const { bench, device, peer } = await connected();
    device.send('here');
    device.address = elsewhere;
    device.send('there');
    assert.deepEqual(texts(bench), ['here', 'there']);
    assert.deepEqual(
      bench.delivered.map(([{ id }]) => id),
      [peer.id, peer.id],
    );
    peer.send(utf8('welcome'));
    device.hear();
    assert.deepEqual(device.texts, ['welcome']);
    assert.deepEqual(peer.address, elsewhere);
    assert.equal(bench.server.connection(peer.id)?.moves, 1);
  });

  it('D65: is not believed of a record that came before, or is older than the newest', async () => {
    const { bench, device, peer } = await connected();
    const first = device.held('first');
    const second = device.held('second');
    bench.say(second);
    bench.say(second, elsewhere);
    assert.deepEqual(peer.address, home);
    assert.equal(bench.dropped('record received before'), 1);
    bench.say(first, elsewhere);
    assert.deepEqual(texts(bench), ['second', 'first'], 'it counts all the same');
    assert.deepEqual(peer.address, home);
    const third = device.held('third');
    third[third.length - 1] = (third.at(-1) ?? 0) ^ 1;
    bench.say(third, elsewhere);
    assert.deepEqual(peer.address, home);
  });

  it('gets three times what came from it, until a round trip has shown that the device is there', async () => {
    const { bench, device, peer } = await connected();
    device.address = elsewhere;
    device.send('I moved, and this is as long as a short request');
    const length = device.sent.at(-1)?.length ?? 0;
    const room = peer.allowance;
    assert.ok(room > 0 && room < 3 * length);
    assert.ok(peer.maxPayload > 1000, 'the connection has room for more');
    peer.send(new Uint8Array(room + 1));
    assert.deepEqual(bench.heard(), [], 'more than it may get');
    peer.send(new Uint8Array(room));
    assert.equal(only(bench.heard()).length, 3 * length);
    assert.equal(peer.allowance, 0);
    peer.send(utf8('x'));
    assert.deepEqual(bench.heard(), []);
    const facts = bench.server.connection(peer.id);
    assert.equal(facts?.drops['more than an unconfirmed address may get'], 2);
    device.send('I heard you');
    assert.ok(peer.allowance > 1000);
    peer.send(new Uint8Array(1000));
    assert.equal(bench.heard().length, 1);
  });

  it('is not shown by a device that speaks on without having been spoken to', async () => {
    const { device, peer } = await connected();
    device.address = elsewhere;
    for (let n = 0; n < 3; n++) device.send('hello?');
    const sent = device.sent.slice(-3).reduce((sum, { length }) => sum + length, 0);
    assert.ok(peer.allowance < 3 * sent);
  });

  it('leaves the old one to whoever connects there', async () => {
    const { bench, device, peer } = await connected();
    const other = await new Device(bench, {
      ...own('cafe'),
      seed: 77,
      credential: { type: 'psk', ...psk },
    })
      .connect()
      .catch(() => undefined);
    assert.ok(other);
    // The same device, as far as its PSK tells, at the same address: it has begun anew.
    assert.deepEqual(bench.closed, [[peer, 'the client connected anew']]);
    device.send('old');
    assert.deepEqual(texts(bench), []);
  });

  it('Q17: may be given by a NAT to another device while the first lives on', async () => {
    const keys = new Map([
      ['dev1', [utf8('secretPSK')]],
      ['dev2', [utf8('anotherPSK')]],
    ]);
    const bench = new Bench({
      ...withCids,
      credentials: { psk: (identity) => keys.get(fromUtf8(identity)) ?? [] },
    });
    const first = await new Device(bench, own('01')).connect();
    const credential = { type: 'psk', identity: 'dev2', key: utf8('anotherPSK') } as const;
    const second = await new Device(bench, { ...own('02'), credential, seed: 5 }).connect();
    first.address = elsewhere;
    first.send('first');
    second.send('second');
    assert.deepEqual(texts(bench), ['first', 'second']);
    assert.deepEqual(bench.closed, []);
    assert.equal(bench.server.size.established, 2);
  });
});

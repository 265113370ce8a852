/** CoAP on a connection whose device moves, and on one that resumes another's session: DTLS tells CoAP who it is. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Address, addressText } from '../../src/base/address.ts';
import { hex, toHex, utf8 } from '../../src/base/bytes.ts';
import { silentLog } from '../../src/base/log.ts';
import { decode } from '../../src/coap/message.ts';
import { OptionNumber, optionOf } from '../../src/coap/options.ts';
import type { CoapPeer, CoapRequest } from '../../src/coap/request.ts';
import { CoapServer } from '../../src/coap/server.ts';
import { DtlsClient, type DtlsClientOptions } from '../../src/dtls/client.ts';
import type { DtlsPeer } from '../../src/dtls/server.ts';
import { bodyOf } from '../coap/conversation.ts';
import { Bench, psk } from '../dtls/support/bench.ts';
import { seededRandom } from '../support/seeded.ts';

const answer = bodyOf(3_000);
const hour = 3600_000;

/** CON POST /x, message ID and token as given; an option may follow. */
const post = (mid: string, token: string, option = '') => hex(`4102${mid}${token}b178${option}`);

/** A server that answers a POST with 3,000 octets, and a device of which the test says where it is. */
function setUp(answersPings = true) {
  let pings = 0;
  const requests: CoapRequest[] = [];
  const bench: Bench = new Bench({
    connectionIds: { length: 8 },
    resumption: { lifetime: 24 * hour, tickets: true, skipCookie: false, ceiling: 100 },
    deliver: (peer, data) => coap.receive(coapPeer(peer), data),
    closed: (peer) => coap.forget(coapPeer(peer)),
    send: (datagram, to) => {
      if (addressText(to) === addressText(here)) device?.receive(datagram.slice());
      else elsewhere.push(datagram);
    },
  });
  const coap = new CoapServer<CoapPeer>({
    clock: bench.clock,
    random: seededRandom(4),
    log: silentLog(),
    handle: (request) => {
      requests.push(request);
      return { code: '2.05', body: answer };
    },
  });
  let here: Address = { address: '192.0.2.1', port: 40_000 };
  let device: DtlsClient | undefined;
  const heard: Uint8Array[] = [];
  const elsewhere: Uint8Array[] = [];

  const connect = async (options: Partial<DtlsClientOptions> = {}) => {
    const client = new DtlsClient({
      credential: { type: 'psk', ...psk },
      clock: bench.clock,
      random: seededRandom(5 + here.port),
      log: silentLog(),
      send: (datagram) => bench.server.receive(datagram.slice(), here),
      deliver: (data) => {
        const [first, code, ...messageId] = data;
        if (first === 0x40 && code === 0) {
          pings++;
          if (answersPings) client.send(Uint8Array.of(0x70, 0, ...messageId));
        } else heard.push(data.slice());
      },
      ...options,
    });
    device = client;
    await client.connect();
    return client;
  };
  const move = () => {
    here = { ...here, port: here.port + 1 };
  };
  /** Says something, and hears what comes of it. */
  const ask = async (message: Uint8Array): Promise<readonly Uint8Array[]> => {
    device?.send(message);
    await bench.clock.turn(100);
    return heard.splice(0);
  };
  return { bench, requests, elsewhere, connect, move, ask, pings: () => pings };
}

/** The device's name as CoAP is given it. */
function coapPeer(peer: DtlsPeer): CoapPeer {
  const { id, credential, maxPayload } = peer;
  const identity = credential.type === 'psk' ? { identity: credential.identity } : {};
  return {
    id,
    maxPayload,
    ...identity,
    get allowance() {
      return peer.allowance;
    },
    send: (message) => peer.send(message),
  };
}

/** Its block, as the hex of Block2, and its payload. */
function blockIn(
  bytes: Uint8Array | undefined,
): readonly [code: string, block2: string, of: Uint8Array] {
  const { code, options, payload } = decode(bytes ?? assert.fail('silence, where a block is due'));
  return [code, toHex(optionOf(options, OptionNumber.block2) ?? utf8('')), payload.slice()];
}

describe('a device that moves within its connection', () => {
  it('C10, D64: gets the same octets for a CON that it repeats from another address, which is not run again', async () => {
    const { connect, move, ask, requests, pings, elsewhere } = setUp();
    await connect({ connectionId: { own: new Uint8Array() } });
    const first = await ask(post('0007', '01'));
    assert.equal(first.length, 1);
    move();
    assert.deepEqual(await ask(post('0007', '01')), first);
    assert.deepEqual([requests.length, pings(), elsewhere.length], [1, 1, 0]);
  });

  it('C10: gets them when it repeats the CON once more, where it knows no ping', async () => {
    const { connect, move, ask, requests, pings } = setUp(false);
    await connect({ connectionId: { own: new Uint8Array() } });
    const first = await ask(post('0007', '01'));
    move();
    assert.deepEqual(await ask(post('0007', '01')), []);
    assert.equal(pings(), 1);
    assert.deepEqual(await ask(post('0007', '01')), first);
    assert.deepEqual([requests.length, pings()], [1, 1]);
  });

  it('gets small answers at once, without a ping', async () => {
    const { connect, move, ask, pings } = setUp();
    await connect({ connectionId: { own: new Uint8Array() } });
    move();
    // Block2 0/0/64: an answer of 64 octets and its options.
    const [code, block2, payload] = blockIn((await ask(post('0009', '01', 'c102')))[0]);
    assert.deepEqual([code, block2, payload.length, pings()], ['2.05', '0A', 64, 0]);
  });

  it('C10: goes on with an answer in blocks from another address at each', async () => {
    const { connect, move, ask, requests } = setUp();
    await connect({ connectionId: { own: new Uint8Array() } });
    const [, , start] = blockIn((await ask(post('0001', '01')))[0]);
    const found = [start];
    for (const [i, option, block2] of [
      [1, 'c116', '1E'],
      [2, 'c126', '26'],
    ] as const) {
      move();
      const [code, block, payload] = blockIn((await ask(post(`000${i + 1}`, '02', option)))[0]);
      assert.deepEqual([code, block], ['2.05', block2]);
      found.push(payload);
    }
    assert.deepEqual(new Uint8Array(Buffer.concat(found)), answer);
    assert.equal(requests.length, 1);
  });

  it('is not heard from there without a connection ID', async () => {
    const { connect, move, ask, requests, elsewhere } = setUp();
    await connect();
    assert.equal((await ask(post('0007', '01'))).length, 1);
    move();
    assert.equal((await ask(post('0007', '01'))).length, 0);
    assert.deepEqual([requests.length, elsewhere.length], [1, 0]);
  });
});

describe('a device that resumes its session in another connection', () => {
  it('goes on with its answer in blocks; message IDs begin anew', async () => {
    const { connect, move, ask, requests } = setUp();
    const before = await connect();
    const [, , start] = blockIn((await ask(post('0001', '01')))[0]);
    const resume = before.session ?? assert.fail('there is nothing to resume');
    move();
    const after = await connect({ resume });
    assert.ok(after.resumed);
    const found = [start];
    for (const [mid, option] of [
      ['0001', 'c116'], // a message ID of the connection before
      ['0002', 'c126'],
    ] as const) {
      found.push(blockIn((await ask(post(mid, '01', option)))[0])[2]);
    }
    assert.deepEqual(new Uint8Array(Buffer.concat(found)), answer);
    assert.equal(requests.length, 1);
  });
});

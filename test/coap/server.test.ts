/** The message layer of RFC 7252 as conversations. Names bear the rows of the conformance list. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fromUtf8, hex, utf8 } from '../../src/base/bytes.ts';
import { CoapError } from '../../src/coap/codes.ts';
import { decode } from '../../src/coap/message.ts';
import type { CoapResponse } from '../../src/coap/request.ts';
import { settled } from '../support/hand-clock.ts';
import { bodyOf, conversation, nothing, promised } from './conversation.ts';

const GET = { type: 'CON', code: '0.01', mid: 1, token: '01', path: 'x' } as const;
const POST = { ...GET, code: '0.02' } as const;
const empty = new Uint8Array();

/** A server whose handler waits until the test ends it. */
function slow() {
  const answer = promised<CoapResponse>();
  const talk = conversation({ handle: () => answer.promise });
  return { ...talk, answers: (response: CoapResponse) => answer.resolve(response) };
}

describe('CoAP server: format and addressing', () => {
  for (const bytes of [
    '49010001010203040506070809',
    '40010001ff',
    '40010001b5aa',
    '4401000101',
    '4100000101',
  ]) {
    it(`C02 resets the CON ${bytes}, ignores it as a NON`, async () => {
      const { peer, requests, drops } = conversation();
      const messageId = bytes.slice(4, 8);
      peer.saysBytes(hex(bytes));
      assert.deepEqual(await peer.hearsBytes(), hex(`7000${messageId}`));
      peer.saysBytes(hex(`5${bytes.slice(1)}`));
      await peer.hearsNothing();
      assert.equal(requests.length, 0);
      assert.equal(drops.of('coap: malformed message'), 2);
    });
  }

  for (let length = 9; length <= 15; length++) {
    it(`C02 resets a CON with a token of ${length} octets, ignores it as NON, ACK and RST`, async () => {
      const { peer, requests } = conversation();
      const bytes = (type: number) =>
        Uint8Array.of((type << 4) | length, 1, 0, 7, ...Array(20).fill(1));
      peer.saysBytes(bytes(4));
      assert.deepEqual(await peer.hearsBytes(), hex('70000007'));
      for (const type of [5, 6, 7]) peer.saysBytes(bytes(type));
      await peer.hearsNothing();
      assert.equal(requests.length, 0);
    });
  }

  it('C02 ignores other versions and short datagrams', async () => {
    const { peer } = conversation();
    for (const bytes of ['', '40', '400100', '00010001', '80010001', 'c0010001']) {
      peer.saysBytes(hex(bytes));
    }
    await peer.hearsNothing();
  });

  // CON [0x1234] Empty →   ← RST [0x1234]
  it('C03 answers a ping with RST', async () => {
    const { peer } = conversation();
    peer.saysBytes(hex('40001234'));
    assert.deepEqual(await peer.hearsBytes(), hex('70001234'));
    peer.saysBytes(hex('50001234'));
    await peer.hearsNothing();
  });

  it('C04 acknowledges a GET in the bytes of the sheet', async () => {
    const { peer } = conversation({
      handle: () => ({ code: '2.05', body: utf8('hello x 0') }),
    });
    peer.saysBytes(hex('4101392001b178'));
    assert.deepEqual(await peer.hearsBytes(), hex('6145392001ff68656c6c6f20782030'));
  });

  for (let length = 0; length <= 8; length++) {
    it(`C04 echoes a token of ${length} octets`, async () => {
      const { peer } = conversation();
      const token = 'a1a2a3a4a5a6a7a8'.slice(0, 2 * length);
      peer.says({ ...GET, token });
      await peer.hears({ type: 'ACK', mid: 1, token, code: '2.04' });
    });
  }

  it('hands on method, path, query, formats and body', async () => {
    const { peer, requests } = conversation();
    peer.says({
      ...POST,
      path: 'gsma/rsp2',
      contentFormat: 42,
      options: [
        { number: 15, value: utf8('a=ä') },
        { number: 17, value: Uint8Array.of(60) },
      ],
      payload: utf8('body'),
    });
    await peer.hears({ type: 'ACK', code: '2.04' });
    const { peer: _, ...request } = requests[0] ?? assert.fail('no request');
    assert.deepEqual(request, {
      method: 'POST',
      path: ['gsma', 'rsp2'],
      query: ['a=ä'],
      contentFormat: 42,
      accept: 60,
      body: utf8('body'),
    });
  });

  it('writes format, Max-Age and payload of the response', async () => {
    const { peer } = conversation({
      handle: () => ({ code: '2.05', contentFormat: 0, maxAge: 300, body: utf8('z') }),
    });
    peer.says(GET);
    await peer.hears({ type: 'ACK', contentFormat: 0, maxAge: 300, payload: utf8('z') });
  });

  it('refuses a path that is not UTF-8', async () => {
    const { peer, requests } = conversation();
    peer.says({ ...GET, path: '', options: [{ number: 11, value: hex('ff') }] });
    await peer.hears({ type: 'ACK', code: '4.02' });
    assert.equal(requests.length, 0);
  });
});

describe('CoAP server: errors', () => {
  it('makes a CoapError its code with a short text', async () => {
    const { peer } = conversation({
      handle: () => {
        throw new CoapError('5.03', `later ${'ä'.repeat(500)}`, { maxAge: 60 });
      },
    });
    peer.says(GET);
    const { payload = empty } = await peer.hears({ type: 'ACK', code: '5.03', maxAge: 60 });
    assert.equal(fromUtf8(payload), `later ${'ä'.repeat(94)}`);
  });

  for (const code of [
    '4.01',
    '4.03',
    '4.04',
    '4.05',
    '4.06',
    '4.15',
    '4.29',
    '5.01',
    '5.03',
  ] as const) {
    it(`C14 says ${code} where the handler does, in a CON and in a NON`, async () => {
      const { peer } = conversation({
        handle: () => {
          throw new CoapError(code, 'why');
        },
      });
      peer.says(POST);
      await peer.hears({ type: 'ACK', mid: 1, token: '01', code, payload: utf8('why') });
      peer.says({ ...POST, type: 'NON', mid: 2 });
      await peer.hears({ type: 'NON', token: '01', code, payload: utf8('why') });
    });
  }

  it('makes any other error 5.00 and tells the peer nothing of it', async () => {
    const { peer } = conversation({ handle: () => Promise.reject(new Error('the secret')) });
    peer.says(GET);
    await peer.hears({ type: 'ACK', code: '5.00', payload: empty });
  });

  for (const [number, value] of [
    [1, ''], // If-Match
    [5, ''], // If-None-Match
    [9, '00'], // OSCORE
    [19, '08'], // Q-Block1
    [31, ''], // Q-Block2
    [65001, ''],
    [17, '010203'], // Accept, longer than it may be
    [23, '01020304'], // Block2, longer than it may be
    [27, '01020304'], // Block1, longer than it may be
    [7, '010203'], // Uri-Port, longer than it may be
    [3, ''], // Uri-Host, shorter than it may be
  ] as const) {
    it(`C13 refuses the critical option ${number} in a CON, ignores the NON`, async () => {
      const { peer, requests } = conversation({ parameters: { qBlock: false } });
      const options = [{ number, value: hex(value) }];
      peer.says({ ...GET, options });
      await peer.hears({ type: 'ACK', mid: 1, token: '01', code: '4.02' });
      peer.says({ ...GET, type: 'NON', mid: 2, options });
      await peer.hearsNothing();
      assert.equal(requests.length, 0);
    });
  }

  // go-coap #664: of two Block2 options the first was believed.
  for (const number of [3, 7, 17, 19, 23, 27]) {
    it(`C13 refuses a second option ${number}, which may stand once only`, async () => {
      const { peer, requests } = conversation();
      const option = { number, value: hex('06') };
      peer.says({ ...GET, options: [option, option] });
      await peer.hears({ type: 'ACK', code: '4.02' });
      assert.equal(requests.length, 0);
    });
  }

  it('C13 ignores a second elective option that may stand once only', async () => {
    const { peer, requests } = conversation();
    const formats = ['2a', '3c'].map((value) => ({ number: 12, value: hex(value) }));
    peer.says({ ...GET, options: formats });
    await peer.hears({ type: 'ACK', code: '2.04' });
    assert.equal(requests[0]?.contentFormat, 42);
  });

  it('C13 ignores elective options: Observe, Hop-Limit, Echo, an unknown one, a format too long', async () => {
    const { peer, requests } = conversation();
    const options = [6, 16, 252, 2050].map((number) => ({ number, value: hex('01') }));
    peer.says({ ...GET, options: [...options, { number: 12, value: hex('010203') }] });
    await peer.hears({ type: 'ACK', code: '2.04' });
    assert.equal(requests[0]?.contentFormat, undefined);
  });

  for (const number of [35, 39]) {
    it(`C14 is no proxy (option ${number})`, async () => {
      const { peer, requests } = conversation();
      peer.says({ ...GET, options: [{ number, value: utf8('coap') }] });
      await peer.hears({ type: 'ACK', code: '5.05' });
      assert.equal(requests.length, 0);
    });
  }

  it('C15 answers an unknown method with 4.05', async () => {
    const { peer, requests } = conversation();
    peer.says({ ...GET, code: '0.31' });
    await peer.hears({ type: 'ACK', code: '4.05' });
    assert.equal(requests.length, 0);
  });

  for (const code of ['1.00', '2.05', '3.01', '5.00', '6.00', '7.00']) {
    it(`C15 resets a CON of code ${code}, ignores NON, ACK and RST`, async () => {
      const { peer, requests } = conversation();
      peer.says({ type: 'CON', code, mid: 7, token: '01' });
      assert.deepEqual(await peer.hearsBytes(), hex('70000007'));
      for (const type of ['NON', 'ACK', 'RST'] as const) {
        peer.says({ type, code, mid: 8, token: '01' });
      }
      await peer.hearsNothing();
      assert.equal(requests.length, 0);
    });
  }

  for (const [noResponse, code, silent] of [
    ['1a', '2.04', true],
    ['02', '2.04', true],
    ['08', '2.04', false],
    ['', '2.04', false],
    ['08', '4.04', true],
    ['02', '4.04', false],
    ['10', '5.03', true],
    ['08', '5.03', false],
    ['18', '5.03', true],
    ['1a', '5.03', true],
    ['10', '2.04', false],
    ['05', '2.04', false], // bits that mean nothing
  ] as const) {
    it(`C16 No-Response '${noResponse}' with ${code}`, async () => {
      const { peer } = conversation({
        handle: () => {
          if (code === '2.04') return { code };
          throw new CoapError(code, '');
        },
      });
      const options = [{ number: 258, value: hex(noResponse) }];
      peer.says({ ...POST, options });
      await peer.hears({ type: 'ACK', mid: 1, code: silent ? '0.00' : code });
      peer.says({ ...POST, type: 'NON', mid: 2, options });
      if (silent) await peer.hearsNothing();
      else await peer.hears({ type: 'NON', code });
    });
  }
});

describe('CoAP server: duplicates (RFC 7252 section 4.5)', () => {
  // CON [1] POST →   ← ACK [1] 2.04        three times; the handler runs once
  it('C05 gives a duplicate the same bytes', async () => {
    let count = 0;
    const { peer, requests, drops } = conversation({
      handle: () => ({ code: '2.04', body: utf8(`run ${++count}`) }),
    });
    peer.says(POST);
    const first = await peer.hearsBytes();
    for (let i = 0; i < 2; i++) {
      peer.says(POST);
      assert.deepEqual(await peer.hearsBytes(), first);
    }
    assert.equal(requests.length, 1);
    assert.equal(drops.of('coap: duplicate'), 2);
  });

  it('C05 takes the message ID of another peer for another message', async () => {
    const { peer, newPeer, requests } = conversation();
    const other = newPeer('other');
    peer.says(POST);
    other.says(POST);
    await peer.hears({ type: 'ACK', mid: 1 });
    await other.hears({ type: 'ACK', mid: 1 });
    assert.equal(requests.length, 2);
  });

  it('takes a message ID with another token for another message', async () => {
    const { peer, requests } = conversation();
    peer.says(POST);
    await peer.hears({ type: 'ACK', mid: 1, token: '01' });
    peer.says({ ...POST, token: '02' });
    await peer.hears({ type: 'ACK', mid: 1, token: '02' });
    assert.equal(requests.length, 2);
  });

  // CON [1] POST →   CON [1] POST →   ← ACK [1]   …   ← CON [m] 2.04   ACK [m] →
  it('C06 acknowledges a duplicate while the handler runs, and runs it once', async () => {
    const { peer, requests, answers } = slow();
    peer.says(POST);
    await peer.hearsNothing();
    peer.says(POST);
    assert.deepEqual(await peer.hearsBytes(), hex('60000001'));
    peer.says(POST);
    assert.deepEqual(await peer.hearsBytes(), hex('60000001'));
    answers({ code: '2.04' });
    const { mid = 0 } = await peer.hears({ type: 'CON', token: '01', code: '2.04' });
    peer.says({ type: 'ACK', mid });
    peer.says(POST);
    assert.deepEqual(await peer.hearsBytes(), hex('60000001'));
    assert.equal(requests.length, 1);
  });

  it('C06 C09 says nothing to a NON that comes again, before and after its answer', async () => {
    const { peer, requests, answers } = slow();
    peer.says({ ...POST, type: 'NON' });
    peer.says({ ...POST, type: 'NON' });
    await peer.hearsNothing();
    answers({ code: '2.04' });
    await peer.hears({ type: 'NON', code: '2.04' });
    peer.says({ ...POST, type: 'NON' });
    await peer.hearsNothing();
    assert.equal(requests.length, 1);
  });

  it('C11 remembers a message ID for 247 s and no longer', async () => {
    const { peer, clock, requests } = conversation();
    peer.says(POST);
    await clock.turn(246_999);
    peer.says(POST);
    assert.equal(requests.length, 1);
    await clock.turn(2);
    peer.says(POST);
    assert.equal(requests.length, 2);
  });

  it('C11 remembers so many of a peer, and not those of a peer long silent', async () => {
    const { peer, server, clock, requests } = conversation({ limits: { messagesPerPeer: 10 } });
    for (let mid = 0; mid < 100; mid++) {
      peer.says({ ...POST, mid });
      await peer.hears({ type: 'ACK', mid, code: '2.04' });
    }
    assert.equal(server.held.messages, 10);
    peer.says({ ...POST, mid: 99 });
    assert.equal(requests.length, 100);
    await clock.turn(2 * 247_000);
    assert.deepEqual(server.held, { ...nothing, links: 1 });
    assert.equal(clock.pending, 0);
  });

  it('C11 remembers the messages of a peer that speaks on, each for its 247 s', async () => {
    const { peer, clock, requests } = conversation();
    for (let mid = 1; mid <= 10; mid++) {
      peer.says({ ...POST, mid });
      await clock.turn(100_000);
      peer.says({ ...POST, mid }); // a duplicate, 100 s old
      await clock.turn(100_000);
    }
    assert.equal(requests.length, 10);
  });

  it('C11 remembers so many peers', async () => {
    const { newPeer, server } = conversation({ limits: { peers: 10 } });
    for (let i = 0; i < 100; i++) newPeer(`peer ${i}`).says(POST);
    await settled();
    assert.ok(server.held.peers <= 10);
  });

  it('C11 remembers so many octets of answers', async () => {
    const { newPeer, server } = conversation({
      handle: () => ({ code: '2.05', body: new Uint8Array(1000) }),
      limits: { answeredOctets: 20_000 },
    });
    for (let i = 0; i < 100; i++) newPeer(`peer ${i}`).says(POST);
    await settled();
    assert.ok(server.held.messages <= 20);
  });

  it('C10 knows a duplicate by the peer, wherever the peer is now', async () => {
    const { newPeer, requests } = conversation();
    newPeer('device').says(POST);
    await settled();
    const moved = newPeer('device');
    moved.says(POST);
    await moved.hears({ type: 'ACK', mid: 1, code: '2.04' });
    assert.equal(requests.length, 1);
  });

  it('C11 does not forget a request whose handler runs', async () => {
    const answer = promised<CoapResponse>();
    let count = 0;
    const { peer } = conversation({
      handle: () => (++count === 1 ? answer.promise : { code: '2.04' }),
      limits: { messagesPerPeer: 4 },
    });
    peer.says({ ...POST, mid: 1000 });
    for (let mid = 0; mid < 50; mid++) {
      peer.says({ ...POST, mid });
      await peer.hears({ type: 'ACK', mid, code: '2.04' });
    }
    peer.says({ ...POST, mid: 1000 });
    await peer.hears({ type: 'ACK', mid: 1000, code: '0.00' });
    assert.equal(count, 51);
  });

  for (const kind of ['CON', 'NON'] as const) {
    it(`C11 gives a Message ID of a ${kind} that comes with another token to the new request`, async () => {
      const { peer, server, requests } = conversation();
      for (const token of ['01', '02', '02', '01']) {
        peer.says({ ...POST, type: kind, token });
        await settled();
      }
      assert.equal(requests.length, 3);
      assert.equal(server.held.messages, 1);
    });
  }

  // Answers of a few octets and of many, at once and late, of CONs and NONs are kept in different ways.
  it('C11 forgets the oldest of a peer first, whatever its answer was', async () => {
    const bodies = [0, 300, 10, 0, 900, 20, 0, 0];
    const { peer, server, clock, requests } = conversation({
      handle: ({ query: [index] }) => {
        const response = {
          code: '2.05',
          body: new Uint8Array(bodies[Number(index)] ?? 0),
        } as const;
        return Number(index) % 3 === 0 ? Promise.resolve(response) : response;
      },
      limits: { messagesPerPeer: 4 },
    });
    const says = async (mid: number) => {
      const options = [{ number: 15, value: utf8(`${mid % bodies.length}`) }];
      peer.says({ ...GET, type: mid % 5 === 0 ? 'NON' : 'CON', mid, options });
      await clock.turn(10);
    };
    for (let mid = 1; mid <= 40; mid++) {
      await says(mid);
      assert.equal(server.held.messages, Math.min(4, mid));
      const before = requests.length;
      for (let latest = Math.max(1, mid - 3); latest <= mid; latest++) await says(latest);
      assert.equal(requests.length, before);
    }
    await says(36);
    assert.equal(requests.length, 41);
  });

  it('C20 sets one timer for ten thousand requests', async () => {
    const { newPeer, clock, requests } = conversation();
    for (let i = 0; i < 10_000; i++) newPeer(`peer ${i}`).says(POST);
    await settled();
    assert.equal(requests.length, 10_000);
    assert.equal(clock.pending, 1);
  });
});

describe('CoAP server: separate responses (RFC 7252 section 5.2.2)', () => {
  /*
   * CON [1] POST →          1.5 s    ← ACK [1]
   *                         20 s     ← CON [m] 2.04, again after 2-3 s, twice that, …
   * ACK [m] →                        silence
   */
  it('C07 acknowledges after 1.5 s, answers in a CON, repeats it until its ACK', async () => {
    const { peer, clock, requests, answers } = slow();
    peer.says(POST);
    await clock.turn(1_499);
    await peer.hearsNothing();
    await clock.turn(1);
    assert.deepEqual(await peer.hearsBytes(), hex('60000001'));
    await clock.turn(20_000);
    answers({ code: '2.04', body: utf8('done') });
    const first = await peer.hearsBytes();
    const { type, messageId, token, code } = decode(first);
    assert.deepEqual([type, token, code], ['CON', hex('01'), '2.04']);
    await clock.turn(1_999);
    await peer.hearsNothing();
    await clock.turn(1_001);
    assert.deepEqual(await peer.hearsBytes(), first);
    await clock.turn(6_000);
    assert.deepEqual(await peer.hearsBytes(), first);
    peer.says({ type: 'ACK', mid: messageId });
    await clock.turn(200_000);
    await peer.hearsNothing();
    assert.equal(requests.length, 1);
  });

  it('C07 stops at a RST', async () => {
    const { peer, clock, answers } = slow();
    peer.says(POST);
    await clock.turn(1_500);
    await peer.hears({ type: 'ACK', code: '0.00' });
    answers({ code: '2.04' });
    const { mid = 0 } = await peer.hears({ type: 'CON', code: '2.04' });
    peer.says({ type: 'RST', mid });
    await clock.turn(200_000);
    await peer.hearsNothing();
  });

  it('C07 gives up after four retransmissions', async () => {
    const { peer, clock, answers } = slow();
    peer.says(POST);
    await clock.turn(1_500);
    await peer.hears({ type: 'ACK', code: '0.00' });
    answers({ code: '2.04' });
    await settled();
    await clock.turn(93_000);
    assert.equal(peer.sent.length, 5);
  });

  it('C07 repeats it, and answers others, when somebody sets the clock back meanwhile', async () => {
    const { peer, clock, answers } = slow();
    peer.says(POST);
    await clock.turn(1_500);
    await peer.hears({ type: 'ACK', code: '0.00' });
    answers({ code: '2.04' });
    await settled();
    clock.set(-3_600_000);
    await clock.turn(93_000);
    assert.equal(peer.sent.length, 5);
  });

  it('C07 is not stopped by an ACK of another message', async () => {
    const { peer, clock, answers, drops } = slow();
    peer.says(POST);
    await clock.turn(1_500);
    await peer.hears({ type: 'ACK', code: '0.00' });
    answers({ code: '2.04' });
    const { mid = 0 } = await peer.hears({ type: 'CON', code: '2.04' });
    peer.says({ type: 'ACK', mid: (mid + 1) % 65536 });
    await clock.turn(3_000);
    await peer.hears({ type: 'CON', mid, code: '2.04' });
    assert.equal(drops.of('coap: ACK or RST of nothing'), 1);
  });

  it('C07 answers piggybacked where the handler is in time', async () => {
    const { peer, clock, answers } = slow();
    peer.says(POST);
    await clock.turn(1_400);
    answers({ code: '2.04' });
    await peer.hears({ type: 'ACK', mid: 1, code: '2.04' });
    await clock.turn(200_000);
    await peer.hearsNothing();
  });

  it('C09 answers a NON with a NON, in time or late, and never acknowledges it', async () => {
    const { peer, clock, answers } = slow();
    peer.says({ ...POST, type: 'NON' });
    await clock.turn(60_000);
    await peer.hearsNothing();
    answers({ code: '2.04' });
    const { mid } = await peer.hears({ type: 'NON', token: '01', code: '2.04' });
    assert.notEqual(mid, 1);
    await clock.turn(200_000);
    await peer.hearsNothing();
  });

  // Two slow requests: the second response waits for the ACK of the first.
  it('C18 has one unacknowledged CON towards a peer', async () => {
    const { peer, clock } = conversation({
      handle: async ({ path }) => {
        await new Promise<void>((resolve) => clock.after(5_000, resolve));
        return { code: '2.05', body: utf8(path.join('/')) };
      },
    });
    peer.says({ ...GET, mid: 1, path: 'a' });
    peer.says({ ...GET, mid: 2, token: '02', path: 'b' });
    await clock.turn(1_500);
    await peer.hears({ type: 'ACK', mid: 1, code: '0.00' });
    await peer.hears({ type: 'ACK', mid: 2, code: '0.00' });
    await clock.turn(3_500);
    const { mid = 0 } = await peer.hears({ type: 'CON', token: '01', payload: utf8('a') });
    await peer.hearsNothing();
    peer.says({ type: 'ACK', mid });
    const second = await peer.hears({ type: 'CON', token: '02', payload: utf8('b') });
    peer.says({ type: 'ACK', mid: second.mid ?? 0 });
    await clock.turn(200_000);
    await peer.hearsNothing();
  });

  it('C18 lets so many responses wait for their turn', async () => {
    const answer = promised<CoapResponse>();
    const { peer, clock } = conversation({
      handle: () => answer.promise,
      limits: { waitingPerPeer: 2 },
    });
    for (let mid = 0; mid < 6; mid++) peer.says({ ...POST, mid });
    await clock.turn(1_500);
    peer.sent.length = 0;
    answer.resolve({ code: '2.04' });
    for (let i = 0; i < 3; i++) {
      const { mid = 0 } = await peer.hears({ type: 'CON', code: '2.04' });
      peer.says({ type: 'ACK', mid });
    }
    await peer.hearsNothing();
  });

  it('answers 5.03 to a peer with too many requests under way', async () => {
    const { peer, requests } = conversation({
      handle: () => new Promise(() => {}),
      limits: { runningPerPeer: 2 },
    });
    for (let mid = 1; mid <= 3; mid++) peer.says({ ...POST, mid });
    await peer.hears({ type: 'ACK', mid: 3, code: '5.03', maxAge: 5 });
    assert.equal(requests.length, 2);
  });

  it('says nothing more to a peer that is forgotten', async () => {
    const { peer, server, clock, answers } = slow();
    peer.says(POST);
    server.forget(peer);
    await clock.turn(2_000);
    answers({ code: '2.04' });
    await clock.turn(200_000);
    await peer.hearsNothing();
    assert.equal(server.held.peers, 0);
  });

  it('stops repeating when the peer is forgotten, and when the server closes', async () => {
    for (const end of ['forget', 'close'] as const) {
      const { peer, server, clock, answers } = slow();
      peer.says(POST);
      await clock.turn(1_500);
      answers({ code: '2.04' });
      await settled();
      peer.sent.length = 0;
      if (end === 'forget') server.forget(peer);
      else server.close();
      await clock.turn(200_000);
      await peer.hearsNothing();
    }
  });

  it('outlives a peer whose send throws', async () => {
    const { peer } = conversation();
    peer.send = () => {
      throw new Error('closed');
    };
    peer.says(POST);
    peer.saysBytes(hex('40001234'));
    await settled();
  });
});

describe('CoAP server: a peer at an address that is not confirmed', () => {
  const large = new Uint8Array(500);
  const moved = () => {
    const talk = conversation({ handle: () => ({ code: '2.05', body: large }) });
    talk.peer.allowance = 100;
    return talk;
  };

  // CON [1] POST →   ← CON [m] Empty   RST [m] →   ← ACK [1] 2.05
  it('is pinged, and gets its answer after the RST', async () => {
    const { peer, requests, drops } = moved();
    peer.says(POST);
    const { mid = 0 } = await peer.hears({ type: 'CON', code: '0.00', token: '' });
    await peer.hearsNothing();
    peer.allowance = Number.POSITIVE_INFINITY;
    peer.says({ type: 'RST', mid });
    await peer.hears({ type: 'ACK', mid: 1, code: '2.05', payload: large });
    await peer.hearsNothing();
    assert.equal(requests.length, 1);
    assert.equal(drops.of('coap: ACK or RST of nothing'), 0);
  });

  it('gets it once where it repeats its request instead, and with it what else it waits for', async () => {
    const { peer, requests } = moved();
    peer.says(POST);
    await peer.hears({ type: 'CON', code: '0.00' });
    peer.says({ ...POST, mid: 2, token: '02' });
    await peer.hearsNothing(); // one ping is enough
    peer.allowance = Number.POSITIVE_INFINITY;
    peer.says(POST);
    await peer.hears({ type: 'ACK', mid: 2, code: '2.05' });
    await peer.hears({ type: 'ACK', mid: 1, code: '2.05' });
    await peer.hearsNothing();
    assert.equal(requests.length, 2);
  });

  it('is pinged again later, and waits for no more than so many answers', async () => {
    const { peer, clock } = moved();
    for (let mid = 1; mid <= 20; mid++) {
      peer.says({ ...POST, mid });
      await settled();
    }
    await peer.hears({ type: 'CON', code: '0.00' });
    await clock.turn(10_000);
    peer.says({ ...POST, mid: 21 });
    await peer.hears({ type: 'CON', code: '0.00' });
    peer.allowance = Number.POSITIVE_INFINITY;
    peer.says({ type: 'CON', code: '0.00', mid: 99 });
    await peer.hears({ type: 'RST', mid: 99 });
    for (let mid = 6; mid <= 21; mid++) await peer.hears({ type: 'ACK', mid, code: '2.05' });
    await peer.hearsNothing();
  });

  it('gets it once where its request was repeated before the answer can have been there', async () => {
    const { peer, clock } = conversation({ handle: () => ({ code: '2.05', body: bodyOf(3_000) }) });
    const GET = { type: 'CON', code: '0.01', path: 'x', token: '01' } as const;
    peer.says({ ...GET, mid: 1 });
    await peer.hears({ type: 'ACK', mid: 1, block2: [0, 1, 1024] });
    await clock.turn(6_000); // a round trip
    peer.allowance = 100;
    const again = { ...GET, mid: 2, block2: [1, 0, 1024] } as const;
    peer.says(again);
    const { mid = 0 } = await peer.hears({ type: 'CON', code: '0.00' });
    await clock.turn(6_000);
    peer.allowance = Number.POSITIVE_INFINITY;
    peer.says({ type: 'RST', mid });
    await peer.hears({ type: 'ACK', mid: 2, block2: [1, 1, 1024] });
    await clock.turn(3_000);
    peer.says(again);
    await peer.hearsNothing();
    await clock.turn(6_000);
    peer.says(again); // so that one was lost
    await peer.hears({ type: 'ACK', mid: 2, block2: [1, 1, 1024] });
  });

  it('gets what is small at once', async () => {
    const { peer } = conversation();
    peer.allowance = 20;
    peer.says(POST);
    await peer.hears({ type: 'ACK', mid: 1, code: '2.04' });
    await peer.hearsNothing();
  });

  it('is sent nothing once it is forgotten', async () => {
    const { peer, server } = moved();
    peer.says(POST);
    await peer.hears({ type: 'CON', code: '0.00' });
    server.forget(peer);
    peer.allowance = Number.POSITIVE_INFINITY;
    peer.says({ type: 'NON', code: '0.00', mid: 5 });
    await peer.hearsNothing();
  });
});

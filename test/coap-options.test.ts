/** The bounds of memory that the settings name, put to the test by devices that leave everything half done. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { coapOptions } from '../src/coap-options.ts';
import { loadConfig } from '../src/config.ts';
import { bodyOf, conversation, type Line, nothing } from './coap/conversation.ts';

const POST = { type: 'CON', code: '0.02', path: 'esipa', token: '01' } as const;
const devices = 10_000;

/** What the settings leave of the room, with these flags. */
function room(flags: Readonly<Record<string, string>>) {
  return coapOptions(loadConfig({ env: {}, flags }).config);
}

/** Two uploads and two downloads that a device begins and never ends, by Block and by Q-Block. */
function halfDone(): readonly Line[] {
  const payload = bodyOf(1_024);
  return [
    { ...POST, mid: 1, block1: [0, 1, 1024], payload },
    {
      ...POST,
      ...{ type: 'NON', mid: 2, requestTag: '01', size1: 3_000, qBlock1: [0, 1, 1024], payload },
    },
    { ...POST, mid: 3, requestTag: '02' },
    { ...POST, type: 'NON', mid: 4, requestTag: '03', qBlock2: [[0, 1, 1024]] },
  ];
}

it('B18 ten thousand devices that leave transfers half done end at the bounds that the settings name', async () => {
  const bounds = {
    'coap.bodyOctets': 2_000_000,
    'coap.answerOctets': 5_000_000,
    'coap.repeatOctets': 1_000_000,
    'coap.messageOctets': 3_000_000,
    'coap.devices': 4_000,
  };
  const { parameters, limits } = room(
    Object.fromEntries(Object.entries(bounds).map(([key, value]) => [key, String(value)])),
  );
  const { server, clock, newPeer } = conversation({
    handle: () => ({ code: '2.05', body: bodyOf(3_000) }),
    parameters,
    limits,
    repeats: { joins: () => true, keeps: () => 600_000 },
  });
  const most = { octets: 0, peers: 0, links: 0, messages: 0 };
  for (let i = 0; i < devices; i++) {
    const peer = newPeer(`${i}`, undefined, i % 2 === 0 ? `psk ${i}` : undefined);
    for (const line of halfDone()) peer.says(line);
    if (i % 3 === 0) server.forget(peer);
    if (i % 100 !== 99) continue;
    await clock.turn(100);
    const { held } = server;
    for (const what of ['octets', 'peers', 'links', 'messages'] as const) {
      most[what] = Math.max(most[what], held[what]);
    }
    assert.equal(clock.pending, 1, 'one timer, whatever waits');
  }
  const octets =
    2 * bounds['coap.bodyOctets'] + bounds['coap.answerOctets'] + bounds['coap.repeatOctets'];
  assert.ok(most.octets <= octets && most.octets > octets / 2, `${most.octets} of ${octets}`);
  const peers = bounds['coap.devices'];
  assert.ok(most.peers <= peers && most.peers > peers / 4, `${most.peers} of ${peers} peers`);
  assert.ok(most.links <= peers, `${most.links} links`);
  // Each has an answer or none: a block at most.
  assert.ok(most.messages <= 16 * peers, `${most.messages} messages`);
  await clock.turn(3 * 3600_000);
  assert.deepEqual({ ...server.held, links: 0 }, nothing);
  assert.equal(clock.pending, 0);
  await clock.turn(24 * 3600_000);
  assert.equal(server.held.links, 0);
});

it('B18 each device is held to its share: bodies, answers, messages', async () => {
  const { parameters, limits } = room({
    'coap.bodiesPerDevice': '3',
    'coap.answersPerDevice': '5',
    'coap.messagesPerDevice': '9',
  });
  const { server, peer } = conversation({
    handle: () => ({ code: '2.05', body: bodyOf(3_000) }),
    parameters,
    limits,
  });
  for (let i = 0; i < 40; i++) {
    const requestTag = (0x10 + i).toString(16);
    const payload = bodyOf(1_024);
    peer.says({ ...POST, mid: 2 * i, requestTag, block1: [0, 1, 1024], payload });
    await peer.hears({ type: 'ACK', code: '2.31', block1: [0, 1, 1024] });
    peer.says({ ...POST, mid: 2 * i + 1, requestTag });
    await peer.hears({ type: 'ACK', code: '2.05', block2: [0, 1, 1024] });
  }
  const { bodies, answers, messages } = server.held;
  assert.deepEqual([bodies, answers, messages], [3, 5, 9]);
});

it('a body and a block are as large as the settings say', async () => {
  const { parameters, limits } = room({ 'coap.bodyLimit': '2000', 'coap.blockSize': '256' });
  const { peer } = conversation({
    handle: () => ({ code: '2.05', body: bodyOf(300) }),
    parameters,
    limits,
  });
  peer.says({ ...POST, mid: 1, size1: 2_001, block1: [0, 1, 1024], payload: bodyOf(1_024) });
  await peer.hears({ type: 'ACK', code: '4.13', size1: 2_000 });
  peer.says({ ...POST, mid: 2, size1: 2_000, block1: [0, 1, 1024], payload: bodyOf(1_024) });
  await peer.hears({ type: 'ACK', code: '2.31', block1: [0, 1, 256] });
  peer.says({ ...POST, mid: 3 });
  await peer.hears({ type: 'ACK', code: '2.05', block2: [0, 1, 256] });
});

/** Orders with --push through the CLI, to devices on sockets: on their own connection, and where they are DTLS servers. */
import assert from 'node:assert/strict';
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { after, describe, it } from 'node:test';
import type { Address } from '../../src/base/address.ts';
import { hex, toHex } from '../../src/base/bytes.ts';
import { systemClock } from '../../src/base/clock.ts';
import { silentLog } from '../../src/base/log.ts';
import { systemRandom } from '../../src/base/random.ts';
import { CoapServer } from '../../src/coap/server.ts';
import { DtlsClient } from '../../src/dtls/client.ts';
import type { ClientCredential, DtlsCredentials } from '../../src/dtls/credentials.ts';
import { type DtlsPeer, DtlsServer } from '../../src/dtls/server.ts';
import { type EimProcess, startEim, top } from '../../tools/lab/eim-process.ts';
import { Euicc } from '../../tools/lab/euicc/euicc.ts';
import { type BothRoles, bothRoles } from '../../tools/lab/ipa/both-roles.ts';
import { Ipa } from '../../tools/lab/ipa/ipa.ts';
import { esipaPath } from '../../tools/lab/ipa/stack.ts';
import { labEid as eid, loadLabPki } from '../../tools/lab/pki/lab-pki.ts';
import { at } from '../rest/http.ts';
import { newFolder } from '../support/folders.ts';

const pki = loadLabPki();
const common = { clock: systemClock, random: systemRandom, log: silentLog() };
const psk = hex('000102030405060708090A0B0C0D0E0F');
const lab = (name: string) => `${top}/certs/lab/${name}`;

async function socketFor(receive: (datagram: Uint8Array, from: Address) => void): Promise<Socket> {
  const socket = createSocket('udp4');
  socket.on('message', (datagram, from) => receive(datagram, from));
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  return socket;
}

describe('an order with --push', { timeout: 120_000 }, () => {
  const open: (() => unknown)[] = [];
  after(async () => {
    for (const close of open.reverse()) await close();
  });

  async function eim(folder: string, port = 0): Promise<EimProcess> {
    const process = await startEim({
      folder,
      settings: {
        dataFolder: folder,
        'coaps.host': '127.0.0.1',
        'coaps.port': port,
        'rest.port': 0,
        'push.silence': '2s',
        'eim.signing.key': lab('eim-sign.key.pem'),
        'eim.signing.certificate': lab('eim-sign.cert.pem'),
        'euicc.roots': [lab('ci.cert.pem')],
      },
    });
    open.push(() => process.kill());
    return process;
  }

  /** An eUICC of this eIM, and what was pushed to its IPA. */
  async function card(running: EimProcess) {
    const euicc = new Euicc({
      eid,
      credential: pki.euicc,
      eumCertificate: pki.eum.certificate,
      ciCertificates: [pki.ci.certificate],
      ...common,
    });
    const info = await running.command('info');
    euicc.transmit(hex(String(at(info, 'addInitialEimRequest'))));
    return euicc;
  }

  function add(running: EimProcess, ...words: readonly string[]): Promise<unknown> {
    return running.command('device', 'add', '--eid', eid, '--identity', 'dev1', ...words);
  }

  async function profiles(running: EimProcess) {
    const words = ['profiles', '--eid', eid, '--push', '--wait', '15s'];
    const order = await running.command('order', ...words);
    assert.equal(at(order, 'success'), true);
    const history = at(order, 'history') as readonly { event: string; detail?: string }[];
    return history.map(({ event, detail }) => (event === 'pushed' ? `pushed ${detail}` : event));
  }

  const asked = [
    'submitted',
    'asked for certificates',
    'pushed over its connection',
    'fetched',
    'pushed over its connection',
    'finished',
  ];

  it('is done on the connection of a device that polled once, also after a restart', async () => {
    const folder = newFolder();
    let running = await eim(folder);
    const { port } = running.coaps;
    await add(running, '--psk', toHex(psk));
    const socket = await socketFor((datagram) => dtls.receive(datagram));
    const dtls = new DtlsClient({
      ...common,
      credential: { type: 'psk', identity: 'dev1', key: psk },
      connectionId: { own: hex('') },
      send: (datagram) => socket.send(datagram, port, '127.0.0.1'),
      deliver: (data) => coap.receive(data),
    });
    let polls = 0;
    const ipa = new Ipa({
      card: await card(running),
      esipa: {
        async exchange(_name, body) {
          polls++;
          const path = [...esipaPath];
          const answer = await coap.request({ method: 'POST', path, contentFormat: 42, body });
          return answer.body ?? hex('');
        },
      },
    });
    const coap: BothRoles = bothRoles({
      ...common,
      send: (message) => dtls.send(message),
      handle: (request) => ipa.transfer(request, (work) => void work()),
    });
    open.push(
      () => coap.close(),
      () => socket.close(),
    );
    await dtls.connect();
    await ipa.poll();
    assert.deepEqual(await profiles(running), asked);
    await running.stop();
    running = await eim(folder, port);
    assert.deepEqual(await profiles(running), ['submitted', ...asked.slice(3)]);
    assert.equal(polls, 1);
    await running.kill();
  });

  /** A device that is a DTLS server, with its IPA behind; gives its address. */
  async function listener(running: EimProcess, credentials: DtlsCredentials): Promise<string> {
    const ipa = new Ipa({
      card: await card(running),
      esipa: { exchange: () => Promise.reject(new Error('it asks nothing')) },
    });
    const coap = new CoapServer<DtlsPeer>({
      ...common,
      handle: ({ body }) => ({
        code: '2.05',
        body: ipa.transfer(body, () => assert.fail('no download here')),
      }),
    });
    const socket = await socketFor((datagram, from) => dtls.receive(datagram, from));
    const dtls = new DtlsServer({
      ...common,
      credentials,
      deliver: (peer, data) => coap.receive(peer, data),
      closed: (peer) => coap.forget(peer),
      send: (datagram, to) => socket.send(datagram, to.port, to.address),
    });
    open.push(
      () => coap.close(),
      () => dtls.close(),
      () => socket.close(),
    );
    return `127.0.0.1:${socket.address().port}`;
  }

  const kinds: Readonly<
    Record<string, { credentials: DtlsCredentials; words: readonly string[] }>
  > = {
    'its PSK': {
      credentials: {
        psk: (identity) => (Buffer.from(identity).toString() === 'dev1' ? [psk] : []),
      },
      words: ['--psk', toHex(psk)],
    },
    'its certificate': {
      credentials: { certificates: [{ chain: [pki.dpTls.certificate], key: pki.dpTls.key }] },
      words: ['--certificate', lab('dp-tls.cert.pem')],
    },
  };
  for (const [name, { credentials, words }] of Object.entries(kinds)) {
    it(`is done by a device that listens, which is known by ${name}`, async () => {
      const running = await eim(newFolder());
      const address = await listener(running, credentials);
      await add(running, ...words);
      const shown = await running.command('device', 'address', 'dev1', address);
      assert.equal(at(shown, 'address'), address);
      const events = await profiles(running);
      assert.deepEqual(
        events,
        asked.map((event) => event.replace('its connection', address)),
      );
      await running.kill();
    });
  }

  it('waits for the poll where another device listens at that address', async () => {
    const running = await eim(newFolder());
    const other: ClientCredential = { type: 'psk', identity: 'dev1', key: hex('FF'.repeat(16)) };
    const address = await listener(running, { psk: () => [other.key] });
    await add(running, '--psk', toHex(psk), '--address', address);
    const order = await running.command('order', 'profiles', '--eid', eid, '--push');
    const id = String(at(order, 'id'));
    await running.command('order', 'watch', id, '--timeout', '5s').catch(() => {});
    const seen = await running.command('order', 'show', id);
    assert.equal(at(seen, 'state'), 'new');
    const history = at(seen, 'history') as readonly { event: string; detail?: string }[];
    assert.deepEqual(
      history.map(({ event }) => event),
      ['submitted', 'not pushed'],
    );
    assert.match(history[1]?.detail ?? '', /no DTLS handshake: none within 2 s; it waits/);
  });
});

/** `eim serve` is killed with SIGKILL and started again: a device goes on as if nothing had happened. */
import assert from 'node:assert/strict';
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { after, describe, it } from 'node:test';
import { hex } from '../../src/base/bytes.ts';
import { systemClock } from '../../src/base/clock.ts';
import { silentLog } from '../../src/base/log.ts';
import { systemRandom } from '../../src/base/random.ts';
import { CoapClient } from '../../src/coap/client.ts';
import { DtlsClient, type DtlsClientOptions } from '../../src/dtls/client.ts';
import { readRecords } from '../../src/dtls/record.ts';
import { GetEimPackageResponse } from '../../src/messages/eim-package.ts';
import { eidOctets, parseEid } from '../../src/messages/ids.ts';
import { tlv } from '../../src/messages/tlv.ts';
import { type EimProcess, startEim } from '../../tools/lab/eim-process.ts';
import { at } from '../rest/http.ts';
import { newFolder } from '../support/folders.ts';

const eid = parseEid('89049032123451234512345678901235');
const poll = tlv(0xbf4f, tlv(0x5a, eidOctets(eid)));
const key = hex('000102030405060708090A0B0C0D0E0F');
const cid = hex('beef');

/** A device on a socket, which it may change for another. */
class Device {
  readonly dtls: DtlsClient;
  readonly coap: CoapClient;
  /** Numbers of the eIM's protected records, in the order they came. */
  readonly numbers: number[] = [];
  sent: Uint8Array[] = [];
  readonly #port: number;
  #socket: Socket | undefined;

  constructor(port: number, wishes: Partial<DtlsClientOptions> = {}) {
    this.#port = port;
    const common = { clock: systemClock, random: systemRandom, log: silentLog() };
    this.dtls = new DtlsClient({
      credential: { type: 'psk', identity: eid, key },
      ...common,
      ...wishes,
      send: (datagram) => this.say(datagram),
      deliver: (data) => this.coap.receive(data),
    });
    this.coap = new CoapClient({
      ...common,
      send: (message) => this.dtls.send(message),
      parameters: { ackTimeout: 500, maxRetransmit: 3 },
    });
  }

  /** Goes to a socket, and so a port, of its own: what a NAT that has forgotten it looks like. */
  async move(): Promise<number> {
    this.#socket?.close();
    const socket = createSocket('udp4');
    socket.bind(0, '127.0.0.1');
    await once(socket, 'listening');
    socket.on('message', (datagram) => {
      for (const { epoch, sequence } of readRecords(datagram, () => {}, cid.length)) {
        if (epoch === 1) this.numbers.push(sequence);
      }
      this.dtls.receive(datagram);
    });
    this.#socket = socket;
    return socket.address().port;
  }

  say(datagram: Uint8Array): void {
    this.sent.push(datagram.slice());
    this.#socket?.send(datagram, this.#port, '127.0.0.1');
  }

  /** One poll, which finds nothing to do. */
  async poll(): Promise<void> {
    const answer = await this.coap.request({
      method: 'POST',
      path: ['gsma', 'rsp2', 'asn1'],
      contentFormat: 42,
      body: poll,
    });
    assert.equal(answer.code, '2.05');
    const { type } = GetEimPackageResponse.decode(answer.body ?? new Uint8Array());
    assert.equal(type, 'eimPackageError');
  }

  close(): void {
    this.coap.close();
    this.#socket?.close();
  }
}

describe('S02, D70: kill -9 and a start', { timeout: 300_000 }, () => {
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
      },
    });
    open.push(() => process.kill());
    return process;
  }

  async function device(running: EimProcess, wishes: Partial<DtlsClientOptions>) {
    const made = new Device(running.coaps.port, wishes);
    open.push(() => made.close());
    await made.move();
    await made.dtls.connect();
    return made;
  }

  it('cost a device with a connection ID nothing, at whatever address it is', async () => {
    const folder = newFolder();
    let running = await eim(folder);
    const { port } = running.coaps;
    await running.command('device', 'add', '--eid', eid, '--psk', Buffer.from(key).toString('hex'));
    const sleepy = await device(running, { connectionId: { own: cid } });
    await sleepy.poll();
    const list = await running.command('dtls', 'list');
    const { id } = (at(list, 'connections') as readonly { id: string }[])[0] ?? assert.fail();
    const before = sleepy.sent.slice();

    for (let life = 1; life <= 3; life++) {
      await running.kill();
      running = await eim(folder, port);
      // What was taken in an earlier life is not taken again, whoever sends it.
      const stranger = createSocket('udp4');
      for (const datagram of before) stranger.send(datagram, port, '127.0.0.1');
      const moved = await sleepy.move();
      sleepy.sent = [];
      await sleepy.poll();
      assert.equal(sleepy.sent.length, 1, 'one request, and no handshake');
      before.push(...sleepy.sent);
      const shown = await running.command('dtls', 'show', id);
      assert.equal(at(shown, 'id'), id, 'the peer is the same');
      assert.equal(at(shown, 'address'), `127.0.0.1:${moved}`);
      assert.equal(at(shown, 'moves'), life);
      stranger.close();
    }
    const { numbers } = sleepy;
    assert.equal(numbers.length, 1 + 4, 'Finished, and four answers');
    for (const [i, number] of numbers.entries()) {
      assert.ok(i === 0 || number > (numbers[i - 1] ?? 0), `${numbers} rise`);
    }
  });

  it('cost a device without one nothing while its address stays, and half a handshake otherwise', async () => {
    const folder = newFolder();
    let running = await eim(folder);
    const { port } = running.coaps;
    await running.command('device', 'add', '--eid', eid, '--psk', Buffer.from(key).toString('hex'));
    const plain = await device(running, {});
    await plain.poll();
    await running.kill();
    running = await eim(folder, port);
    await plain.poll();
    const { session } = plain.dtls;
    assert.ok(session);
    await running.kill();
    running = await eim(folder, port);
    const again = await device(running, { resume: session });
    assert.ok(again.dtls.resumed);
    assert.equal(again.dtls.statistics.flights, 5);
    await again.poll();
  });

  it('end connections where they are not to be kept', async () => {
    const folder = newFolder();
    let running = await eim(folder);
    const { port } = running.coaps;
    await running.command('device', 'add', '--eid', eid, '--psk', Buffer.from(key).toString('hex'));
    const sleepy = await device(running, { connectionId: { own: cid } });
    await sleepy.poll();
    await running.kill();
    const settings = {
      dataFolder: folder,
      'coaps.host': '127.0.0.1',
      'coaps.port': port,
      'rest.port': 0,
      'dtls.persist': 'false',
    };
    running = await startEim({ folder, settings });
    open.push(() => running.kill());
    await assert.rejects(sleepy.poll());
  });
});

/** The one UDP socket, over the loopback. */
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import type { Address } from '../src/base/address.ts';
import { Drops, makeLog } from '../src/base/log.ts';
import { listenUdp, type UdpOptions, type UdpSocket } from '../src/udp.ts';

interface Received {
  readonly datagram: Uint8Array;
  readonly from: Address;
}

/** A socket on a free port, and what it receives, one after the other. */
async function listen(context: TestContext, options: Partial<UdpOptions> = {}) {
  const drops = new Drops();
  const received: Received[] = [];
  let arrived = () => {};
  const socket = await listenUdp({
    host: '127.0.0.1',
    port: 0,
    log: makeLog('udp', () => {}, drops),
    receive(datagram, from) {
      received.push({ datagram, from });
      arrived();
    },
    ...options,
  });
  context.after(() => socket.close());
  const next = async (): Promise<Received> => {
    while (received.length === 0) await new Promise<void>((resolve) => (arrived = resolve));
    return received.shift() ?? assert.fail('nothing');
  };
  return { socket, next, drops };
}

describe('the UDP socket', () => {
  it('carries datagrams there and back, each with its address', async (context) => {
    const [one, other] = [await listen(context), await listen(context)];
    one.socket.send(Uint8Array.of(1, 2, 3), other.socket.address);
    const { datagram, from } = await other.next();
    assert.deepEqual(datagram, Uint8Array.of(1, 2, 3));
    assert.deepEqual(from, one.socket.address);
    other.socket.send(Uint8Array.of(4), from);
    assert.deepEqual((await one.next()).datagram, Uint8Array.of(4));
  });

  it('carries an empty datagram', async (context) => {
    const [one, other] = [await listen(context), await listen(context)];
    one.socket.send(new Uint8Array(), other.socket.address);
    assert.equal((await other.next()).datagram.length, 0);
  });

  it('gives octets whose slices are copies, not the views of a Buffer', async (context) => {
    const [one, other] = [await listen(context), await listen(context)];
    one.socket.send(Uint8Array.of(1, 2), other.socket.address);
    const { datagram } = await other.next();
    const copy = datagram.slice();
    copy[0] = 9;
    assert.equal(datagram[0], 1);
  });

  it('listens where it was told to, on IPv6 too', async (context) => {
    const { socket } = await listen(context);
    assert.equal(socket.address.address, '127.0.0.1');
    assert.ok(socket.address.port > 0);
    let v6: UdpSocket;
    try {
      ({ socket: v6 } = await listen(context, { host: '::1' }));
    } catch {
      return context.skip('this machine has no IPv6 loopback');
    }
    assert.equal(v6.address.address, '::1');
  });

  it('says which port is taken, and what to do', async (context) => {
    const { port } = (await listen(context)).socket.address;
    await assert.rejects(listen(context, { port }), {
      name: 'UdpError',
      message: `cannot listen on UDP 127.0.0.1 port ${port} (EADDRINUSE); another program listens there: stop it or set coaps.port`,
    });
  });

  it('says that an address is not this machine’s', async (context) => {
    // TEST-NET-1 (RFC 5737) is nobody's.
    await assert.rejects(listen(context, { host: '192.0.2.1' }), {
      name: 'UdpError',
      message: /EADDRNOTAVAIL.*set coaps\.host and coaps\.port to an address of this machine/,
    });
  });

  it('counts what the network refuses as lost', async (context) => {
    const { socket, drops } = await listen(context);
    socket.send(new Uint8Array(65_536), socket.address);
    while (drops.of('udp: send refused') === 0)
      await new Promise((resolve) => setImmediate(resolve));
  });

  it('counts what is sent after its close as lost, and closes once', async (context) => {
    const { socket, drops } = await listen(context);
    await Promise.all([socket.close(), socket.close()]);
    socket.send(Uint8Array.of(1), { address: '127.0.0.1', port: 9 });
    assert.equal(drops.of('udp: send after close'), 1);
    await socket.close();
  });
});

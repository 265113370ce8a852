/** Connections of the eIM's own to devices: they end with it, those too that have only begun. */
import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { describe, it, type TestContext } from 'node:test';
import { systemClock } from '../src/base/clock.ts';
import { silentLog } from '../src/base/log.ts';
import { systemRandom } from '../src/base/random.ts';
import { Outward } from '../src/outward.ts';

function outward(): Outward {
  return new Outward({
    clock: systemClock,
    random: systemRandom,
    log: silentLog(),
    suites: ['TLS_PSK_WITH_AES_128_CCM_8'],
    mtu: 1280,
    handshake: 3_600_000,
    most: 4,
    deliver() {},
    closed() {},
  });
}

/** A device that hears and says nothing. */
async function silentDevice(test: TestContext) {
  const socket = createSocket('udp4').bind(0, '127.0.0.1');
  test.after(() => socket.close());
  await once(socket, 'listening');
  const { address, port } = socket.address();
  const key = new Uint8Array(16);
  return {
    target: {
      name: 'device',
      address: { address, port },
      credential: { type: 'psk', identity: 'device', key },
    } as const,
    heard: once(socket, 'message'),
  };
}

describe('connections to devices, once the eIM stops', { timeout: 30_000 }, () => {
  it('end in the middle of a handshake, at once', async (test) => {
    const { target, heard } = await silentDevice(test);
    const connections = outward();
    const opened = assert.rejects(connections.open(target), /^Error: the eIM stops$/);
    await heard;
    connections.close();
    await opened;
  });

  it('are not begun any more', async (test) => {
    const { target } = await silentDevice(test);
    const connections = outward();
    connections.close();
    await assert.rejects(connections.open(target), /^Error: the eIM stops$/);
  });
});

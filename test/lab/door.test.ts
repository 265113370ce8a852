/** The server below the lab's SM-DP+ and SM-DS closes whoever holds on to it. */
import { once } from 'node:events';
import { connect } from 'node:net';
import { describe, it } from 'node:test';
import { running } from './smdpp-running.ts';

describe('SM-DP+: a stop', { timeout: 30_000 }, () => {
  it('does not wait for who is in the middle of a TLS handshake', async (test) => {
    const { smdpp } = await running(test);
    const socket = connect(smdpp.listening.port, '127.0.0.1').on('error', () => {});
    test.after(() => socket.destroy());
    await once(socket, 'connect');
    const gone = new Promise((resolve) => socket.once('close', resolve));
    await smdpp.close();
    await gone;
  });
});

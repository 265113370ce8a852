/** node-dtls-client: no extensions, no retransmission, random nonces. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { describe, it } from 'node:test';
import { dtls } from 'node-dtls-client';
import { utf8 } from '../../src/base/bytes.ts';
import { type Echo, startEcho } from './dtls-echo.ts';

const timeout = 20_000;

/** All that it has and we have; the one with CBC as MAC-then-encrypt, for it knows no extension. */
const suites = [
  'TLS_PSK_WITH_AES_128_CCM_8',
  'TLS_PSK_WITH_AES_128_CCM',
  'TLS_PSK_WITH_AES_256_CCM_8',
  'TLS_PSK_WITH_AES_256_CCM',
  'TLS_PSK_WITH_AES_128_GCM_SHA256',
  'TLS_PSK_WITH_AES_256_GCM_SHA384',
  'TLS_PSK_WITH_AES_128_CBC_SHA256',
] as const;
type Suite = (typeof suites)[number];

function connect({ port }: Echo, suite: Suite, key = 'secretPSK') {
  return dtls.createSocket({
    type: 'udp4',
    address: '127.0.0.1',
    port,
    psk: { dev1: key },
    timeout: 3000,
    ciphers: [suite],
  });
}

describe('node-dtls-client', { timeout }, () => {
  for (const suite of suites) {
    it(`D12, D37, D39: connects with ${suite}`, async () => {
      const echo = await startEcho({ credentials: { psk: () => [utf8('secretPSK')] } });
      const socket = connect(echo, suite);
      try {
        await once(socket, 'connected');
        const answer = once(socket, 'message');
        socket.send(Buffer.from('hello'));
        const [data] = await answer;
        assert.equal(String(data), 'hello');
        assert.deepEqual(echo.peers[0]?.credential, { type: 'psk', identity: 'dev1' });
      } finally {
        socket.close();
        echo.close();
      }
    });
  }

  it('D31: does not connect with a wrong key', async () => {
    const echo = await startEcho({ credentials: { psk: () => [utf8('secretPSK')] } });
    const socket = connect(echo, 'TLS_PSK_WITH_AES_128_CCM_8', 'wrong');
    const [error] = await once(socket, 'error');
    assert.match(String(error), /timed out|timeout|refused|did not/i);
    assert.deepEqual(echo.peers, []);
    echo.close();
  });
});

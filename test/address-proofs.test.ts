/** Devices whose address changes show by Echo that they are there (RFC 9175 section 2.4). */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { AddressProofs } from '../src/address-proofs.ts';
import { silentLog } from '../src/base/log.ts';
import { CoapClient } from '../src/coap/client.ts';
import { decode } from '../src/coap/message.ts';
import { CoapServer } from '../src/coap/server.ts';
import { HandClock } from './support/hand-clock.ts';
import { seededRandom } from './support/seeded.ts';

/** A device whose messages reach the server from `port`, and the codes of what it hears. */
function talk() {
  const clock = new HandClock();
  const common = { clock, log: silentLog() };
  const heard: string[] = [];
  const at = { address: '192.0.2.1', port: 1 };
  let handled = 0;
  const peer = () => ({
    id: 'one',
    address: { ...at },
    send: (message: Uint8Array) => {
      heard.push(decode(message).code);
      client.receive(message);
    },
  });
  const server = new CoapServer<ReturnType<typeof peer>>({
    ...common,
    random: seededRandom(1),
    freshness: new AddressProofs(clock),
    handle: () => {
      handled++;
      return { code: '2.04' };
    },
  });
  const client: CoapClient = new CoapClient({
    ...common,
    random: seededRandom(2),
    send: (message) => server.receive(peer(), message),
  });
  const post = async (): Promise<string> => {
    const { code } = await client.request({ method: 'POST', path: ['x'] });
    return code;
  };
  return { at, post, heard, handled: () => handled };
}

describe('coap.proveAddress', () => {
  it('asks nothing of a device at the address of its handshake', async () => {
    const { post, heard } = talk();
    assert.deepEqual([await post(), await post()], ['2.04', '2.04']);
    assert.deepEqual(heard, ['2.04', '2.04']);
  });

  it('asks once at each new address, and handles nothing before', async () => {
    const { at, post, heard, handled } = talk();
    await post();
    for (const port of [2, 3]) {
      at.port = port;
      heard.length = 0;
      assert.deepEqual([await post(), await post()], ['2.04', '2.04']);
      assert.deepEqual(heard, ['4.01', '2.04', '2.04']);
    }
    assert.equal(handled(), 5);
  });
});

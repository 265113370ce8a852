/** A client that takes short records only: DTLS tells CoAP, and CoAP makes its blocks small (RFC 6066 §4, RFC 8449). */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { silentLog } from '../../src/base/log.ts';
import { CoapClient } from '../../src/coap/client.ts';
import { CoapServer } from '../../src/coap/server.ts';
import type { DtlsClientOptions } from '../../src/dtls/client.ts';
import type { DtlsPeer } from '../../src/dtls/server.ts';
import { psk } from '../dtls/support/bench.ts';
import { Link } from '../dtls/support/link.ts';
import { recordsOf } from '../dtls/support/raw-client.ts';
import { seededRandom } from '../support/seeded.ts';

/** Octets that a record of CCM_8 is longer than what it carries, without its header. */
const around = 8 + 8;

/** The longest data of a server that answers one POST with 3,000 octets; and how many records it takes. */
async function longestAnswer(options: Partial<DtlsClientOptions>) {
  const body = seededRandom(3)(3000);
  const link = new Link({
    server: {
      deliver: (peer, data) => coap.receive(peer, data),
      closed: (peer) => coap.forget(peer),
    },
  });
  const coap = new CoapServer<DtlsPeer>({
    clock: link.clock,
    random: seededRandom(4),
    log: silentLog(),
    handle: () => ({ code: '2.05', body }),
  });
  const linked = link.connect(
    { type: 'psk', ...psk },
    { ...options, deliver: (data) => client.receive(data) },
  );
  const client = new CoapClient({
    clock: link.clock,
    random: seededRandom(5),
    log: silentLog(),
    send: (message) => linked.client.send(message),
  });
  await link.clock.turn(1000);
  assert.deepEqual(linked.outcome, { connected: true });
  const lengths: number[] = [];
  link.tap = (datagram, up) => {
    if (!up) lengths.push(...recordsOf(datagram).map(({ fragment }) => fragment.length - around));
    return true;
  };
  const answered = client.request({ method: 'POST', path: ['x'] });
  await link.clock.turn(60_000);
  assert.deepEqual((await answered).body, body);
  client.close();
  coap.close();
  return { longest: Math.max(...lengths), records: lengths.length };
}

describe('a client that takes short records', () => {
  it('D44, B15: of max_fragment_length 512 gets blocks of 256 octets', async () => {
    const { longest, records } = await longestAnswer({ maxFragmentLength: 512 });
    assert.ok(longest > 256 && longest <= 512, String(longest));
    assert.equal(records, Math.ceil(3000 / 256));
  });

  it('D45, B15: of record_size_limit 200 gets blocks of 128 octets', async () => {
    const { longest, records } = await longestAnswer({ recordSizeLimit: 200 });
    assert.ok(longest > 128 && longest <= 200, String(longest));
    assert.equal(records, Math.ceil(3000 / 128));
  });

  it('and one that says nothing gets larger ones', async () => {
    const { longest } = await longestAnswer({});
    assert.ok(longest > 512, String(longest));
  });
});

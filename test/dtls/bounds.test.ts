/** What one who is at an address of its own, or at many, can take from others: little, and never their connections. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Address } from '../../src/base/address.ts';
import { fromUtf8, hex } from '../../src/base/bytes.ts';
import type { DtlsClientOptions } from '../../src/dtls/client.ts';
import type { ClientCredential } from '../../src/dtls/credentials.ts';
import type { DtlsServerOptions } from '../../src/dtls/server.ts';
import { Strangers } from '../../src/dtls/strangers.ts';
import { settled } from '../support/hand-clock.ts';
import { seededRandom } from '../support/seeded.ts';
import { Bench, psk } from './support/bench.ts';
import { Authority, trusting } from './support/certificates.ts';
import { Device } from './support/device.ts';
import { Disk } from './support/disk.ts';

const authority = new Authority();
const certificates = [authority.issue(['eim.example.com'])];
const brainpool = [authority.issue(['eim.example.com'], 'brainpoolP256r1')];
const minute = 60_000;
const resumption = { lifetime: 60 * minute, tickets: false, skipCookie: false, ceiling: 1000 };
let lives = 700;

function serve(options: Partial<DtlsServerOptions> = {}): Bench {
  return new Bench({
    credentials: { psk: () => [psk.key], certificates },
    random: seededRandom(lives++),
    ...options,
  });
}

const anonymous: ClientCredential = trusting(authority);
const from = (address: string, port: number): Address => ({ address, port });

let seeds = 5000;

/** A device that connects, or tries to; with a PSK unless it is to prove nothing. */
async function comes(
  bench: Bench,
  at: Address,
  { proves = true, ...options }: Partial<DtlsClientOptions> & { readonly proves?: boolean } = {},
): Promise<Device> {
  const device = new Device(bench, {
    seed: seeds++,
    at,
    ...(proves
      ? {}
      : { credential: anonymous, suites: ['TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8'] as const }),
    ...options,
  });
  await device.connect();
  return device;
}

const addresses = (bench: Bench) => bench.closed.map(([{ address }]) => address.address);

describe('connections of peers that prove nothing', () => {
  const limits = { strangersPerAddress: 2 };

  it('are so many of one address: the one idle for longest makes way', async () => {
    const bench = serve({ limits });
    const other = await comes(bench, from('198.51.100.1', 1), { proves: false });
    const [first, second] = [
      await comes(bench, from('192.0.2.1', 1), { proves: false }),
      await comes(bench, from('192.0.2.1', 2), { proves: false }),
    ];
    first.send('awake');
    await comes(bench, from('192.0.2.1', 3), { proves: false });
    assert.deepEqual(
      bench.closed.map(([{ address }, why]) => [address.port, why]),
      [[2, 'made way for another connection from its address']],
    );
    assert.equal(bench.server.size.established, 3);
    for (const device of [first, second, other]) device.send('still here');
    await settled();
    assert.deepEqual(
      bench.delivered.map(([{ address }, data]) => [address.address, fromUtf8(data)]),
      [
        ['192.0.2.1', 'awake'],
        ['192.0.2.1', 'still here'],
        ['198.51.100.1', 'still here'],
      ],
    );
  });

  it('are counted of an IPv6 network as one', async () => {
    const bench = serve({ limits });
    for (let n = 1; n <= 3; n++) await comes(bench, from(`2001:db8::${n}`, 1), { proves: false });
    await comes(bench, from('2001:db8:0:1::1', 1), { proves: false });
    assert.deepEqual(addresses(bench), ['2001:db8::1']);
  });

  it('do not count devices that the owner knows, however many a NAT has', async () => {
    const bench = serve({ limits });
    for (let port = 1; port <= 5; port++) await comes(bench, from('192.0.2.1', port));
    for (let port = 11; port <= 15; port++) {
      await comes(bench, from('192.0.2.1', port), { proves: false });
    }
    assert.equal(bench.server.size.established, 7);
    assert.ok(bench.closed.every(([{ credential }]) => credential.type === 'anonymous'));
  });

  it('count where they began: a forged address elsewhere displaces nobody there', async () => {
    const bench = serve({ limits, connectionIds: { length: 8 } });
    const connectionId = { own: new Uint8Array() };
    const victim = await comes(bench, from('198.51.100.1', 1), { proves: false, connectionId });
    for (let port = 1; port <= 6; port++) {
      const stranger = await comes(bench, from('192.0.2.1', port), { proves: false, connectionId });
      stranger.address = from('198.51.100.1', 100 + port);
      stranger.send('moved');
    }
    await comes(bench, from('198.51.100.1', 2), { proves: false, connectionId });
    victim.send('still here');
    assert.equal(fromUtf8(bench.delivered.at(-1)?.[1] ?? hex('')), 'still here');
    assert.equal(bench.server.size.established, 4);
  });

  it('take no more of the store either, asleep, left to it alone, or as sessions', async () => {
    const disk = new Disk();
    const kept = { store: disk, key: new Uint8Array(32) };
    const bench = serve({ limits: { ...limits, connections: 1, awake: 1 }, kept, resumption });
    for (let port = 1; port <= 9; port++) {
      await comes(bench, from('192.0.2.1', port), { proves: false });
      await settled();
    }
    const kinds = [...disk.entries.values()].map(({ key }) => String.fromCharCode(key[0] ?? 0));
    assert.deepEqual(kinds.sort(), ['a', 'a', 's', 's']);
    await bench.clock.turn(8 * 24 * 60 * minute);
    await settled();
    assert.equal(await bench.server.sweepStore(), 0);
    await comes(bench, from('192.0.2.1', 20), { proves: false });
    await settled();
    assert.equal(disk.entries.size, 2);
  });

  it('keep nobody out that proves who it is, however many and busy they are', async () => {
    const bench = serve({ limits: { connections: 3 } });
    const crowd: Device[] = [];
    for (let n = 1; n <= 3; n++) {
      crowd.push(await comes(bench, from(`192.0.2.${n}`, 1), { proves: false }));
    }
    for (const stranger of crowd) stranger.send('busy');
    const device = await comes(bench, from('198.51.100.1', 1));
    assert.deepEqual(addresses(bench), ['192.0.2.1']);
    device.send('let in');
    assert.equal(fromUtf8(bench.delivered.at(-1)?.[1] ?? hex('')), 'let in');
    for (const n of [2, 3]) await comes(bench, from(`198.51.100.${n}`, 1));
    assert.deepEqual(addresses(bench), ['192.0.2.1', '192.0.2.2', '192.0.2.3']);
    // And nobody that does is displaced by one that does not.
    const late = await comes(bench, from('192.0.2.9', 1), { proves: false });
    late.send('let me in');
    assert.deepEqual(addresses(bench).slice(3), []);
    assert.equal(bench.opened.length, 6);
    assert.equal(bench.server.size.established, 3);
  });

  it('are counted once, and no more when they have ended', () => {
    const strangers = new Strangers(2);
    assert.equal(strangers.add('A', 'one'), undefined);
    assert.equal(strangers.add('A', 'one'), undefined);
    assert.equal(strangers.add('B', 'one'), undefined);
    strangers.delete('B');
    assert.equal(strangers.add('C', 'one'), undefined);
    strangers.touch('A');
    assert.equal(strangers.add('D', 'one'), 'C');
    assert.equal(strangers.size, 2);
    for (const key of ['A', 'B', 'C', 'D']) strangers.delete(key);
    assert.equal(strangers.size, 0);
  });
});

describe('handshakes with ECDHE', () => {
  const limits = { ecdhePerAddress: 2 };
  const answered = async (bench: Bench, at: Address, options = {}) => {
    const before = bench.opened.length;
    await comes(bench, at, { proves: false, ...options });
    return bench.opened.length > before;
  };

  it('are so many of one address at once, and so many a second', async () => {
    const bench = serve({ limits });
    let port = 1;
    const storm = async (count: number) => {
      let got = 0;
      for (let n = 0; n < count; n++) if (await answered(bench, from('192.0.2.1', port++))) got++;
      return got;
    };
    assert.equal(await storm(14), 10);
    assert.equal(bench.dropped('too many handshakes with ECDHE from one address'), 4);
    assert.ok(await answered(bench, from('192.0.2.2', 1)), 'another address');
    assert.equal(bench.server.size.handshakes, 0, 'nothing is held for those that were dropped');
    await bench.clock.turn(1000);
    bench.heard();
    // Those that were dropped have repeated their hellos, and took the tokens of that second.
    assert.ok(bench.opened.length <= 13);
  });

  it('leave PSKs and resumptions alone', async () => {
    const bench = serve({ limits, resumption });
    const first = await comes(bench, from('192.0.2.1', 1), { proves: false });
    const { session } = first.client;
    assert.ok(session);
    for (let port = 2; port <= 30; port++) await answered(bench, from('192.0.2.1', port));
    assert.ok(!(await answered(bench, from('192.0.2.1', 31))));
    const before = bench.opened.length;
    await comes(bench, from('192.0.2.1', 32));
    const again = await comes(bench, from('192.0.2.1', 33), { proves: false, resume: session });
    assert.ok(again.client.resumed);
    assert.equal(bench.opened.length, before + 2);
  });

  it('cost ten times as much on brainpoolP256r1', async () => {
    const bench = serve({ limits, credentials: { certificates: brainpool } });
    const groups = ['brainpoolP256r1'] as const;
    assert.ok(await answered(bench, from('192.0.2.1', 1), { groups }));
    assert.ok(!(await answered(bench, from('192.0.2.1', 2), { groups })));
  });
});

describe('sessions to be resumed', () => {
  it('of devices that the owner knows are not displaced by strangers', async () => {
    const bench = serve({ resumption: { ...resumption, ceiling: 3 } });
    const device = await comes(bench, from('192.0.2.1', 1));
    const { session } = device.client;
    assert.ok(session);
    for (let port = 2; port <= 12; port++) {
      await comes(bench, from('192.0.2.1', port), { proves: false });
    }
    assert.equal(bench.server.holds.sessions, 3);
    assert.ok((await comes(bench, from('192.0.2.1', 50), { resume: session })).client.resumed);
  });
});

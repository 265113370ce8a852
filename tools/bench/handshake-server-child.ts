/**
 * A server alone in a process of its own, so that its CPU can be told: ours, or with `echo` one that says each
 * datagram back and does nothing else, or with the name of a primitive one that does besides what a handshake takes of
 * it. Says its port; ends with its standard input.
 */
import { built } from './built.ts';
import { psk, serverCredential } from './handshake-kinds.ts';
import { primitive, primitiveNames } from './handshake-primitives.ts';

const { DtlsServer } = await built<typeof import('../../src/dtls/server.ts')>('dtls/server.js');
const { systemClock } = await built<typeof import('../../src/base/clock.ts')>('base/clock.js');
const { silentLog } = await built<typeof import('../../src/base/log.ts')>('base/log.js');
const { systemRandom } = await built<typeof import('../../src/base/random.ts')>('base/random.js');
const { listenUdp } = await built<typeof import('../../src/udp.ts')>('udp.js');
const { certificate, key } = serverCredential();
const identity = Buffer.from(psk.identity);

const options = { host: '127.0.0.1', port: 0, log: silentLog() };

/** What is done for a datagram before it is said back; undefined: it is not said back. */
function workOf(what: string | undefined): (() => void) | undefined {
  if (what === 'echo') return () => {};
  const name = primitiveNames.find((known) => known === what);
  return name === undefined ? undefined : primitive(name);
}

const work = workOf(process.argv[2]);
if (work !== undefined) {
  const socket = await listenUdp({
    ...options,
    receive: (datagram, from) => {
      work();
      socket.send(datagram, from);
    },
  });
  console.log(socket.address.port);
} else {
  const socket = await listenUdp({
    ...options,
    receive: (datagram, from) => server.receive(datagram, from),
  });
  const server = new DtlsServer({
    credentials: {
      psk: (asked) => (identity.equals(asked) ? [psk.key] : []),
      certificates: [{ chain: [certificate], key }],
    },
    resumption: { lifetime: 3_600_000, tickets: false, ceiling: 100_000, skipCookie: false },
    // All clients are at one address, which otherwise has a share of the server's time only.
    limits: { ecdhePerAddress: 1_000_000, strangersPerAddress: 100_000 },
    clock: systemClock,
    random: systemRandom,
    log: silentLog(),
    deliver: () => {},
    send: (datagram, to) => socket.send(datagram, to),
  });
  console.log(socket.address.port);
}
process.stdin.on('end', () => process.exit(0)).resume();

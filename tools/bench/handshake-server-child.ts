/**
 * A server alone in a process of its own, so that its CPU can be told: ours, or with `echo` one that says each
 * datagram back and does nothing else. Says its port; ends with its standard input.
 */
import { createSocket } from 'node:dgram';
import { systemClock } from '../../src/base/clock.ts';
import { silentLog } from '../../src/base/log.ts';
import { systemRandom } from '../../src/base/random.ts';
import { built } from './built.ts';
import { psk, serverCredential } from './handshake-kinds.ts';

const { DtlsServer } = await built<typeof import('../../src/dtls/server.ts')>('dtls/server.js');
const { certificate, key } = serverCredential();
const identity = Buffer.from(psk.identity);

const socket = createSocket('udp4');
const server = new DtlsServer({
  credentials: {
    psk: (asked) => (identity.equals(asked) ? [psk.key] : []),
    certificates: [{ chain: [certificate], key }],
  },
  resumption: { lifetime: 3_600_000, tickets: false, ceiling: 100_000, skipCookie: false },
  clock: systemClock,
  random: systemRandom,
  log: silentLog(),
  deliver: () => {},
  send: (datagram, { address, port }) => socket.send(datagram, port, address),
});
if (process.argv[2] === 'echo') {
  socket.on('message', (datagram, { address, port }) => socket.send(datagram, port, address));
} else socket.on('message', (datagram, from) => server.receive(datagram, from));
socket.bind(0, '127.0.0.1', () => console.log(socket.address().port));
process.stdin.on('end', () => process.exit(0)).resume();

/** What a handshake cannot do without: the same primitives of node:crypto, by themselves. */
import { createECDH, createHmac, randomBytes, sign } from 'node:crypto';
import { type HandshakeKind, handshakeKinds, serverCredential } from './handshake-kinds.ts';

/**
 * HMACs that the PRF takes (RFC 5246 §5) for what a server derives: master secret (48 octets) and key block (40) two
 * blocks of two each, either verify_data (12) one block of two. An abbreviated handshake has its master secret.
 */
const hmacs = { full: 4 + 4 + 2 + 2, resumed: 4 + 2 + 2 };

/** Microseconds of CPU that the primitives of one handshake take, taken over so many seconds. */
export function primitivesOf(kind: HandshakeKind, seconds: number): number {
  const { resumed, credential } = handshakeKinds[kind];
  const secret = randomBytes(48);
  const seed = randomBytes(77);
  const times = resumed ? hmacs.resumed : hmacs.full;
  const prfs = () => {
    for (let i = 0; i < times; i++) createHmac('sha256', secret).update(seed).digest();
  };
  if (resumed || credential.type === 'psk') return cpuOfOne(prfs, seconds);
  const { key } = serverCredential();
  const signed = randomBytes(133);
  const client = createECDH('prime256v1');
  const point = client.generateKeys();
  return cpuOfOne(() => {
    sign('sha256', signed, key);
    const own = createECDH('prime256v1');
    own.generateKeys();
    own.computeSecret(point);
    prfs();
  }, seconds);
}

function cpuOfOne(run: () => void, seconds: number): number {
  for (let i = 0; i < 200; i++) run();
  const before = process.cpuUsage();
  let times = 0;
  for (;;) {
    for (let i = 0; i < 50; i++) run();
    times += 50;
    const { user, system } = process.cpuUsage(before);
    if (user + system >= seconds * 1e6) return (user + system) / times;
  }
}

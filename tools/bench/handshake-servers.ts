/** The servers under test, each a process of its own on loopback. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { endWithUs } from '../lab/with-us.ts';
import { type HandshakeKind, psk, serverCredential } from './handshake-kinds.ts';
import type { PrimitiveName } from './handshake-primitives.ts';

export interface ServerUnderTest {
  readonly name: string;
  readonly pid: number;
  readonly port: number;
  stop(): void;
}

const child = fileURLToPath(new URL('handshake-server-child.ts', import.meta.url));

/** Ours, or one that only says back, or with a primitive of a handshake. */
export async function startChild(what: 'ours' | 'echo' | PrimitiveName): Promise<ServerUnderTest> {
  const process_ = spawn(process.execPath, ['--import', 'tsx', child, what], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const lines = createInterface({ input: process_.stdout });
  const [port] = await Promise.race([once(lines, 'line'), ended(process_)]);
  return underTest(what, process_, Number(port), () => {});
}

/** Debian's coap-server with one of its two TLS libraries; undefined where it is not installed. */
export async function startLibcoap(
  library: 'openssl' | 'gnutls',
  kind: HandshakeKind,
): Promise<ServerUnderTest | undefined> {
  const program = `coap-server-${library}`;
  if (spawnSync(program, ['-h'], { stdio: 'ignore' }).error !== undefined) return undefined;
  const folder = mkdtempSync(join(tmpdir(), 'coap-eim-bench-'));
  const clean = () => rmSync(folder, { recursive: true, force: true });
  // It speaks DTLS on the port after the one it is told.
  const port = await freePortAfterFree();
  const args = ['-A', '127.0.0.1', '-p', String(port - 1), '-v', '0'];
  const process_ = spawn(program, [...args, ...shown(kind, folder)], { stdio: 'ignore' });
  // It says nothing when it is ready: whoever asks too soon asks again.
  await Promise.race([once(process_, 'spawn'), ended(process_)]);
  return underTest(`libcoap, ${library}`, process_, port, clean);
}

function shown(kind: HandshakeKind, folder: string): readonly string[] {
  if (kind === 'psk') return ['-k', new TextDecoder().decode(psk.key)];
  const { certificate, key } = serverCredential();
  const [certificateFile, keyFile] = [join(folder, 'cert.pem'), join(folder, 'key.pem')];
  writeFileSync(certificateFile, new X509Certificate(certificate).toString());
  writeFileSync(keyFile, key.export({ format: 'pem', type: 'pkcs8' }), { mode: 0o600 });
  return ['-c', certificateFile, '-j', keyFile, '-n'];
}

function underTest(
  name: string,
  process_: ChildProcess,
  port: number,
  clean: () => void,
): ServerUnderTest {
  if (process_.pid === undefined) throw new Error(`${name} did not start`);
  endWithUs(process_);
  return {
    name,
    pid: process_.pid,
    port,
    stop() {
      process_.kill('SIGKILL');
      clean();
    },
  };
}

async function ended(process_: ChildProcess): Promise<never> {
  const [code] = await once(process_, 'exit');
  throw new Error(`${process_.spawnfile} ended (${code}) before it was asked to`);
}

/** A port that is free, after one that is. */
async function freePortAfterFree(): Promise<number> {
  for (;;) {
    const first = await bound(0);
    const port = first.address().port + 1;
    const second = await bound(port).catch(() => undefined);
    first.close();
    second?.close();
    if (second !== undefined) return port;
  }
}

async function bound(port: number) {
  const socket = createSocket('udp4');
  socket.bind(port, '127.0.0.1');
  await once(socket, 'listening');
  return socket;
}

/** A DTLS server on a loopback UDP socket that says everything back; and how strangers' programs are run. */
import { type ChildProcess, spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { systemClock } from '../../src/base/clock.ts';
import { silentLog } from '../../src/base/log.ts';
import { systemRandom } from '../../src/base/random.ts';
import { type DtlsPeer, DtlsServer, type DtlsServerOptions } from '../../src/dtls/server.ts';

export interface Echo {
  readonly port: number;
  readonly peers: readonly DtlsPeer[];
  readonly ended: readonly string[];
  readonly server: DtlsServer;
  /** The longest datagram that went out. */
  readonly longest: () => number;
  close(): void;
}

export async function startEcho(
  options: Partial<DtlsServerOptions> & Pick<DtlsServerOptions, 'credentials'>,
): Promise<Echo> {
  const socket = createSocket('udp4');
  const peers: DtlsPeer[] = [];
  const ended: string[] = [];
  let longest = 0;
  const server = new DtlsServer({
    clock: systemClock,
    random: systemRandom,
    log: silentLog(),
    opened: (peer) => peers.push(peer),
    closed: (_peer, reason) => ended.push(reason),
    deliver: (peer, data) => peer.send(data),
    send(datagram, { address, port }) {
      longest = Math.max(longest, datagram.length);
      socket.send(datagram, port, address);
    },
    ...options,
  });
  socket.on('message', (datagram, { address, port }) =>
    server.receive(datagram, { address, port }),
  );
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  return {
    port: socket.address().port,
    peers,
    ended,
    server,
    longest: () => longest,
    close() {
      void server.close();
      socket.close();
    },
  };
}

/** Milliseconds after which a program that has not ended is ended. */
const patience = 20_000;

/** A program that is talked to over its standard input and output. */
export class Talk {
  readonly #child: ChildProcess;
  #output = '';
  #listeners: (() => void)[] = [];
  #exited = false;

  constructor(program: string, args: readonly string[]) {
    this.#child = spawn(program, args, { timeout: patience, killSignal: 'SIGKILL' });
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.on('data', (chunk: Buffer) => {
        this.#output += chunk.toString('latin1');
        this.#wake();
      });
    }
    this.#child.stdin?.on('error', () => {}); // it ended while it was talked to
    this.#child.on('close', () => {
      this.#exited = true;
      this.#wake();
    });
    this.#child.on('error', (error) => {
      this.#output += error.message;
      this.#exited = true;
      this.#wake();
    });
  }

  get output(): string {
    return this.#output;
  }

  say(text: string): void {
    this.#child.stdin?.write(text);
  }

  /** Waits until the output has `pattern`; rejects with the output where the program ends without it. */
  async hears(pattern: RegExp): Promise<string> {
    while (!pattern.test(this.#output)) {
      if (this.#exited) throw new Error(`no ${pattern} in: ${this.#output}`);
      await new Promise<void>((resolve) => this.#listeners.push(resolve));
    }
    return this.#output;
  }

  /** Waits until the program has ended. */
  async ends(): Promise<string> {
    while (!this.#exited) await new Promise<void>((resolve) => this.#listeners.push(resolve));
    return this.#output;
  }

  kill(): void {
    this.#child.kill('SIGKILL');
  }

  #wake(): void {
    const listeners = this.#listeners;
    this.#listeners = [];
    for (const listener of listeners) listener();
  }
}

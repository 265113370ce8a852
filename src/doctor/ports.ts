/** The sockets: whether the ports are free, and whether the system gives the buffer that a fleet needs. */
import { createSocket } from 'node:dgram';
import { createServer } from 'node:net';
import { causeText, error, type Finding, ok, warning } from './finding.ts';

/** What the eIM asks for, in octets (src/devices-side.ts). */
export const wantedBuffer = 4 * 2 ** 20;

export interface PortCheck {
  /** `coaps.port` */
  readonly check: string;
  readonly host: string;
  readonly port: number;
  /** An eIM answers here already: that it holds the port is as it should be. */
  readonly running: boolean;
}

export async function udpPort({ check, host, port, running }: PortCheck): Promise<Finding> {
  const socket = createSocket(host.includes(':') ? 'udp6' : 'udp4');
  try {
    await new Promise<void>((resolve, reject) => {
      socket.once('error', reject);
      socket.bind(port, host, resolve);
    });
    return ok(check, `UDP ${host} port ${port} is free`);
  } catch (cause) {
    return taken(check, `UDP ${host} port ${port}`, cause, running);
  } finally {
    socket.close();
  }
}

export async function tcpPort({ check, host, port, running }: PortCheck): Promise<Finding> {
  const server = createServer();
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(port, host, resolve);
    });
    return ok(check, `TCP ${host} port ${port} is free`);
  } catch (cause) {
    return taken(check, `TCP ${host} port ${port}`, cause, running);
  } finally {
    server.close();
  }
}

function taken(check: string, what: string, cause: unknown, running: boolean): Finding {
  const code: unknown = cause instanceof Error ? Reflect.get(cause, 'code') : undefined;
  if (code === 'EADDRINUSE' && running) return ok(check, `${what} is held by the eIM that runs`);
  const advice =
    code === 'EADDRINUSE'
      ? `stop the other program, or set ${check}`
      : code === 'EACCES'
        ? `set ${check} to one above 1023, or give the service CAP_NET_BIND_SERVICE`
        : 'set the host to an address of this machine';
  return error(check, `${what}: ${causeText(cause)}`, advice);
}

export async function udpBuffer(): Promise<Finding> {
  const check = 'UDP receive buffer';
  const socket = createSocket('udp4');
  try {
    await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
    let given: number;
    try {
      socket.setRecvBufferSize(wantedBuffer);
      given = socket.getRecvBufferSize();
    } catch {
      given = socket.getRecvBufferSize();
    }
    // Linux doubles what it gives, for its own books.
    const octets = process.platform === 'linux' ? given / 2 : given;
    const kilobytes = Math.floor(octets / 1024);
    if (octets >= wantedBuffer) return ok(check, `${kilobytes} KiB`);
    return warning(
      check,
      `${kilobytes} KiB of ${wantedBuffer / 1024} KiB: datagrams are lost where many devices wake at once`,
      `sysctl -w net.core.rmem_max=${wantedBuffer} (and in /etc/sysctl.d)`,
    );
  } finally {
    socket.close();
  }
}

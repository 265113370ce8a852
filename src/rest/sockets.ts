/**
 * The sockets of a server that closes. Node waits for whoever has connected and never asked, or has sent half a
 * request's head: without end, since it stops looking at the clock for them.
 */

/** As much of a net.Socket as matters here. */
interface Socket extends Ends {
  once(event: 'close', listener: () => void): unknown;
  destroy(): unknown;
}

interface Ends {
  readonly remoteAddress?: string | undefined;
  readonly remotePort?: number | undefined;
}

/** As much of an http.Server. */
interface Server {
  on(event: 'connection', listener: (socket: Socket) => void): unknown;
  on(event: 'request', listener: (request: Request, response: Response) => void): unknown;
}

interface Request {
  readonly socket: Ends;
}

interface Response {
  once(event: 'close', listener: () => void): unknown;
}

export class Sockets {
  readonly #sockets = new Set<Socket>();
  /** Requests under way, by the end that they come from: a TLS socket and the one below it have the same. */
  readonly #busy = new Map<string, number>();

  constructor(server: Server) {
    server.on('connection', (socket) => {
      this.#sockets.add(socket);
      socket.once('close', () => this.#sockets.delete(socket));
    });
    server.on('request', ({ socket }, response) => {
      const end = endOf(socket);
      this.#busy.set(end, (this.#busy.get(end) ?? 0) + 1);
      response.once('close', () => {
        const left = (this.#busy.get(end) ?? 1) - 1;
        if (left > 0) this.#busy.set(end, left);
        else this.#busy.delete(end);
      });
    });
  }

  /** Ends those on which no request is under way. */
  endIdle(): void {
    for (const socket of this.#sockets) if (!this.#busy.has(endOf(socket))) socket.destroy();
  }

  /** Ends all. */
  end(): void {
    for (const socket of this.#sockets) socket.destroy();
  }
}

function endOf({ remoteAddress, remotePort }: Ends): string {
  return `${remoteAddress} ${remotePort}`;
}

/**
 * The sockets of a server that closes. Node waits for whoever has connected and never asked, or has sent half a
 * request's head: without end, since it stops looking at the clock for them; and for whoever was answered and may ask
 * again, until the connection has been idle for long.
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
  closeIdleConnections(): void;
  on(event: 'connection', listener: (socket: Socket) => void): unknown;
  on(event: 'request', listener: (request: Request, response: Response) => void): unknown;
}

interface Request {
  readonly socket: Ends & { destroySoon(): unknown };
}

interface Response {
  /** Decides what the head says of the connection, as long as that has not left. */
  shouldKeepAlive: boolean;
  once(event: 'close', listener: () => void): unknown;
}

export class Sockets {
  readonly #sockets = new Set<Socket>();
  /** Responses under way, by the end that they go to: a TLS socket and the one below it have the same. */
  readonly #busy = new Map<string, Set<Response>>();
  #closing = false;

  constructor(server: Server) {
    // Node takes for idle who has yet to read the end of an answer, and would cut that off.
    server.closeIdleConnections = () => {};
    server.on('connection', (socket) => {
      this.#sockets.add(socket);
      socket.once('close', () => this.#sockets.delete(socket));
    });
    server.on('request', ({ socket }, response) => {
      const end = endOf(socket);
      const busy = this.#busy.get(end) ?? new Set();
      this.#busy.set(end, busy.add(response));
      if (this.#closing) response.shouldKeepAlive = false;
      response.once('close', () => {
        busy.delete(response);
        if (busy.size > 0) return;
        if (this.#busy.get(end) === busy) this.#busy.delete(end);
        // What has been written still leaves.
        if (this.#closing) socket.destroySoon();
      });
    });
  }

  /** Ends those on which no request is under way, and each of the others with its last answer. */
  endIdle(): void {
    this.#closing = true;
    for (const responses of this.#busy.values()) {
      for (const response of responses) response.shouldKeepAlive = false;
    }
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

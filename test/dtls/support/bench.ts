/** A server on the test's bench: datagrams in by hand, answers in hand. */
import { type Address, addressText } from '../../../src/base/address.ts';
import { equal, utf8 } from '../../../src/base/bytes.ts';
import { Drops, type LogLine, makeLog } from '../../../src/base/log.ts';
import { type DtlsPeer, DtlsServer, type DtlsServerOptions } from '../../../src/dtls/server.ts';
import { HandClock } from '../../support/hand-clock.ts';
import { seededRandom } from '../../support/seeded.ts';

export const psk = { identity: 'dev1', key: utf8('secretPSK') } as const;

export const home: Address = { address: '127.0.0.1', port: 40000 };

/** A server that knows one device, and all that came out of it. */
export class Bench {
  readonly clock = new HandClock();
  readonly drops = new Drops();
  readonly lines: LogLine[] = [];
  readonly opened: DtlsPeer[] = [];
  readonly closed: (readonly [peer: DtlsPeer, reason: string])[] = [];
  readonly delivered: (readonly [peer: DtlsPeer, data: Uint8Array])[] = [];
  readonly server: DtlsServer;
  #sent: (readonly [datagram: Uint8Array, address: Address])[] = [];

  constructor(options: Partial<DtlsServerOptions> = {}) {
    this.server = new DtlsServer({
      credentials: {
        psk: (identity) => (equal(identity, utf8(psk.identity)) ? [psk.key] : []),
      },
      clock: this.clock,
      random: seededRandom(7),
      log: makeLog('dtls', (line) => this.lines.push(line), this.drops),
      opened: (peer) => this.opened.push(peer),
      closed: (peer, reason) => this.closed.push([peer, reason]),
      deliver: (peer, data) => this.delivered.push([peer, data]),
      send: (datagram, address) => this.#sent.push([datagram, address]),
      ...options,
    });
  }

  /** Gives the server a datagram, and takes what it answers. */
  say(datagram: Uint8Array, from = home): readonly Uint8Array[] {
    this.server.receive(datagram, from);
    return this.heard();
  }

  /** What the server has sent since it was last asked. */
  heard(): readonly Uint8Array[] {
    const sent = this.#sent;
    this.#sent = [];
    return sent.map(([datagram]) => datagram);
  }

  /** Of that, what went to one address; the rest stays. */
  mail(to: Address): readonly Uint8Array[] {
    const text = addressText(to);
    const mine = this.#sent.filter(([, address]) => addressText(address) === text);
    this.#sent = this.#sent.filter(([, address]) => addressText(address) !== text);
    return mine.map(([datagram]) => datagram);
  }

  dropped(reason: string): number {
    return this.drops.of(`dtls: ${reason}`);
  }

  get peer(): DtlsPeer {
    const [peer] = this.opened;
    if (peer === undefined) throw new Error('nobody has connected');
    return peer;
  }

  errors(): readonly LogLine[] {
    return this.lines.filter(({ level }) => level === 'error');
  }
}

/** The one element of a list. */
export function only<T>(list: readonly T[]): T {
  const [first, ...rest] = list;
  if (first === undefined || rest.length > 0) throw new Error(`${list.length} where one is due`);
  return first;
}

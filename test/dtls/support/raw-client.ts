/** A client whose every record the test decides on. PSK with TLS_PSK_WITH_AES_128_CCM_8. */
import { concat, utf8 } from '../../../src/base/bytes.ts';
import { AeadProtection } from '../../../src/dtls/aead.ts';
import { cipherSuites } from '../../../src/dtls/cipher-suites.ts';
import { ReadEpoch } from '../../../src/dtls/epoch.ts';
import { extension } from '../../../src/dtls/extensions.ts';
import { readFragments } from '../../../src/dtls/fragments.ts';
import {
  type EpochKeys,
  epochKeys,
  masterSecret,
  pskPremaster,
  verifyData,
} from '../../../src/dtls/key-schedule.ts';
import { ClientHello } from '../../../src/dtls/messages/client-hello.ts';
import { PskClientKeyExchange } from '../../../src/dtls/messages/client-key-exchange.ts';
import {
  encodeFragment,
  type Fragment,
  type HandshakeMessage,
  HandshakeType,
} from '../../../src/dtls/messages/handshake-message.ts';
import { HelloVerifyRequest } from '../../../src/dtls/messages/hello-verify-request.ts';
import { ServerHello } from '../../../src/dtls/messages/server-hello.ts';
import {
  ContentType,
  type DtlsRecord,
  encodeRecord,
  ProtocolVersion,
  readRecords,
} from '../../../src/dtls/record.ts';
import { decode, encode } from '../../../src/dtls/struct.ts';
import { Transcript } from '../../../src/dtls/transcript.ts';
import { seededRandom } from '../../support/seeded.ts';
import { type Bench, home, only, psk } from './bench.ts';

const suite = cipherSuites.TLS_PSK_WITH_AES_128_CCM_8;

export interface RawClientOptions {
  readonly seed?: number;
  readonly identity?: Uint8Array;
  readonly key?: Uint8Array;
  readonly from?: typeof home;
  readonly hello?: Partial<ClientHello>;
}

export class RawClient {
  readonly #bench: Bench;
  readonly #options: RawClientOptions;
  hello: ClientHello;
  transcript = new Transcript(0);
  master = new Uint8Array();
  #keys: EpochKeys | undefined;
  #reader: ReadEpoch | undefined;
  #plainSequence = 2;
  #sequence = 0;

  constructor(bench: Bench, options: RawClientOptions = {}) {
    this.#bench = bench;
    this.#options = options;
    this.hello = {
      clientVersion: ProtocolVersion.dtls12,
      random: seededRandom(options.seed ?? 11)(32),
      sessionId: new Uint8Array(),
      cookie: new Uint8Array(),
      cipherSuites: [suite.id],
      compressionMethods: [0],
      extensions: [extension.renegotiationInfo(), extension.extendedMasterSecret()],
      ...options.hello,
    };
  }

  say(...records: readonly Uint8Array[]): readonly Uint8Array[] {
    return this.#bench.say(concat(...records), this.#options.from ?? home);
  }

  /** A ClientHello in a record numbered `record`, as message number `message`. */
  helloRecord(record = 0, message = 0): Uint8Array {
    const body = encode(ClientHello, this.hello);
    return plainRecord(
      { type: HandshakeType.clientHello, sequence: message, offset: 0, length: body.length, body },
      record,
    );
  }

  /** Takes the cookie out of a HelloVerifyRequest and into the hello. */
  takeCookie(datagrams: readonly Uint8Array[]): void {
    const { body } = messageOf(only(recordsOf(only(datagrams))));
    const { cookie } = decode('HelloVerifyRequest', HelloVerifyRequest, body);
    this.hello = { ...this.hello, cookie };
  }

  /** Flights 1 to 4: what the server answers the hello with its cookie. */
  begin(): readonly Uint8Array[] {
    this.takeCookie(this.say(this.helloRecord(0, 0)));
    const flight4 = this.say(this.helloRecord(1, 1));
    this.takeFlight4(flight4);
    return flight4;
  }

  /** Takes in flight 4, and makes the keys. */
  takeFlight4(datagrams: readonly Uint8Array[]): void {
    this.transcript = new Transcript(1);
    this.transcript.send(HandshakeType.clientHello, encode(ClientHello, this.hello));
    const messages = datagrams.flatMap(recordsOf).map(messageOf);
    let server = new Uint8Array(32);
    for (const message of messages) {
      const body = this.transcript.receive(message.type as HandshakeType, message);
      if (message.type === HandshakeType.serverHello) {
        server = new Uint8Array(decode('ServerHello', ServerHello, body).random);
      }
    }
    const identity = this.#options.identity ?? utf8(psk.identity);
    const exchange = encode(PskClientKeyExchange, { identity });
    this.#exchange = this.transcript.send(HandshakeType.clientKeyExchange, exchange);
    const randoms = { client: this.hello.random, server };
    const premaster = pskPremaster(this.#options.key ?? psk.key);
    const hash = this.transcript.digest(suite.hash);
    this.master = new Uint8Array(masterSecret(suite.hash, premaster, randoms, hash));
    this.#keys = epochKeys(suite, this.master, randoms);
    this.#reader = new ReadEpoch(new AeadProtection(suite.cipher, this.#keys.server));
    const own = verifyData(suite.hash, this.master, 'client', hash);
    this.#finished = this.transcript.send(HandshakeType.finished, own);
  }

  #exchange: HandshakeMessage | undefined;
  #finished: HandshakeMessage | undefined;

  get exchange(): HandshakeMessage {
    if (this.#exchange === undefined) throw new Error('flight 4 has not come');
    return this.#exchange;
  }

  get finished(): HandshakeMessage {
    if (this.#finished === undefined) throw new Error('flight 4 has not come');
    return this.#finished;
  }

  /** A fragment in a record of epoch 0. */
  plain(fragment: Fragment): Uint8Array {
    return plainRecord(fragment, this.#plainSequence++);
  }

  exchangeRecord(): Uint8Array {
    return this.plain(whole(this.exchange));
  }

  changeCipherSpec(): Uint8Array {
    const header = {
      type: ContentType.changeCipherSpec,
      version: ProtocolVersion.dtls12,
      epoch: 0,
      sequence: this.#plainSequence++,
    };
    return encodeRecord(header, Uint8Array.of(1));
  }

  finishedRecord(verify = this.finished.body): Uint8Array {
    const message = { ...this.finished, body: verify };
    return this.sealed(ContentType.handshake, encodeFragment(whole(message)));
  }

  /** Whether flight 4 has come, so that it can seal records. */
  get hasKeys(): boolean {
    return this.#keys !== undefined;
  }

  /** A record of epoch 1, under its next number or the given one. */
  sealed(type: ContentType, plaintext: Uint8Array, sequence = this.#sequence++): Uint8Array {
    if (this.#keys === undefined) throw new Error('there are no keys');
    const header = { type, version: ProtocolVersion.dtls12, epoch: 1, sequence };
    const protection = new AeadProtection(suite.cipher, this.#keys.client);
    return encodeRecord(header, protection.seal(header, plaintext));
  }

  data(text: string, sequence?: number): Uint8Array {
    return this.sealed(ContentType.applicationData, utf8(text), sequence);
  }

  /** Flight 5 in one datagram; the server's flight 6. */
  finish(): readonly Uint8Array[] {
    return this.say(this.exchangeRecord(), this.changeCipherSpec(), this.finishedRecord());
  }

  /** The whole handshake. */
  connect(): this {
    this.begin();
    this.finish();
    return this;
  }

  /** The plaintexts of the server's protected records that this client has not seen yet. */
  opened(datagrams: readonly Uint8Array[]): readonly (readonly [ContentType, Uint8Array])[] {
    return datagrams
      .flatMap(recordsOf)
      .filter(({ epoch }) => epoch === 1)
      .flatMap((record) => {
        if (this.#reader?.isNew(record) !== true) return [];
        const read = this.#reader.read(record);
        return read === undefined ? [] : [[read.type, read.plaintext] as const];
      });
  }
}

export function plainRecord(fragment: Fragment, sequence: number): Uint8Array {
  const header = {
    type: ContentType.handshake,
    version: ProtocolVersion.dtls12,
    epoch: 0,
    sequence,
  };
  return encodeRecord(header, encodeFragment(fragment));
}

export function whole(message: HandshakeMessage): Fragment {
  return { ...message, offset: 0, length: message.body.length };
}

export function recordsOf(datagram: Uint8Array): readonly DtlsRecord[] {
  return [
    ...readRecords(datagram, (reason) => {
      throw new Error(reason);
    }),
  ];
}

/** The one handshake message of a record, which holds it whole. */
export function messageOf(record: DtlsRecord): HandshakeMessage {
  const fragment = only(readFragments(record.fragment) ?? []);
  if (fragment.body.length !== fragment.length) throw new Error('a fragment');
  return fragment;
}

/** The alerts in plaintext among datagrams, as [level, description]. */
export function plainAlerts(datagrams: readonly Uint8Array[]): readonly (readonly number[])[] {
  return datagrams
    .flatMap(recordsOf)
    .filter(({ type, epoch }) => type === ContentType.alert && epoch === 0)
    .map(({ fragment }) => [...fragment]);
}

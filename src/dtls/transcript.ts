/** The handshake so far: what Finished and the extended master secret are made of (RFC 6347 §4.2.6). */
import { Writer } from '../base/bytes.ts';
import { AlertDescription, HandshakeError } from './alert.ts';
import { digestOf, type HashName } from './hmac.ts';
import {
  type HandshakeMessage,
  type HandshakeType,
  handshakeTypeText,
  writeMessage,
  writeMessageHead,
} from './messages/handshake-message.ts';
import type { Struct } from './struct.ts';

/** Octets that a handshake's messages take, without certificates; with them, it grows. */
const roomy = 512;

/**
 * Keeps every message as if unfragmented, raw: which hash is due is known only after ServerHello, and a
 * CertificateVerify signs the octets themselves. Numbers the messages that we send.
 */
export class Transcript {
  #messages = new Writer(roomy);
  #nextSequence: number;
  /** The last one, and of how many octets. */
  #digest:
    | { readonly hash: HashName; readonly length: number; readonly octets: Uint8Array }
    | undefined;

  /** `nextSequence` is the message_seq of our first message. */
  constructor(nextSequence: number) {
    this.#nextSequence = nextSequence;
  }

  /** A message of ours, numbered and taken down. */
  send(type: HandshakeType, body: Uint8Array): HandshakeMessage {
    const message = { type, sequence: this.#nextSequence++, body };
    writeMessage(this.#messages, message);
    return message;
  }

  /** Likewise, with a body of so many octets that is written where it is taken down, and is a view of that. */
  write<T>(type: HandshakeType, of: Struct<T>, value: T, length: number): HandshakeMessage {
    const sequence = this.#nextSequence++;
    const messages = this.#messages;
    writeMessageHead(messages, type, length, sequence);
    const from = messages.length;
    of.write(messages, value);
    if (messages.length !== from + length) throw new Error(`a body that is not ${length} octets`);
    return { type, sequence, body: messages.since(from) };
  }

  /** Takes down the peer's message and gives its body. Throws HandshakeError where another type is due. */
  receive(due: HandshakeType, message: HandshakeMessage): Uint8Array {
    if (message.type !== due) {
      throw new HandshakeError(
        AlertDescription.unexpectedMessage,
        `${handshakeTypeText(message.type)} where ${handshakeTypeText(due)} is due`,
      );
    }
    writeMessage(this.#messages, message);
    return message.body;
  }

  /** Forgets the messages, not the numbers: a first ClientHello and the HelloVerifyRequest do not count. */
  restart(): void {
    this.#messages = new Writer(roomy);
    this.#digest = undefined;
  }

  /** The messages so far, which is what a CertificateVerify signs. */
  get octets(): Uint8Array {
    return this.#messages.done();
  }

  /** Of the messages so far: made once, though the extended master secret and Finished may take the same. */
  digest(hash: HashName): Uint8Array {
    const { length } = this.#messages;
    if (this.#digest?.length !== length || this.#digest.hash !== hash) {
      this.#digest = { hash, length, octets: digestOf(hash, this.#messages.written) };
    }
    return this.#digest.octets;
  }
}

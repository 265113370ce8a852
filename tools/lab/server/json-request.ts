/** A request's body in the JSON bindings (SGP.22 6.5): binary values are base64 of their whole TLV. */
import { BytesError, fromBase64, fromUtf8, hex } from '../../../src/base/bytes.ts';
import type { Schema } from '../../../src/messages/schema.ts';
import { DerError } from '../../../src/messages/tlv.ts';
import { Refusal } from './refusal.ts';

/** Fields of an answer besides its header. */
export type JsonAnswer = Readonly<Record<string, unknown>>;

/** What is missing or malformed is a Refusal. */
export class JsonRequest {
  readonly #fields: Readonly<Record<string, unknown>>;

  constructor(body: Uint8Array) {
    const value = refusing('JSON', () => JSON.parse(fromUtf8(body)) as unknown);
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      throw new Refusal('malformed', 'not a JSON object');
    }
    this.#fields = value as Readonly<Record<string, unknown>>;
  }

  text(name: string): string {
    const value = this.optionalText(name);
    if (value === undefined) throw new Refusal('missing', name);
    return value;
  }

  optionalText(name: string): string | undefined {
    const value = this.value(name);
    if (value === undefined) return undefined;
    if (typeof value !== 'string') throw new Refusal('malformed', name);
    return value;
  }

  flag(name: string): boolean {
    const value = this.value(name);
    if (value === undefined) throw new Refusal('missing', name);
    if (typeof value !== 'boolean') throw new Refusal('malformed', name);
    return value;
  }

  /** Whatever JSON is there; undefined for nothing and for null. */
  value(name: string): unknown {
    const value = Object.hasOwn(this.#fields, name) ? this.#fields[name] : undefined;
    return value ?? undefined;
  }

  /** Octets in base64; white space within is passed over. */
  octets(name: string): Uint8Array {
    const text = this.text(name);
    return refusing(name, () => fromBase64(text));
  }

  message<T>(name: string, schema: Schema<T>): T {
    const octets = this.octets(name);
    return refusing(name, () => schema.decode(octets));
  }

  transactionId(): Uint8Array {
    const text = this.text('transactionId');
    const octets = refusing('transactionId', () => hex(text));
    if (octets.length < 1 || octets.length > 16) throw new Refusal('malformed', 'transactionId');
    return octets;
  }
}

function refusing<T>(what: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (
      !(error instanceof BytesError || error instanceof DerError || error instanceof SyntaxError)
    ) {
      throw error;
    }
    throw new Refusal('malformed', what, { cause: error });
  }
}

/**
 * Where CoAP's answers in blocks outlive a restart: a device goes on with a download where it stopped.
 *
 * ```
 *   coap-answer!<owner>/<key>              an answer, as src/coap/body-store.ts has it; options and body sealed
 *   coap-answer-end!<ms>/<owner>/<key>     when it may go
 *   coap-answer-of!<owner>                 the owner's answers, the one given longest ago first
 * ```
 * Owner and key are hashes: names of devices and paths of any length and letters, in keys of one length.
 *
 * An answer may hold the hash of a confirmation code, and an ETag tells whether one is guessed right: so both are sealed.
 * What does not open (the key has changed, or an earlier version left it in clear) is as if it had not been kept.
 */
import { createHash } from 'node:crypto';
import { concat, fromUtf8, hex, toHex, utf8 } from './base/bytes.ts';
import { type SecretBox, SecretError } from './base/secret-box.ts';
import { Serial } from './base/serial.ts';
import type { AnswerSnapshot, BodyStore } from './coap/body-store.ts';
import type { Option } from './coap/options.ts';
import { type Change, put, remove, type Store, table } from './store/store.ts';

type Content = Pick<AnswerSnapshot, 'options' | 'body'>;

interface Row extends Omit<AnswerSnapshot, keyof Content> {
  /** Absent in what an earlier version wrote. */
  readonly sealed?: Uint8Array;
}

/** Where an answer stands, and until when. */
interface Place {
  readonly place: string;
  readonly expires: number;
}

const answers = table<Row>('coap-answer');
const ends = table<string>('coap-answer-end');
const ofOwner = table<readonly Place[]>('coap-answer-of');
/** Rows looked at in one go. */
const page = 100;

/**
 * @param box seals what is answered
 * @param most answers of one owner: a device that names each of its requests anew is not to fill the disk
 */
export function coapStore(store: Store, box: SecretBox, most: number): BodyStore {
  const placesOf = async (owner: string) => (await store.get(ofOwner, hash(owner))) ?? [];
  /** By owner: two answers at a time would each count without the other. */
  const serial = new Serial();
  return {
    async of(owner) {
      const found = await store.list(answers, { prefix: `${hash(owner)}/`, limit: page });
      return found.flatMap(([place, row]) => opened(box, place, row));
    },
    put: (owner, answer) =>
      serial.run(owner, async () => {
        const place = placeOf(owner, answer.key);
        const { key, bare, loose, code, options, body, expires } = answer;
        const sealed = box.seal(packed({ options, body }), contextOf(place));
        const row = { key, bare, loose, code, expires, sealed };
        const places = await placesOf(owner);
        const others = places.filter((one) => one.place !== place);
        const left = others.slice(Math.max(0, others.length + 1 - most));
        const gone = places.filter((one) => !left.includes(one));
        await store.commit([
          ...gone.flatMap(removals),
          put(answers, place, row),
          put(ends, endOf(expires, place), place),
          put(ofOwner, hash(owner), [...left, { place, expires }]),
        ]);
      }),
    delete: (owner, key) =>
      serial.run(owner, async () => {
        const at = placeOf(owner, key);
        const places = await placesOf(owner);
        const left = places.filter(({ place }) => place !== at);
        const gone = places.filter((one) => !left.includes(one));
        const of =
          left.length === 0 ? remove(ofOwner, hash(owner)) : put(ofOwner, hash(owner), left);
        await store.commit([remove(answers, at), ...gone.flatMap(removals), of]);
      }),
  };
}

function removals({ place, expires }: Place): readonly Change[] {
  return [remove(answers, place), remove(ends, endOf(expires, place))];
}

/** Deletes answers whose time is over. */
export async function sweepCoapStore(store: Store, now: number): Promise<void> {
  for (;;) {
    const oldest = await store.list(ends, { limit: page });
    const due = oldest.filter(([key]) => key < endOf(now + 1, ''));
    if (due.length === 0) return;
    for (const [key, place] of due) {
      // The same answer may have been given again since, and then ends later.
      const row = await store.get(answers, place);
      const over = row !== undefined && row.expires <= now;
      await store.commit([remove(ends, key), ...(over ? [remove(answers, place)] : [])]);
      const owner = place.slice(0, place.indexOf('/'));
      const left = await store.get(ofOwner, owner);
      const none = left?.every(({ expires }) => expires <= now);
      if (none === true) await store.commit([remove(ofOwner, owner)]);
    }
  }
}

/** The answer, if it can still be had. */
function opened(box: SecretBox, place: string, { sealed, ...row }: Row): readonly AnswerSnapshot[] {
  if (sealed === undefined) return [];
  try {
    return [{ ...row, ...unpacked(box.open(sealed, contextOf(place))) }];
  } catch (error) {
    if (!(error instanceof SecretError)) throw error;
    return [];
  }
}

function contextOf(place: string): string {
  return `coap-answer!${place}`;
}

/** Octets of the length that stands before the options. */
const lengthOctets = 4;

/** The options as JSON, behind its length, then the body. */
function packed({ options, body }: Content): Uint8Array {
  const head = utf8(JSON.stringify(options.map(({ number, value }) => [number, toHex(value)])));
  const length = new Uint8Array(lengthOctets);
  new DataView(length.buffer).setUint32(0, head.length);
  return concat(length, head, body);
}

/** What `packed` made; nobody else can have sealed it. */
function unpacked(octets: Uint8Array): Content {
  const { buffer, byteOffset } = octets;
  const end = lengthOctets + new DataView(buffer, byteOffset).getUint32(0);
  const head = JSON.parse(fromUtf8(octets.subarray(lengthOctets, end))) as [number, string][];
  const options: readonly Option[] = head.map(([number, value]) => ({ number, value: hex(value) }));
  return { options, body: octets.slice(end) };
}

function placeOf(owner: string, key: string): string {
  return `${hash(owner)}/${hash(key)}`;
}

/** Keys in the order of time. */
function endOf(expires: number, place: string): string {
  return `${String(expires).padStart(15, '0')}/${place}`;
}

function hash(text: string): string {
  return createHash('sha256').update(text).digest('base64url').slice(0, 24);
}

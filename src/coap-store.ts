/**
 * Where CoAP's answers in blocks outlive a restart: a device goes on with a download where it stopped.
 *
 * ```
 *   coap-answer!<owner>/<key>              an answer, as src/coap/body-store.ts has it
 *   coap-answer-end!<ms>/<owner>/<key>     when it may go
 * ```
 * Owner and key are hashes: names of devices and paths of any length and letters, in keys of one length.
 */
import { createHash } from 'node:crypto';
import type { AnswerSnapshot, BodyStore } from './coap/body-store.ts';
import { put, remove, type Store, table } from './store/store.ts';

const answers = table<AnswerSnapshot>('coap-answer');
const ends = table<string>('coap-answer-end');
/** Rows looked at in one go. */
const page = 100;

export function coapStore(store: Store): BodyStore {
  return {
    async of(owner) {
      const found = await store.list(answers, { prefix: `${hash(owner)}/`, limit: page });
      return found.map(([, row]) => row);
    },
    async put(owner, answer) {
      const place = placeOf(owner, answer.key);
      const { key, bare, loose, code, options, body, expires } = answer;
      const row = { key, bare, loose, code, options, body, expires };
      await store.commit([put(answers, place, row), put(ends, endOf(expires, place), place)]);
    },
    async delete(owner, key) {
      await store.commit([remove(answers, placeOf(owner, key))]);
    },
  };
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
    }
  }
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

/**
 * Commits rows to the store in the folder argv[2] until it is killed, several at a time, and prints the key of each
 * row once its commit has resolved. argv[3] is the first number to use; argv[4] says which commits wait for the disk:
 * `all`, `none` or `some`.
 */
import { writeSync } from 'node:fs';
import { LevelStore } from '../../src/store/level.ts';
import { put, table } from '../../src/store/store.ts';

const [, , folder = '', first = '0', waiting = 'all'] = process.argv;
const store = await LevelStore.open(folder);
const rows = table<{ number: number; filler: Uint8Array }>('rows');
let number = Number(first);

async function commitForever(): Promise<never> {
  for (;;) {
    const mine = number++;
    const row = { number: mine, filler: new Uint8Array(mine % 2000) };
    const synced = waiting === 'all' || (waiting === 'some' && mine % 3 === 0);
    await store.commit([put(rows, `a${mine}`, row), put(rows, `b${mine}`, row)], { synced });
    writeSync(1, `${mine}\n`);
  }
}

await Promise.all(Array.from({ length: 8 }, commitForever));

/** The data folder: room on its disk, and whether it takes what is written, and how fast. */
import { existsSync, statfsSync } from 'node:fs';
import { open, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { LevelStore } from '../store/level.ts';
import { StoreError } from '../store/store.ts';
import { causeText, error, type Finding, ok, warning } from './finding.ts';

const megabyte = 2 ** 20;

export function diskSpace(dataFolder: string): Finding {
  const check = 'disk';
  const folder = nearest(dataFolder);
  const { bavail, bsize, files, ffree } = statfsSync(folder);
  const free = Math.floor((bavail * bsize) / megabyte);
  const found = `${free} MiB free for ${dataFolder}`;
  const advice = 'make room: on a full disk no order is taken and no device is answered';
  if (free < 100) return error(check, found, advice);
  if (files > 0 && ffree < 1000) return error(check, `${ffree} inodes free`, advice);
  return free < 1024 ? warning(check, found, advice) : ok(check, found);
}

/** The folder, or the nearest above it that is there. */
function nearest(folder: string): string {
  return existsSync(folder) ? folder : nearest(dirname(folder));
}

/** Writes a file and has it put on the disk, as each commit does. */
export async function diskWrite(dataFolder: string): Promise<Finding> {
  const check = 'disk';
  const folder = nearest(dataFolder);
  const path = join(folder, `.doctor-${process.pid}`);
  const began = performance.now();
  try {
    const file = await open(path, 'wx', 0o600);
    try {
      await file.write(new Uint8Array(4096));
      await file.sync();
    } finally {
      await file.close();
      await rm(path, { force: true });
    }
  } catch (cause) {
    const advice = 'run eim doctor as the user of the eIM, and let that user write the folder';
    return error(check, `${folder} cannot be written: ${causeText(cause)}`, advice);
  }
  const took = performance.now() - began;
  const found = `4 kB are on the disk after ${took.toFixed(1)} ms`;
  return took < 100
    ? ok(check, found)
    : warning(check, found, 'take a faster disk: each answer that changes something waits for it');
}

/** Whether the store opens. `running`: an eIM answers, which holds it. */
export async function storeOpens(dataFolder: string, running: boolean): Promise<Finding> {
  const check = 'store';
  const folder = join(dataFolder, 'store');
  if (!existsSync(join(folder, 'CURRENT'))) return ok(check, `${folder} is made on first start`);
  if (running) return ok(check, `${folder} is held by the eIM that runs`);
  try {
    const store = await LevelStore.open(folder);
    await store.close();
    return ok(check, `${folder} opens`);
  } catch (cause) {
    if (!(cause instanceof StoreError)) throw cause;
    return error(check, cause.message, 'see docs/operations.md, "Backup and restore"');
  }
}

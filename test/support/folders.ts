/** Folders for a test's own use, gone when it has ended. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';

/** A new, empty folder; called where tests are declared or run. */
export function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'coap-eim-'));
  after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

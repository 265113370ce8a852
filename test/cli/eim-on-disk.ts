/** An eIM as `eim serve` starts it, in this process: with its store on the disk. */
import type { TestContext } from 'node:test';
import { Drops, silentLog } from '../../src/base/log.ts';
import { loadConfig } from '../../src/config.ts';
import { serve } from '../../src/main.ts';
import { newFolder } from '../support/folders.ts';

/** The URL of its REST API; it ends with the test. */
export async function eimOnDisk(test: TestContext): Promise<string> {
  const flags = {
    dataFolder: newFolder(),
    'coaps.host': '127.0.0.1',
    'coaps.port': 0,
    'rest.port': 0,
  };
  const { config } = loadConfig({ env: {}, flags });
  const drops = new Drops();
  const service = await serve(config, { drops, room: (name) => silentLog(drops, name) });
  test.after(() => service.close());
  return service.rest.url;
}

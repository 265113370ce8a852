/** An eIM is closed whose store does not do its part. */
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { Drops, type LogLine, makeLog } from '../src/base/log.ts';
import { loadConfig } from '../src/config.ts';
import { Euiccs } from '../src/fleet/euiccs.ts';
import { serve } from '../src/main.ts';
import { LevelStore } from '../src/store/level.ts';
import { newFolder } from './support/folders.ts';

async function start(folder: string) {
  const drops = new Drops();
  const lines: LogLine[] = [];
  const room = (name: string) => makeLog(name, (line) => lines.push(line), drops);
  const { config } = loadConfig({
    env: {},
    flags: {
      dataFolder: folder,
      'coaps.host': '127.0.0.1',
      'coaps.port': 0,
      'rest.port': 0,
    },
  });
  return { service: await serve(config, { drops, room }), lines };
}

/** What a method does instead, for the length of a test. */
function instead(
  test: TestContext,
  closable: { close(): Promise<void> },
  close: () => never | Promise<void>,
) {
  const { mock } = test.mock.method(closable, 'close', close);
  return mock;
}

describe('a stop', { timeout: 60_000 }, () => {
  it('does not wait for ever for a disk', async (test) => {
    const { service, lines } = await start(newFolder());
    let release = (): Promise<void> => Promise.resolve();
    const { close } = LevelStore.prototype;
    const mock = instead(test, LevelStore.prototype, function (this: LevelStore) {
      // What waits for a disk keeps the process alive.
      const alive = setInterval(() => {}, 1000);
      release = () => {
        clearInterval(alive);
        return close.call(this);
      };
      return new Promise<void>(() => {});
    });
    await service.close();
    mock.restore();
    await release();
    assert.match(lines.at(-1)?.event ?? '', /stopped before all was written/);
  });

  it('lets go of the store although something before it fails, and says so', async (test) => {
    const folder = newFolder();
    const { service } = await start(folder);
    const mock = instead(test, Euiccs.prototype, () => Promise.reject(new Error('no space')));
    await assert.rejects(service.close(), /no space/);
    mock.restore();
    const { service: next } = await start(folder);
    await next.close();
  });
});

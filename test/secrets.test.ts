/** The key of the secrets in the store: where it comes from, and that a wrong or lost one is told at once. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { base64, hex, utf8 } from '../src/base/bytes.ts';
import { type LogLine, makeLog } from '../src/base/log.ts';
import { systemRandom } from '../src/base/random.ts';
import { loadConfig } from '../src/config.ts';
import { openSecrets } from '../src/secrets.ts';
import { MemoryStore } from '../src/store/memory.ts';
import { newFolder } from './support/folders.ts';

const keyA = '0a'.repeat(32);
const keyB = '0b'.repeat(32);

interface Start {
  readonly flags?: Readonly<Record<string, unknown>>;
  readonly env?: Readonly<Record<string, string>>;
  readonly lines?: LogLine[];
}

function opened(store: MemoryStore, { flags = {}, env = {}, lines = [] }: Start) {
  const { config } = loadConfig({ env, flags });
  const log = makeLog('eim', (line) => lines.push(line));
  return openSecrets({ config, store, random: systemRandom, log });
}

describe('the key of secrets', () => {
  it('is made on first start, for its owner alone, said so, and kept', async () => {
    const dataFolder = join(newFolder(), 'data');
    const lines: LogLine[] = [];
    const store = new MemoryStore();
    const box = await opened(store, { flags: { dataFolder }, lines });
    const path = join(dataFolder, 'secret.key');
    assert.equal(statSync(path).mode & 0o777, 0o600);
    const text = readFileSync(path, 'utf8');
    assert.match(text, /^[0-9A-F]{64}\n$/);
    assert.deepEqual(
      lines.map(({ level, fields }) => [level, fields]),
      [['warn', { file: path }]],
    );
    assert.ok(!JSON.stringify(lines).includes(text.trim()));
    const sealed = box.seal(utf8('x'), 'p');
    const again = await opened(store, { flags: { dataFolder }, lines });
    assert.deepEqual(again.open(sealed, 'p'), utf8('x'));
    assert.equal(lines.length, 1);
  });

  it('comes from the environment, in hex or base64, or from a file; then none is made', async () => {
    const dataFolder = newFolder();
    const keyFile = join(newFolder(), 'key');
    writeFileSync(keyFile, `${keyA}\n`);
    const ids = new Set<string>();
    for (const start of [
      { env: { EIM_SECRET_KEY: keyA } },
      { env: { EIM_SECRET_KEY: base64(hex(keyA)) } },
      { env: { EIM_SECRET_KEY_FILE: keyFile } },
      { flags: { 'secret.keyFile': keyFile } },
    ]) {
      const flags = { dataFolder, ...start.flags };
      ids.add((await opened(new MemoryStore(), { ...start, flags })).keyId);
    }
    assert.equal(ids.size, 1);
    assert.ok(!existsSync(join(dataFolder, 'secret.key')));
  });

  it('that is not of this store is refused, with what to do', async () => {
    const store = new MemoryStore();
    const flags = { dataFolder: newFolder() };
    await opened(store, { flags, env: { EIM_SECRET_KEY: keyA } });
    await assert.rejects(opened(store, { flags, env: { EIM_SECRET_KEY: keyB } }), (error) => {
      assert.ok(error instanceof Error && error.name === 'SecretError');
      assert.match(error.message, /sealed with another key .* set EIM_SECRET_KEY .*formerKeyFiles/);
      assert.ok(!error.message.includes(keyA) && !error.message.includes(keyB));
      return true;
    });
    await opened(store, { flags, env: { EIM_SECRET_KEY: keyA } });
  });

  it('that is gone is not made anew over a store that needs it', async () => {
    const store = new MemoryStore();
    const dataFolder = newFolder();
    await opened(store, { flags: { dataFolder } });
    const path = join(dataFolder, 'secret.key');
    rmSync(path);
    await assert.rejects(opened(store, { flags: { dataFolder } }), /is gone: restore the file/);
    assert.ok(!existsSync(path));
  });

  it('is changed by naming the one of before, once', async () => {
    const store = new MemoryStore();
    const dataFolder = newFolder();
    const former = join(dataFolder, 'former.key');
    writeFileSync(former, keyA);
    const flags = { dataFolder };
    await opened(store, { flags, env: { EIM_SECRET_KEY: keyA } });
    const lines: LogLine[] = [];
    await opened(store, {
      flags: { ...flags, 'secret.formerKeyFiles': [former] },
      env: { EIM_SECRET_KEY: keyB },
      lines,
    });
    assert.deepEqual(
      lines.map(({ event }) => event),
      ['eim: secrets have a new key'],
    );
    await opened(store, { flags, env: { EIM_SECRET_KEY: keyB } });
    await assert.rejects(opened(store, { flags, env: { EIM_SECRET_KEY: keyA } }), /another key/);
  });

  for (const wrong of ['', 'hunter2', keyA.slice(2), `${keyA}00`, `${keyA.slice(1)}g`]) {
    it(`is refused where it is '${wrong.slice(0, 8)}…' of ${wrong.length} characters`, async () => {
      const keyFile = join(newFolder(), 'key');
      writeFileSync(keyFile, wrong);
      const flags = { dataFolder: newFolder(), 'secret.keyFile': keyFile };
      await assert.rejects(opened(new MemoryStore(), { flags }), (error) => {
        assert.ok(error instanceof Error && error.name === 'ConfigError');
        assert.match(error.message, /^secret\.keyFile: .* is no key of 32 octets in hex or base64/);
        assert.ok(wrong === '' || !error.message.includes(wrong));
        return true;
      });
    });
  }

  it('is given once, not twice', () => {
    const flags = { 'secret.key': keyA, 'secret.keyFile': '/nowhere' };
    assert.throws(() => loadConfig({ env: {}, flags }), /secret\.keyFile: must not be set/);
  });
});

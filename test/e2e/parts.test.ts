/** The lab's parts alone, as a stranger would combine them, and an eIM that is killed. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { type EimProcess, startEim, top } from '../../tools/lab/eim-process.ts';
import { labSettings } from '../../tools/lab/eim-settings.ts';
import { labEid } from '../../tools/lab/pki/lab-pki.ts';
import { newFolder } from '../support/folders.ts';

/** A part of the lab as a process; `says` waits for a line and gives the first group. */
class Part {
  readonly child: ChildProcess;
  #said = '';
  readonly #waiting = new Set<() => void>();

  constructor(...args: readonly string[]) {
    const words = ['--import', 'tsx', join(top, 'tools', 'lab', 'main.ts'), ...args];
    this.child = spawn(process.execPath, words, { cwd: top, stdio: ['ignore', 'pipe', 'pipe'] });
    for (const stream of [this.child.stdout, this.child.stderr]) {
      stream?.on('data', (text: Buffer) => {
        this.#said += text.toString('utf8');
        for (const look of this.#waiting) look();
      });
    }
    after(() => this.child.kill('SIGKILL'));
  }

  get said(): string {
    return this.#said;
  }

  says(pattern: RegExp): Promise<string> {
    return new Promise((resolve, reject) => {
      const look = (): void => {
        const found = pattern.exec(this.#said);
        if (found === null) return;
        this.#waiting.delete(look);
        resolve(found[1] ?? found[0]);
      };
      this.#waiting.add(look);
      this.child.once('exit', (code) => reject(new Error(`ended with ${code}: ${this.#said}`)));
      look();
    });
  }

  ended(): Promise<number | null> {
    return new Promise((resolve) => this.child.once('exit', (code) => resolve(code)));
  }
}

async function eimIn(folder: string): Promise<EimProcess> {
  const ports = { coaps: 0, rest: 0, smdpp: 0 };
  const eim = await startEim({ folder, settings: labSettings(folder, { ports }) });
  after(() => eim.kill());
  return eim;
}

function member(document: unknown, name: string): unknown {
  return Reflect.get(Object(document), name);
}

describe('the parts alone', () => {
  it('an SM-DP+, an eIM and a device, each a process of its own', async () => {
    const folder = newFolder();
    const smdpp = new Part('smdpp', '--port', '0', '--size', '5000');
    const activationCode = await smdpp.says(/activation code: (\S+)/);
    const eim = await eimIn(folder);
    await eim.command('info', '--out', folder);
    const psk = '00112233445566778899aabbccddeeff';
    await eim.command('device', 'add', '--identity', 'alone', '--eid', labEid, '--psk', psk);
    const order = await eim.command('order', 'download', '--eid', labEid, '--ac', activationCode);

    const state = join(folder, 'euicc.json');
    const address = `${eim.coaps.address}:${eim.coaps.port}`;
    const common = [
      'device',
      '--eim',
      address,
      '--identity',
      'alone',
      '--psk',
      psk,
      '--state',
      state,
    ];
    const first = new Part(
      ...common,
      '--add-initial-eim',
      join(folder, 'add-initial-eim-request.der'),
    );
    assert.equal(await first.ended(), 0, first.said);
    assert.match(first.said, /89880000000000000017 │ disabled/);
    const done = await eim.command('order', 'show', String(member(order, 'id')));
    assert.equal(member(done, 'success'), true);

    // The eUICC was kept: the profile is there, and its counter goes on.
    await eim.command('order', 'enable', '--eid', labEid, '--iccid', '89880000000000000017');
    const second = new Part(...common);
    assert.equal(await second.ended(), 0, second.said);
    assert.match(second.said, /89880000000000000017 │ enabled/);
    smdpp.child.kill('SIGTERM');
    assert.equal(await smdpp.ended(), 0);
    await eim.stop();
  });
});

describe('the lab, when its reader has enough', () => {
  it('ends quietly, and takes down what it started', async () => {
    const lab = new Part('--json');
    lab.child.stdout?.destroy();
    assert.equal(await lab.ended(), 0, lab.said);
    assert.equal(lab.said, '');
  });
});

describe('an order accepted is an order kept', () => {
  it('through kill -9', async () => {
    const folder = newFolder();
    const before = await eimIn(folder);
    const ids: unknown[] = [];
    for (let i = 0; i < 5; i++) {
      ids.push(member(await before.command('order', 'profiles', '--eid', labEid), 'id'));
    }
    await before.kill();
    const after = await eimIn(folder);
    for (const id of ids) {
      assert.equal(member(await after.command('order', 'show', String(id)), 'state'), 'new');
    }
    await after.stop();
  });

  it('and a second eIM on the same store is refused by its name', async () => {
    const folder = newFolder();
    const eim = await eimIn(folder);
    await assert.rejects(eimIn(folder), (error: Error) => {
      assert.match(error.message, new RegExp(join(folder, 'data', 'store')));
      return true;
    });
    await eim.stop();
  });
});

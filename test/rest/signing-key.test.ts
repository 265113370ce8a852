/** The key by which an eUICC knows this eIM, as operators see and set it: REST, drop-in API and command line. */
import assert from 'node:assert/strict';
import { createPublicKey, type KeyObject } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, beforeEach, describe, it } from 'node:test';
import { Metrics } from '../../src/base/metrics.ts';
import { EimSigner } from '../../src/trust/eim-signer.ts';
import { newKey } from '../../tools/lab/pki/issue.ts';
import { commandHere } from '../cli/in-process.ts';
import { newFolder } from '../support/folders.ts';
import { at, get, send } from './http.ts';
import { eid, ownKey, type Running, run, serveRest } from './running.ts';

const second = newKey();
const stranger = newKey();

let eim: Running;
let url: string;
const running: (() => Promise<void>)[] = [];
before(async () => {
  eim = await run();
  const signingKeys = [ownKey, EimSigner.of(second).publicKeyInfo];
  running.push(() => eim.close());
  const rest = await serveRest({ ...eim.desk, metrics: new Metrics(), signingKeys });
  running.push(() => rest.close());
  url = rest.url;
});
after(async () => {
  for (const close of running) await close();
});
beforeEach(() => change({ signingKey: null }));

const change = (body: object) => send('PATCH', `${url}/v1/euiccs/${eid}`, body);
const command = (...args: readonly string[]) => commandHere(args, { EIM_URL: url });

function forms(key: KeyObject) {
  const open = createPublicKey(key);
  const der = open.export({ format: 'der', type: 'spki' });
  const point = der.subarray(-65).toString('hex').toUpperCase();
  const pem = String(open.export({ format: 'pem', type: 'spki' }));
  return { pem, der: der.toString('hex'), point };
}

describe('the key by which an eUICC knows this eIM', () => {
  it('is set as PEM, DER or point, kept as the key that packages are signed with, and taken back', async () => {
    const { pem, der, point } = forms(second);
    for (const signingKey of [pem, der, point]) {
      const { status, body } = await change({ signingKey });
      assert.equal(status, 200);
      assert.equal(at(body, 'signingKey'), point);
      assert.equal(at(body, 'known', 'signingKey', 'sure'), 'set');
      const kept = (await eim.desk.euiccs.get(eid))?.signingKey;
      assert.deepEqual(kept, EimSigner.of(second).publicKeyInfo);
      const { body: back } = await change({ signingKey: null });
      assert.equal(at(back, 'signingKey'), undefined);
      assert.equal(at(back, 'known', 'signingKey'), undefined);
    }
  });

  it('is refused where it is none of this eIM, and nothing else is set then', async () => {
    const { pem } = forms(stranger);
    const counterValue = (await eim.desk.euiccs.get(eid))?.counterValue;
    const { status, body } = await change({ counterValue: 4711, signingKey: pem });
    assert.equal(status, 400);
    assert.equal(at(body, 'error', 'field'), 'signingKey');
    assert.match(String(at(body, 'error', 'message')), /eim\.signing\.otherKeys/);
    const { signingKey, ...now } = (await eim.desk.euiccs.get(eid)) ?? assert.fail('it is gone');
    assert.deepEqual([signingKey, now.counterValue], [undefined, counterValue]);
  });

  it('is refused where it is no key, or a private one', async () => {
    const secret = String(second.export({ format: 'pem', type: 'pkcs8' }));
    for (const signingKey of ['', '0400', 'key', secret, 7]) {
      const { status, body } = await change({ signingKey });
      assert.equal(status, 400);
      assert.equal(at(body, 'error', 'field'), 'signingKey');
    }
  });

  it('is set, told and refused by the drop-in API', async () => {
    const ordered = async (euicc: object) => {
      const answer = await send('POST', `${url}/euicc/create`, { eidValue: eid, order: { euicc } });
      assert.equal(answer.status, 303, JSON.stringify(answer.body));
      const { body } = await get(`${url}${answer.headers.get('location')}`);
      return at(body, 'outcome', 0);
    };
    const { point } = forms(second);
    assert.deepEqual(await ordered([{ signingKey: point }]), { euiccUpdateResult: 'ok' });
    assert.deepEqual(await ordered({ get: ['signingKey'] }), {
      euiccStateResult: [{ signingKey: point }],
    });
    assert.deepEqual(await ordered([{ signingKey: forms(stranger).point }]), {
      euiccUpdateResult: 'badParamFormat',
    });
    assert.deepEqual((await ordered({ get: ['signingKey'] })) as unknown, {
      euiccStateResult: [{ signingKey: point }],
    });
  });

  it('is set, shown and taken back by the command line', async () => {
    const folder = newFolder();
    const file = (name: string, key: KeyObject) => {
      const path = join(folder, name);
      writeFileSync(path, forms(key).pem);
      return path;
    };
    const set = await command('euicc', 'set', eid, '--signing-key', file('second.pem', second));
    assert.equal(set.code, 0, set.stderr);
    const start = forms(second).point.slice(0, 18);
    assert.match(set.stdout, new RegExp(`^signed with +this eIM's key ${start}…`, 'm'));
    const other = await command('euicc', 'set', eid, '--signing-key', file('other.pem', stranger));
    assert.notEqual(other.code, 0);
    assert.match(other.stderr, /signingKey|--signing-key/);
    assert.match(other.stderr, /no key that this eIM signs with/);
    const none = await command('euicc', 'set', eid, '--signing-key', '0400');
    assert.equal(none.code, 2);
    assert.match(none.stderr, /^--signing-key: must be a public key/);
    const back = await command('euicc', 'set', eid, '--signing-key', 'default');
    assert.equal(back.code, 0, back.stderr);
    assert.doesNotMatch(back.stdout, /^signed with/m);
  });
});

/** The association token of the eUICC's record is what its results must be signed under (SGP.32 2.11.2). */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { EuiccResultData } from '../../src/messages/euicc-package.ts';
import { eid, type Said } from './euicc.ts';
import { Rig } from './rig.ts';

const enabled: readonly EuiccResultData[] = [{ type: 'enableResult', value: 0 }];

/** An order whose package was fetched from an eUICC with association token 200, and its signed result. */
async function answered(said: Said) {
  const rig = await Rig.with();
  await rig.eim.euiccs.update(eid, { associationToken: 200 });
  const order = await rig.enable();
  const answer = await rig.poll();
  if (answer.type !== 'euiccPackageRequest') assert.fail(answer.type);
  const result = rig.euicc.result(rig.euicc.read(answer.value, 200), enabled, said);
  await rig.provide({ type: 'euiccPackageResult', value: result });
  return { rig, order };
}

describe('a result of an eUICC whose association token is 200', () => {
  it('is believed under that token', async () => {
    const { rig, order } = await answered({ token: 200 });
    assert.equal((await rig.end(order)).success, true);
  });

  for (const token of [0, 1, 199]) {
    it(`is not believed under ${token}`, async () => {
      const { rig, order } = await answered({ token });
      assert.equal(await rig.at(order), 'work');
      assert.match((await rig.history(order)).join(), /association token 200/);
    });
  }
});

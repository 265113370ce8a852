/** `eim euicc handover`: each step only where the eUICC has proved the one before. */
import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, it } from 'node:test';
import type { Order, Outcome } from '../../src/orders/order.ts';
import { eid, finished, type Running, run } from '../rest/running.ts';
import { commandHere } from './in-process.ts';

let rest: Running;
let env: Record<string, string>;
/** What the device answers to an order: an outcome for each operation. */
let answers: (name: string) => Outcome;
let stop = () => {};

const listed = (...ids: readonly string[]): Outcome => ({
  listEimResult: { finalResult: 'successResult', eimIdList: ids.map((eimId) => ({ eimId })) },
});

/** A eUICC that does as it is told. */
const obedient = (name: string): Outcome => {
  if (name === 'addEim') return { addEimResult: { addEimResultCode: 'ok', associationToken: 7 } };
  return name === 'listEim' ? listed('eIM-test', 'eim2') : { deleteEimResult: 'ok' };
};

before(async () => {
  rest = await run();
  env = { EIM_URL: rest.url };
  stop = rest.desk.orders.onChange((order) => {
    if (order.state.at === 'new') void answer(order);
  });
});
beforeEach(async () => {
  answers = obedient;
  for (const { id } of await rest.desk.orders.list()) await rest.desk.orders.delete(id);
});
after(() => {
  stop();
  return rest.close();
});

async function answer(order: Order): Promise<void> {
  const names = 'eco' in order.request ? order.request.eco.flatMap(Object.keys) : [];
  const outcome = names.map((name) => answers(name));
  const success = !outcome.some((one) => JSON.stringify(one).includes('rror'));
  if (outcome.length === 1) await finished(rest, order, outcome[0] ?? {}, success);
  else await rest.desk.orders.finish(order.id, { success, outcome, reason: '' });
}

const handover = (...args: readonly string[]) =>
  commandHere(['euicc', 'handover', eid, ...args], env);

/** What was ordered, one word for each operation. */
async function ordered(): Promise<string[]> {
  const orders = await rest.desk.orders.list();
  return orders.map(({ request }) =>
    'eco' in request
      ? request.eco
          .map((one) =>
            'deleteEim' in one ? `deleteEim ${one.deleteEim.eimId}` : Object.keys(one),
          )
          .join()
      : 'other',
  );
}

describe('eim euicc handover', () => {
  it('begins: adds the other eIM, sees it listed, and says how to go on', async () => {
    const { code, stderr } = await handover('--der', '3006800465696D32');
    assert.equal(code, 0, stderr);
    assert.deepEqual(await ordered(), ['addEim,listEim']);
    assert.match(stderr, /association token: 7/);
    assert.match(stderr, new RegExp(`handover ${eid} --eim-id eim2 --finish`));
    assert.match(stderr, new RegExp(`handover ${eid} --eim-id eim2 --back`));
  });

  it('finishes: sees it listed still, and only then deletes this eIM', async () => {
    const { code, stderr } = await handover('--eim-id', 'eim2', '--finish');
    assert.equal(code, 0, stderr);
    assert.deepEqual(await ordered(), ['listEim', 'deleteEim eIM-test']);
  });

  it('goes back: deletes the other', async () => {
    const { code } = await handover('--eim-id', 'eim2', '--back');
    assert.equal(code, 0);
    assert.deepEqual(await ordered(), ['deleteEim eim2']);
  });

  it('gives nothing up while the eUICC does not list the other eIM', async () => {
    answers = (name) => (name === 'listEim' ? listed('eIM-test') : obedient(name));
    for (const args of [
      ['--der', '3006800465696D32'],
      ['--eim-id', 'eim2', '--finish'],
    ]) {
      const { code, stderr } = await handover(...args);
      assert.equal(code, 4);
      assert.match(stderr, /the eUICC does not list eim2, but eIM-test/);
    }
    assert.deepEqual(await ordered(), ['addEim,listEim', 'listEim']);
  });

  it('ends where an order fails', async () => {
    answers = () => ({ listEimResult: { finalResult: 'errorResult' } });
    const { code } = await handover('--eim-id', 'eim2', '--finish');
    assert.equal(code, 4);
    assert.deepEqual(await ordered(), ['listEim']);
  });

  it('refuses this eIM itself, steps together, and a last step without a name', async () => {
    for (const [args, complaint] of [
      [['--eim-id', 'eIM-test', '--finish'], /eIM-test is this eIM itself/],
      [['--finish'], /--eim-id: is missing/],
      [['--eim-id', 'eim2', '--finish', '--back'], /cannot be used with/],
      [['--eim-id', 'eim2'], /--counter-value: is missing/],
    ] as const) {
      const { code, stderr } = await handover(...args);
      assert.equal(code, 2);
      assert.match(stderr, complaint);
    }
    assert.deepEqual(await ordered(), []);
  });
});

/**
 * Submits orders and hands them out, as an eIM does, on the store in the folder argv[2] until it is killed. It prints
 * `submitted <id>` once a submit has resolved, and `sent <id> <eid> <counterValue>` once a package may leave.
 */
import { writeSync } from 'node:fs';
import { systemClock } from '../../src/base/clock.ts';
import { silentLog } from '../../src/base/log.ts';
import { systemRandom } from '../../src/base/random.ts';
import { Euiccs } from '../../src/fleet/euiccs.ts';
import type { Eid } from '../../src/messages/ids.ts';
import { Orders } from '../../src/orders/orders.ts';
import { LevelStore } from '../../src/store/level.ts';
import { testBox } from '../support/box.ts';
import { eidOfNumber, enable, success, wholeEnable } from './support.ts';

const [, , folder = ''] = process.argv;
const store = await LevelStore.open(folder);
const options = { store, clock: systemClock, log: silentLog() };
const orders = new Orders({ ...options, box: testBox(), settings: { mostOpen: 1_000_000 } });
const euiccs = new Euiccs(options);

async function submitForever(eid: Eid): Promise<never> {
  for (;;) {
    for (const order of [enable, wholeEnable]) {
      const { id } = await orders.submit({ ...order, eid });
      writeSync(1, `submitted ${id}\n`);
    }
  }
}

async function pollForever(eid: Eid): Promise<never> {
  for (;;) {
    await euiccs.contact(eid, {});
    const order = await orders.next(eid);
    if (order === undefined) {
      await new Promise((resolve) => setImmediate(resolve));
      continue;
    }
    if (order.state.at === 'new') {
      const { counterValue, change } = await euiccs.nextCounter(eid);
      const now = systemClock.now();
      await orders.fetched(
        order.id,
        {
          eimTransactionId: systemRandom(16),
          eimPackage: Uint8Array.of(0xbf, 0x51, 0),
          counterValue,
          first: now,
          last: now,
          deliveries: 1,
        },
        [change],
      );
      writeSync(1, `sent ${order.id} ${eid} ${counterValue}\n`);
    }
    await orders.finish(order.id, success);
  }
}

const eids = [1, 2, 3, 4].map(eidOfNumber);
await Promise.all([...eids.map(submitForever), ...eids.map(pollForever)]);

/** Orders on a store and a clock turned by hand, and what they are made of. */
import { silentLog } from '../../src/base/log.ts';
import { type Eid, parseEid } from '../../src/messages/ids.ts';
import type { Dispatch, Order, OrderState } from '../../src/orders/order.ts';
import { type NewOrder, Orders } from '../../src/orders/orders.ts';
import type { OrderSettings } from '../../src/orders/settings.ts';
import { MemoryStore } from '../../src/store/memory.ts';
import type { Store } from '../../src/store/store.ts';
import { testBox } from '../support/box.ts';
import { HandClock } from '../support/hand-clock.ts';
import { seededRandom } from '../support/seeded.ts';

/** The EID of sgp32-eim.md and others, with check digits that fit. */
export const eid = parseEid('89882119900000000000000000000005');
export const otherEid = eidOfNumber(7);

/** An EID that ends in a number, with check digits that fit. */
export function eidOfNumber(number: number): Eid {
  const digits = `890440450000000000000000${String(number).padStart(6, '0')}`;
  for (let check = 0; check < 100; check++) {
    const text = `${digits}${String(check).padStart(2, '0')}`;
    if (BigInt(text) % 97n === 1n) return parseEid(text);
  }
  throw new Error('no check digits fit');
}

export const download: NewOrder = {
  eid,
  facility: 'download',
  request: { download: { activationCode: '1$smdp.example.com$MID' } },
};

export const enable: NewOrder = {
  eid,
  facility: 'psmo',
  request: { psmo: [{ enable: { iccid: '989444999999990920F3' } }] },
};

export const wholeEnable: NewOrder = {
  eid,
  facility: 'whole',
  request: {
    whole: [
      { psmo: [{ enable: { iccid: '989444999999990920F3' } }] },
      { psmo: [{ delete: { iccid: '988812010000400310F1' } }] },
    ],
  },
};

export function dispatch(more: Partial<Dispatch> = {}): Dispatch {
  return {
    eimTransactionId: Uint8Array.of(0xaa, 0xbb),
    eimPackage: Uint8Array.of(0xbf, 0x54, 0),
    first: 1000,
    last: 1000,
    deliveries: 1,
    ...more,
  };
}

export const success = {
  success: true,
  outcome: [{ enableResult: 'ok' }],
  reason: 'signed by the eUICC',
} as const;

export interface Bench {
  readonly store: Store;
  readonly clock: HandClock;
  readonly orders: Orders;
}

export function bench(
  settings: Partial<OrderSettings> = {},
  store: Store = new MemoryStore(),
): Bench {
  const clock = new HandClock();
  const random = seededRandom(1);
  return {
    store,
    clock,
    orders: new Orders({ store, clock, log: silentLog(), random, box: testBox(), settings }),
  };
}

export function states(list: readonly (Order | undefined)[]): (OrderState['at'] | undefined)[] {
  return list.map((order) => order?.state.at);
}

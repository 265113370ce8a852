/**
 * The examples of the API, as one story: an eIM is asked for each operation in turn, by the routes that any eIM has.
 * What they refused could be no example of a request, and what they answer is one of an answer.
 */
import { hex } from '../../base/bytes.ts';
import { members } from '../../base/members.ts';
import { facilities } from '../../orders/order.ts';
import { EventStreams } from '../event-stream.ts';
import { IdempotencyKeys } from '../idempotency.ts';
import type { OrderTools } from '../orders.ts';
import { streamPlaces, waitPlaces } from '../places.ts';
import type { Route } from '../route.ts';
import { Tokens } from '../tokens.ts';
import { Waiting } from '../waiting.ts';
import { Asking, type Examples } from './asking.ts';
import { type ExampleEim, efIccid, eid, euiccPoint, exampleEim, otherEid, smdp } from './eim.ts';

/** The table of routes of some eIM. */
export type MakeRoutes = (tools: OrderTools, tokens: Tokens) => readonly Route[];

const activationCode = `1$${smdp}$MATCHING-ID`;
const iccid = '8949449999999990023';
const key = '5f0c3b9e-8c57-4a5e-9d0b-2f1f6b1c7a10';

/** Throws ApiError where an operation does not take its example. */
export async function tellStory(version: string, makeRoutes: MakeRoutes): Promise<Examples> {
  const eim = await exampleEim(version);
  const { desk } = eim;
  const { clock, store, orders } = desk;
  const bounds = { waiters: 10 };
  const tools: OrderTools = {
    desk,
    waiting: new Waiting(orders, clock, waitPlaces(bounds)),
    streams: new EventStreams(orders, clock, streamPlaces(bounds)),
    keys: new IdempotencyKeys({ store, clock, kept: 86_400_000 }),
    waitLimit: 0,
  };
  const asking = new Asking(makeRoutes(tools, await Tokens.open(desk)));
  await devices(asking);
  await ordersAndEvents(asking, eim);
  await dropIn(asking, eim);
  await euiccs(asking, eim);
  await othersOf(asking, eim);
  return asking;
}

async function devices(asking: Asking): Promise<void> {
  const ask = asking.ask.bind(asking);
  const params = { identity: 'meter-17' };
  await ask('POST /v1/devices', {
    body: { identity: 'meter-17', eids: [eid], note: 'in the cellar', address: '192.0.2.7' },
  });
  await ask('POST /v1/devices/batch', {
    body: { devices: [{ eids: [otherEid] }, { identity: 'meter-18', key: '00' }], dryRun: false },
  });
  await ask('GET /v1/devices', { query: { limit: '1' } });
  await ask('GET /v1/devices/:identity', { params });
  await ask('PATCH /v1/devices/:identity', { params, body: { address: '192.0.2.7:5684' } });
  await ask('POST /v1/devices/:identity/rotate', { params, body: { dropOld: false } });
  await ask('POST /v1/devices/:identity/revoke', { params });
  await ask('DELETE /v1/devices/:identity', { params });
}

async function ordersAndEvents(asking: Asking, { orders, pass }: ExampleEim): Promise<void> {
  const ask = asking.ask.bind(asking);
  const submission = {
    eid,
    steps: [
      { download: { activationCode } },
      { enable: { rollback: true } },
      { confirm: { polls: 3, within: '2h' } },
    ],
  };
  const headers = { 'idempotency-key': key };
  const id = idOf(await ask('POST /v1/orders', { body: submission, headers }));
  const params = { id };
  pass(600);
  await orders.fetched(`${id}.1`, {
    eimTransactionId: hex('01'),
    eimPackage: hex('BF54 00'),
    first: 0,
    last: 0,
    deliveries: 1,
  });
  pass(40);
  await orders.finish(`${id}.1`, {
    success: true,
    outcome: [{ profileInstallationResult: { finalResult: 'successResult', iccid: efIccid } }],
    reason: "the eUICC's signed installation result: installed, disabled",
  });
  await ask('POST /v1/orders', { body: submission, headers });
  await ask('POST /v1/orders/batch', {
    body: {
      orders: [
        { eid: otherEid, steps: [{ listProfileInfo: {} }] },
        { eid: otherEid, steps: [{ enable: {} }] },
      ],
    },
  });
  await asking.refused('POST /v1/orders', { body: { eid, steps: [{ disable: { iccid: '89' } }] } });
  await ask('GET /v1/orders', { query: { limit: '1' } });
  await ask('GET /v1/orders/:id', { params });
  await ask('GET /v1/orders/:id/events', { params, headers: { accept: 'application/json' } });
  await ask('GET /v1/events', { query: { limit: '2' }, headers: { accept: 'application/json' } });
  await ask('GET /v1/events', { headers: { 'last-event-id': '1' } });
  pass(60);
  await ask('POST /v1/orders/:id/cancel', { params });
  await ask('GET /v1/orders/:id/events', { params });
  await ask('GET /v1/orders/:id/events', { params, headers: { 'last-event-id': '1000' } });
  await ask('DELETE /v1/orders/:id', { params });
}

/** What each facility is asked for, and what comes of it. */
const facilityOrders = {
  download: {
    order: { activationCode },
    outcome: { profileInstallationResult: { finalResult: 'successResult', iccid: efIccid } },
  },
  psmo: {
    order: [{ enable: { iccid: efIccid, rollback: true } }],
    outcome: { enableResult: 'ok' },
  },
  eco: {
    order: [{ listEim: {} }],
    outcome: {
      listEimResult: {
        finalResult: 'successResult',
        eimIdList: [{ eimId: 'eim.example.com', eimIdType: 'eimIdTypeFqdn' }],
      },
    },
  },
  edr: {
    order: { tagList: '8183' },
    outcome: {
      euiccDataResult: { edrResult: 'ok', euiccData: { defaultSmdpAddress: smdp } },
    },
  },
  euicc: { order: { get: ['counterValue', 'associationToken'] }, outcome: undefined },
} as const;

async function dropIn(asking: Asking, { orders, pass }: ExampleEim): Promise<void> {
  await asking.ask('GET /');
  for (const facility of facilities) {
    const { order, outcome } = facilityOrders[facility];
    const body = { eidValue: eid, order: { [facility]: order } };
    await asking.ask(`POST /${facility}/create`, { body });
    const list = await asking.ask(`GET /${facility}/list`);
    // Whole orders apart, the list has those of /v1 too; the newest is the last.
    const id = (members(list).resourceIdList as readonly string[]).at(-1) ?? '';
    pass(60);
    if (outcome !== undefined) {
      await orders.finish(id, { success: true, outcome: [outcome], reason: '' });
    }
    await asking.ask(`GET /${facility}/lookup/:id`, { params: { id } });
    await asking.ask(`GET /${facility}/delete/:id`, { params: { id } });
  }
}

async function euiccs(asking: Asking, eim: ExampleEim): Promise<void> {
  const ask = asking.ask.bind(asking);
  const at = eim.desk.clock.now();
  const origin = { at, source: 'listProfileInfo', sure: 'proven' } as const;
  await eim.euiccs.update(
    eid,
    {
      counterValue: 12,
      publicKey: hex(euiccPoint),
      profiles: {
        since: at,
        list: [
          {
            iccid: efIccid,
            isdpAid: hex('A0000005591010FFFFFFFF8900001100'),
            state: 'enabled',
            class: 'operational',
            name: 'Meters',
            serviceProviderName: 'Example Mobile',
          },
        ],
      },
    },
    origin,
  );
  await eim.euiccs.update(eid, {
    firstContact: at - 86_400_000,
    lastContact: at,
    lastPeer: 'meter-17',
  });
  eim.quirks.met(eid, 'eim-list-bare', 'provideEimPackageResult');
  await ask('PATCH /v1/euiccs/:eid', {
    params: { eid: otherEid },
    body: { consumerEuicc: false, signPubKey: euiccPoint },
  });
  await ask('GET /v1/euiccs', { query: { limit: '1', after: otherEid } });
  await ask('GET /v1/euiccs/:eid', { params: { eid } });
  await ask('GET /v1/euiccs/:eid/quirks', { params: { eid } });
  await ask('GET /v1/quirks');
  await ask('GET /v1/profiles', { query: { iccid } });
}

async function othersOf(asking: Asking, { stop, pass }: ExampleEim): Promise<void> {
  const ask = asking.ask.bind(asking);
  for (const key of ['GET /healthz', 'GET /readyz', 'GET /metrics', 'GET /v1/info'] as const) {
    await ask(key);
  }
  await ask('POST /v1/reload');
  const connections = members(await ask('GET /v1/dtls')).connections as readonly unknown[];
  const connection = { id: idOf(connections[0]) };
  await ask('GET /v1/dtls/:id', { params: connection });
  await ask('DELETE /v1/dtls/:id', { params: connection });
  const kept = members(await ask('GET /v1/notifications')).notifications as readonly unknown[];
  const notification = { id: idOf(kept[0]) };
  await ask('GET /v1/notifications/:id', { params: notification });
  await ask('POST /v1/notifications/:id/retry', { params: notification });
  await ask('DELETE /v1/notifications/:id', { params: notification });
  const body = { name: 'nightly report', role: 'read', expires: '2036-01-01T00:00:00Z' };
  const token = { id: idOf(await ask('POST /v1/tokens', { body })) };
  pass(60);
  await ask('GET /v1/tokens');
  await ask('DELETE /v1/tokens/:id', { params: token });
  stop();
  await ask('GET /readyz');
}

function idOf(answer: unknown): string {
  return String(members(answer).id);
}

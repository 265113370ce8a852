/** Indirect downloads by way of an SM-DS (SGP.32 3.2.2, facts sheet sgp32-eim 4.6), and what goes wrong there. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { utf8 } from '../../src/base/bytes.ts';
import { Es9TransportError } from '../../src/es9/errors.ts';
import type { EventEntry } from '../../src/es11/client.ts';
import {
  AuthenticateClientResponseEsipa,
  InitiateAuthenticationResponseEsipa,
} from '../../src/messages/profile-download.ts';
import type { DownloadRequest, Order } from '../../src/orders/order.ts';
import { authenticateError, euiccChallenge, euiccInfo1, initiateError } from './download.ts';
import { eid } from './euicc.ts';
import { caller, Rig } from './rig.ts';
import { refusal, transactionId } from './smdp.ts';
import { type Ending, json, refused, smdsTransactionId } from './smds.ts';

const smds = 'smds.example.com';
const event = (eventId: string, rspServerAddress = 'smdp.example.com'): EventEntry => ({
  eventId,
  rspServerAddress,
});

async function begin(
  rig: Rig,
  download: DownloadRequest = { smds: { address: smds } },
): Promise<{ readonly order: Order; readonly eimTransactionId: Uint8Array }> {
  const order = await rig.eim.orders.submit({ eid, facility: 'download', request: { download } });
  const trigger = await rig.poll();
  if (trigger.type !== 'profileDownloadTriggerRequest') assert.fail(trigger.type);
  const { eimTransactionId } = trigger.value;
  assert.ok(eimTransactionId);
  return { order, eimTransactionId };
}

/** As `begin`; what waits is cancelled and ordered again behind it. */
async function beginFirst(rig: Rig) {
  const waiting = await rig.eim.orders.list({ eid, at: 'new' });
  for (const { id } of waiting) await rig.eim.orders.cancel(id);
  const begun = await begin(rig);
  for (const { facility, request } of waiting) {
    await rig.eim.orders.submit({ eid, facility, request });
  }
  return begun;
}

async function initiate(rig: Rig, eimTransactionId: Uint8Array, smdpAddress?: string, turn = 0) {
  const challenge = euiccChallenge.map((octet) => octet + turn);
  const value = {
    euiccChallenge: challenge,
    euiccInfo1,
    eimTransactionId,
    ...(smdpAddress === undefined ? {} : { smdpAddress }),
  };
  return InitiateAuthenticationResponseEsipa.decode(
    await rig.say({ type: 'initiateAuthenticationRequestEsipa', value }, caller),
  );
}

async function authenticate(
  rig: Rig,
  of = smdsTransactionId,
  authenticateServerResponse = rig.euicc.authenticateServer(of),
) {
  const value = {
    transactionId: of,
    authenticateServerResponse,
  };
  return AuthenticateClientResponseEsipa.decode(
    await rig.say({ type: 'authenticateClientRequestEsipa', value }, caller),
  );
}

/** The activation code in the answer of an SM-DS. */
function triggerIn(answer: AuthenticateClientResponseEsipa): string | undefined {
  if (answer.type !== 'authenticateClientOkDSEsipa') assert.fail(answer.type);
  const data = answer.value.profileDownloadTrigger?.profileDownloadData;
  return data?.type === 'activationCode' ? data.value : undefined;
}

describe('a download by way of an SM-DS', () => {
  it('goes from the event to its SM-DP+, under the same eimTransactionId', async () => {
    const rig = await Rig.with({ keyKnown: false });
    rig.smds.events.set(smds, [event('EVENT-1')]);
    const { order, eimTransactionId } = await begin(rig);
    assert.equal(
      (await initiate(rig, eimTransactionId, smds)).type,
      'initiateAuthenticationOkEsipa',
    );
    const answer = await authenticate(rig);
    assert.equal(triggerIn(answer), '1$smdp.example.com$EVENT-1');
    assert.ok(answer.type === 'authenticateClientOkDSEsipa');
    assert.deepEqual(answer.value.profileDownloadTrigger?.eimTransactionId, eimTransactionId);
    const second = await initiate(rig, eimTransactionId, 'smdp.example.com', 1);
    assert.ok(second.type === 'initiateAuthenticationOkEsipa');
    assert.equal(second.value.matchingId, 'EVENT-1');
    assert.equal((await authenticate(rig, transactionId)).type, 'authenticateClientOkDPEsipa');
    await rig.notify(rig.euicc.installation(transactionId));
    assert.equal((await rig.end(order)).success, true);
    assert.deepEqual(
      rig.smds.asked.map(({ address, path }) => `${address} ${path.split('/').at(-1)}`),
      [
        `${smds} initiateAuthentication`,
        `${smds} authenticateClient`,
        'smdp.example.com initiateAuthentication',
      ],
    );
  });

  it('tells nobody the EventID that its SM-DP+ repeats', async () => {
    const rig = await Rig.with();
    rig.smds.events.set(smds, [event('SECRET-EVENT')]);
    const { order, eimTransactionId } = await begin(rig);
    await initiate(rig, eimTransactionId, smds);
    await authenticate(rig);
    await initiate(rig, eimTransactionId, 'smdp.example.com', 1);
    rig.smdp.next('authenticateClient', refusal('8.2.6/3.8', 'no profile for secret-event'));
    assert.deepEqual(await authenticate(rig, transactionId), authenticateError(6));
    assert.match((await rig.end(order)).reason, /no profile for …/);
    assert.ok(!/secret-event/i.test((await rig.history(order)).join()));
  });

  it('leads an IPA that leaves the addresses to the eIM, and asks for the one event of the order', async () => {
    const rig = await Rig.with();
    rig.smds.events.set(smds, [event('EVENT-7')]);
    const { eimTransactionId } = await begin(rig, { smds: { address: smds, eventId: 'EVENT-7' } });
    const first = await initiate(rig, eimTransactionId);
    assert.ok(first.type === 'initiateAuthenticationOkEsipa');
    assert.equal(first.value.matchingId, 'EVENT-7');
    await authenticate(rig);
    await initiate(rig, eimTransactionId, undefined, 1);
    assert.equal(rig.smds.asked.at(-1)?.address, 'smdp.example.com');
  });

  it('finds the root SM-DS in what is known of the eUICC', async () => {
    const rig = await Rig.with();
    const unknown = await begin(rig, { smds: {} });
    assert.deepEqual(await initiate(rig, unknown.eimTransactionId), initiateError(1));
    await rig.eim.orders.cancel(unknown.order.id);
    await rig.eim.euiccs.update(eid, { rootSmdsAddress: smds });
    const { eimTransactionId } = await begin(rig, { smds: {} });
    await initiate(rig, eimTransactionId);
    assert.equal(rig.smds.asked.at(-1)?.address, smds);
  });

  it('asks no other server than the order and its SM-DS name', async () => {
    const rig = await Rig.with();
    rig.smds.events.set(smds, [event('EVENT-1')]);
    const { eimTransactionId } = await begin(rig);
    assert.deepEqual(await initiate(rig, eimTransactionId, 'evil.example.com'), initiateError(1));
    assert.deepEqual(await initiate(rig, eimTransactionId, 'smdp.example.com'), initiateError(1));
    await initiate(rig, eimTransactionId, smds);
    await authenticate(rig);
    assert.deepEqual(
      await initiate(rig, eimTransactionId, 'evil.example.com', 1),
      initiateError(1),
    );
    assert.equal(rig.smds.asked.length, 2);
  });

  it('begins anew at the SM-DS where the device does', async () => {
    const rig = await Rig.with();
    rig.smds.events.set(smds, [event('EVENT-1')]);
    const { eimTransactionId } = await begin(rig);
    await initiate(rig, eimTransactionId, smds);
    await authenticate(rig);
    await initiate(rig, eimTransactionId, smds, 2);
    assert.equal(rig.smds.asked.at(-1)?.address, smds);
  });

  it('orders further events, each once', async () => {
    const rig = await Rig.with();
    rig.smds.events.set(smds, [event('A'), event('B'), event('C', 'other.example.com:8443')]);
    for (const turn of [0, 1]) {
      const { order, eimTransactionId } = await begin(rig);
      await initiate(rig, eimTransactionId, smds, turn);
      await authenticate(rig);
      await rig.eim.orders.cancel(order.id);
      // Before what it found.
      for (const queued of turn === 0 ? await rig.eim.orders.list({ eid, at: 'new' }) : []) {
        assert.match(queued.byEim ?? '', /an event of SM-DS smds\.example\.com/);
        await rig.eim.orders.cancel(queued.id);
      }
    }
    const open = await rig.eim.orders.list({ eid, at: 'new' });
    assert.deepEqual(
      open.map(({ request }) => request),
      [
        { download: { activationCode: '1$smdp.example.com$B' } },
        { download: { activationCode: '1$other.example.com:8443$C' } },
      ],
    );
  });

  it('orders an event once that the SM-DS names several times', async () => {
    const rig = await Rig.with();
    const upper = event('B', 'SMDP.example.com');
    rig.smds.events.set(smds, [event('A'), event('A'), event('B'), upper, event('B')]);
    const { eimTransactionId } = await begin(rig);
    await initiate(rig, eimTransactionId, smds);
    await authenticate(rig);
    const open = await rig.eim.orders.list({ eid, at: 'new' });
    assert.deepEqual(
      open.map(({ request }) => request),
      [{ download: { activationCode: '1$smdp.example.com$B' } }],
    );
  });

  it('orders nothing more where it asked for one event: what an event leads to makes no others', async () => {
    const rig = await Rig.with();
    const other = 'alternative.example.com';
    const storm = Array.from({ length: 16 }, (_, i) => event(`E${i}`));
    rig.smds.events.set(smds, [event('UP', other)]);
    rig.smds.events.set(other, storm);
    const cascade = await begin(rig);
    await initiate(rig, cascade.eimTransactionId, smds);
    await authenticate(rig);
    await initiate(rig, cascade.eimTransactionId, other, 1);
    assert.equal(triggerIn(await authenticate(rig)), '1$smdp.example.com$E0');
    assert.deepEqual(await rig.eim.orders.list({ eid, at: 'new' }), []);
    await rig.eim.orders.cancel(cascade.order.id);
    rig.smds.events.set(smds, storm);
    const named = await begin(rig, { smds: { address: smds, eventId: 'E0' } });
    await initiate(rig, named.eimTransactionId, smds, 2);
    await authenticate(rig);
    assert.deepEqual(await rig.eim.orders.list({ eid, at: 'new' }), []);
  });

  it('leaves room for what operators order, however often it looks', async () => {
    const rig = await Rig.with();
    for (let turn = 0; turn < 3; turn++) {
      const events = Array.from({ length: 256 }, (_, i) => event(`E${turn}-${i}`));
      rig.smds.events.set(smds, events);
      const { order, eimTransactionId } = await beginFirst(rig);
      await initiate(rig, eimTransactionId, smds, turn);
      await authenticate(rig);
      await rig.eim.orders.cancel(order.id);
    }
    const open = await rig.eim.orders.list({ eid, at: 'new' });
    assert.equal(open.length, 16);
  });

  it('takes an event that no other order is to download', async () => {
    const rig = await Rig.with();
    rig.smds.events.set(smds, [event('A'), event('B')]);
    const { eimTransactionId } = await begin(rig);
    await rig.download('1$SMDP.example.com$A');
    await initiate(rig, eimTransactionId, smds);
    assert.equal(triggerIn(await authenticate(rig)), '1$smdp.example.com$B');
  });

  for (const address of [
    '127.0.0.1',
    '127.1.2.3:8443',
    'localhost:8443',
    'smdp.localhost',
    '0.0.0.0',
    '10.0.0.1',
    '172.16.0.1',
    '192.168.1.1',
    '169.254.169.254',
    '[::1]:8443',
    '[fe80::1]',
    '[fd00::1]',
    '[::ffff:127.0.0.1]',
  ]) {
    it(`does not follow an event into the network of the eIM: ${address}`, async () => {
      const rig = await Rig.with();
      rig.smds.events.set(smds, [event('IN', address), event('OK')]);
      const { order, eimTransactionId } = await begin(rig);
      await initiate(rig, eimTransactionId, smds);
      assert.equal(triggerIn(await authenticate(rig)), '1$smdp.example.com$OK');
      assert.match((await rig.history(order)).join('\n'), /events left out: 1 of/);
    });
  }

  it('follows it where the SM-DS itself is there: a lab on one machine', async () => {
    const rig = await Rig.with();
    rig.smds.events.set('127.0.0.1:9443', [event('LAB', '127.0.0.1:8443')]);
    const { eimTransactionId } = await begin(rig, { smds: { address: '127.0.0.1:9443' } });
    await initiate(rig, eimTransactionId, '127.0.0.1:9443');
    assert.equal(triggerIn(await authenticate(rig)), '1$127.0.0.1:8443$LAB');
  });

  it('goes on at another SM-DS that the event names, but not in circles', async () => {
    const rig = await Rig.with();
    const other = 'alternative.example.com';
    rig.smds.events.set(smds, [event('UP', other)]);
    rig.smds.events.set(other, [event('DOWN')]);
    const { order, eimTransactionId } = await begin(rig);
    await initiate(rig, eimTransactionId, smds);
    await authenticate(rig);
    await initiate(rig, eimTransactionId, other, 1);
    assert.equal(triggerIn(await authenticate(rig)), '1$smdp.example.com$DOWN');
    await rig.eim.orders.cancel(order.id);

    rig.smds.events.set(other, [event('BACK', smds)]);
    const round = await begin(rig);
    const path = [smds, other, smds, other, smds];
    for (const [turn, address] of path.entries()) {
      await initiate(rig, round.eimTransactionId, address, 10 + turn);
      await authenticate(rig);
    }
    assert.deepEqual((await rig.end(round.order)).outcome, [{ smdsResult: 'tooManyServers' }]);
  });

  it('says so where there is no event', async () => {
    const rig = await Rig.with();
    const { order, eimTransactionId } = await begin(rig);
    await initiate(rig, eimTransactionId, smds);
    assert.equal(triggerIn(await authenticate(rig)), undefined);
    const { success, outcome, reason } = await rig.end(order);
    assert.equal(success, false);
    assert.deepEqual(outcome, [{ smdsResult: 'noEvent' }]);
    assert.match(reason, /has no event for this eUICC/);
  });

  it('leaves events out that no activation code can name', async () => {
    const rig = await Rig.with();
    rig.smds.events.set(smds, [event('A$B'), event('A', 'https://smdp.example.com'), event('OK')]);
    const { order, eimTransactionId } = await begin(rig);
    await initiate(rig, eimTransactionId, smds);
    assert.equal(triggerIn(await authenticate(rig)), '1$smdp.example.com$OK');
    assert.match((await rig.history(order)).join('\n'), /events left out: 2 of/);
  });

  it('answers the same again, also after a restart, and asks the SM-DS once', async () => {
    const rig = await Rig.with();
    rig.smds.events.set(smds, [event('A'), event('B')]);
    const { eimTransactionId } = await begin(rig);
    await initiate(rig, eimTransactionId, smds);
    const proof = rig.euicc.authenticateServer(smdsTransactionId);
    const answer = await authenticate(rig, smdsTransactionId, proof);
    await rig.restart();
    assert.deepEqual(await authenticate(rig, smdsTransactionId, proof), answer);
    assert.equal(rig.smds.asked.length, 2);
    assert.equal((await rig.eim.orders.list({ eid, at: 'new' })).length, 1);
    await initiate(rig, eimTransactionId, 'smdp.example.com', 1);
    assert.equal(rig.smds.asked.at(-1)?.address, 'smdp.example.com');
  });

  it('asks under the path of ES11 where an SM-DS has none under that of ES9+', async () => {
    const rig = await Rig.with();
    rig.smds.events.set(smds, [event('A')]);
    const notFound = { status: 404, contentType: 'text/html', body: utf8('<html>') };
    rig.smds.scripts.initiateAuthentication = [notFound];
    rig.smds.scripts.authenticateClient = [notFound];
    const { eimTransactionId } = await begin(rig);
    await initiate(rig, eimTransactionId, smds);
    assert.equal(triggerIn(await authenticate(rig)), '1$smdp.example.com$A');
    assert.deepEqual(
      rig.smds.asked.map(({ path }) => path),
      [
        '/gsma/rsp2/es9plus/initiateAuthentication',
        '/gsma/rsp2/es11/initiateAuthentication',
        '/gsma/rsp2/es9plus/authenticateClient',
        '/gsma/rsp2/es11/authenticateClient',
      ],
    );
  });
});

/** What an SM-DS ends a request with, and how that reads in the order's history. */
type Case = readonly [what: string, ending: Ending, code: number, reason: RegExp];

const succeeded = { header: { functionExecutionStatus: { status: 'Executed-Success' } } };
const redirect = {
  status: 307,
  location: 'https://elsewhere.example.com/',
  body: new Uint8Array(),
};

/** Facts sheet sgp32-eim 4.5 and 5, rsp-lab 7.5; the twin of each is the download above. */
const anywhere: readonly Case[] = [
  ['8.8/3.10', refused('8.8/3.10'), 127, /refused \w+: 8\.8\/3\.10/],
  ['a code that nobody knows', refused('1.2.3/4.5'), 127, /1\.2\.3\/4\.5 no/],
  [
    'a timeout',
    new Es9TransportError('timeout', 'no whole answer within 30 s'),
    127,
    /no whole answer/,
  ],
  [
    'no connection',
    new Es9TransportError('unreachable', 'nobody is there'),
    127,
    /nobody is there/,
  ],
  ['a certificate not believed', new Es9TransportError('tls', 'not believed'), 127, /not believed/],
  ['a body that is cut off', { ...json({}), body: utf8('{"header":') }, 127, /no JSON/],
  ['HTML', { ...json({}), contentType: 'text/html', body: utf8('<html>') }, 127, /'text\/html'/],
  [
    'JSON that is called text',
    { ...json(succeeded), contentType: 'text/plain' },
    127,
    /'text\/plain'/,
  ],
  ['an empty body', { ...json({}), body: new Uint8Array() }, 127, /no JSON/],
  ['a redirect', redirect, 127, /HTTP status 307, a redirect to .* none is followed/],
  ['a 500', { status: 500, body: new Uint8Array() }, 127, /HTTP status 500/],
  [
    'a 503 with Retry-After',
    { status: 503, retryAfter: 120_000, body: new Uint8Array() },
    127,
    /HTTP status 503, to be asked again in 120 s/,
  ],
];

const failures: Readonly<Record<'initiateAuthentication' | 'authenticateClient', readonly Case[]>> =
  {
    initiateAuthentication: [
      ...anywhere,
      ['8.9.1/3.8', refused('8.9.1/3.8'), 1, /does not know itself by this address/],
      ['8.9.3/3.1', refused('8.9.3/3.1'), 2, /8\.9\.3\/3\.1/],
      ['8.9.2/3.1', refused('8.9.2/3.1'), 3, /no common CI/],
      ['8.9.4/3.7', refused('8.9.4/3.7'), 3, /no common CI/],
      ['an answer without its members', { transactionId: 'AA' }, 127, /has no serverSigned1/],
    ],
    authenticateClient: [
      ...anywhere,
      ['8.1.2/6.1', refused('8.1.2/6.1'), 1, /8\.1\.2\/6\.1/],
      ['8.1.2/6.3', refused('8.1.2/6.3'), 2, /8\.1\.2\/6\.3/],
      ['8.1.3/6.1', refused('8.1.3/6.1'), 3, /8\.1\.3\/6\.1/],
      ['8.1.3/6.3', refused('8.1.3/6.3'), 4, /8\.1\.3\/6\.3/],
      ['8.1/6.1', refused('8.1/6.1'), 5, /8\.1\/6\.1/],
      ['8.1.1/3.8', refused('8.1.1/3.8'), 7, /8\.1\.1\/3\.8/],
      ['8.11.1/3.9', refused('8.11.1/3.9'), 9, /8\.11\.1\/3\.9/],
      ['8.10.1/3.9', refused('8.10.1/3.9'), 10, /8\.10\.1\/3\.9/],
      ['8.9.5/3.9', refused('8.9.5/3.9'), 56, /does not know the event/],
      ['events that are none', { eventEntries: 'none' }, 127, /eventEntries/],
      ['an event without its server', { eventEntries: [{ eventId: 'A' }] }, 127, /eventEntries\.0/],
      [
        'too many events',
        { eventEntries: Array.from({ length: 257 }, (_, i) => event(String(i))) },
        127,
        /eventEntries/,
      ],
      ['the answer of an SM-DP+', { smdpSigned2: 'MAA=' }, 127, /that of an SM-DP\+/],
      [
        'another transaction',
        { transactionId: 'AA', eventEntries: [] },
        127,
        /another transaction/,
      ],
    ],
  };

describe('what goes wrong at an SM-DS', () => {
  for (const [name, cases] of Object.entries(failures)) {
    for (const [what, ending, code, reason] of cases) {
      it(`${name}: ${what} is ESipa error ${code}`, async () => {
        const rig = await Rig.with();
        rig.smds.events.set(smds, [event('A')]);
        rig.smds.scripts[name] = [ending];
        const { order, eimTransactionId } = await begin(rig);
        const first = await initiate(rig, eimTransactionId, smds);
        if (name === 'initiateAuthentication') assert.deepEqual(first, initiateError(code));
        else assert.deepEqual(await authenticate(rig), authenticateError(code));
        const end = await rig.end(order);
        assert.equal(end.success, false);
        assert.deepEqual(end.outcome, [{ procedureError: `${name}Error` }]);
        assert.match(end.reason, /^SM-DS smds\.example\.com/);
        assert.match(end.reason, reason);
      });
    }
  }
});

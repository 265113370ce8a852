/** ESipa messages that come again as new CoAP requests: what is answered again, and what is worked on again. */
import assert from 'node:assert/strict';
import { createPublicKey } from 'node:crypto';
import { describe, it } from 'node:test';
import { toHex } from '../../src/base/bytes.ts';
import { silentLog } from '../../src/base/log.ts';
import { CoapClient } from '../../src/coap/client.ts';
import type { CoapResponse } from '../../src/coap/request.ts';
import { CoapServer } from '../../src/coap/server.ts';
import { handleEsipa } from '../../src/esipa/coap.ts';
import { esipaRepeats } from '../../src/esipa/repeats.ts';
import { EsipaMessageFromIpaToEim } from '../../src/messages/esipa.ts';
import { eidOctets } from '../../src/messages/ids.ts';
import { pointOf } from '../../src/trust/ec-key.ts';
import type { LabCredential } from '../../tools/lab/pki/lab-pki.ts';
import { Download, euiccChallenge, euiccInfo1 } from '../procedures/download.ts';
import { eid, pki } from '../procedures/euicc.ts';
import { Rig } from '../procedures/rig.ts';
import { transactionId } from '../procedures/smdp.ts';
import { settled } from '../support/hand-clock.ts';
import { seededRandom } from '../support/seeded.ts';

const minute = 60_000;
const settings = { paths: ['esipa'], contentFormats: [42] };
const poll: EsipaMessageFromIpaToEim = {
  type: 'getEimPackageRequest',
  value: { eidValue: eidOctets(eid) },
};

/**
 * Says messages to an eIM over CoAP, each in a connection of its own: as a device does that has reset, or given up
 * waiting. `null` proves no identity.
 */
function door(rig: Rig) {
  const common = { clock: rig.clock, log: silentLog() };
  const clients = new Map<string, CoapClient>();
  const peer = (id: string, identity: string | null) => ({
    id,
    ...(identity === null ? {} : { identity }),
    send: (octets: Uint8Array) => clients.get(id)?.receive(octets),
  });
  const server = new CoapServer<ReturnType<typeof peer>>({
    ...common,
    random: seededRandom(1),
    repeats: esipaRepeats(10 * minute),
    handle: (request) => handleEsipa(rig.eim, settings, { peerId: request.peer.id }, request),
  });
  return (message: EsipaMessageFromIpaToEim, identity: string | null = 'device') => {
    const id = `connection ${clients.size}`;
    const client = new CoapClient({
      ...common,
      random: seededRandom(clients.size + 2),
      // No network answers while it takes a message.
      send: (octets) => queueMicrotask(() => server.receive(peer(id, identity), octets)),
    });
    clients.set(id, client);
    const body = EsipaMessageFromIpaToEim.encode(message);
    return client.request({ method: 'POST', path: ['esipa'], contentFormat: 42, body });
  };
}

function octets({ code, body }: CoapResponse) {
  return [code, body];
}

function report(rig: Rig): EsipaMessageFromIpaToEim {
  const value = rig.euicc.notification('notificationEnable');
  return { type: 'handleNotificationEsipa', value: { type: 'pendingNotification', value } };
}

describe('an ESipa message that comes again', () => {
  type Asked =
    | 'initiateAuthentication'
    | 'authenticateClient'
    | 'getBoundProfilePackage'
    | 'cancelSession';
  const relayed: Readonly<Record<Asked, (download: Download) => EsipaMessageFromIpaToEim>> = {
    initiateAuthentication: ({ eimTransactionId }) => ({
      type: 'initiateAuthenticationRequestEsipa',
      value: { euiccChallenge, euiccInfo1, eimTransactionId },
    }),
    authenticateClient: ({ rig }) => ({
      type: 'authenticateClientRequestEsipa',
      value: {
        transactionId,
        authenticateServerResponse: rig.euicc.authenticateServer(transactionId),
      },
    }),
    getBoundProfilePackage: ({ rig }) => ({
      type: 'getBoundProfilePackageRequestEsipa',
      value: { transactionId, prepareDownloadResponse: rig.euicc.prepareDownload(transactionId) },
    }),
    cancelSession: ({ rig }) => ({
      type: 'cancelSessionRequestEsipa',
      value: {
        transactionId,
        cancelSessionResponse: rig.euicc.cancelSession(transactionId, 5),
      },
    }),
  };
  const names = Object.keys(relayed) as Asked[];
  for (const name of names) {
    for (const identity of ['device', null]) {
      const who = identity === null ? 'a device that proves nothing' : 'a device';
      it(`${name} of ${who}: the SM-DP+ is asked once, while it works and afterwards`, async () => {
        const download = await Download.begin();
        const { rig } = download;
        const say = door(rig);
        for (const before of names.slice(0, Math.min(names.indexOf(name), 2))) {
          assert.equal((await say(relayed[before](download))).code, '2.05');
        }
        let answer = (): void => {};
        rig.smdp.next(name, new Promise<void>((resolve) => (answer = resolve)));
        const message = relayed[name](download);
        // As Zephyr does: six seconds after the empty ACK it gives up, and begins anew.
        const first = say(message, identity);
        await rig.clock.turn(6_000);
        const second = say(message, identity);
        await rig.clock.turn(1_000);
        answer();
        const answered = octets(await first);
        assert.equal(answered[0], '2.05');
        assert.deepEqual(octets(await second), answered);
        await rig.clock.turn(60 * minute);
        await rig.restart();
        assert.deepEqual(octets(await say(message, identity)), answered);
        assert.equal(rig.smdp.named(name).length, 1);
      });
    }
  }

  it('HandleNotification: the SM-DP+ gets it once, and once more after the time that is set', async () => {
    const rig = await Rig.with();
    const say = door(rig);
    const message = report(rig);
    for (const [wait, delivered] of [
      [0, 1],
      [1, 1],
      [8, 1],
      [2, 2],
    ] as const) {
      await rig.clock.turn(wait * minute);
      assert.equal((await say(message)).code, '2.04');
      await settled();
      assert.equal(rig.smdp.named('handleNotification').length, delivered);
    }
  });

  it('HandleNotification of another device is not the same', async () => {
    const rig = await Rig.with();
    const say = door(rig);
    const message = report(rig);
    for (const identity of ['device', 'other', null, null]) {
      await say(message, identity);
      await settled();
    }
    assert.equal(rig.smdp.named('handleNotification').length, 4);
  });

  it('ProvideEimPackageResult that was taken is acknowledged again, its notifications not delivered again', async () => {
    const rig = await Rig.with();
    const say = door(rig);
    const order = await rig.enable();
    const signed = await rig.fetchPackage();
    const message: EsipaMessageFromIpaToEim = {
      type: 'provideEimPackageResult',
      value: {
        eidValue: eidOctets(eid),
        eimPackageResult: {
          type: 'ePRAndNotifications',
          value: {
            euiccPackageResult: rig.euicc.result(signed, [{ type: 'enableResult', value: 0 }]),
            notificationList: [rig.euicc.notification('notificationEnable')],
          },
        },
      },
    };
    const first = octets(await say(message));
    await settled();
    assert.deepEqual(octets(await say(message)), first);
    await settled();
    assert.equal((await rig.end(order)).success, true);
    assert.equal(rig.smdp.named('handleNotification').length, 1);
  });

  it('ProvideEimPackageResult that was not taken is looked at again', async () => {
    const rig = await Rig.with();
    const say = door(rig);
    const order = await rig.enable();
    const signed = await rig.fetchPackage();
    const message: EsipaMessageFromIpaToEim = {
      type: 'provideEimPackageResult',
      value: {
        eidValue: eidOctets(eid),
        eimPackageResult: {
          type: 'euiccPackageResult',
          value: rig.euicc.result(signed, [{ type: 'enableResult', value: 0 }]),
        },
      },
    };
    const keyOf = ({ key }: LabCredential) => pointOf(createPublicKey(key)).point;
    await rig.eim.euiccs.update(eid, { publicKey: keyOf(pki.eum) });
    assert.equal((await say(message)).code, '2.05');
    assert.equal(await rig.at(order), 'work', 'not believed under the wrong key');
    await rig.eim.euiccs.update(eid, { publicKey: keyOf(pki.euicc) });
    await say(message);
    assert.equal((await rig.end(order)).success, true);
  });

  it('ProvideEimPackageResult of a v1.0 device that was not taken is answered without an element', async () => {
    const rig = await Rig.with();
    const say = door(rig);
    await rig.enable();
    const signed = await rig.fetchPackage();
    const value = rig.euicc.result(signed, [{ type: 'enableResult', value: 0 }]);
    const { point } = pointOf(createPublicKey(pki.eum.key));
    await rig.eim.euiccs.update(eid, { levelSet: 'v1.0', publicKey: point });
    const eimPackageResult = { type: 'euiccPackageResult', value } as const;
    const { code, body } = await say({
      type: 'provideEimPackageResult',
      value: { eidValue: eidOctets(eid), eimPackageResult },
    });
    assert.deepEqual([code, toHex(body ?? new Uint8Array())], ['2.05', 'BF5000']);
  });

  it('GetEimPackage joins one that is worked on, and finds what is new afterwards', async () => {
    const rig = await Rig.with();
    const say = door(rig);
    const order = await rig.enable();
    const answers = await Promise.all([say(poll), say(poll), say(poll)]);
    for (const answer of answers) assert.deepEqual(octets(answer), octets(answers[0]));
    const { state } = await rig.order(order);
    assert.equal(state.at === 'work' && state.dispatch.deliveries, 1, 'handed out once');
    await say(poll);
    const { state: after } = await rig.order(order);
    assert.equal(after.at === 'work' && after.dispatch.deliveries, 2);
  });
});

/**
 * Whole downloads, one that lands and several that are refused, and then whatever the eIM said or shows: none of the
 * secrets that it was given is in it.
 */
import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { toHex, utf8 } from '../../src/base/bytes.ts';
import { systemClock } from '../../src/base/clock.ts';
import { silentLog } from '../../src/base/log.ts';
import { systemRandom } from '../../src/base/random.ts';
import { iccidDigits, iccidOfDigits } from '../../src/messages/ids.ts';
import { profilesOf } from '../../tools/lab/card-profiles.ts';
import { startEim } from '../../tools/lab/eim-process.ts';
import { labSettings } from '../../tools/lab/eim-settings.ts';
import { Euicc } from '../../tools/lab/euicc/euicc.ts';
import { Device } from '../../tools/lab/ipa/device.ts';
import { labEid, loadLabPki } from '../../tools/lab/pki/lab-pki.ts';
import { makeProfile } from '../../tools/lab/profile/make.ts';
import { startSmdpp } from '../../tools/lab/smdpp/smdpp.ts';
import { at } from '../rest/http.ts';
import { newFolder } from '../support/folders.ts';

const common = { clock: systemClock, random: systemRandom, log: silentLog() };
const pki = loadLabPki();
const matchingId = 'S3CRET-MATCHING-ID';
const confirmationCode = 's3cret-confirmation';
const wrongCode = 's3cret-mistyped';
const restToken = 's3cret-rest-token-s3cret-rest-token';
const wrongToken = 's3cret-stranger-s3cret-stranger-000';
const psk = systemRandom(32);
const sealing = systemRandom(32);

/** A secret in every form that it might be written in. */
function forms(secret: Uint8Array): string[] {
  const buffer = Buffer.from(secret);
  return [toHex(secret), toHex(secret).toLowerCase(), buffer.toString('base64').slice(0, 40)];
}

const secrets = [
  ...[matchingId, confirmationCode, wrongCode, restToken, wrongToken],
  ...[matchingId, confirmationCode, wrongCode].flatMap((text) => forms(utf8(text))),
  ...forms(psk),
  ...forms(sealing),
  'PRIVATE KEY',
];

describe('a download that is asked about', { timeout: 120_000 }, () => {
  const open: (() => unknown)[] = [];
  after(async () => {
    for (const close of open.reverse()) await close();
  });

  /** What is said and shown of one download that lands and three that do not. */
  async function lived(mask: boolean) {
    const folder = newFolder();
    const lines: string[] = [];
    const smdpp = await startSmdpp({ pki, ...common });
    open.push(() => smdpp.close());
    const eim = await startEim({
      folder,
      heard: (line) => lines.push(line),
      settings: {
        ...labSettings(folder, { ports: { coaps: 0, rest: 0 } }),
        'log.level': 'debug',
        'log.mask': String(mask),
        'rest.token': restToken,
        'secret.key': toHex(sealing),
      },
    });
    let running = true;
    const stop = async () => {
      if (running) await eim.stop();
      running = false;
    };
    open.push(stop);
    const shown: string[] = [];
    const ask = async (method: string, path: string, body?: object, token = restToken) => {
      const answer = await fetch(`${eim.rest}${path}`, {
        method,
        headers: {
          authorization: `Bearer ${token}`,
          accept: 'application/json',
          'content-type': 'application/json',
        },
        ...(body && { body: JSON.stringify(body) }),
      });
      const text = await answer.text();
      shown.push(`${method} ${path} ${answer.status} ${text}`);
      return { status: answer.status, text };
    };
    const { text: info } = await ask('GET', '/v1/info');
    const card = new Euicc({
      eid: labEid,
      credential: pki.euicc,
      eumCertificate: pki.eum.certificate,
      ciCertificates: [pki.ci.certificate],
      ...common,
    });
    card.transmit(Buffer.from(String(at(JSON.parse(info), 'addInitialEimRequest')), 'hex'));
    await ask('POST', '/v1/devices', { identity: labEid, eids: [labEid], key: toHex(psk) });
    shown.pop(); // who adds a device is shown its key, once
    const device = new Device({
      card,
      eim: eim.coaps,
      credential: { type: 'psk', identity: labEid, key: psk },
      stack: 'own',
      ...common,
      onStep: () => {},
    });
    open.push(() => device.close());
    await device.connect();
    const iccid = iccidOfDigits('8988000000000000001');
    const activationCode = smdpp.addProfile({
      upp: makeProfile({ iccid, name: 'lab', size: 4096 }),
      metadata: { iccid, serviceProviderName: 'lab', profileName: 'lab' },
      matchingId,
      confirmationCode,
    });
    const ids: string[] = [];
    const order = async (code: string, more: object) => {
      const download = { activationCode: code, ...more };
      const { status, text } = await ask('POST', '/v1/orders', {
        eid: labEid,
        steps: [{ download }],
      });
      if (status === 201) ids.push(String(at(JSON.parse(text), 'id')));
      await device.poll().catch(() => {});
      card.reset();
      return status;
    };
    // Refused by the REST API, with the code in the refusal; by the token; by the SM-DP+, in several ways.
    assert.equal(await order(`2$${activationCode}`, { confirmationCode }), 400);
    const stranger = await ask('GET', '/v1/orders', undefined, wrongToken);
    assert.equal(stranger.status, 401);
    await order(activationCode, { confirmationCode: wrongCode });
    for (const [kind, at] of [
      ['refuse', 'authenticateClient'],
      ['nonsense', 'getBoundProfilePackage'],
      ['down', 'initiateAuthentication'],
    ] as const) {
      smdpp.fault(undefined);
      smdpp.fault(kind, { at });
      await order(activationCode, { confirmationCode });
    }
    smdpp.fault(undefined);
    assert.deepEqual(profilesOf(card), []);
    await order(activationCode, { confirmationCode });
    assert.equal(profilesOf(card).length, 1, 'the last one lands');
    for (const id of ids) {
      await ask('GET', `/v1/orders/${id}`);
      await ask('GET', `/v1/orders/${id}/events`);
      await ask('GET', `/download/lookup?resourceId=${id}`);
    }
    for (const path of ['orders', 'events?after=0', 'info', 'devices', 'euiccs', 'notifications']) {
      const { status } = await ask('GET', `/v1/${path}`);
      assert.equal(status, 200, path);
    }
    const { text: metrics } = await ask('GET', '/metrics');
    await stop();
    return { ids, lines, shown, metrics, iccid: iccidDigits(iccid) };
  }

  it('is told of, and nothing that was told in confidence', async () => {
    const { ids, lines, shown, metrics } = await lived(false);
    assert.equal(ids.length, 5);
    const log = lines.join('\n');
    assert.match(log, /"level":20/, 'debug, the lowest there is');
    assert.match(log, /order submitted/);
    assert.ok(log.includes(labEid), 'EIDs are told where they are not masked');
    assert.match(shown.join('\n'), /"confirmationCode":"given"/);
    assert.ok(metrics.includes('coap_eim_orders_submitted_total'));
    assert.ok(!metrics.includes(labEid));
    for (const secret of secrets) {
      assert.deepEqual(
        lines.filter((line) => line.includes(secret)),
        [],
        'in the log',
      );
      const told = shown.filter((text) => withoutRequest(text).includes(secret));
      assert.deepEqual(told, [], 'in an answer');
    }
  });

  it('is told of with EID and ICCID cut short, where they are to be masked', async () => {
    const { lines, iccid } = await lived(true);
    const log = lines.join('\n');
    assert.ok(log.includes(`${labEid.slice(0, 8)}…${labEid.slice(-4)}`));
    assert.ok(!log.includes(labEid));
    assert.ok(!log.includes(iccid));
    for (const secret of secrets) assert.ok(!log.includes(secret));
  });
});

/** An answer but for the activation code of the request that it repeats: who asks for an order sees what was ordered. */
function withoutRequest(text: string): string {
  return text.replaceAll(/"activationCode":"[^"]*"/g, '');
}

/** The whole eIM on loopback, as `eim serve` runs it, with one eUICC Package in store for whoever comes to fetch it. */
import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { hex, toHex, utf8 } from '../../src/base/bytes.ts';
import { systemClock } from '../../src/base/clock.ts';
import { Drops, silentLog } from '../../src/base/log.ts';
import { systemRandom } from '../../src/base/random.ts';
import { loadConfig } from '../../src/config.ts';
import { serve } from '../../src/main.ts';
import { eidOctets, parseEid } from '../../src/messages/ids.ts';
import { readOnly, tlv } from '../../src/messages/tlv.ts';
import type { OrderState } from '../../src/orders/order.ts';
import { Orders } from '../../src/orders/orders.ts';
import { LevelStore } from '../../src/store/level.ts';
import { Euicc } from '../../tools/lab/euicc/euicc.ts';
import { loadLabPki } from '../../tools/lab/pki/lab-pki.ts';
import { testBox } from '../support/box.ts';
import { newFolder } from '../support/folders.ts';

const certs = fileURLToPath(new URL('../../certs/lab/', import.meta.url));

/** PEM of the CI that the eIM's DTLS certificate chains to. */
export const ciPem = join(certs, 'ci.cert.pem');

export const eid = parseEid('89049032123451234512345678901235');

/** A PSK that all clients can be given, as text and as octets. */
export const device = { identity: 'dev1', key: '0123456789abcdef' } as const;

/** ESipa over CoAP (SGP.32 6.1). */
export const path = 'gsma/rsp2/asn1';

/** GetEimPackageRequest, `BF4F…`. */
export const poll = tlv(0xbf4f, tlv(0x5a, eidOctets(eid)));

const pki = loadLabPki();

export interface RunningEim {
  readonly port: number;
  /** TCP, where HTTPS is enabled. */
  readonly httpsPort: number;
  readonly drops: Drops;
  /** Ends the eIM, and reads from its store how far the order got. */
  order(): Promise<OrderState>;
  /**
   * Ends the eIM. Holds that this GetEimPackageResponse has the package in the store byte for byte, that it left once,
   * and that the eUICC carries it out.
   */
  checkFetched(answer: Uint8Array | undefined): Promise<void>;
}

/** Who may fetch: the device with the PSK alone, or whoever trusts the eIM's certificate. */
export type Auth = 'psk' | 'certificate';

/** Starts an eIM with an order of one listProfileInfo; it ends with the test. */
export async function startEim(
  test: TestContext,
  auth: Auth,
  settings: Readonly<Record<string, string | number | boolean>> = {},
): Promise<RunningEim> {
  const dataFolder = newFolder();
  const { config } = loadConfig({
    env: {},
    flags: {
      dataFolder,
      'coaps.host': '127.0.0.1',
      'coaps.port': 0,
      'rest.port': 0,
      'eim.id': 'eim.example.com',
      'eim.signing.key': join(certs, 'eim-sign.key.pem'),
      'eim.signing.certificate': join(certs, 'eim-sign.cert.pem'),
      'eim.tls.key': join(certs, 'eim-tls.key.pem'),
      'eim.tls.certificate': join(certs, 'eim-tls.cert.pem'),
      'es9.roots': [ciPem],
      'euicc.roots': [ciPem],
      ...settings,
    },
  });
  const drops = new Drops();
  const service = await serve(config, { drops, room: (name) => silentLog(drops, name) });
  let open = true;
  const close = async (): Promise<void> => {
    if (open) await service.close();
    open = false;
  };
  test.after(close);
  const { url } = service.rest;
  if (auth === 'psk') {
    const { identity, key } = device;
    await ask(url, 'POST', 'devices', { identity, key: toHex(utf8(key)), eids: [eid] });
  }
  // Whose key is known is asked for nothing before its first eUICC Package.
  await ask(url, 'PATCH', `euiccs/${eid}`, { signPubKey: publicPoint(pki.euicc.certificate) });
  const submitted = await ask(url, 'POST', 'orders', { eid, steps: [{ listProfileInfo: {} }] });
  const info = await ask(url, 'GET', 'info');
  const order = async (): Promise<OrderState> => {
    await close();
    const store = await LevelStore.open(join(dataFolder, 'store'));
    try {
      const orders = new Orders({
        store,
        box: testBox(),
        clock: systemClock,
        random: systemRandom,
        log: silentLog(),
      });
      const kept = await orders.get(textOf(submitted, 'id'));
      assert.ok(kept);
      return kept.state;
    } finally {
      await store.close();
    }
  };
  return {
    port: service.coaps.port,
    httpsPort: service.https?.port ?? 0,
    drops,
    order,
    async checkFetched(answer) {
      const state = await order();
      assert.ok(state.at === 'work');
      assert.equal(state.dispatch.deliveries, 1);
      const { eimPackage } = state.dispatch;
      assert.deepEqual(answer, tlv(0xbf4f, eimPackage));
      const card = euicc();
      card.transmit(hex(textOf(info, 'addInitialEimRequest')));
      const result = readOnly(readOnly(card.transmit(eimPackage)).value);
      assert.equal(result.tag, 0xa0, 'euiccPackageResultSigned');
    },
  };
}

function euicc(): Euicc {
  return new Euicc({
    eid,
    credential: pki.euicc,
    eumCertificate: pki.eum.certificate,
    ciCertificates: [pki.ci.certificate],
    clock: systemClock,
    random: systemRandom,
  });
}

/** The uncompressed point of a certificate's key, in hex. */
function publicPoint(certificate: Uint8Array): string {
  const { publicKey } = new X509Certificate(certificate);
  return publicKey.export({ format: 'der', type: 'spki' }).subarray(-65).toString('hex');
}

/** Asks the REST API for something under /v1. */
async function ask(url: string, method: string, path: string, body?: object): Promise<unknown> {
  const response = await fetch(`${url}/v1/${path}`, {
    method,
    ...(body === undefined
      ? {}
      : { headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) }),
  });
  assert.ok(response.ok, `${method} ${path} is answered ${response.status}`);
  return response.json();
}

function textOf(members: unknown, name: string): string {
  const value: unknown = Reflect.get(Object(members), name);
  assert.ok(typeof value === 'string', `no text ${name}`);
  return value;
}

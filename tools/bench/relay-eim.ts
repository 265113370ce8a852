/** The eIM of relay.ts, from the built files: its procedures over its store on disk, and an SM-DP+ that is a stub below HTTPS. */
import { createHash } from 'node:crypto';
import { base64, hex, toHex, utf8 } from '../../src/base/bytes.ts';
import { systemClock } from '../../src/base/clock.ts';
import { silentLog } from '../../src/base/log.ts';
import { systemRandom } from '../../src/base/random.ts';
import type { HttpsAnswer, HttpsRequest } from '../../src/es9/https.ts';
import { ServerSigned1, SmdpSigned2, StoreMetadataRequest } from '../../src/messages/rsp.ts';
import { tlv } from '../../src/messages/tlv.ts';
import type { Eim } from '../../src/procedures/eim.ts';
import type { LabPki } from '../lab/pki/lab-pki.ts';
import { built } from './built.ts';

export const smdpAddress = 'smdp.example.com';
export const iccid = '98880000000000000071';

export interface RelayEim {
  readonly eim: Eim;
  /** One ESipa message, one answer. */
  say(message: Uint8Array): Promise<Uint8Array>;
  close(): Promise<void>;
}

/** The transactionId that the stub gives to this challenge. */
export function transactionOf(euiccChallenge: Uint8Array): Uint8Array {
  return new Uint8Array(createHash('sha256').update(euiccChallenge).digest().subarray(0, 16));
}

/** @param packageOctets of the bound profile package */
export async function openRelay(
  folder: string,
  pki: LabPki,
  packageOctets: number,
): Promise<RelayEim> {
  const { LevelStore } = await built<typeof import('../../src/store/level.ts')>('store/level.js');
  const { Orders } = await built<typeof import('../../src/orders/orders.ts')>('orders/orders.js');
  const { Euiccs } = await built<typeof import('../../src/fleet/euiccs.ts')>('fleet/euiccs.js');
  const { Devices } = await built<typeof import('../../src/fleet/devices.ts')>('fleet/devices.js');
  const { Quirks } = await built<typeof import('../../src/fleet/quirks.ts')>('fleet/quirks.js');
  const { Es9Client } = await built<typeof import('../../src/es9/client.ts')>('es9/client.js');
  const { Es11Client } = await built<typeof import('../../src/es11/client.ts')>('es11/client.js');
  const { EimSigner } =
    await built<typeof import('../../src/trust/eim-signer.ts')>('trust/eim-signer.js');
  const { Roots } = await built<typeof import('../../src/trust/roots.ts')>('trust/roots.js');
  const { Revocations } =
    await built<typeof import('../../src/trust/revocations.ts')>('trust/revocations.js');
  const { Serial } = await built<typeof import('../../src/base/serial.ts')>('base/serial.js');
  const { BoundedMap } =
    await built<typeof import('../../src/base/bounded-map.ts')>('base/bounded-map.js');
  const { SecretBox } =
    await built<typeof import('../../src/base/secret-box.ts')>('base/secret-box.js');
  const { callFunction } =
    await built<typeof import('../../src/esipa/functions.ts')>('esipa/functions.js');

  const [clock, random, log] = [systemClock, systemRandom, silentLog()];
  const store = await LevelStore.open(folder);
  const common = { store, clock, random, log };
  const box = new SecretBox({ key: new Uint8Array(32).fill(3), random });
  const roots = Roots.of([pki.ci.certificate]);
  const client = { connect: stub(pki, packageOctets), requester: 'eIM', log };
  const eim: Eim = {
    id: 'eIM',
    ...common,
    orders: new Orders({ ...common, box }),
    euiccs: new Euiccs(common),
    devices: await Devices.open({ ...common, box }),
    quirks: new Quirks(common),
    es9: new Es9Client(client),
    es11: new Es11Client(client),
    signer: EimSigner.of(pki.eimSign.key),
    otherSigners: [],
    roots,
    revocations: new Revocations({ sources: [], roots, grace: 0, stale: 'refuse' }),
    settings: {
      unknownEid: 'eidNotFound',
      maxDeliveries: 16,
      ownQuestions: 8,
      boundEidsOpen: false,
      strict: false,
      notifications: { retry: 60_000, retryLimit: 21_600_000, lifetime: 90 * 86_400_000 },
    },
    polls: new BoundedMap({ clock, ceiling: 100_000, lifetime: 3_600_000 }),
    serial: new Serial(),
  };
  return {
    eim,
    say: async (message) => callFunction(eim, { peerId: 'bench' }, message),
    async close() {
      await eim.euiccs.close();
      await store.close();
    },
  };
}

/** ES9+ in JSON, as an SM-DP+ writes it; nothing in it is verified by an eIM but its shape. */
function stub(pki: LabPki, packageOctets: number) {
  const success = { header: { functionExecutionStatus: { status: 'Executed-Success' } } };
  const signature = base64(tlv(0x5f37, new Uint8Array(64).fill(1)));
  const profileMetadata = base64(
    StoreMetadataRequest.encode({
      iccid: hex(iccid),
      serviceProviderName: 'coap-eim bench',
      profileName: 'Bench profile',
      profileClass: 2,
    }),
  );
  // Random, as what is encrypted looks.
  const boundProfilePackage = base64(tlv(0xbf36, systemRandom(packageOctets - 5)));
  const functions: Record<string, (asked: Record<string, string>) => object> = {
    initiateAuthentication({ euiccChallenge = '' }) {
      const challenge = new Uint8Array(Buffer.from(euiccChallenge, 'base64'));
      const transactionId = transactionOf(challenge);
      const serverSigned1 = ServerSigned1.encode({
        transactionId,
        euiccChallenge: challenge,
        serverAddress: smdpAddress,
        serverChallenge: new Uint8Array(16).fill(3),
      });
      return {
        transactionId: toHex(transactionId),
        serverSigned1: base64(serverSigned1),
        serverSignature1: signature,
        euiccCiPKIdToBeUsed: base64(tlv(0x04, new Uint8Array(20).fill(4))),
        serverCertificate: base64(pki.dpAuth.certificate),
      };
    },
    authenticateClient: ({ transactionId = '' }) => ({
      transactionId,
      profileMetadata,
      smdpSigned2: base64(
        SmdpSigned2.encode({ transactionId: hex(transactionId), ccRequiredFlag: false }),
      ),
      smdpSignature2: signature,
      smdpCertificate: base64(pki.dpPb.certificate),
    }),
  };
  // The largest by far: made once, for the stub is not to be measured.
  const bound = utf8(JSON.stringify({ ...success, boundProfilePackage }));
  return {
    async post(_address: unknown, { path, body }: HttpsRequest): Promise<HttpsAnswer> {
      const name = path.slice(path.lastIndexOf('/') + 1);
      const answer = functions[name];
      // An answer comes in a turn of its own.
      await new Promise<void>((resolve) => setImmediate(resolve));
      const json = { status: 200, contentType: 'application/json' };
      if (name === 'getBoundProfilePackage') return { ...json, body: bound };
      if (answer === undefined) return { status: 204, body: new Uint8Array() };
      const said: Record<string, string> = JSON.parse(Buffer.from(body).toString());
      return { ...json, body: utf8(JSON.stringify({ ...success, ...answer(said) })) };
    },
  };
}

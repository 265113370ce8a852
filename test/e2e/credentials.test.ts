/** The whole eIM: devices of every kind of credential connect and poll; rotation and revocation as they see it. */
import assert from 'node:assert/strict';
import {
  createHash,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  X509Certificate,
} from 'node:crypto';
import { createSocket } from 'node:dgram';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { equal, hex, toHex, utf8 } from '../../src/base/bytes.ts';
import { systemClock } from '../../src/base/clock.ts';
import { Drops, type LogLine, makeLog, silentLog } from '../../src/base/log.ts';
import { systemRandom } from '../../src/base/random.ts';
import { CoapClient } from '../../src/coap/client.ts';
import { loadConfig } from '../../src/config.ts';
import { DtlsClient } from '../../src/dtls/client.ts';
import type { ClientCredential, OwnCertificate } from '../../src/dtls/credentials.ts';
import { type Service, serve } from '../../src/main.ts';
import { EimConfigurationData } from '../../src/messages/eco.ts';
import { GetEimPackageResponse } from '../../src/messages/eim-package.ts';
import { type Eid, eidOctets, parseEid } from '../../src/messages/ids.ts';
import { readOnly, tlv } from '../../src/messages/tlv.ts';
import { issueCertificate, type LabCredential } from '../../tools/lab/pki/issue.ts';
import { at, get, send } from '../rest/http.ts';
import { newFolder } from '../support/folders.ts';

const eid = parseEid('89049032123451234512345678901235');
const otherEid = parseEid('89044045118427484800000000011628');
const valid = {
  notBefore: new Date(Date.UTC(2025, 0, 1)),
  notAfter: new Date(Date.UTC(2060, 0, 1)),
};

const ca = issueCertificate({
  subject: [['CN', 'Fleet CA']],
  ...valid,
  keyUsage: 'keyCertSign',
  authority: {},
  ski: true,
});

function certificateOf(name: string, issuer?: LabCredential): LabCredential {
  return issueCertificate(
    {
      subject: [
        ['CN', 'meter'],
        ['serialNumber', name],
      ],
      ...valid,
      keyUsage: 'digitalSignature',
      ski: false,
    },
    issuer,
  );
}

const spkiOf = (key: KeyObject) =>
  new Uint8Array(createPublicKey(key).export({ format: 'der', type: 'spki' }));
const print = (der: Uint8Array) => createHash('sha256').update(der).digest('hex');
const pem = (der: Uint8Array) => new X509Certificate(der).toString();

const folder = newFolder();
const brainpool = issueCertificate(
  {
    subject: [['CN', 'other.example.com']],
    ...valid,
    keyUsage: 'digitalSignature',
    ski: false,
    names: [{ dns: 'other.example.com' }],
  },
  undefined,
  generateKeyPairSync('ec', { namedCurve: 'brainpoolP256r1' }).privateKey,
);
const lines: LogLine[] = [];
let service: Service;

before(async () => {
  writeFileSync(join(folder, 'ca.pem'), pem(ca.certificate));
  writeFileSync(join(folder, 'other.pem'), pem(brainpool.certificate));
  writeFileSync(
    join(folder, 'other.key'),
    brainpool.key.export({ format: 'pem', type: 'pkcs8' }).toString(),
  );
  service = await start({});
});
after(() => service.close());

function start(flags: Readonly<Record<string, unknown>>): Promise<Service> {
  const { config } = loadConfig({
    env: {},
    flags: {
      dataFolder: join(folder, 'data'),
      'coaps.host': '127.0.0.1',
      'coaps.port': 0,
      'rest.port': 0,
      'dtls.clientAuthentication': 'optional',
      'dtls.clientAnchors': [join(folder, 'ca.pem')],
      'dtls.certificates': [
        { key: join(folder, 'other.key'), certificate: join(folder, 'other.pem') },
      ],
      ...flags,
    },
  });
  const drops = new Drops();
  const room = (name: string) => makeLog(name, (line) => lines.push(line), drops);
  return serve(config, { drops, room });
}

interface Device {
  /** The number in the answer to a poll for this EID; undefined: the CoAP answer was an error. */
  poll(of: Eid): Promise<unknown>;
  /** Resolves when the connection has ended. */
  readonly ended: Promise<string>;
  close(): Promise<void>;
}

async function connect(credential: ClientCredential, to = service): Promise<Device> {
  const socket = createSocket('udp4');
  let end: (reason: string) => void = () => {};
  const ended = new Promise<string>((resolve) => {
    end = resolve;
  });
  const common = { clock: systemClock, random: systemRandom, log: silentLog() };
  const dtls: DtlsClient = new DtlsClient({
    ...common,
    credential,
    // A wrong PSK is met with silence: the client gives up.
    times: { handshake: 3000 },
    send: (datagram) => socket.send(datagram, to.coaps.port, '127.0.0.1'),
    deliver: (data) => coap.receive(data),
    closed: (reason) => end(reason),
  });
  const coap: CoapClient = new CoapClient({ ...common, send: (message) => dtls.send(message) });
  socket.on('message', (datagram) => dtls.receive(datagram));
  const close = async (): Promise<void> => {
    coap.close();
    dtls.close();
    await new Promise<void>((resolve) => socket.close(() => resolve()));
  };
  try {
    await dtls.connect();
  } catch (error) {
    await close();
    throw error;
  }
  return {
    async poll(of) {
      const { body = new Uint8Array() } = await coap.request({
        method: 'POST',
        path: ['gsma', 'rsp2', 'asn1'],
        contentFormat: 42,
        body: tlv(0xbf4f, tlv(0x5a, eidOctets(of))),
      });
      return GetEimPackageResponse.decode(body).value;
    },
    ended,
    close,
  };
}

const trust = () => {};
const byCertificate = (own: OwnCertificate): ClientCredential => ({
  type: 'certificate',
  trust,
  own,
});
const shown = ({ certificate, key }: LabCredential): OwnCertificate => ({
  chain: [certificate],
  key,
});
const add = async (device: object): Promise<void> => {
  const { status, body } = await send('POST', `${service.rest.url}/v1/devices`, device);
  assert.equal(status, 201, JSON.stringify(body));
};
const act = (identity: string, what: string, body?: object) =>
  send('POST', `${service.rest.url}/v1/devices/${identity}/${what}`, body);

/** noEimPackageAvailable and eidNotFound (SGP.32 6.3.2.6): may speak for it, may not. */
const mine = 1;
const notMine = 2;

/** Holds whom a device may speak for: the first EID, and not the other, which somebody else is bound to. */
async function speaksFor(device: Device, own: Eid, others: Eid): Promise<void> {
  assert.equal(await device.poll(own), mine);
  assert.equal(await device.poll(others), notMine);
}

describe('a device', () => {
  const pinned = certificateOf('whoever');
  const bare = certificateOf('nobody');
  before(async () => {
    await add({ identity: 'pinned', certificates: [pem(pinned.certificate)], eids: [eid] });
    await add({ identity: 'bare', publicKeys: [print(spkiOf(bare.key))], eids: [eid] });
    await add({ identity: 'other', key: '00'.repeat(16), eids: [otherEid] });
    await add({ identity: 'named', chain: true, eids: [eid] });
  });

  const cases: Readonly<Record<string, ClientCredential>> = {
    'with a pinned certificate': byCertificate(shown(pinned)),
    'with a pinned raw public key': {
      type: 'rawPublicKey',
      trust: () => {},
      own: { key: bare.key },
    },
    'with a pinned key in a certificate': byCertificate(shown(bare)),
    'with a certificate below an anchor that names its EID': byCertificate(
      shown(certificateOf(eid, ca)),
    ),
    'with a certificate below an anchor that names it': byCertificate(
      shown(certificateOf('named', ca)),
    ),
  };
  for (const [what, credential] of Object.entries(cases)) {
    it(`${what} speaks for its EIDs alone`, async () => {
      const device = await connect(credential);
      await speaksFor(device, eid, otherEid);
      await device.close();
    });
  }

  const wrong: Readonly<Record<string, ClientCredential>> = {
    'with a certificate that nobody pinned': byCertificate(shown(certificateOf('whoever'))),
    'with a certificate below another anchor': byCertificate(
      shown(certificateOf(eid, certificateOf('Fleet CA'))),
    ),
    'with a certificate that names a device with a PSK alone': byCertificate(
      shown(certificateOf('other', ca)),
    ),
    'with a pinned certificate and another key': byCertificate({
      chain: [pinned.certificate],
      key: bare.key,
    }),
    'with a PSK that is wrong': { type: 'psk', identity: 'other', key: new Uint8Array(16).fill(1) },
  };
  for (const [what, credential] of Object.entries(wrong)) {
    it(`${what} is not let in`, () => assert.rejects(connect(credential)));
  }

  it('without any credential speaks for none of them', async () => {
    const device = await connect({ type: 'certificate', trust });
    assert.equal(await device.poll(eid), notMine);
    await device.close();
  });
});

describe('a PSK that is rotated', () => {
  const psk = (key: string): ClientCredential => ({ type: 'psk', identity: 'r', key: hex(key) });
  const [old, fresh] = ['11'.repeat(16), '22'.repeat(16)];
  const stateOf = async () => at((await get(`${service.rest.url}/v1/devices/r`)).body, 'psk');

  it('lets the device in with the old one until it has used the new one', async () => {
    await add({ identity: 'r', key: old });
    assert.equal((await act('r', 'rotate', { key: fresh })).status, 200);
    const before = await connect(psk(old));
    assert.equal(await stateOf(), 'rotating');
    const now = await connect(psk(fresh));
    await until(async () => (await stateOf()) === 'one');
    for (const device of [before, now]) await device.close();
    await assert.rejects(connect(psk(old)));
    await (await connect(psk(fresh))).close();
  });
});

describe('a device that is revoked', () => {
  it('loses its connection at once, and gets no other', async () => {
    const own = certificateOf('v');
    await add({ identity: 'v', key: '33'.repeat(16), certificates: [print(own.certificate)] });
    const psk: ClientCredential = { type: 'psk', identity: 'v', key: hex('33'.repeat(16)) };
    const [byPsk, byPin] = [await connect(psk), await connect(byCertificate(shown(own)))];
    await add({ identity: 'w', key: '44'.repeat(16) });
    const other = await connect({ type: 'psk', identity: 'w', key: hex('44'.repeat(16)) });
    assert.equal((await act('v', 'revoke')).status, 200);
    await Promise.all([byPsk.ended, byPin.ended]);
    const told = lines.find(({ event }) => event === 'eim: connections ended');
    assert.deepEqual(told?.fields, { device: 'v', why: 'revoked', connections: 2 });
    await assert.rejects(connect(byCertificate(shown(own))), /certificateRevoked/);
    assert.equal(await other.poll(parseEid('89033023427000000000000000000123')), notMine);
    for (const one of [byPsk, byPin, other]) await one.close();
  });
});

describe('the server', () => {
  it('shows the certificate that is for the name asked for, or for any', async () => {
    const seen: string[] = [];
    const look = (chain: readonly Uint8Array[]) => {
      seen.push(equal(chain[0] ?? hex(''), brainpool.certificate) ? 'other' : 'own');
    };
    for (const serverName of ['other.example.com', 'eim.example.com', undefined]) {
      const name = serverName === undefined ? {} : { serverName };
      await (await connect({ type: 'certificate', trust: look, ...name })).close();
    }
    assert.deepEqual(seen, ['other', 'own', 'own']);
  });

  it('has the key that eUICCs are told to trust', async () => {
    const { body } = await get(`${service.rest.url}/v1/info?tlsTrust=key`);
    const data = EimConfigurationData.decode(hex(String(at(body, 'eimConfigurationData'))));
    assert.equal(data.trustedPublicKeyDataTls?.type, 'trustedEimPkTls');
    const told = data.trustedPublicKeyDataTls.value;
    assert.equal(readOnly(told).tag, 0x30);
    let seen: Uint8Array | undefined;
    const device = await connect({
      type: 'rawPublicKey',
      trust: (spki) => {
        seen = spki.slice();
      },
    });
    await device.close();
    assert.equal(toHex(seen ?? hex('')), toHex(told));
  });
});

describe('an eIM that requires client authentication', () => {
  it('lets nobody in that proves nothing', async () => {
    const strict = await start({
      dataFolder: join(folder, 'strict'),
      'dtls.clientAuthentication': 'required',
    });
    try {
      await assert.rejects(connect({ type: 'certificate', trust }, strict), /handshakeFailure/);
      await (await connect(byCertificate(shown(certificateOf(eid, ca))), strict)).close();
    } finally {
      await strict.close();
    }
  });
});

describe('the log', () => {
  it('holds no PSK', () => {
    const text = JSON.stringify(lines);
    for (const octet of ['11', '22', '33', '44']) assert.ok(!text.includes(octet.repeat(16)));
    assert.ok(utf8(text).length > 0);
  });
});

async function until(holds: () => Promise<boolean>): Promise<void> {
  while (!(await holds())) await new Promise((resolve) => setImmediate(resolve));
}

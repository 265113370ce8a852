/**
 * What becomes of an SM-DP+ that fails below ES9+, function by function: a real HTTPS server misbehaves, the ES9+ client
 * says how, and the device and the operator hear of it (facts sheet 4.5, last row: 127 for all of it).
 */
import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import { systemClock } from '../../src/base/clock.ts';
import { silentLog } from '../../src/base/log.ts';
import { Es9Client } from '../../src/es9/client.ts';
import { type Es9Failure, Es9TransportError } from '../../src/es9/errors.ts';
import { Https } from '../../src/es9/https.ts';
import { deliverNotifications } from '../../src/procedures/notification-delivery.ts';
import { otherCi } from '../../tools/lab/pki/wrong-twins.ts';
import { type Answer, json, startFakeSmdp } from '../es9/fake-smdp.ts';
import { settled } from '../support/hand-clock.ts';
import {
  authenticateError,
  cancelError,
  Download,
  initiateError,
  packageError,
} from './download.ts';
import { pki } from './euicc.ts';
import { transactionId } from './smdp.ts';

const cleanUp: (() => unknown)[] = [];
afterEach(async () => {
  for (const one of cleanUp.splice(0).reverse()) await one();
});

const success = { functionExecutionStatus: { status: 'Executed-Success' } };
const octets = Uint8Array.of(0x30, 0);

/** The five functions as the client calls them. */
const functions = {
  initiateAuthentication: (client: Es9Client, address: string) =>
    client.initiateAuthentication(address, { euiccChallenge: octets, euiccInfo1: octets }),
  authenticateClient: (client: Es9Client, address: string) =>
    client.authenticateClient(address, { transactionId, authenticateServerResponse: octets }),
  getBoundProfilePackage: (client: Es9Client, address: string) =>
    client.getBoundProfilePackage(address, { transactionId, prepareDownloadResponse: octets }),
  cancelSession: (client: Es9Client, address: string) =>
    client.cancelSession(address, { transactionId, cancelSessionResponse: octets }),
  handleNotification: (client: Es9Client, address: string) =>
    client.handleNotification(address, octets),
} as const;
type FunctionName = keyof typeof functions;

interface Fault {
  readonly name: string;
  readonly answer: Answer;
  readonly kind: Es9Failure;
  readonly told: RegExp;
  readonly retryAfter?: number;
  /** Functions without output do not mind. */
  readonly outputOnly?: true;
  /** Shows a certificate of a CI that nobody named. */
  readonly stranger?: true;
}

const status = (
  code: number,
  told: RegExp,
  headers: Readonly<Record<string, string>> = {},
): Omit<Fault, 'name'> => ({
  answer: (_, response) => response.writeHead(code, headers).end(),
  kind: 'status',
  told,
});
const body = (text: string, type = 'application/json'): Answer => {
  return (_, response) => response.writeHead(200, { 'Content-Type': type }).end(text);
};
const whole = JSON.stringify({ header: success, transactionId: '00' });

const faults: readonly Fault[] = [
  {
    name: 'no answer in time',
    answer: () => {},
    kind: 'timeout',
    told: /no whole answer within 0\.2 s/,
  },
  {
    name: 'half an answer in time',
    answer: (_, response) => response.writeHead(200, { 'Content-Length': 100 }).write('{'),
    kind: 'timeout',
    told: /no whole answer within 0\.2 s/,
  },
  {
    name: 'a body cut off by the connection',
    answer: (_, response) => {
      response.writeHead(200, { 'Content-Type': 'application/json', 'Content-Length': 100 });
      response.write('{"header":', () => response.destroy());
    },
    kind: 'unreachable',
    told: /broke off/,
  },
  {
    name: 'a connection cut off before the answer',
    answer: (_, response) => response.socket?.destroy(),
    kind: 'unreachable',
    told: /broke off/,
  },
  {
    name: 'a body cut off within itself',
    answer: body(whole.slice(0, -5)),
    kind: 'malformed',
    told: /no JSON/,
  },
  {
    name: 'a body of another type',
    answer: body('<html>Sign in</html>', 'text/html'),
    kind: 'malformed',
    told: /'text\/html', not application\/json/,
  },
  {
    name: 'ES9+ under another type',
    answer: body(whole, 'text/plain'),
    kind: 'malformed',
    told: /'text\/plain', not application\/json/,
  },
  {
    name: 'JSON that is no answer',
    answer: json({ ok: true }),
    kind: 'malformed',
    told: /without functionExecutionStatus/,
  },
  {
    name: 'a status that ES9+ does not have',
    answer: json({ header: { functionExecutionStatus: { status: 'Maybe' } } }),
    kind: 'malformed',
    told: /execution status of 'Maybe'/,
  },
  {
    name: 'success without its members',
    answer: json({ header: success }),
    kind: 'malformed',
    told: /the answer has no/,
    outputOnly: true,
  },
  {
    name: 'more than the limit',
    answer: body(`"${'x'.repeat(70_000)}"`),
    kind: 'too large',
    told: /more than 65536 octets/,
  },
  {
    name: 'a certificate that is not believed',
    answer: json({ header: success }),
    kind: 'tls',
    told: /no TLS connection/,
    stranger: true,
  },
  ...[301, 302, 303, 307, 308].map((code) => ({
    name: `a redirect with ${code}`,
    ...status(code, new RegExp(`status ${code}, a redirect to https://b\\.example/: none is`), {
      Location: 'https://b.example/',
    }),
  })),
  ...[400, 401, 404, 429, 500, 501, 502, 503, 504].map((code) => ({
    name: `${code} without Retry-After`,
    ...status(code, new RegExp(`HTTP status ${code}$`)),
  })),
  ...[429, 500, 503].map((code) => ({
    name: `${code} with Retry-After`,
    ...status(code, new RegExp(`HTTP status ${code}, to be asked again in 120 s$`), {
      'Retry-After': '120',
    }),
    retryAfter: 120_000,
  })),
];

/** What the client makes of a server with that fault. */
async function failureOf(name: FunctionName, fault: Fault): Promise<Es9TransportError> {
  const credential = fault.stranger ? otherCi().dpTls : pki.dpTls;
  const server = await startFakeSmdp(credential, fault.answer);
  cleanUp.push(() => server.close());
  const https = new Https({
    roots: [pki.ci.certificate],
    answerTimeout: 200,
    bodyLimit: 65_536,
    clock: systemClock,
    log: silentLog(),
  });
  cleanUp.push(() => https.close());
  const client = new Es9Client({ connect: https, requester: 'eIM', log: silentLog() });
  try {
    await functions[name](client, server.address);
  } catch (error) {
    assert.ok(error instanceof Es9TransportError);
    // Asked once: a redirect is not followed, and nothing is tried again behind the procedure's back.
    assert.equal(server.received.length, fault.stranger ? 0 : 1);
    return error;
  }
  return assert.fail('it was taken for an answer');
}

/** How far a download gets before a function, its answer to the device, and what its order calls the failure. */
const relayed = {
  initiateAuthentication: {
    before: async () => Download.begin(),
    ask: (download: Download) => download.initiate(),
    answer: initiateError(127),
    outcome: 'initiateAuthenticationError',
  },
  authenticateClient: {
    before: async () => {
      const download = await Download.begin();
      await download.initiate();
      return download;
    },
    ask: (download: Download) => download.authenticate(),
    answer: authenticateError(127),
    outcome: 'authenticateClientError',
  },
  getBoundProfilePackage: {
    before: async () => (await Download.begin()).toAuthenticated(),
    ask: (download: Download) => download.getBoundProfilePackage(),
    answer: packageError(127),
    outcome: 'getBoundProfilePackageError',
  },
  cancelSession: {
    before: async () => (await Download.begin()).toAuthenticated(),
    ask: (download: Download) => download.cancel(),
    answer: cancelError(127),
    outcome: 'cancelSessionResponseError',
  },
} as const;

for (const [name, { before, ask, answer, outcome }] of Object.entries(relayed)) {
  describe(`${name} at an SM-DP+ that gives`, () => {
    for (const fault of faults) {
      if (fault.outputOnly && name === 'cancelSession') continue;
      it(`${fault.name} is undefinedError, and ends the order`, async () => {
        const error = await failureOf(name as FunctionName, fault);
        assert.equal(error.kind, fault.kind);
        assert.match(error.message, fault.told);
        assert.equal(error.retryAfter, fault.retryAfter);

        const download = await before();
        download.rig.smdp.next(name as FunctionName, error);
        assert.deepEqual(await ask(download), answer);
        const end = await download.end();
        assert.equal(end.success, false);
        assert.deepEqual(end.outcome, [{ procedureError: outcome }]);
        assert.match(end.reason, new RegExp(`^SM-DP\\+ smdp\\.example\\.com, ${name}: `));
        assert.match(end.reason, fault.told);
      });
    }
  });
}

describe('handleNotification at an SM-DP+ that gives', () => {
  for (const fault of faults) {
    if (fault.outputOnly) continue;
    it(`${fault.name} keeps the notification, and the order as it ended`, async () => {
      const error = await failureOf('handleNotification', fault);
      assert.equal(error.kind, fault.kind);
      assert.match(error.message, fault.told);

      const download = await (await Download.begin()).toAuthenticated();
      const { rig } = download;
      assert.equal((await download.getBoundProfilePackage()).type, 'getBoundProfilePackageOkEsipa');
      rig.smdp.next('handleNotification', error);
      await rig.notify(rig.euicc.installation(transactionId));
      assert.equal((await download.end()).success, true);
      assert.equal(rig.smdp.named('handleNotification').length, 1);
      // Kept: taken there again when its time has come.
      await rig.clock.turn(24 * 3600 * 1000);
      await deliverNotifications(rig.eim);
      await settled();
      assert.equal(rig.smdp.named('handleNotification').length, 2);
      // Delivered: gone.
      await deliverNotifications(rig.eim);
      assert.equal(rig.smdp.named('handleNotification').length, 2);
    });
  }
});

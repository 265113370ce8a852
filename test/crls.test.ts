/** Where revocation lists come from: files, an HTTPS server, and the store after a restart. */
import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import { systemClock } from '../src/base/clock.ts';
import { Drops, type LogLine, makeLog, silentLog } from '../src/base/log.ts';
import { CrlFeed } from '../src/crls.ts';
import { Https } from '../src/es9/https.ts';
import { MemoryStore } from '../src/store/memory.ts';
import { readCertificate } from '../src/trust/certificate.ts';
import { Revocations } from '../src/trust/revocations.ts';
import { Roots } from '../src/trust/roots.ts';
import { type CrlProfile, issueCrl } from '../tools/lab/pki/crl.ts';
import { makeLabPki } from '../tools/lab/pki/lab-pki.ts';
import { otherCi } from '../tools/lab/pki/wrong-twins.ts';
import { type FakeSmdp, startFakeSmdp } from './es9/fake-smdp.ts';
import { HandClock } from './support/hand-clock.ts';

const day = 24 * 3600 * 1000;
const pki = makeLabPki();
const eum = readCertificate(pki.eum.certificate, 'eum');
const issuers = [readCertificate(pki.ci.certificate, 'ci')];

const cleanUp: (() => unknown)[] = [];
afterEach(async () => {
  for (const one of cleanUp.splice(0).reverse()) await one();
});

/** A list of the lab's CI, of a day from then. */
function list(from: number, revoked: readonly Uint8Array[] = [], signer = pki.ci): Uint8Array {
  const profile: CrlProfile = {
    thisUpdate: new Date(from),
    nextUpdate: new Date(from + day),
    revoked,
  };
  return issueCrl(signer, profile);
}

/** A feed, and what its sources hold: a file that is absent cannot be read. */
function feeding(sources: readonly string[], store = new MemoryStore(), clock = new HandClock()) {
  const lines: LogLine[] = [];
  const files = new Map<string, Uint8Array>();
  const roots = Roots.of([pki.ci.certificate]);
  const revocations = new Revocations({ sources, roots, grace: 0, stale: 'refuse' });
  const https = new Https({
    roots: [pki.ci.certificate],
    clock: systemClock,
    log: silentLog(),
  });
  cleanUp.push(() => https.close());
  const feed = new CrlFeed({
    sources,
    revocations,
    read(path) {
      const found = files.get(path);
      if (found === undefined) throw Object.assign(new Error('no such file'), { code: 'ENOENT' });
      return found;
    },
    https,
    store,
    clock,
    log: makeLog('crls', (line) => lines.push(line), new Drops()),
  });
  /** `good`, or the code of the ChainError. */
  const verdict = (): string => {
    try {
      revocations.check({ certificate: eum, issuers, member: 'eum', now: clock.now() });
      return 'good';
    } catch (error) {
      return String(Reflect.get(Object(error), 'code'));
    }
  };
  const warnings = () =>
    lines.filter(({ level }) => level === 'warn').map((line) => JSON.stringify(line));
  return { feed, files, store, clock, verdict, warnings };
}

/** A server of lists; `say` changes what it answers. */
async function server() {
  let answer: { status: number; body: Uint8Array } = { status: 404, body: new Uint8Array() };
  const started: FakeSmdp = await startFakeSmdp(pki.dpTls, (_request, response) => {
    response.writeHead(answer.status).end(answer.body);
  });
  cleanUp.push(() => started.close());
  return {
    url: `https://${started.address}/crl/a.crl?x=1`,
    received: started.received,
    say(status: number, body: Uint8Array = new Uint8Array()) {
      answer = { status, body };
    },
  };
}

describe('a revocation list in a file', () => {
  it('is read at the start, and again', async () => {
    const { feed, files, clock, verdict } = feeding(['/ci.crl']);
    files.set('/ci.crl', list(clock.now()));
    assert.equal(verdict(), 'revocationUnknown');
    await feed.restore();
    assert.equal(verdict(), 'good');
    await clock.turn(1000);
    files.set('/ci.crl', list(clock.now(), [pki.eum.certificate]));
    await feed.refresh();
    assert.equal(verdict(), 'revoked');
  });

  it('that cannot be read, or is none, is warned of, and what was held stays', async () => {
    const { feed, files, clock, verdict, warnings } = feeding(['/ci.crl']);
    await feed.restore();
    assert.match(warnings().join(), /cannot be read.*no such file/);
    files.set('/ci.crl', list(clock.now()));
    await feed.refresh();
    for (const bad of [
      new Uint8Array(5),
      list(clock.now() + 1000, [], { ...otherCi().ci, key: pki.eum.key }),
    ]) {
      files.set('/ci.crl', bad);
      await feed.refresh();
    }
    assert.equal(verdict(), 'good');
  });

  it('that is older than the one before does not take its place', async () => {
    const { feed, files, clock, verdict, warnings } = feeding(['/ci.crl']);
    files.set('/ci.crl', list(clock.now() - 1000, [pki.eum.certificate]));
    await feed.restore();
    files.set('/ci.crl', list(clock.now() - 2000));
    await feed.refresh();
    assert.equal(verdict(), 'revoked');
    assert.match(warnings().join(), /older than the one before/);
  });

  it('is warned of once it is stale', async () => {
    const { feed, files, clock, verdict, warnings } = feeding(['/ci.crl']);
    files.set('/ci.crl', list(clock.now()));
    await feed.restore();
    await clock.turn(day);
    await feed.refresh();
    assert.deepEqual(warnings(), []);
    await clock.turn(1);
    await feed.refresh();
    assert.match(warnings().join(), /is stale/);
    assert.equal(verdict(), 'revocationUnknown');
  });
});

describe('a revocation list at an https URL', () => {
  it('is fetched, and kept over a restart', async () => {
    const at = await server();
    const first = feeding([at.url]);
    at.say(200, list(first.clock.now(), [pki.eum.certificate]));
    await first.feed.restore();
    assert.equal(first.verdict(), 'revocationUnknown');
    await first.feed.refresh();
    assert.equal(first.verdict(), 'revoked');
    const [{ method, path, body } = assert.fail('not asked')] = at.received;
    assert.deepEqual({ method, path, body }, { method: 'GET', path: '/crl/a.crl?x=1', body: '' });
    at.say(503);
    const second = feeding([at.url], first.store, first.clock);
    await second.feed.restore();
    assert.equal(second.verdict(), 'revoked');
    await second.feed.refresh();
    assert.equal(second.verdict(), 'revoked');
    assert.match(second.warnings().join(), /status 503/);
  });

  it('is forgotten once it is configured no more', async () => {
    const at = await server();
    const first = feeding([at.url]);
    at.say(200, list(first.clock.now()));
    await first.feed.refresh();
    await feeding([], first.store).feed.restore();
    const third = feeding([at.url], first.store, first.clock);
    await third.feed.restore();
    assert.equal(third.verdict(), 'revocationUnknown');
  });

  it('of a server that is not there, or that is not trusted, is warned of', async () => {
    const at = await server();
    const gone = feeding(['https://localhost:1/a.crl']);
    await gone.feed.refresh();
    assert.match(gone.warnings().join(), /no connection/);
    const stranger = await startFakeSmdp(otherCi().dpTls, (_request, response) => {
      response.end(list(Date.UTC(2026, 0, 1)));
    });
    cleanUp.push(() => stranger.close());
    const wary = feeding([at.url.replace(/:[0-9]+\//, `:${stranger.port}/`)]);
    await wary.feed.refresh();
    assert.match(wary.warnings().join(), /no TLS connection/);
    assert.equal(wary.verdict(), 'revocationUnknown');
  });
});

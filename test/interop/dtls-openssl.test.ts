/** OpenSSL's command line as client: handshakes, data both ways, and what it must not get. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { fromUtf8, utf8 } from '../../src/base/bytes.ts';
import { Drops, silentLog } from '../../src/base/log.ts';
import type { DtlsCredentials } from '../../src/dtls/credentials.ts';
import { suiteProfiles } from '../../src/dtls/suite-profiles.ts';
import { issue } from '../dtls/support/certificates.ts';
import { needs } from '../support/needs.ts';
import { type Echo, startEcho, Talk } from './dtls-echo.ts';

const skip = needs('openssl', 'version');
const timeout = 120_000;

/** The client has repeated its flight, twice: nothing came. */
const twoTimeouts = /TIMEOUT occurred[\s\S]*TIMEOUT occurred/;

const folder = mkdtempSync(join(tmpdir(), 'dtls-openssl-'));
after(() => rmSync(folder, { recursive: true }));

const issued = issue();
const authority = join(folder, 'authority.pem');
writeFileSync(authority, issued.authority);

const key = '73656372657450534b';
const credentials: DtlsCredentials = {
  psk: (identity) => (fromUtf8(identity) === 'dev1' ? [utf8('secretPSK')] : []),
  certificates: [issued],
};

const asDevice = (pskHex: string) => ['-psk', pskHex, '-psk_identity', 'dev1'];
const asBrowser = ['-CAfile', authority, '-verify_return_error', '-verify_hostname', 'localhost'];

function sClient(echo: Echo, cipher: string, ...more: readonly string[]): Talk {
  const connect = ['s_client', '-dtls1_2', '-connect', `127.0.0.1:${echo.port}`];
  return new Talk('openssl', [...connect, '-cipher', cipher, ...more]);
}

describe('openssl s_client', { skip, timeout }, () => {
  const suites = {
    'PSK-AES128-CCM8': asDevice(key),
    'PSK-AES128-GCM-SHA256': asDevice(key),
    'ECDHE-ECDSA-AES128-CCM8': asBrowser,
    'ECDHE-ECDSA-AES128-GCM-SHA256': asBrowser,
  };
  for (const [cipher, args] of Object.entries(suites)) {
    for (const mtu of [undefined, 256]) {
      const small = mtu === undefined ? [] : ['-mtu', `${mtu}`];
      it(`D12, D36, D41: connects with ${[cipher, ...small].join(' ')}`, async () => {
        const echo = await startEcho({ credentials, ...(mtu === undefined ? {} : { mtu }) });
        const talk = sClient(echo, cipher, ...args, ...small);
        try {
          await talk.hears(/Verify return code: \d+ .*\n/);
          assert.match(talk.output, new RegExp(`Cipher is ${cipher}`));
          assert.match(talk.output, /Extended master secret: yes/);
          if (args === asBrowser) assert.match(talk.output, /Verify return code: 0 \(ok\)/);
          talk.say('hello from openssl\n');
          await talk.hears(/\nhello from openssl\n/);
          if (mtu !== undefined) assert.ok(echo.longest() <= mtu);
          talk.say('Q\n');
          await talk.ends();
          const [peer] = echo.peers;
          const due =
            args === asBrowser ? { type: 'anonymous' } : { type: 'psk', identity: 'dev1' };
          assert.deepEqual(peer?.credential, due);
          assert.deepEqual(echo.ended, ['closed by the peer']);
        } finally {
          talk.kill();
          echo.close();
        }
      });
    }
  }

  it('D31: gets no answer with a wrong key', async () => {
    const echo = await startEcho({ credentials });
    const talk = sClient(echo, 'PSK-AES128-CCM8', ...asDevice('00112233'), '-msg', '-timeout');
    try {
      await talk.hears(twoTimeouts);
      assert.doesNotMatch(talk.output, /<<< .*content_type=2[01]/);
      assert.deepEqual(echo.peers, []);
      assert.deepEqual(echo.server.size, { handshakes: 1, established: 0 });
    } finally {
      talk.kill();
      echo.close();
    }
  });

  it('does not trust a server of another authority, which hears of it', async () => {
    const echo = await startEcho({ credentials: { certificates: [issue()] } });
    const talk = sClient(echo, 'ECDHE-ECDSA-AES128-CCM8', ...asBrowser);
    try {
      assert.match(await talk.ends(), /certificate verify failed/);
      assert.deepEqual(echo.peers, []);
      assert.deepEqual(echo.server.size, { handshakes: 0, established: 0 });
    } finally {
      talk.kill();
      echo.close();
    }
  });

  it('is refused without a suite in common', async () => {
    const echo = await startEcho({ credentials, suites: suiteProfiles.strict });
    const talk = sClient(echo, 'ECDHE-ECDSA-AES128-CCM8');
    try {
      assert.match(await talk.ends(), /alert handshake failure/);
    } finally {
      talk.kill();
      echo.close();
    }
  });

  it('D11: gets no answer to a fragmented first ClientHello', async () => {
    const drops = new Drops();
    const echo = await startEcho({ credentials, log: silentLog(drops, 'dtls') });
    const talk = sClient(echo, 'ALL', '-mtu', '256', '-msg', '-timeout');
    try {
      await talk.hears(twoTimeouts);
      assert.doesNotMatch(talk.output, /<<< /);
      assert.ok(drops.of('dtls: fragmented ClientHello') > 0);
      assert.deepEqual(echo.server.size, { handshakes: 0, established: 0 });
    } finally {
      talk.kill();
      echo.close();
    }
  });
});

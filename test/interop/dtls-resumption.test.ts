/** Strangers' clients resume sessions, by ID and by ticket. */
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { fromUtf8, utf8 } from '../../src/base/bytes.ts';
import type { DtlsCredentials } from '../../src/dtls/credentials.ts';
import type { DtlsServerOptions } from '../../src/dtls/server.ts';
import { issue } from '../dtls/support/certificates.ts';
import { Disk } from '../dtls/support/disk.ts';
import { needs } from '../support/needs.ts';
import { type Echo, startEcho, Talk } from './dtls-echo.ts';

const timeout = 120_000;
const folder = mkdtempSync(join(tmpdir(), 'dtls-resumption-'));
after(() => rmSync(folder, { recursive: true }));

const issued = issue();
const authority = join(folder, 'authority.pem');
writeFileSync(authority, issued.authority);

const key = '73656372657450534b';
const credentials: DtlsCredentials = {
  psk: (identity) => (fromUtf8(identity) === 'dev1' ? [utf8('secretPSK')] : []),
  certificates: [issued],
};
const resumption = { lifetime: 3_600_000, ceiling: 100, tickets: true, skipCookie: false };

const ways = { ID: ['-no_ticket'], ticket: [] } as const;
const suites = {
  'PSK-AES128-CCM8': ['-psk', key, '-psk_identity', 'dev1'],
  'PSK-AES256-GCM-SHA384': ['-psk', key, '-psk_identity', 'dev1'],
  'ECDHE-ECDSA-AES128-CCM8': ['-CAfile', authority],
  'ECDHE-ECDSA-AES256-GCM-SHA384': ['-CAfile', authority],
} as const;

let files = 0;

/** One connection of s_client that says a line and hears it; what it printed. */
async function talkTo(echo: Echo, cipher: string, ...args: readonly string[]): Promise<string> {
  const connect = ['s_client', '-dtls1_2', '-connect', `127.0.0.1:${echo.port}`];
  const talk = new Talk('openssl', [...connect, '-cipher', cipher, ...args]);
  try {
    await talk.hears(/Verify return code: \d+ .*\n/);
    talk.say('hello again\n');
    await talk.hears(/\nhello again\n/);
    talk.say('Q\n');
    return await talk.ends();
  } finally {
    talk.kill();
  }
}

describe('openssl s_client', { skip: needs('openssl', 'version'), timeout }, () => {
  for (const [way, how] of Object.entries(ways)) {
    for (const [cipher, who] of Object.entries(suites)) {
      for (const skipCookie of [false, true]) {
        const without = skipCookie ? ' without a cookie' : '';
        it(`D52, D54: resumes ${cipher} by ${way}${without}`, async () => {
          const echo = await startEcho({ credentials, resumption: { ...resumption, skipCookie } });
          const session = join(folder, `session-${files++}.pem`);
          try {
            const first = await talkTo(echo, cipher, ...who, ...how, '-sess_out', session);
            assert.match(first, /\nNew, /);
            assert.ok(existsSync(session));
            assert.equal(/TLS session ticket:/.test(first), way === 'ticket');
            const second = await talkTo(echo, cipher, ...who, ...how, '-sess_in', session);
            assert.match(second, /\nReused, /);
            const [before, now] = echo.peers;
            assert.deepEqual(now?.credential, before?.credential);
          } finally {
            echo.close();
          }
        });
      }
    }

    it(`D54: resumes by ${way} with another process of the same store`, async () => {
      const disk = new Disk();
      const kept = { store: disk, key: new Uint8Array(32).fill(1) };
      const options: Partial<DtlsServerOptions> & Pick<DtlsServerOptions, 'credentials'> = {
        credentials,
        resumption,
        kept,
      };
      const session = join(folder, `session-${files++}.pem`);
      const cipher = 'ECDHE-ECDSA-AES128-GCM-SHA256';
      const one = await startEcho(options);
      await talkTo(one, cipher, ...how, '-CAfile', authority, '-sess_out', session);
      one.close();
      const other = await startEcho(options);
      await other.server.ready();
      try {
        const second = await talkTo(
          other,
          cipher,
          ...how,
          '-CAfile',
          authority,
          '-sess_in',
          session,
        );
        assert.match(second, /\nReused, /);
      } finally {
        other.close();
      }
    });

    it(`D53: shakes hands in full where the session (${way}) is of another server`, async () => {
      const session = join(folder, `session-${files++}.pem`);
      const cipher = 'ECDHE-ECDSA-AES128-GCM-SHA256';
      for (const at of ['-sess_out', '-sess_in']) {
        const echo = await startEcho({ credentials, resumption });
        try {
          const output = await talkTo(echo, cipher, ...how, '-CAfile', authority, at, session);
          assert.match(output, /\nNew, /);
        } finally {
          echo.close();
        }
      }
    });
  }
});

describe('gnutls-cli', { skip: needs('gnutls-cli', '--version'), timeout }, () => {
  const priority = 'NORMAL:-VERS-ALL:+VERS-DTLS1.2:-KX-ALL:+PSK';
  for (const [way, more] of Object.entries({ ID: ':%NO_TICKETS', ticket: '' })) {
    it(`D52, D54: resumes by ${way}`, async () => {
      const echo = await startEcho({ credentials, resumption });
      const psk = ['--pskusername', 'dev1', '--pskkey', key];
      const target = ['--udp', '--resume', '-p', `${echo.port}`, '127.0.0.1'];
      const talk = new Talk('gnutls-cli', [...psk, '--priority', priority + more, ...target]);
      try {
        await talk.hears(/This is a resumed session/);
        assert.equal(echo.peers.length, 2);
      } finally {
        talk.kill();
        echo.close();
      }
    });
  }
});

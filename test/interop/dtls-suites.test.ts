/** Every suite that openssl or gnutls can do, with their command lines as clients; groups and MAC order besides. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { utf8 } from '../../src/base/bytes.ts';
import { type CipherSuiteName, cipherSuites } from '../../src/dtls/cipher-suites.ts';
import type { DtlsCredentials } from '../../src/dtls/credentials.ts';
import { issue } from '../dtls/support/certificates.ts';
import { needs } from '../support/needs.ts';
import { type Echo, startEcho, Talk } from './dtls-echo.ts';

const timeout = 120_000;
const folder = mkdtempSync(join(tmpdir(), 'dtls-suites-'));
after(() => rmSync(folder, { recursive: true }));

const issued = issue();
const authority = join(folder, 'authority.pem');
writeFileSync(authority, issued.authority);

const key = '73656372657450534b';
const credentials: DtlsCredentials = {
  psk: () => [utf8('secretPSK')],
  certificates: [issued],
};

/** Meets a server of this one suite, and has it say something back. */
async function meets(suite: CipherSuiteName, client: (echo: Echo) => Talk): Promise<string> {
  const echo = await startEcho({ credentials, suites: [suite] });
  const talk = client(echo);
  try {
    talk.say('hello\n');
    await talk.hears(/^hello\r?$/m);
    const ecdsa = cipherSuites[suite].keyExchange === 'ecdheEcdsa';
    const due = ecdsa ? { type: 'anonymous' } : { type: 'psk', identity: 'dev1' };
    assert.deepEqual(echo.peers[0]?.credential, due);
    return talk.output;
  } finally {
    talk.kill();
    echo.close();
  }
}

describe('openssl s_client', { skip: needs('openssl', 'version'), timeout }, () => {
  const suites: Readonly<Partial<Record<CipherSuiteName, string>>> = {
    TLS_PSK_WITH_AES_128_CCM_8: 'PSK-AES128-CCM8',
    TLS_PSK_WITH_AES_128_CCM: 'PSK-AES128-CCM',
    TLS_PSK_WITH_AES_256_CCM_8: 'PSK-AES256-CCM8',
    TLS_PSK_WITH_AES_256_CCM: 'PSK-AES256-CCM',
    TLS_PSK_WITH_AES_128_GCM_SHA256: 'PSK-AES128-GCM-SHA256',
    TLS_PSK_WITH_AES_256_GCM_SHA384: 'PSK-AES256-GCM-SHA384',
    TLS_PSK_WITH_AES_128_CBC_SHA256: 'PSK-AES128-CBC-SHA256',
    TLS_PSK_WITH_CHACHA20_POLY1305_SHA256: 'PSK-CHACHA20-POLY1305',
    TLS_ECDHE_PSK_WITH_CHACHA20_POLY1305_SHA256: 'ECDHE-PSK-CHACHA20-POLY1305',
    TLS_ECDHE_PSK_WITH_AES_128_CBC_SHA256: 'ECDHE-PSK-AES128-CBC-SHA256',
    TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256: 'ECDHE-ECDSA-CHACHA20-POLY1305',
    TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8: 'ECDHE-ECDSA-AES128-CCM8',
    TLS_ECDHE_ECDSA_WITH_AES_128_CCM: 'ECDHE-ECDSA-AES128-CCM',
    TLS_ECDHE_ECDSA_WITH_AES_256_CCM_8: 'ECDHE-ECDSA-AES256-CCM8',
    TLS_ECDHE_ECDSA_WITH_AES_256_CCM: 'ECDHE-ECDSA-AES256-CCM',
    TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256: 'ECDHE-ECDSA-AES128-GCM-SHA256',
    TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384: 'ECDHE-ECDSA-AES256-GCM-SHA384',
    TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256: 'ECDHE-ECDSA-AES128-SHA256',
  };
  const client = (echo: Echo, cipher: string, ...more: readonly string[]) =>
    new Talk('openssl', [
      ...['s_client', '-dtls1_2', '-connect', `127.0.0.1:${echo.port}`],
      ...['-psk', key, '-psk_identity', 'dev1', '-CAfile', authority, '-verify_return_error'],
      ...['-cipher', cipher, ...more],
    ]);

  for (const [suite, cipher] of Object.entries(suites) as [CipherSuiteName, string][]) {
    it(`D36, D38: speaks with ${suite}`, async () => {
      const output = await meets(suite, (echo) => client(echo, cipher));
      assert.match(output, new RegExp(`Cipher is ${cipher}`));
    });
  }

  for (const [group, seen] of [
    ['prime256v1', '(prime256v1|P-256)'],
    ['X25519', 'X25519'],
    ['brainpoolP256r1', 'brainpoolP256r1'],
  ] as const) {
    it(`D34: agrees in ${group}`, async () => {
      const curves = ['-curves', group === 'prime256v1' ? group : `${group}:prime256v1`];
      const output = await meets('TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256', (echo) =>
        client(echo, 'ECDHE-ECDSA-AES128-GCM-SHA256', ...curves),
      );
      assert.match(output, new RegExp(`Server Temp Key: (ECDH, )?${seen}`));
    });
  }
});

describe('gnutls-cli', { skip: needs('gnutls-cli', '--version'), timeout }, () => {
  const psk = 'NORMAL:-KX-ALL:+PSK:-VERS-ALL:+VERS-DTLS1.2:-CIPHER-ALL';
  const ecdsa = 'NORMAL:-KX-ALL:+ECDHE-ECDSA:-VERS-ALL:+VERS-DTLS1.2:-CIPHER-ALL';
  // None of ECDHE_PSK: gnutls-cli 3.7.9 crashes after such a handshake. coap-client-gnutls has them (dtls-libcoap.test.ts).
  const suites: Readonly<Partial<Record<CipherSuiteName, string>>> = {
    TLS_PSK_WITH_AES_128_CCM_8: `${psk}:+AES-128-CCM-8`,
    TLS_PSK_WITH_AES_128_CCM: `${psk}:+AES-128-CCM`,
    TLS_PSK_WITH_AES_128_GCM_SHA256: `${psk}:+AES-128-GCM`,
    TLS_PSK_WITH_AES_256_GCM_SHA384: `${psk}:+AES-256-GCM`,
    TLS_PSK_WITH_AES_128_CBC_SHA256: `${psk}:+AES-128-CBC:+SHA256`,
    TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8: `${ecdsa}:+AES-128-CCM-8`,
    TLS_ECDHE_ECDSA_WITH_AES_128_CCM: `${ecdsa}:+AES-128-CCM`,
    TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256: `${ecdsa}:+AES-128-GCM`,
    TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384: `${ecdsa}:+AES-256-GCM`,
    TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256: `${ecdsa}:+AES-128-CBC:+SHA256`,
  };
  const client = (echo: Echo, priority: string) =>
    new Talk('gnutls-cli', [
      ...['--udp', '-p', String(echo.port), '--priority', priority, '--x509cafile', authority],
      ...['--pskusername', 'dev1', '--pskkey', key, 'localhost'],
    ]);

  for (const [suite, priority] of Object.entries(suites) as [CipherSuiteName, string][]) {
    it(`D36, D38: speaks with ${suite}`, async () => {
      await meets(suite, (echo) => client(echo, priority));
    });
  }

  for (const suite of [
    'TLS_PSK_WITH_AES_128_CBC_SHA256',
    'TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256',
  ] as const) {
    it(`D43: speaks without encrypt_then_mac: ${suite}`, async () => {
      const output = await meets(suite, (echo) => client(echo, `${suites[suite]}:%NO_ETM`));
      assert.doesNotMatch(output, /- Options:.*EtM/);
    });
  }
});

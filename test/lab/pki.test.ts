import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createPublicKey, X509Certificate } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { hex, toHex } from '../../src/base/bytes.ts';
import { parseEid } from '../../src/messages/ids.ts';
import { readCertificate } from '../../src/trust/certificate.ts';
import type { LabCredential } from '../../tools/lab/pki/issue.ts';
import {
  issueEuicc,
  issueTls,
  type LabPki,
  labEid,
  loadLabPki,
  makeLabPki,
  saveLabPki,
} from '../../tools/lab/pki/lab-pki.ts';
import { expiredTls, otherCi, wrongUsageTls } from '../../tools/lab/pki/wrong-twins.ts';

const openssl = spawnSync('openssl', ['version']).status === 0;
/** Where openssl is missing its tests are skipped, but not in CI. */
const skip = openssl || process.env.CI ? false : 'openssl is not installed';

let folder: string;
before(() => {
  folder = mkdtempSync(join(tmpdir(), 'pki-'));
});
after(() => rmSync(folder, { recursive: true }));

function credentials(pki: LabPki): (readonly [string, LabCredential])[] {
  return Object.entries(pki);
}

function same(one: LabCredential, other: LabCredential): boolean {
  return toHex(one.certificate) === toHex(other.certificate) && one.key.equals(other.key);
}

/** Octets of a certificate, to be looked for in it. */
function contains(credential: LabCredential, text: string): boolean {
  return toHex(credential.certificate).includes(toHex(hex(text)));
}

describe('the committed lab PKI', () => {
  const pki = loadLabPki();

  it('has, for each certificate, its key', () => {
    for (const [name, { certificate, key }] of credentials(pki)) {
      const { publicKey } = new X509Certificate(certificate);
      assert.ok(publicKey.equals(createPublicKey(key)), name);
    }
  });

  it('says in the first line of each file that it is for tests only', () => {
    for (const name of [
      'ci',
      'eum',
      'euicc',
      'dp-auth',
      'dp-pb',
      'dp-tls',
      'eim-sign',
      'eim-tls',
      'ds-auth',
      'ds-tls',
      'operator-tls',
    ]) {
      for (const kind of ['cert', 'key']) {
        const path = new URL(`../../certs/lab/${name}.${kind}.pem`, import.meta.url);
        assert.match(readFileSync(path, 'latin1').split('\n')[0] ?? '', /^TEST ONLY/);
      }
    }
  });

  it('is one tree of signatures', () => {
    const issuers: Record<string, LabCredential> = { euicc: pki.eum };
    for (const [name, { certificate }] of credentials(pki)) {
      const issuer = issuers[name] ?? pki.ci;
      assert.ok(new X509Certificate(certificate).verify(createPublicKey(issuer.key)), name);
    }
  });

  it('has sizes like those of SGP.26 (516 to 636 octets, more where hosts are added)', () => {
    for (const [name, { certificate }] of credentials(pki)) {
      assert.ok(certificate.length > 350 && certificate.length < 700, name);
    }
  });
});

describe('a certificate of the lab (SGP.26 variant O)', () => {
  const pki = makeLabPki();

  // DER from the facts sheet on SGP.26: the value of the EUM's nameConstraints, and OID 2.999.10 in a SAN.
  it('gives the EUM the name constraints of SGP.26, critical', () => {
    assert.ok(
      contains(
        pki.eum,
        '0603551D1E 0101FF 0434 3032A030302EA42C302A 3115301306035504 0A0C0C52535020546573742045554D 3111300F060355040513083839303439303332',
      ),
    );
  });

  it('names the SM-DP+ by OID 2.999.10 in all three certificates', () => {
    for (const credential of [pki.dpAuth, pki.dpPb, pki.dpTls]) {
      assert.ok(contains(credential, '8803 88370A'));
    }
  });

  it('names the SM-DS by OID 2.999.15 in both certificates', () => {
    for (const credential of [pki.dsAuth, pki.dsTls]) {
      assert.ok(contains(credential, '8803 88370F'));
    }
  });

  it('gives each role its policy, critical except in TLS', () => {
    const roles = [
      [pki.ci, '00'],
      [pki.euicc, '01'],
      [pki.eum, '02'],
      [pki.dpAuth, '04'],
      [pki.dpPb, '05'],
      [pki.dsAuth, '07'],
    ] as const;
    for (const [credential, number] of roles) {
      assert.ok(
        contains(credential, `0603551D20 0101FF 040D 300B3009 0607 678112010201${number}`),
        number,
      );
    }
    assert.ok(contains(pki.dpTls, '0603551D20 040D 300B3009 0607 67811201020103'));
    assert.ok(contains(pki.dsTls, '0603551D20 040D 300B3009 0607 67811201020106'));
    for (const credential of [pki.eimSign, pki.eimTls, pki.operatorTls]) {
      assert.ok(!contains(credential, '0603551D20'));
    }
  });

  it('gives the eIM signing certificate a key usage and an AKI, nothing else', () => {
    const text = toHex(pki.eimSign.certificate);
    assert.deepEqual(text.match(/0603551D../g), ['0603551D23', '0603551D0F']);
  });

  it('lets the eUICC live until the year 7496 and names it by its EID alone', () => {
    const certificate = new X509Certificate(pki.euicc.certificate);
    assert.match(certificate.validTo, / 7496 GMT$/);
    assert.equal(certificate.serialNumber, labEid);
    assert.ok(contains(pki.euicc, `0603550405 1320 ${toHex(Buffer.from(labEid))}`)); // PrintableString
  });

  it('lets TLS certificates name their host, the loopback and the OID', () => {
    const { subjectAltName } = new X509Certificate(pki.eimTls.certificate);
    assert.match(
      subjectAltName ?? '',
      /^DNS:eim\.example\.com, DNS:localhost, IP Address:127\.0\.0\.1, .*, Registered ID:2\.999\.20$/,
    );
  });

  it('issues further eUICCs and TLS servers', () => {
    const eid = parseEid('89049032000000000000000000000066');
    const euicc = readCertificate(issueEuicc(pki, eid).certificate);
    assert.ok(euicc.subject.some(({ value }) => value === eid));
    const tls = new X509Certificate(issueTls(pki, ['smdp.lab', '127.0.0.2']).certificate);
    assert.equal(tls.checkHost('smdp.lab'), 'smdp.lab');
    assert.equal(tls.checkIP('127.0.0.2'), '127.0.0.2');
    assert.equal(tls.checkHost('other.lab'), undefined);
  });
});

describe('a private lab PKI', () => {
  it('is read back as it was written, and its keys are for the owner alone', () => {
    const made = makeLabPki();
    const path = join(folder, 'saved');
    saveLabPki(made, path);
    const loaded = loadLabPki(path);
    for (const [name, credential] of credentials(made)) {
      const read = loaded[name as keyof LabPki];
      assert.ok(same(credential, read), name);
    }
    assert.equal(statSync(join(path, 'ci.key.pem')).mode & 0o777, 0o600);
  });

  it('has other keys each time', () => {
    assert.ok(!same(makeLabPki().ci, makeLabPki().ci));
  });

  describe('npm run certs', () => {
    const make = fileURLToPath(new URL('../../tools/lab/pki/make.ts', import.meta.url));
    const certs = (...args: string[]) =>
      spawnSync(process.execPath, ['--import', 'tsx', make, ...args], { encoding: 'utf8' });

    it('makes one for the given EID, hosts and eimId, and never writes over it', () => {
      const path = join(folder, 'root');
      const eid = '35750000000000000000000000000042';
      const run = certs(
        '--out',
        path,
        '--eid',
        eid,
        '--smdp-host',
        'dp.lab',
        '--eim-id',
        'eim.lab',
      );
      assert.equal(run.status, 0, run.stderr);
      const pki = loadLabPki(path);
      assert.match(new X509Certificate(pki.euicc.certificate).subject, new RegExp(eid));
      assert.ok(contains(pki.eum, toHex(Buffer.from('35750000'))));
      assert.match(new X509Certificate(pki.eimSign.certificate).subject, /CN=eim\.lab/);
      assert.ok(new X509Certificate(pki.dpTls.certificate).checkHost('dp.lab'));
      const again = certs('--out', path);
      assert.equal(again.status, 2);
      assert.ok(same(loadLabPki(path).ci, pki.ci));
    });

    it('refuses an EID whose check digits do not fit', () => {
      const run = certs('--out', join(folder, 'bad'), '--eid', '89049032123451234512345678901236');
      assert.equal(run.status, 2);
      assert.match(run.stderr, /check digits/);
    });
  });
});

describe('openssl verify', { skip }, () => {
  const pki = makeLabPki();

  function verify(credential: LabCredential, ca: readonly LabCredential[], ...options: string[]) {
    const pem = (one: LabCredential) => new X509Certificate(one.certificate).toString();
    const caFile = join(folder, 'ca.pem');
    const file = join(folder, 'certificate.pem');
    writeFileSync(caFile, ca.map(pem).join(''));
    writeFileSync(file, pem(credential));
    const run = spawnSync(
      'openssl',
      ['verify', '-x509_strict', ...options, '-CAfile', caFile, file],
      {
        encoding: 'utf8',
      },
    );
    return run.status === 0 ? 'ok' : run.stderr;
  }

  it('believes the server, EUM and eIM certificates', () => {
    for (const [name, credential] of credentials(pki)) {
      if (name === 'euicc') continue;
      // The eIM's certificates have no SKI: SGP.26 leaves it out, RFC 5280 merely advises it.
      assert.equal(verify(credential, [pki.ci]), 'ok', name);
    }
  });

  it('believes the TLS certificates as a server of their host', () => {
    assert.equal(
      verify(pki.dpTls, [pki.ci], '-purpose', 'sslserver', '-verify_hostname', 'localhost'),
      'ok',
    );
    assert.match(verify(pki.dpTls, [pki.ci], '-verify_hostname', 'other.example'), /error 62/);
  });

  it('refuses the eUICC for its name constraint, as SGP.26 chains are refused', () => {
    assert.match(verify(pki.euicc, [pki.ci, pki.eum]), /error 47 .*permitted subtree violation/);
  });

  it('refuses the wrong twins', () => {
    assert.match(verify(otherCi().dpAuth, [pki.ci]), /error/);
    assert.match(verify(expiredTls(pki, ['localhost']), [pki.ci]), /certificate has expired/);
    const unusable = wrongUsageTls(pki, ['localhost']);
    assert.match(
      verify(unusable, [pki.ci], '-purpose', 'sslserver'),
      /unsupported certificate purpose|unsuitable/,
    );
  });
});

/** A device's certificate up to an anchor of the operator's, and the name in it; each rule with a chain that breaks it. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { utf8 } from '../../src/base/bytes.ts';
import {
  DeviceAnchors,
  type DeviceChainErrorCode,
  type NameRule,
} from '../../src/trust/device-chain.ts';
import {
  type CertificateProfile,
  issueCertificate,
  type LabCredential,
} from '../../tools/lab/pki/issue.ts';

const now = Date.UTC(2026, 5, 1);
const valid = {
  notBefore: new Date(Date.UTC(2025, 0, 1)),
  notAfter: new Date(Date.UTC(2030, 0, 1)),
};
const past = {
  notBefore: new Date(Date.UTC(2020, 0, 1)),
  notAfter: new Date(Date.UTC(2021, 0, 1)),
};
const eid = '89049032123451234512345678901235';
const bySerial: NameRule = { place: 'serialNumber' };

function ca(name: string, issuer?: LabCredential, change: Partial<CertificateProfile> = {}) {
  const subject = [['CN', name]] as const;
  return issueCertificate(
    { subject, ...valid, keyUsage: 'keyCertSign', authority: {}, ski: true, ...change },
    issuer,
  );
}

function device(issuer: LabCredential, change: Partial<CertificateProfile> = {}) {
  return issueCertificate(
    {
      subject: [
        ['CN', 'Meter 7'],
        ['serialNumber', eid],
      ],
      ...valid,
      keyUsage: 'digitalSignature',
      ski: false,
      ...change,
    },
    issuer,
  );
}

const root = ca('Root');
const middle = ca('Factory', root);
const anchors = DeviceAnchors.of([root.certificate]);
const nameOf = (chain: readonly LabCredential[], rule = bySerial, by = anchors) =>
  by.nameOf(
    chain.map(({ certificate }) => certificate),
    rule,
    now,
  );

describe('a device certificate', () => {
  it('below an anchor gives its name', () => {
    assert.equal(nameOf([device(root)]), eid);
  });

  it('below a CA below an anchor gives its name, with or without the anchor itself', () => {
    const leaf = device(middle);
    assert.equal(nameOf([leaf, middle]), eid);
    assert.equal(nameOf([leaf, middle, root]), eid);
    assert.equal(nameOf([leaf], bySerial, DeviceAnchors.of([middle.certificate])), eid);
  });

  it('for TLS clients gives its name', () => {
    assert.equal(nameOf([device(root, { tls: true })]), eid);
  });

  const rules: readonly (readonly [string, Partial<CertificateProfile>, NameRule, string])[] = [
    ['commonName', {}, { place: 'commonName' }, 'Meter 7'],
    ['dns', { names: [{ dns: 'meter-7.example.com' }] }, { place: 'dns' }, 'meter-7.example.com'],
    ['a group', {}, { place: 'commonName', pattern: /Meter ([0-9]+)/u }, '7'],
    ['a whole match', {}, { place: 'commonName', pattern: /Meter [0-9]+/u }, 'Meter 7'],
  ];
  for (const [what, change, rule, due] of rules) {
    it(`is named by ${what}`, () => assert.equal(nameOf([device(root, change)], rule), due));
  }

  const other = ca('Root');
  const short = ca('Short', root, { authority: { pathLength: 0 } });
  const belowShort = ca('Below', short);
  const leafOf = device(root);
  const cases: Readonly<
    Record<string, readonly [DeviceChainErrorCode, readonly LabCredential[], NameRule?]>
  > = {
    'below another root of the same name': ['unknownCa', [device(other)]],
    'below another root that it brings along': ['unknownCa', [device(other), other]],
    'without the CA between': ['unknownCa', [device(middle)]],
    'signed by itself': ['unknownCa', [issueCertificate(profileOf('Meter 7'))]],
    'with a CA that is not its issuer': ['invalid', [device(other), middle]],
    'with a CA that is none': ['invalid', [device(leafOf), leafOf]],
    'below too many CAs': ['invalid', [device(belowShort), belowShort, short]],
    'that is over': ['expired', [device(root, past)]],
    'of a CA that is over': withIssuer(ca('Old', root, past), 'expired'),
    'of a CA with nameConstraints': withIssuer(
      ca('Bound', root, { permitted: { organization: 'X', iin: '8904' } }),
      'invalid',
    ),
    'with a critical extension that is strange': [
      'invalid',
      [device(root, { policy: { oid: '2.999.1', critical: true } })],
    ],
    'of a CA without keyCertSign': withIssuer(
      ca('Unsigning', root, { keyUsage: 'digitalSignature' }),
      'invalid',
    ),
    'whose key may not sign': ['invalid', [device(root, { keyUsage: 'keyCertSign' })]],
    'without a name': ['name', [device(root, { subject: [['CN', 'x']] })]],
    'with two names': [
      'name',
      [device(root, { names: [{ dns: 'a' }, { dns: 'b' }] })],
      { place: 'dns' },
    ],
    'without subjectAltName': ['name', [device(root)], { place: 'uri' }],
    'whose name fits the pattern in part': [
      'name',
      [device(root)],
      { place: 'commonName', pattern: /Meter/u },
    ],
    'whose name is too long': [
      'name',
      [device(root, { subject: [['CN', 'x'.repeat(129)]] })],
      { place: 'commonName' },
    ],
    'of nobody': ['malformed', []],
    'six deep': ['malformed', Array(6).fill(device(root))],
  };
  for (const [what, [code, chain, rule]] of Object.entries(cases)) {
    it(`is refused ${what}`, () => {
      assert.throws(() => nameOf(chain, rule), { name: 'DeviceChainError', code });
    });
  }

  it('is refused where it is junk, too long, or its signature is changed', () => {
    const { certificate } = device(root);
    const changed = certificate.slice();
    changed[changed.length - 2] = (changed.at(-2) ?? 0) ^ 1;
    const junk = [utf8('junk'), certificate.slice(0, -1), new Uint8Array(9000)];
    for (const bytes of junk) {
      assert.throws(() => anchors.nameOf([bytes], bySerial, now), { code: 'malformed' });
    }
    assert.throws(() => anchors.nameOf([changed], bySerial, now), { code: 'unknownCa' });
  });

  it('is refused below an anchor that is over', () => {
    const old = ca('Root', undefined, past);
    const by = DeviceAnchors.of([old.certificate]);
    assert.throws(() => nameOf([device(old)], bySerial, by), { code: 'unknownCa' });
  });

  it('that is no CA is no anchor', () => {
    const leaf = device(root).certificate;
    assert.throws(() => DeviceAnchors.of([leaf]), { code: 'invalid' });
  });

  function withIssuer(
    issuer: LabCredential,
    code: DeviceChainErrorCode,
  ): readonly [DeviceChainErrorCode, readonly LabCredential[]] {
    return [code, [device(issuer), issuer]];
  }

  function profileOf(name: string): CertificateProfile {
    return { subject: [['CN', name]], ...valid, keyUsage: 'digitalSignature', ski: false };
  }
});

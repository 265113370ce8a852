/** Revocation lists (RFC 5280 5, SGP.22 4.5.2): made by the lab's PKI, on both curves. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { OctetString } from '@peculiar/asn1-schema';
import { Extension } from '@peculiar/asn1-x509';
import fc from 'fast-check';
import { concat, hex } from '../../src/base/bytes.ts';
import { readAll, readOnly } from '../../src/messages/tlv.ts';
import { readCertificate } from '../../src/trust/certificate.ts';
import type { ChainErrorCode, ChainMember } from '../../src/trust/chain-error.ts';
import { maxCrlOctets, readCrls } from '../../src/trust/crl.ts';
import { checkEuiccChain } from '../../src/trust/euicc-chain.ts';
import { Revocations, type RevocationsOptions } from '../../src/trust/revocations.ts';
import { Roots } from '../../src/trust/roots.ts';
import { type CrlProfile, issueCrl } from '../../tools/lab/pki/crl.ts';
import { type LabPki, labEid, makeLabPki } from '../../tools/lab/pki/lab-pki.ts';
import { otherCi, withEum } from '../../tools/lab/pki/wrong-twins.ts';

const day = 24 * 3600 * 1000;
const now = Date.UTC(2026, 0, 10);
const fresh = { thisUpdate: new Date(now - day), nextUpdate: new Date(now + day) };
const pki = makeLabPki();

function revocations(of: LabPki = pki, options: Partial<RevocationsOptions> = {}): Revocations {
  const roots = Roots.of([of.ci.certificate]);
  return new Revocations({ sources: ['a'], roots, grace: 0, stale: 'refuse', ...options });
}

function holding(lists: Readonly<Record<string, CrlProfile>>, options = {}, of = pki): Revocations {
  const held = revocations(of, { sources: Object.keys(lists), ...options });
  for (const [source, list] of Object.entries(lists)) held.take(source, issueCrl(of.ci, list));
  return held;
}

function check(held: Revocations, of: LabPki = pki, at = now): string {
  return checkEuiccChain({
    euiccCertificate: of.euicc.certificate,
    eumCertificate: of.eum.certificate,
    roots: Roots.of([of.ci.certificate]),
    revocations: held,
    now: at,
  }).eid;
}

function refuses(
  held: Revocations,
  code: ChainErrorCode,
  member: ChainMember = 'eum',
  of = pki,
  at = now,
) {
  assert.throws(() => check(held, of, at), { name: 'ChainError', code, member });
}

function taken(list: Uint8Array, code: ChainErrorCode) {
  assert.throws(() => revocations().take('a', list), { name: 'ChainError', code, member: 'crl' });
}

function extended(extnID: string, critical: boolean, value: string): CrlProfile {
  const extnValue = new OctetString(new Uint8Array(hex(value)).buffer);
  return { ...fresh, extensions: [new Extension({ extnID, critical, extnValue })] };
}

function pem(list: Uint8Array): string {
  return `-----BEGIN X509 CRL-----\n${Buffer.from(list).toString('base64')}\n-----END X509 CRL-----\n`;
}

describe('a chain whose CI publishes revocation lists', () => {
  for (const curve of ['prime256v1', 'brainpoolP256r1'] as const) {
    const of = makeLabPki({ curve });
    it(`is believed while none names it, on ${curve}`, () => {
      assert.equal(
        check(holding({ a: { ...fresh, revoked: [of.dpAuth.certificate] } }, {}, of), of),
        labEid,
      );
    });

    it(`is refused once the EUM is named, on ${curve}`, () => {
      refuses(
        holding({ a: { ...fresh, revoked: [of.eum.certificate] } }, {}, of),
        'revoked',
        'eum',
        of,
      );
    });
  }

  it('is refused by a stale list that names it, and by one that is not in force yet', () => {
    const revoked = [pki.eum.certificate];
    for (const [from, to] of [
      [-9, -2],
      [2, 9],
    ] as const) {
      const list = {
        thisUpdate: new Date(now + from * day),
        nextUpdate: new Date(now + to * day),
        revoked,
      };
      refuses(holding({ a: list }, { stale: 'accept' }), 'revoked');
    }
  });

  it('is refused where its lists are stale, after the grace, unless stale lists do', () => {
    const stale = { thisUpdate: new Date(now - 9 * day), nextUpdate: new Date(now - 2 * day) };
    refuses(holding({ a: stale }), 'revocationUnknown');
    refuses(holding({ a: stale }, { grace: 2 * day - 1 }), 'revocationUnknown');
    check(holding({ a: stale }, { grace: 2 * day }));
    check(holding({ a: stale }, { stale: 'accept' }));
  });

  it('is refused where a list is not in force yet, unless another is', () => {
    const early = { thisUpdate: new Date(now + day), nextUpdate: new Date(now + 2 * day) };
    refuses(holding({ a: early }), 'revocationUnknown');
    check(holding({ a: early, b: fresh }));
  });

  it('is refused while a configured list was never read, unless stale lists do', () => {
    refuses(revocations(), 'revocationUnknown');
    check(revocations(pki, { stale: 'accept' }));
    // Another source has the list of this CI: the one that is missing is of another.
    check(holding({ a: fresh }, { sources: ['a', 'b'] }));
  });

  it('is believed where all lists were read and none is of its CI', () => {
    const held = revocations();
    const other = otherCi();
    held.take('a', issueCrl(other.ci, { ...fresh, revoked: [pki.eum.certificate] }));
    assert.equal(check(held), labEid);
  });

  it('needs all parts of a list that comes in parts', () => {
    const part = (number: number, revoked: readonly Uint8Array[] = []): CrlProfile => ({
      ...fresh,
      revoked,
      part: { number, of: 2 },
    });
    refuses(holding({ a: part(1) }), 'revocationUnknown');
    refuses(holding({ a: part(1), b: part(1) }), 'revocationUnknown');
    check(holding({ a: part(1), b: part(2) }));
    refuses(holding({ a: part(1), b: part(2, [pki.eum.certificate]) }), 'revoked');
  });

  it('is refused where the EUM, allowed to, lists the eUICC', () => {
    const of = withEum(pki, { keyUsage: 'keyCertSign+cRLSign' });
    const held = holding({ a: fresh });
    check(held, of);
    held.take('b', issueCrl(of.eum, { ...fresh, revoked: [of.euicc.certificate] }));
    refuses(held, 'revoked', 'euicc', of);
  });

  it('does not hear an EUM that may not sign lists', () => {
    const held = holding({ a: fresh });
    held.take('b', issueCrl(pki.eum, { ...fresh, revoked: [pki.euicc.certificate] }));
    check(held);
  });
});

describe('a certificate that was believed before', () => {
  const stale = { thisUpdate: new Date(now - 9 * day), nextUpdate: new Date(now - 2 * day) };

  it('stays so where lists are stale, and not where one names it', () => {
    const eum = readCertificate(pki.eum.certificate);
    const issuers = [readCertificate(pki.ci.certificate)];
    const known = { certificate: eum, issuers, member: 'eum', now, believed: true } as const;
    holding({ a: stale }).check(known);
    revocations().check(known);
    const held = holding({ a: { ...stale, revoked: [pki.eum.certificate] } });
    assert.throws(() => held.check(known), { code: 'revoked' });
  });
});

describe('a revocation list', () => {
  it('may be DER, or several in PEM', () => {
    const list = issueCrl(pki.ci, { ...fresh, revoked: [pki.eum.certificate] });
    const other = issueCrl(otherCi().ci, fresh);
    const both = new Uint8Array(Buffer.from(`# both\n${pem(list)}${pem(other)}`));
    assert.deepEqual(
      readCrls(both).map(({ revoked }) => revoked.size),
      [1, 0],
    );
    const held = revocations();
    held.take('a', both);
    refuses(held, 'revoked');
  });

  it('does not take the place of a newer one', () => {
    const held = holding({ a: { ...fresh, revoked: [pki.eum.certificate] } });
    const older = { ...fresh, thisUpdate: new Date(now - 2 * day) };
    assert.equal(held.take('a', issueCrl(pki.ci, older)), false);
    refuses(held, 'revoked');
    const newer = { ...fresh, thisUpdate: new Date(now - 1000) };
    assert.equal(held.take('a', issueCrl(pki.ci, newer)), true);
    check(held);
  });

  it('is not taken unless the CI signed it', () => {
    const tampered = Uint8Array.from(issueCrl(pki.ci, fresh));
    tampered.set([1, 2, 3], tampered.length - 10);
    taken(tampered, 'signature');
  });

  it('is not taken without an end, without an issuer, as a delta, or limited', () => {
    taken(issueCrl(pki.ci, { ...fresh, nextUpdate: null }), 'malformed');
    taken(issueCrl(pki.ci, extended('2.999.7', true, '0500')), 'extension');
    taken(issueCrl(pki.ci, extended('2.5.29.27', true, '020101')), 'extension');
    taken(issueCrl(pki.ci, extended('2.5.29.27', false, '020101')), 'extension');
    // issuingDistributionPoint: indirectCRL.
    taken(issueCrl(pki.ci, extended('2.5.29.28', true, '30038401FF')), 'extension');
    revocations().take('a', issueCrl(pki.ci, extended('2.999.7', false, '0500')));
  });

  it('speaks of CAs alone, or of others alone, where it says so', () => {
    const revoked = [pki.eum.certificate];
    const limited = (value: string) =>
      holding({ a: { ...extended('2.5.29.28', true, value), revoked }, b: fresh });
    refuses(limited('30038201FF'), 'revoked');
    check(limited('30038101FF'));
  });

  it('is not taken where its parts do not add up', () => {
    taken(issueCrl(pki.ci, { ...fresh, part: { number: 3, of: 2 } }), 'extension');
    taken(issueCrl(pki.ci, extended('2.23.146.1.2.0.3', false, '020101')), 'extension');
  });

  it('is not taken where it is far too long, or anything else', () => {
    for (const size of [0, 10, maxCrlOctets + 1, 3 * maxCrlOctets]) {
      taken(concat(Uint8Array.of(0x30), new Uint8Array(size)), 'malformed');
    }
    taken(pki.ci.certificate, 'malformed');
  });

  it('is refused with any bit changed around what is signed', () => {
    const list = issueCrl(pki.ci, { ...fresh, revoked: [pki.eum.certificate] });
    const [tbs] = readAll(readOnly(list).value);
    assert(tbs !== undefined);
    const from = list.indexOf(0x30, 1);
    assert.deepEqual(list.subarray(from, from + tbs.raw.length), tbs.raw);
    for (let at = 0; at < list.length; at++) {
      if (at >= from && at < from + tbs.raw.length) continue;
      for (let bit = 1; bit < 256; bit *= 2) {
        const tampered = Uint8Array.from(list);
        tampered[at] = (tampered[at] ?? 0) ^ bit;
        const where = `octet ${at - from - tbs.raw.length} after it, bit ${bit}`;
        assert.throws(() => revocations().take('a', tampered), { name: 'ChainError' }, where);
      }
    }
  });

  it('is refused with one octet changed, and nothing but ChainError is thrown', () => {
    const list = issueCrl(pki.ci, { ...fresh, revoked: [pki.eum.certificate] });
    fc.assert(
      fc.property(fc.nat(list.length - 1), fc.integer({ min: 1, max: 255 }), (at, change) => {
        const tampered = Uint8Array.from(list);
        tampered[at] = (tampered[at] ?? 0) ^ change;
        const held = revocations();
        try {
          held.take('a', tampered);
        } catch (error) {
          return error instanceof Error && error.name === 'ChainError';
        }
        // Named as another issuer's: then it says nothing of this one.
        try {
          check(held);
          return true;
        } catch {
          return false;
        }
      }),
      { numRuns: 300 },
    );
  });
});

import assert from 'node:assert/strict';
import { createPublicKey, sign } from 'node:crypto';
import { describe, it } from 'node:test';
import { AsnConvert, OctetString } from '@peculiar/asn1-schema';
import {
  Certificate,
  Extension,
  GeneralName,
  GeneralSubtree,
  GeneralSubtrees,
  id_ce_nameConstraints,
  NameConstraints,
} from '@peculiar/asn1-x509';
import fc from 'fast-check';
import { equal } from '../../src/base/bytes.ts';
import { parseEid } from '../../src/messages/ids.ts';
import { readCertificate, registeredIdOf, role } from '../../src/trust/certificate.ts';
import type { ChainErrorCode, ChainMember } from '../../src/trust/chain-error.ts';
import { checkEuiccChain } from '../../src/trust/euicc-chain.ts';
import { Roots } from '../../src/trust/roots.ts';
import { issueCertificate, type LabCredential, newKey } from '../../tools/lab/pki/issue.ts';
import {
  issueEuicc,
  type LabPki,
  labEid,
  loadLabPki,
  makeLabPki,
} from '../../tools/lab/pki/lab-pki.ts';
import { ciProfile, eumProfile, profileDefaults } from '../../tools/lab/pki/profiles.ts';
import {
  expired,
  expiredEuicc,
  expiredEum,
  notYetValid,
  otherCi,
  withEum,
  wrongCurveEuicc,
  wrongRoleEuicc,
  wrongRoleEum,
} from '../../tools/lab/pki/wrong-twins.ts';

const now = Date.UTC(2026, 0, 1);
const pki = makeLabPki();

type Chain = Pick<LabPki, 'ci' | 'eum' | 'euicc'>;

function check(chain: Chain, roots = Roots.of([chain.ci.certificate]), at = now) {
  return checkEuiccChain({
    euiccCertificate: chain.euicc.certificate,
    eumCertificate: chain.eum.certificate,
    roots,
    now: at,
  });
}

function refuses(chain: Chain, code: ChainErrorCode, member: ChainMember, roots?: Roots, at = now) {
  assert.throws(() => check(chain, roots, at), { name: 'ChainError', code, member });
}

function under(eum: Partial<Parameters<typeof issueCertificate>[0]>): LabPki {
  return withEum(pki, eum);
}

function euiccWith(change: Parameters<typeof issueEuicc>[2]): Chain {
  return { ...pki, euicc: issueEuicc(pki, labEid, change) };
}

/** The certificate with something changed and signed anew, for what no profile can say. */
function remade(
  credential: LabCredential,
  issuer: LabCredential,
  change: (certificate: Certificate) => void,
): LabCredential {
  const certificate = AsnConvert.parse(credential.certificate, Certificate);
  change(certificate);
  const signed = Buffer.from(AsnConvert.serialize(certificate.tbsCertificate));
  delete certificate.tbsCertificateRaw;
  certificate.signatureValue = new Uint8Array(sign('sha256', signed, issuer.key)).buffer;
  return { ...credential, certificate: new Uint8Array(AsnConvert.serialize(certificate)) };
}

function unknownExtension(critical: boolean): Extension {
  const extnValue = new OctetString(new Uint8Array([5, 0]));
  return new Extension({ extnID: '2.999.77', critical, extnValue });
}

describe('checkEuiccChain (SGP.22 4.5.2)', () => {
  it('proves the EID and the key of the eUICC', () => {
    const { eid, publicKey } = check(pki);
    assert.equal(eid, labEid);
    assert.ok(publicKey.equals(createPublicKey(pki.euicc.key)));
  });

  it('believes the committed lab', () => {
    assert.equal(check(loadLabPki()).eid, labEid);
  });

  it('proves them on brainpoolP256r1 too', () => {
    const brainpool = makeLabPki({ curve: 'brainpoolP256r1' });
    const { eid, publicKey } = check(brainpool);
    assert.equal(eid, labEid);
    assert.ok(publicKey.equals(createPublicKey(brainpool.euicc.key)));
    // Its twins: another CI's, out of date, another EUM's, forged.
    const other = makeLabPki({ curve: 'brainpoolP256r1' });
    refuses(brainpool, 'unknownCi', 'eum', Roots.of([other.ci.certificate]));
    const old = issueEuicc(brainpool, labEid, expired, newKey('brainpoolP256r1'));
    refuses({ ...brainpool, euicc: old }, 'expired', 'euicc');
    refuses({ ...brainpool, euicc: pki.euicc }, 'issuer', 'euicc');
    const forged = remade(brainpool.euicc, other.eum, () => {});
    refuses({ ...brainpool, euicc: forged }, 'signature', 'euicc');
  });

  describe('the CI', () => {
    it('is found by its key, not by its name', () => {
      const { ci } = otherCi();
      refuses(pki, 'unknownCi', 'eum', Roots.of([ci.certificate]));
      check(pki, Roots.of([ci.certificate, pki.ci.certificate]));
    });

    it('must have signed the EUM certificate, not merely be named by it', () => {
      const eum = remade(pki.eum, otherCi().ci, () => {});
      refuses({ ...pki, eum }, 'signature', 'eum');
    });

    it('may be a reissue over the same key, with another name and other dates', () => {
      const subject = [['CN', 'GSMA Test CI']] as const;
      const old = issueCertificate(
        { ...ciProfile(profileDefaults), ...expired },
        undefined,
        pki.ci.key,
      );
      const young = issueCertificate(
        { ...ciProfile(profileDefaults), subject },
        undefined,
        pki.ci.key,
      );
      check(pki, Roots.of([old.certificate, young.certificate]));
      check(pki, Roots.of([young.certificate, old.certificate]));
      refuses(pki, 'expired', 'ci', Roots.of([old.certificate]));
    });

    it('is not believed unless it is configured', () => {
      refuses(pki, 'unknownCi', 'eum', Roots.of([]));
    });
  });

  describe('the EUM', () => {
    it('is refused out of its dates', () => {
      refuses(expiredEum(pki), 'expired', 'eum');
      refuses(under(notYetValid), 'notYetValid', 'eum');
    });

    it('is refused in another role, or in none', () => {
      refuses(wrongRoleEum(pki), 'role', 'eum');
      const eum = issueCertificate(
        (({ policy: _, ...rest }) => rest)(eumProfile(profileDefaults)),
        pki.ci,
      );
      refuses({ ...pki, eum, euicc: issueEuicc({ eum }, labEid) }, 'role', 'eum');
    });

    it('is refused where it may not sign certificates', () => {
      refuses(under({ keyUsage: 'digitalSignature' }), 'keyUsage', 'eum');
    });

    it('is refused where it is no CA', () => {
      const eum = issueCertificate(
        (({ authority: _, ...rest }) => rest)(eumProfile(profileDefaults)),
        pki.ci,
      );
      refuses({ ...pki, eum, euicc: issueEuicc({ eum }, labEid) }, 'authority', 'eum');
    });

    it('is refused without name constraints', () => {
      const eum = issueCertificate(
        (({ permitted: _, ...rest }) => rest)(eumProfile(profileDefaults)),
        pki.ci,
      );
      refuses({ ...pki, eum, euicc: issueEuicc({ eum }, labEid) }, 'nameConstraints', 'eum');
    });

    it('is refused where its name constraints hold no prefix of digits', () => {
      for (const iin of ['', '8904X']) {
        const chain = under({ permitted: { organization: 'RSP Test EUM', iin } });
        refuses(chain, 'nameConstraints', 'eum');
      }
    });

    it('is refused where its name constraints hold more than permitted directory names', () => {
      const constrained = (more: Partial<NameConstraints>) =>
        remade(pki.eum, pki.ci, ({ tbsCertificate }) => {
          const found = tbsCertificate.extensions?.find(
            ({ extnID }) => extnID === id_ce_nameConstraints,
          );
          assert.ok(found);
          const constraints = AsnConvert.parse(found.extnValue.buffer, NameConstraints);
          Object.assign(constraints, more);
          found.extnValue = new OctetString(AsnConvert.serialize(constraints));
        });
      const subtrees = new GeneralSubtrees([
        new GeneralSubtree({ base: new GeneralName({ dNSName: 'example.com' }) }),
      ]);
      check({ ...pki, eum: constrained({}) });
      for (const more of [{ excludedSubtrees: subtrees }, { permittedSubtrees: subtrees }]) {
        refuses({ ...pki, eum: constrained(more) }, 'nameConstraints', 'eum');
      }
    });

    it('cannot be the eUICC certificate, or another EUM of the same CI', () => {
      const { eum } = under({});
      refuses({ ...pki, eum }, 'issuer', 'euicc');
      refuses({ ...pki, eum: pki.euicc }, 'unknownCi', 'eum');
    });
  });

  describe('the EUM’s right to speak for an EID', () => {
    const permitted = (organization: string, iin: string) =>
      under({ permitted: { organization, iin } });

    it('is a prefix of any length', () => {
      for (const iin of ['8', '89049', '8904903212', labEid]) {
        assert.equal(check(permitted('RSP Test EUM', iin)).eid, labEid);
      }
    });

    it('ends where the prefix differs', () => {
      for (const iin of ['9', '89049033', '8904903212345123451234567890123', '9049032']) {
        const chain = permitted('RSP Test EUM', iin);
        if (labEid.startsWith(iin)) check(chain);
        else refuses(chain, 'notPermitted', 'euicc');
      }
    });

    it('ends where the organization differs', () => {
      refuses(permitted('RSP Test EUM 2', '89049032'), 'notPermitted', 'euicc');
      refuses(permitted('rsp test eum', '89049032'), 'notPermitted', 'euicc');
    });
  });

  describe('the eUICC', () => {
    it('is believed a thousand years from now, but not after the year 7496', () => {
      const long = { ...pki };
      // The CI and the EUM do not live that long: a CI and EUM that do, over the same keys.
      const until = { notAfter: new Date(Date.UTC(9000, 0, 1)) };
      const ci = issueCertificate(
        { ...ciProfile(profileDefaults), ...until },
        undefined,
        pki.ci.key,
      );
      const eum = issueCertificate({ ...eumProfile(profileDefaults), ...until }, ci, pki.eum.key);
      const chain = { ...long, ci, eum };
      assert.equal(check(chain, undefined, Date.UTC(3026, 0, 1)).eid, labEid);
      assert.equal(check(chain, undefined, Date.UTC(7496, 0, 23)).eid, labEid);
      refuses(chain, 'expired', 'euicc', undefined, Date.UTC(7496, 0, 25));
    });

    it('is refused out of its dates', () => {
      refuses({ ...pki, euicc: expiredEuicc(pki) }, 'expired', 'euicc');
      refuses(euiccWith(notYetValid), 'notYetValid', 'euicc');
    });

    it('is refused in another role', () => {
      refuses({ ...pki, euicc: wrongRoleEuicc(pki) }, 'role', 'euicc');
      refuses(euiccWith({ policy: { oid: role.eum, critical: true } }), 'role', 'euicc');
    });

    it('is refused as a CA', () => {
      refuses(euiccWith({ authority: {} }), 'authority', 'euicc');
    });

    it('is refused where its key may not sign', () => {
      refuses(euiccWith({ keyUsage: 'keyCertSign' }), 'keyUsage', 'euicc');
    });

    it('is refused with the signature of another EUM', () => {
      const euicc = remade(pki.euicc, otherCi().eum, () => {});
      refuses({ ...pki, euicc }, 'signature', 'euicc');
    });

    it('is refused on another curve than its chain', () => {
      refuses({ ...pki, euicc: wrongCurveEuicc(pki) }, 'algorithm', 'euicc');
      refuses({ ...pki, euicc: wrongCurveEuicc(pki, 'brainpoolP256r1') }, 'algorithm', 'euicc');
    });

    it('is refused without an EID, or with one whose check digits do not fit', () => {
      const named = (serialNumber: string) =>
        euiccWith({
          subject: [
            ['O', 'RSP Test EUM'],
            ['serialNumber', serialNumber],
          ],
        });
      check(named(labEid));
      refuses(named('89049032123451234512345678901236'), 'eid', 'euicc');
      refuses(named('890490321234512345123456789012'), 'eid', 'euicc');
      refuses(euiccWith({ subject: [['O', 'RSP Test EUM']] }), 'eid', 'euicc');
    });

    it('is refused with two serialNumbers, one of them permitted', () => {
      const subject = [
        ['O', 'RSP Test EUM'],
        ['serialNumber', labEid],
        ['serialNumber', parseEid('35750000000000000000000000000042')],
      ] as const;
      refuses(euiccWith({ subject }), 'eid', 'euicc');
    });

    it('may carry an unknown extension, unless that is critical', () => {
      const extended = (critical: boolean) => ({
        ...pki,
        euicc: remade(pki.euicc, pki.eum, ({ tbsCertificate }) => {
          tbsCertificate.extensions?.push(unknownExtension(critical));
        }),
      });
      check(extended(false));
      refuses(extended(true), 'extension', 'euicc');
    });

    it('is refused with an extension given twice', () => {
      const euicc = remade(pki.euicc, pki.eum, ({ tbsCertificate }) => {
        tbsCertificate.extensions?.push(unknownExtension(false), unknownExtension(false));
      });
      refuses({ ...pki, euicc }, 'extension', 'euicc');
    });
  });

  it('refuses bytes after a certificate, PEM, and what is far too long', () => {
    const after = { ...pki.euicc, certificate: Uint8Array.of(...pki.euicc.certificate, 0) };
    refuses({ ...pki, euicc: after }, 'malformed', 'euicc');
    const pem = { ...pki.euicc, certificate: new Uint8Array(Buffer.from('-----BEGIN CERT')) };
    refuses({ ...pki, euicc: pem }, 'malformed', 'euicc');
    const long = { ...pki.eum, certificate: new Uint8Array(10_000) };
    refuses({ ...pki, eum: long }, 'malformed', 'eum');
  });

  it('believes no certificate with one octet changed, and throws nothing but ChainError', () => {
    const roots = Roots.of([pki.ci.certificate]);
    const certificates = fc.constantFrom('eum' as const, 'euicc' as const);
    fc.assert(
      fc.property(certificates, fc.nat(), fc.integer({ min: 1, max: 255 }), (which, at, change) => {
        const certificate = Uint8Array.from(pki[which].certificate);
        const index = at % certificate.length;
        certificate[index] = (certificate[index] ?? 0) ^ change;
        const name = thrownBy(() =>
          check({ ...pki, [which]: { ...pki[which], certificate } }, roots),
        );
        return name === 'ChainError';
      }),
      { numRuns: 300 },
    );
  });

  it('reads any bytes or throws ChainError', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        return thrownBy(() => readCertificate(bytes)) === 'ChainError';
      }),
    );
  });
});

function thrownBy(run: () => unknown): string | undefined {
  try {
    run();
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.name : 'not an error';
  }
}

describe('Roots', () => {
  it('finds a root by its subjectKeyIdentifier', () => {
    const { subjectKeyIdentifier = new Uint8Array() } = readCertificate(pki.ci.certificate);
    const [root] = Roots.of([pki.ci.certificate]).find(subjectKeyIdentifier);
    assert.ok(root && equal(root.raw, pki.ci.certificate));
    assert.deepEqual(Roots.of([pki.ci.certificate]).find(new Uint8Array(20)), []);
  });

  it('refuses what is no CA', () => {
    const refused = { name: 'ChainError', member: 'ci' };
    assert.throws(() => Roots.of([pki.dpAuth.certificate]), { ...refused, code: 'authority' });
    assert.throws(() => Roots.of([new Uint8Array(3)]), { ...refused, code: 'malformed' });
    assert.throws(() => Roots.of([pki.eimSign.certificate]), { ...refused, code: 'issuer' });
    const idle = issueCertificate({ ...ciProfile(profileDefaults), keyUsage: 'digitalSignature' });
    assert.throws(() => Roots.of([idle.certificate]), { ...refused, code: 'keyUsage' });
  });

  it('refuses a root that did not sign itself', () => {
    const forged = remade(pki.ci, otherCi().ci, () => {});
    assert.throws(() => Roots.of([forged.certificate]), { code: 'signature', member: 'ci' });
  });
});

describe('registeredIdOf', () => {
  it('is the OID of the SM-DP+, the same for DPauth and DPpb', () => {
    assert.equal(registeredIdOf(pki.dpAuth.certificate), '2.999.10');
    assert.equal(registeredIdOf(pki.dpPb.certificate), '2.999.10');
    assert.equal(
      registeredIdOf(makeLabPki({ smdpOid: '2.999.12' }).dpAuth.certificate),
      '2.999.12',
    );
  });

  it('is absent where there is none', () => {
    assert.equal(registeredIdOf(pki.euicc.certificate), undefined);
  });

  it('is refused for what is no certificate', () => {
    assert.throws(() => registeredIdOf(new Uint8Array(4)), {
      name: 'ChainError',
      code: 'malformed',
    });
  });
});

/** What is read of a certificate without reading all of it: the same as reading all of it says. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { hex } from '../../src/base/bytes.ts';
import { tlv } from '../../src/messages/tlv.ts';
import { hasPolicy, readCertificate, registeredIdOf, role } from '../../src/trust/certificate.ts';
import { checkEuiccChain } from '../../src/trust/euicc-chain.ts';
import { Roots } from '../../src/trust/roots.ts';
import { labEid, loadLabPki } from '../../tools/lab/pki/lab-pki.ts';
import { otherCi } from '../../tools/lab/pki/wrong-twins.ts';

const pki = loadLabPki();
const certificates = Object.entries(pki).filter(([name]) => name !== 'eimSign');

describe('a glimpse of a certificate', () => {
  for (const [name, { certificate }] of certificates) {
    it(`tells registeredID and policies as the whole does: ${name}`, () => {
      const whole = readCertificate(certificate);
      const [id, ...more] = whole.registeredIds;
      assert.equal(registeredIdOf(certificate), more.length === 0 ? id : undefined);
      for (const policy of Object.values(role)) {
        assert.equal(hasPolicy(certificate, policy), whole.policies.includes(policy));
      }
    });
  }

  it('finds the OID of the lab, and none in a certificate without extensions', () => {
    assert.equal(registeredIdOf(pki.dpAuth.certificate), '2.999.10');
    assert.equal(registeredIdOf(tlv(0x30, tlv(0x30))), undefined);
    assert.equal(hasPolicy(tlv(0x30, tlv(0x30)), role.dpAuth), false);
  });

  it('refuses what is no certificate, or too large for one', () => {
    const cut = pki.dpAuth.certificate.subarray(0, -1);
    for (const bytes of [hex('3003020101'), new Uint8Array(), cut, new Uint8Array(4000)]) {
      assert.throws(() => registeredIdOf(bytes), { name: 'ChainError', code: 'malformed' });
      assert.throws(() => hasPolicy(bytes, role.dpAuth), { name: 'ChainError' });
    }
  });
});

describe('an EUM that roots remember', () => {
  const now = Date.parse('2026-06-01T00:00:00Z');
  const roots = Roots.of([pki.ci.certificate]);
  const chain = {
    euiccCertificate: pki.euicc.certificate,
    eumCertificate: pki.eum.certificate,
    roots,
    now,
  };

  it('is the same one, and proves the same', () => {
    assert.equal(checkEuiccChain(chain).eid, labEid);
    assert.equal(roots.below(pki.eum.certificate), roots.below(pki.eum.certificate.slice()));
    assert.equal(checkEuiccChain(chain).eid, labEid);
  });

  it('still has to be valid at the time', () => {
    checkEuiccChain(chain);
    const late = Date.parse('2200-01-01T00:00:00Z');
    assert.throws(() => checkEuiccChain({ ...chain, now: late }), { code: 'expired' });
  });

  it('is not mistaken for another, nor for one of other roots', () => {
    checkEuiccChain(chain);
    const last = pki.eum.certificate.length - 1;
    const tampered = pki.eum.certificate.map((octet, i) => (i === last ? octet ^ 1 : octet));
    assert.throws(() => checkEuiccChain({ ...chain, eumCertificate: tampered }), {
      name: 'ChainError',
    });
    const others = Roots.of([otherCi().ci.certificate]);
    assert.throws(() => checkEuiccChain({ ...chain, roots: others }), { name: 'ChainError' });
  });

  it('stays while another is seen again and again', () => {
    const few = Roots.of([pki.ci.certificate]);
    const first = few.below(pki.eum.certificate);
    // Any certificate below the CI does for this.
    for (let i = 0; i < 64; i++) few.below(pki.dpAuth.certificate);
    assert.equal(few.below(pki.eum.certificate), first);
  });
});

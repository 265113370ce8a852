/**
 * The checks of LoadEuiccPackage, one rung after the other (facts sheet, rsp-lab 5.4): what fails alone gives its own error;
 * of any two, the earlier rung's. What is refused leaves no trace on the card.
 */
import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { describe, it } from 'node:test';
import { concat, hex, toHex } from '../../src/base/bytes.ts';
import {
  EuiccPackageRequest,
  EuiccPackageResult,
  EuiccPackageSigned,
} from '../../src/messages/euicc-package.ts';
import { eidOctets } from '../../src/messages/ids.ts';
import { signedOf } from '../../src/messages/schema.ts';
import { tlv } from '../../src/messages/tlv.ts';
import { verifyEcdsa } from '../../src/trust/ecdsa.ts';
import { tokenTlv } from '../../src/trust/eim-signer.ts';
import { labEid } from '../../tools/lab/pki/lab-pki.ts';
import { otherSigner, pki, profile, signer, TestCard } from './card.ts';

const iccid = '98880000000000000071';
const emergency = '98880000000000000089';
const token = 7;
const stored = 5;

/** What is wrong with a package, in the order of the checks, and what the eUICC answers to it alone. */
const rungs = {
  malformed: 'unsigned, without token',
  oversize: 'signed 15',
  'unknown eIM': 'unsigned, without token',
  'wrong signature': 'unsigned, with token',
  'eCall active': 'signed 104',
  'other EID': 'signed 3',
  replay: 'signed 4',
  'counter out of range': 'signed 6',
} as const;
type Rung = keyof typeof rungs;
const names = Object.keys(rungs) as Rung[];

/** Sends a package with these faults and no other. */
function answerTo(...wrong: readonly Rung[]) {
  const is = (rung: Rung) => wrong.includes(rung);
  const card = new TestCard([profile(iccid), profile(emergency, { ecallIndication: true })]);
  const fresh = card.euicc.snapshot();
  const both = is('replay') && is('counter out of range');
  const [eim] = fresh.eims;
  if (eim === undefined) return assert.fail('no eIM');
  const counterValue = both ? 0x900000 : stored;
  card.euicc.restore({
    ...fresh,
    eims: [{ ...eim, counterValue, associationToken: token }],
    ...(is('eCall active') ? { emergency: {} } : {}),
  });
  const before = card.euicc.snapshot();
  const euiccPackageSigned = signedOf(EuiccPackageSigned, {
    eimId: is('unknown eIM') ? 's' : 'e',
    eidValue: is('other EID') ? new Uint8Array(16) : eidOctets(labEid),
    counterValue: both ? 0x800000 : is('counter out of range') ? 0x800000 : is('replay') ? 5 : 6,
    euiccPackage: { type: 'psmoList', value: [{ type: 'enable', value: { iccid: hex(iccid) } }] },
    ...(is('oversize') ? { unknown: [tlv(0x9f7f, new Uint8Array(17_000))] } : {}),
  });
  const by = is('wrong signature') ? otherSigner : signer;
  const eimSignature = by.sign(euiccPackageSigned.raw, token);
  const good = EuiccPackageRequest.encode({ euiccPackageSigned, eimSignature });
  // Without its signature's last octet, every length but the outer one as it was.
  const cut = concat(euiccPackageSigned.raw, tlv(0x5f37, eimSignature).subarray(0, -1));
  const command = is('malformed') ? tlv(0xbf51, cut) : good;
  const answer = card.euicc.transmit(command);
  return { answer, card, untouched: toText(before) === toText(card.euicc.snapshot()) };
}

const toText = (value: unknown) => JSON.stringify(value);
const key = new X509Certificate(pki.euicc.certificate).publicKey;

/** The answer in the words of the table; a signed error's signature must fit, under the token of the eIM that it names. */
function inWords(answer: Uint8Array): string {
  const result = EuiccPackageResult.decode(answer);
  switch (result.type) {
    case 'euiccPackageResultSigned':
      return 'carried out';
    case 'euiccPackageErrorUnsigned':
      return `unsigned, ${result.value.associationToken === token ? 'with' : 'without'} token`;
    case 'euiccPackageErrorSigned': {
      const { euiccPackageErrorDataSigned: data, euiccSignEPE } = result.value;
      const of = data.value.eimId === 'e' ? token : undefined;
      assert.ok(verifyEcdsa(key, concat(data.raw, tokenTlv(of)), euiccSignEPE), toHex(answer));
      return `signed ${data.value.euiccPackageErrorCode}`;
    }
  }
}

describe('LoadEuiccPackage climbs', () => {
  it('all rungs with a package that is good: it is carried out, once', () => {
    const { answer, card } = answerTo();
    assert.equal(inWords(answer), 'carried out');
    assert.deepEqual(card.euicc.begun, [{ eimId: 'e', counterValue: 6, operation: 'enable' }]);
    assert.deepEqual(card.enabled, [iccid]);
  });

  for (const [i, rung] of names.entries()) {
    it(`to "${rung}" and no further`, () => {
      for (const later of [rung, ...names.slice(i + 1)]) {
        const { answer, card, untouched } = answerTo(rung, later);
        assert.equal(inWords(answer), rungs[rung], `${rung}, ${later}`);
        assert.ok(untouched, `${rung}, ${later}: the card has changed`);
        assert.deepEqual(card.euicc.begun, []);
      }
    });
  }
});

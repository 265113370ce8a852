/** What the log must not hold, taken out of whatever a room says. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { redacted, redaction } from '../src/redaction.ts';

const plain = redaction({ mask: false, secrets: ['0123456789abcdef-token'] });
const masking = redaction({ mask: true, secrets: [] });

describe('redaction', () => {
  const cases: readonly (readonly [what: string, text: string, clean: string])[] = [
    [
      'an activation code',
      'refused 1$smdp.example.com$MATCH-1$1.3.6.1$1, alas',
      `refused 1$smdp.example.com$${redacted}, alas`,
    ],
    [
      'an activation code after LPA:',
      'LPA:1$smdp.example.com$MATCH-1',
      `LPA:1$smdp.example.com$${redacted}`,
    ],
    [
      'an activation code in a URL',
      'at /v1/x?ac=LPA%3A1%24smdp.example.com%24MATCH-1&y=1',
      `at /v1/x?ac=LPA%3A1%24smdp.example.com%24${redacted}&y=1`,
    ],
    [
      'a token that an eIM made',
      `x eim_0123456789ab_${'Ab-_9'.repeat(8)}cde y`,
      `x eim_0123456789ab_${redacted} y`,
    ],
    ['what a terminal obeys', 'meter \u009b31m\u202e', 'meter �31m�'],
    ['a bearer token', 'authorization: Bearer abc.def', `authorization: Bearer ${redacted}`],
    ['a configured secret', 'x 0123456789abcdef-token y', `x ${redacted} y`],
    ['a private key', '-----BEGIN PRIVATE KEY-----\nMIGH\n-----END PRIVATE KEY-----', redacted],
  ];
  for (const [what, text, clean] of cases) {
    it(`takes out ${what}`, () => {
      assert.equal(plain.text(text), clean);
      assert.deepEqual(plain.fields({ why: text }), { why: clean });
    });
  }

  it('takes out what a field is named a secret, whatever it looks like', () => {
    const fields = { psk: '00', token: 'x', confirmationCode: '1234', matchingId: 'M', count: 3 };
    const clean = {
      psk: redacted,
      token: redacted,
      confirmationCode: redacted,
      matchingId: redacted,
    };
    assert.deepEqual(plain.fields(fields), { ...clean, count: 3 });
  });

  it('leaves alone what is no secret', () => {
    const text =
      'order 3f0c4f0e-8f0a-4b0e-9d5c-2f1c5a0f7b11 of 89049032123451234512345678901235: $1 price$';
    assert.equal(plain.text(text), text);
  });

  it('masks the middle of EIDs and ICCIDs, in all the forms that they come in', () => {
    const text = [
      'eid 89049032123451234512345678901235',
      'iccid 89880000000000000017',
      'of 19 digits 8988000000000000001',
      'as in EF.ICCID 98880000000000000071',
      'and 9888000000000000001F',
    ].join(', ');
    assert.equal(
      masking.text(text),
      [
        'eid 89049032…1235',
        'iccid 898800…0017',
        'of 19 digits 898800…0001',
        'as in EF.ICCID 988800…0071',
        'and 988800…001F',
      ].join(', '),
    );
  });

  it('masks no octets that only begin as an EID does', () => {
    const hex = `${'89049032123451234512345678901235'.repeat(2)}AB`;
    assert.equal(masking.text(hex), hex);
  });
});

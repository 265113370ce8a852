/** Activation codes: the examples of SGP.22 v2.2.2 4.1, and one refusal for each rule. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseActivationCode } from '../../src/messages/activation-code.ts';

describe('activation code', () => {
  // SGP.22 4.1, the three examples
  it('reads an address and a matchingId', () =>
    assert.deepEqual(parseActivationCode('1$SMDP.GSMA.COM$04386-AGYFT-A74Y8-3F815'), {
      text: '1$SMDP.GSMA.COM$04386-AGYFT-A74Y8-3F815',
      smdpAddress: 'SMDP.GSMA.COM',
      matchingId: '04386-AGYFT-A74Y8-3F815',
      confirmationCodeRequired: false,
      deleteNotification: false,
    }));
  it('reads the flag without an OID', () => {
    const code = parseActivationCode('1$SMDP.GSMA.COM$04386-AGYFT-A74Y8-3F815$$1');
    assert.equal(code.confirmationCodeRequired, true);
    assert.equal(code.smdpOid, undefined);
  });
  it('reads an OID and the flag', () => {
    const code = parseActivationCode('1$SMDP.GSMA.COM$04386-AGYFT-A74Y8-3F815$1.3.6.1.4.1.31746$1');
    assert.equal(code.smdpOid, '1.3.6.1.4.1.31746');
    assert.equal(code.confirmationCodeRequired, true);
  });
  it('reads one without a matchingId', () =>
    assert.equal(parseActivationCode('1$SMDP.GSMA.COM$').matchingId, ''));

  it('takes LPA: and white space around it away', () =>
    assert.equal(parseActivationCode(' LPA:1$smdp.example$X\n').text, '1$smdp.example$X'));
  // Fields of SGP.22 v3, in the order that onomondo-ipa and LPAs read them; no example of the standard is at hand.
  it('reads the CI public key indicator and the delete notification', () => {
    const code = parseActivationCode('1$smdp.example$X$1.3.6.1$1$665A-1433$MIIBAA+/=');
    assert.equal(code.ciPublicKeyIndicator, '665A-1433');
    assert.equal(code.deleteNotification, true);
    assert.equal(code.confirmationCodeRequired, true);
    assert.equal(parseActivationCode('1$smdp.example$X$$$$1').deleteNotification, true);
    assert.equal(parseActivationCode('1$smdp.example$X$$$AB$').deleteNotification, false);
  });
  it('lets further fields through', () =>
    assert.equal(
      parseActivationCode('1$smdp.example$X$$$AB12$$new').text,
      '1$smdp.example$X$$$AB12$$new',
    ));
  for (const address of [
    '127.0.0.1:8443',
    '[::1]:8443',
    '[2001:db8::1]',
    'smdp.example:1',
    'localhost',
  ]) {
    it(`reads the address ${address}`, () =>
      assert.equal(parseActivationCode(`1$${address}$X`).smdpAddress, address));
  }
  it('takes 255 octets', () =>
    assert.equal(parseActivationCode(`1$smdp.example$${'X'.repeat(240)}`).text.length, 255));

  const refused: readonly (readonly [what: string, text: string, complaint: RegExp])[] = [
    ['nothing', '', /is empty/],
    ['LPA: alone', 'LPA:', /is empty/],
    ['256 octets', `1$smdp.example$${'X'.repeat(241)}`, /256 octets, of 255/],
    ['another format', '2$smdp.example$X', /must begin with '1\$'/],
    ['an address alone', '1$smdp.example', /too few parts/],
    ['no address', '1$$X', /SM-DP\+ address \(part 2\): it is empty, at character 3$/],
    ['a URL', '1$https://smdp.example$X', /part 2.* is a URL/],
    ['a path', '1$smdp.example/x$X', /no host name has.*, at character 15$/],
    ['two dots', '1$smdp..example$X', /nothing between two dots.*character 8$/],
    ['a hyphen first', '1$-smdp.example$X', /begins with a hyphen, at character 3$/],
    ['an empty port', '1$smdp.example:$X', /port that is no number.*, at character 16$/],
    ['port 0', '1$smdp.example:0$X', /port that is no number.*, at character 16$/],
    ['port 65536', '1$smdp.example:65536$X', /port that is no number.*, at character 16$/],
    ['bare IPv6', '1$::1$X', /IPv6 address stands in brackets/],
    ['a number that is no IPv4 address', '1$256.1.1.1$X', /no IPv4 address/],
    [
      'a host of 254 characters',
      `1$${'a'.repeat(63)}.${'b'.repeat(63)}.${'c'.repeat(63)}.${'d'.repeat(62)}$X`,
      /has 258 octets/,
    ],
    ['white space inside', '1$smdp.example$A B', /white space.*, at character 17$/],
    ['a letter outside ASCII', '1$smdp.example$É', /outside ASCII, at character 16$/],
    [
      'a matchingId with a slash',
      'LPA:1$smdp.example$A/B',
      /matchingId \(part 3\).*, at character 21$/,
    ],
    ['an OID of one arc', '1$smdp.example$X$1', /OID \(part 4\).*, at character 18$/],
    ['an OID with a leading zero', '1$smdp.example$X$1.02', /OID/],
    ['a flag of 0', '1$smdp.example$X$$0', /flag \(part 5\).*, at character 19$/],
    ['an OID whose second arc is too large', '1$smdp.example$X$1.40.1', /OID \(part 4\)/],
    ['a CI key that is none', '1$smdp.example$X$$$A.B', /part 6.*, at character 20$/],
    ['a delete notification that is none', '1$smdp.example$X$$$$%', /part 7.*, at character 21$/],
  ];
  for (const [what, text, message] of refused) {
    it(`refuses ${what}`, () =>
      assert.throws(() => parseActivationCode(text), { name: 'ActivationCodeError', message }));
  }
});

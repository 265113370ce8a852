import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { toHex } from '../../src/base/bytes.ts';
import { addressGroup, addressOctets } from '../../src/dtls/ip.ts';

describe('addresses as octets', () => {
  const known = {
    '192.0.2.1': 'C0000201',
    '::ffff:192.0.2.1': 'C0000201',
    '::': '00'.repeat(16),
    '::1': `${'00'.repeat(15)}01`,
    '2001:db8::1:0:2': '20010DB8000000000000000100000002',
    'fe80::1%eth0': 'FE800000000000000000000000000001',
    '1:2:3:4:5:6:7:8': '00010002000300040005000600070008',
    '64:ff9b::192.0.2.33': '0064FF9B0000000000000000C0000221',
    '::ffff:c000:201': 'C0000201',
    '2001:DB8::': `20010DB8${'00'.repeat(12)}`,
    '1::8': `0001${'00'.repeat(12)}0008`,
    '1:2:3:4:5:6:192.0.2.33': '000100020003000400050006C0000221',
  };
  for (const [text, octets] of Object.entries(known)) {
    it(`reads ${text}`, () => assert.equal(toHex(addressOctets(text) ?? new Uint8Array()), octets));
  }
  const others = [
    ...[
      '',
      '1.2.3',
      '1.2.3.256',
      'a.b.c.d',
      '1::2::3',
      '1:2:3',
      'host',
      ':1.2.3',
      ':',
      ':::',
      '1:',
    ],
    ...[
      '1:2:3:4:5:6:7:8:9',
      '1:2:3:4:5:6:7:192.0.2.1',
      '::12345',
      '::g',
      '::1.2.3',
      '::1:',
      '1:::2',
    ],
  ];
  for (const text of others) {
    it(`does not read '${text}'`, () => assert.equal(addressOctets(text), undefined));
  }
  it('counts a /64 as one, and an IPv4 address alone', () => {
    assert.equal(addressGroup('2001:db8::1'), addressGroup('2001:db8::ffff:2'));
    assert.notEqual(addressGroup('2001:db8::1'), addressGroup('2001:db8:0:1::1'));
    assert.notEqual(addressGroup('192.0.2.1'), addressGroup('192.0.2.2'));
  });
});

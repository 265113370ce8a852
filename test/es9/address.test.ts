import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { parseSmdpAddress } from '../../src/es9/address.ts';

describe('parseSmdpAddress', () => {
  const good: readonly (readonly [text: string, host: string, port: number])[] = [
    ['smdp.example.com', 'smdp.example.com', 443],
    ['SMDP.Example.com:8443', 'smdp.example.com', 8443],
    ['localhost:1', 'localhost', 1],
    ['192.0.2.1', '192.0.2.1', 443],
    ['127.0.0.1:65535', '127.0.0.1', 65535],
    ['[2001:DB8::1]', '2001:db8::1', 443],
    ['[::1]:8443', '::1', 8443],
    ['rsp_1.lab.', 'rsp_1.lab.', 443],
  ];
  for (const [text, host, port] of good) {
    it(`takes ${text}`, () => assert.deepEqual(parseSmdpAddress(text), { host, port, text }));
  }

  const bad = [
    '',
    ' smdp.example.com',
    'https://smdp.example.com',
    'smdp.example.com/path',
    'smdp.example.com?x',
    'user@smdp.example.com',
    'smdp.example.com:',
    'smdp.example.com:0',
    'smdp.example.com:65536',
    'smdp.example.com:443:443',
    'smdp..example.com',
    '-smdp.example.com',
    'smdp.example.com\r\nX: y',
    '2001:db8::1',
    '[2001:db8::1',
    '[:::]',
    `${'a'.repeat(64)}.example.com`,
    `${'a.'.repeat(200)}com`,
    'smdp.exämple.com',
    '[::ffff:999.0.0.1]',
  ];
  for (const text of bad) {
    it(`refuses ${JSON.stringify(text.slice(0, 40))}`, () =>
      assert.throws(() => parseSmdpAddress(text), { name: 'SmdpAddressError' }));
  }

  it('takes any text or throws SmdpAddressError', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        try {
          return parseSmdpAddress(text).port > 0;
        } catch (error) {
          return error instanceof Error && error.name === 'SmdpAddressError';
        }
      }),
    );
  });
});

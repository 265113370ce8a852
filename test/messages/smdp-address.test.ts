import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { parseSmdpAddress } from '../../src/messages/smdp-address.ts';

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

  const bad: readonly (readonly [text: string, complaint: RegExp, at: number])[] = [
    ['', /^is empty/, 0],
    [' smdp.example.com', /no host name has/, 0],
    ['https://smdp.example.com', /is a URL/, 0],
    ['smdp.example.com/path', /no host name has/, 16],
    ['smdp.example.com?x', /no host name has/, 16],
    ['user@smdp.example.com', /no host name has/, 4],
    ['smdp.exämple.com', /no host name has/, 7],
    ['smdp.example.com\r\nX: y', /no host name has/, 16],
    ['smdp.example.com:', /no number from 1 to 65535/, 17],
    ['smdp.example.com:0', /no number from 1 to 65535/, 17],
    ['smdp.example.com:65536', /no number from 1 to 65535/, 17],
    ['smdp.example.com:8443x', /no number from 1 to 65535/, 17],
    ['smdp.example.com:443:443', /more than one colon/, 16],
    ['2001:db8::1', /stands in brackets/, 4],
    ['smdp..example.com', /nothing between two dots/, 5],
    ['.example.com', /at the beginning/, 0],
    ['.', /at the beginning/, 0],
    ['-smdp.example.com', /begins with a hyphen/, 0],
    ['smdp.example-.com', /ends with a hyphen/, 12],
    [`a.${'a'.repeat(64)}.com`, /64 characters between two dots/, 2],
    [`${'a.'.repeat(200)}com`, /host name of 403 characters/, 253],
    ['256.0.0.1', /no IPv4 address/, 0],
    ['127.0.1', /no IPv4 address/, 0],
    ['127.0.0.01', /no IPv4 address/, 0],
    ['smdp.42', /no IPv4 address/, 0],
    ['[2001:db8::1', /without its '\]'/, 0],
    ['[:::]', /no IPv6 address/, 1],
    ['[::ffff:999.0.0.1]', /no IPv6 address/, 1],
    ['[fe80::1%eth0]', /no IPv6 address/, 1],
    ['[::1]8443', /other than a port/, 5],
  ];
  for (const [text, message, at] of bad) {
    it(`refuses ${JSON.stringify(text.slice(0, 40))}`, () =>
      assert.throws(() => parseSmdpAddress(text), { name: 'SmdpAddressError', message, at }));
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

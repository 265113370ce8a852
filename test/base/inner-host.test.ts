/** Hosts that a stranger must not send us to (RFC 6890, RFC 6761). */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isInnerHost } from '../../src/base/inner-host.ts';

const inner =
  'localhost localhost. a.localhost LOCALHOST 0.0.0.0 10.0.0.1 100.64.0.1 127.0.0.1 127.255.255.254 169.254.169.254 ' +
  '172.16.0.1 172.31.255.255 192.168.0.1 224.0.0.1 255.255.255.255 :: ::1 ::127.0.0.1 ::ffff:10.0.0.1 ' +
  '64:ff9b::a00:1 fc00::1 fdff::1 fe80::1 febf::1 ff02::1';
const outer =
  'localhost.example.com notlocalhost smdp.example.com 1.1.1.1 9.255.255.255 100.63.255.255 100.128.0.0 128.0.0.1 ' +
  '169.253.0.1 172.15.0.1 172.32.0.1 192.167.0.1 223.255.255.255 ::ffff:1.1.1.1 2001:db8::1 fec0::1 fb00::1';

describe('isInnerHost', () => {
  for (const host of inner.split(' ')) {
    it(`is true of ${host}`, () => assert.equal(isInnerHost(host), true));
  }
  for (const host of outer.split(' ')) {
    it(`is false of ${host}`, () => assert.equal(isInnerHost(host), false));
  }
});

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { toHex } from '../../src/base/bytes.ts';
import { keyOfAddress, keyOfCid, keyOfSession } from '../../src/dtls/asleep.ts';
import {
  AddressNames,
  isNameOfCid,
  keyOfName,
  nameOfKey,
  textOfName,
} from '../../src/dtls/key-names.ts';

const addresses = [
  ...['0.0.0.0', '127.0.0.1', '203.0.113.9', '255.255.255.255', '::ffff:203.0.113.9'],
  ...['::1', '2001:db8::7', 'fe80::1%eth0', 'no address'],
].flatMap((address) => [0, 1, 255, 256, 65_535].map((port) => ({ address, port })));

describe('names of keys', () => {
  it('stand for their keys', () => {
    const cids = [new Uint8Array(), Uint8Array.of(1), new Uint8Array(6).fill(0xff)];
    const keys = [
      ...addresses.map(keyOfAddress),
      ...cids.flatMap((cid) => [keyOfCid(cid), keyOfSession(cid)]),
    ];
    const names = new Map(keys.map((key) => [nameOfKey(key), key]));
    assert.equal(names.size, new Set(keys.map(toHex)).size);
    for (const [name, key] of names) {
      assert.deepEqual(keyOfName(name), key);
      assert.equal(textOfName(name), toHex(key));
      assert.equal(isNameOfCid(name), key[0] === 0x63);
    }
  });

  it('of addresses are those of their keys', () => {
    const names = new AddressNames();
    for (const address of addresses) {
      assert.equal(names.ofKey(address), nameOfKey(keyOfAddress(address)));
      assert.equal(names.of(address), names.of({ ...address }));
    }
  });

  it('differ where addresses, ports or groups do', () => {
    const names = new AddressNames();
    const others = addresses.filter(({ address }) => !address.includes('ffff'));
    assert.equal(new Set(others.map((address) => names.of(address))).size, others.length);
    const group = (address: string) => names.groupOf({ address, port: 1 });
    assert.equal(group('2001:db8::7'), group('2001:db8::8'));
    assert.notEqual(group('192.0.2.1'), group('192.0.2.2'));
    assert.equal(group('192.0.2.1'), group('::ffff:192.0.2.1'));
  });
});

/** Every vector is read, and written again to the same bytes. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as asn1js from 'asn1js';
import { messageVectors } from '../vectors/messages.ts';
import { declared } from './declared.ts';

describe('vectors of messages', () => {
  for (const { what, of, bytes } of messageVectors) {
    it(`${what}: ${of}`, () => {
      const type = declared.get(of);
      assert.ok(type, `${of} is not declared`);
      const tolerated: string[] = [];
      const value = type.decode(bytes, { tolerated: (shape) => tolerated.push(shape) });
      assert.deepEqual(type.encode(value), bytes);
      assert.deepEqual(tolerated, [], 'a vector of the standard needs no tolerance');
    });

    it(`${what}: refused when one octet is missing or too many`, () => {
      const type = declared.get(of);
      assert.throws(() => type?.decode(bytes.subarray(0, -1)), { name: 'DerError' });
      assert.throws(() => type?.decode(Uint8Array.of(...bytes, 0)), { name: 'DerError' });
    });

    it(`${what}: asn1js sees well-formed BER`, () => {
      const { offset } = asn1js.fromBER(bytes);
      assert.equal(offset, bytes.length);
    });
  }
});

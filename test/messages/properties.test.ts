/** Every declared type: what is written is read back; whatever else comes is read or refused with DerError. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { DerError } from '../../src/messages/tlv.ts';
import { messageVectors } from '../vectors/messages.ts';
import { arbitrary } from './arbitrary.ts';
import { declared } from './declared.ts';

/** Reads or throws DerError; anything else fails the test. */
function readsOrRefuses(decode: (bytes: Uint8Array) => unknown, bytes: Uint8Array): void {
  try {
    decode(bytes);
  } catch (error) {
    assert.ok(error instanceof DerError, String(error));
  }
}

describe('every declared type', () => {
  for (const [name, type] of declared) {
    it(`${name}: encode, decode, encode`, () => {
      fc.assert(
        fc.property(arbitrary(type), (value) => {
          const bytes = type.encode(value);
          const tolerated: string[] = [];
          const read = type.decode(bytes, { tolerated: (shape) => tolerated.push(shape) });
          assert.deepEqual(read, value);
          assert.deepEqual(type.encode(read), bytes);
          assert.deepEqual(tolerated, []);
        }),
        { numRuns: 25 },
      );
    });

    it(`${name}: random octets under its tag are read or refused`, () => {
      const tag = type.tags[0] ?? 0x30;
      const start = tag > 0xff ? [tag >> 8, tag & 0xff] : [tag];
      fc.assert(
        fc.property(fc.uint8Array({ maxLength: 60 }), (octets) => {
          readsOrRefuses((bytes) => type.decode(bytes), octets);
          const framed = Uint8Array.of(...start, octets.length, ...octets);
          readsOrRefuses((bytes) => type.decode(bytes), framed);
        }),
        { numRuns: 25 },
      );
    });
  }
});

describe('every vector', () => {
  for (const { what, of, bytes } of messageVectors) {
    it(`${what}: with any octet changed is read or refused`, () => {
      const type = declared.get(of);
      assert.ok(type);
      fc.assert(
        fc.property(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }), (at, flip) => {
          const changed = bytes.slice();
          changed[at] = (changed[at] ?? 0) ^ flip;
          readsOrRefuses((some) => type.decode(some), changed);
        }),
        { numRuns: 60 },
      );
    });
  }
});

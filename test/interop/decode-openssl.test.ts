/** The places and tags that `eim decode` prints, beside those of openssl asn1parse, which we did not write. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { describe, it } from 'node:test';
import type { Part } from '../../src/decode/anatomy.ts';
import { decode } from '../../src/decode/decode.ts';
import { needs } from '../support/needs.ts';
import { messageVectors } from '../vectors/messages.ts';

/** `offset:depth=header+length`, of each element. */
function places(part: Part, depth = 0): readonly string[] {
  const { offset, header, length, parts } = part;
  return [
    `${offset}:${depth}=${header}+${length}`,
    ...parts.flatMap((one) => places(one, depth + 1)),
  ];
}

function openssl(bytes: Uint8Array): readonly string[] {
  const printed = execFileSync('openssl', ['asn1parse', '-inform', 'DER'], {
    input: bytes,
    encoding: 'utf8',
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  const line = /^ *(\d+):d=(\d+) +hl=(\d+) +l= *(\d+)/gm;
  return [...printed.matchAll(line)].map(
    ([, offset, depth, header, length]) => `${offset}:${depth}=${header}+${length}`,
  );
}

describe('eim decode beside openssl asn1parse', { skip: needs('openssl', 'version') }, () => {
  it('finds the same elements at the same places', () => {
    for (const { what, of, bytes } of messageVectors) {
      const [message] = decode(bytes, { keys: [], as: of }).messages;
      assert.ok(message);
      assert.deepEqual(places(message.part), openssl(bytes), what);
    }
  });
});

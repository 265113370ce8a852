/** The digest of a handshake so far, which Finished and the extended master secret are made of. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, it } from 'node:test';
import { toHex } from '../../src/base/bytes.ts';
import { HandshakeType } from '../../src/dtls/messages/handshake-message.ts';
import { Transcript } from '../../src/dtls/transcript.ts';

function digestBy(hash: 'sha256' | 'sha384', transcript: Transcript): string {
  return createHash(hash).update(transcript.octets).digest('hex').toUpperCase();
}

describe('the digest of a transcript', () => {
  for (const length of [0, 20, 2000]) {
    it(`is that of all messages, asked for once or again, with bodies of ${length} octets`, () => {
      const transcript = new Transcript(0);
      for (let n = 0; n < 3; n++) {
        transcript.send(HandshakeType.certificate, new Uint8Array(length).fill(n));
        for (const hash of ['sha256', 'sha384', 'sha384', 'sha256'] as const) {
          assert.equal(toHex(transcript.digest(hash)), digestBy(hash, transcript));
        }
      }
    });
  }

  it('begins anew with the messages', () => {
    const transcript = new Transcript(0);
    transcript.send(HandshakeType.clientHello, Uint8Array.of(1));
    const before = transcript.digest('sha256');
    transcript.restart();
    transcript.send(HandshakeType.clientHello, Uint8Array.of(2));
    assert.notEqual(toHex(transcript.digest('sha256')), toHex(before));
    assert.equal(toHex(transcript.digest('sha256')), digestBy('sha256', transcript));
  });
});

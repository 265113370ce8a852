/** What is kept before its turn: bounded in octets, not only in pieces, since anyone can send such. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { EarlyRecords } from '../../src/dtls/early-records.ts';
import { Reassembly } from '../../src/dtls/fragments.ts';
import { ContentType, type DtlsRecord } from '../../src/dtls/record.ts';

function record(octets: number): DtlsRecord {
  const fragment = new Uint8Array(octets);
  return {
    type: ContentType.applicationData,
    version: 0xfefd,
    epoch: 1,
    sequence: octets,
    fragment,
  };
}

describe('early records', () => {
  it('are kept up to as many octets as allowed, and no octet more', () => {
    const early = new EarlyRecords({ earlyRecords: 10, earlyOctets: 100 });
    assert.equal(early.keep(record(60)), undefined);
    assert.equal(early.keep(record(41)), 'no room for an early record');
    assert.equal(early.keep(record(40)), undefined);
    assert.deepEqual(
      early.take().map(({ fragment }) => fragment.length),
      [60, 40],
    );
    assert.equal(early.keep(record(100)), undefined, 'there is room again');
  });
});

describe('early fragments of handshake messages', () => {
  const limits = { handshakeMessage: 1000, bufferedFragments: 10, bufferedOctets: 100 };
  const fragment = (sequence: number, octets: number) => ({
    type: 1,
    sequence,
    length: octets,
    offset: 0,
    body: new Uint8Array(octets),
  });

  it('are kept up to as many octets as allowed, and no octet more', () => {
    const reassembly = new Reassembly(0, limits);
    assert.equal(reassembly.add(fragment(1, 60)), undefined);
    assert.equal(reassembly.add(fragment(2, 41)), 'no room for an early handshake message');
    assert.equal(reassembly.add(fragment(2, 40)), undefined);
    assert.equal(reassembly.add(fragment(0, 5)), undefined);
    const bodies = [reassembly.next(), reassembly.next(), reassembly.next(), reassembly.next()];
    assert.deepEqual(
      bodies.map((message) => message?.body.length),
      [5, 60, 40, undefined],
    );
    assert.equal(reassembly.add(fragment(4, 100)), undefined, 'there is room again');
  });
});

/** Answers in ACKs, kept as octets, against a plain list of them. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { hex } from '../../src/base/bytes.ts';
import { encode } from '../../src/coap/message.ts';
import { longestPastAck, PastAcks } from '../../src/coap/past-acks.ts';

const now = Date.parse('2026-03-01T12:00:00Z');

function ackOf(messageId: number, token: Uint8Array, octets: number): Uint8Array {
  const payload = new Uint8Array(octets).fill(messageId);
  return encode({ type: 'ACK', code: '2.04', messageId, token, options: [], payload });
}

describe('past ACKs', () => {
  it('gives the ACK of the same Message ID and token again, in memory of its own', () => {
    const acks = new PastAcks();
    acks.add(now, ackOf(0x1234, hex('0102'), 5));
    const found = acks.find(0x1234, hex('0102'), now) ?? assert.fail('forgotten');
    assert.deepEqual(found, ackOf(0x1234, hex('0102'), 5));
    found.fill(0);
    assert.deepEqual(acks.find(0x1234, hex('0102'), now), ackOf(0x1234, hex('0102'), 5));
  });

  it('gives nothing for another Message ID, another token, or a request too long ago', () => {
    const acks = new PastAcks();
    acks.add(now, ackOf(0x1234, hex('0102'), 5));
    for (const messageId of [0x1235, 0x1334, 0x3412]) {
      assert.equal(acks.find(messageId, hex('0102'), now), undefined);
    }
    for (const token of ['', '01', '010200', '0103']) {
      assert.equal(acks.find(0x1234, hex(token), now), undefined);
    }
    assert.equal(acks.find(0x1234, hex('0102'), now + 1), undefined);
  });

  it('is, whatever is kept and forgotten, as a list would be', () => {
    // Message IDs at random, and those of peers that count on, past 65535 too.
    const id = fc.oneof(fc.nat(20), fc.constant('next' as const), fc.constant('next' as const));
    const step = fc.oneof(
      fc.record({
        do: fc.constant('add' as const),
        id,
        token: fc.uint8Array({ maxLength: 8 }),
        octets: fc.nat(longestPastAck - 4 - 8 - 1),
        after: fc.nat(2 ** 33),
      }),
      fc.record({ do: fc.constant('drop' as const), id }),
      fc.record({ do: fc.constant('drop oldest' as const) }),
      fc.record({ do: fc.constant('clear' as const) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60, size: 'max' }), (steps) => {
        const acks = new PastAcks();
        let list: { id: number; token: Uint8Array; began: number; ack: Uint8Array }[] = [];
        let time = now;
        let count = 65_530;
        const idOf = (named: number | 'next') => {
          if (named === 'next') count = (count + 1) % 2 ** 16;
          return named === 'next' ? count : named;
        };
        for (const one of steps) {
          if (one.do === 'add') {
            time += one.after;
            const id = idOf(one.id);
            const ack = ackOf(id, one.token, one.octets);
            acks.drop(id);
            list = list.filter((other) => other.id !== id);
            acks.add(time, ack);
            list.push({ id, token: one.token, began: time, ack });
          } else if (one.do === 'drop') {
            const id = one.id === 'next' ? count : one.id;
            acks.drop(id);
            list = list.filter((other) => other.id !== id);
          } else if (one.do === 'drop oldest') {
            if (acks.size > 0) acks.dropOldest();
            list.shift();
          } else {
            acks.clear();
            list = [];
          }
          assert.equal(acks.size, list.length);
          assert.equal(acks.oldest, list[0]?.began ?? Infinity);
          for (const { id, token, began, ack } of list) {
            assert.deepEqual(acks.find(id, token, began), ack);
            assert.equal(acks.find(id, token, began + 1), undefined);
            const next = (id + 1) % 2 ** 16;
            if (list.every((other) => other.id !== next)) {
              assert.equal(acks.find(next, token, 0), undefined);
            }
          }
        }
      }),
      { numRuns: 500 },
    );
  });
});

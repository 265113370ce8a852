import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { hex, toHex } from '../../src/base/bytes.ts';
import { blockOf, blockOption, offsetOf, szxWithin } from '../../src/coap/block.ts';

describe('block option (RFC 7959 section 2.2)', () => {
  // Reference sheet section 4.1; the two of RFC 7959 section 3: 33 is 2:2/0/32, 59 is 1:3/1/128.
  for (const [bytes, number, more, szx] of [
    ['0E', 0, true, 6],
    ['22', 2, false, 2],
    ['010E', 16, true, 6],
    ['', 0, false, 0],
    ['21', 2, false, 1],
    ['3B', 3, true, 3],
    ['FFFFFE', 2 ** 20 - 1, true, 6],
  ] as const) {
    it(`'${bytes}' is ${number}/${more ? 1 : 0}/${16 << szx}`, () => {
      const block = { number, more, szx };
      assert.deepEqual(blockOf([{ number: 23, value: hex(bytes) }], 23), block);
      assert.equal(toHex(blockOption(23, block).value), bytes);
      assert.equal(offsetOf(block), number * (16 << szx));
    });
  }

  it('is absent where there is none', () => assert.equal(blockOf([], 23), undefined));

  it('refuses SZX 7', () =>
    assert.throws(() => blockOf([{ number: 23, value: hex('07') }], 23), {
      name: 'CoapError',
      code: '4.00',
    }));

  it('refuses to write a number of more than 20 bits', () =>
    assert.throws(() => blockOption(23, { number: 2 ** 20, more: false, szx: 0 }), RangeError));

  it('finds the largest size within some octets', () => {
    assert.deepEqual([5, 16, 31, 32, 1023, 1024, 9999].map(szxWithin), [0, 0, 0, 1, 5, 6, 6]);
  });
});

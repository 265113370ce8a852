/** Requests of a device that has proved who it is, and that come to nothing: the whole way, datagram to answer. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { concat, hex, toHex } from '../../src/base/bytes.ts';
import { eidOctets, parseEid } from '../../src/messages/ids.ts';
import { tlv } from '../../src/messages/tlv.ts';
import { bodyOf } from '../coap/conversation.ts';
import { done } from './expected.ts';
import { eid, World } from './world.ts';

const poll = (octets: Uint8Array) => tlv(0xbf4f, tlv(0x5a, octets));
const mine = poll(eidOctets(eid));
const others = poll(eidOctets(parseEid('89044045118427484800000000011628')));

/** GetEimPackageResponse with an eimPackageError (SGP.32 6.3.2.6). */
const eimPackageError = (code: number) => toHex(tlv(0xbf4f, tlv(0x02, Uint8Array.of(code))));

const refused = {
  'no DER': [hex('FF'), '4.00'],
  'an empty body': [hex(''), '4.00'],
  'a message cut short': [mine.subarray(0, -1), '4.00'],
  'octets after the message': [concat(mine, hex('00')), '4.00'],
  'a function that there is not': [tlv(0xbf7f, tlv(0x80, hex('01'))), '4.00'],
  '70,000 octets': [bodyOf(70_000), '4.13'],
  'a poll for an EID of 15 octets': [poll(eidOctets(eid).subarray(1)), '2.05', 3],
  'a poll for an EID that is no number': [poll(new Uint8Array(16).fill(0xab)), '2.05', 3],
  'a poll for an EID of somebody else': [others, '2.05', 2],
} as const;

describe('the eIM refuses', () => {
  for (const [name, [body, code, error]] of Object.entries(refused)) {
    it(`${name}: ${code}${error === undefined ? '' : `, eimPackageError ${error}`}`, async () => {
      const world = await World.begin();
      const before = await world.orders();
      const answer = await world.turn(world.device.ask(body));
      assert.equal(answer.code, code);
      if (error !== undefined) {
        assert.equal(toHex(answer.body ?? hex('')), eimPackageError(error));
      } else assert.ok((answer.body?.length ?? 0) <= 128, 'a short reason');
      assert.deepEqual(await world.orders(), before);
      assert.deepEqual(world.process.errors, []);
      // The device goes on as if nothing had been.
      await world.work();
      assert.deepEqual(await world.outcome(), done);
      assert.equal(world.device.connections, 1);
    });
  }
});

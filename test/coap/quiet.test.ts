/** A server that is about to stop: what is under way is answered, and nothing new begins. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { utf8 } from '../../src/base/bytes.ts';
import { Drops, silentLog } from '../../src/base/log.ts';
import { decode, encode } from '../../src/coap/message.ts';
import { OptionNumber } from '../../src/coap/options.ts';
import type { CoapResponse } from '../../src/coap/request.ts';
import { CoapServer } from '../../src/coap/server.ts';
import { HandClock, settled } from '../support/hand-clock.ts';
import { seededRandom } from '../support/seeded.ts';

function bench() {
  const answers: ((response: CoapResponse) => void)[] = [];
  const heard: string[] = [];
  const drops = new Drops();
  const peer = { id: 'p', send: (message: Uint8Array) => heard.push(decode(message).code) };
  const server = new CoapServer({
    handle: () => new Promise<CoapResponse>((resolve) => answers.push(resolve)),
    clock: new HandClock(),
    random: seededRandom(1),
    log: silentLog(drops),
  });
  let messageId = 0;
  /** `block1`: NUM, M and SZX as on the wire. */
  const post = (payload: string, block1?: number) => {
    messageId++;
    const options =
      block1 === undefined ? [] : [{ number: OptionNumber.block1, value: Uint8Array.of(block1) }];
    const token = Uint8Array.of(messageId);
    server.receive(
      peer,
      encode({ type: 'CON', code: '0.02', messageId, token, options, payload: utf8(payload) }),
    );
  };
  return { server, answers, heard, drops, post };
}

describe('a CoapServer that begins nothing new', () => {
  it('answers what it works on, then says that it is done', async () => {
    const { server, answers, heard, post } = bench();
    post('work');
    await settled();
    let done = false;
    const quiet = server.quiet().then(() => {
      done = true;
    });
    await settled();
    assert.equal(done, false);
    answers[0]?.({ code: '2.04' });
    await quiet;
    assert.deepEqual(heard, ['2.04']);
  });

  it('leaves new requests unanswered, for their peers to send again', async () => {
    const { server, answers, heard, drops, post } = bench();
    await server.quiet();
    post('new');
    await settled();
    assert.deepEqual([answers.length, heard], [0, []]);
    assert.equal(drops.of('test: request while stopping'), 1);
  });

  it('goes on with a body that comes in blocks', async () => {
    const { server, answers, heard, post } = bench();
    post('0123456789abcdef', 0b0000_1_000); // 0/1/16
    await settled();
    await server.quiet();
    post('0123456789abcdef', 0b0001_1_000); // 1/1/16
    post('the end', 0b0010_0_000); // 2/0/16
    await settled();
    assert.deepEqual(heard, ['2.31', '2.31']);
    answers[0]?.({ code: '2.04' });
    await settled();
    assert.equal(heard.at(-1), '2.04');
  });
});

/** openssl s_client against the running eIM: it carries a CoAP message of ours, and prints what comes back. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { concat, hex, toHex, utf8 } from '../../src/base/bytes.ts';
import { decode, encode, type Message } from '../../src/coap/message.ts';
import { OptionNumber, uintOption } from '../../src/coap/options.ts';
import { issue } from '../dtls/support/certificates.ts';
import { newFolder } from '../support/folders.ts';
import { needs } from '../support/needs.ts';
import { type Auth, ciPem, device, path, poll, type RunningEim, startEim } from './support-eim.ts';

const skip = needs('openssl', 'version');

const trusting = (authority: string) => ['-CAfile', authority, '-verify_return_error'];

const arguments_: Readonly<Record<Auth, readonly string[]>> = {
  psk: [
    ...['-psk_identity', device.identity, '-psk', toHex(utf8(device.key))],
    ...['-cipher', 'PSK-AES128-CCM8'],
  ],
  certificate: [...trusting(ciPem), '-cipher', 'ECDHE-ECDSA-AES128-CCM8'],
};

/** CON POST gsma/rsp2/asn1, Content-Format 42, one block. */
const question: Message = {
  type: 'CON',
  code: '0.02',
  messageId: 0x1234,
  token: hex('c0a9'),
  options: [
    ...path.split('/').map((part) => ({ number: OptionNumber.uriPath, value: utf8(part) })),
    uintOption(OptionNumber.contentFormat, 42),
  ],
  payload: poll,
};

/** Says `message` once there is a connection; the first message that comes back, undefined where none does. */
async function say(
  eim: RunningEim,
  args: readonly string[],
  message: Uint8Array,
): Promise<Message | undefined> {
  const connect = ['s_client', '-dtls1_2', '-quiet', '-connect', `127.0.0.1:${eim.port}`];
  const child = spawn('openssl', [...connect, ...args], { stdio: ['pipe', 'pipe', 'pipe'] });
  try {
    child.stdin.on('error', () => {}); // it ends without having read, where there is no connection
    child.stdin.write(message);
    const heard = await new Promise<Uint8Array | undefined>((resolve, reject) => {
      child.stdout.once('data', (data: Buffer) => resolve(new Uint8Array(data)));
      child.on('close', () => resolve(undefined));
      child.on('error', reject);
    });
    return heard === undefined ? undefined : decode(heard);
  } finally {
    child.kill('SIGKILL');
  }
}

describe('openssl s_client at the eIM', { skip, timeout: 60_000 }, () => {
  for (const [auth, args] of Object.entries(arguments_) as [Auth, readonly string[]][]) {
    it(`fetches an eIM package, ${auth}`, async (test) => {
      const eim = await startEim(test, auth);
      const heard = await say(eim, args, encode(question));
      assert.ok(heard);
      assert.deepEqual([heard.type, heard.code, heard.messageId], ['ACK', '2.05', 0x1234]);
      assert.deepEqual(heard.token, question.token);
      await eim.checkFetched(heard.payload.slice());
    });
  }

  it('is answered 4.00 to what is no ESipa message', async (test) => {
    const eim = await startEim(test, 'psk');
    const heard = await say(
      eim,
      arguments_.psk,
      encode({ ...question, payload: concat(poll, Uint8Array.of(0)) }),
    );
    assert.equal(heard?.code, '4.00');
    assert.deepEqual(await eim.order(), { at: 'new' });
  });

  it('does not ask an eIM of a CI that it does not trust', async (test) => {
    const eim = await startEim(test, 'certificate');
    const stranger = join(newFolder(), 'stranger.pem');
    writeFileSync(stranger, issue().authority);
    const args = [...trusting(stranger), '-cipher', 'ECDHE-ECDSA-AES128-CCM8'];
    assert.equal(await say(eim, args, encode(question)), undefined);
    assert.deepEqual(await eim.order(), { at: 'new' });
  });
});

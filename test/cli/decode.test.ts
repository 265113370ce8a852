import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { newFolder } from '../support/folders.ts';
import { messageVector } from '../vectors/messages.ts';
import { start } from './cli.ts';

const poll = 'BF4F125A1089049032123451234512345678901235';

describe('eim decode', () => {
  it('prints places, tags and names', async () => {
    const { code, stdout } = await start(['decode', poll]).ended;
    assert.equal(code, 0);
    assert.equal(
      stdout,
      [
        'EsipaMessageFromIpaToEim, 21 octets',
        '     0  BF4F        18  getEimPackageRequest',
        '     3  5A          16    eidValue Octet16 = 89049032123451234512345678901235',
        '',
      ].join('\n'),
    );
  });

  it('reads a file or standard input, and prints JSON', async () => {
    const file = join(newFolder(), 'package.der');
    writeFileSync(file, messageVector('enable'));
    const fromFile = await start(['decode', file, '--json']).ended;
    const fromPipe = await start(['decode', '-', '--json'], {
      stdin: Buffer.from(messageVector('enable')).toString('hex'),
    }).ended;
    assert.equal(fromFile.stdout, fromPipe.stdout);
    const { messages, signatures } = JSON.parse(fromFile.stdout);
    assert.equal(messages[0].element.elements[0].field, 'euiccPackageRequest');
    assert.equal(signatures[0].verdict, 'not checked');
  });

  it('says what is wrong with what it is given', async () => {
    for (const [args, complaint] of [
      [['BF4F12'], /^eim: cannot decode: no DER: length 18, but 0 octets left\n {5}give hex/],
      [['no-such-file.der'], /^eim: <message>: neither a file nor hex or base64: ENOENT/],
      [[poll, '--as', 'Poll'], /^eim: cannot decode: the modules have no type Poll/],
      [[poll, '--key', 'missing.pem'], /^eim: --key missing\.pem: no public key or certificate/],
      [[poll, '--association-token', 'x'], /^eim: --association-token: must be a number from 0/],
    ] as const) {
      const { code, stdout, stderr } = await start(['decode', ...args]).ended;
      assert.deepEqual([code, stdout], [2, '']);
      assert.match(stderr, complaint);
    }
  });
});

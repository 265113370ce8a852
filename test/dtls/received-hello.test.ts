/** A hello read where it stands says what its declaration says. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { toHex } from '../../src/base/bytes.ts';
import { HandshakeError } from '../../src/dtls/alert.ts';
import { extension } from '../../src/dtls/extensions.ts';
import { ClientHello } from '../../src/dtls/messages/client-hello.ts';
import { ReceivedHello } from '../../src/dtls/received-hello.ts';
import { decode, encode } from '../../src/dtls/struct.ts';
import { seededRandom } from '../support/seeded.ts';

const random = seededRandom(4711);
const bare: ClientHello = {
  clientVersion: 0xfefd,
  random: random(32),
  sessionId: random(0),
  cookie: random(0),
  cipherSuites: [0xc0a8],
  compressionMethods: [0],
  extensions: [],
};
const full: ClientHello = {
  ...bare,
  sessionId: random(32),
  cookie: random(16),
  cipherSuites: [0xc0a8, 0xc0a4, 0x00ff],
  compressionMethods: [1, 0],
  extensions: [extension.extendedMasterSecret(), extension.supportedGroups([23, 29])],
};

function declared(body: Uint8Array): ClientHello | undefined {
  try {
    return decode('ClientHello', ClientHello, body);
  } catch (error) {
    if (error instanceof HandshakeError) return undefined;
    throw error;
  }
}

function found(body: Uint8Array): ClientHello | undefined {
  const hello = ReceivedHello.read(body);
  if (hello === undefined) return undefined;
  const { clientVersion, random, sessionId, cookie } = hello;
  const { cipherSuites, compressionMethods, extensions } = hello;
  return { clientVersion, random, sessionId, cookie, cipherSuites, compressionMethods, extensions };
}

describe('a hello that was received', () => {
  for (const [name, hello] of Object.entries({ bare, full })) {
    const body = encode(ClientHello, hello);

    it(`says what it says: ${name}`, () => assert.deepEqual(found(body), hello));

    it(`ends nowhere else: ${name}`, () => {
      for (let end = 0; end < body.length; end++) {
        assert.deepEqual(found(body.slice(0, end)), declared(body.slice(0, end)), `${end} octets`);
      }
      const longer = Uint8Array.of(...body, 0);
      assert.deepEqual(found(longer), declared(longer));
    });

    it(`says the same with any octet another: ${name}`, () => {
      for (let at = 0; at < body.length; at++) {
        for (const octet of [0, 1, 2, 31, 33, 255, (body[at] ?? 0) + 1, (body[at] ?? 0) ^ 2]) {
          const other = body.slice();
          other[at] = octet;
          assert.deepEqual(found(other), declared(other), `octet ${at} is ${octet}`);
        }
      }
    });

    it(`gives its parameters as they stand there: ${name}`, () => {
      const received = ReceivedHello.read(body);
      assert.ok(received !== undefined);
      const octets = new Uint8Array(received.parametersLength + 1);
      assert.equal(received.putParameters(octets, 1), octets.length);
      const alone = encode(ClientHello, { ...hello, cookie: new Uint8Array(), extensions: [] });
      const cookieAt = 35 + hello.sessionId.length;
      const expected = toHex(alone.slice(0, cookieAt)) + toHex(alone.slice(cookieAt + 1));
      assert.equal(toHex(octets.slice(1)), expected);
    });
  }
});

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { base64, fromUtf8, hex, utf8 } from '../../src/base/bytes.ts';
import { es9Done, es9Members, es9Request } from '../../src/es9/binding.ts';
import type { HttpsAnswer } from '../../src/es9/https.ts';

const success = { functionExecutionStatus: { status: 'Executed-Success' } };

function answer(json: unknown, status = 200): HttpsAnswer {
  return { status, body: utf8(JSON.stringify(json)) };
}

function members(more: object) {
  return es9Members(answer({ header: success, ...more }));
}

function failed(statusCodeData: unknown, status = 'Failed') {
  return { header: { functionExecutionStatus: { status, statusCodeData } } };
}

const malformed = { name: 'Es9TransportError', kind: 'malformed' };
const tooLarge = { name: 'Es9TransportError', kind: 'too large' };

describe('es9Request (SGP.22 6.5.1)', () => {
  const header = { functionRequesterIdentifier: 'eim.example.com', functionCallIdentifier: 'x-1' };
  const request = es9Request('cancelSession', header, { transactionId: '0A' });

  it('posts JSON to the path of the function', () => {
    assert.equal(request.path, '/gsma/rsp2/es9plus/cancelSession');
    assert.deepEqual(JSON.parse(fromUtf8(request.body)), { header, transactionId: '0A' });
  });

  it('carries the headers that servers ask for', () => {
    assert.equal(request.headers['Content-Type'], 'application/json;charset=UTF-8');
    assert.match(request.headers['X-Admin-Protocol'] ?? '', /^gsma\/rsp\/v2\.\d+\.\d+$/);
    assert.match(request.headers['User-Agent'] ?? '', /^gsma-rsp-/);
  });
});

describe('the status of an answer (SGP.22 5.2.6, 6.5.1.4)', () => {
  it('is success, with or without a warning', () => {
    assert.ok(es9Members(answer({ header: success })));
    const warning = { functionExecutionStatus: { status: 'Executed-WithWarning' } };
    assert.ok(es9Members(answer({ header: warning })));
  });

  it('is a refusal with the codes and words of the SM-DP+', () => {
    const data = {
      subjectCode: '8.2.6',
      reasonCode: '3.10',
      subjectIdentifier: 'matchingId',
      message: 'no such order',
    };
    assert.throws(() => es9Members(answer(failed(data))), { name: 'Es9Error', ...data });
    assert.throws(() => es9Members(answer(failed(data, 'Expired'))), { name: 'Es9Error', ...data });
  });

  it('is a refusal even under an HTTP status that says so too', () => {
    const data = { subjectCode: '1.6', reasonCode: '2.1', message: 'generic' };
    for (const status of [400, 404, 500]) {
      assert.throws(() => es9Members(answer(failed(data), status)), { name: 'Es9Error', ...data });
    }
  });

  it('is a refusal without codes where the SM-DP+ gave none that can be read', () => {
    const none = { name: 'Es9Error', subjectCode: '-', reasonCode: '-' };
    const data = [undefined, null, 'nonsense', {}, { subjectCode: 8.2, reasonCode: ['3'] }];
    for (const one of [...data, { subjectCode: 'x/y', reasonCode: '' }]) {
      assert.throws(() => es9Members(answer(failed(one))), none);
    }
    assert.throws(() => es9Members(answer(failed({}))), { message: 'Failed, without a message' });
  });

  it('makes one short line of the message', () => {
    const message = `two\r\nlines \u001b[31m\u202e and ${'x'.repeat(5000)}`;
    const data = { subjectCode: '8.1', reasonCode: '6.1', message };
    assert.throws(
      () => es9Members(answer(failed(data))),
      ({ message: line }: Error) => {
        // biome's view of control characters in expressions: compare by code point.
        const plain = [...line].every((character) => character >= ' ' && character !== '\u202e');
        return plain && line.startsWith('two lines [31m and x') && line.length < 310;
      },
    );
  });

  it('is no answer of ES9+ where the header is missing, or says what none says', () => {
    for (const json of [{}, [], 1, null, 'text', { header: {} }, failed({}, 'Perhaps')]) {
      assert.throws(() => es9Members(answer(json)), malformed);
    }
    for (const text of ['', '<html>', '{', '\u0000', '{"header":']) {
      assert.throws(() => es9Members({ status: 200, body: utf8(text) }), malformed);
    }
    assert.throws(() => es9Members({ status: 200, body: hex('22 FF FE 22') }), malformed);
  });

  it('follows no redirect and believes no HTTP error', () => {
    const status = { name: 'Es9TransportError', kind: 'status' };
    const moved = { status: 302, location: 'https://evil.example', body: utf8('') };
    assert.throws(() => es9Members(moved), { ...status, message: /redirect to https:\/\/evil/ });
    assert.throws(() => es9Done(moved), status);
    for (const code of [100, 300, 404, 500, 503]) {
      assert.throws(() => es9Members({ status: code, body: utf8('<html>') }), status);
      assert.throws(() => es9Members(answer({ header: success }, code)), status);
      assert.throws(() => es9Done({ status: code, body: utf8('') }), status);
    }
  });
});

describe('what an answer says it is', () => {
  const json = answer({ header: success });
  it('is JSON, with whatever parameters, or nothing', () => {
    for (const contentType of [
      'application/json',
      'application/json;charset=UTF-8',
      'Application/JSON ; charset="utf-8"',
      'application/vnd.rsp+json',
    ]) {
      assert.ok(es9Members({ ...json, contentType }));
    }
    assert.ok(es9Members(json));
  });

  it('is refused as nonsense where it is anything else, unless there is no body', () => {
    for (const contentType of ['text/html', 'text/plain', 'application/jsonp', 'json', '']) {
      const message = /the answer is '.*', not application\/json/;
      assert.throws(() => es9Members({ ...json, contentType }), { ...malformed, message });
      assert.throws(() => es9Done({ ...json, contentType }), malformed);
      es9Done({ status: 204, body: utf8(''), contentType });
    }
  });

  it('is no refusal of the SM-DP+ in another type, but the HTTP status counts', () => {
    const contentType = 'text/html';
    const page = { ...answer({ header: success }, 502), contentType };
    assert.throws(() => es9Members(page), { kind: 'status', message: 'HTTP status 502' });
  });

  it('may say when to come again', () => {
    const busy = { status: 503, body: utf8(''), retryAfter: 120_000 };
    const message = 'HTTP status 503, to be asked again in 120 s';
    const told = { kind: 'status', status: 503, retryAfter: 120_000, message };
    assert.throws(() => es9Members(busy), told);
    assert.throws(() => es9Done(busy), told);
  });
});

describe('an answer without output', () => {
  it('is 204, an empty 200, or the header alone', () => {
    es9Done({ status: 204, body: utf8('') });
    es9Done({ status: 200, body: utf8('') });
    es9Done(answer({ header: success }));
  });

  it('may be a refusal', () => {
    const data = { subjectCode: '8.10.1', reasonCode: '3.9', message: 'unknown' };
    assert.throws(() => es9Done(answer(failed(data))), { name: 'Es9Error', ...data });
  });

  it('is refused as nonsense where it is neither', () => {
    assert.throws(() => es9Done({ status: 200, body: utf8('OK') }), malformed);
  });
});

describe('a member', () => {
  const bytes = hex('3003020101');

  it('is base64, with line breaks or without padding', () => {
    const text = base64(new Uint8Array(64).fill(7));
    const broken = text.replace(/.{20}/g, '$&\r\n');
    for (const one of [text, broken, text.replaceAll('=', ''), ` ${text} `]) {
      assert.deepEqual(members({ one }).octets('one', 64), new Uint8Array(64).fill(7));
    }
  });

  it('is refused in another alphabet, as another type, or when it is missing', () => {
    for (const one of ['a', 'ab_-', '@@@@', 1, true, {}, ['MAMCAQE=']]) {
      assert.throws(() => members({ one }).octets('one', 64), malformed);
    }
    assert.throws(() => members({}).octets('one', 64), malformed);
    assert.throws(() => members({ one: null }).octets('one', 64), malformed);
    assert.throws(() => members({}).octets('constructor', 64), malformed);
    assert.throws(() => members({}).octets('__proto__', 64), malformed);
  });

  it('is refused beyond its limit', () => {
    const one = base64(new Uint8Array(65));
    assert.throws(() => members({ one }).octets('one', 64), tooLarge);
    assert.throws(() => members({ one: ' '.repeat(10_000) }).octets('one', 64), tooLarge);
    assert.equal(members({ one }).octets('one', 65).length, 65);
  });

  it('is an object of one tag, and whole', () => {
    assert.deepEqual(members({ one: base64(bytes) }).object('one', 0x30, 64), bytes);
    assert.throws(() => members({ one: base64(bytes) }).object('one', 0xbf36, 64), malformed);
    for (const wrong of ['', '30', '300302', '300302010100']) {
      assert.throws(() => members({ one: base64(hex(wrong)) }).object('one', 0x30, 64), malformed);
    }
  });

  it('is a signature in its TLV or bare, of any length', () => {
    const plain = new Uint8Array(64).fill(0xab);
    const signature = (octets: Uint8Array) =>
      members({ one: base64(octets) }).contents('one', 0x5f37, 64, 256);
    assert.deepEqual(signature(Uint8Array.of(0x5f, 0x37, 0x40, ...plain)), plain);
    assert.deepEqual(signature(plain), plain);
    // The TTCN-3 suite signs with four octets.
    assert.deepEqual(signature(hex('01020304')), hex('01020304'));
    assert.deepEqual(signature(hex('5F37 04 01020304')), hex('01020304'));
    // One envelope is taken off, not two, and none that does not fit.
    assert.deepEqual(signature(hex('5F37 04 5F370101')), hex('5F370101'));
    assert.deepEqual(signature(hex('5F37 05 01020304')), hex('5F37 05 01020304'));
    assert.throws(() => signature(hex('')), malformed);
  });

  it('is bare where it has the length of bare contents, though it looks like a TLV', () => {
    const unlucky = Uint8Array.of(0x5f, 0x37, 61, ...new Uint8Array(61));
    assert.deepEqual(members({ one: base64(unlucky) }).contents('one', 0x5f37, 64, 256), unlucky);
  });

  it('transactionId is hex of either case', () => {
    assert.deepEqual(members({ transactionId: '00Ab' }).transactionId(), hex('00AB'));
    assert.equal(members({}).transactionId(), undefined);
    for (const wrong of ['', '0', 'xy', '0x0A', '0A '.repeat(2), '00'.repeat(17), 10]) {
      assert.throws(() => members({ transactionId: wrong }).transactionId(), malformed);
    }
  });
});

it('any body is members, a refusal or a transport error', () => {
  const bodies = fc.oneof(
    fc.uint8Array(),
    fc.json().map(utf8),
    fc.jsonValue().map((value) => answer({ header: { functionExecutionStatus: value } }).body),
    fc.jsonValue().map((value) => answer(failed(value)).body),
  );
  fc.assert(
    fc.property(bodies, fc.integer({ min: 100, max: 599 }), (body, status) => {
      try {
        es9Members({ status, body });
        return true;
      } catch (error) {
        return error instanceof Error && /^Es9(Transport)?Error$/.test(error.name);
      }
    }),
  );
});

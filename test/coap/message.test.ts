import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { generate, parse } from 'coap-packet';
import fc from 'fast-check';
import { hex, utf8 } from '../../src/base/bytes.ts';
import { decode, emptyMessage, encode, type Message } from '../../src/coap/message.ts';

const none = new Uint8Array();

/** Any messages, their options in order. */
function messages(): fc.Arbitrary<Message> {
  const octets = (maxLength: number) => fc.uint8Array({ maxLength });
  const whole = { noNullPrototype: true };
  return fc.record(
    {
      type: fc.constantFrom('CON', 'NON', 'ACK', 'RST'),
      code: fc.constantFrom('0.01', '0.02', '0.31', '2.05', '2.31', '4.08', '5.05', '7.31'),
      messageId: fc.integer({ min: 0, max: 0xffff }),
      token: octets(8),
      options: fc
        .array(fc.record({ number: fc.integer({ min: 1, max: 65535 }), value: octets(300) }, whole))
        .map((options) => options.sort((a, b) => a.number - b.number)),
      payload: octets(50),
    },
    whole,
  );
}

/** What coap-packet calls an option of that number: by name where it knows it. */
function nameOf(number: number): string | number | undefined {
  const delta = hex(
    number < 13
      ? `${number.toString(16)}0`
      : number < 269
        ? `d0${(number - 13).toString(16).padStart(2, '0')}`
        : `e0${(number - 269).toString(16).padStart(4, '0')}`,
  );
  return parse(Buffer.from([...hex('40010001'), ...delta])).options[0]?.name;
}

/** What both codecs say of bytes. */
function readings(bytes: Uint8Array): { readonly ours: unknown; readonly theirs: unknown } {
  const { type, code, messageId, token, options, payload } = decode(bytes);
  const theirs = parse(Buffer.from(bytes));
  const { confirmable, ack, reset } = theirs;
  const text = (octets: Uint8Array) => Buffer.from(octets).toString('hex');
  return {
    ours: {
      type,
      code,
      messageId,
      token: text(token),
      options: options.map(({ number, value }) => [nameOf(number), text(value)]),
      payload: text(payload),
    },
    theirs: {
      type: confirmable ? 'CON' : ack ? 'ACK' : reset ? 'RST' : 'NON',
      code: theirs.code,
      messageId: theirs.messageId,
      token: text(theirs.token),
      options: theirs.options.map(({ name, value }) => [name, text(value)]),
      payload: text(theirs.payload),
    },
  };
}

describe('message (RFC 7252 section 3)', () => {
  // Reference sheet section 7.8: what libcoap 4.3.1 put on the wire.
  const get: Message = {
    type: 'CON',
    code: '0.01',
    messageId: 0x3920,
    token: hex('01'),
    options: [{ number: 11, value: utf8('x') }],
    payload: none,
  };
  const content: Message = {
    type: 'ACK',
    code: '2.05',
    messageId: 0x3920,
    token: hex('01'),
    options: [],
    payload: utf8('hello x 0'),
  };

  it('reads a GET', () => assert.deepEqual(decode(hex('4101392001b178')), get));
  it('writes a GET', () => assert.deepEqual(encode(get), hex('4101392001b178')));
  it('reads a piggybacked response', () =>
    assert.deepEqual(decode(hex('6145392001ff68656c6c6f20782030')), content));
  it('writes a piggybacked response', () =>
    assert.deepEqual(encode(content), hex('6145392001ff68656c6c6f20782030')));
  it('writes ACK and RST', () => {
    assert.deepEqual(emptyMessage('ACK', 0x1234), hex('60001234'));
    assert.deepEqual(emptyMessage('RST', 0x1234), hex('70001234'));
  });

  // Reference sheet section 7.8, as first options; RFC 7252 section 3.1 for the extended forms.
  for (const [option, number, value] of [
    ['d1ef01', 252, '01'],
    ['d1f51a', 258, '1a'],
    ['e20017aabb', 292, 'aabb'],
    ['d1060e', 19, '0e'],
    ['d10a06', 23, '06'],
    ['d10e0a', 27, '0a'],
    [`bd00${'61'.repeat(13)}`, 11, '61'.repeat(13)],
    [`be0000${'61'.repeat(269)}`, 11, '61'.repeat(269)],
    ['e0fef2', 65535, ''],
  ] as const) {
    it(`C19 reads and writes option ${number} of ${value.length / 2} octets`, () => {
      const bytes = hex(`40010001${option}`);
      assert.deepEqual(decode(bytes).options, [{ number, value: hex(value) }]);
      assert.deepEqual(encode(decode(bytes)), bytes);
    });
  }

  // Those with a comma and MID are section 7.8's; each is refused, and a CON's sender gets a RST.
  for (const [bytes, why] of [
    ['49010001010203040506070809', 'token length 9'],
    ['4d01000100', 'token length 13'],
    ['4f010001', 'token length 15'],
    ['40010001ff', 'a marker and no payload'],
    ['40010001b5aa', 'an option cut off'],
    ['40010001d1', 'an option header cut off'],
    ['40010001e0ff', 'an option delta cut off'],
    ['4401000101', 'a token cut off'],
    ['4100000101', 'an Empty message with a token'],
    ['40000001ff01', 'an Empty message with a payload'],
    ['40010001f0', 'option delta 15'],
    ['400100010f', 'option length 15'],
    ['40010001e0ffffb0', 'an option number above 65535'],
  ] as const) {
    it(`refuses ${why}, and has it reset`, () => {
      assert.throws(() => decode(hex(bytes)), { name: 'MessageFormatError', reset: 1 });
    });
    it(`refuses ${why} in a NON, and has it ignored`, () => {
      const non = hex(bytes);
      non[0] = (non[0] ?? 0) | 0x10;
      assert.throws(() => decode(non), { name: 'MessageFormatError', reset: undefined });
    });
  }

  for (const bytes of ['', '40', '400100', '00010001', '80010001', 'c0010001']) {
    it(`has '${bytes}' ignored`, () => {
      assert.throws(() => decode(hex(bytes)), { name: 'MessageFormatError', reset: undefined });
    });
  }

  it('gives token, values and payload a memory that slice copies', () => {
    const bytes = hex('4101392001b178ff31');
    const message = decode(bytes);
    const copies = [message.token, message.options[0]?.value, message.payload].map((view) =>
      view?.slice(),
    );
    bytes.fill(0);
    assert.deepEqual(copies, [hex('01'), utf8('x'), utf8('1')]);
  });

  it('reads what it writes, whatever it is', () => {
    fc.assert(
      fc.property(messages(), (message) => {
        assert.deepEqual(decode(encode(message)), message);
      }),
      { numRuns: 300 },
    );
  });

  it('reads each message as coap-packet does', () => {
    fc.assert(
      fc.property(messages(), (message) => {
        const { ours, theirs } = readings(encode(message));
        assert.deepEqual(ours, theirs);
      }),
      { numRuns: 300 },
    );
  });

  it('reads each code as coap-packet does', () => {
    for (let octet = 1; octet < 256; octet++) {
      const { ours, theirs } = readings(Uint8Array.of(0x40, octet, 0, 1));
      assert.deepEqual(ours, theirs);
      assert.equal(encode(decode(Uint8Array.of(0x40, octet, 0, 1)))[1], octet);
    }
  });

  it('reads what became of a message as coap-packet does, where it is one still', () => {
    let taken = 0;
    let refused = 0;
    const change = fc.record({ at: fc.nat(80), octet: fc.nat(255) });
    fc.assert(
      fc.property(
        messages(),
        fc.array(change, { maxLength: 4 }),
        fc.nat(200),
        (message, at, cut) => {
          const bytes = encode(message).slice(0, cut < 100 ? cut : undefined);
          for (const { at: place, octet } of at) if (place < bytes.length) bytes[place] = octet;
          try {
            decode(bytes);
          } catch {
            refused++;
            return;
          }
          taken++;
          const { ours, theirs } = readings(bytes);
          assert.deepEqual(ours, theirs);
        },
      ),
      { numRuns: 1000 },
    );
    assert.ok(taken > 50 && refused > 50, `${taken} taken, ${refused} refused`);
  });

  it('writes options of any delta and length as coap-packet does, in whatever order they are given', () => {
    const edges = [0, 1, 12, 13, 14, 268, 269, 270];
    for (const number of edges.filter((edge) => edge > 0)) {
      for (const length of edges) {
        const options = [
          { number: 2 * number, value: new Uint8Array(length).fill(2) },
          { number, value: new Uint8Array(length).fill(1) },
          { number, value: hex('03') },
        ];
        const written = encode({ ...content, options });
        const theirs = generate({
          ack: true,
          code: content.code,
          messageId: content.messageId,
          token: Buffer.from(content.token),
          options: options.map((one) => ({ name: `${one.number}`, value: Buffer.from(one.value) })),
          payload: Buffer.from(content.payload),
        });
        assert.deepEqual(written, new Uint8Array(theirs));
      }
    }
  });

  it('writes a payload that is no text', () => {
    const payload = hex('00ff80');
    assert.deepEqual(encode({ ...content, payload }), hex('6145392001ff00ff80'));
  });

  it('reads any bytes or throws MessageFormatError', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
        if (bytes.length > 0) bytes[0] = 0x40 | ((bytes[0] ?? 0) & 0x3f);
        try {
          decode(bytes);
        } catch (error) {
          assert.equal((error as Error).name, 'MessageFormatError');
        }
      }),
      { numRuns: 3000 },
    );
  });
});

/** Test profiles: made to the octet, read back, and refused where an eUICC refuses them (SAIP, TCA). */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, it } from 'node:test';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { concat, hex, toHex } from '../../src/base/bytes.ts';
import { iccidOfDigits } from '../../src/messages/ids.ts';
import { readAll, tlv } from '../../src/messages/tlv.ts';
import { makeProfile } from '../../tools/lab/profile/make.ts';
import type { ReadOptions } from '../../tools/lab/profile/profile-header.ts';
import { ProfileReader, readProfile } from '../../tools/lab/profile/read.ts';
import { installed, PeStatus, ProfileError, refused } from '../../tools/lab/profile/status.ts';

/** The elements of the smallest package, by their place. */
const place = { header: 0, mf: 1, pukCodes: 2, pinCodes: 3, usim: 4, localPins: 5, aka: 6, sd: 7 };
const elements = readAll(makeProfile()).map((item) => item.raw);

/** The smallest package with some elements changed; an empty one is left out. */
function changed(changes: Readonly<Record<number, Uint8Array>>): Uint8Array {
  return concat(...elements.map((element, i) => changes[i] ?? element));
}

/** The element at a place with `from` replaced by `to` (hex, same length). */
function edited(at: number, from: string, to: string): Uint8Array {
  const before = toHex(elements[at] ?? new Uint8Array());
  const after = before.replace(from, to);
  assert.notEqual(after, before, `${from} is not in element ${at}`);
  return hex(after);
}

function refusal(
  bytes: Uint8Array,
  status: number,
  identification?: number,
  options?: ReadOptions,
) {
  assert.throws(
    () => readProfile(bytes, options),
    (error) => {
      assert.ok(error instanceof ProfileError, String(error));
      assert.deepEqual(
        { status: error.status, identification: error.identification },
        { status, identification },
        error.message,
      );
      return true;
    },
  );
}

describe('makeProfile', () => {
  it('makes the package of the facts sheet, octet for octet', () => {
    // rsp-lab.md 6.4: 701 octets, made and hashed by another program.
    const made = makeProfile();
    assert.equal(made.length, 701);
    assert.equal(
      createHash('sha256').update(made).digest('hex').toUpperCase(),
      '62BBE05BBFB1682992D07FDA4BE33CE10EA12D739B66EFDD80921A1E53C6E7EB',
    );
  });

  it('has 46 octets of overhead in each added file', () => {
    // rsp-lab.md 6.4: 9,000, 30,000 and 60,000 octets of content.
    for (const [size, count] of [
      [9_793, 11],
      [30_885, 13],
      [61_069, 17],
    ] as const) {
      const made = makeProfile({ size });
      assert.equal(made.length, size);
      assert.equal(readProfile(made).elements.length, count);
    }
  });

  it('meets every size from 738 octets on', () => {
    fc.assert(
      fc.property(fc.integer({ min: 738, max: 40_000 }), (size) => {
        const made = makeProfile({ size });
        assert.equal(made.length, size);
        assert.equal(readProfile(made).size, size);
      }),
      { numRuns: 200 },
    );
    for (const size of [8_969, 17_207, 61_440, 131_072]) {
      assert.equal(makeProfile({ size }).length, size);
    }
  });

  it('says which sizes it cannot make', () => {
    assert.throws(() => makeProfile({ size: 700 }), /smallest .* 701, the next 738/);
    assert.throws(() => makeProfile({ size: 737 }), RangeError);
    assert.throws(() => makeProfile({ size: 2 ** 21 }), RangeError);
  });

  it('fills files with what its seed decides, and what nothing compresses', () => {
    const one = makeProfile({ size: 30_000, seed: 'one' });
    assert.deepEqual(one, makeProfile({ size: 30_000, seed: 'one' }));
    assert.notDeepEqual(one, makeProfile({ size: 30_000, seed: 'two' }));
    assert.ok(gzipSync(one).length > 29_000);
  });

  it('takes its parameters over', () => {
    const iccid = iccidOfDigits('8949449999999990007');
    const profile = readProfile(
      makeProfile({
        iccid,
        imsi: '26201123456789',
        key: new Uint8Array(16).fill(0xaa),
        opc: new Uint8Array(16).fill(0xbb),
        serviceProviderName: 'Sixteen letters.',
        name: 'Mine',
      }),
    );
    assert.equal(profile.iccid, iccid);
    assert.equal(profile.efIccid, iccid);
    assert.equal(profile.imsi, '26201123456789');
    assert.equal(profile.profileType, 'Mine');
    assert.deepEqual(profile.aka[0], {
      algorithm: 'milenage',
      key: new Uint8Array(16).fill(0xaa),
      opc: new Uint8Array(16).fill(0xbb),
    });
  });

  it('refuses parameters that do not fit their files', () => {
    assert.throws(() => makeProfile({ imsi: '1234567890123456' }), RangeError);
    assert.throws(() => makeProfile({ imsi: '00101x' }), RangeError);
    assert.throws(() => makeProfile({ key: new Uint8Array(15) }), RangeError);
    assert.throws(() => makeProfile({ opc: new Uint8Array(17) }), RangeError);
    assert.throws(() => makeProfile({ serviceProviderName: 'Seventeen letters' }), RangeError);
    assert.throws(() => makeProfile({ name: '' }), RangeError);
  });
});

describe('readProfile', () => {
  it('reads what an eUICC needs', () => {
    const { aka: _, elements: read, ...profile } = readProfile(makeProfile());
    assert.deepEqual(profile, {
      majorVersion: 2,
      minorVersion: 1,
      profileType: 'Lab Minimal',
      iccid: iccidOfDigits('89880000000000000017'),
      efIccid: iccidOfDigits('89880000000000000017'),
      imsi: '001010000000001',
      mandatoryServices: ['usim', 'milenage'],
      size: 701,
    });
    assert.deepEqual(
      read.map((element) => element.name),
      [
        'header',
        'mf',
        'pukCodes',
        'pinCodes',
        'usim',
        'pinCodes',
        'akaParameter',
        'securityDomain',
        'end',
      ],
    );
  });

  it('reads a package that comes in pieces, cut anywhere', () => {
    const whole = makeProfile({ size: 3_000 });
    const due = readProfile(whole);
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 1_500 }), { minLength: 1 }), (lengths) => {
        const reader = new ProfileReader();
        for (let at = 0, i = 0; at < whole.length; i++) {
          const length = lengths[i % lengths.length] ?? 1;
          reader.push(whole.subarray(at, at + length));
          at += length;
        }
        assert.deepEqual(reader.done(), due);
      }),
      { numRuns: 30 },
    );
  });

  it('refuses an element as soon as it is there', () => {
    const reader = new ProfileReader();
    reader.push(concat(...elements.slice(0, 2)));
    assert.throws(() => reader.push(elements[0] ?? new Uint8Array()), ProfileError);
  });

  const format = PeStatus.invalidRequestFormat;

  it('refuses what is cut off, empty or followed by more', () => {
    const whole = makeProfile();
    refusal(new Uint8Array(0), format);
    refusal(whole.subarray(0, 600), format);
    refusal(concat(...elements.slice(0, -1)), format);
    refusal(concat(whole, Uint8Array.of(0)), format);
    refusal(concat(whole, elements.at(-1) ?? whole), format);
  });

  it('refuses a package without its header first, or with two', () => {
    refusal(changed({ [place.header]: new Uint8Array() }), format);
    refusal(concat(elements[0] ?? new Uint8Array(), makeProfile()), format);
  });

  it('refuses a version it does not know', () => {
    const later = changed({ [place.header]: edited(place.header, '800102', '800104') });
    refusal(later, PeStatus.unsupportedProfileVersion);
    assert.equal(readProfile(later, { majorVersions: [4] }).majorVersion, 4);
  });

  it('refuses a mandatory service that it lacks, or that nobody knows', () => {
    const services = ['usim', 'tuak128'] as const;
    refusal(makeProfile(), PeStatus.featureNotSupported, undefined, { services });
    const unknown = changed({
      [place.header]: edited(place.header, 'A50481008400', 'A5048100BE00'),
    });
    refusal(unknown, PeStatus.featureNotSupported);
  });

  it('refuses an identification given twice', () => {
    const twice = edited(place.pukCodes, 'A0058000810102', 'A0058000810101');
    refusal(changed({ [place.pukCodes]: twice }), PeStatus.badValues, 1);
  });

  it('refuses an element that it does not know if that is mandated, and passes over it if not', () => {
    const mandated = hex('AB07 A0058000810120');
    const free = hex('AB05 A003810120');
    const insert = (element: Uint8Array) =>
      changed({ [place.sd]: concat(elements[7] ?? element, element) });
    refusal(insert(mandated), PeStatus.peNotSupported, 0x20);
    refusal(insert(hex('A90E A0058000810120 810188 820188')), format);
    refusal(insert(hex('A90D A0058000810120 810188 820188')), PeStatus.peNotSupported, 0x20);
    assert.equal(readProfile(insert(free)).elements.length, 9);
  });

  it('refuses elements out of order', () => {
    const [header = hex(''), mf = hex(''), puk = hex(''), pin = hex('')] = elements;
    refusal(concat(header, puk, mf, ...elements.slice(3)), format, 2);
    refusal(concat(header, mf, pin, puk, ...elements.slice(4)), PeStatus.badValues, 3);
    refusal(
      changed({ [place.mf]: concat(mf, edited(place.mf, '810101', '810120')) }),
      format,
      0x20,
    );
  });

  it('refuses a USIM without PINs or without an algorithm, and an algorithm without a USIM', () => {
    const none = new Uint8Array();
    refusal(changed({ [place.localPins]: none }), PeStatus.pinCodeMissing, 8);
    refusal(changed({ [place.aka]: none }), format, 8);
    refusal(changed({ [place.usim]: none }), format, 6);
  });

  it('refuses a package without a file system or a security domain', () => {
    refusal(changed({ [place.sd]: new Uint8Array() }), format, 8);
    refusal(
      concat(elements[0] ?? hex(''), elements[7] ?? hex(''), elements[8] ?? hex('')),
      format,
      8,
    );
  });

  it('refuses a template of another element, or of nobody', () => {
    const other = edited(place.usim, '67810F010204', '67810F010208');
    refusal(changed({ [place.usim]: other }), PeStatus.templateNotSupported, 4);
    const nobody = edited(place.mf, '67810F010201', '2A864886F701');
    refusal(changed({ [place.mf]: nobody }), PeStatus.templateNotSupported, 1);
  });

  it('refuses content that does not fit its file', () => {
    const long = edited(place.mf, '800110', '80010F');
    refusal(changed({ [place.mf]: long }), PeStatus.badValues, 1);
    const command = (size: string) =>
      hex(
        `A123 A0058000810120 A11A 3018 8000 620F 82024121 83022F40 8001${size} 8800 8100 8103AABBCC`,
      );
    const insert = (element: Uint8Array) =>
      changed({ [place.mf]: concat(elements[1] ?? element, element) });
    assert.equal(readProfile(insert(command('03'))).elements.length, 10);
    refusal(insert(command('02')), PeStatus.badValues, 0x20);
  });

  it('refuses codes, keys and algorithms that cannot be', () => {
    const short = edited(place.pukCodes, '81083131313131313131', '82083131313131313131');
    refusal(changed({ [place.pukCodes]: short }), format, 2);
    const reference = edited(place.pinCodes, '80010A', '800109');
    refusal(changed({ [place.pinCodes]: reference }), format, 3);
    const twice = edited(place.pukCodes, '80020081', '80020001');
    refusal(changed({ [place.pukCodes]: twice }), format, 2);
    const algorithm = edited(place.aka, '800101', '800104');
    refusal(changed({ [place.aka]: algorithm }), PeStatus.featureNotSupported, 6);
    const tuak = edited(place.aka, '800101', '800102');
    refusal(changed({ [place.aka]: tuak }), PeStatus.badValues, 6);
    const noAid = edited(place.sd, '4F07A0', '4E07A0');
    refusal(changed({ [place.sd]: noAid }), format, 7);
  });

  it('refuses an EF.ICCID and an EF.IMSI that hold none', () => {
    const iccid = edited(place.mf, 'A40C830A98880000000000000071', 'A40C8309988800000000000000AA');
    refusal(changed({ [place.mf]: iccid }), format, 1);
    const shorter = hex(
      toHex(elements[place.mf] ?? hex(''))
        .replace('A40C830A98880000000000000071', 'A402830098880000000000000071')
        .replace('98880000000000000071', '')
        .replace('B06F', 'B065'),
    );
    assert.equal(readProfile(changed({ [place.mf]: shorter })).efIccid, undefined);
    const imsi = edited(place.usim, '0809101000', '08A9101000');
    refusal(changed({ [place.usim]: imsi }), PeStatus.badValues, 4);
  });

  it('reads the versioned templates, empty files and further elements of published packages', () => {
    // Shapes of GSMA TS.48 packages, written out by hand: template with a version arc, doNotCreate, filePath PINs.
    const usim = hex(
      toHex(elements[place.usim] ?? hex(''))
        .replace('810667810F010204', '810767810F01020402')
        .replace('B38197', 'B38198'),
    );
    const more = concat(
      hex('B413 A003810130 810667810F010205 A2028000 A300'),
      tlv(0xa2, hex('A003810131'), tlv(0xa1, hex('81027FD0'))),
      tlv(
        0xa7,
        hex('A003810132 4F10A0000005591010FFFFFFFF8900000100 A005 0403B00000 810116 040100 040100'),
      ),
    );
    const read = readProfile(
      changed({ [place.usim]: usim, [place.sd]: concat(elements[7] ?? usim, more) }),
    );
    assert.deepEqual(
      read.elements.slice(-3).map((element) => element.name),
      ['pinCodes', 'rfm', 'end'],
    );
  });

  it('reads an application that is built file by file, without a template', () => {
    // As in the sample profile of the SIMalliance specification, written out by hand: an ADF, and two gaps in a file.
    const adf = tlv(0x62, hex('82027821 83027FF1 840CA0000000871002FF49FF0589'));
    const file = tlv(0x62, hex('82024121 83026F73 80010E 880160'));
    const content = hex('020107 8103AABBCC 020101 8101DD');
    const command = tlv(0x30, tlv(0x80), adf, file, content);
    const built = tlv(0xa1, hex('A0058000810104'), tlv(0xa1, command));
    const profile = readProfile(changed({ [place.usim]: built }));
    assert.equal(profile.imsi, undefined);
    assert.equal(profile.aka.length, 1);
  });

  it('throws nothing but ProfileError, whatever it reads', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        assert.throws(() => readProfile(bytes), ProfileError);
      }),
    );
    const whole = makeProfile({ size: 1_000 });
    fc.assert(
      fc.property(fc.nat(whole.length - 1), fc.integer({ min: 1, max: 255 }), (at, change) => {
        const tampered = whole.slice();
        tampered[at] = (tampered[at] ?? 0) ^ change;
        try {
          readProfile(tampered);
        } catch (error) {
          assert.ok(error instanceof ProfileError, String(error));
        }
      }),
      { numRuns: 1_000 },
    );
  });
});

describe('EUICCResponse', () => {
  it('says that a profile was installed', () => {
    assert.deepEqual(installed(), hex('3007 A005 3003 800100')); // rsp-lab.md 4.1
  });

  it('says which element was refused and why', () => {
    // rsp-lab.md 4.1, and the message behind it: 82.
    assert.deepEqual(
      refused(new ProfileError(3, 7, 'no')),
      hex('3010 A008 3006 800103 810107 8100 82026E6F'),
    );
    assert.deepEqual(
      refused(new ProfileError(5, undefined, '')),
      hex('3009 A005 3003 800105 8100'),
    );
  });
});

/** Devices out of files: CSV and JSON in the shapes that spreadsheets and scripts write, each mistake with its line. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { readDeviceFile } from '../../src/cli/device-file.ts';
import { CliError } from '../../src/cli/exit.ts';
import { parseEid } from '../../src/messages/ids.ts';

const eid = parseEid('89044045118427484800000000011628');
const otherEid = parseEid('89033023427000000000000000000123');
const key = '000102030405060708090a0b0c0d0e0f';
const pin = 'AB'.repeat(32);

const meter = { identity: 'meter-1', key, eids: [eid] };

describe('a CSV of devices', () => {
  const shapes: Readonly<Record<string, string>> = {
    plain: `identity,key,eids\nmeter-1,${key},${eid}\n`,
    'other names and case': `PSK Identity,PSK,EID\nmeter-1,${key},${eid}\n`,
    'semicolons, CRLF and a byte order mark': `\uFEFFidentity;key;eids\r\nmeter-1;${key};${eid}\r\n`,
    tabs: `identity\tkey\teids\nmeter-1\t${key}\t${eid}`,
    'quotes and blanks': `"identity", key ,eids\n"meter-1", ${key} ,"${eid}"\n\n`,
    'another order of columns': `eids,note,identity,key\n${eid},,meter-1,${key}\n`,
  };
  for (const [what, text] of Object.entries(shapes)) {
    it(`is read: ${what}`, () => {
      const { lines: devices, flaws } = readDeviceFile(text);
      assert.deepEqual({ devices, flaws }, { devices: [{ line: 2, device: meter }], flaws: [] });
    });
  }

  it('may hold every member, several EIDs and pins, and line ends in quotes', () => {
    const text = `identity,eids,certificates,publickeys,chain,note\n"a ""b"", c",${eid} ${otherEid},${pin.toLowerCase()};${pin},${pin},yes,"x"\n\nd,${eid}|${otherEid},,,,\ne,,"${pin}\n",,no,z`;
    const { lines: devices, flaws } = readDeviceFile(text);
    assert.deepEqual(flaws, []);
    assert.deepEqual(devices, [
      {
        line: 2,
        device: {
          identity: 'a "b", c',
          eids: [eid, otherEid],
          certificates: [pin, pin],
          publicKeys: [pin],
          chain: true,
          note: 'x',
        },
      },
      { line: 4, device: { identity: 'd', eids: [eid, otherEid] } },
      { line: 5, device: { identity: 'e', certificates: [pin], chain: false, note: 'z' } },
    ]);
  });

  it('has each mistake told by line and field, and not by what stands there', () => {
    const secret = `${key}zz`;
    const lines = [
      'identity,key,eids',
      `a,${secret},${eid}`,
      `b,${key},1${eid.slice(1)}`,
      `,${key},`,
      `c,${key},${eid}`,
      `c,${key},${eid}`,
      `d,${key},${eid},${secret}`,
      `e,${key},${eid} 12`,
      `"f,${key}`,
    ];
    const { lines: devices, flaws } = readDeviceFile(lines.join('\n'));
    assert.deepEqual(
      devices.map(({ line }) => line),
      [5],
    );
    assert.deepEqual(
      flaws.map(({ line, field }) => [line, field]),
      [
        [2, 'key'],
        [3, 'eids[0]'],
        [4, 'identity'],
        [6, 'identity'],
        [7, ''],
        [8, 'eids[1]'],
        [9, ''],
      ],
    );
    assert.ok(!JSON.stringify(flaws).includes(key));
    assert.equal(flaws[3]?.message, 'is that of line 5');
  });

  it('without names in its first line is refused, and the line not shown', () => {
    assert.throws(
      () => readDeviceFile(`meter-1,${key}\n`),
      (error) =>
        error instanceof CliError &&
        /^line 1: column 1 is none of identity, key/.test(error.message) &&
        !error.message.includes(key),
    );
    assert.throws(() => readDeviceFile(' \n'), /the file is empty/);
  });
});

describe('a JSON of devices', () => {
  const shapes: Readonly<Record<string, readonly [text: string, line: number]>> = {
    'an array': [JSON.stringify([meter]), 1],
    'an array with line ends': [JSON.stringify([meter], null, 2), 2],
    'an object with devices': [JSON.stringify({ devices: [meter] }, null, 2), 3],
    'an object a line': [`${JSON.stringify(meter)}\n\n`, 1],
    'other names': [`[{"identity":"meter-1","psk":"${key}","eid":"${eid}"}]`, 1],
  };
  for (const [what, [text, line]] of Object.entries(shapes)) {
    it(`is read: ${what}`, () => {
      const { lines: devices, flaws } = readDeviceFile(text);
      assert.deepEqual({ devices, flaws }, { devices: [{ line, device: meter }], flaws: [] });
    });
  }

  it('has each mistake told by line and field', () => {
    const text = `[
  {"identity": "a]},{\\"", "key": "${key}"},
  {"identity": "b", "key": "${key}",
   "eids": ["1"]}, {"identity": "c", "key": ${key}},
  7,
  {"identity": "d", "${key}": 1},
  {"identity": "e", "key": "${key}"
  },
  [],
  {"identity": "f",, "key": "${key}"}
]`;
    const { lines: devices, flaws } = readDeviceFile(text);
    assert.deepEqual(
      devices.map(({ line, device }) => [line, device.identity]),
      [
        [2, 'a]},{"'],
        [7, 'e'],
      ],
    );
    assert.deepEqual(
      flaws.map(({ line, field }) => [line, field]),
      [
        [3, 'eids[0]'],
        [4, ''],
        [5, ''],
        [6, ''],
        [9, ''],
        [10, ''],
      ],
    );
    assert.ok(!JSON.stringify(flaws).includes(key));
  });

  it('that is cut off says so', () => {
    const { flaws } = readDeviceFile(JSON.stringify([meter, meter], null, 2).slice(0, -4));
    assert.match(flaws.at(-1)?.message ?? '', /^the file ends before/);
  });

  it('of any text is read or refused, and never throws anything else', () => {
    const pieces = ['[', ']', '{', '}', '"', ',', ';', '\n', 'identity', 'key', '\\', '1', ':'];
    fc.assert(
      fc.property(fc.array(fc.oneof(fc.constantFrom(...pieces), fc.string())), (parts) => {
        try {
          readDeviceFile(parts.join(''));
        } catch (error) {
          assert.ok(error instanceof CliError, String(error));
        }
      }),
      { numRuns: 300, seed: 1 },
    );
  });
});

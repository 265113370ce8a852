/** ICCIDs as operators give them: printed, or as the hex of EF.ICCID. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseAnyIccid } from '../../src/rest/api/ids.ts';

describe('an ICCID in either form', () => {
  const forms: Readonly<Record<string, readonly [given: string, efIccid: string]>> = {
    'printed, 19 digits': ['8949449999999990023', '989444999999990920F3'],
    'printed, 18 digits': ['894944999999999002', '989444999999990920FF'],
    'printed, 20 digits': ['89494499999999900234', '98944499999999092043'],
    'printed in groups': ['8949 4499-9999 9990 023', '989444999999990920F3'],
    'hex of EF.ICCID with a filler': ['989444999999990920f3', '989444999999990920F3'],
    // 20 digits either way: 98 tells that they are swapped, since printed ones begin with 89 (ITU-T E.118).
    'hex of EF.ICCID without a filler': ['98944499999999092043', '98944499999999092043'],
  };
  for (const [name, [given, efIccid]] of Object.entries(forms)) {
    it(`is read: ${name}`, () => assert.equal(parseAnyIccid(given), efIccid));
  }

  for (const wrong of ['', '8949', '894944999999999002345', '8949449999999990O23', '98xx']) {
    it(`is refused: '${wrong}'`, () =>
      assert.throws(() => parseAnyIccid(wrong), { name: 'IdError' }));
  }
});

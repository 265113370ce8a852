/** The error INTEGERs of ESipa as subject and reason codes in JSON (facts sheet 4.5), and back. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Es9Error } from '../../src/es9/errors.ts';
import { statusOfError } from '../../src/esipa/json-status.ts';
import { EimPackageError } from '../../src/messages/eim-package.ts';
import {
  AuthenticateClientErrorEsipa,
  CancelSessionErrorEsipa,
  GetBoundProfilePackageErrorEsipa,
  InitiateAuthenticationErrorEsipa,
} from '../../src/messages/profile-download.ts';
import { esipaCode } from '../../src/procedures/es9-errors.ts';

const relayed = {
  initiateAuthentication: Object.values(InitiateAuthenticationErrorEsipa),
  authenticateClient: [...Object.values(AuthenticateClientErrorEsipa), 18],
  getBoundProfilePackage: Object.values(GetBoundProfilePackageErrorEsipa),
  cancelSession: Object.values(CancelSessionErrorEsipa),
} as const;

/** Those that the eIM raises itself: an SM-DP+ has no words for them. */
const own: readonly number[] = [50, 51, 52];

describe('an error of ESipa in JSON', () => {
  for (const name of Object.keys(relayed) as (keyof typeof relayed)[]) {
    it(`has the codes that lead to it where an SM-DP+ says them: ${name}`, () => {
      for (const code of relayed[name]) {
        const status = statusOfError(name, code);
        assert.ok(status.status === 'Failed');
        const { subjectCode, reasonCode } = status.statusCodeData;
        const said = new Es9Error({ subjectCode, reasonCode, message: '' });
        const due = own.includes(code) ? 127 : code;
        assert.equal(esipaCode(name, said, 'v1.3'), due, `${code} ${subjectCode}/${reasonCode}`);
      }
    });
  }

  it('has codes of its own for each, and the name', () => {
    const all = Object.entries(EimPackageError).map(([name, code]) => {
      const status = statusOfError('getEimPackage', code);
      assert.ok(status.status === 'Failed');
      const { subjectCode, reasonCode, message } = status.statusCodeData;
      assert.equal(message, name);
      return `${subjectCode}/${reasonCode}`;
    });
    assert.deepEqual(all, ['8.1.1/3.7', '8.1.1/3.9', '8.1.1/2.1', '8.1.1/2.2', '1.2/4.2']);
  });

  it('has codes also where it is none of the standard', () => {
    const status = statusOfError('provideEimPackageResult', 99);
    assert.ok(status.status === 'Failed');
    assert.equal(status.statusCodeData.subjectCode, '1.2');
  });
});

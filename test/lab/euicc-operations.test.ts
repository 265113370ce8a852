/**
 * Every PSMO and eCO against the virtual eUICC: what it does, and each result code of its enumeration (SGP.32 v1.2,
 * facts sheets sgp32-eim.md 1.5.3 and rsp-lab.md 5.2 to 5.6). Codes that no state of a card leads to come of a fault.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { hex, toHex } from '../../src/base/bytes.ts';
import {
  AddEimResultCode,
  DeleteEimResult,
  type Eco,
  UpdateEimResult,
} from '../../src/messages/eco.ts';
import { ProfileRollbackResponse } from '../../src/messages/es10.ts';
import {
  EuiccPackageErrorCode,
  EuiccPackageResult,
  type EuiccResultData,
} from '../../src/messages/euicc-package.ts';
import {
  ConfigureImmediateEnableResult,
  DeleteProfileResult,
  DisableProfileResult,
  EnableProfileResult,
  ProfileInfoListError,
  type Psmo,
  SetDefaultDpAddressResult,
  SetFallbackAttributeResult,
  UnsetFallbackAttributeResult,
} from '../../src/messages/psmo.ts';
import type { OperationName } from '../../tools/lab/euicc/chip.ts';
import { configuration, otherSigner, pki, profile, resultsOf, TestCard } from './card.ts';

const [a, b, c] = ['98880000000000000071', '98880000000000000089', '98880000000000000097'];
const nowhere = hex('98880000000000000001');

const enable = (iccid: string, rollback = false): Psmo => ({
  type: 'enable',
  value: { iccid: hex(iccid), ...(rollback ? { rollbackFlag: true } : {}) },
});
const disable = (iccid: string): Psmo => ({ type: 'disable', value: { iccid: hex(iccid) } });
const remove = (iccid: string): Psmo => ({ type: 'delete', value: { iccid: hex(iccid) } });
const setFallback = (iccid: string): Psmo => ({
  type: 'setFallbackAttribute',
  value: { iccid: hex(iccid) },
});
const unsetFallback: Psmo = { type: 'unsetFallbackAttribute', value: {} };
const list: Psmo = { type: 'listProfileInfo', value: {} };
const getRat: Psmo = { type: 'getRAT', value: {} };
const addEim = (...of: Parameters<typeof configuration>): Eco => ({
  type: 'addEim',
  value: configuration(...of),
});
const deleteEim = (eimId: string): Eco => ({ type: 'deleteEim', value: { eimId } });
const listEim: Eco = { type: 'listEim', value: {} };

/** A card with A enabled, B disabled, C that may be the fallback profile. */
function card(options: ConstructorParameters<typeof TestCard>[1] = {}): TestCard {
  const profiles = [profile(a, {}, true), profile(b), profile(c, { fallbackAllowed: true })];
  return new TestCard(profiles, options);
}

/** The result of a package of one operation. */
function one(on: TestCard, operation: Psmo): EuiccResultData['value'] {
  const [result, ...more] = on.run(operation);
  assert.equal(more.length, 0);
  return result?.value ?? assert.fail('no result');
}

describe('enable', () => {
  it('switches, the enabled profile off first, and lets the device see it at its reset', () => {
    const on = card();
    assert.equal(one(on, enable(b)), EnableProfileResult.ok);
    assert.deepEqual(on.enabled, [b]);
    assert.ok(on.euicc.refreshPending);
  });

  const cases: Readonly<Record<keyof typeof EnableProfileResult, () => [TestCard, Psmo]>> = {
    ok: () => [card(), enable(b, true)],
    iccidOrAidNotFound: () => [card(), enable(toHex(nowhere))],
    profileNotInDisabledState: () => [card(), enable(a)],
    disallowedByPolicy: () => [
      new TestCard([profile(a, { profilePolicyRules: ['ppr1'] }, true), profile(b)]),
      enable(b),
    ],
    catBusy: () => [busy(), enable(b)],
    rollbackNotAvailable: () => [new TestCard([profile(b)]), enable(b, true)],
    undefinedError: () => [faulty('enable', 127), enable(b)],
  };
  each(EnableProfileResult, cases);
});

describe('disable', () => {
  const cases: Readonly<Record<keyof typeof DisableProfileResult, () => [TestCard, Psmo]>> = {
    ok: () => [card(), disable(a)],
    iccidOrAidNotFound: () => [card(), disable(toHex(nowhere))],
    profileNotInEnabledState: () => [card(), disable(b)],
    disallowedByPolicy: () => [
      new TestCard([profile(a, { profilePolicyRules: ['ppr1'] }, true)]),
      disable(a),
    ],
    catBusy: () => [busy(), disable(a)],
    undefinedError: () => [faulty('disable', 127), disable(a)],
  };
  each(DisableProfileResult, cases);
});

describe('delete', () => {
  it('takes the profile away, and gives its memory back', () => {
    const on = card();
    const { freeMemory } = on.euicc.snapshot();
    assert.equal(one(on, remove(b)), DeleteProfileResult.ok);
    assert.deepEqual(on.iccids, [a, c]);
    assert.equal(on.euicc.snapshot().freeMemory, freeMemory + 1000);
  });

  it('leaves the profile that a rollback would go back to (20)', () => {
    const on = card();
    const results = on.run(enable(b, true), remove(c), remove(a));
    assert.deepEqual(
      results.map(({ value }) => value),
      [0, 0, DeleteProfileResult.rollbackNotAvailable],
    );
    assert.deepEqual(on.iccids, [a, b]);
    // Without a rollback to come nothing keeps it.
    assert.equal(one(on, remove(a)), DeleteProfileResult.ok);
  });

  const cases: Readonly<
    Record<
      Exclude<keyof typeof DeleteProfileResult, 'rollbackNotAvailable'>,
      () => [TestCard, Psmo]
    >
  > = {
    ok: () => [card(), remove(b)],
    iccidOrAidNotFound: () => [card(), remove(toHex(nowhere))],
    profileNotInDisabledState: () => [card(), remove(a)],
    disallowedByPolicy: () => [
      new TestCard([profile(b, { profilePolicyRules: ['ppr2'] })]),
      remove(b),
    ],
    returnFallbackProfile: () => [inFallback(), remove(a)],
    undefinedError: () => [faulty('delete', 127), remove(b)],
  };
  each(DeleteProfileResult, cases);
});

describe('listProfileInfo', () => {
  const tagged = (
    tagList: string,
    searchCriteria?: Extract<Psmo, { type: 'listProfileInfo' }>['value']['searchCriteria'],
  ): Psmo => ({
    type: 'listProfileInfo',
    value: { tagList: hex(tagList), ...(searchCriteria === undefined ? {} : { searchCriteria }) },
  });

  /** The list, and the bytes of each profile's ICCID. */
  function listed(on: TestCard, operation: Psmo) {
    const [result] = on.run(operation);
    assert.ok(result?.type === 'listProfileInfoResult');
    assert.ok(result.value.type === 'profileInfoListOk');
    return result.value.value;
  }

  it('tells the default data where no tagList is sent', () => {
    const on = card();
    on.run(setFallback(c));
    assert.deepEqual(listed(on, list)[2], {
      iccid: hex(c),
      isdpAid: hex('A0000005591010FFFFFFFF8900009700'),
      profileState: 0,
      serviceProviderName: 'Lab',
      profileName: 'One',
      profileClass: 2,
      fallbackAttribute: true,
      fallbackAllowed: true,
    });
  });

  it('tells what a tagList asks for, of the profiles that the criteria choose', () => {
    const on = card();
    const iccids = (operation: Psmo) =>
      listed(on, operation).map(({ iccid }) => toHex(iccid ?? nowhere));
    assert.deepEqual(iccids(tagged('5A')), [a, b, c]);
    assert.deepEqual(iccids(tagged('5A', { type: 'iccid', value: hex(b) })), [b]);
    assert.deepEqual(iccids(tagged('5A', { type: 'profileClass', value: 2 })), [a, b, c]);
    assert.deepEqual(iccids(tagged('5A', { type: 'profileClass', value: 0 })), []);
    const aid = hex('A0000005591010FFFFFFFF8900008900');
    assert.deepEqual(iccids(tagged('5A', { type: 'isdpAid', value: aid })), [b]);
    assert.deepEqual(listed(on, tagged('9F7092'))[0], {
      profileState: 1,
      profileName: 'One',
      fallbackAttribute: false,
    });
  });

  it('tells nothing in a package that changed a profile (11)', () => {
    const [, result] = card().run(disable(a), list);
    assert.deepEqual(result, listError(ProfileInfoListError.profileChangeOngoing));
  });

  for (const code of [
    ProfileInfoListError.incorrectInputValues,
    ProfileInfoListError.undefinedError,
  ]) {
    it(`answers ${code} where a fault asks it to`, () => {
      assert.deepEqual(faulty('listProfileInfo', code).run(list), [listError(code)]);
    });
  }

  it('is cut short where the results are too long (resultSizeOverflow), and others fit', () => {
    const on = card({ mostResultOctets: 60 });
    assert.deepEqual(on.run(list), [{ type: 'processingTerminated', value: 1 }]);
    assert.deepEqual(on.run(tagged('5A'), tagged('5A'))[1], {
      type: 'processingTerminated',
      value: 1,
    });
    assert.equal(listed(on, tagged('5A')).length, 3);
  });
});

describe('getRAT', () => {
  it('tells the rules, and an empty table where nothing is allowed', () => {
    assert.deepEqual(card().run(getRat), [
      {
        type: 'getRATResult',
        value: [
          {
            pprIds: ['ppr1', 'ppr2'],
            allowedOperators: [{ mccMnc: hex('EEEEEE') }],
            pprFlags: [],
          },
        ],
      },
    ]);
    assert.deepEqual(card({ allowedRules: [] }).run(getRat), [{ type: 'getRATResult', value: [] }]);
    assert.equal(card({ allowedRules: [] }).es10('BF4300'), 'BF4302A000');
  });
});

describe('fallback attribute', () => {
  it('is of one profile, and moves', () => {
    const on = new TestCard([
      profile(a, { fallbackAllowed: true }, true),
      profile(b, { fallbackAllowed: true }),
    ]);
    const holders = () =>
      on.euicc.snapshot().profiles.flatMap((one) => (one.fallbackAttribute ? [one.iccid] : []));
    one(on, setFallback(a));
    one(on, setFallback(b));
    assert.deepEqual(holders(), [b]);
    assert.equal(one(on, unsetFallback), UnsetFallbackAttributeResult.ok);
    assert.deepEqual(holders(), []);
  });

  each(SetFallbackAttributeResult, {
    ok: () => [card(), setFallback(c)],
    iccidOrAidNotFound: () => [card(), setFallback(toHex(nowhere))],
    fallbackNotAllowed: () => [card(), setFallback(b)],
    fallbackProfileEnabled: () => [inFallback(), setFallback(c)],
    undefinedError: () => [faulty('setFallbackAttribute', 127), setFallback(c)],
  });

  each(UnsetFallbackAttributeResult, {
    ok: () => [withFallback(), unsetFallback],
    noFallbackAttribute: () => [card(), unsetFallback],
    fallbackProfileEnabled: () => [inFallback(), unsetFallback],
    commandError: () => [faulty('unsetFallbackAttribute', 7), unsetFallback],
    undefinedError: () => [faulty('unsetFallbackAttribute', 127), unsetFallback],
  });

  it('lets the IPA fall back and return, each once, and not where nothing has it', () => {
    const on = card();
    assert.equal(on.es10('BF5D038001FF'), 'BF5D03800106');
    one(on, setFallback(c));
    assert.equal(on.es10('BF5D038001FF'), 'BF5D03800100');
    assert.deepEqual(on.enabled, [c]);
    assert.equal(on.es10('BF5D038001FF'), 'BF5D03800102');
    assert.equal(on.es10('BF5E038001FF'), 'BF5E03800100');
    assert.deepEqual(on.enabled, [a]);
    assert.equal(on.es10('BF5E038001FF'), 'BF5E03800106');
  });
});

describe('default SM-DP+', () => {
  const set = (defaultDpAddress: string): Psmo => ({
    type: 'setDefaultDpAddress',
    value: { defaultDpAddress },
  });
  const value = (setDefaultDpAddressResult: number) => ({ setDefaultDpAddressResult });

  it('is set, told, and taken away again by an empty one', () => {
    const on = card();
    assert.deepEqual(one(on, set('dp')), value(SetDefaultDpAddressResult.ok));
    assert.ok(on.es10('BF3C00').includes('80026470'));
    assert.deepEqual(one(on, set('')), value(SetDefaultDpAddressResult.ok));
    assert.ok(!on.es10('BF3C00').includes('80026470'));
    assert.equal(on.es10('BF650480026470'), 'BF6503800100');
    assert.ok(on.es10('BF3C00').includes('80026470'));
  });

  it('is refused where it is too long (127)', () => {
    const long = set('a'.repeat(256));
    assert.deepEqual(one(card(), long), value(SetDefaultDpAddressResult.undefinedError));
  });
});

describe('configureImmediateEnable', () => {
  const configure = (
    request: Extract<Psmo, { type: 'configureImmediateEnable' }>['value'],
  ): Psmo => ({ type: 'configureImmediateEnable', value: request });
  const on = { immediateEnableFlag: true, defaultSmdpOid: '2.999.10' } as const;

  it('is kept, and switched off by an empty request', () => {
    const on1 = card();
    one(on1, configure({ ...on, defaultSmdpAddress: 'dp' }));
    assert.deepEqual(on1.euicc.snapshot().immediateEnable, {
      smdpOid: '2.999.10',
      smdpAddress: 'dp',
    });
    one(on1, configure({}));
    assert.equal(on1.euicc.snapshot().immediateEnable, undefined);
  });

  each(ConfigureImmediateEnableResult, {
    ok: () => [card(), configure(on)],
    insufficientMemory: () => [
      card(),
      configure({ immediateEnableFlag: true, defaultSmdpAddress: 'a'.repeat(256) }),
    ],
    commandError: () => [card(), configure({ defaultSmdpOid: '2.999.10' })],
    undefinedError: () => [faulty('configureImmediateEnable', 127), configure(on)],
  });

  it('is the device’s own affair only while no eIM is associated (BF59)', () => {
    const associated = card();
    assert.equal(associated.es10('BF59028000'), 'BF5903800102');
    associated.runEcos(deleteEim('e'));
    assert.equal(associated.es10('BF59028000'), 'BF5903800100');
    assert.deepEqual(associated.euicc.snapshot().immediateEnable, {});
  });

  it('enables nothing without a session (BF5A)', () => {
    const on1 = card();
    one(on1, configure(on));
    assert.equal(on1.es10('BF5A038001FF'), 'BF5A03800104');
    assert.deepEqual(on1.enabled, [a]);
  });
});

describe('several operations', () => {
  it('are carried out in their order, each with a result of its own, up to the first that fails', () => {
    const on = card();
    const results = on.run(disable(a), remove(b), setFallback(b), unsetFallback);
    assert.deepEqual(results, [
      { type: 'disableResult', value: 0 },
      { type: 'deleteResult', value: 0 },
      { type: 'setFallbackAttributeResult', value: 1 },
    ]);
    assert.deepEqual(on.iccids, [a, c]);
  });

  it('end where the power is lost (interruption): what was done stays done', () => {
    const on = card();
    on.euicc.faults.powerCutAtOperation = 2;
    assert.deepEqual(on.run(disable(a), remove(b)), [
      { type: 'disableResult', value: 0 },
      { type: 'processingTerminated', value: 3 },
    ]);
    assert.deepEqual([on.enabled, on.iccids], [[], [a, b, c]]);
  });
});

describe('rollback', () => {
  const rollback = 'BF58038001FF';

  it('goes back to the profile of before, once, and says so in a new result', () => {
    const on = card();
    const first = on.run(enable(b, true));
    assert.deepEqual(first, [{ type: 'enableResult', value: 0 }]);
    const answer = ProfileRollbackResponse.decode(on.euicc.transmit(hex(rollback)));
    assert.equal(answer.cmdResult, 0);
    const result = answer.eUICCPackageResult ?? assert.fail('no result');
    assert.deepEqual(resultsOf(result), [
      { type: 'enableResult', value: 0 },
      { type: 'rollbackResult', value: 0 },
    ]);
    assert.ok(result.type === 'euiccPackageResultSigned');
    const { counterValue, eimTransactionId } = result.value.euiccPackageResultDataSigned.value;
    assert.deepEqual([counterValue, eimTransactionId], [1, hex('AAAAAAAA')]);
    assert.deepEqual(on.enabled, [a]);
    // The result of before is gone, and nobody is told of the switch.
    assert.equal(on.euicc.snapshot().packageResults.length, 1);
    assert.deepEqual(on.euicc.snapshot().notifications, []);
    assert.equal(on.es10(rollback), 'BF5803020101');
  });

  it('is not allowed without the flag, after its result was delivered, or after another package', () => {
    const without = card();
    without.run(enable(b));
    assert.equal(without.es10(rollback), 'BF5803020101');
    const delivered = card();
    delivered.run(enable(b, true));
    const seqNumber = delivered.euicc.snapshot().rollback?.seqNumber ?? 0;
    delivered.es10(`BF30038001${seqNumber.toString(16).padStart(2, '0')}`);
    assert.equal(delivered.es10(rollback), 'BF5803020101');
    const later = card();
    later.run(enable(b, true));
    later.run(list);
    assert.equal(later.es10(rollback), 'BF5803020101');
    assert.deepEqual([without.enabled, delivered.enabled, later.enabled], [[b], [b], [b]]);
  });

  it('waits while the card is busy (5), and keeps over a reset', () => {
    const on = card();
    on.run(enable(b, true));
    on.euicc.reset();
    on.euicc.restore(on.euicc.snapshot());
    on.euicc.faults.catBusy = true;
    assert.equal(on.es10(rollback), 'BF5803020105');
    delete on.euicc.faults.catBusy;
    assert.ok(on.es10(rollback).includes('020100'));
    assert.deepEqual(on.enabled, [a]);
  });

  it('keeps what else the package did', () => {
    const on = card();
    on.run(enable(b, true), remove(c));
    on.es10(rollback);
    assert.deepEqual([on.enabled, on.iccids], [[a], [a, b]]);
    // The deletion is still told.
    assert.equal(on.euicc.snapshot().notifications.length, 1);
  });
});

describe('emergency profile', () => {
  it('keeps packages and fallback away while it is enabled (104), and nobody is notified', () => {
    const on = new TestCard([
      profile(a, {}, true),
      profile(b, { ecallIndication: true }),
      profile(c, { fallbackAllowed: true }),
    ]);
    one(on, setFallback(c));
    assert.equal(on.es10('BF5C038001FF'), 'BF5C03800102');
    assert.equal(on.es10('BF5B038001FF'), 'BF5B03800100');
    assert.deepEqual(on.enabled, [b]);
    assert.equal(on.es10('BF5B038001FF'), 'BF5B03800102');
    const error = EuiccPackageResult.decode(on.send({ type: 'psmoList', value: [list] }));
    assert.ok(error.type === 'euiccPackageErrorSigned');
    const { euiccPackageErrorCode } = error.value.euiccPackageErrorDataSigned.value;
    assert.equal(euiccPackageErrorCode, EuiccPackageErrorCode.ecallActive);
    assert.equal(on.es10('BF5D038001FF'), 'BF5D03800168');
    assert.equal(on.es10('BF5C038001FF'), 'BF5C03800100');
    assert.deepEqual(on.enabled, [a]);
    assert.deepEqual(on.euicc.snapshot().notifications, []);
    assert.equal(card().es10('BF5B038001FF'), 'BF5B03800108');
  });
});

describe('eIMs', () => {
  it('are added with a token of their own or none, listed, and deleted', () => {
    const on = card();
    const fqdn = { eimFqdn: 'f', eimIdType: 2 };
    assert.deepEqual(
      on.runEcos(addEim('x', { associationToken: -1, ...fqdn }), addEim('y'), listEim),
      [
        { type: 'addEimResult', value: { type: 'associationToken', value: 1 } },
        { type: 'addEimResult', value: { type: 'addEimResultCode', value: 0 } },
        {
          type: 'listEimResult',
          value: {
            type: 'eimIdList',
            value: [{ eimId: 'e' }, { eimId: 'x', eimIdType: 2 }, { eimId: 'y' }],
          },
        },
      ],
    );
    assert.deepEqual(on.runEcos(deleteEim('x'), deleteEim('y')), [
      { type: 'deleteEimResult', value: DeleteEimResult.ok },
      { type: 'deleteEimResult', value: DeleteEimResult.ok },
    ]);
    // The token is never given again: a package signed under it stays a stranger's.
    assert.deepEqual(on.runEcos(addEim('x', { associationToken: -1 })), [
      { type: 'addEimResult', value: { type: 'associationToken', value: 2 } },
    ]);
  });

  each(AddEimResultCode, {
    ok: () => [card(), addEim('x')],
    insufficientMemory: () => [card({ mostEims: 1 }), addEim('x')],
    associatedEimAlreadyExists: () => [card(), addEim('e')],
    ciPKUnknown: () => [card(), addEim('x', { euiccCiPKId: new Uint8Array(20) })],
    invalidAssociationToken: () => [card(), addEim('x', { associationToken: 7 })],
    counterValueOutOfRange: () => [card(), addEim('x', { counterValue: 0x800000 })],
    commandError: () => [card(), addEim('x', { eimPublicKeyData: undefined })],
    undefinedError: () => [faulty('addEim', 127), addEim('x')],
  });

  each(DeleteEimResult, {
    ok: () => [withAnother(), deleteEim('x')],
    eimNotFound: () => [card(), deleteEim('x')],
    lastEimDeleted: () => [card(), deleteEim('e')],
    commandError: () => [faulty('deleteEim', 7), deleteEim('e')],
    undefinedError: () => [faulty('deleteEim', 127), deleteEim('e')],
  });

  const update = (...of: Parameters<typeof configuration>): Eco => ({
    type: 'updateEim',
    value: configuration(...of),
  });
  each(UpdateEimResult, {
    ok: () => [withAnother(), update('x', { eimFqdn: 'new' })],
    eimNotFound: () => [card(), update('x')],
    ciPKUnknown: () => [withAnother(), update('x', { euiccCiPKId: new Uint8Array(20) })],
    counterValueOutOfRange: () => [withAnother(), update('x', { counterValue: 0x800000 })],
    commandError: () => [withAnother(), update('x', { associationToken: -1 })],
    undefinedError: () => [faulty('updateEim', 127), update('e')],
  });

  it('list is an error where a fault asks it to', () => {
    assert.deepEqual(faulty('listEim', 127).runEcos(listEim), [
      { type: 'listEimResult', value: { type: 'listEimError', value: 127 } },
    ]);
  });

  it('the last one gone, another first one is let in; its results are still signed for the old', () => {
    const on = card();
    assert.deepEqual(on.runEcos(deleteEim('e')), [{ type: 'deleteEimResult', value: 2 }]);
    const refused = EuiccPackageResult.decode(on.send({ type: 'ecoList', value: [listEim] }));
    assert.equal(refused.type, 'euiccPackageErrorUnsigned');
    assert.equal(on.es10('BF5500'), 'BF5502A000');
  });

  it('take another key with another counter, and no lower counter without one', () => {
    const on = card();
    on.counterValue = 9;
    on.run(list);
    const value = (configured: Eco) => on.runEcos(configured)[0]?.value;
    const lower = { type: 'updateEim', value: { eimId: 'e', counterValue: 3 } } as const;
    assert.equal(value(lower), UpdateEimResult.counterValueOutOfRange);
    assert.equal(value(update('e', { counterValue: 3 }, otherSigner)), UpdateEimResult.ok);
    // From here on the new key signs, and the counter goes on from the one given.
    on.counterValue = 3;
    const stranger = EuiccPackageResult.decode(on.send({ type: 'psmoList', value: [list] }));
    assert.equal(stranger.type, 'euiccPackageErrorUnsigned');
    on.signer = otherSigner;
    assert.equal(on.run(list).length, 1);
    assert.equal(on.counterValue, 5);
  });

  it('take a key out of a certificate', () => {
    const value = pki.eimSign.certificate;
    const added = addEim('x', { eimPublicKeyData: { type: 'eimCertificate', value } });
    assert.deepEqual(card().runEcos(added), [
      { type: 'addEimResult', value: { type: 'addEimResultCode', value: 0 } },
    ]);
  });
});

/** One test for each code: the case leads to it, and it is the only result. */
function each<Names extends Readonly<Record<string, number>>>(
  names: Names,
  cases: Partial<Readonly<Record<keyof Names, () => [TestCard, Psmo | Eco]>>>,
): void {
  for (const [name, code] of Object.entries(names)) {
    const make = cases[name];
    if (make === undefined) continue;
    it(`${name} (${code})`, () => {
      const [on, operation] = make();
      const results = isEco(operation) ? on.runEcos(operation) : on.run(operation);
      assert.equal(results.length, 1);
      assert.equal(numberOf(results[0]), code);
    });
  }
}

const ecoNames: readonly string[] = ['addEim', 'deleteEim', 'updateEim', 'listEim'];

function isEco(operation: Psmo | Eco): operation is Eco {
  return ecoNames.includes(operation.type);
}

function numberOf(result: EuiccResultData | undefined): number | undefined {
  const value = result?.value;
  return typeof value === 'object' && 'value' in value ? Number(value.value) : Number(value);
}

function listError(value: number): EuiccResultData {
  return { type: 'listProfileInfoResult', value: { type: 'profileInfoListError', value } };
}

function faulty(operation: OperationName, code: number): TestCard {
  const on = card();
  on.euicc.faults.operations = { [operation]: code };
  return on;
}

function busy(): TestCard {
  const on = card();
  on.euicc.faults.catBusy = true;
  return on;
}

function withFallback(): TestCard {
  const on = card();
  one(on, setFallback(c));
  return on;
}

/** A was enabled, and the device fell back to C. */
function inFallback(): TestCard {
  const on = withFallback();
  assert.equal(on.es10('BF5D038001FF'), 'BF5D03800100');
  return on;
}

function withAnother(): TestCard {
  const on = card();
  on.runEcos(addEim('x'));
  return on;
}

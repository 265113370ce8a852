/** What the eIM verifies for an IPA that leaves that to it (eimProfileMetadataVerification), and leaves to any other. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { concat, hex } from '../../src/base/bytes.ts';
import { parseIccid } from '../../src/messages/ids.ts';
import { IpaCapabilities } from '../../src/messages/ipa-euicc-data.ts';
import type { RulesAuthorisationTable } from '../../src/messages/psmo.ts';
import { EUICCInfo2, StoreMetadataRequest } from '../../src/messages/rsp.ts';
import { tlv } from '../../src/messages/tlv.ts';
import { metadataFault } from '../../src/procedures/profile-metadata.ts';
import { authenticateError, Download, packageError } from './download.ts';
import { eid, iccid } from './euicc.ts';
import { boundProfilePackage, metadata, transactionId } from './smdp.ts';

type Features = IpaCapabilities['ipaFeatures'];
const verifying: Features = ['indirectRspServerCommunication', 'eimProfileMetadataVerification'];
const owner = { mccMnc: hex('32F451') };

function announced(change: Partial<StoreMetadataRequest> = {}): Uint8Array {
  return StoreMetadataRequest.encode({ ...StoreMetadataRequest.decode(metadata), ...change });
}

/** A package as SGP.22 2.5.3 has it, with metadata in segments of `length` octets and MACs of zeros. */
function packageWith(stored: Uint8Array, length = 1008): Uint8Array {
  const segments: Uint8Array[] = [];
  for (let at = 0; at < stored.length; at += length) {
    segments.push(tlv(0x88, concat(stored.subarray(at, at + length), new Uint8Array(8))));
  }
  const profile = tlv(0xa3, tlv(0x86, new Uint8Array(1016)));
  const configure = tlv(0xa0, tlv(0x87, new Uint8Array(24)));
  return tlv(0xbf36, tlv(0xbf23, hex('820101')), configure, tlv(0xa1, ...segments), profile);
}

/** A package with two sequences of StoreMetadata. */
function twice(one: Uint8Array, other: Uint8Array): Uint8Array {
  const segment = (stored: Uint8Array) => tlv(0xa1, tlv(0x88, stored, new Uint8Array(8)));
  return tlv(0xbf36, tlv(0xbf23, hex('820101')), segment(one), segment(other));
}

/** A download of an IPA with these features, as far as InitiateAuthentication. */
async function begun(features = verifying, offer = announced()): Promise<Download> {
  const download = await Download.begin();
  const { rig } = download;
  const ipaCapabilities = IpaCapabilities.encode({ ipaFeatures: features });
  await rig.eim.euiccs.update(eid, { ipaCapabilities });
  rig.smdp.always.authenticateClient = { profileMetadata: offer };
  await download.initiate();
  return download;
}

async function bound(download: Download, stored: Uint8Array) {
  assert.equal((await download.authenticate()).type, 'authenticateClientOkDPEsipa');
  download.rig.smdp.next('getBoundProfilePackage', { boundProfilePackage: stored });
  return download.getBoundProfilePackage();
}

describe('metadata that the eIM verifies', () => {
  it('goes on where all fits, and the package with it', async () => {
    const download = await begun();
    const answer = await bound(download, packageWith(announced()));
    assert.ok(answer.type === 'getBoundProfilePackageOkEsipa');
    assert.deepEqual(answer.value.boundProfilePackage, packageWith(announced()));
  });

  it('is taken together where it comes in several segments', async () => {
    const offer = announced({ iconType: 1, icon: new Uint8Array(1024).map((_, i) => i) });
    const download = await begun(verifying, offer);
    const answer = await bound(download, packageWith(offer, 500));
    assert.equal(answer.type, 'getBoundProfilePackageOkEsipa');
  });

  it('may be written otherwise in the package, as long as it says the same', async () => {
    const download = await begun();
    // profileClass operational is the default: DER leaves it out, some write it.
    const written = tlv(0xbf25, announced().subarray(3), hex('950102'));
    const answer = await bound(download, packageWith(written));
    assert.equal(answer.type, 'getBoundProfilePackageOkEsipa');
  });

  it('is left out of the answer to an IPA that saves octets', async () => {
    const thrifty = await begun([...verifying, 'minimizeEsipaBytes']);
    const spared = await thrifty.authenticate();
    assert.ok(spared.type === 'authenticateClientOkDPEsipa');
    assert.equal(spared.value.profileMetaData, undefined);
    const other = await (await begun()).authenticate();
    assert.ok(other.type === 'authenticateClientOkDPEsipa');
    assert.deepEqual(other.value.profileMetaData, announced());
  });

  for (const [what, stored, told] of [
    ['another name', packageWith(announced({ profileName: 'Other' })), /not what was announced/],
    [
      'rules that were not announced',
      packageWith(announced({ profilePolicyRules: ['ppr1'] })),
      /not what was announced/,
    ],
    [
      'a second StoreMetadata behind the announced one',
      twice(announced(), announced({ profilePolicyRules: ['ppr1'] })),
      /cannot be read.*more than one/,
    ],
    [
      'a member that was not announced, of whatever kind',
      packageWith(tlv(0xbf25, announced().subarray(3), hex('BF7F020500'))),
      /not what was announced/,
    ],
    [
      'a member twice, of which an eUICC may take either',
      packageWith(tlv(0xbf25, announced().subarray(3), hex('9204'), hex('4F746872'))),
      /not what was announced|cannot be read/,
    ],
    ['no StoreMetadata', boundProfilePackage, /cannot be read/],
    [
      'a segment too short for its MAC',
      tlv(0xbf36, tlv(0xa1, tlv(0x88, new Uint8Array(8)))),
      /cannot be read/,
    ],
    ['nonsense for StoreMetadata', packageWith(hex('3003020101')), /cannot be read/],
  ] as const) {
    it(`refuses a package with ${what} as metadataMismatch, and hands out nothing of it`, async () => {
      const download = await begun();
      assert.deepEqual(await bound(download, stored), packageError(50));
      const { outcome, reason } = await download.end();
      assert.deepEqual(outcome, [{ procedureError: 'getBoundProfilePackageError' }]);
      assert.match(reason, told);
      assert.deepEqual(await download.getBoundProfilePackage(), packageError(127));
    });
  }

  it('is for the IPA to hold to the package where it has not said that it leaves that to the eIM', async () => {
    const download = await begun(['indirectRspServerCommunication']);
    const answer = await bound(download, boundProfilePackage);
    assert.equal(answer.type, 'getBoundProfilePackageOkEsipa');
  });

  it('refuses a profile that the eUICC has, and says so', async () => {
    const download = await begun();
    const profiles = { since: 0, list: [{ iccid: parseIccid(iccid) }] };
    await download.rig.eim.euiccs.update(eid, { profiles });
    assert.deepEqual(await download.authenticate(), authenticateError(127));
    const { outcome, reason } = await download.end();
    assert.deepEqual(outcome, [{ procedureError: 'authenticateClientError' }]);
    assert.match(reason, /has a profile of ICCID [0-9]+ already: delete it first/);
  });

  it('does not refuse it where that is in doubt, or left to the IPA', async () => {
    for (const features of [verifying, ['indirectRspServerCommunication'] as const]) {
      const download = await begun(features);
      const { euiccs, store } = download.rig.eim;
      await euiccs.update(eid, { profiles: { since: 0, list: [{ iccid: parseIccid(iccid) }] } });
      await store.commit([...euiccs.doubt(eid, ['profiles'], 'a reset')]);
      assert.equal((await download.authenticate()).type, 'authenticateClientOkDPEsipa');
    }
  });

  it('refuses a profile without metadata, or with metadata that it cannot read', async () => {
    const without = await begun();
    without.rig.smdp.always.authenticateClient = { profileMetadata: undefined };
    assert.deepEqual(await without.authenticate(), authenticateError(127));
    assert.match((await without.end()).reason, /no metadata that could be verified/);
    const nonsense = await begun(verifying, hex('BF2503020101'));
    assert.deepEqual(await nonsense.authenticate(), authenticateError(127));
    assert.match((await nonsense.end()).reason, /cannot be read/);
  });

  it('refuses rules as pprNotAllowed; the device cancels, and the SM-DP+ is told the reason', async () => {
    const download = await begun(
      verifying,
      announced({ profilePolicyRules: ['ppr1'], profileOwner: owner }),
    );
    const { rig } = download;
    await rig.eim.euiccs.update(eid, { rulesAuthorisationTable: [] });
    assert.deepEqual(await download.authenticate(), authenticateError(50));
    const { outcome, reason } = await download.end();
    assert.deepEqual(outcome, [{ procedureError: 'authenticateClientError' }]);
    assert.match(
      reason,
      /have PPR1, which the eUICC's Rules Authorisation Table allows no profile/,
    );

    const cancelled = await download.cancel(rig.euicc.cancelSession(transactionId, 3));
    assert.deepEqual(cancelled, { type: 'cancelSessionOk', value: {} });
    assert.equal(rig.smdp.named('cancelSession').length, 1);
    assert.match((await download.history()).at(-1) ?? '', /pprNotAllowed.*; the SM-DP\+ was told$/);
    assert.deepEqual((await download.end()).outcome, outcome, 'what is done stays');
  });

  it('lets rules pass that the table allows their owner, and those of an unknown table', async () => {
    const offer = announced({ profilePolicyRules: ['ppr1'], profileOwner: owner });
    const allowed = await begun(verifying, offer);
    await allowed.rig.eim.euiccs.update(eid, {
      rulesAuthorisationTable: [{ pprIds: ['ppr1'], allowedOperators: [owner], pprFlags: [] }],
    });
    assert.equal((await allowed.authenticate()).type, 'authenticateClientOkDPEsipa');
    const unknown = await begun(verifying, offer);
    assert.equal((await unknown.authenticate()).type, 'authenticateClientOkDPEsipa');
  });

  it('goes by the table that the eUICC told of last', async () => {
    const download = await begun(
      verifying,
      announced({ profilePolicyRules: ['ppr2'], profileOwner: owner }),
    );
    const { rig } = download;
    await download.authenticate();
    await rig.notify(rig.euicc.installation(transactionId));
    const order = await rig.psmo({ getRAT: {} });
    const asked = await rig.fetchPackage();
    const table = [
      { pprIds: ['ppr2'], allowedOperators: [{ mccMnc: hex('EEEEEE') }], pprFlags: [] },
    ] as const;
    await rig.provide({
      type: 'euiccPackageResult',
      value: rig.euicc.result(asked, [{ type: 'getRATResult', value: table }]),
    });
    assert.equal((await rig.end(order)).success, true);
    assert.deepEqual((await rig.eim.euiccs.get(eid))?.rulesAuthorisationTable, table);
  });
});

describe('Profile Policy Rules', () => {
  const info2 = (forbidden: readonly ('ppr1' | 'ppr2')[]) =>
    EUICCInfo2.encode({
      profileVersion: hex('030301'),
      svn: hex('020500'),
      euiccFirmwareVer: hex('010000'),
      extCardResource: hex('8101008202FFFF8302FFFF'),
      uiccCapability: ['usimSupport'],
      rspCapability: ['additionalProfile'],
      euiccCiPKIdListForVerification: [],
      euiccCiPKIdListForSigning: [],
      forbiddenProfilePolicyRules: forbidden,
      ppVersion: hex('010000'),
      sasAcreditationNumber: 'GI-BA-UP-0419',
    });
  const any = { mccMnc: hex('EEEEEE') };
  const rule = (...allowedOperators: RulesAuthorisationTable[number]['allowedOperators']) => [
    { pprIds: ['ppr1' as const], allowedOperators, pprFlags: ['consentRequired' as const] },
  ];
  const rows: readonly (readonly [
    what: string,
    offer: Partial<StoreMetadataRequest>,
    table: RulesAuthorisationTable | undefined,
    forbidden: readonly ('ppr1' | 'ppr2')[],
    isAllowed: boolean,
  ])[] = [
    ['none', {}, [], ['ppr1', 'ppr2'], true],
    ['pprUpdateControl alone', { profilePolicyRules: ['pprUpdateControl'] }, [], [], true],
    ['of any operator', { profilePolicyRules: ['ppr1'], profileOwner: owner }, rule(any), [], true],
    [
      'of this operator',
      { profilePolicyRules: ['ppr1'], profileOwner: owner },
      rule(owner),
      [],
      true,
    ],
    [
      'of operators by other digits',
      { profilePolicyRules: ['ppr1'], profileOwner: owner },
      rule({ mccMnc: hex('32E5EE') }),
      [],
      false,
    ],
    [
      'of an operator with any last digits',
      { profilePolicyRules: ['ppr1'], profileOwner: owner },
      rule({ mccMnc: hex('32F4EE') }),
      [],
      true,
    ],
    [
      'of another operator',
      { profilePolicyRules: ['ppr1'], profileOwner: owner },
      rule({ mccMnc: hex('32F452') }),
      [],
      false,
    ],
    ['of no owner', { profilePolicyRules: ['ppr1'] }, rule(any), [], false],
    [
      'another one than allowed',
      { profilePolicyRules: ['ppr2'], profileOwner: owner },
      rule(any),
      [],
      false,
    ],
    [
      'one of two',
      { profilePolicyRules: ['ppr1', 'ppr2'], profileOwner: owner },
      rule(any),
      [],
      false,
    ],
    [
      'forbidden',
      { profilePolicyRules: ['ppr1'], profileOwner: owner },
      rule(any),
      ['ppr1'],
      false,
    ],
    ['forbidden, table unknown', { profilePolicyRules: ['ppr2'] }, undefined, ['ppr2'], false],
    ['not forbidden, table unknown', { profilePolicyRules: ['ppr2'] }, undefined, ['ppr1'], true],
    [
      'of this group',
      { profilePolicyRules: ['ppr1'], profileOwner: { ...owner, gid1: hex('0A') } },
      rule({ ...owner, gid1: hex('0A') }),
      [],
      true,
    ],
    [
      'of another group',
      { profilePolicyRules: ['ppr1'], profileOwner: { ...owner, gid1: hex('0B') } },
      rule({ ...owner, gid1: hex('0A') }),
      [],
      false,
    ],
    [
      'of no group, where the table has one',
      { profilePolicyRules: ['ppr1'], profileOwner: owner },
      rule({ ...owner, gid2: hex('0A') }),
      [],
      false,
    ],
    [
      'of any group, the table leaving it empty',
      { profilePolicyRules: ['ppr1'], profileOwner: { ...owner, gid1: hex('0B') } },
      rule({ ...owner, gid1: new Uint8Array() }),
      [],
      true,
    ],
  ];
  for (const [what, offer, rulesAuthorisationTable, forbidden, isAllowed] of rows) {
    it(`are ${isAllowed ? 'allowed' : 'refused'}: ${what}`, () => {
      const record = {
        doubts: {},
        ...(rulesAuthorisationTable === undefined ? {} : { rulesAuthorisationTable }),
      };
      const fault = metadataFault(record, announced(offer), info2(forbidden));
      assert.equal(fault?.about, isAllowed ? undefined : 'ppr');
    });
  }
});

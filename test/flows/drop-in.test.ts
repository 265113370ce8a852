/**
 * The drop-in API as its scripts use it, the whole way: each order of its schema by plain HTTP to a real listener,
 * through the eIM and DTLS to the lab's eUICC and SM-DP+, and back as JSON. What comes is held against the shapes of the
 * facts sheet (sections 1.5.3 and 7.3), which are spelled out here, not taken from the code.
 */
import assert from 'node:assert/strict';
import { createPublicKey } from 'node:crypto';
import { describe, it } from 'node:test';
import { hex, toHex } from '../../src/base/bytes.ts';
import { silentLog } from '../../src/base/log.ts';
import { EimConfigurationData } from '../../src/messages/eco.ts';
import { check } from '../../src/rest/api/errors.ts';
import { Lookup } from '../../src/rest/drop-in.ts';
import { loadLabPki } from '../../tools/lab/pki/lab-pki.ts';
import { profile } from '../lab/card.ts';
import { at, get, send } from '../rest/http.ts';
import { deskOf, serveRest } from '../rest/running.ts';
import { seededRandom } from '../support/seeded.ts';
import { iccid } from './smdp.ts';
import { eid, World } from './world.ts';

/** ICCIDs as in EF.ICCID. */
const [a = '', b = '', c = ''] = [1, 2, 3].map((n) =>
  `898800000000000000${n}F`.replace(/(.)(.)/g, '$2$1'),
);
const hexText = /^([0-9A-F]{2})+$/;
const iccidHex = /^[0-9F]{20}$/;

/** The names of 1.5.3 of each result that is one word. */
const words: Readonly<Record<string, readonly string[]>> = {
  enableResult: [
    'ok',
    'iccidOrAidNotFound',
    'profileNotInDisabledState',
    'disallowedByPolicy',
    'catBusy',
    'rollbackNotAvailable',
    'undefinedError',
  ],
  disableResult: [
    'ok',
    'iccidOrAidNotFound',
    'profileNotInEnabledState',
    'disallowedByPolicy',
    'catBusy',
    'undefinedError',
  ],
  deleteResult: [
    'ok',
    'iccidOrAidNotFound',
    'profileNotInDisabledState',
    'disallowedByPolicy',
    'rollbackNotAvailable',
    'returnFallbackProfile',
    'undefinedError',
  ],
  configureImmediateEnableResult: ['ok', 'insufficientMemory', 'commandError', 'undefinedError'],
  configureAutoEnableResult: ['ok', 'insufficientMemory', 'commandError', 'undefinedError'],
  setFallbackAttributeResult: [
    'ok',
    'iccidOrAidNotFound',
    'fallbackNotAllowed',
    'fallbackProfileEnabled',
    'undefinedError',
  ],
  unsetFallbackAttributeResult: [
    'ok',
    'noFallbackAttribute',
    'fallbackProfileEnabled',
    'commandError',
    'undefinedError',
  ],
  setDefaultDpAddressResult: ['ok', 'undefinedError'],
  deleteEimResult: ['ok', 'eimNotFound', 'lastEimDeleted', 'commandError', 'undefinedError'],
  updateEimResult: [
    'ok',
    'eimNotFound',
    'ciPKUnknown',
    'counterValueOutOfRange',
    'commandError',
    'undefinedError',
  ],
  rollbackResult: ['ok', 'undefinedError'],
  processingTerminated: [
    'resultSizeOverflow',
    'unknownOrDamagedCommand',
    'interruption',
    'undefinedError',
  ],
  cancelSessionResult: ['ok', 'undefinedError'],
  euiccUpdateResult: ['ok', 'badParam', 'badParamFormat'],
  euiccPackageErrorCode: [
    'invalidEid',
    'replayError',
    'counterValueOutOfRange',
    'sizeOverflow',
    'ecallActive',
    'undefinedError',
    'counterValueMismatch',
  ],
  eimPackageError: ['invalidPackageFormat', 'unknownPackage', 'undefinedError'],
  procedureError: [
    'initiateAuthenticationError',
    'authenticateResponseError',
    'authenticateClientError',
    'downloadResponseError',
    'getBoundProfilePackageError',
    'cancelSessionResponseError',
    'handleNotificationError',
    'euiccSignatureInvalid',
    'undefinedError',
    'badPsmo',
    'badEco',
    'badEdr',
    'badOrder',
    'abortedOrder',
    'stuckOrder',
    'noshowOrder',
  ],
};

/** Exactly these members, each as it must be; those with `?` may be absent. */
function shaped(
  value: unknown,
  members: Readonly<Record<string, (value: unknown) => boolean>>,
): boolean {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  const known = Object.keys(members).map((name) => name.replace('?', ''));
  return (
    Object.keys(value).every((name) => known.includes(name)) &&
    Object.entries(members).every(([name, test]) => {
      const found = at(value, name.replace('?', ''));
      return found === undefined ? name.endsWith('?') : test(found);
    })
  );
}

const text = (value: unknown) => typeof value === 'string';
const flag = (value: unknown) => typeof value === 'boolean';
const whole = (value: unknown) => Number.isInteger(value);
const like = (pattern: RegExp) => (value: unknown) =>
  typeof value === 'string' && pattern.test(value);
const oneOf =
  (...list: readonly unknown[]) =>
  (value: unknown) =>
    list.includes(value);
const listOf = (test: (value: unknown) => boolean) => (value: unknown) =>
  Array.isArray(value) && value.every(test);
const either =
  (...tests: readonly ((value: unknown) => boolean)[]) =>
  (value: unknown) =>
    tests.some((test) => test(value));
const object =
  (members: Readonly<Record<string, (value: unknown) => boolean>>) => (value: unknown) =>
    shaped(value, members);

const failed = object({ finalResult: oneOf('errorResult') });
const good = oneOf('successResult');

const shapes: Readonly<Record<string, (value: unknown) => boolean>> = {
  listProfileInfoResult: either(
    failed,
    object({
      finalResult: good,
      profileInfoList: listOf(
        object({
          'iccid?': like(iccidHex),
          'isdpAid?': like(hexText),
          'profileState?': oneOf('disabled', 'enabled'),
          'profileNickname?': text,
          'serviceProviderName?': text,
          'profileName?': text,
          'iconType?': text,
          'icon?': like(hexText),
          'profileClass?': oneOf('test', 'provisioning', 'operational'),
        }),
      ),
    }),
  ),
  getRATResult: listOf(
    object({
      pprUpdateControl: flag,
      ppr1: flag,
      ppr2: flag,
      allowedOperators: listOf(
        object({ mccMnc: like(hexText), 'gid1?': like(hexText), 'gid2?': like(hexText) }),
      ),
      consentRequired: flag,
    }),
  ),
  addEimResult: either(
    object({ addEimResultCode: oneOf('ok'), 'associationToken?': whole }),
    object({
      addEimResultCode: oneOf(
        'insufficientMemory',
        'associatedEimAlreadyExists',
        'ciPKUnknown',
        'invalidAssociationToken',
        'counterValueOutOfRange',
        'commandError',
        'undefinedError',
        'malformedResult',
      ),
    }),
  ),
  listEimResult: either(
    failed,
    object({
      finalResult: good,
      eimIdList: listOf(
        object({
          eimId: text,
          'eimIdType?': oneOf('eimIdTypeOid', 'eimIdTypeFqdn', 'eimIdTypeProprietary'),
        }),
      ),
    }),
  ),
  profileInstallationResult: either(failed, object({ finalResult: good, iccid: like(iccidHex) })),
  euiccDataResult: either(
    object({
      edrResult: oneOf('ok'),
      euiccData: object({
        'defaultSmdpAddress?': text,
        'euiccInfo1?': like(/^BF20/),
        'euiccInfo2?': like(/^BF22/),
        'rootSmdsAddress?': text,
        'associationToken?': whole,
        'eumCertificate?': like(/^3082/),
        'euiccCertificate?': like(/^3082/),
        'ipaCapabilities?': like(hexText),
        'deviceInfo?': like(hexText),
        'notificationsList?': like(hexText),
      }),
    }),
    object({
      edrResult: oneOf('incorrectTagList', 'euiccCiPKIdNotFound', 'ecallActive', 'undefinedError'),
    }),
  ),
  euiccStateResult: listOf((value) => typeof value === 'object' && value !== null),
};

/** Whether an entry of an outcome is one that the clients know: one member, with one of its values. */
function isKnown(entry: unknown): boolean {
  if (typeof entry !== 'object' || entry === null) return false;
  const [pair, ...more] = Object.entries(entry);
  if (pair === undefined || more.length > 0) return false;
  const [name, value] = pair;
  return shapes[name]?.(value) ?? words[name]?.includes(String(value)) ?? false;
}

class Script {
  readonly world: World;
  readonly url: string;
  readonly close: () => Promise<void>;

  private constructor(world: World, url: string, close: () => Promise<void>) {
    this.world = world;
    this.url = url;
    this.close = close;
  }

  /** A eUICC with A enabled, B, and C that may be the fallback profile; over it an eIM that listens for scripts. */
  static async begin(): Promise<Script> {
    const world = await World.begin({ ordered: false });
    world.card.restore({
      ...world.card.snapshot(),
      profiles: [profile(a, {}, true), profile(b), profile(c, { fallbackAllowed: true })],
    });
    const { orders, euiccs, quirks, devices, store, signer } = world.process.eim;
    const signingKeys = [signer.publicKeyInfo];
    const rooms = { orders, euiccs, quirks, devices, store, signingKeys, clock: world.clock };
    const rest = await serveRest(deskOf({ ...rooms, random: seededRandom(9), log: silentLog() }));
    return new Script(world, rest.url, () => rest.close());
  }

  async create(facility: string, order: unknown): Promise<string> {
    const answer = await send('POST', `${this.url}/${facility}/create`, { eidValue: eid, order });
    assert.equal(answer.status, 303, JSON.stringify(answer.body));
    const location = answer.headers.get('location') ?? '';
    const [, of, what, id = ''] = location.split('/');
    assert.deepEqual([of, what], [facility, 'lookup']);
    return id;
  }

  /** As it was asked for and no more than the clients know. */
  async lookup(facility: string, id: string, order: unknown, due: 'new' | 'work' | 'done') {
    const { status, headers, body } = await get(`${this.url}/${facility}/lookup/${id}`);
    assert.equal(status, 200);
    assert.match(headers.get('content-type') ?? '', /^application\/json/);
    const members = ['debuginfo', 'outcome', 'resource', 'status', 'timestamp'];
    assert.deepEqual(Object.keys(body ?? {}).sort(), members);
    assert.equal(at(body, 'status'), due, JSON.stringify(body));
    check(Lookup, body);
    assert.match(String(at(body, 'timestamp')), /^[0-9]{10}$/);
    assert.equal(typeof at(body, 'timestamp'), 'string');
    assert.deepEqual(at(body, 'resource'), { eidValue: eid, order });
    assert.equal(at(body, 'debuginfo'), '8377046E6F6E65');
    const outcome = at(body, 'outcome');
    assert.ok(Array.isArray(outcome));
    return outcome as readonly unknown[];
  }

  async list(facility: string): Promise<readonly unknown[]> {
    const { status, body } = await get(`${this.url}/${facility}/list`);
    assert.equal(status, 200);
    assert.deepEqual(Object.keys(body ?? {}), ['resourceIdList']);
    return at(body, 'resourceIdList') as readonly unknown[];
  }

  async status(facility: string, what: 'lookup' | 'delete', id: string): Promise<unknown> {
    const { status, body } = await get(`${this.url}/${facility}/${what}/${id}`);
    assert.equal(status, 200);
    assert.deepEqual(Object.keys(body ?? {}), ['status']);
    return at(body, 'status');
  }

  /** An order's whole life; gives its outcome. `work`: what the device does. */
  async life(
    facility: string,
    order: unknown,
    work = () => this.world.work(),
  ): Promise<readonly unknown[]> {
    const id = await this.create(facility, order);
    const atOnce = facility === 'euicc';
    const before = await this.lookup(facility, id, order, atOnce ? 'done' : 'new');
    if (!atOnce) assert.deepEqual(before, []);
    assert.ok((await this.list(facility)).includes(id));
    for (const other of ['download', 'psmo', 'eco', 'edr', 'euicc'].filter(
      (one) => one !== facility,
    )) {
      assert.ok(!(await this.list(other)).includes(id));
      assert.equal(await this.status(other, 'lookup', id), 'absent');
      assert.equal(await this.status(other, 'delete', id), 'absent');
    }
    await work();
    const outcome = await this.lookup(facility, id, order, 'done');
    assert.ok(outcome.length > 0);
    for (const entry of outcome) assert.ok(isKnown(entry), JSON.stringify(entry));
    assert.equal(await this.status(facility, 'delete', id), 'deleted');
    assert.equal(await this.status(facility, 'lookup', id), 'absent');
    assert.equal(await this.status(facility, 'delete', id), 'absent');
    assert.ok(!(await this.list(facility)).includes(id));
    return outcome;
  }
}

async function begun(test: { after(close: () => Promise<void>): void }): Promise<Script> {
  const script = await Script.begin();
  test.after(() => script.close());
  return script;
}

/** Configurations of other eIMs, in hex; of one, the lab's key. */
function configurations() {
  const spki = createPublicKey(loadLabPki().eimSign.key).export({ format: 'der', type: 'spki' });
  const eimPublicKeyData = { type: 'eimPublicKey', value: new Uint8Array(spki) } as const;
  const whole = { eimId: 'other', eimFqdn: 'other.example.com', counterValue: 5 };
  return {
    added: toHex(EimConfigurationData.encode({ ...whole, eimPublicKeyData })),
    changed: toHex(EimConfigurationData.encode({ eimId: 'other', counterValue: 9 })),
    unknown: toHex(EimConfigurationData.encode({ eimId: 'nobody', counterValue: 9 })),
  };
}

describe('a script of the drop-in API, the whole way', () => {
  it('creates, looks up, lists and deletes each order on profiles', async (test) => {
    const script = await begun(test);
    const psmo = async (operations: readonly object[], due: readonly unknown[]) =>
      assert.deepEqual(await script.life('psmo', { psmo: operations }), due);
    const [listed] = await script.life('psmo', { psmo: [{ listProfileInfo: {} }] });
    assert.deepEqual(
      (at(listed, 'listProfileInfoResult', 'profileInfoList') as readonly unknown[]).map((one) => [
        at(one, 'iccid'),
        at(one, 'profileState'),
      ]),
      [
        [a, 'enabled'],
        [b, 'disabled'],
        [c, 'disabled'],
      ],
    );
    const found = (...profileInfoList: readonly object[]) => [
      { listProfileInfoResult: { finalResult: 'successResult', profileInfoList } },
    ];
    const search = { searchCriteria: { iccid: b }, tagList: '5A92' };
    await psmo([{ listProfileInfo: search }], found({ iccid: b, profileName: 'One' }));
    await psmo([{ listProfileInfo: { searchCriteria: { profileClass: 0 } } }], found());
    await psmo([{ enable: { iccid: b, rollback: false } }], [{ enableResult: 'ok' }]);
    await psmo([{ disable: { iccid: b } }], [{ disableResult: 'ok' }]);
    await psmo(
      [{ delete: { iccid: b } }, { enable: { iccid: a } }],
      [{ deleteResult: 'ok' }, { enableResult: 'ok' }],
    );
    await psmo(
      [{ getRAT: {} }],
      [
        {
          getRATResult: [
            {
              pprUpdateControl: false,
              ppr1: true,
              ppr2: true,
              allowedOperators: [{ mccMnc: 'EEEEEE' }],
              consentRequired: false,
            },
          ],
        },
      ],
    );
    const configuration = {
      immediateEnableFlag: true,
      defaultSmdpOid: '2.999.10',
      defaultSmdpAddress: 'dp',
    };
    await psmo(
      [{ configureImmediateEnable: configuration }],
      [{ configureImmediateEnableResult: 'ok' }],
    );
    const former = { autoEnableFlag: true, smdpOid: '2.999.10', smdpAddress: 'dp' };
    await psmo([{ configureAutoEnable: former }], [{ configureAutoEnableResult: 'ok' }]);
    await psmo([{ setFallbackAttribute: { iccid: c } }], [{ setFallbackAttributeResult: 'ok' }]);
    await psmo([{ unsetFallbackAttribute: {} }], [{ unsetFallbackAttributeResult: 'ok' }]);
    await psmo(
      [{ setDefaultDpAddress: { defaultDpAddress: 'dp.example.com' } }],
      [{ setDefaultDpAddressResult: 'ok' }],
    );
    assert.deepEqual(script.world.process.errors, []);
  });

  it('has each word of each result, where the eUICC answers it', async (test) => {
    const script = await begun(test);
    const { faults } = script.world.card;
    const members: Readonly<Record<string, object>> = {
      enable: { iccid: b },
      disable: { iccid: a },
      delete: { iccid: b },
      configureImmediateEnable: {},
      setFallbackAttribute: { iccid: c },
      unsetFallbackAttribute: {},
      setDefaultDpAddress: { defaultDpAddress: 'dp' },
    };
    // Numbers of facts sheet 1.5.3, in the order of the words above.
    const codes: Readonly<Record<string, readonly number[]>> = {
      enable: [0, 1, 2, 3, 5, 20, 127],
      disable: [0, 1, 2, 3, 5, 127],
      delete: [0, 1, 2, 3, 20, 21, 127],
      configureImmediateEnable: [0, 1, 7, 127],
      setFallbackAttribute: [0, 1, 2, 3, 127],
      unsetFallbackAttribute: [0, 2, 3, 7, 127],
      setDefaultDpAddress: [0, 127],
    };
    for (const [name, operation] of Object.entries(members)) {
      const found: unknown[] = [];
      for (const code of codes[name] ?? []) {
        faults.operations = { [name]: code };
        const [entry] = await script.life('psmo', { psmo: [{ [name]: operation }] });
        found.push(at(entry, `${name}Result`));
      }
      assert.deepEqual(found, words[`${name}Result`], name);
    }
    faults.operations = { listProfileInfo: 127 };
    assert.deepEqual(await script.life('psmo', { psmo: [{ listProfileInfo: {} }] }), [
      { listProfileInfoResult: { finalResult: 'errorResult' } },
    ]);
    faults.operations = {};
    for (const [code, word] of [
      [3, 'invalidEid'],
      [6, 'counterValueOutOfRange'],
      [15, 'sizeOverflow'],
      [104, 'ecallActive'],
      [127, 'undefinedError'],
    ] as const) {
      faults.loadEuiccPackage = code;
      const outcome = await script.life('psmo', { psmo: [{ getRAT: {} }] });
      assert.deepEqual(outcome, [{ euiccPackageErrorCode: word }]);
    }
  });

  it('creates, looks up, lists and deletes each order on eIMs', async (test) => {
    const script = await begun(test);
    const { added, changed, unknown } = configurations();
    const eco = async (operations: readonly object[], due: readonly unknown[]) =>
      assert.deepEqual(await script.life('eco', { eco: operations }), due);
    const own = { eimId: script.world.process.eim.id, eimIdType: 'eimIdTypeFqdn' };
    const listed = (...eimIdList: readonly object[]) => ({
      listEimResult: { finalResult: 'successResult', eimIdList },
    });
    await eco([{ listEim: {} }], [listed(own)]);
    await eco(
      [{ addEim: { eimConfigurationData: added } }, { listEim: {} }],
      [{ addEimResult: { addEimResultCode: 'ok' } }, listed(own, { eimId: 'other' })],
    );
    await eco(
      [{ addEim: { eimConfigurationData: added } }],
      [{ addEimResult: { addEimResultCode: 'associatedEimAlreadyExists' } }],
    );
    await eco([{ updateEim: { eimConfigurationData: changed } }], [{ updateEimResult: 'ok' }]);
    await eco(
      [{ updateEim: { eimConfigurationData: unknown } }],
      [{ updateEimResult: 'eimNotFound' }],
    );
    await eco([{ deleteEim: { eimId: 'other' } }], [{ deleteEimResult: 'ok' }]);
    await eco([{ deleteEim: { eimId: 'other' } }], [{ deleteEimResult: 'eimNotFound' }]);
    script.world.card.faults.operations = { listEim: 127 };
    await eco([{ listEim: {} }], [{ listEimResult: { finalResult: 'errorResult' } }]);
  });

  it('asks for the data of eUICC, IPA and device', async (test) => {
    const script = await begun(test);
    await script.life('psmo', {
      psmo: [{ setDefaultDpAddress: { defaultDpAddress: 'dp.example.com' } }],
    });
    const [entry] = await script.life('edr', { edr: { tagList: '81BF20BF228384A5A6A8A9' } });
    const data = at(entry, 'euiccDataResult', 'euiccData');
    assert.deepEqual(Object.keys(data ?? {}).sort(), [
      'associationToken',
      'defaultSmdpAddress',
      'deviceInfo',
      'euiccCertificate',
      'euiccInfo1',
      'euiccInfo2',
      'eumCertificate',
      'ipaCapabilities',
      'rootSmdsAddress',
    ]);
    assert.deepEqual(
      [at(data, 'associationToken'), at(data, 'defaultSmdpAddress')],
      [1, 'dp.example.com'],
    );
    // A tag of v1.0 alone.
    assert.deepEqual(await script.life('edr', { edr: { tagList: '80' } }), [
      { euiccDataResult: { edrResult: 'incorrectTagList' } },
    ]);
  });

  it('downloads a profile, and is told where that fails', async (test) => {
    const script = await begun(test);
    const { activationCode } = script.world.smdp;
    const [entry] = await script.life('download', { download: { activationCode } });
    assert.deepEqual(entry, {
      profileInstallationResult: {
        finalResult: 'successResult',
        iccid: iccid,
      },
    });
    const wrong = activationCode.replace('FLOW-1', 'NOBODY');
    const outcome = await script.life('download', { download: { activationCode: wrong } });
    assert.deepEqual(Object.keys(outcome[0] ?? {}), ['procedureError']);
  });

  it('sets and gets what the eIM knows, in the old form and the new', async (test) => {
    const script = await begun(test);
    const old = [
      { counterValue: 1000 },
      { consumerEuicc: false },
      { associationToken: 1 },
      { signAlgo: 'prime256v1' },
    ];
    const euicc = (order: unknown) => script.life('euicc', { euicc: order });
    assert.deepEqual(await euicc(old), [{ euiccUpdateResult: 'ok' }]);
    assert.deepEqual(await euicc([{ nothing: 1 }]), [{ euiccUpdateResult: 'badParam' }]);
    assert.deepEqual(await euicc([{ counterValue: 'x' }]), [
      { euiccUpdateResult: 'badParamFormat' },
    ]);
    const cause = { stateChangeCauseList: ['deviceChange'] };
    assert.deepEqual(await euicc({ set: [cause] }), [{ euiccStateResult: [cause] }]);
    assert.deepEqual(await euicc({ get: ['stateChangeCauseList', 'counterValue'] }), [
      { euiccStateResult: [cause, { counterValue: 1000 }] },
    ]);
  });

  it('is told of an order that nobody fetched', async (test) => {
    const script = await begun(test);
    const order = { psmo: [{ listProfileInfo: {} }] };
    const id = await script.create('psmo', order);
    await script.world.clock.turn(script.world.process.eim.orders.settings.noShow + 1);
    await script.world.process.eim.orders.sweep();
    assert.deepEqual(await script.lookup('psmo', id, order, 'done'), [
      { procedureError: 'noshowOrder' },
    ]);
  });

  it('is told of a rollback, and of a package that ended early', async (test) => {
    const script = await begun(test);
    const { card, device } = script.world;
    const enable = { psmo: [{ enable: { iccid: b, rollback: true } }] };
    device.lostAfterSwitch = true;
    for (const [code, word] of [
      [0, 'ok'],
      [127, 'undefinedError'],
    ] as const) {
      card.faults.rollback = code;
      assert.deepEqual(await script.life('psmo', enable), [
        { enableResult: 'ok' },
        { rollbackResult: word },
      ]);
    }
    device.lostAfterSwitch = false;
    // Numbers of facts sheet 1.5.3.
    for (const [code, word] of [
      [1, 'resultSizeOverflow'],
      [2, 'unknownOrDamagedCommand'],
      [3, 'interruption'],
      [127, 'undefinedError'],
    ] as const) {
      card.faults.processingTerminated = code;
      const order = { psmo: [{ setDefaultDpAddress: { defaultDpAddress: 'dp' } }] };
      assert.deepEqual(await script.life('psmo', order), [{ processingTerminated: word }]);
    }
    delete card.faults.processingTerminated;
    const twice = { psmo: [{ enable: { iccid: b } }, { enable: { iccid: c } }] };
    assert.deepEqual(await script.life('psmo', twice), [
      { enableResult: 'ok' },
      { processingTerminated: 'unknownOrDamagedCommand' },
    ]);
  });

  it('is told of a package that the IPA refused', async (test) => {
    const script = await begun(test);
    const { device } = script.world;
    device.faults.add('refuse');
    assert.deepEqual(await script.life('psmo', { psmo: [{ getRAT: {} }] }), [
      { eimPackageError: 'invalidPackageFormat' },
    ]);
    device.faults.clear();
    // Its other words, by an IPA of which this is all that is known: facts sheet 1.5.1.
    for (const [code, word] of [
      [2, 'unknownPackage'],
      [127, 'undefinedError'],
    ] as const) {
      const refuse = async () => {
        await script.world.turn(device.ask(hex(`BF4F125A10${eid}`)));
        const codeOnly = `A0030201${code.toString(16).padStart(2, '0')}`;
        await script.world.turn(device.ask(hex(`BF50175A10${eid}${codeOnly}`)));
      };
      const outcome = await script.life('psmo', { psmo: [{ getRAT: {} }] }, refuse);
      assert.deepEqual(outcome, [{ eimPackageError: word }]);
    }
  });

  it('is told of a download that the device gave up', async (test) => {
    const script = await begun(test);
    const { device, card, smdp } = script.world;
    const order = { download: { activationCode: smdp.activationCode } };
    device.habits.cancels = 'postponed';
    assert.deepEqual(await script.life('download', order), [{ cancelSessionResult: 'ok' }]);
    // Its eUICC does not sign that: an SM-DP+ may take it for cancelled or not.
    card.faults.cancelSession = 127;
    assert.deepEqual(await script.life('download', order), [
      { procedureError: 'cancelSessionResponseError' },
    ]);
    smdp.granted.add('cancelSession');
    assert.deepEqual(await script.life('download', order), [
      { cancelSessionResult: 'undefinedError' },
    ]);
    smdp.granted.clear();
    delete card.faults.cancelSession;
    smdp.refused.set('cancelSession', 'transactionUnknown');
    assert.deepEqual(await script.life('download', order), [
      { procedureError: 'cancelSessionResponseError' },
    ]);
  });

  it('is told which step of a download failed, on either side', async (test) => {
    const script = await begun(test);
    const { card, smdp } = script.world;
    const { activationCode } = smdp;
    const fails = async (procedureError: string) =>
      assert.deepEqual(await script.life('download', { download: { activationCode } }), [
        { procedureError },
      ]);
    for (const [name, reason, word] of [
      ['initiateAuthentication', 'addressRefused', 'initiateAuthenticationError'],
      ['authenticateClient', 'notReleased', 'authenticateClientError'],
      ['getBoundProfilePackage', 'boundAlready', 'getBoundProfilePackageError'],
    ] as const) {
      smdp.refused.set(name, reason);
      await fails(word);
      smdp.refused.clear();
    }
    card.faults.authenticateServer = 127;
    await fails('authenticateResponseError');
    delete card.faults.authenticateServer;
    card.faults.prepareDownload = 127;
    await fails('downloadResponseError');
    delete card.faults.prepareDownload;
    const [good] = await script.life('download', { download: { activationCode } });
    assert.equal(at(good, 'profileInstallationResult', 'finalResult'), 'successResult');
  });

  it('is told of an order that cannot be made a package of', async (test) => {
    const script = await begun(test);
    const { device, process } = script.world;
    // A device that turns out to speak v1.0 once the order is placed.
    device.faults.add('old-shapes');
    assert.deepEqual(await script.life('psmo', { psmo: [{ unsetFallbackAttribute: {} }] }), [
      { procedureError: 'badPsmo' },
    ]);
    device.faults.clear();
    // As an eIM of another version may have kept them: REST takes none of these.
    for (const [facility, request, word] of [
      ['psmo', { psmo: [{ explode: {} } as never] }, 'badPsmo'],
      ['eco', { eco: [{ explode: {} } as never] }, 'badEco'],
      ['edr', { edr: { tagList: 'BF2' } }, 'badEdr'],
      ['download', { download: { activationCode: '2$x' } }, 'badOrder'],
    ] as const) {
      const { id } = await process.eim.orders.submit({ eid, facility, request });
      await script.world.work();
      const outcome = await script.lookup(facility, id, request, 'done');
      assert.deepEqual(outcome, [{ procedureError: word }]);
    }
  });

  it('is told of an order that was cancelled, or never reported on', async (test) => {
    const script = await begun(test);
    const { device, process } = script.world;
    const order = { psmo: [{ getRAT: {} }] };
    // The eIM asks a new eUICC questions of its own first.
    await script.life('psmo', order);
    const cancelled = await script.create('psmo', order);
    const { status } = await send('POST', `${script.url}/v1/orders/${cancelled}/cancel`, undefined);
    assert.equal(status, 200);
    assert.deepEqual(await script.lookup('psmo', cancelled, order, 'done'), [
      { procedureError: 'abortedOrder' },
    ]);
    device.faults.add('silent');
    const silent = await script.create('psmo', order);
    await script.world.turn(device.ask(hex(`BF4F125A10${eid}`)));
    assert.deepEqual(await script.lookup('psmo', silent, order, 'work'), []);
    await script.world.clock.turn(process.eim.orders.settings.stuck + 1);
    await process.eim.orders.sweep();
    assert.deepEqual(await script.lookup('psmo', silent, order, 'done'), [
      { procedureError: 'stuckOrder' },
    ]);
  });

  it('would be told from one with a member more, or a word of its own', () => {
    assert.ok(isKnown({ enableResult: 'ok' }));
    for (const wrong of [
      {},
      { enableResult: 'okay' },
      { enableResult: 'ok', more: 1 },
      { confirmResult: 'ok' },
      { listProfileInfoResult: { finalResult: 'successResult' } },
      { listProfileInfoResult: { finalResult: 'successResult', profileInfoList: [{ odd: 1 }] } },
      { listProfileInfoResult: { finalResult: 'errorResult', profileInfoListError: 'x' } },
      { profileInstallationResult: { finalResult: 'successResult', iccid: '8988' } },
      { euiccDataResult: { edrResult: 'ok', euiccData: { euiccInfo1: '00' } } },
    ]) {
      assert.ok(!isKnown(wrong), JSON.stringify(wrong));
    }
  });
});

/** `eim order` of every operation: what the command line makes of it, as the eIM keeps it; and what it refuses. */
import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, beforeEach, describe, it } from 'node:test';
import { hex, toHex } from '../../src/base/bytes.ts';
import { EimConfigurationData } from '../../src/messages/eco.ts';
import { loadLabPki } from '../../tools/lab/pki/lab-pki.ts';
import { efIccid, eid, finished, iccid, type Running, run } from '../rest/running.ts';
import { newFolder } from '../support/folders.ts';
import type { Ended } from './cli.ts';
import { commandHere } from './in-process.ts';

const pki = loadLabPki();
const files = newFolder();
const pem = join(files, 'eim.pem');
const der = join(files, 'eim.der');
const steps = join(files, 'steps.json');
writeFileSync(pem, new X509Certificate(pki.eimSign.certificate).toString());
writeFileSync(der, pki.eimTls.certificate);
writeFileSync(steps, '[{"listEim":{}},{"deleteEim":{"eimId":"x"}}]');

let rest: Running;
let env: Record<string, string>;
before(async () => {
  rest = await run();
  env = { EIM_URL: rest.url };
});
beforeEach(async () => {
  for (const { id } of await rest.desk.orders.list()) await rest.desk.orders.delete(id);
});
after(() => rest.close());

const eim = (name: string, ...args: readonly string[]): Promise<Ended> =>
  commandHere(['order', name, '--eid', eid, ...args], env);

async function requested(): Promise<unknown> {
  const [order, ...more] = await rest.desk.orders.list();
  assert.ok(order !== undefined && more.length === 0);
  return order.request;
}

describe('eim order: operations', () => {
  const cases: readonly (readonly [args: readonly [string, ...string[]], request: object])[] = [
    [['rat'], { psmo: [{ getRAT: {} }] }],
    [
      ['profiles', '--class', 'provisioning', '--tags', '5A9F70'],
      { psmo: [{ listProfileInfo: { searchCriteria: { profileClass: 1 }, tagList: '5A9F70' } }] },
    ],
    [
      ['profiles', '--iccid', iccid],
      { psmo: [{ listProfileInfo: { searchCriteria: { iccid: efIccid } } }] },
    ],
    [
      ['immediate-enable', '--smdp', 'dp', '--smdp-oid', '2.999.10'],
      {
        psmo: [
          {
            configureImmediateEnable: {
              immediateEnableFlag: true,
              defaultSmdpOid: '2.999.10',
              defaultSmdpAddress: 'dp',
            },
          },
        ],
      },
    ],
    [['immediate-enable', '--off'], { psmo: [{ configureImmediateEnable: {} }] }],
    [['fallback', '--iccid', iccid], { psmo: [{ setFallbackAttribute: { iccid: efIccid } }] }],
    [['fallback', '--none'], { psmo: [{ unsetFallbackAttribute: {} }] }],
    [
      ['default-smdp', '--address', 'dp'],
      { psmo: [{ setDefaultDpAddress: { defaultDpAddress: 'dp' } }] },
    ],
    [
      ['psmo', '--rat', '--enable', iccid, '--rollback', '--delete', iccid, '--no-fallback'].concat(
        '--profiles',
        '--no-immediate-enable',
      ) as [string, ...string[]],
      {
        psmo: [
          { getRAT: {} },
          { enable: { iccid: efIccid, rollback: true } },
          { delete: { iccid: efIccid } },
          { unsetFallbackAttribute: {} },
          { listProfileInfo: {} },
          { configureImmediateEnable: {} },
        ],
      },
    ],
    [['eims'], { eco: [{ listEim: {} }] }],
    [['delete-eim', '--eim-id', 'x'], { eco: [{ deleteEim: { eimId: 'x' } }] }],
    [
      ['update-eim', '--der', '3006800165830107'],
      { eco: [{ updateEim: { eimConfigurationData: '3006800165830107' } }] },
    ],
    [['data'], { edr: { tagList: '81BF20BF228384A5A6A8A9' } }],
    [
      [
        'data',
        '--tags',
        'notificationsList,euiccPackageResultList',
        '--events',
        'install,delete',
      ].concat('--result', '7', '--ci', 'F541') as [string, ...string[]],
      {
        edr: {
          tagList: 'A0A2',
          euiccCiPKId: 'F541',
          searchCriteriaNotification: {
            profileManagementOperation: ['notificationInstall', 'notificationDelete'],
          },
          searchCriteriaEuiccPackageResult: { seqNumber: 7 },
        },
      },
    ],
    [
      ['data', '--tags', 'A0', '--notification', '5'],
      { edr: { tagList: 'A0', searchCriteriaNotification: { seqNumber: 5 } } },
    ],
    [['steps', '--file', steps], { eco: [{ listEim: {} }, { deleteEim: { eimId: 'x' } }] }],
  ];
  for (const [args, request] of cases) {
    it(args.join(' ').replace(files, ''), async () => {
      const { code, stderr } = await eim(...args);
      assert.equal(code, 0, stderr);
      assert.deepEqual(await requested(), request);
    });
  }

  it('add-eim, of files and options', async () => {
    const { code, stdout, stderr } = await eim(
      ...(['add-eim', '--eim-id', 'eim2', '--fqdn', 'eim2.example.com:5684'] as const),
      ...['--id-type', 'proprietary', '--counter-value', '3', '--association-token', 'generate'],
      ...['--certificate', pem, '--tls-certificate', der, '--protocols', 'eimRetrieveCoaps'],
      ...['--ci', 'F54172BDF98A95D65CBEB88A38A1C11D800A85C3', '--indirect-download'],
    );
    assert.equal(code, 0, stderr);
    assert.match(stdout, /^step +addEim eim2$/m);
    const [order] = await rest.desk.orders.list();
    const [operation] = order !== undefined && 'eco' in order.request ? order.request.eco : [];
    assert.ok(operation !== undefined && 'addEim' in operation);
    assert.deepEqual(EimConfigurationData.decode(hex(operation.addEim.eimConfigurationData)), {
      eimId: 'eim2',
      eimFqdn: 'eim2.example.com:5684',
      eimIdType: 3,
      counterValue: 3,
      associationToken: -1,
      eimPublicKeyData: { type: 'eimCertificate', value: pki.eimSign.certificate },
      trustedPublicKeyDataTls: { type: 'trustedCertificateTls', value: pki.eimTls.certificate },
      eimSupportedProtocol: ['eimRetrieveCoaps'],
      euiccCiPKId: hex('F54172BDF98A95D65CBEB88A38A1C11D800A85C3'),
      indirectProfileDownload: true,
    });
  });
});

describe('eim order: operations that are refused', () => {
  const cases: readonly (readonly [args: readonly [string, ...string[]], stderr: RegExp])[] = [
    [['psmo'], /give at least one operation/],
    [['psmo', '--rollback', '--enable', iccid], /--rollback belongs behind an --enable/],
    [['psmo', '--enable', '12'], /--iccid: an ICCID is its 18 to 20 printed digits/],
    [['fallback'], /give --iccid, or --none/],
    [['fallback', '--none', '--iccid', iccid], /cannot be used with/],
    [['immediate-enable', '--smdp-oid', '1.99'], /--smdp-oid: second arc above 39/],
    [['add-eim', '--eim-id', 'x', '--fqdn', 'f'], /--counter-value: is missing/],
    [['add-eim', '--der', '3000'], /--der: eimId: missing/],
    [['add-eim', '--eim-id', 'x', '--public-key', join(files, 'none')], /ENOENT/],
    [
      ['add-eim', '--eim-id', 'x', '--fqdn', 'f', '--counter-value', '0', '--public-key', steps],
      /--public-key: must be a public key/,
    ],
    [['update-eim', '--eim-id', 'x', '--association-token', 'y'], /--association-token: must be/],
    [['data', '--tags', '5A'], /--tags: has 5A, which no IPA answers: the EID is known/],
    [['data', '--tags', 'euiccInfo3'], /--tags: has "euiccInfo3"/],
    [['data', '--tags', 'A0', '--notification', 'x'], /--notification or --result: must be/],
    [['data', '--tags', 'A0', '--events', 'explode'], /--events: must be/],
    [['steps', '--file', pem], /holds no JSON/],
  ];
  for (const [args, stderr] of cases) {
    it(args.join(' ').replaceAll(files, ''), async () => {
      const ended = await eim(...args);
      assert.equal(ended.code, 2, ended.stderr);
      assert.match(ended.stderr, stderr);
      assert.equal((await rest.desk.orders.list()).length, 0);
    });
  }
});

describe('eim order: results for people', () => {
  it('shows eIMs, data and error words', async () => {
    const show = async (outcome: object, ...args: readonly [string, ...string[]]) => {
      await eim(...args);
      const [order] = await rest.desk.orders.list({ reverse: true });
      assert.ok(order !== undefined);
      await finished(rest, order, { ...outcome });
      return (await commandHere(['order', 'show', order.id], env)).stdout;
    };
    const eimIdList = [{ eimId: 'eim2', eimIdType: 'eimIdTypeFqdn' }];
    const eims = await show({ listEimResult: { finalResult: 'successResult', eimIdList } }, 'eims');
    assert.match(eims, /^eim2 +eimIdTypeFqdn$/m);
    const euiccData = {
      associationToken: 4,
      euiccCertificate: toHex(pki.euicc.certificate),
      ipaCapabilities: '300480020640',
    };
    const data = await show({ euiccDataResult: { edrResult: 'ok', euiccData } }, 'data');
    assert.match(data, /^outcome +euiccDataResult: ok$/m);
    assert.match(data, /^associationToken +4$/m);
    assert.match(data, /^euiccCertificate +.*serialNumber=[0-9]{32}.*, until /m);
    assert.match(data, /^ipaCapabilities +.*indirectRspServerCommunication/m);
    const error = { finalResult: 'errorResult', profileInfoListError: 'profileChangeOngoing' };
    const list = await show({ listProfileInfoResult: error }, 'profiles');
    assert.match(list, /listProfileInfoResult: errorResult profileChangeOngoing/);
  });
});

describe('eim euicc: proof', () => {
  const euicc = async (...args: readonly string[]) => {
    const ended = await commandHere(['euicc', ...args], env);
    assert.equal(ended.code, 0, ended.stderr);
    return ended.stdout;
  };
  const proven = /^proof +(.*)$/m;

  it('says what proves an eUICC, and takes its key from a file, or back', async () => {
    const key = join(files, 'euicc.pem');
    const spki = new X509Certificate(pki.euicc.certificate).publicKey;
    writeFileSync(key, spki.export({ format: 'pem', type: 'spki' }));
    assert.match(proven.exec(await euicc('set', eid, '--public-key', key))?.[1] ?? '', /operator/);
    assert.match(await euicc('list'), new RegExp(`^${eid} +operator `, 'm'));
    const back = await euicc('set', eid, '--public-key', 'learn');
    assert.match(proven.exec(back)?.[1] ?? '', /not known/);
    const wrong = await commandHere(['euicc', 'set', eid, '--public-key', steps], env);
    assert.equal(wrong.code, 2);
    assert.match(wrong.stderr, /^--public-key: must be a public key/);
  });

  it('marks a consumer eUICC, and what came of its orders, as unproven', async () => {
    await euicc('set', eid, '--consumer-euicc', 'yes');
    assert.match(proven.exec(await euicc('show', eid))?.[1] ?? '', /^UNPROVEN/);
    assert.match(await euicc('list'), new RegExp(`^${eid} +unproven `, 'm'));
    assert.match(await euicc('show', eid, '--json'), /"proof": "unproven"/);
    await eim('rat');
    const [order] = await rest.desk.orders.list();
    assert.ok(order !== undefined);
    const finish = { success: true, unproven: true, outcome: [], reason: 'it says so' };
    await rest.desk.orders.finish(order.id, finish);
    const shown = await commandHere(['order', 'show', order.id], env);
    assert.match(shown.stdout, /^state +done: succeeded \(unproven/m);
    assert.match((await commandHere(['order', 'list'], env)).stdout, /unproven/);
    const json = await commandHere(['order', 'show', order.id, '--json'], env);
    assert.match(json.stdout, /"unproven": true/);
    await euicc('set', eid, '--consumer-euicc', 'no');
    assert.doesNotMatch(await euicc('show', eid), /UNPROVEN/);
  });
});

/** Shapes met in the field: each reads as the standard's, is reported, is not written; its neighbours are refused. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { hex } from '../../src/base/bytes.ts';
import type { QuirkName } from '../../src/messages/quirks.ts';
import { messageVector } from '../vectors/messages.ts';
import { declared } from './declared.ts';

/** 64 octets in a signature's place. */
const S = '55'.repeat(64);
const data = '3016800365494D8101078204AAAAAAAA83012A3003830100';
const errorData = '3011800365494D8101078204AAAAAAAA020104';
const notification = `BF2F13 80010C 81020640 0C0161 5A0A989444999999990920F3`.replace(
  'BF2F13',
  'BF2F16',
);
const eid = '5A1089882119900000000000000000000005';
const pir = messageVector('installation result');
const pirElement = Buffer.from(pir.subarray(7)).toString('hex');

/** An element, in hex, around contents in hex. */
function el(tag: string, ...contents: readonly string[]): string {
  const content = contents.join('').replaceAll(' ', '');
  const length = content.length / 2;
  const text = length.toString(16).padStart(2, '0');
  if (length < 0x80) return tag + text + content;
  if (length < 0x100) return `${tag}81${text}${content}`;
  return `${tag}82${length.toString(16).padStart(4, '0')}${content}`;
}

const signedResult = `${data}5F3740${S}`;
const signedError = `${errorData}5F3740${S}`;
const compactOther = el('A1', eid, notification, '5F3740', S);
const result = el('BF51', el('A0', signedResult));
const cfg = (key: string) => el('30', '800365494D', key);
const spkiParts = '301306072A8648CE3D020106082A8648CE3D03010703020004';
const spki = el('30', spkiParts);
const certParts = '30030201013003060127030200FF';
const certificate = el('30', certParts);

type Case = readonly [shape: QuirkName, of: string, given: string, standard: string];

const cases: readonly Case[] = [
  [
    'rplmn-v1.0',
    'GetEimPackageRequest',
    el('BF4F', eid, '810362F210'),
    el('BF4F', eid, '820362F210'),
  ],
  [
    'ipa-euicc-data-v1.0',
    'IpaEuiccDataResponse',
    el('BF52', el('A0', el('88', '80020640'), el('BF20', '820302'), el('80', '6470'))),
    el('BF52', el('A0', el('81', '6470'), el('BF20', '820302'), el('A8', '80020640'))),
  ],
  ['package-result-bare', 'EuiccPackageResult', el('BF51', el('30', signedResult)), result],
  ['package-result-bare', 'EuiccPackageResult', el('BF51', signedResult), result],
  [
    'package-result-bare',
    'EuiccPackageResult',
    el('BF51', el('30', signedError)),
    el('BF51', el('A1', signedError)),
  ],
  [
    'package-result-bare',
    'EuiccPackageResult',
    el('BF51', '800365494D', '840101'),
    el('BF51', el('A2', '800365494D', '840101')),
  ],
  [
    'package-error-code-bare',
    'EuiccPackageResult',
    el('BF51', '02017F'),
    el('BF51', el('A2', '80012D', '8F017F')),
  ],
  [
    'package-error-code-bare',
    'EuiccPackageResult',
    el('BF51', '8F017F'),
    el('BF51', el('A2', '80012D', '8F017F')),
  ],
  ['profile-list-bare', 'ProfileInfoListResponse', 'BF2D043002E300', 'BF2D04A002E300'],
  ['profile-list-bare', 'ProfileInfoListResponse', 'BF2D02E300', 'BF2D04A002E300'],
  ['profile-list-error-wrapped', 'ProfileInfoListResponse', 'BF2D05A10302010B', 'BF2D0381010B'],
  ['profile-list-error-wrapped', 'ProfileInfoListResponse', 'BF2D0302010B', 'BF2D0381010B'],
  [
    'set-default-dp-address-result-universal',
    'SetDefaultDpAddressResponse',
    'BF6503020100',
    'BF6503800100',
  ],
  ['ipa-euicc-data-error-bare', 'IpaEuiccDataResponse', 'BF5203810105', 'BF5205A103020105'],
  ['ipa-euicc-data-error-bare', 'IpaEuiccDataResponse', 'BF5203020105', 'BF5205A103020105'],
  [
    'ipa-euicc-data-bare',
    'IpaEuiccDataResponse',
    el('BF52', '8102 6162', '840107'),
    el('BF52', el('A0', '8102 6162', '840107')),
  ],
  [
    'ipa-euicc-data-bare',
    'IpaEuiccDataResponse',
    el('BF52', el('A0', pirElement)),
    el('BF52', el('A0', el('A0', pirElement))),
  ],
  [
    'ipa-euicc-data-bare',
    'IpaEuiccDataResponse',
    el('BF52', el('A0', compactOther)),
    el('BF52', el('A0', el('A0', compactOther))),
  ],
  [
    'notification-list-v1.0',
    'ProvideEimPackageResult',
    el('BF50', el('30', result, el('BF2B', el('A0', pirElement)))),
    el('BF50', el('30', result, el('A0', pirElement))),
  ],
  [
    'notification-list-v1.0',
    'ProvideEimPackageResult',
    el('BF50', el('30', result, el('BF2B', el('A0')))),
    el('BF50', el('30', result, el('A0'))),
  ],
  [
    'eim-package-result-error-v1.0',
    'ProvideEimPackageResult',
    el('BF50', '020102'),
    el('BF50', el('A0', '020102')),
  ],
  [
    'download-error-v1.0',
    'ProfileDownloadTriggerResult',
    el('BF54', '8201AA', el('30', '8002DEAD')),
    el('BF54', '8201AA', el('30', '80017F', '0402DEAD')),
  ],
  [
    'download-error-v1.0',
    'ProfileDownloadTriggerResult',
    el('BF54', '8201AA', '3000'),
    el('BF54', '8201AA', el('30', '80017F')),
  ],
  [
    'notification-bare',
    'HandleNotificationEsipa',
    el('BF3D', pirElement),
    el('BF3D', el('A0', pirElement)),
  ],
  [
    'notification-bare',
    'HandleNotificationEsipa',
    el('BF3D', compactOther),
    el('BF3D', el('A0', compactOther)),
  ],
  [
    'handled-package-result-v1.0',
    'HandleNotificationEsipa',
    el('BF3D', el('A1', result)),
    el('BF3D', el('BF50', result)),
  ],
  [
    'cancel-session-response-nested',
    'CancelSessionRequestEsipa',
    el('BF41', '8001AA', 'BF4103810105'),
    el('BF41', '8001AA', 'A103810105'),
  ],
  ['smds-address-universal', 'ProfileDownloadData', 'A2040C026162', 'A20480026162'],
  [
    'public-key-data-bare',
    'EimConfigurationData',
    cfg(el('A5', spki)),
    cfg(el('A5', el('A0', spkiParts))),
  ],
  [
    'public-key-data-bare',
    'EimConfigurationData',
    cfg(el('A6', certificate)),
    cfg(el('A6', el('A1', certParts))),
  ],
  [
    'x509-nested',
    'EimConfigurationData',
    cfg(el('A5', el('A0', spki))),
    cfg(el('A5', el('A0', spkiParts))),
  ],
  [
    'x509-nested',
    'GetCertsResponse',
    el('BF56', el('A0', el('A5', certParts), el('A6', certificate))),
    el('BF56', el('A0', el('A5', certParts), el('A6', certParts))),
  ],
];

function read(of: string, text: string): { value: unknown; shapes: string[]; again: Uint8Array } {
  const type = declared.get(of);
  assert.ok(type, of);
  const shapes: string[] = [];
  const value = type.decode(hex(text), { tolerated: (shape) => shapes.push(shape) });
  return { value, shapes, again: type.encode(value) };
}

describe('shapes met in the field', () => {
  for (const [shape, of, given, standard] of cases) {
    it(`${shape}: ${of} ${given.slice(0, 24)}…`, () => {
      const tolerant = read(of, given);
      const strict = read(of, standard);
      assert.deepEqual(tolerant.shapes, [shape]);
      assert.deepEqual(strict.shapes, []);
      assert.deepEqual(tolerant.value, strict.value);
      assert.deepEqual(tolerant.again, hex(standard), 'the standard form is what we write');
      assert.throws(() => declared.get(of)?.decode(hex(given), { strict: true }), {
        name: 'DerError',
        message: new RegExp(shape),
      });
      declared.get(of)?.decode(hex(standard), { strict: true });
    });
  }

  it('results without a list keep what the eUICC signed', () => {
    const bare = el('30', '800365494D8101078204AAAAAAAA83012A', '830100', '840105');
    const bytes = el('BF51', el('A0', bare, '5F3740', S));
    const { value, shapes, again } = read('EuiccPackageResult', bytes);
    assert.deepEqual(shapes, ['results-without-list']);
    assert.deepEqual(again, hex(bytes));
    const signed = (
      value as { value: { euiccPackageResultDataSigned: { raw: Uint8Array; value: object } } }
    ).value.euiccPackageResultDataSigned;
    assert.deepEqual(signed.raw, hex(bare));
    assert.deepEqual(signed.value, {
      eimId: 'eIM',
      counterValue: 7,
      eimTransactionId: hex('AAAAAAAA'),
      seqNumber: 42,
      euiccResult: [
        { type: 'enableResult', value: 0 },
        { type: 'disableResult', value: 5 },
      ],
    });
  });

  it('an eIM list without its A0', () => {
    const list = el('AB', el('30', '800365494D'));
    const bytes = el(
      'BF51',
      el('A0', el('30', '800165', '810101', '830101', el('30', list)), '5F3740', S),
    );
    assert.deepEqual(read('EuiccPackageResult', bytes).shapes, ['eim-list-bare']);
  });
});

describe('what only looks like them', () => {
  const refused: readonly (readonly [why: string, of: string, hex: string])[] = [
    ['two octets of PLMN', 'GetEimPackageRequest', el('BF4F', eid, '820262F2')],
    ['a package result of one octet string', 'EuiccPackageResult', el('BF51', '040100')],
    ['an empty package result', 'EuiccPackageResult', el('BF51')],
    [
      'results without seqNumber',
      'EuiccPackageResult',
      el('BF51', el('30', errorData.replace('020104', '830104'))),
    ],
    ['a bare notification without signature', 'HandleNotificationEsipa', el('BF3D', el('A1', eid))],
    [
      'a v1.0 list without its A0',
      'ProvideEimPackageResult',
      el('BF50', el('30', result, 'BF2B00')),
    ],
    ['two codes', 'IpaEuiccDataResponse', el('BF52', '020101', '020102')],
    [
      'a cancellation under another tag',
      'CancelSessionRequestEsipa',
      el('BF41', '8001AA', 'BF3903810105'),
    ],
    ['an empty key', 'EimConfigurationData', cfg('A500')],
  ];
  for (const [why, of, text] of refused) {
    it(`refuses ${why}`, () =>
      assert.throws(() => declared.get(of)?.decode(hex(text)), { name: 'DerError' }));
  }

  it('a data answer with nothing but a list of notifications is the standard form', () => {
    const text = el('BF52', el('A0', el('A0', pirElement)));
    assert.deepEqual(read('IpaEuiccDataResponse', text).shapes, []);
  });
});

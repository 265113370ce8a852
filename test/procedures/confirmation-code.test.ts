/**
 * Confirmation codes (SGP.22 3.1.1.3): the operator gives one with an order, the device gets its hash, and nobody else
 * anything. The vector is that of rsp-lab.md 2.5: code 12345678, transactionId 0011…FF.
 */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, it } from 'node:test';
import { concat, equal, hex, toHex, utf8 } from '../../src/base/bytes.ts';
import { systemRandom } from '../../src/base/random.ts';
import { SecretBox } from '../../src/base/secret-box.ts';
import { EuiccSigned2, type PrepareDownloadResponse, SmdpSigned2 } from '../../src/messages/rsp.ts';
import { signedOf } from '../../src/messages/schema.ts';
import { tlv } from '../../src/messages/tlv.ts';
import { hashCcOf, resealCodes, takeCodes } from '../../src/orders/confirmation-codes.ts';
import { orderView } from '../../src/rest/views.ts';
import { MemoryStore } from '../../src/store/memory.ts';
import { type Change, table } from '../../src/store/store.ts';
import { signEcdsa } from '../../src/trust/ecdsa.ts';
import { testBox, testKey } from '../support/box.ts';
import { Download, packageError } from './download.ts';
import { eid, pki } from './euicc.ts';
import { activationCode, Rig } from './rig.ts';
import { refusal } from './smdp.ts';

const code = '12345678';
const transactionId = hex('00112233445566778899AABBCCDDEEFF');
const hashCc = hex('8D8C7FEDC8D71C360FC2A64588A0C91666111939D42AF4D1FE0FD1E057EAB543');
const withFlag = `${activationCode}$$1`;
const ccRequired = { smdpSigned2: SmdpSigned2.encode({ transactionId, ccRequiredFlag: true }) };
const rows = table<Uint8Array>('order-confirmation');

/** A download at whose SM-DP+ a code is due, as far as InitiateAuthentication. */
async function begun(confirmationCode?: string): Promise<Download> {
  const download = await Download.begin({}, withFlag, confirmationCode);
  const { smdp } = download.rig;
  smdp.transactionId = transactionId;
  smdp.always.authenticateClient = ccRequired;
  assert.equal((await download.initiate()).type, 'initiateAuthenticationOkEsipa');
  return download;
}

async function authenticated(download: Download) {
  const { euicc } = download.rig;
  return download.authenticate(euicc.authenticateServer(transactionId), undefined, transactionId);
}

describe('a confirmation code', () => {
  it('goes to the device as SHA-256 of its SHA-256 and the transactionId', async () => {
    const answer = await authenticated(await begun(code));
    assert.ok(answer.type === 'authenticateClientOkDPEsipa');
    assert.deepEqual(answer.value.hashCc, hashCc);
  });

  it('is another hash for another code', async () => {
    const answer = await authenticated(await begun('12345679'));
    assert.ok(answer.type === 'authenticateClientOkDPEsipa');
    assert.notDeepEqual(answer.value.hashCc, hashCc);
  });

  it('is not told to a device whose SM-DP+ asks for none, which the history tells', async () => {
    const download = await begun(code);
    delete download.rig.smdp.always.authenticateClient;
    const answer = await authenticated(download);
    assert.ok(answer.type === 'authenticateClientOkDPEsipa');
    assert.equal(answer.value.hashCc, undefined);
    assert.match((await download.history()).at(-1) ?? '', /^confirmation code: .*asks for none/);
  });

  it('may be missing, which the history tells: the device may have it', async () => {
    const download = await begun();
    const answer = await authenticated(download);
    assert.ok(answer.type === 'authenticateClientOkDPEsipa');
    assert.equal(answer.value.hashCc, undefined);
    assert.match((await download.history()).at(-1) ?? '', /^confirmation code: .*order has none/);
  });

  it('is handed on again where the device did not hear the answer, over a restart too', async () => {
    const download = await begun(code);
    const { rig } = download;
    const said = rig.euicc.authenticateServer(transactionId);
    const first = await download.authenticate(said, undefined, transactionId);
    await rig.restart();
    assert.deepEqual(await download.authenticate(said, undefined, transactionId), first);
    assert.equal(rig.smdp.named('authenticateClient').length, 1);
  });

  it('is part of what a compact form leaves out', async () => {
    const download = await begun(code);
    const { rig } = download;
    await authenticated(download);
    const euiccOtpk = concat(Uint8Array.of(4), new Uint8Array(64).fill(7));
    const signed2 = signedOf(EuiccSigned2, { transactionId, euiccOtpk, hashCc });
    const input = concat(signed2.raw, tlv(0x5f37, new Uint8Array(64).fill(2)));
    const response: PrepareDownloadResponse = {
      type: 'compactDownloadResponseOk',
      value: {
        compactEuiccSigned2: { euiccOtpk },
        euiccSignature2: signEcdsa(pki.euicc.key, input),
      },
    };
    const bound = await download.getBoundProfilePackage(response, undefined, transactionId);
    assert.equal(bound.type, 'getBoundProfilePackageOkEsipa');
    const [asked] = rig.smdp.named('getBoundProfilePackage');
    assert.ok(asked !== undefined);
    assert.ok(toHex(asked.prepareDownloadResponse).includes(toHex(hashCc)));
  });

  for (const [codes, told] of [
    ['8.2.7/2.2', /order the download again, with its confirmation code$/],
    ['8.2.7/3.8', /the confirmation code is wrong: order the download again with the right one/],
    ['8.2.7/6.4', /too many wrong confirmation codes: have the order at the SM-DP\+ renewed$/],
  ] as const) {
    it(`that the SM-DP+ refuses with ${codes} ends the order with what to do`, async () => {
      const download = await begun(code);
      await authenticated(download);
      download.rig.smdp.next('getBoundProfilePackage', refusal(codes));
      const { euicc } = download.rig;
      const said = euicc.prepareDownload(transactionId);
      const answer = await download.getBoundProfilePackage(said, undefined, transactionId);
      const expected = { '8.2.7/2.2': 2, '8.2.7/3.8': 3, '8.2.7/6.4': 4 }[codes];
      assert.deepEqual(answer, packageError(expected));
      assert.match((await download.end()).reason, told);
    });
  }
});

describe('what is kept of a confirmation code', () => {
  /** Remembers all that was ever written. */
  class Recording extends MemoryStore {
    readonly written: Change[] = [];

    override commit(changes: readonly Change[]): Promise<void> {
      this.written.push(...changes);
      return super.commit(changes);
    }
  }
  const sha256 = (bytes: Uint8Array) => new Uint8Array(createHash('sha256').update(bytes).digest());
  /** All that was ever written, octets in hex. */
  const textOf = ({ written }: Recording): string =>
    JSON.stringify(written, (_, value: unknown) =>
      value instanceof Uint8Array ? toHex(value) : value,
    );

  it('is sealed, and neither code nor hash is found in the store, the log, or the order', async () => {
    const store = new Recording();
    // The other one stands in the EID.
    const code = 'Tr0ub4dor';
    const download = await Download.begin({ store }, withFlag, code);
    const { rig } = download;
    rig.smdp.transactionId = transactionId;
    rig.smdp.always.authenticateClient = ccRequired;
    await download.initiate();
    const answer = await authenticated(download);
    assert.ok(answer.type === 'authenticateClientOkDPEsipa' && answer.value.hashCc !== undefined);
    const text = textOf(store);
    assert.ok(text.includes(toHex(transactionId)), 'the text holds octets');
    for (const secret of [utf8(code), sha256(utf8(code)), answer.value.hashCc]) {
      assert.ok(!text.includes(toHex(secret)));
    }
    const shown = JSON.stringify([rig.lines, orderView(await rig.order(download.order))]);
    assert.ok(!text.includes(code) && !shown.includes(code));
    const view = orderView(await rig.order(download.order));
    assert.deepEqual(view.steps, [
      { download: { activationCode: withFlag, confirmationCode: 'given' } },
    ]);
    assert.equal((await store.list(rows)).length, 1);
  });

  for (const [what, end] of [
    [
      'is done',
      (rig: Rig, id: string) =>
        rig.eim.orders.finish(id, { success: true, outcome: [], reason: '' }),
    ],
    ['is cancelled', (rig: Rig, id: string) => rig.eim.orders.cancel(id)],
    ['is deleted', (rig: Rig, id: string) => rig.eim.orders.delete(id)],
  ] as const) {
    it(`goes once its order ${what}`, async () => {
      const rig = await Rig.with();
      const kept = await rig.download(withFlag, code);
      const other = await rig.download(withFlag, code);
      assert.equal((await rig.store.list(rows)).length, 2);
      await end(rig, kept.id);
      assert.deepEqual(
        (await rig.store.list(rows)).map(([key]) => key),
        [`${other.id}/0`],
      );
      assert.equal(await rig.eim.orders.hashCc(kept.id, 0, transactionId), undefined);
    });
  }

  it('goes with the order that nobody fetched', async () => {
    const rig = await Rig.with();
    await rig.download(withFlag, code);
    await rig.clock.turn(rig.eim.orders.settings.noShow + 1);
    await rig.eim.orders.sweep();
    assert.deepEqual(await rig.store.list(rows), []);
  });

  it('opens for its own order alone', async () => {
    const store = new MemoryStore();
    const box = testBox();
    const request = { download: { activationCode: withFlag, confirmationCode: code } };
    const { changes } = takeCodes(box, 'a', request);
    await store.commit(changes);
    const [row] = await store.list(rows);
    assert.ok(row !== undefined);
    await store.commit([{ type: 'put', table: rows.name, key: 'b/0', row: row[1] }]);
    assert.deepEqual(await hashCcOf(store, box, 'a', 0, transactionId), hashCc);
    await assert.rejects(hashCcOf(store, box, 'b', 0, transactionId), { name: 'SecretError' });
  });

  it('is of one stage of a whole order', async () => {
    const store = new MemoryStore();
    const box = testBox();
    const plain = { download: { activationCode } };
    const request = {
      whole: [plain, { download: { activationCode: withFlag, confirmationCode: code } }],
    };
    const { changes, request: kept } = takeCodes(box, 'a', request);
    await store.commit(changes);
    assert.deepEqual(kept, {
      whole: [plain, { download: { activationCode: withFlag, confirmationCode: 'given' } }],
    });
    assert.equal(await hashCcOf(store, box, 'a', 0, transactionId), undefined);
    assert.deepEqual(await hashCcOf(store, box, 'a', 1, transactionId), hashCc);
  });

  it('goes with the stage that it was given for, before its order has ended', async () => {
    const rig = await Rig.with();
    const given = { download: { activationCode: withFlag, confirmationCode: code } };
    const order = await rig.eim.orders.submit({
      eid,
      facility: 'whole',
      request: { whole: [given, given, { confirm: { polls: 3, within: 3_600_000 } }] },
    });
    const left = async () => (await rig.store.list(rows)).map(([key]) => key);
    assert.deepEqual(await left(), [`${order.id}/0`, `${order.id}/1`]);
    await rig.eim.orders.finish(`${order.id}.1`, { success: true, outcome: [], reason: '' });
    assert.deepEqual(await left(), [`${order.id}/1`]);
    await rig.eim.orders.finish(`${order.id}.2`, { success: true, outcome: [], reason: '' });
    assert.deepEqual(await left(), []);
    assert.equal(await rig.at(order), 'new');
  });

  it('is sealed anew with a new key, and not without the old one', async () => {
    const store = new MemoryStore();
    const request = { download: { activationCode: withFlag, confirmationCode: code } };
    await store.commit(takeCodes(testBox(), 'a', request).changes);
    const key = new Uint8Array(32).fill(9);
    const stranger = new SecretBox({ key, random: systemRandom });
    await assert.rejects(resealCodes(store, stranger), { name: 'SecretError', reason: 'key' });
    const both = new SecretBox({ key, former: [testKey], random: systemRandom });
    const [before] = await store.list(rows);
    await resealCodes(store, both);
    const [after] = await store.list(rows);
    assert.ok(before !== undefined && after !== undefined && !equal(before[1], after[1]));
    assert.deepEqual(await hashCcOf(store, stranger, 'a', 0, transactionId), hashCc);
  });
});

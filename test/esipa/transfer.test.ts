/** TransferEimPackage as a CoAP request (SGP.32 3.1.1.2), and what counts as an answer. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { hex } from '../../src/base/bytes.ts';
import type { ClientRequest } from '../../src/coap/client.ts';
import { CoapClientError } from '../../src/coap/client-exchange.ts';
import type { CoapResponse } from '../../src/coap/request.ts';
import { postTransfer } from '../../src/esipa/transfer.ts';
import { NotTransferredError } from '../../src/procedures/transfer-eim-package.ts';

const settings = { path: 'gsma/rsp2/asn1', contentFormat: 42 };
// Reference sheet 1.10.
const body = hex('BF4E 06 BF53 03 80 01 2A');

describe('TransferEimPackage over CoAP', () => {
  it('is a POST, and its answer the body of any success', async () => {
    for (const code of ['2.05', '2.04', '2.01'] as const) {
      const asked: ClientRequest[] = [];
      const answer = await postTransfer(
        async (request) => {
          asked.push(request);
          return { code, body: hex('BF4E020500') };
        },
        settings,
        body,
      );
      assert.deepEqual(answer, hex('BF4E020500'));
      const path = ['gsma', 'rsp2', 'asn1'];
      assert.deepEqual(asked, [{ method: 'POST', path, contentFormat: 42, body }]);
    }
  });

  it('has an empty answer where the device says no more than yes', async () => {
    assert.deepEqual(await postTransfer(async () => ({ code: '2.04' }), settings, body), hex(''));
  });

  it('did not get there where CoAP says so', async () => {
    const refused = async (): Promise<CoapResponse> => ({ code: '4.04', body: hex('6E6F') });
    await assert.rejects(postTransfer(refused, settings, body), (error) => {
      return error instanceof NotTransferredError && error.message === 'it answers 4.04';
    });
    const silent = async (): Promise<CoapResponse> => {
      throw new CoapClientError('unacknowledged', 'no sign of life within 30 s');
    };
    await assert.rejects(postTransfer(silent, settings, body), (error) => {
      return error instanceof NotTransferredError && /no sign of life/.test(error.message);
    });
  });

  it("does not hide a fault of ours behind the device's", async () => {
    const broken = async (): Promise<CoapResponse> => {
      throw new TypeError('ours');
    };
    await assert.rejects(postTransfer(broken, settings, body), TypeError);
  });
});

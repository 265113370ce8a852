/**
 * Data that the IPA fetches from the eUICC (SGP.32 3.1.2, 2.11.1.2). Here as far as the main job needs it: before the
 * first eUICC Package for an eUICC whose key is not known, its certificates are asked for, so that the result can be
 * verified. The request is kept until it is answered, so that a repeated poll gets the same bytes.
 */
import { equal, hex } from '../base/bytes.ts';
import type { Eid } from '../messages/ids.ts';
import { IpaEuiccDataRequest, type IpaEuiccDataResponse } from '../messages/ipa-euicc-data.ts';
import type { Order } from '../orders/order.ts';
import { procedureError } from '../orders/outcome.ts';
import { put, remove, table } from '../store/store.ts';
import { ChainError } from '../trust/chain-error.ts';
import type { Eim } from './eim.ts';
import { learnt } from './learn-euicc.ts';

interface Question {
  readonly eimTransactionId: Uint8Array;
  readonly eimPackage: Uint8Array;
  readonly orderId: string;
  readonly deliveries: number;
}

/** One open question for each EID. */
const questions = table<Question>('euicc-data-request');

/** euiccInfo1, euiccInfo2, association token, both certificates, IPA's capabilities, device (SGP.32 4.10 of the sheet). */
const tagList = hex('BF20 BF22 84 A5 A6 A8 A9');

/**
 * The data request that must be answered before this order's package can be sent; undefined where none is due, and
 * `unanswered` where it was handed out too often, which has ended the order.
 */
export async function euiccDataDue(
  eim: Eim,
  order: Order,
): Promise<Uint8Array | 'unanswered' | undefined> {
  if (!('psmo' in order.request)) return undefined;
  const record = await eim.euiccs.ensure(order.eid);
  if (record.consumerEuicc || record.publicKey !== undefined) return undefined;
  const open = await eim.store.get(questions, order.eid);
  if (open === undefined || open.orderId !== order.id) return ask(eim, order);
  if (open.deliveries >= eim.settings.maxDeliveries) {
    await eim.orders.finish(
      order.id,
      {
        success: false,
        outcome: [procedureError('stuckOrder')],
        reason: `the eUICC's certificates were asked for ${open.deliveries} times and never came: set its public key (euicc signPubKey), or consumerEuicc where it has none`,
      },
      [remove(questions, order.eid)],
    );
    return 'unanswered';
  }
  await eim.store.commit([put(questions, order.eid, { ...open, deliveries: open.deliveries + 1 })]);
  return open.eimPackage;
}

async function ask(eim: Eim, order: Order): Promise<Uint8Array> {
  const eimTransactionId = eim.random(16);
  const eimPackage = IpaEuiccDataRequest.encode({ tagList, eimTransactionId });
  const question = { eimTransactionId, eimPackage, orderId: order.id, deliveries: 1 };
  await eim.store.commit([put(questions, order.eid, question)]);
  await eim.orders.note(
    order.id,
    'asked for certificates',
    'the key of this eUICC is not known yet',
  );
  return eimPackage;
}

/** Takes the answer; what it proves is kept, and the order goes on with the next poll. */
export async function ipaEuiccDataResponse(
  eim: Eim,
  eid: Eid,
  response: IpaEuiccDataResponse,
): Promise<void> {
  const open = await eim.store.get(questions, eid);
  const eimTransactionId = response.value.eimTransactionId;
  if (
    open === undefined ||
    (eimTransactionId !== undefined && !equal(eimTransactionId, open.eimTransactionId))
  ) {
    eim.log.warn('eUICC data that nobody asked for', { eid });
    return;
  }
  const fail = async (why: string): Promise<void> => {
    eim.log.warn('eUICC data not usable', { eid, why });
    await eim.orders.finish(
      open.orderId,
      {
        success: false,
        outcome: [procedureError('undefinedError')],
        reason: `the key of this eUICC cannot be learned: ${why}`,
      },
      [remove(questions, eid)],
    );
  };
  if (response.type === 'ipaEuiccDataResponseError') {
    return fail(`the IPA answers with error ${response.value.ipaEuiccDataErrorCode}`);
  }
  const { euiccCertificate, eumCertificate } = response.value;
  if (euiccCertificate === undefined || eumCertificate === undefined) {
    return fail('the IPA sent no certificates');
  }
  const chain = { euiccCertificate, eumCertificate };
  let change: ReturnType<typeof learnt>;
  try {
    change = learnt(eim, eid, chain, response.value);
  } catch (error) {
    if (!(error instanceof ChainError)) throw error;
    return fail(error.message);
  }
  await eim.store.commit([...change, remove(questions, eid)]);
}

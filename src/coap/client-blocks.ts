/** Block-wise transfer, the client's side (RFC 7959): one block a round trip, taken up again where it stopped. */
import { type Block, blockOf, blockOption, sizeOf } from './block.ts';
import { type ClientExchange, CoapClientError } from './client-exchange.ts';
import { Code } from './codes.ts';
import { Download } from './download.ts';
import type { Message } from './message.ts';
import { type Option, OptionNumber, uintOption } from './options.ts';
import type { Transfer } from './transfer.ts';

export interface BlockTransferOptions {
  readonly exchange: ClientExchange;
  readonly code: string;
  /** Of the request, the Request-Tag and block options left out. */
  readonly options: readonly Option[];
  readonly body: Uint8Array;
  /** The largest block size both ways. */
  readonly szx: number;
  /** Block2 in the request: the size that is preferred for the answer. */
  readonly preference: readonly Option[];
  readonly transfer: Transfer;
  readonly newRequestTag: () => Option;
  /** Octets of a response's body. */
  readonly limit: number;
}

/** The response to a request; its payload is the whole body. Rejects with CoapClientError. */
export async function transferInBlocks(request: BlockTransferOptions): Promise<Message> {
  const { exchange, code, options, body, szx, preference, transfer } = request;
  if (transfer.download !== undefined) return collect(request, transfer.download);
  if (body.length <= sizeOf(szx)) {
    const first = await exchange.exchange(code, [...options, ...preference], body);
    return begin(request, first);
  }
  const first = await sendBody(request);
  const forgotten = first.code === Code.requestEntityIncomplete && transfer.uploaded > 0;
  if (!forgotten) return begin(request, first);
  transfer.reset(); // the server has forgotten the body
  return begin(request, await sendBody(request));
}

/** Goes on with the response to the request itself. */
export function begin(request: BlockTransferOptions, first: Message): Promise<Message> {
  const block = blockOf(first.options, OptionNumber.block2);
  if (block === undefined) return Promise.resolve(first);
  const download = new Download({ ...first, payload: new Uint8Array() }, block.szx);
  request.transfer.download = download;
  return collect(request, download, { message: first, block });
}

/** Block1 (RFC 7959 section 2.5): the response to the last block, or to the block where the server had enough. */
async function sendBody(request: BlockTransferOptions): Promise<Message> {
  const { exchange, code, body, preference, transfer } = request;
  transfer.requestTag ??= request.newRequestTag();
  let szx = Math.min(transfer.szx ?? request.szx, request.szx);
  for (;;) {
    const offset = transfer.uploaded;
    const end = Math.min(offset + sizeOf(szx), body.length);
    const block = { number: offset / sizeOf(szx), more: end < body.length, szx };
    const response = await exchange.exchange(
      code,
      [
        ...request.options,
        transfer.requestTag,
        blockOption(OptionNumber.block1, block),
        ...(offset === 0 ? [uintOption(OptionNumber.size1, body.length)] : []),
        ...(block.more ? [] : preference),
      ],
      body.subarray(offset, end),
    );
    if (!block.more) return response;
    const told = blockOf(response.options, OptionNumber.block1);
    const smaller = smallerSzx(response, told, block);
    if (smaller !== undefined) {
      szx = smaller;
      continue;
    }
    // A server that takes each block by itself answers each with its own code, and M 0 (section 2.3, figure 8).
    if (!response.code.startsWith('2.')) return response;
    if (told?.number !== block.number) {
      if (response.code !== Code.continue) return response;
      throw new CoapClientError('malformed', `2.31 does not name block ${block.number}`);
    }
    transfer.uploaded = end;
    szx = Math.min(szx, told.szx);
    transfer.szx = szx;
  }
}

/** Block2 (RFC 7959 section 2.4): asks for the rest in the size that the server chose. */
async function collect(
  { exchange, code, options, transfer, limit }: BlockTransferOptions,
  download: Download,
  first?: { readonly message: Message; readonly block: Block },
): Promise<Message> {
  const tag = transfer.requestTag === undefined ? [] : [transfer.requestTag];
  let message = first?.message;
  let block = first?.block;
  for (;;) {
    if (message !== undefined) {
      download.add(message, block);
      if (download.received > limit) {
        throw new CoapClientError('too large', `a response over ${limit} octets`);
      }
      if (block?.more !== true) return { ...download.first, payload: download.body() };
    }
    message = await exchange.exchange(
      code,
      [...options, ...tag, blockOption(OptionNumber.block2, download.next)],
      new Uint8Array(),
    );
    if (message.code !== download.first.code) return message;
    block = blockOf(message.options, OptionNumber.block2);
  }
}

/** 4.13 to the first block, with a smaller size: not the body is too large but the block (RFC 7959 section 2.9.3). */
function smallerSzx(response: Message, told: Block | undefined, sent: Block): number | undefined {
  if (response.code !== Code.requestEntityTooLarge || sent.number !== 0) return undefined;
  return told !== undefined && told.szx < sent.szx ? told.szx : undefined;
}

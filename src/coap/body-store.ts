/** Where answers are kept that must outlive this process: the room above ties it to a store on disk. */
import type { Code } from './codes.ts';
import type { Option } from './options.ts';

/** An answer in blocks as it is stored: plain values, which a store can hold as they are. */
export interface AnswerSnapshot {
  /** Which of its owner's answers it is. */
  readonly key: string;
  /** Other names of it; see RequestKeys. */
  readonly bare: string;
  readonly loose: string;
  readonly code: Code;
  readonly options: readonly Option[];
  readonly body: Uint8Array;
  /** Milliseconds since the epoch; a store may drop it from then on. */
  readonly expires: number;
}

/**
 * Answers by owner, which is a peer's identity: peers without one are not met again after a restart. Rejections are
 * logged, and cost a device no more than a transfer that begins anew.
 */
export interface BodyStore {
  /** All answers of an owner, in any order. */
  of(owner: string): Promise<readonly AnswerSnapshot[]>;
  /** Keeps an answer in place of the one with its key; resolves when it is durable. */
  put(owner: string, answer: AnswerSnapshot): Promise<void>;
  delete(owner: string, key: string): Promise<void>;
}

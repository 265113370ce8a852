/**
 * How the eIM knows what it knows of an eUICC: since when, from what, how sure; and what it doubts, until the eUICC is
 * asked (procedures/settle.ts).
 */

/**
 * - `proven`: the eUICC signed it, and the signature was verified;
 * - `reported`: the IPA said it, unsigned, or a consumer eUICC whose signature cannot be checked;
 * - `inferred`: the eIM concluded it from something else;
 * - `set`: the operator said it.
 */
export const sureness = ['proven', 'reported', 'inferred', 'set'] as const;
export type Sureness = (typeof sureness)[number];

/** Where a fact comes from. */
export interface Origin {
  /** When it was last told; milliseconds since 1970. */
  readonly at: number;
  /** What told it, for people: `listProfileInfo, order 5b1c…`. */
  readonly source: string;
  readonly sure: Sureness;
}

/** What can be asked of an eUICC on its own: `data` is what an IpaEuiccDataRequest tells of eUICC, IPA and device. */
export const topics = ['data', 'eims', 'profiles'] as const;
export type Topic = (typeof topics)[number];

/** Something speaks against what is known. */
export interface Doubt {
  /** When it arose; milliseconds since 1970. */
  readonly since: number;
  /** For people. */
  readonly why: string;
  /** How often the eIM has asked because of it. */
  readonly asked: number;
  /** When it last did; milliseconds since 1970. */
  readonly last?: number;
}

/** A package that left and may change the eUICC: what it may change is in doubt if its result never comes. */
export interface Outstanding {
  readonly orderId: string;
  readonly counterValue?: number;
  readonly about: readonly Topic[];
}

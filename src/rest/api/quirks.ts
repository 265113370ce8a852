/** Deviations of devices, as /v1 answers them. */

/** One deviation of one eUICC's device. */
export interface QuirkView {
  readonly name: string;
  readonly about: string;
  readonly count: number;
  readonly first: string;
  readonly last: string;
  /** Where in the message it last was. */
  readonly where: string;
}

/** GET /v1/euiccs/:eid/quirks. */
export interface QuirksOfEuicc {
  readonly eid: string;
  readonly quirks: readonly QuirkView[];
}

/** One deviation of the eUICCs of one EUM. */
export interface QuirkOfEumView {
  /** The first 8 digits of their EIDs. */
  readonly eum: string;
  readonly name: string;
  readonly euiccs: number;
  readonly count: number;
  readonly first: string;
  readonly last: string;
}

/** GET /v1/quirks: those met, and all that are known. */
export interface QuirkOverview {
  readonly eums: readonly QuirkOfEumView[];
  readonly known: readonly {
    readonly name: string;
    readonly about: string;
    readonly evidence: string;
  }[];
}

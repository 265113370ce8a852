/** The eIM as a process, as it is shown to operators: what the process and the room that shows it agree on. */

/** Whether it can work; each check is `ok`, or says what is wrong. */
export interface Readiness {
  readonly ready: boolean;
  readonly checks: {
    readonly store: string;
    readonly coaps: string;
    readonly stopping: string;
  };
}

/** What came of reading certificates, trust and the like again. */
export interface ReloadReport {
  /** Milliseconds since 1970. */
  readonly at: number;
  /** Names of the parts that were read again. */
  readonly applied: readonly string[];
  /** What could not be read, and is as it was. */
  readonly kept: readonly { readonly part: string; readonly why: string }[];
  /** Settings that are others now, and take a restart. */
  readonly restart: readonly string[];
}

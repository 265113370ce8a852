/** How a command ends. Scripts rely on the numbers; `eim --help` lists them. */
export const ExitCode = {
  ok: 0,
  /** The eIM, or this program, failed. */
  failed: 1,
  badInput: 2,
  unreachable: 3,
  /** The order waited for is done, without success. */
  orderFailed: 4,
  /** The order waited for is not done yet. */
  timedOut: 5,
  /** The token is missing or wrong. */
  notAllowed: 6,
  /** By Ctrl-C, while it followed something: 128 + SIGINT, as shells have it. */
  interrupted: 130,
} as const;
export type ExitCode = (typeof ExitCode)[keyof typeof ExitCode];

export const exitCodeHelp = `
Exit codes:
  0  done (with --wait: the order succeeded)
  1  failed
  2  bad input: an option, or something the eIM does not know
  3  the eIM cannot be reached
  4  the order failed (with --wait, and order watch)
  5  the order is not done in the time given
  6  the token is missing or wrong, or its role may not do this
  130  stopped by Ctrl-C
`;

/** Ends the command: what went wrong, and what to do about it. */
export class CliError extends Error {
  override readonly name = 'CliError';
  readonly exitCode: ExitCode;
  readonly hint: string | undefined;

  constructor(exitCode: ExitCode, complaint: string, hint?: string, options?: ErrorOptions) {
    super(complaint, options);
    this.exitCode = exitCode;
    this.hint = hint;
  }
}

/** What `confirm` asks of a device, as people write it: `3`, `2h` or `3,2h`. */
import { CliError, ExitCode } from './exit.ts';

/** A confirm step's value. Throws CliError. */
export function confirmOf(given: string): object {
  const [, polls, within] = /^(?:([0-9]{1,9})(?:,|$))?([0-9]+ ?[a-z]+)?$/.exec(given) ?? [];
  if (polls === undefined && within === undefined) {
    const complaint = `--confirm: '${given}' is neither a number of polls nor a time, such as 3, 2h or 3,2h`;
    throw new CliError(ExitCode.badInput, complaint);
  }
  return {
    ...(polls === undefined ? {} : { polls: Number(polls) }),
    ...(within === undefined ? {} : { within }),
  };
}

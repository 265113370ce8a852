/** What a look at the machine and the configuration found, and what to do about it. */

export interface Finding {
  /** What was looked at: `clock`, `eim.tls.certificate`. */
  readonly check: string;
  readonly level: 'ok' | 'warning' | 'error';
  readonly found: string;
  /** What to do; absent where all is well. */
  readonly advice?: string;
}

export function ok(check: string, found: string): Finding {
  return { check, level: 'ok', found };
}

export function warning(check: string, found: string, advice: string): Finding {
  return { check, level: 'warning', found, advice };
}

export function error(check: string, found: string, advice: string): Finding {
  return { check, level: 'error', found, advice };
}

export function causeText(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}

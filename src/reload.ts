/**
 * What is read again while the eIM runs (SIGHUP, POST /v1/reload, `eim config reload`): each part reads its files first
 * and takes effect as a whole, or not at all, and then what was before stays. No connection ends for it.
 *
 * ```
 *   again()       the configuration, read and checked anew      wrong → nothing changes
 *   prepare()     a part's files, read and checked              wrong → this part stays as it is
 *   the rest      takes effect with the next start              named
 * ```
 */
import type { Clock } from './base/clock.ts';
import type { Log } from './base/log.ts';
import type { ReloadReport } from './base/running-facts.ts';
import { Serial } from './base/serial.ts';
import { type Config, ConfigError, settingKeys, settingOf } from './config.ts';

export interface ReloadPart {
  /** For people: `trust in SM-DP+s`. */
  readonly name: string;
  /** The settings that it looks at; a section stands for all that is in it. */
  readonly keys: readonly string[];
  /** Reads and checks; gives what makes it take effect. Throws ConfigError, or rejects with it. */
  prepare(config: Config): (() => void) | Promise<() => void>;
}

export interface ReloadsOptions {
  readonly config: Config;
  /** Reads the configuration anew. Throws ConfigError. */
  readonly again: () => Config;
  readonly clock: Clock;
  readonly log: Log;
}

export class Reloads {
  readonly #options: ReloadsOptions;
  readonly #parts: ReloadPart[] = [];
  readonly #serial = new Serial();
  #last: ReloadReport | undefined;

  constructor(options: ReloadsOptions) {
    this.#options = options;
  }

  /** What came of the last one; undefined: there was none. */
  get last(): ReloadReport | undefined {
    return this.#last;
  }

  add(part: ReloadPart): void {
    this.#parts.push(part);
  }

  /** One at a time. Nothing is thrown for what is wrong with files: the report says it, and so does the log. */
  reload(): Promise<ReloadReport> {
    return this.#serial.run('reload', async () => {
      const report = await this.#reload();
      this.#last = report;
      const { log } = this.#options;
      for (const { part, why } of report.kept) {
        log.error('not read again: what was before stays', { part, why });
      }
      if (report.restart.length > 0) {
        log.warn('settings that take a restart have changed', { keys: report.restart.join(' ') });
      }
      log.info('read again', { parts: report.applied.join(', ') });
      return report;
    });
  }

  async #reload(): Promise<ReloadReport> {
    const { again, clock } = this.#options;
    const at = clock.now();
    let config: Config;
    try {
      config = again();
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      const kept = [{ part: 'the configuration', why: error.message }];
      return { at, applied: [], kept, restart: [] };
    }
    const applied: string[] = [];
    const kept: { part: string; why: string }[] = [];
    for (const part of this.#parts) {
      try {
        const apply = await part.prepare(config);
        apply();
        applied.push(part.name);
      } catch (error) {
        if (!(error instanceof ConfigError)) throw error;
        kept.push({ part: part.name, why: error.message });
      }
    }
    return { at, applied, kept, restart: this.#changed(config) };
  }

  /** The settings that differ from those of the start, but for those that parts look at. */
  #changed(config: Config): readonly string[] {
    const looked = this.#parts.flatMap(({ keys }) => keys);
    const covered = (key: string) => looked.some((one) => key === one || key.startsWith(`${one}.`));
    return settingKeys().filter(
      (key) => !covered(key) && textOf(config, key) !== textOf(this.#options.config, key),
    );
  }
}

function textOf(config: Config, key: string): string {
  const value = settingOf(config, key);
  return value instanceof RegExp ? value.source : (JSON.stringify(value) ?? '');
}

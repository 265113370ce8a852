/** A shell that runs the commands of pages as they stand, but for ports, folders and ids. */
import { execFile } from 'node:child_process';
import { symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { top } from './markdown.ts';

export interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** What serves until it is stopped: no command to wait for. */
export const serves = /^npm run lab -- (smdpp|smds|link)\b/;

/** What the pages call `eim`, `npm run eim` and `npm run lab`. */
const names = `
main() { node "$TOP/dist/cli/main.js" "$@"; }
eim() {
  case "$1 $2" in
    "serve "*) shift; node --import "$TSX" "$TOP/test/docs/serve-once.ts" "$@" ;;
    "watch "*) timeout --preserve-status -s INT 4 node "$TOP/dist/cli/main.js" "$@" || test $? = 130 ;;
    *) main "$@" ;;
  esac
}
lab() { node --import "$TSX" "$TOP/tools/lab/main.ts" "$@"; }
npm() {
  case "$1 $2" in
    "run eim") shift 3; eim "$@" ;;
    "run lab") shift 2; test "$1" = -- && shift; lab "$@" ;;
    *) echo "npm $* is not run here" >&2; return 99 ;;
  esac
}
`;

export class PageShell {
  readonly #folder: string;
  readonly #env: NodeJS.ProcessEnv;
  readonly #moved: readonly (readonly [from: string | RegExp, to: string])[];

  /** `moved`: what stands for something else in the commands, in this order. */
  constructor(o: {
    readonly folder: string;
    readonly env?: Readonly<Record<string, string>>;
    readonly moved?: readonly (readonly [from: string | RegExp, to: string])[];
  }) {
    this.#folder = o.folder;
    this.#moved = o.moved ?? [];
    const { EIM_TOKEN: _, ...inherited } = process.env;
    this.#env = {
      ...inherited,
      NO_COLOR: '1',
      TOP: top,
      TSX: import.meta.resolve('tsx'),
      XDG_CONFIG_HOME: o.folder,
      ...o.env,
    };
    symlinkSync(join(top, 'certs'), join(o.folder, 'certs'));
  }

  /** The commands, with what stands for something else in them. */
  moved(command: string): string {
    return this.#moved.reduce((text, [from, to]) => text.replaceAll(from, to), command);
  }

  /** Runs one command, or several; `last` stands for `$ID`. */
  run(command: string, last = ''): Promise<Ran> {
    const text = this.moved(command);
    const env = { ...this.#env, ID: last };
    return new Promise((resolve) => {
      execFile(
        'bash',
        ['-e', '-c', names + text],
        { cwd: this.#folder, env, maxBuffer: 16 * 1024 * 1024 },
        (error, stdout, stderr) => {
          const code = error === null ? 0 : typeof error.code === 'number' ? error.code : 255;
          resolve({ code, stdout, stderr });
        },
      );
    });
  }
}

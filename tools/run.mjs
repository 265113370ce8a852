/**
 * `npm run lab`, `eim`, `bench` and `fuzz`, and `npm test`, from a fresh checkout: installs what package-lock.json
 * names when that is missing or stale, builds what is missing or stale, then runs. Needs nothing but Node and npm.
 */
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const top = fileURLToPath(new URL('..', import.meta.url));
const [what, ...args] = process.argv.slice(2);

const [major, minor] = process.versions.node.split('.').map(Number);
if (major < 20 || (major === 20 && minor < 19)) {
  fail(`coap-eim needs Node 20.19 or newer; this is ${process.versions.node}`);
}

alone(install);
if (what === 'lab' || what === 'bench') run('node', tool(what), build);
else if (what === 'fuzz') run('node', tool(what), () => {});
else if (what === 'eim') run('node', ['dist/cli/main.js', ...args], build);
else if (what === 'test') {
  const named = args.filter((arg) => !arg.startsWith('-'));
  const files = named.length > 0 ? named : tests('test');
  // Many tests wait rather than work; one that hangs fails after five minutes instead of holding the rest, and what it
  // leaves behind (a connection, a child) holds up no end. In a log, what failed stands last.
  const options = [
    '--test-concurrency=4',
    '--test-timeout=300000',
    '--test-force-exit',
    ...(process.env.CI === undefined ? [] : ['--test-reporter=spec']),
    ...args.filter((arg) => arg.startsWith('-')),
  ];
  run('node', ['--import', 'tsx', '--test', ...options, ...files], build);
} else fail(`tools/run.mjs: 'lab', 'eim', 'bench', 'fuzz' or 'test', not '${what ?? ''}'`);

/**
 * Installs the versions of package-lock.json, unless node_modules already is what it asks for. `npm install` and not
 * `npm ci`: the latter refuses a lock file that lacks optional packages of other platforms (docs/dependencies.md).
 */
function install() {
  const stamp = join(top, 'node_modules', '.coap-eim-installed');
  // npm writes the last of these at the end of each of its runs, so whatever else it was told shows.
  const state = () =>
    digest(['package.json', 'package-lock.json', join('node_modules', '.package-lock.json')]);
  if (written(stamp) === state() && namedPackages().every(isThere)) return;
  say('installing the packages that package-lock.json names');
  must('npm', [
    'install',
    '--no-save',
    '--ignore-scripts',
    '--no-audit',
    '--no-fund',
    '--loglevel=error',
  ]);
  writeFileSync(stamp, state());
}

function namedPackages() {
  const { dependencies, devDependencies } = JSON.parse(written(join(top, 'package.json')));
  return Object.keys({ ...dependencies, ...devDependencies });
}

function isThere(name) {
  return existsSync(join(top, 'node_modules', name, 'package.json'));
}

/** `tsc -p src`, unless dist/ is what was made of these very sources. What runs from the old dist/ finds a whole one. */
function build() {
  alone(() => {
    const stamp = join(top, 'dist', '.stamp');
    const sources = ['package-lock.json', 'tsconfig.json', ...files('src', () => true)];
    const state = () => digest([...sources, ...files('dist', (name) => name !== '.stamp')]);
    if (written(stamp) === state()) return;
    say('building src into dist');
    const made = join(top, 'node_modules', `.coap-eim-build-${process.pid}`);
    const old = `${made}-old`;
    for (const left of [made, old]) rmSync(left, { recursive: true, force: true });
    const compiler = join('node_modules', 'typescript', 'bin', 'tsc');
    must('node', [compiler, '-p', 'src', '--outDir', made]);
    if (existsSync(join(top, 'dist'))) renameSync(join(top, 'dist'), old);
    renameSync(made, join(top, 'dist'));
    writeFileSync(stamp, state());
    rmSync(old, { recursive: true, force: true });
  });
}

/** Does the work while no other process does such work on this checkout; waits for one that does. */
function alone(work) {
  const lock = join(
    tmpdir(),
    `coap-eim-${createHash('sha256').update(top).digest('hex').slice(0, 16)}`,
  );
  const owner = join(lock, 'pid');
  for (;;) {
    try {
      mkdirSync(lock);
      break;
    } catch (error) {
      if (error.code !== 'EEXIST') throw error;
    }
    if (isLeft(lock, owner)) rmSync(lock, { recursive: true, force: true });
    else Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 100);
  }
  const release = () => rmSync(lock, { recursive: true, force: true });
  process.once('exit', release);
  writeFileSync(owner, String(process.pid));
  work();
  release();
  process.removeListener('exit', release);
}

/** Whether a lock is of a process that died; one that has only just begun has not said yet who it is. */
function isLeft(lock, owner) {
  const pid = Number(written(owner));
  if (pid > 0) return !lives(pid);
  const made = statSync(lock, { throwIfNoEntry: false })?.mtimeMs ?? Date.now();
  return Date.now() - made > 10_000;
}

function lives(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}

/** What a file holds; undefined where there is none. */
function written(path) {
  return existsSync(path) ? readFileSync(path, 'utf8') : undefined;
}

function tool(name) {
  return ['--import', 'tsx', `tools/${name}/main.ts`, ...args];
}

function tests(folder) {
  return files(folder, (name) => name.endsWith('.test.ts'));
}

function files(folder, wanted) {
  if (!existsSync(join(top, folder))) return [];
  return readdirSync(join(top, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && wanted(entry.name))
    .map((entry) => join(entry.parentPath, entry.name))
    .map((path) => path.slice(top.length))
    .sort();
}

function digest(paths) {
  const hash = createHash('sha256').update(process.version);
  for (const path of paths) hash.update(`\n${path}\n`).update(written(join(top, path)) ?? '-');
  return hash.digest('hex');
}

/** Runs a step to its end; where it fails, so do we. Its output goes to stderr, so that stdout stays the command's. */
function must(command, commandArgs) {
  const { status, error } = spawnSync(command, commandArgs, {
    cwd: top,
    stdio: ['ignore', 2, 2],
    shell: process.platform === 'win32',
  });
  if (error) fail(`${command}: ${error.message}`);
  if (status !== 0) fail(`${command} ${commandArgs.join(' ')} failed (exit ${status})`);
}

/** Runs the command itself, in the checkout, with our terminal; its exit code is ours. */
function run(command, commandArgs, before) {
  before();
  const child = spawn(command === 'node' ? process.execPath : command, commandArgs, {
    cwd: top,
    stdio: 'inherit',
  });
  for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => child.kill(signal));
  child.on('exit', (code, signal) => process.exit(code ?? (signal === 'SIGINT' ? 130 : 1)));
}

function say(text) {
  process.stderr.write(`coap-eim: ${text}\n`);
}

function fail(text) {
  say(text);
  process.exit(1);
}

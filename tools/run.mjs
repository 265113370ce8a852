/**
 * `npm run lab`, `eim`, `bench` and `fuzz`, and `npm test`, from a fresh checkout: installs what package-lock.json
 * names when that is missing or stale, builds what is missing or stale, then runs. Needs nothing but Node and npm.
 */
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const top = fileURLToPath(new URL('..', import.meta.url));
const [what, ...args] = process.argv.slice(2);

const [major, minor] = process.versions.node.split('.').map(Number);
if (major < 20 || (major === 20 && minor < 19)) {
  fail(`coap-eim needs Node 20.19 or newer; this is ${process.versions.node}`);
}

install();
if (what === 'lab' || what === 'bench') run('node', tool(what), build);
else if (what === 'fuzz') run('node', tool(what), () => {});
else if (what === 'eim') run('node', ['dist/cli/main.js', ...args], build);
else if (what === 'test') {
  const named = args.filter((arg) => !arg.startsWith('-'));
  const files = named.length > 0 ? named : tests('test');
  // Many tests wait rather than work; one that hangs fails after five minutes instead of holding the rest.
  const options = [
    '--test-concurrency=4',
    '--test-timeout=300000',
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

/** `tsc -p src`, unless dist/ is what was made of these very sources. */
function build() {
  const stamp = join(top, 'dist', '.stamp');
  const sources = ['package-lock.json', 'tsconfig.json', ...files('src', () => true)];
  const state = () => digest([...sources, ...files('dist', (name) => name !== '.stamp')]);
  if (written(stamp) === state()) return;
  say('building src into dist');
  rmSync(join(top, 'dist'), { recursive: true, force: true });
  must('node', [join('node_modules', 'typescript', 'bin', 'tsc'), '-p', 'src']);
  mkdirSync(join(top, 'dist'), { recursive: true });
  writeFileSync(stamp, state());
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

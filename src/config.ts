/**
 * The configuration, read once and checked once: defaults (settings.ts), under one YAML file, under the environment
 * (EIM_…), under flags. The file is made with comments where it is missing.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { parse, YAMLError } from 'yaml';
import { isLoopback } from './base/address.ts';
import { inWords } from './base/complaints.ts';
import { ConfigFileError, readConfigFile, type Written } from './config-file.ts';
import { isRecord, isSetting, type Setting, type Values } from './settings/setting.ts';
import { settings } from './settings.ts';

/** All settings, checked; lengths of time in milliseconds, paths absolute. */
export type Config = Values<typeof settings>;

/** Settings that cannot be used; each line of the message names a key, where its value came from, and what is wrong. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}

export interface ConfigSources {
  /** The YAML file; undefined: none is read or made. */
  readonly file?: string | undefined;
  /** Whether the file is made where it is missing; default yes. False: it counts as empty. */
  readonly make?: boolean;
  /** Looked at for EIM_… names only; empty values count as not set. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** By dotted key: `{ 'coaps.port': 0 }`. Text is read as in the environment. */
  readonly flags?: Readonly<Record<string, unknown>>;
}

export interface LoadedConfig {
  readonly config: Config;
  /** The file was missing and has been made. */
  readonly made: boolean;
  /** By key: where the value came from, for people. */
  readonly origins: ReadonlyMap<string, Origin>;
}

export interface Origin {
  /** `the default`, `EIM_COAPS_PORT`, `a flag`, `eim.yaml line 12`. */
  readonly from: string;
  /** As it was given: `10s`, not milliseconds. */
  readonly given: unknown;
}

/** The name of a setting in the environment: `coaps.port` → `EIM_COAPS_PORT`. */
export function environmentName(key: string): string {
  return `EIM_${key.replace(/[A-Z]/g, '_$&').replaceAll('.', '_').toUpperCase()}`;
}

/** The keys of all settings, dotted, in the order of the file. */
export function settingKeys(): readonly string[] {
  return [...leaves(settings, '')].map(([key]) => key);
}

/** The keys of settings whose values are shown to nobody. */
export function secretKeys(): readonly string[] {
  return [...leaves(settings, '')].flatMap(([key, { secret }]) => (secret ? [key] : []));
}

/** The value of a setting by its dotted key. */
export function settingOf(config: Config, key: string): unknown {
  let at: unknown = config;
  for (const part of key.split('.')) at = isRecord(at) ? at[part] : undefined;
  return at;
}

/** Reads and checks the configuration. Throws ConfigError. */
export function loadConfig(sources: ConfigSources): LoadedConfig {
  const { written, made } =
    sources.file === undefined
      ? { written: nothing, made: false }
      : readOrMake(sources.file, sources.make ?? true);
  const file = sources.file ?? '';
  const problems = [...unknownKeys(written, file, written.values, settings, [])];
  const known = settingKeys();
  for (const key of Object.keys(sources.flags ?? {})) {
    if (!known.includes(key)) problems.push(`${noSuch(key)} (from a flag)`);
  }
  const config = {};
  const origins = new Map<string, Origin>();
  for (const [key, setting] of leaves(settings, '')) {
    const found = find(key, written, sources);
    const result = read(setting, found);
    origins.set(key, { from: found.from, given: found.value ?? setting.fallback });
    if ('value' in result) place(config, key, result.value);
    else {
      for (const { below, complaint } of result.wrong) {
        problems.push(`${[key, ...below].join('.')}: ${complaint} (from ${found.where(below)})`);
      }
    }
  }
  if (problems.length > 0) throw new ConfigError(problems.join('\n'));
  const whole = config as Config;
  checkTogether(whole);
  return { config: whole, made, origins };
}

const nothing: Written = { values: {}, lineOf: () => undefined };

/** The file as it is made on first start: every key with its comment and default, commented out. */
export function configTemplate(): string {
  const lines = [
    '# coap-eim: every setting, with its default. Take the # away from a line to change it.',
    '# Each may also be given in the environment (coaps.port: EIM_COAPS_PORT) or as a flag',
    '# (eim serve --set coaps.port=5684); a flag goes over the environment, and that over this file.',
    '# Lengths of time carry their unit: 500ms, 10s, 5m, 12h, 30d. Paths are relative to this file.',
  ];
  writeSection(settings, '', lines);
  return `${lines.join('\n')}\n`;
}

function writeSection(tree: object, indent: string, lines: string[]): void {
  for (const [name, node] of Object.entries(tree)) {
    if (indent === '') lines.push('');
    if (isSetting(node)) {
      for (const line of node.about) lines.push(`${indent}# ${line}`);
      const value = node.fallback === undefined ? '' : ` ${JSON.stringify(node.fallback)}`;
      lines.push(`${indent}#${name}:${value}`);
    } else {
      lines.push(`${indent}${name}:`);
      writeSection(node, `${indent}  `, lines);
    }
  }
}

function readOrMake(file: string, make: boolean): { written: Written; made: boolean } {
  try {
    const written = readConfigFile(file);
    if (written !== undefined) return { written, made: false };
  } catch (cause) {
    if (!(cause instanceof ConfigFileError)) throw cause;
    throw new ConfigError(cause.message, { cause });
  }
  if (!make) return { written: nothing, made: false };
  makeConfigFile(file);
  return { written: nothing, made: true };
}

/** Writes the file, readable by its owner alone. Throws ConfigError, also where there is one: it stays as it is. */
export function makeConfigFile(file: string): void {
  try {
    mkdirSync(dirname(resolve(file)), { recursive: true });
    writeFileSync(file, configTemplate(), { flag: 'wx', mode: 0o600 });
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    const there = cause instanceof Error && 'code' in cause && cause.code === 'EEXIST';
    const complaint = there
      ? 'is there already: it stays as it is; take it away first, or name another with --config'
      : `is missing and cannot be made: ${why}`;
    throw new ConfigError(`the configuration file ${file} ${complaint}`, { cause });
  }
}

function* leaves(tree: object, above: string): Generator<[key: string, setting: Setting<unknown>]> {
  for (const [name, node] of Object.entries(tree)) {
    const key = above === '' ? name : `${above}.${name}`;
    if (isSetting(node)) yield [key, node];
    else yield* leaves(node, key);
  }
}

/** What the file holds that no setting is named after. */
function* unknownKeys(
  written: Written,
  file: string,
  values: unknown,
  tree: object,
  above: readonly string[],
): Generator<string> {
  if (values === null || values === undefined) return;
  const where = (path: readonly string[]) => `(from ${placeOf(file, written.lineOf(path))})`;
  if (!isRecord(values)) {
    const name = above.length === 0 ? 'the whole file' : above.join('.');
    yield `${name}: must be a section of settings ${where(above)}`;
    return;
  }
  for (const [name, value] of Object.entries(values)) {
    const path = [...above, name];
    const node: unknown = Object.hasOwn(tree, name) ? Reflect.get(tree, name) : undefined;
    if (node === undefined || typeof node !== 'object' || node === null) {
      yield `${noSuch(path.join('.'))} ${where(path)}`;
    } else if (!isSetting(node)) {
      yield* unknownKeys(written, file, value, node, path);
    }
  }
}

/** `eim.yaml line 12` */
function placeOf(file: string, line: number | undefined): string {
  return line === undefined ? file : `${file} line ${line}`;
}

/** With the setting that was probably meant, where one is near. */
function noSuch(key: string): string {
  const [near] = settingKeys()
    .map((known) => ({ known, far: distance(key.toLowerCase(), known.toLowerCase()) }))
    .sort((a, b) => a.far - b.far);
  const meant = near !== undefined && near.far <= 3 ? `: ${near.known} is meant?` : '';
  return `${key}: there is no such setting${meant}`;
}

/** How many letters one has to change, add or leave out to make one of the other. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (const [i, letter] of [...a].entries()) {
    let diagonal = row[0] ?? 0;
    const next = [i + 1];
    for (const [j, other] of [...b].entries()) {
      const above = row[j + 1] ?? 0;
      next.push(Math.min(above + 1, (next[j] ?? 0) + 1, diagonal + (letter === other ? 0 : 1)));
      diagonal = above;
    }
    row = next;
  }
  return row[b.length] ?? 0;
}

interface Found {
  readonly value: unknown;
  /** For the message. */
  readonly from: string;
  /** The same for a part of the value. */
  where(below: readonly string[]): string;
  /** What relative paths are relative to. */
  readonly folder: string;
  /** Typed by a person on one line: may be YAML for something other than text. */
  readonly typed: boolean;
}

function find(key: string, written: Written, { file, env, flags }: ConfigSources): Found {
  const here = process.cwd();
  const found = (value: unknown, from: string): Found => ({
    value,
    from,
    where: () => from,
    folder: here,
    typed: true,
  });
  const flag = flags?.[key];
  if (flag !== undefined) return { ...found(flag, 'a flag'), typed: typeof flag === 'string' };
  const name = environmentName(key);
  const variable = env[name];
  if (variable !== undefined && variable !== '') return found(variable, name);
  const path = key.split('.');
  let at: unknown = written.values;
  for (const part of path) at = isRecord(at) ? at[part] : undefined;
  const folder = file === undefined ? here : dirname(resolve(file));
  if (at !== undefined && at !== null && file !== undefined) {
    const where = (below: readonly string[]) => placeOf(file, written.lineOf([...path, ...below]));
    return { value: at, from: where([]), where, folder, typed: false };
  }
  return { ...found(undefined, 'the default'), folder, typed: false };
}

interface Wrong {
  /** The path below the key. */
  readonly below: readonly string[];
  readonly complaint: string;
}

/** The checked value, or what is wrong with it. */
function read(setting: Setting<unknown>, found: Found): { value: unknown } | { wrong: Wrong[] } {
  const given = found.value ?? setting.fallback;
  let result = setting.schema.safeParse(given, { error: inWords });
  if (!result.success && found.typed) {
    const second = setting.schema.safeParse(yamlOf(String(given)), { error: inWords });
    if (second.success || result.error.issues[0]?.code === 'invalid_type') result = second;
  }
  if (result.success) {
    const absolute = (path: string) => resolve(found.folder, path);
    return { value: setting.paths?.(result.data, absolute) ?? result.data };
  }
  return {
    wrong: result.error.issues.map(({ path, message }) => ({
      below: path.map(String),
      complaint: message,
    })),
  };
}

function yamlOf(text: string): unknown {
  try {
    return parse(text);
  } catch (error) {
    if (error instanceof YAMLError) return text;
    throw error;
  }
}

function place(into: object, key: string, value: unknown): void {
  const path = key.split('.');
  const name = path.pop() ?? '';
  let at = into;
  for (const part of path) {
    const below: unknown = Reflect.get(at, part);
    if (typeof below === 'object' && below !== null) at = below;
    else {
      const made = {};
      Reflect.set(at, part, made);
      at = made;
    }
  }
  Reflect.set(at, name, value);
}

/** What one key alone cannot show. */
function checkTogether(config: Config): void {
  const problems: string[] = [];
  const { rest } = config;
  if (!isLoopback(rest.host) && rest.certificate === undefined && !rest.behindProxy) {
    problems.push(
      `rest.certificate: must be set, and rest.key, since rest.host (${rest.host}) is not a loopback address ` +
        '(or rest.behindProxy, where a proxy with TLS stands before it)',
    );
  }
  if ((rest.certificate === undefined) !== (rest.key === undefined)) {
    const [due, given] = rest.key === undefined ? ['key', 'certificate'] : ['certificate', 'key'];
    problems.push(`rest.${due}: must be set, since rest.${given} is`);
  }
  if (rest.behindProxy && rest.certificate !== undefined) {
    problems.push('rest.behindProxy: must be false, since rest.certificate is set');
  }
  for (const section of ['signing', 'tls'] as const) {
    const { key, certificate } = config.eim[section];
    if (key === undefined && certificate !== undefined) {
      problems.push(`eim.${section}.key: must be set, since eim.${section}.certificate is`);
    }
  }
  const { key, certificate } = config.eim.tls;
  if (key !== undefined && certificate === undefined) {
    problems.push('eim.tls.certificate: must be set, since eim.tls.key is');
  }
  const { secret, coap, dtls, https } = config;
  if (secret.key !== undefined && secret.keyFile !== undefined) {
    problems.push('secret.keyFile: must not be set, since secret.key is');
  }
  if (coap.ackTimeoutLeast > coap.ackTimeoutMost) {
    problems.push('coap.ackTimeoutMost: must not be less than coap.ackTimeoutLeast');
  }
  const leastSilence = 1.5 * coap.nonTimeout + 1000;
  if (coap.nonReceiveTimeout < leastSilence) {
    problems.push(
      `coap.nonReceiveTimeout: must be ${Math.ceil(leastSilence)}ms or more with this coap.nonTimeout`,
    );
  }
  const leastCid = dtls.cidPrefix.length / 2 + 5;
  if (dtls.cidLength > 0 && dtls.cidLength < leastCid) {
    problems.push(`dtls.cidLength: must be 0, or ${leastCid} or more with this dtls.cidPrefix`);
  }
  const asks = [dtls, ...(https.enabled ? [https] : [])].some(
    ({ clientAuthentication }) => clientAuthentication !== 'none',
  );
  if (dtls.clientAnchors.length > 0 && !asks) {
    problems.push(
      'dtls.clientAuthentication: must be optional or required, since dtls.clientAnchors is set',
    );
  }
  if (!https.tls && https.clientAuthentication !== 'none') {
    problems.push('https.clientAuthentication: must be none, since https.tls is off');
  }
  if (problems.length > 0) throw new ConfigError(problems.join('\n'));
}

/**
 * The configuration, read once and checked once: defaults (settings.ts), under one YAML file, under the environment
 * (EIM_…), under flags. The file is made with comments where it is missing.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { parse, YAMLError } from 'yaml';
import { isLoopback } from './base/address.ts';
import { inWords } from './base/complaints.ts';
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
  /** Looked at for EIM_… names only; empty values count as not set. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** By dotted key: `{ 'coaps.port': 0 }`. Text is read as in the environment. */
  readonly flags?: Readonly<Record<string, unknown>>;
}

export interface LoadedConfig {
  readonly config: Config;
  /** The file was missing and has been made. */
  readonly made: boolean;
}

/** The name of a setting in the environment: `coaps.port` → `EIM_COAPS_PORT`. */
export function environmentName(key: string): string {
  return `EIM_${key.replace(/[A-Z]/g, '_$&').replaceAll('.', '_').toUpperCase()}`;
}

/** The keys of all settings, dotted, in the order of the file. */
export function settingKeys(): readonly string[] {
  return [...leaves(settings, '')].map(([key]) => key);
}

/** Reads and checks the configuration. Throws ConfigError. */
export function loadConfig(sources: ConfigSources): LoadedConfig {
  const { values, made } =
    sources.file === undefined ? { values: {}, made: false } : readOrMake(sources.file);
  const problems = [...unknownKeys(values, sources.file ?? '', settings, '')];
  const known = new Set(settingKeys());
  for (const key of Object.keys(sources.flags ?? {})) {
    if (!known.has(key)) problems.push(`${key}: there is no such setting (from a flag)`);
  }
  const config = {};
  for (const [key, setting] of leaves(settings, '')) {
    const found = find(key, values, sources);
    const result = read(setting, found);
    if ('value' in result) place(config, key, result.value);
    else for (const wrong of result.wrong) problems.push(`${key}${wrong} (from ${found.from})`);
  }
  if (problems.length > 0) throw new ConfigError(problems.join('\n'));
  const whole = config as Config;
  checkTogether(whole);
  return { config: whole, made };
}

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

function readOrMake(file: string): { values: unknown; made: boolean } {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (cause) {
    if (codeOf(cause) !== 'ENOENT') throw unusable(file, 'cannot be read', cause);
    try {
      mkdirSync(dirname(resolve(file)), { recursive: true });
      writeFileSync(file, configTemplate(), { flag: 'wx', mode: 0o600 });
    } catch (error) {
      throw unusable(file, 'is missing and cannot be made', error);
    }
    return { values: {}, made: true };
  }
  try {
    return { values: parse(text) ?? {}, made: false };
  } catch (cause) {
    if (!(cause instanceof YAMLError)) throw cause;
    throw unusable(file, 'is not YAML', cause);
  }
}

function unusable(file: string, complaint: string, cause: unknown): ConfigError {
  const why = cause instanceof Error ? cause.message : String(cause);
  return new ConfigError(`the configuration file ${file} ${complaint}: ${why}`, { cause });
}

function codeOf(error: unknown): unknown {
  return isRecord(error) || error instanceof Error ? Reflect.get(error, 'code') : undefined;
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
  values: unknown,
  file: string,
  tree: object,
  above: string,
): Generator<string> {
  if (values === null || values === undefined) return;
  if (!isRecord(values)) {
    yield `${above === '' ? 'the whole file' : above}: must be a section of settings (from ${file})`;
    return;
  }
  for (const [name, value] of Object.entries(values)) {
    const key = above === '' ? name : `${above}.${name}`;
    const node: unknown = Object.hasOwn(tree, name) ? Reflect.get(tree, name) : undefined;
    if (node === undefined || typeof node !== 'object' || node === null) {
      yield `${key}: there is no such setting (from ${file})`;
    } else if (!isSetting(node)) {
      yield* unknownKeys(value, file, node, key);
    }
  }
}

interface Found {
  readonly value: unknown;
  /** For the message. */
  readonly from: string;
  /** What relative paths are relative to. */
  readonly folder: string;
  /** Typed by a person on one line: may be YAML for something other than text. */
  readonly typed: boolean;
}

function find(key: string, values: unknown, { file, env, flags }: ConfigSources): Found {
  const here = process.cwd();
  const flag = flags?.[key];
  if (flag !== undefined) {
    return { value: flag, from: 'a flag', folder: here, typed: typeof flag === 'string' };
  }
  const name = environmentName(key);
  const variable = env[name];
  if (variable !== undefined && variable !== '') {
    return { value: variable, from: name, folder: here, typed: true };
  }
  let at: unknown = values;
  for (const part of key.split('.')) at = isRecord(at) ? at[part] : undefined;
  if (at !== undefined && at !== null && file !== undefined) {
    return { value: at, from: file, folder: dirname(resolve(file)), typed: false };
  }
  return {
    value: undefined,
    from: 'the default',
    folder: file === undefined ? here : dirname(resolve(file)),
    typed: false,
  };
}

/** The checked value, or what is wrong with it, each beginning with the path below the key. */
function read(setting: Setting<unknown>, found: Found): { value: unknown } | { wrong: string[] } {
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
    wrong: result.error.issues.map(
      ({ path, message }) => `${path.map((part) => `.${String(part)}`).join('')}: ${message}`,
    ),
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
  if (!isLoopback(config.rest.host) && config.rest.token === undefined) {
    problems.push(
      `rest.token: must be set, since rest.host (${config.rest.host}) is not a loopback address`,
    );
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
  const { secret, coap, dtls } = config;
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
  if (dtls.clientAnchors.length > 0 && dtls.clientAuthentication === 'none') {
    problems.push(
      'dtls.clientAuthentication: must be optional or required, since dtls.clientAnchors is set',
    );
  }
  if (problems.length > 0) throw new ConfigError(problems.join('\n'));
}
